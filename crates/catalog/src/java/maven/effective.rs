//! A project with what it inherits, what is managed for it, and its variables put in.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::tree::{Chain, Coordinates, Tree};
use super::{Dependency, Model};

/// Variables in values of variables.
const NESTING: u32 = 16;

/// Longest text that putting variables in may give, in bytes.
const TEXT: usize = 4096;

/// Lists of versions that import lists.
const IMPORTS: u32 = 16;

/// Variables of a project: its own and those of its parents, and the coordinates under their names.
pub(crate) struct Properties<'t> {
    values: HashMap<&'t str, &'t str>,
    group: &'t str,
    artifact: &'t str,
    version: &'t str,
    parent: Option<&'t super::model::Parent>,
}

impl<'t> Properties<'t> {
    /// Those of the first of a chain. `None` for an empty one.
    pub(crate) fn new(tree: &'t Tree, chain: &Chain) -> Option<Properties<'t>> {
        let mut values = HashMap::new();
        for at in chain.members.iter().rev() {
            let model = tree.model(*at)?;
            if !tree.spend(model.properties.len()) {
                break;
            }
            values.extend(model.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        let model = tree.model(*chain.members.first()?)?;
        let parent = model.parent.as_ref();
        let or = |own: &'t str, inherited: Option<&'t String>| {
            if own.is_empty() { inherited.map_or("", |text| text) } else { own }
        };
        Some(Properties {
            values,
            group: or(&model.group, parent.map(|parent| &parent.group)),
            artifact: &model.artifact,
            version: or(&model.version, parent.map(|parent| &parent.version)),
            parent,
        })
    }

    /// Own coordinates, when all three are known.
    pub(crate) fn coordinates(&self) -> Option<Coordinates> {
        let whole = |text: &str| self.apply(text).ok().filter(|text| !text.is_empty());
        Some((whole(self.group)?, whole(self.artifact)?, whole(self.version)?))
    }

    /// Puts variables into a text. Errors: the name of one that is not known, or that leads to itself.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        self.nested(text, 0)
    }

    fn nested(&self, text: &str, depth: u32) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text.trim();
        while let Some((before, (name, after))) =
            rest.split_once("${").and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
        {
            out.push_str(before);
            let value = self.value(name.trim()).filter(|_| depth < NESTING).ok_or_else(|| name.trim().to_owned())?;
            out.push_str(&self.nested(value, depth + 1)?);
            if out.len() > TEXT {
                return Err(name.trim().to_owned());
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Source: maven.apache.org/ref/current/maven-model-builder, "Model Interpolation".
    fn value(&self, name: &str) -> Option<&'t str> {
        let own = |name: &str| match name {
            "groupId" => Some(self.group),
            "artifactId" => Some(self.artifact),
            "version" => Some(self.version),
            "parent.groupId" => self.parent.map(|parent| parent.group.as_str()),
            "parent.artifactId" => self.parent.map(|parent| parent.artifact.as_str()),
            "parent.version" => self.parent.map(|parent| parent.version.as_str()),
            _ => None,
        };
        let prefixed = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
        let found = match prefixed.and_then(own) {
            Some(value) => Some(value),
            None => self.values.get(name).copied().or_else(|| own(name)),
        };
        found.filter(|value| !value.is_empty())
    }
}

/// Group, artifact, type, classifier: what Maven tells needs apart by.
pub(crate) type Key = (String, String, String, String);

/// What a list of managed versions says of one artifact.
#[derive(Clone, Debug)]
pub(crate) struct Managed {
    pub(crate) version: Requirement,
    pub(crate) scope: String,
    pub(crate) optional: bool,
    pub(crate) exclusions: Vec<(String, String)>,
}

/// A version, as far as the tree tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// This one.
    Exact(String),
    /// One that a repository chooses: a range, `LATEST`, `RELEASE`.
    Range(String),
    /// A variable that is not set in the tree.
    Variable(String),
    /// Nothing states it.
    Nowhere,
}

impl Requirement {
    /// Source: maven.apache.org/pom.html, "Dependency Version Requirement Specification".
    fn of(text: Result<String, String>) -> Requirement {
        match text {
            Err(name) => Requirement::Variable(name),
            Ok(text) if text.is_empty() => Requirement::Nowhere,
            Ok(text) => match text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
                Some(exact) if !exact.contains([',', '[', '(']) && !exact.trim().is_empty() => {
                    Requirement::Exact(exact.trim().to_owned())
                }
                _ if text.starts_with(['[', '(']) || text == "LATEST" || text == "RELEASE" => Requirement::Range(text),
                _ => Requirement::Exact(text),
            },
        }
    }
}

/// One need of a project.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) key: Key,
    pub(crate) version: Requirement,
    /// `compile`, `runtime`, `provided`, `test`, `system`.
    pub(crate) scope: String,
    pub(crate) optional: bool,
    pub(crate) exclusions: Vec<(String, String)>,
    /// The file that states it.
    pub(crate) by: usize,
    pub(crate) lines: (u32, u32),
}

/// A project with everything put in.
pub(crate) struct Effective {
    pub(crate) group: String,
    pub(crate) artifact: String,
    /// Empty when it is not known.
    pub(crate) version: String,
    pub(crate) licenses: Vec<String>,
    pub(crate) needs: Vec<Stated>,
    pub(crate) managed: Rc<HashMap<Key, Managed>>,
    /// What is not in the tree: who asks for it, at which lines, and a sentence.
    pub(crate) missing: Vec<(usize, (u32, u32), String)>,
    /// The parent that is not in the tree.
    pub(crate) orphan: Option<String>,
}

/// Lists that were put together already.
#[derive(Default)]
pub(crate) struct Memory {
    managed: RefCell<HashMap<usize, Rc<HashMap<Key, Managed>>>>,
    projects: RefCell<HashMap<usize, Rc<Effective>>>,
}

impl Effective {
    /// Puts one project of the tree together.
    pub(crate) fn of(tree: &Tree, memory: &Memory, at: usize) -> Option<Rc<Effective>> {
        if let Some(known) = memory.projects.borrow().get(&at) {
            return Some(known.clone());
        }
        let chain = tree.chain(at);
        let properties = Properties::new(tree, &chain)?;
        let mut missing = Vec::new();
        if let Some((child, parent)) = &chain.missing {
            let lines =
                tree.model(*child).and_then(|model| model.parent.as_ref()).map_or((0, 0), |parent| parent.lines);
            missing.push((
                *child,
                lines,
                format!("the parent {parent} is not in this tree; what it adds is not known"),
            ));
        }
        let managed = managed(tree, memory, at, &chain, &properties, &mut missing, 0);
        let licenses = chain.members.iter().filter_map(|at| tree.model(*at)).map(|model| &model.licenses);
        let plain = |text: &str| properties.apply(text).unwrap_or_default();
        let effective = Rc::new(Effective {
            group: plain(properties.group),
            artifact: plain(properties.artifact),
            version: plain(properties.version),
            licenses: licenses.into_iter().find(|list| !list.is_empty()).cloned().unwrap_or_default(),
            needs: needs(tree, &chain, &properties, &managed),
            managed,
            missing,
            orphan: chain.missing.map(|(_, parent)| parent),
        });
        memory.projects.borrow_mut().insert(at, effective.clone());
        Some(effective)
    }
}

fn key(properties: &Properties<'_>, need: &Dependency) -> Key {
    let plain = |text: &str| properties.apply(text).unwrap_or_else(|_| text.to_owned());
    let kind = match need.kind.as_str() {
        "" => "jar".to_owned(),
        kind => plain(kind),
    };
    (plain(&need.group), plain(&need.artifact), kind, plain(&need.classifier))
}

/// Managed versions of a project: its own, then its parents', then those of the lists that these import, the first one first.
fn managed(
    tree: &Tree,
    memory: &Memory,
    at: usize,
    chain: &Chain,
    properties: &Properties<'_>,
    missing: &mut Vec<(usize, (u32, u32), String)>,
    depth: u32,
) -> Rc<HashMap<Key, Managed>> {
    let mut list: HashMap<Key, Managed> = HashMap::new();
    let mut imports: Vec<(usize, &Dependency)> = Vec::new();
    for (by, model) in members(tree, chain) {
        if !tree.spend(model.managed.len()) {
            break;
        }
        imports.extend(model.managed.iter().filter(|entry| entry.scope == "import").map(|entry| (by, entry)));
        // of several for one artifact in one file the last one counts
        for entry in model.managed.iter().rev().filter(|entry| entry.scope != "import") {
            list.entry(key(properties, entry)).or_insert_with(|| Managed {
                version: Requirement::of(properties.apply(&entry.version)),
                scope: properties.apply(&entry.scope).unwrap_or_default(),
                optional: entry.optional == "true",
                exclusions: entry.exclusions.clone(),
            });
        }
    }
    for (by, entry) in imports {
        let plain = |text: &str| properties.apply(text).unwrap_or_else(|_| text.to_owned());
        let wanted = (plain(&entry.group), plain(&entry.artifact), plain(&entry.version));
        let imported = tree.by_coordinates(&wanted).filter(|bom| *bom != at && depth < IMPORTS && tree.spend(1));
        let Some(bom) = imported else {
            let why = format!("the list of versions {}:{}:{} is not in this tree", wanted.0, wanted.1, wanted.2);
            missing.push((by, entry.lines, why));
            continue;
        };
        let known = memory.managed.borrow().get(&bom).cloned();
        let versions = match known {
            Some(known) => known,
            None => {
                let chain = tree.chain(bom);
                let Some(own) = Properties::new(tree, &chain) else { continue };
                // what is missing there is told where that file is looked at itself
                let versions = managed(tree, memory, bom, &chain, &own, &mut Vec::new(), depth + 1);
                memory.managed.borrow_mut().insert(bom, versions.clone());
                versions
            }
        };
        if !tree.spend(versions.len()) {
            break;
        }
        for (key, entry) in versions.iter() {
            list.entry(key.clone()).or_insert_with(|| entry.clone());
        }
    }
    Rc::new(list)
}

fn members<'t>(tree: &'t Tree, chain: &'t Chain) -> impl Iterator<Item = (usize, &'t Model)> {
    chain.members.iter().filter_map(|at| Some((*at, tree.model(*at)?)))
}

/// Needs of a project and its parents; the nearer file goes first, and in one file the last of several for one artifact.
fn needs(tree: &Tree, chain: &Chain, properties: &Properties<'_>, managed: &HashMap<Key, Managed>) -> Vec<Stated> {
    let mut needs: Vec<Stated> = Vec::new();
    let mut known: BTreeMap<Key, usize> = BTreeMap::new();
    for (by, model) in members(tree, chain) {
        if !tree.spend(model.dependencies.len()) {
            break;
        }
        for need in &model.dependencies {
            let key = key(properties, need);
            let place = known.get(&key).copied();
            if place.and_then(|place| needs.get(place)).is_some_and(|known| known.by != by) {
                continue;
            }
            let rule = managed.get(&key);
            let mut exclusions = need.exclusions.clone();
            exclusions.extend(rule.iter().flat_map(|rule| rule.exclusions.iter().cloned()));
            let plain = |text: &str| properties.apply(text).unwrap_or_default();
            let stated = Stated {
                version: match (need.version.is_empty(), rule) {
                    (true, Some(rule)) => rule.version.clone(),
                    _ => Requirement::of(properties.apply(&need.version)),
                },
                scope: [plain(&need.scope), rule.map(|rule| rule.scope.clone()).unwrap_or_default()]
                    .into_iter()
                    .find(|scope| !scope.is_empty())
                    .unwrap_or_else(|| "compile".to_owned()),
                optional: match need.optional.as_str() {
                    "" => rule.is_some_and(|rule| rule.optional),
                    stated => plain(stated) == "true",
                },
                exclusions,
                by,
                lines: need.lines,
                key: key.clone(),
            };
            match place.and_then(|place| needs.get_mut(place)) {
                Some(former) => *former = stated,
                None => {
                    known.insert(key, needs.len());
                    needs.push(stated);
                }
            }
        }
    }
    needs
}

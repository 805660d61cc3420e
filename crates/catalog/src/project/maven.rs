//! Maven projects of one tree: parents, lists of versions, modules and needs put together.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use signet_model::{
    Digest, Directness, License, Location, Package, PackageKind, Presence, RelationshipKind, Unexamined, UnexaminedKind,
};

use crate::java::maven::{Effective, LEAF, MODEL, Memory, Model, Requirement, Stated, Tree};
use crate::syntax;
use crate::{FileRecord, Found};

/// Entries of all project files that are looked at for one image. A repository of ten thousand projects takes some millions.
const BUDGET: u64 = 20_000_000;

/// Packages that one project leads to.
const REACHED: usize = 20_000;

/// Names the packages of Maven projects, and gives those of Gradle's lock files what a local repository says of them.
///
/// Packages of a project: itself, what it needs, and what that needs as far as `.pom` files of a local repository in the tree tell.
/// What cannot be resolved is told with the file and the lines: a parent, a list of versions, a module, a version.
pub(super) fn settle(files: &mut [(FileRecord, Option<Digest>)]) {
    let mut models = Vec::new();
    let mut places = Vec::new();
    for (place, (file, _)) in files.iter_mut().enumerate() {
        if let Some(lines) = file.found.facts.remove(MODEL) {
            models.push((file.link.clone().unwrap_or_else(|| file.path.clone()), Model::of_lines(&lines)));
            places.push(place);
        }
    }
    if models.is_empty() {
        return;
    }
    let tree = Tree::new(models, BUDGET);
    let memory = Memory::default();
    let modules: HashSet<usize> = (0..places.len())
        .flat_map(|at| {
            let named = tree.model(at).map(|model| model.modules.as_slice()).unwrap_or_default();
            named.iter().filter(|_| tree.spend(1)).filter_map(|module| tree.beside(at, module)).collect::<Vec<_>>()
        })
        .collect();
    let mut told = false;
    for (at, place) in places.iter().enumerate().filter(|(at, _)| tree.is_project(*at)) {
        let Some(effective) = Effective::of(&tree, &memory, at) else { continue };
        let project = Project { tree: &tree, memory: &memory, at, location: Location::of_path(tree.path(at)) };
        let mut found = project.found(&effective, modules.contains(&at));
        if tree.is_spent() && !told {
            told = true;
            let why =
                format!("the project files have more than {BUDGET} entries in all; what is told of them is not whole");
            found.unexamined.push(project.unexamined(UnexaminedKind::TooLarge, (0, 0), why));
        }
        if let Some((file, _)) = files.get_mut(*place) {
            file.found = found;
        }
    }
    for (file, _) in files.iter_mut().filter(|(file, _)| file.leaf == crate::java::gradle::lock::LEAF.id) {
        explain(&mut file.found, &tree, &memory);
    }
}

struct Project<'t> {
    tree: &'t Tree,
    memory: &'t Memory,
    at: usize,
    location: Location,
}

/// A need that is still to be followed.
struct Step {
    from: usize,
    need: Stated,
    exclusions: Rc<Vec<(String, String)>>,
    dev: bool,
}

impl Project<'_> {
    fn unexamined(&self, kind: UnexaminedKind, lines: (u32, u32), why: String) -> Unexamined {
        let location = Location { lines: (lines.0 > 0).then_some(lines), ..self.location.clone() };
        Unexamined { location, kind, by: LEAF.id, why }
    }

    fn package(&self, group: &str, artifact: &str, version: &str) -> Package {
        let name = if group.is_empty() { artifact.to_owned() } else { format!("{group}:{artifact}") };
        Package {
            presence: Presence::Declared,
            found_by: LEAF.id,
            locations: vec![self.location.clone()],
            ..Package::new(PackageKind::Java, name, version)
        }
    }

    fn found(&self, effective: &Effective, is_module: bool) -> Found {
        let mut found = Found::default();
        let mut root = self.package(&effective.group, &effective.artifact, &effective.version);
        root.directness = if is_module { Directness::Workspace } else { Directness::Root };
        root.licenses = licenses(effective);
        let description = self.tree.model(self.at).map(|model| model.description.clone());
        root.description = description.filter(|text| !text.is_empty());
        // tests of Maven plugins are projects whose needs nobody ships
        let trial = format!("/{}", self.location.path).contains("/src/it/");
        root.dev = trial;
        if !effective.artifact.is_empty() {
            found.packages.push(root);
        }
        for (by, lines, why) in &effective.missing {
            // what a parent in the tree misses is told at the parent
            if *by == self.at || !self.tree.is_project(*by) {
                let lines = if *by == self.at { *lines } else { (0, 0) };
                syntax::report(&mut found.unexamined, self.unexamined(UnexaminedKind::Unresolved, lines, why.clone()));
            }
        }
        let modules = self.tree.model(self.at).map(|model| model.modules.clone()).unwrap_or_default();
        for module in modules.iter().filter(|module| self.tree.beside(self.at, module).is_none()) {
            let why = format!("the module `{module}` is not in this tree");
            syntax::report(&mut found.unexamined, self.unexamined(UnexaminedKind::Missing, (0, 0), why));
        }
        self.follow(effective, trial, &mut found);
        found.edges.sort_unstable();
        found.edges.dedup();
        found
    }

    /// The needs of the project, then what they need. The nearest version of an artifact counts, and the project's own list goes before all.
    fn follow(&self, effective: &Effective, trial: bool, found: &mut Found) {
        let has_root = !found.packages.is_empty();
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut chosen: HashMap<(String, String, String), usize> = HashMap::new();
        let mut steps: [VecDeque<Step>; 2] = Default::default();
        for need in &effective.needs {
            let dev = trial || need.scope == "test";
            let Some(place) = self.declare(effective, need, dev, Directness::Direct, found, &mut places) else {
                continue;
            };
            if has_root {
                found.edges.push((0, place, RelationshipKind::DependsOn));
            }
            let (group, artifact, kind, classifier) = &need.key;
            chosen.insert((group.clone(), artifact.clone(), format!("{kind}:{classifier}")), place);
            if let Some(queue) = steps.get_mut(usize::from(dev)) {
                let exclusions = Rc::new(need.exclusions.clone());
                queue.push_back(Step { from: place, need: need.clone(), exclusions, dev });
            }
        }
        let [used, tests] = steps;
        for mut queue in [used, tests] {
            while let Some(step) = queue.pop_front() {
                let Some(model) = self.repository(&step.need) else { continue };
                for need in model.needs.iter().filter(|need| !need.optional && is_passed_on(&need.scope)) {
                    let (group, artifact, kind, classifier) = need.key.clone();
                    let cost = 1 + step.exclusions.len() + need.exclusions.len();
                    if excluded(&step.exclusions, &group, &artifact) || !self.tree.spend(cost) {
                        continue;
                    }
                    let same = (group, artifact, format!("{kind}:{classifier}"));
                    if let Some(place) = chosen.get(&same) {
                        found.edges.push((step.from, *place, RelationshipKind::DependsOn));
                        continue;
                    }
                    if found.packages.len() >= REACHED {
                        let why = format!("the project leads to more than {REACHED} packages");
                        found.unexamined.push(self.unexamined(UnexaminedKind::TooLarge, (0, 0), why));
                        return;
                    }
                    let mut need = need.clone();
                    if let Some(rule) = effective.managed.get(&need.key) {
                        if rule.version != Requirement::Nowhere {
                            need.version = rule.version.clone();
                        }
                        need.exclusions.extend(rule.exclusions.iter().cloned());
                    }
                    let declared = self.declare(effective, &need, step.dev, Directness::Indirect, found, &mut places);
                    let Some(place) = declared else { continue };
                    found.edges.push((step.from, place, RelationshipKind::DependsOn));
                    chosen.insert(same, place);
                    let mut exclusions = (*step.exclusions).clone();
                    exclusions.extend(need.exclusions.iter().cloned());
                    exclusions.sort_unstable();
                    exclusions.dedup();
                    queue.push_back(Step { from: place, need, exclusions: Rc::new(exclusions), dev: step.dev });
                }
            }
        }
    }

    /// What a local repository in the tree says of the artifact. Other projects of the tree are listed by their own files.
    fn repository(&self, need: &Stated) -> Option<Rc<Effective>> {
        let Requirement::Exact(version) = &need.version else { return None };
        let at = self.tree.by_coordinates(&(need.key.0.clone(), need.key.1.clone(), version.clone()))?;
        (!self.tree.is_project(at)).then(|| Effective::of(self.tree, self.memory, at)).flatten()
    }

    /// Adds the package of a need, or finds it. `None`: it cannot even be named, which is told.
    fn declare(
        &self,
        effective: &Effective,
        need: &Stated,
        dev: bool,
        directness: Directness,
        found: &mut Found,
        places: &mut BTreeMap<(String, String), usize>,
    ) -> Option<usize> {
        let (group, artifact, kind, classifier) = &need.key;
        let own = need.by == self.at;
        let lines = if own { need.lines } else { (0, 0) };
        if artifact.is_empty() || artifact.contains("${") || group.contains("${") {
            if own {
                let why = "a dependency whose group or artifact is not known in this tree".to_owned();
                syntax::report(&mut found.unexamined, self.unexamined(UnexaminedKind::Unresolved, lines, why));
            }
            return None;
        }
        let why = |what: String| match &effective.orphan {
            Some(parent) => format!("{group}:{artifact}: {what}; the parent {parent} may state it"),
            None => format!("{group}:{artifact}: {what}"),
        };
        let (version, trouble) = match &need.version {
            Requirement::Exact(version) => (version.clone(), None),
            Requirement::Range(range) => {
                (String::new(), Some(format!("{group}:{artifact}: a repository chooses the version, within `{range}`")))
            }
            Requirement::Variable(name) => (String::new(), Some(why(format!("`{name}` is not set in this tree")))),
            Requirement::Nowhere => (String::new(), Some(why("no version is stated in this tree".to_owned()))),
        };
        // what an inherited need lacks is told at the parent, when that is in the tree as a project
        if let Some(why) = trouble.filter(|_| own || !self.tree.is_project(need.by)) {
            syntax::report(&mut found.unexamined, self.unexamined(UnexaminedKind::Unresolved, lines, why));
        }
        let mut package = self.package(group, artifact, &version);
        package.dev = dev;
        package.directness = directness;
        package.locations = vec![Location { lines: (lines.0 > 0).then_some(lines), ..self.location.clone() }];
        if let Requirement::Range(range) = &need.version {
            package.extra.insert("maven.range".to_owned(), range.clone());
            let lowest = range.trim_start_matches(['[', '(']).split([',', ']', ')']).next().unwrap_or_default().trim();
            if range.starts_with(['[', '(']) && !lowest.is_empty() {
                package.extra.insert("maven.minimum".to_owned(), lowest.to_owned());
            }
        }
        for (fact, value, usual) in [
            ("maven.scope", need.scope.as_str(), "compile"),
            ("maven.type", kind.as_str(), "jar"),
            ("maven.classifier", classifier.as_str(), ""),
            ("maven.optional", if need.optional { "true" } else { "" }, ""),
        ] {
            if value != usual {
                package.extra.insert(fact.to_owned(), value.to_owned());
            }
        }
        package.licenses = self.repository(need).map(|model| licenses(&model)).unwrap_or_default();
        let id = (package.name.clone(), version);
        match places.get(&id).copied() {
            Some(place) => {
                if let Some(known) = found.packages.get_mut(place) {
                    known.dev &= dev;
                    known.locations.extend(package.locations);
                }
                Some(place)
            }
            None => {
                places.insert(id, found.packages.len());
                found.packages.push(package);
                Some(found.packages.len() - 1)
            }
        }
    }
}

fn licenses(effective: &Effective) -> Vec<License> {
    effective.licenses.iter().map(|value| License { value: value.clone() }).collect()
}

/// Whether what an artifact needs in this scope comes along with it.
/// Source: maven.apache.org/guides/introduction/introduction-to-dependency-mechanism.html, "Dependency Scope".
fn is_passed_on(scope: &str) -> bool {
    matches!(scope, "compile" | "runtime")
}

fn excluded(exclusions: &[(String, String)], group: &str, artifact: &str) -> bool {
    let fits = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    exclusions.iter().any(|(g, a)| fits(g, group) && fits(a, artifact))
}

/// Licences and needs of what Gradle locked, from the files that its cache keeps.
fn explain(found: &mut Found, tree: &Tree, memory: &Memory) {
    let places: HashMap<String, usize> =
        found.packages.iter().enumerate().map(|(place, package)| (package.name.clone(), place)).collect();
    for place in 0..found.packages.len() {
        let Some(package) = found.packages.get_mut(place) else { continue };
        let Some((group, artifact)) = package.name.split_once(':') else { continue };
        let coordinates = (group.to_owned(), artifact.to_owned(), package.version.clone());
        let Some(model) = tree.by_coordinates(&coordinates).and_then(|at| Effective::of(tree, memory, at)) else {
            continue;
        };
        package.licenses = licenses(&model);
        for need in model.needs.iter().filter(|need| !need.optional && is_passed_on(&need.scope)) {
            if let Some(to) = places.get(&format!("{}:{}", need.key.0, need.key.1)).filter(|to| **to != place) {
                found.edges.push((place, *to, RelationshipKind::DependsOn));
            }
        }
    }
    found.edges.sort_unstable();
    found.edges.dedup();
}

//! OVAL definitions of Linux packages: XML documents, and the JSON slices of them that `vuln-list` keeps.
//!
//! ```text
//!   definition ─ criteria (AND / OR tree) ─ criterion ─ test ─┬─ object: the package's name
//!                                                             └─ state: `less than` 0:1.2-3
//! ```
//!
//! The tree says which package of which platform must be older than what. [`Definition::hits`] walks it once: platforms, modules, architectures and
//! flavours that stand beside a package in an AND hold for it. Source: OVAL language specification 5.11; the definitions of each vendor.

use std::collections::HashMap;

use super::xml::{self, Element};
use crate::record::{Op, Range};

/// Criteria in one another.
const DEPTH: usize = 24;

/// What definitions refer to.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Test -> object and state; the state is empty where the test asks for presence only.
    pub(crate) tests: HashMap<String, (String, String)>,
    /// Object -> package.
    pub(crate) objects: HashMap<String, String>,
    /// State -> comparison.
    pub(crate) states: HashMap<String, State>,
}

/// What is asked of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// `less than`, `less than or equal`, `greater than`, `equals`, ...
    pub(crate) operation: String,
    /// Epoch, version and release; empty where the state asks for something else (a signature, an architecture).
    pub(crate) evr: String,
    /// `aarch64|x86_64`, as a pattern; empty: any.
    pub(crate) arch: String,
}

/// AND or OR over tests and further criteria.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criteria {
    pub(crate) or: bool,
    pub(crate) criteria: Vec<Criteria>,
    pub(crate) criterions: Vec<Criterion>,
}

/// A test in its place, with the words of the author.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criterion {
    pub(crate) test: String,
    pub(crate) comment: String,
}

/// One definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) class: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) severity: String,
    pub(crate) platforms: Vec<String>,
    /// Source, id and link.
    pub(crate) references: Vec<(String, String, String)>,
    pub(crate) cves: Vec<String>,
    /// CVSS 3 vector of the first CVE that has one.
    pub(crate) cvss3: Option<String>,
    pub(crate) issued: String,
    pub(crate) updated: String,
    /// Azure Linux: `true`, `false`, `Not Applicable`.
    pub(crate) patchable: String,
    pub(crate) criteria: Criteria,
}

/// A package that a definition calls vulnerable, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) package: String,
    /// Empty: every version.
    pub(crate) comparisons: Vec<(Op, String)>,
    /// The words say that it is not affected at all.
    pub(crate) not_affected: bool,
    /// Platforms of which one must be there; empty: those of the definition.
    pub(crate) platforms: Vec<String>,
    pub(crate) arches: Vec<String>,
    /// `nodejs:12`.
    pub(crate) module: Option<String>,
}

impl Hit {
    /// The vulnerable versions.
    pub(crate) fn range(&self) -> Range {
        Range::All(self.comparisons.clone())
    }

    /// The version that repairs it, where the definition knows one.
    pub(crate) fn fixed(&self) -> Option<&str> {
        self.comparisons.iter().find(|(op, _)| *op == Op::Less).map(|(_, version)| version.as_str())
    }
}

/// What of a definition could not be followed.
#[derive(Debug, Default)]
pub(crate) struct Loose {
    /// Tests that are named and nowhere defined.
    pub(crate) dangling: u64,
    /// References that are missing where a vendor always has them.
    pub(crate) missing: u64,
}

#[derive(Clone, Default)]
struct Context {
    platforms: Vec<String>,
    arch: Option<String>,
    module: Option<String>,
}

/// Package, comparison, architectures, and whether it is said to be not affected.
type Asked = (String, Option<(Op, String)>, String, bool);

enum Meaning {
    Platform(String),
    Module(String),
    Arch(String),
    Package(String, Option<(Op, String)>, String),
    NotAffected(String),
    Noise,
}

impl Definition {
    /// All packages that it speaks of.
    pub(crate) fn hits(&self, index: &Index, loose: &mut Loose) -> Vec<Hit> {
        let mut hits = Vec::new();
        walk(&self.criteria, index, &Context::default(), 0, loose, &mut hits);
        hits
    }
}

fn walk(criteria: &Criteria, index: &Index, outer: &Context, depth: usize, loose: &mut Loose, hits: &mut Vec<Hit>) {
    if depth > DEPTH {
        loose.missing += 1;
        return;
    }
    let mut context = outer.clone();
    let mut packages: Vec<Asked> = Vec::new();
    for criterion in &criteria.criterions {
        match meaning(criterion, index, loose) {
            Some(Meaning::Platform(name)) if !criteria.or => context.platforms = vec![name],
            Some(Meaning::Module(name)) => context.module = Some(name),
            Some(Meaning::Arch(name)) => context.arch = Some(name),
            Some(Meaning::Package(name, comparison, arch)) => packages.push((name, comparison, arch, false)),
            Some(Meaning::NotAffected(name)) => packages.push((name, None, String::new(), true)),
            Some(Meaning::Platform(_) | Meaning::Noise) | None => {}
        }
    }
    let mut inner = Vec::new();
    for child in &criteria.criteria {
        // An OR of nothing but platforms is the "where" of its neighbours.
        let names = (!criteria.or).then(|| platforms_of(child, index)).flatten();
        match names {
            Some(names) => context.platforms = names,
            None => inner.push(child),
        }
    }
    for (name, comparison, arch, not_affected) in packages {
        let arches: Vec<String> = if arch.is_empty() {
            context.arch.iter().cloned().collect()
        } else {
            arch.trim_matches(['^', '$', '(', ')']).split('|').map(str::to_owned).collect()
        };
        let same =
            hits.last_mut().filter(|hit| !criteria.or && hit.package == name && hit.platforms == context.platforms);
        if let (Some(hit), Some(comparison)) = (same, &comparison) {
            // Both bounds of one range stand side by side.
            if hit.comparisons.iter().all(|(op, _)| op != &comparison.0) {
                hit.comparisons.push(comparison.clone());
                continue;
            }
        }
        hits.push(Hit {
            package: name,
            comparisons: comparison.into_iter().collect(),
            not_affected,
            platforms: context.platforms.clone(),
            arches,
            module: context.module.clone(),
        });
    }
    for child in inner {
        walk(child, index, &context, depth + 1, loose, hits);
    }
}

fn platforms_of(criteria: &Criteria, index: &Index) -> Option<Vec<String>> {
    if !criteria.or || !criteria.criteria.is_empty() || criteria.criterions.is_empty() {
        return None;
    }
    let mut unused = Loose::default();
    criteria
        .criterions
        .iter()
        .map(|criterion| match meaning(criterion, index, &mut unused) {
            Some(Meaning::Platform(name)) => Some(name),
            _ => None,
        })
        .collect()
}

fn meaning(criterion: &Criterion, index: &Index, loose: &mut Loose) -> Option<Meaning> {
    let comment = criterion.comment.trim();
    if comment.contains(" is signed with ") || comment.ends_with("-based") {
        return Some(Meaning::Noise);
    }
    if let Some(name) = comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled")) {
        return Some(Meaning::Module(name.trim().to_owned()));
    }
    if let Some((_, arch)) = comment.split_once(" arch is ") {
        return Some(Meaning::Arch(arch.trim().to_owned()));
    }
    let test = index.tests.get(&criterion.test);
    let object = test.and_then(|(object, _)| index.objects.get(object));
    let installed = comment.strip_suffix(" is installed").or_else(|| comment.strip_suffix(" must be installed"));
    if let Some(name) = installed
        && (name.contains(' ') || object.is_some_and(|object| object.ends_with("-release")))
    {
        return Some(Meaning::Platform(name.trim().to_owned()));
    }
    if let Some(name) = comment.strip_suffix(" is not affected") {
        let name = object.map_or(name.trim(), |object| object.as_str());
        return Some(Meaning::NotAffected(name.to_owned()));
    }
    match (test, object) {
        (Some((_, state)), Some(object)) => {
            if state.is_empty() {
                return Some(Meaning::Package(object.clone(), None, String::new()));
            }
            let Some(state) = index.states.get(state) else {
                loose.dangling += 1;
                return None;
            };
            if state.evr.is_empty() {
                return Some(Meaning::Noise);
            }
            let op = match state.operation.as_str() {
                // Numbers are those of OpenSCAP's enumeration, which some documents carry over.
                "less than" | "6" => Op::Less,
                "less than or equal" | "8" => Op::LessOrEqual,
                "greater than" | "5" => Op::Greater,
                "greater than or equal" | "7" => Op::GreaterOrEqual,
                "equals" | "" | "1" => Op::Equal,
                "not equal" | "2" => Op::NotEqual,
                _ => {
                    loose.missing += 1;
                    return None;
                }
            };
            Some(Meaning::Package(object.clone(), Some((op, state.evr.clone())), state.arch.clone()))
        }
        _ if criterion.test.is_empty() || index.tests.is_empty() => {
            // Slices without tests: the comment says the same.
            let (name, version) = comment.split_once(" is earlier than ")?;
            let (name, version) = (name.trim(), version.trim());
            if name.is_empty() {
                return Some(Meaning::Noise);
            }
            Some(Meaning::Package(name.to_owned(), Some((Op::Less, version.to_owned())), String::new()))
        }
        _ => {
            loose.dangling += 1;
            None
        }
    }
}

// === XML ===

impl Index {
    /// Tests, objects and states of a document.
    pub(crate) fn read(bytes: &[u8]) -> Result<Index, String> {
        let mut index = Index::default();
        xml::each::<String>(bytes, 2, &mut |parent, element| {
            let id = element.attribute("id").to_owned();
            match parent {
                "tests" => {
                    let object = element.child("object").map_or("", |e| e.attribute("object_ref")).to_owned();
                    let state = element.child("state").map_or("", |e| e.attribute("state_ref")).to_owned();
                    index.tests.insert(id, (object, state));
                }
                "objects" => {
                    index.objects.insert(id, element.text_at(&["name"]).to_owned());
                }
                "states" | "state" => {
                    // Releases are compared by `version`, packages by `evr`.
                    let evr = element.child("evr");
                    let state = State {
                        operation: evr.map_or("", |evr| evr.attribute("operation")).to_owned(),
                        evr: evr.map_or("", |evr| evr.text.trim()).to_owned(),
                        arch: element.text_at(&["arch"]).to_owned(),
                    };
                    index.states.insert(id, state);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(index)
    }
}

/// Calls `each` with every definition of a document.
pub(crate) fn definitions<E: From<String>>(
    bytes: &[u8],
    each: &mut dyn FnMut(Definition) -> Result<(), E>,
) -> Result<(), E> {
    xml::each::<E>(bytes, 2, &mut |parent, element| {
        if parent == "definitions" && element.name == "definition" { each(definition(&element)) } else { Ok(()) }
    })
}

fn definition(element: &Element) -> Definition {
    let empty = Element::default();
    let metadata = element.child("metadata").unwrap_or(&empty);
    let advisory = metadata.child("advisory").unwrap_or(&empty);
    let references: Vec<(String, String, String)> = metadata
        .all("reference")
        .map(|e| {
            (e.attribute("source").to_owned(), e.attribute("ref_id").to_owned(), e.attribute("ref_url").to_owned())
        })
        .collect();
    let cve_elements: Vec<&Element> = advisory.all("cve").collect();
    let mut cves: Vec<String> = cve_elements.iter().map(|cve| cve.text.trim().to_owned()).collect();
    cves.extend(references.iter().filter(|(source, ..)| source == "CVE").map(|(_, id, _)| id.clone()));
    let mut cves: Vec<String> = cves.iter().flat_map(|text| super::source::cves(text)).collect();
    cves.sort();
    cves.dedup();
    let cvss3 = cve_elements.iter().map(|cve| cve.attribute("cvss3")).find(|text| !text.is_empty());
    let first = |paths: [&str; 2]| {
        let [a, b] = paths;
        if a.is_empty() { b.to_owned() } else { a.to_owned() }
    };
    Definition {
        id: element.attribute("id").to_owned(),
        class: element.attribute("class").to_owned(),
        title: metadata.text_at(&["title"]).to_owned(),
        description: metadata.text_at(&["description"]).to_owned(),
        severity: first([advisory.text_at(&["severity"]), metadata.text_at(&["severity"])]),
        platforms: metadata
            .all("affected")
            .flat_map(|affected| affected.all("platform"))
            .map(|platform| platform.text.trim().to_owned())
            .collect(),
        references,
        cves,
        cvss3: cvss3.and_then(|text| text.split_once('/')).map(|(_, vector)| vector.to_owned()),
        issued: first([
            advisory.child("issued").map_or("", |e| e.attribute("date")),
            metadata.text_at(&["advisory_date"]),
        ]),
        updated: advisory.child("updated").map_or("", |e| e.attribute("date")).to_owned(),
        patchable: metadata.text_at(&["patchable"]).to_owned(),
        criteria: element.child("criteria").map(|e| criteria(e, 0)).unwrap_or_default(),
    }
}

fn criteria(element: &Element, depth: usize) -> Criteria {
    let mut out = Criteria { or: element.attribute("operator").eq_ignore_ascii_case("or"), ..Criteria::default() };
    for child in &element.children {
        match child.name.as_str() {
            "criteria" if depth <= DEPTH => out.criteria.push(criteria(child, depth + 1)),
            "criterion" => out.criterions.push(Criterion {
                test: child.attribute("test_ref").to_owned(),
                comment: child.attribute("comment").to_owned(),
            }),
            _ => {}
        }
    }
    out
}

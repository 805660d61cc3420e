//! `vuln-list`'s slices of OVAL documents: `definitions/**.json` beside `tests/tests.json`, `objects/objects.json` and `states/states.json`.
//! Source: aquasecurity/vuln-list-update `oval`, `redhat/oval`, `mariner`, `oracle/oval`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FeedError;
use super::oval::{Criteria, Criterion, Definition, Index, State};
use super::source::{Reading, cves};

/// The files of one folder.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    pub(crate) definitions: Vec<String>,
    tests: Option<String>,
    objects: Option<String>,
    states: Option<String>,
}

impl Slices {
    /// Puts a file to its folder's.
    pub(crate) fn sort(path: &str, folders: &mut BTreeMap<String, Slices>) {
        for (part, which) in [("/definitions/", 0), ("/tests/", 1), ("/objects/", 2), ("/states/", 3)] {
            let slashed = format!("/{path}");
            let Some(at) = slashed.find(part) else { continue };
            let folder = slashed.get(1..at).unwrap_or_default().to_owned();
            let slices = folders.entry(folder).or_default();
            let path = path.to_owned();
            match which {
                0 => slices.definitions.push(path),
                1 => slices.tests = Some(path),
                2 => slices.objects = Some(path),
                _ => slices.states = Some(path),
            }
            return;
        }
    }

    /// What the definitions refer to. `None`, and named: a file of them cannot be read.
    pub(crate) fn index(&self, reading: &mut Reading<'_>) -> Result<Option<Index>, FeedError> {
        let mut index = Index::default();
        for (file, which) in [(&self.tests, 0), (&self.objects, 1), (&self.states, 2)] {
            let Some(path) = file else { continue };
            let Some(value) = reading.json::<Value>(path)? else { return Ok(None) };
            let lists =
                ["RpminfoTests", "RpminfoTest", "RpminfoObjects", "RpminfoObject", "RpminfoState", "RpminfoStates"];
            let rows = lists.iter().filter_map(|name| value.get(name)?.as_array()).flatten();
            for row in rows {
                let id = text(row, &["ID"]);
                match which {
                    0 => {
                        index
                            .tests
                            .insert(id, (text(row, &["Object", "ObjectRef"]), text(row, &["State", "StateRef"])));
                    }
                    1 => {
                        index.objects.insert(id, text(row, &["Name"]));
                    }
                    _ => {
                        let state = State {
                            operation: text(row, &["Evr", "Operation"]),
                            evr: text(row, &["Evr", "Text"]),
                            arch: text(row, &["Arch", "Text"]),
                        };
                        index.states.insert(id, state);
                    }
                }
            }
        }
        Ok(Some(index))
    }
}

/// A definition in any of `vuln-list`'s spellings.
pub(crate) fn definition_of(value: &Value) -> Definition {
    let metadata = value.get("Metadata").unwrap_or(value);
    let list = |place: &Value, names: [&str; 2]| -> Vec<Value> {
        names
            .iter()
            .filter_map(|name| place.get(name))
            .flat_map(|found| found.as_array().cloned().unwrap_or_else(|| vec![found.clone()]))
            .collect()
    };
    let references: Vec<(String, String, String)> = list(metadata, ["References", "Reference"])
        .iter()
        .map(|row| {
            let id = text(row, &["RefID"]) + &text(row, &["ID"]);
            (text(row, &["Source"]), id, text(row, &["RefURL"]) + &text(row, &["URI"]))
        })
        .collect();
    let advisory = metadata.get("Advisory").unwrap_or(metadata);
    let mut named: Vec<String> = list(advisory, ["Cves", "Cve"])
        .iter()
        .flat_map(|row| cves(&(text(row, &["CveID"]) + " " + &text(row, &["ID"]))))
        .collect();
    named.extend(references.iter().filter(|(source, ..)| source == "CVE").flat_map(|(_, id, _)| cves(id)));
    named.sort();
    named.dedup();
    let strings = |place: &Value, names: [&str; 2]| -> Vec<String> {
        list(place, names).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let mut platforms = strings(metadata, ["Platform", "Platforms"]);
    if let Some(affected) = metadata.get("Affected") {
        platforms.extend(strings(affected, ["Platform", "Platforms"]));
    }
    let first = |a: String, b: String| if a.is_empty() { b } else { a };
    Definition {
        id: text(value, &["ID"]),
        class: text(value, &["Class"]),
        title: text(metadata, &["Title"]),
        description: text(metadata, &["Description"]),
        severity: first(text(advisory, &["Severity"]), text(metadata, &["Severity"])),
        platforms,
        references,
        cves: named,
        cvss3: None,
        issued: first(text(advisory, &["Issued", "Date"]), text(metadata, &["AdvisoryDate"])),
        updated: text(advisory, &["Updated", "Date"]),
        patchable: text(metadata, &["Patchable"]),
        criteria: value.get("Criteria").map(|value| criteria(value, 0)).unwrap_or_default(),
    }
}

fn criteria(value: &Value, depth: usize) -> Criteria {
    let mut out = Criteria { or: text(value, &["Operator"]).eq_ignore_ascii_case("or"), ..Criteria::default() };
    let rows = |names: [&str; 2]| -> Vec<&Value> {
        names.iter().filter_map(|name| value.get(name)?.as_array()).flatten().collect()
    };
    if depth < 24 {
        out.criteria = rows(["Criterias", "Criteria"]).into_iter().map(|row| criteria(row, depth + 1)).collect();
    }
    out.criterions = rows(["Criterions", "Criterion"])
        .into_iter()
        .map(|row| Criterion { test: text(row, &["TestRef"]), comment: text(row, &["Comment"]) })
        .collect();
    out
}

/// The string at the end of a route of keys; empty when there is none.
fn text(value: &Value, route: &[&str]) -> String {
    let mut at = value;
    for key in route {
        match at.get(key) {
            Some(next) => at = next,
            None => return String::new(),
        }
    }
    at.as_str().unwrap_or_default().to_owned()
}

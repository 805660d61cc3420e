//! The documents of a cluster as one set of policies.
//!
//! A document that does not load keeps the form in which it did last, so a mistake in one takes away neither it nor the others. The set is exchanged
//! whole.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;
use signet_admission::{LoadError, Loader};
use signet_kube::Document;
use signet_yaml::Limits;

use super::super::files::Policies;
use super::broken::{Broken, Guarded};

/// What came of the documents of one time.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) engine: Guarded,
    /// Documents that do not load, with the reason. Those that did once are in force as they were then.
    pub(super) problems: BTreeMap<String, String>,
    /// How many of them are.
    pub(super) kept: usize,
}

/// The last form of each document that loaded.
pub(super) type Good = BTreeMap<String, Value>;

/// Takes a document. Each is a file of its own, by its name.
fn take(loader: &mut Loader, name: &str, object: &Value) -> Result<bool, LoadError> {
    let text = object.to_string();
    let wrong = |err: signet_yaml::YamlError| LoadError::Binding {
        file: name.to_owned(),
        line: err.line,
        message: err.message,
    };
    let documents = signet_yaml::parse(&text, &Limits::default()).map_err(wrong)?;
    loader.take_text(name, &text, &documents)
}

fn said(err: &LoadError) -> String {
    match err {
        // The file is named already.
        LoadError::Binding { message, .. } => message.clone(),
        LoadError::Policy(_) => err.to_string(),
    }
}

/// Builds the set of files and documents. `Err`: the files do not load.
pub(super) fn build(files: &mut Policies, documents: &[Document], good: &mut Good) -> Result<Built> {
    let mut problems: BTreeMap<String, String> = BTreeMap::new();
    let mut chosen: BTreeMap<&str, Option<Value>> = BTreeMap::new();
    for document in documents {
        let name = document.name.as_str();
        if good.get(name) == Some(&document.object) {
            chosen.insert(name, Some(document.object.clone()));
            continue;
        }
        match take(&mut Loader::default(), name, &document.object) {
            Ok(_) => {
                chosen.insert(name, Some(document.object.clone()));
            }
            Err(err) => {
                problems.insert(name.to_owned(), said(&err));
                chosen.insert(name, good.get(name).cloned());
            }
        }
    }
    // What is right by itself may not fit the others: a constraint without its template, a binding of parameters that its policy does not take.
    let mut left = documents.len().saturating_mul(2).saturating_add(1);
    let set = loop {
        let mut loader = files.loader();
        files.fill(&mut loader)?;
        for (name, object) in &chosen {
            let Some(object) = object else { continue };
            take(&mut loader, name, object)?;
        }
        let (file, err) = match loader.finish() {
            Ok(set) => break set,
            Err(LoadError::Binding { file, line, message }) => {
                (file.clone(), LoadError::Binding { file, line, message })
            }
            Err(err) => return Err(err.into()),
        };
        left = left.saturating_sub(1);
        let of = documents.iter().find(|document| document.name == file);
        let (Some(document), true) = (of, left > 0) else { return Err(err.into()) };
        let name = document.name.as_str();
        problems.entry(name.to_owned()).or_insert_with(|| said(&err));
        let is_new = chosen.get(name).and_then(Option::as_ref) == Some(&document.object);
        let before = good.get(name).filter(|before| is_new && **before != document.object).cloned();
        chosen.insert(name, before);
    };
    let mut broken = Vec::new();
    let mut kept = 0_usize;
    for document in documents.iter().filter(|document| problems.contains_key(&document.name)) {
        let why = problems.get(&document.name).map(String::as_str).unwrap_or_default();
        match chosen.get(document.name.as_str()) {
            Some(Some(_)) => kept = kept.saturating_add(1),
            _ => broken.extend(Broken::of(document, why)),
        }
    }
    let chosen: Vec<(String, Value)> =
        chosen.into_iter().filter_map(|(name, object)| Some((name.to_owned(), object?))).collect();
    let names: BTreeSet<&String> = chosen.iter().map(|(name, _)| name).collect();
    good.retain(|name, _| names.contains(name));
    good.extend(chosen);
    Ok(Built { engine: Guarded { set, broken }, problems, kept })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signet_admission::Engine as _;

    use super::*;

    fn policy(name: &str, field: &str) -> Document {
        let object = json!({
            "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": name},
            "spec": {"validationFailureAction": "Enforce", "rules": [{
                "name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
                "validate": {"message": "no", field: {"spec": {"containers": [{"image": "!*:latest"}]}}},
            }]},
        });
        Document { name: format!("ClusterPolicy.kyverno.io/{name}"), object }
    }

    fn constraint(name: &str) -> Document {
        let object = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Lonely",
            "metadata": {"name": name}, "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Service"]}]}}});
        Document { name: format!("Lonely.constraints.gatekeeper.sh/{name}"), object }
    }

    #[track_caller]
    fn check(good: &mut Good, documents: &[Document], policies: usize, problems: usize, kept: usize) {
        let built = build(&mut Policies::new(Vec::new(), Vec::new()), documents, good).unwrap();
        assert_eq!((built.engine.set.policies(), built.problems.len(), built.kept), (policies, problems, kept));
        // Whatever happens, none is silently absent.
        assert_eq!(built.engine.policies(), documents.len());
    }

    #[test]
    fn a_mistake_takes_away_neither_its_policy_nor_another() {
        let mut good = Good::new();
        check(&mut good, &[policy("a", "pattern"), policy("b", "pattern")], 2, 0, 0);
        check(&mut good, &[policy("a", "patern"), policy("b", "pattern")], 2, 1, 1);
        // It is mended.
        check(&mut good, &[policy("a", "pattern"), policy("b", "pattern")], 2, 0, 0);
        // New, and wrong from the first: it refuses.
        check(&mut good, &[policy("c", "patern"), policy("b", "pattern")], 1, 1, 0);
        // What was deleted is not in force as it was before.
        assert_eq!(good.len(), 1);
        check(&mut good, &[], 0, 0, 0);
    }

    #[test]
    fn a_constraint_without_its_template_is_told_and_refuses_alone() {
        let mut good = Good::new();
        check(&mut good, &[policy("a", "pattern"), constraint("x"), constraint("y")], 1, 2, 0);
    }
}

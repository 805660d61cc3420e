//! Chainsaw `Test` documents: what is done, in order, and apart from it what is expected of each operation.
//!
//! Source: kyverno/chainsaw:pkg/apis/v1alpha1. Templates of steps are not in the corpus: `create-policy` creates its binding's file, and the
//! others only wait.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::tree::{Bindings, evaluate, resolved};
use crate::set::text;

/// What is done. Nothing here says what should come of it.
#[derive(Debug)]
pub(super) enum Action {
    /// Each object is made, or changed to what the file says.
    Apply(Vec<Value>),
    /// Each object is made.
    Create(Vec<Value>),
    /// Each object is changed, and must be there.
    Patch(Vec<Value>),
    /// Objects by kind and name or labels are deleted.
    Delete(Vec<Value>),
    /// A shell script.
    Script(String),
    /// Somebody looks at what is there.
    Look,
    /// It cannot be done; why.
    Broken(String),
}

/// What is expected of an operation.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// Checks of the error that each object ended in.
    pub(super) checks: Vec<Value>,
    /// Partial objects that must be there, or must not.
    pub(super) objects: Vec<Value>,
}

/// One operation with the names under which the list of cases knows it.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) verb: String,
    pub(super) file: String,
    pub(super) action: Action,
    pub(super) expectation: Expectation,
}

/// A test.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) bindings: Bindings,
    pub(super) operations: Vec<Operation>,
    /// The folder that its files are named from.
    pub(super) folder: PathBuf,
}

impl Test {
    /// Reads a test. `namespace` is the one that it gets for itself.
    pub(super) fn read(path: &Path, namespace: &str) -> Result<Test> {
        let folder = path.parent().context("a test lies in a folder")?.to_owned();
        let documents = documents(path)?;
        let document = documents.first().context("the file is empty")?;
        let mut test = Test { bindings: Bindings::new(), operations: Vec::new(), folder };
        test.bindings.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        test.bind(document.pointer("/spec/bindings"));
        for step in list(document.pointer("/spec/steps")) {
            let before = test.bindings.clone();
            test.bind(step.get("bindings"));
            if let Some(used) = step.get("use") {
                test.template(used);
            }
            for part in ["try", "finally"] {
                for operation in list(step.get(part)) {
                    test.operation(operation);
                }
            }
            test.bindings = before;
        }
        Ok(test)
    }

    /// Changes every object that is written or looked for.
    pub(super) fn change(&mut self, change: &dyn Fn(&mut Value)) {
        for operation in &mut self.operations {
            match &mut operation.action {
                Action::Apply(objects) | Action::Create(objects) | Action::Patch(objects) | Action::Delete(objects) => {
                    objects.iter_mut().for_each(change);
                }
                Action::Script(_) | Action::Look | Action::Broken(_) => {}
            }
            operation.expectation.objects.iter_mut().for_each(change);
        }
    }

    fn bind(&mut self, bindings: Option<&Value>) {
        for binding in list(bindings) {
            let Some(name) = binding.get("name").and_then(Value::as_str) else { continue };
            let value = binding.get("value").unwrap_or(&Value::Null);
            let value = match value.as_str() {
                // The version of the cluster that is modelled.
                Some("(x_k8s_server_version($config))") => serde_json::json!({"major": "1", "minor": "33"}),
                Some(text) if text.starts_with('(') && text.ends_with(')') && text.len() > 2 => {
                    evaluate(&text[1..text.len() - 1], &Value::Null, &self.bindings).unwrap_or(Value::Null)
                }
                _ => value.clone(),
            };
            self.bindings.insert(name.to_owned(), value);
        }
    }

    fn template(&mut self, used: &Value) {
        let template = used.get("template").and_then(Value::as_str).unwrap_or_default();
        if !template.ends_with("create-policy.yaml") {
            return;
        }
        let bindings = list(used.pointer("/with/bindings"));
        let file = bindings.into_iter().find(|binding| binding.get("name").and_then(Value::as_str) == Some("file"));
        if let Some(file) = file.and_then(|binding| binding.get("value")).and_then(Value::as_str) {
            let action = self.objects(file).map_or_else(broken, Action::Create);
            self.push("use", file, action, Expectation::default());
        }
    }

    fn operation(&mut self, operation: &Value) {
        for (verb, given) in operation.as_object().into_iter().flatten() {
            let file = given.get("file").and_then(Value::as_str).unwrap_or_default().to_owned();
            let objects = || match given.get("resource") {
                Some(object) => Ok(vec![object.clone()]),
                None => self.objects(&file),
            };
            let checks = list(given.get("expect")).into_iter().filter_map(|expect| expect.get("check")).cloned();
            let mut expectation = Expectation { checks: checks.collect(), objects: Vec::new() };
            let templated = |objects: Vec<Value>| -> Vec<Value> {
                objects.iter().map(|object| resolved(object, &self.bindings)).collect()
            };
            let action = match verb.as_str() {
                "apply" => objects().map_or_else(broken, |objects| Action::Apply(templated(objects))),
                "create" => objects().map_or_else(broken, |objects| Action::Create(templated(objects))),
                "patch" | "update" => objects().map_or_else(broken, |objects| Action::Patch(templated(objects))),
                "delete" => match given.get("ref") {
                    Some(object) => Action::Delete(vec![object.clone()]),
                    None => objects().map_or_else(broken, Action::Delete),
                },
                "assert" | "error" => match objects() {
                    Ok(objects) => {
                        expectation.objects = objects;
                        Action::Look
                    }
                    Err(err) => broken(err),
                },
                "script" => Action::Script(given.get("content").and_then(Value::as_str).unwrap_or_default().to_owned()),
                "command" => {
                    let words = list(given.get("args")).into_iter().filter_map(Value::as_str);
                    let entry = given.get("entrypoint").and_then(Value::as_str).unwrap_or_default();
                    Action::Script(std::iter::once(entry).chain(words).collect::<Vec<_>>().join(" "))
                }
                _ => continue,
            };
            self.push(verb, &file, action, expectation);
        }
    }

    fn push(&mut self, verb: &str, file: &str, action: Action, expectation: Expectation) {
        self.operations.push(Operation { verb: verb.to_owned(), file: file.to_owned(), action, expectation });
    }

    /// The objects of a file of the test, lists taken apart.
    pub(super) fn objects(&self, file: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        for document in documents(&self.folder.join(file))? {
            if document.get("items").is_some_and(Value::is_array) {
                found.extend(list(document.get("items")).into_iter().cloned());
            } else if document.is_object() {
                found.push(document);
            }
        }
        Ok(found)
    }
}

fn broken(err: anyhow::Error) -> Action {
    Action::Broken(format!("{err:#}"))
}

fn documents(path: &Path) -> Result<Vec<Value>> {
    let documents = signet_yaml::parse(&text(path)?, &signet_yaml::Limits::default())
        .with_context(|| format!("`{}` is no YAML", path.display()))?;
    Ok(documents.iter().map(|document| signet_yaml::to_json(&document.root)).filter(|value| !value.is_null()).collect())
}

/// The items of a list; none of what is no list.
pub(super) fn list(value: Option<&Value>) -> Vec<&Value> {
    value.and_then(Value::as_array).into_iter().flatten().collect()
}

//! Files with policies, exceptions and resources: YAML or JSON, one document or many, or directories of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use signet_policy::admission;
use signet_policy::kyverno::{Exception, Policy};
use signet_yaml::{Document, Limits, Node, parse_bytes, to_json};

/// A policy as it was found: one that can be evaluated, or one of a kind that is not evaluated yet.
#[derive(Debug)]
pub(super) enum Loaded {
    Policy(Box<Policy>),
    /// One that is written in CEL.
    Admission(Box<admission::Policy>),
    /// Kind and name.
    NotEvaluated {
        kind: String,
        namespace: Option<String>,
        name: String,
    },
}

impl Loaded {
    pub(super) fn name(&self) -> &str {
        match self {
            Loaded::Policy(policy) => &policy.name,
            Loaded::Admission(policy) => &policy.name,
            Loaded::NotEvaluated { name, .. } => name,
        }
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        match self {
            Loaded::Policy(policy) => policy.namespace.as_deref(),
            Loaded::Admission(policy) => policy.namespace.as_deref(),
            Loaded::NotEvaluated { namespace, .. } => namespace.as_deref(),
        }
    }
}

/// What the files of a run hold.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) policies: Vec<Loaded>,
    pub(super) exceptions: Vec<Exception>,
    /// Exceptions from policies that are written in CEL.
    pub(super) cel_exceptions: Vec<admission::Exception>,
    bindings: Vec<admission::Binding>,
}

/// Kinds of policies that are known and not evaluated.
const LATER: [&str; 6] = [
    "GeneratingPolicy",
    "DeletingPolicy",
    "NamespacedGeneratingPolicy",
    "NamespacedDeletingPolicy",
    "CleanupPolicy",
    "ClusterCleanupPolicy",
];

impl Policies {
    /// Reads policies and exceptions out of files and directories. A document of another kind is no policy and is left to others.
    pub(super) fn read(&mut self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            for file in files(path)? {
                let documents = read(&file)?;
                for document in documents {
                    self.take(&document.root).with_context(|| format!("cannot load `{}`", file.display()))?;
                }
            }
        }
        let bindings = std::mem::take(&mut self.bindings);
        for loaded in &mut self.policies {
            if let Loaded::Admission(policy) = loaded {
                // Kyverno's tool judges by policies that nobody bound, too.
                policy.hold_everywhere();
                policy
                    .bind(&bindings)
                    .map_err(|message| anyhow::anyhow!("cannot bind `{}`: {message}", policy.name))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, node: &Node) -> Result<()> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        if text("kind").ends_with("List") {
            return node.get("items").and_then(Node::as_seq).into_iter().flatten().try_for_each(|item| self.take(item));
        }
        if Policy::is(node) {
            let policy = Policy::load(node).map_err(|problems| several(&problems))?;
            self.policies.push(Loaded::Policy(Box::new(policy)));
        } else if text("kind") == "PolicyException" && text("apiVersion").starts_with("kyverno.io/") {
            self.exceptions.push(Exception::load(node).map_err(|problems| several(&problems))?);
        } else if admission::Policy::is(node) {
            let policy = admission::Policy::load(node).map_err(|problems| several(&problems))?;
            self.policies.push(Loaded::Admission(Box::new(policy)));
        } else if admission::Binding::is(node) {
            self.bindings.push(admission::Binding::load(node).map_err(|problems| several(&problems))?);
        } else if admission::Exception::is(node) {
            self.cel_exceptions.push(admission::Exception::load(node).map_err(|problems| several(&problems))?);
        } else if LATER.contains(&text("kind")) {
            let named = |key: &str| node.path(&["metadata", key]).and_then(Node::as_str).map(str::to_owned);
            self.policies.push(Loaded::NotEvaluated {
                kind: text("kind").to_owned(),
                namespace: named("namespace"),
                name: named("name").unwrap_or_default(),
            });
        }
        Ok(())
    }
}

fn several(problems: &[signet_policy::trust_policy::PolicyError]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

/// The resources of files and directories, lists taken apart. A resource without a namespace gets `default`, as Kyverno's tool gives it.
pub(super) fn resources(paths: &[PathBuf]) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for path in paths {
        for file in files(path)? {
            for document in read(&file)? {
                take_resource(to_json(&document.root), &mut found);
            }
        }
    }
    Ok(found)
}

fn take_resource(mut value: Value, found: &mut Vec<Value>) {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return;
    }
    if kind.ends_with("List")
        && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
    {
        items.into_iter().for_each(|item| take_resource(item, found));
        return;
    }
    let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace.is_empty()
        && let Some(object) = value.as_object_mut()
    {
        let metadata = object.entry("metadata").or_insert_with(|| serde_json::json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("namespace".to_owned(), Value::String("default".to_owned()));
        }
    }
    found.push(value);
}

/// The documents of one file.
pub(super) fn read(path: &Path) -> Result<Vec<Document>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    parse_bytes(&bytes, &Limits::default()).with_context(|| format!("`{}` is no YAML", path.display()))
}

/// The first document of a file as JSON.
pub(super) fn value(path: &Path) -> Result<Value> {
    Ok(read(path)?.first().map(|document| to_json(&document.root)).unwrap_or(Value::Null))
}

/// The files that a path means: itself, or the YAML and JSON files of a directory.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    if text.starts_with("http://") || text.starts_with("https://") {
        bail!("`{text}` is not fetched: download it and name the file");
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![(path.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
            let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
            let yaml = entry.path().extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
            if kind.is_dir() && depth < 32 {
                open.push((entry.path(), depth + 1));
            } else if kind.is_file() && yaml {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

//! `kyverno-test.yaml`: a suite with its inputs and what is expected of them.
//!
//! Source: kyverno/kyverno:cmd/cli/kubectl-kyverno/apis/v1alpha1/test.go, commands/test/. Inputs that belong to kinds of rules that are not
//! evaluated yet (`paramResources`, `jsonPayloads`, ...) are read by those rules when they come.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use signet_policy::jmespath::{Expression, Surroundings};

use super::documents::{self, Policies};
use super::judge::{self, Verdict};
use super::values::{Mocks, Values, user};
use crate::evidence::Outside;

/// A suite.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) path: PathBuf,
    pub(super) name: String,
    document: Value,
}

/// One expected result, for one resource or for all.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) policy: String,
    pub(super) rule: String,
    pub(super) kind: String,
    pub(super) resource: Option<String>,
    pub(super) result: String,
    /// The file with the objects that must have come of it.
    pub(super) objects: Option<PathBuf>,
    /// The same for objects that should be there because of a rule.
    pub(super) generated: Option<PathBuf>,
}

/// Every known key. One that is not here would be an input that is silently left out.
const KEYS: [&str; 22] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "policies",
    "resources",
    "targetResources",
    "variables",
    "values",
    "userinfo",
    "context",
    "exceptions",
    "paramResources",
    "clusterResources",
    "jsonPayload",
    "jsonPayloads",
    "httpPayloads",
    "envoyPayloads",
    "apiCallResponses",
    "globalContextEntries",
    "results",
    "checks",
];

impl Suite {
    /// Reads a suite's file.
    pub(super) fn read(path: &Path) -> Result<Suite> {
        let document = documents::value(path)?;
        let Some(fields) = document.as_object() else {
            bail!("`{}` is no test suite: it is no mapping", path.display())
        };
        if let Some(unknown) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!(
                "`{}` has a field `{unknown}` that no test suite has; there are: {}",
                path.display(),
                KEYS.join(", ")
            );
        }
        let name = document.pointer("/metadata/name").or_else(|| document.get("name")).and_then(Value::as_str);
        Ok(Suite { path: path.to_owned(), name: name.unwrap_or_default().to_owned(), document })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let items = self.document.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn paths(&self, key: &str) -> Vec<PathBuf> {
        self.texts(key).iter().map(|path| self.folder().join(path)).collect()
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        self.document
            .get(key)
            .and_then(Value::as_str)
            .filter(|path| !path.is_empty())
            .map(|path| self.folder().join(path))
    }

    /// Judges all resources by all policies.
    pub(super) fn run(&self, surroundings: &Surroundings, registries: Option<&Outside>) -> Result<Vec<Verdict>> {
        let mut policies = Policies::default();
        policies.read(&self.paths("policies")).context("cannot load the policies")?;
        policies.read(&self.paths("exceptions")).context("cannot load the exceptions")?;
        let resources = documents::resources(&self.paths("resources")).context("cannot load the resources")?;
        let values = match self.file("variables") {
            Some(path) => documents::value(&path).context("cannot load the values")?,
            None => self.document.get("values").cloned().unwrap_or(Value::Null),
        };
        let user = match self.file("userinfo") {
            Some(path) => Some(user(&documents::value(&path).context("cannot load the user's info")?)),
            None => None,
        };
        let mut mocks = self.mocks(&resources, surroundings)?;
        let targets = documents::resources(&self.paths("targetResources")).context("cannot load the targets")?;
        let results = self.document.get("results").and_then(Value::as_array).into_iter().flatten();
        let sources = results.filter_map(|result| result.get("cloneSourceResource").and_then(Value::as_str));
        let sources: Vec<PathBuf> =
            sources.filter(|path| !path.is_empty()).map(|path| self.folder().join(path)).collect();
        let sources = documents::resources(&sources).context("cannot load the sources of clones")?;
        mocks.targets = Some(unique(resources.iter().cloned().chain(targets).chain(sources).collect()));
        let values = Values::of(values);
        let given = judge::Given { values: &values, user: user.as_ref(), mocks: &mocks, surroundings, registries };
        let mut verdicts = judge::all(&policies, &unique(resources), &given);
        let mut payloads = Vec::new();
        for path in self.paths("jsonPayloads").into_iter().chain(self.file("jsonPayload")) {
            payloads.push(documents::value(&path).context("cannot load a payload")?);
        }
        verdicts.extend(judge::documents(&policies, &payloads, &given));
        Ok(verdicts)
    }

    fn mocks(&self, resources: &[Value], surroundings: &Surroundings) -> Result<Mocks> {
        let list = |key: &str| self.document.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut mocks = Mocks { calls: list("apiCallResponses"), ..Mocks::default() };
        for entry in list("globalContextEntries") {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut items = entry.get("resources").and_then(Value::as_array).cloned().unwrap_or_default();
            let files = entry.get("resourceFiles").and_then(Value::as_array).into_iter().flatten();
            let files: Vec<PathBuf> = files.filter_map(Value::as_str).map(|path| self.folder().join(path)).collect();
            items.extend(documents::resources(&files).context("cannot load a global context entry")?);
            let mut data = match entry.get("data") {
                Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
                Some(data) => data.clone(),
                None => Value::Array(items),
            };
            for projection in entry.get("projections").and_then(Value::as_array).into_iter().flatten() {
                let text = |key: &str| projection.get(key).and_then(Value::as_str).unwrap_or_default();
                let projected = Expression::parse(text("path"))
                    .with_context(|| format!("projection `{}` of global context entry `{name}`", text("name")))?
                    .search(&data, surroundings)
                    .with_context(|| format!("projection `{}` of global context entry `{name}`", text("name")))?
                    .into_owned();
                if let Some(object) = data.as_object_mut() {
                    object.insert(text("name").to_owned(), projected);
                }
            }
            mocks.globals.insert(name, data);
        }
        mocks
            .objects
            .extend(documents::resources(&self.paths("paramResources")).context("cannot load the parameters")?);
        if let Some(path) = self.file("context") {
            let context = documents::value(&path).context("cannot load the context")?;
            let list = |pointer: &str| context.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
            mocks.objects.extend(list("/spec/resources"));
            mocks.images.extend(list("/spec/images"));
        }
        let clusters = self.paths("clusterResources");
        if !clusters.is_empty() {
            mocks.objects.extend_from_slice(resources);
        }
        for path in clusters {
            let cluster = documents::value(&path).context("cannot load the cluster's resources")?;
            mocks
                .objects
                .extend(cluster.pointer("/spec/resources").and_then(Value::as_array).cloned().unwrap_or_default());
        }
        Ok(mocks)
    }

    /// What is expected, one entry for each resource that is named.
    pub(super) fn expected(&self) -> Vec<Expected> {
        let mut expected = Vec::new();
        for entry in self.document.get("results").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let result = if text("result").is_empty() { text("status") } else { text("result") };
            let one = Expected {
                policy: text("policy"),
                rule: text("rule"),
                kind: text("kind"),
                resource: None,
                result,
                objects: ["patchedResources", "patchedResource"]
                    .iter()
                    .map(|key| text(key))
                    .find(|path| !path.is_empty())
                    .map(|path| self.folder().join(path)),
                generated: Some(text("generatedResource"))
                    .filter(|path| !path.is_empty())
                    .map(|path| self.folder().join(path)),
            };
            let mut names: Vec<String> = entry
                .get("resources")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            for spec in entry.get("resourceSpecs").and_then(Value::as_array).into_iter().flatten() {
                let part = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
                names.push(match part("namespace") {
                    "" => part("name").to_owned(),
                    namespace => format!("{namespace}/{}", part("name")),
                });
            }
            let single = text("resource");
            if names.is_empty() && !single.is_empty() {
                names.push(match text("namespace").as_str() {
                    "" => single,
                    namespace => format!("{namespace}/{single}"),
                });
            }
            if names.is_empty() {
                expected.push(one);
            } else {
                expected.extend(names.into_iter().map(|name| Expected { resource: Some(name), ..one.clone() }));
            }
        }
        expected
    }
}

/// Each resource once, by kind, namespace and name.
fn unique(resources: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::BTreeSet::new();
    let key = |resource: &Value| {
        let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let names = format!("{}\n{}", text("/metadata/name"), text("/metadata/generateName"));
        (text("/apiVersion"), text("/kind"), text("/metadata/namespace"), names)
    };
    resources.into_iter().filter(|resource| seen.insert(key(resource))).collect()
}

impl Expected {
    /// Whether a verdict is about the policy of this entry.
    pub(super) fn is_of(&self, verdict: &Verdict) -> bool {
        match self.policy.split_once('/') {
            Some((namespace, name)) => verdict.policy == name && verdict.policy_namespace.as_deref() == Some(namespace),
            None => verdict.policy == self.policy,
        }
    }

    /// Whether the entry is about a resource.
    pub(super) fn is_about(&self, namespace: &str, name: &str) -> bool {
        match self.resource.as_deref().map(|wanted| wanted.split_once('/').ok_or(wanted)) {
            None => true,
            Some(Ok((in_namespace, wanted))) => wanted == name && in_namespace == namespace,
            Some(Err(wanted)) => wanted == name,
        }
    }

    /// Whether a rule's name is the one that is meant, or was made of it for controllers.
    pub(super) fn names(&self, rule: &str) -> bool {
        self.rule.is_empty()
            || rule == self.rule
            || rule == format!("autogen-{}", self.rule)
            || rule == format!("autogen-cronjob-{}", self.rule)
    }
}

//! The policies of a cluster: which kinds there are, and all their objects as one set.
//!
//! A kind that is not installed is no error and is looked for again. The kinds of Gatekeeper's constraints are found from its templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use crate::client::Client;
use crate::mirror::{Mirror, Pulse, Selection, Standing};
use crate::resource::Resource;

/// Kinds of constraints that are followed. Each is a watch of its own.
const MAX_CONSTRAINTS: usize = 500;
/// Where kubectl keeps what it was given last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Kinds of policies: group, versions that are understood (the best one first), plural, kind, whether they lie in namespaces.
pub const KINDS: &[(&str, &[&str], &str, &str, bool)] = &[
    ("signet.dev", &["v1"], "trustpolicies", "TrustPolicy", false),
    ("kyverno.io", &["v1"], "clusterpolicies", "ClusterPolicy", false),
    ("kyverno.io", &["v1"], "policies", "Policy", true),
    ("kyverno.io", &["v2", "v2beta1"], "policyexceptions", "PolicyException", true),
    ("policies.kyverno.io", CEL, "validatingpolicies", "ValidatingPolicy", false),
    ("policies.kyverno.io", CEL, "mutatingpolicies", "MutatingPolicy", false),
    ("policies.kyverno.io", CEL, "imagevalidatingpolicies", "ImageValidatingPolicy", false),
    ("policies.kyverno.io", CEL, "namespacedvalidatingpolicies", "NamespacedValidatingPolicy", true),
    ("policies.kyverno.io", CEL, "namespacedmutatingpolicies", "NamespacedMutatingPolicy", true),
    ("policies.kyverno.io", CEL, "namespacedimagevalidatingpolicies", "NamespacedImageValidatingPolicy", true),
    ("policies.kyverno.io", CEL, "policyexceptions", "PolicyException", true),
    ("policy.sigstore.dev", &["v1beta1", "v1alpha1"], "clusterimagepolicies", "ClusterImagePolicy", false),
    ("policy.sigstore.dev", &["v1alpha1"], "trustroots", "TrustRoot", false),
    (TEMPLATES, &["v1", "v1beta1"], "constrainttemplates", "ConstraintTemplate", false),
];
const CEL: &[&str] = &["v1", "v1beta1", "v1alpha1"];
const TEMPLATES: &str = "templates.gatekeeper.sh";
const CONSTRAINTS: &str = "constraints.gatekeeper.sh";
/// Kinds that the API server evaluates itself.
pub const NATIVE: &[(&str, &[&str], &str, &str, bool)] = &[
    (REGISTRATION, &["v1", "v1beta1"], "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false),
    (REGISTRATION, &["v1", "v1beta1"], "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false),
    (REGISTRATION, NEW, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", false),
    (REGISTRATION, NEW, "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", false),
];
const REGISTRATION: &str = "admissionregistration.k8s.io";
const NEW: &[&str] = &["v1", "v1beta1", "v1alpha1"];

/// What is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOptions {
    /// Also the policies that the API server evaluates itself.
    pub native: bool,
    /// Namespaces whose `PolicyException`s count; `*` for all. Who may make one there may except himself, so there is none by default
    /// (CVE-2024-48921).
    pub exceptions: Vec<String>,
}

/// A document of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// `ClusterPolicy.kyverno.io/no-latest`
    pub name: String,
    /// Without status and what only the API server writes.
    pub object: Value,
}

/// All documents at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// In the order of their names.
    pub documents: Vec<Document>,
    /// What is not known yet, with the reason where one is known. Until this is empty the set is none.
    pub waiting: Vec<String>,
    /// What is known, and was not read anew for a while, with the reason.
    pub stale: Vec<String>,
    /// Exceptions that do not count, because nobody said that those of their namespace do.
    pub passed_over: Vec<String>,
}

/// The policies of a cluster.
#[derive(Debug)]
pub struct Policies {
    client: Client,
    pulse: Pulse,
    options: PolicyOptions,
    fixed: Vec<(String, Mirror)>,
    constraints: Mutex<BTreeMap<String, Mirror>>,
}

fn selection(kind: &(&'static str, &'static [&'static str], &'static str, &'static str, bool)) -> Selection {
    let (group, versions, plural, kind, namespaced) = *kind;
    let of = |version: &&'static str| match namespaced {
        true => Resource::namespaced(group, version, plural, kind),
        false => Resource::cluster(group, version, plural, kind),
    };
    let versions: Vec<Resource> = versions.iter().map(of).collect();
    Selection { versions, namespace: None, labels: None, fields: None, metadata_only: false }
}

impl Policies {
    /// Begins to follow all kinds. To be called where tokio runs.
    #[must_use]
    pub fn begin(client: &Client, options: PolicyOptions, pulse: &Pulse) -> Self {
        let native = NATIVE.iter().filter(|_| options.native);
        let fixed = KINDS
            .iter()
            .chain(native)
            .map(|kind| (format!("{}.{}", kind.3, kind.0), Mirror::begin(client, selection(kind), pulse)))
            .collect();
        Self { client: client.clone(), pulse: pulse.clone(), options, fixed, constraints: Mutex::default() }
    }

    /// All documents of now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (kind, mirror) in &self.fixed {
            self.take(kind, mirror, &mut snapshot);
        }
        let templates = self.fixed.iter().find(|(kind, _)| kind.ends_with(TEMPLATES));
        let kinds = templates.map(|(_, mirror)| constraint_kinds(mirror)).unwrap_or_default();
        if kinds.len() > MAX_CONSTRAINTS {
            snapshot.waiting.push(format!("there are more than {MAX_CONSTRAINTS} ConstraintTemplates"));
            return snapshot;
        }
        let mut constraints = self.constraints.lock();
        constraints.retain(|kind, _| kinds.contains(kind));
        for kind in kinds {
            let mirror = constraints.entry(kind.clone()).or_insert_with(|| {
                // Gatekeeper names the resource after the kind, in small letters.
                let plural = kind.to_lowercase();
                let of = |version: &'static str| Resource {
                    group: CONSTRAINTS.into(),
                    version: version.into(),
                    plural: plural.clone().into(),
                    kind: kind.clone().into(),
                    namespaced: false,
                };
                let versions = vec![of("v1beta1"), of("v1alpha1")];
                let chosen = Selection { versions, namespace: None, labels: None, fields: None, metadata_only: false };
                Mirror::begin(&self.client, chosen, &self.pulse)
            });
            self.take(&format!("{kind}.{CONSTRAINTS}"), mirror, &mut snapshot);
        }
        snapshot.documents.sort_by(|one, other| one.name.cmp(&other.name));
        snapshot
    }

    fn take(&self, kind: &str, mirror: &Mirror, into: &mut Snapshot) {
        let view = mirror.view();
        if view.standing == Standing::Unlisted {
            into.waiting.push(match view.broken {
                Some((_, why)) => format!("{kind}: {why}"),
                None => kind.to_owned(),
            });
            return;
        }
        if let Some((since, why)) = view.broken {
            into.stale.push(format!("{kind}, for {} s: {why}", since.elapsed().as_secs()));
        }
        for (key, object) in view.objects.iter() {
            let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
            if kind.starts_with("PolicyException.")
                && !self.options.exceptions.iter().any(|named| named == "*" || named == namespace)
            {
                into.passed_over.push(format!("{kind}/{key}"));
                continue;
            }
            into.documents.push(Document { name: format!("{kind}/{key}"), object: plain(object) });
        }
    }
}

/// The kinds of constraints that templates define.
fn constraint_kinds(templates: &Mirror) -> Vec<String> {
    let view = templates.view();
    let kind =
        |object: &Arc<Value>| object.pointer("/spec/crd/spec/names/kind").and_then(Value::as_str).map(str::to_owned);
    let mut kinds: Vec<String> = view.objects.values().filter_map(kind).filter(|kind| !kind.is_empty()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// A document as its author wrote it: what changes with each writing of a status would load all policies anew.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(fields) = object.as_object_mut() else { return object };
    fields.remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_what_its_author_wrote() {
        let object = json!({
            "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
            "metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "generation": 2,
                "annotations": {"kept": "yes", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"rules": []}, "status": {"ready": true},
        });
        assert_eq!(
            plain(&object),
            json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
                "metadata": {"name": "a", "annotations": {"kept": "yes"}}, "spec": {"rules": []}}),
        );
    }

    #[test]
    fn every_kind_has_versions_and_a_name_of_its_own() {
        let mut names: Vec<(&str, &str)> = KINDS.iter().chain(NATIVE).map(|kind| (kind.0, kind.2)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(KINDS.iter().chain(NATIVE).all(|kind| !kind.1.is_empty()));
    }
}

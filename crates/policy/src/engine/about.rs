//! What reports, events and metrics say of a policy besides its answers.

use std::collections::BTreeMap;

use serde_json::Value;
use signet_model::Digest;

use crate::kyverno::validate_policy;
use crate::report::Origin;

/// What a rule does, as Kyverno's metrics call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// It asks something of an object.
    Validate,
    /// It changes one.
    Mutate,
    /// It makes other objects.
    Generate,
    /// It asks something of images.
    ImageVerify,
}

impl RuleKind {
    /// As it stands in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Validate => "validate",
            RuleKind::Mutate => "mutate",
            RuleKind::Generate => "generate",
            RuleKind::ImageVerify => "imageVerify",
        }
    }
}

/// A policy of a set.
#[derive(Clone, Debug)]
pub struct About {
    /// Its kind, as in [`super::Reason::kind`].
    pub kind: &'static str,
    /// Its name, as in [`super::Reason::policy`].
    pub key: String,
    /// Whether it says anything of what is there already.
    pub background: bool,
    /// Whether it may refuse a request.
    pub enforces: bool,
    /// Its rules with what they do; policies without rules have one of an empty name.
    pub rules: Vec<(String, RuleKind)>,
    /// Of what stands in its document.
    pub content: Digest,
    /// The document's `apiVersion`, `kind` and `metadata`, by which events find it.
    pub reference: Value,
    /// What reports say of it.
    pub origin: Origin,
}

impl About {
    /// What a rule of it does. A rule that it does not name belongs to the images of an object, or is all that there is.
    pub fn rule_kind(&self, rule: &str) -> RuleKind {
        let named = self.rules.iter().find(|(name, _)| name == rule).or_else(|| self.rules.first());
        named.map_or(RuleKind::Validate, |(_, kind)| *kind)
    }
}

/// What a document says, before it is known what it is compiled to.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) content: Digest,
    reference: Value,
    origin: Origin,
    /// What it says hangs on who asks.
    pub(super) asks_users: bool,
}

/// By kind and name, as reasons name policies.
pub(super) type Sketches = BTreeMap<(String, String), Sketch>;

impl Sketch {
    /// Of a document that was taken; nothing for what is no policy (exceptions, bindings, templates).
    pub(super) fn of(document: &Value) -> Option<((String, String), Sketch)> {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let in_namespace = || match text("/metadata/namespace") {
            "" => format!("default/{name}"),
            namespace => format!("{namespace}/{name}"),
        };
        let key = match (group, kind) {
            ("kyverno.io", "Policy") => (kind.to_owned(), in_namespace()),
            ("kyverno.io", "ClusterPolicy") => (kind.to_owned(), name.to_owned()),
            ("policies.kyverno.io", kind) if kind.starts_with("Namespaced") => (kind.to_owned(), in_namespace()),
            ("policies.kyverno.io", kind) if kind.ends_with("Policy") => (kind.to_owned(), name.to_owned()),
            ("admissionregistration.k8s.io", kind) if kind.ends_with("Policy") => (kind.to_owned(), name.to_owned()),
            ("constraints.gatekeeper.sh", kind) => ("Constraint".to_owned(), format!("{kind}/{name}")),
            ("policy.sigstore.dev", "ClusterImagePolicy") => (kind.to_owned(), name.to_owned()),
            ("signet.dev", "TrustPolicy") => (kind.to_owned(), name.to_owned()),
            ("", "") => ("Connaisseur".to_owned(), "Connaisseur".to_owned()),
            _ => return None,
        };
        let asks_users = match group {
            "kyverno.io" => validate_policy::asks_users(document),
            "policies.kyverno.io" | "admissionregistration.k8s.io" => {
                let spec = document.get("spec").map(Value::to_string).unwrap_or_default();
                ["userInfo", "authorizer"].iter().any(|word| spec.contains(word))
            }
            _ => false,
        };
        let mut metadata = serde_json::Map::new();
        for entry in ["name", "namespace", "uid"] {
            if let Some(found) = document.pointer(&format!("/metadata/{entry}")) {
                metadata.insert(entry.to_owned(), found.clone());
            }
        }
        let reference = serde_json::json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        let content = Digest::sha256(document.to_string().as_bytes());
        Some((key, Sketch { content, reference, origin: Origin::of(document), asks_users }))
    }

    pub(super) fn about(
        &self,
        kind: &'static str,
        key: String,
        background: bool,
        enforces: bool,
        rules: Vec<(String, RuleKind)>,
    ) -> About {
        About {
            kind,
            key,
            background,
            enforces,
            rules,
            content: self.content,
            reference: self.reference.clone(),
            origin: self.origin.clone(),
        }
    }
}

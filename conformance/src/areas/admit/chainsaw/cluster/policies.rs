//! The policies that there are, compiled from the documents of the store.

use serde_json::Value;
use signet_policy::kyverno::message::denied;
use signet_policy::kyverno::validate_policy;
use signet_policy::{admission, kyverno};
use signet_yaml::{Limits, Node, parse};

use super::store::{Key, Store, part};

/// Everything that judges.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// By name, as Kyverno's cache holds them.
    pub(super) kyverno: Vec<kyverno::Policy>,
    pub(super) exceptions: Vec<kyverno::Exception>,
    pub(super) cel: Vec<admission::Policy>,
    pub(super) cel_exceptions: Vec<admission::Exception>,
}

/// What a document of a policy is.
#[derive(Debug)]
enum Document {
    Kyverno(Box<kyverno::Policy>),
    Exception(kyverno::Exception),
    Cel(Box<admission::Policy>),
    CelException(admission::Exception),
    Binding(admission::Binding),
}

/// Whether an object is one that policies are made of.
pub(super) fn is_policy(object: &Value) -> bool {
    let version = part(object, "/apiVersion");
    let kind = part(object, "/kind");
    (version.starts_with("kyverno.io/") && matches!(kind, "ClusterPolicy" | "Policy" | "PolicyException"))
        || (version.starts_with("policies.kyverno.io/") && (kind.ends_with("Policy") || kind == "PolicyException"))
        || (version.starts_with("admissionregistration.k8s.io/") && kind.contains("AdmissionPolicy"))
}

fn read(object: &Value) -> Result<Option<Document>, String> {
    // What the API server adds is no part of the policy.
    let mut object = object.clone();
    if let Some(entries) = object.as_object_mut() {
        entries.remove("status");
    }
    let documents = parse(&object.to_string(), &Limits::default()).map_err(|err| err.to_string())?;
    let Some(node) = documents.first().map(|document| &document.root) else { return Ok(None) };
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let said = |problems: Vec<signet_policy::trust_policy::PolicyError>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    Ok(Some(if kyverno::Policy::is(node) {
        Document::Kyverno(Box::new(kyverno::Policy::load(node).map_err(said)?))
    } else if text("kind") == "PolicyException" && text("apiVersion").starts_with("kyverno.io/") {
        Document::Exception(kyverno::Exception::load(node).map_err(said)?)
    } else if admission::Policy::is(node) {
        Document::Cel(Box::new(admission::Policy::load(node).map_err(said)?))
    } else if admission::Exception::is(node) {
        Document::CelException(admission::Exception::load(node).map_err(said)?)
    } else if admission::Binding::is(node) {
        Document::Binding(admission::Binding::load(node).map_err(said)?)
    } else {
        return Ok(None);
    }))
}

/// Why a document is refused when somebody makes it.
pub(super) fn validate(object: &Value, old: Option<&Value>) -> Result<(), String> {
    let refused = |why: String| denied("validate-policy.kyverno.svc", &why);
    if let Some(Document::Kyverno(_)) = read(object).map_err(refused)? {
        validate_policy::validate(object, old).map_err(refused)?;
    }
    Ok(())
}

impl Policies {
    /// All policies of a store.
    pub(super) fn of(store: &Store) -> Policies {
        let mut policies = Policies::default();
        let mut bindings = Vec::new();
        for object in store.objects.values().filter(|object| is_policy(object)) {
            match read(object) {
                Ok(Some(Document::Kyverno(policy))) => policies.kyverno.push(*policy),
                Ok(Some(Document::Exception(exception))) => policies.exceptions.push(exception),
                Ok(Some(Document::Cel(policy))) => policies.cel.push(*policy),
                Ok(Some(Document::CelException(exception))) => policies.cel_exceptions.push(exception),
                Ok(Some(Document::Binding(binding))) => bindings.push(binding),
                // What cannot be read was refused when it was made.
                Ok(None) | Err(_) => {}
            }
        }
        policies.kyverno.sort_by_key(kyverno::Policy::key);
        // A policy of Kubernetes without a binding is about nothing.
        policies.cel.retain_mut(|policy| {
            !matches!(
                policy.kind,
                admission::Kind::ValidatingAdmissionPolicy | admission::Kind::MutatingAdmissionPolicy
            ) || (policy.bind(&bindings).is_ok() && policy.is_bound())
        });
        policies
    }
}

/// The key of a policy's document.
pub(super) fn document_of(policy: &kyverno::Policy) -> Key {
    let kind = if policy.namespace.is_some() { "Policy" } else { "ClusterPolicy" };
    key("kyverno.io", kind, policy.namespace.as_deref(), &policy.name)
}

/// The same for one that is written in CEL.
pub(super) fn document_of_cel(policy: &admission::Policy) -> Key {
    let kind = policy.kind.as_str();
    let kubernetes = kind.ends_with("AdmissionPolicy");
    let group = if kubernetes { "admissionregistration.k8s.io" } else { "policies.kyverno.io" };
    key(group, kind, policy.namespace.as_deref(), &policy.name)
}

fn key(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Key {
    let [group, kind, namespace, name] = [group, kind, namespace.unwrap_or_default(), name].map(str::to_owned);
    Key { group, kind, namespace, name }
}

//! `TrustRoot`: the keys and certificates of a Sigstore of one's own, or where they come from.
//!
//! Source: sigstore/policy-controller:pkg/apis/policy/v1alpha1/trustroot_{types,validation}.go.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use super::fields::{Fields, beside};
use crate::kyverno::schema::Shape::{self, Any, Fields as Map, List, Text};
use crate::kyverno::schema::check;
use crate::trust_policy::PolicyError;

static NAME: Shape = Map("subject", &[("organization", &Text), ("commonName", &Text)]);
static AUTHORITY: Shape = Map("certificateAuthorities", &[("subject", &NAME), ("uri", &Text), ("certChain", &Text)]);
static LOG: Shape = Map(
    "tLogs",
    &[("baseURL", &Text), ("hashAlgorithm", &Text), ("publicKey", &Text), ("logID", &Text), ("validFor", &Any)],
);
static KEYS: Shape = Map(
    "sigstoreKeys",
    &[
        ("certificateAuthorities", &List(&AUTHORITY)),
        ("tLogs", &List(&LOG)),
        ("ctLogs", &List(&LOG)),
        ("timestampAuthorities", &List(&AUTHORITY)),
    ],
);
static ROOT: Shape = Map(
    "the trust root",
    &[
        ("apiVersion", &Text),
        ("kind", &Text),
        ("metadata", &Any),
        (
            "spec",
            &Map(
                "spec",
                &[
                    (
                        "remote",
                        &Map(
                            "remote",
                            &[("root", &Text), ("mirror", &Text), ("targets", &Text), ("trustedRootTarget", &Text)],
                        ),
                    ),
                    (
                        "repository",
                        &Map(
                            "repository",
                            &[("root", &Text), ("mirrorFS", &Text), ("targets", &Text), ("trustedRootTarget", &Text)],
                        ),
                    ),
                    ("sigstoreKeys", &KEYS),
                    ("trustedRootJSON", &Text),
                ],
            ),
        ),
        ("status", &Any),
    ],
);

/// A trust root, with its material as it was written. Whoever verifies reads it; what cannot be read is known here already, and trusts nothing.
#[derive(Clone, Debug)]
pub struct TrustRoot {
    /// Its name.
    pub name: String,
    /// The document's `spec`.
    pub spec: Json,
    /// The same as text.
    pub text: Arc<str>,
    /// What of it is no key, certificate or root: a policy that needs the trust root refuses then.
    pub unusable: Vec<String>,
}

impl TrustRoot {
    /// Whether a document is one.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        text("apiVersion").starts_with("policy.sigstore.dev/") && text("kind") == "TrustRoot"
    }

    /// Reads a trust root.
    ///
    /// Errors: everything that is missing in it or stands in the wrong place.
    pub fn load(node: &Node) -> Result<TrustRoot, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &ROOT, "the trust root", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let json = to_json(node);
        let spec = json.get("spec").cloned().unwrap_or(Json::Null);
        let name = json.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut fields = Fields::new(node);
        let kinds = ["remote", "repository", "sigstoreKeys", "trustedRootJSON"];
        let present = |key: &&str| spec.get(*key).is_some_and(|found| !found.is_null() && found.as_str() != Some(""));
        let given: Vec<&str> = kinds.iter().filter(|key| present(key)).copied().collect();
        let mut unusable = Vec::new();
        if name.is_empty() {
            fields.missing(&["metadata.name".to_owned()]);
        }
        match given.as_slice() {
            [] => fields.neither(&beside("spec", &kinds)),
            ["remote"] => remote(&spec, &mut fields, &mut unusable),
            ["repository"] => repository(&spec, &mut fields, &mut unusable),
            ["sigstoreKeys"] => keys(&spec, &mut fields, &mut unusable),
            ["trustedRootJSON"] => {
                let text = spec.get("trustedRootJSON").and_then(Json::as_str).unwrap_or_default();
                if serde_json::from_str::<Json>(text).is_err() {
                    unusable.push("`trustedRootJSON` is no JSON".to_owned());
                }
            }
            _ => fields.both(&beside("spec", &kinds)),
        }
        if fields.problems.is_empty() {
            Ok(TrustRoot { name, text: Arc::from(spec.to_string()), spec, unusable })
        } else {
            Err(fields.problems)
        }
    }
}

fn text<'v>(of: &'v Json, key: &str) -> &'v str {
    of.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Bytes that stand in a document as base64.
fn bytes(of: &Json, key: &str) -> Option<Vec<u8>> {
    let compact: String = text(of, key).chars().filter(|letter| !letter.is_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

fn root(of: &Json, path: &str, fields: &mut Fields<'_>, unusable: &mut Vec<String>) {
    if text(of, "root").is_empty() {
        return fields.missing(&[format!("{path}.root")]);
    }
    let json = bytes(of, "root").and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    match json {
        None => unusable.push(format!("`{path}.root` is no JSON in base64")),
        Some(json) if json.get("signatures").is_none() => {
            fields.invalid("missing signatures in root.json", &format!("{path}.root"), "no signatures");
        }
        Some(_) => {}
    }
}

fn remote(spec: &Json, fields: &mut Fields<'_>, unusable: &mut Vec<String>) {
    let remote = spec.get("remote").unwrap_or(&Json::Null);
    if text(remote, "mirror").is_empty() {
        fields.missing(&["spec.remote.mirror".to_owned()]);
    } else if !text(remote, "mirror").starts_with("https://") && !text(remote, "mirror").starts_with("http://") {
        unusable.push("`spec.remote.mirror` is no URL".to_owned());
    }
    root(remote, "spec.remote", fields, unusable);
}

fn repository(spec: &Json, fields: &mut Fields<'_>, unusable: &mut Vec<String>) {
    let repository = spec.get("repository").unwrap_or(&Json::Null);
    root(repository, "spec.repository", fields, unusable);
    if text(repository, "mirrorFS").is_empty() {
        fields.missing(&["spec.repository.mirrorFS".to_owned()]);
    } else if bytes(repository, "mirrorFS").is_none() {
        unusable.push("`spec.repository.mirrorFS` is no base64".to_owned());
    }
}

fn keys(spec: &Json, fields: &mut Fields<'_>, unusable: &mut Vec<String>) {
    let keys = spec.get("sigstoreKeys").unwrap_or(&Json::Null);
    let list = |key: &str| keys.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if list("certificateAuthorities").is_empty() && list("timestampAuthorities").is_empty() {
        fields.neither(&beside("spec.sigstoreKeys", &["certificateAuthority", "timestampAuthorities"]));
    }
    let mut need = |of: &Json, path: &str, names: &[&str]| {
        for name in names.iter().filter(|name| text(of, name).is_empty()) {
            fields.missing(&[format!("{path}.{name}")]);
        }
    };
    let mut material = |of: &Json, key: &str, path: &str, heading: &str| {
        let found = bytes(of, key).and_then(|bytes| String::from_utf8(bytes).ok());
        if !text(of, key).is_empty() && !found.is_some_and(|text| text.contains(heading)) {
            unusable.push(format!("`{path}.{key}` is no PEM in base64"));
        }
    };
    for kind in ["certificateAuthorities", "timestampAuthorities"] {
        for (index, authority) in list(kind).iter().enumerate() {
            let path = format!("spec.sigstoreKeys.{kind}[{index}]");
            need(authority, &path, &["uri", "certChain"]);
            need(
                authority.get("subject").unwrap_or(&Json::Null),
                &format!("{path}.subject"),
                &["organization", "commonName"],
            );
            material(authority, "certChain", &path, "-----BEGIN CERTIFICATE-----");
        }
    }
    for kind in ["ctLogs", "tLogs"] {
        for (index, log) in list(kind).iter().enumerate() {
            let path = format!("spec.sigstoreKeys.{kind}[{index}]");
            need(log, &path, &["baseURL", "hashAlgorithm", "publicKey"]);
            material(log, "publicKey", &path, "PUBLIC KEY-----");
        }
    }
}

//! `ClusterImagePolicy`, loaded.

use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use super::authority::{Authority, Kind};
use super::fields::Fields;
use super::glob::Glob;
use super::language::Language;
use super::settings::Settings;
use crate::kyverno::matching::Selector;
use crate::kyverno::schema::Shape::{self, Any, Bool, Fields as Map, List, Text};
use crate::kyverno::schema::{SELECTOR, check, problem};
use crate::trust_policy::PolicyError;

/// Authorities of one policy, and its globs.
const MAX_ENTRIES: usize = 256;

static SECRET: Shape = Map("secretRef", &[("name", &Text), ("namespace", &Text)]);
static KEY: Shape = Map("key", &[("secretRef", &SECRET), ("data", &Text), ("kms", &Text), ("hashAlgorithm", &Text)]);
static IDENTITY: Shape =
    Map("identities", &[("issuer", &Text), ("subject", &Text), ("issuerRegExp", &Text), ("subjectRegExp", &Text)]);
static KEYLESS: Shape = Map(
    "keyless",
    &[
        ("url", &Text),
        ("identities", &List(&IDENTITY)),
        ("ca-cert", &KEY),
        ("trustRootRef", &Text),
        ("insecureIgnoreSCT", &Bool),
    ],
);
static LANGUAGE: Shape = Map(
    "policy",
    &[
        ("type", &Text),
        ("data", &Text),
        ("remote", &Map("remote", &[("url", &Text), ("sha256sum", &Text)])),
        ("configMapRef", &Map("configMapRef", &[("name", &Text), ("namespace", &Text), ("key", &Text)])),
        ("fetchConfigFile", &Bool),
        ("includeSpec", &Bool),
        ("includeObjectMeta", &Bool),
        ("includeTypeMeta", &Bool),
    ],
);
static ATTESTATION: Shape = Map("attestations", &[("name", &Text), ("predicateType", &Text), ("policy", &LANGUAGE)]);
static SOURCE: Shape = Map(
    "source",
    &[
        ("oci", &Text),
        ("signaturePullSecrets", &List(&Map("signaturePullSecrets", &[("name", &Text)]))),
        ("tagPrefix", &Text),
    ],
);
static AUTHORITY: Shape = Map(
    "authorities",
    &[
        ("name", &Text),
        ("key", &KEY),
        ("keyless", &KEYLESS),
        ("static", &Map("static", &[("action", &Text), ("message", &Text)])),
        ("source", &List(&SOURCE)),
        ("ctlog", &Map("ctlog", &[("url", &Text), ("trustRootRef", &Text)])),
        ("attestations", &List(&ATTESTATION)),
        ("rfc3161timestamp", &Map("rfc3161timestamp", &[("trustRootRef", &Text)])),
        ("signatureFormat", &Text),
    ],
);
static MATCH: Shape =
    Map("match", &[("group", &Text), ("version", &Text), ("resource", &Text), ("selector", &SELECTOR)]);
static POLICY: Shape = Map(
    "the policy",
    &[
        ("apiVersion", &Text),
        ("kind", &Text),
        ("metadata", &Any),
        (
            "spec",
            &Map(
                "spec",
                &[
                    ("images", &List(&Map("images", &[("glob", &Text)]))),
                    ("authorities", &List(&AUTHORITY)),
                    ("policy", &LANGUAGE),
                    ("mode", &Text),
                    ("match", &List(&MATCH)),
                ],
            ),
        ),
        ("status", &Any),
    ],
);

/// What a failure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The request is refused.
    #[default]
    Enforce,
    /// Who asks is warned.
    Warn,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What a failure means.
    pub mode: Mode,
    pub(super) globs: Vec<Glob>,
    pub(super) matches: Vec<MatchResource>,
    pub(super) authorities: Vec<Authority>,
    pub(super) language: Option<Language>,
}

/// Resources that a policy is about.
#[derive(Clone, Debug)]
pub(super) struct MatchResource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
    pub(super) selector: Option<Selector>,
}

/// The resources that the controller's webhook is asked about.
const RESOURCES: [&str; 7] = ["replicasets", "deployments", "pods", "cronjobs", "jobs", "statefulsets", "daemonsets"];

impl Policy {
    /// Whether a document is one.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let version = text("apiVersion").strip_prefix("policy.sigstore.dev/").unwrap_or_default();
        matches!(version, "v1alpha1" | "v1beta1") && text("kind") == "ClusterImagePolicy"
    }

    /// Reads a policy, with the controller's settings as they are by default.
    ///
    /// Errors: everything that is wrong with it, with its place, in the words of the Policy Controller.
    pub fn load(node: &Node) -> Result<Policy, Vec<PolicyError>> {
        Policy::load_with(node, &Settings::default())
    }

    /// The same, with these settings.
    pub fn load_with(node: &Node, settings: &Settings) -> Result<Policy, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &POLICY, "the policy", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let json = to_json(node);
        let spec = json.get("spec").unwrap_or(&Json::Null);
        let name = json.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default().to_owned();
        let list = |key: &str| spec.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut fields = Fields::new(node);
        if name.is_empty() {
            fields.missing(&["metadata.name".to_owned()]);
        }
        for key in ["authorities", "images", "match"].into_iter().filter(|key| list(key).len() > MAX_ENTRIES) {
            fields.invalid(key, &format!("spec.{key}"), "there are too many of them");
        }
        let mut globs = Vec::new();
        if list("images").is_empty() {
            fields.missing(&["spec.images".to_owned()]);
        }
        for (index, image) in list("images").iter().take(MAX_ENTRIES).enumerate() {
            let path = format!("spec.images[{index}].glob");
            match image.get("glob").and_then(Json::as_str).unwrap_or_default() {
                "" => fields.missing(&[path]),
                text => match Glob::compile(text) {
                    Ok(glob) => globs.push(glob),
                    Err(why) => fields.invalid(text, &path, &why),
                },
            }
        }
        if list("authorities").is_empty() && settings.fail_on_empty_authorities {
            fields.missing(&["spec.authorities".to_owned()]);
        }
        let authorities = list("authorities").iter().take(MAX_ENTRIES).enumerate();
        let authorities: Vec<Authority> =
            authorities.filter_map(|(index, authority)| Authority::read(authority, index, &mut fields)).collect();
        let mode = match spec.get("mode").and_then(Json::as_str).unwrap_or_default() {
            "" | "enforce" => Mode::Enforce,
            "warn" => Mode::Warn,
            other => {
                fields.invalid(other, "spec.mode", "unsupported mode");
                Mode::Enforce
            }
        };
        let matches = list("match").iter().take(MAX_ENTRIES).enumerate();
        let matches = matches.filter_map(|(index, entry)| MatchResource::read(entry, index, &mut fields)).collect();
        let language = spec.get("policy").filter(|found| !found.is_null());
        let language = language.and_then(|found| Language::read(found, "spec.policy", true, &mut fields));
        if fields.problems.is_empty() {
            Ok(Policy { name, mode, globs, matches, authorities, language })
        } else {
            Err(fields.problems)
        }
    }

    /// Whether anything of it is written in CUE: it refuses each image that it matches, unless another authority lets it pass.
    pub fn uses_cue(&self) -> bool {
        self.language.as_ref().is_some_and(Language::is_cue)
            || self.authorities.iter().any(|authority| match &authority.kind {
                Kind::Signed(signed) => signed
                    .attestations
                    .iter()
                    .any(|attestation| attestation.policy.as_ref().is_some_and(Language::is_cue)),
                _ => false,
            })
    }

    /// Its globs, as they are written.
    pub fn globs(&self) -> impl Iterator<Item = &str> {
        self.globs.iter().map(|glob| glob.text.as_str())
    }

    /// Whether it can do nothing but ask for more: no authority of it passes by itself.
    pub(super) fn only_demands(&self) -> bool {
        !self.authorities.iter().any(|authority| matches!(authority.kind, Kind::Pass))
    }
}

impl MatchResource {
    fn read(value: &Json, index: usize, fields: &mut Fields<'_>) -> Option<MatchResource> {
        let text = |key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let path = format!("spec.match[{index}]");
        let found = MatchResource {
            group: text("group"),
            version: text("version"),
            resource: text("resource"),
            selector: match value.get("selector").filter(|found| !found.is_null()).map(Selector::compile).transpose() {
                Ok(selector) => selector,
                Err(why) => {
                    fields.problems.push(problem_at(fields, &path, why));
                    return None;
                }
            },
        };
        let known = RESOURCES.contains(&found.resource.as_str());
        if !found.resource.is_empty() && !known {
            fields.invalid(&found.resource, &format!("{path}.resource"), "unsupported resource name");
        }
        let typed = !found.resource.is_empty() || !found.version.is_empty() || !found.group.is_empty();
        if found.selector.is_some() && !typed {
            let why = "selector requires a resource type to match the labels";
            fields.invalid(&found.resource, &format!("{path}.selector"), why);
        }
        Some(found)
    }
}

fn problem_at(fields: &Fields<'_>, path: &str, message: String) -> PolicyError {
    problem(fields.node(path), message, None)
}

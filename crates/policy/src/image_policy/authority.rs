//! One entry of `authorities`: whose signature counts, and what it must say.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::fields::{Fields, beside};
use super::language::Language;
use super::trust_root::TrustRoot;
use crate::kyverno::verify_images::{
    Credentials, Demand, DemandedLog, DemandedSigner, Identity, Layout, RootRef, SignatureSource,
};

const FULCIO: &str = "https://fulcio.sigstore.dev";
const REKOR: &str = "https://rekor.sigstore.dev";
/// Services that hold keys.
const KEY_SERVICES: [&str; 4] = ["awskms://", "azurekms://", "gcpkms://", "hashivault://"];
/// Identities of one authority, and its attestations.
const MAX_ENTRIES: usize = 256;

/// An authority.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Pass,
    /// With its message.
    Fail(String),
    Signed(Box<Signed>),
}

/// What a signature must be.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    /// Without the image.
    demand: Demand,
    pub(super) attestations: Vec<Attestation>,
}

/// A statement that must be there.
#[derive(Clone, Debug)]
pub(super) struct Attestation {
    pub(super) name: String,
    /// As it stands in the statement.
    pub(super) predicate_type: String,
    pub(super) policy: Option<Language>,
}

fn present<'v>(of: &'v Json, key: &str) -> Option<&'v Json> {
    of.get(key).filter(|found| !found.is_null())
}

fn text<'v>(of: &'v Json, key: &str) -> &'v str {
    of.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn list<'v>(of: &'v Json, key: &str) -> &'v [Json] {
    of.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

impl Authority {
    /// Reads one. What is wrong with it goes to `fields`.
    pub(super) fn read(value: &Json, index: usize, fields: &mut Fields<'_>) -> Option<Authority> {
        let path = format!("spec.authorities[{index}]");
        let name = match text(value, "name") {
            "" => format!("authority-{index}"),
            name => name.to_owned(),
        };
        if let Some(keyless) = present(value, "keyless")
            && list(keyless, "identities").is_empty()
        {
            fields.shape(&format!("{path}.keyless.identities"), "null", "array");
        }
        let kinds = ["key", "keyless", "static"];
        let given: Vec<&str> = kinds.into_iter().filter(|kind| present(value, kind).is_some()).collect();
        let kind = match given.as_slice() {
            ["static"] => fixed(value, &path, fields)?,
            [_] => Kind::Signed(Box::new(Signed::read(value, &path, fields)?)),
            [] => {
                fields.neither(&beside(&path, &kinds));
                return None;
            }
            _ => {
                fields.both(&beside(&path, &kinds));
                return None;
            }
        };
        Some(Authority { name, kind })
    }
}

fn fixed(value: &Json, path: &str, fields: &mut Fields<'_>) -> Option<Kind> {
    for key in ["attestations", "ctlog", "rfc3161timestamp", "source"] {
        let given = present(value, key).is_some_and(|found| found.as_array().is_none_or(|items| !items.is_empty()));
        if given {
            let mut paths = beside(path, &[key, "static"]);
            paths.sort();
            fields.both(&paths);
        }
    }
    let rule = value.get("static").unwrap_or(&Json::Null);
    match text(rule, "action") {
        "pass" => Some(Kind::Pass),
        "fail" => Some(Kind::Fail(text(rule, "message").to_owned())),
        "" => {
            fields.missing(&[format!("{path}.static.action")]);
            None
        }
        other => {
            fields.invalid(other, &format!("{path}.static.action"), "unsupported action");
            None
        }
    }
}

impl Signed {
    fn read(value: &Json, path: &str, fields: &mut Fields<'_>) -> Option<Signed> {
        let before = fields.problems.len();
        let signer = match present(value, "key") {
            Some(found) => key(found, &format!("{path}.key"), fields)
                .map(|(key, algorithm)| DemandedSigner::Key { key, algorithm }),
            None => keyless(value.get("keyless").unwrap_or(&Json::Null), &format!("{path}.keyless"), fields),
        };
        let (source, secrets) = source(value, path, fields);
        let root = |of: &Json| match text(of, "trustRootRef") {
            "" => None,
            name => Some(named(name)),
        };
        let timestamp = present(value, "rfc3161timestamp").map(|found| root(found).unwrap_or(RootRef::Default));
        let log = match present(value, "ctlog") {
            Some(log) => match (root(log), text(log, "url")) {
                (Some(root), _) => DemandedLog::Required(root),
                // `ctlog: {}` asks for no log.
                (None, "") => DemandedLog::Ignored,
                (None, url) => DemandedLog::Required(service(url, REKOR)),
            },
            None if matches!(signer, Some(DemandedSigner::Keyless { .. })) && timestamp.is_none() => {
                DemandedLog::Required(RootRef::Default)
            }
            None => DemandedLog::Ignored,
        };
        let layout = match text(value, "signatureFormat") {
            "" | "legacy" => Layout::Cosign,
            "bundle" => Layout::SigstoreBundle,
            other => {
                fields.invalid(other, &format!("{path}.signatureFormat"), "unsupported signature format");
                Layout::Cosign
            }
        };
        let mut attestations = Vec::new();
        if list(value, "attestations").len() > MAX_ENTRIES {
            fields.invalid("attestations", &format!("{path}.attestations"), "there are too many of them");
        }
        for (index, attestation) in list(value, "attestations").iter().take(MAX_ENTRIES).enumerate() {
            let path = format!("{path}.attestations[{index}]");
            for key in ["name", "predicateType"].into_iter().filter(|key| text(attestation, key).is_empty()) {
                fields.missing(&[format!("{path}.{key}")]);
            }
            let policy = present(attestation, "policy")
                .map(|policy| Language::read(policy, &format!("{path}.policy"), false, fields));
            attestations.push(Attestation {
                name: text(attestation, "name").to_owned(),
                predicate_type: predicate_type(text(attestation, "predicateType")),
                policy: policy.flatten(),
            });
        }
        let demand = Demand {
            reference: String::new(),
            layout,
            signer: signer?,
            log,
            timestamp,
            annotations: Vec::new(),
            source,
            predicate_type: None,
            credentials: Credentials { secrets, ..Credentials::default() },
        };
        (fields.problems.len() == before).then_some(Signed { demand, attestations })
    }

    /// What is asked about an image. The trust roots that it names stand in the question with what they hold.
    pub(super) fn demand(
        &self,
        reference: &str,
        credentials: &Credentials,
        predicate_type: Option<&str>,
        roots: &[TrustRoot],
    ) -> Demand {
        let mut demand = self.demand.clone();
        for root in named_of(&mut demand) {
            if let RootRef::Named { name, spec } = root
                && let Some(found) = roots.iter().find(|root| root.name == *name)
            {
                *spec = Arc::clone(&found.text);
            }
        }
        demand.reference = reference.to_owned();
        demand.predicate_type = predicate_type.map(str::to_owned);
        demand.credentials.secrets.extend(credentials.secrets.iter().cloned());
        demand.credentials.secrets.sort();
        demand.credentials.secrets.dedup();
        demand
    }

    /// The trust roots that it names.
    pub(super) fn roots(&self) -> impl Iterator<Item = &str> {
        self.demand.roots().filter_map(|root| match root {
            RootRef::Named { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it is a key's, for messages.
    pub(super) fn is_key(&self) -> bool {
        matches!(self.demand.signer, DemandedSigner::Key { .. })
    }
}

/// A trust root that is looked up when the question is asked.
fn named(name: &str) -> RootRef {
    RootRef::Named { name: name.to_owned(), spec: Arc::from("") }
}

fn named_of(demand: &mut Demand) -> impl Iterator<Item = &mut RootRef> {
    let authority = match &mut demand.signer {
        DemandedSigner::Keyless { authority, .. } => Some(authority),
        _ => None,
    };
    let log = match &mut demand.log {
        DemandedLog::Required(root) => Some(root),
        DemandedLog::Ignored => None,
    };
    [authority, log, demand.timestamp.as_mut()].into_iter().flatten()
}

/// The public service is the program's own trust root.
fn service(url: &str, public: &str) -> RootRef {
    if url.trim_end_matches('/') == public { RootRef::Default } else { RootRef::Url(url.to_owned()) }
}

/// The short names of predicate types, as Cosign knows them.
fn predicate_type(name: &str) -> String {
    match name {
        "custom" => "https://cosign.sigstore.dev/attestation/v1",
        "slsaprovenance" => "https://slsa.dev/provenance/v0.2",
        "slsaprovenance02" => "https://slsa.dev/provenance/v0.2",
        "slsaprovenance1" => "https://slsa.dev/provenance/v1",
        "spdx" | "spdxjson" => "https://spdx.dev/Document",
        "cyclonedx" => "https://cyclonedx.org/bom",
        "link" => "https://in-toto.io/Link/v1",
        "vuln" => "https://cosign.sigstore.dev/attestation/vuln/v1",
        "openvex" => "https://openvex.dev/ns",
        other => other,
    }
    .to_owned()
}

/// A key: itself or where it is, and its hash algorithm.
fn key(value: &Json, path: &str, fields: &mut Fields<'_>) -> Option<(String, String)> {
    let before = fields.problems.len();
    let (data, kms, secret) = (text(value, "data"), text(value, "kms"), present(value, "secretRef"));
    let places = beside(path, &["data", "kms", "secretref"]);
    match usize::from(!data.is_empty()) + usize::from(!kms.is_empty()) + usize::from(secret.is_some()) {
        0 => fields.neither(&places),
        1 => {}
        _ => fields.both(&places),
    }
    let algorithm = match text(value, "hashAlgorithm") {
        "" => "sha256",
        name @ ("sha224" | "sha256" | "sha384" | "sha512") => name,
        other => {
            fields.invalid(other, &format!("{path}.hashAlgorithm"), "there are sha224, sha256, sha384 and sha512");
            "sha256"
        }
    };
    if !data.is_empty() && !is_public_key(data) {
        fields.invalid(data.trim(), &format!("{path}.data"), "it is no public key in PEM");
    }
    if !kms.is_empty()
        && let Err(why) = key_service(kms)
    {
        fields.invalid(kms, &format!("{path}.kms"), &why);
    }
    let secret = secret.map(|secret| {
        let namespace = match text(secret, "namespace") {
            "" => "cosign-system",
            namespace => namespace,
        };
        if text(secret, "name").is_empty() {
            fields.missing(&[format!("{path}.secretRef.name")]);
        }
        format!("k8s://{namespace}/{}", text(secret, "name"))
    });
    if fields.problems.len() > before {
        return None;
    }
    let found =
        [data.to_owned(), kms.to_owned(), secret.unwrap_or_default()].into_iter().find(|found| !found.is_empty());
    Some((found?, algorithm.to_owned()))
}

/// Whether a text is a public key in PEM.
pub(crate) fn is_public_key(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("-----BEGIN ") else { return false };
    let Some((label, rest)) = rest.split_once("-----") else { return false };
    let Some((body, _)) = rest.split_once("-----END ") else { return false };
    let compact: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    let Ok(bytes) = STANDARD.decode(compact) else { return false };
    match label {
        "PUBLIC KEY" => SubjectPublicKeyInfoRef::from_der(&bytes).is_ok(),
        // PKCS #1, a sequence of two numbers.
        "RSA PUBLIC KEY" => bytes.first() == Some(&0x30),
        _ => false,
    }
}

/// `awskms://[HOST:PORT]/ARN`, or another service's form.
fn key_service(text: &str) -> Result<(), String> {
    if !KEY_SERVICES.iter().any(|prefix| text.starts_with(prefix)) {
        return Err(format!(
            "malformed KMS format, should be prefixed by any of the supported providers: {KEY_SERVICES:?}"
        ));
    }
    if !text.starts_with("awskms://") {
        return Ok(());
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (Some(endpoint), Some(name)) = (parts.get(2), parts.get(3)) else {
        return Err("malformed AWS KMS format 'awskms://$ENDPOINT/$KEYID'".to_owned());
    };
    if !endpoint.is_empty() {
        let port = endpoint.rsplit_once(':').map(|(_, port)| port);
        if !port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err("malformed endpoint: it needs a host and a port".to_owned());
        }
    }
    let sections: Vec<&str> = name.splitn(6, ':').collect();
    match sections.as_slice() {
        ["arn", _, _, _, _, "key" | "alias"] if parts.get(4).is_some_and(|id| !id.is_empty()) => Ok(()),
        _ => Err("failed to parse either key or alias arn: it must be arn:aws:kms:REGION:ACCOUNT:key/ID".to_owned()),
    }
}

fn keyless(value: &Json, path: &str, fields: &mut Fields<'_>) -> Option<DemandedSigner> {
    let before = fields.problems.len();
    let (url, certificate) = (text(value, "url"), present(value, "ca-cert"));
    if !url.is_empty() && certificate.is_some() {
        fields.both(&beside(path, &["ca-cert", "url"]));
    }
    if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
        fields.invalid(url, &format!("{path}.url"), "it is no URL");
    }
    let material = certificate.and_then(|found| key(found, &format!("{path}.ca-cert"), fields));
    let mut identities = Vec::new();
    if list(value, "identities").len() > MAX_ENTRIES {
        fields.invalid("identities", &format!("{path}.identities"), "there are too many of them");
    }
    for (index, identity) in list(value, "identities").iter().take(MAX_ENTRIES).enumerate() {
        identities.push(read_identity(identity, &format!("{path}.identities[{index}]"), fields));
    }
    let authority = match (text(value, "trustRootRef"), material, url) {
        ("", Some((material, _)), _) => RootRef::Material(material),
        ("", None, "") => RootRef::Default,
        ("", None, url) => service(url, FULCIO),
        (name, _, _) => named(name),
    };
    (fields.problems.len() == before && !identities.is_empty()).then(|| DemandedSigner::Keyless {
        identities,
        authority,
        ignore_certificate_log: value.get("insecureIgnoreSCT").and_then(Json::as_bool).unwrap_or(false),
        certificate_log_key: String::new(),
    })
}

fn read_identity(value: &Json, path: &str, fields: &mut Fields<'_>) -> Identity {
    for (plain, pattern) in [("issuer", "issuerRegExp"), ("subject", "subjectRegExp")] {
        match (text(value, plain), text(value, pattern)) {
            ("", "") => fields.missing(&beside(path, &[plain, pattern])),
            (_, "") => {}
            ("", found) => {
                if let Err(why) = crate::go::regex::compile(found) {
                    fields.invalid(found, &format!("{path}.{pattern}"), &format!("regex is invalid: {why}"));
                }
            }
            _ => fields.both(&beside(path, &[plain, pattern])),
        }
    }
    Identity {
        issuer: text(value, "issuer").to_owned(),
        issuer_pattern: text(value, "issuerRegExp").to_owned(),
        subject: text(value, "subject").to_owned(),
        subject_pattern: text(value, "subjectRegExp").to_owned(),
    }
}

fn source(value: &Json, path: &str, fields: &mut Fields<'_>) -> (Option<SignatureSource>, Vec<String>) {
    let sources = list(value, "source");
    if sources.len() > 1 {
        fields.invalid("source", &format!("{path}.source"), "at most one source is supported");
    }
    let Some(found) = sources.first() else { return (None, Vec::new()) };
    let repository = text(found, "oci");
    let valid = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '/');
    if !repository.is_empty() && (!repository.chars().all(valid) || repository.split('/').any(str::is_empty)) {
        fields.invalid(repository, &format!("{path}.source[0].oci"), "it is no repository of a registry");
    }
    let mut secrets = Vec::new();
    for (index, secret) in list(found, "signaturePullSecrets").iter().enumerate() {
        match text(secret, "name") {
            "" => fields.missing(&[format!("{path}.source[0].signaturePullSecrets[{index}].name")]),
            name => secrets.push(name.to_owned()),
        }
    }
    let source = SignatureSource { repository: repository.to_owned(), tag_prefix: text(found, "tagPrefix").to_owned() };
    ((source != SignatureSource::default()).then_some(source), secrets)
}

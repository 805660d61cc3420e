//! `attestors`, `attestations` and what else an ImageValidatingPolicy says of images, read and checked.
//!
//! Source: kyverno/api:api/policies.kyverno.io/v1beta1/imagevalidating_policy.go; kyverno/kyverno:pkg/image/verifiers/ivpol/cosign/opts.go.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::host::{Scope, Session};
use super::images::ImageMatch;
use super::rule::{list, text};
use super::verify::shown;
use crate::cel::{Environment, Error, Program, Value};
use crate::kyverno::verify_images::{Authority, Credentials, Keyless, Layout, Logs};

/// Attestors of one policy, and identities of one attestor.
const MOST: usize = 64;

/// What a policy says of images.
#[derive(Clone, Debug, Default)]
pub(super) struct ImageRules {
    /// Which images it is about; all, if it does not say.
    pub(super) wanted: Vec<ImageMatch>,
    pub(super) attestors: BTreeMap<String, Attestor>,
    pub(super) attestations: BTreeMap<String, Attestation>,
    pub(super) credentials: Credentials,
    /// Digests are written beside tags.
    pub(super) mutate_digest: bool,
    /// An image without a digest is refused.
    pub(super) verify_digest: bool,
    /// An image that no policy verified is refused.
    pub(super) required: bool,
}

/// Text of the policy, or an expression that gives it.
#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Expression(Box<Program>),
}

/// Somebody who signs.
#[derive(Clone, Debug)]
pub(super) struct Attestor {
    who: Who,
    logs: Logs,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) repository: String,
    /// Secrets for the place where the signatures lie.
    pub(super) secrets: Vec<String>,
}

#[derive(Clone, Debug)]
enum Who {
    Key { key: Given, algorithm: String },
    Certificate { certificate: Given, chain: Given },
    Keyless(Vec<Keyless>),
    Notary { certificates: Given, timestamps: Given },
}

/// A statement about an image.
#[derive(Clone, Debug)]
pub(super) struct Attestation {
    /// Its predicate type, or the artifact type of its referrer.
    pub(super) kind: String,
    pub(super) is_referrer: bool,
}

fn present<'v>(of: &'v Json, key: &str) -> Option<&'v Json> {
    of.get(key).filter(|found| !found.is_null())
}

fn texts(of: &Json, key: &str) -> Vec<String> {
    list(of, key).filter_map(Json::as_str).map(str::to_owned).collect()
}

fn flag(of: Option<&Json>, key: &str, default: bool) -> bool {
    of.and_then(|of| of.get(key)).and_then(Json::as_bool).unwrap_or(default)
}

/// Refuses fields that nobody would read: what they say was meant to be asked.
fn only(of: &Json, what: &str, known: &[&str]) -> Result<(), String> {
    let entries = of.as_object().ok_or_else(|| format!("{what} must be a mapping"))?;
    match entries.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{what} has no field `{key}` that is judged here; there are {}", known.join(", "))),
        None => Ok(()),
    }
}

impl ImageRules {
    /// Reads them. `environment`: what expressions about a request may name.
    pub(super) fn compile(spec: &Json, environment: &Environment) -> Result<ImageRules, String> {
        let configured = spec.get("validationConfigurations");
        let credentials = spec.get("credentials").unwrap_or(&Json::Null);
        let mut rules = ImageRules {
            wanted: ImageMatch::compile_all(spec)?,
            credentials: Credentials {
                allow_insecure: flag(Some(credentials), "allowInsecureRegistry", false),
                providers: texts(credentials, "providers"),
                secrets: texts(credentials, "secrets"),
            },
            mutate_digest: flag(configured, "mutateDigest", true),
            verify_digest: flag(configured, "verifyDigest", true),
            required: flag(configured, "required", true),
            ..ImageRules::default()
        };
        let environment = environment.clone().without_images();
        for (index, entry) in list(spec, "attestors").enumerate() {
            let name = named(entry, "attestor", index, &rules.attestors)?;
            let attestor = Attestor::compile(entry, &environment).map_err(|err| format!("attestor `{name}`: {err}"))?;
            rules.attestors.insert(name, attestor);
        }
        for (index, entry) in list(spec, "attestations").enumerate() {
            let name = named(entry, "attestation", index, &rules.attestations)?;
            let attestation = Attestation::compile(entry).map_err(|err| format!("attestation `{name}`: {err}"))?;
            rules.attestations.insert(name, attestation);
        }
        Ok(rules)
    }

    /// Whether the policy is about an image.
    pub(super) fn wants(&self, image: &str, session: &Session<'_>) -> Result<bool, Error> {
        for entry in &self.wanted {
            if entry.includes(image, session)? {
                return Ok(true);
            }
        }
        Ok(self.wanted.is_empty())
    }
}

fn named<T>(entry: &Json, what: &str, index: usize, known: &BTreeMap<String, T>) -> Result<String, String> {
    let name = text(entry, "name");
    if name.is_empty() || known.contains_key(name) {
        return Err(format!("`{what}s[{index}]` needs a name of its own, and `{name}` is none"));
    }
    if known.len() >= MOST {
        return Err(format!("a policy may have {MOST} {what}s"));
    }
    Ok(name.to_owned())
}

impl Given {
    /// `{value}` or `{expression}`; nothing is no text.
    fn compile(of: Option<&Json>, what: &str, environment: &Environment) -> Result<Given, String> {
        let Some(of) = of.filter(|of| !of.is_null()) else { return Ok(Given::Text(String::new())) };
        only(of, &format!("`{what}`"), &["value", "expression"])?;
        Given::of(text(of, "value"), text(of, "expression"), what, environment)
    }

    fn of(value: &str, expression: &str, what: &str, environment: &Environment) -> Result<Given, String> {
        match (value, expression) {
            (_, "") => Ok(Given::Text(value.to_owned())),
            ("", expression) => Program::compile_string(expression, environment)
                .map(|program| Given::Expression(Box::new(program)))
                .map_err(|err| format!("`{what}`: {err}")),
            _ => Err(format!("`{what}` is given twice, as text and as an expression")),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Given::Text(text) if text.trim().is_empty())
    }

    fn text<'a>(&'a self, scope: &Scope<'a>) -> Result<String, Error> {
        match self {
            Given::Text(text) => Ok(text.clone()),
            Given::Expression(program) => match program.evaluate(scope)? {
                // A key that is empty must not be taken for none.
                Value::String(text) if !text.trim().is_empty() => Ok(text.to_string()),
                _ => Err(Error::new("the expression of an attestor gives no text")),
            },
        }
    }
}

impl Attestor {
    fn compile(entry: &Json, environment: &Environment) -> Result<Attestor, String> {
        only(entry, "an attestor", &["name", "cosign", "notary"])?;
        match (present(entry, "cosign"), present(entry, "notary")) {
            (Some(cosign), None) => Attestor::cosign(cosign, environment),
            (None, Some(notary)) => Attestor::notary(notary, environment),
            _ => Err("an attestor is one of `cosign` and `notary`".to_owned()),
        }
    }

    fn notary(of: &Json, environment: &Environment) -> Result<Attestor, String> {
        only(of, "`notary`", &["certs", "tsaCerts"])?;
        let certificates = Given::compile(of.get("certs"), "notary.certs", environment)?;
        if certificates.is_empty() {
            return Err("`notary` names nobody: it needs `certs`".to_owned());
        }
        let timestamps = Given::compile(of.get("tsaCerts"), "notary.tsaCerts", environment)?;
        Ok(Attestor {
            who: Who::Notary { certificates, timestamps },
            logs: Logs::default(),
            annotations: Vec::new(),
            repository: String::new(),
            secrets: Vec::new(),
        })
    }

    fn cosign(of: &Json, environment: &Environment) -> Result<Attestor, String> {
        only(of, "`cosign`", &["key", "keyless", "certificate", "source", "ctlog", "annotations"])?;
        let who = match (present(of, "key"), present(of, "keyless"), present(of, "certificate")) {
            (Some(key), None, None) => Who::key(key, environment)?,
            (None, Some(keyless), None) => Who::keyless(keyless)?,
            (None, None, Some(certificate)) => Who::certificate(certificate, environment)?,
            _ => return Err("`cosign` is one of `key`, `keyless` and `certificate`".to_owned()),
        };
        let mut logs = Logs::default();
        if let Some(log) = present(of, "ctlog") {
            let known =
                ["url", "rekorPubKey", "ctLogPubKey", "tsaCertChain", "insecureIgnoreTlog", "insecureIgnoreSCT"];
            only(log, "`ctlog`", &known)?;
            logs = Logs {
                rekor_url: text(log, "url").to_owned(),
                rekor_key: text(log, "rekorPubKey").to_owned(),
                ignore_rekor: flag(Some(log), "insecureIgnoreTlog", false),
                certificate_log_key: text(log, "ctLogPubKey").to_owned(),
                ignore_certificate_log: flag(Some(log), "insecureIgnoreSCT", false),
                timestamp_chain: text(log, "tsaCertChain").to_owned(),
            };
        }
        let (mut repository, mut secrets) = (String::new(), Vec::new());
        if let Some(source) = present(of, "source") {
            only(source, "`source`", &["repository", "PullSecrets"])?;
            repository = text(source, "repository").to_owned();
            secrets = list(source, "PullSecrets").map(|secret| text(secret, "name").to_owned()).collect();
        }
        let mut annotations = Vec::new();
        for (key, value) in of.get("annotations").and_then(Json::as_object).into_iter().flatten() {
            let value = value.as_str().ok_or_else(|| format!("annotation `{key}` must be text"))?;
            annotations.push((key.clone(), value.to_owned()));
        }
        if let Who::Keyless(identities) = who {
            let identities =
                identities.into_iter().map(|identity| Keyless { logs: logs.clone(), ..identity }).collect();
            return Ok(Attestor { who: Who::Keyless(identities), logs, annotations, repository, secrets });
        }
        Ok(Attestor { who, logs, annotations, repository, secrets })
    }

    pub(super) fn layout(&self) -> Layout {
        if matches!(self.who, Who::Notary { .. }) { Layout::Notary } else { Layout::Cosign }
    }

    /// Who must have signed; one of several.
    pub(super) fn authorities<'a>(&'a self, scope: &Scope<'a>) -> Result<Vec<Authority>, Error> {
        let logs = || self.logs.clone();
        Ok(match &self.who {
            Who::Key { key, algorithm } => {
                vec![Authority::Key { key: key.text(scope)?, algorithm: algorithm.clone(), logs: logs() }]
            }
            Who::Certificate { certificate, chain } => {
                let (certificate, chain) = (certificate.text(scope)?, chain.text(scope)?);
                vec![Authority::Certificate { certificate, chain, logs: logs() }]
            }
            Who::Keyless(identities) => {
                identities.iter().map(|identity| Authority::Keyless(Box::new(identity.clone()))).collect()
            }
            Who::Notary { certificates, timestamps } => {
                let logs = Logs { timestamp_chain: timestamps.text(scope)?, ..logs() };
                vec![Authority::Certificate { certificate: certificates.text(scope)?, chain: String::new(), logs }]
            }
        })
    }
}

impl Who {
    fn key(of: &Json, environment: &Environment) -> Result<Who, String> {
        only(of, "`key`", &["data", "kms", "hashAlgorithm", "expression"])?;
        let algorithm = match text(of, "hashAlgorithm") {
            "" => "sha256",
            known @ ("sha224" | "sha256" | "sha384" | "sha512") => known,
            other => {
                return Err(format!("`{other}` is no `hashAlgorithm`; there are sha224, sha256, sha384 and sha512"));
            }
        };
        let (data, kms) = (text(of, "data"), text(of, "kms"));
        if !data.is_empty() && !kms.is_empty() {
            return Err("`key` is one of `data`, `kms` and `expression`".to_owned());
        }
        let written = if data.is_empty() { kms } else { data };
        let key = Given::of(written, text(of, "expression"), "key", environment)?;
        if key.is_empty() {
            return Err("`key` needs one of `data`, `kms` and `expression`".to_owned());
        }
        Ok(Who::Key { key, algorithm: algorithm.to_owned() })
    }

    fn certificate(of: &Json, environment: &Environment) -> Result<Who, String> {
        only(of, "`certificate`", &["cert", "certChain"])?;
        let certificate = Given::compile(of.get("cert"), "certificate.cert", environment)?;
        let chain = Given::compile(of.get("certChain"), "certificate.certChain", environment)?;
        if certificate.is_empty() && chain.is_empty() {
            return Err("`certificate` names nobody: it needs `cert` or `certChain`".to_owned());
        }
        Ok(Who::Certificate { certificate, chain })
    }

    fn keyless(of: &Json) -> Result<Who, String> {
        only(of, "`keyless`", &["identities", "roots"])?;
        let mut identities = Vec::new();
        for identity in list(of, "identities") {
            only(identity, "an identity", &["issuer", "subject", "issuerRegExp", "subjectRegExp"])?;
            let (issuer, issuer_pattern) = exactly(text(identity, "issuer"), text(identity, "issuerRegExp"))?;
            let (subject, subject_pattern) = exactly(text(identity, "subject"), text(identity, "subjectRegExp"))?;
            let asked = [&issuer, &issuer_pattern, &subject, &subject_pattern];
            if asked.iter().all(|asked| asked.is_empty()) {
                return Err("an identity that names neither issuer nor subject is anybody".to_owned());
            }
            let roots = text(of, "roots").to_owned();
            identities.push(Keyless { issuer, issuer_pattern, subject, subject_pattern, roots, ..Keyless::default() });
        }
        match identities.len() {
            0 => Err("`keyless` names nobody: it needs `identities`".to_owned()),
            many if many > MOST => Err(format!("`keyless` has more than {MOST} identities")),
            _ => Ok(Who::Keyless(identities)),
        }
    }
}

/// A name and a pattern of an identity, as questions ask them. In these policies a name means itself, and in questions it is a wildcard: one with
/// a `*` or a `?` in it is asked as an anchored pattern.
fn exactly(name: &str, pattern: &str) -> Result<(String, String), String> {
    // A pattern that nobody can read is anybody.
    if regex::Regex::new(pattern).is_err() {
        return Err(format!("`{}` is no regular expression", shown(pattern)));
    }
    match (name.contains(['*', '?']), pattern) {
        (false, _) => Ok((name.to_owned(), pattern.to_owned())),
        (true, "") => Ok((String::new(), format!("^{}$", regex::escape(name)))),
        (true, _) => {
            Err(format!("`{}` means itself, and not what a `*` stands for; leave the pattern alone", shown(name)))
        }
    }
}

impl Attestation {
    fn compile(entry: &Json) -> Result<Attestation, String> {
        only(entry, "an attestation", &["name", "intoto", "referrer"])?;
        let (of, is_referrer) = match (present(entry, "intoto"), present(entry, "referrer")) {
            (Some(of), None) => (of, false),
            (None, Some(of)) => (of, true),
            _ => return Err("an attestation is one of `intoto` and `referrer`".to_owned()),
        };
        match text(of, "type") {
            "" => Err("it needs a `type`".to_owned()),
            kind => Ok(Attestation { kind: kind.to_owned(), is_referrer }),
        }
    }

    /// Whether a statement is one of this kind. One of another type counts for nothing, whoever answers.
    pub(super) fn is_type_of(&self, statement: &Json) -> bool {
        statement.get("predicateType").and_then(Json::as_str) == Some(&self.kind)
    }

    /// What expressions see of a statement: the whole of an in-toto one, what a referrer holds.
    pub(super) fn payload_of<'s>(&self, statement: &'s Json) -> Option<&'s Json> {
        if self.is_referrer { statement.get("predicate") } else { Some(statement) }
    }
}

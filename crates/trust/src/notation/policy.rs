//! Trust policies (`trust-store-trust-policy.md`, "Trust policy"): which stores and identities are trusted, and how strictly.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::name::Attributes;
use super::store::{self, StoreKind};
use crate::json;

/// Larger documents are refused.
const LARGEST: usize = 1 << 20;
/// More statements are refused.
const STATEMENTS: usize = 1024;

/// Why a policy is no policy, and in which statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust policy{}: {reason}", statement.as_ref().map(|name| format!(", statement `{name}`")).unwrap_or_default())]
pub struct PolicyError {
    /// The statement's name.
    pub statement: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

fn wrong(reason: impl Into<String>) -> PolicyError {
    PolicyError { statement: None, reason: reason.into() }
}

/// What is established about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Validation {
    /// The envelope is whole and its signature good. Never negotiable.
    Integrity,
    /// A trusted identity signed.
    Authenticity,
    /// The certificates were valid when it was signed.
    AuthenticTimestamp,
    /// The signature has not expired.
    Expiry,
    /// No certificate was revoked.
    Revocation,
}

impl Validation {
    /// All of them, in the order in which they are done.
    pub const ALL: [Self; 5] =
        [Self::Integrity, Self::Authenticity, Self::AuthenticTimestamp, Self::Expiry, Self::Revocation];

    /// The name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

/// What a validation that fails leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The signature is refused.
    Enforce,
    /// It is said.
    Log,
    /// It is not looked at.
    Skip,
}

/// How strict a statement is before its overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everything is enforced.
    Strict,
    /// Integrity and authenticity are enforced, the rest is logged.
    Permissive,
    /// Integrity is enforced, the rest is logged.
    Audit,
    /// Nothing is verified.
    Skip,
}

/// When a timestamp is verified, where a `tsa` store is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUse {
    /// Always.
    Always,
    /// Only once a certificate of the chain has expired.
    AfterCertificateExpiry,
}

/// One statement of a policy.
#[derive(Clone, Debug)]
pub struct Statement {
    name: String,
    level: Level,
    overrides: BTreeMap<Validation, Action>,
    pub(super) timestamps: TimestampUse,
    pub(super) stores: Vec<(StoreKind, String)>,
    /// Nothing stands for `*`.
    pub(super) identities: Option<Vec<Attributes>>,
}

impl Statement {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its level before overrides.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// What becomes of a validation.
    #[must_use]
    pub fn action(&self, validation: Validation) -> Action {
        if validation == Validation::Integrity {
            return if self.level == Level::Skip { Action::Skip } else { Action::Enforce };
        }
        if let Some(action) = self.overrides.get(&validation) {
            return *action;
        }
        match (self.level, validation) {
            (Level::Strict, _) | (Level::Permissive, Validation::Authenticity) => Action::Enforce,
            (Level::Permissive | Level::Audit, _) => Action::Log,
            (Level::Skip, _) => Action::Skip,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    version: String,
    #[serde(default)]
    trust_policies: Vec<RawStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawStatement {
    #[serde(default)]
    name: String,
    #[serde(default)]
    registry_scopes: Option<Vec<String>>,
    #[serde(default)]
    global_policy: Option<bool>,
    #[serde(default)]
    signature_verification: RawVerification,
    #[serde(default)]
    trust_stores: Vec<String>,
    #[serde(default)]
    trusted_identities: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawVerification {
    #[serde(default)]
    level: String,
    #[serde(default, rename = "override")]
    overrides: BTreeMap<String, String>,
    #[serde(default)]
    verify_timestamp: String,
}

/// A policy for artifacts in registries: `trustpolicy.oci.json`, or `trustpolicy.json` of old.
#[derive(Clone, Debug)]
pub struct OciPolicy(Vec<(Vec<String>, Statement)>);

impl OciPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When it breaks a rule of the specification: what is not understood is refused, never ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let mut scopes_seen = BTreeSet::new();
        let mut statements = Vec::new();
        for raw in document(bytes)? {
            let name = raw.name.clone();
            let here = |error: PolicyError| PolicyError { statement: Some(name.clone()), ..error };
            if raw.global_policy.is_some() {
                return Err(here(wrong("`globalPolicy` belongs to policies for blobs")));
            }
            let scopes = raw.registry_scopes.clone().unwrap_or_default();
            check_scopes(&scopes, &mut scopes_seen).map_err(here)?;
            statements.push((scopes, statement(&raw).map_err(here)?));
        }
        Ok(Self(statements))
    }

    /// The statement for a repository `registry/repository`: its own, else the one for `*`.
    #[must_use]
    pub fn statement_for(&self, repository: &str) -> Option<&Statement> {
        let by = |wanted: &str| {
            self.0.iter().find(|(scopes, _)| scopes.iter().any(|scope| scope == wanted)).map(|(_, statement)| statement)
        };
        by(repository).or_else(|| by("*"))
    }
}

/// A policy for files: `trustpolicy.blob.json`.
#[derive(Clone, Debug)]
pub struct BlobPolicy(Vec<(bool, Statement)>);

impl BlobPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// As [`OciPolicy::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let mut statements: Vec<(bool, Statement)> = Vec::new();
        for raw in document(bytes)? {
            let name = raw.name.clone();
            let here = |error: PolicyError| PolicyError { statement: Some(name.clone()), ..error };
            if raw.registry_scopes.is_some() {
                return Err(here(wrong("`registryScopes` belongs to policies for registries")));
            }
            let global = raw.global_policy.unwrap_or_default();
            let parsed = statement(&raw).map_err(here)?;
            if global && statements.iter().any(|(global, _)| *global) {
                return Err(here(wrong("only one statement may be the global policy")));
            }
            if global && parsed.level == Level::Skip {
                return Err(here(wrong("the global policy may not skip verification")));
            }
            statements.push((global, parsed));
        }
        Ok(Self(statements))
    }

    /// The statement of a name, or without one the global policy.
    #[must_use]
    pub fn statement_for(&self, name: Option<&str>) -> Option<&Statement> {
        self.0
            .iter()
            .find(|(global, statement)| name.map_or(*global, |name| statement.name == name))
            .map(|(_, statement)| statement)
    }
}

fn document(bytes: &[u8]) -> Result<Vec<RawStatement>, PolicyError> {
    if bytes.len() > LARGEST {
        return Err(wrong(format!("larger than {LARGEST} bytes")));
    }
    // A member that stands there twice would let two readers see two policies.
    let value = json::parse(bytes).map_err(wrong)?;
    let document: Document = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    if document.version != "1.0" {
        return Err(wrong(format!("version `{}`: only `1.0` is known", document.version)));
    }
    if document.trust_policies.is_empty() || document.trust_policies.len() > STATEMENTS {
        return Err(wrong(format!("between 1 and {STATEMENTS} statements are needed in `trustPolicies`")));
    }
    let mut names = BTreeSet::new();
    for raw in &document.trust_policies {
        if raw.name.is_empty() {
            return Err(wrong("each statement needs a name"));
        }
        if !names.insert(raw.name.clone()) {
            return Err(PolicyError {
                statement: Some(raw.name.clone()),
                reason: "the name stands there twice".to_owned(),
            });
        }
    }
    Ok(document.trust_policies)
}

fn statement(raw: &RawStatement) -> Result<Statement, PolicyError> {
    let verification = &raw.signature_verification;
    let level = match verification.level.as_str() {
        "strict" => Level::Strict,
        "permissive" => Level::Permissive,
        "audit" => Level::Audit,
        "skip" => Level::Skip,
        other => return Err(wrong(format!("level `{other}`: `strict`, `permissive`, `audit` or `skip` is expected"))),
    };
    let mut overrides = BTreeMap::new();
    for (name, action) in &verification.overrides {
        let validation = Validation::ALL
            .into_iter()
            .find(|validation| validation.name() == name)
            .ok_or_else(|| wrong(format!("`{name}` is nothing that can be overridden")))?;
        let action = match action.as_str() {
            "enforce" => Action::Enforce,
            "log" => Action::Log,
            "skip" => Action::Skip,
            other => return Err(wrong(format!("`{other}` for `{name}`: `enforce`, `log` or `skip` is expected"))),
        };
        if validation == Validation::Integrity {
            return Err(wrong("integrity cannot be overridden"));
        }
        if action == Action::Skip && validation != Validation::Revocation {
            return Err(wrong(format!("`{name}` cannot be skipped, only revocation can")));
        }
        overrides.insert(validation, action);
    }
    if level == Level::Skip && !overrides.is_empty() {
        return Err(wrong("the level `skip` has nothing that could be overridden"));
    }
    let timestamps = match verification.verify_timestamp.as_str() {
        "" | "always" => TimestampUse::Always,
        "afterCertExpiry" => TimestampUse::AfterCertificateExpiry,
        other => return Err(wrong(format!("verifyTimestamp `{other}`: `always` or `afterCertExpiry` is expected"))),
    };
    if level == Level::Skip {
        if !raw.trust_stores.is_empty() || !raw.trusted_identities.is_empty() {
            return Err(wrong("trust stores and identities mean nothing at the level `skip`: remove them"));
        }
        return Ok(Statement {
            name: raw.name.clone(),
            level,
            overrides,
            timestamps,
            stores: Vec::new(),
            identities: Some(Vec::new()),
        });
    }
    Ok(Statement {
        name: raw.name.clone(),
        level,
        overrides,
        timestamps,
        stores: stores(&raw.trust_stores)?,
        identities: identities(&raw.trusted_identities)?,
    })
}

fn stores(names: &[String]) -> Result<Vec<(StoreKind, String)>, PolicyError> {
    if names.is_empty() {
        return Err(wrong("at least one trust store is needed"));
    }
    let mut found = Vec::new();
    for name in names {
        let store = name
            .split_once(':')
            .and_then(|(kind, name)| Some((StoreKind::of(kind)?, name)))
            .filter(|(_, name)| store::is_name(name))
            .ok_or_else(|| {
                wrong(format!("trust store `{name}`: `ca:NAME`, `signingAuthority:NAME` or `tsa:NAME` is expected"))
            })?;
        found.push((store.0, store.1.to_owned()));
    }
    if found.iter().all(|(kind, _)| *kind == StoreKind::Timestamp) {
        return Err(wrong("a trust store of signing certificates is needed, not only one of timestamp authorities"));
    }
    Ok(found)
}

fn identities(names: &[String]) -> Result<Option<Vec<Attributes>>, PolicyError> {
    if names.is_empty() {
        return Err(wrong("at least one trusted identity is needed; `*` trusts every certificate of the stores"));
    }
    if names.iter().any(|name| name == "*") {
        return if names.len() == 1 { Ok(None) } else { Err(wrong("the identity `*` stands alone")) };
    }
    let mut found: Vec<Attributes> = Vec::new();
    for name in names {
        let subject = name
            .split_once(':')
            .filter(|(kind, subject)| *kind == "x509.subject" && !subject.trim().is_empty())
            .map(|(_, subject)| subject)
            .ok_or_else(|| {
                wrong(format!("trusted identity `{name}`: `x509.subject: C=.., ST=.., O=..` or `*` is expected"))
            })?;
        let attributes =
            Attributes::parse(subject.trim()).map_err(|error| wrong(format!("trusted identity: {error}")))?;
        if found.iter().any(|other| other.is_within(&attributes) || attributes.is_within(other)) {
            return Err(wrong(format!("trusted identity `{name}` overlaps another one")));
        }
        found.push(attributes);
    }
    Ok(Some(found))
}

fn check_scopes(scopes: &[String], seen: &mut BTreeSet<String>) -> Result<(), PolicyError> {
    if scopes.is_empty() {
        return Err(wrong("at least one registry scope is needed"));
    }
    if scopes.len() > 1 && scopes.iter().any(|scope| scope == "*") {
        return Err(wrong("the registry scope `*` stands alone"));
    }
    for scope in scopes {
        if scope != "*" && !is_repository(scope) {
            return Err(wrong(format!(
                "registry scope `{scope}`: REGISTRY/REPOSITORY without tag, digest or wildcard is expected"
            )));
        }
        if !seen.insert(scope.clone()) {
            return Err(wrong(format!("registry scope `{scope}` stands in two statements")));
        }
    }
    Ok(())
}

/// `registry[:port]/repository` by the distribution grammar.
fn is_repository(scope: &str) -> bool {
    let Some((registry, repository)) = scope.split_once('/') else { return false };
    let (host, port) = registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
    let host_is_one = host.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    let port_is_one =
        port.is_none_or(|port| !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()));
    host_is_one && port_is_one && repository.split('/').all(is_component)
}

/// A path component: words of lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_component(component: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().copied().is_some_and(word) || !bytes.last().copied().is_some_and(word) {
        return false;
    }
    component
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

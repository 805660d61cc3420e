//! One entry of `verifyImages`, read: which images, who must have signed them, which statements about them must exist.
//!
//! Source: kyverno/kyverno:api/kyverno/v1/image_verification_types.go, with the older fields (`image`, `key`, `issuer`, ...) taken for what they
//! stand for (`Convert`).

use serde_json::Value;

use super::question::{Authority, Credentials, Keyless, Layout, Logs};
use crate::kyverno::rule::{Action, text};

/// Levels of attestors in attestors.
const MAX_NESTING: usize = 8;
/// Attestors of one set, keys that stand together in one text counted one by one.
const MAX_ENTRIES: usize = 64;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// Wildcards over full references.
    pub(super) references: Vec<String>,
    pub(super) skipped: Vec<String>,
    pub(super) layout: Layout,
    /// Where signatures and statements lie, if not beside the image and if no attestor says it.
    pub(super) repository: String,
    pub(super) attestors: Vec<AttestorSet>,
    pub(super) attestations: Vec<Attestation>,
    pub(super) mutate_digest: bool,
    pub(super) verify_digest: bool,
    pub(super) required: bool,
    pub(super) action: Option<Action>,
    pub(super) credentials: Credentials,
}

/// Attestors of which `count` must hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttestorSet {
    pub(super) count: usize,
    pub(super) entries: Vec<Attestor>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attestor {
    One(Box<Signer>),
    Nested(AttestorSet),
}

/// Who must have signed, and what must stand in the signature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signer {
    pub(super) authority: Authority,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) repository: String,
    /// `.keys`, `.keyless` or `.certificates`, for messages.
    pub(super) place: &'static str,
}

/// A statement about the image that must exist.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attestation {
    pub(super) name: String,
    pub(super) predicate_type: String,
    /// Empty: anybody may have made it, signed or not.
    pub(super) attestors: Vec<AttestorSet>,
}

fn present<'v>(of: &'v Value, key: &str) -> Option<&'v Value> {
    of.get(key).filter(|found| !found.is_null())
}

fn list<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts(of: &Value, key: &str) -> Vec<String> {
    list(of, key).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pairs(of: &Value, key: &str) -> Vec<(String, String)> {
    let entries = of.get(key).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

impl Block {
    /// Reads an entry. The message says what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<Block, String> {
        let flag = |key: &str, default: bool| value.get(key).and_then(Value::as_bool).unwrap_or(default);
        let layout = match text(value, "type").as_deref() {
            None | Some("" | "Cosign") => Layout::Cosign,
            Some("SigstoreBundle") => Layout::SigstoreBundle,
            Some("Notary") => Layout::Notary,
            Some(other) => {
                return Err(format!(
                    "`{other}` is no `type` of signatures; there are Cosign, SigstoreBundle and Notary"
                ));
            }
        };
        let repository = text(value, "repository").unwrap_or_default();
        let annotations = pairs(value, "annotations");
        let inherited = |annotations: Vec<(String, String)>| Inherited { annotations, repository: repository.clone() };
        let mut references = texts(value, "imageReferences");
        references.extend(text(value, "image").filter(|image| !image.is_empty()));
        if references.is_empty() {
            return Err("`verifyImages` needs `imageReferences`".to_owned());
        }
        let mut attestors = list(value, "attestors")
            .map(|set| AttestorSet::read(set, &inherited(annotations.clone()), 0))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(older) = older(value)? {
            attestors.push(AttestorSet::read(&older, &inherited(annotations.clone()), 0)?);
        }
        let attestations = list(value, "attestations").map(|entry| {
            let predicate_type =
                ["type", "predicateType"].iter().find_map(|key| text(entry, key).filter(|found| !found.is_empty()));
            Ok(Attestation {
                name: text(entry, "name").unwrap_or_default(),
                predicate_type: predicate_type.ok_or("an attestation needs a `type`")?,
                attestors: list(entry, "attestors")
                    .map(|set| AttestorSet::read(set, &inherited(Vec::new()), 0))
                    .collect::<Result<_, _>>()?,
            })
        });
        let attestations = attestations.collect::<Result<Vec<_>, String>>()?;
        if attestors.is_empty() && !annotations.is_empty() {
            return Err(
                "`annotations` are asked of attestors, and there are none; write them into those of `attestations`"
                    .to_owned(),
            );
        }
        let action = match text(value, "failureAction") {
            None => None,
            Some(name) => Some(
                Action::parse(&name)
                    .ok_or_else(|| format!("`{name}` is no failure action; there are Audit and Enforce"))?,
            ),
        };
        let credentials = value.get("imageRegistryCredentials").unwrap_or(&Value::Null);
        Ok(Block {
            references,
            skipped: texts(value, "skipImageReferences"),
            layout,
            repository,
            attestors,
            attestations,
            mutate_digest: flag("mutateDigest", true),
            verify_digest: flag("verifyDigest", true),
            required: flag("required", true),
            action,
            credentials: Credentials {
                allow_insecure: credentials.get("allowInsecureRegistry").and_then(Value::as_bool).unwrap_or(false),
                providers: texts(credentials, "providers"),
                secrets: texts(credentials, "secrets"),
            },
        })
    }
}

/// What the older fields mean, as a set of attestors. What nobody would read of them is an error: it was written to be asked.
fn older(value: &Value) -> Result<Option<Value>, String> {
    let given = |key: &str| text(value, key).filter(|found| !found.is_empty());
    let names = ["issuer", "subject", "roots"].into_iter().find(|key| given(key).is_some());
    let extensions =
        value.get("additionalExtensions").and_then(Value::as_object).is_some_and(|found| !found.is_empty());
    let keyless = names.or(extensions.then_some("additionalExtensions"));
    if let Some(key) = given("key") {
        return match keyless {
            Some(other) => {
                Err(format!("`key` and `{other}` name different signers; write `attestors` with both of them"))
            }
            None => Ok(Some(serde_json::json!({"entries": [{"keys": {"publicKeys": key}}]}))),
        };
    }
    if names.is_none() {
        return match extensions {
            true => {
                Err("`additionalExtensions` belong to `issuer` and `subject`; write them into `keyless`".to_owned())
            }
            false => Ok(None),
        };
    }
    let part = |key: &str| given(key).unwrap_or_default();
    Ok(Some(serde_json::json!({"entries": [{"keyless": {
        "issuer": part("issuer"),
        "subject": part("subject"),
        "roots": part("roots"),
        "additionalExtensions": value.get("additionalExtensions").cloned().unwrap_or(Value::Null),
    }}]})))
}

/// What the entry says for all its attestors.
struct Inherited {
    annotations: Vec<(String, String)>,
    repository: String,
}

impl AttestorSet {
    fn read(value: &Value, inherited: &Inherited, nesting: usize) -> Result<AttestorSet, String> {
        if nesting > MAX_NESTING {
            return Err(format!("attestors stand in more than {MAX_NESTING} others"));
        }
        let mut entries = Vec::new();
        for entry in list(value, "entries") {
            entries.append(&mut Attestor::read(entry, inherited, nesting)?);
        }
        if entries.is_empty() {
            return Err("a set of attestors needs `entries`".to_owned());
        }
        if entries.len() > MAX_ENTRIES {
            return Err(format!("a set of attestors has more than {MAX_ENTRIES} entries"));
        }
        let count = match value.get("count") {
            None | Some(Value::Null) => entries.len(),
            Some(count) => match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
                Some(0) => entries.len(),
                // More than there are can never hold.
                Some(count) if count <= entries.len() => count,
                _ => return Err(format!("`count` is {count}, and there are {} entries", entries.len())),
            },
        };
        Ok(AttestorSet { count, entries })
    }
}

impl Attestor {
    /// One entry, or as many as it names keys.
    fn read(value: &Value, inherited: &Inherited, nesting: usize) -> Result<Vec<Attestor>, String> {
        let mut annotations = inherited.annotations.clone();
        annotations.extend(pairs(value, "annotations"));
        let repository = text(value, "repository").filter(|found| !found.is_empty());
        let repository = repository.unwrap_or_else(|| inherited.repository.clone());
        let signer = |authority, place| {
            let (annotations, repository) = (annotations.clone(), repository.clone());
            Attestor::One(Box::new(Signer { authority, annotations, repository, place }))
        };
        let kinds = ["keys", "certificates", "keyless", "attestor"];
        let given: Vec<(&str, &Value)> = kinds.iter().filter_map(|kind| Some((*kind, present(value, kind)?))).collect();
        let [(kind, given)] = given.as_slice() else {
            return Err("an attestor is one of `keys`, `certificates`, `keyless` and `attestor`".to_owned());
        };
        Ok(match *kind {
            "keys" => keys(given)?.into_iter().map(|authority| signer(authority, ".keys")).collect(),
            "certificates" => {
                let (certificate, chain) =
                    (text(given, "cert").unwrap_or_default(), text(given, "certChain").unwrap_or_default());
                if certificate.is_empty() && chain.is_empty() {
                    return Err("`certificates` needs `cert` or `certChain`".to_owned());
                }
                vec![signer(Authority::Certificate { certificate, chain, logs: logs(given)? }, ".certificates")]
            }
            "keyless" => vec![signer(keyless(given)?, ".keyless")],
            _ => {
                let inner = Inherited { annotations, repository };
                vec![Attestor::Nested(AttestorSet::read(given, &inner, nesting + 1)?)]
            }
        })
    }
}

/// Each key on its own: several in one text are several attestors, and the count is over all of them.
fn keys(value: &Value) -> Result<Vec<Authority>, String> {
    let algorithm = match text(value, "signatureAlgorithm").filter(|found| !found.is_empty()) {
        None => "sha256".to_owned(),
        Some(name) if matches!(name.as_str(), "sha224" | "sha256" | "sha384" | "sha512") || name.contains("{{") => name,
        Some(other) => {
            return Err(format!("`{other}` is no `signatureAlgorithm`; there are sha224, sha256, sha384 and sha512"));
        }
    };
    let logs = logs(value)?;
    let key = |key: String| Authority::Key { key, algorithm: algorithm.clone(), logs: logs.clone() };
    let written = text(value, "publicKeys").filter(|found| !found.trim().is_empty());
    if let Some(written) = written {
        const END: &str = "-----END PUBLIC KEY-----";
        let several: Vec<Authority> = written
            .split_inclusive(END)
            .filter(|part| part.contains(END))
            .map(|part| key(part.trim().to_owned()))
            .collect();
        return Ok(if several.is_empty() { vec![key(written)] } else { several });
    }
    if let Some(secret) = present(value, "secret") {
        let part = |name: &str| text(secret, name).filter(|found| !found.is_empty());
        let (Some(namespace), Some(name)) = (part("namespace"), part("name")) else {
            return Err("`secret` needs `namespace` and `name`".to_owned());
        };
        return Ok(vec![key(format!("k8s://{namespace}/{name}"))]);
    }
    match text(value, "kms").filter(|found| !found.is_empty()) {
        Some(kms) => Ok(vec![key(kms)]),
        None => Err("`keys` needs one of `publicKeys`, `secret` and `kms`".to_owned()),
    }
}

fn keyless(value: &Value) -> Result<Authority, String> {
    let part = |key: &str| text(value, key).unwrap_or_default();
    let keyless = Keyless {
        issuer: part("issuer"),
        issuer_pattern: part("issuerRegExp"),
        subject: part("subject"),
        subject_pattern: part("subjectRegExp"),
        roots: part("roots"),
        extensions: pairs(value, "additionalExtensions"),
        logs: logs(value)?,
    };
    // CVE-2025-29778: a pattern that nobody reads is anybody.
    for pattern in [&keyless.issuer_pattern, &keyless.subject_pattern] {
        if !pattern.contains("{{") && regex::Regex::new(pattern).is_err() {
            return Err(format!("`{pattern}` is no regular expression"));
        }
    }
    let named = [&keyless.issuer, &keyless.issuer_pattern, &keyless.subject, &keyless.subject_pattern];
    if named.iter().all(|name| name.is_empty()) && keyless.roots.is_empty() && keyless.extensions.is_empty() {
        return Err("`keyless` names nobody: give `issuer` and `subject`, or `roots`".to_owned());
    }
    Ok(Authority::Keyless(Box::new(keyless)))
}

fn logs(value: &Value) -> Result<Logs, String> {
    let rekor = value.get("rekor").unwrap_or(&Value::Null);
    let ctlog = value.get("ctlog").unwrap_or(&Value::Null);
    let part = |of: &Value, key: &str| text(of, key).unwrap_or_default();
    let flag = |of: &Value, key: &str| of.get(key).and_then(Value::as_bool).unwrap_or(false);
    Ok(Logs {
        rekor_url: part(rekor, "url"),
        rekor_key: part(rekor, "pubkey"),
        ignore_rekor: flag(rekor, "ignoreTlog"),
        certificate_log_key: part(ctlog, "pubkey"),
        ignore_certificate_log: flag(ctlog, "ignoreSCT"),
        timestamp_chain: [part(ctlog, "tsaCertChain"), part(value, "tsaCertChain")].concat(),
    })
}

//! In-toto statements and simple signing payloads, written.

use serde_json::{Value, json};
use signet_model::Digest;

use super::predicate::Predicate;
use crate::check::VerifyError;
use crate::statement::Statement;

/// Which version of the statement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementVersion {
    /// `https://in-toto.io/Statement/v0.1`: what Cosign 1 and 2 write, and older policy engines look for.
    V01,
    /// `https://in-toto.io/Statement/v1`.
    V1,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubject {
    /// Its name, which identifies nothing; may be empty.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// What the signer says of it besides, which is signed along (Cosign 3 keeps `sign -a` here).
    pub annotations: Vec<(String, String)>,
}

impl NewSubject {
    /// A subject without annotations.
    #[must_use]
    pub fn new(name: &str, digest: Digest) -> Self {
        Self { name: name.to_owned(), digest, annotations: Vec::new() }
    }

    fn json(&self) -> Value {
        let mut members = serde_json::Map::new();
        if !self.name.is_empty() {
            members.insert("name".to_owned(), self.name.clone().into());
        }
        let mut hashes = serde_json::Map::new();
        hashes.insert(self.digest.algorithm().name().to_owned(), self.digest.hex().into());
        members.insert("digest".to_owned(), Value::Object(hashes));
        if !self.annotations.is_empty() {
            members.insert("annotations".to_owned(), texts(&self.annotations));
        }
        Value::Object(members)
    }
}

fn texts(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect())
}

/// A statement that says something about artifacts: `{"_type", "subject", "predicateType", "predicate"}`. The predicate's bytes are kept as they are.
///
/// # Errors
/// When what was written would not be read: no subject, more than 1,024, a predicate that is no JSON.
pub fn statement(
    version: StatementVersion,
    subjects: &[NewSubject],
    predicate: &Predicate,
) -> Result<Vec<u8>, VerifyError> {
    let kind = match version {
        StatementVersion::V01 => "https://in-toto.io/Statement/v0.1",
        StatementVersion::V1 => "https://in-toto.io/Statement/v1",
    };
    let subjects: Vec<Value> = subjects.iter().map(NewSubject::json).collect();
    let mut text = format!(
        r#"{{"_type":"{kind}","subject":{},"predicateType":{},"predicate":"#,
        Value::Array(subjects),
        Value::String(predicate.kind().to_owned())
    )
    .into_bytes();
    text.extend_from_slice(predicate.json());
    text.push(b'}');
    Statement::parse(&text)?;
    Ok(text)
}

/// The payload that Cosign 1 and 2 sign for an image (`cosign: specs/SIGNATURE_SPEC.md`). `annotations` stand in `optional`, which is `null` without any.
#[must_use]
pub fn simple_signing_payload(reference: &str, digest: &Digest, annotations: &[(String, String)]) -> Vec<u8> {
    let optional = match annotations {
        [] => Value::Null,
        some => texts(some),
    };
    // The members stand in alphabetical order, which is also Cosign's.
    json!({
        "critical": {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": digest.to_string()},
            "type": "cosign container image signature",
        },
        "optional": optional,
    })
    .to_string()
    .into_bytes()
}

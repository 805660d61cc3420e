//! In-toto statements (`in-toto/attestation: spec/v1/statement.md`, and v0.1): what is claimed about which artifacts.

use serde_json::{Map, Value};
use signet_model::{Algorithm as Hash, Digest};

use crate::check::{Check, VerifyError};
use crate::dsse::{Envelope, IN_TOTO};
use crate::evidence::Artifact;
use crate::json::{self, At};

/// Most subjects of one statement (sigstore-go's limit after GHSA-cq38-jh5f-37mq).
const SUBJECTS: usize = 1024;
/// Most digests of one subject.
const DIGESTS: usize = 16;

/// A statement: subjects, the type of the claim, and the claim. Only ever made from a payload; whether it is believed, a verification says.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    subjects: Vec<Subject>,
    predicate_type: String,
    predicate: Value,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    name: String,
    digests: Vec<(String, String)>,
    annotations: Map<String, Value>,
}

impl Subject {
    /// Its name, which identifies nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Algorithm and hexadecimal hash, as written.
    #[must_use]
    pub fn digests(&self) -> &[(String, String)] {
        &self.digests
    }

    /// What the statement adds to it (`resource_descriptor.md`, `annotations`). Cosign 3 keeps those of `sign -a` here.
    #[must_use]
    pub fn annotations(&self) -> &Map<String, Value> {
        &self.annotations
    }

    fn is(&self, artifact: &Artifact<'_>) -> bool {
        self.digests.iter().any(|(name, hex)| {
            let algorithm = match name.as_str() {
                "sha256" => Hash::Sha256,
                "sha384" => Hash::Sha384,
                "sha512" => Hash::Sha512,
                // Weaker hashes and digests of other things (gitCommit, dirHash) bind no artifact.
                _ => return false,
            };
            artifact.digest(algorithm).is_some_and(|digest| digest.hex() == hex.to_ascii_lowercase())
        })
    }
}

impl Statement {
    /// The statement in a payload.
    ///
    /// # Errors
    /// When the payload is no statement of v0.1 or v1, or has no subject, or more than 1,024.
    pub fn parse(payload: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |found: String| VerifyError::form("an in-toto statement", found);
        let value = json::parse(payload).map_err(wrong)?;
        let at = At::root(&value);
        let version = at.get("_type").str().map_err(wrong)?;
        if !["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"].contains(&version) {
            return Err(wrong(format!("the type `{version}`")));
        }
        let mut subjects = Vec::new();
        for item in at.get("subject").list(SUBJECTS).map_err(wrong)? {
            // Old statements hold null subjects; they are about nothing.
            if item.value().is_none_or(Value::is_null) {
                continue;
            }
            item.object().map_err(wrong)?;
            let name = item.get("name");
            let name = if name.is_present() { name.str().map_err(wrong)?.to_owned() } else { String::new() };
            let mut digests = Vec::new();
            if item.get("digest").is_present() {
                for (algorithm, hex) in item.get("digest").object().map_err(wrong)? {
                    let hex = hex.as_str().ok_or_else(|| wrong(format!("a digest by {algorithm} that is no text")))?;
                    digests.push((algorithm.clone(), hex.to_owned()));
                }
            }
            if digests.len() > DIGESTS {
                return Err(wrong(format!("a subject with {} digests", digests.len())));
            }
            let annotations = item.get("annotations");
            let annotations = match annotations.value() {
                None | Some(Value::Null) => Map::new(),
                Some(_) => annotations.object().map_err(wrong)?.clone(),
            };
            subjects.push(Subject { name, digests, annotations });
        }
        if subjects.is_empty() {
            return Err(wrong("no subject".to_owned()));
        }
        let predicate_type = at.get("predicateType").str().map_err(wrong)?;
        if predicate_type.is_empty() {
            return Err(wrong("an empty predicate type".to_owned()));
        }
        Ok(Self {
            subjects,
            predicate_type: predicate_type.to_owned(),
            predicate: at.get("predicate").value().cloned().unwrap_or(Value::Null),
        })
    }

    /// The statement in an envelope, which must be of the in-toto payload type.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for another payload type.
    pub fn of(envelope: &Envelope) -> Result<Self, VerifyError> {
        if envelope.payload_type() != IN_TOTO {
            return Err(VerifyError::form(
                format!("the payload type `{IN_TOTO}`"),
                format!("`{}`", envelope.payload_type()),
            ));
        }
        Self::parse(envelope.payload())
    }

    /// What it is about.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// The type of the claim, a URI.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// The claim; `null` when absent.
    #[must_use]
    pub fn predicate(&self) -> &Value {
        &self.predicate
    }

    /// Establishes that one of the subjects is the artifact, by a digest of SHA-2.
    ///
    /// # Errors
    /// [`Check::Artifact`] when none is.
    pub fn is_about(&self, artifact: &Artifact<'_>) -> Result<(), VerifyError> {
        if self.subjects.iter().any(|subject| subject.is(artifact)) {
            return Ok(());
        }
        let mut found: Vec<String> = self
            .subjects
            .iter()
            .flat_map(|subject| &subject.digests)
            .take(4)
            .map(|(algorithm, hex)| format!("{algorithm}:{}", hex.chars().take(128).collect::<String>()))
            .collect();
        if self.subjects.len() > 4 {
            found.push(format!("... ({} subjects)", self.subjects.len()));
        }
        Err(VerifyError::new(Check::Artifact, format!("a subject {artifact}"), found.join(", ")))
    }

    /// Establishes that a subject that is the artifact bears all these annotations, each a text that is equal byte for byte. Two subjects do not complete each other.
    ///
    /// # Errors
    /// [`Check::Annotations`] when none does.
    pub fn bears(&self, artifact: &Artifact<'_>, annotations: &[(String, String)]) -> Result<(), VerifyError> {
        let mut refusal = VerifyError::new(Check::Annotations, format!("a subject {artifact}"), "none");
        for subject in self.subjects.iter().filter(|subject| subject.is(artifact)) {
            let missing = annotations
                .iter()
                .find(|(name, wanted)| subject.annotations.get(name).and_then(Value::as_str) != Some(wanted));
            let Some((name, wanted)) = missing else { return Ok(()) };
            let found = subject.annotations.get(name);
            let found = found.map_or_else(|| "no such annotation".to_owned(), ToString::to_string);
            refusal = VerifyError::new(Check::Annotations, format!("`{name}` = `{wanted}`"), found);
        }
        if annotations.is_empty() { Ok(()) } else { Err(refusal) }
    }

    /// Establishes that the claim is of the type asked for: a URI compared exactly, or one of Cosign's short names, each of which stands for a few URIs.
    ///
    /// # Errors
    /// [`Check::PredicateType`] when it is not.
    pub fn is_a(&self, wanted: &str) -> Result<(), VerifyError> {
        let known = predicate_types(wanted);
        let fits = known.iter().any(|known| match known.strip_suffix('*') {
            Some(prefix) => self.predicate_type.starts_with(prefix),
            None => self.predicate_type == *known,
        });
        if fits {
            return Ok(());
        }
        Err(VerifyError::new(Check::PredicateType, known.join(" or "), format!("`{}`", self.predicate_type)))
    }
}

/// What a short name of Cosign's `--type` stands for; anything else stands for itself. A `*` at the end stands for any version.
#[must_use]
pub fn predicate_types(name: &str) -> Vec<&str> {
    match name {
        "slsaprovenance" | "slsaprovenance02" => vec!["https://slsa.dev/provenance/v0.2"],
        "slsaprovenance1" => vec!["https://slsa.dev/provenance/v1"],
        "link" => vec!["https://in-toto.io/Link/v1"],
        "spdx" | "spdxjson" => vec!["https://spdx.dev/Document", "https://spdx.dev/Document/*"],
        "cyclonedx" => vec!["https://cyclonedx.org/bom", "https://cyclonedx.org/bom/*"],
        "vuln" => vec!["https://cosign.sigstore.dev/attestation/vuln/v1"],
        "openvex" => vec!["https://openvex.dev/ns", "https://openvex.dev/ns/*"],
        // Attestations of 2021 bear the URI without its scheme; Cosign does not take those for this type either, so they are asked for in full.
        "custom" => vec!["https://cosign.sigstore.dev/attestation/v1"],
        uri => vec![uri],
    }
}

/// A digest in the text form that simple signing and statements share.
pub(crate) fn digest_of(text: &str) -> Option<Digest> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(digest: &str) -> String {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[null,{{"name":"a","digest":{{{digest}}}}}],"predicateType":"https://x/p/v1","predicate":{{}}}}"#
        )
    }

    #[test]
    fn subjects_are_matched_by_strong_digests_only() {
        let artifact = Artifact::Bytes(b"hi");
        let sha256 = Digest::sha256(b"hi");
        let good = text(&format!(r#""sha256":"{}""#, sha256.hex()));
        let statement = Statement::parse(good.as_bytes()).unwrap();
        statement.is_about(&artifact).unwrap();
        statement.is_about(&Artifact::Digest(&sha256)).unwrap();
        assert_eq!(statement.is_about(&Artifact::Bytes(b"ho")).unwrap_err().check, Check::Artifact);
        for weak in [r#""sha1":"c22b5f9178342609428d6f51b2c5af4c0bde6a42""#, r#""sha256":"""#, "", r#""dirHash":"00""#]
        {
            let statement = Statement::parse(text(weak).as_bytes()).unwrap();
            assert!(statement.is_about(&artifact).is_err(), "{weak}");
        }
        let long = text(&format!(r#""sha512":"{}""#, Digest::of(Hash::Sha512, b"hi").hex().to_uppercase()));
        Statement::parse(long.as_bytes()).unwrap().is_about(&artifact).unwrap();
        // By digest of one algorithm, a subject with another cannot be compared, so it does not match.
        assert!(Statement::parse(long.as_bytes()).unwrap().is_about(&Artifact::Digest(&sha256)).is_err());
    }

    #[test]
    fn annotations_are_those_of_the_subject_that_is_the_artifact() {
        let (mine, other) = (Digest::sha256(b"hi"), Digest::sha256(b"ho"));
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[
                {{"digest":{{"sha256":"{}"}},"annotations":{{"env":"test"}}}},
                {{"digest":{{"sha256":"{}"}},"annotations":{{"env":"prod","runs":7}}}}
            ],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#,
            other.hex(),
            mine.hex()
        );
        let statement = Statement::parse(text.as_bytes()).unwrap();
        let artifact = Artifact::Digest(&mine);
        let bears = |name: &str, wanted: &str| statement.bears(&artifact, &[(name.to_owned(), wanted.to_owned())]);
        bears("env", "prod").unwrap();
        for (name, wanted) in [("env", "test"), ("env", "Prod"), ("runs", "7"), ("other", "prod"), ("env", "")] {
            let err = bears(name, wanted).unwrap_err();
            assert_eq!(err.check, Check::Annotations, "{name}={wanted}");
        }
        assert!(Statement::parse(text.replace(r#"{"env":"test"}"#, "[]").as_bytes()).is_err());
    }

    #[test]
    fn annotations_count_on_the_subject_that_is_meant() {
        let artifact = Artifact::Bytes(b"hi");
        let digest = Digest::sha256(b"hi");
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[
                {{"digest":{{"sha256":"{}"}},"annotations":{{"env":"prod"}}}},
                {{"digest":{{"sha256":"{}"}},"annotations":{{"env":"test","team":"a","count":7}}}}],"predicateType":"x"}}"#,
            "00".repeat(32),
            digest.hex()
        );
        let statement = Statement::parse(text.as_bytes()).unwrap();
        let asked = |pairs: &[(&str, &str)]| {
            let wanted: Vec<(String, String)> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            statement.bears(&artifact, &wanted).map_err(|error| (error.check, error.found))
        };
        assert_eq!(asked(&[]), Ok(()));
        assert_eq!(asked(&[("env", "test"), ("team", "a")]), Ok(()));
        let refused = |found: &str| Err((Check::Annotations, found.to_owned()));
        // The other subject's does not count, nor half of what is asked for, nor a number.
        assert_eq!(asked(&[("env", "prod")]), refused("\"test\""));
        assert_eq!(asked(&[("env", "test"), ("owner", "b")]), refused("no such annotation"));
        assert_eq!(asked(&[("count", "7")]), refused("7"));
        let list = text.replace(r#"{"env":"prod"}"#, "[]");
        assert!(Statement::parse(list.as_bytes()).is_err());
    }

    #[test]
    fn malformed_statements_are_refused() {
        let good = text(r#""sha256":"00""#);
        for (from, to) in [
            ("Statement/v1", "Statement/v2"),
            (r#""predicateType":"https://x/p/v1","#, ""),
            ("https://x/p/v1", ""),
            (r#"{"sha256":"00"}"#, r#"{"sha256":7}"#),
            (r#"{"sha256":"00"}"#, "[]"),
            (r#"[null,{"name":"a","digest":{"sha256":"00"}}]"#, "[]"),
            (r#"[null,{"name":"a","digest":{"sha256":"00"}}]"#, "[null]"),
            (r#""name":"a""#, r#""name":"a","name":"b""#),
        ] {
            let text = good.replacen(from, to, 1);
            assert!(Statement::parse(text.as_bytes()).is_err(), "{text}");
        }
        let many = format!("[{}]", vec![r#"{"digest":{"sha256":"00"}}"#; 1025].join(","));
        let text = good.replacen(r#"[null,{"name":"a","digest":{"sha256":"00"}}]"#, &many, 1);
        assert!(Statement::parse(text.as_bytes()).is_err());
    }

    #[track_caller]
    fn check(wanted: &str, found: &str, fits: bool) {
        let text = text(r#""sha256":"00""#).replacen("https://x/p/v1", found, 1);
        assert_eq!(Statement::parse(text.as_bytes()).unwrap().is_a(wanted).is_ok(), fits, "{wanted} {found}");
    }

    #[test]
    fn predicate_types_are_compared_exactly_or_by_alias() {
        check("https://x/p/v1", "https://x/p/v1", true);
        check("https://x/p/v1", "https://x/p/v1.1", false);
        check("https://x/p/*", "https://x/p/v1", true);
        check("slsaprovenance", "https://slsa.dev/provenance/v0.2", true);
        check("slsaprovenance", "https://slsa.dev/provenance/v1", false);
        check("cyclonedx", "https://cyclonedx.org/bom/v1.6", true);
        check("cyclonedx", "https://cyclonedx.org/bombastic", false);
        check("custom", "cosign.sigstore.dev/attestation/v1", false);
        check("cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1", true);
        check("spdx", "https://cyclonedx.org/bom", false);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _statement = Statement::parse(&bytes);
        }
    }
}

//! VEX in attestations: statements about an image that lie beside it in its registry.
//!
//! Read are a DSSE envelope (as Cosign keeps it under the tag `.att`), a Sigstore bundle that holds one, and a bare in-toto statement (as BuildKit
//! writes it). The statement's predicate must be OpenVEX, CSAF, or CycloneDX with vulnerabilities, and one of its subjects must be the image.
//!
//! **No signature is verified here**: who could write to the registry could write the statement. It is called unverified in the reason of
//! everything that it suppresses, and is read only when the user asks for it by name. Verification makes [`Standing::Verified`] of it.
//! Sources: secure-systems-lab/dsse `envelope.md`; in-toto/attestation `spec/v1/statement.md`; sigstore/protobuf-specs `sigstore_bundle.proto`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use signet_model::Digest;

use super::openvex::{VexDocument, VexError};

/// Payload type of an in-toto statement.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Subjects of one statement that are looked at.
const MAX_SUBJECTS: usize = 10_000;

/// Who vouches for a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody whom we asked.
    Unverified,
    /// A signature over it was verified; whose.
    Verified(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    // DSSE
    payload_type: Option<String>,
    payload: Option<String>,
    // a Sigstore bundle
    dsse_envelope: Option<Envelope>,
    // a bare statement
    predicate_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(default)]
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: std::collections::BTreeMap<String, String>,
}

/// Whether a predicate of this type may be VEX. CycloneDX and CSAF have no type of their own for it, so their documents decide.
pub fn may_be_vex(predicate_type: &str) -> bool {
    let text = predicate_type.to_ascii_lowercase();
    text.starts_with("https://openvex.dev/ns") || text.starts_with("https://cyclonedx.org/") || text.contains("csaf")
}

impl VexDocument {
    /// Reads an attestation about one of the `images`. `None`: it is no VEX, or it is about something else. `name` says where it was found.
    ///
    /// Errors: it is no attestation, or its VEX cannot be read; then it must not pass for one that says nothing.
    pub fn parse_attested(
        name: &str,
        json: &[u8],
        images: &[Digest],
        standing: &Standing,
    ) -> Result<Option<VexDocument>, VexError> {
        let unread = |err| VexError::Json { name: name.to_owned(), err };
        let foreign = |why: &str| VexError::Foreign { name: name.to_owned(), why: why.to_owned() };
        let outer: Outer = serde_json::from_slice(json).map_err(unread)?;
        let envelope = match (outer.dsse_envelope, outer.payload_type, outer.payload) {
            (Some(envelope), None, None) => Some(envelope),
            (None, Some(payload_type), Some(payload)) => Some(Envelope { payload_type, payload }),
            (None, None, None) if outer.predicate_type.is_some() => None,
            (None, None, None) => return Err(foreign("it is no attestation")),
            // Two readers must not take it for different things.
            _ => return Err(foreign("it is an envelope and a bundle at once")),
        };
        let unpacked;
        let statement = match envelope {
            Some(envelope) => {
                if envelope.payload_type != IN_TOTO {
                    return Ok(None);
                }
                // "Either standard or URL-safe encoding": DSSE 1.0.
                let text = envelope.payload.as_bytes();
                unpacked = STANDARD
                    .decode(text)
                    .or_else(|_| URL_SAFE.decode(text))
                    .map_err(|_| foreign("its payload is no base64"))?;
                unpacked.as_slice()
            }
            None => json,
        };
        let statement: Statement = serde_json::from_slice(statement).map_err(unread)?;
        if !statement.kind.starts_with("https://in-toto.io/Statement/") {
            return Err(foreign("its payload is no in-toto statement"));
        }
        if !may_be_vex(&statement.predicate_type) {
            return Ok(None);
        }
        let about = statement.subject.iter().take(MAX_SUBJECTS).any(|subject| {
            images.iter().any(|image| {
                subject.digest.get(image.algorithm().name()).is_some_and(|hash| hash.eq_ignore_ascii_case(&image.hex()))
            })
        });
        if !about {
            return Ok(None);
        }
        let Some(predicate) = statement.predicate else { return Err(foreign("its statement has no predicate")) };
        if statement.predicate_type.to_ascii_lowercase().starts_with("https://cyclonedx.org/") {
            // An SBOM and no VEX.
            if predicate.get("vulnerabilities").is_none() {
                return Ok(None);
            }
        }
        let predicate = serde_json::to_vec(&predicate).map_err(unread)?;
        let name = match standing {
            Standing::Unverified => format!("{name} (unverified: nobody checked who says so)"),
            Standing::Verified(by) => format!("{name} (signed by {by})"),
        };
        VexDocument::parse(&name, &predicate).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn image() -> Digest {
        Digest::sha256(b"manifest")
    }

    fn openvex() -> Value {
        json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex", "author": "us",
            "timestamp": "2026-01-01T00:00:00Z",
            "statements": [{
                "vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:npm/left@1"}], "status": "not_affected",
                "justification": "component_not_present",
            }],
        })
    }

    fn statement(predicate_type: &str, predicate: Value, hex: &str) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": predicate_type, "predicate": predicate,
            "subject": [{"name": "other", "digest": {"sha256": "00"}}, {"name": "app", "digest": {"sha256": hex}}],
        })
    }

    fn dsse(statement: &Value) -> Value {
        json!({"payloadType": IN_TOTO, "payload": STANDARD.encode(statement.to_string()), "signatures": [{"sig": "AA=="}]})
    }

    /// `Some(true)`: a document; `Some(false)`: none; `None`: an error.
    #[track_caller]
    fn check(what: &str, value: &Value, expected: Option<bool>) {
        let found =
            VexDocument::parse_attested("layer", value.to_string().as_bytes(), &[image()], &Standing::Unverified);
        if let Ok(Some(document)) = &found {
            assert!(document.name.starts_with("layer (unverified"), "{}", document.name);
            assert!(!document.statements.is_empty());
        }
        assert_eq!(found.map(|found| found.is_some()).ok(), expected, "{what}");
    }

    #[test]
    fn every_wrapping_is_read() {
        let hex = image().hex();
        let good = statement("https://openvex.dev/ns/v0.2.0", openvex(), &hex);
        check("an envelope", &dsse(&good), Some(true));
        check(
            "a bundle",
            &json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": dsse(&good)}),
            Some(true),
        );
        check("a bare statement", &good, Some(true));
        check("capitals", &dsse(&statement("https://openvex.dev/ns", openvex(), &hex.to_uppercase())), Some(true));
        let cyclonedx = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5",
            "vulnerabilities": [{"id": "CVE-2026-1", "analysis": {"state": "not_affected"}, "affects": [{"ref": "pkg:npm/left@1"}]}],
        });
        check("CycloneDX", &dsse(&statement("https://cyclonedx.org/bom", cyclonedx, &hex)), Some(true));
    }

    #[test]
    fn what_is_no_vex_about_this_image_says_nothing() {
        let hex = image().hex();
        let other = Digest::sha256(b"other").hex();
        check("another image", &dsse(&statement("https://openvex.dev/ns", openvex(), &other)), Some(false));
        check("provenance", &dsse(&statement("https://slsa.dev/provenance/v1", json!({}), &hex)), Some(false));
        check(
            "an SBOM",
            &dsse(&statement("https://cyclonedx.org/bom", json!({"bomFormat": "CycloneDX"}), &hex)),
            Some(false),
        );
        check("a simple signature", &json!({"payloadType": "text/plain", "payload": "AA=="}), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let hex = image().hex();
        let good = statement("https://openvex.dev/ns", openvex(), &hex);
        check("nothing", &json!({}), None);
        check("both", &json!({"payloadType": IN_TOTO, "payload": "AA==", "dsseEnvelope": dsse(&good)}), None);
        check("no base64", &json!({"payloadType": IN_TOTO, "payload": "%"}), None);
        check("no statement", &json!({"payloadType": IN_TOTO, "payload": STANDARD.encode("{}")}), None);
        check(
            "no predicate",
            &json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://openvex.dev/ns",
            "subject": [{"digest": {"sha256": hex}}]}),
            None,
        );
        check("no VEX", &dsse(&statement("https://openvex.dev/ns", json!({"a": 1}), &hex)), None);
    }

    #[test]
    fn who_vouches_is_told() {
        let good = dsse(&statement("https://openvex.dev/ns", openvex(), &image().hex())).to_string();
        let standing = Standing::Verified("us@example.com".to_owned());
        let found = VexDocument::parse_attested("layer", good.as_bytes(), &[image()], &standing).unwrap().unwrap();
        assert_eq!(found.name, "layer (signed by us@example.com)");
    }

    proptest! {
        #[test]
        fn damage_never_panics(flips in prop::collection::vec((0usize..10_000, 1u8..), 1..5), bare: bool) {
            let good = statement("https://openvex.dev/ns", openvex(), &image().hex());
            let mut bytes = if bare { good } else { dsse(&good) }.to_string().into_bytes();
            for (at, bits) in flips {
                let at = at % bytes.len();
                bytes[at] ^= bits;
            }
            let _read = VexDocument::parse_attested("layer", &bytes, &[image()], &Standing::Unverified);
        }
    }
}

//! Documents beside the one at hand: what a CycloneDX document refers to as statements about exploitability (VEX).
//!
//! Source: CycloneDX/specification, `schema/bom-1.6.schema.json` (`externalReferences`, type `exploitability-statement`).

use serde::Deserialize;
use signet_model::Digest;

use crate::bounded::Bounded;
use crate::{Format, Limits, ReadError, cyclonedx, detect};

/// References of one document, of all kinds.
const MOST: usize = 100_000;
/// Hashes of one of them.
const MOST_HASHES: usize = 100;
/// The kind that is looked for.
const KIND: &str = "exploitability-statement";

/// Where a document of statements is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// A URL, or a path relative to the document that refers to it.
    pub url: String,
    /// What its SHA-256 must be, where that is stated.
    pub sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "externalReferences", default)]
    references: Bounded<Wire, MOST>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    hashes: Bounded<Hash, MOST_HASHES>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

/// The documents of exploitability statements that a CycloneDX document as a whole refers to, in its order and each once.
///
/// Errors: it is no CycloneDX; its references cannot be read; a hash of one that counts is none.
pub fn exploitability_statements(bytes: &[u8], limits: &Limits) -> Result<Vec<Reference>, ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooLarge { what: "bytes", limit: limits.bytes });
    }
    let text = detect::utf8(bytes);
    let format = detect(&text).ok_or(ReadError::Unknown)?;
    let read = |err| ReadError::Json { format, err };
    let invalid = |why| ReadError::Invalid { format, why };
    let document: Document = match format {
        Format::CycloneDxJson => serde_json::from_slice(&text).map_err(read)?,
        Format::CycloneDxXml => {
            let root = crate::xml::parse_bytes(&text).map_err(invalid)?;
            serde_json::from_value(cyclonedx::xml_to_json(&root).map_err(invalid)?).map_err(read)?
        }
        other => return Err(ReadError::WrongKind(other)),
    };
    let mut found: Vec<Reference> = Vec::new();
    for wire in document.references.0.into_iter().filter(|wire| wire.kind == KIND) {
        let stated = wire.hashes.0.iter().find(|hash| hash.alg == "SHA-256");
        let digest = |hash: &Hash| format!("sha256:{}", hash.content.trim().to_ascii_lowercase()).parse();
        let sha256 = stated.map(digest).transpose();
        let sha256 = sha256.map_err(|err| invalid(format!("the hash of `{}` cannot be read: {err}", wire.url)))?;
        let reference = Reference { url: wire.url.trim().to_owned(), sha256 };
        if reference.url.is_empty() {
            return Err(invalid(format!("a reference of the type `{KIND}` says nothing of where it is")));
        }
        if !found.contains(&reference) {
            found.push(reference);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOCUMENT: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a",
        "externalReferences":[{"type":"exploitability-statement","url":"of-a-component.json"}]}],"externalReferences":[
        {"type":"website","url":"https://example.org"},{"type":"exploitability-statement","url":"https://example.org/vex.json"},
        {"type":"exploitability-statement","url":"https://example.org/vex.json"},
        {"type":"exploitability-statement","url":"vex.json","hashes":[{"alg":"SHA-1","content":"00"},{"alg":"SHA-256",
        "content":"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}]}]}"#;

    #[test]
    fn statements_of_the_document_are_found() {
        let json = exploitability_statements(DOCUMENT.as_bytes(), &Limits::default()).unwrap();
        let plain = Reference { url: "https://example.org/vex.json".to_owned(), sha256: None };
        assert_eq!(json, [plain.clone(), Reference { url: "vex.json".to_owned(), sha256: Some(Digest::sha256(b"")) }]);
        let xml = r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><externalReferences>
            <reference type="exploitability-statement"><url>https://example.org/vex.json</url></reference>
            <reference type="exploitability-statement"><url>vex.json</url><hashes>
            <hash alg="SHA-256">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</hash></hashes></reference>
            </externalReferences></bom>"#;
        assert_eq!(exploitability_statements(xml.as_bytes(), &Limits::default()).unwrap(), json);
    }

    #[test]
    fn what_cannot_be_followed_is_an_error() {
        for text in [
            r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}"#,
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","externalReferences":[{"type":"exploitability-statement"}]}"#,
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","externalReferences":[{"type":"exploitability-statement","url":"a",
                "hashes":[{"alg":"SHA-256","content":"00"}]}]}"#,
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","externalReferences":{}}"#,
            "nonsense",
        ] {
            assert!(exploitability_statements(text.as_bytes(), &Limits::default()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn damaged_documents_are_read_or_refused(at in 0..DOCUMENT.len(), byte: u8) {
            let mut bytes = DOCUMENT.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = exploitability_statements(&bytes, &Limits::default());
        }
    }
}

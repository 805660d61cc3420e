//! Predicates that people hand in: of which type, and whether they look like it.
//!
//! Source: `cosign: pkg/cosign/attestation/attestation.go` for which types are wrapped and which members are demanded; the types' own specifications.

use serde_json::{Value, json};
use signet_model::Timestamp;

use crate::evidence::LARGEST;
use crate::json;

/// The claim of a statement: its type, and its JSON byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    kind: String,
    json: Vec<u8>,
}

/// Why a file is no predicate of the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// The type is neither a short name nor a URI.
    #[error("invalid predicate type: {0}")]
    Type(String),
    /// The file is larger than what a verifier would read.
    #[error("the predicate has {0} bytes, more than 128 MiB")]
    Size(usize),
    /// The file is no JSON, or names a member twice.
    #[error("the predicate is no JSON document: {0}")]
    Json(String),
    /// The file is something else than the type says.
    #[error("the predicate is no `{kind}`: {found}")]
    Shape {
        /// The type asked for.
        kind: String,
        /// What is missing or wrong.
        found: String,
    },
}

impl Predicate {
    /// The predicate by which Cosign 3 signs an image: nothing is claimed beyond the signature.
    #[must_use]
    pub fn signature() -> Self {
        Self { kind: "https://sigstore.dev/cosign/sign/v1".to_owned(), json: b"{}".to_vec() }
    }

    /// Any predicate.
    ///
    /// # Errors
    /// When the type is empty, or the bytes are no JSON.
    pub fn new(kind: &str, bytes: &[u8]) -> Result<Self, PredicateError> {
        if kind.is_empty() {
            return Err(PredicateError::Type(kind.to_owned()));
        }
        parsed(bytes)?;
        Ok(Self { kind: kind.to_owned(), json: bytes.trim_ascii().to_vec() })
    }

    /// A file as a predicate of a type: one of Cosign's short names, or a URI. `custom` wraps any text with the time; `spdx` takes tag-value too.
    ///
    /// # Errors
    /// When the type is unknown, or the file is not of it.
    pub fn read(name: &str, file: &[u8], now: Timestamp) -> Result<Self, PredicateError> {
        if file.len() > LARGEST {
            return Err(PredicateError::Size(file.len()));
        }
        let kind = match crate::statement::predicate_types(name).first() {
            Some(kind) if *kind != name => (*kind).to_owned(),
            _ if is_uri(name) => name.to_owned(),
            _ => return Err(PredicateError::Type(name.to_owned())),
        };
        let shape = |found: String| PredicateError::Shape { kind: name.to_owned(), found };
        let text = || std::str::from_utf8(file).map_err(|_| shape("it is no text".to_owned()));
        if kind == CUSTOM {
            // COSIGN_PREDICATE_SPEC.md: the file as text, and when.
            let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
            let wrapped = json!({"Data": text()?, "Timestamp": seconds.to_string()});
            return Ok(Self { kind, json: wrapped.to_string().into_bytes() });
        }
        if name == "spdx" && !file.trim_ascii_start().starts_with(b"{") {
            let text = text()?;
            if !text.lines().take(64).any(|line| line.trim_start().starts_with("SPDXVersion:")) {
                return Err(shape("it is neither SPDX JSON nor tag-value".to_owned()));
            }
            return Ok(Self { kind, json: Value::String(text.to_owned()).to_string().into_bytes() });
        }
        let value = parsed(file)?;
        demands(&kind, &value).map_err(shape)?;
        Ok(Self { kind, json: file.trim_ascii().to_vec() })
    }

    /// The type, a URI.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

fn parsed(bytes: &[u8]) -> Result<Value, PredicateError> {
    if bytes.len() > LARGEST {
        return Err(PredicateError::Size(bytes.len()));
    }
    json::parse(bytes).map_err(PredicateError::Json)
}

/// RFC 3986, 3.1: a scheme and something behind it.
fn is_uri(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            && !rest.is_empty()
            && !rest.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
    })
}

/// What a document must have to be of a known type. Unknown types may be any object.
fn demands(kind: &str, value: &Value) -> Result<(), String> {
    let members = value.as_object().ok_or("it is no JSON object")?;
    let required: &[&str] = match kind {
        "https://slsa.dev/provenance/v0.2" => &["builder", "buildType"],
        "https://slsa.dev/provenance/v1" => &["buildDefinition", "runDetails"],
        "https://in-toto.io/Link/v1" => &["name"],
        "https://spdx.dev/Document" => &[],
        "https://cyclonedx.org/bom" => &["bomFormat", "specVersion"],
        "https://cosign.sigstore.dev/attestation/vuln/v1" => &["invocation", "scanner", "metadata"],
        "https://openvex.dev/ns" => &["@context", "statements"],
        _ => &[],
    };
    if let Some(missing) = required.iter().find(|name| members.get(**name).is_none_or(Value::is_null)) {
        return Err(format!("required field {missing} missing"));
    }
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    match kind {
        "https://spdx.dev/Document" => {
            // SPDX 2.x names its version, 3.x its context.
            let version = text("/spdxVersion").is_some_and(|version| version.starts_with("SPDX-"));
            if !version && !members.contains_key("@context") {
                return Err("required field spdxVersion missing".to_owned());
            }
        }
        "https://cyclonedx.org/bom" if text("/bomFormat") != Some("CycloneDX") => {
            return Err("bomFormat is not CycloneDX".to_owned());
        }
        "https://cosign.sigstore.dev/attestation/vuln/v1" => {
            for path in ["/scanner/uri", "/scanner/version", "/metadata/scanStartedOn", "/metadata/scanFinishedOn"] {
                let there = value.pointer(path).is_some();
                // Versions are optional in practice; times, where given, must be times.
                if there && text(path).is_none() {
                    return Err(format!("{} is no text", path.replace('/', ".").trim_start_matches('.')));
                }
                if path.starts_with("/metadata") {
                    let time = text(path).ok_or_else(|| {
                        format!("required field {} missing", path.rsplit('/').next().unwrap_or_default())
                    })?;
                    time.parse::<Timestamp>()
                        .map_err(|_| format!("`{}` is no time", time.chars().take(64).collect::<String>()))?;
                }
            }
        }
        "https://openvex.dev/ns"
            if !text("/@context").is_some_and(|context| context.starts_with("https://openvex.dev/ns")) =>
        {
            return Err("@context is not OpenVEX".to_owned());
        }
        "https://slsa.dev/provenance/v0.2" if text("/builder/id").is_none() => {
            return Err("required field builder.id missing".to_owned());
        }
        "https://slsa.dev/provenance/v1" if text("/runDetails/builder/id").is_none() => {
            return Err("required field runDetails.builder.id missing".to_owned());
        }
        _ => {}
    }
    Ok(())
}

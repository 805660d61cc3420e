//! Whether a document is a valid one of its format: the official schema of its version, and the rules that no schema can express.

mod profile;
mod references;
mod view;

use serde_json::Value;

use crate::schema::{self, Schema};
use crate::{Format, Limits, ReadError, cyclonedx, detect, spdx, xml};

pub use profile::{Field, Profile, judge};

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: `components[3].name`, `bom.components.component[3]`, `line 17`; empty for the document itself.
    pub at: String,
    /// What, as the rest of a sentence that begins with the place.
    pub what: String,
}

/// What a document is, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lint {
    /// The format.
    pub format: Format,
    /// The version that it states: `1.6`, `SPDX-2.3`, `3.0.1`, `16.1.10`.
    pub spec_version: String,
    /// Broken rules of the specification, at most some hundred. Empty: valid.
    pub problems: Vec<Problem>,
    /// The document in the shape of its format's JSON; what quality profiles look at.
    pub document: Value,
}

/// Judges a document of any format that can be read.
///
/// Errors: bytes of no format that is known here, or not well-formed: these are no documents that could be valid.
pub fn lint(bytes: &[u8], limits: &Limits) -> Result<Lint, ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooLarge { what: "bytes", limit: limits.bytes });
    }
    let text = detect::utf8(bytes);
    let json = |format| serde_json::from_slice::<Value>(&text).map_err(|err| ReadError::Json { format, err });
    match detect::detect(&text) {
        Some(format @ Format::CycloneDxJson) => {
            let document = json(format)?;
            let spec_version = member(&document, "specVersion");
            let minor = spec_version.strip_prefix("1.").and_then(|minor| minor.parse().ok());
            let problems = match minor.filter(|minor| (2..=7).contains(minor)) {
                Some(minor) => {
                    let mut problems = schema::check_json(Schema::CycloneDx(minor), &document);
                    problems.extend(references::cyclonedx(&document));
                    problems
                }
                None => vec![no_schema("specVersion", &spec_version)],
            };
            Ok(Lint { format, spec_version, problems, document })
        }
        Some(format @ Format::CycloneDxXml) => {
            let invalid = |why| ReadError::Invalid { format, why };
            let root = xml::parse_bytes(&text).map_err(invalid)?;
            let document = cyclonedx::xml_to_json(&root).map_err(invalid)?;
            let spec_version = member(&document, "specVersion");
            let minor: u32 = spec_version.strip_prefix("1.").and_then(|minor| minor.parse().ok()).unwrap_or(u32::MAX);
            let mut problems = schema::check_xml(minor, &root);
            problems.extend(references::cyclonedx_xml(&root));
            problems.extend(references::cyclonedx(&document));
            Ok(Lint { format, spec_version, problems, document })
        }
        Some(format @ (Format::SpdxJson | Format::SpdxTagValue | Format::SpdxXml | Format::SpdxYaml)) => {
            let parsed = spdx::tree(format, &text, limits)?;
            let (document, mut problems) = (parsed.document, parsed.problems);
            let spec_version = member(&document, "spdxVersion");
            match spec_version.as_str() {
                // The schema of 2.2 describes 2.1 as well, whose JSON was not yet official.
                "SPDX-2.1" | "SPDX-2.2" => problems.extend(schema::check_json(Schema::Spdx22, &document)),
                "SPDX-2.3" => problems.extend(schema::check_json(Schema::Spdx23, &document)),
                other => problems.push(no_schema("spdxVersion", other)),
            }
            problems.extend(references::spdx2(&document));
            Ok(Lint { format, spec_version, problems, document })
        }
        Some(format @ Format::Spdx3Json) => {
            let document = json(format)?;
            let mut problems = schema::check_json(Schema::Spdx30, &document);
            problems.extend(references::spdx3(&document));
            Ok(Lint { format, spec_version: "3.0.1".to_owned(), problems, document })
        }
        Some(format @ Format::SyftJson) => {
            let document = json(format)?;
            let spec_version =
                document.pointer("/schema/version").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut problems = match spec_version.split('.').next() {
                // Within a major version members are only added, and the newest schema forbids none.
                Some("16") => schema::check_json(Schema::Syft, &document),
                _ => Vec::new(),
            };
            problems.extend(references::syft(&document));
            Ok(Lint { format, spec_version, problems, document })
        }
        Some(other) => Err(ReadError::WrongKind(other)),
        None if text.trim_ascii_start().starts_with(b"{") => {
            match serde_json::from_slice::<serde::de::IgnoredAny>(&text) {
                Err(err) => Err(ReadError::NotJson { err }),
                Ok(_) => Err(ReadError::Unknown),
            }
        }
        None => Err(ReadError::Unknown),
    }
}

fn member(document: &Value, name: &str) -> String {
    document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn no_schema(at: &str, version: &str) -> Problem {
    Problem {
        at: at.to_owned(),
        what: format!("is `{}`, a version that is not known here", version.chars().take(40).collect::<String>()),
    }
}

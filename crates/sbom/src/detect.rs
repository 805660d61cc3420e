//! Which format bytes are of, without reading them as any.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Formats that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// CycloneDX 1.2 and later in JSON.
    CycloneDxJson,
    /// SPDX 2.2 and 2.3 in JSON.
    SpdxJson,
    /// Syft's own JSON.
    SyftJson,
    /// CycloneDX in XML.
    CycloneDxXml,
    /// SPDX 2 as tag-value text.
    SpdxTagValue,
    /// SPDX 2 in XML (not RDF).
    SpdxXml,
    /// SPDX 2 in YAML.
    SpdxYaml,
    /// SPDX 2 in RDF/XML.
    SpdxRdf,
    /// SPDX 3 in JSON-LD.
    Spdx3Json,
    /// A report of Trivy.
    TrivyJson,
    /// A report of Grype.
    GrypeJson,
    /// An in-toto statement.
    InToto,
    /// A DSSE envelope or Sigstore bundle.
    Envelope,
    /// An OpenVEX document.
    OpenVex,
    /// A CSAF document.
    Csaf,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::CycloneDxJson => "CycloneDX JSON",
            Format::SpdxJson => "SPDX 2 JSON",
            Format::SyftJson => "Syft JSON",
            Format::CycloneDxXml => "CycloneDX XML",
            Format::SpdxTagValue => "SPDX tag-value",
            Format::SpdxXml => "SPDX 2 XML",
            Format::SpdxYaml => "SPDX 2 YAML",
            Format::SpdxRdf => "SPDX RDF/XML",
            Format::Spdx3Json => "SPDX 3 JSON-LD",
            Format::TrivyJson => "a Trivy report",
            Format::GrypeJson => "a Grype report",
            Format::InToto => "an in-toto statement",
            Format::Envelope => "a signed envelope (DSSE or Sigstore bundle)",
            Format::OpenVex => "an OpenVEX document",
            Format::Csaf => "a CSAF document",
        })
    }
}

/// The members that tell formats apart. Everything is optional and of any type: a lie about one must not hide the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peek {
    bom_format: Option<Any>,
    #[serde(rename = "$schema")]
    json_schema: Option<Any>,
    spdx_version: Option<Any>,
    #[serde(rename = "SPDXID")]
    spdx_id: Option<IgnoredAny>,
    #[serde(rename = "@context")]
    context: Option<Any>,
    artifacts: Option<IgnoredAny>,
    schema: Option<IgnoredAny>,
    matches: Option<IgnoredAny>,
    #[serde(rename = "SchemaVersion")]
    schema_version: Option<IgnoredAny>,
    #[serde(rename = "ArtifactName")]
    artifact_name: Option<IgnoredAny>,
    #[serde(rename = "_type")]
    statement: Option<IgnoredAny>,
    predicate_type: Option<IgnoredAny>,
    payload_type: Option<IgnoredAny>,
    dsse_envelope: Option<IgnoredAny>,
    document: Option<IgnoredAny>,
    product_tree: Option<IgnoredAny>,
}

/// A text, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Any {
    Text(String),
    Other(IgnoredAny),
}

impl Any {
    fn contains(&self, part: &str) -> bool {
        match self {
            Any::Text(text) => text.contains(part),
            Any::Other(IgnoredAny) => false,
        }
    }
}

/// The format of a document, by what it says of itself. `None`: no format that we know, or not well-formed.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let bytes = utf8(bytes);
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let body = bytes.get(start..)?;
    match body.first()? {
        b'{' => json(body),
        b'<' => {
            let head = String::from_utf8_lossy(body.get(..body.len().min(4096))?).into_owned();
            if head.contains("cyclonedx.org/schema/bom") {
                Some(Format::CycloneDxXml)
            } else if head.contains("spdx.org/rdf") {
                Some(Format::SpdxRdf)
            } else if head.contains("<Document") && (head.contains("<spdxVersion") || head.contains("<SPDXID")) {
                Some(Format::SpdxXml)
            } else {
                None
            }
        }
        _ => {
            let head = body.get(..body.len().min(64 * 1024))?;
            let holds = |keys: &[&str]| {
                head.split(|byte| *byte == b'\n').any(|line| keys.iter().any(|key| line.starts_with(key.as_bytes())))
            };
            if holds(&["SPDXVersion:"]) {
                Some(Format::SpdxTagValue)
            } else {
                holds(&["spdxVersion:", "\"spdxVersion\":", "'spdxVersion':"]).then_some(Format::SpdxYaml)
            }
        }
    }
}

/// What a JSON document looks like by its first kilobytes.
pub(crate) fn guess(bytes: &[u8]) -> Option<Format> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let holds = |part: &str| head.windows(part.len()).any(|window| window == part.as_bytes());
    if holds("\"bomFormat\"") && holds("\"CycloneDX\"") {
        Some(Format::CycloneDxJson)
    } else if holds("\"spdxVersion\"") {
        Some(Format::SpdxJson)
    } else {
        None
    }
}

fn json(body: &[u8]) -> Option<Format> {
    let peek: Peek = serde_json::from_slice(body).ok()?;
    let mentions = |member: &Option<Any>, part: &str| member.as_ref().is_some_and(|text| text.contains(part));
    if mentions(&peek.bom_format, "CycloneDX") || mentions(&peek.json_schema, "cyclonedx.org/schema") {
        return Some(Format::CycloneDxJson);
    }
    if mentions(&peek.context, "spdx.org/rdf/3") {
        return Some(Format::Spdx3Json);
    }
    if mentions(&peek.context, "openvex.dev") {
        return Some(Format::OpenVex);
    }
    if mentions(&peek.spdx_version, "SPDX-") || (peek.spdx_version.is_some() && peek.spdx_id.is_some()) {
        return Some(Format::SpdxJson);
    }
    if peek.artifacts.is_some() && peek.schema.is_some() {
        return Some(Format::SyftJson);
    }
    if peek.schema_version.is_some() && peek.artifact_name.is_some() {
        return Some(Format::TrivyJson);
    }
    if peek.matches.is_some() {
        return Some(Format::GrypeJson);
    }
    if peek.statement.is_some() && peek.predicate_type.is_some() {
        return Some(Format::InToto);
    }
    if peek.payload_type.is_some() || peek.dsse_envelope.is_some() {
        return Some(Format::Envelope);
    }
    (peek.document.is_some() && peek.product_tree.is_some()).then_some(Format::Csaf)
}

/// The bytes as UTF-8: without a byte order mark, and converted from UTF-16 where the mark says so (some writers on Windows).
pub(crate) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.as_chunks().0.iter().map(|pair| unit(*pair));
        Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect::<String>().into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

//! Provenance of Google Cloud Build, as `gcloud artifacts docker images describe IMAGE --format json --show-provenance` prints it.
//!
//! The document holds signed envelopes, a readable copy of each statement, and a summary of the image. Only the envelope is signed, so the rest
//! must agree with it. Old envelopes are signed by a key of their region over the bare payload, newer ones by a global key over the
//! pre-authentication encoding of DSSE.

mod keys;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::provenance::{self, Header, text};
use super::source::{self};
use super::{Build, BuilderId, Expectation, Level, Requirement, SlsaError};

/// The one builder there is, without its version.
pub const BUILDER: &str = "https://cloudbuild.googleapis.com/GoogleHostedWorker";
const V01: &str = "https://slsa.dev/provenance/v0.1";
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// More envelopes than this in one document are not looked at.
const MAX_ENVELOPES: usize = 64;
/// More signatures than this on one envelope are not looked at.
const MAX_SIGNATURES: usize = 16;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    image_summary: Summary,
    #[serde(default)]
    provenance_summary: Provenances,
}

#[derive(Default, Deserialize)]
struct Summary {
    #[serde(default)]
    digest: String,
    #[serde(default)]
    fully_qualified_digest: String,
}

#[derive(Default, Deserialize)]
struct Provenances {
    #[serde(default)]
    provenance: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    build: Readable,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    resource_uri: String,
    envelope: Envelope,
}

#[derive(Default, Deserialize)]
struct Readable {
    #[serde(default, rename = "intotoStatement")]
    old: Option<Value>,
    #[serde(default, rename = "inTotoSlsaProvenanceV1")]
    new: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: String,
    #[serde(default)]
    sig: String,
}

/// The statement of SLSA 0.1, without `recipe.definedInMaterial`, which the platform writes in two ways.
#[derive(Debug, PartialEq, Deserialize)]
struct Old {
    #[serde(flatten)]
    header: Header,
    predicate: OldPredicate,
}

/// Its readable copy, which calls the predicate by another name.
#[derive(Deserialize)]
struct OldText {
    #[serde(flatten)]
    header: Header,
    #[serde(rename = "slsaProvenance")]
    predicate: OldPredicate,
}

#[derive(Debug, PartialEq, Deserialize)]
struct OldPredicate {
    builder: Identified,
    recipe: Recipe,
    #[serde(default)]
    metadata: Option<OldMetadata>,
    #[serde(default)]
    materials: Vec<Material>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Identified {
    id: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipe {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    entry_point: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default)]
    environment: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldMetadata {
    #[serde(default)]
    build_started_on: Option<Timestamp>,
    #[serde(default)]
    build_finished_on: Option<Timestamp>,
    #[serde(default)]
    completeness: BTreeMap<String, bool>,
    #[serde(default)]
    reproducible: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Material {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// The statement of SLSA 1.
#[derive(Debug, PartialEq, Deserialize)]
struct New {
    #[serde(flatten)]
    header: Header,
    predicate: NewPredicate,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewPredicate {
    build_definition: Value,
    run_details: Value,
}

enum Statement {
    Old(Box<Old>),
    New(Box<New>),
}

/// Verifies signature, statement, readable copy and summary.
///
/// One provenance with one good signature is enough, as the platform lists all builds of an image.
///
/// # Errors
/// The first requirement that is not met.
pub fn verify(document: &[u8], expected: &Expectation<'_>) -> Result<Build, SlsaError> {
    if let Some(builder) = expected.builder
        && BuilderId::parse(builder)?.name() != BUILDER
    {
        return Err(SlsaError::new(Requirement::Platform, format!("`{BUILDER}`"), format!("`{builder}`")));
    }
    let document: Document = serde_json::from_slice(document)
        .map_err(|error| SlsaError::payload("the description of an image with its provenance", error.to_string()))?;
    if document.provenance_summary.provenance.is_empty() {
        return Err(SlsaError::payload("at least one provenance", "none"));
    }
    let mut refusals = Vec::new();
    for entry in document.provenance_summary.provenance.iter().take(MAX_ENVELOPES) {
        match signed(&entry.envelope) {
            Ok(statement) => return judge(&document.image_summary, entry, &statement, expected),
            Err(error) => refusals.push(format!("{} in the {}", error.found, error.requirement.name())),
        }
    }
    Err(SlsaError::new(Requirement::NoSignature, "a signature by a key of Google's attestor", refusals.join("; ")))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The statement of an envelope with a good signature.
fn signed(envelope: &Envelope) -> Result<Statement, SlsaError> {
    if envelope.payload_type != IN_TOTO {
        return Err(SlsaError::payload(IN_TOTO, format!("`{}`", envelope.payload_type)));
    }
    let payload =
        bytes(&envelope.payload).ok_or_else(|| SlsaError::payload("a payload in Base64", "something else"))?;
    let mut found = "no signature".to_owned();
    for signature in envelope.signatures.iter().take(MAX_SIGNATURES) {
        let Some((key, signs)) = keys::by_id(&signature.keyid) else {
            found = format!("an unknown key `{}`", signature.keyid);
            continue;
        };
        let message = match signs {
            keys::Signs::Payload => payload.clone(),
            keys::Signs::PreAuthentication => crate::dsse::pae(&envelope.payload_type, &payload),
        };
        let good = bytes(&signature.sig).is_some_and(|bytes| key.verify(&message, &bytes).is_ok());
        if !good {
            found = format!("a signature that the key `{}` did not make", signature.keyid);
            continue;
        }
        let header = provenance::header(&payload)?;
        // Which shape a key signs is fixed, so no statement is read as another.
        return match header.predicate_type.as_str() {
            V01 if !keys::signs_slsa_1(&signature.keyid) => Ok(Statement::Old(Box::new(provenance::parse(&payload)?))),
            provenance::V1 if keys::signs_slsa_1(&signature.keyid) => {
                Ok(Statement::New(Box::new(provenance::parse(&payload)?)))
            }
            other => Err(SlsaError::payload("the provenance that this key signs", format!("predicate type `{other}`"))),
        };
    }
    Err(SlsaError::new(Requirement::Signature, "a signature by a key of Google's attestor", found))
}

fn judge(
    summary: &Summary,
    entry: &Entry,
    statement: &Statement,
    expected: &Expectation<'_>,
) -> Result<Build, SlsaError> {
    if entry.kind != "BUILD" {
        return Err(SlsaError::new(Requirement::Format, "kind `BUILD`", format!("`{}`", entry.kind)));
    }
    let digest = format!("sha256:{}", expected.digest);
    for (what, found) in [
        ("resource", &entry.resource_uri),
        ("summary", &summary.digest),
        ("full name", &summary.fully_qualified_digest),
    ] {
        let same = if what == "summary" { *found == digest } else { found.ends_with(&format!("@{digest}")) };
        if !same {
            return Err(SlsaError::new(Requirement::Digest, format!("`{digest}` in the {what}"), format!("`{found}`")));
        }
    }
    check_readable(entry, statement)?;
    let builder = check_builder(statement, expected.builder)?;
    let header = match statement {
        Statement::Old(old) => &old.header,
        Statement::New(new) => &new.header,
    };
    provenance::check_digest(&header.subject, expected.digest)?;
    let (source, commit) = check_source(statement, &builder, expected.source)?;
    if let Some(branch) = expected.branch {
        return Err(SlsaError::new(
            Requirement::Unsupported,
            format!("branch `{branch}`"),
            "no branch in the provenance of this platform",
        ));
    }
    let tag = || tag(statement);
    if let Some(wanted) = expected.tag {
        let found = tag().map_err(|error| SlsaError { requirement: Requirement::Tag, ..error })?;
        if found != wanted {
            return Err(SlsaError::new(Requirement::Tag, format!("`{wanted}`"), format!("`{found}`")));
        }
    }
    if let Some(wanted) = expected.versioned_tag {
        let found = tag().map_err(|error| SlsaError { requirement: Requirement::VersionedTag, ..error })?;
        source::version_matches(found, wanted)?;
    }
    if !expected.workflow_inputs.is_empty() {
        return Err(SlsaError::new(Requirement::Unsupported, "inputs of a workflow", "none on this platform"));
    }
    // What was uploaded to a bucket has no history, so nothing shows where it came from.
    let level = if source.starts_with("gs://") { Level::L2 } else { Level::L3 };
    Ok(Build { builder, level, source, commit })
}

/// The readable copy says what was signed.
fn check_readable(entry: &Entry, statement: &Statement) -> Result<(), SlsaError> {
    let differs = |found: &str| SlsaError::new(Requirement::Text, "the signed statement", found);
    let same = match statement {
        Statement::Old(signed) => {
            let text = entry.build.old.as_ref().ok_or_else(|| differs("no copy"))?;
            OldText::deserialize(text)
                .is_ok_and(|text| text.header == signed.header && text.predicate == signed.predicate)
        }
        Statement::New(signed) => {
            let text = entry.build.new.as_ref().ok_or_else(|| differs("no copy"))?;
            New::deserialize(text).is_ok_and(|text| text == **signed)
        }
    };
    if same { Ok(()) } else { Err(differs("another one")) }
}

fn check_builder(statement: &Statement, expected: Option<&str>) -> Result<BuilderId, SlsaError> {
    let (id, versions): (&str, &[Option<&str>]) = match statement {
        Statement::Old(old) => (&old.predicate.builder.id, &[Some("v0.2"), Some("v0.3")]),
        Statement::New(new) => {
            let id = new.predicate.run_details.pointer("/builder/id").and_then(Value::as_str);
            (id.ok_or_else(|| SlsaError::payload("a builder", "none"))?, &[None])
        }
    };
    let builder = BuilderId::parse(id)?;
    if builder.name() != BUILDER || !versions.contains(&builder.version()) {
        return Err(SlsaError::new(
            Requirement::BuilderForm,
            format!("`{BUILDER}` of a version that signs so"),
            format!("`{builder}`"),
        ));
    }
    if let Some(expected) = expected {
        let expected = BuilderId::parse(expected)?;
        if expected.version().is_some_and(|version| Some(version) != builder.version()) {
            return Err(SlsaError::new(Requirement::BuilderId, format!("`{expected}`"), format!("`{builder}`")));
        }
    }
    match statement {
        Statement::Old(old) => {
            let recipe = &old.predicate.recipe;
            let known = match builder.version() {
                Some("v0.2") => recipe.kind == id,
                _ => ["CloudBuildYaml@", "CloudBuildSteps@"].iter().any(|kind| {
                    recipe
                        .kind
                        .strip_prefix("https://cloudbuild.googleapis.com/")
                        .is_some_and(|rest| rest.starts_with(kind))
                }),
            };
            if !known {
                return Err(SlsaError::payload("a recipe of this builder", format!("`{}`", recipe.kind)));
            }
            let arguments =
                recipe.arguments.as_object().ok_or_else(|| SlsaError::payload("arguments of the recipe", "none"))?;
            let kind = text(arguments, "@type")?;
            if kind != "type.googleapis.com/google.devtools.cloudbuild.v1.Build" {
                return Err(SlsaError::new(Requirement::BuilderId, "a build of Cloud Build", format!("`{kind}`")));
            }
        }
        Statement::New(new) => {
            let kind = new.predicate.build_definition.get("buildType").and_then(Value::as_str).unwrap_or_default();
            if kind != "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1" {
                return Err(SlsaError::payload("the build type of this builder", format!("`{kind}`")));
            }
        }
    }
    Ok(builder)
}

/// The source, and its commit.
fn check_source(
    statement: &Statement,
    builder: &BuilderId,
    expected: &str,
) -> Result<(String, Option<String>), SlsaError> {
    let (written, commit) = match statement {
        Statement::Old(old) => {
            let material = old.predicate.materials.first().filter(|material| !material.uri.is_empty());
            let material = material.ok_or_else(|| SlsaError::payload("the source as the first material", "none"))?;
            (material.uri.clone(), material.digest.get("sha1").cloned())
        }
        Statement::New(new) => {
            let source = config_source(new)?;
            (format!("{}@{}", text(source, "repository")?, text(source, "ref")?), None)
        }
    };
    // Version 0.3 began to write the prefix without another version number.
    let uri = written.strip_prefix("git+").unwrap_or(&written);
    let wanted = if uri.starts_with("https://") && !expected.starts_with("https://") {
        format!("https://{}", expected.strip_prefix("git+https://").unwrap_or(expected))
    } else {
        expected.to_owned()
    };
    let rest = uri.strip_prefix(wanted.as_str()).filter(|_| !wanted.is_empty());
    let same = match (statement, builder.version(), rest) {
        (_, _, None) => false,
        (Statement::New(_), _, Some(rest)) => {
            rest.strip_prefix('@').is_some_and(|reference| !reference.is_empty() && !reference.contains('@'))
        }
        (Statement::Old(_), Some("v0.2"), Some(rest)) => rest.starts_with("/commit/") || rest.starts_with('#'),
        (Statement::Old(_), _, Some(rest)) => rest.is_empty() || rest.starts_with('#'),
    };
    if same {
        return Ok((written, commit));
    }
    Err(SlsaError::new(Requirement::Source, format!("`{wanted}`"), format!("`{written}`")))
}

fn config_source(new: &New) -> Result<&Map<String, Value>, SlsaError> {
    new.predicate
        .build_definition
        .pointer("/externalParameters/buildConfigSource")
        .and_then(Value::as_object)
        .ok_or_else(|| SlsaError::payload("the source of the build's configuration", "none"))
}

/// The tag that was built, from the platform's own substitutions.
fn tag(statement: &Statement) -> Result<&str, SlsaError> {
    let wrong = || SlsaError::payload("the substitution TAG_NAME", "none: the build was not triggered by a tag");
    match statement {
        Statement::Old(old) => {
            old.predicate.recipe.arguments.pointer("/substitutions/TAG_NAME").and_then(Value::as_str).ok_or_else(wrong)
        }
        Statement::New(new) => {
            let definition = &new.predicate.build_definition;
            let name = definition
                .pointer("/internalParameters/systemSubstitutions/TAG_NAME")
                .and_then(Value::as_str)
                .ok_or_else(wrong)?;
            let reference = text(config_source(new)?, "ref")?;
            let same =
                reference.strip_prefix("refs/tags/").or_else(|| reference.strip_prefix("refs/heads/")) == Some(name);
            if same {
                Ok(name)
            } else {
                Err(SlsaError::payload(format!("the tag `{name}` as the reference"), format!("`{reference}`")))
            }
        }
    }
}

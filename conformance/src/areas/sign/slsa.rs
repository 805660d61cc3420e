//! `sign/slsa-verifier`: the verifier's own table of cases, extracted from its tests.
//!
//! The runner plays the part of the original's test harness: it allows the builders' own unreleased versions for their own repositories, and gives the
//! inputs that three cases lost. Binaries were not copied, so the digests of the table stand for them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::{Digest, Timestamp};
use signet_trust::slsa::github::{self, Kind, WorkflowIdentity};
use signet_trust::slsa::{BuilderRefs, Expectation, gcb, npm};
use signet_trust::{
    Artifact, Envelope, Evidence, LogRequirement, PublicKey, Requirements, SctRequirement, Statement, TimeSource,
    TrustRoot, TrustedKey, verify,
};

use super::{Answer, bundles, bytes, compare};
use crate::set::{Case, Judged, Verdict, judge, text};

/// The inputs of a case: a row without what is expected.
#[derive(Debug)]
struct Input {
    folder: PathBuf,
    test: String,
    provenance: PathBuf,
    source: String,
    digests: Vec<String>,
    builders: Vec<Option<String>>,
    branch: Option<String>,
    tag: Option<String>,
    versioned_tag: Option<String>,
    inputs: Vec<(String, String)>,
    package: (Option<String>, Option<String>),
    skip: Option<&'static str>,
}

const EXAMPLE_BUILDER: &str =
    "https://github.com/slsa-framework/example-trw/.github/workflows/builder_high-perms_slsa3.yml";

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let rows: Vec<Value> = serde_json::from_slice(&bytes(&folder.join("cases.json"))?).context("cases.json")?;
    let mut cases = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let word = |name: &str| row[name].as_str().map(str::to_owned);
        let test = word("test").unwrap_or_default();
        let provenance = word("provenance").unwrap_or_default();
        let id = format!("{place:04} {test}/{provenance}/{}", word("name").unwrap_or_default());
        let expect = word("expect").unwrap_or_default();
        // Inputs that the table lost stand in its notes, by the name of the row.
        let inputs = match row["inputs_in_source_test"].as_bool() {
            Some(true) => lost_inputs(&word("name").unwrap_or_default()),
            _ => Vec::new(),
        };
        let input = Input {
            folder: folder.to_owned(),
            provenance: folder.join("testdata").join(&provenance),
            source: word("source").unwrap_or_default(),
            digests: row["artifacts"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|artifact| artifact["sha256"].as_str())
                .chain(row["digest"].as_str())
                .map(|digest| digest.trim_start_matches("sha256:").to_owned())
                .collect(),
            builders: builders(row, &test, &provenance),
            branch: word("pbranch"),
            tag: word("ptag"),
            versioned_tag: word("pversiontag"),
            inputs,
            package: (word("pkgName"), word("pkgVersion")),
            skip: if row["remote"].as_bool() == Some(true) {
                Some("the digest of the remote image is lost")
            } else if row["test"] == "gha_artifact" && provenance.contains("expired-cert") {
                Some("the original searches the public log for it")
            } else {
                None
            },
            test,
        };
        let subset = input.test.clone();
        let accept = expect == "OK";
        let case = Case::new(id, input, accept).within(subset);
        cases.push(if accept { case } else { case.refused() });
    }
    Ok(judge(cases, answer, |input, answer, accept| match input.skip {
        Some(why) => Verdict::Skipped(why.to_owned()),
        None => compare(answer, *accept),
    }))
}

fn lost_inputs(name: &str) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut inputs = vec![pair("release_version", "(for example, 0.1.0)"), pair("some_bool", "true")];
    inputs.push(match name {
        name if name.contains("missing") => pair("missing_field", "123"),
        name if name.contains("mismatch") => pair("some_integer", "321"),
        _ => pair("some_integer", "123"),
    });
    inputs
}

/// The builders that the original asks for in a row, each in a run of its own.
fn builders(row: &Value, test: &str, provenance: &str) -> Vec<Option<String>> {
    match test {
        "gcb_image" => match row["pBuilderID"].as_str() {
            // Written as Go: `builder + "SUFFIX"`.
            Some(sum) => vec![Some(format!("{}{}", gcb::BUILDER, sum.rsplit('"').next().unwrap_or_default()))],
            None => {
                let version = Path::new(provenance)
                    .components()
                    .nth(1)
                    .map(|version| version.as_os_str().to_string_lossy().into_owned());
                vec![Some(gcb::BUILDER.to_owned()), Some(format!("{}@{}", gcb::BUILDER, version.unwrap_or_default()))]
            }
        },
        "github_attestation" => vec![match row["builderID"].as_str() {
            Some("bcrReleaserBuilderID") => {
                Some("https://github.com/bazel-contrib/.github/.github/workflows/release_ruleset.yaml".to_owned())
            }
            Some("bcrPublisherBuilderID") => {
                Some("https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml".to_owned())
            }
            other => other.map(str::to_owned),
        }],
        "npm" => vec![row["builderID"].as_str().map(str::to_owned)],
        _ if provenance.starts_with("gha_delegator") => vec![Some(EXAMPLE_BUILDER.to_owned())],
        _ => vec![None],
    }
}

fn answer(input: &Input) -> Answer {
    if input.skip.is_some() {
        return Answer::Broken("not asked".to_owned());
    }
    // A row holds for each of its builders and artifacts.
    let mut last = Answer::Broken("no artifact".to_owned());
    for builder in &input.builders {
        for digest in &input.digests {
            last = ask(input, builder.as_deref(), digest).unwrap_or_else(|error| Answer::Broken(format!("{error:#}")));
            if last != Answer::Accepted {
                return last;
            }
        }
    }
    last
}

fn ask(input: &Input, builder: Option<&str>, digest: &str) -> Result<Answer> {
    let document = bytes(&input.provenance)?;
    let expected = Expectation {
        source: &input.source,
        digest,
        builder,
        branch: input.branch.as_deref(),
        tag: input.tag.as_deref(),
        versioned_tag: input.versioned_tag.as_deref(),
        workflow_inputs: &input.inputs,
    };
    match input.test.as_str() {
        "gcb_image" => Ok(Answer::of(gcb::verify(&document, &expected))),
        "npm" => npm_package(input, &document, &expected),
        test => {
            let kind = if test == "github_attestation" { Kind::Attestation } else { Kind::Artifact };
            let digest: Digest = format!("sha256:{digest}").parse()?;
            let (identity, payload) = match signed(input, &document, Artifact::Digest(&digest))? {
                Ok(signed) => signed,
                Err(refused) => return Ok(refused),
            };
            Ok(Answer::of(github::verify(&identity, &payload, kind, &expected, BuilderRefs::AlsoTheirOwnTests)))
        }
    }
}

/// The root of the public instance, which the whole table is signed under.
fn root(input: &Input) -> Result<TrustRoot> {
    Ok(TrustRoot::from_json(&bytes(&input.folder.join("../sigstore-conformance/default_trusted_root.json"))?)?)
}

type Signed = std::result::Result<(WorkflowIdentity, Vec<u8>), Answer>;

/// Verifies a bundle, or an envelope that brings its certificate, which the generators wrote before bundles.
fn signed(input: &Input, document: &[u8], artifact: Artifact<'_>) -> Result<Signed> {
    let root = root(input)?;
    let mut requirements = Requirements::keyless(bundles::anybody()?);
    let is_bundle = serde_json::from_slice::<Value>(document).is_ok_and(|value| value.get("mediaType").is_some());
    let evidence = if is_bundle {
        Evidence::bundle(document)
    } else {
        requirements.log = LogRequirement::InsecureIgnored;
        requirements.time = TimeSource::InsecureBeginOfCertificate;
        requirements.sct = SctRequirement::InsecureIgnored;
        Evidence::envelope(document)
    };
    let refused = |error: &dyn std::fmt::Display| Ok(Err(Answer::Refused(error.to_string())));
    let evidence = match evidence {
        Ok(evidence) => evidence,
        Err(error) => return refused(&error),
    };
    let signature = match verify(&evidence, artifact, &root, &requirements, Timestamp::now()) {
        Ok(signature) => signature,
        Err(error) => return refused(&error),
    };
    let identity = match WorkflowIdentity::of(&signature) {
        Ok(identity) => identity,
        Err(error) => return refused(&error),
    };
    let payload = evidence.unverified_envelope().map(Envelope::payload).context("an envelope")?.to_vec();
    Ok(Ok((identity, payload)))
}

/// A package of npm. Its tarball was not copied and the table's digest is of another kind than the statements', so the publish attestation's digest
/// stands for it.
fn npm_package(input: &Input, document: &[u8], expected: &Expectation<'_>) -> Result<Answer> {
    let parts = match npm::split(document) {
        Ok(parts) => parts,
        Err(error) => return Ok(Answer::Refused(error.to_string())),
    };
    let publish = match Evidence::bundle(parts.publish) {
        Ok(publish) => publish,
        Err(error) => return Ok(Answer::Refused(error.to_string())),
    };
    let envelope = publish.unverified_envelope().context("an envelope")?;
    let statement = match Statement::of(envelope) {
        Ok(statement) => statement,
        Err(error) => return Ok(Answer::Refused(error.to_string())),
    };
    let sha512 = statement.subjects().iter().flat_map(|subject| subject.digests()).find(|(name, _)| name == "sha512");
    let sha512 = sha512.map(|(_, value)| value.clone()).context("a SHA-512 of the package")?;
    let digest: Digest = format!("sha512:{sha512}").parse()?;
    let (identity, provenance) = match signed(input, parts.provenance, Artifact::Digest(&digest))? {
        Ok(signed) => signed,
        Err(refused) => return Ok(refused),
    };
    let key = PublicKey::from_pem(&text(&input.folder.join("../sigstore-go/examples/publish_key.pub"))?)?;
    let requirements = Requirements::keys(vec![TrustedKey::always(key)]);
    let root = root(input)?;
    if let Err(error) = verify(&publish, Artifact::Digest(&digest), &root, &requirements, Timestamp::now()) {
        return Ok(Answer::Refused(error.to_string()));
    }
    let package = npm::Package { name: input.package.0.as_deref(), version: input.package.1.as_deref() };
    let expected = Expectation { digest: &sha512, ..*expected };
    Ok(Answer::of(npm::verify(
        &identity,
        &provenance,
        envelope.payload(),
        &expected,
        package,
        BuilderRefs::AlsoTheirOwnTests,
    )))
}

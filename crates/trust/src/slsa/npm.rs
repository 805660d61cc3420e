//! Packages of npm: a provenance that the publisher's workflow signs, and a publish attestation that the registry signs.
//!
//! With npm's own command line the workflow itself writes the provenance, so everything in it that the certificate does not confirm could be
//! forged by the build: such claims are refused.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::builder::{self, BuilderId, BuilderRefs};
use super::github::{self, WorkflowIdentity};
use super::provenance::{self, NPM_RUNNER, NPM_RUNNER_HOSTED, NPM_RUNNER_SELF, Predicate, Provenance, Subject};
use super::{Build, Expectation, Level, Requirement, SlsaError};

/// Predicate types of publish attestations begin so.
pub const PUBLISH_PREDICATE: &str = "https://github.com/npm/attestation/tree/main/specs/publish/";

/// The two attestations of a package as the registry serves them, unverified.
#[derive(Debug)]
pub struct Attestations<'a> {
    /// The Sigstore bundle of the provenance.
    pub provenance: &'a [u8],
    /// The Sigstore bundle of the publish attestation.
    pub publish: &'a [u8],
}

/// Splits the registry's answer into its two bundles.
///
/// # Errors
/// When it is none, or one of the two is missing or there twice.
pub fn split(document: &[u8]) -> Result<Attestations<'_>, SlsaError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        attestations: Vec<Attestation<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Attestation<'a> {
        predicate_type: String,
        #[serde(borrow)]
        bundle: &'a serde_json::value::RawValue,
    }
    let format = |found: String| {
        SlsaError::new(Requirement::Format, "npm's attestations, a provenance and a publish attestation", found)
    };
    let answer: Answer<'_> = serde_json::from_slice(document).map_err(|error| format(error.to_string()))?;
    let (mut provenance, mut publish) = (None, None);
    for attestation in &answer.attestations {
        let place = if [provenance::V02, provenance::V1].contains(&attestation.predicate_type.as_str()) {
            &mut provenance
        } else if attestation.predicate_type.starts_with(PUBLISH_PREDICATE) {
            &mut publish
        } else {
            continue;
        };
        if place.replace(attestation.bundle.get().as_bytes()).is_some() {
            return Err(format(format!("two of type `{}`", attestation.predicate_type)));
        }
    }
    match (provenance, publish) {
        (Some(provenance), Some(publish)) => Ok(Attestations { provenance, publish }),
        (None, _) => Err(format("no provenance".to_owned())),
        (_, None) => Err(format("no publish attestation".to_owned())),
    }
}

/// Which package is expected; what is not given is not compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Package<'a> {
    /// `name` or `@scope/name`.
    pub name: Option<&'a str>,
    /// Its version.
    pub version: Option<&'a str>,
}

/// Judges the provenance's statement (its bundle verified, the certificate says `identity`) and the publish attestation's (its bundle verified
/// with the registry's key).
///
/// # Errors
/// The first requirement that is not met.
pub fn verify(
    identity: &WorkflowIdentity,
    provenance: &[u8],
    publish: &[u8],
    expected: &Expectation<'_>,
    package: Package<'_>,
    refs: BuilderRefs,
) -> Result<Build, SlsaError> {
    let build = check_provenance(identity, provenance, expected, refs)?;
    let header = provenance::header(publish)?;
    if !header.predicate_type.starts_with(PUBLISH_PREDICATE) {
        return Err(SlsaError::payload(
            "a publish attestation of npm",
            format!("predicate type `{}`", header.predicate_type),
        ));
    }
    provenance::check_digest(&header.subject, expected.digest)?;
    let subject = name_and_version(&provenance::header(provenance)?.subject)?;
    let published = name_and_version(&header.subject)?;
    #[derive(Deserialize)]
    struct Publish {
        predicate: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
        version: String,
    }
    let Publish { predicate } = provenance::parse(publish)?;
    for (name, version) in [subject, published, (predicate.name, predicate.version)] {
        if let Some(wanted) = package.name
            && wanted != name
        {
            return Err(SlsaError::new(Requirement::PackageName, format!("`{wanted}`"), format!("`{name}`")));
        }
        if let Some(wanted) = package.version
            && wanted != version
        {
            return Err(SlsaError::new(Requirement::PackageVersion, format!("`{wanted}`"), format!("`{version}`")));
        }
    }
    Ok(build)
}

fn check_provenance(
    identity: &WorkflowIdentity,
    payload: &[u8],
    expected: &Expectation<'_>,
    refs: BuilderRefs,
) -> Result<Build, SlsaError> {
    let Some(wanted) = expected.builder else {
        return Err(SlsaError::new(Requirement::BuilderForm, "the builder to be named: npm has several kinds", "none"));
    };
    let signer = github::signer(identity)?;
    let delegator = signer.name().strip_prefix(github::HOST).is_some_and(github::is_delegator);
    let hosted = || {
        let runner = identity.runner.as_deref();
        runner.ok_or_else(|| {
            SlsaError::new(Requirement::Unsupported, "a certificate that says where the workflow ran", "none")
        })
    };
    if delegator {
        builder::check_ref(signer.version().unwrap_or_default(), &identity.repository, refs)?;
    }
    github::check_repository(identity, expected.source)?;
    let (read_as, level) = if delegator {
        if identity.runner.as_deref().is_some_and(|runner| runner != "github-hosted") {
            return Err(SlsaError::new(Requirement::BuilderId, "a runner of GitHub's", "a self-hosted one"));
        }
        (signer.name(), Level::L3)
    } else {
        let (runner, level) = match wanted {
            NPM_RUNNER | NPM_RUNNER_HOSTED => ("github-hosted", Level::L2),
            NPM_RUNNER_SELF => ("self-hosted", Level::L1),
            other => {
                let known = format!("{NPM_RUNNER_HOSTED} or {NPM_RUNNER_SELF}");
                return Err(SlsaError::new(Requirement::Unsupported, known, format!("`{other}`")));
            }
        };
        let found = hosted()?;
        if found != runner {
            return Err(SlsaError::new(Requirement::BuilderId, format!("a {runner} runner"), format!("a {found} one")));
        }
        (wanted, level)
    };
    let provenance = Provenance::read(payload, read_as)?;
    let named = BuilderId::parse(provenance.builder_id())?;
    // Old provenance calls the runners of GitHub by the short name.
    let long_form =
        |id: &BuilderId| if id.name() == NPM_RUNNER { BuilderId::parse(NPM_RUNNER_HOSTED) } else { Ok(id.clone()) };
    let wanted = BuilderId::parse(wanted)?;
    if named.matches(&wanted).is_err() {
        long_form(&named)?
            .matches(&long_form(&wanted)?)
            .map_err(|_| SlsaError::new(Requirement::BuilderId, format!("`{wanted}`"), format!("`{named}`")))?;
    }
    github::check_claims(&provenance, expected)?;
    if !delegator {
        confirm(&provenance, identity)?;
    }
    Ok(Build {
        builder: named,
        level,
        source: provenance.source_uri()?.to_owned(),
        commit: identity.commit.clone().or_else(|| provenance.commit().map(str::to_owned)),
    })
}

/// Each claim of a provenance that the build wrote itself stands in the certificate too.
fn confirm(provenance: &Provenance, identity: &WorkflowIdentity) -> Result<(), SlsaError> {
    let unverifiable =
        |found: String| Err(SlsaError::new(Requirement::Unverifiable, "only what the certificate confirms", found));
    if let Some(member) = provenance.unknown.first() {
        return unverifiable(format!("`{member}`"));
    }
    confirm_environment(provenance.environment()?, identity)?;
    if provenance.has_parameters() {
        return unverifiable("parameters of the build".to_owned());
    }
    let invocation = provenance.invocation_id();
    if !invocation.is_empty() {
        let run = identity.run_id.as_deref().zip(identity.run_attempt.as_deref());
        let same = run.is_some_and(|(run, attempt)| {
            // npm writes RUN-ATTEMPT in SLSA 0.2 and the run's address in SLSA 1.
            invocation == format!("{run}-{attempt}")
                || invocation
                    == format!("{}{}/actions/runs/{run}/attempts/{attempt}", github::HOST, identity.repository)
        });
        if !same {
            let found = format!("run `{invocation}`");
            return Err(SlsaError::new(Requirement::Certificate, format!("run {run:?} of the certificate"), found));
        }
    }
    if provenance.states_times() {
        return unverifiable("times of the build".to_owned());
    }
    if let Predicate::V02(predicate) = &provenance.predicate
        && let Some(metadata) = &predicate.metadata
    {
        let complete = &metadata.completeness;
        if metadata.reproducible || complete.parameters || complete.environment || complete.materials {
            return unverifiable("that the build is reproducible or complete".to_owned());
        }
    }
    match &provenance.subjects[..] {
        [subject] if subject.digest.contains_key("sha512") => {}
        subjects => return unverifiable(format!("{} subjects, or one without a sha512", subjects.len())),
    }
    for commit in provenance.commits() {
        equal("the commit", commit, identity.commit.as_deref())?;
    }
    equal("the workflow's path", provenance.trigger_path()?, identity.config_path.as_deref())?;
    if provenance.resource_count() != 1 {
        return unverifiable(format!("{} materials", provenance.resource_count()));
    }
    Ok(())
}

fn confirm_environment(environment: &Map<String, Value>, identity: &WorkflowIdentity) -> Result<(), SlsaError> {
    let workflow = identity.subject.strip_prefix(github::HOST);
    // SLSA 1 nests some of them under `github`.
    let nested = environment.get("github").and_then(Value::as_object);
    if nested.is_some() && environment.len() != 1 {
        return Err(SlsaError::new(Requirement::Certificate, "variables in one place", "in two"));
    }
    for (name, value) in nested.unwrap_or(environment) {
        let certificate = match name.as_str() {
            "GITHUB_EVENT_NAME" | "event_name" => identity.trigger.as_deref(),
            "GITHUB_REPOSITORY" => Some(identity.repository.as_str()),
            "GITHUB_REF" => identity.reference.as_deref(),
            "GITHUB_REPOSITORY_ID" | "repository_id" => identity.repository_id.as_deref(),
            "GITHUB_REPOSITORY_OWNER_ID" | "repository_owner_id" => identity.owner_id.as_deref(),
            "GITHUB_SHA" => identity.commit.as_deref(),
            "GITHUB_WORKFLOW_REF" => workflow,
            "GITHUB_WORKFLOW_SHA" => identity.signer_commit.as_deref(),
            "GITHUB_RUN_ID" => identity.run_id.as_deref(),
            "GITHUB_RUN_ATTEMPT" => identity.run_attempt.as_deref(),
            other => {
                return Err(SlsaError::new(
                    Requirement::Certificate,
                    "variables that the certificate confirms",
                    format!("`{other}`"),
                ));
            }
        };
        let value = value.as_str().ok_or_else(|| SlsaError::payload(format!("a text `{name}`"), "something else"))?;
        equal(name, value, certificate)?;
    }
    Ok(())
}

fn equal(what: &str, claimed: &str, certificate: Option<&str>) -> Result<(), SlsaError> {
    if certificate == Some(claimed) {
        return Ok(());
    }
    let expected = certificate.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
    Err(SlsaError::new(Requirement::Certificate, format!("{expected} as {what}"), format!("`{claimed}`")))
}

/// Name and version of the one subject, `pkg:npm/%40scope/name@1.2.3`.
fn name_and_version(subjects: &[Subject]) -> Result<(String, String), SlsaError> {
    let [subject] = subjects else {
        return Err(SlsaError::payload("one package as the subject", format!("{} subjects", subjects.len())));
    };
    let wrong = || SlsaError::new(Requirement::PackageName, "pkg:npm/NAME@VERSION", format!("`{}`", subject.name));
    let (name, version) =
        subject.name.strip_prefix("pkg:npm/").and_then(|rest| rest.rsplit_once('@')).ok_or_else(wrong)?;
    if name.is_empty() || version.is_empty() {
        return Err(wrong());
    }
    Ok((decoded(name).ok_or_else(wrong)?, decoded(version).ok_or_else(wrong)?))
}

/// Percent-decoding (RFC 3986 section 2.1); nothing for what is no such encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

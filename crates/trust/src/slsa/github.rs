//! Provenance that GitHub's workflows sign: the generators of the SLSA project, builders called through its delegators, and GitHub's own
//! attestations.
//!
//! Who built is what the certificate says: the workflow that signed is the build signer, and its certificate's repository is the caller's. The
//! provenance must agree with both.

use crate::certificate::SubjectName;
use crate::verify::{Signature, Verified};

use super::builder::{self, BuilderId, BuilderRefs, GENERATOR};
use super::provenance::{self, Provenance};
use super::{Build, Expectation, Level, Requirement, SlsaError, source};

/// The one issuer whose tokens tell of GitHub's workflows.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(super) const HOST: &str = "https://github.com/";

/// What the verified certificate says of the workflow that signed (Fulcio's extensions 1.3.6.1.4.1.57264.1.N).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowIdentity {
    /// The token's issuer (8, or 1 in old certificates).
    pub issuer: String,
    /// The certificate's subject: `https://github.com/ORG/REPO/PATH@REF` of the workflow that signed.
    pub subject: String,
    /// `ORG/REPO` that called the workflow (12, or 5 in old certificates).
    pub repository: String,
    /// Commit of the workflow that signed (10).
    pub signer_commit: Option<String>,
    /// `github-hosted` or `self-hosted` (11).
    pub runner: Option<String>,
    /// Commit of the source (13, or 3).
    pub commit: Option<String>,
    /// Reference of the source (14, or 6).
    pub reference: Option<String>,
    /// Numeric identifier of the repository (15).
    pub repository_id: Option<String>,
    /// Numeric identifier of its owner (17).
    pub owner_id: Option<String>,
    /// Path of the workflow that was started, in its repository (from 18).
    pub config_path: Option<String>,
    /// The event that started it (20, or 2).
    pub trigger: Option<String>,
    /// Number of the run (from 21).
    pub run_id: Option<String>,
    /// Which attempt of the run (from 21).
    pub run_attempt: Option<String>,
}

impl WorkflowIdentity {
    /// Reads the certificate of a verified signature.
    ///
    /// # Errors
    /// When it was made with a bare key, or the certificate names no single workflow.
    pub fn of(signature: &Verified<Signature>) -> Result<Self, SlsaError> {
        let none = |found: &str| SlsaError::new(Requirement::BuilderForm, "a certificate that names a workflow", found);
        let certificate = signature.certificate.as_ref().ok_or_else(|| none("a bare key"))?;
        let [SubjectName::Uri(subject)] = certificate.names() else { return Err(none("another one")) };
        let claims = certificate.claims();
        let repository = claims.source_repository_uri.as_deref().and_then(|uri| uri.strip_prefix(HOST));
        let repository = repository.or(claims.github_workflow_repository.as_deref()).unwrap_or_default();
        let either = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        // `https://github.com/ORG/REPO/PATH@REF`, and `https://github.com/ORG/REPO/actions/runs/ID/attempts/N`.
        let inside = |uri: &Option<String>| {
            let path = uri.as_deref()?.strip_prefix(HOST)?.strip_prefix(repository)?.strip_prefix('/')?;
            Some(path.to_owned())
        };
        let run = inside(&claims.run_invocation_uri);
        let run = run
            .as_deref()
            .and_then(|run| run.strip_prefix("actions/runs/"))
            .and_then(|run| run.split_once("/attempts/"));
        Ok(Self {
            issuer: claims.issuer.clone().unwrap_or_default(),
            subject: subject.clone(),
            repository: repository.to_owned(),
            signer_commit: claims.build_signer_digest.clone(),
            runner: claims.runner_environment.clone(),
            commit: either(&claims.source_repository_digest, &claims.github_workflow_sha),
            reference: either(&claims.source_repository_ref, &claims.github_workflow_ref),
            repository_id: claims.source_repository_identifier.clone(),
            owner_id: claims.source_repository_owner_identifier.clone(),
            config_path: inside(&claims.build_config_uri).and_then(|path| Some(path.split_once('@')?.0.to_owned())),
            trigger: either(&claims.build_trigger, &claims.github_workflow_trigger),
            run_id: run.map(|(id, _)| id.to_owned()),
            run_attempt: run.map(|(_, attempt)| attempt.to_owned()),
        })
    }
}

/// What kind of artifact is looked at: each has builders that are trusted without being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Artifact,
    /// A container image.
    Image,
    /// Anything with an attestation of GitHub's: no builder is trusted without being named.
    Attestation,
}

impl Kind {
    fn trusts(self, file: &str) -> bool {
        match self {
            Self::Artifact => matches!(
                file,
                "generator_generic_slsa3.yml"
                    | "builder_go_slsa3.yml"
                    | "builder_container-based_slsa3.yml"
                    | "delegator_generic_slsa3.yml"
                    | "delegator_lowperms-generic_slsa3.yml"
            ),
            Self::Image => file == "generator_container_slsa3.yml",
            Self::Attestation => false,
        }
    }
}

/// Judges a provenance whose envelope was verified, and whose certificate says `identity`.
///
/// # Errors
/// The first requirement that is not met.
pub fn verify(
    identity: &WorkflowIdentity,
    payload: &[u8],
    kind: Kind,
    expected: &Expectation<'_>,
    refs: BuilderRefs,
) -> Result<Build, SlsaError> {
    if let Some(builder) = expected.builder
        && !builder.starts_with(HOST)
    {
        return Err(SlsaError::new(Requirement::Platform, format!("a builder on {HOST}"), format!("`{builder}`")));
    }
    let signer = signer(identity)?;
    let workflow = signer.name().strip_prefix(HOST).unwrap_or_default();
    let delegator = is_delegator(workflow);
    check_signer(&signer, kind, expected.builder.filter(|_| !delegator))?;
    if kind != Kind::Attestation {
        builder::check_ref(signer.version().unwrap_or_default(), &identity.repository, refs)?;
    }
    check_repository(identity, expected.source)?;
    let provenance = Provenance::read(payload, signer.name())?;
    let named = BuilderId::parse(provenance.builder_id())?;
    if delegator {
        builder::check_delegated(&named)?;
        match expected.builder {
            Some(expected) => named.matches(&BuilderId::parse(expected)?)?,
            None if named.name().starts_with(&format!("{HOST}{GENERATOR}/.github/workflows/")) => {}
            None => {
                let wanted = format!("a builder of `{GENERATOR}`, unless another is named");
                return Err(SlsaError::new(Requirement::BuilderForm, wanted, format!("`{named}`")));
            }
        }
    } else {
        named.matches_fully(&signer)?;
    }
    check_claims(&provenance, expected)?;
    Ok(Build {
        level: level(identity, workflow, kind),
        builder: if delegator { named } else { signer },
        source: provenance.source_uri()?.to_owned(),
        commit: identity.commit.clone().or_else(|| provenance.commit().map(str::to_owned)),
    })
}

/// A workflow that others call shows level 3, since its caller cannot reach what signs; a workflow that attests for itself shows level 2.
fn level(identity: &WorkflowIdentity, workflow: &str, kind: Kind) -> Level {
    if identity.runner.as_deref() == Some("self-hosted") {
        return Level::L1;
    }
    let called = !workflow.starts_with(&format!("{}/", identity.repository));
    if kind != Kind::Attestation || called { Level::L3 } else { Level::L2 }
}

/// The workflow that signed, from the certificate.
pub(super) fn signer(identity: &WorkflowIdentity) -> Result<BuilderId, SlsaError> {
    // Nothing else in the certificate counts before this: another issuer may write what it likes.
    if identity.issuer != ISSUER {
        return Err(SlsaError::new(Requirement::Issuer, ISSUER, format!("`{}`", identity.issuer)));
    }
    let signer = BuilderId::parse(&identity.subject)?;
    if !signer.name().starts_with(HOST) || signer.version().is_none() {
        return Err(SlsaError::new(
            Requirement::BuilderForm,
            format!("{HOST}ORG/REPO/PATH@REF"),
            format!("`{}`", identity.subject),
        ));
    }
    Ok(signer)
}

pub(super) fn is_delegator(workflow: &str) -> bool {
    workflow.strip_prefix(GENERATOR).is_some_and(|path| {
        ["/.github/workflows/delegator_generic_slsa3.yml", "/.github/workflows/delegator_lowperms-generic_slsa3.yml"]
            .contains(&path)
    })
}

fn check_signer(signer: &BuilderId, kind: Kind, expected: Option<&str>) -> Result<(), SlsaError> {
    if let Some(expected) = expected {
        return signer
            .matches(&BuilderId::parse(expected)?)
            .map_err(|error| SlsaError { requirement: Requirement::Builder, ..error });
    }
    let file = signer
        .name()
        .strip_prefix(HOST)
        .and_then(|path| path.strip_prefix(GENERATOR))
        .and_then(|path| path.strip_prefix("/.github/workflows/"))
        .unwrap_or_default();
    if kind.trusts(file) {
        return Ok(());
    }
    Err(SlsaError::new(
        Requirement::Builder,
        "a builder of the SLSA project, since none is named",
        format!("`{signer}`"),
    ))
}

/// The certificate's repository is the source.
pub(super) fn check_repository(identity: &WorkflowIdentity, source: &str) -> Result<(), SlsaError> {
    let expected = source.strip_prefix("git+https://").unwrap_or(source);
    let expected = expected.strip_prefix("github.com/").unwrap_or(expected);
    if !expected.is_empty() && identity.repository == expected {
        return Ok(());
    }
    Err(SlsaError::new(
        Requirement::Source,
        format!("`{expected}`"),
        format!("`{}` in the certificate", identity.repository),
    ))
}

/// What the provenance claims against what is expected.
pub(super) fn check_claims(provenance: &Provenance, expected: &Expectation<'_>) -> Result<(), SlsaError> {
    check_source(provenance, expected.source)?;
    provenance::check_digest(&provenance.subjects, expected.digest)?;
    if let Some(branch) = expected.branch {
        let reference = provenance.branch_ref()?;
        let found = source::branch_of(&reference)?;
        if found != branch {
            return Err(SlsaError::new(Requirement::Branch, format!("`{branch}`"), format!("`{found}`")));
        }
    }
    if let Some(tag) = expected.tag {
        let reference = provenance.tag_ref()?;
        let found = source::tag_of(&reference)?;
        if found != tag {
            return Err(SlsaError::new(Requirement::Tag, format!("`{tag}`"), format!("`{found}`")));
        }
    }
    if let Some(version) = expected.versioned_tag {
        let reference = provenance.tag_ref()?;
        source::version_matches(source::tag_of(&reference)?, version)?;
    }
    if !expected.workflow_inputs.is_empty() {
        let inputs = provenance.workflow_inputs()?;
        for (name, value) in expected.workflow_inputs {
            let found = inputs.get(name).and_then(serde_json::Value::as_str);
            if found != Some(value) {
                let found = found.map_or_else(|| format!("no text `{name}`"), |found| format!("`{name}={found}`"));
                return Err(SlsaError::new(Requirement::WorkflowInputs, format!("`{name}={value}`"), found));
            }
        }
    }
    Ok(())
}

/// Trigger and source are the expected repository, and one reference of it.
fn check_source(provenance: &Provenance, expected: &str) -> Result<(), SlsaError> {
    let expected = source::normalise(expected);
    if !expected.starts_with("git+https://github.com/") {
        return Err(SlsaError::new(Requirement::SourceForm, "a repository on github.com", format!("`{expected}`")));
    }
    let trigger = provenance.trigger_uri()?;
    let (trigger_repository, trigger_ref) = source::split(&trigger)?;
    if trigger_repository != expected {
        return Err(SlsaError::new(
            Requirement::Source,
            format!("`{expected}`"),
            format!("`{trigger}` as the trigger"),
        ));
    }
    if trigger_ref.is_none() {
        return Err(SlsaError::new(Requirement::SourceForm, "a trigger with its reference", format!("`{trigger}`")));
    }
    let source = provenance.source_uri()?;
    let (repository, reference) = source::split(source)?;
    if repository != expected {
        return Err(SlsaError::new(Requirement::Source, format!("`{expected}`"), format!("`{source}`")));
    }
    if reference.is_none() {
        if provenance.source_may_lack_reference() {
            return Ok(());
        }
        return Err(SlsaError::new(Requirement::SourceForm, "a source with its reference", format!("`{source}`")));
    }
    if trigger != source {
        return Err(SlsaError::payload(format!("the trigger's `{trigger}` as the source"), format!("`{source}`")));
    }
    Ok(())
}

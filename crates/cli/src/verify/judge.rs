//! Which candidates are asked, and what becomes of each.

use signet_model::Timestamp;
use signet_trust::{Artifact, Check, Evidence, Requirements, Signature, Statement, Verified, VerifyError, verify};

use super::demand::Demand;
use super::discover::{Candidate, Shape};

/// The predicate by which Cosign signs an image in a bundle.
pub(crate) const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// That somebody signed the artifact, with these annotations.
    Signature(Vec<(String, String)>),
    /// That somebody attests something of this type about it; `None` takes any.
    Attestation(Option<String>),
}

/// What became of a candidate.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It verifies.
    Verified(Box<Verified<Signature>>),
    /// It was asked for and does not verify.
    Refused(VerifyError),
    /// Its signature verifies, and what it says is not what is required.
    Unfit(Box<Verified<Signature>>, Vec<Unmet>),
    /// It is something else than was asked for.
    Another(String),
}

/// A requirement on what a verified statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unmet {
    /// Whether a policy denies it. Else it is no provenance of the kind that is asked for, and another one may be.
    pub(crate) by_policy: bool,
    /// Which requirement.
    pub(crate) what: String,
    /// What would have met it.
    pub(crate) expected: String,
    /// What is there.
    pub(crate) found: String,
}

/// A candidate with its verdict.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) candidate: Candidate,
    pub(crate) verdict: Verdict,
}

/// Judges each candidate by itself.
pub(crate) fn all(
    candidates: Vec<Candidate>,
    artifact: Artifact<'_>,
    wanted: &Wanted,
    demand: &Demand,
    now: Timestamp,
) -> Vec<Judged> {
    candidates
        .into_iter()
        .map(|candidate| {
            let verdict = one(&candidate, artifact, wanted, demand, now);
            Judged { candidate, verdict }
        })
        .collect()
}

/// Judges one candidate.
pub(crate) fn one(
    candidate: &Candidate,
    artifact: Artifact<'_>,
    wanted: &Wanted,
    demand: &Demand,
    now: Timestamp,
) -> Verdict {
    let evidence = match &candidate.evidence {
        Ok(evidence) => evidence,
        // What is unreadable may be anything, but a layer of `.att` is no signature, nor one of `.sig` an attestation.
        Err(_) if elsewhere(candidate, wanted) => return Verdict::Another(kind_of(candidate).to_owned()),
        Err(err) => return Verdict::Refused(err.clone()),
    };
    let requirements = match held_to(candidate, evidence, wanted, &demand.requirements) {
        Ok(requirements) => requirements,
        Err(verdict) => return verdict,
    };
    match verify(evidence, artifact, &demand.root, &requirements, now) {
        Ok(verified) => Verdict::Verified(Box::new(verified)),
        Err(err) => Verdict::Refused(err),
    }
}

fn elsewhere(candidate: &Candidate, wanted: &Wanted) -> bool {
    match (candidate.shape, wanted) {
        (Shape::Bundle, _) => false,
        (Shape::Notation, Wanted::Attestation(_)) => true,
        (Shape::Notation, Wanted::Signature(_)) => false,
        (Shape::Payload, Wanted::Attestation(_)) | (Shape::Envelope, Wanted::Signature(_)) => true,
        (Shape::Payload, Wanted::Signature(_)) | (Shape::Envelope, Wanted::Attestation(_)) => false,
        (Shape::Unknown, Wanted::Signature(_)) => candidate.attests,
        // A referrer that cannot be read may be either.
        (Shape::Unknown, Wanted::Attestation(_)) => candidate.place.starts_with("tag ") && !candidate.attests,
    }
}

fn kind_of(candidate: &Candidate) -> &'static str {
    match candidate.shape {
        Shape::Notation => "a Notation signature",
        _ if candidate.attests => "an attestation",
        _ => "a signature",
    }
}

/// The requirements for this candidate, or why it is no candidate. What it says of its type only leaves it out; a type that counts is verified.
fn held_to(
    candidate: &Candidate,
    evidence: &Evidence,
    wanted: &Wanted,
    base: &Requirements,
) -> Result<Requirements, Verdict> {
    let mut requirements = base.clone();
    let another = |text: String| Err(Verdict::Another(text));
    let statement = evidence.unverified_envelope().map(Statement::of);
    match (wanted, statement) {
        (Wanted::Signature(annotations), None) => {
            requirements.annotations.clone_from(annotations);
        }
        (Wanted::Signature(_), Some(_)) if candidate.shape != Shape::Bundle => {
            return another("an attestation".to_owned());
        }
        (Wanted::Signature(annotations), Some(Ok(statement))) => {
            if statement.predicate_type() != SIGNED {
                return another(format!("an attestation of type `{}`", statement.predicate_type()));
            }
            requirements.annotations.clone_from(annotations);
            requirements.predicate_type = Some(SIGNED.to_owned());
        }
        (Wanted::Attestation(_), None) => return another("a signature".to_owned()),
        (Wanted::Attestation(kind), Some(Ok(statement))) => {
            match kind {
                Some(kind) if statement.is_a(kind).is_err() => {
                    return another(format!("an attestation of type `{}`", statement.predicate_type()));
                }
                None if statement.predicate_type() == SIGNED => return another("a signature".to_owned()),
                _ => {}
            }
            requirements.predicate_type.clone_from(kind);
        }
        // A malformed statement is refused, whatever was asked for.
        (_, Some(Err(err))) => return Err(Verdict::Refused(err)),
    }
    Ok(requirements)
}

/// For a file, where there is one piece of evidence: another kind than asked for is refused.
pub(crate) fn strict(
    evidence: Result<Evidence, VerifyError>,
    artifact: Artifact<'_>,
    wanted: &Wanted,
    demand: &Demand,
    now: Timestamp,
) -> Result<Verified<Signature>, VerifyError> {
    let evidence = evidence?;
    let mut requirements = demand.requirements.clone();
    let wrong = |expected: &str, found: &str| {
        Err(VerifyError { check: Check::Form, expected: expected.to_owned(), found: found.to_owned() })
    };
    match (wanted, evidence.unverified_envelope()) {
        (Wanted::Signature(_), Some(_)) => return wrong("a signature of the file", "an attestation about it"),
        (Wanted::Attestation(_), None) => return wrong("an attestation", "a signature"),
        (Wanted::Signature(_), None) => {}
        (Wanted::Attestation(kind), Some(_)) => requirements.predicate_type.clone_from(kind),
    }
    verify(&evidence, artifact, &demand.root, &requirements, now)
}

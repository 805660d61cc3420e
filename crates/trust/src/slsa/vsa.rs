//! Verification summaries (`https://slsa.dev/verification_summary/v1`): somebody verified, and says with which result.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Requirement, SlsaError, provenance};

/// Predicate type of a verification summary.
pub const PREDICATE: &str = "https://slsa.dev/verification_summary/v1";

/// What the user requires of a summary.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// Digests as `ALGORITHM:VALUE`, each of which must be a subject's.
    pub digests: &'a [String],
    /// Who verified.
    pub verifier: &'a str,
    /// What was verified.
    pub resource_uri: &'a str,
    /// Levels as `SLSA_BUILD_LEVEL_2` or words of one's own; of a numbered track a higher level will do.
    pub levels: &'a [String],
}

#[derive(Deserialize)]
struct Statement {
    predicate: Predicate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    verifier: Verifier,
    resource_uri: String,
    verification_result: String,
    #[serde(default)]
    verified_levels: Vec<String>,
}

#[derive(Deserialize)]
struct Verifier {
    id: String,
}

/// Judges a summary whose envelope was verified with its verifier's key.
///
/// # Errors
/// The first requirement that is not met.
pub fn verify(payload: &[u8], expected: &Expectation<'_>) -> Result<(), SlsaError> {
    let header = provenance::header(payload)?;
    if header.predicate_type != PREDICATE {
        return Err(SlsaError::payload(
            "a verification summary",
            format!("predicate type `{}`", header.predicate_type),
        ));
    }
    if expected.digests.is_empty() {
        return Err(SlsaError::new(Requirement::Digest, "at least one digest to look for", "none"));
    }
    for digest in expected.digests {
        let known = digest.split_once(':').is_some_and(|(algorithm, value)| {
            header.subject.iter().any(|subject| subject.digest.get(algorithm).is_some_and(|found| found == value))
        });
        if !known {
            return Err(SlsaError::new(Requirement::Digest, format!("`{digest}`"), "no such subject"));
        }
    }
    let Statement { predicate } = provenance::parse(payload)?;
    let same = |what, expected: &str, found: &str| {
        if expected == found {
            Ok(())
        } else {
            Err(SlsaError::new(Requirement::Result, format!("`{expected}` as {what}"), format!("`{found}`")))
        }
    };
    same("the verifier", expected.verifier, &predicate.verifier.id)?;
    same("the resource", expected.resource_uri, &predicate.resource_uri)?;
    same("the result", "PASSED", &predicate.verification_result)?;
    let mut tracks: BTreeMap<&str, u32> = BTreeMap::new();
    for (track, level) in predicate.verified_levels.iter().filter_map(|level| numbered(level)) {
        let highest = tracks.entry(track).or_default();
        *highest = level.max(*highest);
    }
    for wanted in expected.levels {
        let held = match numbered(wanted) {
            Some((track, level)) => tracks.get(track).is_some_and(|found| *found >= level),
            None => predicate.verified_levels.contains(wanted),
        };
        if !held {
            return Err(SlsaError::new(
                Requirement::Result,
                format!("level `{wanted}`"),
                format!("{:?}", predicate.verified_levels),
            ));
        }
    }
    Ok(())
}

/// `SLSA_BUILD_LEVEL_3` -> `BUILD`, 3.
fn numbered(level: &str) -> Option<(&str, u32)> {
    let (track, number) = level.strip_prefix("SLSA_")?.split_once("_LEVEL_")?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((track, number.parse().ok()?))
}

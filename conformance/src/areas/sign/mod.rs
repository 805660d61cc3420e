//! Area `sign`: signatures, attestations, transparency, trust roots.
//!
//! Run against the crate, since there is no command for it yet.

pub(crate) mod bundles;
pub(crate) mod conformance;
pub(crate) mod cosign;
pub(crate) mod merkle;
pub(crate) mod notation;
pub(crate) mod slsa;
pub(crate) mod smoke;
pub(crate) mod tuf;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::set::Verdict;

/// What the verifier says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Accepted.
    Accepted,
    /// Refused by a check, with the reason.
    Refused(String),
    /// It could not even be asked: a file of the case is missing. Never what is expected.
    Broken(String),
}

impl Answer {
    pub(crate) fn of<T, E: std::fmt::Display>(result: std::result::Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Accepted,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// Compares with whether the case must be accepted. A refusal for any reason of the verifier counts; one for a missing file does not.
pub(crate) fn compare(answer: &Answer, accept: bool) -> Verdict {
    match (answer, accept) {
        (Answer::Accepted, true) | (Answer::Refused(_), false) => Verdict::Passed,
        (Answer::Accepted, false) => Verdict::Failed("accepted, and must be refused".to_owned()),
        (Answer::Refused(why), true) => Verdict::Failed(format!("refused: {why}")),
        (Answer::Broken(why), _) => Verdict::Failed(format!("could not be asked: {why}")),
    }
}

pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

//! What one search may cost.

use super::SearchError;

/// Bounds on one search. Beyond any of them the search is an error; nothing is cut off in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Nodes evaluated, elements looked at, letters searched in units of 64.
    pub steps: u64,
    /// Bytes of all that is made on the way and at the end: text counts its length, any value 32 more.
    pub bytes: u64,
}

impl Default for Limits {
    /// A hundred times what the largest public policy takes on a large object. 2 MiB is Kyverno's cap of a rule's context (CVE-2026-23881).
    fn default() -> Limits {
        Limits { steps: 2_000_000, bytes: 8 << 20 }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        Budget { steps: limits.steps, bytes: limits.bytes }
    }

    /// What is left.
    pub(super) fn left(&self) -> Limits {
        Limits { steps: self.steps, bytes: self.bytes }
    }

    /// Pays for work.
    pub(super) fn work(&mut self, steps: usize) -> Result<(), SearchError> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or(SearchError::TooMuchWork)?;
        Ok(())
    }

    /// Pays for a text before it is made.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.work(bytes / 64)?;
        self.bytes = self.bytes.checked_sub(bytes as u64).ok_or(SearchError::TooLarge)?;
        Ok(())
    }

    /// Pays for values before they are made.
    pub(super) fn values(&mut self, count: usize) -> Result<(), SearchError> {
        self.work(count)?;
        self.text(count.saturating_mul(32))
    }
}

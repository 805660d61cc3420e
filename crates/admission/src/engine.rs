//! What judges a request, as this room sees it: a plain function of the request and of what is known, behind a trait.

use std::collections::BTreeSet;
use std::fmt::Debug;

use signet_policy::engine::{Judged, Known};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::Need;

use crate::request::Request;

/// Which of the two calls of an API server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Before validation: the object may be changed.
    Mutate,
    /// After it: the object is what will be stored. Nothing that the first call wrote is believed.
    Validate,
}

impl Pass {
    /// As metrics and logs call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
        }
    }
}

/// All policies at one time.
///
/// `judge` neither waits nor fetches, and gives the same for the same.
pub trait Engine: Debug + Send + Sync {
    /// Judges a request by what is known.
    fn judge(&self, request: &Request, pass: Pass, known: &Known, surroundings: &Surroundings) -> Judged;

    /// What of the cluster is asked for whatever comes out, so that it need not be judged twice. Nothing is lost where it says too little.
    fn wants(&self, request: &Request) -> BTreeSet<Need> {
        let _ = request;
        BTreeSet::new()
    }

    /// How many policies there are.
    fn policies(&self) -> usize;
}

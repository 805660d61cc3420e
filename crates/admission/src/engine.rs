//! What judges a request, as this room sees it: a plain function of the request and of what is known, behind a trait.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use signet_model::Digest;
use signet_policy::engine::{About, Judged, Known};
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

    /// The same, and how long each reason took to find, in the order of the reasons, as far as that is known. `watch`: how long it is since any
    /// fixed moment.
    fn judge_timed(
        &self,
        request: &Request,
        pass: Pass,
        known: &Known,
        surroundings: &Surroundings,
        _watch: &dyn Fn() -> Duration,
    ) -> (Judged, Vec<Duration>) {
        (self.judge(request, pass, known, surroundings), Vec::new())
    }

    /// Judges an object that is there already, by the policies that look at such objects.
    ///
    /// `None`: none of them does.
    fn scan(&self, _request: &Request, _known: &Known, _surroundings: &Surroundings) -> Option<Judged> {
        None
    }

    /// Whether a policy may say something of objects of this kind that are there already.
    fn looks_at(&self, _request: &Request) -> bool {
        false
    }

    /// What reports, events and metrics say of each policy.
    fn abouts(&self) -> &[About] {
        &[]
    }

    /// Names them: others have another digest. Without it nothing that was found out for them outlives the process.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// How many policies there are.
    fn policies(&self) -> usize;
}

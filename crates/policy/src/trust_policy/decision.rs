//! What policies say of one image, with all that it rests on. Serialised by [`Decision::to_json`].

use std::collections::BTreeSet;

use signet_model::{Digest, Mode, NotJudged, Timestamp, Verdict};

use super::document::Place;
use super::evaluate::Judgement;
use super::facts::{Question, Signer};

/// The word of all policies on one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The image as it was asked about, in its full form.
    pub image: String,
    /// The digest that everything was judged by; `None` while it is not known.
    pub digest: Option<Digest>,
    /// The reference to write in its place, where a policy pins and the image may run.
    pub pin: Option<String>,
    /// Whether what is pinned may be taken from the node (`imagePullPolicy: IfNotPresent`).
    pub pull_if_not_present: bool,
    /// What happens. A question without an answer counts as a denial.
    pub outcome: Verdict,
    /// What would happen if every policy were enforced.
    pub judged: Verdict,
    /// What stands above all policies: emergency blocks, and an image that no policy names.
    pub reasons: Vec<Reason>,
    /// Each policy that was asked.
    pub rulings: Vec<Ruling>,
    /// What must be found out before this is decided.
    pub needs: BTreeSet<Question>,
    /// No answer to `needs` can change the outcome.
    pub settled: bool,
    /// Digest of the answers that were looked at.
    pub facts: Digest,
    /// The time that it was judged at.
    pub at: Timestamp,
}

/// The word of one policy on one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// Name of the policy.
    pub policy: String,
    /// Digest of its text.
    pub content: Digest,
    /// How far it is in force.
    pub mode: Mode,
    /// What its rules say, overrides included.
    pub judged: Verdict,
    /// What follows: `judged` under `mode`.
    pub outcome: Verdict,
    /// Every rule that was looked at, in the order of their judging, also those that hold.
    pub reasons: Vec<Reason>,
    /// What became of each vulnerability, platform by platform.
    pub vulnerabilities: Vec<Scanned>,
    /// Overrides that were handed in, whether they count or not.
    pub overrides: Vec<OverrideReport>,
    /// Sections that are judged elsewhere.
    pub not_judged: Vec<NotJudged>,
}

/// One rule, and what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reason {
    /// The section: `signatures`.
    pub section: String,
    /// The rule: `signatures.require`.
    pub rule: String,
    /// Where it stands in the policy.
    pub place: Option<Place>,
    /// What it says.
    pub verdict: Verdict,
    /// The platform or manifest that it is about, where that is not the whole image.
    pub subject: Option<String>,
    /// Digests of the evidence.
    pub looked_at: Vec<Digest>,
    /// What was found; one sentence without a full stop.
    pub found: String,
    /// What was not known, where the rule could not be decided.
    pub missing: Vec<String>,
    /// What to do; one sentence without a full stop.
    pub remedy: Option<String>,
    /// The override that lets it pass.
    pub overridden: Option<String>,
}

/// The vulnerabilities of one manifest, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// The manifest.
    pub digest: Digest,
    /// The report that was used.
    pub report: Digest,
    /// `sealed`, `sbom`, `scan`.
    pub from: &'static str,
    /// Finding by finding.
    pub judgement: Judgement,
}

/// An override, and what it did.
#[derive(Clone, Debug, PartialEq)]
pub struct OverrideReport {
    /// Its name.
    pub name: String,
    /// Digest of the document that was signed.
    pub content: Digest,
    /// Who signed it.
    pub signers: Vec<Signer>,
    /// Its end.
    pub until: Timestamp,
    /// Why it was opened.
    pub reason: String,
    /// Why it does not count; `None` if it does.
    pub refused: Option<String>,
}

impl Decision {
    /// Whether the image may run.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.outcome < Verdict::Deny
    }

    /// Everything that speaks against it, policy by policy: denials and warnings.
    pub fn objections(&self) -> impl Iterator<Item = (Option<&Ruling>, &Reason)> {
        let own = self.reasons.iter().map(|reason| (None, reason));
        let of_policies =
            self.rulings.iter().flat_map(|ruling| ruling.reasons.iter().map(move |reason| (Some(ruling), reason)));
        own.chain(of_policies).filter(|(_, reason)| reason.verdict > Verdict::Allow)
    }
}

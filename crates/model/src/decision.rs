//! Decisions: what a policy makes of the evidence, rule by rule, with what to do about it.

use crate::{Digest, Exception};

/// What a rule or a whole policy says. Ordered: the worst one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing stands against it.
    #[default]
    Allow,
    /// It may pass, and someone should look.
    Warn,
    /// It may not pass.
    Deny,
}

impl Verdict {
    /// The name in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Warn => "warn",
            Verdict::Deny => "deny",
        }
    }
}

/// How far a policy is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Denials deny.
    #[default]
    Enforce,
    /// Denials become warnings.
    Warn,
    /// Everything passes; what would have been is recorded.
    Audit,
}

impl Mode {
    /// The name in policies and in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
            Mode::Audit => "audit",
        }
    }

    /// What a verdict of the rules comes to under this mode.
    pub fn apply(self, judged: Verdict) -> Verdict {
        match self {
            Mode::Enforce => judged,
            Mode::Warn => judged.min(Verdict::Warn),
            Mode::Audit => Verdict::Allow,
        }
    }
}

/// One policy's word on one artifact. Itself evidence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Name of the policy.
    pub policy: String,
    /// Digest of the policy document, where the caller has it.
    pub policy_digest: Option<Digest>,
    /// Digests of the databases that the findings came from.
    pub databases: Vec<Digest>,
    /// How far the policy is in force.
    pub mode: Mode,
    /// What the rules say.
    pub judged: Verdict,
    /// What happens: `judged` under `mode`.
    pub verdict: Verdict,
    /// Every rule that was evaluated, in the order of the policy, also those that hit nothing.
    pub rules: Vec<RuleResult>,
    /// Every finding, in the order given, with what became of it.
    pub findings: Vec<JudgedFinding>,
    /// Every exception of the policy, in its order.
    pub exceptions: Vec<ExceptionReport>,
    /// Sections of the policy that were not looked at. An allow says nothing about them.
    pub not_judged: Vec<NotJudged>,
}

/// What one rule looked at and found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleResult {
    /// Its place in the policy: `vulnerabilities.deny`.
    pub rule: String,
    /// Its expression, where it has one.
    pub expression: Option<String>,
    /// The worst of its hits.
    pub verdict: Verdict,
    /// Evidence that it looked at.
    pub looked_at: Vec<Digest>,
    /// How many findings (or feeds) it was asked about.
    pub examined: usize,
    /// What it found.
    pub hits: Vec<RuleHit>,
    /// What to do about the hits; one sentence without a full stop.
    pub remedy: Option<String>,
}

/// One thing that a rule objects to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleHit {
    /// Place of the finding in [`Decision::findings`], if it is about one.
    pub finding: Option<usize>,
    /// What it is about: `CVE-2026-0001 in pkg:deb/debian/zlib1g@1.2`, or the name of a feed.
    pub subject: String,
    /// What the rule says about it.
    pub verdict: Verdict,
    /// Why; one sentence without a full stop.
    pub why: String,
    /// Names of the data that were missing, where the rule could not be decided.
    pub missing: Vec<String>,
}

/// What became of a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgedFinding {
    /// As in [`RuleHit::subject`].
    pub subject: String,
    /// The policy's word.
    pub verdict: Verdict,
    /// The rule that settled it; `None` when no rule had anything to say.
    pub rule: Option<String>,
    /// Place of the exception in [`Decision::exceptions`] that covers it.
    pub exception: Option<usize>,
    /// Why; one sentence without a full stop.
    pub why: String,
}

/// What an exception did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExceptionState {
    /// It covers at least one finding.
    Applied,
    /// It covers nothing any more: remove it.
    Stale,
    /// Its end has passed; it covers nothing, whatever it names.
    Expired,
}

impl ExceptionState {
    /// The name in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            ExceptionState::Applied => "applied",
            ExceptionState::Stale => "stale",
            ExceptionState::Expired => "expired",
        }
    }
}

/// An exception, and what it did in this decision.
#[derive(Clone, Debug, PartialEq)]
pub struct ExceptionReport {
    /// The exception.
    pub exception: Exception,
    /// What it did.
    pub state: ExceptionState,
    /// A review is due: the last one, if there was any, lies further back than the interval allows.
    pub overdue: bool,
    /// Places in [`Decision::findings`] of those it names; of an expired one, those it would have covered.
    pub findings: Vec<usize>,
}

/// A section of a policy that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// Its name in the policy.
    pub section: String,
    /// Why; one sentence without a full stop.
    pub why: String,
}

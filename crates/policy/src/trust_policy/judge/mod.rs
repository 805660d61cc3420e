//! Policies against one image: [`judge`].
//!
//! ```text
//!   Asked (image, role) + Facts (what was answered) + Circumstances (now, blocks, overrides)
//!        │
//!        ├─ blocks ─▶ which policies name it ─▶ each policy, section by section ─▶ overrides ─▶ mode
//!        └─▶ Decision { outcome, rulings, needs }: who asked fetches what is needed, and asks again
//! ```
//!
//! What cannot be told counts against the image. An index is judged with every manifest that it can serve.

mod bench;
mod case;
mod evidence;
mod findings;
mod open;
mod summary;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use signet_model::{ImageRef, Mode, NotJudged, Timestamp, Verdict};

use self::bench::Bench;
use self::case::Case;
use super::blocked::Blocked;
use super::break_glass::Override;
use super::decision::{Decision, Reason, Ruling};
use super::document::{DigestRule, Otherwise, TrustPolicy};
use super::facts::{Facts, Question};
use super::names::canonical_name;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The image as it is written where it is to run.
    pub image: ImageRef,
    /// What it is to be.
    pub role: Role,
    /// What runs it, where something does: `namespace/Deployment/name/container`.
    pub workload: Option<String>,
}

/// What an image is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A container, an init container, an image volume; or just an image.
    Container,
    /// An ephemeral container that somebody attaches.
    Ephemeral {
        /// The groups of who attaches it.
        groups: Vec<String>,
    },
}

/// What holds for the moment.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The time.
    pub now: Timestamp,
    /// What is blocked everywhere (`signet block`), whatever any policy says.
    pub blocked: &'a Blocked,
    /// Overrides, with the signatures that hold over them.
    pub overrides: &'a [Override],
}

/// Whether an image is blocked, without any policy: a denial for each reason, and what must be found out before it can be told.
#[must_use]
pub fn blocks(asked: &Asked, facts: &Facts, circumstances: &Circumstances<'_>) -> (Vec<Reason>, BTreeSet<Question>) {
    let mut bench = Bench::new(asked, facts, circumstances);
    let reasons = bench.blocks();
    (reasons, bench.needs)
}

/// Judges an image by all policies. Pure: the same arguments give the same decision.
///
/// Every policy that names the image must hold. If none does, it is denied unless each of them says `otherwise: ignore`; without any policy it is denied.
/// What must be fetched stands in [`Decision::needs`]; until it is answered the image is denied.
#[must_use]
pub fn judge(policies: &[&TrustPolicy], asked: &Asked, facts: &Facts, circumstances: &Circumstances<'_>) -> Decision {
    let mut bench = Bench::new(asked, facts, circumstances);
    let mut reasons = bench.blocks();
    let mut rulings = Vec::new();
    if reasons.iter().all(|reason| reason.verdict < Verdict::Deny || !reason.missing.is_empty()) {
        let named = |policy: &&&TrustPolicy| policy.names(&asked.image);
        let naming: Vec<&TrustPolicy> = policies.iter().filter(named).copied().collect();
        if naming.is_empty() {
            reasons.extend(unnamed(policies, &mut rulings));
        } else if !naming.iter().any(|policy| policy.mode == Mode::Enforce) {
            // One that refuses nothing does not let in what those refuse that do.
            let enforced: Vec<&TrustPolicy> =
                policies.iter().filter(|policy| policy.mode == Mode::Enforce).copied().collect();
            if !enforced.is_empty() {
                unnamed(&enforced, &mut rulings);
            }
        }
        // Who may attach what is said once for all ephemeral containers, whatever image is attached.
        let others = policies.iter().filter(|policy| !policy.names(&asked.image) && policy.debug.is_some());
        let is_ephemeral = matches!(asked.role, Role::Ephemeral { .. });
        for policy in others.filter(|_| is_ephemeral) {
            let mut case = Case::new(policy, &mut bench);
            case.debug();
            rulings.push(case.ruling());
        }
        rulings.extend(naming.into_iter().map(|policy| rule(policy, &mut bench)));
    }
    let own = reasons.iter().map(|reason| reason.verdict).max().unwrap_or_default();
    let outcome = rulings.iter().map(|ruling| ruling.outcome).max().unwrap_or_default().max(own);
    let judged = rulings.iter().map(|ruling| ruling.judged).max().unwrap_or_default().max(own);
    let certain = |reason: &Reason| reason.verdict == Verdict::Deny && reason.missing.is_empty();
    let enforced = rulings.iter().filter(|ruling| ruling.outcome == Verdict::Deny);
    let is_settled = bench.needs.is_empty()
        || reasons.iter().any(certain)
        || enforced.flat_map(|ruling| &ruling.reasons).any(certain);
    let digest = bench.digest();
    let pins: Vec<&&TrustPolicy> = policies
        .iter()
        .filter(|policy| {
            policy.mode != Mode::Audit && policy.digest == Some(DigestRule::Pin) && policy.names(&asked.image)
        })
        .collect();
    let pin = digest.filter(|_| !pins.is_empty() && outcome < Verdict::Deny && bench.needs.is_empty());
    Decision {
        image: asked.image.to_string(),
        digest,
        pin: pin.map(|digest| asked.image.at(digest).to_string()),
        pull_if_not_present: pin.is_some() && pins.iter().all(|policy| policy.pull_if_not_present),
        outcome,
        judged,
        reasons,
        rulings,
        settled: is_settled,
        facts: facts.digest(&bench.seen),
        needs: bench.needs,
        at: circumstances.now,
    }
}

impl TrustPolicy {
    /// Whether it is about an image.
    #[must_use]
    pub fn names(&self, image: &ImageRef) -> bool {
        self.images.is_empty() || self.images.iter().any(|pattern| pattern.matches(image))
    }
}

/// An image that no policy names.
fn unnamed(policies: &[&TrustPolicy], rulings: &mut Vec<Ruling>) -> Option<Reason> {
    if policies.is_empty() {
        return Some(Reason {
            section: "images".to_owned(),
            rule: "images".to_owned(),
            verdict: Verdict::Deny,
            found: "there is no policy".to_owned(),
            remedy: Some("load a policy that names the image".to_owned()),
            ..Reason::default()
        });
    }
    for policy in policies.iter().filter(|policy| policy.otherwise == Otherwise::Deny) {
        let reason = Reason {
            section: "otherwise".to_owned(),
            rule: "otherwise".to_owned(),
            place: policy.place("otherwise").or_else(|| policy.place("images")),
            verdict: Verdict::Deny,
            found: "no pattern of `images`, here or in another policy, names the image".to_owned(),
            remedy: Some("add its repository to the `images` of a policy, or use an image that one names".to_owned()),
            ..Reason::default()
        };
        rulings.push(Ruling {
            policy: policy.name.clone(),
            content: policy.content,
            mode: policy.mode,
            judged: Verdict::Deny,
            outcome: policy.mode.apply(Verdict::Deny),
            reasons: vec![reason],
            vulnerabilities: Vec::new(),
            overrides: Vec::new(),
            not_judged: Vec::new(),
        });
    }
    let is_ignored = rulings.is_empty();
    is_ignored.then(|| Reason {
        section: "otherwise".to_owned(),
        rule: "otherwise".to_owned(),
        found: "no policy names the image, and each says `otherwise: ignore`".to_owned(),
        ..Reason::default()
    })
}

/// One policy that names the image. The order is the order of the reasons: what is revoked first, for nothing else matters then.
fn rule(policy: &TrustPolicy, bench: &mut Bench<'_>) -> Ruling {
    let mut case = Case::new(policy, bench);
    case.revoked();
    if case.is_refused() {
        return case.ruling();
    }
    case.digest();
    case.debug();
    if case.summaries() {
        // Who counts on the time of a signature for its age must see the signature.
        if policy.freshness.as_ref().is_some_and(|section| section.max_age.is_some()) {
            case.signatures();
        }
    } else {
        case.signatures();
        case.provenance();
        case.sbom();
        case.vulnerabilities();
        case.checks();
        case.base();
    }
    case.freshness();
    if policy.runtime.is_some() {
        case.not_judged.push(NotJudged {
            section: "runtime".to_owned(),
            why: "what a running process does is judged where it runs".to_owned(),
        });
    }
    case.break_glass();
    case.ruling()
}

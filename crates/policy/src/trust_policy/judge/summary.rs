//! `summaries`: what somebody else verified by this very policy, instead of verifying it again.
//!
//! Source: <https://slsa.dev/spec/v1.1/verification_summary>, "How to verify". The newest summary that counts is the word; what does not count is named
//! and changes nothing. Blocks, `revoked`, `digest`, `debug` and `freshness` are judged here in any case.

use std::cmp::Reverse;

use signet_model::{ImageRef, Verdict};

use super::super::decision::Reason;
use super::super::document::{SummaryRule, TrustPolicy};
use super::super::evaluate::SKEW;
use super::super::facts::{Answer, Question, Summary};
use super::super::names::canonical_name;
use super::bench::{Told, authority};
use super::case::Case;
use super::evidence::listed;
use crate::duration::format_duration;

const RULE: &str = "summaries";

impl<'a> Case<'_, '_, 'a> {
    /// Whether a summary stands for the sections that look at evidence.
    pub(super) fn summaries(&mut self) -> bool {
        let Some(rule) = &self.policy.summaries else { return false };
        // Who is blocked may have signed what was summed up, and a summary names no signers.
        if self.bench.circumstances.blocked.blocks_signers() {
            self.holds(RULE, "signers are blocked, so what others verified is verified again");
            return false;
        }
        // What is wrong with the reference is said by those who need it.
        let Told::Known(digest) = self.bench.resolved() else { return false };
        let question = Question::Summaries { name: self.bench.name.clone(), digest, authorities: rule.signers.clone() };
        let told = self.bench.ask(question, |answer| match answer {
            Answer::Summaries(summaries) => Some(summaries.as_slice()),
            _ => None,
        });
        let summaries = match told {
            Told::Known(summaries) => summaries,
            // Nothing else is asked for as long as it may be spared.
            Told::Open(why) => {
                self.unknown(RULE, Verdict::Deny, None, vec![why]);
                return true;
            }
            Told::Unknown(why) => {
                self.holds(RULE, format!("no summary is known, so the image is verified: {why}"));
                return false;
            }
        };
        let (mut good, mut ignored) = (Vec::new(), Vec::new());
        for summary in summaries {
            match self.ignored(rule, summary) {
                None => good.push(summary),
                Some(why) => ignored.push(why),
            }
        }
        // Of two of the same moment the one that speaks against it.
        good.sort_by_key(|summary| (Reverse(summary.verified_at), summary.result == PASSED));
        let Some(newest) = good.first() else {
            let why = if ignored.is_empty() { "there is none".to_owned() } else { listed(ignored) };
            self.holds(RULE, format!("no summary counts, so the image is verified: {why}"));
            return false;
        };
        let at = newest.verified_at.map(|at| at.to_string()).unwrap_or_default();
        let passed = newest.result == PASSED;
        let found = format!(
            "`{}` {} it at {at} by this policy, signed by {}",
            newest.verifier,
            if passed { "verified" } else { "refused" },
            newest.seal.signer
        );
        let verdict = if passed { Verdict::Allow } else { Verdict::Deny };
        let reason = self.reason(RULE, verdict, found);
        let remedy = "see what it refused (`signet gate`), mend it, and have it verified again".to_owned();
        self.reasons.push(Reason {
            looked_at: vec![newest.seal.evidence],
            remedy: (!passed).then_some(remedy),
            ..reason
        });
        true
    }

    /// Why a summary does not count, if it does not.
    fn ignored(&self, rule: &SummaryRule, summary: &'a Summary) -> Option<String> {
        let who = &summary.seal.signer;
        if !authority(&rule.signers, who) || self.is_revoked(&summary.seal) {
            return Some(format!("one is by {who}, who is not trusted with it"));
        }
        if !rule.verifiers.contains(&summary.verifier) {
            return Some(format!(
                "one is by the verifier `{}`, which `summaries.verifiers` does not name",
                summary.verifier
            ));
        }
        if summary.policy != Some(self.policy.content) {
            return Some("one is by another policy".to_owned());
        }
        let resource = summary.resource.strip_prefix("oci://").and_then(|text| text.parse::<ImageRef>().ok());
        if resource.is_none_or(|image| canonical_name(&image) != self.bench.name) {
            return Some(format!("one is about `{}`", summary.resource));
        }
        let Some(at) = summary.verified_at else { return Some("one does not say when it was made".to_owned()) };
        let age = self.bench.now().duration_since(at);
        if age < -SKEW {
            return Some(format!("one is dated {at}, which is not yet"));
        }
        // A policy that asks for fresh findings gets no older ones by way of a summary.
        let findings = self.policy.vulnerabilities.as_ref().and_then(|section| section.max_age);
        let allowed = findings.map_or(rule.max_age, |findings| findings.min(rule.max_age));
        if age > allowed {
            return Some(format!("one is of {at}, more than {} old", format_duration(allowed)));
        }
        match summary.result.as_str() {
            FAILED => None,
            PASSED => level_is_short(self.policy, summary),
            other => Some(format!("one has the result `{other}`")),
        }
    }
}

const PASSED: &str = "PASSED";
const FAILED: &str = "FAILED";

/// Why the levels that a summary names are not those that the policy asks for, if so.
fn level_is_short(policy: &TrustPolicy, summary: &Summary) -> Option<String> {
    if summary.levels.is_empty() || summary.levels.iter().any(|level| level == FAILED) {
        return Some("one passed and names no level that does".to_owned());
    }
    let wanted = policy.provenance.as_ref().and_then(|section| section.level).unwrap_or(0);
    let level = |text: &String| text.strip_prefix("SLSA_BUILD_LEVEL_")?.parse::<u32>().ok();
    let shown = summary.levels.iter().filter_map(level).max().unwrap_or(0);
    (shown < wanted).then(|| format!("one shows build level {shown}, and {wanted} is required"))
}

//! Break-glass: which overrides count for a policy and an image, and what they let pass.

use std::collections::BTreeSet;

use signet_model::Verdict;

use super::super::break_glass::{Override, SECTIONS};
use super::super::decision::OverrideReport;
use super::super::document::BreakGlassRule;
use super::super::facts::{Seal, Signer};
use super::bench::{SKEW, authority};
use super::case::Case;

impl Case<'_, '_, '_> {
    /// Lets denials pass that an override is about, as warnings that name it. Each override about the image is shown, whether it counts or not.
    pub(super) fn break_glass(&mut self) {
        let digest = self.bench.digest();
        for found in self.bench.circumstances.overrides {
            let document = &found.document;
            let is_meant = document.policies.is_empty() || document.policies.contains(&self.policy.name);
            if !is_meant || !document.names(&self.bench.asked.image, digest) {
                continue;
            }
            let refused = match &self.policy.break_glass {
                None => Some("the policy has no `breakGlass`, so nobody may override it".to_owned()),
                Some(rule) => self.refused(rule, found),
            };
            if refused.is_none() {
                for reason in &mut self.reasons {
                    let section = reason.section.as_str();
                    let is_covered = SECTIONS.contains(&section)
                        && (document.sections.is_empty() || document.sections.iter().any(|named| named == section));
                    if is_covered && reason.verdict == Verdict::Deny {
                        reason.verdict = Verdict::Warn;
                        reason.overridden = Some(document.name.clone());
                    }
                }
            }
            self.overrides.push(OverrideReport {
                name: document.name.clone(),
                content: document.content,
                signers: found.seals.iter().map(|seal| seal.signer.clone()).collect(),
                until: document.until,
                reason: document.reason.clone(),
                refused,
            });
        }
    }

    fn refused(&self, rule: &BreakGlassRule, found: &Override) -> Option<String> {
        let document = &found.document;
        if let Some(why) = document.is_over(self.bench.now(), rule.max_duration) {
            return Some(why);
        }
        let now = self.bench.now();
        // One that was signed long before, for later use, is not the word of two people on this matter.
        let is_timely = |seal: &&Seal| {
            seal.signed_at.is_none_or(|at| {
                document.until.duration_since(at) <= rule.max_duration && now.duration_since(at) >= -SKEW
            })
        };
        let good = found.seals.iter().filter(|seal| authority(&rule.approvers, &seal.signer) && !self.is_revoked(seal));
        let people: BTreeSet<String> = good.filter(is_timely).map(|seal| person(&seal.signer)).collect();
        (people.len() < rule.require as usize)
            .then(|| format!("{} of the {} approvers that are required signed it in time", people.len(), rule.require))
    }
}

/// Whom a signature is of. One name that two issuers vouch for is one person.
fn person(signer: &Signer) -> String {
    match signer {
        Signer::Keyless { subject, .. } => format!("identity {}", subject.to_lowercase()),
        Signer::Key { fingerprint, .. } => format!("key {fingerprint}"),
    }
}

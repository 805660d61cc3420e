//! Break-glass: which overrides count for a policy and an image, and what they let pass.

use std::collections::BTreeSet;

use signet_model::Verdict;

use super::super::break_glass::{Override, SECTIONS};
use super::super::decision::OverrideReport;
use super::super::document::{Approver, BreakGlassRule};
use super::super::evaluate::SKEW;
use super::super::facts::{Seal, Signer};
use super::bench::{MOST, is_by};
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
        // One that was signed long before, for later use, is not the word of two people on this matter; nor is one for whose time nobody vouches,
        // since it may have been.
        let is_timely = |seal: &&Seal| {
            seal.signed_at.is_some_and(|at| {
                document.until.duration_since(at) <= rule.max_duration && now.duration_since(at) >= -SKEW
            })
        };
        let is_approver = |seal: &&Seal| rule.approvers.iter().any(|approver| is_by(&approver.authority, &seal.signer));
        let good = found.seals.iter().filter(is_approver).filter(|seal| !self.is_revoked(seal)).filter(is_timely);
        let people = people(&rule.approvers, good);
        let untimed = found.seals.iter().filter(is_approver).any(|seal| seal.signed_at.is_none());
        (people < rule.require as usize).then(|| {
            let note = if untimed {
                "; a signature counts only with a time that a log or a timestamp vouches for"
            } else {
                ""
            };
            format!("{people} of the {} approvers that are required signed it in time{note}", rule.require)
        })
    }
}

/// How many people these signatures are of. A person is all names and keys that belong together: one name that two issuers vouch for, a key and the
/// identity of its holder, two keys of one holder.
fn people<'s>(approvers: &[Approver], seals: impl Iterator<Item = &'s Seal>) -> usize {
    let mut people: Vec<BTreeSet<String>> = Vec::new();
    for seal in seals.take(MOST) {
        let mut person = BTreeSet::new();
        match &seal.signer {
            Signer::Keyless { subject, .. } => {
                person.insert(name_of(subject));
            }
            Signer::Key { fingerprint, .. } => {
                person.insert(format!("key {fingerprint}"));
                let own = approvers.iter().filter(|approver| is_by(&approver.authority, &seal.signer));
                person.extend(own.filter_map(|approver| approver.person.as_deref()).map(name_of));
            }
        }
        let (same, others): (Vec<_>, Vec<_>) = people.into_iter().partition(|known| !known.is_disjoint(&person));
        people = others;
        person.extend(same.into_iter().flatten());
        people.push(person);
    }
    people.len()
}

/// One spelling of a name: addresses differ in case and reach the same person.
fn name_of(person: &str) -> String {
    let name = person.trim().to_lowercase();
    format!("identity {}", name.strip_prefix("mailto:").unwrap_or(&name))
}

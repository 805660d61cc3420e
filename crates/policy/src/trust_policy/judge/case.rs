//! One policy while it judges one image: its reasons, and the sections that need no evidence but the image itself.

use signet_model::{Digest, NotJudged, Timestamp, Verdict};

use super::super::decision::{OverrideReport, Reason, Ruling, Scanned};
use super::super::document::{Authority, DigestRule, TrustPolicy};
use super::super::facts::{Manifest, Seal};
use super::Role;
use super::bench::{Bench, LOOKED_UP, Told, authority, is_revoked};

pub(super) struct Case<'p, 'b, 'a> {
    pub(super) policy: &'p TrustPolicy,
    pub(super) bench: &'b mut Bench<'a>,
    pub(super) reasons: Vec<Reason>,
    pub(super) scanned: Vec<Scanned>,
    pub(super) overrides: Vec<OverrideReport>,
    pub(super) not_judged: Vec<NotJudged>,
    /// When the image was signed by those who count: the whole, and each manifest.
    pub(super) signed: Vec<(Digest, Timestamp)>,
}

impl<'p, 'b, 'a> Case<'p, 'b, 'a> {
    pub(super) fn new(policy: &'p TrustPolicy, bench: &'b mut Bench<'a>) -> Case<'p, 'b, 'a> {
        Case {
            policy,
            bench,
            reasons: Vec::new(),
            scanned: Vec::new(),
            overrides: Vec::new(),
            not_judged: Vec::new(),
            signed: Vec::new(),
        }
    }

    pub(super) fn ruling(self) -> Ruling {
        let judged = self.reasons.iter().map(|reason| reason.verdict).max().unwrap_or_default();
        Ruling {
            policy: self.policy.name.clone(),
            content: self.policy.content,
            mode: self.policy.mode,
            judged,
            outcome: self.policy.mode.apply(judged),
            reasons: self.reasons,
            vulnerabilities: self.scanned,
            overrides: self.overrides,
            not_judged: self.not_judged,
        }
    }

    /// Whether a denial stands that no answer can change.
    pub(super) fn is_refused(&self) -> bool {
        self.reasons.iter().any(|reason| reason.verdict == Verdict::Deny && reason.missing.is_empty())
    }

    /// A reason of a rule, with its place.
    pub(super) fn reason(&self, rule: &str, verdict: Verdict, found: impl Into<String>) -> Reason {
        Reason {
            section: rule.split('.').next().unwrap_or_default().to_owned(),
            rule: rule.to_owned(),
            place: self.policy.place(rule),
            verdict,
            found: found.into(),
            ..Reason::default()
        }
    }

    pub(super) fn holds(&mut self, rule: &str, found: impl Into<String>) {
        let reason = self.reason(rule, Verdict::Allow, found);
        self.reasons.push(reason);
    }

    pub(super) fn deny(&mut self, rule: &str, found: impl Into<String>, remedy: &str) {
        let reason = self.reason(rule, Verdict::Deny, found);
        self.reasons.push(Reason { remedy: Some(remedy.to_owned()), ..reason });
    }

    /// A rule that cannot be decided. It denies unless it only warns anyway, and names what is missing.
    pub(super) fn unknown(&mut self, rule: &str, verdict: Verdict, subject: Option<String>, why: Vec<String>) {
        let reason = self.reason(rule, verdict, format!("it cannot be told without {}", why.join("; ")));
        self.reasons.push(Reason {
            subject,
            missing: why,
            remedy: Some("provide what is missing, and ask again".to_owned()),
            ..reason
        });
    }

    /// The manifests, or a reason of the rule that needs them.
    pub(super) fn manifests(&mut self, rule: &str, verdict: Verdict) -> Option<(Digest, &'a [Manifest])> {
        match self.bench.manifests() {
            Told::Known(found) => Some(found),
            Told::Open(why) | Told::Unknown(why) => {
                self.unknown(rule, verdict, None, vec![why]);
                None
            }
        }
    }

    /// Whose seal on a statement counts: the authorities of `signatures`.
    pub(super) fn authorities(&self) -> &'p [Authority] {
        self.policy.signatures.as_ref().map(|section| section.authorities.as_slice()).unwrap_or_default()
    }

    /// Whether a signer is trusted no more, by this policy or by a block.
    pub(super) fn is_revoked(&self, seal: &Seal) -> bool {
        let own = self.policy.revoked.as_ref().is_some_and(|revoked| is_revoked(revoked, &seal.signer));
        own || self.bench.circumstances.blocked.signer(&seal.signer).is_some()
    }

    /// Whether a seal is by an authority of the policy that is still trusted.
    pub(super) fn counts(&self, seal: &Seal) -> bool {
        authority(self.authorities(), &seal.signer) && !self.is_revoked(seal)
    }

    /// `revoked.digests`. Keys and identities are looked at wherever a signature is.
    pub(super) fn revoked(&mut self) {
        let Some(revoked) = &self.policy.revoked else { return };
        let told = match self.bench.is_among(&revoked.digests) {
            Told::Known(None) => {
                let (asked, more) = revoked.digests.split_at(revoked.digests.len().min(LOOKED_UP));
                if !more.is_empty() {
                    let why = format!("what {} more revoked digests serve is not asked for", more.len());
                    self.not_judged.push(NotJudged { section: "revoked.digests".to_owned(), why });
                }
                let told = self.bench.is_served_by(&revoked.digests, asked);
                told.map(|found| found.map(|found| (found, format!("{found}, which serves it, is revoked"))))
            }
            told => told.map(|found| found.map(|found| (found, format!("{found} is revoked")))),
        };
        match told {
            Told::Known(Some((found, said))) => {
                let reason = self.reason("revoked.digests", Verdict::Deny, said);
                self.reasons.push(Reason {
                    looked_at: vec![found],
                    remedy: Some("use another image".to_owned()),
                    ..reason
                });
            }
            Told::Known(None) => self.holds("revoked", "the image is not revoked"),
            Told::Open(why) | Told::Unknown(why) => self.unknown("revoked.digests", Verdict::Deny, None, vec![why]),
        }
    }

    /// `digest`.
    pub(super) fn digest(&mut self) {
        let written = self.bench.asked.image.digest().is_some();
        match self.policy.digest {
            None | Some(DigestRule::Ignore) => {}
            Some(DigestRule::Require) if written => self.holds("digest", "the image is named by its digest"),
            Some(DigestRule::Require) => self.deny(
                "digest",
                "the image is named by a tag, which may be another image tomorrow",
                "write the digest beside the tag: `signet pin`",
            ),
            Some(DigestRule::Pin) => match self.bench.resolved() {
                Told::Known(digest) => self.holds("digest", format!("the image is pinned to {digest}")),
                Told::Open(why) | Told::Unknown(why) => self.unknown("digest", Verdict::Deny, None, vec![why]),
            },
        }
    }

    /// `debug`: who may attach which ephemeral container. Each list that is there must hold.
    pub(super) fn debug(&mut self) {
        let (Some(rule), Role::Ephemeral { groups }) = (&self.policy.debug, &self.bench.asked.role) else { return };
        if let Some(images) = &rule.images {
            if images.iter().any(|pattern| pattern.matches(&self.bench.asked.image)) {
                self.holds("debug.images", "the image may be attached to what runs");
            } else {
                let found = "the image is none that may be attached to what runs";
                self.deny("debug.images", found, "attach an image that `debug.images` names");
            }
        }
        if let Some(allowed) = &rule.groups {
            if let Some(group) = groups.iter().find(|group| allowed.contains(group)) {
                self.holds("debug.groups", format!("who attaches it is in the group `{group}`"));
            } else {
                let found = "who attaches it is in no group that may";
                self.deny("debug.groups", found, "ask somebody of the groups in `debug.groups`");
            }
        }
    }
}

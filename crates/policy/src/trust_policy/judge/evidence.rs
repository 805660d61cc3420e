//! Sections about what others sealed or say of an image: `signatures`, `provenance`, `sbom`, `base`, `freshness`.

use signet_model::{Digest, Timestamp, Verdict};

use super::super::decision::Reason;
use super::super::document::{Action, Authority, KeySource, Provenance, Signatures};
use super::super::evaluate::SKEW;
use super::super::facts::{Answer, Base, Build, EndOfLife, Manifest, Question, Sbom, Seal};
use super::super::names::{identity_matches, source_matches};
use super::bench::{Told, count, is_by};
use super::case::Case;
use crate::duration::format_duration;

/// Entries that a sentence lists before it counts the rest.
const LISTED: usize = 10;

/// The first entries of a list as a sentence has them.
pub(super) fn listed(mut texts: Vec<String>) -> String {
    let rest = texts.len().saturating_sub(LISTED);
    texts.truncate(LISTED);
    let text = texts.join(", ");
    if rest == 0 { text } else { format!("{text} and {rest} more") }
}

fn named(authority: &Authority) -> String {
    match authority {
        Authority::Keyless { issuer, subject } => format!("`{subject}` of `{issuer}`"),
        Authority::Key(KeySource::File(file)) => format!("key `{file}`"),
        Authority::Key(KeySource::Pem(_)) => "a key of the policy".to_owned(),
    }
}

/// What a person calls a manifest.
pub(super) fn subject(manifest: &Manifest) -> String {
    if manifest.platform.is_empty() { manifest.digest.to_string() } else { manifest.platform.clone() }
}

/// The signatures that count, if they are enough; else those that count, and how many are of revoked signers.
type Enough<'a> = Result<Vec<&'a Seal>, (Vec<&'a Seal>, usize)>;

/// Where the generators of the SLSA project lie.
const GENERATORS: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";

impl<'a> Case<'_, '_, 'a> {
    /// `signatures`: of the whole, which covers all that it serves, or else of each manifest.
    pub(super) fn signatures(&mut self) {
        let Some(section) = &self.policy.signatures else { return };
        let digest = match self.bench.resolved() {
            Told::Known(digest) => digest,
            Told::Open(why) | Told::Unknown(why) => {
                return self.unknown("signatures.require", Verdict::Deny, None, vec![why]);
            }
        };
        let whole = self.signed(section, digest);
        if matches!(whole, Told::Known(Ok(_)) | Told::Open(_)) {
            return self.signature(section, digest, None, whole);
        }
        let Some((_, manifests)) = self.manifests("signatures.require", Verdict::Deny) else { return };
        let others: Vec<&Manifest> = manifests.iter().filter(|manifest| manifest.digest != digest).collect();
        if others.is_empty() {
            return self.signature(section, digest, None, whole);
        }
        for manifest in others {
            let told = self.signed(section, manifest.digest);
            self.signature(section, manifest.digest, Some(subject(manifest)), told);
        }
    }

    /// The signatures of one digest: enough of them, or those that count and those that do not.
    fn signed(&mut self, section: &Signatures, digest: Digest) -> Told<Enough<'a>> {
        let question =
            Question::Signatures { name: self.bench.name.clone(), digest, authorities: section.authorities.clone() };
        let told = self.bench.ask(question, |answer| match answer {
            Answer::Signatures(seals) => Some(seals.as_slice()),
            _ => None,
        });
        told.map(|seals| {
            let good: Vec<&Seal> = seals.iter().filter(|seal| self.counts(seal)).collect();
            let revoked = seals.iter().filter(|seal| self.is_revoked(seal)).count();
            if count(&section.authorities, &good) >= section.require as usize { Ok(good) } else { Err((good, revoked)) }
        })
    }

    fn signature(&mut self, section: &Signatures, digest: Digest, subject: Option<String>, told: Told<Enough<'a>>) {
        const RULE: &str = "signatures.require";
        match told {
            Told::Open(why) | Told::Unknown(why) => self.unknown(RULE, Verdict::Deny, subject, vec![why]),
            Told::Known(Ok(seals)) => {
                self.signed.extend(seals.iter().filter_map(|seal| Some((digest, seal.signed_at?))));
                let who = listed(seals.iter().map(|seal| seal.signer.to_string()).collect());
                let reason = self.reason(RULE, Verdict::Allow, format!("signed by {who}"));
                let looked_at = seals.iter().map(|seal| seal.evidence).collect();
                self.reasons.push(Reason { subject, looked_at, ..reason });
            }
            Told::Known(Err((seals, revoked))) => {
                let absent: Vec<String> = section
                    .authorities
                    .iter()
                    .filter(|authority| !seals.iter().any(|seal| is_by(authority, &seal.signer)))
                    .map(named)
                    .collect();
                let mut found = format!(
                    "{} of {} signatures that are required are there",
                    count(&section.authorities, &seals),
                    section.require
                );
                if !absent.is_empty() {
                    found.push_str(&format!("; none by {}", listed(absent)));
                }
                if revoked > 0 {
                    found.push_str(&format!("; {revoked} by signers that are revoked do not count"));
                }
                let reason = self.reason(RULE, Verdict::Deny, found);
                self.reasons.push(Reason {
                    subject,
                    looked_at: seals.iter().map(|seal| seal.evidence).collect(),
                    remedy: Some("let an authority of the policy sign the image: `signet sign`".to_owned()),
                    ..reason
                });
            }
        }
    }

    /// `provenance`: one that meets all of the section, of the whole or else of each manifest.
    pub(super) fn provenance(&mut self) {
        let Some(section) = &self.policy.provenance else { return };
        let digest = match self.bench.resolved() {
            Told::Known(digest) => digest,
            Told::Open(why) | Told::Unknown(why) => {
                return self.unknown("provenance", Verdict::Deny, None, vec![why]);
            }
        };
        let whole = self.builds(digest);
        let is_enough = match &whole {
            Told::Known(builds) => builds.iter().any(|build| self.built_so(section, build).is_none()),
            Told::Open(_) => true,
            Told::Unknown(_) => false,
        };
        if is_enough {
            return self.build(section, None, whole);
        }
        let Some((_, manifests)) = self.manifests("provenance", Verdict::Deny) else { return };
        let others: Vec<&Manifest> = manifests.iter().filter(|manifest| manifest.digest != digest).collect();
        if others.is_empty() {
            return self.build(section, None, whole);
        }
        let told: Vec<(String, Told<&'a [Build]>)> =
            others.into_iter().map(|manifest| (subject(manifest), self.builds(manifest.digest))).collect();
        // Where none of them has any, what is wrong with that of the whole says more.
        let is_bare = |told: &Told<&[Build]>| matches!(told, Told::Known([]));
        if !is_bare(&whole) && told.iter().all(|(_, told)| is_bare(told)) {
            return self.build(section, None, whole);
        }
        for (who, told) in told {
            self.build(section, Some(who), told);
        }
    }

    fn builds(&mut self, digest: Digest) -> Told<&'a [Build]> {
        let question = Question::Provenance { name: self.bench.name.clone(), digest };
        self.bench.ask(question, |answer| match answer {
            Answer::Provenance(builds) => Some(builds.as_slice()),
            _ => None,
        })
    }

    /// The rule that a provenance does not meet, and why; `None` if it meets all.
    fn built_so(&self, section: &Provenance, build: &Build) -> Option<(&'static str, String)> {
        if self.is_revoked(&build.seal) {
            return Some(("provenance", format!("it is signed by {}, who is revoked", build.seal.signer)));
        }
        if let Some(builder) = &section.builder
            && !identity_matches(builder, &build.builder)
        {
            return Some(("provenance.builder", format!("it was built by `{}`, not by `{builder}`", build.builder)));
        }
        if let Some(source) = &section.source
            && !source_matches(source, &build.source)
        {
            return Some(("provenance.source", format!("it was built from `{}`, not from `{source}`", build.source)));
        }
        // A workflow that others call is out of its callers' reach, which is level 3; but anybody can write one. It counts as such where the policy
        // names the builder, or where it is one of the generators of the SLSA project.
        let trusted = section.builder.is_some() || build.builder.starts_with(GENERATORS);
        let level = build.level.map(|level| if trusted { level } else { level.min(2) });
        match (section.level, level) {
            (Some(wanted), Some(level)) if level < wanted => {
                Some(("provenance.level", format!("its builder reaches level {level}, and {wanted} is required")))
            }
            // Level 0 is no guarantee, so nothing need be known of it.
            (Some(wanted), None) if wanted > 0 => {
                Some(("provenance.level", format!("the level of `{}` is not known", build.builder)))
            }
            _ => None,
        }
    }

    fn build(&mut self, section: &Provenance, subject: Option<String>, told: Told<&'a [Build]>) {
        const REMEDY: &str = "build it with the builder, and from the source, that the policy names";
        let builds = match told {
            Told::Known(builds) => builds,
            Told::Open(why) | Told::Unknown(why) => {
                return self.unknown("provenance", Verdict::Deny, subject, vec![why]);
            }
        };
        let looked_at = builds.iter().map(|build| build.seal.evidence).collect();
        if let Some(build) = builds.iter().find(|build| self.built_so(section, build).is_none()) {
            let level = build.level.map(|level| format!(" at level {level}")).unwrap_or_default();
            let found = format!("built by `{}` from `{}`{level}", build.builder, build.source);
            let reason = self.reason("provenance", Verdict::Allow, found);
            self.reasons.push(Reason { subject, looked_at: vec![build.seal.evidence], ..reason });
            return;
        }
        let failures: Vec<(&str, String)> = builds.iter().filter_map(|build| self.built_so(section, build)).collect();
        let (rule, found) = match failures.as_slice() {
            [] => ("provenance", "there is no provenance that holds".to_owned()),
            [(rule, why)] => (*rule, why.clone()),
            many => ("provenance", listed(many.iter().map(|(_, why)| why.clone()).collect())),
        };
        let reason = self.reason(rule, Verdict::Deny, found);
        self.reasons.push(Reason { subject, looked_at, remedy: Some(REMEDY.to_owned()), ..reason });
    }

    /// The SBOMs that may stand for a manifest. One of a whole index says nothing of one of several platforms.
    pub(super) fn sboms(&mut self, manifest: &Manifest) -> Told<Vec<&'a Sbom>> {
        let (name, authorities) = (self.bench.name.clone(), self.authorities().to_vec());
        let mut digests = vec![manifest.digest];
        if let Told::Known((whole, [_])) = self.bench.manifests()
            && whole != manifest.digest
        {
            digests.push(whole);
        }
        let mut found = Vec::new();
        for digest in digests {
            let question = Question::Sboms { name: name.clone(), digest, authorities: authorities.clone() };
            match self.bench.ask(question, |answer| match answer {
                Answer::Sboms(sboms) => Some(sboms.as_slice()),
                _ => None,
            }) {
                Told::Known(sboms) => found.extend(sboms),
                Told::Open(what) => return Told::Open(what),
                Told::Unknown(why) => return Told::Unknown(why),
            }
        }
        Told::Known(found)
    }

    /// `sbom`: sealed by an authority of the policy where it names any, else there at all.
    pub(super) fn sbom(&mut self) {
        const RULE: &str = "sbom.require";
        if self.policy.sbom.as_ref().is_none_or(|rule| !rule.require) {
            return;
        }
        let Some((_, manifests)) = self.manifests(RULE, Verdict::Deny) else { return };
        let has_authorities = !self.authorities().is_empty();
        for manifest in manifests {
            let who = Some(subject(manifest));
            let sboms = match self.sboms(manifest) {
                Told::Known(sboms) => sboms,
                Told::Open(why) | Told::Unknown(why) => {
                    self.unknown(RULE, Verdict::Deny, who, vec![why]);
                    continue;
                }
            };
            let sealed = sboms.iter().find(|sbom| sbom.seal.as_ref().is_some_and(|seal| self.counts(seal)));
            let chosen = sealed.or_else(|| sboms.first().filter(|_| !has_authorities));
            let reason = match chosen {
                Some(sbom) => {
                    let by = match sbom.seal.as_ref().filter(|seal| self.counts(seal)) {
                        Some(seal) => format!("sealed by {}", seal.signer),
                        None => "for which nobody vouches, as the policy names no authority".to_owned(),
                    };
                    let reason = self.reason(RULE, Verdict::Allow, format!("there is an SBOM ({}), {by}", sbom.format));
                    Reason { looked_at: vec![sbom.content], ..reason }
                }
                None => {
                    let found = if sboms.is_empty() {
                        "there is no SBOM".to_owned()
                    } else {
                        format!("of {} SBOMs none is sealed by an authority of the policy", sboms.len())
                    };
                    let reason = self.reason(RULE, Verdict::Deny, found);
                    let remedy = Some("attach one that is sealed: `signet attest --type cyclonedx`".to_owned());
                    Reason { looked_at: sboms.iter().map(|sbom| sbom.content).collect(), remedy, ..reason }
                }
            };
            self.reasons.push(Reason { subject: who, ..reason });
        }
    }

    /// `base`: what each manifest stands on.
    pub(super) fn base(&mut self) {
        let Some(section) = &self.policy.base else { return };
        if section.allow.is_none() && section.end_of_life.is_none_or(|action| action == Action::Ignore) {
            return;
        }
        let end = section.end_of_life.filter(|action| *action != Action::Ignore);
        let of_end = if end == Some(Action::Deny) { Verdict::Deny } else { Verdict::Warn };
        let worst = if section.allow.is_some() { Verdict::Deny } else { of_end };
        let rule = if section.allow.is_some() { "base.allow" } else { "base.endOfLife" };
        let Some((_, manifests)) = self.manifests(rule, worst) else { return };
        for manifest in manifests {
            let question = Question::Base { name: self.bench.name.clone(), digest: manifest.digest };
            let told = self.bench.ask(question, |answer| match answer {
                Answer::Base(base) => Some(base),
                _ => None,
            });
            let base = match told {
                Told::Known(base) => base,
                Told::Open(why) | Told::Unknown(why) => {
                    self.unknown(rule, worst, Some(subject(manifest)), vec![why]);
                    continue;
                }
            };
            let first = self.reasons.len();
            if section.allow.is_some() {
                self.base_allowed(base);
            }
            if end.is_some() {
                self.base_alive(base, of_end);
            }
            for reason in self.reasons.iter_mut().skip(first) {
                reason.subject = Some(subject(manifest));
                reason.looked_at = vec![base.content];
            }
        }
    }

    fn base_allowed(&mut self, base: &Base) {
        const RULE: &str = "base.allow";
        let allowed = self.policy.base.as_ref().and_then(|section| section.allow.as_deref()).unwrap_or_default();
        match &base.name {
            None => self.unknown(RULE, Verdict::Deny, None, vec!["the name of its base image".to_owned()]),
            Some(name) if !allowed.iter().any(|pattern| pattern.matches_name(name)) => {
                let remedy = "build on a base image that `base.allow` names";
                self.deny(RULE, format!("it stands on `{name}`, which is no base that is allowed"), remedy);
            }
            Some(name) if !base.proven => {
                let remedy = "build on the base itself, so that its layers are the first ones";
                self.deny(
                    RULE,
                    format!("it only claims to stand on `{name}`: the layers are not that image's"),
                    remedy,
                );
            }
            Some(name) => self.holds(RULE, format!("it stands on `{name}`")),
        }
    }

    fn base_alive(&mut self, base: &Base, verdict: Verdict) {
        const RULE: &str = "base.endOfLife";
        match &base.end_of_life {
            EndOfLife::None => self.holds(RULE, "its base has no stated end"),
            EndOfLife::At(end) if self.bench.now() < *end => {
                self.holds(RULE, format!("its base is looked after until {}", end.strftime("%Y-%m-%d")));
            }
            EndOfLife::At(end) => {
                let found = format!("its base has been looked after by nobody since {}", end.strftime("%Y-%m-%d"));
                let reason = self.reason(RULE, verdict, found);
                self.reasons.push(Reason { remedy: Some("move to a release that is maintained".to_owned()), ..reason });
            }
            EndOfLife::Unknown(why) => {
                self.unknown(RULE, verdict, None, vec![format!("the end of life of its base: {why}")])
            }
        }
    }

    /// `freshness`: the age since the image was signed by those who count, or was made.
    pub(super) fn freshness(&mut self) {
        let Some(section) = &self.policy.freshness else { return };
        if let Some(allowed) = section.max_age
            && let Some((whole, manifests)) = self.manifests("freshness.maxAge", Verdict::Deny)
        {
            for manifest in manifests {
                self.age(whole, manifest, allowed);
            }
        }
        if section.not_older_than_running {
            self.not_older();
        }
    }

    fn age(&mut self, whole: Digest, manifest: &Manifest, allowed: jiff::SignedDuration) {
        const RULE: &str = "freshness.maxAge";
        let now = self.bench.now();
        let is_past = |time: &Timestamp| now.duration_since(*time) >= -SKEW;
        let signed = self.signed.iter().filter(|(of, _)| *of == whole || *of == manifest.digest).map(|(_, at)| *at);
        let newest = signed.chain(manifest.created).filter(is_past).max();
        let who = Some(subject(manifest));
        let Some(newest) = newest else {
            let why = "the time at which it was signed or made".to_owned();
            return self.unknown(RULE, Verdict::Deny, who, vec![why]);
        };
        let age = now.duration_since(newest);
        let days = age.as_secs().max(0) / 86_400;
        let reason = if age > allowed {
            let found = format!("it is {days} days old, more than the {} allowed", format_duration(allowed));
            let reason = self.reason(RULE, Verdict::Deny, found);
            Reason { remedy: Some("build and sign it again".to_owned()), ..reason }
        } else {
            self.reason(RULE, Verdict::Allow, format!("it is {days} days old"))
        };
        self.reasons.push(Reason { subject: who, ..reason });
    }

    /// A signature stays valid when the image was superseded: what the workload runs already must not be newer.
    fn not_older(&mut self) {
        const RULE: &str = "freshness.notOlderThanRunning";
        let Some(workload) = self.bench.asked.workload.clone() else {
            self.not_judged.push(signet_model::NotJudged {
                section: RULE.to_owned(),
                why: "no workload was asked about, so nothing runs that it could be compared with".to_owned(),
            });
            return;
        };
        let question = Question::Running { name: self.bench.name.clone(), workload };
        let running = match self.bench.ask(question, |answer| match answer {
            Answer::Running(running) => Some(running.as_slice()),
            _ => None,
        }) {
            Told::Known(running) => running,
            Told::Open(why) | Told::Unknown(why) => return self.unknown(RULE, Verdict::Deny, None, vec![why]),
        };
        let Some((whole, manifests)) = self.manifests(RULE, Verdict::Deny) else { return };
        // What runs already is no step back, and neither is what runs beside it from the same index.
        let is_same = |digest: &Digest| *digest == whole || manifests.iter().any(|manifest| manifest.digest == *digest);
        let others: Vec<Option<Timestamp>> =
            running.iter().filter(|found| !is_same(&found.digest)).map(|found| found.created).collect();
        let Some(oldest) = manifests.iter().map(|manifest| manifest.created).min().flatten() else {
            if others.is_empty() {
                return self.holds(RULE, "the workload runs nothing else of this repository");
            }
            return self.unknown(RULE, Verdict::Deny, None, vec!["the time at which it was made".to_owned()]);
        };
        if others.iter().any(Option::is_none) {
            let why = "the time at which that was made which the workload runs".to_owned();
            return self.unknown(RULE, Verdict::Deny, None, vec![why]);
        }
        match others.into_iter().flatten().max() {
            Some(newest) if newest > oldest => {
                let found = format!("it was made at {oldest}, and the workload runs one that was made at {newest}");
                self.deny(RULE, found, "deploy the newer image, or build this one again");
            }
            _ => self.holds(RULE, "the workload runs nothing newer of this repository"),
        }
    }
}

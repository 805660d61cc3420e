//! What all policies share while one image is judged: the answers, what was looked at, and what is still to be asked.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Digest, Timestamp, Verdict};

use super::super::decision::Reason;
use super::super::document::{Authority, KeySource, Revoked};
use super::super::facts::{Answer, Facts, Manifest, Question, Seal, Signer};
use super::super::names::identity_matches;
use super::{Asked, Circumstances, canonical_name};

/// Most manifests of an index, and most entries of an answer.
pub(super) const MOST: usize = 1000;
/// Revoked indexes that are looked for in an image's repository.
pub(super) const LOOKED_UP: usize = 64;

/// An answer, or why there is none.
pub(super) enum Told<T> {
    /// This.
    Known(T),
    /// It was not answered yet.
    Open(String),
    /// It could not be found out, and why.
    Unknown(String),
}

impl<T> Told<T> {
    pub(super) fn map<U>(self, of: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Told::Known(value) => Told::Known(of(value)),
            Told::Open(what) => Told::Open(what),
            Told::Unknown(why) => Told::Unknown(why),
        }
    }
}

pub(super) struct Bench<'a> {
    pub(super) asked: &'a Asked,
    facts: &'a Facts,
    pub(super) circumstances: &'a Circumstances<'a>,
    pub(super) name: String,
    pub(super) seen: BTreeSet<Question>,
    pub(super) needs: BTreeSet<Question>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(asked: &'a Asked, facts: &'a Facts, circumstances: &'a Circumstances<'a>) -> Bench<'a> {
        let name = canonical_name(&asked.image);
        Bench { asked, facts, circumstances, name, seen: BTreeSet::new(), needs: BTreeSet::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.circumstances.now
    }

    /// Asks, and takes the answer out of those of its kind.
    pub(super) fn ask<T>(&mut self, question: Question, take: impl FnOnce(&'a Answer) -> Option<T>) -> Told<T> {
        let what = question.to_string();
        match self.facts.get(&question) {
            None => {
                self.needs.insert(question);
                Told::Open(what)
            }
            Some(Answer::Unknown(why)) => {
                self.seen.insert(question);
                Told::Unknown(format!("{what}: {why}"))
            }
            Some(answer) => {
                self.seen.insert(question);
                match take(answer) {
                    Some(value) => Told::Known(value),
                    None => Told::Unknown(format!("{what}: the answer is of another kind")),
                }
            }
        }
    }

    /// The digest, without asking.
    pub(super) fn digest(&self) -> Option<Digest> {
        if let Some(digest) = self.asked.image.digest() {
            return Some(*digest);
        }
        match self.facts.get(&self.question()) {
            Some(Answer::Digest(digest)) => Some(*digest),
            _ => None,
        }
    }

    fn question(&self) -> Question {
        Question::Digest { reference: format!("{}:{}", self.name, self.asked.image.tag_or_latest()) }
    }

    /// The digest that everything is about. What stands in the reference is not asked for.
    pub(super) fn resolved(&mut self) -> Told<Digest> {
        if let Some(digest) = self.asked.image.digest() {
            return Told::Known(*digest);
        }
        self.ask(self.question(), |answer| match answer {
            Answer::Digest(digest) => Some(*digest),
            _ => None,
        })
    }

    /// Every manifest that it can serve, and never none.
    pub(super) fn manifests(&mut self) -> Told<(Digest, &'a [Manifest])> {
        let digest = match self.resolved() {
            Told::Known(digest) => digest,
            Told::Open(what) => return Told::Open(what),
            Told::Unknown(why) => return Told::Unknown(why),
        };
        let question = Question::Manifests { name: self.name.clone(), digest };
        let told = self.ask(question, |answer| match answer {
            Answer::Manifests(manifests) => Some(manifests.as_slice()),
            _ => None,
        });
        match told {
            Told::Known([]) => Told::Unknown(format!("`{}@{digest}` serves no platform", self.name)),
            Told::Known(all) if all.len() > MOST => {
                Told::Unknown(format!("`{}@{digest}` has more than {MOST} manifests", self.name))
            }
            told => told.map(|manifests| (digest, manifests)),
        }
    }

    /// The first of the digests that is an index which serves the image. Who revokes an index means what it serves, also where a part of it is asked
    /// for by its own digest.
    ///
    /// What is known already of any of them counts. The first [`LOOKED_UP`] of `asked` are looked for in the image's repository.
    pub(super) fn is_served_by(&mut self, digests: &[Digest], asked: &[Digest]) -> Told<Option<Digest>> {
        if digests.is_empty() {
            return Told::Known(None);
        }
        let (whole, manifests) = match self.manifests() {
            Told::Known(found) => found,
            Told::Open(what) => return Told::Open(what),
            Told::Unknown(why) => return Told::Unknown(why),
        };
        let is_own = |digest: &Digest| *digest == whole || manifests.iter().any(|own| own.digest == *digest);
        for (question, answer) in self.facts.iter() {
            let (Question::Manifests { digest, .. } | Question::Serves { digest, .. }, Answer::Manifests(served)) =
                (question, answer)
            else {
                continue;
            };
            if digests.contains(digest) && served.iter().any(|one| is_own(&one.digest)) {
                self.seen.insert(question.clone());
                return Told::Known(Some(*digest));
            }
        }
        let mut open = Told::Known(None);
        for digest in asked.iter().take(LOOKED_UP) {
            let question = Question::Serves { name: self.name.clone(), digest: *digest };
            // That it does not serve the image was seen above.
            let told = self.ask(question, |answer| matches!(answer, Answer::Manifests(_)).then_some(None));
            if let (Told::Known(_), Told::Open(_) | Told::Unknown(_)) = (&open, &told) {
                open = told;
            }
        }
        open
    }

    /// The emergency blocks, before any policy and any other question.
    pub(super) fn blocks(&mut self) -> Vec<Reason> {
        let blocked = self.circumstances.blocked;
        let mut reason = Reason {
            section: "block".to_owned(),
            rule: "block".to_owned(),
            remedy: Some("use another image; `signet block list` shows what is blocked".to_owned()),
            ..Reason::default()
        };
        if let Some(why) = blocked.problem() {
            reason.verdict = Verdict::Deny;
            reason.found = format!("whether it is blocked cannot be told: {why}");
            reason.remedy = Some("make the list of blocks readable again".to_owned());
            reason.missing = vec![why.to_owned()];
            return vec![reason];
        }
        let told = match self.is_among(blocked.digests()) {
            Told::Known(None) => self.is_served_by(blocked.digests(), &[]),
            told => told,
        };
        match told {
            Told::Known(None) => Vec::new(),
            Told::Known(Some(found)) => {
                reason.verdict = Verdict::Deny;
                reason.found = blocked.digest(&found).unwrap_or_else(|| format!("{found} is blocked"));
                reason.looked_at = vec![found];
                vec![reason]
            }
            Told::Open(why) | Told::Unknown(why) => {
                reason.verdict = Verdict::Deny;
                reason.found = format!("whether it is blocked cannot be told without {why}");
                reason.remedy = Some("provide what is missing".to_owned());
                reason.missing = vec![why];
                vec![reason]
            }
        }
    }

    /// The first of the digests that the image is or can serve. A hit needs no answer to what comes behind it.
    pub(super) fn is_among(&mut self, digests: &[Digest]) -> Told<Option<Digest>> {
        if digests.is_empty() {
            return Told::Known(None);
        }
        let digest = match self.resolved() {
            Told::Known(digest) => digest,
            Told::Open(what) => return Told::Open(what),
            Told::Unknown(why) => return Told::Unknown(why),
        };
        if digests.contains(&digest) {
            return Told::Known(Some(digest));
        }
        self.manifests().map(|(_, manifests)| {
            manifests.iter().map(|manifest| manifest.digest).find(|manifest| digests.contains(manifest))
        })
    }
}

/// The authority of a policy that a signature is of, if there is one.
pub(super) fn authority(authorities: &[Authority], signer: &Signer) -> bool {
    authorities.iter().any(|authority| is_by(authority, signer))
}

/// Whether a signer is the one whom a policy names.
pub(super) fn is_by(authority: &Authority, signer: &Signer) -> bool {
    match (authority, signer) {
        (Authority::Keyless { issuer, subject }, Signer::Keyless { issuer: by, subject: who }) => {
            identity_matches(issuer, by) && identity_matches(subject, who)
        }
        (Authority::Key(KeySource::File(wanted)), Signer::Key { source: KeySource::File(found), .. }) => {
            wanted == found
        }
        (Authority::Key(KeySource::Pem(wanted)), Signer::Key { source: KeySource::Pem(found), .. }) => {
            wanted.trim() == found.trim()
        }
        _ => false,
    }
}

/// Whether a signer is trusted no more.
pub(super) fn is_revoked(revoked: &Revoked, signer: &Signer) -> bool {
    match signer {
        Signer::Keyless { subject, .. } => {
            // Addresses differ in case and reach the same person.
            let subject = subject.to_lowercase();
            revoked.identities.iter().any(|pattern| identity_matches(&pattern.to_lowercase(), &subject))
        }
        Signer::Key { fingerprint, .. } => revoked.keys.contains(fingerprint),
    }
}

/// How many of the authorities signed, when each signer counts for one authority only.
///
/// A signer that two patterns name is one person: this is the size of a largest matching between authorities and signers.
pub(super) fn count(authorities: &[Authority], seals: &[&Seal]) -> usize {
    let mut people: BTreeMap<String, Vec<&Signer>> = BTreeMap::new();
    for seal in seals.iter().take(MOST) {
        let who = match &seal.signer {
            Signer::Keyless { issuer, subject } => format!("{issuer} {subject}"),
            // One key that a policy names twice is one.
            Signer::Key { fingerprint, .. } => fingerprint.to_string(),
        };
        people.entry(who).or_default().push(&seal.signer);
    }
    let signers: Vec<Vec<&Signer>> = people.into_values().collect();
    let fits: Vec<Vec<usize>> = authorities
        .iter()
        .take(MOST)
        .map(|authority| {
            (0..signers.len())
                .filter(|at| signers.get(*at).is_some_and(|who| who.iter().any(|who| is_by(authority, who))))
                .collect()
        })
        .collect();
    let mut taken: Vec<Option<usize>> = vec![None; signers.len()];
    (0..fits.len()).filter(|from| augment(*from, &fits, &mut taken)).count()
}

/// One step of the matching: a path from an authority without signer to a signer that is free, breadth first, so that nothing recurses.
fn augment(from: usize, fits: &[Vec<usize>], taken: &mut [Option<usize>]) -> bool {
    let mut came: Vec<Option<usize>> = vec![None; taken.len()];
    let mut seen = vec![false; taken.len()];
    let mut open = std::collections::VecDeque::from([from]);
    while let Some(authority) = open.pop_front() {
        for signer in fits.get(authority).into_iter().flatten().copied() {
            if seen.get(signer).copied().unwrap_or(true) {
                continue;
            }
            if let (Some(seen), Some(came)) = (seen.get_mut(signer), came.get_mut(signer)) {
                *seen = true;
                *came = Some(authority);
            }
            match taken.get(signer).copied().flatten() {
                Some(holder) => open.push_back(holder),
                None => {
                    // Back along the path: each authority takes the signer that it was reached for.
                    let mut free = Some(signer);
                    while let Some(signer) = free {
                        let Some(authority) = came.get(signer).copied().flatten() else { break };
                        let before = taken.iter().position(|holder| *holder == Some(authority));
                        if let Some(slot) = taken.get_mut(signer) {
                            *slot = Some(authority);
                        }
                        free = before;
                    }
                    return true;
                }
            }
        }
    }
    false
}

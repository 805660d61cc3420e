//! Attestors and attestations: what is asked, and how answers make a set hold.
//!
//! Every set must hold, in a set as many entries as it counts. A set whose answers are missing is undecided only where they could still make it
//! hold; where they cannot, it does not hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Outcome;
use super::document::{Attestation, Attestor, AttestorSet, Block, Signer};
use super::question::{Answer, Authority, Credentials, Evidence, ImageNeed, Signed};
use crate::kyverno::images::Parts;

/// Statements that one attestation may have.
const MAX_STATEMENTS: usize = 1_000;
/// Questions that one rule may ask about one request, answered ones included.
const MAX_QUESTIONS: usize = 1_024;

/// What is known, and what is asked in vain.
pub(super) struct Asking<'e> {
    pub(super) evidence: &'e Evidence,
    pub(super) needs: &'e mut BTreeSet<ImageNeed>,
    /// What each tag was found to mean, over all rules of a policy.
    pub(super) digests: &'e mut BTreeMap<String, String>,
    /// How often this rule asked, also for what is known.
    pub(super) asked: usize,
}

/// Why something does not hold.
#[derive(Debug)]
pub(super) enum Not {
    /// It was asked, and is not so.
    Refused(String),
    /// It is not known.
    Undecided(String),
}

impl Not {
    pub(super) fn for_image(self, reference: &str) -> Outcome {
        match self {
            Not::Refused(why) => Outcome::Fail(format!("failed to verify image {reference}: {why}")),
            Not::Undecided(why) => Outcome::Error(format!("failed to verify image {reference}: {why}")),
        }
    }

    fn at(self, place: &str) -> Not {
        match self {
            Not::Refused(why) => Not::Refused(format!("{place}: {why}")),
            Not::Undecided(why) => Not::Undecided(format!("{place}: {why}")),
        }
    }
}

impl Asking<'_> {
    fn ask(&mut self, need: ImageNeed) -> Result<&Answer, Not> {
        self.asked = self.asked.saturating_add(1);
        if self.asked > MAX_QUESTIONS {
            return Err(Not::Undecided(format!("the rule asks more than {MAX_QUESTIONS} questions about images")));
        }
        match self.evidence.get(&need) {
            Some(Answer::Refused(why)) => Err(Not::Refused(why.clone())),
            Some(Answer::Unknown(why)) => Err(Not::Undecided(why.clone())),
            Some(answer) => Ok(answer),
            None => {
                let why = format!("{need} is needed and was not given");
                self.needs.insert(need);
                Err(Not::Undecided(why))
            }
        }
    }

    /// The digest of a tag. The first answer serves all entries and rules, also those that ask with other credentials: what one of them
    /// verified must be what another one writes.
    pub(super) fn digest(&mut self, parts: &Parts, credentials: &Credentials) -> Result<String, Not> {
        let reference = parts.with_tag();
        if let Some(known) = self.digests.get(&reference) {
            return Ok(known.clone());
        }
        let need = ImageNeed::Digest { reference: reference.clone(), credentials: credentials.clone() };
        let digest = match self.ask(need)? {
            // What is written into the object must be a digest, whoever answers.
            Answer::Digest(digest) if Parts::parse(&parts.at(digest)).is_some() => digest.clone(),
            Answer::Digest(digest) => {
                return Err(Not::Undecided(format!("`{}` is no digest", digest.escape_debug())));
            }
            _ => return Err(Not::Undecided("the answer is no digest".to_owned())),
        };
        self.digests.insert(reference, digest.clone());
        Ok(digest)
    }

    /// Whether a set holds.
    pub(super) fn set(
        &mut self,
        set: &AttestorSet,
        block: &Block,
        reference: &str,
        digest: &str,
        path: &str,
    ) -> Result<(), Not> {
        let (mut verified, mut undecided) = (0, Vec::new());
        let mut refused = Vec::new();
        for (index, entry) in set.entries.iter().enumerate() {
            let place = format!("{path}.entries[{index}]");
            let held = match entry {
                Attestor::Nested(set) => self.set(set, block, reference, digest, &format!("{place}.attestor")),
                Attestor::One(signer) => {
                    let found = self.signed(signer, block, reference, digest);
                    found.map_err(|not| not.at(&format!("{place}{}", signer.place)))
                }
            };
            match held {
                Ok(()) => verified += 1,
                Err(Not::Refused(why)) => refused.push(why),
                Err(Not::Undecided(why)) => undecided.push(why),
            }
            if verified >= set.count {
                return Ok(());
            }
        }
        if verified + undecided.len() >= set.count {
            Err(Not::Undecided(undecided.join("; ")))
        } else {
            Err(Not::Refused(refused.join("; ")))
        }
    }

    fn signed(&mut self, signer: &Signer, block: &Block, reference: &str, digest: &str) -> Result<(), Not> {
        let need = question(&signer.authority, Some(signer), block, reference, None);
        match self.ask(need)? {
            Answer::Signed { digest: found } if found == digest => Ok(()),
            Answer::Signed { digest: found } => {
                Err(Not::Refused(format!("the signature is about {found}, not about {digest}")))
            }
            _ => Err(Not::Undecided("the answer says nothing about signatures".to_owned())),
        }
    }

    /// The statements of an attestation, of those attestors that were needed for its sets to hold.
    pub(super) fn statements(
        &mut self,
        attestation: &Attestation,
        block: &Block,
        reference: &str,
        digest: &str,
        path: &str,
    ) -> Result<Vec<Value>, Not> {
        if attestation.attestors.is_empty() {
            let need = question(&Authority::Anybody, None, block, reference, Some(attestation.predicate_type.clone()));
            return self.of_type(need, attestation, digest).map_err(|not| not.at(path));
        }
        let mut all = Vec::new();
        for (index, set) in attestation.attestors.iter().enumerate() {
            let mut found =
                self.statements_of(set, attestation, block, reference, digest, &format!("{path}.attestors[{index}]"))?;
            all.append(&mut found);
        }
        Ok(all)
    }

    fn statements_of(
        &mut self,
        set: &AttestorSet,
        attestation: &Attestation,
        block: &Block,
        reference: &str,
        digest: &str,
        path: &str,
    ) -> Result<Vec<Value>, Not> {
        let (mut verified, mut all) = (0, Vec::new());
        let (mut refused, mut undecided) = (Vec::new(), Vec::new());
        for (index, entry) in set.entries.iter().enumerate() {
            let place = format!("{path}.entries[{index}]");
            let found = match entry {
                Attestor::Nested(set) => {
                    self.statements_of(set, attestation, block, reference, digest, &format!("{place}.attestor"))
                }
                Attestor::One(signer) => {
                    let kind = Some(attestation.predicate_type.clone());
                    let need = question(&signer.authority, Some(signer), block, reference, kind);
                    let found = self.of_type(need, attestation, digest);
                    found.map_err(|not| not.at(&format!("{place}{}", signer.place)))
                }
            };
            match found {
                Ok(mut found) => {
                    verified += 1;
                    all.append(&mut found);
                }
                Err(Not::Refused(why)) => refused.push(why),
                Err(Not::Undecided(why)) => undecided.push(why),
            }
            if verified >= set.count {
                return Ok(all);
            }
        }
        if verified + undecided.len() >= set.count {
            return Err(Not::Undecided(undecided.join("; ")));
        }
        Err(Not::Refused(format!(
            "image attestations verification failed, verifiedCount: {verified}, requiredCount: {}: {}",
            set.count,
            refused.join("; ")
        )))
    }

    /// Statements of one type, at least one. One of another type counts for nothing, whoever answers (CVE-2022-35930).
    fn of_type(&mut self, need: ImageNeed, attestation: &Attestation, digest: &str) -> Result<Vec<Value>, Not> {
        match self.ask(need)? {
            Answer::Statements { digest: found, .. } if found != digest => {
                Err(Not::Refused(format!("the attestations are about {found}, not about {digest}")))
            }
            Answer::Statements { statements, .. } if statements.len() > MAX_STATEMENTS => {
                Err(Not::Undecided(format!("there are more than {MAX_STATEMENTS} attestations")))
            }
            Answer::Statements { statements, .. } => {
                let kind = |statement: &Value| {
                    statement.get("predicateType").and_then(Value::as_str) == Some(&attestation.predicate_type)
                };
                let found: Vec<Value> = statements.iter().filter(|statement| kind(statement)).cloned().collect();
                if found.is_empty() {
                    return Err(Not::Refused(format!("predicate type {} not found", attestation.predicate_type)));
                }
                Ok(found)
            }
            _ => Err(Not::Undecided("the answer says nothing about attestations".to_owned())),
        }
    }
}

fn question(
    authority: &Authority,
    signer: Option<&Signer>,
    block: &Block,
    reference: &str,
    predicate_type: Option<String>,
) -> ImageNeed {
    ImageNeed::Signed(Box::new(Signed {
        reference: reference.to_owned(),
        layout: block.layout,
        authority: authority.clone(),
        annotations: signer.map(|signer| signer.annotations.clone()).unwrap_or_default(),
        repository: signer.map_or(&block.repository, |signer| &signer.repository).clone(),
        predicate_type,
        credentials: block.credentials.clone(),
    }))
}

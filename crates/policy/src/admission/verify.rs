//! What an ImageValidatingPolicy asks about images, and how answers become numbers and payloads.
//!
//! ```text
//!   verifyImageSignatures(image, [attestors.a]) ─▶ digest (once) ─▶ ImageNeed::Signed by that digest ─▶ Evidence ─▶ how many hold
//!   extractPayload(image, attestations.s) ─▶ statements whose attestor this judgement found to hold, and no others
//! ```
//!
//! The questions are those of `verifyImages` rules, so that one answer serves both languages. Nothing is fetched and nothing verified here. A
//! question without an answer is an error that no `failurePolicy` lets pass; an answer about another digest than the one that was asked for counts
//! for nothing.
//!
//! Source: kyverno/kyverno:pkg/cel/libs/imageverify/impl.go, pkg/image/verification/evaluator/policy.go.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::attestor::{Attestation, ImageRules};
use super::host::Scope;
use crate::cel::{Error, Key, Text, Value};
use crate::kyverno::images::Parts;
use crate::kyverno::verify_images::{Answer, Evidence, ImageNeed, Layout, Signed};

/// Questions that one judgement may ask, answered ones included.
const MOST_QUESTIONS: usize = 1_024;
/// Statements that one answer may hold.
const MOST_STATEMENTS: usize = 1_000;

/// The questions of one judgement.
pub(super) struct Verification<'a> {
    pub(super) rules: &'a ImageRules,
    evidence: &'a Evidence,
    needs: RefCell<BTreeSet<ImageNeed>>,
    asked: Cell<usize>,
    /// What each tag was found to mean.
    digests: RefCell<BTreeMap<String, String>>,
    /// Images that attestors were asked about, as the request writes them; `true` if one of them held.
    tried: RefCell<BTreeMap<String, bool>>,
    /// By digest and attestation: the questions that were answered with statements, by attestors that hold.
    held: RefCell<BTreeMap<(String, String), BTreeSet<ImageNeed>>>,
}

impl<'a> Verification<'a> {
    pub(super) fn new(rules: &'a ImageRules, evidence: &'a Evidence) -> Verification<'a> {
        Verification {
            rules,
            evidence,
            needs: RefCell::default(),
            asked: Cell::new(0),
            digests: RefCell::default(),
            tried: RefCell::default(),
            held: RefCell::default(),
        }
    }

    /// What must be asked of registries.
    pub(super) fn take_needs(&self) -> BTreeSet<ImageNeed> {
        self.needs.take()
    }

    /// Images of which an attestor's signature or attestation was found to hold.
    pub(super) fn verified(&self) -> BTreeSet<String> {
        self.tried.borrow().iter().filter(|(_, held)| **held).map(|(image, _)| image.clone()).collect()
    }

    fn ask(&self, need: ImageNeed) -> Result<&'a Answer, Error> {
        self.asked.set(self.asked.get().saturating_add(1));
        if self.asked.get() > MOST_QUESTIONS {
            let many = format!("the policy asks more than {MOST_QUESTIONS} questions about images");
            return Err(Error::lack(many).and_ends());
        }
        let evidence: &'a Evidence = self.evidence;
        match evidence.get(&need) {
            Some(Answer::Unknown(why)) => Err(Error::lack(format!("{need}: {why}"))),
            Some(answer) => Ok(answer),
            None => {
                let err = Error::lack(format!("{need} is needed and was not given"));
                self.needs.borrow_mut().insert(need);
                Err(err)
            }
        }
    }

    /// The digest of an image: its own, or that of its tag. `None`: there is no such image.
    pub(super) fn digest(&self, parts: &Parts) -> Result<Option<String>, Error> {
        if !parts.digest.is_empty() {
            return Ok(Some(parts.digest.clone()));
        }
        let reference = parts.with_tag();
        if let Some(known) = self.digests.borrow().get(&reference) {
            return Ok(Some(known.clone()));
        }
        let need = ImageNeed::Digest { reference: reference.clone(), credentials: self.rules.credentials.clone() };
        let digest = match self.ask(need)? {
            // What is written into the object must be a digest, whoever answers.
            Answer::Digest(digest) if Parts::parse(&parts.at(digest)).is_some() => digest.clone(),
            Answer::Refused(_) => return Ok(None),
            _ => return Err(Error::lack(format!("what was answered about `{reference}` is no digest"))),
        };
        self.digests.borrow_mut().insert(reference, digest.clone());
        Ok(Some(digest))
    }

    /// Answers a function of an expression.
    pub(super) fn answer(&self, scope: &Scope<'a>, function: &str, args: &[Value<'a>]) -> Result<Value<'a>, Error> {
        match (function, args) {
            ("verifyImageSignatures", [Value::String(image), attestors]) => self.count(scope, image, None, attestors),
            ("verifyAttestationSignatures", [Value::String(image), attestation, attestors]) => {
                self.count(scope, image, Some(&name_of(attestation)?), attestors)
            }
            ("extractPayload" | "payload", [Value::String(image), attestation]) => {
                self.payload(scope, image, &name_of(attestation)?)
            }
            _ => Err(Error::no_such_overload()),
        }
    }

    /// The parts of an image. `None`: the policy is not about it.
    fn meant(&self, scope: &Scope<'a>, image: &str) -> Result<Option<Parts>, Error> {
        if !self.rules.wants(image, scope.session)? {
            return Ok(None);
        }
        let unreadable = || Error::lack(format!("`{}` is no image reference", shown(image)));
        Parts::parse(image).map(Some).ok_or_else(unreadable)
    }

    fn attestation(&self, name: &str) -> Result<&'a Attestation, Error> {
        let rules: &'a ImageRules = self.rules;
        rules
            .attestations
            .get(name)
            .ok_or_else(|| Error::new(format!("attestation not found in policy: {}", shown(name))))
    }

    /// How many of the attestors signed an image, or a statement about it.
    fn count(
        &self,
        scope: &Scope<'a>,
        image: &str,
        attestation: Option<&str>,
        attestors: &Value<'a>,
    ) -> Result<Value<'a>, Error> {
        let names: Vec<String> =
            attestors.items().ok_or_else(Error::no_such_overload)?.iter().map(name_of).collect::<Result<_, _>>()?;
        let Some(parts) = self.meant(scope, image)? else { return Ok(Value::Int(0)) };
        let attestation = match attestation {
            None => None,
            Some(name) => Some((name, self.attestation(name)?)),
        };
        let (mut found, mut unknown) = (0_i64, None);
        if let Some(digest) = self.digest(&parts)? {
            for name in &names {
                match self.holds(scope, name, &parts, &digest, attestation) {
                    Ok(held) => found = found.saturating_add(i64::from(held)),
                    // The others are asked all the same, so that everything is fetched at once.
                    Err(err) if err.is_limit() => return Err(err),
                    Err(err) => {
                        unknown.get_or_insert(err);
                    }
                }
            }
        }
        if let Some(err) = unknown {
            return Err(err);
        }
        if !names.is_empty() {
            *self.tried.borrow_mut().entry(image.to_owned()).or_default() |= found > 0;
        }
        Ok(Value::Int(found))
    }

    /// Whether one attestor signed. Of several identities one must have.
    fn holds(
        &self,
        scope: &Scope<'a>,
        name: &str,
        parts: &Parts,
        digest: &str,
        attestation: Option<(&str, &Attestation)>,
    ) -> Result<bool, Error> {
        let rules: &'a ImageRules = self.rules;
        let attestor = rules
            .attestors
            .get(name)
            .ok_or_else(|| Error::new(format!("attestor not found in policy: {}", shown(name))))?;
        // Cosign signs in-toto statements, Notary referrers: the other has none.
        if attestation.is_some_and(|(_, of)| of.is_referrer != (attestor.layout() == Layout::Notary)) {
            return Ok(false);
        }
        let (mut held, mut unknown) = (false, None);
        for authority in attestor.authorities(scope)? {
            let mut credentials = rules.credentials.clone();
            credentials.secrets.extend(attestor.secrets.iter().cloned());
            let need = ImageNeed::Signed(Box::new(Signed {
                reference: parts.at(digest),
                layout: attestor.layout(),
                authority,
                annotations: attestor.annotations.clone(),
                repository: attestor.repository.clone(),
                predicate_type: attestation.map(|(_, of)| of.kind.clone()),
                credentials,
            }));
            match self.one(need, digest, attestation) {
                Ok(one) => held |= one,
                Err(err) if err.is_limit() => return Err(err),
                Err(err) => {
                    unknown.get_or_insert(err);
                }
            }
        }
        match unknown {
            Some(err) if !held => Err(err),
            _ => Ok(held),
        }
    }

    fn one(&self, need: ImageNeed, digest: &str, attestation: Option<(&str, &Attestation)>) -> Result<bool, Error> {
        match (self.ask(need.clone())?, attestation) {
            (Answer::Refused(_), _) => Ok(false),
            (Answer::Signed { digest: found }, None) => Ok(found == digest),
            (Answer::Statements { digest: found, statements }, Some((name, of))) => {
                if statements.len() > MOST_STATEMENTS {
                    return Err(Error::lack(format!("{need}: there are more than {MOST_STATEMENTS}")));
                }
                if found != digest || !statements.iter().any(|statement| of.is_type_of(statement)) {
                    return Ok(false);
                }
                self.held.borrow_mut().entry((digest.to_owned(), name.to_owned())).or_default().insert(need);
                Ok(true)
            }
            _ => Err(Error::lack(format!("{need}: the answer is about something else"))),
        }
    }

    /// What an attestation says. Several that say different things are an error: which of them is meant, nobody can tell.
    fn payload(&self, scope: &Scope<'a>, image: &str, name: &str) -> Result<Value<'a>, Error> {
        let attestation = self.attestation(name)?;
        let image_shown = shown(image);
        let none = || {
            Error::new(format!(
                "failed to get payload: no attestation `{name}` of `{image_shown}` was verified before it is read"
            ))
        };
        let parts = self.meant(scope, image)?.ok_or_else(none)?;
        let digest = self.digest(&parts)?.ok_or_else(none)?;
        let held = self.held.borrow();
        let questions = held.get(&(digest, name.to_owned())).ok_or_else(none)?;
        let evidence: &'a Evidence = self.evidence;
        let mut payloads: Vec<&'a Json> = Vec::new();
        for need in questions {
            let Some(Answer::Statements { statements, .. }) = evidence.get(need) else { continue };
            for statement in statements.iter().filter(|statement| attestation.is_type_of(statement)) {
                let payload = attestation.payload_of(statement).ok_or_else(none)?;
                if !payloads.contains(&payload) {
                    payloads.push(payload);
                }
                if payloads.len() > 1 {
                    return Err(Error::new(format!(
                        "failed to get payload: `{image_shown}` has several attestations `{name}` that say different things"
                    )));
                }
            }
        }
        payloads.first().map(|payload| Value::of(payload)).ok_or_else(none)
    }
}

/// The name of an attestor or an attestation, which may also be given as text.
fn name_of(value: &Value<'_>) -> Result<String, Error> {
    if let Some(name) = value.as_str() {
        return Ok(name.to_owned());
    }
    let name = value.lookup(&Key::String(Text::Borrowed("name"))).flatten();
    name.as_ref().and_then(Value::as_str).map(str::to_owned).ok_or_else(Error::no_such_overload)
}

/// Text of a request, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}

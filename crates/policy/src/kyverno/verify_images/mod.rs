//! `verifyImages` rules: which images of a request must be signed by whom, and what follows from the answers.
//!
//! ```text
//!   images of the request ─▶ those that the rule names ─▶ digest (once) ─▶ attestors ─▶ attestations ─▶ `validate`
//!                                                            │                 └── questions by that digest ──▶ Evidence
//!                                                            └─▶ `tag@digest` written into the object
//! ```
//!
//! What this module never does: it asks no registry and verifies no signature; it believes no annotation of the object, whoever wrote it
//! (`kyverno.io/verify-images` is written for others to read, and never read); it takes no answer about another digest than the one that the tag
//! had when it was first asked for (CVE-2022-47633). A question without an answer is an error of the rule, never a pass.
//! Source: kyverno/kyverno:pkg/engine/internal/imageverifier.go, pkg/engine/handlers/{mutation/mutate_image,validation/validate_image}.go.

mod attestors;
mod document;
mod question;
#[cfg(test)]
mod tests;

pub use question::{
    Answer, Authority, Credentials, Demand, DemandedLog, DemandedSigner, Evidence, Found, Identity, ImageNeed, Keyless,
    Layout, Logs, RootRef, SignatureSource, Signed,
};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use self::attestors::Asking;
use self::document::Block;
use super::conditions::Conditions;
use super::context::{Need, Snapshot};
use super::evaluate::{Response, Run, Status};
use super::exception::Exception;
use super::images::{self, Image};
use super::input::Input;
use super::mutate::json_patch::{self, Operation};
use super::policy::Policy;
use super::rule::{Action, Body, text};
use super::scope::{Given, Scope};
use super::variables::{demands_kept, is_dynamic, substitute, substitute_text};
use crate::jmespath::Surroundings;
use crate::wildcard;

const ANNOTATION: &str = "kyverno.io/verify-images";
/// Combinations of named statements that `validate` is asked about for one image.
const MAX_COMBINATIONS: usize = 1_000;
/// Images that one rule may be about.
const MAX_IMAGES: usize = 256;
/// Bytes of the messages of one rule, joined.
const MAX_MESSAGE: usize = 8 << 10;

/// `verifyImages`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Verification(Vec<Entry>);

/// One entry.
#[derive(Clone, Debug)]
struct Entry {
    /// As written, without what is not substituted beforehand.
    written: Value,
    /// Read at load, if it holds no variables.
    ready: Option<Block>,
    /// The conditions of each attestation.
    conditions: Vec<Option<Conditions>>,
    /// `validate`: what is asked of each combination of named statements.
    deny: Option<Conditions>,
    message: String,
    /// What a failure means, as written: a variable that cannot be resolved does not lose it.
    action: Option<Action>,
}

/// What all rules of a policy said of the images of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// One response for each rule that is about an image of the request.
    pub responses: Vec<Response>,
    /// What must be fetched for context and variables.
    pub needs: BTreeSet<Need>,
    /// What must be asked of registries before the rules that ended in an error can be decided.
    pub images: BTreeSet<ImageNeed>,
    /// The object with digests beside tags and the annotation for others; `None` if nothing was changed.
    pub object: Option<Value>,
    /// What the annotation says, images that failed included; `None` if no rule is about the object. Who asks several policies joins them
    /// ([`join_outcomes`]) and writes them ([`annotated`]): each policy writes only its own.
    pub outcomes: Option<Outcomes>,
}

impl Verification {
    pub(crate) fn compile(value: &Value) -> Result<Verification, String> {
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or("`verifyImages` is a list of images")?;
        items.iter().map(Entry::compile).collect::<Result<_, _>>().map(Verification)
    }
}

impl Entry {
    fn compile(value: &Value) -> Result<Entry, String> {
        let mut written = value.clone();
        let mut conditions = Vec::new();
        for attestation in written.get_mut("attestations").and_then(Value::as_array_mut).into_iter().flatten() {
            let taken = attestation.as_object_mut().and_then(|entries| entries.remove("conditions"));
            let taken = taken.filter(|taken| !taken.is_null());
            conditions.push(taken.as_ref().map(Conditions::compile).transpose()?);
        }
        let validate = written.as_object_mut().and_then(|entries| entries.remove("validate"));
        let validate = validate.filter(|validate| !validate.is_null());
        let deny = match &validate {
            None => None,
            Some(validate) => match validate.get("deny").filter(|deny| !deny.is_null()) {
                Some(deny) => Some(Conditions::compile(deny.get("conditions").unwrap_or(&Value::Null))?),
                None => return Err("`validate` of `verifyImages` needs `deny`".to_owned()),
            },
        };
        let block = Block::read(&written)?;
        let message = validate.as_ref().and_then(|validate| text(validate, "message")).unwrap_or_default();
        let action = block.action;
        let ready = (!is_dynamic(&written)).then_some(block);
        Ok(Entry { written, ready, conditions, deny, message, action })
    }

    fn block(&self, scope: &mut Scope<'_>) -> Result<Cow<'_, Block>, String> {
        if let Some(block) = &self.ready {
            return Ok(Cow::Borrowed(block));
        }
        let resolved =
            substitute(&self.written, scope).map_err(|err| format!("failed to substitute variables: {err}"))?;
        demands_kept(&self.written, &resolved, "verifyImages")?;
        Block::read(&resolved).map(Cow::Owned)
    }
}

/// How one image ended under one entry.
enum Outcome {
    Pass(String),
    Fail(String),
    Error(String),
}

/// What became of the images of one rule.
#[derive(Default)]
struct Tally {
    passed: Vec<String>,
    skipped: Vec<String>,
    failed: Vec<String>,
    undecided: Vec<String>,
    patches: Vec<Operation>,
    /// How many images entries were about.
    images: usize,
    outcomes: Outcomes,
}

/// `pass`, `skip` or `fail` by image, for the annotation.
pub type Outcomes = BTreeMap<String, &'static str>;

/// Adds what a rule or a policy said to what others said. An image that one of them does not let through is not let through.
pub fn join_outcomes(all: &mut Outcomes, more: &Outcomes) {
    for (image, outcome) in more {
        let known = all.entry(image.clone()).or_insert(outcome);
        if *outcome == "fail" || (*outcome == "pass" && *known == "skip") {
            *known = outcome;
        }
    }
}

/// The object with the annotation that says what was found, for others to read. Images that failed are not named in it; if nothing is left to
/// say, there is none, whoever wrote one before.
pub fn annotated(mut object: Value, outcomes: &Outcomes) -> Value {
    let said: Map<String, Value> = outcomes
        .iter()
        .filter(|(_, outcome)| **outcome != "fail")
        .map(|(image, outcome)| (image.clone(), json!(outcome)))
        .collect();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    if said.is_empty() {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            let removed = annotations.remove(ANNOTATION).is_some();
            if removed && annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
        return object;
    }
    let annotations = metadata.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = json!({});
    }
    // Annotations that are no mapping hold none, and no API server takes them.
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(ANNOTATION.to_owned(), Value::String(Value::Object(said).to_string()));
    }
    object
}

impl Policy {
    /// Whether any rule verifies images.
    pub fn verifies_images(&self) -> bool {
        self.rules().iter().any(|rule| matches!(rule.body, Body::VerifyImages(_)))
    }

    /// Lets all `verifyImages` rules judge the images of the request's object, with what is known of them.
    pub fn verify_images(
        &self,
        input: &Input,
        exceptions: &[Exception],
        snapshot: &Snapshot,
        evidence: &Evidence,
        surroundings: &Surroundings,
    ) -> Verified {
        let mut verified = Verified::default();
        let mut digests = BTreeMap::new();
        let mut current = Cow::Borrowed(input);
        for rule in self.rules() {
            let Body::VerifyImages(verification) = &rule.body else { continue };
            // What is deleted runs no more.
            let Some(object) = current.object() else { break };
            let view = current.view(object);
            if self.namespace.as_deref().is_some_and(|namespace| namespace != view.namespace)
                || !rule.is_about(&current, &view)
            {
                continue;
            }
            let outcomes = verified.outcomes.get_or_insert_default();
            let given = Given {
                expressions: &rule.expressions,
                snapshot,
                surroundings,
                extractors: &rule.extractors,
                namespace: self.namespace.as_deref(),
            };
            let request = current.request_for(&rule.name);
            let mut run = Run {
                policy: self,
                rule,
                input: &current,
                scope: Scope::new(&current, request, &rule.name, given),
                properties: BTreeMap::new(),
            };
            let (base, overridden) = (run.action(&view), run.overridden(&view));
            let mut of_failures: Option<Action> = None;
            let mut changed = None;
            let found = match images::list(object, &rule.extractors, surroundings) {
                Err(message) => Some((Status::Error, message)),
                Ok(found) if found.is_empty() => None,
                Ok(found) => match run.prelude(exceptions) {
                    Err(outcome) => outcome.map(|(status, message, _)| (status, message)),
                    Ok(_) => {
                        let mut tally = Tally::default();
                        let mut asking =
                            Asking { evidence, needs: &mut verified.images, digests: &mut digests, asked: 0 };
                        for entry in &verification.0 {
                            let before = tally.complaints();
                            if let Err(message) = entry.judge(&found, &mut run.scope, &mut asking, &mut tally) {
                                tally.undecided.push(message);
                            }
                            if tally.complaints() > before {
                                let of_entry = entry.action.unwrap_or(base);
                                of_failures = Some(of_failures.map_or(of_entry, |known| known.stricter(of_entry)));
                            }
                        }
                        match tally.patched(object) {
                            Ok(patched) => changed = patched,
                            Err(message) => tally.undecided.push(message),
                        }
                        join_outcomes(outcomes, &tally.kept());
                        tally.said()
                    }
                },
            };
            verified.needs.append(&mut run.scope.needs);
            drop(run);
            let action = overridden.or(of_failures).unwrap_or(base);
            let Some((status, message)) = found else { continue };
            let status = if status == Status::Fail && !self.scored { Status::Warn } else { status };
            let rule = rule.name.clone();
            verified.responses.push(Response { rule, status, message, path: None, action, target: None });
            if let Some(object) = changed {
                let next = current.with_object(object);
                current = Cow::Owned(next);
            }
            if self.apply_one && matches!(status, Status::Pass | Status::Fail | Status::Warn) {
                break;
            }
        }
        if let (Some(before), Some(object), Some(outcomes)) = (input.object(), current.object(), &verified.outcomes) {
            let object = annotated(object.clone(), outcomes);
            verified.object = (object != *before).then_some(object);
        }
        verified
    }
}

impl Entry {
    /// Judges the images that this entry names.
    fn judge(
        &self,
        found: &[Image],
        scope: &mut Scope<'_>,
        asking: &mut Asking<'_>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let block = self.block(scope)?;
        for image in found {
            let reference = image.parts.reference();
            let named =
                |patterns: &[String], text: &str| patterns.iter().any(|pattern| wildcard::matches(pattern, text));
            let names = image.parts.names();
            let cost = names.len().saturating_mul(block.references.len().saturating_add(block.skipped.len()));
            scope.work.steps(cost).map_err(|err| err.to_string())?;
            // A tag beside a digest and another name of the registry may bring an image under a rule, and never out of one.
            if !names.iter().any(|name| named(&block.references, name)) {
                continue;
            }
            tally.images += 1;
            if tally.images > MAX_IMAGES {
                return Err(format!("the rule is about more than {MAX_IMAGES} images"));
            }
            if named(&block.skipped, &reference) {
                tally.outcomes.insert(reference.clone(), "skip");
                tally.skipped.push(reference);
                continue;
            }
            let outcome = self.image(&block, image, scope, asking, tally);
            if !matches!(outcome, Outcome::Pass(_)) {
                // Also under the name that another entry gives it.
                if let Some(digest) = asking.digests.get(&image.parts.with_tag()) {
                    tally.outcomes.insert(image.parts.at(digest), "fail");
                }
                tally.outcomes.insert(reference, "fail");
            }
            match outcome {
                Outcome::Pass(message) => tally.passed.push(message),
                Outcome::Fail(message) => tally.failed.push(message),
                Outcome::Error(message) => tally.undecided.push(message),
            }
        }
        Ok(())
    }

    fn image(
        &self,
        block: &Block,
        image: &Image,
        scope: &mut Scope<'_>,
        asking: &mut Asking<'_>,
        tally: &mut Tally,
    ) -> Outcome {
        let reference = image.parts.reference();
        let signed = !block.attestors.is_empty() || !block.attestations.is_empty();
        let mut digest = image.parts.digest.clone();
        if digest.is_empty() && (signed || block.mutate_digest) {
            match asking.digest(&image.parts, &block.credentials) {
                Ok(found) => digest = found,
                Err(outcome) => return outcome.for_image(&reference),
            }
        }
        let mut message = format!("image {reference} verified");
        if signed {
            let mark = scope.mark();
            let outcome = self.signatures(block, image, &digest, scope, asking);
            scope.back_to(mark);
            match outcome {
                Ok(said) => message = said,
                Err(outcome) => return outcome,
            }
        }
        let pinned = !image.parts.digest.is_empty() || block.mutate_digest;
        if image.parts.digest.is_empty() && block.mutate_digest && image.inside {
            let why = "it stands inside of another text, set `mutateDigest: false`";
            return Outcome::Error(format!("the digest of {reference} cannot be written: {why}"));
        }
        if image.parts.digest.is_empty() && block.mutate_digest {
            let value = Value::String(image.parts.pinned(&digest));
            tally.patches.push(Operation::Replace { path: image.pointer.clone(), value });
        }
        if block.verify_digest && !pinned {
            return Outcome::Fail(format!("missing digest for {reference}"));
        }
        if block.required && !signed {
            return Outcome::Fail(format!("unverified image {reference}"));
        }
        if signed {
            tally.outcomes.insert(if pinned { image.parts.at(&digest) } else { reference }, "pass");
        }
        Outcome::Pass(message)
    }

    /// Attestors, then attestations, then what is asked of all of them.
    fn signatures(
        &self,
        block: &Block,
        image: &Image,
        digest: &str,
        scope: &mut Scope<'_>,
        asking: &mut Asking<'_>,
    ) -> Result<String, Outcome> {
        let reference = image.parts.reference();
        for (index, set) in block.attestors.iter().enumerate() {
            let path = format!(".attestors[{index}]");
            asking
                .set(set, block, &image.parts.at(digest), digest, &path)
                .map_err(|found| found.for_image(&reference))?;
        }
        if block.attestations.is_empty() {
            return Ok(format!("verified image signatures for {reference}"));
        }
        let mut held = Held { block, image, digest, combinations: 0 };
        self.attestations(&mut held, 0, scope, asking)?;
        Ok(format!("verified image attestations for {reference}"))
    }

    /// Attestations from one on, and behind the last one `validate`: a statement that has a name is followed by all of that for itself, so
    /// that no statement beside it can answer for it.
    fn attestations(
        &self,
        held: &mut Held<'_>,
        index: usize,
        scope: &mut Scope<'_>,
        asking: &mut Asking<'_>,
    ) -> Result<(), Outcome> {
        let Some(attestation) = held.block.attestations.get(index) else { return self.denied(held, scope) };
        let reference = held.image.parts.reference();
        let path = format!(".attestations[{index}]");
        let undecided = |message: String| Outcome::Error(format!("{path}: {message}"));
        let statements = asking
            .statements(attestation, held.block, &held.image.parts.at(held.digest), held.digest, &path)
            .map_err(|found| found.for_image(&reference))?;
        if let Some(conditions) = self.conditions.get(index).and_then(Option::as_ref) {
            for statement in &statements {
                if !holds(conditions, statement, scope).map_err(undecided)? {
                    let kind = &attestation.predicate_type;
                    let failed = format!("{path}: attestation checks failed for {reference} and predicate {kind}");
                    return Err(Outcome::Fail(failed));
                }
            }
        }
        if attestation.name.is_empty() {
            return self.attestations(held, index + 1, scope, asking);
        }
        for statement in &statements {
            let predicate = predicate(statement).map_err(undecided)?;
            let mark = scope.mark();
            scope
                .set_named(&attestation.name, &Value::Object(predicate.clone()))
                .map_err(|err| undecided(err.to_string()))?;
            let outcome = self.attestations(held, index + 1, scope, asking);
            scope.back_to(mark);
            outcome?;
        }
        Ok(())
    }

    /// Whether `validate` denies what is named now.
    fn denied(&self, held: &mut Held<'_>, scope: &mut Scope<'_>) -> Result<(), Outcome> {
        let Some(deny) = &self.deny else { return Ok(()) };
        held.combinations += 1;
        if held.combinations > MAX_COMBINATIONS {
            let reference = held.image.parts.reference();
            let many = format!("{reference} has more than {MAX_COMBINATIONS} combinations of attestations");
            return Err(Outcome::Error(many));
        }
        match deny.hold(scope) {
            Ok((false, _)) => Ok(()),
            Ok((true, _)) => {
                let message = match substitute_text(&self.message, scope) {
                    Ok(Value::String(text)) => text,
                    _ => self.message.clone(),
                };
                Err(Outcome::Fail(format!("image attestations verification failed: {message}")))
            }
            Err(err) => Err(Outcome::Error(format!("failed to check deny conditions: {err}"))),
        }
    }
}

/// The image whose attestations are gone through.
struct Held<'h> {
    block: &'h Block,
    image: &'h Image,
    digest: &'h str,
    /// How often `validate` was asked.
    combinations: usize,
}

/// The predicate of a statement.
fn predicate(statement: &Value) -> Result<&Map<String, Value>, String> {
    let found = statement.get("predicate").and_then(Value::as_object);
    found.ok_or_else(|| "failed to extract predicate from statement: it is no mapping".to_owned())
}

/// Whether a statement is as conditions say; its predicate's fields are the names that they use.
fn holds(conditions: &Conditions, statement: &Value, scope: &mut Scope<'_>) -> Result<bool, String> {
    let predicate = predicate(statement)?;
    let mark = scope.mark();
    let set = scope.set_all(predicate);
    let held = match set {
        Ok(()) => conditions.hold(scope).map(|(holds, _)| holds).map_err(|err| err.to_string()),
        Err(err) => Err(format!("failed to add Statement to the context: {err}")),
    };
    scope.back_to(mark);
    held
}

impl Tally {
    /// How many images are not as asked, or not known to be.
    fn complaints(&self) -> usize {
        self.failed.len() + self.undecided.len()
    }

    /// The object with its digests; `None` if there are none to write, or if not all is as asked.
    fn patched(&mut self, object: &Value) -> Result<Option<Value>, String> {
        if self.complaints() > 0 || self.patches.is_empty() {
            return Ok(None);
        }
        let operations = std::mem::take(&mut self.patches);
        let patched = json_patch::apply(object, &operations, json_patch::Options::default());
        let patched = patched.map_err(|err| format!("failed to update digest: {err}"))?;
        Ok((patched != *object).then_some(patched))
    }

    /// What is said of images. A rule that does not hold says nothing good of any.
    fn kept(&self) -> Outcomes {
        let held = self.complaints() == 0;
        let kept = self.outcomes.iter().filter(|(_, outcome)| held || **outcome == "fail");
        kept.map(|(image, outcome)| (image.clone(), *outcome)).collect()
    }

    /// Status and message of the rule; nothing, if it is about none of the images.
    fn said(self) -> Option<(Status, String)> {
        let joined = |mut messages: Vec<String>| {
            messages.dedup();
            let mut said = String::new();
            for message in messages {
                if said.len().saturating_add(message.len()) > MAX_MESSAGE {
                    let left = MAX_MESSAGE.saturating_sub(said.len());
                    let end = (0..=left).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
                    said.push_str(message.get(..end).unwrap_or_default());
                    said.push_str(" ...");
                    break;
                }
                said.push_str(if said.is_empty() { "" } else { "; " });
                said.push_str(&message);
            }
            said
        };
        if !self.undecided.is_empty() {
            return Some((Status::Error, joined(self.undecided)));
        }
        if !self.failed.is_empty() {
            return Some((Status::Fail, joined(self.failed)));
        }
        if !self.passed.is_empty() {
            return Some((Status::Pass, joined(self.passed)));
        }
        (!self.skipped.is_empty())
            .then(|| (Status::Skip, joined(vec![format!("image skipped, skipped images: {}", self.skipped.join(" "))])))
    }
}

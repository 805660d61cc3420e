//! Policies of Kyverno: conditions, then exceptions, then images, then what the policy asks or changes.
//!
//! Source: kyverno/kyverno:pkg/cel/policies/{vpol,mpol}/compiler, pkg/image/verification/evaluator/policy.go.

use serde_json::{Value as Json, json};

use super::document::Definition;
use super::evaluate::{Judgement, Outcome, Parts, outcome};
use super::exception::Exception;
use super::host::{Scope, Session};
use super::images::Images;
use super::rule::conditions_hold;
use super::verify::shown;
use crate::cel::{Error, Value};
use crate::kyverno::Status;
use crate::kyverno::images::Parts as Reference;

impl<'a> Parts<'a> {
    /// `pins`: only digests are written.
    pub(super) fn kyverno(&self, exceptions: &[Exception], pins: bool, judgement: &mut Judgement) {
        let session = self.session();
        let found = self.judged(&session, exceptions, pins, judgement);
        judgement.take(&session);
        // Whoever pins says only what went wrong: all else is said when the outcome is judged.
        if !(pins && matches!(found.status, Status::Pass | Status::Skip)) {
            self.respond(found, self.policy.action, judgement);
        }
    }

    fn judged(
        &self,
        session: &Session<'_>,
        exceptions: &[Exception],
        pins: bool,
        judgement: &mut Judgement,
    ) -> Outcome {
        let wrong = |err: Error| outcome("evaluation", Status::Error, err.to_string());
        if self.policy.changes_others {
            let message =
                "the policy changes other objects than the one that is asked about, and is not judged by requests";
            return outcome("", Status::Skip, message);
        }
        let mutating = self.policy.kind.is_mutating();
        // The conditions of a mutating policy may use its variables, and these what exceptions allow.
        if !mutating && let Err(outcome) = self.scope(session).map_err(wrong).and_then(|scope| self.conditions(&scope))
        {
            return outcome;
        }
        let allowed = match self.scope(session).map_err(wrong).and_then(|scope| self.excepted(exceptions, &scope)) {
            Ok(allowed) => allowed,
            Err(outcome) => return outcome,
        };
        let images = if self.policy.uses_images {
            let rules = session.verification.as_ref().map(|verification| verification.rules);
            let object = self.input.resource().unwrap_or(&Json::Null);
            let found =
                self.scope(session).and_then(|scope| Images::of(object, rules, &self.definition.extractors, &scope));
            match found {
                Ok(images) => images,
                Err(err) => return wrong(err),
            }
        } else {
            Images::default()
        };
        // Validations hold also where no image is one that the policy is about: they may be about the object, or about an image that they name
        // themselves. Source: kyverno/kyverno:pkg/image/verification/evaluator/policy.go, `Evaluate`.
        if pins {
            return self.pinned(session, &images, judgement);
        }
        let listed = images.to_json();
        let (attestors, attestations) = &self.policy.evidence;
        let named: [(&'static str, &Json); 4] =
            [("images", &listed), ("exceptions", &allowed), ("attestors", attestors), ("attestations", attestations)];
        let mut scope = match self.scope(session) {
            Ok(scope) => scope,
            Err(err) => return wrong(err),
        };
        for (name, value) in named {
            scope.set(name, Value::of(value));
        }
        if mutating {
            return match conditions_hold(&self.definition.expressions.conditions, &scope) {
                Ok(true) => self.mutated(session, &named, judgement),
                Ok(false) => outcome("", Status::Skip, "skip"),
                Err((_, err)) => self.undecided("evaluation", &err.within("failed to evaluate policy")),
            };
        }
        if let Some(rules) = session.verification.as_ref().map(|verification| verification.rules) {
            if let Some(found) = rules.verify_digest.then(|| without_digest(&images)).flatten() {
                return found;
            }
            if rules.required {
                judgement.required = images.found.iter().map(|image| image.text.clone()).collect();
            }
        }
        self.validated(&scope, judgement)
    }

    /// Whether conditions hold. Errors: what is said where they do not.
    pub(super) fn conditions<'s>(&self, scope: &Scope<'s>) -> Result<(), Outcome>
    where
        'a: 's,
    {
        match conditions_hold(&self.definition.expressions.conditions, scope) {
            Ok(true) => Ok(()),
            Ok(false) => Err(outcome("", Status::Skip, "skip")),
            Err((_, err)) => Err(self.undecided("evaluation", &err.within("failed to load context"))),
        }
    }

    /// What exceptions allow in parts, for expressions to read. Errors: they hold for the whole request, or cannot be decided.
    ///
    /// One that allows only parts keeps the others that fit from excepting the whole, as in Kyverno; one that cannot be decided excepts nothing.
    fn excepted<'s>(&self, exceptions: &'s [Exception], scope: &Scope<'s>) -> Result<Json, Outcome> {
        let policy = self.policy;
        let (mut fitting, mut images, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for exception in exceptions {
            if !exception.names(policy.kind, policy.namespace.as_deref(), &policy.name) {
                continue;
            }
            match conditions_hold(&exception.conditions, scope) {
                Ok(true) => {
                    fitting.push(exception);
                    images.extend(exception.images.iter().cloned());
                    values.extend(exception.values.iter().cloned());
                }
                Ok(false) => {}
                Err((_, err)) => {
                    let message = format!("failed to load context: {err}");
                    return Err(outcome("evaluation", Status::Error, message));
                }
            }
        }
        if fitting.is_empty() || !images.is_empty() || !values.is_empty() {
            return Ok(json!({"allowedImages": images, "allowedValues": values}));
        }
        let keys: Vec<String> = fitting.iter().map(|exception| exception.key()).collect();
        let (status, said) = match fitting.iter().any(|exception| exception.passes) {
            true => (Status::Pass, "passed"),
            false => (Status::Skip, "skipped"),
        };
        let message = format!("rule is {said} due to policy exception: {}", keys.join(", "));
        Err(outcome("exception", status, message))
    }

    /// Validations in Kyverno's words, and annotations whatever they say.
    pub(super) fn validated<'s>(&self, scope: &Scope<'s>, judgement: &mut Judgement) -> Outcome
    where
        'a: 's,
    {
        let failed = self.first_failure(scope);
        match (failed, self.definition.expressions.annotate(scope)) {
            (Some(found), Err(_)) => found,
            (None, Err(err)) => self.undecided("evaluation", &err.within("failed to load context")),
            (found, Ok(annotations)) => {
                judgement.annotations.extend(annotations);
                found.unwrap_or_else(|| outcome("", Status::Pass, "success"))
            }
        }
    }

    /// The first validation that does not hold decides.
    fn first_failure<'s>(&self, scope: &Scope<'s>) -> Option<Outcome>
    where
        'a: 's,
    {
        let definition: &'s Definition = self.definition;
        for (index, validation) in definition.expressions.validations.iter().enumerate() {
            match validation.program.holds(scope) {
                Ok(true) => {}
                Ok(false) => {
                    let message = match &validation.message_program {
                        None => validation.message.clone(),
                        Some(program) => match program.evaluate(scope) {
                            Ok(Value::String(text)) => text.to_string(),
                            Ok(_) => "failed to convert message expression to string".to_owned(),
                            Err(err) => format!("failed to evaluate message expression: {err}"),
                        },
                    };
                    let message = match message.as_str() {
                        "" => format!("CEL expression validation failed at index {index}"),
                        _ => message,
                    };
                    return Some(outcome("", Status::Fail, message));
                }
                Err(err) => return Some(self.undecided("", &err.within("error"))),
            }
        }
        None
    }

    /// Writes digests beside tags, those that are known. A digest that is not known leaves an image as it is and is an error, whatever the policy
    /// says of failures.
    fn pinned(&self, session: &Session<'_>, images: &Images, judgement: &mut Judgement) -> Outcome {
        let (Some(verification), Some(object)) = (&session.verification, self.input.object()) else {
            return outcome("", Status::Skip, "there is nothing to write digests into");
        };
        if !verification.rules.mutate_digest {
            return outcome("", Status::Skip, "the policy writes no digests");
        }
        let mut pinned = object.clone();
        let mut undecided = Vec::new();
        for image in &images.found {
            let Some(place) = image.pointer.as_ref().and_then(|pointer| pinned.pointer_mut(pointer)) else { continue };
            let found = match Reference::parse(&image.text) {
                None => Err(format!("`{}` is no image reference", shown(&image.text))),
                Some(parts) if !parts.digest.is_empty() => continue,
                Some(parts) => match verification.digest(&parts) {
                    Ok(Some(digest)) => Ok(parts.pinned(&digest)),
                    Ok(None) => Err(format!("there is no image `{}`", shown(&image.text))),
                    Err(err) => Err(err.to_string()),
                },
            };
            match found {
                Ok(text) => *place = Json::from(text),
                Err(why) => undecided.push(why),
            }
        }
        judgement.patched = (pinned != *object).then_some(pinned);
        if undecided.is_empty() {
            return outcome("", Status::Pass, "success");
        }
        outcome("mutateDigest", Status::Error, format!("failed to update digest: {}", undecided.join("; ")))
    }
}

/// What is said of the first image that has no digest.
fn without_digest(images: &Images) -> Option<Outcome> {
    images.found.iter().find_map(|image| match Reference::parse(&image.text) {
        None => {
            let message = format!("failed to parse image reference `{}`", shown(&image.text));
            Some(outcome("evaluation", Status::Error, message))
        }
        Some(parts) if parts.digest.is_empty() => {
            let message = format!("image {} does not have a digest", shown(&image.text));
            Some(outcome("", Status::Fail, message))
        }
        Some(_) => None,
    })
}

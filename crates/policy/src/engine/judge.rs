//! Policies on a request, in the order in which an API server would ask: what changes it, what its images are, what is asked of the outcome.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use signet_model::Digest;

use super::decision::{Consequence, Decision, Reason};
use super::set::{Body, Entry, Set};
use crate::gatekeeper;
use crate::image_policy;
use crate::images;
use crate::jmespath::Surroundings;
use crate::kyverno::verify_images::{Evidence, ImageNeed, Outcomes, annotated, join_outcomes};
use crate::kyverno::{Action, Exception, Input, Need, Operation, Response, Snapshot, Status};
use crate::trust_policy::facts::{Facts, Question};
use crate::trust_policy::{self, Asked, Blocked, Circumstances, Override, Role, TrustPolicy};

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Of clusters, services and registries.
    pub context: Snapshot,
    /// Of images: digests, signatures, attestations.
    pub images: Evidence,
    /// Of images, for our own policies.
    pub facts: Facts,
    /// Of other objects and providers, for Gatekeeper's constraints.
    pub gatekeeper: gatekeeper::Outside,
    /// What is blocked everywhere, whatever any policy says.
    pub blocked: Arc<Blocked>,
    /// Overrides of our own policies, with the signatures that hold over them.
    pub overrides: Vec<Override>,
}

impl Known {
    /// Its digest: the same questions with the same answers have the same.
    pub fn digest(&self) -> Digest {
        let mut text = String::new();
        for (need, answer) in &self.context {
            let _ = writeln!(text, "{need:?} = {answer}");
        }
        for (need, answer) in &self.images {
            let _ = writeln!(text, "{need:?} = {answer:?}");
        }
        for (need, answer) in &self.gatekeeper.answers {
            let _ = writeln!(text, "{need:?} = {answer:?}");
        }
        let _ = writeln!(text, "{}", self.facts.digest(&self.facts.questions().cloned().collect()));
        let _ = writeln!(text, "{} {:?}", self.blocked.content(), self.overrides);
        Digest::sha256(text.as_bytes())
    }
}

/// What must be fetched before it can be decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Of clusters, services and registries.
    pub context: BTreeSet<Need>,
    /// Of images.
    pub images: BTreeSet<ImageNeed>,
    /// Of images, by our own policies.
    pub questions: BTreeSet<Question>,
    /// Of providers.
    pub external: BTreeSet<gatekeeper::ExternalNeed>,
}

impl Needs {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.context.is_empty() && self.images.is_empty() && self.questions.is_empty() && self.external.is_empty()
    }
}

/// Which part of the way a request is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stages {
    /// Everything, one after the other.
    All,
    /// What changes it, and the digests of its images.
    Mutate,
    /// What is asked of it, as it is. Nothing that the other stage found is believed: images are asked about again, by the digests that stand there.
    Validate,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The answer, as far as it is known: final when nothing is needed.
    pub decision: Decision,
    /// The object as policies change it; `None` if none does.
    pub object: Option<Value>,
    /// What must be fetched first.
    pub needs: Needs,
}

impl Set {
    /// Judges a request. Nothing is fetched: while [`Judged::needs`] is not empty and something of it can be fetched, fetch it and ask again. What
    /// stays unknown is an error of its rule, and refuses unless its policy says that errors do not.
    pub fn judge(&self, input: &Input, known: &Known, surroundings: &Surroundings, stages: Stages) -> Judged {
        self.run(input, known, surroundings, stages, false, &|| Duration::ZERO).0
    }

    /// The same, and how long each reason took to find, in the order of the reasons. `watch`: how long it is since any fixed moment.
    pub fn judge_timed(
        &self,
        input: &Input,
        known: &Known,
        surroundings: &Surroundings,
        stages: Stages,
        watch: &dyn Fn() -> Duration,
    ) -> (Judged, Vec<Duration>) {
        self.run(input, known, surroundings, stages, false, watch)
    }

    /// Judges an object that is there already, as a request that makes it and of which nobody knows who asks: by the policies that look at such
    /// objects ([`super::About::background`]), and without changing it.
    pub fn scan(&self, input: &Input, known: &Known, surroundings: &Surroundings) -> Judged {
        self.run(input, known, surroundings, Stages::Validate, true, &|| Duration::ZERO).0
    }

    fn run(
        &self,
        input: &Input,
        known: &Known,
        surroundings: &Surroundings,
        stages: Stages,
        scans: bool,
        watch: &dyn Fn() -> Duration,
    ) -> (Judged, Vec<Duration>) {
        let concerned = self.plan.of(input, &self.entries);
        let entries = concerned.iter().filter_map(|index| self.entries.get(*index));
        let mut judge = Judge {
            set: self,
            entries: entries.filter(|entry| entry.background || !scans).collect(),
            input: Cow::Borrowed(input),
            exceptions: Cow::Borrowed(&self.exceptions),
            known,
            surroundings,
            reasons: Vec::new(),
            annotations: std::collections::BTreeMap::new(),
            needs: Needs::default(),
            object: None,
            watch,
            mark: watch(),
            times: Vec::new(),
        };
        judge.without_namespace();
        judge.without_user();
        if stages != Stages::Validate {
            judge.mutate();
        }
        judge.verify_images(stages);
        judge.image_policies(stages);
        judge.lap();
        judge.blocks();
        judge.trust(stages);
        judge.lap();
        if stages != Stages::Mutate {
            judge.validate();
        }
        judge.lap();
        let times = std::mem::take(&mut judge.times);
        let allowed = judge.reasons.iter().all(|reason| reason.consequence != Consequence::Denies);
        let judged = Judged {
            decision: Decision {
                allowed,
                reasons: judge.reasons,
                annotations: judge.annotations,
                policies: self.digest(),
                snapshot: known.digest(),
            },
            object: judge.object,
            needs: judge.needs,
        };
        (judged, times)
    }
}

pub(super) struct Judge<'a> {
    set: &'a Set,
    watch: &'a dyn Fn() -> Duration,
    /// When the policy was begun that is asked now.
    mark: Duration,
    /// How long reasons took; those of the policy that is asked now are not in it yet.
    times: Vec<Duration>,
    /// The policies that such a request concerns.
    entries: Vec<&'a Entry>,
    /// The request, about the object as it is now.
    pub(super) input: Cow<'a, Input>,
    exceptions: Cow<'a, [Exception]>,
    pub(super) known: &'a Known,
    pub(super) surroundings: &'a Surroundings,
    pub(super) reasons: Vec<Reason>,
    annotations: std::collections::BTreeMap<String, String>,
    pub(super) needs: Needs,
    object: Option<Value>,
}

impl<'a> Judge<'a> {
    /// Kyverno's selectors take labels that nobody knows for none. No namespace is without labels, so a policy that selects by them is undecided then, and an
    /// exception that does excepts nothing.
    fn without_namespace(&mut self) {
        let lies_in = crate::admission::namespace(&self.input);
        if lies_in.is_empty() || !self.input.namespace_labels.is_empty() || self.input.namespace_object.is_some() {
            return;
        }
        let message = format!("the labels of namespace `{lies_in}` are not known, and the policy selects by them");
        if self.exceptions.iter().any(Exception::selects_namespaces) {
            self.exceptions.to_mut().retain(|exception| !exception.selects_namespaces());
        }
        for entry in self.entries.clone() {
            let Body::Kyverno(policy) = &entry.body else { continue };
            if policy.selects_namespaces() {
                let action = if policy.may_refuse() || policy.mutates() { Action::Enforce } else { Action::Audit };
                let (rule, message) = (String::new(), message.clone());
                let response = Response { rule, status: Status::Error, message, path: None, action, target: None };
                self.say(entry, vec![response], policy.fails_closed);
            }
        }
    }

    /// Rules that ask for nothing but who asks, and expressions about it, say nothing where nobody knows that. Rules that ask for more are judged as if
    /// it were whom they name, and nobody is left out of one for being somebody.
    fn without_user(&mut self) {
        if self.input.user.is_some() || self.input.request.get("userInfo").is_some_and(Value::is_object) {
            return;
        }
        for entry in self.entries.clone().into_iter().filter(|entry| entry.asks_user) {
            let (action, fails_closed) = match &entry.body {
                Body::Kyverno(policy) if policy.may_refuse() || policy.mutates() => {
                    (Action::Enforce, policy.fails_closed)
                }
                Body::Kyverno(policy) => (Action::Audit, policy.fails_closed),
                Body::Admission(policy) if !self.is_in_force(policy) => continue,
                Body::Admission(policy) if policy.kind.is_mutating() => (Action::Enforce, policy.fails_closed),
                Body::Admission(policy) => (policy.action(), policy.fails_closed),
                Body::Gatekeeper(_) | Body::Trust(_) => continue,
            };
            let message = "the policy asks who asks, and nobody said who does".to_owned();
            let rule = String::new();
            let response = Response { rule, status: Status::Error, message, path: None, action, target: None };
            self.say(entry, vec![response], fails_closed);
        }
    }

    fn mutate(&mut self) {
        for entry in self.entries.clone() {
            let Body::Kyverno(policy) = &entry.body else { continue };
            if !policy.mutates() {
                continue;
            }
            let mutated = policy.mutate(&self.input, &self.exceptions, &self.known.context, self.surroundings);
            self.needs.context.extend(mutated.needs);
            // A change that could not be made leaves an object that the policy did not mean.
            self.say(entry, unmade(mutated.responses), policy.fails_closed);
            self.change(mutated.object);
        }
        for entry in self.entries.clone() {
            let Body::Admission(policy) = &entry.body else { continue };
            if policy.kind.is_mutating() && self.is_in_force(policy) {
                let judged =
                    policy.evaluate(&self.input, &self.set.cel_exceptions, &self.known.context, self.surroundings);
                self.needs.context.extend(judged.needs);
                self.annotations.extend(judged.annotations);
                self.say(entry, unmade(judged.responses), policy.fails_closed);
                self.change(judged.patched);
            }
        }
    }

    /// Writes the digests that policies in CEL ask for. What they say of signatures they say when the outcome is judged.
    fn pin(&mut self) {
        for entry in self.entries.clone() {
            let Body::Admission(policy) = &entry.body else { continue };
            let known = self.known;
            let judged =
                policy.pin(&self.input, &self.set.cel_exceptions, &known.images, &known.context, self.surroundings);
            self.needs.context.extend(judged.needs);
            self.needs.images.extend(judged.images);
            self.say(entry, judged.responses, policy.fails_closed);
            self.change(judged.patched);
        }
    }

    fn verify_images(&mut self, stages: Stages) {
        let mut outcomes = Outcomes::new();
        for entry in self.entries.clone() {
            let Body::Kyverno(policy) = &entry.body else { continue };
            if !policy.verifies_images() {
                continue;
            }
            let verified = policy.verify_images(
                &self.input,
                &self.exceptions,
                &self.known.context,
                &self.known.images,
                self.surroundings,
            );
            self.needs.context.extend(verified.needs);
            self.needs.images.extend(verified.images);
            self.say(entry, verified.responses, policy.fails_closed);
            if stages == Stages::Validate {
                self.pinned(entry, policy, verified.object.as_ref());
                continue;
            }
            if let Some(of_policy) = verified.outcomes {
                join_outcomes(&mut outcomes, &of_policy);
                let before = verified.object.or_else(|| self.input.object().cloned());
                self.change(before.map(|object| annotated(object, &outcomes)));
            }
        }
        if stages != Stages::Validate {
            self.pin();
        }
    }

    /// What would still be given a digest has none: the tag that stands there may be another image when it is pulled.
    fn pinned(&mut self, entry: &Entry, policy: &crate::kyverno::Policy, object: Option<&Value>) {
        let images = |object: &Value| {
            let found = crate::images::of(object, &[]).ok()?;
            Some(found.into_iter().map(|one| (one.pointer.clone(), one.text.map(str::to_owned))).collect::<Vec<_>>())
        };
        let (Some(before), Some(after)) = (self.input.object(), object) else { return };
        let (before, after) = (images(before), images(after));
        if before.is_some() && before == after {
            return;
        }
        let message = "an image has no digest, so that another one than was verified may run: the object did not pass the mutating \
                       webhook, or was changed behind it";
        let action = if policy.may_refuse() { Action::Enforce } else { Action::Audit };
        let response = Response {
            rule: "pinned".to_owned(),
            status: Status::Fail,
            message: message.to_owned(),
            path: None,
            action,
            target: None,
        };
        self.say(entry, vec![response], policy.fails_closed);
    }

    fn validate(&mut self) {
        // Of images that must be verified: by this policy or by another one.
        let mut verified = BTreeSet::new();
        let mut judgements = Vec::new();
        for entry in self.entries.clone() {
            match &entry.body {
                Body::Kyverno(policy) => {
                    let judged = policy.evaluate(&self.input, &self.exceptions, &self.known.context, self.surroundings);
                    self.needs.context.extend(judged.needs);
                    self.say(entry, judged.responses, policy.fails_closed);
                }
                Body::Admission(policy) if !policy.kind.is_mutating() && self.is_in_force(policy) => {
                    let mut judged = policy.evaluate_with(
                        &self.input,
                        &self.set.cel_exceptions,
                        &self.known.images,
                        &self.known.context,
                        self.surroundings,
                    );
                    self.needs.context.append(&mut judged.needs);
                    self.needs.images.append(&mut judged.images);
                    verified.append(&mut judged.verified);
                    judgements.push((entry, policy.fails_closed, judged));
                }
                Body::Gatekeeper(policy) => {
                    let judged = policy.judge(&self.input, &self.known.gatekeeper, self.surroundings);
                    self.needs.external.extend(judged.needs);
                    let before = self.reasons.len();
                    self.say(entry, judged.responses, true);
                    if policy.constraint().enforcement == Some(gatekeeper::Enforcement::Warn) {
                        let told = self.reasons.iter_mut().skip(before);
                        for reason in told.filter(|reason| reason.consequence == Consequence::Reported) {
                            reason.consequence = Consequence::Warns;
                        }
                    }
                    self.note(entry, judged.notes);
                }
                Body::Admission(_) | Body::Trust(_) => {}
            }
        }
        for (entry, fails_closed, mut judged) in judgements {
            judged.settle(&verified);
            self.annotations.extend(judged.annotations);
            self.say(entry, judged.responses, fails_closed);
        }
    }

    /// What the Policy Controller of Sigstore would say of the images, and the digests that it pins.
    fn image_policies(&mut self, stages: Stages) {
        for (origin, config) in &self.set.connaisseur {
            let judged = config.judge(&self.input, &self.known.images);
            self.needs.images.extend(judged.images);
            for response in judged.responses {
                self.about_image("Connaisseur", response, origin.clone());
            }
            self.write_pins("Connaisseur", stages, judged.pinned);
        }
        let of = &self.set.images;
        if of.policies.is_empty() {
            return;
        }
        let known = image_policy::Known {
            settings: &of.settings,
            roots: &of.roots,
            evidence: &self.known.images,
            snapshot: &self.known.context,
        };
        let judged = image_policy::judge(&of.policies, &self.input, &known, self.surroundings);
        self.needs.images.extend(judged.images);
        self.needs.context.extend(judged.needs);
        for response in judged.responses {
            let origin = of.policies.iter().zip(&of.origins).find(|(policy, _)| policy.name == response.rule);
            let origin = origin.map(|(_, origin)| origin.clone()).unwrap_or_default();
            self.about_image("ClusterImagePolicy", response, origin);
        }
        self.write_pins("ClusterImagePolicy", stages, judged.pinned);
    }

    /// What those say whose rules are about images alone: what is only warned about is told to who asks, as they do.
    fn about_image(&mut self, kind: &'static str, response: Response, origin: super::set::Origin) {
        let consequence = match (response.status, response.action) {
            (Status::Pass | Status::Skip, _) => Consequence::Nothing,
            (Status::Warn, _) | (_, Action::Audit) => Consequence::Warns,
            (Status::Fail | Status::Error, Action::Enforce) => Consequence::Denies,
        };
        self.reasons.push(Reason {
            policy: if response.rule.is_empty() { kind.to_owned() } else { response.rule },
            kind,
            rule: String::new(),
            status: response.status,
            consequence,
            message: response.message,
            path: response.path,
            origin,
        });
    }

    /// Writes references with the digests that were verified, by where they stand.
    fn write_pins(&mut self, kind: &'static str, stages: Stages, pinned: std::collections::BTreeMap<String, String>) {
        if pinned.is_empty() {
            return;
        }
        if stages == Stages::Validate {
            for (pointer, text) in pinned {
                self.unpinned(kind, &pointer, &text, Consequence::Denies);
            }
            return;
        }
        let Some(mut object) = self.input.object().cloned() else { return };
        for (pointer, text) in pinned {
            if let Some(place) = object.pointer_mut(&pointer) {
                *place = Value::String(text);
            }
        }
        self.change(Some(object));
    }

    /// An image that the changing call would have pinned stands there without its digest: what runs may be another one. Unchanged it may stay.
    fn unpinned(&mut self, kind: &'static str, pointer: &str, text: &str, consequence: Consequence) {
        let at = |object: Option<&Value>| object.and_then(|object| object.pointer(pointer)).cloned();
        let now = at(self.input.object());
        if self.input.operation == Operation::Update && now == at(self.input.old_object()) {
            return;
        }
        self.reasons.push(Reason {
            policy: kind.to_owned(),
            kind,
            rule: "pinned".to_owned(),
            status: Status::Fail,
            consequence,
            message: format!(
                "`{text}` was verified and is not what stands there: the object did not pass the mutating webhook, or was changed behind it"
            ),
            path: Some(pointer.to_owned()),
            origin: super::set::Origin::default(),
        });
    }

    /// Our own policies on every image of the object, and the digests that they pin.
    fn trust(&mut self, stages: Stages) {
        let policies: Vec<(&Entry, &TrustPolicy)> = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.body {
                Body::Trust(policy) => Some((*entry, &**policy)),
                _ => None,
            })
            .collect();
        let Some((first, _)) = policies.first().copied() else { return };
        if !matches!(self.input.operation, Operation::Create | Operation::Update) {
            return;
        }
        let Some(object) = self.input.object().cloned() else { return };
        // What is on its way out, and what a kubelet says of it, brings no image.
        if self.input.subresource == "status" || is_going(&self.input) {
            return;
        }
        let all: Vec<&TrustPolicy> = policies.iter().map(|(_, policy)| *policy).collect();
        // Which of them would name what is no image nobody can tell: the strictest decides.
        let modes = all.iter().map(|policy| policy.mode.apply(signet_model::Verdict::Deny));
        let unnameable = match modes.max().unwrap_or(signet_model::Verdict::Deny) {
            signet_model::Verdict::Allow => Consequence::Reported,
            applied => consequence_of(applied),
        };
        let named = match images::of(&object, &[]) {
            Ok(named) => named,
            Err(err) => return self.refuse(first, "images", err.to_string(), None, unnameable),
        };
        let mut pinned = object.clone();
        for image in &named {
            let reference = match image.reference() {
                Ok(reference) => reference,
                // A webhook behind us may still write it, and the API server refuses what nobody writes.
                Err(images::BadImage::NoText(images::NoText::Missing)) if stages == Stages::Mutate => continue,
                Err(err) => {
                    let message = format!("{}: {err}", image.label());
                    self.refuse(first, "images", message, Some(image.pointer.clone()), unnameable);
                    continue;
                }
            };
            let role = match image.role {
                images::Role::EphemeralContainer => Role::Ephemeral {
                    groups: self.input.user.as_ref().map(|user| user.groups.clone()).unwrap_or_default(),
                },
                _ => Role::Container,
            };
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (kind, name) = (&self.input.kind.kind, text("/metadata/name"));
            let name = if name.is_empty() { text("/metadata/generateName") } else { name };
            let workload = format!("{}/{kind}/{name}/{}", text("/metadata/namespace"), image.name.unwrap_or_default());
            let asked = Asked { image: reference, role, workload: Some(workload) };
            let circumstances = Circumstances {
                now: self.surroundings.now,
                blocked: &self.known.blocked,
                overrides: &self.known.overrides,
            };
            let decision = trust_policy::judge(&all, &asked, &self.known.facts, &circumstances);
            if !decision.settled {
                self.needs.questions.extend(decision.needs.iter().cloned());
            }
            let is_said = self.reasons.iter().any(|said| said.is_block_at(&image.pointer));
            for reason in
                decision.reasons.iter().filter(|reason| !(is_said && reason.section == super::blocks::SECTION))
            {
                let consequence = consequence_of(reason.verdict);
                self.trusted(first, &image.label(), reason, consequence, &image.pointer);
            }
            for ruling in &decision.rulings {
                let entry = policies.iter().find(|(_, policy)| policy.content == ruling.content);
                let entry = entry.map_or(first, |(entry, _)| entry);
                for reason in &ruling.reasons {
                    let consequence = match (ruling.mode.apply(reason.verdict), reason.verdict) {
                        (signet_model::Verdict::Allow, said) if said > signet_model::Verdict::Allow => {
                            Consequence::Reported
                        }
                        (applied, _) => consequence_of(applied),
                    };
                    self.trusted(entry, &image.label(), reason, consequence, &image.pointer);
                }
            }
            // The reasons say why; that it is refused does not hang on one of them saying so.
            if !decision.admits() && !self.reasons.iter().any(|reason| reason.consequence == Consequence::Denies) {
                let message = format!("{}: the policies refuse it", image.label());
                self.refuse(first, "images", message, Some(image.pointer.clone()), Consequence::Denies);
            }
            let Some(pin) = decision.pin else { continue };
            if stages == Stages::Validate {
                let enforced = decision.rulings.iter().any(|ruling| ruling.mode == signet_model::Mode::Enforce);
                if image.text != Ok(pin.as_str()) {
                    let consequence = if enforced { Consequence::Denies } else { Consequence::Reported };
                    self.unpinned("TrustPolicy", &image.pointer, &pin, consequence);
                }
            } else if let Some(place) = pinned.pointer_mut(&image.pointer) {
                *place = Value::String(pin);
            }
        }
        self.change(Some(pinned));
    }

    fn trusted(
        &mut self,
        entry: &Entry,
        label: &str,
        reason: &trust_policy::Reason,
        consequence: Consequence,
        pointer: &str,
    ) {
        let mut message = format!("{label}: {}", reason.found);
        for missing in &reason.missing {
            let _ = write!(message, "; not known: {missing}");
        }
        if let Some(name) = &reason.overridden {
            let _ = write!(message, "; overridden by `{name}`");
        }
        let line = reason.place.map_or(entry.origin.line, |place| place.line);
        let status = match (reason.verdict, reason.missing.is_empty()) {
            (signet_model::Verdict::Allow, _) => Status::Pass,
            (signet_model::Verdict::Warn, _) => Status::Warn,
            (signet_model::Verdict::Deny, true) => Status::Fail,
            (signet_model::Verdict::Deny, false) => Status::Error,
        };
        self.reasons.push(Reason {
            policy: entry.body.key(),
            kind: entry.body.kind(),
            rule: reason.rule.clone(),
            status,
            consequence,
            message,
            path: Some(pointer.to_owned()),
            origin: super::set::Origin { file: std::sync::Arc::clone(&entry.origin.file), line },
        });
    }

    /// What the author of a policy should know: in reports, not before whoever asks.
    fn note(&mut self, entry: &Entry, notes: Vec<String>) {
        self.reasons.extend(notes.into_iter().map(|message| Reason {
            policy: entry.body.key(),
            kind: entry.body.kind(),
            rule: String::new(),
            status: Status::Warn,
            consequence: Consequence::Reported,
            message,
            path: None,
            origin: entry.origin.clone(),
        }));
    }

    /// What no policy can be asked about.
    fn refuse(&mut self, entry: &Entry, rule: &str, message: String, path: Option<String>, consequence: Consequence) {
        self.reasons.push(Reason {
            policy: entry.body.key(),
            kind: entry.body.kind(),
            rule: rule.to_owned(),
            status: Status::Error,
            consequence,
            message,
            path,
            origin: entry.origin.clone(),
        });
    }

    /// A policy of Kubernetes holds where it is bound.
    fn is_in_force(&self, policy: &crate::admission::Policy) -> bool {
        policy.is_bound() || self.set.unbound
    }

    fn change(&mut self, object: Option<Value>) {
        if let Some(object) = object.filter(|object| self.input.object() != Some(object)) {
            self.input = Cow::Owned(self.input.with_object(object.clone()));
            self.object = Some(object);
        }
    }

    /// A policy has said what it had to say: what it took is shared by its reasons.
    fn lap(&mut self) {
        let now = (self.watch)();
        let took = now.saturating_sub(self.mark);
        self.mark = now;
        let new = self.reasons.len().saturating_sub(self.times.len());
        if let Some(share) = u32::try_from(new).ok().and_then(|new| took.checked_div(new)) {
            self.times.resize(self.reasons.len(), share);
        }
    }

    fn say(&mut self, entry: &Entry, responses: Vec<Response>, fails_closed: bool) {
        self.said(entry, responses, fails_closed);
        self.lap();
    }

    fn said(&mut self, entry: &Entry, responses: Vec<Response>, fails_closed: bool) {
        for response in responses {
            let (consequence, message) = match (response.status, response.action) {
                (Status::Pass | Status::Skip, _) => (Consequence::Nothing, response.message),
                (Status::Warn, _) => (Consequence::Warns, response.message),
                (Status::Fail, Action::Enforce) => (Consequence::Denies, response.message),
                (Status::Fail | Status::Error, Action::Audit) => (Consequence::Reported, response.message),
                (Status::Error, Action::Enforce) if fails_closed => (Consequence::Denies, response.message),
                (Status::Error, Action::Enforce) => {
                    let message = format!(
                        "{} (it could not be judged, and `failurePolicy: Ignore` lets it pass)",
                        response.message
                    );
                    (Consequence::Warns, message)
                }
            };
            self.reasons.push(Reason {
                policy: entry.body.key(),
                kind: entry.body.kind(),
                origin: entry.origin_of(&response.rule),
                rule: response.rule,
                status: response.status,
                consequence,
                message,
                path: response.path,
            });
        }
    }
}

/// What rules say that change the object: one that could not is as one that could not be judged, and there is no audit of a change.
fn unmade(mut responses: Vec<Response>) -> Vec<Response> {
    for response in &mut responses {
        response.action = Action::Enforce;
        if response.status == Status::Fail {
            response.status = Status::Error;
        }
    }
    responses
}

fn consequence_of(verdict: signet_model::Verdict) -> Consequence {
    match verdict {
        signet_model::Verdict::Allow => Consequence::Nothing,
        signet_model::Verdict::Warn => Consequence::Warns,
        signet_model::Verdict::Deny => Consequence::Denies,
    }
}

/// Whether an object is being deleted and keeps its images: holding it up would keep it alive.
pub(super) fn is_going(input: &Input) -> bool {
    let deleted = |object: &Value| object.pointer("/metadata/deletionTimestamp").is_some();
    let (Some(new), Some(old)) = (input.object(), input.old_object()) else { return false };
    let texts = |object: &Value| {
        let named = images::of(object, &[]).ok()?;
        Some(named.into_iter().map(|one| (one.pointer.clone(), one.text.map(str::to_owned))).collect::<Vec<_>>())
    };
    input.operation == Operation::Update
        && deleted(new)
        && deleted(old)
        && texts(new).is_some_and(|images| Some(images) == texts(old))
}

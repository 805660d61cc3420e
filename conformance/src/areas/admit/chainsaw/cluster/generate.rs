//! Kyverno's controller for `generate` rules: objects are made, kept as the rules say, and deleted with what they were made for.

use serde_json::Value;
use signet_policy::kyverno::downstream::{Gone, Step, Treatment, is_of, labels, step, trigger_of};
use signet_policy::kyverno::{Operation, Snapshot, Status};

use super::policies::document_of;
use super::store::{Key, part};
use super::{Cluster, Request};

impl Cluster {
    /// What one admitted request causes.
    pub(super) fn generate_for(&mut self, request: &Request) {
        if let Some(old) = request.old.as_ref().filter(|_| request.operation == Operation::Delete) {
            if is_rules(old) {
                self.fall(old, &|_| true, Gone::Policy);
                return;
            }
            let uid = part(old, "/metadata/uid").to_owned();
            let policies: Vec<Value> = self.generating();
            for policy in policies {
                self.fall(&policy, &|object| trigger_of(object) == Some(&uid), Gone::Trigger);
            }
            self.keep();
            return;
        }
        self.make_for(request, None, false);
        if let Some(object) = request.object.as_ref().filter(|object| is_rules(object)) {
            let existing =
                |rule: &Value| Treatment::of(object, part(rule, "/name")).is_some_and(|treatment| treatment.existing);
            let rules = object.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
            if rules.into_iter().any(existing) {
                let triggers: Vec<(Key, Value)> =
                    self.store.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect();
                for (key, trigger) in triggers {
                    let request = self.request(self.controller(), Operation::Create, key, None, Some(trigger));
                    self.make_for(&request, Some(part(object, "/metadata/name")), false);
                }
            }
        }
        self.keep();
    }

    /// The documents of policies that make objects.
    fn generating(&self) -> Vec<Value> {
        let policies = self.policies.kyverno.iter().filter(|policy| policy.generates());
        policies.filter_map(|policy| self.store.objects.get(&document_of(policy)).cloned()).collect()
    }

    /// Deletes what a policy made and what goes with something that is gone.
    fn fall(&mut self, policy: &Value, meant: &dyn Fn(&Value) -> bool, gone: Gone) {
        let key = key_of(policy);
        let rules = policy.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
        let mut falling = Vec::new();
        for rule in rules {
            let name = part(rule, "/name");
            if Treatment::of(policy, name).is_some_and(|treatment| treatment.falls(gone)) {
                let made =
                    self.store.objects.iter().filter(|(_, object)| is_of(object, &key, Some(name)) && meant(object));
                falling.extend(made.map(|(key, _)| key.clone()));
            }
        }
        let user = self.controller();
        for key in falling {
            drop(self.remove(&user, &key));
        }
    }

    /// Makes again what is missing and changes what differs, for every trigger that something was made for.
    fn keep(&mut self) {
        let policies = self.generating();
        if policies.is_empty() {
            return;
        }
        let mut triggers: Vec<(Key, Value)> = Vec::new();
        for (key, object) in &self.store.objects {
            let uid = part(object, "/metadata/uid");
            if self.made_for.iter().any(|known| known == uid) {
                triggers.push((key.clone(), object.clone()));
            }
        }
        for (key, trigger) in triggers {
            let request = self.request(self.controller(), Operation::Create, key, None, Some(trigger));
            self.make_for(&request, None, true);
        }
    }

    /// Does what rules ask for because of a trigger. `keeping`: nobody asked, so only what is kept up to date is looked at.
    fn make_for(&mut self, request: &Request, only: Option<&str>, keeping: bool) {
        let Some(trigger) = request.object.clone().filter(|_| request.subresource.is_empty()) else { return };
        let surroundings = self.surroundings();
        let input = self.input(request);
        let mut steps = Vec::new();
        for policy in self.policies.kyverno.iter().filter(|policy| policy.generates()) {
            if only.is_some_and(|only| policy.name != only) {
                continue;
            }
            let Some(document) = self.store.objects.get(&document_of(policy)) else { continue };
            let ask = |snapshot: &Snapshot| policy.generate(&input, &self.policies.exceptions, snapshot, &surroundings);
            let made = self.answered(ask, |made| &made.needs);
            for (response, objects) in made.responses.iter().zip(made.objects) {
                let Some(treatment) = Treatment::of(document, &response.rule) else { continue };
                if response.status != Status::Pass || (keeping && !treatment.synchronize) {
                    continue;
                }
                let labels = labels(&policy.key(), &response.rule, &trigger);
                for object in objects {
                    let key = self.store.key(&object, "default");
                    steps.push(step(&object, &labels, self.store.objects.get(&key), treatment));
                }
            }
        }
        if !steps.is_empty() {
            self.made_for.insert(part(&trigger, "/metadata/uid").to_owned());
        }
        for step in steps {
            let user = self.controller();
            // What other policies refuse is not made.
            match step {
                Step::Make(object) => drop(self.create_as(user, &object)),
                Step::Change(object) => {
                    let key = self.store.key(&object, "default");
                    let old = self.store.objects.get(&key).cloned();
                    drop(self.write(user, Operation::Update, key, old, object));
                }
                Step::Leave => {}
            }
        }
    }
}

fn is_rules(object: &Value) -> bool {
    part(object, "/apiVersion").starts_with("kyverno.io/")
        && matches!(part(object, "/kind"), "ClusterPolicy" | "Policy")
}

fn key_of(policy: &Value) -> String {
    match part(policy, "/metadata/namespace") {
        "" => part(policy, "/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", part(policy, "/metadata/name")),
    }
}

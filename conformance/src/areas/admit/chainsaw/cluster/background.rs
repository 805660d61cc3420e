//! What Kyverno's controllers do behind a request: other objects are changed, and the state of policies is written.

use serde_json::Value;
use signet_policy::kyverno::{Operation, Snapshot, Status};

use super::store::part;
use super::{Cluster, ROUNDS, Request};

impl Cluster {
    /// Carries out what admitted requests cause, until nothing is left.
    pub(super) fn settle(&mut self) {
        // Writes from here come back here: only the first of them goes through the list.
        if self.settling {
            return;
        }
        self.settling = true;
        for _ in 0..ROUNDS {
            if self.admitted.is_empty() {
                break;
            }
            let request = self.admitted.remove(0);
            self.change_others(&request);
            self.generate_for(&request);
        }
        self.admitted.clear();
        self.settling = false;
    }

    /// `mutateExisting`: the targets of rules that are about the request, and of a policy that was written just now.
    fn change_others(&mut self, request: &Request) {
        self.change_for(request, None);
        let Some(policy) =
            request.object.as_ref().filter(|object| part(object, "/apiVersion").starts_with("kyverno.io/"))
        else {
            return;
        };
        if !matches!(part(policy, "/kind"), "ClusterPolicy" | "Policy") || !on_update(policy) {
            return;
        }
        let name = part(policy, "/metadata/name").to_owned();
        let triggers: Vec<Value> = self.store.objects.values().cloned().collect();
        for object in triggers {
            let key = self.store.key(&object, "");
            let user = self.controller();
            let trigger = self.request(user, Operation::Create, key, None, Some(object));
            self.change_for(&trigger, Some(&name));
        }
    }

    pub(super) fn controller(&self) -> signet_policy::kyverno::User {
        self.store.user("system:serviceaccount:kyverno:kyverno-background-controller", &["system:authenticated"])
    }

    fn change_for(&mut self, request: &Request, only: Option<&str>) {
        let mut changed = Vec::new();
        let surroundings = self.surroundings();
        let input = self.input(request);
        for policy in self.policies.kyverno.iter().filter(|policy| policy.mutates()) {
            if only.is_some_and(|only| policy.name != only) || !policy.rules().iter().any(|rule| rule.has_targets()) {
                continue;
            }
            let ask = |snapshot: &Snapshot| policy.mutate(&input, &self.policies.exceptions, snapshot, &surroundings);
            let mutated = self.answered(ask, |mutated| &mutated.needs);
            let targets = mutated.responses.into_iter().filter(|response| response.status == Status::Pass);
            changed.extend(targets.filter_map(|response| response.target));
        }
        for object in changed {
            let key = self.store.key(&object, "");
            let Some(old) = self.store.objects.get(&key).cloned() else { continue };
            let user = self.controller();
            // What other policies refuse is not changed.
            let _ = self.write(user, Operation::Update, key, Some(old), object);
        }
    }
}

/// Whether a policy changes what is there as soon as it is written.
fn on_update(policy: &Value) -> bool {
    let rules = policy.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
    let yes = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    yes(policy.pointer("/spec/mutateExistingOnPolicyUpdate"))
        || rules.into_iter().any(|rule| yes(rule.pointer("/mutate/mutateExistingOnPolicyUpdate")))
}

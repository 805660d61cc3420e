//! What Kyverno's controllers write besides: the status of policies, reports on what is there, and events.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_policy::admission::status;
use signet_policy::kyverno::{Operation, Response, Snapshot, Status, User, status as of_rules};
use signet_policy::report::event::{Component, events};
use signet_policy::report::{Origin, report};

use super::policies::{document_of, document_of_cel};
use super::review;
use super::rights::Access;
use super::store::{Key, part};
use super::{Cluster, Request, Store};

/// Kinds that are not reported on: the reports, what they are about, and what happens.
const UNREPORTED: [&str; 6] =
    ["kyverno.io", "policies.kyverno.io", "wgpolicyk8s.io", "events.k8s.io", "reports.kyverno.io", "openreports.io"];

/// What reports say of failures besides, by rule.
type Properties = BTreeMap<String, BTreeMap<String, String>>;

/// What one policy says of an object.
type Said = (Key, Vec<Response>, Properties);

impl Cluster {
    /// Keeps the events of what policies said of a request.
    pub(super) fn notice(&mut self, object: &Value, said: &review::Said) {
        let blocked = said.blocked;
        for (key, responses) in &said.rules {
            let Some(policy) = self.store.objects.get(key).cloned() else { continue };
            for response in responses {
                self.events.extend(events(&policy, object, response, Component::Admission, blocked));
            }
        }
    }

    /// The store as it is after the controllers that report have run.
    pub(super) fn reported(&self) -> Store {
        let mut store = self.store.clone();
        let mut seen = self.events.clone();
        for (key, object) in &self.store.objects {
            if let Some(entries) = store.objects.get_mut(key).and_then(Value::as_object_mut)
                && let Some(status) = self.status_of(object)
            {
                entries.insert("status".to_owned(), status);
            }
            if UNREPORTED.contains(&key.group.as_str()) || key.namespace == "kube-system" {
                continue;
            }
            let mut results = Vec::new();
            for (policy, responses, properties) in self.said_of(key, object) {
                let Some(document) = self.store.objects.get(&policy) else { continue };
                let origin = Origin::of(document);
                for response in responses {
                    let more = properties.get(&response.rule);
                    results.push(origin.result(&response, self.now.as_second(), more));
                    seen.extend(events(document, object, &response, Component::Scan, false));
                }
            }
            if let Some(report) = report(object, results) {
                let key = self.store.key(&report, "");
                store.objects.insert(key, report);
            }
        }
        for (index, mut event) in seen.into_iter().enumerate() {
            super::defaults::set(&mut event, &["metadata"], "name", json!(format!("event-{index}")));
            let key = store.key(&event, "default");
            store.objects.insert(key, event);
        }
        store
    }

    fn status_of(&self, object: &Value) -> Option<Value> {
        let (version, kind) = (part(object, "/apiVersion"), part(object, "/kind"));
        let now = self.now.to_string();
        if version.starts_with("kyverno.io/") && matches!(kind, "ClusterPolicy" | "Policy") {
            return Some(of_rules::status(object, None, &now));
        }
        if !version.starts_with("policies.kyverno.io/") || !kind.ends_with("Policy") {
            return None;
        }
        let account = "system:serviceaccount:kyverno:kyverno-reports-controller";
        let groups = ["system:serviceaccounts".to_owned(), "system:authenticated".to_owned()];
        let missing: Vec<status::Right> = status::rights(object)
            .into_iter()
            .filter(|right| {
                let access = Access { verb: right.verb, group: &right.group, resource: &right.resource, namespace: "" };
                !self.store.allows(account, &groups, access)
            })
            .collect();
        Some(status::status(object, &missing, None, &now))
    }

    /// What policies say of an object: those that scan say it now, the others said it when it was written.
    fn said_of(&self, key: &Key, object: &Value) -> Vec<Said> {
        if let Some(desk) = &self.desk {
            let mut found = self.scanned_by_desk(desk, key, object);
            for (policy, responses) in self.said.get(key).into_iter().flatten() {
                if !found.iter().any(|(known, _)| known == policy) {
                    found.push((policy.clone(), responses.clone()));
                }
            }
            return found.into_iter().map(|(policy, responses)| (policy, responses, Properties::new())).collect();
        }
        let mut found = Vec::new();
        let surroundings = self.surroundings();
        let mut request: Request =
            self.request(User::default(), Operation::Create, key.clone(), None, Some(object.clone()));
        request.user = User::default();
        let mut input = self.input(&request);
        // Nobody asks: what a policy wants to know of the user it cannot.
        if let Some(fields) = input.request.as_object_mut() {
            for name in ["userInfo", "roles", "clusterRoles"] {
                fields.remove(name);
            }
        }
        input.user = None;
        for policy in self.policies.kyverno.iter().filter(|policy| policy.background) {
            if !policy.is_asked(&input, &surroundings).unwrap_or(false) {
                continue;
            }
            let ask = |snapshot: &Snapshot| policy.evaluate(&input, &self.policies.exceptions, snapshot, &surroundings);
            let evaluation = self.answered(ask, |evaluation| &evaluation.needs);
            found.push((document_of(policy), evaluation.responses, evaluation.properties));
        }
        for policy in self.policies.cel.iter().filter(|policy| policy.background && policy.is_evaluated()) {
            let ask =
                |snapshot: &Snapshot| policy.evaluate(&input, &self.policies.cel_exceptions, snapshot, &surroundings);
            let judged = self.answered_by_cel(ask, |judged| &judged.needs);
            let mut responses = judged.responses;
            if policy.kind.is_mutating() {
                let changes = judged.patched.as_ref().is_some_and(|patched| patched != object);
                for response in responses.iter_mut().filter(|response| response.status == Status::Pass && changes) {
                    response.status = Status::Fail;
                    response.message = "mutation is not applied".to_owned();
                }
            }
            found.push((document_of_cel(policy), responses, Properties::new()));
        }
        let scanned: Vec<Key> = found.iter().map(|(policy, ..)| policy.clone()).collect();
        let background = |key: &Key| {
            let document = self.store.objects.get(key);
            let at = |pointer: &str| document.and_then(|document| document.pointer(pointer)).and_then(Value::as_bool);
            at("/spec/background").or_else(|| at("/spec/evaluation/background/enabled")) != Some(false)
        };
        for (policy, responses) in self.said.get(key).into_iter().flatten() {
            if !scanned.contains(policy) && !background(policy) {
                found.push((policy.clone(), responses.clone(), Properties::new()));
            }
        }
        found
    }
}

//! Policies of a cluster that do not load and never did: what they would ask about is refused with the reason, so that none is silently absent.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use signet_admission::{Engine, Pass, PolicySet, Request, runs_images};
use signet_kube::{Document, KINDS, NATIVE};
use signet_model::Digest;
use signet_policy::engine::{Consequence, Judged, Known, Origin, Reason};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Need, Status};

/// What is made of Pods, or makes them: a policy about Pods is about them, too.
const CONTROLLERS: [&str; 7] =
    ["DaemonSet", "Deployment", "Job", "StatefulSet", "ReplicaSet", "ReplicationController", "CronJob"];

/// What a policy would ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// Everything: it cannot be told.
    All,
    /// Whatever runs images.
    Images,
    /// Kinds or resources of these names, in small letters.
    Named(BTreeSet<String>),
}

/// A policy that does not load.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    kind: &'static str,
    key: String,
    why: String,
    about: About,
    origin: Origin,
}

/// All policies, and those that are none.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) set: PolicySet,
    pub(super) broken: Vec<Broken>,
}

impl Guarded {
    /// Whether a request of this kind need be asked about.
    pub(super) fn concerns(&self, request: &Request) -> bool {
        self.broken.iter().any(|broken| broken.concerns(request)) || self.set.concerns(request)
    }
}

impl Guarded {
    /// Refuses what a policy would be about that does not load.
    fn guard(&self, request: &Request, mut judged: Judged) -> Judged {
        for broken in self.broken.iter().filter(|broken| broken.concerns(request)) {
            judged.decision.allowed = false;
            judged.decision.reasons.push(Reason {
                policy: broken.key.clone(),
                kind: broken.kind,
                rule: String::new(),
                status: Status::Error,
                consequence: Consequence::Denies,
                message: format!("the policy does not load, and nothing of it is in force: {}", broken.why),
                path: None,
                origin: broken.origin.clone(),
            });
        }
        judged
    }
}

impl Engine for Guarded {
    fn judge(&self, request: &Request, pass: Pass, known: &Known, surroundings: &Surroundings) -> Judged {
        self.guard(request, self.set.judge(request, pass, known, surroundings))
    }

    fn judge_timed(
        &self,
        request: &Request,
        pass: Pass,
        known: &Known,
        surroundings: &Surroundings,
        watch: &dyn Fn() -> Duration,
    ) -> (Judged, Vec<Duration>) {
        let (judged, times) = self.set.judge_timed(request, pass, known, surroundings, watch);
        (self.guard(request, judged), times)
    }

    // What does not load says nothing of what is there: that it is not in force is told where it was loaded.
    fn scan(&self, request: &Request, known: &Known, surroundings: &Surroundings) -> Option<Judged> {
        self.set.scan(request, known, surroundings)
    }

    fn looks_at(&self, request: &Request) -> bool {
        self.set.looks_at(request)
    }

    fn abouts(&self) -> &[signet_policy::engine::About] {
        self.set.abouts()
    }

    fn wants(&self, request: &Request) -> BTreeSet<Need> {
        self.set.wants(request)
    }

    fn digest(&self) -> Option<Digest> {
        // What does not load refuses, and a refusal is never kept beyond the process.
        self.set.digest()
    }

    fn policies(&self) -> usize {
        self.set.policies().saturating_add(self.broken.len())
    }
}

impl Broken {
    /// Of a document; nothing where nothing would be refused, were it in force: an audit, an exception, a part of another policy.
    pub(super) fn of(document: &Document, why: &str) -> Option<Broken> {
        let object = &document.object;
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let known = KINDS.iter().chain(NATIVE).find(|known| known.3 == kind);
        let kind = match known {
            Some(known) => known.3,
            // The kinds of constraints are made by templates.
            None => "Constraint",
        };
        if !refuses(kind, object) {
            return None;
        }
        Some(Broken {
            kind,
            key: signet_kube::key_of(object),
            why: why.to_owned(),
            about: about(kind, object),
            origin: Origin { file: document.name.as_str().into(), line: 0 },
        })
    }

    fn concerns(&self, request: &Request) -> bool {
        let names = match &self.about {
            About::All => return true,
            About::Images => return runs_images(request),
            About::Named(names) => names,
        };
        let resource = request.input.request.pointer("/resource/resource").and_then(Value::as_str).unwrap_or_default();
        [request.input.kind.kind.as_str(), resource].iter().any(|name| names.contains(&name.to_lowercase()))
    }
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether it would refuse something, as far as a document tells that is wrong somewhere. In doubt it would.
fn refuses(kind: &str, object: &Value) -> bool {
    if text(object, "/spec/failurePolicy") == "Ignore" {
        return false;
    }
    match kind {
        // Without an exception more is refused, and without a part the whole says itself what is missing.
        "PolicyException" | "TrustRoot" | "ConstraintTemplate" => false,
        // The API server evaluates them itself.
        "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding" => false,
        "ClusterPolicy" | "Policy" => {
            let rules = object.pointer("/spec/rules").and_then(Value::as_array);
            let validates = |rule: &Value| rule.get("mutate").is_none() && rule.get("verifyImages").is_none();
            let only_validates = rules.is_some_and(|rules| rules.iter().all(validates));
            !only_validates || object.to_string().to_lowercase().contains("enforce")
        }
        "TrustPolicy" => !matches!(text(object, "/spec/mode"), "audit" | "warn"),
        "ClusterImagePolicy" => text(object, "/spec/mode") != "warn",
        "Constraint" => !matches!(text(object, "/spec/enforcementAction"), "dryrun" | "warn"),
        _ => match object.pointer("/spec/validationActions").and_then(Value::as_array) {
            Some(actions) => actions.iter().any(|action| action == "Deny"),
            None => true,
        },
    }
}

fn about(kind: &str, object: &Value) -> About {
    let mut names = BTreeSet::new();
    match kind {
        "TrustPolicy" | "ClusterImagePolicy" | "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy" => {
            return About::Images;
        }
        "ClusterPolicy" | "Policy" => {
            for rule in object.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten() {
                collect(rule.get("match").unwrap_or(&Value::Null), "kinds", &mut names, 0);
            }
        }
        "Constraint" => collect(object.pointer("/spec/match").unwrap_or(&Value::Null), "kinds", &mut names, 0),
        _ => collect(object.pointer("/spec/matchConstraints").unwrap_or(&Value::Null), "resources", &mut names, 0),
    }
    if names.is_empty() || names.iter().any(|name| name.contains(['*', '?'])) {
        return About::All;
    }
    if names.contains("pod") || names.contains("pods") {
        let controllers = CONTROLLERS.iter().map(|kind| kind.to_lowercase());
        names.extend(controllers.flat_map(|kind| [format!("{kind}s"), kind]));
    }
    About::Named(names)
}

/// All texts in lists of this name, each part of them by itself: `apps/v1/Deployment`, `pods/exec`.
fn collect(value: &Value, list: &str, names: &mut BTreeSet<String>, depth: usize) {
    // Documents are as deep as their reader allows.
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str).filter(|_| key == list);
                names.extend(texts.flat_map(|text| text.split(['/', '.'])).map(str::to_lowercase));
                collect(value, list, names, depth.saturating_add(1));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, list, names, depth.saturating_add(1))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn broken(object: Value) -> Option<Broken> {
        Broken::of(&Document { name: "X/a".into(), object }, "it is wrong")
    }

    fn request(group: &str, kind: &str, resource: &str) -> Request {
        let object =
            json!({"apiVersion": if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") }, "kind": kind});
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "1", "operation": "CREATE", "object": object,
                "kind": {"group": group, "version": "v1", "kind": kind},
                "resource": {"group": group, "version": "v1", "resource": resource}},
        });
        Request::parse(review.to_string().as_bytes(), &signet_admission::ReviewLimits::default()).unwrap()
    }

    #[track_caller]
    fn check(object: Value, pods: bool, deployments: bool, services: bool) {
        let broken = broken(object);
        let concerns = |group, kind, resource| {
            broken.as_ref().is_some_and(|broken| broken.concerns(&request(group, kind, resource)))
        };
        assert_eq!(
            (
                concerns("", "Pod", "pods"),
                concerns("apps", "Deployment", "deployments"),
                concerns("", "Service", "services")
            ),
            (pods, deployments, services)
        );
    }

    #[test]
    fn a_broken_policy_refuses_what_it_would_ask_about_and_in_doubt_everything() {
        let kyverno = |action: &str, kinds: Value| {
            json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": {"validationFailureAction": action,
                "rules": [{"match": {"any": [{"resources": {"kinds": kinds}}]}, "validate": {"patern": {}}}]}})
        };
        check(kyverno("Enforce", json!(["v1/Service"])), false, false, true);
        check(kyverno("Enforce", json!(["Pod"])), true, true, false);
        check(kyverno("Enforce", json!(["*"])), true, true, true);
        check(kyverno("Enforce", json!([])), true, true, true);
        check(kyverno("Audit", json!(["Pod"])), false, false, false);
        check(json!({"kind": "ClusterPolicy", "spec": {"rules": "none"}}), true, true, true);
        check(json!({"kind": "TrustPolicy", "spec": {"mode": "enforce"}}), true, true, false);
        check(json!({"kind": "TrustPolicy", "spec": {"mode": "audit"}}), false, false, false);
        check(
            json!({"kind": "NeedsLabel", "spec": {"match": {"kinds": [{"kinds": ["Service"]}]}}}),
            false,
            false,
            true,
        );
        check(json!({"kind": "NeedsLabel", "spec": {"enforcementAction": "dryrun"}}), false, false, false);
        check(json!({"kind": "PolicyException", "spec": {}}), false, false, false);
        let cel = |rest: Value| {
            let mut object = json!({"kind": "ValidatingPolicy", "spec": {"matchConstraints": {"resourceRules": [{"resources": ["pods"]}]}}});
            for (key, value) in rest.as_object().unwrap() {
                object["spec"][key] = value.clone();
            }
            object
        };
        check(cel(json!({})), true, true, false);
        check(cel(json!({"validationActions": ["Audit"]})), false, false, false);
        check(cel(json!({"failurePolicy": "Ignore"})), false, false, false);
    }
}

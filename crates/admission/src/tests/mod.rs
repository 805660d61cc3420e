//! The room as an API server, a policy author and somebody hostile meet it.

mod caching;
mod deciding;
mod reading;
mod serving;
mod stopping;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use signet_model::Digest;
use signet_policy::engine::{Decision, Judged, Known, Needs, Reason};

use crate::{CacheLimits, Cached, Desk, DeskLimits, Engine, Loader, Nobody, Outside, Pass, PolicySet, Reply, Request};

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// A review of a Pod that is made.
pub(super) fn pod(object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "6f1c",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web", "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "anna", "groups": ["system:authenticated"]},
            "object": object,
            "oldObject": null, "dryRun": false, "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

/// A Pod with one container.
pub(super) fn with_image(image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": image}]},
    })
}

pub(super) fn policies(text: &str) -> PolicySet {
    let mut loader = Loader::default();
    for document in signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap() {
        assert!(loader.take("policies.yaml", &document.root).unwrap(), "a document is no policy");
    }
    loader.finish().unwrap()
}

pub(super) fn desk_with(engine: Arc<dyn Engine>, outside: Arc<dyn Outside>, limits: DeskLimits) -> Desk {
    let desk = Desk::new(Cached::new(outside, CacheLimits::default()), Arc::new(now), limits);
    desk.load(engine);
    desk
}

pub(super) fn desk(text: &str) -> Desk {
    desk_with(Arc::new(policies(text)), Arc::new(Nobody), DeskLimits::default())
}

pub(super) async fn ask(desk: &Desk, pass: Pass, review: &Value) -> Reply {
    ask_within(desk, pass, review, Duration::from_secs(20)).await
}

pub(super) async fn ask_within(desk: &Desk, pass: Pass, review: &Value, time: Duration) -> Reply {
    desk.review(pass, Bytes::from(review.to_string()), Instant::now() + time).await
}

/// The `response` of an answer.
#[track_caller]
pub(super) fn response(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let review: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(review["kind"], "AdmissionReview");
    review["response"].clone()
}

pub(super) fn message(response: &Value) -> String {
    response.pointer("/status/message").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The patch of an answer, decoded.
#[track_caller]
pub(super) fn patch(response: &Value) -> Value {
    use base64::Engine as _;
    let Some(patch) = response.get("patch").and_then(Value::as_str) else { return json!([]) };
    assert_eq!(response["patchType"], "JSONPatch");
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
}

/// What an engine says that has these reasons.
pub(super) fn judged(reasons: Vec<Reason>) -> Judged {
    let allowed = reasons.iter().all(|reason| reason.consequence != signet_policy::engine::Consequence::Denies);
    let (policies, snapshot) = (Digest::sha256(b"policies"), Digest::sha256(b"snapshot"));
    let decision = Decision { allowed, reasons, annotations: Default::default(), policies, snapshot };
    Judged { decision, object: None, needs: Needs::default() }
}

/// An engine that does what a test says.
pub(super) struct Fake<F>(pub(super) F);

impl<F> std::fmt::Debug for Fake<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl<F: Fn(&Request, Pass, &Known) -> Judged + Send + Sync> Engine for Fake<F> {
    fn judge(
        &self,
        request: &Request,
        pass: Pass,
        known: &Known,
        _surroundings: &signet_policy::jmespath::Surroundings,
    ) -> Judged {
        (self.0)(request, pass, known)
    }

    fn policies(&self) -> usize {
        1
    }
}

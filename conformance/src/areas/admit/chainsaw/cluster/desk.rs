//! The webhooks of a cluster that has registries: the real `signet serve admission`, asked over TLS as an API server asks.
//!
//! ```text
//!   a write ─▶ AdmissionReview ─▶ /mutate ─▶ its JSON patch ─▶ /validate ─▶ what is stored, or why it is refused
//! ```
//!
//! The server is given the policies and objects that are there at that moment as files, and is started anew when they changed. A background scan is
//! a review that nobody asked for, of which only the reasons are kept.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_policy::kyverno::message::{denied, refusal_of_cel, webhook};
use signet_policy::kyverno::{Action, Operation, Response, Status};

use super::policies::is_policy;
use super::review::Said;
use super::store::{Key, Store, part};
use super::{Cluster, Request};
use crate::areas::admit::webhook::Webhook;
use crate::areas::admit::world::World;

/// Groups whose objects no policy is about: a webhook configuration leaves them out.
const UNASKED: [&str; 5] =
    ["kyverno.io", "policies.kyverno.io", "admissionregistration.k8s.io", "wgpolicyk8s.io", "apiextensions.k8s.io"];

/// A server, and the documents that it was started with.
struct Running {
    webhook: Webhook,
    documents: Vec<String>,
}

/// The webhooks of one cluster.
pub(super) struct Desk {
    world: Arc<World>,
    folder: PathBuf,
    running: RefCell<Option<Running>>,
    count: Cell<u64>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What came of one call.
struct Called {
    denial: Option<String>,
    patch: Vec<Value>,
    reasons: Vec<Value>,
}

impl Desk {
    pub(super) fn new(world: Arc<World>) -> Desk {
        let folder = world.room().join("cluster");
        Desk { world, folder, running: RefCell::default(), count: Cell::new(0) }
    }

    /// A server with what is there now. `None`: there is no policy, so nobody is asked.
    fn ready(&self, store: &Store) -> Result<bool> {
        let (mut policies, mut objects) = (Vec::new(), Vec::new());
        for object in store.objects.values() {
            let mut object = object.clone();
            if is_policy(&object) {
                if let Some(entries) = object.as_object_mut() {
                    entries.remove("status");
                }
                policies.push(object.to_string());
            } else {
                objects.push(object.to_string());
            }
        }
        if !policies.iter().any(|policy| !policy.contains("\"kind\":\"PolicyException\"")) {
            return Ok(false);
        }
        let documents: Vec<String> = policies.iter().chain(&objects).cloned().collect();
        if self.running.borrow().as_ref().is_some_and(|running| running.documents == documents) {
            return Ok(true);
        }
        *self.running.borrow_mut() = None;
        for (name, documents) in [("policies", &policies), ("objects", &objects)] {
            let folder = self.folder.join(name);
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            std::fs::create_dir_all(&folder)?;
            for (index, document) in documents.iter().enumerate() {
                std::fs::write(folder.join(format!("{index}.json")), document)?;
            }
        }
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (policies, objects) = (path("policies"), path("objects"));
        // The suites are written for a Kyverno in which exceptions of every namespace count.
        let line = ["--registry", "*", "--exception-namespace", "*", "--policy", &policies, "--objects", &objects];
        let webhook = Webhook::start_within(&self.folder, &line, &self.world.around())?;
        *self.running.borrow_mut() = Some(Running { webhook, documents });
        Ok(true)
    }

    fn call(&self, pass: &str, review: &Value) -> Result<Called> {
        let running = self.running.borrow();
        let webhook = &running.as_ref().context("there is no server")?.webhook;
        let uid = part(review, "/request/uid");
        let answer = webhook.post(&format!("/{pass}?timeout=30s"), review.to_string().as_bytes())?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        let body: Value = serde_json::from_slice(&answer.body).context("the answer is no JSON")?;
        let response = body.get("response").context("the answer has no response")?;
        ensure!(part(response, "/uid") == uid, "the answer is to another question");
        let allowed = response.get("allowed").and_then(Value::as_bool).context("the answer says neither yes nor no")?;
        let patch = match response.get("patch").and_then(Value::as_str) {
            None => Vec::new(),
            Some(patch) => {
                ensure!(part(response, "/patchType") == "JSONPatch", "the patch is of no kind that we know");
                serde_json::from_slice(&STANDARD.decode(patch)?).context("the patch is no list")?
            }
        };
        let told = webhook.told(uid, pass)?;
        Ok(Called {
            denial: (!allowed).then(|| part(response, "/status/message").to_owned()),
            patch,
            reasons: told.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default(),
        })
    }

    fn review(&self, request: &Request) -> Value {
        self.count.set(self.count.get().saturating_add(1));
        let kind = json!({"group": request.kind.group, "version": request.kind.version, "kind": request.kind.kind});
        let resource =
            json!({"group": request.kind.group, "version": request.kind.version, "resource": request.plural});
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": format!("{:08x}-0000-4000-8000-000000000000", self.count.get()),
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": request.key.name, "namespace": request.key.namespace, "operation": request.operation.as_str(),
            "userInfo": {"username": request.user.username, "groups": request.user.groups},
            "object": request.object, "oldObject": request.old, "dryRun": false, "options": null,
        }})
    }
}

impl Cluster {
    /// What the object is after the webhooks, or why the request is refused.
    pub(super) fn reviewed_by_desk(
        &self,
        desk: &Desk,
        request: Request,
        said: &mut Said,
    ) -> Result<Option<Value>, String> {
        let reviewed = self
            .by_desk(desk, request, said)
            .unwrap_or_else(|err| Err(format!("Internal error occurred: failed calling webhook: {err:#}")));
        said.blocked = reviewed.is_err();
        reviewed
    }

    fn by_desk(&self, desk: &Desk, request: Request, said: &mut Said) -> Result<Result<Option<Value>, String>> {
        let mut request = request;
        let unasked = UNASKED.contains(&request.kind.group.as_str()) || !request.subresource.is_empty();
        if unasked || !desk.ready(&self.store)? {
            return Ok(Ok(request.object));
        }
        for pass in ["mutate", "validate"] {
            let called = desk.call(pass, &desk.review(&request))?;
            keep(&mut said.rules, self, &called.reasons);
            if let Some(why) = called.denial {
                return Ok(Err(self
                    .in_their_words(&called.reasons)
                    .unwrap_or_else(|| denied(&format!("{pass}.signet.svc-fail"), &why))));
            }
            if let Some(object) = request.object.as_mut() {
                patch(object, &called.patch)?;
            }
        }
        Ok(Ok(request.object))
    }

    /// A refusal by a policy that is written in CEL, as Kyverno words it: tests compare its whole text. What is refused and why was decided before.
    fn in_their_words(&self, reasons: &[Value]) -> Option<String> {
        let denies = |reason: &&Value| part(reason, "/consequence") == "denies";
        let (key, response) = reasons.iter().filter(denies).find_map(|reason| response(self, reason))?;
        let document = self.store.objects.get(&key).filter(|_| key.group == "policies.kyverno.io")?;
        let fails_closed = part(document, "/spec/failurePolicy") != "Ignore";
        let conditions = document.pointer("/spec/matchConditions").and_then(Value::as_array);
        let fine = conditions.is_some_and(|conditions| !conditions.is_empty())
            || document.pointer("/spec/webhookConfiguration/timeoutSeconds").is_some();
        let prefix = if key.kind.contains("Image") { "ivpol.validate" } else { "vpol.validate" };
        let own = fine.then_some(key.name.as_str());
        let response = Response { action: Action::Enforce, ..response };
        Some(denied(&webhook(prefix, fails_closed, own), &refusal_of_cel(&[(&key.name, &[response])])))
    }

    /// What all policies say of an object that is there, asked by nobody.
    pub(super) fn scanned_by_desk(&self, desk: &Desk, key: &Key, object: &Value) -> Vec<(Key, Vec<Response>)> {
        let request = self.request(Default::default(), Operation::Create, key.clone(), None, Some(object.clone()));
        let mut rules = Vec::new();
        if desk.ready(&self.store).unwrap_or(false)
            && let Ok(called) = desk.call("validate", &desk.review(&request))
        {
            keep(&mut rules, self, &called.reasons);
        }
        rules
    }
}

/// What a reason says, with the key of its policy's document.
fn response(cluster: &Cluster, reason: &Value) -> Option<(Key, Response)> {
    let (namespace, name) = part(reason, "/policy").split_once('/').unwrap_or(("", part(reason, "/policy")));
    let of = |key: &&Key| key.kind == part(reason, "/kind") && key.name == name && key.namespace == namespace;
    let status = match part(reason, "/status") {
        "pass" => Status::Pass,
        "fail" => Status::Fail,
        "skip" => Status::Skip,
        "warn" => Status::Warn,
        _ => Status::Error,
    };
    let response = Response {
        rule: part(reason, "/rule").to_owned(),
        status,
        message: part(reason, "/message").to_owned(),
        path: reason.get("path").and_then(Value::as_str).map(str::to_owned),
        action: Action::default(),
        target: None,
    };
    Some((cluster.store.objects.keys().find(of)?.clone(), response))
}

/// Adds reasons to what policies said, by the keys of their documents. The validating pass says last what a rule says.
fn keep(rules: &mut Vec<(Key, Vec<Response>)>, cluster: &Cluster, reasons: &[Value]) {
    for (key, response) in reasons.iter().filter_map(|reason| response(cluster, reason)) {
        match rules.iter_mut().find(|(known, _)| *known == key) {
            Some((_, responses)) => {
                responses.retain(|known| known.rule != response.rule);
                responses.push(response);
            }
            None => rules.push((key, vec![response])),
        }
    }
}

/// Carries out a JSON patch. Source: RFC 6902; of its operations those that a webhook sends.
fn patch(object: &mut Value, operations: &[Value]) -> Result<()> {
    for operation in operations {
        let path = operation.get("path").and_then(Value::as_str).context("an operation has no path")?;
        let value = operation.get("value").cloned();
        let Some((parent, last)) = path.rsplit_once('/') else {
            ensure!(path.is_empty() && value.is_some(), "`{path}` is no path");
            *object = value.unwrap_or(Value::Null);
            continue;
        };
        let last = last.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).with_context(|| format!("`{parent}` is not there"))?;
        match (part(operation, "/op"), parent, value) {
            ("add" | "replace", Value::Object(entries), Some(value)) => {
                entries.insert(last, value);
            }
            ("add", Value::Array(items), Some(value)) => {
                let at = if last == "-" { items.len() } else { last.parse()? };
                ensure!(at <= items.len(), "`{path}` is not there");
                items.insert(at, value);
            }
            ("replace", Value::Array(items), Some(value)) => {
                *items.get_mut(last.parse::<usize>()?).with_context(|| format!("`{path}` is not there"))? = value;
            }
            ("remove", Value::Object(entries), _) => {
                entries.remove(&last).with_context(|| format!("`{path}` is not there"))?;
            }
            ("remove", Value::Array(items), _) => {
                let at = last.parse::<usize>()?;
                ensure!(at < items.len(), "`{path}` is not there");
                items.remove(at);
            }
            _ => bail!("`{operation}` is nothing that can be done"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operations: Value, expected: Option<Value>) {
        let mut object = json!({"a": {"b/c": 1, "list": [1, 2]}});
        let done = patch(&mut object, operations.as_array().unwrap());
        assert_eq!(done.ok().map(|()| object), expected);
    }

    #[test]
    fn patches() {
        check(json!([]), Some(json!({"a": {"b/c": 1, "list": [1, 2]}})));
        check(
            json!([{"op": "replace", "path": "/a/b~1c", "value": 2}]),
            Some(json!({"a": {"b/c": 2, "list": [1, 2]}})),
        );
        check(
            json!([{"op": "add", "path": "/a/list/-", "value": 3}, {"op": "remove", "path": "/a/list/0"}]),
            Some(json!({"a": {"b/c": 1, "list": [2, 3]}})),
        );
        check(json!([{"op": "add", "path": "/x/y", "value": 3}]), None);
        check(json!([{"op": "remove", "path": "/a/list/7"}]), None);
        check(json!([{"op": "test", "path": "/a/list", "value": 3}]), None);
    }
}

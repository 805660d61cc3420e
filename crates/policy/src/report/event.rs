//! Events about policies: that a request or a resource violates one, that one could not be evaluated, that an exception held.
//!
//! Source: kyverno/kyverno:pkg/event/events.go.

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_model::Digest;

use super::{About, Reason, exceptions, shorten};
use crate::kyverno::{Action, Response, Status};

/// Who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The webhook.
    Admission,
    /// The scan of what is there.
    Scan,
    /// Our webhook.
    Webhook,
    /// Our scan of what is there.
    Background,
}

impl Component {
    /// As Kyverno names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Component::Admission => "kyverno-admission",
            Component::Scan => "kyverno-scan",
            Component::Webhook => "signet-admission",
            Component::Background => "signet-scan",
        }
    }
}

/// The events of what one rule said about a resource: on the policy, on the resource if it is there, and on the exceptions that held.
///
/// `policy` and `resource` are documents; `blocked`: the request was refused, so that there is no resource to write an event on.
pub fn events(
    policy: &Value,
    resource: &Value,
    response: &Response,
    component: Component,
    blocked: bool,
) -> Vec<Value> {
    let text = |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text(resource, "/kind");
    let named = match text(resource, "/metadata/namespace") {
        namespace if namespace.is_empty() => format!("{kind} {}", text(resource, "/metadata/name")),
        namespace => format!("{kind} {namespace}/{}", text(resource, "/metadata/name")),
    };
    let action = if blocked { "Resource Blocked" } else { "Resource Passed" };
    let event = |on: &Value, kind: &str, reason: &str, message: String| {
        let namespace = Some(text(on, "/metadata/namespace")).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let mut object = json!({
            "apiVersion": text(on, "/apiVersion"), "kind": text(on, "/kind"), "name": text(on, "/metadata/name"), "uid": text(on, "/metadata/uid"),
        });
        if let (Some(object), false) = (object.as_object_mut(), text(on, "/metadata/namespace").is_empty()) {
            object.insert("namespace".to_owned(), json!(namespace));
        }
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": namespace},
            "involvedObject": object, "type": kind, "reason": reason, "action": action, "message": message,
            "reportingComponent": component.as_str(), "source": {"component": component.as_str()},
        })
    };
    let rule = &response.rule;
    match response.status {
        Status::Fail | Status::Warn => {
            let told = if blocked { " (blocked)" } else { "" };
            let mut found = vec![event(
                policy,
                "Warning",
                "PolicyViolation",
                format!("{named}: [{rule}] fail{told}; {}", response.message),
            )];
            if !blocked {
                let name = text(policy, "/metadata/name");
                let message = format!("policy {name}/{rule} fail: {}", response.message);
                found.push(event(resource, "Warning", "PolicyViolation", message));
            }
            found
        }
        Status::Error => {
            vec![event(policy, "Warning", "PolicyError", format!("{named}: [{rule}] error; {}", response.message))]
        }
        Status::Skip => {
            let held = exceptions(response);
            if held.is_empty() {
                return Vec::new();
            }
            let message =
                format!("resource {named} was skipped from policy rule {}/{rule}", text(policy, "/metadata/name"));
            let mut found = vec![event(policy, "Normal", "PolicySkipped", message.clone())];
            let version = if text(policy, "/apiVersion").starts_with("policies.kyverno.io/") {
                text(policy, "/apiVersion")
            } else {
                "kyverno.io/v2".to_owned()
            };
            for key in held {
                let (namespace, name) = key.split_once('/').unwrap_or(("", key));
                let exception = json!({"apiVersion": version, "kind": "PolicyException", "metadata": {"name": name, "namespace": namespace}});
                found.push(event(&exception, "Normal", "PolicySkipped", message.clone()));
            }
            found
        }
        Status::Pass => Vec::new(),
    }
}

/// Bytes of an event's message: an API server takes 1,024.
const MAX_MESSAGE: usize = 1_000;
/// Characters of the name of what an event is about, in the event's name.
const MAX_NAME: usize = 200;

/// The events of what our engine said of an object, as [`events`] makes them. `about`: the policy, if it is known.
pub fn of(about: Option<&About>, reason: &Reason, object: &Value, component: Component, blocked: bool) -> Vec<Value> {
    let Some(about) = about else { return Vec::new() };
    let response = Response {
        rule: if reason.rule.is_empty() { reason.policy.clone() } else { reason.rule.clone() },
        status: reason.status,
        message: reason.message.clone(),
        path: None,
        action: Action::Audit,
        target: None,
    };
    events(&about.reference, object, &response, component, blocked)
}

/// An event with its name and times, as an API server takes it. `count`: how often it happened since it was last told.
pub fn dated(mut event: Value, now: Timestamp, count: u32) -> Value {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let digest = Digest::sha256(format!("{now}\n{event}").as_bytes()).hex();
    let stem: String = text("/involvedObject/name")
        .chars()
        .map(|letter| letter.to_ascii_lowercase())
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '-' })
        .take(MAX_NAME)
        .collect();
    let stem = stem.trim_matches('-');
    let name = format!("{}.{}", if stem.is_empty() { "event" } else { stem }, digest.get(..16).unwrap_or_default());
    let mut message = text("/message");
    shorten(&mut message, MAX_MESSAGE);
    if let Some(event) = event.as_object_mut() {
        if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), json!(name));
        }
        // Whole seconds: fractions are another type.
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        event.insert("message".to_owned(), json!(message));
        event.insert("firstTimestamp".to_owned(), json!(time));
        event.insert("lastTimestamp".to_owned(), json!(time));
        event.insert("count".to_owned(), json!(count));
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyverno::Action;

    #[track_caller]
    fn check(status: Status, message: &str, blocked: bool, want: &[(&str, &str, &str)]) {
        let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}});
        let response = Response {
            rule: "r".to_owned(),
            status,
            message: message.to_owned(),
            path: None,
            action: Action::Enforce,
            target: None,
        };
        let found = events(&policy, &pod, &response, Component::Admission, blocked);
        let found: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|event| {
                let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                (text("/involvedObject/kind"), text("/metadata/namespace"), text("/reason"))
            })
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn events_stand_on_what_they_are_about() {
        let violation = ("ClusterPolicy", "default", "PolicyViolation");
        check(Status::Fail, "no", true, &[violation]);
        check(Status::Fail, "no", false, &[violation, ("Pod", "n", "PolicyViolation")]);
        check(Status::Error, "what", true, &[("ClusterPolicy", "default", "PolicyError")]);
        check(Status::Pass, "", false, &[]);
        check(Status::Skip, "preconditions not met", false, &[]);
        let skipped = [("ClusterPolicy", "default", "PolicySkipped"), ("PolicyException", "e", "PolicySkipped")];
        check(Status::Skip, "rule is skipped due to policy exceptions e/x", false, &skipped);
    }

    #[test]
    fn an_event_has_a_name_and_times_that_an_api_server_takes() {
        let policy =
            json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "system:P_1"}});
        let response = Response {
            rule: "r".to_owned(),
            status: Status::Fail,
            message: "x".repeat(5_000),
            path: None,
            action: Action::Enforce,
            target: None,
        };
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}});
        let found = events(&policy, &object, &response, Component::Webhook, true).remove(0);
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        let event = dated(found.clone(), now, 3);
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        assert!(text("/metadata/name").starts_with("system-p-1."), "{event}");
        assert_eq!(text("/metadata/name").len(), "system-p-1.".len() + 16);
        assert_eq!(text("/message").len(), MAX_MESSAGE);
        assert_eq!((text("/lastTimestamp"), event.get("count")), ("2026-09-21T14:13:20Z", Some(&json!(3))));
        assert_eq!(text("/reportingComponent"), "signet-admission");
        assert_eq!(event, dated(found.clone(), now, 3), "the same at the same time");
        assert_ne!(event.pointer("/metadata/name"), dated(found, Timestamp::UNIX_EPOCH, 3).pointer("/metadata/name"));
    }
}

//! Events about policies: that a request or a resource violates one, that one could not be evaluated, that an exception held.
//!
//! Source: kyverno/kyverno:pkg/event/events.go.

use serde_json::{Value, json};

use super::evaluate::{Response, Status};
use super::report::exceptions;

/// Who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The webhook.
    Admission,
    /// The scan of what is there.
    Scan,
}

impl Component {
    /// As Kyverno names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Component::Admission => "kyverno-admission",
            Component::Scan => "kyverno-scan",
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
}

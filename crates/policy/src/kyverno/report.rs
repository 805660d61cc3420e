//! `PolicyReport` and `ClusterPolicyReport` objects of `wgpolicyk8s.io`: one for each resource, with what all policies say of it.
//!
//! Source: kyverno/kyverno:pkg/utils/report/results.go, pkg/controllers/report/aggregate/controller.go.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::evaluate::{Response, Status};

/// What a report says of the policy of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `name`, or `namespace/name`.
    pub policy: String,
    source: &'static str,
    scored: bool,
    category: Option<String>,
    severity: Option<String>,
    process: &'static str,
}

impl Origin {
    /// Of the document of a policy of any kind that is evaluated here.
    pub fn of(document: &Value) -> Origin {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let annotations = document.pointer("/metadata/annotations");
        let annotation = |key: &str| {
            let found = annotations.and_then(|annotations| annotations.get(format!("policies.kyverno.io/{key}")));
            found.and_then(Value::as_str).filter(|found| !found.is_empty()).map(str::to_owned)
        };
        let kind = text("/kind");
        let source = match kind.strip_prefix("Namespaced").unwrap_or(kind) {
            "ValidatingPolicy" => "KyvernoValidatingPolicy",
            "MutatingPolicy" => "KyvernoMutatingPolicy",
            "ImageValidatingPolicy" => "KyvernoImageValidatingPolicy",
            "ValidatingAdmissionPolicy" => "ValidatingAdmissionPolicy",
            "MutatingAdmissionPolicy" => "MutatingAdmissionPolicy",
            _ => "kyverno",
        };
        let on = |old: &str, new: &str| {
            let found = document.pointer(old).or_else(|| document.pointer(new));
            found.and_then(Value::as_bool) != Some(false)
        };
        let process = if on("/spec/background", "/spec/evaluation/background/enabled") {
            "background scan"
        } else if on("/spec/admission", "/spec/evaluation/admission/enabled") {
            "admission review"
        } else {
            ""
        };
        let policy = match text("/metadata/namespace") {
            "" => text("/metadata/name").to_owned(),
            namespace => format!("{namespace}/{}", text("/metadata/name")),
        };
        let severities = ["critical", "high", "medium", "low", "info"];
        Origin {
            policy,
            source,
            scored: annotation("scored").as_deref() != Some("false"),
            category: annotation("category"),
            severity: annotation("severity").filter(|severity| severities.contains(&severity.as_str())),
            process,
        }
    }

    /// One result. `seconds` since 1970; `more`: what the evaluation says of the rule besides ([`super::Evaluation::properties`]).
    pub fn result(&self, response: &Response, seconds: i64, more: Option<&BTreeMap<String, String>>) -> Value {
        let mut properties: Map<String, Value> =
            more.into_iter().flatten().map(|(key, value)| (key.clone(), json!(value))).collect();
        properties.insert("process".to_owned(), json!(self.process));
        let exceptions = exceptions(response);
        if !exceptions.is_empty() {
            // Without their namespaces, as Kyverno writes them.
            let names: Vec<&str> =
                exceptions.iter().map(|key| key.rsplit_once('/').map_or(*key, |(_, name)| name)).collect();
            properties.insert("exceptions".to_owned(), json!(names.join(",")));
        }
        let status = match response.status {
            Status::Fail if !self.scored => Status::Warn,
            status => status,
        };
        let mut result = json!({
            "source": self.source,
            "policy": self.policy,
            "message": response.message,
            "result": status.as_str(),
            "scored": self.scored,
            "properties": properties,
            "timestamp": {"seconds": seconds, "nanos": 0},
        });
        if let Some(result) = result.as_object_mut() {
            let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let rest = [
                ("rule", given(&response.rule)),
                ("category", self.category.clone()),
                ("severity", self.severity.clone()),
            ];
            for (key, value) in rest {
                if let Some(value) = value {
                    result.insert(key.to_owned(), Value::String(value));
                }
            }
        }
        result
    }
}

/// The exceptions that a response was skipped for, as `namespace/name`.
pub fn exceptions(response: &Response) -> Vec<&str> {
    let heads = [
        "rule is skipped due to policy exceptions ",
        "rule is skipped due to policy exception: ",
        "rule is passed due to policy exception: ",
    ];
    let listed = heads.iter().find_map(|head| response.message.strip_prefix(head));
    listed
        .filter(|_| matches!(response.status, Status::Skip | Status::Pass))
        .map_or_else(Vec::new, |listed| listed.split(", ").filter(|name| !name.is_empty()).collect())
}

/// The report of a resource; none, if nothing was said of it.
///
/// It is named by the resource's UID, owned by the resource, and sorted by policy and rule, so that the same results give the same report.
pub fn report(resource: &Value, mut results: Vec<Value>) -> Option<Value> {
    if results.is_empty() {
        return None;
    }
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    results.sort_by_cached_key(|result| (text(result, "policy"), text(result, "rule"), text(result, "source")));
    let count = |status: &str| results.iter().filter(|result| text(result, "result") == status).count();
    let summary = json!({
        "pass": count("pass"), "fail": count("fail"), "warn": count("warn"), "error": count("error"), "skip": count("skip"),
    });
    let at = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, uid) = (at("/metadata/namespace"), at("/metadata/uid"));
    let mut scope =
        json!({"apiVersion": at("/apiVersion"), "kind": at("/kind"), "name": at("/metadata/name"), "uid": uid});
    let owner = scope.clone();
    let mut metadata = json!({
        "name": uid, "generation": 1, "labels": {"app.kubernetes.io/managed-by": "kyverno"}, "ownerReferences": [owner],
    });
    let kind = if namespace.is_empty() { "ClusterPolicyReport" } else { "PolicyReport" };
    for part in [&mut scope, &mut metadata] {
        if let Some(part) = part.as_object_mut().filter(|_| !namespace.is_empty()) {
            part.insert("namespace".to_owned(), json!(namespace));
        }
    }
    Some(json!({
        "apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": kind, "metadata": metadata, "scope": scope, "results": results, "summary": summary,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyverno::Action;

    fn response(rule: &str, status: Status, message: &str) -> Response {
        Response {
            rule: rule.to_owned(),
            status,
            message: message.to_owned(),
            path: None,
            action: Action::Audit,
            target: None,
        }
    }

    #[test]
    fn a_report_counts_and_sorts_what_policies_say() {
        let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p", "annotations": {
            "policies.kyverno.io/severity": "high", "policies.kyverno.io/category": "c",
        }}, "spec": {}});
        let origin = Origin::of(&policy);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "uid": "u"}});
        let results = vec![
            origin.result(&response("b", Status::Fail, "no"), 7, None),
            origin.result(&response("a", Status::Pass, "yes"), 7, None),
        ];
        let found = report(&pod, results).expect("a report");
        assert_eq!(found.pointer("/kind"), Some(&json!("PolicyReport")));
        assert_eq!(found.pointer("/results/0/rule"), Some(&json!("a")));
        assert_eq!(found.pointer("/results/1/severity"), Some(&json!("high")));
        assert_eq!(found.pointer("/summary"), Some(&json!({"pass": 1, "fail": 1, "warn": 0, "error": 0, "skip": 0})));
        assert_eq!(found.pointer("/metadata/ownerReferences/0/uid"), Some(&json!("u")));
        assert_eq!(report(&pod, Vec::new()), None);
    }

    #[test]
    fn an_unscored_failure_is_a_warning_and_exceptions_are_named() {
        let policy = json!({"kind": "ValidatingPolicy", "metadata": {"name": "p", "annotations": {"policies.kyverno.io/scored": "false"}}});
        let origin = Origin::of(&policy);
        let warned = origin.result(&response("", Status::Fail, "no"), 0, None);
        assert_eq!(warned.get("result"), Some(&json!("warn")));
        assert_eq!(warned.get("rule"), None);
        let skipped = response("r", Status::Skip, "rule is skipped due to policy exceptions a/x, a/y");
        assert_eq!(origin.result(&skipped, 0, None).pointer("/properties/exceptions"), Some(&json!("x,y")));
        let failed = response("r", Status::Fail, "rule is skipped due to policy exceptions a/x");
        assert!(exceptions(&failed).is_empty(), "a message that a policy writes is no exception");
    }
}

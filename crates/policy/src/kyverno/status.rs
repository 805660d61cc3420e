//! The status of a `ClusterPolicy` or `Policy`: ready, how many rules of each kind, and the rules that were made for what makes Pods.
//!
//! Source: kyverno/kyverno:pkg/controllers/webhook/controller.go (`updatePolicyStatuses`), api/kyverno/v1/policy_status.go.

use serde_json::{Value, json};

use super::autogen;

/// The status of a policy that was loaded, which makes it ready. `before`: the status as it was, whose time of change stays; `now` as RFC 3339.
pub fn status(document: &Value, before: Option<&Value>, now: &str) -> Value {
    let spec = document.get("spec").unwrap_or(&Value::Null);
    let declared = spec.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let made = autogen::rules(document.pointer("/metadata/annotations"), declared);
    let count = |key: &str| {
        let has = |rule: &&Value| rule.get(key).is_some_and(|found| !found.is_null());
        declared.iter().chain(&made).filter(has).count()
    };
    let known = before.and_then(|before| before.pointer("/conditions/0/lastTransitionTime"));
    let mut status = json!({
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": "Ready",
            "lastTransitionTime": known.cloned().unwrap_or_else(|| json!(now)),
        }],
        "ready": true,
        "autogen": {},
        "rulecount": {
            "validate": count("validate"), "mutate": count("mutate"), "generate": count("generate"), "verifyimages": count("verifyImages"),
        },
        "validatingadmissionpolicy": {"generated": false, "message": ""},
    });
    if let Some(autogen) = status.get_mut("autogen").and_then(Value::as_object_mut)
        && !made.is_empty()
    {
        autogen.insert("rules".to_owned(), Value::Array(made));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_counted_with_those_that_were_made() {
        let rule = json!({"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "validate": {"pattern": {"spec": {"hostname": "?*"}}}});
        let policy = json!({"metadata": {"name": "p"}, "spec": {"rules": [rule]}});
        let found = status(&policy, None, "now");
        assert_eq!(found.pointer("/rulecount/validate"), Some(&json!(3)));
        assert_eq!(found.pointer("/rulecount/mutate"), Some(&json!(0)));
        assert_eq!(found.pointer("/autogen/rules/0/name"), Some(&json!("autogen-r")));
        assert_eq!(found.pointer("/conditions/0/reason"), Some(&json!("Succeeded")));
        assert_eq!(status(&policy, Some(&found), "later"), found);
    }
}

//! The status of a policy of `policies.kyverno.io`: whether its webhook is there, whether what it is about may be read, and what was made of it.
//!
//! Source: kyverno/kyverno:pkg/controllers/policystatus, pkg/cel/autogen.

use serde_json::{Map, Value as Json, json};

use super::autogen::{self, CONTROLLERS};
use super::matching::MatchResources;
use super::rule::{list, text};

/// Kinds of what makes Pods, by what many of them are called.
const KINDS: [(&str, &str); 6] = [
    ("daemonsets", "DaemonSet"),
    ("deployments", "Deployment"),
    ("jobs", "Job"),
    ("replicasets", "ReplicaSet"),
    ("statefulsets", "StatefulSet"),
    ("cronjobs", "CronJob"),
];

/// One right that a report needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// `get`, `list` or `watch`.
    pub verb: &'static str,
    /// Empty for the core group.
    pub group: String,
    /// `v1`
    pub version: String,
    /// `pods`, or `pods/exec`.
    pub resource: String,
}

/// What must be readable before a policy can be reported on.
pub fn rights(document: &Json) -> Vec<Right> {
    let texts = |rule: &Json, key: &str| -> Vec<String> {
        list(rule, key).filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let rules = document.pointer("/spec/matchConstraints/resourceRules").and_then(Json::as_array);
    let mut found = Vec::new();
    for rule in rules.into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for version in texts(rule, "apiVersions") {
                for resource in texts(rule, "resources") {
                    for verb in ["get", "list", "watch"] {
                        found.push(Right {
                            verb,
                            group: group.clone(),
                            version: version.clone(),
                            resource: resource.clone(),
                        });
                    }
                }
            }
        }
    }
    found
}

/// The status of a policy. `missing`: rights of [`rights`] that the controller for reports does not have. `before`: the status as it was, whose
/// times of change stay where nothing changed; `now` as RFC 3339.
pub fn status(document: &Json, missing: &[Right], before: Option<&Json>, now: &str) -> Json {
    let spec = document.get("spec").unwrap_or(&Json::Null);
    let enabled =
        |key: &str| spec.pointer(&format!("/evaluation/{key}/enabled")).and_then(Json::as_bool) != Some(false);
    let mut conditions = Vec::new();
    let mut ready = true;
    let mut condition = |kind: &str, holds: bool, message: String| {
        let (status, reason) = if holds { ("True", "Succeeded") } else { ("False", "Failed") };
        ready &= holds;
        let known = before.and_then(|before| before.pointer("/conditionStatus/conditions")).and_then(Json::as_array);
        let known =
            known.into_iter().flatten().find(|known| text(known, "type") == kind && text(known, "status") == status);
        let since = known.map(|known| text(known, "lastTransitionTime")).filter(|since| !since.is_empty());
        conditions.push(json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since.unwrap_or(now),
        }));
    };
    if enabled("admission") || !enabled("background") {
        condition("WebhookConfigured", true, "Webhook configured.".to_owned());
    }
    let message = if missing.is_empty() {
        "Policy is ready for reporting.".to_owned()
    } else {
        let named = missing
            .iter()
            .map(|right| format!("{} {}/{}, Resource={}: ", right.verb, right.group, right.version, right.resource));
        let named: Vec<String> = named.collect();
        format!("Policy is not ready for reporting, missing permissions: {}.", named.join("; "))
    };
    condition("RBACPermissionsGranted", missing.is_empty(), message);
    json!({
        "autogen": made(spec, text(document, "kind").ends_with("MutatingPolicy")),
        "conditionStatus": {"conditions": conditions, "ready": ready},
        "generated": false,
    })
}

/// The specifications that were made for what makes Pods, with what each is about.
fn made(spec: &Json, mutating: bool) -> Json {
    let matches = spec.get("matchConstraints").map(MatchResources::compile);
    let Some(Ok(matches)) = matches else { return json!({}) };
    let operations = spec.pointer("/matchConstraints/resourceRules/0/operations").cloned().unwrap_or(Json::Null);
    let mut configs = Map::new();
    for (mut spec, _) in autogen::made(spec, &matches, mutating) {
        let jobs = configs.contains_key("defaults") || autogen::wanted(&spec).iter().all(|name| name == "cronjobs");
        let wanted = autogen::wanted(&spec);
        let targets: Vec<(&str, &str)> = CONTROLLERS
            .iter()
            .filter(|(_, resource, of_jobs)| *of_jobs == jobs && wanted.iter().any(|name| name == resource))
            .map(|(group, resource, _)| (*group, *resource))
            .collect();
        let rules: Vec<Json> = ["apps", "batch"]
            .iter()
            .filter_map(|group| {
                let resources: Vec<&str> =
                    targets.iter().filter(|(of, _)| of == group).map(|(_, resource)| *resource).collect();
                let rule = json!({"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": resources});
                (!resources.is_empty()).then_some(rule)
            })
            .collect();
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("matchConstraints".to_owned(), json!({"resourceRules": rules}));
        }
        let mut targets: Vec<Json> = targets
            .iter()
            .map(|(group, resource)| {
                let kind = KINDS.iter().find(|(plural, _)| plural == resource).map_or("", |(_, kind)| kind);
                json!({"group": group, "version": "v1", "resource": resource, "kind": kind})
            })
            .collect();
        targets.sort_by_key(|target| (text(target, "group").to_owned(), text(target, "kind").to_owned()));
        configs
            .insert(if jobs { "cronjobs" } else { "defaults" }.to_owned(), json!({"spec": spec, "targets": targets}));
    }
    if configs.is_empty() { json!({}) } else { json!({"configs": configs}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(evaluation: Json) -> Json {
        json!({"apiVersion": "policies.kyverno.io/v1", "kind": "ValidatingPolicy", "metadata": {"name": "p"}, "spec": {
            "evaluation": evaluation,
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "validations": [{"expression": "has(object.spec.hostname)"}],
        }})
    }

    #[test]
    fn what_makes_pods_is_listed_with_its_own_expressions() {
        let found = status(&policy(json!({})), &[], None, "2026-01-01T00:00:00Z");
        assert_eq!(
            found.pointer("/autogen/configs/cronjobs/spec/validations/0/expression"),
            Some(&json!("has(object.spec.jobTemplate.spec.template.spec.hostname)"))
        );
        let rules = found.pointer("/autogen/configs/defaults/spec/matchConstraints/resourceRules").expect("rules");
        assert_eq!(
            rules.pointer("/0/resources"),
            Some(&json!(["daemonsets", "deployments", "replicasets", "statefulsets"]))
        );
        assert_eq!(rules.pointer("/1/resources"), Some(&json!(["jobs"])));
        assert_eq!(found.pointer("/autogen/configs/defaults/targets/4/kind"), Some(&json!("Job")));
        assert_eq!(found.pointer("/conditionStatus/ready"), Some(&json!(true)));
    }

    #[test]
    fn a_missing_right_is_named_and_the_policy_is_not_ready() {
        let document = policy(json!({"admission": {"enabled": false}}));
        let missing: Vec<Right> = rights(&document).into_iter().filter(|right| right.verb == "watch").collect();
        let found = status(&document, &missing, None, "now");
        let conditions = found.pointer("/conditionStatus/conditions").and_then(Json::as_array).expect("conditions");
        assert_eq!(conditions.len(), 1, "no webhook is waited for");
        assert_eq!(text(&conditions[0], "reason"), "Failed");
        assert!(text(&conditions[0], "message").contains("watch /v1, Resource=pods"), "{found}");
        assert_eq!(found.pointer("/conditionStatus/ready"), Some(&json!(false)));
    }

    #[test]
    fn the_time_of_change_stays_where_nothing_changed() {
        let document = policy(json!({}));
        let first = status(&document, &[], None, "one");
        let second = status(&document, &[], Some(&first), "two");
        assert_eq!(first, second);
        let third = status(&document, &rights(&document), Some(&second), "three");
        assert_eq!(third.pointer("/conditionStatus/conditions/1/lastTransitionTime"), Some(&json!("three")));
    }
}

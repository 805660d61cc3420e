//! `match` and `exclude` as `matchConstraints` and conditions.

use serde_json::{Value, json};

use super::{Cannot, cannot, like, literal};
use crate::kyverno::matching::{Block, Filter, KindSelector, RequirementOperator, Selector};
use crate::kyverno::rule::filter;

/// Built-in kinds and what the API calls many of them.
const KINDS: [(&str, &str); 42] = [
    ("ClusterRole", "clusterroles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("ConfigMap", "configmaps"),
    ("CronJob", "cronjobs"),
    ("CustomResourceDefinition", "customresourcedefinitions"),
    ("DaemonSet", "daemonsets"),
    ("Deployment", "deployments"),
    ("Endpoints", "endpoints"),
    ("EndpointSlice", "endpointslices"),
    ("Event", "events"),
    ("Gateway", "gateways"),
    ("HTTPRoute", "httproutes"),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("Ingress", "ingresses"),
    ("IngressClass", "ingressclasses"),
    ("Job", "jobs"),
    ("Lease", "leases"),
    ("LimitRange", "limitranges"),
    ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    ("Namespace", "namespaces"),
    ("NetworkPolicy", "networkpolicies"),
    ("Node", "nodes"),
    ("PersistentVolume", "persistentvolumes"),
    ("PersistentVolumeClaim", "persistentvolumeclaims"),
    ("Pod", "pods"),
    ("PodDisruptionBudget", "poddisruptionbudgets"),
    ("PodTemplate", "podtemplates"),
    ("PriorityClass", "priorityclasses"),
    ("ReplicaSet", "replicasets"),
    ("ReplicationController", "replicationcontrollers"),
    ("ResourceQuota", "resourcequotas"),
    ("Role", "roles"),
    ("RoleBinding", "rolebindings"),
    ("RuntimeClass", "runtimeclasses"),
    ("Secret", "secrets"),
    ("Service", "services"),
    ("ServiceAccount", "serviceaccounts"),
    ("StatefulSet", "statefulsets"),
    ("StorageClass", "storageclasses"),
    ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ("VolumeAttachment", "volumeattachments"),
    ("VolumeSnapshot", "volumesnapshots"),
];

/// The resource that filters look at: what was there, where something is deleted.
pub(super) const RESOURCE: &str = "(object == null ? oldObject : object)";

/// What a rule is about.
pub(super) struct Matched {
    /// `resourceRules`.
    pub(super) rules: Vec<Value>,
    /// Names and expressions that must hold.
    pub(super) conditions: Vec<(String, String)>,
    /// Operations, without repetition.
    pub(super) operations: Vec<String>,
}

pub(super) fn matched(rule: &Value) -> Result<Matched, Cannot> {
    let read = |key: &str| -> Result<Option<Filter>, Cannot> {
        let found = rule.get(key).filter(|found| !found.is_null());
        found.map(filter).transpose().map_err(|why| Cannot { route: vec![key.to_owned()], why })
    };
    let Some(wanted) = read("match")? else { return cannot(&["match"], "the rule matches nothing") };
    let blocks = blocks(&wanted);
    if blocks.iter().any(|block| block.kinds.is_empty()) {
        return cannot(
            &["match"],
            "a block that names no kinds is about everything, which CEL asks for by its resources",
        );
    }
    let mut rules: Vec<Value> = Vec::new();
    let mut operations: Vec<String> = Vec::new();
    for block in &blocks {
        // What is connected to is of another kind than the resource, so that a rule about kinds never sees it.
        let of_block: Vec<String> = match block.operations.as_slice() {
            [] => ["CREATE", "UPDATE", "DELETE"].map(str::to_owned).to_vec(),
            some => some.iter().map(|operation| operation.as_str().to_owned()).collect(),
        };
        for kind in &block.kinds {
            let found =
                resource_rule(kind, &of_block).map_err(|why| Cannot { route: vec!["match".to_owned()], why })?;
            if !rules.contains(&found) {
                rules.push(found);
            }
        }
        operations.extend(of_block);
    }
    operations.sort();
    operations.dedup();
    let at = |key: &'static str| move |why: String| Cannot { route: vec![key.to_owned()], why };
    let mut conditions = vec![("match".to_owned(), expression(&wanted, true).map_err(at("match"))?)];
    if let Some(excluded) = read("exclude")? {
        let excluded = expression(&excluded, false).map_err(at("exclude"))?;
        conditions.push(("exclude".to_owned(), format!("!({excluded})")));
    }
    Ok(Matched { rules, conditions, operations })
}

fn blocks(filter: &Filter) -> Vec<&Block> {
    match filter {
        Filter::Any(blocks) | Filter::All(blocks) => blocks.iter().collect(),
        Filter::One(block) => vec![block],
    }
}

fn resource_rule(kind: &KindSelector, operations: &[String]) -> Result<Value, String> {
    if !kind.subresource.is_empty() {
        return Err(format!("the subresource `{}/{}` is not converted", kind.kind, kind.subresource));
    }
    let part = |text: &str, what: &str| match crate::wildcard::is_pattern(text) && text != "*" {
        true => Err(format!("the {what} `{text}` is a wildcard, and CEL matches by whole names")),
        false => Ok(text.to_owned()),
    };
    let (group, version) = (part(&kind.group, "group")?, part(&kind.version, "version")?);
    let resources = if kind.kind == "*" {
        json!(["*", "pods/ephemeralcontainers"])
    } else {
        let Some((_, plural)) = KINDS.iter().find(|(known, _)| *known == kind.kind) else {
            return Err(format!(
                "what the API calls many of the kind `{}` is not known here, and CEL matches by that",
                kind.kind
            ));
        };
        // A rule about Pods is also about the containers that are added to a running one.
        if *plural == "pods" { json!(["pods", "pods/ephemeralcontainers"]) } else { json!([plural]) }
    };
    Ok(json!({"apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources}))
}

/// Whether a request is meant, as an expression.
fn expression(filter: &Filter, matches: bool) -> Result<String, String> {
    let each: Vec<String> =
        blocks(filter).into_iter().map(|block| of_block(block, matches)).collect::<Result<_, String>>()?;
    Ok(match (filter, each.as_slice()) {
        (Filter::All(_), []) => matches.to_string(),
        (Filter::Any(_), []) => "false".to_owned(),
        (Filter::All(_), each) => each.join(" && "),
        (Filter::Any(_) | Filter::One(_), each) => each.join(" || "),
    })
}

fn of_block(block: &Block, matches: bool) -> Result<String, String> {
    if !block.subjects.is_empty() || !block.roles.is_empty() || !block.cluster_roles.is_empty() {
        return Err(
            "who asks is not known to a scan of what runs, where Kyverno leaves the question out and CEL cannot"
                .to_owned(),
        );
    }
    let mut parts = Vec::new();
    if !block.kinds.is_empty() {
        let kinds: Vec<String> = block.kinds.iter().map(of_kind).collect::<Result<_, String>>()?;
        parts.push(any(kinds));
    }
    if !block.operations.is_empty() {
        let names: Vec<String> = block.operations.iter().map(|operation| literal(operation.as_str())).collect();
        parts.push(format!("request.operation in [{}]", names.join(", ")));
    }
    let metadata = format!("{RESOURCE}.metadata");
    let plain = format!("{metadata}.?name.orValue(\"\")");
    let name = format!("({plain} != \"\" ? {plain} : {metadata}.?generateName.orValue(\"\"))");
    let one_of = |expression: &str, wanted: &[String]| any(wanted.iter().map(|one| like(expression, one)).collect());
    if let Some(wanted) = &block.name {
        parts.push(one_of(&name, std::slice::from_ref(wanted)));
    }
    if !block.names.is_empty() {
        parts.push(one_of(&name, &block.names));
    }
    if !block.namespaces.is_empty() {
        let own = format!("{metadata}.?namespace.orValue(request.?namespace.orValue(\"\"))");
        let namespace = format!("({RESOURCE}.kind == \"Namespace\" ? {name} : {own})");
        parts.push(one_of(&namespace, &block.namespaces));
    }
    for (key, wanted) in &block.annotations {
        parts.push(tagged(&format!("{metadata}.?annotations.orValue({{}})"), key, wanted));
    }
    if let Some(selector) = &block.selector {
        parts.push(of_selector(selector, &format!("{metadata}.?labels.orValue({{}})")));
    }
    if let Some(selector) = &block.namespace_selector {
        let labels = "(namespaceObject == null ? {} : namespaceObject.metadata.?labels.orValue({}))";
        let holds = of_selector(selector, labels);
        parts.push(format!("({RESOURCE}.kind == \"Namespace\" || ({holds}))"));
    }
    if parts.is_empty() {
        // A block that asks for nothing means nothing.
        return Ok("false".to_owned());
    }
    let _ = matches;
    Ok(format!("({})", parts.join(" && ")))
}

fn of_kind(kind: &KindSelector) -> Result<String, String> {
    if !kind.subresource.is_empty() {
        return Err(format!("the subresource `{}/{}` is not converted", kind.kind, kind.subresource));
    }
    let mut parts = Vec::new();
    for (part, name) in [(&kind.group, "group"), (&kind.version, "version")] {
        if part != "*" {
            parts.push(like(&format!("request.kind.{name}"), part));
        }
    }
    if kind.kind != "*" {
        parts.push(like("request.kind.kind", &kind.kind));
    }
    let sub = "request.?subResource.orValue(\"\")";
    let whole = if parts.is_empty() { "true".to_owned() } else { parts.join(" && ") };
    Ok(format!(
        "({whole} && ({sub} == \"\" || (request.kind.group == \"\" && request.kind.version == \"v1\" && request.kind.kind == \"Pod\" && {sub} == \"ephemeralcontainers\")))"
    ))
}

fn any(parts: Vec<String>) -> String {
    match parts.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join(" || ")),
    }
}

/// Whether a label or annotation is there; both sides may be wildcards.
fn tagged(tags: &str, key: &str, wanted: &str) -> String {
    format!("{tags}.exists(k, {} && {})", like("k", key), like(&format!("{tags}[k]"), wanted))
}

fn of_selector(selector: &Selector, labels: &str) -> String {
    let mut parts: Vec<String> = selector.labels.iter().map(|(key, wanted)| tagged(labels, key, wanted)).collect();
    for one in &selector.expressions {
        let key = literal(&one.key);
        let values: Vec<String> = one.values.iter().map(|value| literal(value)).collect();
        let listed = format!("({key} in {labels} && {labels}[{key}] in [{}])", values.join(", "));
        parts.push(match one.operator {
            RequirementOperator::In => listed,
            RequirementOperator::NotIn => format!("!{listed}"),
            RequirementOperator::Exists => format!("{key} in {labels}"),
            RequirementOperator::DoesNotExist => format!("!({key} in {labels})"),
        });
    }
    if parts.is_empty() { "true".to_owned() } else { parts.join(" && ") }
}

//! `ClusterPolicy`, `Policy` and `PolicyException` of `kyverno.io`.

use signet_yaml::Node;

use super::words::{conditions, items, join, listed, quoted, selector, text, tick};
use super::{Page, rules};

pub(super) fn policy(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    let kind = text(root, "kind").unwrap_or_default();
    page.begin(root, format!("{kind} {name}"));
    if let Some(title) = root.path(&["metadata", "annotations", "policies.kyverno.io/description"]).and_then(Node::text)
    {
        page.say(0, title.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.'));
    }
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so demands nothing") };
    if kind == "Policy" {
        let namespace = root.path(&["metadata", "namespace"]).map_or_else(|| "`default`".to_owned(), quoted);
        page.say(0, format!("it is about the namespace {namespace} alone"));
    }
    page.say(0, action(text(spec, "validationFailureAction").unwrap_or("Audit")));
    overrides(spec, "validationFailureActionOverrides", 0, page);
    let failure = spec.path(&["webhookConfiguration", "failurePolicy"]).or_else(|| spec.get("failurePolicy"));
    if failure.and_then(Node::as_str) == Some("Ignore") {
        page.say(0, "a request that cannot be judged in time is admitted");
    }
    if spec.get("background").and_then(Node::as_bool) == Some(false) {
        page.say(0, "it judges requests alone, and not what runs already");
    }
    if spec.get("admission").and_then(Node::as_bool) == Some(false) {
        page.say(0, "it judges what runs already, and no requests");
    }
    if text(spec, "applyRules") == Some("One") {
        page.say(0, "only the first rule that applies is used");
    }
    for condition in
        spec.path(&["webhookConfiguration", "matchConditions"]).and_then(Node::as_seq).into_iter().flatten()
    {
        if let Some(expression) = condition.get("expression") {
            page.say(0, format!("requests are sent to it only where holds: {}", quoted(expression)));
        }
    }
    if let Some(made) = root.path(&["metadata", "annotations", "pod-policies.kyverno.io/autogen-controllers"]) {
        page.say(0, format!("rules for Pods are also made for these controllers: {}", quoted(made)));
    }
    for rule in items(spec, "rules") {
        let name = rule.get("name").map(quoted).unwrap_or_default();
        page.begin(rule, format!("Rule {name}"));
        if let Some(matches) = rule.get("match") {
            page.say(0, "applies to:");
            filter(matches, 1, page);
        }
        if let Some(excluded) = rule.get("exclude").filter(|node| !node.is_null()) {
            page.say(0, "but not to:");
            filter(excluded, 1, page);
        }
        context(rule, 0, page);
        if let Some(preconditions) = rule.get("preconditions").filter(|node| !node.is_null()) {
            page.say(0, "only where hold:");
            conditions(preconditions, 1, page);
        }
        for condition in items(rule, "celPreconditions") {
            if let Some(expression) = condition.get("expression") {
                page.say(0, format!("only where holds: {}", quoted(expression)));
            }
        }
        rules::rule(rule, page);
    }
}

/// What a failure means.
pub(super) fn action(name: &str) -> String {
    if name.eq_ignore_ascii_case("enforce") {
        "what fails is refused".to_owned()
    } else {
        "what fails is reported, and admitted".to_owned()
    }
}

pub(super) fn overrides(node: &Node, key: &str, depth: usize, page: &mut Page) {
    for one in items(node, key) {
        let mut places = Vec::new();
        places.extend(listed(one.get("namespaces"), "or").map(|names| format!("in the namespaces {names}")));
        places.extend(one.get("namespaceSelector").map(|found| format!("in namespaces where {}", selector(found))));
        page.say(depth, format!("{}: {}", join(places, "and"), action(text(one, "action").unwrap_or_default())));
    }
}

/// `match` or `exclude`.
pub(super) fn filter(node: &Node, depth: usize, page: &mut Page) {
    let block = |node: &Node| {
        let mut parts = Vec::new();
        if let Some(resources) = node.get("resources") {
            parts.push(resource(resources));
        }
        for (key, says) in
            [("roles", "by somebody with the role"), ("clusterRoles", "by somebody with the cluster role")]
        {
            parts.extend(listed(node.get(key), "or").map(|names| format!("{says} {names}")));
        }
        let subjects: Vec<String> = items(node, "subjects")
            .map(|subject| {
                let part = |key: &str| text(subject, key).unwrap_or_default();
                let namespace = text(subject, "namespace").map(|name| format!("{name}/")).unwrap_or_default();
                format!("{} {}", part("kind"), tick(&format!("{namespace}{}", part("name"))))
            })
            .collect();
        if !subjects.is_empty() {
            parts.push(format!("by {}", join(subjects, "or")));
        }
        if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
    };
    for (key, heading) in [("any", "at least one of:"), ("all", "all of:")] {
        let Some(list) = node.get(key).and_then(Node::as_seq).filter(|list| !list.is_empty()) else { continue };
        if let [one] = list {
            page.say(depth, block(one));
        } else {
            page.say(depth, heading);
            list.iter().for_each(|one| page.say(depth + 1, block(one)));
        }
        return;
    }
    page.say(depth, block(node));
}

fn resource(node: &Node) -> String {
    let mut parts = vec![listed(node.get("kinds"), "or").unwrap_or_else(|| "resources of every kind".to_owned())];
    let mut names: Vec<String> = items(node, "names").map(quoted).collect();
    names.extend(node.get("name").map(quoted));
    if !names.is_empty() {
        parts.push(format!("named {}", join(names, "or")));
    }
    parts.extend(listed(node.get("namespaces"), "or").map(|names| format!("in the namespaces {names}")));
    parts.extend(node.get("namespaceSelector").map(|found| format!("in namespaces where {}", selector(found))));
    parts.extend(node.get("selector").map(|found| format!("where the labels are so: {}", selector(found))));
    let annotations: Vec<String> = node
        .get("annotations")
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{} is {}", quoted(key), quoted(value)))
        .collect();
    if !annotations.is_empty() {
        parts.push(format!("where the annotations are so: {}", join(annotations, "and")));
    }
    parts.extend(listed(node.get("operations"), "or").map(|names| format!("on {names}")));
    parts.join(", ")
}

/// What is looked up before a rule is judged.
pub(super) fn context(node: &Node, depth: usize, page: &mut Page) {
    for entry in items(node, "context") {
        let name = entry.get("name").map(quoted).unwrap_or_default();
        let from = if let Some(map) = entry.get("configMap") {
            let part = |key: &str| text(map, key).unwrap_or_default();
            format!("the ConfigMap {}", tick(&format!("{}/{}", part("namespace"), part("name"))))
        } else if let Some(call) = entry.get("apiCall") {
            let path = call.get("urlPath").or_else(|| call.path(&["service", "url"]));
            format!("what the API answers to {}", path.map(quoted).unwrap_or_default())
        } else if let Some(image) = entry.get("imageRegistry") {
            format!("what the registry says of {}", image.get("reference").map(quoted).unwrap_or_default())
        } else if let Some(global) = entry.get("globalReference") {
            format!("the global entry {}", global.get("name").map(quoted).unwrap_or_default())
        } else if let Some(variable) = entry.get("variable") {
            let value = variable.get("value").or_else(|| variable.get("jmesPath")).or_else(|| variable.get("default"));
            value.map(quoted).unwrap_or_default()
        } else {
            quoted(entry)
        };
        page.say(depth, format!("{name} stands for {from}"));
    }
}

pub(super) fn exception(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    page.begin(root, format!("PolicyException {name}"));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so excepts nothing") };
    for one in items(spec, "exceptions") {
        let rules = listed(one.get("ruleNames"), "and").unwrap_or_else(|| "none".to_owned());
        let policy = one.get("policyName").map(quoted).unwrap_or_default();
        page.say(0, format!("the rules {rules} of the policy {policy} do not hold"));
    }
    if let Some(matches) = spec.get("match") {
        page.say(0, "for:");
        filter(matches, 1, page);
    }
    if let Some(found) = spec.get("conditions") {
        page.say(0, "where hold:");
        conditions(found, 1, page);
    }
    rules::controls(spec, "podSecurity", 0, page);
}

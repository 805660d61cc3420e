//! Policies whose rules are CEL: `policies.kyverno.io`, and those of Kubernetes itself.

use signet_yaml::Node;

use super::Page;
use super::rules::{validation, variables};
use super::words::{items, listed, quoted, selector, text, tick};

pub(super) fn policy(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    let kind = text(root, "kind").unwrap_or_default();
    page.begin(root, format!("{kind} {name}"));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so demands nothing") };
    if kind.starts_with("Namespaced") {
        let namespace = root.path(&["metadata", "namespace"]).map_or_else(|| "`default`".to_owned(), quoted);
        page.say(0, format!("it is about the namespace {namespace} alone"));
    }
    if matches!(kind, "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy") {
        page.say(0, "it holds where a binding says so");
    } else if !is_mutating(kind) {
        actions(spec.get("validationActions").or_else(|| spec.get("validationAction")), page);
    }
    if text(spec, "failurePolicy") == Some("Ignore") {
        page.say(0, "a request that it cannot judge is admitted");
    }
    if let Some(mode) = spec.path(&["evaluation", "mode"]).filter(|mode| mode.as_str() != Some("Kubernetes")) {
        page.say(0, format!("it judges documents of the kind {}", quoted(mode)));
    }
    for (key, says) in [("background", "what runs already"), ("admission", "requests")] {
        if spec.path(&["evaluation", key, "enabled"]).and_then(Node::as_bool) == Some(false) {
            page.say(0, format!("it does not judge {says}"));
        }
    }
    if let Some(kind) = spec.get("paramKind") {
        page.say(0, format!("`params` stands for an object of the kind {}", quoted(kind)));
    }
    if let Some(found) = spec.get("matchConstraints") {
        page.begin(found, "What it is about");
        constraints(found, 0, page);
        if let Some(made) = listed(spec.path(&["autogen", "podControllers", "controllers"]), "and") {
            page.say(0, format!("it is also made for the Pods of these controllers: {made}"));
        }
    }
    if let Some(found) = spec.get("targetMatchConstraints") {
        page.begin(found, "What it changes that is there already");
        constraints(found, 0, page);
    }
    images(spec, page);
    if let Some(found) = spec.get("matchConditions").filter(|found| found.as_seq().is_some()) {
        page.begin(found, "Only where all of this holds");
        for one in items(spec, "matchConditions") {
            page.say(0, format!("{}: {}", part(one, "name"), part(one, "expression")));
        }
    }
    if let Some(found) = spec.get("variables").filter(|found| found.as_seq().is_some()) {
        page.begin(found, "Names that its expressions use, as `variables.NAME`");
        variables(spec, 0, page);
    }
    if let Some(found) = spec.get("validations").filter(|found| found.as_seq().is_some()) {
        page.begin(found, "What must hold");
        items(spec, "validations").for_each(|one| validation(one, 0, page));
    }
    if let Some(found) = spec.get("mutations").filter(|found| found.as_seq().is_some()) {
        page.begin(found, "What it changes");
        for one in items(spec, "mutations") {
            let (says, node) = match (one.get("applyConfiguration"), one.get("jsonPatch")) {
                (Some(node), _) => ("it is merged with what this gives", node),
                (None, Some(node)) => ("it is changed by the JSON patch that this gives", node),
                (None, None) => ("`mutation`", one),
            };
            page.say(0, format!("{says}: {}", part(node, "expression")));
        }
    }
    for one in items(spec, "auditAnnotations") {
        page.begin(one, format!("The audit log is told {}", part(one, "key")));
        page.say(0, part(one, "valueExpression"));
    }
}

fn part(node: &Node, key: &str) -> String {
    node.get(key).map(quoted).unwrap_or_default()
}

fn is_mutating(kind: &str) -> bool {
    matches!(kind, "MutatingPolicy" | "NamespacedMutatingPolicy" | "MutatingAdmissionPolicy")
}

fn actions(node: Option<&Node>, page: &mut Page) {
    let names: Vec<&str> = match node.and_then(Node::as_seq) {
        Some(list) => list.iter().filter_map(Node::text).collect(),
        None => vec!["Deny"],
    };
    for name in names {
        page.say(
            0,
            match name {
                "Deny" => "what fails is refused".to_owned(),
                "Warn" => "what fails is a warning".to_owned(),
                "Audit" => "what fails is reported".to_owned(),
                other => format!("what fails: {}", tick(other)),
            },
        );
    }
}

/// `matchConstraints` or `matchResources`.
fn constraints(node: &Node, depth: usize, page: &mut Page) {
    let rule = |one: &Node| {
        let any = |key: &str, all: &str| match one.get(key).and_then(Node::as_seq) {
            Some([only]) if only.text() == Some("*") => all.to_owned(),
            _ => listed(one.get(key), "or").unwrap_or_else(|| "nothing".to_owned()),
        };
        let group = match one.get("apiGroups").and_then(Node::as_seq) {
            Some([only]) if only.text() == Some("") => "the core group".to_owned(),
            _ => any("apiGroups", "any group"),
        };
        let mut text = format!(
            "{} of {group}, version {}, on {}",
            any("resources", "all resources"),
            any("apiVersions", "any"),
            any("operations", "every operation")
        );
        if let Some(names) = listed(one.get("resourceNames"), "or") {
            text.push_str(&format!(", named {names}"));
        }
        if let Some(scope) = one.get("scope").filter(|scope| scope.text() != Some("*")) {
            text.push_str(&format!(", scope {}", quoted(scope)));
        }
        text
    };
    items(node, "resourceRules").for_each(|one| page.say(depth, rule(one)));
    items(node, "excludeResourceRules").for_each(|one| page.say(depth, format!("but not {}", rule(one))));
    for (key, says) in [("namespaceSelector", "in namespaces where"), ("objectSelector", "on objects where")] {
        if let Some(found) = node.get(key) {
            page.say(depth, format!("{says} {}", selector(found)));
        }
    }
}

/// What an image policy adds.
fn images(spec: &Node, page: &mut Page) {
    if let Some(found) = spec.get("matchImageReferences").filter(|found| found.as_seq().is_some()) {
        page.begin(found, "Which images");
        for one in items(spec, "matchImageReferences") {
            match one.get("glob") {
                Some(glob) => page.say(0, format!("those like {}", quoted(glob))),
                None => page.say(0, format!("those for which holds {}", part(one, "expression"))),
            }
        }
    }
    for one in items(spec, "images") {
        page.begin(one, format!("Images of the name {}", part(one, "name")));
        page.say(0, part(one, "expression"));
    }
    for (key, says) in [("attestors", "Attestor"), ("attestations", "Statement")] {
        for one in items(spec, key) {
            page.begin(one, format!("{says} {}", part(one, "name")));
            for (kind, node) in one.as_map().into_iter().flatten().filter(|(kind, _)| kind.text() != Some("name")) {
                page.say(0, format!("{}: {}", quoted(kind), quoted(node)));
            }
        }
    }
    if let Some(found) = spec.get("validationConfigurations") {
        page.begin(found, "Digests");
        for (key, value) in found.as_map().into_iter().flatten() {
            page.say(0, format!("{}: {}", quoted(key), quoted(value)));
        }
    }
}

pub(super) fn binding(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    page.begin(root, format!("{} {name}", text(root, "kind").unwrap_or_default()));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so binds nothing") };
    page.say(0, format!("the policy {} holds", part(spec, "policyName")));
    if spec.get("validationActions").is_some() {
        actions(spec.get("validationActions"), page);
    }
    if let Some(reference) = spec.get("paramRef") {
        page.say(0, format!("with the parameters {}", quoted(reference)));
    }
    if let Some(found) = spec.get("matchResources") {
        page.say(0, "for:");
        constraints(found, 1, page);
    }
}

pub(super) fn exception(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    page.begin(root, format!("PolicyException {name}"));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so excepts nothing") };
    for one in items(spec, "policyRefs") {
        page.say(0, format!("the {} {} does not hold", text(one, "kind").unwrap_or("policy"), part(one, "name")));
    }
    for (key, says) in [("images", "for the images"), ("allowedValues", "for the values")] {
        if let Some(values) = listed(spec.get(key), "and") {
            page.say(0, format!("{says} {values}"));
        }
    }
    for one in items(spec, "matchConditions") {
        page.say(0, format!("where holds {}: {}", part(one, "name"), part(one, "expression")));
    }
    if let Some(result) = spec.get("reportResult") {
        page.say(0, format!("reports show {}", quoted(result)));
    }
}

//! What a rule of `kyverno.io` does: validate, mutate, generate, verify images.

use signet_yaml::Node;

use super::kyverno::{action, context, overrides};
use super::words::{conditions, items, listed, quoted, selector, text, tick};
use super::{Page, pattern};

pub(super) fn rule(rule: &Node, page: &mut Page) {
    if let Some(validate) = rule.get("validate") {
        if let Some(name) = text(validate, "failureAction") {
            page.say(0, action(name));
        }
        overrides(validate, "failureActionOverrides", 0, page);
        check(validate, 0, page);
        if let Some(message) = text(validate, "message") {
            page.say(0, format!("who fails is told: \"{}\"", message.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    if let Some(mutate) = rule.get("mutate") {
        change(mutate, 0, page);
    }
    if let Some(generate) = rule.get("generate") {
        make(generate, page);
    }
    for images in items(rule, "verifyImages") {
        verify(images, page);
    }
}

/// What is asked of a resource, or of each element of a list.
fn check(node: &Node, depth: usize, page: &mut Page) {
    if let Some(wanted) = node.get("pattern") {
        page.say(depth, "it must be so:");
        pattern::explain(wanted, depth + 1, page);
    }
    if let Some(many) = node.get("anyPattern").and_then(Node::as_seq) {
        page.say(depth, "it must be so, in at least one of these ways:");
        for (index, wanted) in many.iter().enumerate() {
            page.say(depth + 1, format!("way {}:", index + 1));
            pattern::explain(wanted, depth + 2, page);
        }
    }
    if let Some(deny) = node.get("deny") {
        match deny.get("conditions").filter(|found| !found.is_null()) {
            None => page.say(depth, "it is refused, always"),
            Some(found) => {
                page.say(depth, "it is refused where hold:");
                conditions(found, depth + 1, page);
            }
        }
    }
    for each in items(node, "foreach") {
        page.say(depth, format!("for each element of {}:", each.get("list").map(quoted).unwrap_or_default()));
        context(each, depth + 1, page);
        if let Some(found) = each.get("preconditions") {
            page.say(depth + 1, "only where hold:");
            conditions(found, depth + 2, page);
        }
        check(each, depth + 1, page);
    }
    if let Some(security) = node.get("podSecurity") {
        let level = security.get("level").map(quoted).unwrap_or_default();
        let version = security.get("version").map_or_else(|| "`latest`".to_owned(), quoted);
        page.say(depth, format!("it must keep the Pod Security Standard {level}, as of version {version}"));
        controls(security, "exclude", depth, page);
    }
    if let Some(cel) = node.get("cel") {
        variables(cel, depth, page);
        for one in items(cel, "expressions") {
            validation(one, depth, page);
        }
    }
    for key in ["manifests", "assert"] {
        if let Some(found) = node.get(key) {
            page.say(depth, format!("`{key}`: {}", quoted(found)));
        }
    }
}

pub(super) fn variables(node: &Node, depth: usize, page: &mut Page) {
    for one in items(node, "variables") {
        let part = |key: &str| one.get(key).map(quoted).unwrap_or_default();
        page.say(depth, format!("{} stands for {}", part("name"), part("expression")));
    }
}

pub(super) fn validation(one: &Node, depth: usize, page: &mut Page) {
    page.say(depth, format!("it must hold: {}", one.get("expression").map(quoted).unwrap_or_default()));
    if let Some(message) = one.get("message").or_else(|| one.get("messageExpression")) {
        page.say(depth + 1, format!("else is said: {}", quoted(message)));
    }
}

/// Pod security controls that are left out.
pub(super) fn controls(node: &Node, key: &str, depth: usize, page: &mut Page) {
    for one in items(node, key) {
        let name = one.get("controlName").map(quoted).unwrap_or_default();
        let images =
            listed(one.get("images"), "or").map(|images| format!(" for the images {images}")).unwrap_or_default();
        let field = text(one, "restrictedField").map(|field| format!(" in {}", tick(field))).unwrap_or_default();
        let values = listed(one.get("values"), "or").map(|values| format!(" with {values}")).unwrap_or_default();
        page.say(depth, format!("the control {name} is not asked for{images}{field}{values}"));
    }
}

fn change(node: &Node, depth: usize, page: &mut Page) {
    for target in items(node, "targets") {
        let part = |key: &str| text(target, key).unwrap_or("*");
        let place = format!("{} {}/{}", part("kind"), part("namespace"), part("name"));
        page.say(depth, format!("it changes what is there already: {}", tick(&place)));
        if let Some(found) = target.get("selector") {
            page.say(depth + 1, format!("where the labels are so: {}", selector(found)));
        }
        context(target, depth + 1, page);
        if let Some(found) = target.get("preconditions") {
            page.say(depth + 1, "only where hold:");
            conditions(found, depth + 2, page);
        }
    }
    if let Some(patch) = node.get("patchStrategicMerge") {
        page.say(depth, format!("it is merged with: {}", quoted(patch)));
        page.say(depth + 1, "`(key)` only where that holds, `+(key)` only where it is not there");
    }
    if let Some(patch) = node.get("patchesJson6902") {
        page.say(depth, format!("it is changed by the JSON patch {}", quoted(patch)));
    }
    for each in items(node, "foreach") {
        let backwards = if text(each, "order") == Some("Descending") { ", from the last to the first" } else { "" };
        page.say(
            depth,
            format!("for each element of {}{backwards}:", each.get("list").map(quoted).unwrap_or_default()),
        );
        context(each, depth + 1, page);
        if let Some(found) = each.get("preconditions") {
            page.say(depth + 1, "only where hold:");
            conditions(found, depth + 2, page);
        }
        change(each, depth + 1, page);
    }
}

fn make(node: &Node, page: &mut Page) {
    let one = |node: &Node, depth: usize, page: &mut Page| {
        let part = |key: &str| text(node, key).unwrap_or_default();
        let place = match part("namespace") {
            "" => part("name").to_owned(),
            namespace => format!("{namespace}/{}", part("name")),
        };
        if !part("kind").is_empty() {
            page.say(depth, format!("a {} {} is made", part("kind"), tick(&place)));
        }
        if let Some(clone) = node.get("clone") {
            page.say(depth + 1, format!("as a copy of {}", quoted(clone)));
        }
        if let Some(clones) = node.get("cloneList") {
            page.say(depth + 1, format!("as copies of {}", quoted(clones)));
        }
        if let Some(data) = node.get("data") {
            page.say(depth + 1, format!("that holds {}", quoted(data)));
        }
    };
    one(node, 0, page);
    for each in items(node, "foreach") {
        page.say(0, format!("for each element of {}:", each.get("list").map(quoted).unwrap_or_default()));
        context(each, 1, page);
        if let Some(found) = each.get("preconditions") {
            page.say(1, "only where hold:");
            conditions(found, 2, page);
        }
        one(each, 1, page);
    }
    if node.get("synchronize").and_then(Node::as_bool) == Some(true) {
        page.say(0, "it is kept as the policy says, and goes when the policy goes");
    }
    if node.get("generateExisting").and_then(Node::as_bool) == Some(true) {
        page.say(0, "it is also made for what is there already");
    }
}

fn verify(node: &Node, page: &mut Page) {
    let mut images: Vec<&Node> = items(node, "imageReferences").collect();
    images.extend(node.get("image"));
    let images: Vec<String> = images.into_iter().map(quoted).collect();
    let kind = text(node, "type").unwrap_or("Cosign");
    page.say(0, format!("images like {} must be verified ({kind})", super::words::join(images, "or")));
    if let Some(skipped) = listed(node.get("skipImageReferences"), "or") {
        page.say(1, format!("but not {skipped}"));
    }
    if let Some(name) = text(node, "failureAction") {
        page.say(1, action(name));
    }
    for key in ["key", "issuer", "subject", "roots", "repository", "annotations", "additionalExtensions"] {
        if let Some(found) = node.get(key) {
            page.say(1, format!("`{key}`: {}", quoted(found)));
        }
    }
    attestors(node, 1, page);
    for attestation in items(node, "attestations") {
        let kind = attestation.get("type").or_else(|| attestation.get("predicateType"));
        page.say(1, format!("there must be statements of the type {}", kind.map(quoted).unwrap_or_default()));
        attestors(attestation, 2, page);
        if let Some(found) = attestation.get("conditions") {
            page.say(2, "and each must say:");
            conditions(found, 3, page);
        }
    }
    if let Some(deny) = node.path(&["validate", "deny", "conditions"]) {
        page.say(1, "it is refused where hold:");
        conditions(deny, 2, page);
    }
    let is = |key: &str| node.get(key).and_then(Node::as_bool).unwrap_or(true);
    for (key, yes, no) in [
        (
            "mutateDigest",
            "the digest that was verified is written into the image",
            "the image is left as it is written",
        ),
        ("verifyDigest", "the image must have a digest", "a tag may stand alone"),
        ("required", "an image that was not verified is refused", "an image that was not verified may pass"),
    ] {
        page.say(1, if is(key) { yes } else { no });
    }
}

fn attestors(node: &Node, depth: usize, page: &mut Page) {
    for set in items(node, "attestors") {
        attestor_set(set, depth, page);
    }
}

fn attestor_set(set: &Node, depth: usize, page: &mut Page) {
    let entries = items(set, "entries").count();
    let count = set.get("count").and_then(Node::as_i64).filter(|count| *count > 0);
    let many = match count {
        Some(count) => format!("{count} of these"),
        None if entries == 1 => "this one".to_owned(),
        None => format!("all {entries} of these"),
    };
    page.say(depth, format!("signed by {many}:"));
    for entry in items(set, "entries") {
        if let Some(keys) = entry.get("keys") {
            let from = ["publicKeys", "kms", "secret"].into_iter().find_map(|key| keys.get(key));
            let from = match from {
                Some(found) if found.text().is_some_and(|text| text.contains("-----BEGIN")) => {
                    let many = found.text().map_or(0, |text| text.matches("-----BEGIN").count());
                    if many == 1 { "the key in the policy".to_owned() } else { format!("{many} keys in the policy") }
                }
                Some(found) => format!("the key {}", quoted(found)),
                None => "a key that is not named".to_owned(),
            };
            page.say(depth + 1, from);
            logs(keys, depth + 2, page);
        }
        if let Some(certificates) = entry.get("certificates") {
            page.say(depth + 1, "the holder of the certificate in the policy, or of one that its chain leads to");
            logs(certificates, depth + 2, page);
        }
        if let Some(keyless) = entry.get("keyless") {
            let part = |plain: &str, expression: &str| match (keyless.get(plain), keyless.get(expression)) {
                (Some(found), _) => format!("{} (a wildcard)", quoted(found)),
                (None, Some(found)) => format!("something that matches {}", quoted(found)),
                (None, None) => "anything".to_owned(),
            };
            let (subject, issuer) = (part("subject", "subjectRegExp"), part("issuer", "issuerRegExp"));
            page.say(depth + 1, format!("the identity {subject}, as the issuer {issuer} vouches"));
            if let Some(more) = keyless.get("additionalExtensions") {
                page.say(depth + 2, format!("whose certificate says {}", quoted(more)));
            }
            logs(keyless, depth + 2, page);
        }
        if let Some(nested) = entry.get("attestor") {
            attestor_set(nested, depth + 1, page);
        }
        for key in ["annotations", "repository"] {
            if let Some(found) = entry.get(key) {
                page.say(depth + 2, format!("`{key}`: {}", quoted(found)));
            }
        }
    }
}

fn logs(node: &Node, depth: usize, page: &mut Page) {
    if node.path(&["rekor", "ignoreTlog"]).and_then(Node::as_bool) == Some(true) {
        page.say(depth, "no transparency log need know of it");
    } else if let Some(url) = node.path(&["rekor", "url"]) {
        page.say(depth, format!("the log {} must know of it", quoted(url)));
    }
    if node.path(&["ctlog", "ignoreSCT"]).and_then(Node::as_bool) == Some(true) {
        page.say(depth, "no certificate log need know of its certificate");
    }
}

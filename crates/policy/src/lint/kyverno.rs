//! `ClusterPolicy`, `Policy` and `PolicyException` of `kyverno.io`.

use signet_yaml::Node;

use super::{Remark, Weight, items, mappings, patterns, remark};
use crate::kyverno::{Exception, Policy};

/// Operators that we honour as the tests of texts that they name, and that Kyverno does not have.
const OURS: [&str; 4] = ["contains", "notcontains", "startswith", "endswith"];
/// Kinds whose Pods a rule may be about.
const WITH_PODS: [&str; 9] = [
    "Pod",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "PodTemplate",
];

pub(super) fn exception(root: &Node, remarks: &mut Vec<Remark>) {
    if let Err(errors) = Exception::load(root) {
        remarks.extend(errors.into_iter().map(Remark::from));
    }
}

pub(super) fn policy(root: &Node, remarks: &mut Vec<Remark>) {
    if let Err(errors) = Policy::load(root) {
        remarks.extend(errors.into_iter().map(Remark::from));
    }
    let Some(spec) = root.get("spec") else { return };
    actions(spec, remarks);
    let failure = spec.path(&["webhookConfiguration", "failurePolicy"]).or_else(|| spec.get("failurePolicy"));
    if let Some(failure) = failure.filter(|failure| failure.as_str() == Some("Ignore")) {
        let message = "a request that cannot be judged in time is admitted".to_owned();
        remarks.push(remark(failure, Weight::Warning, "fails-open", message, "leave `failurePolicy` at `Fail`"));
    }
    mappings(spec, "spec", &mut |_, node| {
        if let Some(operator) = node.get("operator").filter(|_| node.get("key").is_some())
            && let Some(name) = operator.as_str().filter(|name| OURS.contains(&name.to_lowercase().as_str()))
        {
            let message = format!(
                "Kyverno has no operator `{name}` and refuses the policy; here it tests texts as its name says"
            );
            let hint = "for Kyverno write `Equals`, `NotEquals` or `AnyIn` with wildcards, as in `\"*:latest\"`";
            remarks.push(remark(operator, Weight::Note, "not-kyverno", message, hint));
        }
    });
    for rule in items(spec, "rules") {
        rule_of(rule, spec, remarks);
    }
}

/// What refuses nothing.
fn actions(spec: &Node, remarks: &mut Vec<Remark>) {
    let is_audit = |node: &Node| node.as_str().is_some_and(|text| text.eq_ignore_ascii_case("audit"));
    let hint = "write `Enforce` once nothing fails that should run";
    let mut any = false;
    for rule in items(spec, "rules") {
        for section in ["validate", "verifyImages"] {
            let sections = rule.get(section).into_iter().flat_map(|node| match node.as_seq() {
                Some(list) => list.iter().collect(),
                None => vec![node],
            });
            for action in sections.filter_map(|node| node.get("failureAction")) {
                any = true;
                if is_audit(action) {
                    let message = "failures of this rule are reported and refuse nothing".to_owned();
                    remarks.push(remark(action, Weight::Note, "audit", message, hint));
                }
            }
        }
    }
    match spec.get("validationFailureAction") {
        Some(action) if is_audit(action) => {
            let message = "failures are reported and refuse nothing".to_owned();
            remarks.push(remark(action, Weight::Note, "audit", message, hint));
        }
        None if !any
            && items(spec, "rules")
                .any(|rule| rule.get("validate").is_some() || rule.get("verifyImages").is_some()) =>
        {
            let message = "no `validationFailureAction` is written, and Kyverno takes `Audit`: failures refuse nothing"
                .to_owned();
            remarks.push(remark(spec, Weight::Note, "audit", message, hint));
        }
        _ => {}
    }
}

fn rule_of(rule: &Node, spec: &Node, remarks: &mut Vec<Remark>) {
    for check in items(rule, "verifyImages") {
        verify(check, remarks);
    }
    let Some(validate) = rule.get("validate") else { return };
    // Patterns over images, and conditions about them.
    mappings(validate, "validate", &mut |_, node| {
        for (key, value) in node.as_map().into_iter().flatten() {
            if key.text().is_some_and(|key| bare(key) == "image") {
                patterns::image(value, remarks);
            }
        }
        let about_image = node.get("key").and_then(Node::as_str).is_some_and(|key| key.contains("image"));
        if about_image && let Some(value) = node.get("value") {
            match value.as_seq() {
                Some(list) => list.iter().for_each(|value| patterns::image(value, remarks)),
                None => patterns::image(value, remarks),
            }
        }
    });
    if about_pods(rule) {
        containers(rule, validate, remarks);
        untagged(validate, spec, remarks);
    }
}

/// Whether a rule is about Pods, or about what makes them.
fn about_pods(rule: &Node) -> bool {
    let mut found = false;
    if let Some(filter) = rule.get("match") {
        mappings(filter, "match", &mut |_, node| {
            found |= items(node, "kinds").filter_map(Node::as_str).any(|kind| {
                WITH_PODS.contains(&kind.split('/').find(|part| part.starts_with(char::is_uppercase)).unwrap_or(kind))
            });
        });
    }
    found
}

/// A key without its anchor.
fn bare(key: &str) -> &str {
    crate::kyverno::bare_key(key)
}

/// Texts and keys of a rule, which say what it looks at.
fn words<'n>(node: &'n Node, see: &mut dyn FnMut(&'n str)) {
    if let Some(text) = node.as_str() {
        see(text);
    }
    for item in node.as_seq().into_iter().flatten() {
        words(item, see);
    }
    for (key, value) in node.as_map().into_iter().flatten() {
        if let Some(key) = key.text() {
            see(key);
        }
        words(value, see);
    }
}

/// Whether a text names a field: as a word of its own.
fn names(text: &str, field: &str) -> bool {
    text.match_indices(field).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + field.len()..).and_then(|text| text.chars().next());
        let word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !word(before) && !word(after)
    })
}

fn containers(rule: &Node, validate: &Node, remarks: &mut Vec<Remark>) {
    let (mut containers, mut init, mut ephemeral, mut volumes, mut image) = (false, false, false, false, false);
    let mut see = |text: &str| {
        // `containers[]` of a wildcard over kinds, as in `spec.[ephemeralContainers, initContainers, containers][]`, names all of them.
        containers |= names(text, "containers");
        init |= names(text, "initContainers");
        ephemeral |= names(text, "ephemeralContainers");
        volumes |= names(text, "volumes");
        image |= names(text, "image") || names(text, "images");
    };
    words(validate, &mut see);
    if let Some(context) = rule.get("context") {
        words(context, &mut see);
    }
    if !containers {
        return;
    }
    let missing: Vec<&str> = [(init, "initContainers"), (ephemeral, "ephemeralContainers")]
        .iter()
        .filter(|(is, _)| !is)
        .map(|(_, name)| *name)
        .collect();
    if !missing.is_empty() {
        let message =
            format!("only `containers` are looked at: what is asked of them is not asked of {}", list(&missing));
        let hint = "add `=(initContainers)` and `=(ephemeralContainers)` to the pattern, or go over \
                    `request.object.spec.[ephemeralContainers, initContainers, containers][]`";
        remarks.push(remark(validate, Weight::Warning, "containers-only", message, hint));
    }
    if image && !volumes {
        let message = "images of volumes (`spec.volumes[].image.reference`) are not looked at".to_owned();
        let hint = "add a rule for `=(volumes)` with `=(image)`; Signet's own policies see them";
        remarks.push(remark(validate, Weight::Warning, "image-volumes", message, hint));
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" and ")
}

/// `latest` is refused, and what has no tag at all is not.
fn untagged(validate: &Node, spec: &Node, remarks: &mut Vec<Remark>) {
    let mut demanded = false;
    words(spec, &mut |text| {
        let text = text.trim();
        demanded |= matches!(text, "*:*" | "*@sha256:*" | "*@*") || text.contains("?*:?*") || text.contains("@sha256:");
    });
    if demanded {
        return;
    }
    let mut at = None;
    mappings(validate, "validate", &mut |_, node| {
        for (key, value) in node.as_map().into_iter().flatten() {
            let key = key.text().map(bare).unwrap_or_default();
            let refuses = value.as_str().is_some_and(|text| {
                let text = text.trim();
                (key == "image" && text.starts_with('!') && text.ends_with(":latest"))
                    || (key == "value" && matches!(text, ":latest" | "*:latest" | "latest"))
            });
            // A condition about the tag as Kyverno reads it sees `latest` where nothing is written.
            let about_tag = node.get("key").and_then(Node::as_str).is_some_and(|key| key.contains("tag"));
            if refuses && !about_tag {
                at.get_or_insert(value);
            }
        }
    });
    if let Some(at) = at {
        let message =
            "`latest` is refused where it is written, and an image without any tag passes: it is pulled as `latest`"
                .to_owned();
        remarks.push(remark(at, Weight::Warning, "untagged", message, "add a rule with the pattern `image: \"*:*\"`"));
    }
}

/// One entry of `verifyImages`.
fn verify(check: &Node, remarks: &mut Vec<Remark>) {
    for key in ["imageReferences", "skipImageReferences"] {
        items(check, key).for_each(|reference| patterns::image(reference, remarks));
    }
    if let Some(image) = check.get("image") {
        patterns::image(image, remarks);
    }
    let message = "image volumes (`spec.volumes[].image.reference`) are not verified by Kyverno".to_owned();
    let hint = "Signet verifies them; for Kyverno refuse `spec.volumes[].image` by a rule of its own";
    remarks.push(remark(check, Weight::Note, "image-volumes", message, hint));
    let attests = items(check, "attestations").any(|attestation| items(attestation, "attestors").next().is_some());
    if items(check, "attestors").next().is_none()
        && !attests
        && check.get("key").is_none()
        && check.get("issuer").is_none()
    {
        let message = "no `attestors` are named: images are matched, and no signature is asked of them".to_owned();
        remarks.push(remark(check, Weight::Warning, "not-verified", message, "name the keys or identities that sign"));
    }
    let off = |key: &str| check.get(key).and_then(Node::as_bool) == Some(false);
    if off("required") && off("verifyDigest") {
        let message =
            "neither a signature (`required`) nor a digest (`verifyDigest`) is demanded in the end".to_owned();
        remarks.push(remark(check, Weight::Warning, "not-verified", message, "leave one of them at `true`"));
    }
    for attestation in items(check, "attestations") {
        items(attestation, "attestors").for_each(|set| attestors(set, 0, remarks));
        if items(attestation, "attestors").next().is_none() {
            let message =
                "an attestation without `attestors` counts unsigned: whoever can push to the repository can write it"
                    .to_owned();
            remarks.push(remark(
                attestation,
                Weight::Warning,
                "not-verified",
                message,
                "name the keys or identities that attest",
            ));
        }
    }
    items(check, "attestors").for_each(|set| attestors(set, 0, remarks));
}

/// Depth of nested attestors.
const MAX_NESTED: usize = 16;

fn attestors(set: &Node, depth: usize, remarks: &mut Vec<Remark>) {
    let entries = items(set, "entries").count();
    if let Some(count) = set.get("count").filter(|count| count.as_i64().is_some_and(|count| count > entries as i64)) {
        // A key entry with several keys stands for as many.
        let several = items(set, "entries").any(|entry| {
            let keys = entry.path(&["keys", "publicKeys"]).and_then(Node::text).unwrap_or_default();
            keys.matches("BEGIN PUBLIC KEY").count() > 1 || keys.contains("{{")
        });
        if !several {
            let message = format!("more attestors are asked for than the {entries} that are named: nothing can pass");
            remarks.push(remark(count, Weight::Warning, "count", message, "lower `count`"));
        }
    }
    if entries == 0 {
        let message = "a set of attestors without entries".to_owned();
        remarks.push(remark(set, Weight::Warning, "count", message, "name keys or identities in `entries`"));
    }
    for entry in items(set, "entries") {
        if let Some(keyless) = entry.get("keyless") {
            for (key, what) in [("issuer", "issuer"), ("subject", "subject")] {
                if let Some(node) = keyless.get(key) {
                    patterns::identity(node, what, remarks);
                }
                if let Some(node) = keyless.get(&format!("{key}RegExp")) {
                    patterns::regexp(node, what, remarks);
                }
            }
            let given = |keys: [&str; 2]| keys.iter().any(|key| keyless.get(key).is_some());
            if !given(["subject", "subjectRegExp"]) {
                let message = "no `subject` is named: everybody that the issuer knows may sign".to_owned();
                remarks.push(remark(keyless, Weight::Warning, "anybody", message, "name the `subject`"));
            }
            if !given(["issuer", "issuerRegExp"]) {
                let message =
                    "no `issuer` is named: any that the certificate authority takes may vouch for the subject"
                        .to_owned();
                remarks.push(remark(keyless, Weight::Warning, "anybody", message, "name the `issuer`"));
            }
        }
        for kind in ["keyless", "keys", "certificates"] {
            if let Some(off) = entry.path(&[kind, "rekor", "ignoreTlog"]).filter(|off| off.as_bool() == Some(true)) {
                let message = match kind {
                    "keyless" => "without the log nobody knows when a certificate of ten minutes was used",
                    _ => "signatures count that no log has seen: a stolen key leaves no trace",
                };
                remarks.push(remark(
                    off,
                    Weight::Warning,
                    "no-log",
                    message.to_owned(),
                    "leave `ignoreTlog` at `false`, or ask for timestamps",
                ));
            }
        }
        if let Some(nested) = entry.get("attestor").filter(|_| depth < MAX_NESTED) {
            attestors(nested, depth + 1, remarks);
        }
    }
}

//! `ClusterImagePolicy` of `policy.sigstore.dev`.

use signet_yaml::Node;

use super::Page;
use super::words::{items, quoted, selector, text};

pub(super) fn policy(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    page.begin(root, format!("ClusterImagePolicy {name}"));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so demands nothing") };
    let globs: Vec<String> = items(spec, "images").filter_map(|image| image.get("glob")).map(quoted).collect();
    page.say(0, format!("it is about the images {}", super::words::join(globs, "or")));
    page.say(
        0,
        match text(spec, "mode") {
            Some("warn") => "what fails is a warning, and runs",
            _ => "what fails does not run",
        },
    );
    for one in items(spec, "match") {
        let part = |key: &str| text(one, key).unwrap_or("*");
        let labels = one.get("selector").map(|found| format!(" where {}", selector(found))).unwrap_or_default();
        page.say(0, format!("only in `{}` of `{}/{}`{labels}", part("resource"), part("group"), part("version")));
    }
    let many = items(spec, "authorities").count();
    if many > 1 {
        page.say(0, format!("one of its {many} authorities is enough"));
    }
    for (index, authority) in items(spec, "authorities").enumerate() {
        let name = authority.get("name").map_or_else(|| format!("`authority-{index}`"), quoted);
        page.begin(authority, format!("Authority {name}"));
        self::authority(authority, page);
    }
    if let Some(found) = spec.get("policy") {
        page.begin(found, "What must hold of all that was verified together");
        rule(found, 0, page);
    }
}

fn authority(node: &Node, page: &mut Page) {
    if let Some(found) = node.get("static") {
        let says = match text(found, "action") {
            Some("pass") => "every image passes, signed or not",
            _ => "no image passes",
        };
        page.say(0, says);
        if let Some(message) = found.get("message") {
            page.say(1, format!("with the message {}", quoted(message)));
        }
    }
    if let Some(key) = node.get("key") {
        let from = ["secretRef", "kms"].into_iter().find_map(|from| key.get(from));
        let from = from.map_or_else(|| "in the policy".to_owned(), |found| format!("at {}", quoted(found)));
        page.say(0, format!("signed with the key {from}"));
    }
    if let Some(keyless) = node.get("keyless") {
        page.say(0, "signed by one of these, as a certificate vouches:");
        for one in items(keyless, "identities") {
            let part = |plain: &str, expression: &str| match (one.get(plain), one.get(expression)) {
                (Some(found), _) => quoted(found),
                (None, Some(found)) => format!("something that matches {}", quoted(found)),
                (None, None) => "anything".to_owned(),
            };
            let (subject, issuer) = (part("subject", "subjectRegExp"), part("issuer", "issuerRegExp"));
            page.say(1, format!("{subject} of the issuer {issuer}"));
        }
        for (key, says) in
            [("url", "the certificate authority is"), ("trustRootRef", "the roots of trust are those of")]
        {
            if let Some(found) = keyless.get(key) {
                page.say(1, format!("{says} {}", quoted(found)));
            }
        }
        if keyless.get("insecureIgnoreSCT").and_then(Node::as_bool) == Some(true) {
            page.say(1, "no certificate log need know of the certificate");
        }
    }
    for (key, says) in [
        ("ctlog", "the transparency log is"),
        ("rfc3161timestamp", "a timestamp is needed, of"),
        ("source", "signatures lie at"),
        ("signatureFormat", "signatures are of the form"),
    ] {
        if let Some(found) = node.get(key) {
            page.say(0, format!("{says} {}", quoted(found)));
        }
    }
    for one in items(node, "attestations") {
        let kind = one.get("predicateType").map(quoted).unwrap_or_default();
        page.say(0, format!("there must be a signed statement of the type {kind}"));
        if let Some(found) = one.get("policy") {
            rule(found, 1, page);
        }
    }
}

fn rule(node: &Node, depth: usize, page: &mut Page) {
    let data = node.get("data").or_else(|| node.get("configMapRef")).or_else(|| node.get("remote"));
    let data = data.map(quoted).unwrap_or_default();
    match text(node, "type").unwrap_or_default() {
        "cue" => page.say(
            depth,
            format!("a policy in CUE, which is not evaluated: each image that it matches is denied: {data}"),
        ),
        kind => page.say(depth, format!("the policy in {kind} must allow: {data}")),
    }
}

//! `TrustPolicy` of `signet.dev`.

use signet_yaml::Node;

use super::{Remark, Weight, patterns, remark};

/// Sections that ask something of an image; the others say for whom, how far, or who may override.
const ASKING: [&str; 11] = [
    "digest",
    "signatures",
    "provenance",
    "sbom",
    "vulnerabilities",
    "secrets",
    "config",
    "base",
    "freshness",
    "revoked",
    "debug",
];

/// What its own reader says stands in the report of whoever has the whole text (`TrustPolicy::parse`); here is what it means.
pub(super) fn policy(root: &Node, remarks: &mut Vec<Remark>) {
    let Some(spec) = root.get("spec") else { return };
    if let Some(mode) = spec.get("mode").filter(|mode| matches!(mode.as_str(), Some("audit" | "warn"))) {
        let message = "what is denied is reported and runs all the same".to_owned();
        remarks.push(remark(
            mode,
            Weight::Note,
            "audit",
            message,
            "write `mode: enforce` once nothing is denied that should run",
        ));
    }
    if let Some(otherwise) = spec.get("otherwise").filter(|node| node.as_str() == Some("ignore")) {
        let message = "images that `images` does not name are not judged at all".to_owned();
        remarks.push(remark(otherwise, Weight::Note, "fails-open", message, "write `otherwise: deny`"));
    }
    if spec.get("otherwise").is_some_and(|node| node.as_str() == Some("deny")) && spec.get("images").is_none() {
        let message = "`otherwise` is about images that `images` does not name, and there is no `images`".to_owned();
        let at = spec.get("otherwise").unwrap_or(spec);
        remarks.push(remark(at, Weight::Note, "asks-nothing", message, "leave it out, or name the images"));
    }
    for list in [&["images"][..], &["base", "allow"], &["debug", "images"]] {
        let patterns = spec.path(list).and_then(Node::as_seq).into_iter().flatten();
        patterns.for_each(|image| patterns::image(image, remarks));
    }
    identities(spec, remarks);
    signatures(spec, remarks);
    sections(spec, remarks);
    evidence(spec, remarks);
}

fn identities(spec: &Node, remarks: &mut Vec<Remark>) {
    for list in [&["signatures", "authorities"], &["breakGlass", "approvers"], &["summaries", "signers"]] {
        for authority in spec.path(list).and_then(Node::as_seq).into_iter().flatten() {
            for what in ["issuer", "subject"] {
                if let Some(node) = authority.path(&["keyless", what]) {
                    patterns::identity(node, what, remarks);
                    patterns::identity_edges(node, what, remarks);
                }
            }
        }
    }
    for what in ["builder", "source"] {
        if let Some(node) = spec.path(&["provenance", what]) {
            patterns::identity(node, what, remarks);
            patterns::identity_edges(node, what, remarks);
        }
    }
}

fn signatures(spec: &Node, remarks: &mut Vec<Remark>) {
    let Some(require) = spec.path(&["signatures", "require"]) else { return };
    let authorities = spec.path(&["signatures", "authorities"]).and_then(Node::as_seq).map_or(0, <[_]>::len);
    match require.as_i64() {
        Some(0) => {
            let message = "no signature is required".to_owned();
            remarks.push(remark(require, Weight::Warning, "not-verified", message, "require at least one"));
        }
        Some(count) if usize::try_from(count).is_ok_and(|count| count > authorities) => {
            let message =
                format!("more signatures are required than there are authorities ({authorities}): nothing can pass");
            remarks.push(remark(require, Weight::Warning, "count", message, "lower `require`"));
        }
        _ => {}
    }
}

/// Sections that are there and ask for nothing.
fn sections(spec: &Node, remarks: &mut Vec<Remark>) {
    let mut idle = |node: &Node, message: &str, hint: &str| {
        remarks.push(remark(node, Weight::Warning, "asks-nothing", message.to_owned(), hint));
    };
    let mut asked = 0_usize;
    for name in ASKING {
        let Some(node) = spec.get(name) else { continue };
        let is_empty = |key: &str| node.get(key).and_then(Node::as_seq).is_none_or(<[Node]>::is_empty);
        let has = |keys: &[&str]| keys.iter().any(|key| node.get(key).is_some());
        let is_idle = match name {
            "digest" => node.as_str() == Some("ignore"),
            "provenance" => {
                !has(&["builder", "source"]) && node.get("level").is_none_or(|level| level.as_i64() == Some(0))
            }
            "sbom" => node.get("require").and_then(Node::as_bool) == Some(false),
            "vulnerabilities" => !has(&["deny", "warn", "maxAge"]),
            "secrets" | "config" => !has(&["deny", "warn"]),
            "base" => {
                node.get("allow").is_none()
                    && node.get("endOfLife").is_none_or(|action| action.as_str() == Some("ignore"))
            }
            "freshness" => {
                node.get("maxAge").is_none() && node.get("notOlderThanRunning").and_then(Node::as_bool) != Some(true)
            }
            "revoked" => is_empty("digests") && is_empty("keys") && is_empty("identities"),
            _ => false,
        };
        asked += usize::from(!is_idle && name != "revoked" && name != "debug");
        // A place for what will be revoked one day, and a word about tags, are often written out on purpose.
        if is_idle && name != "revoked" && name != "digest" {
            idle(node, &format!("`{name}` stands here and asks for nothing"), "say what it asks, or leave it out");
        }
        for key in ["deny", "warn"] {
            if let Some(rule) = node.get(key).filter(|rule| rule.text().map(str::trim) == Some("false")) {
                idle(rule, &format!("`{name}.{key}: false` objects to nothing"), "write which findings it is about");
            }
        }
    }
    if asked == 0 {
        let message = "images are named, and nothing is asked of them".to_owned();
        let hint = "ask for `signatures`, `vulnerabilities`, or another section";
        remarks.push(remark(spec, Weight::Warning, "not-verified", message, hint));
    }
}

/// Evidence that never counts, and what may change behind it.
fn evidence(spec: &Node, remarks: &mut Vec<Remark>) {
    let is_judged = ["signatures", "provenance", "sbom", "vulnerabilities", "secrets", "config", "base"]
        .iter()
        .find_map(|name| spec.get(name));
    let digest = spec.get("digest");
    if let Some(at) = is_judged
        && digest.is_none_or(|digest| digest.as_str() == Some("ignore"))
    {
        let message = "what a tag names now is judged, and what it names when it is pulled runs".to_owned();
        let hint = "write `digest: pin`, or `digest: require`";
        remarks.push(remark(digest.unwrap_or(at), Weight::Note, "not-pinned", message, hint));
    }
    if spec.get("signatures").is_none() {
        let hint = "name in `signatures.authorities` who may seal it";
        if let Some(sbom) = spec.get("sbom").filter(|sbom| sbom.get("require").and_then(Node::as_bool) != Some(false)) {
            let message = "no authority is named, so any SBOM will do, whoever attached it".to_owned();
            remarks.push(remark(sbom, Weight::Note, "unsealed", message, hint));
        }
        for name in ["vulnerabilities", "secrets", "config"] {
            if let Some(section) = spec.get(name) {
                let message =
                    format!("no authority is named, so no sealed {name} count: each image is scanned, or denied");
                remarks.push(remark(section, Weight::Note, "unsealed", message, hint));
            }
        }
    }
    if let Some(section) = spec.get("vulnerabilities")
        && section.get("maxAge").is_none()
        && spec.get("signatures").is_some()
    {
        let message = "findings of any age count, also those from before a vulnerability was known".to_owned();
        remarks.push(remark(section, Weight::Warning, "stale", message, "write for example `maxAge: 24h`"));
    }
}

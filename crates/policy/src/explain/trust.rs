//! `TrustPolicy` of `signet.dev`.

use signet_yaml::Node;

use super::Page;
use super::words::{items, join, listed, quoted, text, tick};

pub(super) fn policy(root: &Node, page: &mut Page) {
    let name = root.path(&["metadata", "name"]).map(quoted).unwrap_or_default();
    page.begin(root, format!("TrustPolicy {name}"));
    let Some(spec) = root.get("spec") else { return page.say(0, "it has no `spec`, and so demands nothing") };
    page.say(
        0,
        match text(spec, "mode").unwrap_or("enforce") {
            "warn" => "what it denies is a warning, and runs",
            "audit" => "what it denies is recorded, and runs",
            _ => "what it denies does not run",
        },
    );
    match listed(spec.get("images"), "or") {
        Some(images) => {
            page.say(
                0,
                format!("it is about the images {images} (`*` is one part of the path, `**` any number of parts)"),
            );
            page.say(
                0,
                match text(spec, "otherwise") {
                    Some("ignore") => "images that it does not name are not its business",
                    _ => "an image that neither it nor another policy names is denied",
                },
            );
        }
        None => page.say(0, "it is about every image"),
    }
    for (key, node) in spec.as_map().unwrap_or_default() {
        section(key.text().unwrap_or_default(), node, spec, page);
    }
}

fn section(name: &str, node: &Node, spec: &Node, page: &mut Page) {
    match name {
        "digest" => {
            page.begin(node, "Digests");
            match node.text().unwrap_or_default() {
                "pin" => {
                    page.say(0, "the digest that was judged is written beside the tag, so that nothing else can run");
                    if text(spec, "pullPolicy") == Some("IfNotPresent") {
                        page.say(0, "what was pinned may be taken from the node (`IfNotPresent`)");
                    }
                }
                "require" => page.say(0, "the image must be named by its digest"),
                _ => page.say(0, "tags may stand alone"),
            }
        }
        "signatures" => {
            page.begin(node, "Signatures");
            let require = node.get("require").map_or_else(|| "`1`".to_owned(), quoted);
            page.say(0, format!("the image must be signed by {require} of these, and nobody counts twice:"));
            authorities(node, "authorities", page);
        }
        "provenance" => {
            page.begin(node, "Provenance");
            page.say(0, "there must be one signed provenance that meets all of:");
            for (key, says) in
                [("level", "SLSA build level at least"), ("builder", "built by"), ("source", "built from")]
            {
                if let Some(value) = node.get(key) {
                    page.say(1, format!("{says} {}", quoted(value)));
                }
            }
        }
        "sbom" if node.get("require").and_then(Node::as_bool) != Some(false) => {
            page.begin(node, "SBOM");
            let by = match spec.get("signatures") {
                Some(_) => "sealed by one of the authorities of `signatures`",
                None => "attached; nobody need vouch for it, as no authority is named",
            };
            page.say(0, format!("there must be an SBOM for each platform, {by}"));
        }
        "vulnerabilities" => vulnerabilities(node, page),
        "secrets" | "config" => {
            page.begin(node, if name == "secrets" { "Secrets in the image" } else { "Misconfiguration" });
            expressions(node, page);
        }
        "base" => {
            page.begin(node, "Base image");
            if let Some(allow) = node.get("allow") {
                match listed(Some(allow), "or") {
                    Some(names) => page.say(0, format!("it must stand on {names}, and its layers must show it")),
                    None => page.say(0, "no base is allowed"),
                }
            }
            if let Some(action) = text(node, "endOfLife") {
                page.say(0, format!("a base past its end of life: {}", tick(action)));
            }
        }
        "freshness" => {
            page.begin(node, "Freshness");
            if let Some(age) = node.get("maxAge") {
                page.say(0, format!("it must have been signed or made within the last {}", quoted(age)));
            }
            if node.get("notOlderThanRunning").and_then(Node::as_bool) == Some(true) {
                page.say(0, "it must not be older than what the workload runs already");
            }
        }
        "revoked" => {
            page.begin(node, "Revoked, before everything else");
            for (key, says) in [
                ("digests", "these images are denied:"),
                ("keys", "signatures by these keys count for nothing:"),
                ("identities", "signatures by these identities count for nothing:"),
            ] {
                if let Some(values) = listed(node.get(key), "and") {
                    page.say(0, format!("{says} {values}"));
                }
            }
        }
        "debug" => {
            page.begin(node, "Ephemeral containers");
            if let Some(images) = node.get("images") {
                let images = listed(Some(images), "or").unwrap_or_else(|| "none".to_owned());
                page.say(0, format!("only these images may be attached to what runs: {images}"));
            }
            if let Some(groups) = node.get("groups") {
                let groups = listed(Some(groups), "or").unwrap_or_else(|| "nobody".to_owned());
                page.say(0, format!("only by members of: {groups}"));
            }
        }
        "runtime" => {
            page.begin(node, "At run time (judged where it runs, not at the gate)");
            for (key, says) in [
                ("drift", "a file is run that was not in the image"),
                ("unsealedProcess", "a process of an image that passed no gate"),
            ] {
                if let Some(action) = node.get(key) {
                    page.say(0, format!("{says}: {}", quoted(action)));
                }
            }
        }
        "summaries" => {
            page.begin(node, "Verified by others");
            let age = node.get("maxAge").map(quoted).unwrap_or_default();
            page.say(
                0,
                format!("what one of these verified by this very policy within the last {age} is not verified again:"),
            );
            authorities(node, "signers", page);
            if let Some(verifiers) = listed(node.get("verifiers"), "or") {
                page.say(0, format!("as the verifier {verifiers}"));
            }
            page.say(0, "what they refused is denied; blocks and `revoked` hold in any case");
        }
        "breakGlass" => {
            page.begin(node, "Break-glass");
            let require = node.get("require").map_or_else(|| "`2`".to_owned(), quoted);
            let most = node.get("maxDuration").map(quoted).unwrap_or_default();
            page.say(0, format!("{require} different people of these may let a denial pass, for at most {most}, and it shows in every decision:"));
            authorities(node, "approvers", page);
            page.say(0, "nothing that is revoked, and no rule about ephemeral containers, can be overridden");
        }
        _ => {}
    }
}

fn authorities(node: &Node, key: &str, page: &mut Page) {
    for authority in items(node, key) {
        if let Some(keyless) = authority.get("keyless") {
            let part = |key: &str| keyless.get(key).map(quoted).unwrap_or_default();
            page.say(1, format!("the identity {}, as {} vouches (`*` is any text)", part("subject"), part("issuer")));
        } else if let Some(file) = authority.path(&["key", "file"]) {
            let person = authority.get("person").map(|name| format!(", who is {}", quoted(name))).unwrap_or_default();
            page.say(1, format!("the holder of the key in the file {}{person}", quoted(file)));
        } else if authority.path(&["key", "pem"]).is_some() {
            page.say(1, "the holder of the key that stands in the policy");
        }
    }
}

fn expressions(node: &Node, page: &mut Page) {
    if let Some(deny) = node.get("deny") {
        page.say(0, format!("denied is each image with a finding for which holds: {}", quoted(deny)));
        page.say(0, "so is one for which that cannot be told, and one that nobody looked at");
    }
    if let Some(warn) = node.get("warn") {
        page.say(0, format!("warned is about each finding for which holds: {}", quoted(warn)));
    }
}

fn vulnerabilities(node: &Node, page: &mut Page) {
    page.begin(node, "Vulnerabilities");
    page.say(0, "looked at are findings that an authority sealed, else its sealed SBOM matched now, else a scan");
    expressions(node, page);
    if let Some(age) = node.get("maxAge") {
        page.say(
            0,
            format!("the findings, and the data that they were made with, must not be older than {}", quoted(age)),
        );
    }
    for accept in items(node, "accept") {
        let part = |key: &str| accept.get(key).map(quoted).unwrap_or_default();
        page.say(
            0,
            format!(
                "accepted, and reviewed every {}: findings for which holds {} ({})",
                part("reviewEvery"),
                part("when"),
                part("reason")
            ),
        );
    }
    for exception in items(node, "exceptions") {
        let part = |key: &str| exception.get(key).map(quoted).unwrap_or_default();
        let mut ids: Vec<String> = items(exception, "ids").map(quoted).collect();
        ids.extend(exception.get("id").map(quoted));
        let packages = listed(exception.get("packages"), "or").unwrap_or_else(|| "any package".to_owned());
        page.say(
            0,
            format!(
                "excepted until {}: {} in {packages}, by {} ({})",
                part("until"),
                join(ids, "and"),
                part("owner"),
                part("reason")
            ),
        );
    }
}

//! `ClusterImagePolicy` of `policy.sigstore.dev`.

use signet_yaml::Node;

use super::{Remark, Weight, items, mappings, patterns, remark};
use crate::image_policy::{Policy, TrustRoot};

/// `TrustRoot` of the same group.
pub(super) fn trust_root(root: &Node, remarks: &mut Vec<Remark>) {
    match TrustRoot::load(root) {
        Err(problems) => remarks.extend(problems.into_iter().map(Remark::from)),
        Ok(found) => {
            for why in found.unusable {
                let message = format!("{why}: each policy that needs this trust root refuses");
                remarks.push(remark(
                    root.get("spec").unwrap_or(root),
                    Weight::Warning,
                    "invalid",
                    message,
                    "write it as base64",
                ));
            }
        }
    }
}

pub(super) fn policy(root: &Node, remarks: &mut Vec<Remark>) {
    if let Err(problems) = Policy::load(root) {
        remarks.extend(problems.into_iter().map(Remark::from));
    }
    let Some(spec) = root.get("spec") else {
        remarks.push(remark(root, Weight::Error, "invalid", "the policy has no `spec`".to_owned(), ""));
        return;
    };
    if let Some(mode) = spec.get("mode").filter(|mode| mode.as_str() == Some("warn")) {
        let message = "failures are warnings and refuse nothing".to_owned();
        remarks.push(remark(
            mode,
            Weight::Note,
            "audit",
            message,
            "write `mode: enforce` once nothing fails that should run",
        ));
    }
    for glob in items(spec, "images").filter_map(|image| image.get("glob")) {
        // Its `*` stops at a slash, so only the registry's own name can be continued.
        let text = glob.text().unwrap_or_default();
        if text.trim_matches('*').is_empty() {
            continue;
        }
        patterns::image(glob, remarks);
    }
    if items(spec, "authorities").next().is_none() {
        let message = "no `authorities` are named: images are matched, and nothing is asked of them".to_owned();
        remarks.push(remark(spec, Weight::Warning, "not-verified", message, "name the keys or identities that sign"));
    }
    for authority in items(spec, "authorities") {
        if let Some(action) = authority.path(&["static", "action"]).filter(|action| action.as_str() == Some("pass")) {
            let message =
                "every image that is matched passes, whatever the other authorities say: one of them suffices"
                    .to_owned();
            remarks.push(remark(action, Weight::Warning, "not-verified", message, "match fewer images"));
        }
        if let Some(keyless) = authority.get("keyless") {
            for identity in items(keyless, "identities") {
                for (key, what) in [("issuer", "issuer"), ("subject", "subject")] {
                    if let Some(node) = identity.get(&format!("{key}RegExp")) {
                        patterns::regexp(node, what, remarks);
                    }
                }
            }
        }
    }
    mappings(spec, "spec", &mut |key, node| {
        if key == "policy"
            && let Some(kind) = node.get("type").filter(|kind| kind.as_str() == Some("cue"))
        {
            let message = "a policy in CUE is not evaluated: each image that this one matches is refused".to_owned();
            remarks.push(remark(
                kind,
                Weight::Warning,
                "cue",
                message,
                "write it in Rego (`type: rego`), or as CEL in a TrustPolicy",
            ));
        }
    });
}

//! `TrustPolicy` of `signet.dev`.

use signet_yaml::Node;

use super::{Remark, Weight, items, patterns, remark};

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
    items(spec, "images").for_each(|image| patterns::image(image, remarks));
    for authority in spec.path(&["signatures", "authorities"]).and_then(Node::as_seq).into_iter().flatten() {
        for (key, what) in [("issuer", "issuer"), ("subject", "subject")] {
            if let Some(node) = authority.path(&["keyless", key]) {
                patterns::identity(node, what, remarks);
            }
        }
    }
    if let Some(require) = spec.path(&["signatures", "require"]) {
        let authorities = spec.path(&["signatures", "authorities"]).and_then(Node::as_seq).map_or(0, <[_]>::len);
        match require.as_i64() {
            Some(0) => {
                let message = "no signature is required".to_owned();
                remarks.push(remark(require, Weight::Warning, "not-verified", message, "require at least one"));
            }
            Some(require_count) if require_count > authorities as i64 => {
                let message = format!(
                    "more signatures are required than there are authorities ({authorities}): nothing can pass"
                );
                remarks.push(remark(require, Weight::Warning, "count", message, "lower `require`"));
            }
            _ => {}
        }
    }
}

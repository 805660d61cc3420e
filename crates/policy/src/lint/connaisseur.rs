//! Connaisseur's configuration.

use signet_yaml::Node;

use super::{Remark, Weight, items, remark};
use crate::connaisseur::Config;

pub(super) fn config(root: &Node, remarks: &mut Vec<Remark>) {
    let part = root.get("application").unwrap_or(root);
    let config = match Config::load(root) {
        Ok(config) => config,
        Err(problems) => {
            remarks.extend(problems.into_iter().map(Remark::from));
            return;
        }
    };
    if config.detects_only {
        let at = part.path(&["features", "detectionMode"]).unwrap_or(part);
        let message = "failures are warnings and refuse nothing".to_owned();
        remarks.push(remark(
            at,
            Weight::Note,
            "audit",
            message,
            "write `detectionMode: false` once nothing fails that should run",
        ));
    }
    let validator_of = |rule: &Node| {
        let name = rule.get("validator").and_then(Node::as_str).filter(|name| !name.is_empty()).unwrap_or("default");
        config.validators.iter().find(|validator| validator.name == name).ok_or_else(|| name.to_owned())
    };
    for rule in items(part, "policy") {
        let Some(pattern) = rule.get("pattern") else { continue };
        let text = pattern.text().unwrap_or_default();
        let open = text.is_empty() || text.chars().all(|letter| matches!(letter, '*' | ':' | '/'));
        match validator_of(rule) {
            Err(name) => {
                let message = format!("there is no validator `{name}`: each image of this rule is refused");
                remarks.push(remark(rule, Weight::Warning, "invalid", message, "add the validator, or name another"));
            }
            Ok(validator) if validator.is_notary_v1() => {
                let message = "Docker Content Trust is not verified: each image of this rule is refused".to_owned();
                remarks.push(remark(rule, Weight::Warning, "invalid", message, "sign with Cosign or Notation"));
            }
            Ok(validator) if validator.approves_all() && open => {
                let message = "every image that no better rule names passes".to_owned();
                remarks.push(remark(
                    pattern,
                    Weight::Warning,
                    "not-verified",
                    message,
                    "let a static validator with `approve: false` be the last resort",
                ));
            }
            // Patterns are open at both ends.
            Ok(_) if !open && !text.starts_with('*') => {
                let first = text.split('/').next().unwrap_or_default();
                let is_host = text.contains('/') && (first.contains(['.', ':']) || first == "localhost");
                if is_host && validator_of(rule).is_ok_and(|validator| validator.approves_all()) {
                    let message =
                        format!("`{text}` is looked for anywhere in a name, so the registry `evil-{first}` passes too");
                    remarks.push(remark(
                        pattern,
                        Weight::Note,
                        "missing-slash",
                        message,
                        "let what passes by itself be refused by name elsewhere",
                    ));
                }
            }
            Ok(_) => {}
        }
        if let Some(log) = rule.path(&["with", "verifyInTransparencyLog"]).filter(|log| log.as_bool() == Some(false)) {
            let message = "a signature counts that no transparency log has seen".to_owned();
            remarks.push(remark(log, Weight::Note, "no-log", message, "leave it out"));
        }
        if let Some(mode) = rule.path(&["with", "mode"]).filter(|mode| mode.as_str() == Some("insecureValidateOnly")) {
            let message =
                "the digest that was verified is not written: the tag may name another image when it is pulled"
                    .to_owned();
            remarks.push(remark(mode, Weight::Warning, "not-pinned", message, "write `mode: mutate`"));
        }
    }
}

//! The settings that are in force, for `grype config` and for the JSON's descriptor.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::args::Scan;
use crate::foreign::config::Config;
use crate::output;

/// What a run was asked for. No credential is among it.
pub(super) fn configuration(args: &Scan) -> Value {
    json!({
        "output": args.output,
        "file": args.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        "distro": args.distro.clone().unwrap_or_default(),
        "add-cpes-if-none": args.add_cpes_if_none,
        "only-fixed": args.only_fixed,
        "only-notfixed": args.only_notfixed,
        "ignore-states": args.ignore_states.join(","),
        "platform": args.platform.clone().unwrap_or_default(),
        "search": { "scope": args.scope },
        "exclude": args.exclude,
        "from": args.from,
        "fail-on-severity": args.fail_on.clone().unwrap_or_default(),
        "show-suppressed": args.show_suppressed,
        "by-cve": args.by_cve,
        "sort-by": args.sort_by,
        "name": args.name.clone().unwrap_or_default(),
        "vex-documents": args.vex.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    })
}

/// `grype config`: YAML, each key with its variable.
pub(super) fn command(args: &Scan, config: &Config) -> Result<u8> {
    let mut text = String::new();
    put(&mut text, &configuration(args), "", config);
    let others = json!({
        "match-upstream-kernel-headers": config.switch("match-upstream-kernel-headers", false)?,
        "db": {
            "auto-update": config.switch("db.auto-update", true)?,
            "update-url": config.text("db.update-url")?.unwrap_or_else(|| super::data::PUBLISHED.to_owned()),
            "cache-dir": config.text("db.cache-dir")?.unwrap_or_default(),
            "validate-age": config.switch("db.validate-age", true)?,
            "max-allowed-built-age": config.text("db.max-allowed-built-age")?.unwrap_or_else(|| "120h0m0s".to_owned()),
        },
    });
    put(&mut text, &others, "", config);
    let count = config.node("ignore").and_then(Value::as_array).map_or(0, Vec::len);
    let _ = writeln!(text, "# {count} rules under `ignore`");
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}

fn put(text: &mut String, value: &Value, above: &str, config: &Config) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let whole = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        let indent = "  ".repeat(whole.matches('.').count());
        if value.is_object() {
            let _ = writeln!(text, "{indent}{key}:");
            put(text, value, &whole, config);
        } else {
            // JSON scalars and lists are YAML.
            let _ = writeln!(text, "{indent}# {}\n{indent}{key}: {value}", config.variable(&whole));
        }
    }
}

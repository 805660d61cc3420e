//! `--config trivy.yaml`: values for flags, under the keys that Trivy gives them. The command line and the environment come first.
//!
//! Source: aquasecurity/trivy:docs/guide/references/configuration/config-file.md.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::Value;

use super::args;

/// The file that is read when none is named.
const DEFAULT: &str = "trivy.yaml";
/// The file that `--generate-default-config` writes.
pub(super) const GENERATED: &str = "trivy-default.yaml";

/// Keys in the file, and the flags that they are.
const KEYS: &[(&str, &str)] = &[
    ("cache.dir", "cache-dir"),
    ("cacert", "cacert"),
    ("db.download-java-only", "download-java-db-only"),
    ("db.download-only", "download-db-only"),
    ("db.java-repository", "java-db-repository"),
    ("db.java-skip-update", "skip-java-db-update"),
    ("db.no-progress", "no-progress"),
    ("db.repository", "db-repository"),
    ("db.skip-update", "skip-db-update"),
    ("debug", "debug"),
    ("dependency-tree", "dependency-tree"),
    ("exit-code", "exit-code"),
    ("exit-on-eol", "exit-on-eol"),
    ("format", "format"),
    ("ignorefile", "ignorefile"),
    ("image.input", "input"),
    ("image.platform", "platform"),
    ("image.source", "image-src"),
    ("insecure", "insecure"),
    ("list-all-pkgs", "list-all-pkgs"),
    ("misconfiguration.config-check", "config-check"),
    ("misconfiguration.helm.set", "helm-set"),
    ("misconfiguration.helm.values", "helm-values"),
    ("output", "output"),
    ("pkg.include-dev-deps", "include-dev-deps"),
    ("pkg.relationships", "pkg-relationships"),
    ("pkg.types", "pkg-types"),
    ("quiet", "quiet"),
    ("registry.password", "password"),
    ("registry.password-stdin", "password-stdin"),
    ("registry.username", "username"),
    ("rego.check-namespaces", "check-namespaces"),
    ("rego.skip-check-update", "skip-check-update"),
    ("rego.skip-policy-update", "skip-check-update"),
    ("report", "report"),
    ("repository.branch", "branch"),
    ("scan.detection-priority", "detection-priority"),
    ("scan.disable-telemetry", "disable-telemetry"),
    ("scan.distro", "distro"),
    ("scan.file-patterns", "file-patterns"),
    ("scan.offline", "offline-scan"),
    ("scan.parallel", "parallel"),
    ("scan.scanners", "scanners"),
    ("scan.show-suppressed", "show-suppressed"),
    ("scan.skip-dirs", "skip-dirs"),
    ("scan.skip-files", "skip-files"),
    ("scan.skip-version-check", "skip-version-check"),
    ("secret.config", "secret-config"),
    ("server.addr", "server"),
    ("server.custom-headers", "custom-headers"),
    ("server.listen", "listen"),
    ("server.token", "token"),
    ("server.token-header", "token-header"),
    ("severity", "severity"),
    ("table-mode", "table-mode"),
    ("template", "template"),
    ("timeout", "timeout"),
    ("vulnerability.ignore-status", "ignore-status"),
    ("vulnerability.ignore-unfixed", "ignore-unfixed"),
    ("vulnerability.severity-source", "vuln-severity-source"),
    ("vulnerability.skip-vex-repo-update", "skip-vex-repo-update"),
    ("vulnerability.vex", "vex"),
];

/// The flags that the file adds: those that the subcommand has and that nobody has set. An empty value sets nothing.
pub(super) fn flags(path: Option<&Path>, table: &clap::Command, matches: &ArgMatches) -> Result<Vec<OsString>> {
    let path = match path {
        Some(path) => path,
        None if Path::new(DEFAULT).is_file() => Path::new(DEFAULT),
        None => return Ok(Vec::new()),
    };
    let named = || format!("cannot read the config file `{}`", path.display());
    let bytes = crate::suppress::read(path).with_context(named)?;
    let documents = signet_yaml::parse_bytes(&bytes, &signet_yaml::Limits::default()).with_context(named)?;
    let Some(document) = documents.first() else { return Ok(Vec::new()) };
    let root = signet_yaml::to_json(&document.root);
    if root.is_null() {
        return Ok(Vec::new());
    }
    ensure!(root.is_object(), "{}: it is no map of keys", named());
    let Some((name, given)) = matches.subcommand() else { return Ok(Vec::new()) };
    let command = table.find_subcommand(name).context("a command that was read is in the table")?;
    let mut flags = Vec::new();
    for (key, flag) in KEYS {
        let Some(value) = root.pointer(&format!("/{}", key.replace('.', "/"))) else { continue };
        let known = command.get_arguments().chain(table.get_arguments()).find(|arg| arg.get_long() == Some(flag));
        let Some(known) = known else { continue };
        let id = known.get_id().as_str();
        let set = given.try_contains_id(id).is_ok_and(|there| there)
            && given.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        let text = text(value).with_context(|| format!("`{key}` in `{}`", path.display()))?;
        if !set && !text.is_empty() {
            flags.push(OsString::from(format!("--{flag}={text}")));
        }
    }
    Ok(flags)
}

fn text(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => items.iter().map(text).collect::<Result<Vec<String>>>()?.join(","),
        Value::Object(_) => bail!("a map cannot be the value of a flag"),
    })
}

/// The file with every key and the flags' own defaults.
pub(super) fn defaults() -> String {
    let table = args::table();
    let mut out = String::new();
    let mut open: Vec<&str> = Vec::new();
    // The old name of a key reads on, and is not written.
    for (key, flag) in KEYS.iter().filter(|(key, _)| *key != "rego.skip-policy-update") {
        let all = table.get_arguments().chain(table.get_subcommands().flat_map(clap::Command::get_arguments));
        let Some(arg) = all.into_iter().find(|arg| arg.get_long() == Some(flag)) else { continue };
        let values: Vec<String> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let same = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        for (depth, part) in parts.iter().enumerate().skip(same) {
            out.push_str(&format!("{}{part}:\n", "  ".repeat(depth)));
        }
        let indent = "  ".repeat(parts.len());
        open = parts;
        if arg.get_value_delimiter().is_some() {
            let items: Vec<&str> = values.iter().flat_map(|value| value.split(',')).collect();
            match items.as_slice() {
                [] => out.push_str(&format!("{indent}{last}: []\n")),
                items => {
                    out.push_str(&format!("{indent}{last}:\n"));
                    items.iter().for_each(|item| out.push_str(&format!("{indent}  - {item:?}\n")));
                }
            }
            continue;
        }
        let value = values.first().map(String::as_str).unwrap_or_default();
        let plain =
            matches!(value, "true" | "false") || value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty();
        out.push_str(&if plain {
            format!("{indent}{last}: {value}\n")
        } else {
            format!("{indent}{last}: {value:?}\n")
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of a flag that is no more would be read and do nothing.
    #[test]
    fn every_key_is_a_flag() {
        let table = args::table();
        let commands: Vec<&clap::Command> = std::iter::once(&table).chain(table.get_subcommands()).collect();
        for (key, flag) in KEYS {
            let known = commands.iter().any(|command| command.get_arguments().any(|arg| arg.get_long() == Some(flag)));
            assert!(known, "{key}: there is no `--{flag}`");
        }
    }

    /// Every flag is also a variable of Trivy's name for it.
    #[test]
    fn every_flag_is_a_variable() {
        let table = args::table();
        for command in std::iter::once(&table).chain(table.get_subcommands()) {
            for arg in command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
                let Some(flag) = arg.get_long() else { continue };
                let wanted = format!("TRIVY_{}", flag.to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env().and_then(std::ffi::OsStr::to_str), Some(wanted.as_str()), "--{flag}");
            }
        }
    }

    #[test]
    fn defaults_read_back() {
        let text = defaults();
        let documents = signet_yaml::parse(&text, &signet_yaml::Limits::default()).unwrap();
        let root = signet_yaml::to_json(&documents[0].root);
        assert_eq!(root.pointer("/scan/offline"), Some(&Value::Bool(false)), "{text}");
        assert_eq!(root.pointer("/pkg/types/1").and_then(Value::as_str), Some("library"), "{text}");
        assert_eq!(root.pointer("/misconfiguration/helm/set"), Some(&Value::Array(Vec::new())), "{text}");
    }
}

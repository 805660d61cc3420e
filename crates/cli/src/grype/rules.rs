//! Rules that take matches out of the report: `ignore:` of `.grype.yaml`, and the flags that stand for rules.
//!
//! Source: anchore/grype:grype/match/ignore.go.

use anyhow::{Context as _, Result, bail, ensure};
use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::Match;
use super::words;

/// What a rule says. Every field that is there must hold; a rule without any does nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(skip_serializing_if = "String::is_empty")]
    vulnerability: String,
    /// Aliases of the vulnerability count too.
    #[serde(skip_serializing_if = "is_false")]
    include_aliases: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix_state: String,
    #[serde(skip_serializing_if = "PackageRule::is_empty")]
    package: PackageRule,
    #[serde(skip_serializing_if = "String::is_empty")]
    vex_status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    vex_justification: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    match_type: String,
}

/// What a rule says of the package.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct PackageRule {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    language: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    ty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    location: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    upstream_name: String,
}

impl PackageRule {
    fn is_empty(&self) -> bool {
        *self == PackageRule::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A rule that is ready to be asked.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) rule: Rule,
    name: Option<Regex>,
    upstream: Option<Regex>,
    location: Option<GlobMatcher>,
}

impl Ready {
    /// Compiles its patterns. A pattern that is none is an error, and a version number that YAML read as a number was refused before.
    fn new(rule: Rule) -> Result<Ready> {
        let pattern = |text: &str| -> Result<Option<Regex>> {
            if text.is_empty() {
                return Ok(None);
            }
            let whole = format!("^(?:{text})$");
            Ok(Some(Regex::new(&whole).with_context(|| format!("`{text}` is no regular expression of package names"))?))
        };
        let location = match rule.package.location.as_str() {
            "" => None,
            text => {
                let glob = GlobBuilder::new(text).literal_separator(true).build();
                Some(glob.with_context(|| format!("`{text}` is no pattern of paths"))?.compile_matcher())
            }
        };
        Ok(Ready {
            name: pattern(&rule.package.name)?,
            upstream: pattern(&rule.package.upstream_name)?,
            location,
            rule,
        })
    }

    /// Whether it takes the match out. `malicious`: a package that has no repair but its removal, which no rule about fixes hides.
    pub(super) fn covers(&self, found: &Match, malicious: bool) -> bool {
        let Rule { vulnerability, namespace, fix_state, package, vex_status, match_type, include_aliases, .. } =
            &self.rule;
        // VEX statements are applied by their own room.
        if !vex_status.is_empty() || (malicious && !fix_state.is_empty()) {
            return false;
        }
        let record = &found.vulnerability;
        let artifact = &found.artifact;
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let named = vulnerability.is_empty()
            || *vulnerability == record.metadata.id
            || (*include_aliases && found.related_vulnerabilities.iter().any(|other| other.id == *vulnerability));
        let placed = self.location.as_ref().is_none_or(|glob| {
            artifact.locations.iter().any(|at| {
                let paths = ["path", "accessPath"].into_iter().filter_map(|key| at.get(key).and_then(Value::as_str));
                paths.into_iter().any(|path| glob.is_match(path))
            })
        });
        let conditions = !vulnerability.is_empty()
            || !namespace.is_empty()
            || !fix_state.is_empty()
            || !match_type.is_empty()
            || !package.is_empty();
        conditions
            && named
            && placed
            && is(namespace, &record.metadata.namespace)
            && is(fix_state, &record.fix.state)
            && is(&package.version, &artifact.version)
            && is(&package.language, &artifact.language)
            && is(&package.ty, &artifact.ty)
            && self.name.as_ref().is_none_or(|name| name.is_match(&artifact.name))
            && self.upstream.as_ref().is_none_or(|name| artifact.upstreams.iter().any(|one| name.is_match(&one.name)))
            && (match_type.is_empty() || found.match_details.iter().any(|detail| detail.ty == *match_type))
    }
}

/// Rules of the configuration, then of the flags. Gives remarks for the reader too.
pub(super) fn gather(
    configured: Option<&Value>,
    only_fixed: bool,
    only_notfixed: bool,
    states: &[String],
) -> Result<(Vec<Ready>, Vec<String>)> {
    let mut rules = Vec::new();
    let mut remarks = Vec::new();
    let configured = match configured {
        None => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(_) => bail!("the setting `ignore` is a list of rules"),
    };
    for (place, rule) in configured.into_iter().enumerate() {
        let context = || format!("cannot read rule {} of the setting `ignore`", place + 1);
        let rule: Rule = serde_json::from_value(rule).with_context(context)?;
        let state = rule.fix_state.as_str();
        ensure!(
            state.is_empty() || words::FIX_STATES.contains(&state),
            "unknown fix state `{state}` in rule {} of the setting `ignore`: {}",
            place + 1,
            words::FIX_STATES.join(", ")
        );
        if matches!(rule.vex_status.as_str(), "affected" | "under_investigation") {
            remarks.push(format!("rules on the VEX status `{}` do nothing in this version", rule.vex_status));
        }
        rules.push(Ready::new(rule).with_context(context)?);
    }
    let mut by_state: Vec<&str> = Vec::new();
    if only_fixed {
        by_state.extend(["not-fixed", "wont-fix", "unknown"]);
    }
    if only_notfixed {
        by_state.push("fixed");
    }
    for state in states.iter().map(|state| state.trim()).filter(|state| !state.is_empty()) {
        ensure!(
            words::FIX_STATES.contains(&state),
            "unknown fix state {state} was supplied for --ignore-states: {}",
            words::FIX_STATES.join(", ")
        );
        by_state.push(state);
    }
    for state in by_state {
        rules.push(Ready::new(Rule { fix_state: state.to_owned(), ..Rule::default() })?);
    }
    Ok((rules, remarks))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::wire::{Artifact, Detail, Fix, Metadata, Upstream, Vulnerability};
    use super::*;

    fn found() -> Match {
        Match {
            vulnerability: Vulnerability {
                metadata: Metadata {
                    id: "GHSA-1".to_owned(),
                    namespace: "github:language:javascript".to_owned(),
                    ..Metadata::default()
                },
                fix: Fix { versions: vec![], state: "not-fixed".to_owned() },
                ..Vulnerability::default()
            },
            related_vulnerabilities: vec![Metadata { id: "CVE-1".to_owned(), ..Metadata::default() }],
            match_details: vec![Detail { ty: "exact-direct-match".to_owned(), ..Detail::default() }],
            artifact: Artifact {
                name: "left-pad".to_owned(),
                version: "1.0.0".to_owned(),
                ty: "npm".to_owned(),
                language: "javascript".to_owned(),
                locations: vec![json!({ "path": "/app/node_modules/left-pad/package.json" })],
                upstreams: vec![Upstream { name: "pad".to_owned(), version: String::new() }],
                ..Artifact::default()
            },
        }
    }

    #[track_caller]
    fn check(rule: Value, wanted: bool) {
        let (rules, _) = gather(Some(&json!([rule])), false, false, &[]).unwrap();
        assert_eq!(rules[0].covers(&found(), false), wanted, "{rule}");
    }

    #[test]
    fn every_field_counts() {
        check(json!({}), false);
        check(json!({ "reason": "because" }), false);
        check(json!({ "vulnerability": "GHSA-1" }), true);
        check(json!({ "vulnerability": "CVE-1" }), false);
        check(json!({ "vulnerability": "CVE-1", "include-aliases": true }), true);
        check(json!({ "namespace": "nvd:cpe" }), false);
        check(json!({ "fix-state": "not-fixed" }), true);
        check(json!({ "match-type": "exact-indirect-match" }), false);
        check(json!({ "package": { "name": "left-.*" } }), true);
        check(json!({ "package": { "name": "left" } }), false);
        check(json!({ "package": { "name": "a|left-pad", "version": "1.0.0", "type": "npm" } }), true);
        check(json!({ "package": { "name": "left-pad", "version": "1.0.1" } }), false);
        check(json!({ "package": { "language": "python" } }), false);
        check(json!({ "package": { "location": "/app/**" } }), true);
        check(json!({ "package": { "location": "/app/*.json" } }), false);
        check(json!({ "package": { "upstream-name": "pad" } }), true);
        check(json!({ "vex-status": "not_affected" }), false);
    }

    #[test]
    fn wrong_rules_are_refused() {
        for rule in [
            json!({ "vulnerabilty": "CVE-1" }),
            json!({ "package": { "nam": "x" } }),
            json!({ "package": { "name": "(" } }),
            json!({ "fix-state": "soon" }),
            json!({ "package": { "version": 1.1 } }),
        ] {
            assert!(gather(Some(&json!([rule])), false, false, &[]).is_err(), "{rule}");
        }
        assert!(gather(Some(&json!({ "vulnerability": "CVE-1" })), false, false, &[]).is_err(), "no list");
        assert!(gather(None, false, false, &["soon".to_owned()]).is_err());
    }

    #[test]
    fn flags_are_rules() {
        let covered = |only_fixed, only_notfixed, states: &[&str], malicious| {
            let states: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
            let (rules, _) = gather(None, only_fixed, only_notfixed, &states).unwrap();
            rules.iter().any(|rule| rule.covers(&found(), malicious))
        };
        assert!(covered(true, false, &[], false));
        assert!(!covered(true, false, &[], true), "a malicious package has no fix but its removal");
        assert!(!covered(false, true, &[], false));
        assert!(covered(false, false, &["unknown", "not-fixed"], false));
    }
}

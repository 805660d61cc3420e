//! What a report shows and the exit code sees, in Trivy's order: severity, status, ignore file, duplicates, VEX.
//!
//! Source: aquasecurity/trivy:pkg/result/filter.go.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use signet_advisories::{IgnoreEntry, IgnoreFile};
use signet_model::{Purl, Severity, Status, Timestamp};

use super::args;
use super::wire::{ModifiedRow, Report, ResultRow, Statement, VulnerabilityRow};

/// The ignore file that is read when none is named.
const DEFAULT: &str = ".trivyignore";

/// What is left out.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) severities: Vec<String>,
    statuses: Vec<String>,
    unfixed: bool,
    ignored: Option<IgnoreFile>,
    show_suppressed: bool,
    list_all: bool,
    /// What was wrong with the ignore file.
    pub(super) warnings: Vec<String>,
}

impl Filter {
    /// Reads the flags and the ignore file.
    pub(super) fn parse(args: &args::Report) -> Result<Filter> {
        let mut severities = Vec::new();
        for word in args.severity.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            let severity: Severity = word.parse()?;
            severities.push(severity.upper().to_owned());
        }
        let mut statuses = Vec::new();
        for word in args.ignore_status.iter().map(|word| word.trim()) {
            let Some(status) = Status::from_name(word) else { bail!("unknown status: `{word}`") };
            statuses.push(status.name().to_owned());
        }
        let mut warnings = Vec::new();
        let ignored = match &args.ignorefile {
            Some(path) => Some(read(path)?),
            None if Path::new(DEFAULT).is_file() => Some(read(Path::new(DEFAULT))?),
            None => None,
        };
        if let Some(file) = &ignored {
            warnings.extend(file.warnings.iter().map(|(line, why)| format!("{}:{line}: {why}", file.name)));
        }
        // These formats are inventories, and a list of all packages is what they are for.
        let inventory = matches!(args.format.as_str(), "cyclonedx" | "spdx" | "spdx-json");
        let list_all = inventory || args.list_all_pkgs.unwrap_or(true);
        Ok(Filter {
            severities,
            statuses,
            unfixed: args.ignore_unfixed,
            ignored,
            show_suppressed: args.show_suppressed,
            list_all,
            warnings,
        })
    }

    /// Leaves out what is to be left out.
    pub(super) fn apply(&self, report: &mut Report, now: Timestamp) {
        for result in &mut report.results {
            self.result(result, now);
        }
        // Trivy keeps results with nothing in them out of the report, but an operating system is always named.
        report.results.retain(|result| {
            result.class == "os-pkgs"
                || !result.packages.is_empty()
                || !result.vulnerabilities.is_empty()
                || !result.modified.is_empty()
                || !result.rest.is_empty()
        });
    }

    /// Other kinds of findings know severities too.
    fn others(&self, result: &mut ResultRow, now: Timestamp) {
        let shown = |row: &serde_json::Value| {
            let severity = row.get("Severity").and_then(serde_json::Value::as_str).unwrap_or_default();
            self.severities.is_empty() || self.severities.iter().any(|wanted| wanted == severity)
        };
        for name in ["Misconfigurations", "Secrets", "Licenses"] {
            let Some(rows) = result.rest.get_mut(name).and_then(serde_json::Value::as_array_mut) else { continue };
            rows.retain(shown);
            let ignored = self.ignored.iter().flat_map(|file| &file.entries);
            let plain: Vec<&IgnoreEntry> = ignored
                .filter(|entry| entry.paths.is_empty() && entry.purls.is_empty())
                .filter(|entry| entry.expires.is_none_or(|end| end > now))
                .collect();
            rows.retain(|row| {
                let id = ["ID", "RuleID", "Name"].into_iter().find_map(|key| row.get(key)?.as_str());
                !plain.iter().any(|entry| Some(entry.id.as_str()) == id)
            });
            if rows.is_empty() {
                result.rest.remove(name);
            }
        }
    }

    fn result(&self, result: &mut ResultRow, now: Timestamp) {
        self.others(result, now);
        let mut left = Vec::new();
        let mut seen = HashSet::new();
        for mut row in std::mem::take(&mut result.vulnerabilities) {
            if row.severity.is_empty() {
                row.severity = Severity::Unknown.upper().to_owned();
            }
            if !self.severities.is_empty() && !self.severities.contains(&row.severity) {
                continue;
            }
            // A malicious package has no fix but its removal, so a filter for fixes never hides it.
            // What nobody has judged yet (`unknown`, `under_investigation`) is not known to have no fix, and stays.
            let unfixed = matches!(row.status.as_str(), "affected" | "will_not_fix" | "fix_deferred" | "end_of_life");
            if !row.malicious && (self.unfixed && unfixed || self.statuses.contains(&row.status)) {
                continue;
            }
            let key = (
                row.id.clone(),
                row.pkg_id.clone(),
                row.pkg_name.clone(),
                row.installed_version.clone(),
                row.pkg_path.clone(),
            );
            if !seen.insert(key) {
                continue;
            }
            let ignored = self.ignored.as_ref().and_then(|file| {
                let entry = file.entries.iter().find(|entry| covers(entry, &row, &result.target, now))?;
                Some(Statement {
                    status: "ignored".to_owned(),
                    statement: entry.statement.clone().unwrap_or_default(),
                    source: file.name.clone(),
                })
            });
            match ignored.or_else(|| row.vex.as_deref().cloned()) {
                Some(reason) => result.modified.push(ModifiedRow {
                    ty: "vulnerability".to_owned(),
                    status: reason.status,
                    statement: reason.statement,
                    source: reason.source,
                    finding: serde_json::to_value(&row).unwrap_or_default(),
                }),
                None => left.push(row),
            }
        }
        result.vulnerabilities = left;
        if !self.show_suppressed {
            result.modified.clear();
        }
        if !self.list_all {
            result.packages.clear();
        }
    }
}

fn read(path: &Path) -> Result<IgnoreFile> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the ignore file `{name}`"))?;
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        return Ok(IgnoreFile::parse_yaml(&name, text.as_bytes(), &signet_yaml::Limits::default())?);
    }
    Ok(IgnoreFile::parse(&name, &text))
}

/// Trivy knows a finding by its one id; aliases do not count here.
fn covers(entry: &IgnoreEntry, row: &VulnerabilityRow, target: &str, now: Timestamp) -> bool {
    if entry.id != row.id || entry.expires.is_some_and(|end| end <= now) {
        return false;
    }
    let paths = entry.paths.is_empty()
        || entry.paths.iter().any(|pattern| {
            globset::GlobBuilder::new(pattern).literal_separator(true).build().is_ok_and(|glob| {
                let glob = glob.compile_matcher();
                glob.is_match(target) || glob.is_match(&row.pkg_path)
            })
        });
    let purls = entry.purls.is_empty()
        || Purl::parse_lenient(&row.pkg_identifier.purl)
            .is_ok_and(|purl| entry.purls.iter().any(|wanted| matches(wanted, &purl)));
    paths && purls
}

/// What the wanted purl leaves out fits anything.
fn matches(wanted: &Purl, found: &Purl) -> bool {
    wanted.ty() == found.ty()
        && wanted.namespace() == found.namespace()
        && wanted.name() == found.name()
        && wanted.version().is_none_or(|version| found.version() == Some(version))
        && wanted.qualifiers().iter().all(|(key, value)| found.qualifier(key) == Some(value))
}

//! Trivy's ignore files.
//!
//! Shape of `.trivyignore`: one id per line; `#` begins a comment line; after the id fields may follow, of which `exp:YYYY-MM-DD` is the end.
//! A line with a bad date is left out with a warning. Source: trivy `pkg/result/ignore.go`, `docs/guide/configuration/filtering.md`.

use globset::{GlobBuilder, GlobMatcher};
use signet_model::{Finding, Package, Purl, Suppression, SuppressionKind, Timestamp};

use super::{Remark, RemarkKind, names, product};

/// Why a structured ignore file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    /// It is no YAML.
    #[error("cannot read the ignore file `{name}`")]
    Yaml {
        /// Its name.
        name: String,
        /// The cause, with line and column.
        #[source]
        err: signet_yaml::YamlError,
    },
    /// It is YAML of another shape.
    #[error("cannot read the ignore file `{name}`: {why} (line {line})")]
    Shape {
        /// Its name.
        name: String,
        /// Where.
        line: u32,
        /// What is wrong.
        why: String,
    },
}

/// One entry of an ignore file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreEntry {
    /// Id of a finding: a CVE, an advisory, a rule.
    pub id: String,
    /// Globs over paths, of which one must match; empty: everywhere.
    pub paths: Vec<String>,
    /// Packages, of which one must match; empty: all.
    pub purls: Vec<Purl>,
    /// From this instant on it does nothing.
    pub expires: Option<Timestamp>,
    /// The reason given.
    pub statement: Option<String>,
    /// Line in the file, counted from 1.
    pub line: u32,
}

/// An ignore file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreFile {
    /// Its name, as reports show it.
    pub name: String,
    /// Entries for vulnerabilities, in order. In `.trivyignore` every entry is one for every kind of finding.
    pub entries: Vec<IgnoreEntry>,
    /// Entries for other kinds of finding, by their list's name: `misconfigurations`, `secrets`, `licenses`.
    pub others: Vec<(String, IgnoreEntry)>,
    /// Lines that were left out, and why.
    pub warnings: Vec<(u32, String)>,
}

impl IgnoreFile {
    /// Reads `.trivyignore`. Never fails: what cannot be read ignores nothing, and is a warning.
    pub fn parse(name: &str, text: &str) -> IgnoreFile {
        let mut file = IgnoreFile { name: name.to_owned(), ..IgnoreFile::default() };
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = u32::try_from(n + 1).unwrap_or(u32::MAX);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split_whitespace();
            let Some(id) = fields.next() else { continue };
            let mut entry = IgnoreEntry { id: id.to_owned(), line: number, ..IgnoreEntry::default() };
            match fields.find_map(|field| field.strip_prefix("exp:")).map(|date| (date, day(date))) {
                Some((_, Some(expires))) => entry.expires = Some(expires),
                Some((date, None)) => {
                    file.warnings.push((
                        number,
                        format!("`{date}` is no date of the form YYYY-MM-DD; the line ignores nothing"),
                    ));
                    continue;
                }
                None => {}
            }
            file.entries.push(entry);
        }
        file
    }
}

/// The beginning of a day, UTC.
pub(super) fn day(text: &str) -> Option<Timestamp> {
    let exact = text.len() == 10;
    let date: jiff::civil::Date = text.parse().ok()?;
    exact.then(|| date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp()))?
}

/// A file while it is applied.
pub(super) struct Applied<'f> {
    file: &'f IgnoreFile,
    entries: Vec<Live<'f>>,
}

struct Live<'f> {
    entry: &'f IgnoreEntry,
    paths: Vec<GlobMatcher>,
    expired: bool,
    used: bool,
}

impl<'f> Applied<'f> {
    pub(super) fn new(file: &'f IgnoreFile, now: Timestamp) -> Applied<'f> {
        let entries = file.entries.iter().map(|entry| Live {
            entry,
            // A pattern that is no glob matches itself only.
            paths: entry.paths.iter().filter_map(|path| glob(path)).collect(),
            expired: entry.expires.is_some_and(|end| end < now),
            used: false,
        });
        Applied { file, entries: entries.collect() }
    }

    pub(super) fn suppress(
        &mut self,
        finding: &Finding,
        package: &Package,
        purl: Option<&Purl>,
    ) -> Option<Suppression> {
        let mut first = None;
        for live in self.entries.iter_mut().filter(|live| names(&live.entry.id, finding)) {
            let entry = live.entry;
            // One package may stand in several places: an entry about one of them says nothing about the others.
            let in_path = entry.paths.is_empty()
                || !package.locations.is_empty()
                    && package.locations.iter().all(|at| live.paths.iter().any(|glob| glob.is_match(&at.path)));
            let of_package = entry.purls.is_empty()
                || purl.is_some_and(|purl| entry.purls.iter().any(|wanted| product::matches(wanted, purl)));
            if !in_path || !of_package {
                continue;
            }
            live.used = true;
            if live.expired {
                continue;
            }
            first = first.or_else(|| {
                Some(Suppression {
                    kind: SuppressionKind::IgnoreFile,
                    source: self.file.name.clone(),
                    status: "ignored".to_owned(),
                    statement: entry.statement.clone(),
                })
            });
        }
        first
    }

    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> + '_ {
        self.entries.iter().filter_map(|live| {
            let kind = match (live.expired, live.used) {
                (true, _) => RemarkKind::Expired,
                // In the plain form an id may be one of another scanner, which is not for this room to judge.
                (false, false) if self.file.is_about_us(&live.entry.id) => RemarkKind::Stale,
                _ => return None,
            };
            Some(Remark { source: self.file.name.clone(), line: live.entry.line, id: live.entry.id.clone(), kind })
        })
    }
}

impl IgnoreFile {
    fn is_about_us(&self, id: &str) -> bool {
        !self.others.iter().any(|(_, other)| other.id == id)
            && ["CVE-", "GHSA-", "GO-", "PYSEC-", "RUSTSEC-", "MAL-", "DSA-", "USN-", "RHSA-", "OSV-", "TEMP-"]
                .iter()
                .any(|start| id.starts_with(start))
    }
}

/// `*` stays within a path segment, `**` crosses them.
fn glob(pattern: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

//! The table as Trivy prints it: a summary of all targets, then for each target its title, its total, and a box of findings.
//!
//! Source: aquasecurity/trivy:pkg/report/table/, aquasecurity/table (boxes, merged cells).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use anyhow::{Result, bail};
use signet_model::Severity;

use super::args;
use super::filter::Filter;
use super::wire::{PackageRow, Report, ResultRow, VulnerabilityRow};
use crate::report::Look;

/// Cells are wrapped at this many columns.
const WIDEST: usize = 60;
/// Titles are cut after this many words.
const WORDS: usize = 12;

/// What of the table is wanted.
pub(super) struct Options {
    summary: bool,
    detailed: bool,
    tree: bool,
    suppressed: bool,
    severities: Vec<String>,
    colour: bool,
}

impl Options {
    /// Reads the flags.
    pub(super) fn new(args: &args::Report, filter: &Filter, look: Look) -> Result<Options> {
        let modes: Vec<&str> = args.table_mode.iter().map(|mode| mode.trim()).collect();
        if let Some(other) = modes.iter().find(|mode| !matches!(**mode, "summary" | "detailed")) {
            bail!("unknown table mode: `{other}`: summary, detailed");
        }
        let wants = |mode: &str| modes.is_empty() || modes.contains(&mode);
        Ok(Options {
            summary: wants("summary"),
            detailed: wants("detailed"),
            tree: args.dependency_tree,
            suppressed: args.show_suppressed,
            severities: filter.severities.clone(),
            colour: look.colour,
        })
    }

    /// `LOW: 1, HIGH: 2` of the severities that are shown, and their sum.
    fn counts<'r>(&self, rows: impl Iterator<Item = &'r VulnerabilityRow>) -> (usize, String) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        rows.for_each(|row| *counts.entry(row.severity.as_str()).or_default() += 1);
        let shown = Severity::ALL.iter().map(|severity| severity.upper()).filter(|severity| {
            *severity != "NEGLIGIBLE"
                && (self.severities.is_empty() || self.severities.iter().any(|one| one == severity))
        });
        let (mut total, mut parts) = (0, Vec::new());
        for severity in shown {
            let count = counts.get(severity).copied().unwrap_or(0);
            total += count;
            parts.push(format!("{severity}: {count}"));
        }
        (total, parts.join(", "))
    }
}

/// The whole text.
pub(super) fn write(report: &Report, options: &Options) -> String {
    let mut out = String::new();
    if options.summary {
        summary(report, &mut out);
    }
    if options.detailed {
        for result in &report.results {
            self::result(result, options, &mut out);
        }
    }
    if !report.unexamined.is_empty() {
        title("Not examined", &mut out);
        let rows: Vec<Vec<String>> =
            report.unexamined.iter().map(|row| vec![row.path.clone(), row.kind.clone(), row.why.clone()]).collect();
        boxed(&["Path", "Kind", "Why"], &rows, &[Align::Left; 3], false, &mut out);
    }
    out
}

fn summary(report: &Report, out: &mut String) {
    let listed = |result: &ResultRow, name: &str| {
        result.rest.get(name).and_then(serde_json::Value::as_array).map(|list| list.len())
    };
    let kinds = ["Misconfigurations", "Secrets", "Licenses"];
    let there: Vec<&str> =
        kinds.into_iter().filter(|kind| report.results.iter().any(|result| listed(result, kind).is_some())).collect();
    let mut head = vec!["Target", "Type", "Vulnerabilities"];
    head.extend(&there);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for result in &report.results {
        let is_packages = matches!(result.class.as_str(), "os-pkgs" | "lang-pkgs");
        let count = if is_packages { result.vulnerabilities.len().to_string() } else { "-".to_owned() };
        let ty = if result.ty.is_empty() { "-".to_owned() } else { result.ty.clone() };
        let mut row = vec![result.target.clone(), ty, count];
        row.extend(there.iter().map(|kind| listed(result, kind).map_or("-".to_owned(), |count| count.to_string())));
        rows.push(row);
    }
    if rows.is_empty() {
        rows.push(head.iter().map(|_| "-".to_owned()).collect());
    }
    out.push_str("\nReport Summary\n\n");
    let mut aligns = vec![Align::Centre; head.len()];
    if let Some(first) = aligns.first_mut() {
        *first = Align::Left;
    }
    boxed(&head, &rows, &aligns, false, out);
    out.push_str("Legend:\n- '-': Not scanned\n- '0': Clean (no security findings detected)\n\n");
}

fn title(text: &str, out: &mut String) {
    let _ = writeln!(out, "\n{text}\n{}", "=".repeat(text.len()));
}

fn result(result: &ResultRow, options: &Options, out: &mut String) {
    let is_packages = matches!(result.class.as_str(), "os-pkgs" | "lang-pkgs");
    if !is_packages {
        return others(result, options, out);
    }
    let hidden = options.suppressed && !result.modified.is_empty();
    if !result.vulnerabilities.is_empty() || result.class == "os-pkgs" && hidden {
        let target = match result.class.as_str() {
            "lang-pkgs" => format!("{} ({})", result.target, result.ty),
            _ => result.target.clone(),
        };
        title(&target, out);
        let (total, parts) = options.counts(result.vulnerabilities.iter());
        let _ = writeln!(out, "Total: {total} ({parts})\n");
    }
    if !result.vulnerabilities.is_empty() {
        let head = ["Library", "Vulnerability", "Severity", "Status", "Installed Version", "Fixed Version", "Title"];
        let rows: Vec<Vec<String>> = result.vulnerabilities.iter().map(finding).collect();
        boxed(&head, &rows, &[Align::Left; 7], options.colour, out);
        if options.tree {
            tree(result, options, out);
        }
    }
    if hidden {
        title("Suppressed Vulnerabilities", out);
        let _ = writeln!(out, "Total: {}\n", result.modified.len());
        let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let rows: Vec<Vec<String>> = result
            .modified
            .iter()
            .map(|row| {
                vec![
                    text(&row.finding, "PkgName"),
                    text(&row.finding, "VulnerabilityID"),
                    text(&row.finding, "Severity"),
                    row.status.clone(),
                    row.statement.clone(),
                    row.source.clone(),
                ]
            })
            .collect();
        boxed(
            &["Library", "Vulnerability", "Severity", "Status", "Statement", "Source"],
            &rows,
            &[Align::Left; 6],
            options.colour,
            out,
        );
    }
}

/// Findings that we only pass on.
fn others(result: &ResultRow, options: &Options, out: &mut String) {
    let columns: [(&str, &[&str]); 3] = [
        ("Misconfigurations", &["ID", "Severity", "Status", "Title"]),
        ("Secrets", &["RuleID", "Severity", "StartLine", "Title"]),
        ("Licenses", &["PkgName", "Name", "Category", "Severity"]),
    ];
    for (kind, columns) in columns {
        let Some(list) = result.rest.get(kind).and_then(serde_json::Value::as_array) else { continue };
        if list.is_empty() {
            continue;
        }
        title(&format!("{} ({})", result.target, kind.to_lowercase()), out);
        let _ = writeln!(out, "Total: {}\n", list.len());
        let cell = |row: &serde_json::Value, name: &str| match &row[name] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        let rows: Vec<Vec<String>> =
            list.iter().map(|row| columns.iter().map(|name| cell(row, name)).collect()).collect();
        boxed(columns, &rows, &[Align::Left; 4], options.colour, out);
    }
}

fn finding(row: &VulnerabilityRow) -> Vec<String> {
    let library = match root_archive(&row.pkg_path) {
        "" => row.pkg_name.clone(),
        path => format!("{} ({})", row.pkg_name, path.rsplit('/').next().unwrap_or(path)),
    };
    let text = if row.title.is_empty() { &row.description } else { &row.title };
    let words: Vec<&str> = text.split(' ').collect();
    let title = match words.get(..WORDS) {
        Some(words) => words.join(" ") + "...",
        None => text.clone(),
    };
    let title = if row.primary_url.is_empty() { title } else { format!("{title}\n{}", row.primary_url) };
    vec![
        library,
        row.id.clone(),
        row.severity.clone(),
        row.status.clone(),
        row.installed_version.clone(),
        row.fixed_version.clone(),
        title.trim().to_owned(),
    ]
}

/// The outermost archive of a path within archives.
fn root_archive(path: &str) -> &str {
    let endings = [".jar", ".war", ".par", ".ear"];
    let mut end = 0;
    for part in path.split('/') {
        end += part.len();
        if endings.iter().any(|ending| part.ends_with(ending)) {
            return path.get(..end).unwrap_or(path);
        }
        end += 1;
    }
    path
}

/// Which direct dependencies bring a vulnerable package in.
fn tree(result: &ResultRow, options: &Options, out: &mut String) {
    let mut parents: BTreeMap<&str, Vec<&PackageRow>> = BTreeMap::new();
    for row in &result.packages {
        for need in &row.depends_on {
            parents.entry(need).or_default().push(row);
        }
    }
    if parents.is_empty() {
        return;
    }
    let _ = write!(out, "\nDependency Origin Tree (Reversed)\n=================================\n{}\n", result.target);
    let found = |row: &&PackageRow| !row.id.is_empty() && result.vulnerabilities.iter().any(|one| one.pkg_id == row.id);
    let vulnerable: Vec<&PackageRow> = result.packages.iter().filter(found).collect();
    for (place, row) in vulnerable.iter().enumerate() {
        let last = place + 1 == vulnerable.len();
        let (_, parts) = options.counts(result.vulnerabilities.iter().filter(|one| one.pkg_id == row.id));
        let _ = writeln!(out, "{} {}, ({parts})", if last { "└──" } else { "├──" }, row.id);
        let indent = if last { "    " } else { "│   " };
        if !is_indirect(row) {
            continue;
        }
        let mut near = Vec::new();
        let mut far = BTreeSet::new();
        for parent in parents.get(row.id.as_str()).into_iter().flatten().filter(|parent| parent.id != row.id) {
            if is_indirect(parent) {
                far.extend(origins(parent, &parents));
            } else {
                near.push(parent.id.as_str());
            }
        }
        near.sort_unstable();
        near.dedup();
        far.retain(|id| !near.contains(id) && *id != row.id);
        for (place, id) in near.iter().enumerate() {
            let last = place + 1 == near.len() && far.is_empty();
            let _ = writeln!(out, "{indent}{} {id}", if last { "└──" } else { "├──" });
        }
        if !far.is_empty() {
            let _ = writeln!(out, "{indent}└── ...(omitted)...");
            for (place, id) in far.iter().enumerate() {
                let _ = writeln!(out, "{indent}    {} {id}", if place + 1 == far.len() { "└──" } else { "├──" });
            }
        }
    }
}

fn is_indirect(row: &PackageRow) -> bool {
    row.indirect || row.relationship == "indirect"
}

/// The direct dependencies above a package; one that nothing needs counts as direct.
fn origins<'r>(from: &'r PackageRow, parents: &BTreeMap<&str, Vec<&'r PackageRow>>) -> BTreeSet<&'r str> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<&str> = BTreeSet::from([from.id.as_str()]);
    let mut open = vec![from];
    while let Some(row) = open.pop() {
        let above = parents.get(row.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        if above.is_empty() {
            found.insert(row.id.as_str());
        }
        for parent in above.iter().filter(|parent| seen.insert(parent.id.as_str())) {
            if is_indirect(parent) {
                open.push(parent);
            } else {
                found.insert(parent.id.as_str());
            }
        }
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Centre,
}

/// A box with a line between rows. A cell that says what the one above it says is joined with it, if all cells to its left in its row are not new
/// ones that say something else: so a package's name stands once over its findings.
fn boxed(head: &[&str], rows: &[Vec<String>], aligns: &[Align], colour: bool, out: &mut String) {
    let cells: Vec<Vec<Vec<String>>> = rows.iter().map(|row| row.iter().map(|cell| wrapped(cell)).collect()).collect();
    let width_of = |lines: &[String]| lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let of_cells = cells.iter().filter_map(|row| row.get(column)).map(|cell| width_of(cell)).max();
            of_cells.unwrap_or(0).max(head.get(column).map_or(0, |name| name.chars().count()))
        })
        .collect();
    let joined = |row: usize, column: usize| {
        // Whether the cell is the same as the one above.
        let above = row.checked_sub(1).and_then(|above| rows.get(above)).and_then(|row| row.get(column));
        let this = rows.get(row).and_then(|row| row.get(column));
        aligns.first() == aligns.last() && above.is_some() && above == this
    };
    let rule = |left: &str, right: &str, below: Option<usize>, out: &mut String| {
        let open = |column: usize| below.is_some_and(|row| joined(row, column));
        for (column, width) in widths.iter().enumerate() {
            let corner = match (column, below) {
                (0, Some(_)) if open(0) => "│",
                (0, _) => left,
                (column, Some(_)) => match (open(column - 1), open(column)) {
                    (true, true) => "│",
                    (true, false) => "├",
                    (false, true) => "┤",
                    (false, false) => "┼",
                },
                _ if left == "┌" => "┬",
                _ if left == "└" => "┴",
                _ => "┼",
            };
            out.push_str(corner);
            out.push_str(&if open(column) { " " } else { "─" }.repeat(width + 2));
        }
        let open_end = widths.len().checked_sub(1).is_some_and(open);
        out.push_str(if open_end { "│" } else { right });
        out.push('\n');
    };
    let put = |text: &str, width: usize, align: Align, out: &mut String| {
        let space = width.saturating_sub(text.chars().count());
        let before = if align == Align::Centre { space / 2 } else { 0 };
        out.push_str(&" ".repeat(before + 1));
        out.push_str(&if colour { coloured(text) } else { text.to_owned() });
        out.push_str(&" ".repeat(space - before + 1));
    };
    rule("┌", "┐", None, out);
    for (name, width) in head.iter().zip(&widths) {
        out.push('│');
        put(name, *width, Align::Centre, out);
    }
    out.push_str("│\n");
    for (place, row) in cells.iter().enumerate() {
        let below = (place > 0).then_some(place);
        rule("├", "┤", below, out);
        let height = row.iter().map(Vec::len).max().unwrap_or(1).max(1);
        for line in 0..height {
            for (column, width) in widths.iter().enumerate() {
                out.push('│');
                let cell = row.get(column).filter(|_| !joined(place, column));
                let text = cell.and_then(|cell| cell.get(line)).map(String::as_str).unwrap_or_default();
                put(text, *width, aligns.get(column).copied().unwrap_or(Align::Left), out);
            }
            out.push_str("│\n");
        }
    }
    rule("└", "┘", None, out);
}

/// Severities in Trivy's colours.
fn coloured(text: &str) -> String {
    let code = match text {
        "UNKNOWN" => 36,
        "LOW" => 34,
        "MEDIUM" => 33,
        "HIGH" => 91,
        "CRITICAL" => 31,
        _ => return text.to_owned(),
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Lines of at most [`WIDEST`] columns, broken between words where that is possible. Control characters would let a package draw on the terminal.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut current = String::new();
        for word in line.split(' ') {
            let word: String = word.chars().map(|sign| if sign.is_control() { '\u{fffd}' } else { sign }).collect();
            let length = word.chars().count();
            if !current.is_empty() && current.chars().count() + 1 + length > WIDEST {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            // A word that is longer than a line is broken where the line ends, a link too.
            for sign in word.chars() {
                if current.chars().count() == WIDEST {
                    lines.push(std::mem::take(&mut current));
                }
                current.push(sign);
            }
        }
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, id: &str, severity: &str, title: &str) -> VulnerabilityRow {
        VulnerabilityRow {
            id: id.to_owned(),
            pkg_id: format!("{name}@1"),
            pkg_name: name.to_owned(),
            installed_version: "1".to_owned(),
            fixed_version: "2".to_owned(),
            status: "fixed".to_owned(),
            severity: severity.to_owned(),
            title: title.to_owned(),
            ..VulnerabilityRow::default()
        }
    }

    fn options() -> Options {
        Options { summary: true, detailed: true, tree: true, suppressed: false, severities: Vec::new(), colour: false }
    }

    #[test]
    fn equal_cells_are_joined() {
        let package = |name: &str, relationship: &str, needs: &[&str]| PackageRow {
            id: format!("{name}@1"),
            name: name.to_owned(),
            relationship: relationship.to_owned(),
            depends_on: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..PackageRow::default()
        };
        let report = Report {
            results: vec![ResultRow {
                target: "a.lock".to_owned(),
                class: "lang-pkgs".to_owned(),
                ty: "npm".to_owned(),
                packages: vec![package("top", "direct", &["low@1"]), package("low", "indirect", &[])],
                vulnerabilities: vec![row("low", "CVE-1", "HIGH", "bad"), row("low", "CVE-2", "LOW", "worse")],
                ..ResultRow::default()
            }],
            ..Report::default()
        };
        let expected = "
Report Summary

┌────────┬──────┬─────────────────┐
│ Target │ Type │ Vulnerabilities │
├────────┼──────┼─────────────────┤
│ a.lock │ npm  │        2        │
└────────┴──────┴─────────────────┘
Legend:
- '-': Not scanned
- '0': Clean (no security findings detected)


a.lock (npm)
============
Total: 2 (UNKNOWN: 0, LOW: 1, MEDIUM: 0, HIGH: 1, CRITICAL: 0)

┌─────────┬───────────────┬──────────┬────────┬───────────────────┬───────────────┬───────┐
│ Library │ Vulnerability │ Severity │ Status │ Installed Version │ Fixed Version │ Title │
├─────────┼───────────────┼──────────┼────────┼───────────────────┼───────────────┼───────┤
│ low     │ CVE-1         │ HIGH     │ fixed  │ 1                 │ 2             │ bad   │
│         ├───────────────┼──────────┤        │                   │               ├───────┤
│         │ CVE-2         │ LOW      │        │                   │               │ worse │
└─────────┴───────────────┴──────────┴────────┴───────────────────┴───────────────┴───────┘

Dependency Origin Tree (Reversed)
=================================
a.lock
└── low@1, (UNKNOWN: 0, LOW: 1, MEDIUM: 0, HIGH: 1, CRITICAL: 0)
    └── top@1
";
        assert_eq!(write(&report, &options()), expected);
    }

    #[test]
    fn long_texts_are_wrapped() {
        assert_eq!(wrapped("a b"), ["a b"]);
        let lines = wrapped(&"word ".repeat(30));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDEST), "{lines:?}");
        assert_eq!(wrapped(&"x".repeat(130)).len(), 3);
        assert_eq!(wrapped("a\u{1b}[31mb"), ["a\u{fffd}[31mb"]);
        assert_eq!(root_archive("app/a.war/WEB-INF/lib/b.jar"), "app/a.war");
        assert_eq!(root_archive("node_modules/a/package.json"), "node_modules/a/package.json");
    }
}

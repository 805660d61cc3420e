//! The table that a person reads.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use signet_model::{Decision, Finding, Severity};

use crate::report::{Report, fixed_in};

/// How the table is to look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Columns that fit; `None`: as wide as it gets (a file, a pipe).
    pub(crate) width: Option<u16>,
    /// Severities in colour. Colour never carries meaning alone.
    pub(crate) colour: bool,
}

/// How many unexamined files are listed before the rest is counted.
const LISTED: usize = 20;

/// The whole text.
pub(crate) fn render(report: &Report, look: Look) -> String {
    let mut text = heading(report);
    if report.judged {
        findings(&mut text, report, look);
        licences(&mut text, report, look);
    } else {
        packages(&mut text, report, look);
    }
    unexamined(&mut text, report);
    for note in &report.notes {
        let _ = writeln!(text, "note: {}", printable(note));
    }
    if let Some((expression, hits)) = &report.threshold {
        let _ = writeln!(text, "\nfail on: {}", printable(expression));
        match hits.len() {
            0 => text.push_str("  nothing reaches it\n"),
            count => {
                let _ = writeln!(text, "  {count} at or above");
                for hit in hits.iter().filter(|hit| hit.contains("cannot be told")).take(LISTED) {
                    let _ = writeln!(text, "  {}", printable(hit));
                }
            }
        }
    }
    if let Some(decision) = &report.decision {
        decide(&mut text, decision, look);
    }
    text
}

fn heading(report: &Report) -> String {
    let mut text = String::new();
    let inventory = &report.inventory;
    let _ = write!(text, "{}", printable(&report.subject.name));
    if let Some(digest) = report.digest() {
        let _ = write!(text, "  {digest}");
    }
    text.push('\n');
    let mut facts = Vec::new();
    if let Some(distro) = &inventory.distro {
        let version = distro.version_id.as_deref().unwrap_or("rolling");
        facts.push(match &distro.pretty_name {
            Some(name) => printable(name),
            None => printable(&format!("{} {version}", distro.id)),
        });
    }
    facts.push(format!("{} packages", inventory.packages.len()));
    if !inventory.executables.is_empty() {
        let unidentified = inventory.unidentified().count();
        facts.push(format!("{} executables, {unidentified} unidentified", inventory.executables.len()));
    }
    if let Some(database) = &report.database {
        facts.push(match database.built {
            Some(built) => format!("database of {}", built.strftime("%Y-%m-%d %H:%M UTC")),
            None => "database without a date".to_owned(),
        });
    }
    let _ = writeln!(text, "{}\n", facts.join(", "));
    text
}

fn findings(text: &mut String, report: &Report, look: Look) {
    let active: Vec<&Finding> = report.active().collect();
    let suppressed = report.findings.len() - active.len();
    if !active.is_empty() {
        let mut headings = vec!["Severity", "Id", "Package", "Installed", "Fixed in", "Exploited", "Where"];
        if report.views.base.is_some() {
            headings.push("From");
        }
        let mut table = new_table(look, &headings);
        for finding in &active {
            let package = report.package(finding.package);
            let mut row = vec![
                severity_cell(finding.severity, look),
                Cell::new(printable(&finding.vulnerability.id)),
                Cell::new(printable(&package.name)),
                Cell::new(printable(&package.version)),
                Cell::new(match fixed_in(finding) {
                    _ if finding.malicious => "(remove it)".to_owned(),
                    fixed if fixed.is_empty() => format!("({})", finding.status.name().replace('_', " ")),
                    fixed => printable(&fixed),
                }),
                Cell::new(exploited(finding)),
                Cell::new(package.locations.first().map(|place| printable(&place.to_string())).unwrap_or_default()),
            ];
            if report.views.base.is_some() {
                row.push(Cell::new(report.origin(finding).unwrap_or("")));
            }
            table.add_row(row);
        }
        let _ = writeln!(text, "{}\n", trim_lines(&table.to_string()));
    }
    let counts: Vec<String> = report.counts().iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    let total = match active.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    };
    let detail = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    let _ = writeln!(text, "{total}{detail}");
    if suppressed > 0 {
        let _ = writeln!(text, "{suppressed} suppressed (ignored, excepted, or judged by the distribution)");
    }
    if let (Some((own, inherited)), Some(base)) = (report.own_and_inherited(), &report.views.base) {
        let _ = writeln!(
            text,
            "{own} of this image's own, {inherited} from its base (the lowest {} layers, known by {})",
            base.layers,
            printable(&base.known_by)
        );
    }
    if let Some(baseline) = &report.views.baseline {
        let _ = writeln!(text, "{}", printable(&baseline.summary()));
        for gone in baseline.fixed.iter().take(LISTED) {
            let _ = writeln!(
                text,
                "  fixed: {} {} in {} {}",
                gone.severity,
                printable(&gone.id),
                printable(&gone.name),
                printable(&gone.version)
            );
        }
        if baseline.fixed.len() > LISTED {
            let _ = writeln!(text, "  ... and {} more", baseline.fixed.len() - LISTED);
        }
    }
}

fn licences(text: &mut String, report: &Report, look: Look) {
    let Some(all) = &report.views.licences else { return };
    let active: Vec<_> = report.active_licences().collect();
    text.push('\n');
    if !active.is_empty() {
        let mut table = new_table(look, &["Severity", "Category", "Licence", "Package", "Version", ""]);
        for licence in &active {
            let package = report.package(licence.package);
            let stated = match licence.licence.is_empty() {
                true => "(none stated)".to_owned(),
                false => printable(&licence.licence).chars().take(60).collect(),
            };
            table.add_row(vec![
                severity_cell(licence.severity, look),
                Cell::new(licence.category.name()),
                Cell::new(stated),
                Cell::new(printable(&package.name)),
                Cell::new(printable(&package.version)),
                Cell::new(if licence.denied { "denied" } else { "" }),
            ]);
        }
        let _ = writeln!(text, "{}\n", trim_lines(&table.to_string()));
    }
    let denied = active.iter().filter(|licence| licence.denied).count();
    let _ = writeln!(text, "{} licences, {denied} denied, {} ignored", active.len(), all.len() - active.len());
}

/// `known` for CISA's catalogue, else the chance that FIRST estimates.
fn exploited(finding: &Finding) -> String {
    match (&finding.vulnerability.kev, finding.vulnerability.epss) {
        (Some(kev), _) if kev.ransomware => "known, ransomware".to_owned(),
        (Some(_), _) => "known".to_owned(),
        (None, Some(epss)) if epss.score >= 0.001 => format!("{:.1} %", epss.score * 100.0),
        _ => String::new(),
    }
}

fn packages(text: &mut String, report: &Report, look: Look) {
    if report.inventory.packages.is_empty() {
        text.push_str("no packages\n");
        return;
    }
    let mut table = new_table(look, &["Kind", "Name", "Version", "Licence", "Where"]);
    for package in &report.inventory.packages {
        let licences: Vec<&str> = package.licenses.iter().map(|license| license.value.as_str()).collect();
        table.add_row(vec![
            Cell::new(package.kind.name()),
            Cell::new(printable(&package.name)),
            Cell::new(printable(&package.version)),
            Cell::new(printable(&licences.join(", ")).chars().take(60).collect::<String>()),
            Cell::new(package.locations.first().map(|place| printable(&place.to_string())).unwrap_or_default()),
        ]);
    }
    let _ = writeln!(text, "{}", trim_lines(&table.to_string()));
}

fn decide(text: &mut String, decision: &Decision, look: Look) {
    let _ =
        writeln!(text, "\ndecision: {} (policy {})", bold(decision.verdict.name(), look), printable(&decision.policy));
    if decision.judged != decision.verdict {
        let _ = writeln!(text, "  in mode {} instead of: {}", decision.mode.name(), decision.judged.name());
    }
    for rule in decision.rules.iter().filter(|rule| !rule.hits.is_empty()) {
        let expression = rule.expression.as_deref().map(|text| format!(": {}", printable(text))).unwrap_or_default();
        let _ = writeln!(text, "  {}{expression}", rule.rule);
        for hit in rule.hits.iter().take(LISTED) {
            let _ = writeln!(text, "    {} {}: {}", hit.verdict.name(), printable(&hit.subject), printable(&hit.why));
        }
        if rule.hits.len() > LISTED {
            let _ = writeln!(text, "    ... and {} more", rule.hits.len() - LISTED);
        }
        if let Some(remedy) = &rule.remedy {
            let _ = writeln!(text, "    do: {}", printable(remedy));
        }
    }
    for report in &decision.exceptions {
        let due = if report.overdue { ", review overdue" } else { "" };
        let exception = &report.exception;
        // `until` is the first moment that is not covered; people mean the last day that is.
        let last = exception.until.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(exception.until);
        let _ = writeln!(
            text,
            "  exception {} ({}, until {}): {}{due}",
            printable(&exception.ids.join(", ")),
            printable(&exception.owner),
            last.strftime("%Y-%m-%d"),
            report.state.name(),
        );
    }
    if !decision.not_judged.is_empty() {
        let sections: Vec<&str> = decision.not_judged.iter().map(|section| section.section.as_str()).collect();
        let _ = writeln!(text, "  not judged here: {}", sections.join(", "));
    }
}

fn unexamined(text: &mut String, report: &Report) {
    let all = &report.inventory.unexamined;
    if all.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nnot examined: {}", all.len());
    for what in all.iter().take(LISTED) {
        let _ = writeln!(text, "  {} ({}): {}", printable(&what.location.to_string()), what.by, printable(&what.why));
    }
    if all.len() > LISTED {
        let _ = writeln!(text, "  ... and {} more (`-o json` lists them all)", all.len() - LISTED);
    }
}

fn new_table(look: Look, headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Whether there is colour was decided before, also for what is no terminal.
    if look.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    match look.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(headings.iter().map(|heading| Cell::new(heading.to_uppercase())));
    table
}

/// A severity in its colour. The table paints it: escape codes inside of a word would count as columns.
fn severity_cell(severity: Severity, look: Look) -> Cell {
    let cell = Cell::new(severity.name());
    if !look.colour {
        return cell;
    }
    match severity {
        Severity::Critical => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        Severity::High => cell.fg(Color::DarkRed),
        Severity::Medium => cell.fg(Color::DarkYellow),
        Severity::Low => cell.fg(Color::DarkCyan),
        Severity::Unknown => cell.add_attribute(Attribute::Dim),
    }
}

fn bold(word: &str, look: Look) -> String {
    if !look.colour {
        return word.to_owned();
    }
    let style = Style::new().bold();
    format!("{style}{word}{style:#}")
}

fn trim_lines(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Names come from hostile images: control characters could repaint the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

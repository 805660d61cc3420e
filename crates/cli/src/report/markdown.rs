//! Markdown, for comments on merge requests and job summaries.

use std::fmt::Write as _;

use signet_model::Verdict;

use crate::report::{Report, fixed_in, primary_url, table::printable};

/// How many findings are listed; the rest is counted.
const LISTED: usize = 200;

/// The document.
pub(crate) fn render(report: &Report) -> String {
    let mut text = format!("## Signet: {}\n\n", code(&report.subject.name));
    if let Some(digest) = report.digest() {
        let _ = writeln!(text, "`{digest}`\n");
    }
    if let Some(decision) = &report.decision {
        let _ = writeln!(text, "**Decision: {}** ({})\n", decision.verdict.name(), cell(&decision.policy));
        for hit in
            decision.rules.iter().flat_map(|rule| &rule.hits).filter(|hit| hit.verdict != Verdict::Allow).take(LISTED)
        {
            let _ = writeln!(text, "- {}: {}: {}", hit.verdict.name(), cell(&hit.subject), cell(&hit.why));
        }
        text.push('\n');
    }
    let counts = report.counts();
    let suppressed = report.findings.iter().filter(|finding| finding.suppressed.is_some()).count();
    let summary: Vec<String> = counts.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    let _ = writeln!(
        text,
        "{} packages, {}, {suppressed} suppressed, {} not examined.\n",
        report.inventory.packages.len(),
        if summary.is_empty() { "no findings".to_owned() } else { summary.join(", ") },
        report.inventory.unexamined.len(),
    );
    if let Some((own, inherited)) = report.own_and_inherited() {
        let _ = writeln!(text, "{own} of this image's own, {inherited} from its base.\n");
    }
    if let Some(baseline) = &report.views.baseline {
        let _ = writeln!(text, "{}.\n", cell(&baseline.summary()));
        for gone in baseline.fixed.iter().take(LISTED) {
            let _ = writeln!(
                text,
                "- fixed: {} {} in {} {}",
                gone.severity,
                cell(&gone.id),
                cell(&gone.name),
                cell(&gone.version)
            );
        }
        if !baseline.fixed.is_empty() {
            text.push('\n');
        }
    }
    let origins = report.views.base.is_some();
    let mut active = report.active();
    let listed: Vec<_> = active.by_ref().take(LISTED).collect();
    if !listed.is_empty() {
        let (heading, line) = if origins { (" From |", "---|") } else { ("", "") };
        let _ = writeln!(
            text,
            "| Severity | Id | Package | Installed | Fixed in | Exploited |{heading}\n|---|---|---|---|---|---|{line}"
        );
        for finding in listed {
            let package = report.package(finding.package);
            let id = match primary_url(finding) {
                Some(url) if is_link(&url) => format!("[{}]({url})", cell(&finding.vulnerability.id)),
                _ => cell(&finding.vulnerability.id),
            };
            let _ = writeln!(
                text,
                "| {} | {id} | {} | {} | {} | {} |{}",
                finding.severity,
                cell(&package.name),
                cell(&package.version),
                cell(&fixed_in(finding)),
                if finding.vulnerability.kev.is_some() { "known" } else { "" },
                if origins { format!(" {} |", report.origin(finding).unwrap_or("")) } else { String::new() },
            );
        }
        let rest = active.count();
        if rest > 0 {
            let _ = writeln!(text, "\n... and {rest} more.");
        }
    }
    let licences: Vec<_> = report.active_licences().collect();
    if !licences.is_empty() {
        text.push_str("\n| Severity | Category | Licence | Package | Version | |\n|---|---|---|---|---|---|\n");
        for licence in licences.iter().take(LISTED) {
            let package = report.package(licence.package);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                licence.severity,
                licence.category.name(),
                if licence.licence.is_empty() { "(none stated)".to_owned() } else { cell(&licence.licence) },
                cell(&package.name),
                cell(&package.version),
                if licence.denied { "denied" } else { "" },
            );
        }
        if licences.len() > LISTED {
            let _ = writeln!(text, "\n... and {} more.", licences.len() - LISTED);
        }
    }
    if !report.inventory.unexamined.is_empty() {
        text.push_str("\n<details><summary>Not examined</summary>\n\n");
        for what in report.inventory.unexamined.iter().take(LISTED) {
            let _ = writeln!(text, "- {}: {}", code(&what.location.to_string()), cell(&what.why));
        }
        text.push_str("\n</details>\n");
    }
    for note in &report.notes {
        let _ = writeln!(text, "\n> {}", cell(note));
    }
    text
}

/// Text that stays within its cell and starts no markup.
pub(crate) fn cell(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // What turns the direction of text around, too: a cell could read as its neighbour.
            c if c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Whether an address may stand in a link: of the web, and without anything that would end the link or begin other markup.
fn is_link(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    web && !url.chars().any(|c| {
        c.is_control() || c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '|' | '\\' | '`' | '"')
    })
}

fn code(text: &str) -> String {
    format!("`{}`", printable(text).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::{cell, code, is_link};

    #[test]
    fn hostile_names_stay_text() {
        assert_eq!(cell("a|b<script>\n# c\u{202E}"), "a\\|b&lt;script&gt; \\# c ");
        assert_eq!(code("a`b\u{1b}[31m\nc"), "`a'b\u{FFFD}[31m\u{FFFD}c`");
    }

    #[test]
    fn links_lead_to_the_web_and_end_where_they_end() {
        assert!(is_link("https://nvd.nist.gov/vuln/detail/CVE-2024-0001"));
        for url in
            ["javascript:alert(1)", "https://x/)[a](http://y", "https://x/|", "https://x/\n", "data:text/html,x", ""]
        {
            assert!(!is_link(url), "{url:?}");
        }
    }
}

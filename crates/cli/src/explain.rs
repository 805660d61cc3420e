//! `signet scan --explain ID`: the whole chain from a package to a finding, or why there is none.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use signet_advisories::{Database, Query};
use signet_model::Finding;

use crate::report::{Report, fixed_in, printable};

/// So many advisories are listed for what is not in the subject.
const LISTED: usize = 20;

/// The explanation. Suppressed findings are explained too.
pub(crate) fn text(id: &str, report: &Report, database: &Database<'_>) -> Result<String> {
    let mut text = String::new();
    for finding in report.findings.iter().filter(|finding| is_of(finding, id)) {
        one(&mut text, finding, report);
    }
    if text.is_empty() {
        none(&mut text, id, report, database)?;
    }
    Ok(text)
}

fn is_of(finding: &Finding, id: &str) -> bool {
    let vulnerability = &finding.vulnerability;
    let mut names = std::iter::once(&vulnerability.id).chain(&vulnerability.aliases).chain(&finding.vendor_ids);
    names.any(|name| name.eq_ignore_ascii_case(id))
}

fn one(text: &mut String, finding: &Finding, report: &Report) {
    let (vulnerability, why) = (&finding.vulnerability, &finding.why);
    let Some(package) = report.inventory.packages.get(finding.package.get()) else { return };
    let verb = if finding.suppressed.is_some() { "is suppressed for" } else { "holds for" };
    let heading = format!("{} {verb} {} {}", vulnerability.id, package.name, package.version);
    let _ = writeln!(text, "{}", printable(&heading));
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<11} {}", printable(value).trim_end());
    };
    let by = finding.severity_source.as_deref().map(|source| format!(", as {source} rates it")).unwrap_or_default();
    line("severity", &format!("{}{by}", finding.severity.name()));
    let others: Vec<String> =
        vulnerability.severities.iter().map(|(source, severity)| format!("{} ({source})", severity.name())).collect();
    if others.len() > 1 {
        line("rated", &others.join(", "));
    }
    let since = finding.fix.available.map(|time| format!(", since {}", time.strftime("%Y-%m-%d"))).unwrap_or_default();
    line("state", &format!("{} {}{since}", finding.status.name(), fixed_in(finding)));
    line("looked up", &format!("`{}` in the stream `{}`", why.matched_name, why.stream));
    line("compared", &format!("{} with {}", why.matched_version, why.range));
    let source = &finding.data_source;
    line("published", &format!("{} ({}) {}", source.name, source.id, source.url));
    if !finding.vendor_ids.is_empty() {
        line("as", &finding.vendor_ids.join(", "));
    }
    if !vulnerability.aliases.is_empty() {
        line("also called", &vulnerability.aliases.join(", "));
    }
    for note in &why.notes {
        line("note", note);
    }
    if let Some(kev) = &vulnerability.kev {
        line("exploited", &format!("known since {}", kev.date_added));
    }
    if let Some(epss) = &vulnerability.epss {
        line("EPSS", &format!("{:.3} % within 30 days", epss.score * 100.0));
    }
    line("found by", if package.found_by.is_empty() { "the user's own word" } else { package.found_by });
    for location in package.locations.iter().take(LISTED) {
        line("at", &location.to_string());
    }
    if let Some(suppressed) = &finding.suppressed {
        let statement = suppressed.statement.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        line(
            "suppressed",
            &format!("{} by {} ({}){statement}", suppressed.status, suppressed.source, suppressed.kind.name()),
        );
    }
    text.push('\n');
}

/// Nothing was found: what the database says of the id, and what of that is in the subject.
fn none(text: &mut String, id: &str, report: &Report, database: &Database<'_>) -> Result<()> {
    let _ = writeln!(text, "nothing in this subject has `{}`\n", printable(id));
    if database.is_withdrawn(id)? {
        let _ = writeln!(text, "  it was withdrawn or rejected, so it matches nothing");
    }
    let hits = database.look_up(&Query { text: id.to_owned(), stream: String::new(), most: 10_000 })?;
    if hits.is_empty() {
        let _ = writeln!(text, "  the database holds no advisory under this name");
        return Ok(());
    }
    let present: BTreeSet<&str> = report
        .inventory
        .packages
        .iter()
        .flat_map(|package| {
            let source = package.source.as_ref().map(|source| source.name.as_str());
            std::iter::once(package.name.as_str()).chain(source)
        })
        .collect();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        hits.iter().partition(|hit| present.contains(hit.package.rsplit("::").next().unwrap_or(&hit.package)));
    for (heading, rows) in [("packages of these names are here", here), ("other advisories", elsewhere)] {
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  {heading}:");
        for hit in rows.iter().take(LISTED) {
            let verb = if hit.unaffected { "not vulnerable" } else { "vulnerable" };
            let row = format!("{}  {}  {verb}: {}  ({})", hit.stream, hit.package, hit.range, hit.source.id);
            let _ = writeln!(text, "    {}", printable(&row));
        }
        if rows.len() > LISTED {
            let _ = writeln!(text, "    and {} more: `signet db search {id}`", rows.len() - LISTED);
        }
    }
    Ok(())
}

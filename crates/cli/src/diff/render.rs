//! A difference as a table, as JSON and as Markdown.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::compare::{Difference, FindingRow, Name, PackageRow};
use crate::report::markdown_cell;
use crate::report::table::printable;

/// How many lines of a part people are shown; JSON has all.
const LISTED: usize = 200;

type Hits = (String, Vec<String>);

/// `{"schemaVersion": 1, "before": ..., "after": ..., "packages": {...}, "findings": {...}}`; fields are added, never renamed or removed.
pub(super) fn json(difference: &Difference, hits: Option<&Hits>) -> Result<Vec<u8>> {
    let name = |name: &Name| {
        let mut value = json!({ "name": name.name });
        if let Some(digest) = &name.digest {
            value["digest"] = json!(digest);
        }
        value
    };
    let package = |row: &PackageRow| json!({ "kind": row.kind, "name": row.name, "version": row.version });
    let finding = |row: &FindingRow| {
        json!({
            "id": row.id, "severity": row.severity.name(), "kind": row.kind, "name": row.name, "version": row.version,
            "fixedIn": row.fixed_in, "exploited": row.exploited, "malicious": row.malicious,
        })
    };
    let packages = &difference.packages;
    let mut document = json!({
        "schemaVersion": 1,
        "tool": { "name": "signet-diff", "version": env!("CARGO_PKG_VERSION") },
        "before": name(&difference.before),
        "after": name(&difference.after),
        "packages": {
            "came": packages.came.iter().map(package).collect::<Vec<_>>(),
            "went": packages.went.iter().map(package).collect::<Vec<_>>(),
            "changed": packages.changed.iter().map(|change| json!({
                "kind": change.kind, "name": change.name, "before": change.before, "after": change.after,
            })).collect::<Vec<_>>(),
            "same": packages.same,
        },
    });
    if let Some(findings) = &difference.findings {
        let changed: Vec<Value> = findings
            .changed
            .iter()
            .map(|change| {
                let mut value = finding(&change.finding);
                value["changes"] = change
                    .changes
                    .iter()
                    .map(|(what, was, is)| json!({ "what": what, "before": was, "after": is }))
                    .collect();
                value
            })
            .collect();
        document["findings"] = json!({
            "came": findings.came.iter().map(finding).collect::<Vec<_>>(),
            "went": findings.went.iter().map(finding).collect::<Vec<_>>(),
            "changed": changed,
            "same": findings.same,
        });
    }
    if let Some((expression, hits)) = hits {
        document["failOn"] = json!({ "expression": expression, "hits": hits });
    }
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Lines that begin with `+`, `-` or `~`, in the manner of a patch.
pub(super) fn table(difference: &Difference, hits: Option<&Hits>) -> String {
    let mut text = format!("{} -> {}\n", printable(&difference.before.name), printable(&difference.after.name));
    let packages = &difference.packages;
    let _ = writeln!(
        text,
        "\npackages: {} came, {} went, {} changed, {} the same",
        packages.came.len(),
        packages.went.len(),
        packages.changed.len(),
        packages.same
    );
    let package = |row: &PackageRow| format!("{} {} {}", row.kind, printable(&row.name), printable(&row.version));
    listed(&mut text, "  +", packages.came.iter().map(package));
    listed(&mut text, "  -", packages.went.iter().map(package));
    listed(
        &mut text,
        "  ~",
        packages.changed.iter().map(|change| {
            let (before, after) = (change.before.join(", "), change.after.join(", "));
            format!("{} {} {} -> {}", change.kind, printable(&change.name), printable(&before), printable(&after))
        }),
    );
    match &difference.findings {
        None => text.push_str("\nfindings: not compared\n"),
        Some(findings) => {
            let _ = writeln!(
                text,
                "\nfindings: {} came, {} went, {} changed, {} the same",
                findings.came.len(),
                findings.went.len(),
                findings.changed.len(),
                findings.same
            );
            listed(&mut text, "  +", findings.came.iter().map(|row| printable(&finding(row))));
            listed(&mut text, "  -", findings.went.iter().map(|row| printable(&finding(row))));
            listed(
                &mut text,
                "  ~",
                findings.changed.iter().map(|change| {
                    let told: Vec<String> = change
                        .changes
                        .iter()
                        .map(|(what, was, is)| format!("{what}: {} -> {}", or_none(was), or_none(is)))
                        .collect();
                    printable(&format!("{}: {}", finding(&change.finding), told.join("; ")))
                }),
            );
        }
    }
    if let Some((expression, hits)) = hits {
        let _ = writeln!(text, "\nfail on: {}\n  {} of those that came at or above", printable(expression), hits.len());
        listed(&mut text, "  ", hits.iter().map(|hit| printable(hit)));
    }
    text
}

fn listed(text: &mut String, mark: &str, rows: impl ExactSizeIterator<Item = String>) {
    let count = rows.len();
    for row in rows.take(LISTED) {
        let _ = writeln!(text, "{mark} {row}");
    }
    if count > LISTED {
        let _ = writeln!(text, "{mark} ... and {} more (`-o json` lists them all)", count - LISTED);
    }
}

fn finding(row: &FindingRow) -> String {
    let fix = match (row.malicious, row.fixed_in.is_empty()) {
        (true, _) => ", malicious".to_owned(),
        (_, true) => String::new(),
        _ => format!(", fixed in {}", row.fixed_in),
    };
    let exploited = if row.exploited { ", known exploited" } else { "" };
    format!("{} {} in {} {}{fix}{exploited}", row.severity, row.id, row.name, row.version)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// For comments on merge requests.
pub(super) fn markdown(difference: &Difference, hits: Option<&Hits>) -> String {
    let cell = markdown_cell;
    let mut text = format!("## Signet: {} → {}\n\n", cell(&difference.before.name), cell(&difference.after.name));
    if let Some((expression, hits)) = hits {
        let _ = writeln!(text, "**{} of those that came at or above** {}\n", hits.len(), cell(expression));
    }
    let mut section = |title: &str, summary: String, heading: &str, rows: Vec<String>| {
        let _ = writeln!(text, "### {title}\n\n{summary}\n");
        if !rows.is_empty() {
            let _ = writeln!(text, "{heading}");
            for row in rows.iter().take(LISTED) {
                let _ = writeln!(text, "{row}");
            }
            text.push('\n');
        }
        if rows.len() > LISTED {
            let _ = writeln!(text, "... and {} more.\n", rows.len() - LISTED);
        }
    };
    match &difference.findings {
        None => section("Findings", "Not compared.".to_owned(), "", Vec::new()),
        Some(findings) => {
            let row = |mark: &str, row: &FindingRow, more: &str| {
                format!(
                    "| {mark} | {} | {} | {} | {} | {} | {more} |",
                    row.severity,
                    cell(&row.id),
                    cell(&row.name),
                    cell(&row.version),
                    if row.malicious { "(remove it)".to_owned() } else { cell(&row.fixed_in) },
                )
            };
            let mut rows: Vec<String> = findings.came.iter().map(|found| row("came", found, "")).collect();
            rows.extend(findings.changed.iter().map(|change| {
                let told: Vec<String> = change
                    .changes
                    .iter()
                    .map(|(what, was, is)| format!("{what}: {} → {}", cell(or_none(was)), cell(or_none(is))))
                    .collect();
                row("changed", &change.finding, &told.join("; "))
            }));
            rows.extend(findings.went.iter().map(|found| row("went", found, "")));
            section(
                "Findings",
                format!(
                    "{} came, {} went, {} changed, {} the same.",
                    findings.came.len(),
                    findings.went.len(),
                    findings.changed.len(),
                    findings.same
                ),
                "| | Severity | Id | Package | Version | Fixed in | |\n|---|---|---|---|---|---|---|",
                rows,
            );
        }
    }
    let packages = &difference.packages;
    let row = |mark: &str, kind: &str, name: &str, before: &str, after: &str| {
        format!("| {mark} | {kind} | {} | {} | {} |", cell(name), cell(before), cell(after))
    };
    let mut rows: Vec<String> =
        packages.came.iter().map(|new| row("came", new.kind, &new.name, "", &new.version)).collect();
    rows.extend(
        packages.changed.iter().map(|change| {
            row("changed", change.kind, &change.name, &change.before.join(", "), &change.after.join(", "))
        }),
    );
    rows.extend(packages.went.iter().map(|old| row("went", old.kind, &old.name, &old.version, "")));
    section(
        "Packages",
        format!(
            "{} came, {} went, {} changed, {} the same.",
            packages.came.len(),
            packages.went.len(),
            packages.changed.len(),
            packages.same
        ),
        "| | Kind | Package | Before | After |\n|---|---|---|---|---|",
        rows,
    );
    text
}

//! Grype's table, and the orders of its rows.

use std::cmp::Ordering;
use std::collections::HashSet;

use anyhow::{Result, bail};

use super::wire::{Ignored, Match};
use super::words;
use crate::foreign::columns;

/// The table; `ignored` is shown when that was asked for.
pub(super) fn render(matches: &[Match], ignored: &[Ignored]) -> String {
    let mut rows: Vec<Vec<String>> = matches.iter().map(|found| row(found, "")).collect();
    rows.extend(ignored.iter().map(|one| {
        let by_vex =
            one.applied_ignore_rules.iter().any(|rule| rule.get("namespace").is_some_and(|name| name == "vex"));
        row(&one.found, if by_vex { "(suppressed by VEX)" } else { "(suppressed)" })
    }));
    if rows.is_empty() {
        return "No vulnerabilities found\n".to_owned();
    }
    let mut seen = HashSet::new();
    rows.retain(|row| seen.insert(row.clone()));
    columns::render(&["NAME", "INSTALLED", "FIXED IN", "TYPE", "VULNERABILITY", "SEVERITY", "EPSS", "RISK", ""], &rows)
}

fn row(found: &Match, suffix: &str) -> Vec<String> {
    let record = &found.vulnerability;
    let fixed = match record.fix.state.as_str() {
        "wont-fix" => "(won't fix)".to_owned(),
        "unknown" => String::new(),
        _ => record.fix.versions.join(", "),
    };
    let epss = match record.metadata.epss.first() {
        Some(epss) => format!("{} ({})", percent(epss.epss * 100.0, "%"), ordinal(epss.percentile)),
        None => "N/A".to_owned(),
    };
    let mut risk = match record.metadata.epss.is_empty() && record.metadata.known_exploited.is_empty() {
        true => "N/A".to_owned(),
        false => percent(record.risk, ""),
    };
    if !record.metadata.known_exploited.is_empty() {
        risk += " (kev)";
    }
    [
        &found.artifact.name,
        &found.artifact.version,
        &fixed,
        &found.artifact.ty,
        &record.metadata.id,
        &record.metadata.severity,
        &epss,
        &risk,
        suffix,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// One digit behind the point, and never a zero for what is not zero.
fn percent(value: f64, unit: &str) -> String {
    if value < 0.1 { format!("< 0.1{unit}") } else { format!("{value:.1}{unit}") }
}

/// `42nd`.
fn ordinal(share: f64) -> String {
    let place = (share.clamp(0.0, 1.0) * 100.0 + 1e-9).floor() as u32;
    let ending = match (place % 10, place % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// Sorts as `--sort-by` says; what is equal by it, by the other measures and by package.
pub(super) fn sort(matches: &mut [Match], by: &str) -> Result<()> {
    let order: &[fn(&Match, &Match) -> Ordering] = match by.to_ascii_lowercase().as_str() {
        "package" => &[package, severity, id],
        "severity" => &[severity, risk, package, id],
        "threat" | "epss" => &[epss, risk, severity, package, id],
        "risk" | "" => &[risk, severity, epss, package, id],
        "kev" => &[kev, risk, severity, package, id],
        "vulnerability" | "cve" => &[id, package],
        "fix" | "fix-state" | "fixed" => &[fix, risk, severity, package, id],
        other => {
            bail!("unknown order `{other}` for --sort-by: package, severity, threat, risk, kev, vulnerability, fix")
        }
    };
    matches.sort_by(|a, b| {
        order.iter().map(|compare| compare(a, b)).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    Ok(())
}

fn package(a: &Match, b: &Match) -> Ordering {
    let key = |found: &Match| (found.artifact.name.clone(), found.artifact.version.clone(), found.artifact.ty.clone());
    key(a).cmp(&key(b))
}

fn severity(a: &Match, b: &Match) -> Ordering {
    let key = |found: &Match| words::rank(&found.vulnerability.metadata.severity);
    key(b).cmp(&key(a))
}

fn risk(a: &Match, b: &Match) -> Ordering {
    b.vulnerability.risk.total_cmp(&a.vulnerability.risk)
}

fn epss(a: &Match, b: &Match) -> Ordering {
    let key = |found: &Match| found.vulnerability.metadata.epss.first().map_or(-1.0, |epss| epss.epss);
    key(b).total_cmp(&key(a))
}

fn kev(a: &Match, b: &Match) -> Ordering {
    let key = |found: &Match| !found.vulnerability.metadata.known_exploited.is_empty();
    key(b).cmp(&key(a))
}

fn fix(a: &Match, b: &Match) -> Ordering {
    let key = |found: &Match| words::FIX_STATES.iter().position(|state| *state == found.vulnerability.fix.state);
    key(a).cmp(&key(b))
}

fn id(a: &Match, b: &Match) -> Ordering {
    a.vulnerability.metadata.id.cmp(&b.vulnerability.metadata.id)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Epss, Kev};
    use super::*;

    fn found(name: &str, severity: &str, risk: f64, epss: Option<f64>) -> Match {
        let mut found = Match::default();
        found.artifact.name = name.to_owned();
        found.vulnerability.metadata.id = format!("CVE-{name}");
        found.vulnerability.metadata.severity = severity.to_owned();
        found.vulnerability.risk = risk;
        found.vulnerability.metadata.epss =
            epss.map(|epss| Epss { epss, percentile: 0.42, ..Epss::default() }).into_iter().collect();
        found
    }

    #[test]
    fn orders() {
        let check = |by: &str, wanted: &str| {
            let mut matches = [
                found("a", "Low", 9.0, Some(0.1)),
                found("b", "Critical", 1.0, None),
                found("c", "High", 1.0, Some(0.9)),
            ];
            sort(&mut matches, by).unwrap();
            assert_eq!(matches.iter().map(|found| found.artifact.name.as_str()).collect::<String>(), wanted, "{by}");
        };
        check("risk", "abc");
        check("severity", "bca");
        check("threat", "cab");
        check("package", "abc");
        assert!(sort(&mut [], "size").is_err());
    }

    #[test]
    fn cells() {
        let mut one = found("a", "Low", 1.68, Some(0.03));
        assert_eq!(row(&one, "")[6..], ["3.0% (42nd)", "1.7", ""]);
        one.vulnerability.metadata.known_exploited = vec![Kev::default()];
        one.vulnerability.risk = 0.01;
        assert_eq!(row(&one, "(suppressed)")[7..], ["< 0.1 (kev)", "(suppressed)"]);
        assert_eq!(row(&found("a", "Low", 0.0, None), "")[6..8], ["N/A", "N/A"]);
        assert_eq!(
            ["0.11", "0.22", "0.23", "0.13"].map(|share| ordinal(share.parse().unwrap())),
            ["11th", "22nd", "23rd", "13th"]
        );
        assert_eq!(render(&[], &[]), "No vulnerabilities found\n");
    }
}

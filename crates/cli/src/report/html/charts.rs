//! Charts of a report as inline SVG. Each says its numbers in text, so that colour is never all that tells.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use signet_model::Severity;

use super::escape;
use crate::report::Report;

/// So many packages, and so many layers, have a bar of their own.
const BARS: usize = 12;

type Counts = [usize; 5];

/// All four.
pub(super) fn section(page: &mut String, report: &Report) {
    if report.active().next().is_none() {
        page.push_str("<section class=\"clean\"><h2>No findings</h2></section>\n");
        return;
    }
    page.push_str("<section class=\"charts\">\n");
    severities(page, report);
    fixes(page, report);
    by_layer(page, report);
    by_package(page, report);
    page.push_str("</section>\n");
}

fn place(severity: Severity) -> usize {
    Severity::ALL.iter().position(|known| *known == severity).unwrap_or(0)
}

fn severities(page: &mut String, report: &Report) {
    let parts: Vec<(String, &str, usize)> = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| {
            let count = report.active().filter(|finding| finding.severity == severity).count();
            (severity.name().to_owned(), severity.name(), count)
        })
        .collect();
    ring(page, "By severity", &parts);
}

fn fixes(page: &mut String, report: &Report) {
    let mut counts = [0_usize; 4];
    for finding in report.active() {
        let slot = match (finding.malicious, finding.fix.versions.is_empty()) {
            (true, _) => 3,
            (_, false) => 0,
            _ if matches!(finding.status, signet_model::Status::WillNotFix | signet_model::Status::EndOfLife) => 2,
            _ => 1,
        };
        counts[slot] += 1;
    }
    let [fixed, open, never, remove] = counts;
    let parts = [
        ("fix available".to_owned(), "good", fixed),
        ("no fix yet".to_owned(), "medium", open),
        ("will not be fixed".to_owned(), "high", never),
        ("remove it".to_owned(), "critical", remove),
    ];
    ring(page, "Fix availability", &parts);
}

/// A ring of parts with a legend. Arcs are dashes of a circle whose circumference is 100.
fn ring(page: &mut String, title: &str, parts: &[(String, &str, usize)]) {
    let total: usize = parts.iter().map(|(_, _, count)| count).sum();
    let words: Vec<String> =
        parts.iter().filter(|part| part.2 > 0).map(|part| format!("{} {}", part.2, part.0)).collect();
    let _ = write!(
        page,
        "<figure><figcaption>{title}</figcaption><div class=\"ring\"><svg viewBox=\"0 0 42 42\" role=\"img\" aria-label=\"{}\">\
         <circle class=\"track\" cx=\"21\" cy=\"21\" r=\"15.9155\"/>",
        words.join(", ")
    );
    let mut before = 0.0;
    for (_, class, count) in parts.iter().filter(|part| part.2 > 0) {
        let share = *count as f64 * 100.0 / total.max(1) as f64;
        let _ = write!(
            page,
            "<circle class=\"arc {class}\" cx=\"21\" cy=\"21\" r=\"15.9155\" stroke-dasharray=\"{share:.3} {:.3}\" stroke-dashoffset=\"{:.3}\"/>",
            100.0 - share,
            125.0 - before,
        );
        before += share;
    }
    let _ = write!(page, "<text x=\"21\" y=\"21\" class=\"total\">{total}</text></svg><ul class=\"legend\">");
    for (name, class, count) in parts {
        let _ = write!(page, "<li><i class=\"{class}\"></i>{name} <b>{count}</b></li>");
    }
    page.push_str("</ul></div></figure>\n");
}

fn by_layer(page: &mut String, report: &Report) {
    let Some(image) = &report.subject.image else { return };
    let mut layers = vec![Counts::default(); image.layers.len()];
    let mut elsewhere = Counts::default();
    for finding in report.active() {
        let layer = report.layer_of(report.package(finding.package)).and_then(|layer| layers.get_mut(layer));
        layer.unwrap_or(&mut elsewhere)[place(finding.severity)] += 1;
    }
    let base = report.views.base.as_ref().map_or(0, |base| base.layers);
    let mut bars: Vec<(String, String, Counts)> = layers
        .iter()
        .enumerate()
        .filter(|(_, counts)| counts.iter().sum::<usize>() > 0)
        .map(|(at, counts)| {
            let made_by = image.layers.get(at).and_then(|layer| layer.created_by.as_deref()).unwrap_or("");
            let from = if at < base { " (base)" } else { "" };
            (format!("{}{from}", at + 1), made_by.to_owned(), *counts)
        })
        .collect();
    if elsewhere.iter().sum::<usize>() > 0 {
        bars.push(("?".to_owned(), "layer not known".to_owned(), elsewhere));
    }
    let rest = bars.split_off(bars.len().min(BARS));
    bar_chart(page, "By layer", &bars, &rest);
}

fn by_package(page: &mut String, report: &Report) {
    let mut packages: BTreeMap<(&str, &str, &str), Counts> = BTreeMap::new();
    for finding in report.active() {
        let package = report.package(finding.package);
        let key = (package.name.as_str(), package.version.as_str(), package.kind.name());
        packages.entry(key).or_default()[place(finding.severity)] += 1;
    }
    let mut bars: Vec<(String, String, Counts)> = packages
        .into_iter()
        .map(|((name, version, kind), counts)| (format!("{name} {version}"), kind.to_owned(), counts))
        .collect();
    // Most findings first, the worse ones deciding between equals; names keep the order of the map.
    bars.sort_by_key(|(_, _, counts)| {
        (
            std::cmp::Reverse(counts.iter().sum::<usize>()),
            std::cmp::Reverse(counts.iter().rev().copied().collect::<Vec<_>>()),
        )
    });
    let rest = bars.split_off(bars.len().min(BARS));
    bar_chart(page, "By package", &bars, &rest);
}

/// Horizontal bars, each split by severity, worst first.
fn bar_chart(page: &mut String, title: &str, bars: &[(String, String, Counts)], rest: &[(String, String, Counts)]) {
    if bars.is_empty() {
        return;
    }
    let most = bars.iter().map(|(_, _, counts)| counts.iter().sum::<usize>()).max().unwrap_or(1).max(1);
    let _ = writeln!(page, "<figure class=\"wide\"><figcaption>{title}</figcaption><table class=\"bars\"><tbody>");
    for (name, more, counts) in bars {
        let total: usize = counts.iter().sum();
        let _ = write!(
            page,
            "<tr><th scope=\"row\" title=\"{more}\"><span>{}</span><small>{more}</small></th>\
             <td><svg viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
            escape(name),
            more = escape(more),
        );
        let mut at = 0.0;
        let mut words = Vec::new();
        for severity in Severity::ALL.into_iter().rev() {
            let count = counts[place(severity)];
            if count == 0 {
                continue;
            }
            let width = count as f64 * 100.0 / most as f64;
            let _ = write!(
                page,
                "<rect class=\"{}\" x=\"{at:.3}\" y=\"0\" width=\"{width:.3}\" height=\"6\"/>",
                severity.name()
            );
            at += width;
            words.push(format!("{count} {severity}"));
        }
        let _ = writeln!(page, "</svg></td><td class=\"count\" title=\"{}\">{total}</td></tr>", words.join(", "));
    }
    page.push_str("</tbody></table>");
    if !rest.is_empty() {
        let findings: usize = rest.iter().map(|(_, _, counts)| counts.iter().sum::<usize>()).sum();
        let _ = write!(page, "<p class=\"rest\">and {} more with {findings} findings</p>", rest.len());
    }
    page.push_str("</figure>\n");
}

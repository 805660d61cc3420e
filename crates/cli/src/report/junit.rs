//! JUnit XML, for test pages: a suite per kind of package, a case per finding, a failure where the gate sees it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use signet_model::Finding;

use crate::report::{Report, fixed_in};

/// The document.
pub(crate) fn render(report: &Report) -> String {
    let mut suites: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        suites.entry(report.package(finding.package).kind.name()).or_default().push(finding);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (kind, findings) in &suites {
        let failures = findings.iter().filter(|finding| finding.suppressed.is_none()).count();
        let skipped = findings.len() - failures;
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\" errors=\"0\">",
            escape(&format!("{} ({kind})", report.subject.name)),
            findings.len(),
        );
        for finding in findings {
            case(&mut xml, report, finding);
        }
        xml.push_str("  </testsuite>\n");
    }
    if !report.inventory.unexamined.is_empty() {
        let count = report.inventory.unexamined.len();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{count}\" failures=\"0\" skipped=\"0\" errors=\"{count}\">",
            escape(&format!("{} (not examined)", report.subject.name)),
        );
        for what in &report.inventory.unexamined {
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\"><error type=\"{}\" message=\"{}\"/></testcase>",
                escape(what.by),
                escape(&what.location.to_string()),
                what.kind.name(),
                escape(&what.why),
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    licences(&mut xml, report);
    fixed(&mut xml, report);
    xml.push_str("</testsuites>\n");
    xml
}

/// A case for each licence that counts; a failure where it is denied.
fn licences(xml: &mut String, report: &Report) {
    let active: Vec<_> = report.active_licences().collect();
    if active.is_empty() {
        return;
    }
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"0\" errors=\"0\">",
        escape(&format!("{} (licences)", report.subject.name)),
        active.len(),
        active.iter().filter(|licence| licence.denied).count(),
    );
    for licence in active {
        let package = report.package(licence.package);
        let stated = if licence.licence.is_empty() { "none stated" } else { &licence.licence };
        let _ = write!(
            xml,
            "    <testcase classname=\"{}\" name=\"[{}] {}\">",
            escape(&format!("{}-{}", package.name, package.version)),
            licence.category.name(),
            escape(stated),
        );
        if licence.denied {
            xml.push_str("<failure message=\"the licence is denied\" type=\"licence\"/>");
        }
        xml.push_str("</testcase>\n");
    }
    xml.push_str("  </testsuite>\n");
}

/// What the baseline had and is gone, as cases that passed.
fn fixed(xml: &mut String, report: &Report) {
    let Some(baseline) = report.views.baseline.as_ref().filter(|baseline| !baseline.fixed.is_empty()) else { return };
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"0\" skipped=\"0\" errors=\"0\">",
        escape(&format!("{} (fixed since {})", report.subject.name, baseline.file)),
        baseline.fixed.len(),
    );
    for gone in &baseline.fixed {
        let _ = writeln!(
            xml,
            "    <testcase classname=\"{}\" name=\"[{}] {}\"/>",
            escape(&format!("{}-{}", gone.name, gone.version)),
            gone.severity.upper(),
            escape(&gone.id),
        );
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, report: &Report, finding: &Finding) {
    let package = report.package(finding.package);
    let title = finding.vulnerability.title.as_deref().unwrap_or(&finding.vulnerability.id);
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"[{}] {}\">",
        escape(&format!("{}-{}", package.name, package.version)),
        finding.severity.upper(),
        escape(&finding.vulnerability.id),
    );
    match &finding.suppressed {
        Some(suppressed) => {
            let why = suppressed.statement.as_deref().unwrap_or(&suppressed.status);
            let _ = write!(xml, "<skipped message=\"{}\"/>", escape(&format!("{}: {why}", suppressed.source)));
        }
        None => {
            let fixed = fixed_in(finding);
            let fixed = if fixed.is_empty() { "none yet".to_owned() } else { fixed };
            let _ = write!(
                xml,
                "<failure message=\"{}\" type=\"vulnerability\">{}</failure>",
                escape(title),
                escape(&format!("{} {}; fixed in: {fixed}", package.name, package.version)),
            );
        }
    }
    xml.push_str("</testcase>\n");
}

/// XML text and attribute value. Characters that XML 1.0 cannot carry (section 2.2) become U+FFFD.
fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\t' | '\n' | '\r' => format!("&#{};", c as u32),
            c if (c as u32) < 0x20 || matches!(c as u32, 0xFFFE | 0xFFFF) => "\u{FFFD}".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn hostile_names_stay_text() {
        assert_eq!(escape("a<b>&\"c\"\u{0}\n"), "a&lt;b&gt;&amp;&quot;c&quot;\u{FFFD}&#10;");
    }
}

//! One HTML file that shows a report: charts, a table that sorts and filters, nothing fetched from anywhere.
//!
//! ```text
//!   page.css ─┐
//!   page.js ──┼─▶ one document: head (policy that forbids everything else) ─ summary ─ charts (SVG) ─ tables
//!   Report ───┘
//! ```
//!
//! All is there without scripts; the script only sorts and filters. Text of an image reaches the page through [`escape`] alone, and a
//! content security policy allows no script but ours, by its digest.

mod charts;
mod rows;

use std::fmt::Write as _;

use base64::Engine as _;
use signet_model::{Digest, Verdict};

use crate::report::{Report, table::printable};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// So many lines of a list stand in the page; the rest is counted.
const LISTED: usize = 500;

/// The document.
pub(crate) fn render(report: &Report) -> String {
    let digest = base64::engine::general_purpose::STANDARD.encode(Digest::sha256(SCRIPT.as_bytes()).as_bytes());
    let title = escape(&report.subject.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Signet: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    heading(&mut page, report);
    decision(&mut page, report);
    page.push_str("<main>\n");
    if report.judged {
        charts::section(&mut page, report);
        rows::findings(&mut page, report);
    }
    rows::fixed(&mut page, report);
    rows::licences(&mut page, report);
    rows::layers(&mut page, report);
    unexamined(&mut page, report);
    notes(&mut page, report);
    page.push_str("</main>\n");
    footer(&mut page, report);
    let _ = write!(page, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

fn heading(page: &mut String, report: &Report) {
    let _ = write!(page, "<header>\n<p class=\"brand\">Signet report</p>\n<h1>{}</h1>\n", escape(&report.subject.name));
    if let Some(digest) = report.digest() {
        let _ = writeln!(page, "<p class=\"digest\">{digest}</p>");
    }
    let mut facts = Vec::new();
    if let Some(distro) = &report.inventory.distro {
        facts.push(match &distro.pretty_name {
            Some(name) => escape(name),
            None => escape(&format!("{} {}", distro.id, distro.version_id.as_deref().unwrap_or("rolling"))),
        });
    }
    if let Some(image) = &report.subject.image {
        facts.push(escape(&image.platform.to_string()));
        facts.push(format!("{} layers", image.layers.len()));
    }
    facts.push(format!("{} packages", report.inventory.packages.len()));
    if let Some(database) = &report.database {
        facts.push(match database.built {
            Some(built) => format!("database of {}", built.strftime("%Y-%m-%d %H:%M UTC")),
            None => "database without a date".to_owned(),
        });
    }
    if let Some(created) = report.created {
        facts.push(format!("made {}", created.strftime("%Y-%m-%d %H:%M UTC")));
    }
    let _ = writeln!(page, "<p class=\"facts\">{}</p>", facts.join(" · "));
    page.push_str("<ul class=\"numbers\">\n");
    let mut number = |count: usize, text: &str, class: &str| {
        let _ = writeln!(page, "<li class=\"{class}\"><b>{count}</b> {text}</li>");
    };
    if report.judged {
        for severity in signet_model::Severity::ALL.into_iter().rev() {
            let count = report.active().filter(|finding| finding.severity == severity).count();
            number(count, severity.name(), severity.name());
        }
        let exploited = report.active().filter(|finding| finding.vulnerability.kev.is_some()).count();
        if exploited > 0 {
            number(exploited, "known exploited", "critical");
        }
        if let Some((own, inherited)) = report.own_and_inherited() {
            number(own, "own", "plain");
            number(inherited, "from the base", "plain");
        }
        if let Some(baseline) = &report.views.baseline {
            number(baseline.known, "in the baseline", "plain");
            number(baseline.fixed.len(), "fixed since", "plain");
        }
        let suppressed = report.findings.len() - report.active().count();
        number(suppressed, "suppressed", "plain");
    }
    let unexamined = report.inventory.unexamined.len();
    number(unexamined, "not examined", if unexamined > 0 { "warn" } else { "plain" });
    page.push_str("</ul>\n</header>\n");
}

fn decision(page: &mut String, report: &Report) {
    if let Some(decision) = &report.decision {
        let class = decision.verdict.name();
        let _ = writeln!(
            page,
            "<section class=\"verdict {class}\"><h2>Decision: {class}</h2><p>Policy {}</p>",
            escape(&decision.policy)
        );
        let hits: Vec<_> = decision
            .rules
            .iter()
            .flat_map(|rule| rule.hits.iter().map(move |hit| (rule, hit)))
            .filter(|(_, hit)| hit.verdict != Verdict::Allow)
            .collect();
        list(page, &hits, |(rule, hit)| {
            format!("<b>{}</b> {} ({})", escape(&hit.subject), escape(&hit.why), escape(&rule.rule))
        });
        page.push_str("</section>\n");
    }
    if let Some((expression, hits)) = &report.threshold {
        let class = if hits.is_empty() { "allow" } else { "deny" };
        let _ = write!(
            page,
            "<section class=\"verdict {class}\"><h2>Threshold: {} at or above</h2><p><code>{}</code></p>\n</section>\n",
            hits.len(),
            escape(expression)
        );
    }
}

fn unexamined(page: &mut String, report: &Report) {
    if report.inventory.unexamined.is_empty() {
        return;
    }
    page.push_str(
        "<section>\n<h2>Not examined</h2>\n<p>What stands here could not be read, so nothing is known of it.</p>\n",
    );
    list(page, &report.inventory.unexamined, |what| {
        format!("<code>{}</code> ({}): {}", escape(&what.location.to_string()), escape(what.by), escape(&what.why))
    });
    page.push_str("</section>\n");
}

fn notes(page: &mut String, report: &Report) {
    if report.notes.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Notes</h2>\n");
    list(page, &report.notes, |note| escape(note));
    page.push_str("</section>\n");
}

fn footer(page: &mut String, report: &Report) {
    page.push_str("<footer>\n");
    for feed in report.database.iter().flat_map(|database| &database.feeds) {
        let time = feed.data_time.map_or("no date".to_owned(), |time| time.strftime("%Y-%m-%d").to_string());
        let _ = writeln!(
            page,
            "<p>{} ({time}), {}, {} {}</p>",
            escape(&feed.name),
            escape(feed.trust),
            escape(&feed.licence),
            escape(&feed.attribution)
        );
    }
    let _ = writeln!(page, "<p>Signet {}</p>\n</footer>", env!("CARGO_PKG_VERSION"));
}

/// A list whose items are markup already.
fn list<T>(page: &mut String, items: &[T], item: impl Fn(&T) -> String) {
    page.push_str("<ul class=\"list\">\n");
    for what in items.iter().take(LISTED) {
        let _ = writeln!(page, "<li>{}</li>", item(what));
    }
    if items.len() > LISTED {
        let _ = writeln!(page, "<li>... and {} more</li>", items.len() - LISTED);
    }
    page.push_str("</ul>\n");
}

/// Text as it may stand in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        assert_eq!(
            escape("</script><img src=x onerror='a'>\"&\u{202E}"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a&#39;&gt;&quot;&amp;\u{FFFD}"
        );
    }

    #[test]
    fn the_page_fetches_nothing() {
        for text in [STYLE, SCRIPT] {
            for needle in ["http:", "https:", "url(", "@import", "</", "innerHTML", "eval("] {
                assert!(!text.contains(needle), "`{needle}`");
            }
        }
    }
}

//! The tables of the page.

use std::fmt::Write as _;

use signet_model::Finding;

use super::{LISTED, escape};
use crate::report::{Report, fixed_in, primary_url};

/// Every finding, suppressed ones too, which the script hides until they are asked for.
pub(super) fn findings(page: &mut String, report: &Report) {
    if report.findings.is_empty() {
        return;
    }
    let origins = report.views.base.is_some();
    page.push_str("<section>\n<h2>Findings</h2>\n<div class=\"tools\" hidden>");
    page.push_str(
        "<input type=\"search\" id=\"filter\" placeholder=\"Filter: id, package, path ...\" aria-label=\"Filter\">",
    );
    for severity in signet_model::Severity::ALL.into_iter().rev() {
        let name = severity.name();
        let _ =
            write!(page, "<label><input type=\"checkbox\" class=\"level\" value=\"{name}\" checked> {name}</label>");
    }
    page.push_str("<label><input type=\"checkbox\" id=\"fixable\"> only with a fix</label>");
    if origins {
        page.push_str("<label><input type=\"checkbox\" id=\"own\"> only own</label>");
    }
    page.push_str("<label><input type=\"checkbox\" id=\"suppressed\"> suppressed too</label><output id=\"shown\"></output></div>\n");
    page.push_str("<div class=\"scroll\"><table id=\"findings\" class=\"rows\"><thead><tr>");
    let mut columns = vec!["Severity", "Id", "Package", "Installed", "Fixed in", "Exploited", "Where"];
    if origins {
        columns.push("Origin");
    }
    for column in columns {
        let _ = write!(page, "<th scope=\"col\">{column}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for finding in &report.findings {
        row(page, report, finding, origins);
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn row(page: &mut String, report: &Report, finding: &Finding, origins: bool) {
    let package = report.package(finding.package);
    let known = &finding.vulnerability;
    let severity = finding.severity.name();
    let rank = signet_model::Severity::ALL.iter().position(|known| *known == finding.severity).unwrap_or(0);
    let fixed = fixed_in(finding);
    let _ = write!(
        page,
        "<tr data-level=\"{severity}\" data-fix=\"{}\" data-origin=\"{}\" data-suppressed=\"{}\"{}>",
        u8::from(!fixed.is_empty()),
        report.origin(finding).unwrap_or(""),
        u8::from(finding.suppressed.is_some()),
        if finding.suppressed.is_some() { " class=\"suppressed\"" } else { "" },
    );
    let _ = write!(page, "<td data-sort=\"{rank}\"><span class=\"badge {severity}\">{severity}</span></td><td>");
    // Only links that a browser opens without running anything.
    match primary_url(finding).filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
        Some(url) => {
            let _ = write!(page, "<a href=\"{}\" rel=\"noreferrer noopener\">{}</a>", escape(&url), escape(&known.id));
        }
        None => page.push_str(&escape(&known.id)),
    }
    if let Some(title) = &known.title {
        let _ = write!(page, "<small>{}</small>", escape(title));
    }
    if let Some(suppressed) = &finding.suppressed {
        let why = suppressed.statement.as_deref().unwrap_or(&suppressed.status);
        let _ = write!(
            page,
            "<small class=\"why\">suppressed by {} ({}): {}</small>",
            suppressed.kind.name(),
            escape(&suppressed.source),
            escape(why)
        );
    }
    let fix = match (finding.malicious, fixed.is_empty()) {
        (true, _) => "(malicious: remove it)".to_owned(),
        (_, true) => format!("({})", finding.status.name().replace('_', " ")),
        _ => escape(&fixed),
    };
    let (weight, exploited) = match (&known.kev, known.epss) {
        (Some(kev), _) => (2.0, format!("<b>known</b>{}", if kev.ransomware { ", ransomware" } else { "" })),
        (None, Some(epss)) => (epss.score, format!("{:.1} %", epss.score * 100.0)),
        (None, None) => (0.0, String::new()),
    };
    let place = package.locations.first().map(ToString::to_string).unwrap_or_default();
    let layer = report.layer_of(package).map(|layer| format!("<small>layer {}</small>", layer + 1)).unwrap_or_default();
    let _ = write!(
        page,
        "</td><td>{}<small>{}</small></td><td>{}</td><td>{fix}</td><td data-sort=\"{weight:.5}\">{exploited}</td><td class=\"place\">{}{layer}</td>",
        escape(&package.name),
        package.kind.name(),
        escape(&package.version),
        escape(&place),
    );
    if origins {
        let origin = match report.origin(finding) {
            Some("base") => "base image",
            Some(_) => "own",
            None => "",
        };
        let _ = write!(page, "<td>{origin}</td>");
    }
    page.push_str("</tr>\n");
}

/// What the baseline had and is gone.
pub(super) fn fixed(page: &mut String, report: &Report) {
    let Some(baseline) = &report.views.baseline else { return };
    let _ = writeln!(page, "<section>\n<h2>Since the baseline</h2>\n<p>{}</p>", escape(&baseline.summary()));
    if !baseline.fixed.is_empty() {
        super::list(page, &baseline.fixed, |gone| {
            format!(
                "<span class=\"badge good\">fixed</span> {} in {} {} ({})",
                escape(&gone.id),
                escape(&gone.name),
                escape(&gone.version),
                gone.severity.name()
            )
        });
    }
    page.push_str("</section>\n");
}

/// Licences, the ones that ask most first.
pub(super) fn licences(page: &mut String, report: &Report) {
    let Some(licences) = &report.views.licences else { return };
    page.push_str("<section>\n<h2>Licences</h2>\n");
    if licences.is_empty() {
        page.push_str("<p>No package was found.</p></section>\n");
        return;
    }
    page.push_str("<div class=\"scroll\"><table class=\"rows\"><thead><tr><th scope=\"col\">Severity</th><th scope=\"col\">Category</th><th scope=\"col\">Licence</th><th scope=\"col\">Package</th><th scope=\"col\">Version</th></tr></thead>\n<tbody>\n");
    for licence in licences.iter().take(LISTED * 20) {
        let package = report.package(licence.package);
        let severity = licence.severity.name();
        let rank = signet_model::Severity::ALL.iter().position(|known| *known == licence.severity).unwrap_or(0);
        let remark = match (licence.denied, licence.ignored) {
            (_, Some(why)) => format!("<small>ignored by {}</small>", escape(why)),
            (true, None) => "<small class=\"why\">denied by --license-deny</small>".to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(
            page,
            "<tr><td data-sort=\"{rank}\"><span class=\"badge {severity}\">{severity}</span></td><td>{}</td><td>{}{remark}</td><td>{}<small>{}</small></td><td>{}</td></tr>",
            licence.category.name(),
            if licence.licence.is_empty() { "(none stated)".to_owned() } else { escape(&licence.licence) },
            escape(&package.name),
            package.kind.name(),
            escape(&package.version),
        );
    }
    page.push_str("</tbody></table></div>\n");
    if licences.len() > LISTED * 20 {
        let _ = writeln!(page, "<p class=\"rest\">and {} more</p>", licences.len() - LISTED * 20);
    }
    page.push_str("</section>\n");
}

/// The layers of an image, by the number that charts and rows use.
pub(super) fn layers(page: &mut String, report: &Report) {
    let Some(image) = report.subject.image.as_ref().filter(|image| !image.layers.is_empty()) else { return };
    let base = report.views.base.as_ref();
    page.push_str("<section>\n<h2>Layers</h2>\n");
    if let Some(base) = base {
        let _ = writeln!(
            page,
            "<p>Lowest layers that come from the base image: {} (known by {}).</p>",
            base.layers,
            escape(&base.known_by)
        );
    }
    page.push_str("<div class=\"scroll\"><table class=\"rows\"><thead><tr><th scope=\"col\">Layer</th><th scope=\"col\">From</th><th scope=\"col\">Made by</th><th scope=\"col\">diffID</th></tr></thead>\n<tbody>\n");
    for (at, layer) in image.layers.iter().enumerate() {
        let from = match base {
            Some(base) if at < base.layers => "base",
            Some(_) => "own",
            None => "",
        };
        let _ = writeln!(
            page,
            "<tr><td data-sort=\"{at}\">{}</td><td>{from}</td><td class=\"command\">{}</td><td class=\"hash\">{}</td></tr>",
            at + 1,
            escape(layer.created_by.as_deref().unwrap_or("")),
            layer.diff_id
        );
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

//! Microsoft's CSAF documents (MSRC): what they say of Azure Linux and CBL-Mariner packages; other products are counted.
//! Source: <https://msrc.microsoft.com/csaf/>.

use signet_model::Status;

use super::FeedError;
use super::csaf::Document;
use super::source::{Reading, Source, before, nowhere, severity};
use crate::record::{Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "msrc",
    name: "Microsoft Security Response Center",
    urls: &["https://msrc.microsoft.com/csaf/vex/", "https://msrc.microsoft.com/csaf/advisories/"],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let Some(document) = reading.json::<Document>(&path)? else { continue };
        reading.dated(&document.document.tracking.current_release_date);
        let products = document.product_tree.products();
        for vulnerability in &document.vulnerabilities {
            reading.tally.records += 1;
            let id = if vulnerability.cve.is_empty() { &document.document.tracking.id } else { &vulnerability.cve };
            let status = &vulnerability.product_status;
            let lists = [
                (&status.fixed, Status::Fixed),
                (&status.first_fixed, Status::Fixed),
                (&status.known_affected, Status::Affected),
                (&status.known_not_affected, Status::NotAffected),
                (&status.under_investigation, Status::UnderInvestigation),
            ];
            let stated = vulnerability.threats.iter().filter_map(|threat| severity(&threat.details)).max();
            for (list, state) in lists {
                for product in list {
                    let Some((component, platform)) = products.get(product) else {
                        reading.skip(&path, format!("the product `{product}` is nowhere defined"));
                        continue;
                    };
                    let platform = platform.unwrap_or(component);
                    let words = format!("{} {}", platform.name, platform.branch);
                    let Some(stream) = stream(&words) else {
                        reading.unknown(platform.name);
                        continue;
                    };
                    // `azl3 openssl 3.3.0-2`, `cbl2 openssl 1.1.1k-30 on CBL Mariner 2.0`
                    let mut name = component.name.split(" on ").next().unwrap_or_default();
                    name = name.strip_prefix("azl3 ").or_else(|| name.strip_prefix("cbl2 ")).unwrap_or(name);
                    let (name, version) = name.rsplit_once(' ').map_or((name, ""), |(name, version)| (name, version));
                    let version = version.trim_start_matches(['<', '=', '>']);
                    let Some(mut advisory) = reading.blank(&stream, name, id) else { continue };
                    (advisory.status, advisory.severity) = (state, stated);
                    match state {
                        Status::NotAffected => advisory.affected = nowhere(),
                        Status::Fixed => (advisory.affected, advisory.fixed) = before(Some(version)),
                        _ => advisory.affected = before(None).0,
                    }
                    reading.put(Record::Advisory(Box::new(advisory)))?;
                }
            }
            let severities = stated.map(|severity| (SOURCE.id.to_owned(), severity)).into_iter().collect();
            let detail = Detail { title: vulnerability.title.clone(), severities, ..Detail::default() };
            reading.put(Record::Detail(id.clone(), Box::new(detail)))?;
        }
    }
    Ok(())
}

fn stream(words: &str) -> Option<String> {
    let lower = words.to_ascii_lowercase();
    let name = if lower.contains("azure linux") || lower.contains("azl3") {
        "Azure Linux"
    } else if lower.contains("mariner") || lower.contains("cbl2") {
        "CBL-Mariner"
    } else {
        return None;
    };
    let release = lower.split_whitespace().find(|word| word.len() == 3 && word.ends_with(".0"));
    Some(format!("{name} {}", release.unwrap_or(if name == "Azure Linux" { "3.0" } else { "2.0" })))
}

//! RustSec: Markdown files that begin with a block of TOML, and OSV records of its export.
//!
//! A notice (`informational`) is no vulnerability: `unsound` is reported, `unmaintained` and `notice` are counted.
//! Source: <https://github.com/rustsec/advisory-db#advisory-format>.

use serde::Deserialize;
use signet_model::{Cvss, Severity, Status};

use super::source::{Reading, Source};
use super::{FeedError, osv_family};
use crate::order::Order;
use crate::ranges;
use crate::record::{Affected, Detail, Range, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "rustsec",
    name: "RustSec Advisory Database",
    urls: &["https://github.com/rustsec/advisory-db/archive/refs/heads/main.tar.gz"],
    licence: "CC0-1.0",
    redistributable: true,
    attribution: "Contains the RustSec Advisory Database, https://rustsec.org; some advisories are under CC-BY-4.0",
    run,
};

#[derive(Deserialize)]
struct Front {
    advisory: Head,
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    #[serde(default)]
    date: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    cvss: Option<String>,
    #[serde(default)]
    informational: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    collection: Option<String>,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".md", ".json"]) {
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.ends_with(".json") {
            osv_family::record(reading, &path)?;
        } else if name.starts_with("RUSTSEC-") || name.starts_with("CVE-") {
            let tree = reading.tree;
            let bytes = tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
            match front(&String::from_utf8_lossy(&bytes)) {
                Ok((front, title, body)) => one(reading, front, title, body)?,
                Err(why) => reading.malformed(&path, why),
            }
        } else {
            reading.skip(&path, "no advisory by its name");
        }
    }
    Ok(())
}

/// The TOML, the heading, and the text below it.
fn front(text: &str) -> Result<(Front, String, String), String> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let rest = text.strip_prefix("```toml").ok_or("the file does not begin with a block of TOML")?;
    let (toml_text, rest) = rest.split_once("\n```").ok_or("the block of TOML does not end")?;
    let front: Front = toml::from_str(toml_text).map_err(|err| err.to_string())?;
    let rest = rest.trim_start();
    let (title, body) = match rest.strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
        None => ("", rest),
    };
    Ok((front, title.trim().to_owned(), body.trim().to_owned()))
}

fn one(reading: &mut Reading<'_>, front: Front, title: String, body: String) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let head = front.advisory;
    let time = reading.dated(&head.date);
    if head.withdrawn.is_some() {
        return reading.put(Record::Withdrawn(head.id));
    }
    if head.informational.as_deref().is_some_and(|kind| kind != "unsound") {
        reading.unknown("notices that are no vulnerability");
        return Ok(());
    }
    // The toolchain (`collection = "rust"`) is no crate.
    if head.collection.as_deref() == Some("rust") {
        reading.unknown("the Rust toolchain");
        return Ok(());
    }
    let Some(mut advisory) = reading.blank("cargo", &head.package, &head.id) else { return Ok(()) };
    let read = |list: &[String]| -> Vec<Range> {
        list.iter().flat_map(|text| ranges::parse(Some(Order::Semver), &caret(text))).collect()
    };
    let mut safe = read(&front.versions.patched);
    safe.extend(read(&front.versions.unaffected));
    let always = safe.is_empty();
    advisory.affected = Affected { safe, always, ..Affected::default() };
    advisory.fixed = front
        .versions
        .patched
        .iter()
        .filter_map(|text| text.split(',').next())
        .map(|text| text.trim_start_matches(['>', '=', '^', '~', ' ']).trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
    reading.put(Record::Advisory(Box::new(advisory)))?;
    let score = head.cvss.as_deref().and_then(crate::cvss::base_score);
    let severity = score.map(Severity::from_cvss);
    let id = SOURCE.id.to_owned();
    let cvss = head.cvss.map(|vector| {
        let v4 = vector.starts_with("CVSS:4");
        let pair = (Some(vector), score);
        (id.clone(), if v4 { Cvss { v4: pair, ..Cvss::default() } } else { Cvss { v3: pair, ..Cvss::default() } })
    });
    let detail = Detail {
        aliases: head.aliases,
        title,
        description: body,
        severity,
        severities: severity.map(|severity| (id, severity)).into_iter().collect(),
        cvss: cvss.into_iter().collect(),
        references: head.url.into_iter().chain(head.references).collect(),
        published: time,
        ..Detail::default()
    };
    reading.put(Record::Detail(head.id, Box::new(detail)))
}

/// `^1.2.3` in comparisons; a comparison without a sign is one with a caret to Cargo. Source: The Cargo Book, "Specifying dependencies".
fn caret(text: &str) -> String {
    let text = text.trim();
    let Some(version) = text.strip_prefix('^') else { return text.to_owned() };
    let mut parts = version.split(['-', '+']).next().unwrap_or_default().split('.').map(str::parse::<u64>);
    let mut next = || parts.next().and_then(Result::ok);
    let (major, minor, patch) = (next(), next(), next());
    let upper = match (major, minor, patch) {
        (Some(0), Some(0), Some(patch)) => format!("0.0.{}", patch.saturating_add(1)),
        (Some(0), Some(minor), _) => format!("0.{}.0", minor.saturating_add(1)),
        (Some(major), ..) => format!("{}.0.0", major.saturating_add(1)),
        _ => return text.to_owned(),
    };
    format!(">= {version}, < {upper}")
}

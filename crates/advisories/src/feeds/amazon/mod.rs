//! Amazon Linux: the bulletin pages (ALAS) with their RSS lists, `updateinfo.xml` of its repositories, and `vuln-list`'s JSON of it.
//!
//! A page names the release in words (`Amazon Linux 2 Security Advisory`, `Amazon Linux 2023`); the first Amazon Linux says `Amazon Linux AMI`.
//! Source: <https://alas.aws.amazon.com>.

use serde::Deserialize;

use super::source::{Reading, Source, cves, nvr};
use super::updateinfo::{self, Build, Erratum, WireBuild};
use super::{FeedError, xml};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "amazon",
    name: "Amazon Linux Security Center",
    urls: &[
        "https://alas.aws.amazon.com/AL2/alas.rss",
        "https://alas.aws.amazon.com/AL2023/alas.rss",
        "https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list",
    ],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    issued: Date,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    packages: Vec<WireBuild>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    cveids: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Date {
    #[serde(default)]
    date: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.tree.paths().to_vec() {
        if path.split('/').any(|part| part.starts_with('.')) {
            continue;
        }
        let tree = reading.tree;
        let bytes = tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
        let start: String = String::from_utf8_lossy(bytes.get(..400).unwrap_or(&bytes)).to_ascii_lowercase();
        if path.ends_with(".json") {
            json(reading, &path)?;
        } else if start.contains("<rss") {
            rss(reading, &path, &bytes);
        } else if start.contains("<updates") {
            let stream = stream_of_path(&path);
            updateinfo::document(reading, &path, &bytes, &stream)?;
        } else if start.contains("<html") || start.contains("<!doctype") {
            page(reading, &path, &String::from_utf8_lossy(&bytes))?;
        } else {
            reading.skip(&path, "no file of this feed");
        }
    }
    Ok(())
}

/// `.../amazon/2/ALAS2-2021-1699.json`; a release that stands alone in a path, or before an underscore.
fn stream_of_path(path: &str) -> String {
    let parts = || path.split(['/', '_']);
    let found = parts()
        .rev()
        .find(|part| ["1", "2", "2022", "2023", "al2", "al2023"].contains(&part.to_ascii_lowercase().as_str()));
    match found.map(|part| part.to_ascii_lowercase()) {
        Some(part) => format!("amazon linux {}", part.trim_start_matches("al")),
        None => "amazon linux 1".to_owned(),
    }
}

fn json(reading: &mut Reading<'_>, path: &str) -> Result<(), FeedError> {
    let Some(wire) = reading.json::<Wire>(path)? else { return Ok(()) };
    let stream = match wire.id.split('-').next().unwrap_or_default() {
        "ALAS2" => "amazon linux 2".to_owned(),
        "ALAS2022" => "amazon linux 2022".to_owned(),
        "ALAS2023" => "amazon linux 2023".to_owned(),
        _ => stream_of_path(path),
    };
    let ids: Vec<&str> = wire
        .references
        .iter()
        .map(|reference| reference.id.as_str())
        .chain(wire.cveids.iter().map(String::as_str))
        .collect();
    let erratum = Erratum {
        cves: cves(&ids.join(" ")),
        packages: wire.packages.iter().map(|package| package.build(None)).collect(),
        id: wire.id,
        title: wire.title,
        description: wire.description,
        severity: wire.severity,
        date: wire.issued.date,
    };
    updateinfo::put(reading, &stream, &erratum)
}

/// A list of bulletins names no packages with versions: it is checked, and its pages are what is read.
fn rss(reading: &mut Reading<'_>, path: &str, bytes: &[u8]) {
    let mut items = 0u64;
    let read = xml::each::<String>(bytes, 2, &mut |_, element| {
        items += u64::from(element.name == "item");
        Ok(())
    });
    match read {
        Ok(()) => reading.skip(path, format!("a list of {items} bulletins; their pages have the packages")),
        Err(why) => reading.malformed(path, why),
    }
}

fn page(reading: &mut Reading<'_>, path: &str, html: &str) -> Result<(), FeedError> {
    let text = plain(html);
    let after = |mark: &str| -> &str {
        let rest = text.find(mark).and_then(|at| text.get(at + mark.len()..)).unwrap_or_default();
        rest.trim_start().lines().next().unwrap_or_default().trim()
    };
    let release = match text
        .find("Security Advisory:")
        .and_then(|at| text.get(..at))
        .and_then(|head| head.rsplit_once("Amazon Linux"))
    {
        Some((_, words)) => match words.trim() {
            "2" | "2022" | "2023" => words.trim().to_owned(),
            _ => "1".to_owned(),
        },
        None => stream_of_path(path).trim_start_matches("amazon linux ").to_owned(),
    };
    let id = after("Security Advisory:").split_whitespace().next().unwrap_or_default();
    let mut packages = Vec::new();
    let listed = section(html, "new_packages").map(plain).unwrap_or_default();
    let mut seen_list = false;
    for line in listed.lines().map(str::trim) {
        seen_list |= line.ends_with(':');
        let Some((name, version, Some(arch))) = nvr(line, true) else { continue };
        packages.push(Build {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: arch.to_owned(),
            module: None,
        });
    }
    if id.is_empty() || (packages.is_empty() && !seen_list) {
        reading.malformed(path, "the page names no bulletin, or no packages");
        return Ok(());
    }
    // The page may name the newest spelling of the id in its title.
    let erratum = Erratum {
        id: id.to_owned(),
        title: String::new(),
        description: section(html, "issue_overview")
            .map(plain)
            .unwrap_or_default()
            .trim()
            .trim_start_matches("Issue Overview:")
            .trim()
            .to_owned(),
        severity: after("Severity:").split_whitespace().next().unwrap_or_default().to_owned(),
        date: after("Release Date:").get(..10).unwrap_or_default().to_owned(),
        cves: cves(&section(html, "references").map(plain).unwrap_or_default()),
        packages,
    };
    updateinfo::put(reading, &format!("amazon linux {release}"), &erratum)
}

/// The inside of `<div id='name'>` up to the next `</div>`.
fn section<'h>(html: &'h str, name: &str) -> Option<&'h str> {
    let at = html.find(&format!("id='{name}'")).or_else(|| html.find(&format!("id=\"{name}\"")))?;
    let rest = html.get(at..)?;
    let inside = rest.get(rest.find('>')? + 1..)?;
    Some(inside.split("</div>").next().unwrap_or(inside))
}

/// Text without tags; a break is a new line.
fn plain(html: impl AsRef<str>) -> String {
    let mut out = String::new();
    let mut rest = html.as_ref();
    while let Some(at) = rest.find('<') {
        out.push_str(&xml::unescape(rest.get(..at).unwrap_or_default()));
        let Some(end) = rest.get(at..).and_then(|tag| tag.find('>')) else { return out };
        let tag = rest.get(at..at + end).unwrap_or_default();
        if tag.starts_with("<br") || tag.starts_with("</p") || tag.starts_with("<pre") || tag.starts_with("</h") {
            out.push('\n');
        }
        rest = rest.get(at + end + 1..).unwrap_or_default();
    }
    out.push_str(&xml::unescape(rest));
    out
}

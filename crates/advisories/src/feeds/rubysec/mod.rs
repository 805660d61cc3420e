//! RubySec: one YAML file per gem and vulnerability. What is neither patched nor unaffected is vulnerable.
//! Source: <https://github.com/rubysec/ruby-advisory-db#yaml-schema>.

use serde::Deserialize;
use signet_model::{Cvss, Severity, Status};

use super::source::{Reading, Source};
use super::{FeedError, alpine};
use crate::order::Order;
use crate::ranges;
use crate::record::{Affected, Detail, Range, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "rubysec",
    name: "Ruby Advisory Database",
    urls: &["https://github.com/rubysec/ruby-advisory-db/archive/refs/heads/master.tar.gz"],
    licence: "LicenseRef-public-domain",
    redistributable: true,
    attribution: "Contains the Ruby Advisory Database, https://rubysec.com",
    run,
};

#[derive(Deserialize)]
struct Advisory {
    #[serde(default)]
    gem: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ghsa: Option<String>,
    #[serde(default)]
    osvdb: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    cvss_v2: Option<String>,
    #[serde(default)]
    cvss_v3: Option<String>,
    #[serde(default)]
    cvss_v4: Option<String>,
    #[serde(default)]
    patched_versions: Option<Vec<String>>,
    #[serde(default)]
    unaffected_versions: Option<Vec<String>>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".yml", ".yaml"]) {
        // The repository also holds advisories of the interpreters, and its own settings.
        if path.split('/').any(|part| part == "rubies" || part == "spec" || part == "lib") {
            reading.skip(&path, "not about a gem");
            continue;
        }
        let Some(advisory) = alpine::file::<Advisory>(reading, &path)? else { continue };
        let Some(gem) = advisory.gem.clone() else {
            reading.malformed(&path, "no gem is named");
            continue;
        };
        one(reading, &path, &gem, advisory)?;
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, path: &str, gem: &str, row: Advisory) -> Result<(), FeedError> {
    let cve = row.cve.as_deref().map(|id| if id.starts_with("CVE-") { id.to_owned() } else { format!("CVE-{id}") });
    let ghsa = row.ghsa.as_deref().map(|id| if id.starts_with("GHSA-") { id.to_owned() } else { format!("GHSA-{id}") });
    let osvdb = row.osvdb.as_deref().map(|id| format!("OSVDB-{id}"));
    let file = path.rsplit('/').next().unwrap_or_default();
    let by_name = file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    let id = cve.clone().or_else(|| ghsa.clone()).or(osvdb).unwrap_or(by_name);
    reading.tally.records += 1;
    let time = row.date.as_deref().and_then(|text| reading.dated(text));
    let Some(mut advisory) = reading.blank("gem", gem, &id) else { return Ok(()) };
    let patched = row.patched_versions.unwrap_or_default();
    let unaffected = row.unaffected_versions.unwrap_or_default();
    let read = |list: &[String]| -> Vec<Range> {
        list.iter().flat_map(|text| ranges::parse(Some(Order::Gem), text)).collect()
    };
    let mut safe = read(&patched);
    safe.extend(read(&unaffected));
    let always = safe.is_empty();
    advisory.affected = Affected { safe, always, ..Affected::default() };
    advisory.fixed = patched.clone();
    advisory.status = if patched.is_empty() { Status::Affected } else { Status::Fixed };
    reading.put(Record::Advisory(Box::new(advisory)))?;
    let score = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
    let (v2, v3, v4) = (score(&row.cvss_v2), score(&row.cvss_v3), score(&row.cvss_v4));
    let severity = v3.or(v4).or(v2).map(Severity::from_cvss);
    let source = SOURCE.id.to_owned();
    let cvss = Cvss { v2: (None, v2), v3: (None, v3), v4: (None, v4) };
    let detail = Detail {
        aliases: [cve, ghsa].into_iter().flatten().filter(|other| *other != id).collect(),
        title: row.title.unwrap_or_default(),
        description: row.description.unwrap_or_default(),
        severity,
        severities: severity.map(|severity| (source.clone(), severity)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(source, cvss)] },
        references: row.url.into_iter().collect(),
        published: time,
        ..Detail::default()
    };
    reading.put(Record::Detail(id, Box::new(detail)))
}

//! Vunnel's result records: what Grype's database is compiled from, one JSON file a record.
//!
//! Shape: `{"schema": URL, "identifier": "rhel:8/cve-2018-0735", "item": {...}}`; the URL says which kind of record the item is: of a
//! distribution, of GitHub, of NVD, OSV, CSAF VEX, end of life, EPSS, known exploited. Records lie in `PROVIDER/results/**.json`, and
//! `PROVIDER/metadata.json` says when they were gathered; whoever walks the files hands them to [`read`] one by one.
//! Errors: a record that cannot be read refuses the whole. Kinds and namespaces without rules are counted in the [`Summary`].
//! Source: anchore/vunnel `schema/`; anchore/grype `grype/db/v6/build/transformers/` for what the fields mean.

mod csaf;
mod distro;
mod github;
mod lifecycle;
mod nvd;
mod rebuild;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use signet_model::{Cvss, Epss, KnownExploited, Timestamp};

use super::{FeedError, osv, time};
use crate::record::{Feed, Record, Sink, Trust};

/// What the records are, for the table of feeds.
pub fn feed(url: &str, data_time: Option<Timestamp>, trust: Trust) -> Feed {
    Feed {
        name: "vunnel".to_owned(),
        url: url.to_owned(),
        data_time,
        // The data keep the licences of their publishers; Wolfi's and Chainguard's forbid derivatives.
        licence: "LicenseRef-mixed".to_owned(),
        redistributable: false,
        attribution:
            "Contains data of the sources named per finding, as gathered by vunnel, https://github.com/anchore/vunnel"
                .to_owned(),
        trust,
    }
}

/// What was read, by number, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Advisories compiled from them.
    pub advisories: u64,
    /// Kinds of record (the folder of their schema) that we have no reader for.
    pub unknown_schemas: BTreeMap<String, u64>,
    /// Distributions and ecosystems that we have no rules for -> parts of records.
    pub unknown_namespaces: BTreeMap<String, u64>,
    /// JSON files that are no records.
    pub skipped: Vec<String>,
    /// When the newest of the providers was gathered.
    pub newest: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope {
    schema: String,
    identifier: String,
    item: Value,
}

/// The sink with the summary that counts what goes into it.
struct Out<'o, 's> {
    summary: &'o mut Summary,
    sink: &'o mut Sink<'s>,
}

impl Out<'_, '_> {
    fn put(&mut self, record: Record) -> Result<(), FeedError> {
        if matches!(record, Record::Advisory(_) | Record::Qualified(..)) {
            self.summary.advisories += 1;
        }
        (self.sink)(record).map_err(FeedError::Build)
    }

    fn unknown(&mut self, namespace: &str) {
        *self.summary.unknown_namespaces.entry(namespace.to_owned()).or_default() += 1;
    }
}

/// Reads one record; `place` is its file name, for errors. A provider's `metadata.json` is understood too.
pub fn read(place: &str, json: &[u8], summary: &mut Summary, sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let fail = |err| FeedError::Json { place: place.to_owned(), err };
    let whole: Value = serde_json::from_slice(json).map_err(fail)?;
    let envelope = match whole.get("schema").and_then(Value::as_str) {
        Some(_) => serde_json::from_value::<Envelope>(whole).map_err(fail)?,
        None => {
            match (whole.get("provider"), whole.get("timestamp").and_then(Value::as_str)) {
                (Some(_), Some(gathered)) => summary.newest = summary.newest.max(time(gathered)),
                _ => summary.skipped.push(place.to_owned()),
            }
            return Ok(());
        }
    };
    summary.records += 1;
    let kind = kind(&envelope.schema).to_owned();
    let mut out = Out { summary, sink };
    match kind.as_str() {
        "os" => distro::read(&parse(envelope.item, place)?, &mut out),
        "github-security-advisory" => github::read(parse(envelope.item, place)?, &mut out),
        "nvd" => nvd::read(parse(envelope.item, place)?, &mut out),
        "csaf-vex" => csaf::read(&parse(envelope.item, place)?, &envelope.identifier, &mut out),
        "eol" => lifecycle::read(&parse(envelope.item, place)?, &envelope.identifier, &mut out),
        "osv" if rebuild::is_one(&envelope.item) => rebuild::read(&parse(envelope.item, place)?, &mut out),
        "osv" => {
            let json = serde_json::to_vec(&envelope.item).map_err(fail)?;
            let mut read = osv::Summary::default();
            osv::read(place, &json, &mut read, out.sink)?;
            out.summary.advisories += read.advisories;
            for (ecosystem, count) in read.unknown_ecosystems {
                *out.summary.unknown_namespaces.entry(ecosystem).or_default() += count;
            }
            Ok(())
        }
        "epss" => {
            let wire: EpssRow = parse(envelope.item, place)?;
            out.put(Record::Epss(wire.cve, Epss { score: wire.epss, percentile: wire.percentile }))
        }
        "known-exploited" => {
            let wire: KevRow = parse(envelope.item, place)?;
            let kev = KnownExploited {
                date_added: wire.date_added,
                due_date: wire.due_date.filter(|date| !date.is_empty()),
                required_action: wire.required_action.filter(|text| !text.is_empty()),
                ransomware: wire.known_ransomware_campaign_use.is_some_and(|word| word.eq_ignore_ascii_case("known")),
            };
            out.put(Record::Kev(wire.cve_id, Box::new(kev)))
        }
        _ => {
            *out.summary.unknown_schemas.entry(kind).or_default() += 1;
            Ok(())
        }
    }
}

/// `os` of `https://.../schema/vulnerability/os/schema-1.1.0.json`.
fn kind(schema: &str) -> &str {
    let mut parts = schema.rsplit('/');
    parts.next();
    parts.next().unwrap_or(schema)
}

fn parse<T: DeserializeOwned>(item: Value, place: &str) -> Result<T, FeedError> {
    serde_json::from_value(item).map_err(|err| FeedError::Json { place: place.to_owned(), err })
}

#[derive(Deserialize)]
struct EpssRow {
    cve: String,
    epss: f64,
    percentile: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KevRow {
    #[serde(rename = "cveID")]
    cve_id: String,
    #[serde(default)]
    date_added: String,
    #[serde(default)]
    due_date: Option<String>,
    #[serde(default)]
    required_action: Option<String>,
    #[serde(default)]
    known_ransomware_campaign_use: Option<String>,
}

/// Puts a vector where its version says.
pub(super) fn add_vector(cvss: &mut Cvss, vector: &str) {
    let vector = vector.trim();
    let score = crate::cvss::base_score(vector);
    let place = match vector {
        _ if vector.starts_with("CVSS:4") => &mut cvss.v4,
        _ if vector.starts_with("CVSS:3") => &mut cvss.v3,
        _ => &mut cvss.v2,
    };
    if place.0.is_none() && !vector.is_empty() {
        *place = (Some(vector.to_owned()), score);
    }
}

/// A field that may be null.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;

//! Trivy's vulnerability database, schema 2: a bbolt file of JSON values.
//!
//! Shape: root buckets `data-source`, `vulnerability`, `Red Hat`, `Red Hat CPE`, and one per platform (`debian 12`) or ecosystem and source
//! (`npm::GitHub Security Advisory Npm`), each with a bucket per package and a value per vulnerability.
//! Errors: a damaged file, or one value that cannot be read, refuses the whole database: half of one would look clean.
//! Source: trivy-db `pkg/db/`, `pkg/types/types.go`, `pkg/vulnsrc/`.

mod wire;

use signet_model::{Cvss, DataSource, Severity, Status, Timestamp};

use super::{FeedError, time};
use crate::bbolt::{Bolt, Bucket, Entry};
use crate::record::{Advisory, Affected, Detail, Feed, Named, ProductKey, Range, Record, Sink, Trust};
use crate::{names, ranges, streams};

const RED_HAT: &str = "Red Hat";

/// The schema version that this reader knows.
pub const SCHEMA: i64 = 2;

/// What the database is, for the table of feeds.
pub fn feed(url: &str, metadata: Option<&Metadata>, trust: Trust) -> Feed {
    Feed {
        name: "trivy-db".to_owned(),
        url: url.to_owned(),
        data_time: metadata.and_then(|metadata| metadata.updated_at),
        // The code is Apache-2.0; the data keep the licences of their sources, one of which (Wolfi) forbids derivatives.
        licence: "LicenseRef-mixed".to_owned(),
        redistributable: false,
        attribution: "Contains data of the sources named per finding, compiled by Aqua Security as trivy-db".to_owned(),
        trust,
    }
}

/// `metadata.json`, which lies beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// When it was built.
    pub updated_at: Option<Timestamp>,
    /// When a newer one can be expected.
    pub next_update: Option<Timestamp>,
    /// When a client fetched it.
    pub downloaded_at: Option<Timestamp>,
}

impl Metadata {
    /// Reads `metadata.json`. Another schema version than [`SCHEMA`] is an error.
    pub fn parse(bytes: &[u8]) -> Result<Metadata, FeedError> {
        let wire: wire::Metadata =
            serde_json::from_slice(bytes).map_err(|err| FeedError::Json { place: "metadata.json".to_owned(), err })?;
        if wire.version != SCHEMA {
            let why = format!("its schema version is {}, and only {SCHEMA} is known", wire.version);
            return Err(FeedError::Foreign { expected: "Trivy database", why });
        }
        // Go's zero time, year 1, means that nothing is known.
        let real = |text: &Option<String>| text.as_deref().and_then(time).filter(|time| time.as_second() > 0);
        Ok(Metadata {
            updated_at: real(&wire.updated_at),
            next_update: real(&wire.next_update),
            downloaded_at: real(&wire.downloaded_at),
        })
    }
}

/// What was read, by number, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Advisories (a Red Hat one counts once per CVE and group of products).
    pub advisories: u64,
    /// Descriptions of vulnerabilities.
    pub details: u64,
    /// Root buckets of distributions and ecosystems that we know no rules for; nothing in them can match.
    pub unknown_buckets: Vec<String>,
}

/// Reads a whole database. The bytes may be a memory map: they are visited once, in order.
pub fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<Summary, FeedError> {
    let bolt = Bolt::open(bytes).map_err(FeedError::Bolt)?;
    let root = bolt.root();
    if root.bucket(b"vulnerability").map_err(FeedError::Bolt)?.is_none() {
        let why = "it has no bucket `vulnerability`".to_owned();
        return Err(FeedError::Foreign { expected: "Trivy database", why });
    }
    let mut reader =
        Reader { sources: root.bucket(b"data-source").map_err(FeedError::Bolt)?, sink, summary: Summary::default() };
    for item in root.iter() {
        let (name, entry) = item.map_err(FeedError::Bolt)?;
        let name = text(name)?;
        let Entry::Bucket(bucket) = entry else { continue };
        match name {
            "data-source" => {}
            // Schema 1 kept its metadata inside.
            "trivy" => {
                let why = "it is of schema 1, and only 2 is known".to_owned();
                return Err(FeedError::Foreign { expected: "Trivy database", why });
            }
            "vulnerability" => reader.details(&bucket)?,
            "Red Hat CPE" => reader.products(&bucket)?,
            platform => reader.platform(platform, &bucket)?,
        }
    }
    Ok(reader.summary)
}

struct Reader<'r, 's, 'b, 'a> {
    sources: Option<Bucket<'b, 'a>>,
    sink: &'r mut Sink<'s>,
    summary: Summary,
}

impl<'b, 'a> Reader<'_, '_, 'b, 'a> {
    fn put(&mut self, record: Record) -> Result<(), FeedError> {
        (self.sink)(record).map_err(FeedError::Build)
    }

    fn source(&self, bucket: &str) -> Result<DataSource, FeedError> {
        let found = match self.sources {
            Some(sources) => sources.get(bucket.as_bytes()).map_err(FeedError::Bolt)?,
            None => None,
        };
        let Some(Entry::Value(json)) = found else {
            // Red Hat's data carry no entry in older builds. Trivy then rates by `redhat` all the same.
            return Ok(DataSource { id: default_source(bucket), ..DataSource::default() });
        };
        let wire: wire::DataSource = parse(json, &["data-source", bucket])?;
        Ok(model_source(wire))
    }

    fn details(&mut self, bucket: &Bucket<'b, 'a>) -> Result<(), FeedError> {
        for item in bucket.iter() {
            let (id, entry) = item.map_err(FeedError::Bolt)?;
            let id = text(id)?;
            let Entry::Value(json) = entry else { continue };
            let wire: wire::Vulnerability = parse(json, &["vulnerability", id])?;
            if is_rejected(&wire.description) {
                self.put(Record::Withdrawn(id.to_owned()))?;
            }
            self.put(Record::Detail(id.to_owned(), Box::new(detail(wire))))?;
            self.summary.details += 1;
        }
        Ok(())
    }

    fn products(&mut self, bucket: &Bucket<'b, 'a>) -> Result<(), FeedError> {
        for (name, key) in [("repository", ProductKey::ContentSet), ("nvr", ProductKey::Nvr)] {
            let Some(map) = bucket.bucket(name.as_bytes()).map_err(FeedError::Bolt)? else { continue };
            for item in map.iter() {
                let (product, entry) = item.map_err(FeedError::Bolt)?;
                let product = text(product)?;
                let Entry::Value(json) = entry else { continue };
                let wire::Indices(indices) = parse(json, &["Red Hat CPE", name, product])?;
                let indices = index_list(&indices, product)?;
                self.put(Record::Products(key, product.to_owned(), indices))?;
            }
        }
        Ok(())
    }

    fn platform(&mut self, platform: &str, bucket: &Bucket<'b, 'a>) -> Result<(), FeedError> {
        let Some(stream) = streams::of_trivy_bucket(platform) else {
            self.summary.unknown_buckets.push(platform.to_owned());
            return Ok(());
        };
        let Some(rules) = streams::rules(&stream) else { return Ok(()) };
        let source = self.source(platform)?;
        self.put(Record::Stream(stream.clone()))?;
        for item in bucket.iter() {
            let (package, entry) = item.map_err(FeedError::Bolt)?;
            let package = text(package)?;
            let Entry::Bucket(advisories) = entry else { continue };
            let name = names::normal(&stream, package).into_owned();
            for item in advisories.iter() {
                let (id, entry) = item.map_err(FeedError::Bolt)?;
                let id = text(id)?;
                let Entry::Value(json) = entry else { continue };
                let wire: wire::Advisory = parse(json, &[platform, package, id])?;
                let base = Advisory {
                    stream: stream.clone(),
                    package: name.clone(),
                    named: rules.named,
                    id: id.trim().to_owned(),
                    vendor_ids: Vec::new(),
                    status: Status::Unknown,
                    severity: None,
                    affected: Affected::default(),
                    fixed: Vec::new(),
                    arches: Vec::new(),
                    products: Vec::new(),
                    malicious: id.starts_with("MAL-"),
                    source: source.clone(),
                };
                let made = match (platform, rules.named) {
                    (RED_HAT, _) => red_hat(base, wire, id)?,
                    (_, Named::Library) => vec![library(base, wire)],
                    _ => distribution(base, wire),
                };
                for advisory in made {
                    self.put(Record::Advisory(Box::new(advisory)))?;
                    self.summary.advisories += 1;
                }
            }
        }
        Ok(())
    }
}

/// A distribution's advisory: fixed in a version, or not at all; by architecture where it has entries.
fn distribution(base: Advisory, wire: wire::Advisory) -> Vec<Advisory> {
    let introduced = (!wire.affected_version.is_empty()).then_some(wire.affected_version.as_str());
    let base = Advisory {
        vendor_ids: wire.vendor_ids,
        status: status(wire.status),
        severity: severity(wire.severity),
        source: wire.data_source.map(model_source).unwrap_or(base.source),
        ..base
    };
    let fixed_in = |base: &Advisory, fixed: &str| Advisory {
        affected: Affected { vulnerable: vec![Range::before(introduced, fixed)], ..Affected::default() },
        fixed: if fixed.is_empty() { Vec::new() } else { vec![fixed.to_owned()] },
        ..base.clone()
    };
    // Alpine's `0` says that no version of this release was ever affected.
    if wire.entries.is_empty() {
        if wire.fixed_version == "0" {
            return Vec::new();
        }
        return vec![Advisory { arches: wire.arches, ..fixed_in(&base, &wire.fixed_version) }];
    }
    wire.entries
        .into_iter()
        .map(|entry| {
            let mut advisory = fixed_in(&base, &entry.fixed_version);
            advisory.arches = entry.arches;
            advisory.vendor_ids.extend(entry.vendor_ids);
            advisory.severity = severity(entry.severity).or(advisory.severity);
            if entry.status != 0 {
                advisory.status = status(entry.status);
            }
            advisory
        })
        .collect()
}

/// A language's advisory: ranges in words.
fn library(base: Advisory, wire: wire::Advisory) -> Advisory {
    let order = streams::rules(&base.stream).map(|rules| rules.order);
    let read = |texts: &[String]| -> Vec<Range> {
        texts.iter().filter(|text| !text.trim().is_empty()).flat_map(|text| ranges::parse(order, text)).collect()
    };
    // "If one of vulnerable/patched versions is empty, we should detect it anyway" (trivy, library/compare).
    let always = wire.vulnerable_versions.iter().chain(&wire.patched_versions).any(String::is_empty);
    let safe: Vec<String> = wire.patched_versions.iter().chain(&wire.unaffected_versions).cloned().collect();
    let affected =
        Affected { vulnerable: read(&wire.vulnerable_versions), safe: read(&safe), versions: Vec::new(), always };
    let fixed = if wire.patched_versions.is_empty() {
        upper_bounds(&affected.vulnerable)
    } else {
        unique(wire.patched_versions.into_iter().filter(|version| !version.is_empty()))
    };
    Advisory {
        vendor_ids: wire.vendor_ids,
        status: status(wire.status),
        severity: severity(wire.severity),
        source: wire.data_source.map(model_source).unwrap_or(base.source),
        affected,
        fixed,
        ..base
    }
}

/// Red Hat's advisory: one per CVE and group of products.
fn red_hat(base: Advisory, wire: wire::Advisory, key: &str) -> Result<Vec<Advisory>, FeedError> {
    let mut made = Vec::new();
    for entry in wire.entries {
        let products = index_list(&entry.affected, key)?;
        for cve in &entry.cves {
            let (id, vendor_ids) = if key.starts_with("CVE-") {
                (key.to_owned(), Vec::new())
            } else {
                (cve.id.clone(), vec![key.to_owned()])
            };
            if id.is_empty() {
                continue;
            }
            made.push(Advisory {
                id,
                vendor_ids,
                status: status(entry.status),
                // Set even when unknown: Trivy names Red Hat as the source of the severity in any case.
                severity: Some(severity(cve.severity).unwrap_or(Severity::Unknown)),
                affected: Affected {
                    vulnerable: vec![Range::before(None, &entry.fixed_version)],
                    ..Affected::default()
                },
                fixed: if entry.fixed_version.is_empty() { Vec::new() } else { vec![entry.fixed_version.clone()] },
                arches: entry.arches.clone(),
                // An empty list would mean every product.
                products: if products.is_empty() { vec![u32::MAX] } else { products.clone() },
                ..base.clone()
            });
        }
    }
    Ok(made)
}

/// Versions below which the ranges end: the fix, where nothing else names it.
fn upper_bounds(ranges: &[Range]) -> Vec<String> {
    let ends = ranges.iter().filter_map(|range| match range {
        Range::All(comparisons) => Some(comparisons),
        Range::Words(_) => None,
    });
    unique(ends.flatten().filter(|(op, _)| *op == crate::record::Op::Less).map(|(_, version)| version.clone()))
}

fn unique(versions: impl Iterator<Item = String>) -> Vec<String> {
    let mut list = Vec::new();
    for version in versions {
        if !list.contains(&version) {
            list.push(version);
        }
    }
    list
}

fn detail(wire: wire::Vulnerability) -> Detail {
    let cvss = wire.cvss.into_iter().map(|(source, cvss)| {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let score = |score: Option<f64>| score.filter(|score| *score > 0.0);
        let cvss = Cvss {
            v2: (some(cvss.v2_vector), score(cvss.v2_score)),
            v3: (some(cvss.v3_vector), score(cvss.v3_score)),
            v4: (some(cvss.v40_vector), score(cvss.v40_score)),
        };
        (source, cvss)
    });
    Detail {
        aliases: Vec::new(),
        title: wire.title,
        description: wire.description,
        severity: wire.severity.parse().ok(),
        severities: wire
            .vendor_severity
            .into_iter()
            .map(|(source, number)| (source, severity(number).unwrap_or(Severity::Unknown)))
            .collect(),
        cvss: cvss.collect(),
        cwes: wire.cwe_ids,
        references: wire.references,
        published: wire.published_date.as_deref().and_then(time),
        modified: wire.last_modified_date.as_deref().and_then(time),
    }
}

/// What NVD writes in place of a description when it takes an id back. Source: trivy-db `pkg/vulnsrc/vulnerability/vulnerability.go`.
pub(crate) fn is_rejected(description: &str) -> bool {
    description.starts_with("** REJECT **")
        || description.starts_with("Rejected reason:")
        || description.contains("DO NOT USE THIS CANDIDATE NUMBER")
}

fn model_source(wire: wire::DataSource) -> DataSource {
    let base_id = (!wire.base_id.is_empty()).then_some(wire.base_id);
    DataSource { id: wire.id, name: wire.name, url: wire.url, base_id }
}

fn default_source(bucket: &str) -> String {
    if bucket == RED_HAT { "redhat".to_owned() } else { String::new() }
}

/// 0 says nothing. Numbers above 4 are of a newer scale: unknown.
fn severity(number: i64) -> Option<Severity> {
    match number {
        0 => None,
        number => Some(usize::try_from(number).ok().and_then(|n| Severity::ALL.get(n).copied()).unwrap_or_default()),
    }
}

fn status(number: i64) -> Status {
    usize::try_from(number).ok().and_then(|n| Status::ALL.get(n).copied()).unwrap_or_default()
}

fn index_list(numbers: &[i64], place: &str) -> Result<Vec<u32>, FeedError> {
    let mut list = Vec::with_capacity(numbers.len());
    for number in numbers {
        let number = u32::try_from(*number).map_err(|_| FeedError::Foreign {
            expected: "Trivy database",
            why: format!("`{place}` names product {number}"),
        })?;
        list.push(number);
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

fn text(key: &[u8]) -> Result<&str, FeedError> {
    std::str::from_utf8(key).map_err(|_| FeedError::Foreign {
        expected: "Trivy database",
        why: format!("the key {:?} is no text", String::from_utf8_lossy(key)),
    })
}

/// A value; `null` is an empty one, as Go reads it.
fn parse<'j, T: Default + serde::Deserialize<'j>>(json: &'j [u8], place: &[&str]) -> Result<T, FeedError> {
    let value: Option<T> =
        serde_json::from_slice(json).map_err(|err| FeedError::Json { place: place.join("/"), err })?;
    Ok(value.unwrap_or_default())
}

#[cfg(test)]
mod tests;

//! Grype's vulnerability database, schema 6: a SQLite file of tables that refer to each other, with the facts as JSON in `blobs`.
//!
//! Shape: a handle per vulnerability and provider; per affected (or unaffected) package of a distribution release or ecosystem; per product (CPE);
//! known exploited, EPSS, weaknesses; ends of distribution releases. Handles are read in the order of their table, and what they refer to is
//! looked up by row id in the mapped file, so that memory does not grow with the database. Published files carry no indexes; none is needed.
//! Errors: a damaged file, or one value that cannot be read, refuses the whole database: half of one would look clean. Releases and
//! ecosystems without rules are counted in the [`Summary`].
//! Source: anchore/grype `grype/db/v6/models.go`, `blobs.go`, `operating_system_store.go`.

mod wire;

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use signet_model::{Cvss, Digest, Epss, KnownExploited, Severity, Timestamp};

use super::grype_common::{Package, constraint, earliest, fix_version, order, severity, source};
use super::vunnel::add_vector;
use super::{FeedError, time};
use crate::cpe::Cpe;
use crate::order::Order;
use crate::record::{Detail, Feed, GoImport, Lifecycle, Named, Qualifiers, Record, Sink, Trust};
use crate::sqlite::{Row, Sqlite, SqliteError, Table, Value};
use crate::{names, streams};

/// The model that this reader knows; revisions only add to it.
pub const MODEL: i64 = 6;

/// The name of its feed.
pub const NAME: &str = "grype-db";

/// What the database is, for the table of feeds.
pub fn feed(url: &str, built: Option<Timestamp>, trust: Trust) -> Feed {
    Feed {
        name: NAME.to_owned(),
        url: url.to_owned(),
        data_time: built,
        // The data keep the licences of their sources; Wolfi's and Chainguard's forbid derivatives.
        licence: "LicenseRef-mixed".to_owned(),
        redistributable: false,
        attribution: "Contains data of the sources named per finding, compiled by Anchore as Grype's database"
            .to_owned(),
        trust,
    }
}

/// `latest.json`: where the newest database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// When it was built.
    pub built: Option<Timestamp>,
    /// Relative to `latest.json`.
    pub path: String,
    /// Of the archive.
    pub digest: Digest,
    /// It is told to be of a schema that gets no more data.
    pub deprecated: bool,
}

impl Latest {
    /// Reads `latest.json`. A schema that has ended, another model than [`MODEL`], or a checksum that is none, is an error.
    pub fn parse(bytes: &[u8]) -> Result<Latest, FeedError> {
        let wire: wire::Latest =
            serde_json::from_slice(bytes).map_err(|err| FeedError::Json { place: "latest.json".to_owned(), err })?;
        let foreign = |why: String| FeedError::Foreign { expected: "listing of Grype's database", why };
        let model = match &wire.schema_version {
            serde_json::Value::String(text) => text.trim_start_matches('v').split('.').next().unwrap_or("").to_owned(),
            other => other.to_string(),
        };
        if model != MODEL.to_string() {
            return Err(foreign(format!("its schema is {}, and only {MODEL} is known", wire.schema_version)));
        }
        if wire.status == "eol" {
            return Err(foreign("its schema has ended".to_owned()));
        }
        let digest = wire.checksum.parse().map_err(|_| foreign(format!("`{}` is no checksum", wire.checksum)))?;
        Ok(Latest {
            built: wire.built.as_deref().and_then(time),
            path: wire.path,
            digest,
            deprecated: wire.status == "deprecated",
        })
    }
}

/// What was read, by number, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Advisories.
    pub advisories: u64,
    /// Descriptions of vulnerabilities.
    pub details: u64,
    /// Releases and ecosystems that we have no rules for -> their advisories.
    pub unknown: BTreeMap<String, u64>,
    /// When it was built.
    pub built: Option<Timestamp>,
}

/// Reads a whole database. The bytes may be a memory map.
pub fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Result<Summary, FeedError> {
    let database = Sqlite::open(bytes).map_err(FeedError::Sqlite)?;
    let mut reader = Reader {
        blobs: Columns::of(&database, "blobs", ["value"])?,
        vulnerabilities: Columns::of(
            &database,
            "vulnerability_handles",
            ["name", "status", "published_date", "modified_date", "withdrawn_date", "provider_id", "blob_id"],
        )?,
        packages: Columns::of(&database, "packages", ["ecosystem", "name"])?,
        sink,
        summary: Summary::default(),
    };
    reader.metadata(&database)?;
    let systems = reader.systems(&database)?;
    reader.details()?;
    reader.handles(&database, "affected_package_handles", false, &systems)?;
    reader.handles(&database, "unaffected_package_handles", true, &systems)?;
    reader.products(&database, "affected_cpe_handles", false)?;
    reader.products(&database, "unaffected_cpe_handles", true)?;
    reader.exploited(&database)?;
    reader.scores(&database)?;
    reader.weaknesses(&database)?;
    Ok(reader.summary)
}

/// A table and the places of the columns that are read.
#[derive(Debug)]
struct Columns<'a, const N: usize> {
    table: Table<'a>,
    places: [Option<usize>; N],
}

impl<'a, const N: usize> Columns<'a, N> {
    fn of(database: &Sqlite<'a>, name: &str, wanted: [&str; N]) -> Result<Columns<'a, N>, FeedError> {
        let table = database.table(name).map_err(FeedError::Sqlite)?;
        // The first column is what the table is for; later ones came with later revisions.
        if let Some(first) = wanted.first() {
            table.column(first).map_err(FeedError::Sqlite)?;
        }
        let places = wanted.map(|column| table.find_column(column));
        Ok(Columns { table, places })
    }

    fn find(database: &Sqlite<'a>, name: &str, wanted: [&str; N]) -> Result<Option<Columns<'a, N>>, FeedError> {
        match database.find_table(name).map_err(FeedError::Sqlite)? {
            Some(_) => Columns::of(database, name, wanted).map(Some),
            None => Ok(None),
        }
    }

    fn values<'r>(&self, row: &'r Row<'_>) -> Result<[Value<'r>; N], FeedError> {
        let values = row.values().map_err(FeedError::Sqlite)?;
        Ok(self.places.map(|place| place.and_then(|place| values.get(place).copied()).unwrap_or(Value::Null)))
    }

    fn get(&self, id: i64) -> Result<Row<'a>, FeedError> {
        let missing = || SqliteError::Missing(format!("row {id} that another table refers to"));
        self.table.get(id).and_then(|row| row.ok_or_else(missing)).map_err(FeedError::Sqlite)
    }
}

/// A release: our stream, and whether it is a minor one of Red Hat's, whose rows mostly repeat the major one's.
#[derive(Debug, Clone)]
struct System {
    stream: Option<(String, Order)>,
    name: String,
    /// Place of the release without its minor.
    major: Option<i64>,
}

struct Reader<'r, 's, 'a> {
    blobs: Columns<'a, 1>,
    vulnerabilities: Columns<'a, 7>,
    packages: Columns<'a, 2>,
    sink: &'r mut Sink<'s>,
    summary: Summary,
}

/// A row of a table of package handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Handle {
    vulnerability: i64,
    system: Option<i64>,
    package: i64,
    blob: i64,
}

impl<'a> Reader<'_, '_, 'a> {
    fn put(&mut self, record: Record) -> Result<(), FeedError> {
        match &record {
            Record::Advisory(_) | Record::Qualified(..) => self.summary.advisories += 1,
            Record::Detail(..) => self.summary.details += 1,
            _ => {}
        }
        (self.sink)(record).map_err(FeedError::Build)
    }

    fn blob<T: DeserializeOwned + Default>(&self, id: Value<'_>) -> Result<T, FeedError> {
        let Some(id) = id.integer().filter(|id| *id != 0) else { return Ok(T::default()) };
        let row = self.blobs.get(id)?;
        let [value] = self.blobs.values(&row)?;
        let json = match value {
            Value::Text(text) => text.as_bytes(),
            Value::Blob(bytes) => bytes,
            _ => return Ok(T::default()),
        };
        serde_json::from_slice(json).map_err(|err| FeedError::Json { place: format!("blob {id}"), err })
    }

    fn metadata(&mut self, database: &Sqlite<'a>) -> Result<(), FeedError> {
        let table = Columns::of(database, "db_metadata", ["model", "build_timestamp"])?;
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let [model, built] = table.values(&row)?;
            if model.integer() != Some(MODEL) {
                let why = format!("its model is {model:?}, and only {MODEL} is known");
                return Err(FeedError::Foreign { expected: "Grype database", why });
            }
            self.summary.built = built.text().and_then(moment);
        }
        Ok(())
    }

    fn systems(&mut self, database: &Sqlite<'a>) -> Result<HashMap<i64, System>, FeedError> {
        let columns = ["name", "major_version", "minor_version", "label_version", "channel", "eol_date", "eoas_date"];
        let table = Columns::of(database, "operating_systems", columns)?;
        let mut systems = HashMap::new();
        let mut majors: HashMap<(String, String), i64> = HashMap::new();
        let mut minors: Vec<(i64, (String, String))> = Vec::new();
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let [name, major, minor, label, channel, ends, support] = table.values(&row)?;
            let text = |value: Value<'_>| value.text().unwrap_or_default().to_owned();
            let (name, major, minor, channel) = (text(name), text(major), text(minor), text(channel));
            let release = match (major.as_str(), minor.as_str()) {
                ("", _) => text(label),
                (major, "") => major.to_owned(),
                (major, minor) => format!("{major}.{minor}"),
            };
            let stream = streams::of_grype(&name, &release, &channel);
            let lifecycle = Lifecycle {
                end_of_life: ends.text().and_then(moment),
                end_of_active_support: support.text().and_then(moment),
            };
            if let Some(stream) = stream.clone().filter(|_| lifecycle != Lifecycle::default()) {
                self.put(Record::Lifecycle(stream, lifecycle))?;
            }
            if channel.is_empty() {
                match minor.as_str() {
                    "" => _ = majors.insert((name.clone(), major), row.id()),
                    _ => minors.push((row.id(), (name.clone(), major))),
                }
            }
            let stream = stream.and_then(|stream| order(&stream).map(|order| (stream, order)));
            let shown = format!("{name}:{release}{}{channel}", if channel.is_empty() { "" } else { "+" });
            systems.insert(row.id(), System { stream, name: shown, major: None });
        }
        for (id, key) in minors {
            if let Some(system) = systems.get_mut(&id).filter(|_| key.0 == "redhat" || key.0 == "rhel") {
                system.major = majors.get(&key).copied();
            }
        }
        Ok(systems)
    }

    fn details(&mut self) -> Result<(), FeedError> {
        let rows = self.vulnerabilities.table.rows();
        for row in rows {
            let row = row.map_err(FeedError::Sqlite)?;
            let [name, status, published, modified, withdrawn, provider, blob] = self.vulnerabilities.values(&row)?;
            let Some(id) = name.text() else { continue };
            let provider = provider.text().unwrap_or_default();
            let rejected = status.text().is_some_and(|status| status.eq_ignore_ascii_case("rejected"));
            if rejected || withdrawn.text().is_some_and(|when| !when.is_empty()) {
                // A publisher takes back what it says; only NVD speaks for a CVE.
                if !id.starts_with("CVE-") || provider == "nvd" {
                    self.put(Record::Withdrawn(id.to_owned()))?;
                }
                continue;
            }
            let wire: wire::Vulnerability = self.blob(blob)?;
            let source = source(provider).id;
            let (mut cvss, mut rated) = (BTreeMap::<String, Cvss>::new(), None);
            for stated in &wire.severities {
                let word = stated.value.as_str().or_else(|| stated.value.get("severity")?.as_str()).unwrap_or_default();
                rated = rated.or_else(|| severity(word));
                if let Some(vector) = stated.value.get("vector").and_then(serde_json::Value::as_str) {
                    // NVD's rows say who scored: `nvd@nist.gov`, or the assigner.
                    let by = if stated.source.is_empty() || stated.source.contains("nist.gov") {
                        source.as_str()
                    } else {
                        &stated.source
                    };
                    add_vector(cvss.entry(by.to_owned()).or_default(), vector);
                }
            }
            let rated = rated.or_else(|| cvss.get(&source).or_else(|| cvss.values().next()).and_then(of_scores));
            let detail = Detail {
                aliases: wire.aliases,
                description: wire.description,
                severity: rated,
                severities: rated.map(|rated| (source.clone(), rated)).into_iter().collect(),
                cvss: cvss.into_iter().collect(),
                references: wire.refs.into_iter().map(|link| link.url).filter(|url| !url.is_empty()).collect(),
                published: published.text().and_then(moment),
                modified: modified.text().and_then(moment),
                ..Detail::default()
            };
            self.put(Record::Detail(id.to_owned(), Box::new(detail)))?;
        }
        Ok(())
    }

    /// Package handles. Those of one vulnerability stand together, which is how the repetitions for minor releases are told.
    fn handles(
        &mut self,
        database: &Sqlite<'a>,
        name: &str,
        unaffected: bool,
        systems: &HashMap<i64, System>,
    ) -> Result<(), FeedError> {
        let wanted = ["vulnerability_id", "operating_system_id", "package_id", "blob_id"];
        let Some(table) = Columns::find(database, name, wanted)? else { return Ok(()) };
        let mut together: Vec<Handle> = Vec::new();
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let values = table.values(&row)?;
            let [Some(vulnerability), system, Some(package), blob] = values.map(Value::integer) else { continue };
            let handle = Handle { vulnerability, system, package, blob: blob.unwrap_or(0) };
            if together.first().is_some_and(|first| first.vulnerability != vulnerability)
                || together.len() >= MOST_TOGETHER
            {
                self.vulnerability(&together, unaffected, systems)?;
                together.clear();
            }
            together.push(handle);
        }
        self.vulnerability(&together, unaffected, systems)
    }

    /// The handles of one vulnerability.
    fn vulnerability(
        &mut self,
        handles: &[Handle],
        unaffected: bool,
        systems: &HashMap<i64, System>,
    ) -> Result<(), FeedError> {
        let Some(first) = handles.first() else { return Ok(()) };
        let row = self.vulnerabilities.get(first.vulnerability)?;
        let [name, _, _, _, _, provider, blob] = self.vulnerabilities.values(&row)?;
        let (own, provider) = (name.text().unwrap_or_default(), provider.text().unwrap_or_default());
        let source = source(provider);
        let mut rated: Option<Option<Severity>> = None;
        for handle in handles {
            let system = handle.system.and_then(|id| systems.get(&id));
            if let Some(major) = system.and_then(|system| system.major)
                && handles.contains(&Handle { system: Some(major), ..*handle })
            {
                continue;
            }
            let package_row = self.packages.get(handle.package)?;
            let [ecosystem, name] = self.packages.values(&package_row)?;
            let (ecosystem, name) = (ecosystem.text().unwrap_or_default(), name.text().unwrap_or_default());
            let known = match system {
                Some(system) => system.stream.clone(),
                None => {
                    streams::of_grype_ecosystem(ecosystem).and_then(|stream| Some((stream.to_owned(), order(stream)?)))
                }
            };
            let Some((stream, order)) = known else {
                let unknown = system.map_or_else(|| ecosystem.to_owned(), |system| system.name.clone());
                *self.summary.unknown.entry(unknown).or_default() += 1;
                continue;
            };
            let wire: wire::Package = self.blob(Value::Integer(handle.blob))?;
            // `binary-no-arch-specified` tells a binary's row from the source's, and names no processor.
            let arches = &wire.qualifiers.architecture.0;
            let named = match system {
                None => Named::Library,
                Some(_) if arches.is_empty() => Named::Any,
                Some(_) if arches.iter().any(|arch| arch == "src") => Named::Source,
                Some(_) => Named::Binary,
            };
            let cves: Vec<&String> = wire.cves.iter().filter(|id| id.starts_with("CVE-")).collect();
            // A distribution publishes under ids of its own what the world knows as CVEs.
            let ids: Vec<&str> = if named == Named::Library || own.starts_with("CVE-") || cves.is_empty() {
                vec![own]
            } else {
                cves.into_iter().map(String::as_str).collect()
            };
            if rated.is_none() {
                let blob: wire::Vulnerability = self.blob(blob)?;
                rated = Some(blob.severities.iter().find_map(|stated| severity(stated.value.as_str()?)));
            }
            let spelled = names::normal(&stream, name).into_owned();
            let mut package = package(&wire, stream, spelled, order, unaffected);
            package.severity = rated.flatten().filter(|_| named != Named::Library);
            for id in ids {
                let vendor = if id == own { None } else { Some(own.to_owned()) };
                let vendor_ids = vendor.into_iter().chain(package.vendor_ids.iter().cloned()).collect();
                let record = Package { vendor_ids, ..package.clone() }.record(id, named, &source);
                self.put(record)?;
            }
        }
        Ok(())
    }

    fn products(&mut self, database: &Sqlite<'a>, name: &str, unaffected: bool) -> Result<(), FeedError> {
        let Some(table) = Columns::find(database, name, ["vulnerability_id", "cpe_id", "blob_id"])? else {
            return Ok(());
        };
        let columns = [
            "part",
            "vendor",
            "product",
            "edition",
            "language",
            "software_edition",
            "target_hardware",
            "target_software",
            "other",
        ];
        let cpes = Columns::of(database, "cpes", columns)?;
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let values = table.values(&row)?;
            let [Some(vulnerability), Some(cpe), _] = values.map(Value::integer) else { continue };
            let handle = self.vulnerabilities.get(vulnerability)?;
            let [id, _, _, _, _, provider, _] = self.vulnerabilities.values(&handle)?;
            let (Some(id), source) = (id.text(), source(provider.text().unwrap_or_default())) else { continue };
            let cpe_row = cpes.get(cpe)?;
            let [part, vendor, product, edition, language, software, hardware, target, other] =
                cpes.values(&cpe_row)?;
            let text =
                |value: Value<'_>| value.text().filter(|text| *text != "*").unwrap_or_default().to_ascii_lowercase();
            let cpe = Cpe {
                part: text(part),
                vendor: text(vendor),
                product: text(product),
                edition: text(edition),
                language: text(language),
                software_edition: text(software),
                target_software: text(target),
                target_hardware: text(hardware),
                other: text(other),
                ..Cpe::default()
            };
            let wire: wire::Package = self.blob(values[2])?;
            let mut package = package(&wire, streams::PRODUCTS.to_owned(), cpe.key(), Order::Fuzzy, unaffected);
            package.qualifiers.cpe = Some(cpe.text());
            self.put(package.record(id, Named::Product, &source))?;
        }
        Ok(())
    }

    fn exploited(&mut self, database: &Sqlite<'a>) -> Result<(), FeedError> {
        let name = "known_exploited_vulnerability_handles";
        let Some(table) = Columns::find(database, name, ["cve", "blob_id"])? else { return Ok(()) };
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let [cve, blob] = table.values(&row)?;
            let Some(cve) = cve.text() else { continue };
            let wire: wire::Kev = self.blob(blob)?;
            let day = |text: &str| text.get(..10).unwrap_or(text).to_owned();
            let some = |text: String| Some(text).filter(|text| !text.is_empty());
            let kev = KnownExploited {
                date_added: day(&wire.date_added),
                due_date: some(day(&wire.due_date)),
                required_action: some(wire.required_action),
                ransomware: wire.known_ransomware_campaign_use.eq_ignore_ascii_case("known"),
            };
            self.put(Record::Kev(cve.to_owned(), Box::new(kev)))?;
        }
        Ok(())
    }

    fn scores(&mut self, database: &Sqlite<'a>) -> Result<(), FeedError> {
        let Some(table) = Columns::find(database, "epss_handles", ["cve", "epss", "percentile"])? else {
            return Ok(());
        };
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let [cve, score, percentile] = table.values(&row)?;
            if let (Some(cve), Some(score), Some(percentile)) = (cve.text(), score.real(), percentile.real()) {
                self.put(Record::Epss(cve.to_owned(), Epss { score, percentile }))?;
            }
        }
        Ok(())
    }

    fn weaknesses(&mut self, database: &Sqlite<'a>) -> Result<(), FeedError> {
        let Some(table) = Columns::find(database, "cwe_handles", ["cve", "cwe"])? else { return Ok(()) };
        let mut last: (String, Vec<String>) = Default::default();
        for row in table.table.rows() {
            let row = row.map_err(FeedError::Sqlite)?;
            let [cve, cwe] = table.values(&row)?;
            let (Some(cve), Some(cwe)) = (cve.text(), cwe.text()) else { continue };
            if last.0 != cve {
                self.weakness(std::mem::replace(&mut last, (cve.to_owned(), Vec::new())))?;
            }
            last.1.push(cwe.to_owned());
        }
        self.weakness(last)
    }

    fn weakness(&mut self, (cve, cwes): (String, Vec<String>)) -> Result<(), FeedError> {
        if cwes.is_empty() {
            return Ok(());
        }
        self.put(Record::Detail(cve, Box::new(Detail { cwes, ..Detail::default() })))
    }
}

/// Handles of one vulnerability that are looked at together; the kernel's have a few thousand.
const MOST_TOGETHER: usize = 100_000;

fn package(wire: &wire::Package, stream: String, name: String, order: Order, unaffected: bool) -> Package {
    let mut package = Package { stream, name, ..Package::default() };
    let mut available = None;
    for range in &wire.ranges {
        package.vulnerable.extend(constraint(order, &range.version.constraint));
        if let Some(version) = fix_version(&range.fix.version).filter(|version| *version != "0")
            && !package.fixed.iter().any(|known| known == version)
        {
            package.fixed.push(version.to_owned());
        }
        package.wont_fix |= range.fix.state == "wont-fix";
        available = earliest(available, time(&range.fix.detail.available.date));
        for link in &range.fix.detail.references {
            if !link.id.is_empty() && !package.vendor_ids.contains(&link.id) {
                package.vendor_ids.push(link.id.clone());
            }
        }
    }
    if wire.ranges.is_empty() {
        package.vulnerable = constraint(order, "");
    }
    let arches = wire.qualifiers.architecture.0.iter();
    package.arches = arches.filter(|arch| !arch.starts_with("binary-") && *arch != "src").cloned().collect();
    package.qualifiers = Qualifiers {
        unaffected,
        module: wire.qualifiers.rpm_modularity.clone(),
        cpe: None,
        platforms: wire.qualifiers.platform_cpes.clone(),
        imports: wire
            .qualifiers
            .go_imports
            .iter()
            .map(|import| GoImport { path: import.path.clone(), symbols: import.symbols.clone() })
            .collect(),
        available,
    };
    package
}

/// `2026-03-11 00:28:00+00:00` is how SQLite keeps a time; Go's zero time is none.
fn moment(text: &str) -> Option<Timestamp> {
    let spaced = text.replacen(' ', "T", 1);
    time(&spaced).filter(|time| time.as_second() > 0)
}

/// The severity of the newest score.
fn of_scores(cvss: &Cvss) -> Option<Severity> {
    [&cvss.v4, &cvss.v3, &cvss.v2].into_iter().find_map(|(_, score)| *score).map(Severity::from_cvss)
}

#[cfg(test)]
mod tests;

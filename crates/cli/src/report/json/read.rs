//! A report of version 1 back into what it was made of, for baselines and comparisons.
//!
//! Read is what those need: subject, distribution, packages, findings, what was not examined. A field that is absent is what the writer leaves
//! out; one that has another shape than the schema says is an error, so that a broken baseline never passes for an empty one.

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Map, Value};
use signet_model::{
    Distro, Epss, Finding, Fix, Inventory, KnownExploited, License, Location, Package, PackageIndex, PackageKind, Purl,
    Severity, Status, Subject, SubjectKind, Suppression, SuppressionKind, Timestamp, Unexamined, UnexaminedKind,
    Vulnerability,
};

use crate::report::{Report, Views};

/// Whether bytes are a report of ours, of any version.
pub(crate) fn is_report(document: &Value) -> bool {
    document.get("schemaVersion").is_some() && document.pointer("/tool/name").and_then(Value::as_str) == Some("signet")
}

/// Reads a report.
pub(crate) fn read(document: &Value, now: Timestamp) -> Result<Report> {
    let version = document.get("schemaVersion").and_then(Value::as_u64);
    ensure!(version == Some(1), "it is of schema version {}, and this program reads 1", version.unwrap_or(0));
    let root = Fields::of(document, "the report")?;
    let subject = Fields::of(root.needed("subject")?, "`subject`")?;
    let mut inventory = Inventory::default();
    if let Some(distro) = root.get("distro") {
        let distro = Fields::of(distro, "`distro`")?;
        inventory.distro = Some(Distro {
            id: distro.needed_text("id")?,
            version_id: distro.text("versionId")?,
            name: distro.text("name")?,
            pretty_name: distro.text("prettyName")?,
            codename: distro.text("codename")?,
            ..Distro::default()
        });
    }
    for (at, row) in root.list("packages")?.iter().enumerate() {
        inventory.packages.push(package(row).with_context(|| format!("package {at}"))?);
    }
    let mut findings = Vec::new();
    for (at, row) in root.list("findings")?.iter().enumerate() {
        findings.push(finding(row, inventory.packages.len()).with_context(|| format!("finding {at}"))?);
    }
    for row in root.list("unexamined")? {
        let row = Fields::of(row, "what was not examined")?;
        inventory.unexamined.push(Unexamined {
            location: Location::of_path(row.text("path")?.unwrap_or_default()),
            kind: unexamined_kind(&row.needed_text("kind")?),
            by: "report",
            why: row.text("why")?.unwrap_or_default(),
        });
    }
    Ok(Report {
        subject: Subject {
            kind: subject_kind(&subject.needed_text("kind")?),
            name: subject.needed_text("name")?,
            image: None,
        },
        inventory,
        findings,
        judged: root.get("findings").is_some(),
        database: None,
        decision: None,
        threshold: None,
        notes: Vec::new(),
        created: root.text("created")?.and_then(|text| text.parse().ok()),
        now,
        views: Views::default(),
    })
}

/// The fields of an object, with errors that name them.
struct Fields<'j>(&'j Map<String, Value>);

impl<'j> Fields<'j> {
    fn of(value: &'j Value, what: &str) -> Result<Fields<'j>> {
        Ok(Fields(value.as_object().ok_or_else(|| anyhow!("{what} is no object"))?))
    }

    fn get(&self, name: &str) -> Option<&'j Value> {
        self.0.get(name)
    }

    fn needed(&self, name: &str) -> Result<&'j Value> {
        self.get(name).ok_or_else(|| anyhow!("`{name}` is missing"))
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(anyhow!("`{name}` is no string")),
        }
    }

    fn needed_text(&self, name: &str) -> Result<String> {
        self.text(name)?.ok_or_else(|| anyhow!("`{name}` is missing"))
    }

    fn list(&self, name: &str) -> Result<&'j [Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(anyhow!("`{name}` is no list")),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.list(name)?
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| anyhow!("`{name}` holds what is no string")))
            .collect()
    }
}

fn package(row: &Value) -> Result<Package> {
    let row = Fields::of(row, "it")?;
    let purl = row.text("purl")?.and_then(|text| Purl::parse_lenient(&text).ok());
    let kind = PackageKind::from_name(&row.needed_text("kind")?).unwrap_or(PackageKind::Other);
    let mut package = Package::new(kind, row.needed_text("name")?, row.needed_text("version")?);
    package.stated_purl = purl;
    package.arch = row.text("arch")?;
    package.licenses = row.texts("licenses")?.into_iter().map(|value| License { value }).collect();
    for place in row.list("locations")? {
        let place = Fields::of(place, "a location")?;
        let layer = place.text("layer")?.map(|text| text.parse()).transpose().context("a layer")?;
        package.locations.push(Location { layer, ..Location::of_path(place.needed_text("path")?) });
    }
    package.found_by = "report";
    Ok(package)
}

fn finding(row: &Value, packages: usize) -> Result<Finding> {
    let row = Fields::of(row, "it")?;
    let index = row.needed("package")?.as_u64().and_then(|index| u32::try_from(index).ok());
    let package =
        index.map(PackageIndex).filter(|index| index.get() < packages).context("`package` is not in the list")?;
    let time = |name: &str| -> Result<Option<Timestamp>> { Ok(row.text(name)?.and_then(|text| text.parse().ok())) };
    let kev = match row.get("kev") {
        None => None,
        Some(kev) => {
            let kev = Fields::of(kev, "`kev`")?;
            Some(KnownExploited {
                date_added: kev.needed_text("dateAdded")?,
                due_date: kev.text("dueDate")?,
                ransomware: kev.get("ransomware") == Some(&Value::Bool(true)),
                required_action: None,
            })
        }
    };
    let epss = match row.get("epss") {
        None => None,
        Some(epss) => {
            let number = |name: &str| {
                epss.get(name).and_then(Value::as_f64).ok_or_else(|| anyhow!("`epss.{name}` is no number"))
            };
            Some(Epss { score: number("score")?, percentile: number("percentile")? })
        }
    };
    let suppressed = match row.get("suppressed") {
        None => None,
        Some(suppressed) => {
            let suppressed = Fields::of(suppressed, "`suppressed`")?;
            Some(Suppression {
                kind: suppression_kind(&suppressed.needed_text("kind")?),
                source: suppressed.needed_text("source")?,
                status: suppressed.needed_text("status")?,
                statement: suppressed.text("statement")?,
            })
        }
    };
    let severity = row.needed_text("severity")?;
    Ok(Finding {
        vulnerability: Vulnerability {
            id: row.needed_text("id")?,
            aliases: row.texts("aliases")?,
            title: row.text("title")?,
            description: row.text("description")?,
            cwes: row.texts("cwes")?,
            references: row.texts("references")?,
            published: time("published")?,
            modified: time("modified")?,
            kev,
            epss,
            ..Vulnerability::default()
        },
        package,
        severity: severity.parse::<Severity>().with_context(|| format!("the severity `{severity}`"))?,
        severity_source: row.text("severitySource")?,
        status: Status::from_name(&row.needed_text("status")?).unwrap_or_default(),
        fix: Fix { versions: row.texts("fixedIn")?, available: None },
        vendor_ids: row.texts("vendorIds")?,
        data_source: signet_model::DataSource::default(),
        malicious: row.get("malicious") == Some(&Value::Bool(true)),
        why: signet_model::Why::default(),
        suppressed,
    })
}

fn subject_kind(name: &str) -> SubjectKind {
    match name {
        "image" => SubjectKind::Image,
        "rootfs" => SubjectKind::RootFs,
        "file" => SubjectKind::File,
        "repository" => SubjectKind::Repository,
        "sbom" => SubjectKind::Sbom,
        "purl" => SubjectKind::Purl,
        _ => SubjectKind::Directory,
    }
}

fn suppression_kind(name: &str) -> SuppressionKind {
    match name {
        "ignore-file" => SuppressionKind::IgnoreFile,
        "vex" => SuppressionKind::Vex,
        "exception" => SuppressionKind::Exception,
        "owned" => SuppressionKind::Owned,
        "baseline" => SuppressionKind::Baseline,
        _ => SuppressionKind::Filter,
    }
}

fn unexamined_kind(name: &str) -> UnexaminedKind {
    match name {
        "malformed" => UnexaminedKind::Malformed,
        "too-large" => UnexaminedKind::TooLarge,
        "unsupported" => UnexaminedKind::Unsupported,
        "unreadable" => UnexaminedKind::Unreadable,
        "unresolved" => UnexaminedKind::Unresolved,
        _ => UnexaminedKind::Missing,
    }
}

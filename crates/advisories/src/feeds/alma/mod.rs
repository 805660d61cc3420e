//! AlmaLinux: OSV records, and the errata documents (`errata.full.json`, or one each in `vuln-list`). Source: <https://errata.almalinux.org>.

use serde::Deserialize;

use super::source::{Reading, Source, cves};
use super::updateinfo::{self, Erratum, WireBuild};
use super::{FeedError, osv_family};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "alma",
    name: "AlmaLinux Product Errata",
    urls: &[
        "https://errata.almalinux.org/{}/errata.full.json",
        "https://github.com/AlmaLinux/osv-database/archive/refs/heads/master.tar.gz",
    ],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains AlmaLinux errata, https://errata.almalinux.org",
    run,
};

#[derive(Deserialize)]
struct Wire {
    #[serde(alias = "updateinfo_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    issued_date: Option<serde_json::Value>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    pkglist: Option<PackageList>,
    #[serde(default)]
    packages: Vec<Named>,
    #[serde(default)]
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct PackageList {
    #[serde(default)]
    packages: Vec<WireBuild>,
    #[serde(default)]
    module: Option<Module>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    stream: String,
}

/// A package of `errata.full.json`: its module is written in its label.
#[derive(Deserialize)]
struct Named {
    #[serde(flatten)]
    build: WireBuild,
    #[serde(default)]
    module: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Full { data: Vec<serde_json::Value> },
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let values = match reading.json::<File>(&path)? {
            Some(File::Full { data } | File::Many(data)) => data,
            Some(File::One(value)) if value.get("affected").is_some() => {
                osv_family::record(reading, &path)?;
                continue;
            }
            Some(File::One(value)) => vec![value],
            None => continue,
        };
        for value in values {
            match serde_json::from_value::<Wire>(value) {
                Ok(wire) => erratum(reading, &path, wire)?,
                Err(err) => reading.malformed(&path, err),
            }
        }
    }
    Ok(())
}

/// A release that stands alone in the path, or in a folder's or file's name (`errata-9.json`, `almalinux9`); else in the builds' `.el9`.
fn stream(path: &str, erratum: &Erratum) -> String {
    let of_path = path.split(['/', '-', '.']).find_map(|part| {
        let number = part.strip_prefix("almalinux").unwrap_or(part);
        ["8", "9", "10", "11"].contains(&number).then_some(number)
    });
    let of_build = || {
        erratum.packages.iter().find_map(|build| {
            let (_, rest) = build.version.split_once(".el").or_else(|| build.version.split_once("_el"))?;
            rest.split(|sign: char| !sign.is_ascii_digit()).next()
        })
    };
    format!("alma {}", of_path.or_else(of_build).unwrap_or_default())
}

fn erratum(reading: &mut Reading<'_>, path: &str, wire: Wire) -> Result<(), FeedError> {
    let mut packages: Vec<_> = wire
        .packages
        .iter()
        .map(|package| package.build.build(package.module.as_deref().filter(|module| module.contains(':'))))
        .collect();
    // An erratum of one module is about that module, whether its packages say so or not.
    if let [module] = wire.modules.as_slice() {
        for package in &mut packages {
            package.module.get_or_insert_with(|| format!("{}:{}", module.name, module.stream));
        }
    }
    if let Some(list) = &wire.pkglist {
        let module = list.module.as_ref().map(|module| format!("{}:{}", module.name, module.stream));
        packages.extend(list.packages.iter().map(|package| package.build(module.as_deref())));
    }
    let date = match &wire.issued_date {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other
            .get("$date")
            .and_then(serde_json::Value::as_i64)
            .map(|millis| {
                signet_model::Timestamp::from_second(millis / 1000).map(|time| time.to_string()).unwrap_or_default()
            })
            .unwrap_or_default(),
        None => String::new(),
    };
    let ids: Vec<&str> = wire.references.iter().filter_map(|reference| reference.id.as_deref()).collect();
    let erratum = Erratum {
        cves: cves(&ids.join(" ")),
        packages,
        id: wire.id,
        title: wire.title,
        description: wire.description,
        severity: wire.severity.unwrap_or_default(),
        date,
    };
    let stream = stream(path, &erratum);
    updateinfo::put(reading, &stream, &erratum)
}

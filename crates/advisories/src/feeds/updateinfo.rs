//! RPM errata as `updateinfo.xml` writes them, and the JSON that `vuln-list` and the vendors make of it. Amazon, Rocky and Alma share the shape.
//! Source: `libsolv`'s and `createrepo_c`'s reading of `updateinfo.xml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::FeedError;
use super::source::{Reading, before, cves, in_module, severity};
use super::xml::{self, Element};
use crate::record::{Detail, Record};

/// An erratum.
#[derive(Debug, Default)]
pub(crate) struct Erratum {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) severity: String,
    pub(crate) date: String,
    pub(crate) cves: Vec<String>,
    pub(crate) packages: Vec<Build>,
}

/// A package that it brings.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Build {
    pub(crate) name: String,
    /// Epoch, version and release as the source writes them.
    pub(crate) version: String,
    pub(crate) arch: String,
    /// `nodejs:14`.
    pub(crate) module: Option<String>,
}

/// The JSON of a package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WireBuild {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) epoch: Option<String>,
    pub(crate) version: String,
    pub(crate) release: String,
    #[serde(default)]
    pub(crate) arch: String,
}

impl WireBuild {
    /// With the epoch in front where it is not 0.
    pub(crate) fn build(&self, module: Option<&str>) -> Build {
        let epoch = self.epoch.as_deref().filter(|epoch| !epoch.is_empty() && *epoch != "0");
        let version = format!("{}-{}", self.version, self.release);
        Build {
            name: self.name.clone(),
            version: epoch.map_or(version.clone(), |epoch| format!("{epoch}:{version}")),
            arch: self.arch.clone(),
            module: module.map(str::to_owned),
        }
    }
}

/// Hands out an erratum's advisories, the architectures of a build in one.
pub(crate) fn put(reading: &mut Reading<'_>, stream: &str, erratum: &Erratum) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let time = reading.dated(&erratum.date.replace(' ', "T"));
    let ids = if erratum.cves.is_empty() { std::slice::from_ref(&erratum.id) } else { erratum.cves.as_slice() };
    let stated = severity(&erratum.severity);
    let mut rows: BTreeMap<(&str, &str, Option<&str>), Vec<String>> = BTreeMap::new();
    for build in erratum.packages.iter().filter(|build| build.arch != "src") {
        let arches = rows.entry((&build.name, &build.version, build.module.as_deref())).or_default();
        if !build.arch.is_empty() && !arches.contains(&build.arch) {
            arches.push(build.arch.clone());
        }
    }
    for ((name, version, module), mut arches) in rows {
        if arches.iter().any(|arch| arch == "noarch") {
            arches.clear();
        }
        for id in ids {
            let Some(mut advisory) = reading.blank(stream, name, id) else { continue };
            in_module(&mut advisory, module);
            advisory.vendor_ids = vec![erratum.id.clone()];
            advisory.severity = stated;
            advisory.status = Status::Fixed;
            advisory.arches.clone_from(&arches);
            (advisory.affected, advisory.fixed) = before(Some(version));
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for id in ids {
        let detail = Detail {
            title: erratum.title.clone(),
            description: if ids.len() == 1 { erratum.description.clone() } else { String::new() },
            severities: stated.map(|severity| (reading.source.id.to_owned(), severity)).into_iter().collect(),
            modified: time,
            ..Detail::default()
        };
        reading.put(Record::Detail(id.clone(), Box::new(detail)))?;
    }
    Ok(())
}

/// Reads an `updateinfo.xml`.
pub(crate) fn document(reading: &mut Reading<'_>, path: &str, bytes: &[u8], stream: &str) -> Result<(), FeedError> {
    let mut errata = Vec::new();
    let read = xml::each::<String>(bytes, 1, &mut |_, element| {
        if element.name == "update" {
            errata.push(erratum(&element));
        }
        Ok(())
    });
    if let Err(why) = read {
        reading.malformed(path, why);
        return Ok(());
    }
    for erratum in errata {
        if erratum.id.is_empty() {
            reading.malformed(path, "an update without id");
            continue;
        }
        put(reading, stream, &erratum)?;
    }
    Ok(())
}

fn erratum(element: &Element) -> Erratum {
    let empty = Element::default();
    let mut ids = String::new();
    for reference in element.child("references").unwrap_or(&empty).all("reference") {
        ids.push_str(reference.attribute("id"));
        ids.push(' ');
    }
    let mut packages = Vec::new();
    for collection in element.child("pkglist").unwrap_or(&empty).all("collection") {
        let module = collection.child("module");
        let module = module.map(|module| format!("{}:{}", module.attribute("name"), module.attribute("stream")));
        for package in collection.all("package") {
            let wire = WireBuild {
                name: package.attribute("name").to_owned(),
                epoch: Some(package.attribute("epoch").to_owned()),
                version: package.attribute("version").to_owned(),
                release: package.attribute("release").to_owned(),
                arch: package.attribute("arch").to_owned(),
            };
            packages.push(wire.build(module.as_deref()));
        }
    }
    Erratum {
        id: element.text_at(&["id"]).to_owned(),
        title: element.text_at(&["title"]).to_owned(),
        description: element.text_at(&["description"]).to_owned(),
        severity: element.text_at(&["severity"]).to_owned(),
        date: element.child("issued").map(|issued| issued.attribute("date")).unwrap_or_default().to_owned(),
        cves: cves(&ids),
        packages,
    }
}

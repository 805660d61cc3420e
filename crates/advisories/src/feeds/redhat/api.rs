//! The CVE API ("hydra"): one JSON object per CVE with `affected_release` (fixed) and `package_state` (not fixed).

use serde::Deserialize;
use signet_model::{Cvss, Status};

use super::super::source::{before, nowhere, severity};
use super::{FeedError, Reading, state, stream};
use crate::record::{Detail, Record};

#[derive(Deserialize)]
struct Cve {
    #[serde(alias = "CVE")]
    name: String,
    #[serde(default, alias = "severity")]
    threat_severity: Option<String>,
    #[serde(default)]
    details: Option<OneOrMany<String>>,
    #[serde(default)]
    bugzilla: Option<Bugzilla>,
    #[serde(default)]
    cvss3: Option<Cvss3>,
    #[serde(default)]
    cwe: Option<String>,
    #[serde(default)]
    public_date: Option<String>,
    #[serde(default)]
    affected_release: Option<OneOrMany<Release>>,
    #[serde(default)]
    package_state: Option<OneOrMany<State>>,
}

/// The API writes a list of one as the one.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<OneOrMany<T>, D::Error> {
        // Not an untagged enum: serde would read a list of texts as the fields of one.
        let items = match serde_json::Value::deserialize(from)? {
            serde_json::Value::Array(items) => items,
            item => vec![item],
        };
        items
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map(OneOrMany)
            .map_err(serde::de::Error::custom)
    }
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        self.0
    }
}

#[derive(Deserialize)]
struct Bugzilla {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Cvss3 {
    #[serde(default)]
    cvss3_base_score: Option<String>,
    #[serde(default)]
    cvss3_scoring_vector: Option<String>,
}

#[derive(Deserialize)]
struct Release {
    product_name: String,
    #[serde(default)]
    advisory: Option<String>,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    cpe: String,
    #[serde(default)]
    impact: Option<String>,
}

#[derive(Deserialize)]
struct State {
    product_name: String,
    #[serde(default)]
    fix_state: String,
    package_name: String,
    #[serde(default)]
    cpe: String,
    #[serde(default)]
    impact: Option<String>,
}

pub(super) fn document(reading: &mut Reading<'_>, path: &str, value: serde_json::Value) -> Result<(), FeedError> {
    let cve: Cve = match serde_json::from_value(value) {
        Ok(cve) => cve,
        Err(err) => {
            reading.malformed(path, err);
            return Ok(());
        }
    };
    reading.tally.records += 1;
    let stated = cve.threat_severity.as_deref().and_then(severity);
    for release in cve.affected_release.map(OneOrMany::into_vec).unwrap_or_default() {
        fixed(reading, path, &cve.name, stated, release)?;
    }
    for row in cve.package_state.map(OneOrMany::into_vec).unwrap_or_default() {
        let Some(stream) = stream(&row.cpe).or_else(|| by_name(&row.cpe, &row.product_name)) else {
            reading.unknown(&row.product_name);
            continue;
        };
        // `nodejs:12/npm`: the package of a module.
        let (module, name) = match row.package_name.split_once('/') {
            Some((module, name)) if module.contains(':') => (Some(module), name),
            _ => (None, row.package_name.as_str()),
        };
        let Some(mut advisory) = reading.blank(&stream, name, &cve.name) else { continue };
        super::super::source::in_module(&mut advisory, module);
        super::super::source::by_source(&mut advisory);
        advisory.severity = row.impact.as_deref().and_then(severity).or(stated);
        advisory.status = state(&row.fix_state);
        advisory.affected = if advisory.status == Status::NotAffected { nowhere() } else { before(None).0 };
        reading.put(Record::Advisory(Box::new(advisory)))?;
    }
    let published = cve.public_date.as_deref().and_then(|text| reading.dated(text));
    let mut detail = Detail { published, ..Detail::default() };
    detail.title = cve.bugzilla.map(|bug| bug.description.trim().to_owned()).unwrap_or_default();
    detail.description = cve.details.map(OneOrMany::into_vec).unwrap_or_default().join("\n").trim().to_owned();
    detail.cwes = cve.cwe.iter().flat_map(|text| super::cwes(text)).collect();
    detail.severities = stated.map(|severity| ("redhat".to_owned(), severity)).into_iter().collect();
    if let Some(cvss) = cve.cvss3 {
        let vector = cvss.cvss3_scoring_vector.filter(|text| !text.is_empty());
        let score = cvss.cvss3_base_score.and_then(|text| text.parse().ok());
        if vector.is_some() || score.is_some() {
            detail.cvss.push(("redhat".to_owned(), Cvss { v3: (vector, score), ..Cvss::default() }));
        }
    }
    reading.put(Record::Detail(cve.name, Box::new(detail)))
}

fn fixed(
    reading: &mut Reading<'_>,
    path: &str,
    id: &str,
    stated: Option<signet_model::Severity>,
    release: Release,
) -> Result<(), FeedError> {
    let Some(stream) = stream(&release.cpe).or_else(|| by_name(&release.cpe, &release.product_name)) else {
        reading.unknown(&release.product_name);
        return Ok(());
    };
    // Some advisories name no package; their CSAF document does.
    let Some(package) = release.package.filter(|text| !text.is_empty()) else {
        reading.unknown("advisories that name no package here");
        return Ok(());
    };
    let Some((name, version)) = name_and_version(&package) else {
        reading.skip(path, format!("`{package}` is no name, version and release"));
        return Ok(());
    };
    // `nodejs:12-8030020201124152102.229f0a1c` is a module as a whole: which packages are in it stands in its CSAF document.
    if name.contains(':') {
        reading.unknown("modules as a whole");
        return Ok(());
    }
    let Some(mut advisory) = reading.blank(&stream, name, id) else { return Ok(()) };
    super::super::source::by_source(&mut advisory);
    advisory.severity = release.impact.as_deref().and_then(severity).or(stated);
    advisory.status = Status::Fixed;
    advisory.vendor_ids = release.advisory.into_iter().collect();
    (advisory.affected, advisory.fixed) = before(Some(&version));
    reading.put(Record::Advisory(Box::new(advisory)))
}

/// Copies of the data may lack the CPE; the product's name says the same of a release.
fn by_name(cpe: &str, product: &str) -> Option<String> {
    let release = product.strip_prefix("Red Hat Enterprise Linux ").filter(|_| cpe.is_empty())?;
    stream(&format!("cpe:/o:redhat:enterprise_linux:{release}")).filter(|_| release.bytes().all(|b| b.is_ascii_digit()))
}

/// `libwebp-0:1.0.0-7.el8_6.1` -> its name, and epoch, version and release.
fn name_and_version(package: &str) -> Option<(&str, String)> {
    let (name, version, _) = super::super::source::nvr(package, false)?;
    Some((name, if version.contains(':') { version.to_owned() } else { format!("0:{version}") }))
}

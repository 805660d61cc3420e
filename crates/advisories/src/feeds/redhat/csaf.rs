//! Red Hat's CSAF documents: VEX per CVE, and security advisories.
//!
//! A product id is a component of a platform. The platform's CPE names the release; the component's purl names package, version, architecture and
//! module. Unfixed components have no version, and `remediations` say why. Source: <https://redhatproductsecurity.github.io/security-data-guidelines/>.

use std::collections::BTreeMap;

use signet_model::{Cvss, Severity, Status};

use super::super::csaf::{Document, Products, Rpm, Vulnerability, rpm_purl};
use super::super::source::{before, by_source, in_module, nowhere, nvr, severity};
use super::{FeedError, Reading, state, stream};
use crate::record::{Detail, Record};

/// What makes rows one: all architectures of a fix are one advisory.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stream: String,
    name: String,
    module: Option<String>,
    source: bool,
    version: Option<String>,
    status: Status,
}

/// Architectures, the advisory, the severity.
type Found = (Vec<String>, Option<String>, Option<Severity>);

pub(super) fn document(reading: &mut Reading<'_>, path: &str, value: serde_json::Value) -> Result<(), FeedError> {
    let document: Document = match serde_json::from_value(value) {
        Ok(document) => document,
        Err(err) => {
            reading.malformed(path, err);
            return Ok(());
        }
    };
    if document.document.tracking.status == "deleted" {
        reading.tally.records += 1;
        return reading.put(Record::Withdrawn(document.document.tracking.id));
    }
    if document.vulnerabilities.is_empty() {
        reading.malformed(path, "the document is about no vulnerability");
        return Ok(());
    }
    reading.dated(&document.document.tracking.current_release_date);
    let products = document.product_tree.products();
    let overall = document.document.aggregate_severity.as_ref().and_then(|words| severity(&words.text));
    for vulnerability in &document.vulnerabilities {
        if vulnerability.cve.is_empty() {
            reading.malformed(path, "a vulnerability has no CVE");
            continue;
        }
        reading.tally.records += 1;
        one(reading, path, &products, &document, vulnerability, overall)?;
    }
    Ok(())
}

fn one(
    reading: &mut Reading<'_>,
    path: &str,
    products: &Products<'_>,
    document: &Document,
    vulnerability: &Vulnerability,
    overall: Option<Severity>,
) -> Result<(), FeedError> {
    let status = &vulnerability.product_status;
    let mut reasons: BTreeMap<&str, Status> = BTreeMap::new();
    let mut advisories: BTreeMap<&str, String> = BTreeMap::new();
    for remediation in &vulnerability.remediations {
        for id in products.members(&remediation.product_ids, &remediation.group_ids) {
            match remediation.category.as_str() {
                "no_fix_planned" | "none_available" => {
                    reasons.insert(id, state(&remediation.details));
                }
                "vendor_fix" => {
                    if let Some(name) = remediation.url.rsplit('/').next().filter(|name| name.starts_with("RH")) {
                        advisories.insert(id, name.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
    let mut impacts: BTreeMap<&str, Severity> = BTreeMap::new();
    for threat in vulnerability.threats.iter().filter(|threat| threat.category == "impact") {
        if let Some(word) = severity(&threat.details) {
            impacts.extend(products.members(&threat.product_ids, &threat.group_ids).into_iter().map(|id| (id, word)));
        }
    }

    let mut rows: BTreeMap<Key, Found> = BTreeMap::new();
    let lists = [
        (&status.fixed, Status::Fixed),
        (&status.first_fixed, Status::Fixed),
        (&status.known_affected, Status::Affected),
        (&status.known_not_affected, Status::NotAffected),
        (&status.under_investigation, Status::UnderInvestigation),
    ];
    for (list, state) in lists {
        for id in list {
            let Some((component, platform)) = products.get(id) else {
                reading.skip(path, format!("the product `{id}` is nowhere defined"));
                continue;
            };
            let platform = platform.unwrap_or(component);
            let Some(stream) = stream(platform.cpe) else {
                reading.unknown(if platform.name.is_empty() { platform.id } else { platform.name });
                continue;
            };
            let Some(rpm) = rpm_purl(component.purl).or_else(|| from_id(component.id)) else {
                reading.unknown("components that are no RPM packages");
                continue;
            };
            let source = rpm.arch.as_deref().is_none_or(|arch| arch == "src");
            let status =
                if state == Status::Affected { reasons.get(id.as_str()).copied().unwrap_or(state) } else { state };
            let version = if state == Status::Fixed { rpm.version } else { None };
            if state == Status::Fixed && version.is_none() {
                reading.skip(path, format!("the fixed product `{id}` has no version"));
                continue;
            }
            let module = rpm.module.filter(|module| module.contains(':'));
            // The stream of a module is what counts, not the build of it.
            let module = module.map(|label| label.splitn(3, ':').take(2).collect::<Vec<_>>().join(":"));
            let key = Key { stream, name: rpm.name, module, source, version, status };
            let row = rows.entry(key).or_default();
            if let Some(arch) = rpm.arch.filter(|arch| arch != "src" && arch != "noarch" && !row.0.contains(arch)) {
                row.0.push(arch);
            }
            row.1 = row.1.take().or_else(|| advisories.get(id.as_str()).cloned());
            row.2 = row.2.max(impacts.get(id.as_str()).copied());
        }
    }
    for (key, (arches, vendor, impact)) in rows {
        let Some(mut advisory) = reading.blank(&key.stream, &key.name, &vulnerability.cve) else { continue };
        in_module(&mut advisory, key.module.as_deref());
        if key.source {
            by_source(&mut advisory);
        }
        advisory.severity = impact.or(overall);
        advisory.status = key.status;
        let tracking = &document.document.tracking.id;
        advisory.vendor_ids =
            vendor.or_else(|| tracking.starts_with("RH").then(|| tracking.clone())).into_iter().collect();
        if key.status == Status::NotAffected {
            advisory.affected = nowhere();
        } else {
            (advisory.affected, advisory.fixed) = before(key.version.as_deref());
        }
        // Every architecture that the release has: no list says as much.
        advisory.arches = arches;
        reading.put(Record::Advisory(Box::new(advisory)))?;
    }
    reading.put(Record::Detail(vulnerability.cve.clone(), Box::new(detail(reading, vulnerability, overall))))
}

fn detail(reading: &Reading<'_>, vulnerability: &Vulnerability, overall: Option<Severity>) -> Detail {
    let note = |category: &str| {
        let note = vulnerability.notes.iter().find(|note| note.category == category);
        note.map(|note| note.text.trim().to_owned()).unwrap_or_default()
    };
    let mut cvss = Cvss::default();
    for score in &vulnerability.scores {
        for (place, vector) in
            [(&mut cvss.v2, &score.cvss_v2), (&mut cvss.v3, &score.cvss_v3), (&mut cvss.v4, &score.cvss_v4)]
        {
            if let Some(vector) = vector {
                *place = (Some(vector.vector_string.clone()), vector.base_score);
            }
        }
    }
    let id = reading.source.id.to_owned();
    Detail {
        title: vulnerability.title.clone(),
        description: note("description"),
        severities: overall.map(|severity| (id.clone(), severity)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(id, cvss)] },
        cwes: vulnerability.cwe.iter().map(|cwe| cwe.id.clone()).filter(|id| !id.is_empty()).collect(),
        references: vulnerability
            .references
            .iter()
            .map(|link| link.url.clone())
            .filter(|url| !url.is_empty())
            .collect(),
        published: super::super::time(&vulnerability.release_date),
        ..Detail::default()
    }
}

/// Documents of the first years have ids and no purls: `openssl-1:1.1.1k-7.el8_6.x86_64`, `openssl`.
fn from_id(id: &str) -> Option<Rpm> {
    if let Some((name, version, arch)) = nvr(id, true)
        && version.contains(':')
    {
        let arch = arch.map(str::to_owned);
        return Some(Rpm { name: name.to_owned(), version: Some(version.to_owned()), arch, module: None });
    }
    let (module, name) = match id.split_once('/') {
        Some((module, name)) if module.contains(':') => (Some(module.to_owned()), name),
        Some(_) => return None,
        None => (None, id),
    };
    let plain = !name.is_empty() && !name.contains([':', '@', ' ']);
    plain.then(|| Rpm { name: name.to_owned(), version: None, arch: None, module })
}

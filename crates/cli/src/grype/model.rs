//! What we found, as Grype reports it.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use signet_advisories::Database;
use signet_model::{Cvss, Finding, Package, PackageIndex, Severity, Vulnerability};

use super::wire::{self, Advisory, Artifact, Detail, Epss, Fix, Kev, Match, Metadata, Metrics, SuggestedFix, Upstream};
use super::words;
use crate::foreign::sbom::Sbom;
use crate::report::{DatabaseInfo, Report};

/// The inventory in Syft's words, which Grype's JSON repeats.
#[derive(Debug)]
pub(super) struct Inventory {
    artifacts: Vec<Artifact>,
    pub(super) source: wire::Source,
    pub(super) distro: wire::Distro,
}

/// An artifact of Syft's JSON.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Listed {
    id: String,
    name: String,
    version: String,
    #[serde(rename = "type")]
    ty: String,
    locations: Vec<Value>,
    licenses: Vec<Value>,
    language: String,
    cpes: Vec<Value>,
    purl: String,
    metadata_type: Option<String>,
    metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Document {
    artifacts: Vec<Listed>,
    source: Value,
}

/// The inventory of a report. Packages are in its order.
pub(super) fn inventory(report: &Report) -> Result<Inventory> {
    let bytes = Sbom::parse("syft-json", &[])?.render(report)?;
    let document: Document = serde_json::from_slice(&bytes).context("our own document cannot be read")?;
    let text = |value: &Value, key: &str| match value {
        Value::String(text) => Some(text.clone()),
        other => other.get(key).and_then(Value::as_str).map(str::to_owned),
    };
    let artifacts = document
        .artifacts
        .into_iter()
        .zip(&report.inventory.packages)
        .map(|(listed, package)| Artifact {
            id: listed.id,
            name: listed.name,
            version: listed.version,
            ty: listed.ty,
            locations: listed.locations,
            language: listed.language,
            licenses: listed.licenses.iter().filter_map(|license| text(license, "value")).collect(),
            cpes: listed.cpes.iter().filter_map(|cpe| text(cpe, "cpe")).collect(),
            purl: listed.purl,
            upstreams: upstreams(package),
            metadata_type: listed.metadata_type,
            metadata: listed.metadata,
        })
        .collect();
    let ty = text(&document.source, "type").unwrap_or_default();
    let mut target = document.source.get("metadata").cloned().unwrap_or_default();
    if ty != "image" {
        // Of anything but an image, Grype's target is the path.
        target = target.get("path").cloned().unwrap_or(target);
    }
    let distro = report.inventory.distro.as_ref().map(|distro| wire::Distro {
        name: distro.id.clone(),
        version: distro.version_id.clone().unwrap_or_default(),
        id_like: distro.id_like.clone(),
        channels: distro.channel.iter().cloned().collect(),
    });
    Ok(Inventory { artifacts, source: wire::Source { ty, target }, distro: distro.unwrap_or_default() })
}

fn upstreams(package: &Package) -> Vec<Upstream> {
    let source = package.source.iter().filter(|source| source.name != package.name);
    source
        .map(|source| Upstream { name: source.name.clone(), version: source.version.clone().unwrap_or_default() })
        .collect()
}

/// What matches are made of.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) report: &'a Report,
    pub(super) inventory: &'a Inventory,
    pub(super) database: &'a Database<'a>,
}

impl Facts<'_> {
    /// One finding as a match.
    pub(super) fn found(&self, finding: &Finding) -> Result<Match> {
        let package = self.report.package(finding.package);
        let distro = self.report.inventory.distro.as_ref();
        let namespace = words::namespace(finding, package, distro);
        let known = &finding.vulnerability;
        let metadata = self.metadata(known, &namespace, finding.severity);
        let (matcher, order) = words::matcher(package.kind);
        let name = match finding.why.matched_name.is_empty() {
            true => &package.name,
            false => &finding.why.matched_name,
        };
        let mut searched = json!({
            "namespace": namespace,
            "package": { "name": name, "version": finding.why.matched_version },
        });
        match distro.filter(|_| package.kind.is_os()) {
            Some(distro) => {
                searched["distro"] =
                    json!({ "type": distro.id, "version": distro.version_id.clone().unwrap_or_default() });
            }
            None => {
                let language = self.inventory.artifacts.get(finding.package.get()).map(|artifact| &artifact.language);
                searched["language"] = json!(language);
            }
        }
        let ty = words::match_type(finding, package);
        let range = match finding.why.range.as_str() {
            "" => format!("none ({order})"),
            range => format!("{range} ({order})"),
        };
        let mut found = json!({ "vulnerabilityID": known.id, "versionConstraint": range });
        if ty == "cpe-match" && !finding.why.notes.is_empty() {
            // How sure it is.
            found["signet:notes"] = json!(finding.why.notes);
        }
        Ok(Match {
            vulnerability: wire::Vulnerability {
                metadata,
                fix: Fix { versions: finding.fix.versions.clone(), state: words::fix_state(finding).to_owned() },
                advisories: finding
                    .vendor_ids
                    .iter()
                    .map(|id| Advisory { id: id.clone(), link: link(id).unwrap_or_default() })
                    .collect(),
                risk: words::risk(known, finding.severity),
            },
            related_vulnerabilities: self.related(finding, &namespace)?,
            match_details: vec![Detail {
                ty: ty.to_owned(),
                matcher: matcher.to_owned(),
                searched_by: searched,
                found,
                fix: finding.fix.versions.first().map(|version| SuggestedFix { suggested_version: version.clone() }),
            }],
            artifact: self.inventory.artifacts.get(finding.package.get()).cloned().unwrap_or_default(),
        })
    }

    /// Other records of the same vulnerability: its CVE, and what NVD says of it.
    fn related(&self, finding: &Finding, namespace: &str) -> Result<Vec<Metadata>> {
        let known = &finding.vulnerability;
        let mut related = Vec::new();
        if known.id.starts_with("CVE-") && namespace != "nvd:cpe" && known.cvss.contains_key("nvd") {
            let severity = known.severities.get("nvd").copied().unwrap_or_default();
            related.push(self.metadata(known, "nvd:cpe", severity));
        }
        for alias in &known.aliases {
            let namespace = match alias.as_str() {
                cve if cve.starts_with("CVE-") => "nvd:cpe".to_owned(),
                ghsa if ghsa.starts_with("GHSA-") && namespace.contains(":language:") => namespace.to_owned(),
                _ => continue,
            };
            let other = self.database.vulnerability(alias)?;
            let other = other.unwrap_or_else(|| Vulnerability { id: alias.clone(), ..Vulnerability::default() });
            let severity = other.severities.get("nvd").or(other.severities.values().max()).copied();
            related.push(self.metadata(&other, &namespace, severity.unwrap_or_default()));
        }
        Ok(related)
    }

    fn metadata(&self, known: &Vulnerability, namespace: &str, severity: Severity) -> Metadata {
        let cve = match known.id.starts_with("CVE-") {
            true => Some(&known.id),
            false => known.aliases.iter().find(|alias| alias.starts_with("CVE-")),
        };
        let cve = cve.unwrap_or(&known.id).clone();
        let scored = self.report.database.as_ref().and_then(|database| {
            database.feeds.iter().find(|feed| feed.name.to_ascii_lowercase().contains("epss"))?.data_time
        });
        Metadata {
            id: known.id.clone(),
            data_source: data_source(&known.id, namespace)
                .or_else(|| known.references.first().cloned())
                .unwrap_or_default(),
            namespace: namespace.to_owned(),
            severity: words::severity(severity).to_owned(),
            urls: known.references.clone(),
            description: known.description.clone().or_else(|| known.title.clone()).unwrap_or_default(),
            cvss: known.cvss.iter().flat_map(|(source, cvss)| scores(source, cvss)).collect(),
            known_exploited: known
                .kev
                .iter()
                .map(|kev| Kev {
                    cve: cve.clone(),
                    date_added: kev.date_added.clone(),
                    required_action: kev.required_action.clone().unwrap_or_default(),
                    due_date: kev.due_date.clone().unwrap_or_default(),
                    known_ransomware_campaign_use: if kev.ransomware { "Known" } else { "Unknown" }.to_owned(),
                })
                .collect(),
            epss: known
                .epss
                .iter()
                .map(|epss| Epss {
                    cve: cve.clone(),
                    epss: epss.score,
                    percentile: epss.percentile,
                    date: scored.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
                })
                .collect(),
            cwes: known.cwes.iter().map(|cwe| wire::Cwe { cve: cve.clone(), cwe: cwe.clone() }).collect(),
        }
    }
}

/// Gives packages without a CPE those that their names suggest, and says which packages these are.
pub(super) fn add_cpes(inventory: &mut signet_model::Inventory) -> HashSet<PackageIndex> {
    let mut added = HashSet::new();
    for (place, package) in inventory.packages.iter_mut().enumerate().filter(|(_, package)| package.cpes.is_empty()) {
        package.cpes = signet_advisories::guessed_cpes(package);
        if let Some(place) = u32::try_from(place).ok().filter(|_| !package.cpes.is_empty()) {
            added.insert(PackageIndex(place));
        }
    }
    added
}

/// Says of matches by such a CPE that nobody stated it.
pub(super) fn mark_guessed(findings: &mut [Finding], guessed: &HashSet<PackageIndex>) {
    let by_cpe = |finding: &&mut Finding| finding.why.stream == "nvd" && guessed.contains(&finding.package);
    for finding in findings.iter_mut().filter(by_cpe) {
        finding
            .why
            .notes
            .push("nobody stated this CPE: it was guessed from the package's name (confidence: low)".to_owned());
    }
}

fn scores(source: &str, cvss: &Cvss) -> Vec<wire::Cvss> {
    let versions = [("2.0", &cvss.v2), ("3.1", &cvss.v3), ("4.0", &cvss.v4)];
    versions
        .into_iter()
        .filter(|(_, (vector, score))| vector.is_some() || score.is_some())
        .map(|(version, (vector, score))| {
            let vector = vector.clone().unwrap_or_default();
            let stated = vector.strip_prefix("CVSS:").and_then(|rest| rest.split('/').next());
            wire::Cvss {
                source: source.to_owned(),
                ty: if source == "nvd" { "Primary" } else { "Secondary" }.to_owned(),
                version: stated.unwrap_or(version).to_owned(),
                metrics: Metrics { base_score: score.unwrap_or_default() },
                vector,
                vendor_metadata: json!({}),
            }
        })
        .collect()
}

/// Where the record can be read.
fn data_source(id: &str, namespace: &str) -> Option<String> {
    let provider = namespace.split(':').next().unwrap_or_default();
    let cve = id.starts_with("CVE-");
    Some(match provider {
        "debian" if cve => format!("https://security-tracker.debian.org/tracker/{id}"),
        "ubuntu" if cve => format!("https://ubuntu.com/security/{id}"),
        "alpine" if cve => format!("https://security.alpinelinux.org/vuln/{id}"),
        "redhat" if cve => format!("https://access.redhat.com/security/cve/{id}"),
        "sles" if cve => format!("https://www.suse.com/security/cve/{id}"),
        _ if cve => format!("https://nvd.nist.gov/vuln/detail/{id}"),
        _ => return link(id),
    })
}

/// The page of an advisory, by the form of its id.
fn link(id: &str) -> Option<String> {
    let (kind, _) = id.split_once('-')?;
    Some(match kind {
        "GHSA" => format!("https://github.com/advisories/{id}"),
        "RHSA" | "RHBA" | "RHEA" => format!("https://access.redhat.com/errata/{id}"),
        "ELSA" => format!("https://linux.oracle.com/errata/{id}.html"),
        "ALSA" => format!("https://errata.almalinux.org/{id}.html"),
        "RLSA" => format!("https://errata.rockylinux.org/{id}"),
        "DSA" | "DLA" => format!("https://security-tracker.debian.org/tracker/{id}"),
        "USN" => format!("https://ubuntu.com/security/notices/{id}"),
        "RUSTSEC" | "GO" | "PYSEC" | "OSV" | "MAL" => format!("https://osv.dev/vulnerability/{id}"),
        _ => return None,
    })
}

/// GitHub's id in place of the CVE, where its advisory is the one that matched a language's package: so Grype names it.
pub(super) fn by_advisory(finding: &mut Finding, inventory: &signet_model::Inventory) {
    let of_language = inventory.packages.get(finding.package.get()).is_some_and(|package| !package.kind.is_os());
    if !of_language || !finding.vulnerability.id.starts_with("CVE-") {
        return;
    }
    let Some(place) = finding.vendor_ids.iter().position(|id| id.starts_with("GHSA-")) else { return };
    let ghsa = finding.vendor_ids.remove(place);
    let known = &mut finding.vulnerability;
    known.aliases.retain(|alias| *alias != ghsa);
    let cve = std::mem::replace(&mut known.id, ghsa);
    known.aliases.push(cve);
    known.aliases.sort();
    known.aliases.dedup();
}

/// The CVE in place of another id, for `--by-cve`. A finding without one stays as it is.
pub(super) fn by_cve(finding: &mut Finding, database: &Database<'_>) -> Result<()> {
    let known = &finding.vulnerability;
    if known.id.starts_with("CVE-") {
        return Ok(());
    }
    let Some(cve) = known.aliases.iter().find(|alias| alias.starts_with("CVE-")).cloned() else { return Ok(()) };
    let mut other = database.vulnerability(&cve)?.unwrap_or_else(|| known.clone());
    let before = std::mem::replace(&mut other.id, cve);
    let aliases = known.aliases.iter().chain([&known.id, &before]).filter(|alias| **alias != other.id);
    let mut aliases: Vec<String> = aliases.chain(&other.aliases).cloned().collect();
    aliases.retain(|alias| *alias != other.id);
    aliases.sort();
    aliases.dedup();
    other.aliases = aliases;
    // What the first record knew and the other does not, stays known.
    other.title = other.title.or_else(|| known.title.clone());
    other.description = other.description.or_else(|| known.description.clone());
    if other.cvss.is_empty() {
        other.cvss.clone_from(&known.cvss);
    }
    other.kev = other.kev.or_else(|| known.kev.clone());
    other.epss = other.epss.or(known.epss);
    finding.vulnerability = other;
    Ok(())
}

/// Who reports, with which data.
pub(super) fn descriptor(database: Option<&DatabaseInfo>, place: &str, configuration: Value, now: &str) -> Value {
    let built = database.and_then(|database| database.built).map(|time| time.to_string());
    let providers: serde_json::Map<String, Value> = database
        .iter()
        .flat_map(|database| &database.feeds)
        .map(|feed| {
            let captured = feed.data_time.map(|time| time.to_string());
            (feed.name.clone(), json!({ "captured": captured, "input": feed.url }))
        })
        .collect();
    json!({
        "name": "grype",
        "version": env!("CARGO_PKG_VERSION"),
        "implementation": "signet",
        "configuration": configuration,
        "db": {
            "status": {
                "schemaVersion": format!("signet-{}", signet_advisories::FORMAT_VERSION),
                "from": database.map(|database| database.digest.to_string()),
                "built": built,
                "path": place,
                "valid": database.is_some(),
            },
            "providers": providers,
        },
        "timestamp": now,
    })
}

#[cfg(test)]
mod tests {
    use signet_model::{Inventory, PackageIndex, PackageKind};

    use super::*;

    #[test]
    fn github_names_what_it_published() {
        let check = |kind: PackageKind, vendor_ids: &[&str], wanted: (&str, &[&str])| {
            let mut finding = Finding {
                vulnerability: Vulnerability { id: "CVE-1".to_owned(), ..Vulnerability::default() },
                package: PackageIndex(0),
                severity: Severity::High,
                severity_source: None,
                status: signet_model::Status::Affected,
                fix: signet_model::Fix::default(),
                vendor_ids: vendor_ids.iter().map(|id| (*id).to_owned()).collect(),
                data_source: signet_model::DataSource::default(),
                malicious: false,
                why: signet_model::Why::default(),
                suppressed: None,
            };
            let inventory = Inventory { packages: vec![Package::new(kind, "a", "1")], ..Inventory::default() };
            by_advisory(&mut finding, &inventory);
            assert_eq!(finding.vulnerability.id, wanted.0);
            assert_eq!(finding.vulnerability.aliases, wanted.1);
        };
        check(PackageKind::Npm, &["GHSA-1"], ("GHSA-1", &["CVE-1"]));
        check(PackageKind::Npm, &[], ("CVE-1", &[]));
        check(PackageKind::Deb, &["GHSA-1"], ("CVE-1", &[]));
    }
}

//! The two services: bytes of a request in, bytes of an answer out. Nothing here knows of sockets.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use signet_advisories::MatchOptions;
use signet_model::{
    Directness, Distro, Inventory, PackageIndex, Severity, Subject, SubjectKind, SuppressionKind, Timestamp,
};
use signet_twirp::cache::{
    DeleteBlobsRequest, Empty, MissingBlobsRequest, MissingBlobsResponse, PutArtifactRequest, PutBlobRequest,
};
use signet_twirp::common::{Application, DetectedLicense, DetectedMisconfiguration, Layer, MisconfResult, Os, Package};
use signet_twirp::scanner::{ScanOptions, ScanRequest, ScanResponse, ScanResult};
use signet_twirp::{Code, Form, TwirpError, decode, encode, message_bytes};

use super::super::wire::{PackageRow, ResultRow};
use super::super::{eol, kinds, license, report, uid};
use super::blobs::Blobs;
use super::merge::{self, Merged};
use super::{CACHE, LIMITS, SCAN, convert};
use crate::database::Opened;

/// Most blobs that one request may name.
const MOST_BLOBS: usize = 4096;
/// Most bytes of kept blobs that one scan puts together.
const MOST_LOADED: usize = 256 << 20;

/// Both services.
pub(super) struct Service {
    pub(super) blobs: Blobs,
    /// The database; another one may take its place between two scans.
    pub(super) database: RwLock<Arc<Opened>>,
    /// Says what an operator wants to know.
    pub(super) log: Box<dyn Fn(&str) + Send + Sync>,
}

impl Service {
    /// Answers a call. `route` is the path behind the prefix.
    pub(super) fn call(&self, route: &str, form: Form, body: &[u8], now: Timestamp) -> Result<Vec<u8>, TwirpError> {
        if route == SCAN {
            return encode(form, &self.scan(&decode(form, body, &LIMITS)?, now)?);
        }
        match route.strip_prefix(CACHE).and_then(|rest| rest.strip_prefix('/')) {
            Some("PutArtifact") => encode(form, &self.put_artifact(&decode(form, body, &LIMITS)?)?),
            Some("PutBlob") => encode(form, &self.put_blob(&decode(form, body, &LIMITS)?)?),
            Some("MissingBlobs") => encode(form, &self.missing_blobs(&decode(form, body, &LIMITS)?)?),
            Some("DeleteBlobs") => encode(form, &self.delete_blobs(&decode(form, body, &LIMITS)?)?),
            _ => Err(TwirpError::bad_route(format!("no handler for path \"{route}\""), format!("POST {route}"))),
        }
    }

    fn put_artifact(&self, request: &PutArtifactRequest) -> Result<Empty, TwirpError> {
        if request.artifact_info.is_none() {
            return Err(TwirpError::new(Code::InvalidArgument, "empty image info"));
        }
        self.keep(&artifact(&request.artifact_id), &message_bytes(request))
    }

    fn put_blob(&self, request: &PutBlobRequest) -> Result<Empty, TwirpError> {
        if request.blob_info.is_none() {
            return Err(TwirpError::new(Code::InvalidArgument, "empty layer info"));
        }
        self.keep(&blob(&request.diff_id), &message_bytes(request))
    }

    fn keep(&self, id: &str, bytes: &[u8]) -> Result<Empty, TwirpError> {
        self.blobs.put(id, bytes).map(|()| Empty {}).map_err(|err| internal(&err))
    }

    fn missing_blobs(&self, request: &MissingBlobsRequest) -> Result<MissingBlobsResponse, TwirpError> {
        few(&request.blob_ids)?;
        Ok(MissingBlobsResponse {
            missing_artifact: !self.blobs.has(&artifact(&request.artifact_id)),
            missing_blob_ids: request.blob_ids.iter().filter(|id| !self.blobs.has(&blob(id))).cloned().collect(),
        })
    }

    fn delete_blobs(&self, request: &DeleteBlobsRequest) -> Result<Empty, TwirpError> {
        few(&request.blob_ids)?;
        request.blob_ids.iter().for_each(|id| self.blobs.delete(&blob(id)));
        Ok(Empty {})
    }

    fn scan(&self, request: &ScanRequest, now: Timestamp) -> Result<ScanResponse, TwirpError> {
        few(&request.blob_ids)?;
        let options = request.options.clone().unwrap_or_default();
        let mut blobs = Vec::new();
        let mut bytes = 0usize;
        for id in &request.blob_ids {
            let kept = self.blobs.get(&blob(id)).ok_or_else(|| {
                // A layer that is not there is no empty layer.
                TwirpError::new(
                    Code::Internal,
                    format!("failed scan, {}: the layer `{id}` is not in the cache", request.target),
                )
            })?;
            bytes += kept.len();
            if bytes > MOST_LOADED {
                let what = format!("the layers are larger than {MOST_LOADED} bytes together");
                return Err(TwirpError::new(Code::ResourceExhausted, what));
            }
            let kept: PutBlobRequest = decode(Form::Protobuf, &kept, &LIMITS)?;
            blobs.push(kept.blob_info.unwrap_or_default());
        }
        let mut merged = merge::merge(blobs);
        if let Some(distro) = &options.distro {
            merged.os = Some(distro.clone());
        }
        let database = Arc::clone(&self.database.read());
        let (mut answer, gaps) =
            judge(&request.target, merged, &options, &database, now).map_err(|err| internal(&err))?;
        if !gaps.is_empty() {
            (self.log)(&format!("WARN `{}`: {} things could not be examined", request.target, gaps.len()));
        }
        answer.unexamined = gaps;
        Ok(answer)
    }
}

fn internal(err: &anyhow::Error) -> TwirpError {
    TwirpError::new(Code::Internal, format!("{err:#}"))
}

fn few(ids: &[String]) -> Result<(), TwirpError> {
    if ids.len() > MOST_BLOBS {
        return Err(TwirpError::new(Code::ResourceExhausted, format!("more than {MOST_BLOBS} blobs are named")));
    }
    Ok(())
}

fn blob(id: &str) -> String {
    format!("blob {id}")
}

fn artifact(id: &str) -> String {
    format!("artifact {id}")
}

/// A result that is being made, and where its packages stand in the inventory.
struct Made {
    row: ResultRow,
    sent: Vec<Package>,
    places: Vec<usize>,
}

fn judge(
    target: &str,
    merged: Merged,
    options: &ScanOptions,
    database: &Opened,
    now: Timestamp,
) -> anyhow::Result<(ScanResponse, Vec<String>)> {
    let wants = |name: &str| options.scanners.iter().any(|scanner| scanner == name);
    // Clients before types of packages had a choice send none.
    let typed = |name: &str| options.pkg_types.is_empty() || options.pkg_types.iter().any(|ty| ty == name);
    let mut inventory = Inventory { distro: merged.os.as_ref().map(|os| distro(os, &merged)), ..Inventory::default() };
    let mut made = Vec::new();
    if let Some(os) = merged.os.as_ref().filter(|os| typed("os") && !os.family.is_empty()) {
        let target = format!("{target} ({} {})", os.family, os.name);
        made.push(result("os-pkgs", &os.family, target, merged.packages, options, merged.os.as_ref(), &mut inventory));
    }
    let mut applications = merged.applications;
    gather(&mut applications);
    for application in applications.into_iter().filter(|_| typed("library")) {
        let target = match kinds::of_type(&application.r#type).filter(|kind| !kind.gathered.is_empty()) {
            Some(kind) => kind.gathered.to_owned(),
            None => application.file_path,
        };
        made.push(result(
            "lang-pkgs",
            &application.r#type,
            target,
            application.packages,
            options,
            merged.os.as_ref(),
            &mut inventory,
        ));
    }
    let mut gaps = Vec::new();
    let mut findings = Vec::new();
    if wants("vuln") {
        let matching = MatchOptions {
            severity_sources: match options.vuln_severity_sources.as_slice() {
                [] => vec!["auto".to_owned()],
                sources => sources.to_vec(),
            },
            kernel_headers: true,
            ..MatchOptions::default()
        };
        let matched = database.database()?.match_inventory(&inventory, &matching);
        findings = matched.findings;
        findings
            .retain(|finding| finding.suppressed.as_ref().is_none_or(|reason| reason.kind != SuppressionKind::Owned));
        gaps.extend(matched.unexamined.iter().map(|gap| {
            let plain = |text: &str| text.replace(['\t', '\n'], " ");
            format!("{}\t{}\t{}\t{}", plain(&gap.location.to_string()), gap.kind.name(), gap.by, plain(&gap.why))
        }));
    }
    let subject = Subject { kind: SubjectKind::Image, name: target.to_owned(), image: None };
    let digests = HashMap::new();
    let facts = report::Facts {
        subject: &subject,
        inventory: &inventory,
        findings: &findings,
        artifact_type: "",
        now,
        include_dev: true,
        sbom: true,
        judged: true,
        base: "",
        digests: &digests,
    };
    let mut by_package: HashMap<PackageIndex, Vec<usize>> = HashMap::new();
    for (place, finding) in findings.iter().enumerate() {
        by_package.entry(finding.package).or_default().push(place);
    }
    let mut answer = ScanResponse::default();
    let licenses = wants("license").then(|| licences(&made));
    for made in made {
        let mut vulnerabilities = Vec::new();
        for (row, place) in made.row.packages.iter().zip(&made.places) {
            let index = PackageIndex(u32::try_from(*place)?);
            for finding in by_package.get(&index).into_iter().flatten().filter_map(|place| findings.get(*place)) {
                let found = report::vulnerability(&facts, finding, row, &made.row.class, &made.row.target, "");
                vulnerabilities.push(convert::vulnerability(&found));
            }
        }
        answer.results.push(ScanResult {
            target: made.row.target,
            vulnerabilities,
            r#type: made.row.ty,
            packages: made.sent,
            class: made.row.class,
            ..ScanResult::default()
        });
    }
    answer.results.extend(licenses.into_iter().flatten());
    if wants("misconfig") || wants("config") {
        answer.results.extend(merged.misconfigurations.iter().map(|(checked, layer)| {
            ScanResult {
                target: checked.file_path.clone(),
                class: "config".to_owned(),
                r#type: checked.file_type.clone(),
                misconfigurations: [
                    (&checked.warnings, Severity::Medium, "FAIL"),
                    (&checked.failures, Severity::Critical, "FAIL"),
                    (&checked.successes, Severity::Unknown, "PASS"),
                ]
                .into_iter()
                .flat_map(|(results, severity, status)| results.iter().map(move |result| (result, severity, status)))
                .map(|(result, severity, status)| misconfigured(result, &checked.file_type, severity, status, layer))
                .collect(),
                ..ScanResult::default()
            }
        }));
    }
    if wants("secret") {
        answer.results.extend(merged.secrets.into_iter().map(|(target, secrets)| ScanResult {
            target,
            class: "secret".to_owned(),
            secrets,
            ..ScanResult::default()
        }));
    }
    if !merged.custom_resources.is_empty() {
        let custom_resources = merged.custom_resources;
        answer.results.push(ScanResult { class: "custom".to_owned(), custom_resources, ..ScanResult::default() });
    }
    if wants("license") && !merged.licenses.is_empty() {
        let licenses = merged
            .licenses
            .iter()
            .flat_map(|file| file.fingings.iter().map(move |finding| (file, finding)))
            .map(|(file, finding)| {
                let (severity, category) = license::judged(&finding.name);
                let stated = if finding.category == 0 { number(CATEGORIES, category) } else { finding.category };
                DetectedLicense {
                    severity: number(SEVERITIES, severity),
                    category: stated,
                    file_path: file.file_path.clone(),
                    name: finding.name.clone(),
                    confidence: finding.confidence,
                    link: finding.link.clone(),
                    ..DetectedLicense::default()
                }
            })
            .collect();
        let target = "Loose File License(s)".to_owned();
        answer.results.push(ScanResult { target, class: "license-file".to_owned(), licenses, ..ScanResult::default() });
    }
    answer.os = merged.os.map(|os| Os { eosl: eol::over(&os.family, &os.name, now), ..os });
    answer.layers = merged.layers;
    Ok((answer, gaps))
}

/// Families and names back into what distributions call themselves.
fn distro(os: &Os, merged: &Merged) -> Distro {
    let channel = match os.channel.as_str() {
        "" if os.extended && os.family == "ubuntu" => Some("esm".to_owned()),
        "" => None,
        channel => Some(channel.to_owned()),
    };
    let release = merged.release.clone().filter(|_| os.family == "alpine");
    Distro {
        id: kinds::id_of_family(&os.family).to_owned(),
        version_id: Some(release.unwrap_or_else(|| os.name.clone())),
        channel,
        ..Distro::default()
    }
}

/// Packages of many files of one ecosystem are one application.
fn gather(applications: &mut Vec<Application>) {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut gathered: Vec<Application> = Vec::new();
    for application in applications.drain(..) {
        let gathers = kinds::of_type(&application.r#type).is_some_and(|kind| !kind.gathered.is_empty());
        match places.get(&application.r#type).and_then(|place| gathered.get_mut(*place)).filter(|_| gathers) {
            Some(first) => first.packages.extend(application.packages),
            None => {
                if gathers {
                    places.insert(application.r#type.clone(), gathered.len());
                }
                gathered.push(application);
            }
        }
    }
    gathered.sort_by(|a, b| (&a.file_path, &a.r#type).cmp(&(&b.file_path, &b.r#type)));
    *applications = gathered;
}

fn result(
    class: &str,
    ty: &str,
    target: String,
    packages: Vec<Package>,
    options: &ScanOptions,
    os: Option<&Os>,
    inventory: &mut Inventory,
) -> Made {
    let mut made = Made {
        row: ResultRow { target, class: class.to_owned(), ty: ty.to_owned(), ..ResultRow::default() },
        sent: Vec::new(),
        places: Vec::new(),
    };
    let wanted = &options.pkg_relationships;
    for mut sent in packages {
        let mut row: PackageRow = convert::row(&sent);
        let package = convert::native(&sent, &row, &made.row);
        let relationship = match package.directness {
            Directness::Unknown => "unknown",
            Directness::Root => "root",
            Directness::Workspace => "workspace",
            Directness::Direct => "direct",
            Directness::Indirect => "indirect",
        };
        if sent.dev && !options.include_dev_deps || !wanted.is_empty() && !wanted.iter().any(|one| one == relationship)
        {
            continue;
        }
        let mut names = sent.identifier.take().unwrap_or_default();
        if names.purl.is_empty() {
            let system = os.map(|os| (os.family.as_str(), os.name.as_str()));
            let purl = signet_sbom::cyclonedx::trivy::purl(&package, system);
            names.purl = purl.map(|purl| purl.to_string()).unwrap_or_default();
            row.identifier.purl.clone_from(&names.purl);
        }
        if names.uid.is_empty() {
            let file = match row.file_path.as_str() {
                "" if class == "lang-pkgs" => &made.row.target,
                path => path,
            };
            names.uid = uid::of(&row, file);
            row.identifier.uid.clone_from(&names.uid);
        }
        sent.identifier = Some(names);
        made.places.push(inventory.packages.len());
        inventory.packages.push(package);
        made.row.packages.push(row);
        made.sent.push(sent);
    }
    made
}

const SEVERITIES: &[&str] = &["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
const CATEGORIES: &[&str] =
    &["", "forbidden", "restricted", "reciprocal", "notice", "permissive", "unencumbered", "unknown"];

fn number(names: &[&str], name: &str) -> i32 {
    names.iter().position(|known| *known == name).and_then(|place| i32::try_from(place).ok()).unwrap_or_default()
}

/// Licences of the packages, result by result.
fn licences(made: &[Made]) -> Vec<ScanResult> {
    let rows = |made: &Made| -> Vec<DetectedLicense> {
        let stated = made.row.packages.iter().flat_map(|row| row.licenses.iter().map(move |name| (row, name)));
        stated
            .map(|(row, name)| {
                let (severity, category) = license::judged(name);
                DetectedLicense {
                    severity: number(SEVERITIES, severity),
                    category: number(CATEGORIES, category),
                    pkg_name: row.name.clone(),
                    file_path: row.file_path.clone(),
                    name: name.clone(),
                    confidence: 1.0,
                    ..DetectedLicense::default()
                }
            })
            .collect()
    };
    let results = made.iter().map(|made| ScanResult {
        target: if made.row.class == "os-pkgs" { "OS Packages".to_owned() } else { made.row.target.clone() },
        class: "license".to_owned(),
        licenses: rows(made),
        ..ScanResult::default()
    });
    results.filter(|result| !result.licenses.is_empty()).collect()
}

/// Source: aquasecurity/trivy:pkg/scan/local/service.go, `toDetectedMisconfiguration`.
fn misconfigured(
    from: &MisconfResult,
    file_type: &str,
    otherwise: Severity,
    status: &str,
    layer: &Layer,
) -> DetectedMisconfiguration {
    let check = from.policy_metadata.clone().unwrap_or_default();
    let severity = check.severity.parse::<Severity>().unwrap_or(otherwise);
    let message = from.message.trim();
    DetectedMisconfiguration {
        r#type: if check.r#type.is_empty() { file_type.to_owned() } else { check.r#type },
        primary_url: if check.id.is_empty() {
            String::new()
        } else {
            format!("https://avd.aquasec.com/misconfig/{}", check.id.to_lowercase())
        },
        id: check.id,
        avd_id: check.adv_id,
        title: check.title,
        description: check.description,
        message: if message.is_empty() { "No issues found".to_owned() } else { message.to_owned() },
        namespace: from.namespace.clone(),
        resolution: check.recommended_actions,
        severity: number(SEVERITIES, severity.upper()),
        references: check.references,
        status: status.to_owned(),
        layer: Some(layer.clone()),
        cause_metadata: from.cause_metadata.clone(),
        query: String::new(),
    }
}

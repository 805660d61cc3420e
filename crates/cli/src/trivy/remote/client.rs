//! `--server`: the target is read here, and judged by a server.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result, bail, ensure};
use signet_model::{Digest, Finding, Inventory, Location, Package, PackageIndex, Unexamined, UnexaminedKind};
use signet_oci_client::{BlockingClient, PostRequest, Secret};
use signet_twirp::cache::{
    ArtifactInfo, BlobInfo, Empty, MissingBlobsRequest, MissingBlobsResponse, PutArtifactRequest, PutBlobRequest,
};
use signet_twirp::common::{Application, Os, PackageInfo};
use signet_twirp::scanner::{ScanOptions, ScanRequest, ScanResponse};
use signet_twirp::{Body, Code, Form, TwirpError, decode, encode};

use super::super::args::{Remote, Scan};
use super::super::wire::{PackageRow, Report, ResultRow};
use super::super::{kinds, model};
use super::{CACHE, LIMITS, PREFIX, SCAN, convert};
use crate::net::{self, Access};
use crate::settings::Settings;

/// How often a server that says "not now" is asked again, as Trivy does.
const AGAIN: u32 = 4;

/// A server and how it is spoken to.
pub(in super::super) struct Server {
    client: BlockingClient,
    base: String,
    headers: Vec<(String, Secret)>,
}

impl Server {
    /// The server that the flags name, if any.
    pub(in super::super) fn of(args: &Remote, access: &Access, settings: &Settings) -> Result<Option<Server>> {
        let Some(address) = args.server.as_deref().filter(|address| !address.is_empty()) else { return Ok(None) };
        let plain = address.strip_prefix("http://");
        ensure!(
            plain.is_some() || address.starts_with("https://"),
            "`--server` is `http://HOST:PORT` or `https://HOST:PORT`: `{address}`"
        );
        let mut access = access.clone();
        // The user wrote `http:`. Within a cluster this is how Trivy's server is reached.
        if let Some(rest) = plain {
            access.plain_http.push(rest.split('/').next().unwrap_or_default().to_owned());
        }
        let mut headers = Vec::new();
        if let Some(token) = args.token.as_deref().filter(|token| !token.is_empty()) {
            headers.push((args.token_header.clone(), Secret::new(token)));
        }
        for header in &args.custom_headers {
            let (name, value) =
                header.split_once(':').with_context(|| format!("`--custom-headers` is `NAME:VALUE`: `{header}`"))?;
            headers.push((name.trim().to_owned(), Secret::new(value.trim())));
        }
        let prefix = args.path_prefix.as_deref().unwrap_or(PREFIX).trim_matches('/');
        let base = format!("{}/{prefix}", address.trim_end_matches('/'));
        Ok(Some(Server { client: net::client(&access, settings)?, base, headers }))
    }

    /// One call, tried again while the server says "not now".
    fn call<Q: Body, A: Body>(&self, route: &str, request: &Q) -> Result<A> {
        let body = encode(Form::Protobuf, request)?;
        ensure!(
            body.len() <= LIMITS.bytes,
            "there is more to send than {} bytes: scan in parts, with `--skip-dirs`",
            LIMITS.bytes
        );
        let request = PostRequest {
            url: format!("{}/{route}", self.base),
            headers: self.headers.clone(),
            content_type: Form::Protobuf.content_type().to_owned(),
            body: body.into(),
            most: LIMITS.bytes as u64,
        };
        let mut attempt = 0;
        loop {
            let answer = self.client.post(&request)?;
            if answer.status == 200 {
                // A page of somebody's proxy is no answer, whatever it decodes to.
                let form = answer.content_type.as_deref().and_then(Form::of_content_type);
                ensure!(
                    form == Some(Form::Protobuf),
                    "`{}` answered `{}`, not protobuf: it is no Trivy server",
                    self.base,
                    answer.content_type.unwrap_or_default()
                );
                return Ok(decode(Form::Protobuf, &answer.body, &LIMITS)?);
            }
            let error = TwirpError::of_answer(answer.status, &answer.body);
            attempt += 1;
            if error.code != Code::Unavailable || attempt > AGAIN {
                let failed = anyhow::Error::from(error.clone());
                return Err(match error.code {
                    Code::Unauthenticated => crate::hint(failed, "give the server's token with `--token`"),
                    _ => failed,
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(200 << attempt.min(4)));
        }
    }
}

/// Findings of a server about `inventory`, and what it could not examine. `report` is what was found, without findings.
///
/// Errors: whatever keeps the server's whole answer from being understood; a target is never taken for clean.
pub(in super::super) fn findings(
    server: &Server,
    report: &Report,
    inventory: &Inventory,
    args: &Scan,
    include_dev: bool,
) -> Result<(Vec<Finding>, Vec<Unexamined>)> {
    let blob = blob(report, inventory);
    let bytes = encode(Form::Protobuf, &PutBlobRequest { diff_id: String::new(), blob_info: Some(blob.clone()) })?;
    let blob_id = Digest::sha256(&bytes).to_string();
    let artifact_id = Digest::sha256(format!("{} {blob_id}", report.artifact_type).as_bytes()).to_string();
    let asked = MissingBlobsRequest { artifact_id: artifact_id.clone(), blob_ids: vec![blob_id.clone()] };
    let missing: MissingBlobsResponse =
        server.call(&format!("{CACHE}/MissingBlobs"), &asked).context("failed to fetch missing layers")?;
    if missing.missing_artifact {
        let put = PutArtifactRequest { artifact_id: artifact_id.clone(), artifact_info: Some(artifact(report)) };
        let _: Empty =
            server.call(&format!("{CACHE}/PutArtifact"), &put).context("unable to store cache on the server")?;
    }
    if !missing.missing_blob_ids.is_empty() {
        let put = PutBlobRequest { diff_id: blob_id.clone(), blob_info: Some(blob) };
        let _: Empty = server.call(&format!("{CACHE}/PutBlob"), &put).context("unable to store cache on the server")?;
    }
    let request = ScanRequest {
        target: report.artifact_name.clone(),
        artifact_id,
        blob_ids: vec![blob_id],
        options: Some(ScanOptions {
            pkg_types: args.pkg_types.clone(),
            scanners: vec!["vuln".to_owned()],
            include_dev_deps: include_dev,
            vuln_severity_sources: args.vuln_severity_source.clone(),
            // A server of Trivy's takes none for all, and ours too; older ones have to be told.
            pkg_relationships: ["unknown", "root", "workspace", "direct", "indirect"].map(str::to_owned).to_vec(),
            ..ScanOptions::default()
        }),
    };
    let answer: ScanResponse = server.call(SCAN, &request).context("failed to detect vulnerabilities via RPC")?;
    let found = located(&answer, report)?;
    Ok((found, answer.unexamined.iter().map(|gap| unexamined(gap)).collect()))
}

/// Everything that was found, as one blob: whose layers were put together here.
fn blob(report: &Report, inventory: &Inventory) -> BlobInfo {
    let package = |row: &PackageRow| {
        convert::package(
            row,
            row.place.and_then(|place| inventory.packages.get(place)).map(|package: &Package| package),
        )
    };
    let mut blob = BlobInfo { schema_version: 2, ..BlobInfo::default() };
    let distro = inventory.distro.as_ref();
    blob.os = report.metadata.os.as_ref().map(|os| {
        let channel = distro.and_then(|distro| distro.channel.clone()).unwrap_or_default();
        Os {
            family: os.family.clone(),
            name: os.name.clone(),
            eosl: false,
            extended: os.family == "ubuntu" && channel.starts_with("esm"),
            channel,
        }
    });
    for result in &report.results {
        let packages = result.packages.iter().map(package).collect();
        match result.class.as_str() {
            "os-pkgs" => blob.package_infos.push(PackageInfo { file_path: String::new(), packages }),
            _ => blob.applications.push(Application {
                r#type: result.ty.clone(),
                file_path: file_of(result).to_owned(),
                packages,
            }),
        }
    }
    blob
}

/// The file that names the packages of a result; none where the result gathers those of many.
fn file_of(result: &ResultRow) -> &str {
    let gathers = kinds::of_type(&result.ty).is_some_and(|kind| !kind.gathered.is_empty());
    if gathers || result.class == "os-pkgs" { "" } else { &result.target }
}

fn artifact(report: &Report) -> ArtifactInfo {
    let config = report.metadata.image_config.as_ref();
    let text = |name: &str| {
        let value = config.and_then(|config| config.get(name)).and_then(serde_json::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    ArtifactInfo { schema_version: 1, architecture: text("architecture"), os: text("os"), ..ArtifactInfo::default() }
}

/// Finds the packages of the findings among those that were sent.
fn located(answer: &ScanResponse, report: &Report) -> Result<Vec<Finding>> {
    let mut by_uid: HashMap<&str, usize> = HashMap::new();
    let mut by_name: HashMap<(&str, &str, &str, &str, &str), Vec<usize>> = HashMap::new();
    let versions: Vec<Vec<String>> =
        report.results.iter().map(|result| result.packages.iter().map(installed).collect()).collect();
    for (result, versions) in report.results.iter().zip(&versions) {
        for (row, version) in result.packages.iter().zip(versions) {
            let Some(place) = row.place else { continue };
            by_uid.insert(&row.identifier.uid, place);
            let key =
                (result.ty.as_str(), file_of(result), row.name.as_str(), version.as_str(), row.file_path.as_str());
            by_name.entry(key).or_default().push(place);
        }
    }
    let mut seen: HashSet<(usize, &str)> = HashSet::new();
    let mut findings = Vec::new();
    for result in &answer.results {
        let gathers = kinds::of_type(&result.r#type).is_some_and(|kind| !kind.gathered.is_empty());
        let file = if gathers || result.class == "os-pkgs" { "" } else { &result.target };
        for message in &result.vulnerabilities {
            let row = convert::vulnerability_row(message);
            let uid = message.pkg_identifier.as_ref().map(|names| names.uid.as_str()).unwrap_or_default();
            let key = (
                result.r#type.as_str(),
                file,
                message.pkg_name.as_str(),
                message.installed_version.as_str(),
                message.pkg_path.as_str(),
            );
            let places = match by_uid.get(uid).filter(|_| !uid.is_empty()) {
                Some(place) => std::slice::from_ref(place),
                None => by_name.get(&key).map(Vec::as_slice).unwrap_or_default(),
            };
            if places.is_empty() {
                bail!(
                    "the server found {} in `{} {}`, which it was not asked about",
                    message.vulnerability_id,
                    message.pkg_name,
                    message.installed_version
                );
            }
            for place in places {
                if seen.insert((*place, &message.vulnerability_id)) {
                    let index = PackageIndex(u32::try_from(*place).unwrap_or(u32::MAX));
                    let mut finding = model::finding(&row, index, None);
                    finding.vulnerability.references = row.references.clone();
                    findings.push(finding);
                }
            }
        }
    }
    Ok(findings)
}

/// The version as findings name it: all parts of a distribution's, without an epoch of zero.
pub(super) fn installed(row: &PackageRow) -> String {
    let mut text = if row.epoch == 0 { row.version.clone() } else { format!("{}:{}", row.epoch, row.version) };
    if !row.release.is_empty() {
        text = text + "-" + &row.release;
    }
    text
}

fn unexamined(line: &str) -> Unexamined {
    let mut parts = line.splitn(4, '\t');
    let mut next = || parts.next().unwrap_or_default();
    let (path, kind, by, why) = (next(), next(), next(), next());
    let kinds = [
        UnexaminedKind::Malformed,
        UnexaminedKind::TooLarge,
        UnexaminedKind::Unsupported,
        UnexaminedKind::Unreadable,
        UnexaminedKind::Unresolved,
        UnexaminedKind::Missing,
    ];
    Unexamined {
        location: Location::of_path(path),
        kind: kinds.into_iter().find(|known| known.name() == kind).unwrap_or(UnexaminedKind::Unsupported),
        by: if by == "advisories" { "advisories" } else { "server" },
        why: if why.is_empty() { line.to_owned() } else { why.to_owned() },
    }
}

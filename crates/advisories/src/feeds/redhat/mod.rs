//! Red Hat's security data: CSAF documents per CVE (VEX) and per advisory (RHSA), the older CVE API, and OVAL version 2.
//!
//! Which kind a file is tells its content. Streams: `Red Hat 9` for the release, `Red Hat 8.6-EUS` for an extended update stream; modules stand before
//! the name (`nodejs:12::npm`). Other products (OpenShift, JBoss, ...) are counted and not judged.
//! Source: <https://access.redhat.com/security/data>; <https://docs.redhat.com/en/documentation/red_hat_security_data_api/>.

mod api;
mod csaf;
mod oval;

use signet_model::Status;

use super::FeedError;
use super::source::{Reading, Source};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "redhat",
    name: "Red Hat Security Data",
    urls: &[
        "https://security.access.redhat.com/data/csaf/v2/vex/",
        "https://security.access.redhat.com/data/csaf/v2/advisories/",
        "https://access.redhat.com/hydra/rest/securitydata/cve/{}.json",
        "https://security.access.redhat.com/data/oval/v2/",
    ],
    licence: "CC-BY-4.0",
    redistributable: true,
    attribution: "Contains Red Hat Security Data, © Red Hat, Inc., https://access.redhat.com/security/data",
    run,
};

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    let paths = reading.paths(&[".json", ".xml", ".jsonl"]);
    let (parts, paths): (Vec<String>, Vec<String>) = paths.into_iter().partition(|path| oval::is_slice(path));
    oval::slices(reading, &parts)?;
    for path in paths {
        if path.ends_with(".xml") {
            oval::document(reading, &path)?;
            continue;
        }
        // Maps of repositories and images to products: they judge nothing by themselves.
        if path.ends_with("repository-to-cpe.json") || path.ends_with("nvr-to-cpe.json") {
            reading.json::<std::collections::BTreeMap<String, Vec<String>>>(&path)?;
            continue;
        }
        let Some(value) = reading.json::<serde_json::Value>(&path)? else { continue };
        if value.get("document").is_some() || value.get("vulnerabilities").is_some() {
            csaf::document(reading, &path, value)?;
        } else if value.get("name").is_some() || value.get("CVE").is_some() {
            api::document(reading, &path, value)?;
        } else if value.is_array() {
            reading.skip(&path, "a list of CVEs without their packages");
        } else {
            reading.malformed(&path, "neither a CSAF document nor one of the CVE API");
        }
    }
    Ok(())
}

/// The stream of a product's CPE. `None`: no release of Red Hat Enterprise Linux.
fn stream(cpe: &str) -> Option<String> {
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let mut parts = rest.split(':').skip(1);
    let (vendor, product, version) = (parts.next()?, parts.next()?, parts.next()?);
    if vendor != "redhat" || version.is_empty() {
        return None;
    }
    let major = version.split('.').next().unwrap_or(version);
    match product {
        "enterprise_linux" | "rhel" => Some(format!("Red Hat {major}")),
        "rhel_eus" => Some(format!("Red Hat {version}-EUS")),
        // Optional repositories of the release.
        "rhel_extras" | "rhel_software_collections" => None,
        _ => None,
    }
}

/// What the word of a package's state means.
fn state(word: &str) -> Status {
    match word.trim().to_ascii_lowercase().as_str() {
        "not affected" => Status::NotAffected,
        "will not fix" => Status::WillNotFix,
        "out of support scope" => Status::EndOfLife,
        "fix deferred" => Status::FixDeferred,
        "under investigation" | "new" => Status::UnderInvestigation,
        _ => Status::Affected,
    }
}

/// `(CWE-122|CWE-121)`, `CWE-787->CWE-122`.
fn cwes(text: &str) -> Vec<String> {
    text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'))
        .map(|word| word.trim_matches('-'))
        .filter(|word| word.len() > 4 && word.starts_with("CWE-"))
        .map(str::to_owned)
        .collect()
}

//! Ubuntu: OSV records (by CVE and by notice), OpenVEX documents per CVE, and the CVE tracker's entries.
//!
//! Ubuntu Pro (ESM) is a stream of its own: `ubuntu 18.04-ESM`. What only Pro repairs is said in the base stream too, as "will not fix": else a machine
//! without Pro would seem to be safe. Unfixed entries of priority `negligible` are "will not fix" as well, as the tracker's guide says of them.
//! Source: <https://ubuntu.com/security/cves/about>; <https://security-metadata.canonical.com>; `ubuntu-cve-tracker`'s `README`.

mod tracker;
mod vex;

use std::collections::BTreeSet;

use serde::Deserialize;
use signet_model::Status;

use super::source::{Reading, Source, severity};
use super::{FeedError, osv_family};
use crate::record::Advisory;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "ubuntu",
    name: "Ubuntu Security",
    urls: &[
        "https://security-metadata.canonical.com/osv/osv-all.tar.xz",
        "https://security-metadata.canonical.com/vex/vex-all.tar.xz",
    ],
    licence: "CC-BY-SA-4.0",
    redistributable: true,
    attribution: "Contains Ubuntu security data, © Canonical Ltd., CC-BY-SA-4.0",
    run,
};

/// Enough of a record to know its kind.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    id: Option<String>,
    affected: Vec<Part>,
    severity: Vec<Word>,
    statements: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Word {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    package: Package,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    ecosystem: String,
    name: String,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.tree.paths().to_vec() {
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.split('/').any(|part| part.starts_with('.')) {
            continue;
        }
        let tree = reading.tree;
        let bytes = tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
        let is_json = bytes.trim_ascii_start().starts_with(b"{");
        if !is_json {
            if name.starts_with("CVE-") && !name.contains('.') {
                tracker::text(reading, &path, &bytes)?;
            } else if name.ends_with(".json") || name.starts_with("CVE-") {
                reading.malformed(&path, "neither JSON nor an entry of the tracker");
            } else {
                reading.skip(&path, "no file of this feed");
            }
            continue;
        }
        match serde_json::from_slice::<Kind>(&bytes) {
            Ok(kind) if kind.statements.is_some() => vex::document(reading, &path, &bytes)?,
            Ok(kind) if kind.id.is_some() => record(reading, &path, &bytes, &kind)?,
            Ok(_) => tracker::json(reading, &path, &bytes)?,
            Err(err) => reading.malformed(&path, err),
        }
    }
    Ok(())
}

fn record(reading: &mut Reading<'_>, path: &str, bytes: &[u8], kind: &Kind) -> Result<(), FeedError> {
    let negligible = kind.severity.iter().any(|word| word.score.eq_ignore_ascii_case("negligible"));
    let of_ecosystem = |part: &Part| crate::streams::of_osv(&part.package.ecosystem).map(|(stream, _)| stream);
    let stated: BTreeSet<(String, String)> =
        kind.affected.iter().filter_map(|part| Some((of_ecosystem(part)?, part.package.name.clone()))).collect();
    let mut added = BTreeSet::new();
    // Ubuntu's own priority is what its packages are rated by; the vectors beside it are NVD's.
    let priority = kind.severity.iter().filter(|word| word.kind == "Ubuntu").find_map(|word| severity(&word.score));
    osv_family::one(reading, path, bytes, &mut |_, mut advisory| {
        advisory.severity = priority.or(advisory.severity);
        if advisory.fixed.is_empty() {
            advisory.status = if negligible { Status::WillNotFix } else { Status::Affected };
        } else {
            advisory.status = Status::Fixed;
        }
        let base = base_of(&advisory)
            .filter(|base| !stated.contains(&(base.stream.clone(), base.package.clone())))
            .filter(|base| added.insert((base.stream.clone(), base.package.clone(), base.id.clone())));
        std::iter::once(advisory).chain(base).map(|advisory| (advisory, None)).collect()
    })
}

/// What the stream without Pro says of an advisory of the stream with it.
fn base_of(advisory: &Advisory) -> Option<Advisory> {
    let stream = advisory.stream.strip_suffix("-ESM")?.to_owned();
    let (affected, fixed) = super::source::before(None);
    Some(Advisory { stream, affected, fixed, status: Status::WillNotFix, ..advisory.clone() })
}

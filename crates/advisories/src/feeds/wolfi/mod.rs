//! Wolfi and Chainguard: `security.json` in Alpine's secdb form, and OSV records.
//!
//! **The terms of both do not allow to pass the data on**, so a database that holds it is marked and never published.
//! Source: the package repositories of the two; <https://images.chainguard.dev/terms>.

use super::alpine::{Secdb, packages};
use super::source::{Reading, Source};
use super::{FeedError, osv_family};

/// Wolfi.
pub(super) static WOLFI: Source = Source {
    id: "wolfi",
    name: "Wolfi Security Data",
    urls: &["https://packages.wolfi.dev/os/security.json"],
    licence: "proprietary terms",
    redistributable: false,
    attribution: "",
    run: |reading| run(reading, "wolfi"),
};

/// Chainguard.
pub(super) static CHAINGUARD: Source = Source {
    id: "chainguard",
    name: "Chainguard Security Data",
    urls: &["https://packages.cgr.dev/chainguard/security.json"],
    licence: "proprietary terms",
    redistributable: false,
    attribution: "",
    run: |reading| run(reading, "chainguard"),
};

fn run(reading: &mut Reading<'_>, stream: &str) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let Some(value) = reading.json::<serde_json::Value>(&path)? else { continue };
        if value.get("affected").is_some() {
            osv_family::record(reading, &path)?;
            continue;
        }
        match serde_json::from_value::<Secdb>(value) {
            Ok(db) => packages(reading, stream, db.packages)?,
            Err(err) => reading.malformed(&path, err),
        }
    }
    Ok(())
}

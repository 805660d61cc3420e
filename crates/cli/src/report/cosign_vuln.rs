//! The predicate of a vulnerability attestation. Source: sigstore/cosign, `specs/COSIGN_VULN_ATTESTATION_SPEC.md`.

use anyhow::Result;
use serde_json::json;

use crate::report::{Report, json};

/// The predicate: who scanned with which database, when, and the whole report as the result.
pub(crate) fn render(report: &Report) -> Result<Vec<u8>> {
    // The format demands a time: it is what a verifier judges the freshness of the scan by.
    let time = report.created.unwrap_or(report.now).to_string();
    let result: serde_json::Value = serde_json::from_slice(&json::v1::render(report)?)?;
    let database = match &report.database {
        Some(database) => {
            json!({ "uri": database.digest.to_string(), "version": database.built.map(|time| time.to_string()).unwrap_or_default() })
        }
        None => json!({ "uri": "", "version": "" }),
    };
    let document = json!({
        "invocation": { "parameters": null, "uri": "", "event_id": "", "builder.id": "" },
        "scanner": {
            "uri": format!("pkg:generic/signet@{}", env!("CARGO_PKG_VERSION")),
            "version": env!("CARGO_PKG_VERSION"),
            "db": database,
            "result": result,
        },
        "metadata": { "scanStartedOn": time, "scanFinishedOn": time },
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

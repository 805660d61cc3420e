//! `grype explain --id ID`: Grype's JSON comes in, a text about some of its findings goes out.
//!
//! Source: anchore/grype:grype/presenter/explain.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail, ensure};

use super::wire::{Document, Match, Metadata};
use crate::output;
use crate::report::printable;

/// Largest document that is read, in bytes.
const MOST: u64 = 1 << 30;

/// Reads standard input and explains.
pub(super) fn command(ids: &[String]) -> Result<u8> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    ensure!(bytes.len() as u64 <= MOST, "standard input holds more than {MOST} bytes");
    let document: Document = serde_json::from_slice(&bytes)
        .context("unable to parse piped input: `grype explain` takes Grype's JSON, as in `grype IMAGE -o json | grype explain --id ID`")?;
    let mut text = String::new();
    let mut missing = Vec::new();
    for id in ids {
        match explain(&document, id) {
            Some(told) => text += &told,
            None => missing.push(id.as_str()),
        }
    }
    output::to_stdout(text.as_bytes())?;
    if !missing.is_empty() {
        bail!("there is no finding {} in the document", missing.join(", "));
    }
    Ok(0)
}

/// Whether the match is about the id: by its own, or by a related one.
fn is_about(found: &Match, id: &str) -> bool {
    found.vulnerability.metadata.id == id || found.related_vulnerabilities.iter().any(|other| other.id == id)
}

fn explain(document: &Document, id: &str) -> Option<String> {
    let matches: Vec<&Match> = document.matches.iter().filter(|found| is_about(found, id)).collect();
    let records: Vec<&Metadata> = matches
        .iter()
        .flat_map(|found| [&found.vulnerability.metadata].into_iter().chain(&found.related_vulnerabilities))
        .collect();
    // NVD's record speaks for all; where there is none, the first of this id.
    let of_id = || records.iter().filter(|record| record.id == id);
    let primary = of_id().find(|record| record.namespace == "nvd:cpe").or_else(|| of_id().next())?;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} from {} ({})\n{}",
        printable(&primary.id),
        printable(&primary.namespace),
        printable(&primary.severity),
        printable(primary.description.trim())
    );
    let related: BTreeSet<(&str, &str, &str)> = records
        .iter()
        .map(|record| (record.namespace.as_str(), record.id.as_str(), record.severity.as_str()))
        .filter(|(namespace, other, _)| (*namespace, *other) != (primary.namespace.as_str(), primary.id.as_str()))
        .collect();
    if !related.is_empty() {
        text += "Related vulnerabilities:\n";
        for (namespace, other, severity) in related {
            let _ = writeln!(text, "    - {} {} ({})", printable(namespace), printable(other), printable(severity));
        }
    }
    text += "Matched packages:\n";
    for found in &matches {
        package(&mut text, found);
    }
    let mut seen = BTreeSet::new();
    let own = [primary.data_source.as_str()];
    let others = records.iter().flat_map(|record| [&record.data_source].into_iter().chain(&record.urls));
    text += "URLs:\n";
    for url in own.into_iter().chain(others.map(String::as_str)).filter(|url| !url.is_empty()) {
        if seen.insert(url) {
            let _ = writeln!(text, "    - {}", printable(url));
        }
    }
    Some(text)
}

fn package(text: &mut String, found: &Match) {
    let artifact = &found.artifact;
    let _ = writeln!(text, "    - Package: {}, version: {}", printable(&artifact.name), printable(&artifact.version));
    if !artifact.purl.is_empty() {
        let _ = writeln!(text, "      PURL: {}", printable(&artifact.purl));
    }
    let indirect = found.match_details.iter().any(|detail| detail.ty == "exact-indirect-match");
    if let Some(upstream) = artifact.upstreams.first().filter(|_| indirect) {
        let version = if upstream.version.is_empty() { &artifact.version } else { &upstream.version };
        let what = match artifact.ty.as_str() {
            "rpm" => "the source RPM of this rpm package",
            "deb" => "the source package of this deb package",
            "apk" => "the origin package of this apk package",
            _ => "the upstream of this package",
        };
        let name = printable(&upstream.name);
        let _ =
            writeln!(text, "      Note: This CVE is reported against {name} (version {}), {what}.", printable(version));
    }
    text.push_str("      Evidenced by:\n");
    let record = &found.vulnerability.metadata;
    for at in &artifact.locations {
        let path = at.get("path").and_then(serde_json::Value::as_str).unwrap_or_default();
        let _ = writeln!(
            text,
            "          - {}:{} evidence at {} (artifact ID: {})",
            printable(&record.namespace),
            printable(&record.id),
            printable(path),
            printable(&artifact.id)
        );
    }
}

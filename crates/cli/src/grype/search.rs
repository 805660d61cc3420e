//! `grype db search`: what the database says of ids, and which advisories it has about packages.
//!
//! Source: anchore/grype:cmd/grype/cli/commands/{db_search.go,internal/dbsearch}.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use signet_advisories::{Database, Hit, Query};
use signet_model::{Severity, Status};

use super::args::Search;
use super::db::{installed, pretty, print, unsupported};
use super::words;
use crate::foreign::columns;
use crate::report::printable;
use crate::settings::Settings;

/// Rows that are looked at for one name in one stream.
const MOST: usize = 100_000;

/// Runs the command: packages where they are named, else the vulnerabilities themselves.
pub(super) fn command(args: &Search, settings: &Settings) -> Result<u8> {
    let words = ["vuln", "vulnerability", "vulnerabilities", "vulns"];
    let named = args.ids.iter().enumerate().filter(|(place, id)| *place > 0 || !words.contains(&id.as_str()));
    let ids: Vec<&String> = named.map(|(_, id)| id).chain(&args.vuln).collect();
    let streams = streams(args)?;
    ensure!(
        !ids.is_empty() || !args.pkg.is_empty(),
        "must specify at least one vulnerability or package to search for"
    );
    ensure!(args.ecosystem.is_none() || !args.pkg.is_empty(), "`--ecosystem` is of a package: `--pkg` names it");
    let opened = installed(settings)?;
    let database = opened.database()?;
    if !args.pkg.is_empty() || streams.is_some() {
        return packages(args, &ids, streams.as_deref(), &database, settings);
    }
    let mut found = Vec::new();
    for id in ids {
        found.extend(database.vulnerability(id)?);
    }
    let worst =
        |known: &signet_model::Vulnerability| known.severities.values().max().copied().unwrap_or(Severity::Unknown);
    match args.output.as_str() {
        "json" => {
            let rows: Vec<Value> = found
                .iter()
                .map(|known| {
                    json!({
                        "id": known.id,
                        "aliases": known.aliases,
                        "severity": words::severity(worst(known)),
                        "published_date": known.published.map(|time| time.to_string()),
                        "modified_date": known.modified.map(|time| time.to_string()),
                        "description": known.description.as_ref().or(known.title.as_ref()),
                        "refs": known.references.iter().map(|url| json!({ "url": url })).collect::<Vec<_>>(),
                        "known_exploited": known.kev.is_some(),
                        "epss": known.epss.map(|epss| json!({ "epss": epss.score, "percentile": epss.percentile })),
                    })
                })
                .collect();
            pretty(&json!(rows))
        }
        "table" | "text" if found.is_empty() => print("No results found\n"),
        "table" | "text" => {
            let rows: Vec<Vec<String>> = found
                .iter()
                .map(|known| {
                    vec![
                        known.id.clone(),
                        known.aliases.join(", "),
                        known.published.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
                        words::severity(worst(known)).to_owned(),
                        known.references.first().cloned().unwrap_or_default(),
                    ]
                })
                .collect();
            print(&columns::render(&["ID", "ALIASES", "PUBLISHED", "SEVERITY", "REFERENCE"], &rows))
        }
        other => unsupported(other),
    }
}

/// The streams that `--distro` or `--ecosystem` leave; `None`: all.
fn streams(args: &Search) -> Result<Option<Vec<String>>> {
    let of_distro = |text: &str| -> Result<Vec<String>> {
        let found = signet_advisories::streams_of_distro(&super::distro(text)?);
        ensure!(
            !found.is_empty(),
            "no advisories are known for the distribution `{text}`: NAME:VERSION, as in `debian:12`"
        );
        Ok(found)
    };
    let of_ecosystem = |text: &str| -> Result<Vec<String>> {
        let found = signet_advisories::stream_of_ecosystem(text);
        Ok(vec![found.with_context(|| format!("no advisories are known for the ecosystem `{text}`"))?.to_owned()])
    };
    Ok(match (&args.distro, &args.ecosystem) {
        (None, None) => None,
        (Some(distro), None) => Some(of_distro(distro)?),
        (None, Some(ecosystem)) => Some(of_ecosystem(ecosystem)?),
        (Some(_), Some(_)) => bail!("a package is of a distribution or of an ecosystem: `--distro` or `--ecosystem`"),
    })
}

/// The advisories about packages of these names; with ids too, only those about them.
fn packages(
    args: &Search,
    ids: &[&String],
    streams: Option<&[String]>,
    database: &Database<'_>,
    settings: &Settings,
) -> Result<u8> {
    let mut terms: Vec<&String> = if args.pkg.is_empty() { ids.to_vec() } else { args.pkg.iter().collect() };
    terms.sort();
    terms.dedup();
    let everywhere = [String::new()];
    let (mut hits, mut more) = (Vec::new(), false);
    for term in terms {
        for stream in streams.unwrap_or(&everywhere) {
            let query = Query { text: term.clone(), stream: stream.clone(), most: MOST };
            let found = database.look_up(&query)?;
            more |= found.len() >= MOST;
            hits.extend(found.into_iter().filter(|hit| {
                // What a query begins with is also how `alpine 3.20` begins, and a name may be the id of something else.
                (stream.is_empty() || hit.stream == *stream)
                    && (args.pkg.is_empty() || is_package(hit, term))
                    && (ids.is_empty() || ids.iter().any(|id| is_about(hit, id)))
            }));
        }
    }
    more |= hits.len() > args.limit;
    hits.truncate(args.limit);
    if more {
        settings.warn(format!(
            "there is more than is shown: {} rows; `--distro`, `--ecosystem` and `--limit` choose",
            hits.len()
        ));
    }
    match args.output.as_str() {
        "json" => pretty(&json!(hits.iter().map(document).collect::<Vec<_>>())),
        "table" | "text" if hits.is_empty() => print("No results found\n"),
        "table" | "text" => {
            let rows: Vec<Vec<String>> = hits.iter().map(row).collect();
            print(&columns::render(
                &["VULNERABILITY", "PACKAGE", "ECOSYSTEM", "NAMESPACE", "VERSION CONSTRAINT"],
                &rows,
            ))
        }
        other => unsupported(other),
    }
}

/// Whether the row was found by its package, and not by an id of the same spelling.
fn is_package(hit: &Hit, name: &str) -> bool {
    let plain = hit.package.rsplit(':').next().unwrap_or_default();
    hit.package == name || plain == name || !is_about(hit, name)
}

fn is_about(hit: &Hit, id: &str) -> bool {
    let mut names = std::iter::once(&hit.id).chain(&hit.aliases).chain(&hit.vendor_ids);
    names.any(|name| name.eq_ignore_ascii_case(id))
}

/// The vulnerable versions. A row that names what is not vulnerable must not read as its opposite.
fn constraint(hit: &Hit) -> String {
    let order = signet_advisories::order_of_stream(&hit.stream).unwrap_or("unknown");
    let verb = if hit.unaffected { "not vulnerable: " } else { "" };
    let end = if hit.withdrawn { ", withdrawn" } else { "" };
    let range = if hit.range.is_empty() { "none" } else { hit.range.as_str() };
    format!("{verb}{range} ({order}{end})")
}

fn row(hit: &Hit) -> Vec<String> {
    let (ecosystem, namespace) = words::of_stream(&hit.stream, &hit.source.id);
    let cells = [hit.id.as_str(), &hit.package, &ecosystem, &namespace, &constraint(hit)].map(printable);
    cells.into()
}

fn document(hit: &Hit) -> Value {
    let (ecosystem, namespace) = words::of_stream(&hit.stream, &hit.source.id);
    let state = match hit.status {
        _ if !hit.fixed.is_empty() => "fixed",
        Status::Fixed => "fixed",
        Status::WillNotFix | Status::EndOfLife => "wont-fix",
        Status::Unknown | Status::NotAffected => "unknown",
        Status::Affected | Status::UnderInvestigation | Status::FixDeferred => "not-fixed",
    };
    let order = signet_advisories::order_of_stream(&hit.stream).unwrap_or("unknown");
    let status = match (hit.withdrawn, hit.unaffected) {
        (true, _) => "withdrawn",
        (false, true) => "not-affected",
        (false, false) => "active",
    };
    json!({
        "vulnerability": { "id": hit.id, "provider": hit.source.id, "status": status, "aliases": hit.aliases },
        "packages": [{
            "package": { "name": hit.package, "ecosystem": ecosystem },
            "namespace": namespace,
            "detail": {
                "cves": std::iter::once(&hit.id).chain(&hit.aliases).filter(|id| id.starts_with("CVE-")).collect::<Vec<_>>(),
                "advisories": hit.vendor_ids,
                "qualifiers": hit.module.as_ref().map(|module| json!({ "rpm_modularity": module })),
                "ranges": [{
                    "version": { "type": order, "constraint": hit.range },
                    "fix": { "version": hit.fixed.first(), "versions": hit.fixed, "state": state },
                }],
            },
        }],
    })
}

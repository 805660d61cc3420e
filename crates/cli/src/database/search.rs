//! `signet db search`: what the database says, whatever the subject.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use signet_advisories::{Database, Hit, Query};

use super::{open, place};
use crate::args::DbSearchArgs;
use crate::exit::Exit;
use crate::output;
use crate::report::printable;
use crate::settings::Settings;

/// `signet db search`. Nothing found is exit code 3.
pub(crate) fn search_command(args: &DbSearchArgs, settings: &Settings) -> Result<Exit> {
    let opened = match &args.db {
        Some(path) if path.as_os_str() == super::SAMPLE => super::sample()?,
        _ => {
            let path = args.db.clone().unwrap_or_else(|| place(settings));
            ensure!(path.exists(), "there is no database `{}`: `signet db update` fetches one", path.display());
            open(&path).with_context(|| format!("cannot use the database `{}`", path.display()))?
        }
    };
    let database = opened.database()?;
    let query = Query { text: args.query.clone(), stream: args.stream.clone(), most: args.limit.saturating_add(1) };
    let mut hits = database.look_up(&query)?;
    let more = hits.len() > args.limit;
    hits.truncate(args.limit);
    let text = match args.output.as_str() {
        "table" => table(&database, &args.query, &hits, more)?,
        "json" => json(&database, &args.query, &hits, more)?,
        other => bail!("there is no format `{other}` here: table, json"),
    };
    output::to_stdout(text.as_bytes())?;
    Ok(if hits.is_empty() { Exit::Nothing } else { Exit::Well })
}

fn table(database: &Database<'_>, query: &str, hits: &[Hit], more: bool) -> Result<String> {
    let mut text = String::new();
    if let Some(known) = database.vulnerability(query)? {
        let title = format!("{}  {}", known.id, known.title.as_deref().unwrap_or_default());
        let _ = writeln!(text, "{}", printable(&title).trim_end());
        for (source, severity) in &known.severities {
            let _ = writeln!(text, "  {} ({source})", severity.name());
        }
        for (label, list) in [("also", &known.aliases), ("weakness", &known.cwes)] {
            if !list.is_empty() {
                let _ = writeln!(text, "  {label}: {}", printable(&list.join(", ")));
            }
        }
        if let Some(kev) = &known.kev {
            let _ = writeln!(text, "  known to be exploited since {}", kev.date_added);
        }
        if let Some(epss) = &known.epss {
            let _ = writeln!(text, "  EPSS {:.3} %, above {:.1} % of all", epss.score * 100.0, epss.percentile * 100.0);
        }
        text.push('\n');
    } else if database.is_withdrawn(query)? {
        let _ = writeln!(text, "{query} was withdrawn or rejected: it matches nothing\n");
    }
    for hit in hits {
        let module = hit.module.as_deref().filter(|module| !module.is_empty());
        let module = module.map(|module| format!(" (module {module})")).unwrap_or_default();
        let verb = if hit.unaffected { "not vulnerable" } else { "vulnerable" };
        let mut row = format!("{}  {}{module}  {}  {verb}: {}", hit.stream, hit.package, hit.id, hit.range);
        if !hit.fixed.is_empty() && !hit.unaffected {
            let since = hit.available.map(|time| format!(" since {}", time.strftime("%Y-%m-%d"))).unwrap_or_default();
            let _ = write!(row, "  fixed in {}{since}", hit.fixed.join(", "));
        }
        if !hit.vendor_ids.is_empty() {
            let _ = write!(row, "  {}", hit.vendor_ids.join(", "));
        }
        let withdrawn = if hit.withdrawn { ", withdrawn" } else { "" };
        let _ = write!(row, "  ({}{withdrawn})", hit.source.id);
        let _ = writeln!(text, "{}", printable(&row));
    }
    if hits.is_empty() {
        let _ = writeln!(text, "nothing about `{query}`");
    }
    if more {
        let _ = writeln!(text, "more than {} rows: `--limit` and `--stream` choose", hits.len());
    }
    Ok(text)
}

fn json(database: &Database<'_>, query: &str, hits: &[Hit], more: bool) -> Result<String> {
    let rows: Vec<serde_json::Value> = hits
        .iter()
        .map(|hit| {
            serde_json::json!({
                "stream": hit.stream, "package": hit.package, "id": hit.id, "aliases": hit.aliases,
                "vendorIds": hit.vendor_ids, "range": hit.range, "unaffected": hit.unaffected,
                "withdrawn": hit.withdrawn, "fixed": hit.fixed,
                "fixAvailable": hit.available.map(|time| time.to_string()), "status": hit.status.name(),
                "module": hit.module, "source": hit.source.id,
            })
        })
        .collect();
    let document = serde_json::json!({
        "schemaVersion": 1, "query": query, "withdrawn": database.is_withdrawn(query)?, "advisories": rows, "more": more,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

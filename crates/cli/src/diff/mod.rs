//! `signet diff A B`: packages and findings that came, went and changed.
//!
//! ```text
//!   A, B ──side──▶ Report (read back, or examined and matched) ──compare──▶ Difference ──render──▶ table, json, markdown
//! ```

mod compare;
mod render;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::args::{DiffArgs, SourceArgs};
use crate::baseline;
use crate::database::{self, Opened};
use crate::exit::Exit;
use crate::gate::Threshold;
use crate::output;
use crate::report::{Format, Report};
use crate::scan;
use crate::settings::Settings;
use crate::source;
use crate::suppress;
use crate::usage;
use crate::vex::Vex;

/// Formats of a difference.
const FORMATS: &[(&str, Format)] = &[("table", Format::Table), ("json", Format::Json), ("markdown", Format::Markdown)];

/// Runs the command.
pub(crate) fn command(args: &DiffArgs, settings: &Settings) -> Result<Exit> {
    let outputs = output::Output::parse(&args.output, FORMATS).map_err(usage)?;
    let threshold = args.fail_on.as_deref().map(Threshold::parse).transpose().map_err(usage)?;
    let sides = [Side::of(&args.before)?, Side::of(&args.after)?];
    // The database is wanted only where something must be matched: two reports compare without one.
    let matches = !args.packages_only && sides.iter().any(|side| matches!(side, Side::Source(_)));
    let opened = if matches { Some(database::for_scan(&args.database, settings)?) } else { None };
    let [before, after] = sides;
    let before = before.read(args, opened.as_ref(), settings)?;
    let mut after = after.read(args, opened.as_ref(), settings)?;

    let findings = !args.packages_only && before.judged && after.judged;
    let difference = compare::compare(&before, &after, findings);
    let mut exit = Exit::Well;
    for report in [&before, &after] {
        if !args.packages_only && !report.judged {
            settings.warn(format!("`{}` holds no findings, so only packages were compared", report.subject.name));
            if !args.allow_incomplete {
                exit = exit.worse(Exit::Incomplete);
            }
        }
        exit = exit.worse(scan::completeness(report, args.allow_incomplete, settings));
    }
    let mut hits = None;
    if let Some(threshold) = &threshold {
        // What was there before is no news, whatever it is.
        let mut kept = difference.came_indexes.iter().copied().collect::<std::collections::HashSet<_>>();
        let mut at = 0;
        after.findings.retain(|_| {
            at += 1;
            kept.remove(&(at - 1))
        });
        let lines = threshold.hits(&after, settings.now);
        if !lines.is_empty() {
            exit = exit.worse(Exit::Findings);
        }
        hits = Some((threshold.source().to_owned(), lines));
    }
    for output in &outputs {
        let bytes = match output.format {
            Format::Json => render::json(&difference, hits.as_ref())?,
            Format::Markdown => render::markdown(&difference, hits.as_ref()).into_bytes(),
            _ => render::table(&difference, hits.as_ref()).into_bytes(),
        };
        match &output.file {
            Some(path) => output::replace(path, &bytes)
                .with_context(|| format!("cannot write the difference `{}`", path.display()))?,
            None => output::to_stdout(&bytes)?,
        }
    }
    Ok(exit)
}

/// One of the two.
enum Side {
    /// A JSON report.
    Report(String),
    /// Anything that is examined.
    Source(String),
}

impl Side {
    /// A file is looked into: a report and an SBOM need no scheme here. Whatever else is a source as `signet scan` takes it.
    fn of(text: &str) -> Result<Side> {
        if let Some(path) = text.strip_prefix("report:") {
            return Ok(Side::Report(path.to_owned()));
        }
        if !Path::new(text).is_file() {
            return Ok(Side::Source(text.to_owned()));
        }
        let bytes = baseline::bounded(Path::new(text)).with_context(|| format!("cannot read `{text}`"))?;
        if let Ok(document) = serde_json::from_slice::<serde_json::Value>(&bytes) {
            let trivy = document.get("SchemaVersion").is_some() && document.get("ArtifactType").is_some();
            if trivy || crate::report::json::read::is_report(&document) {
                return Ok(Side::Report(text.to_owned()));
            }
        }
        Ok(Side::Source(match signet_sbom::detect(&bytes) {
            Some(_) => format!("sbom:{text}"),
            None => text.to_owned(),
        }))
    }

    fn read(&self, args: &DiffArgs, opened: Option<&Opened>, settings: &Settings) -> Result<Report> {
        let source = match self {
            Side::Report(path) => {
                return baseline::read_report(Path::new(path), settings.now)
                    .with_context(|| format!("cannot read the report `{path}`"));
            }
            Side::Source(source) => source,
        };
        let source = SourceArgs {
            source: source.clone(),
            platform: args.platform.clone(),
            plain_http: args.plain_http.clone(),
            ca_cert: args.ca_cert.clone(),
            skip_dirs: Vec::new(),
            lazy: false,
            no_cache: args.no_cache,
            allow_incomplete: args.allow_incomplete,
            skip_files: Vec::new(),
            insecure: false,
            login: None,
            scope: crate::pipeline::Scope::Squashed,
        };
        let mut examined = source::examine(&source, settings)?;
        match opened {
            Some(opened) => {
                let kept = database::java::place(&settings.cache);
                let named = args.database.java_db.as_deref();
                database::java::name_archives(&mut examined.inventory, named, &kept, settings)?;
                let ignores = suppress::Files::read(None, Vex::default(), settings)?;
                scan::matched(
                    examined,
                    opened,
                    signet_advisories::MatchOptions::default(),
                    settings,
                    |examined, findings| ignores.apply(&examined.subject, &examined.inventory, findings, settings),
                )
            }
            None => Ok(scan::report(examined, Vec::new(), None, settings)),
        }
    }
}

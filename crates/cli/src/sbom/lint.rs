//! `signet sbom lint`: is a document valid, and how good is it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_sbom::Limits;
use signet_sbom::lint::{Field, Lint, Profile, judge};

use crate::args::SbomLintArgs;
use crate::exit::Exit;
use crate::output;
use crate::report::printable;
use crate::settings::Settings;
use crate::usage;

/// Components that are named in a table; JSON has all of them.
const NAMED: usize = 5;

/// A document, judged.
struct Judged<'a> {
    path: &'a Path,
    lint: Lint,
    profiles: Vec<(Profile, Vec<Field>)>,
}

pub(super) fn command(args: &SbomLintArgs, settings: &Settings) -> Result<Exit> {
    let json = match args.output.as_str() {
        "table" => false,
        "json" => true,
        other => return Err(usage(anyhow::anyhow!("there is no format `{other}` here: table, json"))),
    };
    let asked = profiles(&args.profile).map_err(usage)?;
    let shown: &[Profile] = if asked.is_empty() { &[Profile::Ntia, Profile::Bsi] } else { &asked };
    let limits = Limits::default();
    let mut judged = Vec::with_capacity(args.files.len());
    let mut exit = Exit::Well;
    for path in &args.files {
        let bytes = crate::source::document(path, &limits)?;
        match signet_sbom::lint::lint(&bytes, &limits)
            .with_context(|| format!("cannot read the SBOM `{}`", path.display()))
        {
            Ok(lint) => {
                let profiles: Vec<_> = shown.iter().map(|profile| (*profile, judge(*profile, &lint))).collect();
                let fulfilled = profiles.iter().all(|(_, fields)| fields.iter().all(Field::is_fulfilled));
                if !lint.problems.is_empty() || (!asked.is_empty() && !fulfilled) {
                    exit = exit.worse(Exit::Findings);
                }
                judged.push(Judged { path, lint, profiles });
            }
            // The others are judged all the same.
            Err(err) if args.files.len() > 1 => {
                settings.warn(format!("{err:#}"));
                exit = exit.worse(Exit::Failed);
            }
            Err(err) => return Err(err),
        }
    }
    let text = if json { as_json(&judged)? } else { table(&judged) };
    output::to_stdout(text.as_bytes())?;
    Ok(exit)
}

fn profiles(names: &[String]) -> Result<Vec<Profile>> {
    let known = |name: &String| match Profile::ALL.iter().find(|profile| profile.name() == name) {
        Some(profile) => Ok(*profile),
        None => {
            let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
            bail!("there is no profile `{name}`: {}", names.join(", "))
        }
    };
    names.iter().map(known).collect()
}

fn table(judged: &[Judged<'_>]) -> String {
    let mut text = String::new();
    for Judged { path, lint, profiles } in judged {
        let valid = match lint.problems.len() {
            0 => "valid".to_owned(),
            1 => "not valid, 1 problem".to_owned(),
            count => format!("not valid, {count} problems"),
        };
        let (name, format, version) =
            (printable(&path.display().to_string()), lint.format, printable(&lint.spec_version));
        let _ = writeln!(text, "{name}: {format} {version}: {valid}");
        for problem in &lint.problems {
            let at = if problem.at.is_empty() { "the document" } else { &problem.at };
            let _ = writeln!(text, "  {} {}", printable(at), printable(&problem.what));
        }
        for (profile, fields) in profiles {
            let fulfilled = fields.iter().filter(|field| field.is_fulfilled()).count();
            let _ = writeln!(text, "\n  {}: {fulfilled} of {} fields", profile.title(), fields.len());
            for field in fields {
                let _ = writeln!(text, "    {}", line(field));
            }
        }
        text.push('\n');
    }
    text
}

fn line(field: &Field) -> String {
    let there = field.total - field.missing.len().min(field.total);
    let mark = if field.is_fulfilled() { "yes" } else { "no " };
    let mut text = format!("{mark} {:<46} {there}/{}", field.name, field.total);
    let missing: Vec<String> =
        field.missing.iter().filter(|name| !name.is_empty()).map(|name| printable(name)).collect();
    if !missing.is_empty() {
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let named = missing.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let _ = write!(text, "  lacking: {named}{more}");
    }
    text
}

fn as_json(judged: &[Judged<'_>]) -> Result<String> {
    let document = |Judged { path, lint, profiles }: &Judged<'_>| {
        let problems = lint.problems.iter().map(|problem| json!({"at": problem.at, "what": problem.what}));
        let fields = |fields: &[Field]| {
            let field = |field: &Field| {
                let missing: Vec<&String> = field.missing.iter().filter(|name| !name.is_empty()).collect();
                json!({
                    "field": field.name,
                    "fulfilled": field.is_fulfilled(),
                    "total": field.total,
                    "lacking": field.missing.len(),
                    "components": missing,
                })
            };
            fields.iter().map(field).collect::<Value>()
        };
        let profiles = profiles.iter().map(|(profile, list)| {
            let fulfilled = list.iter().all(Field::is_fulfilled);
            json!({"profile": profile.name(), "title": profile.title(), "fulfilled": fulfilled, "fields": fields(list)})
        });
        json!({
            "file": path.display().to_string(),
            "format": lint.format.to_string(),
            "version": lint.spec_version,
            "valid": lint.problems.is_empty(),
            "problems": problems.collect::<Value>(),
            "profiles": profiles.collect::<Value>(),
        })
    };
    let whole = json!({"schemaVersion": 1, "documents": judged.iter().map(document).collect::<Value>()});
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

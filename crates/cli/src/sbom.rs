//! `signet sbom lint|convert|diff|merge`: SBOMs that are there already.

mod lint;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_model::{Inventory, Subject, SubjectKind};
use signet_sbom::{Difference, Limits, Loss, Sbom, Target, Unread, WriteOptions};

use crate::args::{SbomCommand, SbomConvertArgs, SbomDiffArgs, SbomMergeArgs};
use crate::exit::Exit;
use crate::output;
use crate::report::printable;
use crate::settings::Settings;
use crate::usage;

/// Losses that are named on standard error; the rest is counted.
const NAMED: usize = 8;

pub(crate) fn command(command: &SbomCommand, settings: &Settings) -> Result<Exit> {
    match command {
        SbomCommand::Lint(args) => lint::command(args, settings),
        SbomCommand::Convert(args) => convert(args, settings),
        SbomCommand::Diff(args) => diff(args, settings),
        SbomCommand::Merge(args) => merge(args, settings),
    }
}

/// A format and where it goes; `None`: standard output.
type Written = (Target, Option<PathBuf>);

fn targets(texts: &[String]) -> Result<Vec<Written>> {
    let target = |text: &String| -> Result<Written> {
        Ok(match text.split_once('=') {
            Some((_, "")) => bail!("`--output {text}` names no file"),
            Some((name, file)) => (name.parse()?, Some(PathBuf::from(file))),
            None => (text.parse()?, None),
        })
    };
    let targets: Vec<Written> = texts.iter().map(target).collect::<Result<_>>()?;
    if targets.iter().filter(|(_, file)| file.is_none()).count() > 1 {
        bail!("only one format can go to standard output: give the others a file, `-o FORMAT=FILE`");
    }
    Ok(targets)
}

fn read(path: &Path, unread: Option<&mut Unread>) -> Result<Sbom> {
    let limits = Limits::default();
    let bytes = crate::source::document(path, &limits)?;
    signet_sbom::read_noting(&bytes, &limits, unread)
        .with_context(|| format!("cannot read the SBOM `{}`", path.display()))
}

fn write(targets: &[Written], subject: &Subject, inventory: &Inventory, settings: &Settings) -> Result<()> {
    let options = WriteOptions {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        timestamp: settings.fixed_time,
        ..WriteOptions::default()
    };
    for (target, file) in targets {
        match file {
            Some(path) => {
                output::replace_with(path, |sink| signet_sbom::write_to(*target, subject, inventory, &options, sink))
                    .with_context(|| format!("cannot write the SBOM `{}`", path.display()))?
            }
            None => output::to_stdout_with(|sink| signet_sbom::write_to(*target, subject, inventory, &options, sink))?,
        }
    }
    Ok(())
}

/// What the reader could not make out is not in what is written, and the exit code says so.
fn incomplete(inventory: &Inventory, allowed: bool, settings: &Settings) -> Exit {
    match inventory.unexamined.len() {
        0 => return Exit::Well,
        1 => settings.warn("1 part could not be examined; formats with a place for it say which".to_owned()),
        count => settings.warn(format!("{count} parts could not be examined; formats with a place for it say which")),
    }
    if allowed { Exit::Well } else { Exit::Incomplete }
}

fn convert(args: &SbomConvertArgs, settings: &Settings) -> Result<Exit> {
    let targets = targets(&args.output).map_err(usage)?;
    let mut unread = Unread::new();
    let sbom = read(&args.file, Some(&mut unread))?;
    write(&targets, &sbom.subject, &sbom.inventory, settings)?;
    let lost: Vec<(Target, Vec<Loss>)> = targets
        .iter()
        .map(|(target, _)| (*target, signet_sbom::losses(*target, &sbom.subject, &sbom.inventory)))
        .collect();
    if let Some(path) = &args.losses {
        let list = |losses: &[Loss]| {
            losses.iter().map(|loss| json!({"what": loss.what, "count": loss.count})).collect::<Value>()
        };
        let document = json!({
            "schemaVersion": 1,
            "from": {"file": args.file.display().to_string(), "format": sbom.format.to_string(), "version": sbom.spec_version},
            "unread": unread.iter().map(|(member, count)| json!({"member": member, "count": count})).collect::<Value>(),
            "targets": lost.iter().map(|(target, losses)| json!({"format": target.to_string(), "lost": list(losses)})).collect::<Value>(),
        });
        let text = serde_json::to_string_pretty(&document)? + "\n";
        output::replace(path, text.as_bytes())
            .with_context(|| format!("cannot write the losses `{}`", path.display()))?;
    }
    if !unread.is_empty() {
        let members: Vec<(String, usize)> = unread.into_iter().collect();
        settings.say(format!("note: parts of the document that have no place in the model: {}", short(&members)));
    }
    for (target, losses) in &lost {
        if !losses.is_empty() {
            let losses: Vec<(String, usize)> = losses.iter().map(|loss| (loss.what.clone(), loss.count)).collect();
            settings.say(format!("note: {target} has no place for: {}", short(&losses)));
        }
    }
    let exit = incomplete(&sbom.inventory, args.allow_incomplete, settings);
    // The program ends here. To take a large inventory apart, text by text, would be a tenth of the whole conversion.
    std::mem::forget(sbom);
    Ok(exit)
}

/// The most frequent ones, with their numbers.
fn short(list: &[(String, usize)]) -> String {
    let mut list: Vec<&(String, usize)> = list.iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut text: Vec<String> =
        list.iter().take(NAMED).map(|(what, count)| format!("{} ({count})", printable(what))).collect();
    if list.len() > NAMED {
        text.push(format!("and {} more", list.len() - NAMED));
    }
    text.join(", ")
}

fn diff(args: &SbomDiffArgs, settings: &Settings) -> Result<Exit> {
    let (old, new) = (read(&args.old, None)?, read(&args.new, None)?);
    let found = signet_sbom::diff(&old.inventory, &new.inventory);
    let text = match args.output.as_str() {
        "table" => diff_table(&found),
        "json" => diff_json(args, &found)?,
        other => return Err(usage(anyhow::anyhow!("there is no format `{other}` here: table, json"))),
    };
    output::to_stdout(text.as_bytes())?;
    let of = |sbom: &Sbom| incomplete(&sbom.inventory, args.allow_incomplete, settings);
    Ok(of(&old).worse(of(&new)))
}

fn diff_table(found: &Difference) -> String {
    let mut text = String::new();
    let mut line = |sign: &str, name: &signet_sbom::Name, versions: String| {
        let _ = writeln!(text, "{sign} {:<16} {} {versions}", name.kind.name(), printable(&name.name));
    };
    let list = |versions: &[String]| printable(&versions.join(", "));
    for (name, versions) in &found.removed {
        line("-", name, list(versions));
    }
    for (name, old, new) in &found.changed {
        line(
            "~",
            name,
            match (old.as_slice(), new.as_slice()) {
                ([], new) => format!("also {}", list(new)),
                (old, []) => format!("no longer {}", list(old)),
                (old, new) => format!("{} -> {}", list(old), list(new)),
            },
        );
    }
    for (name, versions) in &found.added {
        line("+", name, list(versions));
    }
    let (added, removed, changed) = (found.added.len(), found.removed.len(), found.changed.len());
    let _ = writeln!(text, "{added} added, {removed} removed, {changed} changed, {} the same", found.same);
    text
}

fn diff_json(args: &SbomDiffArgs, found: &Difference) -> Result<String> {
    let one = |(name, versions): &(signet_sbom::Name, Vec<String>)| json!({"kind": name.kind.name(), "name": name.name, "versions": versions});
    let changed = |(name, old, new): &(signet_sbom::Name, Vec<String>, Vec<String>)| json!({"kind": name.kind.name(), "name": name.name, "old": old, "new": new});
    let document = json!({
        "schemaVersion": 1,
        "old": args.old.display().to_string(),
        "new": args.new.display().to_string(),
        "added": found.added.iter().map(one).collect::<Value>(),
        "removed": found.removed.iter().map(one).collect::<Value>(),
        "changed": found.changed.iter().map(changed).collect::<Value>(),
        "same": found.same,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn merge(args: &SbomMergeArgs, settings: &Settings) -> Result<Exit> {
    let targets = targets(&args.output).map_err(usage)?;
    let mut read_twice: BTreeMap<&Path, usize> = BTreeMap::new();
    let mut inventories = Vec::with_capacity(args.files.len());
    for path in &args.files {
        *read_twice.entry(path).or_default() += 1;
        inventories.push(read(path, None)?.inventory);
    }
    if read_twice.get(Path::new("-")).is_some_and(|count| *count > 1) {
        return Err(usage(anyhow::anyhow!("standard input can be read once only")));
    }
    let merged = signet_sbom::merge(inventories);
    let subject = Subject { kind: SubjectKind::Sbom, name: args.name.clone(), image: None };
    write(&targets, &subject, &merged, settings)?;
    Ok(incomplete(&merged, args.allow_incomplete, settings))
}

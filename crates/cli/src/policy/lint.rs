//! `signet policy lint`: remarks on policies, with their places.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use signet_policy::lint::{CHECKS, Remark, Weight, lint};
use signet_policy::trust_policy::TrustPolicy;
use signet_yaml::Limits;

use super::args::LintArgs;
use crate::exit::Exit;
use crate::files::{self, Below};
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

pub(super) fn command(args: &LintArgs, settings: &Settings) -> Result<Exit> {
    if args.list {
        let width = CHECKS.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let text: String = CHECKS.iter().map(|(name, what)| format!("{name:<width$}  {what}\n")).collect();
        output::to_stdout(text.as_bytes())?;
        return Ok(Exit::Well);
    }
    for skipped in &args.skip {
        if !CHECKS.iter().any(|(name, _)| name == skipped) {
            return Err(crate::usage(anyhow!(
                "`--skip {skipped}`: there is no such check; `signet policy lint --list` shows them"
            )));
        }
    }
    let Below { files, mut unread, .. } = files::yaml(&args.paths)?;
    let (mut policies, mut remarks) = (0_usize, Vec::new());
    for path in files {
        match of_file(&path) {
            Ok((count, found)) => {
                policies += count;
                let found = found.into_iter().filter(|remark| !args.skip.iter().any(|skipped| skipped == remark.check));
                remarks.extend(found.map(|remark| (path.clone(), remark)));
            }
            Err(err) => unread.push((path, format!("{err:#}"))),
        }
    }
    let text = if args.output == "json" { json(&remarks, &unread) } else { text(&remarks) };
    output::to_stdout(text.as_bytes())?;
    for (path, why) in &unread {
        settings.warn(format!("not read: `{}`: {}", path.display(), printable(why)));
    }
    let count = |weight: Weight| remarks.iter().filter(|(_, remark)| remark.weight == weight).count();
    settings.say(format!(
        "{policies} policies: {} errors, {} warnings, {} notes",
        count(Weight::Error),
        count(Weight::Warning),
        count(Weight::Note)
    ));
    let mut exit = if policies == 0 { Exit::Nothing } else { Exit::Well };
    for (holds, other) in [
        (count(Weight::Error) > 0, Exit::Failed),
        (count(Weight::Warning) > 0, Exit::Findings),
        (!unread.is_empty() && !args.allow_incomplete, Exit::Incomplete),
    ] {
        exit = if holds { exit.worse(other) } else { exit };
    }
    Ok(exit)
}

/// How many policies a file holds, and the remarks on them.
fn of_file(path: &Path) -> Result<(usize, Vec<Remark>)> {
    let text = files::text(path)?;
    let documents = signet_yaml::parse(&text, &Limits::default())?;
    let (mut count, mut remarks) = (0, Vec::new());
    for document in &documents {
        let Some(found) = lint(&document.root) else { continue };
        count += 1;
        remarks.extend(found);
        // Its reader takes a whole text, and says itself that a second document is none of its business.
        let is_trust = document.root.get("kind").and_then(signet_yaml::Node::as_str) == Some("TrustPolicy");
        if is_trust && let Err(errors) = TrustPolicy::parse(&text) {
            remarks.extend(errors.into_iter().map(Remark::from));
        }
    }
    remarks.sort_by_key(|remark| (remark.line, remark.column));
    remarks.dedup();
    Ok((count, remarks))
}

fn text(remarks: &[(PathBuf, Remark)]) -> String {
    let mut text = String::new();
    for (path, remark) in remarks {
        let _ = writeln!(
            text,
            "{}:{}:{}: {}: {} [{}]",
            printable(&path.display().to_string()),
            remark.line,
            remark.column,
            remark.weight.name(),
            printable(&remark.message),
            remark.check
        );
        if let Some(hint) = &remark.hint {
            let _ = writeln!(text, "    {}", printable(hint));
        }
    }
    text
}

fn json(remarks: &[(PathBuf, Remark)], unread: &[(PathBuf, String)]) -> String {
    let remarks: Vec<Value> = remarks
        .iter()
        .map(|(path, remark)| {
            json!({
                "file": path.display().to_string(),
                "line": remark.line,
                "column": remark.column,
                "weight": remark.weight.name(),
                "check": remark.check,
                "message": remark.message,
                "hint": remark.hint,
            })
        })
        .collect();
    let unread: Vec<Value> =
        unread.iter().map(|(path, why)| json!({"file": path.display().to_string(), "why": why})).collect();
    format!("{:#}\n", json!({"remarks": remarks, "unread": unread}))
}

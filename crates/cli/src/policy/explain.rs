//! `signet policy explain`: what policies demand, in words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use signet_policy::explain::{Paragraph, explain};
use signet_yaml::Limits;

use super::args::ExplainArgs;
use crate::exit::Exit;
use crate::files::{self, Below};
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

pub(super) fn command(args: &ExplainArgs, settings: &Settings) -> Result<Exit> {
    let Below { files, mut unread, .. } = files::yaml(&args.paths)?;
    let mut policies: Vec<(PathBuf, Vec<Paragraph>)> = Vec::new();
    for path in files {
        match of_file(&path) {
            Ok(found) => policies.extend(found.into_iter().map(|paragraphs| (path.clone(), paragraphs))),
            Err(err) => unread.push((path, format!("{err:#}"))),
        }
    }
    let text = if args.output == "json" { json(&policies) } else { text(&policies) };
    output::to_stdout(text.as_bytes())?;
    for (path, why) in &unread {
        settings.warn(format!("not read: `{}`: {}", path.display(), printable(why)));
    }
    let exit = if policies.is_empty() { Exit::Nothing } else { Exit::Well };
    Ok(if unread.is_empty() || args.allow_incomplete { exit } else { exit.worse(Exit::Incomplete) })
}

fn of_file(path: &Path) -> Result<Vec<Vec<Paragraph>>> {
    let documents = signet_yaml::parse(&files::text(path)?, &Limits::default())?;
    Ok(documents.iter().filter_map(|document| explain(&document.root)).collect())
}

fn text(policies: &[(PathBuf, Vec<Paragraph>)]) -> String {
    let mut text = String::new();
    for (path, paragraphs) in policies {
        for paragraph in paragraphs {
            let place = printable(&path.display().to_string());
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "{} ({place}:{})", printable(&paragraph.heading), paragraph.line);
            for point in &paragraph.points {
                let _ = writeln!(text, "{}- {}", "  ".repeat(point.depth + 1), printable(&point.text));
            }
        }
    }
    text
}

fn json(policies: &[(PathBuf, Vec<Paragraph>)]) -> String {
    let paragraph = |paragraph: &Paragraph| {
        let points: Vec<Value> =
            paragraph.points.iter().map(|point| json!({"depth": point.depth, "text": point.text})).collect();
        json!({"heading": paragraph.heading, "line": paragraph.line, "column": paragraph.column, "points": points})
    };
    let policies: Vec<Value> = policies
        .iter()
        .map(|(path, paragraphs)| {
            let paragraphs: Vec<Value> = paragraphs.iter().map(paragraph).collect();
            json!({"file": path.display().to_string(), "paragraphs": paragraphs})
        })
        .collect();
    format!("{:#}\n", json!({"policies": policies}))
}

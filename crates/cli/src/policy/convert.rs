//! `signet policy convert`: a ClusterPolicy as policies in CEL, with the proof that both refuse the same.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_policy::convert::{Converted, Obstacle, compare};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Input, Operation, Policy};
use signet_yaml::{Limits, to_json};

use super::args::ConvertArgs;
use crate::exit::Exit;
use crate::files::{self, Below};
use crate::foreign::yaml;
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

/// Differences that are shown.
const SHOWN: usize = 20;

pub(super) fn command(args: &ConvertArgs, settings: &Settings) -> Result<Exit> {
    let path = args.file.display();
    let text = files::text(&args.file).with_context(|| format!("cannot read `{path}`"))?;
    let documents = signet_yaml::parse(&text, &Limits::default()).with_context(|| format!("cannot read `{path}`"))?;
    let (mut converted, mut obstacles): (Vec<(Converted, Vec<Value>)>, Vec<Obstacle>) = (Vec::new(), Vec::new());
    for document in documents.iter().filter(|document| Policy::is(&document.root)) {
        match Converted::new(&document.root) {
            Ok(found) => converted.push(found),
            Err(found) => obstacles.extend(found),
        }
    }
    if !obstacles.is_empty() {
        for obstacle in &obstacles {
            let place = format!("{path}:{}:{}", obstacle.line, obstacle.column);
            settings.warn(format!("{}: {}", printable(&place), printable(&obstacle.message)));
        }
        settings.say("nothing is converted: a part of a policy admits what the whole one refuses");
        return Ok(Exit::Failed);
    }
    if converted.is_empty() {
        settings.say(format!("`{path}` holds no ClusterPolicy or Policy of kyverno.io"));
        return Ok(Exit::Nothing);
    }
    let (resources, unread) = resources(&args.resource)?;
    for (path, why) in &unread {
        settings.warn(format!("not read: `{}`: {}", path.display(), printable(why)));
    }
    let (agreed, differences) = prove(&converted, &resources, settings);
    for difference in differences.iter().take(SHOWN) {
        settings.warn(printable(difference));
    }
    if !differences.is_empty() {
        settings.say(format!("the forms differ on {} requests, so nothing is written", differences.len()));
        return Ok(Exit::Failed);
    }
    let made: Vec<String> = converted.iter().flat_map(|(_, made)| made).map(yaml::write).collect();
    let made = made.join("---\n");
    match &args.output {
        None => output::to_stdout(made.as_bytes())?,
        Some(file) => {
            output::replace(file, made.as_bytes()).with_context(|| format!("cannot write `{}`", file.display()))?;
        }
    }
    let count: usize = converted.iter().map(|(_, made)| made.len()).sum();
    settings.say(format!("{} policies became {count} in CEL", converted.len()));
    if !args.resource.is_empty() {
        settings.say(format!(
            "both forms agree on {} resources, made, changed and deleted ({agreed} requests)",
            resources.len()
        ));
    }
    Ok(if unread.is_empty() { Exit::Well } else { Exit::Incomplete })
}

/// How many requests both forms agree on, and the others.
fn prove(converted: &[(Converted, Vec<Value>)], resources: &[Value], settings: &Settings) -> (usize, Vec<String>) {
    // Nothing that is converted draws a random number.
    let surroundings = Surroundings::kyverno(settings.now, [0; 32]);
    let (mut agreed, mut differences) = (0_usize, Vec::new());
    for (policy, _) in converted {
        for resource in resources {
            for operation in [Operation::Create, Operation::Update, Operation::Delete] {
                let found = compare(policy, &Input::of(resource.clone(), operation), &surroundings);
                if found.is_one() {
                    agreed += 1;
                    continue;
                }
                let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let says = |why: &Option<String>| why.clone().unwrap_or_else(|| "admitted".to_owned());
                differences.push(format!(
                    "{} {} `{}`: before: {}; in CEL: {}",
                    operation.as_str(),
                    text("/kind"),
                    text("/metadata/name"),
                    says(&found.before),
                    says(&found.after)
                ));
            }
        }
    }
    (agreed, differences)
}

/// What could not be read, and why.
type Unread = Vec<(PathBuf, String)>;

/// Resources of files and directories. Policies are none, and lists are what they hold.
fn resources(paths: &[PathBuf]) -> Result<(Vec<Value>, Unread)> {
    let Below { files, mut unread, .. } = files::yaml(paths)?;
    let mut found = Vec::new();
    for path in files {
        match of_file(&path) {
            Ok(more) => found.extend(more),
            Err(err) => unread.push((path, format!("{err:#}"))),
        }
    }
    Ok((found, unread))
}

fn of_file(path: &Path) -> Result<Vec<Value>> {
    let documents = signet_yaml::parse(&files::text(path)?, &Limits::default())?;
    let mut found = Vec::new();
    for document in &documents {
        let value = to_json(&document.root);
        let items = value.get("items").and_then(Value::as_array);
        match items.filter(|_| value.get("kind").and_then(Value::as_str) == Some("List")) {
            Some(items) => found.extend(items.iter().cloned()),
            None => found.push(value),
        }
    }
    let is_resource = |value: &Value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        !text("kind").is_empty() && !text("apiVersion").is_empty() && !text("apiVersion").contains("kyverno.io/")
    };
    found.retain(is_resource);
    Ok(found)
}

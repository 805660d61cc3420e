//! `grype db ...`: Grype's published database, compiled into our own form, under Grype's words.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use signet_advisories::feeds::grype_db;
use signet_model::Timestamp;

use super::args::Db;
use super::{data, search};
use crate::database::{self, Opened};
use crate::foreign::columns;
use crate::foreign::config::Config;
use crate::output;
use crate::settings::Settings;

/// `db check` found an update.
const UPDATE: u8 = 100;

/// Runs one of the commands.
pub(super) fn command(command: &Db, config: &Config, settings: &Settings) -> Result<u8> {
    match command {
        Db::Check(args) => check(&args.output, config, settings),
        Db::Update => {
            database::update(&data::wanted(config)?, settings).context("unable to update vulnerability database")?;
            print("Vulnerability database updated to latest version!\n")
        }
        Db::Status(args) => status(&args.output, settings),
        Db::List(args) => list(&args.output, config, settings),
        Db::Import { file } => import(file, settings),
        Db::Delete => delete(settings),
        Db::Providers(args) => providers(&args.output, settings),
        Db::Search(args) => search::command(args, settings),
        Db::Diff { .. } => {
            bail!("Grype removed `grype db diff` in its version 6: `signet db diff` compares two databases")
        }
    }
}

pub(super) fn print(text: &str) -> Result<u8> {
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}

pub(super) fn pretty(value: &Value) -> Result<u8> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// The installed database.
pub(super) fn installed(settings: &Settings) -> Result<Opened> {
    let path = std::env::var_os("SIGNET_DB").map_or_else(|| database::place(settings), Into::into);
    if path.as_os_str() == database::SAMPLE {
        return database::sample();
    }
    ensure!(path.exists(), "no vulnerability database in `{}`: `grype db update` fetches one", path.display());
    database::open(&path).with_context(|| format!("the vulnerability database `{}` cannot be used", path.display()))
}

fn status(format: &str, settings: &Settings) -> Result<u8> {
    let opened = installed(settings)?;
    let info = opened.info()?;
    let path = database::place(settings).display().to_string();
    let schema = format!("signet-{}", signet_advisories::FORMAT_VERSION);
    let built = info.built.map_or("unknown".to_owned(), |time| time.to_string());
    match format {
        "json" => pretty(&json!({
            "schemaVersion": schema, "from": info.digest.to_string(), "built": built, "path": path, "valid": true,
        })),
        "text" | "table" => print(&format!(
            "Path:      {path}\nSchema:    {schema}\nBuilt:     {built}\nFrom:      {}\nStatus:    valid\n",
            info.digest
        )),
        other => unsupported(other),
    }
}

pub(super) fn unsupported(format: &str) -> Result<u8> {
    bail!("unsupported output format: `{format}`: text, json")
}

fn check(format: &str, config: &Config, settings: &Settings) -> Result<u8> {
    let current = match database::place(settings).exists() {
        true => Some(installed(settings)?.info()?),
        false => None,
    };
    let built = current.as_ref().and_then(|info| info.built);
    // Of another publisher's database nobody can say that this one is newer: it is one to have.
    let own = current.as_ref().is_some_and(|info| info.feeds.iter().any(|feed| feed.name == grype_db::NAME));
    let available = match built {
        None => Some(None),
        Some(built) => {
            let published = database::grype_listing(&data::listing(config)?, &data::access(config)?, settings)
                .context("unable to check for vulnerability database update")?;
            published.1.built.filter(|time| !own || *time > built).map(Some)
        }
    };
    let text = match (format, &available) {
        ("json", _) => {
            let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
            let candidate = available.flatten();
            serde_json::to_string_pretty(&json!({
                "currentDB": built.map(|built| json!({ "built": built.to_string() })),
                "candidateDB": candidate.map(|_| json!({ "built": time(candidate) })),
                "updateAvailable": available.is_some(),
            }))? + "\n"
        }
        ("text" | "table", None) => "No update available\n".to_owned(),
        ("text" | "table", Some(candidate)) => {
            let mut text = String::new();
            let _ = match built {
                Some(built) => writeln!(text, "Installed DB version was built on {built}"),
                None => writeln!(text, "No installed DB version found"),
            };
            if let Some(time) = candidate {
                let _ = writeln!(text, "Updated DB version was built on {time}");
            }
            text + "Update available!\nYou can run 'grype db update' to update to the latest db\n"
        }
        (other, _) => return unsupported(other),
    };
    print(&text)?;
    Ok(if available.is_some() { UPDATE } else { 0 })
}

fn list(format: &str, config: &Config, settings: &Settings) -> Result<u8> {
    let url = data::listing(config)?;
    let (document, latest) =
        database::grype_listing(&url, &data::access(config)?, settings).context("unable to get database listing")?;
    let field = |name: &str| match document.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match format {
        "json" | "raw" => pretty(&document),
        "text" | "table" => print(&format!(
            "Status:   {}\nSchema:   {}\nBuilt:    {}\nListing:  {url}\nDB URL:   {}\nChecksum: {}\n",
            field("status"),
            field("schemaVersion"),
            field("built"),
            database::grype::address(&url, &latest)?,
            field("checksum"),
        )),
        other => unsupported(other),
    }
}

/// A compiled database is taken as it is, after every byte of it was checked; anything else is compiled.
fn import(file: &Path, settings: &Settings) -> Result<u8> {
    let context = || format!("unable to import vulnerability database `{}`", file.display());
    let target = database::place(settings);
    match database::open(file) {
        Ok(opened) => {
            opened.database()?.verify().with_context(context)?;
            let bytes = std::fs::read(file).with_context(context)?;
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder).with_context(context)?;
            }
            output::replace(&target, &bytes).with_context(context)?;
        }
        // Who is neither ours nor Grype's is Trivy's; else what is said of Grype's form is the answer.
        Err(_) => match database::compile_grype(file, &target, settings) {
            Ok(()) => {}
            Err(err) => match database::compile_trivy(file, &target, settings) {
                Ok(()) => {}
                Err(_) => return Err(err).with_context(context),
            },
        },
    }
    print("Vulnerability database imported\n")
}

fn delete(settings: &Settings) -> Result<u8> {
    let path = database::place(settings);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
        Err(err) => return Err(err).with_context(|| format!("unable to delete `{}`", path.display())),
    }
    print("Vulnerability database deleted\n")
}

fn providers(format: &str, settings: &Settings) -> Result<u8> {
    let info = installed(settings)?.info()?;
    let captured = |time: Option<Timestamp>| time.map_or("unknown".to_owned(), |time| time.to_string());
    match format {
        "json" => {
            let rows: Vec<Value> = info
                .feeds
                .iter()
                .map(|feed| json!({ "name": feed.name, "input": feed.url, "captured": captured(feed.data_time) }))
                .collect();
            pretty(&json!(rows))
        }
        "text" | "table" => {
            let row =
                |feed: &crate::report::FeedInfo| vec![feed.name.clone(), captured(feed.data_time), feed.url.clone()];
            let rows: Vec<Vec<String>> = info.feeds.iter().map(row).collect();
            print(&columns::render(&["NAME", "DATE CAPTURED", "INPUT"], &rows))
        }
        other => unsupported(other),
    }
}

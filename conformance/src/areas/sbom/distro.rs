//! `sbom/distro`: release files of distributions, whole trees and single files.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Scratch, catalogue};
use crate::set::{Case, Judged, Verdict, files, json, judge, text};

/// ID and VERSION_ID as expected.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    id: Option<String>,
    version_id: Option<String>,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("distro")?;
    let mut cases = Vec::new();
    for entry in entries(&folder.join("syft"))? {
        let name = file_name(&entry);
        let expected = json(&entry.join("expected.json"))?;
        let field = |key: &str| expected[key].as_str().map(str::to_owned);
        let root = if entry.join("root").is_dir() {
            entry.join("root")
        } else {
            // A single file: its name in the case's name says which release file it is.
            let place = if name.contains("system-release-cpe") { "etc/system-release-cpe" } else { "etc/os-release" };
            let root = scratch.path().join(&name);
            put(&root.join(place), &std::fs::read(entry.join("file"))?)?;
            root
        };
        cases.push(Case::new(
            format!("syft/{name}"),
            root,
            Expected { id: field("ID"), version_id: field("VersionID") },
        ));
    }
    for entry in entries(&folder.join("claircore"))? {
        let name = file_name(&entry);
        // Every file of these is an os-release; what it states is read here as plainly as can be, by sh's rules for the two fields.
        let release = files(&entry)?.into_iter().find(|path| path.ends_with("os-release")).context("no os-release")?;
        let stated = text(&release)?;
        let field = |key: &str| {
            stated.lines().find_map(|line| {
                let value = line.trim().strip_prefix(key)?.strip_prefix('=')?.trim();
                Some(value.trim_matches('"').trim_matches('\'').to_owned())
            })
        };
        let expected = Expected { id: field("ID"), version_id: field("VERSION_ID") };
        let root = scratch.path().join(format!("claircore-{name}"));
        put(&root.join("etc/os-release"), stated.as_bytes())?;
        cases.push(Case::new(format!("claircore/{name}"), root, expected));
    }
    Ok(judge(
        cases,
        |root| catalogue(&format!("dir:{}", root.display()), scratch.path()),
        |_, answer, expected| match answer {
            Ok(document) => Verdict::equal(&found(document), expected),
            Err(err) => Verdict::Failed(format!("{err:#}")),
        },
    ))
}

fn found(document: &Value) -> Expected {
    let field = |key: &str| document["distro"][key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Expected { id: field("id"), version_id: field("versionId") }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list `{}`", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    found.sort();
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(std::fs::write(path, bytes)?)
}

//! `sbom/rpmdb`: real RPM databases, against what `rpm -qa` printed of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Scratch, catalogue};
use crate::set::{Case, Judged, Verdict, json, judge};

/// Name, version with epoch, architecture, source package, vendor, licence.
type Row = (String, String, String, String, String, String);

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("rpmdb")?;
    let mut cases: Vec<Case<PathBuf, BTreeSet<Row>>> = Vec::new();
    let mut folders: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    folders.sort();
    for database in folders {
        let name = database.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
        let root = scratch.path().join(&name);
        let place = root.join("var/lib/rpm");
        std::fs::create_dir_all(&place)?;
        for file in ["rpmdb.sqlite", "Packages", "Packages.db"] {
            if database.join(file).is_file() {
                std::fs::copy(database.join(file), place.join(file))?;
            }
        }
        let listed = json(&database.join("rpm-qa.json"))?;
        let listed = listed.as_array().context("rpm-qa.json is a list")?;
        cases.push(Case::new(name, root, listed.iter().map(expected).collect()));
    }
    Ok(judge(
        cases,
        |root| catalogue(&format!("rootfs:{}", root.display()), scratch.path()),
        |_, answer, expected| match answer {
            Ok(document) => compare(&found(document), expected),
            Err(err) => Verdict::Failed(format!("{err:#}")),
        },
    ))
}

fn expected(row: &Value) -> Row {
    let field = |key: &str| row[key].as_str().filter(|text| *text != "(none)").unwrap_or_default().to_owned();
    let epoch = match &row["epoch"] {
        Value::Number(epoch) => format!("{epoch}:"),
        Value::String(epoch) if epoch != "(none)" => format!("{epoch}:"),
        _ => String::new(),
    };
    let version = format!("{epoch}{}-{}", field("version"), field("release"));
    (field("name"), version, field("arch"), source_name(&field("source_rpm")), field("vendor"), field("license"))
}

/// `bash-5.1.8-1.cm2.src.rpm` is of the source package `bash`.
fn source_name(file: &str) -> String {
    let stem = file.trim_end_matches(".src.rpm").trim_end_matches(".nosrc.rpm");
    let mut parts = stem.rsplitn(3, '-');
    parts.nth(2).unwrap_or(stem).to_owned()
}

fn found(document: &Value) -> BTreeSet<Row> {
    let packages = document["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages
        .iter()
        .filter(|package| package["kind"] == "rpm")
        .map(|package| {
            let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let licences: Vec<&str> =
                package["licenses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            (
                field(&package["name"]),
                field(&package["version"]),
                field(&package["arch"]),
                field(&package["source"]["name"]),
                field(&package["vendor"]),
                licences.join(" "),
            )
        })
        .collect()
}

fn compare(found: &BTreeSet<Row>, expected: &BTreeSet<Row>) -> Verdict {
    let missing: Vec<_> = expected.difference(found).take(5).collect();
    let extra: Vec<_> = found.difference(expected).take(5).collect();
    if missing.is_empty() && extra.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed(format!("missing {missing:?}\nextra {extra:?}"))
    }
}

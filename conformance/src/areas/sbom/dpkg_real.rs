//! `sbom/dpkg-real`: a real status file against what `dpkg-query` printed of it, and small trees whose expectations are prose.
//!
//! The prose stands in `cases/sbom/dpkg-real.tsv`: tree, number of packages, number of unexamined places, and packages that must be there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Scratch, catalogue, unpack_txtar};
use crate::set::{Case, Judged, Verdict, json, judge, text};

#[derive(Debug)]
enum Expected {
    /// Name, version, architecture, source and its version of every installed package.
    Exactly(BTreeSet<Vec<String>>),
    /// Counts, and some names with versions.
    Counts { packages: usize, unexamined: usize, some: Vec<(String, String)> },
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("dpkg")?;
    let mut cases: Vec<Case<PathBuf, Expected>> = Vec::new();
    let listed = json(&folder.join("bookworm-min/dpkg-query.json"))?;
    let rows = listed.as_array().context("dpkg-query.json is a list")?;
    let exactly = rows
        .iter()
        .filter(|row| row["status"] == "installed")
        .map(|row| {
            ["name", "version", "arch", "source", "source_version"]
                .iter()
                .map(|key| row[*key].as_str().unwrap_or_default().to_owned())
                .collect()
        })
        .collect();
    cases.push(Case::new("bookworm-min", folder.join("bookworm-min"), Expected::Exactly(exactly)));
    let table = include_str!("../../../cases/sbom/dpkg-real.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let mut next = || columns.next().context("dpkg-real.tsv: a column is missing");
        let (name, packages, unexamined, some) = (next()?, next()?.parse()?, next()?.parse()?, next()?);
        let root = scratch.path().join(name);
        unpack_txtar(&text(&folder.join("trivy-txtar").join(name))?, &root)?;
        let some = some
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect();
        cases.push(Case::new(format!("trivy-txtar/{name}"), root, Expected::Counts { packages, unexamined, some }));
    }
    Ok(judge(
        cases,
        |root| catalogue(&format!("dir:{}", root.display()), scratch.path()),
        |_, answer, expected| match answer {
            Ok(document) => compare(document, expected),
            Err(err) => Verdict::Failed(format!("{err:#}")),
        },
    ))
}

fn compare(document: &Value, expected: &Expected) -> Verdict {
    let packages: Vec<&Value> =
        document["packages"].as_array().into_iter().flatten().filter(|package| package["kind"] == "deb").collect();
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match expected {
        Expected::Exactly(rows) => {
            let found: BTreeSet<Vec<String>> = packages
                .iter()
                .map(|package| {
                    let source = &package["source"];
                    vec![
                        field(&package["name"]),
                        field(&package["version"]),
                        field(&package["arch"]),
                        field(&source["name"]),
                        field(&source["version"]),
                    ]
                })
                .collect();
            let missing: Vec<_> = rows.difference(&found).take(5).collect();
            let extra: Vec<_> = found.difference(rows).take(5).collect();
            if missing.is_empty() && extra.is_empty() {
                Verdict::Passed
            } else {
                Verdict::Failed(format!("missing {missing:?}\nextra {extra:?}"))
            }
        }
        Expected::Counts { packages: count, unexamined, some } => {
            let unread = document["unexamined"].as_array().map(Vec::len).unwrap_or_default();
            let absent: Vec<_> = some
                .iter()
                .filter(|(name, version)| {
                    !packages
                        .iter()
                        .any(|package| package["name"] == name.as_str() && package["version"] == version.as_str())
                })
                .collect();
            if packages.len() == *count && unread == *unexamined && absent.is_empty() {
                Verdict::Passed
            } else {
                Verdict::Failed(format!(
                    "expected {count} packages and {unexamined} unexamined, got {} and {unread}; absent: {absent:?}",
                    packages.len()
                ))
            }
        }
    }
}

//! `sbom/cyclonedx`, `sbom/spdx`, `sbom/syft-formats`: SBOMs of others, read by `signet sbom sbom:FILE`.
//!
//! A document that is read must give back every library that it lists by name and version. XML, tag-value, YAML and SPDX 3 are not read yet, and
//! telling a valid document from an invalid one is the work of `signet sbom lint`, which is not built yet: such cases are skipped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::Purl;

use super::Scratch;
use crate::set::{Case, Judged, Verdict, files, judge};
use crate::signet;

#[derive(Debug)]
enum Input {
    File(PathBuf),
    NotYet(&'static str),
}

#[derive(Debug)]
enum Expected {
    /// Names and versions that must be among the packages.
    Holds(BTreeSet<Row>),
    /// Refused.
    Refused,
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    document: Option<Value>,
    stderr: String,
}

/// The specification's own examples.
pub(crate) fn cyclonedx(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &["1.5", "1.6", "1.7"], |name| if name.contains("invalid-") { Kind::Judgement } else { Kind::Valid })
}

/// Documents of the SPDX project.
pub(crate) fn spdx(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &["examples", "tools-python"], |_| Kind::Valid)
}

/// What the tests of Syft and Trivy decode.
pub(crate) fn syft_formats(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &[""], |name| {
        if name.starts_with("schema/") {
            Kind::Support
        } else if name.ends_with(".template") {
            Kind::Template
        } else if ["__bad", "__sad"].iter().any(|mark| name.contains(mark)) {
            Kind::Bad
        } else {
            Kind::Valid
        }
    })
}

/// Name, version and purl (empty: none).
type Row = (String, String, String);

/// What a case is by its name.
enum Kind {
    Valid,
    /// Must be refused.
    Bad,
    /// Breaks a rule of the specification, which only a linter has to notice.
    Judgement,
    Template,
    Support,
}

fn run(folder: &Path, parts: &[&str], kind: fn(&str) -> Kind) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("formats")?;
    let mut cases = Vec::new();
    for part in parts {
        for path in files(&folder.join(part))? {
            let name = path.strip_prefix(folder)?.display().to_string();
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let text = decode(&bytes);
            let document: Option<Value> = serde_json::from_str(&text).ok();
            let subset = match &document {
                Some(_) => "json",
                None => "other",
            };
            let case = match (kind(&name), &document) {
                (Kind::Support, _) => continue,
                (Kind::Template, _) => {
                    Case::new(name, Input::NotYet("output by a template is not built yet"), holds(None))
                }
                (Kind::Judgement, Some(_)) => Case::new(
                    name,
                    Input::NotYet("telling invalid from valid is for `signet sbom lint`, which is not built yet"),
                    holds(None),
                ),
                (Kind::Bad, _) => Case::new(name, Input::File(path), Expected::Refused).refused(),
                (_, None) => Case::new(name, Input::NotYet("XML, tag-value and YAML are not read yet"), holds(None)),
                (_, Some(document)) if document.get("@graph").is_some() => {
                    Case::new(name, Input::NotYet("SPDX 3 is not read yet"), holds(None))
                }
                (_, Some(document)) => Case::new(name, Input::File(path), holds(Some(document))),
            };
            cases.push(case.within(subset));
        }
    }
    Ok(judge(
        cases,
        |input| match input {
            Input::NotYet(_) => Ok(Answer { code: None, document: None, stderr: String::new() }),
            Input::File(path) => {
                let source = format!("sbom:{}", path.display());
                let arguments = ["sbom", &source, "-o", "json", "--allow-incomplete", "--no-cache"];
                let output = signet::run(&arguments, scratch.path(), scratch.path())?;
                Ok(Answer {
                    code: output.status.code(),
                    document: serde_json::from_slice(&output.stdout).ok(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                })
            }
        },
        compare,
    ))
}

/// UTF-16 by its byte order mark, else UTF-8.
fn decode(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

/// The libraries of a CycloneDX document, the packages of an SPDX one, the artifacts of a Syft one.
fn holds(document: Option<&Value>) -> Expected {
    let mut rows = BTreeSet::new();
    if let Some(document) = document {
        let mut open: Vec<&Value> = list(&document["components"]).collect();
        while let Some(component) = open.pop() {
            open.extend(list(&component["components"]));
            if component["type"] == "library" {
                rows.insert(row(component, "version"));
            }
        }
        let described: BTreeSet<&str> = list(&document["documentDescribes"])
            .filter_map(Value::as_str)
            .chain(
                list(&document["relationships"])
                    .filter(|edge| edge["relationshipType"] == "DESCRIBES")
                    .filter_map(|edge| edge["relatedSpdxElement"].as_str()),
            )
            .collect();
        // What a document is about becomes the subject, not a package of it.
        let about = |package: &&Value| package["SPDXID"].as_str().is_some_and(|id| described.contains(id));
        rows.extend(
            list(&document["packages"]).filter(|package| !about(package)).map(|package| row(package, "versionInfo")),
        );
        rows.extend(list(&document["artifacts"]).map(|artifact| row(artifact, "version")));
    }
    // Without version and purl it is a file or a folder that a tool counts as a component.
    rows.retain(|(_, version, purl)| !(version.is_empty() && purl.is_empty()));
    Expected::Holds(rows)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn row(value: &Value, version: &str) -> Row {
    let of = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let reference = list(&value["externalRefs"]).find(|reference| reference["referenceType"] == "purl");
    let purl = reference.and_then(|reference| reference["referenceLocator"].as_str()).map_or(of("purl"), str::to_owned);
    let canonical = Purl::parse_lenient(&purl).map(|purl| purl.to_string()).unwrap_or_default();
    (of("name"), of(version), canonical)
}

fn compare(input: &Input, answer: &Result<Answer>, expected: &Expected) -> Verdict {
    if let Input::NotYet(why) = input {
        return Verdict::Skipped((*why).to_owned());
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(err) => return Verdict::Failed(format!("{err:#}")),
    };
    match (expected, &answer.document) {
        (Expected::Refused, _) => {
            // Refused whole, or in part: an entry for what could not be read, which without `--allow-incomplete` is exit 13.
            let partly =
                answer.document.as_ref().is_some_and(|document| list(&document["unexamined"]).next().is_some());
            if partly || answer.code == Some(1) && answer.stderr.contains("cannot read the SBOM") {
                Verdict::Passed
            } else {
                Verdict::Failed(format!("must be refused; exit {:?}: {}", answer.code, answer.stderr))
            }
        }
        (Expected::Holds(rows), Some(document)) if answer.code == Some(0) => {
            let found: Vec<Row> = list(&document["packages"]).map(|package| row(package, "version")).collect();
            let subject = document["subject"]["name"].as_str().unwrap_or_default();
            let missing: Vec<_> = rows
                .iter()
                .filter(|(name, version, purl)| {
                    let named = |found: &str| {
                        // A group or namespace may stand before the name, here or there.
                        let ends = |long: &str, short: &str| {
                            long.strip_suffix(short).is_some_and(|rest| rest.ends_with(['/', ':']) || rest.is_empty())
                        };
                        ends(found, name) || ends(name, found)
                    };
                    let at = |found: &str| found == version || found.ends_with(&format!(":{version}"));
                    let is_there =
                        |(found, is, url): &Row| (!purl.is_empty() && url == purl) || (named(found) && at(is));
                    subject != name && !found.iter().any(is_there)
                })
                .take(5)
                .collect();
            if missing.is_empty() { Verdict::Passed } else { Verdict::Failed(format!("missing {missing:?}")) }
        }
        _ => Verdict::Failed(format!("must be read; exit {:?}: {}", answer.code, answer.stderr)),
    }
}

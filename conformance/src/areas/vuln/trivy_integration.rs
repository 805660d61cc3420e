//! `vuln/trivy-integration`: Trivy's own integration tests, run through `signet trivy`, against the reports that Trivy gave.
//!
//! The reference tests fix the clock, UUIDs and the version, which no user can; these are left out of the comparison, as are the fields that
//! the reference tests clear themselves. Source: aquasecurity/trivy:integration/integration_test.go, sbom_test.go.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json as value};

use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, json, judge};
use crate::signet;

/// What the evaluator sees of a case.
#[derive(Debug)]
struct Input {
    id: String,
    argv: Vec<String>,
    /// The name that the report must state, for cases whose expected report was made from another source.
    target: String,
    network: bool,
}

/// Cases of what is built so far.
const SPINE: &[&str] = &[
    "repo-06",
    "repo-07",
    "repo-08",
    "repo-09",
    "repo-10",
    "repo-13",
    "repo-14",
    "sbom-58",
    "convert-62",
    "convert-63",
    "convert-64",
];

/// The clock of the reference tests, which tells what was past its end of life: 2021-08-25T12:20:30Z.
const TIME: i64 = 1_629_894_030;

/// Scanners that are not built yet.
const WAITING: &[&str] = &["misconfig", "config", "secret"];

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("trivy-integration")?;
    let cache = scratch.path().join("trivy-cache");
    std::fs::create_dir_all(cache.join("db"))?;
    let databases = folder.parent().context("a set lies in its area")?.join("db-files");
    for (from, to) in [("trivy-fixture.db", "trivy.db"), ("trivy-fixture.metadata.json", "metadata.json")] {
        std::fs::copy(databases.join(from), cache.join("db").join(to))
            .with_context(|| format!("cannot copy `{from}`"))?;
    }
    let mut cases = Vec::new();
    for case in json(&folder.join("cases.json"))?.as_array().context("cases.json is a list")? {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        let argv = case["argv"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|arg| match arg {
            "$CACHE" => cache.display().to_string(),
            // The case names a place that the corpus does not have.
            "testdata/npm.json.golden" => "golden/npm.json.golden".to_owned(),
            other => other.to_owned(),
        });
        let input = Input {
            id: id.clone(),
            argv: argv.collect(),
            target: text("input"),
            network: case["needs_network"].as_bool().unwrap_or(false),
        };
        let mut expected = json(&folder.join("golden").join(text("golden")))?;
        if text("note").contains("ArtifactType must read \"filesystem\"") {
            expected["ArtifactType"] = value!("filesystem");
        }
        let case = Case::new(id.clone(), input, expected);
        cases.push(if SPINE.contains(&id.as_str()) { case.within("spine") } else { case });
    }
    Ok(judge(
        cases,
        |input| answer(input, folder, scratch.path()),
        |input, answer, expected| match answer {
            Answer::Report(report) => compare(input, report, expected),
            Answer::Waiting(why) => Verdict::Skipped(why.clone()),
            Answer::Failed(why) => Verdict::Failed(why.clone()),
        },
    ))
}

enum Answer {
    Report(Value),
    Waiting(String),
    Failed(String),
}

fn answer(input: &Input, folder: &Path, scratch: &Path) -> Answer {
    if input.network {
        return Answer::Waiting("needs the network".to_owned());
    }
    let scanners = input.argv.iter().skip_while(|arg| *arg != "--scanners").nth(1);
    let waiting = scanners.into_iter().flat_map(|list| list.split(',')).find(|name| WAITING.contains(name));
    if let Some(name) = waiting {
        return Answer::Waiting(format!("needs the scanner `{name}`"));
    }
    let output = scratch.join(format!("{}.json", input.id));
    match run(input, folder, scratch, &output) {
        Ok(report) => Answer::Report(report),
        Err(err) => Answer::Failed(format!("{err:#}")),
    }
}

fn run(input: &Input, folder: &Path, scratch: &Path, output: &Path) -> Result<Value> {
    let mut arguments = vec!["trivy".to_owned()];
    arguments.extend(input.argv.iter().cloned());
    arguments.extend(["--output".to_owned(), output.display().to_string()]);
    let ended = signet::run_at(Some(TIME), &arguments, folder, scratch)?;
    ensure!(ended.status.success(), "{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim());
    json(output)
}

fn compare(input: &Input, report: &Value, expected: &Value) -> Verdict {
    let (mut got, mut wanted) = (report.clone(), expected.clone());
    if input.id.starts_with("sbom-") && wanted["ArtifactType"] == "container_image" {
        as_of_an_sbom(&mut wanted, &input.target);
        without_what_an_sbom_lacks(&mut got);
        without_what_an_sbom_lacks(&mut wanted);
    }
    // A converted report keeps its time; a scan has its own.
    let keep_time = input.id.starts_with("convert-");
    for document in [&mut got, &mut wanted] {
        if document["bomFormat"] == "CycloneDX" {
            settle_cyclonedx(document);
        } else if document.get("spdxVersion").is_some() {
            settle_spdx(document);
        } else {
            settle_report(document, keep_time);
        }
    }
    match difference("", &wanted, &got) {
        None => Verdict::Passed,
        Some(why) => Verdict::Failed(why),
    }
}

fn remove(value: &mut Value, keys: &[&str]) {
    if let Some(object) = value.as_object_mut() {
        for key in keys {
            object.remove(*key);
        }
    }
}

fn settle_report(report: &mut Value, keep_time: bool) {
    // What could not be examined has no place in Trivy's report; ours says it under a name of its own, which Trivy's readers skip.
    remove(report, &["ReportID", "Trivy", "Unexamined"]);
    if !keep_time {
        remove(report, &["CreatedAt"]);
    }
    remove(&mut report["Metadata"], &["RepoDigests"]);
    if report["Metadata"].is_null() {
        remove(report, &["Metadata"]);
    }
    vulnerabilities(report, |row| {
        if let Some(layer) = row.get_mut("Layer") {
            remove(layer, &["Digest"]);
        }
    });
}

fn vulnerabilities(report: &mut Value, mut change: impl FnMut(&mut Value)) {
    let results = report.get_mut("Results").and_then(Value::as_array_mut).into_iter().flatten();
    for result in results {
        result.get_mut("Vulnerabilities").and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut change);
    }
}

/// The report of an image, as it reads when an SBOM of the image was scanned. Source: the note of these cases.
fn as_of_an_sbom(report: &mut Value, target: &str) {
    let cyclonedx = target.ends_with(".json");
    report["ArtifactName"] = value!(target);
    report["ArtifactType"] = value!(if cyclonedx { "cyclonedx" } else { "spdx" });
    let os = &report["Metadata"]["OS"];
    let os = format!("{} {}", os["Family"].as_str().unwrap_or_default(), os["Name"].as_str().unwrap_or_default());
    report["Results"][0]["Target"] = value!(format!("{target} ({os})"));
    if cyclonedx {
        vulnerabilities(report, |row| row["PkgIdentifier"]["BOMRef"] = row["PkgIdentifier"]["PURL"].clone());
    }
}

fn without_what_an_sbom_lacks(report: &mut Value) {
    remove(report, &["ArtifactID"]);
    remove(&mut report["Metadata"], &["ImageConfig", "Size", "Layers"]);
    vulnerabilities(report, |row| {
        remove(row, &["Fingerprint"]);
        remove(&mut row["PkgIdentifier"], &["UID"]);
        // The SBOM writes the qualifiers of its references in another order.
        if let Some(Value::String(reference)) = row["PkgIdentifier"].get_mut("BOMRef")
            && let Some((start, qualifiers)) = reference.split_once('?')
        {
            let mut qualifiers: Vec<&str> = qualifiers.split('&').collect();
            qualifiers.sort_unstable();
            *reference = format!("{start}?{}", qualifiers.join("&"));
        }
    });
}

/// UUIDs become the names of what they stand for; lists without an order of their own are sorted.
fn settle_cyclonedx(document: &mut Value) {
    remove(document, &["serialNumber"]);
    remove(&mut document["metadata"], &["timestamp"]);
    let tools = document["metadata"]["tools"]["components"].as_array_mut().into_iter().flatten();
    tools.for_each(|tool| remove(tool, &["version"]));
    let mut names: HashMap<String, Value> = HashMap::new();
    let root = document["metadata"]["component"].clone();
    for component in document["components"].as_array().into_iter().flatten().chain([&root]) {
        let reference = component["bom-ref"].as_str().unwrap_or_default();
        if !reference.starts_with("pkg:") {
            let parts = [&component["type"], &component["name"], &component["version"]];
            names.insert(reference.to_owned(), value!(format!("{parts:?}")));
        }
    }
    rename(document, &names);
    let sort = |list: &mut Value, key: &str| {
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(|item| item.get(key).unwrap_or(item).to_string());
        }
    };
    for component in document["components"].as_array_mut().into_iter().flatten() {
        if component.get("properties").is_some() {
            sort(&mut component["properties"], "name");
        }
    }
    for dependency in document["dependencies"].as_array_mut().into_iter().flatten() {
        sort(&mut dependency["dependsOn"], "");
    }
    for (list, key) in [("components", "bom-ref"), ("dependencies", "ref"), ("vulnerabilities", "id")] {
        sort(&mut document[list], key);
    }
}

/// Who wrote it, which release of the program, and when are the reference's own.
fn settle_spdx(document: &mut Value) {
    remove(document, &["creationInfo", "documentNamespace"]);
    for package in document["packages"].as_array_mut().into_iter().flatten() {
        let annotations = package.get_mut("annotations").and_then(Value::as_array_mut);
        annotations.into_iter().flatten().for_each(|note| remove(note, &["annotator", "annotationDate"]));
    }
    if let Some(list) = document["relationships"].as_array_mut() {
        list.sort_by_key(Value::to_string);
    }
}

fn rename(value: &mut Value, names: &HashMap<String, Value>) {
    match value {
        Value::String(text) => {
            if let Some(name) = names.get(text) {
                *value = name.clone();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Value::Object(fields) => fields.values_mut().for_each(|field| rename(field, names)),
        _ => {}
    }
}

/// The first place where the two differ.
fn difference(path: &str, wanted: &Value, got: &Value) -> Option<String> {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            let keys: std::collections::BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
            keys.into_iter().find_map(|key| {
                let path = format!("{path}/{key}");
                match (wanted.get(key), got.get(key)) {
                    (Some(wanted), Some(got)) => difference(&path, wanted, got),
                    (Some(wanted), None) => Some(format!("{path}: missing, wanted {}", short(wanted))),
                    (None, got) => Some(format!("{path}: not wanted: {}", got.map(short).unwrap_or_default())),
                }
            })
        }
        (Value::Array(wanted), Value::Array(got)) => {
            let different = wanted.iter().zip(got).enumerate();
            let different =
                different.filter_map(|(n, (wanted, got))| difference(&format!("{path}/{n}"), wanted, got)).next();
            different.or_else(|| {
                (wanted.len() != got.len()).then(|| format!("{path}: {} entries, wanted {}", got.len(), wanted.len()))
            })
        }
        _ => (wanted != got).then(|| format!("{path}: {}, wanted {}", short(got), short(wanted))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(120).collect()
}

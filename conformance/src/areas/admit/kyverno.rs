//! `admit/kyverno-cli` and `admit/kyverno-policies`: Kyverno's own suites (`kyverno-test.yaml`), through `signet kyverno test`.
//!
//! The program sees copies of the suites without their `results`, and prints what each policy says of each resource; rows of `cases.tsv` are
//! compared afterwards. Kyverno counts a result that no rule gave as a success ("Excluded"): here it is a failure unless a skip is expected, and
//! says so. Suites that need a registry run beside one of our own making ([`World`]); their rows are the subset `registry`. A suite that upstream runs to see it fail must find nothing. A rule of a kind that is not evaluated is a failure whatever is expected. Where a row names a file of objects (`patched`), the object
//! that came of the rule must be the one of the same identity there; where such a row expects a failure, another object is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::world::World;
use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, judge, text};
use crate::signet;

/// The subset of the rows whose suites need a registry.
const REGISTRY: &str = "registry";

/// What the evaluator sees of a row.
#[derive(Debug)]
struct Input {
    suite: Named,
    policy: String,
    rule: String,
    resource: String,
}

#[derive(Debug)]
struct Expected {
    result: String,
    /// The file of the objects that must have come of it.
    patched: Option<PathBuf>,
    /// The suite is one that upstream runs to see it fail.
    fails: bool,
}

/// A suite, and which document of its file is meant where there are several: each is a suite of its own.
type Named = (String, Option<usize>);

/// Suites that must fail. Source: kyverno/kyverno:Makefile, `kyverno test ./test/cli/test-fail/missing-policy && exit 1 || exit 0`.
const MUST_FAIL: &str = "test-fail/";

/// What the program said of a suite: one object for each policy and resource, or why it said nothing.
type Suite = std::result::Result<Vec<Value>, String>;

/// What became of a row.
#[derive(Debug)]
enum Answer {
    Broken(String),
    /// Policy and resource were judged, and no rule was about them.
    Empty,
    NotFound,
    Results(Vec<Said>),
}

/// What one rule said, and the object that came of it.
#[derive(Debug)]
struct Said {
    status: String,
    message: String,
    object: Option<Value>,
}

/// A set of the area: a folder with suites, and the rows of `cases.tsv` beside it.
pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let area = folder.parent().context("a set lies in its area")?;
    let set = folder.file_name().and_then(|name| name.to_str()).context("a set has a name")?;
    let scratch = Scratch::new(set)?;
    let copy = scratch.path().join(set);
    for file in files(folder)? {
        let to = copy.join(file.strip_prefix(folder).context("a file lies in its set")?);
        std::fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        if file.file_name().is_some_and(|name| name == "kyverno-test.yaml") {
            std::fs::write(&to, without_results(&text(&file)?))?;
        } else {
            std::fs::copy(&file, &to).with_context(|| format!("cannot copy `{}`", file.display()))?;
        }
    }
    let mut cases = Vec::new();
    let mut said: BTreeMap<Named, Suite> = BTreeMap::new();
    let mut documents: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    // Suites that need a registry.
    let mut beside: BTreeSet<String> = BTreeSet::new();
    for (number, line) in text(&area.join("cases.tsv"))?.lines().enumerate().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [reach, format, suite, policy, rule, _kind, resource, result, rest @ ..] = columns.as_slice() else {
            continue;
        };
        let Some(within) = suite.strip_prefix(set).and_then(|within| within.strip_prefix('/')) else { continue };
        if *format != "kyverno-cli" {
            continue;
        }
        let registry = *reach != "offline";
        if registry && beside.insert(within.to_owned()) {
            // Without that world its rows fail, and say why.
            if let Ok(world) = World::get() {
                swap(&folder.join(within), &copy.join(within), &world)?;
            }
        }
        if !documents.contains_key(within) {
            documents.insert(within.to_owned(), rows_of(&folder.join(within))?);
        }
        let number_of = documents.get_mut(within).and_then(|left| next_document(left));
        let named = (within.to_owned(), number_of);
        said.entry(named.clone()).or_insert(Ok(Vec::new()));
        let input = Input {
            suite: named,
            policy: (*policy).to_owned(),
            rule: (*rule).to_owned(),
            resource: (*resource).to_owned(),
        };
        let patched = rest.first().filter(|patched| !patched.is_empty());
        let patched = patched.and_then(|patched| Some(folder.join(within).parent()?.join(patched)));
        let fails = within.starts_with(MUST_FAIL);
        let expected = Expected { result: (*result).to_owned(), patched, fails };
        let id = format!("{}:{policy}:{rule}:{resource}:{number}", within.trim_end_matches("/kyverno-test.yaml"));
        let group = within.split('/').next().unwrap_or_default().to_owned();
        let case = Case::new(id, input, expected).within(group);
        cases.push(if registry { case.within(REGISTRY.to_owned()) } else { case });
    }
    for ((suite, number), answer) in &mut said {
        let asked = match number {
            None => Ok(()),
            Some(number) => only(&folder.join(suite.as_str()), *number, &copy.join(suite.as_str())),
        };
        let run = |()| match beside.contains(suite) {
            true => run(&copy.join(suite.as_str()), &scratch, Some(&*World::get()?)),
            false => run(&copy.join(suite.as_str()), &scratch, None),
        };
        *answer = asked.and_then(run).map_err(|err| format!("{err:#}"));
    }
    Ok(judge(cases, |input| ask(input, &said), |_, answer, expected| compare(answer, expected)))
}

fn documents_of(suite: &Path) -> Result<Vec<Value>> {
    let documents = signet_yaml::parse(&text(suite)?, &signet_yaml::Limits::default())
        .with_context(|| format!("`{}` is no YAML", suite.display()))?;
    Ok(documents.iter().map(|document| signet_yaml::to_json(&document.root)).filter(Value::is_object).collect())
}

/// How many rows each document of a suite has, if there are several: one for each resource of each result. What is expected is not read.
fn rows_of(suite: &Path) -> Result<Vec<usize>> {
    let documents = documents_of(suite)?;
    if documents.len() < 2 {
        return Ok(Vec::new());
    }
    let rows = |result: &Value| {
        let named = ["resources", "resource"].iter().find_map(|key| result.get(*key).and_then(Value::as_array));
        named.map_or(1, |named| named.len().max(1))
    };
    let of = |document: &Value| {
        let results = document.get("results").and_then(Value::as_array);
        results.into_iter().flatten().map(rows).sum()
    };
    Ok(documents.iter().map(of).collect())
}

/// Whose turn it is, of documents with so many rows left each.
fn next_document(left: &mut [usize]) -> Option<usize> {
    let number = left.iter().position(|left| *left > 0)?;
    *left.get_mut(number)? -= 1;
    Some(number)
}

/// Writes one document of a suite, without its results, as a suite.
fn only(suite: &Path, number: usize, to: &Path) -> Result<()> {
    let mut document = documents_of(suite)?.into_iter().nth(number).context("there is no such document")?;
    if let Some(entries) = document.as_object_mut() {
        entries.remove("results");
        entries.remove("checks");
    }
    std::fs::write(to, document.to_string()).with_context(|| format!("cannot write `{}`", to.display()))
}

/// The suite's text up to and behind its `results`.
fn without_results(suite: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in suite.lines() {
        let top = line.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if top || line.starts_with("---") {
            inside = line.starts_with("results:") || line.starts_with("checks:");
        }
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Writes the files beside a suite with ours in the place of upstream's keys, certificates and digests.
fn swap(suite: &Path, to: &Path, world: &World) -> Result<()> {
    let (from, to) = (suite.parent().context("a folder")?, to.parent().context("a folder")?);
    for file in files(from)? {
        let is_yaml = file.extension().is_some_and(|end| end == "yaml");
        if !is_yaml || file.file_name().is_some_and(|name| name == "kyverno-test.yaml") {
            continue;
        }
        let mut documents = documents_of(&file)?;
        documents.iter_mut().for_each(|document| world.swap(document));
        let text: Vec<String> = documents.iter().map(Value::to_string).collect();
        std::fs::write(to.join(file.strip_prefix(from)?), text.join("\n---\n"))?;
    }
    Ok(())
}

fn run(suite: &Path, scratch: &Scratch, world: Option<&World>) -> Result<Vec<Value>> {
    let folder = suite.parent().context("a suite lies in a folder")?;
    let mut arguments: Vec<PathBuf> = vec!["kyverno".into(), "test".into(), suite.to_owned(), "--responses".into()];
    let output = match world {
        Some(world) => {
            arguments.push("--registry".into());
            signet::run_around(&world.around(), &arguments, folder, scratch.path())?
        }
        None => signet::run(&arguments, folder, scratch.path())?,
    };
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(|line| serde_json::from_str(line).context("the program prints no JSON")).collect()
}

fn ask(input: &Input, said: &BTreeMap<Named, Suite>) -> Answer {
    let verdicts = match said.get(&input.suite) {
        Some(Ok(verdicts)) => verdicts,
        Some(Err(why)) => return Answer::Broken(why.clone()),
        None => return Answer::NotFound,
    };
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is = |wanted: &str, namespace: &str, name: &str| match wanted.split_once('/') {
        Some((in_namespace, wanted)) => wanted == name && in_namespace == namespace,
        None => wanted == name,
    };
    let mut results = Vec::new();
    let mut found = false;
    for verdict in verdicts {
        if !is(&input.policy, &text(verdict, "policyNamespace"), &text(verdict, "policy")) {
            continue;
        }
        let about =
            input.resource.is_empty() || is(&input.resource, &text(verdict, "namespace"), &text(verdict, "resource"));
        found |= about;
        for rule in verdict.get("rules").and_then(Value::as_array).into_iter().flatten() {
            let target = rule.get("target");
            let about_target = target.and_then(|target| target.get("metadata")).is_some_and(|metadata| {
                input.resource.is_empty() || is(&input.resource, &text(metadata, "namespace"), &text(metadata, "name"))
            });
            let name = text(rule, "rule");
            let own = name.strip_prefix("autogen-cronjob-").or_else(|| name.strip_prefix("autogen-")).unwrap_or(&name);
            let named = input.rule.is_empty() || name.is_empty() || name == input.rule || own == input.rule;
            if named && (about || about_target) {
                found = true;
                results.push(Said {
                    status: text(rule, "status"),
                    message: text(rule, "message"),
                    object: target.or_else(|| verdict.get("patched")).filter(|object| !object.is_null()).cloned(),
                });
            }
        }
    }
    match (found, results.is_empty()) {
        (false, _) => Answer::NotFound,
        (true, true) => Answer::Empty,
        (true, false) => Answer::Results(results),
    }
}

fn compare(answer: &Answer, expected: &Expected) -> Verdict {
    match answer {
        Answer::Broken(why) => Verdict::Failed(format!("the suite cannot be run: {why}")),
        Answer::NotFound | Answer::Empty if expected.fails => Verdict::Passed,
        Answer::Results(_) if expected.fails => {
            Verdict::Failed("the suite must fail, and something came of it".to_owned())
        }
        Answer::NotFound => Verdict::Failed("no such policy and resource were loaded together".to_owned()),
        Answer::Empty if expected.result == "skip" => Verdict::Passed,
        Answer::Empty => {
            Verdict::Failed(format!("empty match: expected {}, and no rule is about the resource", expected.result))
        }
        Answer::Results(results) => {
            for said in results {
                if said.message.starts_with("not evaluated: ") {
                    return Verdict::Failed(said.message.clone());
                }
                let differs = match &expected.patched {
                    None => None,
                    Some(path) => differs(said.object.as_ref(), path),
                };
                match differs {
                    Some(_) if expected.result == "fail" => {}
                    Some(why) => return Verdict::Failed(why),
                    None if said.status == expected.result => {}
                    None => {
                        let message = &said.message;
                        return Verdict::Failed(format!(
                            "expected {}, got {}: {message}",
                            expected.result, said.status
                        ));
                    }
                }
            }
            Verdict::Passed
        }
    }
}

/// Why an object is none of those in a file.
fn differs(object: Option<&Value>, path: &Path) -> Option<String> {
    let Some(object) = object else { return Some("no object came of the rule".to_owned()) };
    let read = text(path).and_then(|yaml| {
        let documents = signet_yaml::parse(&yaml, &signet_yaml::Limits::default())?;
        Ok(documents.iter().map(|document| signet_yaml::to_json(&document.root)).collect::<Vec<_>>())
    });
    let expected = match read {
        Ok(expected) => expected,
        Err(err) => return Some(format!("the expected objects cannot be read: {err:#}")),
    };
    let identity = |of: &Value| {
        let part = |pointer: &str| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        // What names no namespace lies in `default`, as for Kyverno's tool.
        let namespace = Some(part("/metadata/namespace")).filter(|name| !name.is_empty());
        [part("/apiVersion"), part("/kind"), namespace.unwrap_or_else(|| "default".to_owned()), part("/metadata/name")]
    };
    let Some(expected) = expected.iter().find(|expected| identity(expected) == identity(object)) else {
        return Some(format!("no expected object is {}", identity(object).join("/")));
    };
    let mut expected = expected.clone();
    if let Some(metadata) = expected.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.entry("namespace").or_insert_with(|| Value::String("default".to_owned()));
    }
    let (expected, found) = (bare(&expected), bare(object));
    (expected != found).then(|| format!("another object came of the rule: {found}"))
}

/// An object without empty values and without the labels that Kyverno adds; numbers are doubles.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let counts = |key: &str| !key.starts_with("generate.kyverno.io/") && key != "app.kubernetes.io/managed-by";
            let kept = entries.iter().filter(|(key, _)| counts(key)).map(|(key, value)| (key.clone(), bare(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(bare).filter(|item| !is_empty(item)).collect()),
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

//! `admit/kyverno-cli` and `admit/kyverno-policies`: Kyverno's own suites (`kyverno-test.yaml`), through `signet kyverno test`.
//!
//! The program sees copies of the suites without their `results`, and prints what each policy says of each resource; rows of `cases.tsv` are
//! compared afterwards. Kyverno counts a result that no rule gave as a success ("Excluded"): here it is a failure unless a skip is expected, and
//! says so. A rule of a kind that is not evaluated is a failure whatever is expected. Rows with objects (`patched`) wait for `mutate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, judge, text};
use crate::signet;

/// What the evaluator sees of a row.
#[derive(Debug)]
struct Input {
    suite: String,
    policy: String,
    rule: String,
    resource: String,
}

#[derive(Debug)]
struct Expected {
    result: String,
    patched: bool,
}

/// What the program said of a suite: one object for each policy and resource, or why it said nothing.
type Said = std::result::Result<Vec<Value>, String>;

/// What became of a row.
#[derive(Debug)]
enum Answer {
    Broken(String),
    /// Policy and resource were judged, and no rule was about them.
    Empty,
    NotFound,
    Results(Vec<(String, String)>),
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
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for (number, line) in text(&area.join("cases.tsv"))?.lines().enumerate().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [reach, format, suite, policy, rule, _kind, resource, result, rest @ ..] = columns.as_slice() else {
            continue;
        };
        let Some(within) = suite.strip_prefix(set).and_then(|within| within.strip_prefix('/')) else { continue };
        if *reach != "offline" || *format != "kyverno-cli" {
            continue;
        }
        said.entry(within.to_owned()).or_insert(Ok(Vec::new()));
        let input = Input {
            suite: within.to_owned(),
            policy: (*policy).to_owned(),
            rule: (*rule).to_owned(),
            resource: (*resource).to_owned(),
        };
        let patched = rest.first().is_some_and(|patched| !patched.is_empty());
        let expected = Expected { result: (*result).to_owned(), patched };
        let id = format!("{}:{policy}:{rule}:{resource}:{number}", within.trim_end_matches("/kyverno-test.yaml"));
        let group = within.split('/').next().unwrap_or_default().to_owned();
        cases.push(Case::new(id, input, expected).within(group));
    }
    for (suite, answer) in &mut said {
        *answer = run(&copy.join(suite), &scratch).map_err(|err| format!("{err:#}"));
    }
    Ok(judge(cases, |input| ask(input, &said), |_, answer, expected| compare(answer, expected)))
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

fn run(suite: &Path, scratch: &Scratch) -> Result<Vec<Value>> {
    let folder = suite.parent().context("a suite lies in a folder")?;
    let arguments: [PathBuf; 4] = ["kyverno".into(), "test".into(), suite.to_owned(), "--responses".into()];
    let output = signet::run(&arguments, folder, scratch.path())?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(|line| serde_json::from_str(line).context("the program prints no JSON")).collect()
}

fn ask(input: &Input, said: &BTreeMap<String, Said>) -> Answer {
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
        let policy = is(&input.policy, &text(verdict, "policyNamespace"), &text(verdict, "policy"));
        let resource =
            input.resource.is_empty() || is(&input.resource, &text(verdict, "namespace"), &text(verdict, "resource"));
        if !policy || !resource {
            continue;
        }
        found = true;
        for rule in verdict.get("rules").and_then(Value::as_array).into_iter().flatten() {
            let name = text(rule, "rule");
            let own = name.strip_prefix("autogen-cronjob-").or_else(|| name.strip_prefix("autogen-")).unwrap_or(&name);
            if input.rule.is_empty() || name.is_empty() || name == input.rule || own == input.rule {
                results.push((text(rule, "status"), text(rule, "message")));
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
        Answer::NotFound => Verdict::Failed("no such policy and resource were loaded together".to_owned()),
        Answer::Empty if expected.result == "skip" => Verdict::Passed,
        Answer::Empty => {
            Verdict::Failed(format!("empty match: expected {}, and no rule is about the resource", expected.result))
        }
        Answer::Results(results) => {
            if let Some((_, message)) = results.iter().find(|(_, message)| message.starts_with("not evaluated: ")) {
                return Verdict::Failed(message.clone());
            }
            if let Some((status, message)) = results.iter().find(|(status, _)| *status != expected.result) {
                return Verdict::Failed(format!("expected {}, got {status}: {message}", expected.result));
            }
            if expected.patched {
                return Verdict::Failed("objects are not compared yet".to_owned());
            }
            Verdict::Passed
        }
    }
}

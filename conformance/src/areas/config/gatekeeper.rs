//! `config/gatekeeper-library`: Gatekeeper's own suites (`kind: Suite`), as `gator verify` runs them, through `signet-policy`.
//!
//! The evaluator sees template, constraint, object and inventory; assertions (how many violations, with which text) are compared afterwards. A
//! template or constraint that does not load fails all its cases; an error of the policy is no violation.
//! Source: open-policy-agent/gatekeeper:pkg/gator/verify/{suite,runner,assertion}.go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_policy::gatekeeper::{Constraint, Inventory, Outside, Policy, Template};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Input as Request, Operation, Status};

use crate::set::{Case, Judged, Verdict, files, judge, text};

/// What the evaluator sees of a case; texts of files.
#[derive(Debug)]
struct Input {
    template: String,
    constraint: String,
    /// None: only whether template and constraint load.
    object: Option<String>,
    inventory: Vec<String>,
}

/// Messages of violations, or why there are none to tell.
type Answer = std::result::Result<Vec<String>, String>;

/// The assertions of a case; none where template or constraint must be invalid.
type Expected = Option<Vec<Value>>;

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for path in files(folder)?.into_iter().filter(|path| path.file_name().is_some_and(|name| name == "suite.yaml")) {
        suite(folder, &path, &mut cases).with_context(|| format!("cannot read `{}`", path.display()))?;
    }
    Ok(judge(cases, answer, |_, answer, expected| compare(answer, expected)))
}

fn suite(folder: &Path, path: &Path, cases: &mut Vec<Case<Input, Expected>>) -> Result<()> {
    let beside = path.parent().context("a suite lies in a folder")?;
    let document = documents(&text(path)?).map_err(anyhow::Error::msg)?;
    let group = beside.strip_prefix(folder)?.components().next().context("a suite has a group")?;
    let group = group.as_os_str().to_string_lossy().into_owned();
    let name = |of: &Value| of.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let file = |of: &Value, key: &str| -> Result<String> {
        let relative = of.get(key).and_then(Value::as_str).with_context(|| format!("there is no `{key}`"))?;
        text(&beside.join(PathBuf::from(relative)))
    };
    for test in document.iter().flat_map(|document| list(document, "tests")) {
        let (template, constraint) = (file(&test, "template")?, file(&test, "constraint")?);
        let id = format!("{}:{}", beside.strip_prefix(folder)?.display(), name(&test));
        if test.get("invalid").and_then(Value::as_bool) == Some(true) {
            let input = Input { template, constraint, object: None, inventory: Vec::new() };
            cases.push(Case::new(id, input, None).within(group.clone()).refused());
            continue;
        }
        for case in list(&test, "cases") {
            let inventory = list(&case, "inventory");
            let inventory = inventory
                .iter()
                .filter_map(Value::as_str)
                .map(|file| text(&beside.join(file)))
                .collect::<Result<_>>()?;
            let input = Input {
                template: template.clone(),
                constraint: constraint.clone(),
                object: Some(file(&case, "object")?),
                inventory,
            };
            let assertions = list(&case, "assertions");
            let refused = assertions.iter().any(|assertion| {
                !matches!(assertion.get("violations"), Some(Value::Bool(false)))
                    && assertion.get("violations").and_then(Value::as_str) != Some("no")
            });
            let case = Case::new(format!("{id}:{}", name(&case)), input, Some(assertions)).within(group.clone());
            cases.push(if refused { case.refused() } else { case });
        }
    }
    Ok(())
}

fn documents(yaml: &str) -> std::result::Result<Vec<Value>, String> {
    let documents = signet_yaml::parse(yaml, &signet_yaml::Limits::default()).map_err(|err| err.to_string())?;
    Ok(documents.iter().map(|document| signet_yaml::to_json(&document.root)).filter(|json| !json.is_null()).collect())
}

fn answer(input: &Input) -> Answer {
    let policy = load(&input.template, &input.constraint)?;
    let Some(object) = &input.object else { return Ok(Vec::new()) };
    let object = documents(object)?.into_iter().next().ok_or("there is no object")?;
    let mut objects = Vec::new();
    for text in &input.inventory {
        objects.append(&mut documents(text)?);
    }
    let outside = Outside { inventory: Some(Inventory::of(&objects)?), ..Outside::default() };
    let surroundings =
        Surroundings::kyverno("2026-01-16T00:00:00Z".parse().map_err(|_| "the time is none".to_owned())?, [1; 32]);
    let judgement = policy.judge(&request(object), &outside, &surroundings);
    let mut messages = Vec::new();
    for response in judgement.responses {
        match response.status {
            Status::Fail => messages.push(response.message),
            Status::Error => return Err(response.message),
            _ => {}
        }
    }
    Ok(messages)
}

fn load(template: &str, constraint: &str) -> std::result::Result<Policy, String> {
    let one = |text: &str| -> std::result::Result<signet_yaml::Document, String> {
        let documents = signet_yaml::parse(text, &signet_yaml::Limits::default()).map_err(|err| err.to_string())?;
        documents.into_iter().find(|document| !document.root.is_null()).ok_or_else(|| "there is no document".to_owned())
    };
    let said = |problems: Vec<signet_policy::trust_policy::PolicyError>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let template = Template::load(&one(template)?.root).map_err(said)?;
    let constraint = Constraint::load(&one(constraint)?.root).map_err(said)?;
    Policy::new(Arc::new(template), constraint).map_err(said)
}

/// An object that is made, or the request of an AdmissionReview. Where nobody is named who asks, it is a user without a name and groups, as the review
/// has it that the tool of these suites makes. Source: open-policy-agent/gatekeeper:pkg/target, whose reviews hold an empty `userInfo`.
fn request(object: Value) -> Request {
    let mut request = asked(object);
    if let Some(fields) = request.request.as_object_mut() {
        fields.entry("userInfo").or_insert_with(|| serde_json::json!({}));
    }
    request
}

fn asked(object: Value) -> Request {
    let Some(found) =
        object.get("request").filter(|_| object.get("kind").is_some_and(|kind| kind == "AdmissionReview"))
    else {
        return Request::of(object, Operation::Create);
    };
    let operation = found.get("operation").and_then(Value::as_str).and_then(Operation::parse).unwrap_or_default();
    let subject = found.get("object").filter(|object| !object.is_null()).or_else(|| found.get("oldObject"));
    let mut request = Request::of(subject.cloned().unwrap_or(Value::Null), operation);
    request.request = found.clone();
    if let Some(kind) = found.get("kind") {
        let part = |key: &str| kind.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        request.kind =
            signet_policy::kyverno::Kind { group: part("group"), version: part("version"), kind: part("kind") };
    }
    request
}

/// What Gatekeeper asserts: by default at least one violation; of those whose text matches, if it names one.
fn compare(answer: &Answer, expected: &Expected) -> Verdict {
    let (messages, assertions) = match (answer, expected) {
        (Err(_), None) => return Verdict::Passed,
        (Ok(_), None) => return Verdict::Failed("expected to be invalid, and it loads".to_owned()),
        (Err(why), Some(_)) => return Verdict::Failed(format!("error: {why}")),
        (Ok(messages), Some(assertions)) => (messages, assertions),
    };
    for assertion in assertions {
        let pattern = assertion.get("message").and_then(Value::as_str).unwrap_or_default();
        let Ok(pattern) = regex::Regex::new(pattern) else {
            return Verdict::Failed(format!("`{pattern}` is no regular expression"));
        };
        let found = messages.iter().filter(|message| pattern.is_match(message)).count();
        let holds = match assertion.get("violations") {
            None | Some(Value::Null | Value::Bool(true)) => found > 0,
            Some(Value::Bool(false)) => found == 0,
            Some(Value::Number(wanted)) => wanted.as_u64() == u64::try_from(found).ok(),
            Some(other) => match other.as_str() {
                Some("yes") => found > 0,
                Some("no") => found == 0,
                _ => false,
            },
        };
        if !holds {
            return Verdict::Failed(format!("expected {assertion}, got {messages:?}"));
        }
    }
    Verdict::Passed
}

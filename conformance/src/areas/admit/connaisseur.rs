//! `admit/connaisseur`: Connaisseur's own configurations and validators, through `signet-policy`. What must become of a file is what its name tells.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use signet_policy::connaisseur::{Config, Validator};
use signet_policy::kyverno::verify_images::Evidence;
use signet_policy::kyverno::{Input as Request, Operation, Status};

use super::documents::{Answer, Expected, compare, documents, said};
use crate::set::{Case, Judged, files, judge, text};

/// What the evaluator sees of a file: its text, and whether it is a validator of its own.
#[derive(Debug)]
struct Input {
    yaml: String,
    is_validator: bool,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        let id = path.strip_prefix(folder)?.display().to_string();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a file has a name")?;
        let is_validator = id.starts_with("validators/");
        let expected = expected(name, is_validator);
        let refused = expected.is_refusal();
        let case = Case::new(id, Input { yaml: text(&path)?, is_validator }, expected);
        cases.push(if refused { case.refused() } else { case });
    }
    Ok(judge(cases, answer, |_, answer, expected| compare(answer, expected)))
}

fn expected(name: &str, is_validator: bool) -> Expected {
    let (_, name) = name.split_once('_').unwrap_or(("", name));
    let refused = |text: &str| Expected::Refused(text.to_owned());
    match name {
        "val_no_name" | "no_name" => refused("validator is missing a name"),
        "val_no_type" | "no_type" => refused("validator is missing a type"),
        "unsupported_type" => refused("unsupported type \"stati\" for validator"),
        "unmarshal_cosign_error" | "unmarshal_static_error" | "invalid_validator" => refused("cannot unmarshal"),
        "invalid_cosign" => refused("unable to create Rekor client"),
        "unknown_field" => refused("not found in type"),
        "missing_rule_validator" => Expected::Loads("validator \"x\" not found".to_owned()),
        name if is_validator && name.contains("err") => refused(""),
        _ => Expected::loads(),
    }
}

fn answer(input: &Input) -> Answer {
    let documents = documents(&input.yaml)?;
    let root = &documents.first().ok_or("there is no document")?.root;
    if input.is_validator {
        return Validator::load(root).map(|validator| validator.name).map_err(|err| err.to_string());
    }
    let config = Config::load(root).map_err(said)?;
    // An image of each rule whose validator is not there must be refused.
    let mut told = Vec::new();
    for (pattern, name) in config.missing_validators() {
        let image = pattern.replace("*:*", "x").replace('*', "x");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}});
        let judgement = config.judge(&Request::of(pod, Operation::Create), &Evidence::new());
        let refused = judgement.responses.iter().any(|response| {
            response.status == Status::Fail && response.message.contains(&format!("validator \"{name}\" not found"))
        });
        if !refused {
            return Err(format!("an image of rule `{pattern}` is let in without its validator {name}"));
        }
        told.extend(judgement.responses.into_iter().map(|response| response.message));
    }
    Ok(told.join("; "))
}

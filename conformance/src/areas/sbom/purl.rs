//! `sbom/purl`: the test suite of the package URL specification.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::Purl;

use crate::set::{Case, Judged, Verdict, files, json, judge};

/// A purl's parts, as the suite writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    ty: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

#[derive(Debug)]
enum Input {
    Parse(String),
    Validate(String),
    Build(Parts),
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Parts(Parts),
    Text(String),
    Refused,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for path in files(&folder.join("tests"))? {
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let document = json(&path)?;
        for (at, test) in document["tests"].as_array().context("a test file has a list")?.iter().enumerate() {
            let refused = test["expected_failure"].as_bool().unwrap_or_default();
            let kind = test["test_type"].as_str().unwrap_or_default();
            let string = || test["input"].as_str().unwrap_or_default().to_owned();
            let (input, expected) = match kind {
                "parse" => (Input::Parse(string()), Answer::Parts(parts(&test["expected_output"]))),
                "validate" => (Input::Validate(string()), text(&test["expected_output"])),
                "build" => (Input::Build(parts(&test["input"])), text(&test["expected_output"])),
                other => anyhow::bail!("unknown kind of test `{other}`"),
            };
            let expected = if refused { Answer::Refused } else { expected };
            let group = test["test_group"].as_str().unwrap_or("none");
            // The suite calls malformed-but-mendable inputs failures too; for a reader of identifiers both sides count alike.
            let case = Case::new(format!("{file}:{at}:{kind}"), input, expected).within(group);
            cases.push(case);
        }
    }
    Ok(judge(cases, answer, |_, answer, expected| Verdict::equal(answer, expected)))
}

fn text(value: &Value) -> Answer {
    Answer::Text(value.as_str().unwrap_or_default().to_owned())
}

fn parts(value: &Value) -> Parts {
    let field = |key: &str| value[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Parts {
        ty: field("type"),
        namespace: field("namespace"),
        name: field("name"),
        version: field("version"),
        qualifiers: value["qualifiers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        subpath: field("subpath"),
    }
}

fn answer(input: &Input) -> Answer {
    match input {
        Input::Parse(text) => match text.parse::<Purl>() {
            Ok(purl) => Answer::Parts(Parts {
                ty: Some(purl.ty().to_owned()),
                namespace: purl.namespace().map(str::to_owned),
                name: Some(purl.name().to_owned()),
                version: purl.version().map(str::to_owned),
                qualifiers: purl.qualifiers().clone(),
                subpath: purl.subpath().map(str::to_owned),
            }),
            Err(_) => Answer::Refused,
        },
        // The suite's own word for this kind: what a tool wrote goes in, the canonical string comes out. Parsing proper is strict.
        Input::Validate(text) => match Purl::parse_lenient(text) {
            Ok(purl) => Answer::Text(purl.to_string()),
            Err(_) => Answer::Refused,
        },
        Input::Build(parts) => {
            let built = Purl::build(
                parts.ty.as_deref().unwrap_or_default(),
                parts.namespace.as_deref(),
                parts.name.as_deref().unwrap_or_default(),
                parts.version.as_deref(),
                parts.qualifiers.iter().map(|(key, value)| (key.as_str(), value.as_str())),
                parts.subpath.as_deref(),
            );
            match built {
                Ok(purl) => Answer::Text(purl.to_string()),
                Err(_) => Answer::Refused,
            }
        }
    }
}

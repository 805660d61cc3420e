//! `admit/cip` and `sign/policy-controller`: documents of Sigstore's Policy Controller, through `signet-policy`.
//!
//! Each document must load, or be refused with the text of its `# ERROR:` lines. One that holds CUE loads, and a Pod whose image it matches must be
//! refused, even if every attestation that is asked for is there. The evaluator sees the document without its comments.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use signet_policy::image_policy::{Known, NoMatch, Policy, Settings, TrustRoot, judge as judge_images};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::verify_images::{Answer as Said, Evidence, Found, ImageNeed};
use signet_policy::kyverno::{Action, Input as Request, Operation, Snapshot, Status};

use super::documents::{Answer, Expected, compare, documents, said};
use crate::set::{Case, Judged, files, judge, text};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What the evaluator sees of a file.
#[derive(Debug)]
struct Input {
    yaml: String,
    /// Whether policies without authorities load.
    lenient: bool,
}

pub(crate) fn cip(folder: &Path) -> Result<Vec<Judged>> {
    run(folder, &[""])
}

pub(crate) fn policy_controller(folder: &Path) -> Result<Vec<Judged>> {
    run(
        folder,
        &[
            "test/testdata/policy-controller",
            "test/testdata/trustroot",
            "test/testdata/policies",
            "pkg/config/testdata",
        ],
    )
}

fn run(folder: &Path, parts: &[&str]) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for part in parts {
        for path in files(&folder.join(part))? {
            let id = path.strip_prefix(folder)?.display().to_string();
            let written = text(&path)?;
            let group = path.parent().and_then(Path::file_name).context("a file lies in a folder")?;
            let group = group.to_string_lossy().into_owned();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !matches!(ending, "yaml" | "cue") {
                continue;
            }
            let yaml: String =
                written.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
            let expected = expected(&group, &id, &written, ending);
            if group == "empty-authorities" {
                let input = Input { yaml: yaml.clone(), lenient: true };
                cases.push(
                    Case::new(format!("{id} (fail-on-empty-authorities: false)"), input, Expected::loads())
                        .within(group.clone()),
                );
            }
            // Each error of a document must be told.
            for (number, expected) in expected.into_iter().enumerate() {
                let id = if number == 0 { id.clone() } else { format!("{id} ({})", number + 1) };
                let refused = expected.is_refusal();
                let case = Case::new(id, Input { yaml: yaml.clone(), lenient: false }, expected).within(group.clone());
                cases.push(if refused { case.refused() } else { case });
            }
        }
    }
    let evaluate =
        |input: &Input| if input.yaml.is_empty() { Err("nothing stands in it".to_owned()) } else { answer(input) };
    Ok(judge(cases, evaluate, |_, answer, expected| compare(answer, expected)))
}

fn expected(group: &str, id: &str, written: &str, ending: &str) -> Vec<Expected> {
    let errors: Vec<Expected> = written
        .lines()
        .filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("ERROR:"))
        .map(|error| Expected::Refused(error.trim().to_owned()))
        .collect();
    if !errors.is_empty() {
        return errors;
    }
    let name = id.rsplit('/').next().unwrap_or(id).trim_end_matches(".yaml");
    if ending == "cue" {
        return vec![Expected::Refused("CUE policies are not evaluated".to_owned())];
    }
    match (group, name) {
        ("invalid", _) => vec![Expected::Refused(String::new())],
        ("empty-authorities", _) => vec![Expected::Refused("missing field(s): spec.authorities".to_owned())],
        ("testdata", "enable-oci11-invalid") => vec![Expected::Refused("enable-oci11".to_owned())],
        ("testdata", "enable-oci11") => vec![Expected::Loads("oci11: true".to_owned())],
        ("testdata", "allow-all") => vec![Expected::Loads("no_match: Allow".to_owned())],
        ("testdata", "warn-all") => vec![Expected::Loads("no_match: Warn".to_owned())],
        ("testdata", "deny-all-default" | "deny-all-explicit") => vec![Expected::Loads("no_match: Deny".to_owned())],
        ("testdata", "allow-empty-authorities") => vec![Expected::Loads("fail_on_empty_authorities: false".to_owned())],
        _ if written.contains("type: cue") || written.contains("type: \"cue\"") => {
            vec![Expected::Loads("CUE, and refused".to_owned())]
        }
        _ => vec![Expected::loads()],
    }
}

fn answer(input: &Input) -> Answer {
    let documents = match documents(&input.yaml) {
        Ok(documents) => documents,
        // A file of CUE is no YAML, or holds no document of a kind.
        Err(_) => return Err(signet_policy::cue::refuse("policy.cue", &input.yaml, 1).to_string()),
    };
    let mut told = Vec::new();
    for document in &documents {
        let root = &document.root;
        if Policy::is(root) {
            let settings = Settings { fail_on_empty_authorities: !input.lenient, ..Settings::default() };
            let policy = Policy::load_with(root, &settings).map_err(said)?;
            if policy.uses_cue() {
                told.push(format!("CUE, and {}", refused(policy, &signet_yaml::to_json(root))?));
            }
        } else if TrustRoot::is(root) {
            TrustRoot::load(root).map_err(said)?;
        } else if Settings::is(root) {
            told.push(format!("{:?}", settings(root)?));
        } else if root.get("kind").is_none() {
            return Err(signet_policy::cue::refuse("policy.cue", &input.yaml, 1).to_string());
        } else if signet_policy::images::of(&signet_yaml::to_json(root), &[]).is_ok_and(|named| named.is_empty()) {
            // What is no policy stands there to be judged, and names an image.
            return Err("a document of a kind that is not known here".to_owned());
        }
    }
    Ok(told.join("; "))
}

/// Upstream keeps what it tests under `_example`, a text that is a document of its own.
fn settings(root: &signet_yaml::Node) -> std::result::Result<Settings, String> {
    let json = signet_yaml::to_json(root);
    let Some(example) = json.pointer("/data/_example").and_then(Value::as_str) else {
        return Settings::load(root).map_err(said);
    };
    let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("kind: ConfigMap\nmetadata: {{name: config-policy-controller}}\ndata:\n{indented}");
    let documents = documents(&text)?;
    documents
        .first()
        .map_or_else(|| Err("there is no document".to_owned()), |document| Settings::load(&document.root).map_err(said))
}

/// What becomes of an object whose image the policy matches, when whatever is attested is there and nothing else is signed.
fn refused(policy: Policy, document: &Value) -> std::result::Result<&'static str, String> {
    let glob = policy.globs().next().unwrap_or_default().replace("**", "x").replace('*', "x");
    let wanted = document.pointer("/spec/match/0").cloned().unwrap_or(Value::Null);
    let (kind, version, template) = match wanted.get("resource").and_then(Value::as_str) {
        Some("deployments") => ("Deployment", "apps/v1", true),
        _ => ("Pod", "v1", false),
    };
    let labels = wanted.pointer("/selector/matchLabels").cloned().unwrap_or_else(|| json!({}));
    let spec = json!({"containers": [{"name": "c", "image": glob}]});
    let spec = if template { json!({"template": {"spec": spec}}) } else { spec };
    let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "p", "namespace": "n", "labels": labels}, "spec": spec});
    let (settings, snapshot, mut evidence) =
        (Settings { no_match: NoMatch::Allow, ..Settings::default() }, Snapshot::new(), Evidence::new());
    let surroundings =
        Surroundings::kyverno("2026-01-16T00:00:00Z".parse().map_err(|_| "the time is none".to_owned())?, [1; 32]);
    let (request, policies) = (Request::of(object, Operation::Create), [policy]);
    for _ in 0..8 {
        let known = Known { settings: &settings, roots: &[], evidence: &evidence, snapshot: &snapshot };
        let judgement = judge_images(&policies, &request, &known, &surroundings);
        if judgement.images.is_empty() {
            let held = |status: Status| matches!(status, Status::Fail | Status::Error);
            let enforced = judgement.responses.iter().any(|one| held(one.status) && one.action == Action::Enforce);
            return Ok(if enforced { "refused" } else { "let in" });
        }
        for need in judgement.images {
            let answer = match &need {
                ImageNeed::Digest { .. } => Said::Digest(DIGEST.to_owned()),
                ImageNeed::Configs { .. } => Said::Configs(json!({"linux/amd64": {}})),
                ImageNeed::Verified(demand) => match &demand.predicate_type {
                    None => Said::Refused("no signatures".to_owned()),
                    Some(kind) => Said::Found(Box::new(Found {
                        digest: DIGEST.to_owned(),
                        signatures: Vec::new(),
                        statements: vec![(json!({"id": "1"}), json!({"predicateType": kind, "predicate": {}}))],
                    })),
                },
                ImageNeed::Signed(_) => Said::Refused("nobody asks so".to_owned()),
            };
            evidence.insert(need, answer);
        }
    }
    Err("the policy asks without end".to_owned())
}

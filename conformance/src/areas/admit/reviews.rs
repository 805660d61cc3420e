//! `admit/admission-reviews`: recorded reviews and odd image strings, posted to `signet serve admission --dev`.
//!
//! Expected is told by the recorded review and by the protocol alone: a review is answered in its version with its `uid`, and the images that the
//! server tells (audit annotation `images`) are those that stand in the object; what is no review is refused with a reason, as a denial if it has
//! a `uid` and with status 400 else. A string that is a reference by the grammar of distribution passes in its canonical form, any other is
//! refused by name. Both are written here once more, from the documents that define them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use regex::Regex;
use serde_json::{Value, json};

use super::webhook::{Answer, Webhook};
use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, json as read, judge};

/// What is posted.
#[derive(Debug)]
struct Input {
    path: &'static str,
    body: Vec<u8>,
}

/// What must come back.
#[derive(Debug)]
enum Expected {
    /// An answer with this version and `uid`, and these images.
    Answered { version: String, uid: String, images: BTreeSet<String> },
    /// A denial with this `uid` and a reason that holds the text.
    Denied { uid: String, told: String },
    /// No answer: status 400 with a reason.
    Refused,
}

type Got = std::result::Result<Answer, String>;

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("admission-reviews")?;
    let webhook = Webhook::start(scratch.path(), &[])?;
    let mut cases = Vec::new();
    for file in files(folder)? {
        let id = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        let group = id.split('/').next().unwrap_or_default().to_owned();
        if file.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let value = read(&file)?;
        if let Some(strings) = value.as_array() {
            cases.extend(image_strings(strings)?);
            continue;
        }
        let (path, body) = posted(&value);
        cases.extend(reviews(&id, path, body).into_iter().map(|case| case.within(group.clone())));
    }
    Ok(judge(
        cases,
        |input| webhook.post(input.path, &input.body).map_err(|err| format!("{err:#}")),
        |_, got, expected| compare(got, expected),
    ))
}

/// A recording of an API server has the URL beside the body; elsewhere the file is the body.
fn posted(value: &Value) -> (&'static str, &Value) {
    match (value.get("url").and_then(Value::as_str), value.get("body")) {
        (Some(url), Some(body)) if url.starts_with("/mutate") => ("/mutate?timeout=10s", body),
        (Some(_), Some(body)) => ("/validate?timeout=10s", body),
        _ => ("/validate?timeout=10s", value),
    }
}

/// The file as it is; and where it is a bare request, that request in a review as well.
fn reviews(id: &str, path: &'static str, body: &Value) -> Vec<Case<Input, Expected>> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let case = |id: String, body: &Value| {
        let bytes = body.to_string().into_bytes();
        let uid = body.pointer("/request/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let input = Input { path, body: bytes };
        if uid.is_empty() || text(body, "kind") != "AdmissionReview" {
            return Case::new(id, input, Expected::Refused).refused();
        }
        let images = images(body.pointer("/request/object").unwrap_or(&Value::Null));
        Case::new(id, input, Expected::Answered { version: text(body, "apiVersion"), uid, images })
    };
    let mut cases = vec![case(id.to_owned(), body)];
    if body.get("request").is_none() && body.get("uid").is_some() && body.get("operation").is_some() {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body});
        cases.push(case(format!("{id}#request"), &review));
    }
    cases
}

/// Every image that stands where Kubernetes has one, in whatever it stands.
fn images(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                for key in ["containers", "initContainers", "ephemeralContainers"] {
                    let items = fields.get(key).and_then(Value::as_array).into_iter().flatten();
                    found.extend(items.filter_map(|item| item.get("image").and_then(Value::as_str)).map(canonical));
                }
                let volumes = fields.get("volumes").and_then(Value::as_array).into_iter().flatten();
                let volumes = volumes.filter_map(|volume| volume.pointer("/image/reference").and_then(Value::as_str));
                found.extend(volumes.map(canonical));
                // The status tells of images as the node found them, and asks for none.
                open.extend(fields.iter().filter(|(key, _)| *key != "status").map(|(_, value)| value));
            }
            _ => {}
        }
    }
    found
}

/// A reference in full. Source: distribution/reference, `ParseNormalizedNamed` and `splitDockerDomain`. A tag that nobody wrote is not added.
fn canonical(text: &str) -> String {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, format!("@{digest}")),
        None => (text, String::new()),
    };
    let (domain, path) = match name.split_once('/') {
        Some((domain, path)) if domain.contains(['.', ':']) || domain == "localhost" => (domain, path),
        _ => ("docker.io", name),
    };
    // Docker Hub under its other names: policies are written for one of them and mean all.
    let domain = if matches!(domain, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { domain };
    let library = if domain == "docker.io" && !path.contains('/') { "library/" } else { "" };
    format!("{domain}/{library}{path}{digest}")
}

/// Whether a text is a reference. Source: distribution/reference, `regexp.go`; sha256 has 64 digits, a name at most 255 characters, and 64 hexadecimal
/// digits alone are an identifier and no name.
fn is_reference(text: &str, grammar: &Regex) -> bool {
    let Some(parts) = grammar.captures(text) else { return false };
    let name = parts.name("name").map_or("", |name| name.as_str());
    let bare = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    !bare && canonical(name).len() <= 255
}

const GRAMMAR: &str = concat!(
    r"\A(?P<name>(?:(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*",
    r"|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)",
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?\z",
);

fn image_strings(strings: &[Value]) -> Result<Vec<Case<Input, Expected>>> {
    let grammar = Regex::new(GRAMMAR).context("the grammar is a regular expression")?;
    let mut cases = Vec::new();
    for (number, entry) in strings.iter().enumerate() {
        let image = entry.get("image").and_then(Value::as_str).context("an entry has an `image`")?;
        let uid = format!("image-{number}");
        let mut container = json!({"name": "c"});
        // The API server leaves the empty one out on its way to a webhook.
        if let (false, Some(fields)) = (image.is_empty(), container.as_object_mut()) {
            fields.insert("image".to_owned(), json!(image));
        }
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "name": "p", "namespace": "apps", "operation": "CREATE",
                "userInfo": {"username": "somebody"},
                "object": {
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": "p", "namespace": "apps"}, "spec": {"containers": [container]},
                },
                "oldObject": null, "dryRun": false, "options": null,
            },
        });
        let input = Input { path: "/validate?timeout=10s", body: review.to_string().into_bytes() };
        let id = format!("kube-apiserver-1.36/IMAGE-STRINGS.json#{number}");
        let case = if is_reference(image, &grammar) {
            let images = BTreeSet::from([canonical(image)]);
            Case::new(id, input, Expected::Answered { version: "admission.k8s.io/v1".to_owned(), uid, images })
        } else {
            Case::new(id, input, Expected::Denied { uid, told: "container `c`".to_owned() }).refused()
        };
        cases.push(case.within("image-strings"));
    }
    Ok(cases)
}

fn compare(got: &Got, expected: &Expected) -> Verdict {
    let answer = match got {
        Ok(answer) => answer,
        Err(why) => return Verdict::Failed(format!("no answer: {why}")),
    };
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    let review: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let text = |pointer: &str| {
        review.as_ref().and_then(|review| review.pointer(pointer)?.as_str()).unwrap_or_default().to_owned()
    };
    let allowed = review.as_ref().and_then(|review| review.pointer("/response/allowed")?.as_bool());
    match expected {
        Expected::Refused => match (answer.status, said.trim().len()) {
            (400, 5..) => Verdict::Passed,
            (status, _) => Verdict::Failed(format!("expected status 400 with a reason, got {status}: {said}")),
        },
        Expected::Denied { uid, told } => {
            let why = text("/response/status/message");
            if answer.status == 200 && allowed == Some(false) && text("/response/uid") == *uid && why.contains(told) {
                Verdict::Passed
            } else {
                Verdict::Failed(format!("expected a denial that names {told}, got {}: {said}", answer.status))
            }
        }
        Expected::Answered { version, uid, images } => {
            if answer.status != 200 || text("/apiVersion") != *version || text("/response/uid") != *uid {
                return Verdict::Failed(format!(
                    "expected an answer of {version} to {uid}, got {}: {said}",
                    answer.status
                ));
            }
            if allowed != Some(true) {
                return Verdict::Failed(format!("expected to pass, and is refused: {said}"));
            }
            let told = text("/response/auditAnnotations/images");
            let told: BTreeSet<String> = told.split(',').filter(|image| !image.is_empty()).map(str::to_owned).collect();
            Verdict::equal(&told, images)
        }
    }
}

//! What the API server gets: the answer's JSON, within the bounds that the API server has.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/webhook/request/admissionreview.go, pkg/endpoints/filters/warning.go,
//! pkg/admission/attributes.go (`checkKeyFormat`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::request::Version;

/// Bytes of a message: an API server passes it on to whoever asked.
const MAX_MESSAGE: usize = 16 << 10;
/// Characters of a warning, and of all warnings together. Beyond, the API server cuts and drops them.
const MAX_WARNING: usize = 256;
const MAX_WARNINGS: usize = 4096;
/// Bytes of an annotation of the audit log, and how many there may be.
const MAX_ANNOTATION: usize = 4 << 10;
const MAX_ANNOTATIONS: usize = 64;
/// Bytes of a patch. An API server takes no more from whoever it asks than from its users.
const MAX_PATCH: usize = 3 << 20;

/// Why the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// As HTTP counts: 403 where a policy says no, 400 where the request is none, 429 and 5xx where it could not be judged.
    pub code: u16,
    /// What the user reads.
    pub message: String,
}

impl Denial {
    /// A policy says no.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { code: 403, message: message.into() }
    }

    /// The `reason` that Kubernetes has for the code. Source: k8s.io/apimachinery pkg/apis/meta/v1/types.go.
    fn reason(&self) -> &'static str {
        match self.code {
            400 => "BadRequest",
            403 => "Forbidden",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "InternalError",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The request's.
    pub uid: String,
    /// The request's.
    pub version: Version,
    /// `None` lets it pass.
    pub denial: Option<Denial>,
    /// Operations of a JSON patch (RFC 6902); none where nothing changes.
    pub patch: Vec<Value>,
    /// For whoever asked.
    pub warnings: Vec<String>,
    /// For the audit log.
    pub annotations: BTreeMap<String, String>,
}

impl Answer {
    /// A denial and nothing else.
    #[must_use]
    pub fn denied(uid: impl Into<String>, version: Version, denial: Denial) -> Self {
        Self { uid: uid.into(), version, denial: Some(denial), ..Self::default() }
    }

    /// The `AdmissionReview` in JSON. A patch that no API server would take is a denial.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut response = Map::new();
        let mut denial = self.denial.clone();
        if denial.is_none() && !self.patch.is_empty() {
            let patch = Value::Array(self.patch.clone()).to_string();
            if patch.len() > MAX_PATCH {
                let message = format!("what policies change comes to {} bytes, more than {MAX_PATCH}", patch.len());
                denial = Some(Denial { code: 500, message });
            } else {
                response.insert("patchType".to_owned(), json!("JSONPatch"));
                response.insert("patch".to_owned(), json!(STANDARD.encode(patch)));
            }
        }
        response.insert("uid".to_owned(), json!(self.uid));
        response.insert("allowed".to_owned(), json!(denial.is_none()));
        if let Some(denial) = &denial {
            response.insert(
                "status".to_owned(),
                json!({
                    "status": "Failure",
                    "message": shortened(&denial.message, MAX_MESSAGE),
                    "reason": denial.reason(),
                    "code": denial.code,
                }),
            );
        }
        let warnings = bounded(&self.warnings);
        if !warnings.is_empty() {
            response.insert("warnings".to_owned(), json!(warnings));
        }
        if !self.annotations.is_empty() {
            let kept = self.annotations.iter().take(MAX_ANNOTATIONS);
            let kept: Map<String, Value> =
                kept.map(|(key, text)| (key_of(key), json!(shortened(text, MAX_ANNOTATION)))).collect();
            response.insert("auditAnnotations".to_owned(), Value::Object(kept));
        }
        let review = json!({"apiVersion": self.version.as_str(), "kind": "AdmissionReview", "response": response});
        review.to_string().into_bytes()
    }
}

/// A key of the audit log: the API server puts the webhook's name and a slash before it, and takes no other slash.
fn key_of(key: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '.' };
    key.chars().take(63).map(letter).collect()
}

/// A text of at most so many bytes.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{} ...", text.get(..end).unwrap_or_default())
}

/// Warnings in one line each (they become headers of HTTP), as many as the API server passes on, and then how many there were.
fn bounded(warnings: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    // Room for the last line.
    let mut left = MAX_WARNINGS.saturating_sub(64);
    for warning in warnings {
        let mut line: String = warning
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(MAX_WARNING.saturating_add(1))
            .collect();
        if line.chars().count() > MAX_WARNING {
            line = line.chars().take(MAX_WARNING.saturating_sub(3)).chain("...".chars()).collect();
        }
        if kept.contains(&line) {
            continue;
        }
        let Some(rest) = left.checked_sub(line.chars().count()) else {
            kept.push(format!("and more: {} warnings in all", warnings.len()));
            break;
        };
        left = rest;
        kept.push(line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn json(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.to_bytes()).unwrap()
    }

    #[test]
    fn what_is_allowed_has_no_status_and_no_patch() {
        let answer = Answer { uid: "u".into(), ..Answer::default() };
        let expected = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": "u", "allowed": true}
        });
        assert_eq!(json(&answer), expected);
    }

    #[test]
    fn a_patch_has_its_type_and_a_denial_no_patch() {
        let operation = json!({"op": "add", "path": "/a", "value": 1});
        let mut answer = Answer { uid: "u".into(), patch: vec![operation.clone()], ..Answer::default() };
        let found = json(&answer);
        assert_eq!(found["response"]["patchType"], "JSONPatch");
        let patch = STANDARD.decode(found["response"]["patch"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&patch).unwrap(), json!([operation]));
        answer.denial = Some(Denial::forbidden("no"));
        let found = json(&answer);
        assert_eq!(found["response"].get("patch"), None);
        assert_eq!(found["response"].get("patchType"), None);
        assert_eq!(
            found["response"]["status"],
            json!({"status": "Failure", "message": "no", "reason": "Forbidden", "code": 403})
        );
        answer.denial = None;
        answer.patch = vec![json!({"op": "add", "path": "/a", "value": "x".repeat(MAX_PATCH)})];
        let found = json(&answer);
        assert_eq!(found["response"]["allowed"], false);
        assert_eq!(found["response"].get("patch"), None);
    }

    #[test]
    fn warnings_are_what_an_api_server_passes_on() {
        let long = "w".repeat(1000);
        let many: Vec<String> = (0..100).map(|number| format!("{number} {long}")).collect();
        let answer = Answer { warnings: many, ..Answer::default() };
        let found = json(&answer);
        let warnings = found["response"]["warnings"].as_array().unwrap();
        let lengths: Vec<usize> = warnings.iter().map(|one| one.as_str().unwrap().chars().count()).collect();
        assert!(lengths.iter().all(|length| *length <= MAX_WARNING), "{lengths:?}");
        assert!(lengths.iter().sum::<usize>() <= MAX_WARNINGS, "{lengths:?}");
        assert_eq!(warnings.last().unwrap(), "and more: 100 warnings in all");
        assert_eq!(bounded(&["a\nb".into(), "a b".into()]), ["a b"]);
    }

    #[test]
    fn keys_of_the_audit_log_hold_no_slash() {
        let annotations = BTreeMap::from([("policy/key of it".to_owned(), "x".repeat(9000))]);
        let found = json(&Answer { annotations, ..Answer::default() });
        let text = found["response"]["auditAnnotations"]["policy.key.of.it"].as_str().unwrap();
        assert_eq!(text.len(), MAX_ANNOTATION + " ...".len());
    }
}

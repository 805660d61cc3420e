//! A request as a line that can be judged again: what would another policy have done with it?
//!
//! A line is an `AdmissionReview` with a field `signet` beside the request. What is secret by its kind is taken out: the data of Secrets and the
//! tokens of `TokenRequest` and `TokenReview` are replaced by a word, and what else repeats them (`last-applied-configuration`, `managedFields`, `extra`
//! of the user) is left out.

use serde_json::{Value, json};

use crate::desk::{Outcome, Seen};
use crate::engine::Pass;

/// What stands where a secret was, plain and as Base64 writes it.
const GONE: &str = "REMOVED";
const GONE_BASE64: &str = "UkVNT1ZFRA==";

/// The line of a review; nothing for what is not recorded: the first of the two calls about a request, and what was only tried.
#[must_use]
pub fn line(seen: &Seen<'_>) -> Option<Value> {
    if seen.pass != Pass::Validate || seen.request.dry_run {
        return None;
    }
    let mut request = seen.request.input.request.clone();
    if let Some(fields) = request.as_object_mut() {
        fields.insert("uid".to_owned(), json!(seen.request.uid));
    }
    let removed = redact(&mut request);
    Some(json!({
        "apiVersion": seen.request.version.as_str(),
        "kind": "AdmissionReview",
        "request": request,
        "signet": {"at": seen.at.to_string(), "allowed": seen.outcome == Outcome::Allowed, "removed": removed},
    }))
}

/// Takes secrets out of a request. Says where.
pub fn redact(request: &mut Value) -> Vec<String> {
    let mut removed = Vec::new();
    if let Some(user) = request.get_mut("userInfo").and_then(Value::as_object_mut) {
        user.remove("extra");
    }
    for side in ["object", "oldObject"] {
        let Some(object) = request.get_mut(side) else { continue };
        plain(object);
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let places: &[(&str, &str)] = match (group, kind.as_str()) {
            ("", "Secret") => &[("/data", GONE_BASE64), ("/stringData", GONE)],
            ("authentication.k8s.io", "TokenRequest") => &[("/status/token", GONE)],
            ("authentication.k8s.io", "TokenReview") => &[("/spec/token", GONE)],
            _ => continue,
        };
        for (pointer, word) in places {
            if object.pointer(pointer).is_some_and(|found| !found.is_null()) {
                if let Some(place) = object.pointer_mut(pointer) {
                    replace(place, word);
                }
                removed.push(format!("{side}{}", pointer.replace('/', ".")));
            }
        }
    }
    removed
}

/// What repeats the object in other words.
fn plain(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("managedFields");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// Each text; of a mapping the keys stay.
fn replace(place: &mut Value, word: &str) {
    match place {
        Value::Object(entries) => entries.values_mut().for_each(|value| *value = json!(word)),
        other => *other = json!(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_said() {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "managedFields": [{"f:data": "hunter2"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "kept": "yes"}},
            "data": {"password": "aHVudGVyMg==", "user": "hunter2"}, "stringData": {"more": "hunter2"},
        });
        let mut request = json!({
            "object": secret, "oldObject": secret,
            "userInfo": {"username": "anna", "extra": {"token": ["hunter2"]}},
        });
        let removed = redact(&mut request);
        assert_eq!(removed, ["object.data", "object.stringData", "oldObject.data", "oldObject.stringData"]);
        let text = request.to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        assert_eq!(request.pointer("/object/data"), Some(&json!({"password": GONE_BASE64, "user": GONE_BASE64})));
        assert_eq!(request.pointer("/object/metadata/annotations/kept"), Some(&json!("yes")));
        for (kind, object) in [
            ("TokenReview", json!({"spec": {"token": "hunter2"}})),
            ("TokenRequest", json!({"status": {"token": "hunter2"}})),
        ] {
            let mut object = object;
            object["apiVersion"] = json!("authentication.k8s.io/v1");
            object["kind"] = json!(kind);
            let mut request = json!({"object": object, "oldObject": null});
            assert_eq!(redact(&mut request).len(), 1, "{kind}");
            assert!(!request.to_string().contains("hunter2"));
        }
        // A Secret whose data is no mapping, and a kind of somebody else.
        let mut odd = json!({"object": {"apiVersion": "v1", "kind": "Secret", "data": ["hunter2"]}});
        redact(&mut odd);
        assert!(!odd.to_string().contains("hunter2"));
        let mut pod = json!({"object": {"apiVersion": "v1", "kind": "Pod", "data": {"a": "b"}}});
        assert!(redact(&mut pod).is_empty());
        assert_eq!(pod.pointer("/object/data/a"), Some(&json!("b")));
    }
}

//! `images`: the parts of each image reference of a workload, by kind of container and by name.
//!
//! As Kyverno names them: `docker.io` is added where no registry is named, `library/` is not, and a tag `latest` where there is neither tag nor
//! digest. A reference that does not parse is left out here, as it is there; gates that decide about images refuse it.
//! Source: kyverno/kyverno:pkg/utils/api/image.go, pkg/utils/image/infos.go.

use serde_json::{Map, Value, json};

/// `{containers: {name: {..}}, initContainers: .., ephemeralContainers: .., volumes: ..}` of the request's object, else of its old one.
pub(crate) fn of(request: &Value) -> Value {
    let object = ["object", "oldObject"].iter().filter_map(|key| request.get(key)).find(|object| !object.is_null());
    let Some(object) = object else { return json!({}) };
    let (route, shift) = match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "Pod" => ("/spec", "/spec"),
        "CronJob" => ("/spec/jobTemplate/spec/template/spec", "/spec/jobTemplate/spec/template/spec"),
        "PodTemplate" => ("/template/spec", "/template/spec"),
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            ("/spec/template/spec", "/spec/template/spec")
        }
        _ => return json!({}),
    };
    let Some(spec) = object.pointer(route) else { return json!({}) };
    let mut images = Map::new();
    for kind in ["initContainers", "containers", "ephemeralContainers", "volumes"] {
        let mut found = Map::new();
        for (index, container) in spec.get(kind).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let (reference, end) = match kind {
                "volumes" => (container.pointer("/image/reference"), "image/reference"),
                _ => (container.get("image"), "image"),
            };
            let Some(parts) = reference.and_then(Value::as_str).and_then(Parts::parse) else { continue };
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            found.insert(name.to_owned(), parts.to_json(&format!("{shift}/{kind}/{index}/{end}")));
        }
        if !found.is_empty() {
            images.insert(kind.to_owned(), Value::Object(found));
        }
    }
    Value::Object(images)
}

/// The parts of a reference.
struct Parts {
    registry: String,
    path: String,
    tag: String,
    digest: String,
}

impl Parts {
    fn parse(text: &str) -> Option<Parts> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, digest),
            None => (text, ""),
        };
        let fine = |letter: char| letter.is_ascii_alphanumeric() || "._-:/[]".contains(letter);
        if rest.is_empty() || !rest.chars().all(fine) || (!digest.is_empty() && !is_digest(digest)) {
            return None;
        }
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
            _ => (rest, None),
        };
        if tag == Some("") {
            return None;
        }
        let (registry, path) = match rest.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first =>
            {
                (first, path)
            }
            _ => ("docker.io", rest),
        };
        if path.is_empty() || path.to_lowercase() != path || path.contains(':') {
            return None;
        }
        let tag = match tag {
            Some(tag) => tag,
            None if digest.is_empty() => "latest",
            None => "",
        };
        Some(Parts {
            registry: registry.to_owned(),
            path: path.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        })
    }

    fn to_json(&self, pointer: &str) -> Value {
        let base = format!("{}/{}", self.registry, self.path);
        let with_tag = format!("{base}:{}", self.tag);
        let reference = if self.digest.is_empty() { with_tag.clone() } else { format!("{base}@{}", self.digest) };
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let mut parts = json!({
            "registry": self.registry,
            "name": name,
            "path": self.path,
            "reference": reference,
            "referenceWithTag": with_tag,
            "jsonPointer": pointer,
        });
        if let Some(parts) = parts.as_object_mut() {
            for (key, value) in [("tag", &self.tag), ("digest", &self.digest)] {
                if !value.is_empty() {
                    parts.insert(key.to_owned(), Value::String(value.clone()));
                }
            }
        }
        parts
    }
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

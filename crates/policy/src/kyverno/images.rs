//! `images`: the parts of each image reference of a workload, by kind of container and by name.
//!
//! As Kyverno names them: `docker.io` is added where no registry is named, `library/` is not, and a tag `latest` where there is neither tag nor
//! digest. A reference that does not parse makes all of `images` an error: left out, it would pass every rule about images.
//! Source: kyverno/kyverno:pkg/utils/api/image.go, pkg/utils/image/infos.go.

use serde_json::{Map, Value, json};

use crate::jmespath::functions::images::{is_digest, is_host, is_part, is_tag};

/// `{containers: {name: {..}}, initContainers: .., ephemeralContainers: .., volumes: ..}` of the request's object, else of its old one.
pub(crate) fn of(request: &Value) -> Result<Value, String> {
    let object = ["object", "oldObject"].iter().filter_map(|key| request.get(key)).find(|object| !object.is_null());
    let Some(object) = object else { return Ok(json!({})) };
    let (route, shift) = match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "Pod" => ("/spec", "/spec"),
        "CronJob" => ("/spec/jobTemplate/spec/template/spec", "/spec/jobTemplate/spec/template/spec"),
        "PodTemplate" => ("/template/spec", "/template/spec"),
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            ("/spec/template/spec", "/spec/template/spec")
        }
        _ => return Ok(json!({})),
    };
    let Some(spec) = object.pointer(route) else { return Ok(json!({})) };
    let mut images = Map::new();
    for kind in ["initContainers", "containers", "ephemeralContainers", "volumes"] {
        let mut found = Map::new();
        for (index, container) in spec.get(kind).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let (reference, end) = match kind {
                "volumes" => (container.pointer("/image/reference"), "image/reference"),
                _ => (container.get("image"), "image"),
            };
            let text = match reference {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) if text.is_empty() => continue,
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let parts = Parts::parse(&text).ok_or_else(|| format!("invalid image `{}`", text.escape_debug()))?;
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            found.insert(name.to_owned(), parts.to_json(&format!("{shift}/{kind}/{index}/{end}")));
        }
        if !found.is_empty() {
            images.insert(kind.to_owned(), Value::Object(found));
        }
    }
    Ok(Value::Object(images))
}

/// The parts of a reference.
struct Parts {
    registry: String,
    path: String,
    tag: String,
    digest: String,
}

impl Parts {
    /// `None` for what the grammar of distribution does not know.
    fn parse(text: &str) -> Option<Parts> {
        if text.len() > 512 {
            return None;
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, digest),
            Some(_) => return None,
            None => (text, ""),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
            _ => (rest, None),
        };
        let (registry, path) = match rest.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first =>
            {
                (first, path)
            }
            _ => ("docker.io", rest),
        };
        if !is_host(registry)
            || path.is_empty()
            || path.len() > 255
            || !path.split('/').all(is_part)
            || tag.is_some_and(|tag| !is_tag(tag))
        {
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

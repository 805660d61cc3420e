//! `images`: the parts of each image reference of a workload, by kind of container and by name.
//!
//! As Kyverno names them: `docker.io` is added where no registry is named, `library/` is not, and a tag `latest` where there is neither tag nor
//! digest. A reference that does not parse makes all of `images` an error: left out, it would pass every rule about images.
//! Source: kyverno/kyverno:pkg/utils/api/image.go, pkg/utils/image/infos.go.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::jmespath::functions::images::{is_digest, is_host, is_part, is_tag};
use crate::jmespath::{Expression, Surroundings};

/// `{containers: {name: {..}}, initContainers: .., ephemeralContainers: .., volumes: ..}` of the request's object, else of its old one.
pub(crate) fn of(request: &Value, extractors: &Extractors, surroundings: &Surroundings) -> Result<Value, String> {
    let object = ["object", "oldObject"].iter().filter_map(|key| request.get(key)).find(|object| !object.is_null());
    let Some(object) = object else { return Ok(json!({})) };
    let mut images = Map::new();
    for image in list(object, extractors, surroundings)? {
        let kind = images.entry(image.kind.clone()).or_insert_with(|| json!({}));
        if let Some(found) = kind.as_object_mut() {
            // Rules would see one of them only.
            if found.contains_key(&image.name) {
                let (name, pointer) = (image.name.escape_debug(), &image.pointer);
                return Err(format!("two images are named `{name}` in `{}`, one of them at `{pointer}`", image.kind));
            }
            found.insert(image.name.clone(), image.parts.to_json(&image.pointer));
        }
    }
    Ok(Value::Object(images))
}

/// One image of a workload.
#[derive(Debug)]
pub(crate) struct Image {
    /// `containers`, `initContainers`, `ephemeralContainers`, `volumes`, or the name of an extractor.
    kind: String,
    /// Of the container or volume; need not be the only one of that name.
    name: String,
    /// Where the reference stands in the object.
    pub(crate) pointer: String,
    pub(crate) parts: Parts,
    /// What stands there is more than the reference, which an expression took out of it: nothing can be written in its place.
    pub(crate) inside: bool,
}

/// All images of a workload, also those of containers with the same name.
pub(crate) fn list(object: &Value, extractors: &Extractors, surroundings: &Surroundings) -> Result<Vec<Image>, String> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    if let Some(wanted) = extractors.0.get(kind) {
        let mut images = Vec::new();
        for extractor in wanted {
            extractor.walk(object, &extractor.fields, &mut String::new(), surroundings, &mut images)?;
        }
        return Ok(images);
    }
    let route = match kind {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "PodTemplate" => "/template/spec",
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            "/spec/template/spec"
        }
        _ => return Ok(Vec::new()),
    };
    let Some(spec) = object.pointer(route) else { return Ok(Vec::new()) };
    let mut images = Vec::new();
    for kind in ["initContainers", "containers", "ephemeralContainers", "volumes"] {
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
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let pointer = format!("{route}/{kind}/{index}/{end}");
            images.push(Image { kind: kind.to_owned(), name, pointer, parts, inside: false });
        }
    }
    Ok(images)
}

/// `imageExtractors` of a rule: where the images of other kinds stand, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extractors(BTreeMap<String, Vec<Extractor>>);

/// One place, or many by `*`.
#[derive(Clone, Debug)]
struct Extractor {
    name: String,
    /// The fields that lead to the mapping with the reference.
    fields: Vec<String>,
    /// The field that names it; empty for its pointer.
    key: String,
    /// The field with the reference.
    value: String,
    /// What takes the reference out of the text.
    expression: Option<Arc<Expression>>,
}

impl Extractors {
    /// Of a rule. The message says what is wrong.
    pub(crate) fn compile(value: &Value) -> Result<Extractors, String> {
        let mut found = BTreeMap::new();
        for (kind, places) in value.as_object().into_iter().flatten() {
            let places = places.as_array().into_iter().flatten().map(Extractor::compile);
            found.insert(kind.clone(), places.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Extractors(found))
    }
}

impl Extractor {
    fn compile(value: &Value) -> Result<Extractor, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|found| !found.is_empty());
        let path = text("path").ok_or("an image extractor needs a `path`")?;
        let mut fields: Vec<String> = path.trim_matches('/').split('/').map(str::to_owned).collect();
        let value = match text("value") {
            Some(value) => value.to_owned(),
            None => fields.pop().unwrap_or_default(),
        };
        if value.is_empty() || value == "*" {
            return Err(format!("the image extractor `{path}` needs a `value`: the field with the reference"));
        }
        let expression = text("jmesPath").map(Expression::parse).transpose();
        Ok(Extractor {
            name: text("name").unwrap_or("custom").to_owned(),
            fields,
            key: text("key").unwrap_or_default().to_owned(),
            value,
            expression: expression.map_err(|err| format!("the image extractor `{path}`: {err}"))?.map(Arc::new),
        })
    }

    /// Follows the fields. What is not there has no images; what is there in another shape may hide one, and is an error.
    fn walk(
        &self,
        value: &Value,
        fields: &[String],
        path: &mut String,
        surroundings: &Surroundings,
        images: &mut Vec<Image>,
    ) -> Result<(), String> {
        let length = path.len();
        let mut step = |name: &str, value: &Value, rest: &[String]| {
            path.push('/');
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            let walked = self.walk(value, rest, path, surroundings, images);
            path.truncate(length);
            walked
        };
        match (fields.split_first(), value) {
            (_, Value::Null) => Ok(()),
            (Some((field, rest)), Value::Array(items)) if field == "*" => {
                items.iter().enumerate().try_for_each(|(index, item)| step(&index.to_string(), item, rest))
            }
            (Some((field, rest)), Value::Object(entries)) if field == "*" => {
                entries.iter().try_for_each(|(key, item)| step(key, item, rest))
            }
            (Some((field, rest)), Value::Object(entries)) => match entries.get(field) {
                Some(item) => step(field, item, rest),
                None => Ok(()),
            },
            (None, Value::Object(entries)) => self.take(entries, path, surroundings, images),
            _ => Err(format!("invalid image config at `{path}`")),
        }
    }

    fn take(
        &self,
        entries: &Map<String, Value>,
        path: &str,
        surroundings: &Surroundings,
        images: &mut Vec<Image>,
    ) -> Result<(), String> {
        let pointer = format!("{path}/{}", self.value.replace('~', "~0").replace('/', "~1"));
        let written = match entries.get(&self.value) {
            None | Some(Value::Null) => return Ok(()),
            Some(written) => written,
        };
        let found = match &self.expression {
            None => written.clone(),
            Some(expression) => {
                let found = expression.search(written, surroundings);
                found.map_err(|err| format!("image extractor at `{pointer}`: {err}"))?.into_owned()
            }
        };
        let Value::String(text) = found else { return Err(format!("invalid image at `{pointer}`: it is no text")) };
        let parts = Parts::parse(&text).ok_or_else(|| format!("invalid image `{}`", text.escape_debug()))?;
        let name = match self.key.as_str() {
            "" => pointer.clone(),
            key => match entries.get(key) {
                Some(Value::String(name)) => name.clone(),
                _ => return Err(format!("invalid key `{key}` of the image at `{pointer}`")),
            },
        };
        images.push(Image { kind: self.name.clone(), name, pointer, parts, inside: self.expression.is_some() });
        Ok(())
    }
}

/// The parts of a reference.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    registry: String,
    path: String,
    tag: String,
    pub(crate) digest: String,
}

impl Parts {
    /// `None` for what the grammar of distribution does not know.
    pub(crate) fn parse(text: &str) -> Option<Parts> {
        // 64 hexadecimal digits are the identifier of an image on some node, and name none in a registry.
        if text.len() > 512 || (text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        {
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

    /// `registry/path:tag`
    pub(crate) fn with_tag(&self) -> String {
        format!("{}/{}:{}", self.registry, self.path, self.tag)
    }

    /// `registry/path@digest`, whatever digest stands in the reference itself.
    pub(crate) fn at(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.registry, self.path)
    }

    /// The canonical form: by digest if there is one, and then the tag says nothing.
    pub(crate) fn reference(&self) -> String {
        if self.digest.is_empty() { self.with_tag() } else { self.at(&self.digest) }
    }

    /// All names under which a pattern may mean this image: as written, by digest and by tag, and the same with other names of its registry.
    /// Hosts are told apart by neither case nor the port that is the default, `docker.io` has three of them and leaves out `library/`.
    pub(crate) fn names(&self) -> Vec<String> {
        const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
        let host = crate::images::host::canonical(&self.registry);
        let mut hosts = vec![self.registry.clone(), host.clone()];
        if crate::images::host::canonical(&format!("{host}:443")) == host {
            hosts.push(format!("{host}:443"));
        }
        let mut paths = vec![self.path.clone()];
        if HUB.contains(&host.as_str()) {
            hosts.extend(HUB.map(str::to_owned));
            match self.path.strip_prefix("library/") {
                Some(path) => paths.push(path.to_owned()),
                None if !self.path.contains('/') => paths.push(format!("library/{}", self.path)),
                None => {}
            }
        }
        let mut names = Vec::new();
        for registry in hosts {
            for path in &paths {
                let parts = Parts { registry: registry.clone(), path: path.clone(), ..self.clone() };
                names.extend([parts.reference(), parts.with_tag()]);
            }
        }
        names
    }

    /// The tag, kept for readers, and the digest that counts.
    pub(crate) fn pinned(&self, digest: &str) -> String {
        if self.tag.is_empty() { self.at(digest) } else { format!("{}@{digest}", self.with_tag()) }
    }

    fn to_json(&self, pointer: &str) -> Value {
        let (with_tag, reference) = (self.with_tag(), self.reference());
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

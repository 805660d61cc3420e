//! `AdmissionReview`, read from the bytes of a request.
//!
//! Source: k8s.io/api/admission/v1/types.go; k8s.io/apiserver pkg/admission/plugin/webhook/request/admissionreview.go.

use serde_json::{Map, Value, json};
use signet_policy::kyverno::{Input, Kind, Operation, User};

use crate::weigh::{TooMuch, weigh};

/// Characters of a `uid`. Kubernetes' own have 36.
const MAX_UID: usize = 256;
/// Characters of names, groups and kinds.
const MAX_NAME: usize = 512;

/// Bounds of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewLimits {
    /// Lists and mappings inside of each other.
    pub depth: usize,
    /// Values and keys.
    pub values: usize,
}

impl Default for ReviewLimits {
    fn default() -> Self {
        Self { depth: 100, values: 400_000 }
    }
}

/// The version of a review. It is answered in the version that it came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `admission.k8s.io/v1`
    #[default]
    V1,
    /// `admission.k8s.io/v1beta1`, of the same shape: what API servers send to a webhook that asks for it.
    V1Beta1,
}

impl Version {
    /// As it stands in a review.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names the request; the answer bears the same.
    pub uid: String,
    /// The version of the review.
    pub version: Version,
    /// What policies see.
    pub input: Input,
    /// Nothing will be stored: whoever judges leaves no trace either.
    pub dry_run: bool,
}

/// Why a text is no review that can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadReview {
    /// The request's `uid` and the version to answer in, if it has one: then the answer is a denial, and else an error of HTTP.
    pub uid: Option<(String, Version)>,
    /// One sentence without a full stop.
    pub message: String,
}

impl Request {
    /// Reads a review.
    ///
    /// # Errors
    /// What is wrong with it, with its `uid` if that can be told.
    pub fn parse(bytes: &[u8], limits: &ReviewLimits) -> Result<Self, BadReview> {
        let anonymous = |message: String| BadReview { uid: None, message };
        weigh(bytes, limits.depth, limits.values)
            .map_err(|err: TooMuch| anonymous(format!("the AdmissionReview is not read: {err}")))?;
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|err| anonymous(format!("the body is no JSON: line {}, column {}", err.line(), err.column())))?;
        let Value::Object(mut review) = value else {
            return Err(anonymous("the body is no AdmissionReview: it is no mapping".to_owned()));
        };
        let version = review.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = review.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(Value::Object(request)) = review.remove("request") else {
            return Err(anonymous("the body is no AdmissionReview with a `request`".to_owned()));
        };
        let uid = match request.get("uid") {
            Some(Value::String(uid)) if !uid.is_empty() && uid.chars().count() <= MAX_UID => uid.clone(),
            _ => return Err(anonymous(format!("`request.uid` is no text of 1 to {MAX_UID} characters"))),
        };
        let known = [Version::V1, Version::V1Beta1].into_iter().find(|known| known.as_str() == version);
        let named = |message: String| BadReview { uid: Some((uid.clone(), known.unwrap_or_default())), message };
        if kind != "AdmissionReview" {
            return Err(named(format!("`{}` is no AdmissionReview", cut(&kind))));
        }
        let Some(version) = known else {
            return Err(named(format!(
                "AdmissionReview of `{}` is not understood: set `admissionReviewVersions: [v1]`",
                cut(&version)
            )));
        };
        read(request).map_err(named).map(|(input, dry_run)| Self { uid: uid.clone(), version, input, dry_run })
    }

    /// An object that is there, as a request that makes it; nobody asks. `plural`: `deployments`. What is not for policies (`managedFields`) is
    /// left out.
    #[must_use]
    pub fn of_object(plural: &str, mut object: Value) -> Self {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let mut input = Input::of(object, Operation::Create);
        let kind = input.kind.clone();
        if let Some(request) = input.request.as_object_mut() {
            let resource = json!({"group": kind.group, "version": kind.version, "resource": plural});
            request.insert("resource".to_owned(), resource);
            request.insert("oldObject".to_owned(), Value::Null);
            request.insert("options".to_owned(), Value::Null);
            request.insert("dryRun".to_owned(), Value::Bool(false));
        }
        Self { uid: String::new(), version: Version::default(), input, dry_run: false }
    }

    /// `Pod/shop/web`, for messages.
    #[must_use]
    pub fn label(&self) -> String {
        let name = self.name();
        let namespace = self.namespace();
        let kind = &self.input.kind.kind;
        if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") }
    }

    /// The name of the object; the stem of one that is still to be made.
    #[must_use]
    pub fn name(&self) -> &str {
        let resource = self.input.resource();
        let of = |key| resource.and_then(|resource| resource.pointer(key)).and_then(Value::as_str).unwrap_or_default();
        let named = self.input.request.get("name").and_then(Value::as_str).unwrap_or_default();
        [named, of("/metadata/name"), of("/metadata/generateName")]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
    }

    /// Its namespace; empty for what lies in none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        if self.input.kind.kind == "Namespace" && self.input.kind.group.is_empty() {
            return "";
        }
        self.input.request.get("namespace").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What stands in a request, taken over as it is: policies see it under the names that Kubernetes gave it.
fn read(mut request: Map<String, Value>) -> Result<(Input, bool), String> {
    let operation = match request.get("operation") {
        Some(Value::String(text)) => {
            Operation::parse(text).ok_or_else(|| format!("`request.operation` is `{}`, which is none", cut(text)))?
        }
        _ => return Err("`request.operation` is missing".to_owned()),
    };
    for key in ["name", "namespace", "subResource", "requestSubResource"] {
        match request.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.len() <= MAX_NAME => {}
            Some(_) => return Err(format!("`request.{key}` is no text of at most {MAX_NAME} bytes")),
        }
    }
    // What an operation does not have is not looked at, whatever stands there.
    if matches!(operation, Operation::Create | Operation::Connect) {
        request.insert("oldObject".to_owned(), Value::Null);
    }
    if operation == Operation::Delete {
        request.insert("object".to_owned(), Value::Null);
    }
    if !request.get("options").is_some_and(Value::is_object) {
        request.insert("options".to_owned(), Value::Null);
    }
    for key in ["object", "oldObject", "userInfo"] {
        match request.get(key) {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => return Err(format!("`request.{key}` is no mapping")),
        }
    }
    let dry_run = match request.get("dryRun") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(dry)) => *dry,
        Some(_) => return Err("`request.dryRun` is neither true nor false".to_owned()),
    };
    let is_there = |key: &str| request.get(key).is_some_and(Value::is_object);
    match operation {
        Operation::Create | Operation::Update | Operation::Connect if !is_there("object") => {
            return Err(format!("`request.object` is missing, which {} is about", operation.as_str()));
        }
        Operation::Delete if !is_there("oldObject") => {
            return Err("`request.oldObject` is missing: what is deleted cannot be judged".to_owned());
        }
        _ => {}
    }
    let kind = kind_of(&mut request)?;
    let subresource = request.get("subResource").and_then(Value::as_str).unwrap_or_default().to_owned();
    let user = user_of(request.get("userInfo"))?;
    let mut input = Input { operation, kind, subresource, ..Input::default() };
    if !input.subresource.is_empty()
        && let Some(parent) = parent(&request)
    {
        input.kind = parent;
    }
    if let Some(user) = &user {
        let account = user.username.strip_prefix("system:serviceaccount:").and_then(|text| text.split_once(':'));
        let (namespace, name) = account.unwrap_or(("", ""));
        input.roots.insert("serviceAccountName".to_owned(), Value::from(name));
        input.roots.insert("serviceAccountNamespace".to_owned(), Value::from(namespace));
    }
    input.user = user;
    input.request = Value::Object(request);
    Ok((input, dry_run))
}

fn kind_of(request: &mut Map<String, Value>) -> Result<Kind, String> {
    let kind = request.get("kind").and_then(Value::as_object).ok_or("`request.kind` is no mapping")?;
    let text = |key: &str| match kind.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) if text.len() <= MAX_NAME => Ok(text.clone()),
        Some(_) => Err(format!("`request.kind.{key}` is no text of at most {MAX_NAME} bytes")),
    };
    let kind = Kind { group: text("group")?, version: text("version")?, kind: text("kind")? };
    if kind.kind.is_empty() || kind.version.is_empty() {
        return Err("`request.kind` names no kind and version".to_owned());
    }
    let version = if kind.group.is_empty() { kind.version.clone() } else { format!("{}/{}", kind.group, kind.version) };
    // What rules are matched with must be what is stored.
    for key in ["object", "oldObject"] {
        let Some(object) = request.get_mut(key).and_then(Value::as_object_mut) else { continue };
        for (key, expected) in [("apiVersion", &version), ("kind", &kind.kind)] {
            let said = object.entry(key).or_insert_with(|| Value::String(expected.clone()));
            if said.as_str() != Some(expected) {
                let said = cut(&said.to_string());
                return Err(format!(
                    "`request.kind` stands for {key} \"{}\", and the object says {said}",
                    cut(expected)
                ));
            }
        }
    }
    Ok(kind)
}

/// Built-in resources with subresources of another kind than their own (`pods/exec` is asked for with `PodExecOptions`).
const PARENTS: &[(&str, &str, &str)] = &[
    ("", "pods", "Pod"),
    ("", "services", "Service"),
    ("", "nodes", "Node"),
    ("", "namespaces", "Namespace"),
    ("", "serviceaccounts", "ServiceAccount"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("apps", "deployments", "Deployment"),
    ("apps", "replicasets", "ReplicaSet"),
    ("apps", "statefulsets", "StatefulSet"),
];

/// The kind whose subresource is asked for.
fn parent(request: &Map<String, Value>) -> Option<Kind> {
    let resource = request.get("resource")?;
    let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, plural) = (text("group"), text("resource"));
    let (_, _, kind) = PARENTS.iter().find(|(known, name, _)| *known == group && *name == plural)?;
    Some(Kind { group: group.to_owned(), version: text("version").to_owned(), kind: (*kind).to_owned() })
}

fn user_of(info: Option<&Value>) -> Result<Option<User>, String> {
    let Some(info) = info.filter(|info| info.is_object()) else { return Ok(None) };
    let username = match info.get("username") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(name)) => name.clone(),
        Some(_) => return Err("`request.userInfo.username` is no text".to_owned()),
    };
    let groups = match info.get("groups") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(groups)) => groups
            .iter()
            .map(|group| group.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or("`request.userInfo.groups` is no list of texts")?,
        Some(_) => return Err("`request.userInfo.groups` is no list of texts".to_owned()),
    };
    Ok(Some(User { username, groups, ..User::default() }))
}

/// A text of somebody else, for a message: its beginning, and every letter that can be taken for another one spelt out.
pub(crate) fn cut(text: &str) -> String {
    let beginning: String = text.chars().take(120).collect();
    let mut shown = spelt(&beginning);
    if beginning.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

/// Letters that are none of ASCII, and those that cannot be seen, by their numbers.
pub(crate) fn spelt(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' '..='~' => shown.push(letter),
            other => shown.extend(other.escape_unicode()),
        }
    }
    shown
}

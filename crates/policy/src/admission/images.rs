//! The images of a request, and what was verified of them elsewhere.
//!
//! Source: kyverno/kyverno:pkg/cel/policies/ivpol, pkg/cel/compiler/images.go. Verification itself is no business of this room: what it found
//! is handed in, and what was not handed in is an error.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use signet_model::ImageRef;

use super::host::Scope;
use super::rule::{list, text};
use crate::cel::{Environment, Error, Key, Program, Text, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Snapshot};
use crate::wildcard;

/// What was verified of images, by the image as the request writes it and the names of the policy's attestors and attestations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    signatures: BTreeMap<(String, String), bool>,
    attestations: BTreeMap<(String, String, String), bool>,
    payloads: BTreeMap<(String, String), Json>,
}

impl Evidence {
    /// Whether an attestor's signature of an image was verified.
    pub fn signature(&mut self, image: &str, attestor: &str, verified: bool) {
        self.signatures.insert((image.to_owned(), attestor.to_owned()), verified);
    }

    /// Whether an attestor's signature of an attestation about an image was verified; and then what the attestation holds.
    pub fn attestation(&mut self, image: &str, attestation: &str, attestor: &str, payload: Option<Json>) {
        let key = (image.to_owned(), attestation.to_owned(), attestor.to_owned());
        self.attestations.insert(key, payload.is_some());
        if let Some(payload) = payload {
            self.payloads.insert((image.to_owned(), attestation.to_owned()), payload);
        }
    }

    /// Answers a function of an expression. Errors: what was not handed in.
    pub(super) fn answer<'a>(&'a self, function: &str, args: &[Value<'a>]) -> Result<Value<'a>, Error> {
        let missing = |what: String| Error::new(format!("{function}: {what} was not given"));
        let names = |of: &Value<'a>| -> Result<Vec<String>, Error> {
            of.items().ok_or_else(Error::no_such_overload)?.iter().map(name_of).collect()
        };
        let verified = |found: Vec<bool>| Value::Int(found.into_iter().map(i64::from).sum());
        match (function, args) {
            ("verifyImageSignatures", [Value::String(image), attestors]) => {
                let mut found = Vec::new();
                for attestor in names(attestors)? {
                    let known = self.signatures.get(&(image.to_string(), attestor.clone()));
                    found.push(*known.ok_or_else(|| missing(format!("whether `{attestor}` signed `{}`", &**image)))?);
                }
                Ok(verified(found))
            }
            ("verifyAttestationSignatures", [Value::String(image), attestation, attestors]) => {
                let attestation = name_of(attestation)?;
                let mut found = Vec::new();
                for attestor in names(attestors)? {
                    let key = (image.to_string(), attestation.clone(), attestor.clone());
                    let what = || missing(format!("whether `{attestor}` signed `{attestation}` of `{}`", &**image));
                    found.push(*self.attestations.get(&key).ok_or_else(what)?);
                }
                Ok(verified(found))
            }
            ("extractPayload" | "payload", [Value::String(image), attestation]) => {
                let attestation = name_of(attestation)?;
                let key = (image.to_string(), attestation.clone());
                let what = || missing(format!("a verified attestation `{attestation}` of `{}`", &**image));
                self.payloads.get(&key).map(Value::of).ok_or_else(what)
            }
            _ => Err(Error::no_such_overload()),
        }
    }
}

/// The name of an attestor or an attestation.
fn name_of(value: &Value<'_>) -> Result<String, Error> {
    let name = value.lookup(&Key::String(Text::Borrowed("name"))).flatten();
    name.as_ref().and_then(Value::as_str).map(str::to_owned).ok_or_else(Error::no_such_overload)
}

/// Which images a policy is about.
#[derive(Clone, Debug)]
pub(super) enum ImageMatch {
    Glob(String),
    Expression(Program),
}

impl ImageMatch {
    /// Reads `matchImageReferences`.
    pub(super) fn compile_all(spec: &Json) -> Result<Vec<ImageMatch>, String> {
        let environment = Environment::kubernetes(["ref"]).with_kyverno();
        let one = |entry: &Json| match (text(entry, "glob"), text(entry, "expression")) {
            ("", "") => Err("an entry of `matchImageReferences` needs `glob` or `expression`".to_owned()),
            ("", expression) => Program::compile_bool(expression, &environment)
                .map(ImageMatch::Expression)
                .map_err(|err| format!("`matchImageReferences`: {err}")),
            (glob, _) => Ok(ImageMatch::Glob(glob.to_owned())),
        };
        list(spec, "matchImageReferences").map(one).collect()
    }

    /// Whether an image is meant, as it is written or in full. One that is no reference is: nothing must pass because nobody can read it.
    fn includes(&self, image: &str, snapshot: &Snapshot, surroundings: &Surroundings) -> Result<bool, Error> {
        let Ok(full) = image.parse::<ImageRef>() else { return Ok(true) };
        match self {
            ImageMatch::Glob(glob) => Ok(wildcard::matches(glob, image) || wildcard::matches(glob, &full.to_string())),
            ImageMatch::Expression(program) => {
                let mut scope = Scope::new(&[], snapshot, surroundings);
                scope.set("ref", Value::text(image));
                program.holds(&scope)
            }
        }
    }
}

/// Reads `images`: where other kinds name their images.
pub(super) fn extractors(spec: &Json) -> Result<Vec<(String, Program)>, String> {
    let environment = Environment::kubernetes(["object", "oldObject", "request", "namespaceObject"]).with_kyverno();
    let one = |entry: &Json| {
        let name = text(entry, "name");
        let program = Program::compile(text(entry, "expression"), &environment)
            .map_err(|err| format!("images `{name}`: {err}"))?;
        Ok((name.to_owned(), program))
    };
    list(spec, "images").map(one).collect()
}

/// The images of a workload by the kind of what runs them, of those that the policy is about, and what the policy's own expressions find.
/// Errors: which are meant cannot be told.
///
/// A container without an image has an empty one, which no rule takes for an image.
pub(super) fn of(
    input: &Input,
    wanted: &[ImageMatch],
    extractors: &[(String, Program)],
    snapshot: &Snapshot,
    surroundings: &Surroundings,
) -> Result<Json, Error> {
    let object = input.resource().unwrap_or(&Json::Null);
    let spec = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec", "/template/spec", "/spec"]
        .into_iter()
        .find_map(|route| object.pointer(route));
    let meant = |image: &str| -> Result<bool, Error> {
        for entry in wanted {
            if entry.includes(image, snapshot, surroundings)? {
                return Ok(true);
            }
        }
        Ok(wanted.is_empty())
    };
    let mut found = json!({});
    for (name, kind, pointer) in [
        ("containers", "containers", "/image"),
        ("initContainers", "initContainers", "/image"),
        ("ephemeralContainers", "ephemeralContainers", "/image"),
        ("imageVolumes", "volumes", "/image/reference"),
    ] {
        let mut images = Vec::new();
        for item in spec.and_then(|spec| spec.get(kind)).and_then(Json::as_array).into_iter().flatten() {
            if kind == "volumes" && item.get("image").is_none() {
                continue;
            }
            let image = item.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
            if meant(image)? {
                images.push(image.to_owned());
            }
        }
        found[name] = json!(images);
    }
    for (name, program) in extractors {
        let mut scope = Scope::new(&[], snapshot, surroundings);
        super::evaluate::facts(&mut scope, input, &Json::Null)?;
        let list = program.evaluate(&scope)?.items().ok_or_else(Error::no_such_overload)?;
        let mut images = Vec::new();
        for image in list {
            let image = image.as_str().ok_or_else(Error::no_such_overload)?;
            if meant(image)? {
                images.push(image.to_owned());
            }
        }
        found[name.as_str()] = json!(images);
    }
    Ok(found)
}

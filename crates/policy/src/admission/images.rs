//! The images of a request, as expressions see them: by what runs them, and what the policy's own expressions find.
//!
//! Source: kyverno/kyverno:pkg/cel/policies/ivpol, pkg/cel/compiler/images.go, pkg/cel/matching/image.go.

use serde_json::{Value as Json, json};
use signet_model::ImageRef;

use super::attestor::ImageRules;
use super::host::{Scope, Session};
use super::rule::{list, text};
use crate::cel::{Environment, Error, Host as _, Program, Value};
use crate::images::Role;
use crate::kyverno::images::Parts;
use crate::wildcard;

/// Which images a policy is about.
#[derive(Clone, Debug)]
pub(super) enum ImageMatch {
    Glob(String),
    Expression(Program),
}

impl ImageMatch {
    /// Reads `matchImageReferences`.
    pub(super) fn compile_all(spec: &Json) -> Result<Vec<ImageMatch>, String> {
        let environment = Environment::kubernetes(["ref"]).with_kyverno().without_fetching();
        let one = |entry: &Json| match (text(entry, "glob"), text(entry, "expression")) {
            ("", "") => Err("an entry of `matchImageReferences` needs `glob` or `expression`".to_owned()),
            ("", expression) => Program::compile_bool(expression, &environment)
                .map(ImageMatch::Expression)
                .map_err(|err| format!("`matchImageReferences`: {err}")),
            (glob, "") => Ok(ImageMatch::Glob(glob.to_owned())),
            _ => Err("an entry of `matchImageReferences` is one of `glob` and `expression`".to_owned()),
        };
        list(spec, "matchImageReferences").map(one).collect()
    }

    /// Whether an image is meant, as it is written, in full, or by another name of its registry. One that is no reference is: nothing must pass
    /// because nobody can read it.
    pub(super) fn includes(&self, image: &str, session: &Session<'_>) -> Result<bool, Error> {
        let Ok(full) = image.parse::<ImageRef>() else { return Ok(true) };
        match self {
            ImageMatch::Glob(glob) => {
                let mut names = Parts::parse(image).map(|parts| parts.names()).unwrap_or_default();
                names.extend([image.to_owned(), full.to_string()]);
                let scope = Scope::new(session, &[]);
                scope.budget().spend_bytes(names.iter().map(String::len).sum::<usize>().saturating_add(glob.len()))?;
                Ok(names.iter().any(|name| wildcard::matches(glob, name)))
            }
            ImageMatch::Expression(program) => {
                let mut scope = Scope::new(session, &[]);
                scope.set("ref", Value::text(image));
                program.holds(&scope)
            }
        }
    }
}

/// Reads `images`: where other kinds name their images.
pub(super) fn extractors(spec: &Json, environment: &Environment) -> Result<Vec<(String, Program)>, String> {
    let mut found: Vec<(String, Program)> = Vec::new();
    for entry in list(spec, "images") {
        let name = text(entry, "name");
        if name.is_empty() || found.iter().any(|(known, _)| known == name) {
            return Err(format!("`images` need names of their own, and `{name}` is none"));
        }
        let program = Program::compile(text(entry, "expression"), environment)
            .map_err(|err| format!("images `{name}`: {err}"))?;
        found.push((name.to_owned(), program));
    }
    Ok(found)
}

/// One image of a request that the policy is about.
pub(super) struct Found {
    /// `containers`, `initContainers`, ..., or the name of an extractor.
    key: String,
    /// As it is written; empty where something else stands, which no rule takes for an image.
    pub(super) text: String,
    /// Where it stands in the object; `None` for what an expression has found.
    pub(super) pointer: Option<String>,
}

/// The images of a request, those that the policy is about.
#[derive(Default)]
pub(super) struct Images {
    keys: Vec<String>,
    pub(super) found: Vec<Found>,
}

impl Images {
    /// Errors: which there are, or which are meant, cannot be told.
    pub(super) fn of<'a>(
        object: &Json,
        rules: Option<&ImageRules>,
        extractors: &'a [(String, Program)],
        scope: &Scope<'a>,
    ) -> Result<Images, Error> {
        let session = scope.session;
        let mut images = Images {
            keys: ["containers", "initContainers", "ephemeralContainers", "imageVolumes"].map(str::to_owned).to_vec(),
            found: Vec::new(),
        };
        let meant = |text: &str| rules.map_or(Ok(true), |rules| rules.wants(text, session));
        // By the kind of the object: what merely looks like a template beside it is none.
        let named =
            crate::images::of(object, &[]).map_err(|err| Error::lack(format!("the images of the object: {err}")))?;
        for image in named {
            let text = image.text.unwrap_or_default();
            if meant(text)? {
                let key = match image.role {
                    Role::Container => "containers",
                    Role::InitContainer => "initContainers",
                    Role::EphemeralContainer => "ephemeralContainers",
                    Role::ImageVolume => "imageVolumes",
                    Role::Custom => "others",
                };
                images.found.push(Found { key: key.to_owned(), text: text.to_owned(), pointer: Some(image.pointer) });
            }
        }
        for (name, program) in extractors {
            if !images.keys.contains(name) {
                images.keys.push(name.clone());
            }
            for image in program.evaluate(scope)?.items().ok_or_else(Error::no_such_overload)? {
                let text = image.as_str().ok_or_else(Error::no_such_overload)?;
                if meant(text)? {
                    images.found.push(Found { key: name.clone(), text: text.to_owned(), pointer: None });
                }
            }
        }
        Ok(images)
    }

    /// Lists of texts by their names, as expressions see them.
    pub(super) fn to_json(&self) -> Json {
        let mut lists = json!({});
        for key in &self.keys {
            lists[key.as_str()] = json!([]);
        }
        for image in &self.found {
            if let Some(list) = lists[image.key.as_str()].as_array_mut() {
                list.push(Json::from(image.text.as_str()));
            } else {
                lists[image.key.as_str()] = json!([image.text]);
            }
        }
        lists
    }
}

//! The language, from its specification: https://github.com/google/cel-spec/blob/master/doc/langdef.md.

mod costs;
mod language;
mod libraries;
mod limits;
mod load;

use std::cell::Cell;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Budget, Environment, Error, Host, Limits, Program, Value};
use crate::kyverno::Need;

/// A host with one object, and nothing that was fetched but one ConfigMap.
pub(super) struct Given<'a> {
    object: &'a Json,
    map: &'a Json,
    budget: Budget,
    depth: Cell<usize>,
}

impl<'a> Host<'a> for Given<'a> {
    fn variable(&self, name: &str) -> Option<Result<Value<'a>, Error>> {
        (name == "object").then(|| Ok(Value::of(self.object)))
    }

    fn composed(&self, _: &'a str) -> Option<Result<Value<'a>, Error>> {
        None
    }

    fn fetch(&self, need: Need) -> Result<Value<'a>, Error> {
        match &need {
            Need::Api { url_path, .. } if url_path == "/api/v1/namespaces/default/configmaps/known" => {
                Ok(Value::of(self.map))
            }
            Need::Service { url, headers, .. } if url == "http://echo/" => Value::from_json(json!(headers)),
            _ => Err(Error::new(format!("{need} was not given"))),
        }
    }

    fn evidence(&self, function: &'a str, _: &[Value<'a>]) -> Result<Value<'a>, Error> {
        Err(Error::new(format!("{function}: nothing was given")))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).expect("because it is a time")
    }

    fn seed(&self) -> [u8; 32] {
        [7; 32]
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

pub(super) fn environment() -> Environment {
    Environment::kubernetes(["object"]).with_kyverno().with_authorizer()
}

/// What an expression gives on an object, as JSON, or the error.
pub(super) fn run(text: &str, object: &Json) -> Result<Json, String> {
    let program = Program::compile(text, &environment()).map_err(|err| format!("load: {err}"))?;
    let map = json!({"data": {"a": "b"}});
    let host = Given { object, map: &map, budget: Budget::new(Limits::default()), depth: Cell::new(0) };
    let value = program.evaluate(&host).map_err(|err| err.to_string())?;
    value.to_json().map_err(|err| err.to_string())
}

#[track_caller]
pub(super) fn check(text: &str, wanted: Json) {
    check_on(text, &object(), wanted);
}

#[track_caller]
pub(super) fn check_on(text: &str, object: &Json, wanted: Json) {
    assert_eq!(run(text, object), Ok(wanted), "{text}");
}

/// An error whose text begins so.
#[track_caller]
pub(super) fn fails(text: &str, wanted: &str) {
    match run(text, &object()) {
        Ok(value) => panic!("{text}: gives {value}, and should fail with `{wanted}`"),
        Err(message) => assert!(message.starts_with(wanted), "{text}: `{message}` should begin `{wanted}`"),
    }
}

pub(super) fn object() -> Json {
    json!({
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"app": "nginx", "tier": "front"}, "annotations": null},
        "spec": {
            "replicas": 3,
            "ratio": 1.5,
            "host": true,
            "containers": [
                {"name": "a", "image": "nginx:1", "ports": [80, 443]},
                {"name": "b", "image": "redis"}
            ]
        }
    })
}

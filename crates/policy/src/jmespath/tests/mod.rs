//! Rows: a document, an expression and what it gives.

mod functions;
mod language;
mod limits;
mod times;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Expression, SearchError, Surroundings};

/// 2026-01-02T03:04:05Z
fn now() -> Timestamp {
    Timestamp::new(1_767_323_045, 0).unwrap()
}

fn kyverno() -> Surroundings {
    Surroundings::kyverno(now(), [7; 32])
}

fn standard() -> Surroundings {
    Surroundings::standard(now(), [7; 32])
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|err| panic!("{text}: {err}"))
}

fn search(expression: &str, document: &Value, surroundings: &Surroundings) -> Result<Value, SearchError> {
    let expression = Expression::parse(expression).unwrap_or_else(|err| panic!("{}", err.highlight(expression)));
    expression.search(document, surroundings).map(|found| found.into_owned())
}

/// In the standard dialect.
#[track_caller]
fn check(document: &str, expression: &str, wanted: &str) {
    let found = search(expression, &value(document), &standard()).unwrap_or_else(|err| panic!("{expression}: {err}"));
    assert_eq!(found, value(wanted), "{expression}");
}

/// In Kyverno's dialect, of an empty document.
#[track_caller]
fn gives(expression: &str, wanted: Value) {
    let found = search(expression, &json!({}), &kyverno()).unwrap_or_else(|err| panic!("{expression}: {err}"));
    assert_eq!(found, wanted, "{expression}");
}

/// In Kyverno's dialect an error, which says so.
#[track_caller]
fn fails(expression: &str, needle: &str) {
    let err = search(expression, &json!({}), &kyverno()).expect_err(expression);
    assert!(err.to_string().contains(needle), "{expression}: {err}");
}

/// No expression, at the place.
#[track_caller]
fn refused(expression: &str, position: usize, needle: &str) {
    let err = Expression::parse(expression).expect_err(expression);
    assert_eq!(err.position, position, "{expression}: {err}");
    assert!(err.message.contains(needle), "{expression}: {err}");
}

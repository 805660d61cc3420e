//! Templates over JSON in the language of Go's `text/template`, as the users of Trivy, Grype and Syft have them.
//!
//! ```text
//!   text ──lex──▶ tokens ──parse──▶ nodes ──eval over a JSON value──▶ text
//!                              └─ unknown function, missing `end`: an error with its line
//! ```
//!
//! Understood are actions, pipelines, variables, `if`, `with`, `range`, `break`, `continue`, `define`, `template`, `block`, comments, trim markers,
//! the language's own functions and the part of the sprig library that reports need. A field is looked up by its exact name, then without
//! regard to case, as Go's struct fields are named otherwise than the JSON made of them; a field that is not there is empty, as an unset field of
//! a struct is. Nothing reads a file, the network or more of the environment than
//! the caller names, and every run is bounded in steps, depth and output.
//!
//! Source: Go's package documentation of `text/template`; sprig's documentation of its functions.

mod eval;
mod functions;
mod lex;
mod matching;
mod parse;
mod printf;
mod sums;
#[cfg(test)]
mod tests;
mod value;
mod wording;

use std::collections::BTreeMap;

use serde_json::Value;
use signet_model::Timestamp;

/// Largest template, in bytes.
pub(crate) const MOST_TEXT: usize = 4 << 20;
/// Deepest nesting of blocks, parentheses and templates that call each other.
const MOST_DEPTH: usize = 60;

/// What a template cannot do or does wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {why}")]
pub(crate) struct TemplateError {
    /// The template's name, mostly its file.
    pub(crate) name: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) why: String,
}

/// What a template is told beside its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The time of `now`.
    pub(crate) now: Timestamp,
    /// The version of `appVersion`.
    pub(crate) app_version: &'a str,
    /// Variables that `env` may ask for, and their values; all others are refused.
    pub(crate) env: &'a [(&'a str, &'a str)],
}

/// A template that was read whole, without errors.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    name: String,
    main: Vec<parse::Node>,
    defined: BTreeMap<String, Vec<parse::Node>>,
}

impl Template {
    /// Reads a template; `name` stands in errors.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Template, TemplateError> {
        let at = |(line, why): (usize, String)| TemplateError { name: name.to_owned(), line, why };
        if text.len() > MOST_TEXT {
            return Err(at((1, format!("it is larger than {MOST_TEXT} bytes"))));
        }
        let parsed = lex::pieces(text).and_then(parse::parse).map_err(at)?;
        Ok(Template { name: name.to_owned(), main: parsed.main, defined: parsed.defined })
    }

    /// Fills it with a value, which is `.` and `$`.
    pub(crate) fn render(&self, value: &Value, context: &Context<'_>) -> Result<String, TemplateError> {
        eval::run(&self.main, &self.defined, value, context).map_err(|(line, why)| TemplateError {
            name: self.name.clone(),
            line,
            why,
        })
    }
}

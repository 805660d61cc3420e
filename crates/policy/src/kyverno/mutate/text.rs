//! `patchesJson6902`: a patch written as YAML or JSON text, with variables in it.
//!
//! The text is read first, with a mark in the place of each variable, and the values are put in afterwards: what a request says stays data, and
//! can neither end a text nor begin another operation. A variable that is a whole plain scalar is read as YAML reads a scalar, as in Kyverno, where
//! the values are put in before the text is read; a variable that is the whole text may be a patch written out by the expression.

use serde_json::{Map, Value};
use signet_yaml::{Limits, Node, Style, Value as Yaml, parse, to_json};

use crate::kyverno::scope::Scope;
use crate::kyverno::variables::{Unresolved, substitute_text, variables};

/// Of Unicode's private use: stands around the number of a variable.
const MARK: char = '\u{E003}';

/// A patch text, ready for values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PatchText {
    /// One variable is all of it.
    Whole(String),
    /// The document with marks, and the variables.
    Document(Template, Vec<String>),
}

/// A document in which scalars may hold marks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    Ready(Value),
    /// A text with marks; whether it stood there plain, so that its value is read as a scalar.
    Text(String, bool),
    List(Vec<Template>),
    Map(Vec<(Template, Template)>),
}

impl PatchText {
    /// Reads a text. The message says why it is no patch.
    pub(crate) fn compile(text: &str) -> Result<PatchText, String> {
        if text.contains(MARK) {
            return Err("`patchesJson6902` holds a letter of Unicode's private use (U+E003)".to_owned());
        }
        let mut marked = String::with_capacity(text.len());
        let mut found = Vec::new();
        let mut from = 0;
        for range in variables(text) {
            marked.push_str(text.get(from..range.start).unwrap_or_default());
            marked.push_str(&format!("{MARK}{}{MARK}", found.len()));
            found.push(text.get(range.clone()).unwrap_or_default().to_owned());
            from = range.end;
        }
        marked.push_str(text.get(from..).unwrap_or_default());
        if let [only] = found.as_slice()
            && marked.trim() == format!("{MARK}0{MARK}")
        {
            return Ok(PatchText::Whole(only.clone()));
        }
        let documents =
            parse(&marked, &Limits::default()).map_err(|err| format!("`patchesJson6902` is no YAML: {err}"))?;
        let [document] = documents.as_slice() else {
            return Err("`patchesJson6902` is not one document".to_owned());
        };
        Ok(PatchText::Document(Template::of(&document.root), found))
    }

    /// The patch with its values.
    pub(crate) fn resolve(&self, scope: &mut Scope<'_>) -> Result<Value, String> {
        let wrong = |err: Unresolved| format!("variable substitution failed: {err}");
        match self {
            PatchText::Whole(variable) => match substitute_text(variable, scope).map_err(wrong)? {
                Value::String(text) => {
                    let documents = parse(&text, &Limits::default());
                    let documents = documents.map_err(|err| format!("failed to decode patches: {err}"))?;
                    Ok(documents.first().map(|document| to_json(&document.root)).unwrap_or(Value::Null))
                }
                other => Ok(other),
            },
            PatchText::Document(template, variables) => {
                let mut values = Vec::with_capacity(variables.len());
                for variable in variables {
                    values.push(substitute_text(variable, scope).map_err(wrong)?);
                }
                Ok(template.fill(&values))
            }
        }
    }
}

impl Template {
    fn of(node: &Node) -> Template {
        match &node.value {
            Yaml::Sequence(items) => Template::List(items.iter().map(Template::of).collect()),
            Yaml::Mapping(entries) => {
                Template::Map(entries.iter().map(|(key, value)| (Template::of(key), Template::of(value))).collect())
            }
            _ => match to_json(node) {
                Value::String(text) if text.contains(MARK) => {
                    Template::Text(text, matches!(node.style, Style::Plain) && node.tag.is_none())
                }
                ready => Template::Ready(ready),
            },
        }
    }

    fn fill(&self, values: &[Value]) -> Value {
        match self {
            Template::Ready(value) => value.clone(),
            Template::Text(text, plain) => fill_text(text, *plain, values),
            Template::List(items) => Value::Array(items.iter().map(|item| item.fill(values)).collect()),
            Template::Map(entries) => {
                let mut filled = Map::new();
                for (key, value) in entries {
                    let key = match key.fill(values) {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    filled.insert(key, value.fill(values));
                }
                Value::Object(filled)
            }
        }
    }
}

fn fill_text(text: &str, plain: bool, values: &[Value]) -> Value {
    // Every second part is the number of a variable.
    let parts: Vec<&str> = text.split(MARK).collect();
    let value =
        |number: &str| number.parse::<usize>().ok().and_then(|number| values.get(number)).unwrap_or(&Value::Null);
    if let ["", number, ""] = parts.as_slice() {
        return match value(number) {
            Value::String(text) if plain => scalar(text),
            Value::String(text) => Value::String(text.clone()),
            other if plain => other.clone(),
            other => Value::String(other.to_string()),
        };
    }
    let mut filled = String::new();
    for (index, part) in parts.iter().enumerate() {
        match (index % 2, value(part)) {
            (0, _) => filled.push_str(part),
            (_, Value::String(text)) => filled.push_str(text),
            (_, other) => filled.push_str(&other.to_string()),
        }
    }
    if plain { scalar(&filled) } else { Value::String(filled) }
}

/// A text as YAML reads a plain scalar; anything that is more than a scalar stays the text that it is.
fn scalar(text: &str) -> Value {
    let simple = !text.is_empty() && text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_graphic());
    let read = simple.then(|| parse(text, &Limits::default()).ok()).flatten();
    let value = read.as_deref().and_then(|documents| documents.first()).map(|document| to_json(&document.root));
    match value {
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

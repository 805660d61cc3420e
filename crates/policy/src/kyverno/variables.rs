//! Variables in texts, `{{ expression }}`, and references to other places of the same pattern, `$(./../key)`.
//!
//! A variable that is the whole text keeps the type of its value; inside a text it becomes text. Variables inside variables are resolved from the
//! inside out. What came out of a variable is data: braces in it are never read as another variable, so that nobody who writes a label writes
//! an expression. Source: kyverno/kyverno:pkg/engine/variables/vars.go and regex/vars.go.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::anchors;
use super::printed::go_type;
use super::scalar::{Operator as Prefixed, Prefix, operator_of};
use super::scope::{QueryError, Scope};

/// A text that a policy may grow to by its variables.
const MAX_TEXT: usize = 2 << 20;
/// Variables in one text, those that come out of nesting included.
const MAX_ROUNDS: usize = 1_000;

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})").expect("because the expression is constant")
});
static ESCAPED_VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\(\{\{(?:\{[^{}]*\}|[^{}])*\}\})").expect("because the expression is constant"));
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(^|[^\\])(\$\([^ ]+\))").expect("because the expression is constant"));

/// Why a text could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("failed to resolve {variable} at path {path}: {err}")]
pub(crate) struct Unresolved {
    variable: String,
    path: String,
    pub(crate) err: Box<QueryError>,
}

/// Where the variables of a text stand, those that hold others as one. Braces are counted, so that an expression may hold mappings.
pub(crate) fn variables(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
        if at > 0 && bytes.get(at - 1) == Some(&b'\\') {
            from = at + 2;
            continue;
        }
        let mut open = 0_usize;
        let end = bytes.iter().enumerate().skip(at).find_map(|(index, byte)| {
            match byte {
                b'{' => open += 1,
                b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            (open == 0).then_some(index + 1)
        });
        let Some(end) = end else { break };
        found.push(at..end);
        from = end;
    }
    found
}

/// Whether anything in a value must be resolved before it is used.
pub(crate) fn is_dynamic(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(is_dynamic),
        Value::Object(entries) => entries.iter().any(|(key, value)| key.contains("{{") || is_dynamic(value)),
        _ => false,
    }
}

/// Whether every text with variables came out as a text that says something. Anything else would be read as a field that is not there, and what
/// the field demands would be lost.
pub(crate) fn demands_kept(written: &Value, found: &Value, name: &str) -> Result<(), String> {
    let lost = |why: &str| Err(format!("the variables of `{name}` resolve to {why}"));
    match (written, found) {
        (Value::String(text), found) if text.contains("{{") => match found {
            Value::String(found) if found.trim().is_empty() => lost("an empty text"),
            Value::String(_) => Ok(()),
            found => lost(&format!("what is no text but of type {}", go_type(found))),
        },
        (Value::Array(items), Value::Array(found)) => {
            items.iter().zip(found).try_for_each(|(written, found)| demands_kept(written, found, name))
        }
        (Value::Object(entries), Value::Object(found)) => {
            entries.iter().try_for_each(|(key, written)| match found.get(key) {
                Some(found) => demands_kept(written, found, key),
                // The key came out of variables; what stands under it can be found only if nothing else did.
                None if !is_dynamic(written) => Ok(()),
                None => Err(format!("`{key}` has variables in its name and its value; only one of them may")),
            })?;
            if found.contains_key("") { lost("an empty key") } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Whether all wildcards are those that the policy wrote: one that a variable brought would choose more than is meant.
pub(crate) fn wildcards_kept(written: &Value, found: &Value, name: &str) -> Result<(), String> {
    fn count(value: &Value) -> usize {
        match value {
            Value::String(text) => {
                let inside: usize =
                    variables(text).into_iter().filter_map(|range| text.get(range)).map(wildcards).sum();
                wildcards(text).saturating_sub(inside)
            }
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(entries) => entries.iter().map(|(key, value)| wildcards(key) + count(value)).sum(),
            _ => 0,
        }
    }
    fn wildcards(text: &str) -> usize {
        text.bytes().filter(|byte| matches!(byte, b'*' | b'?')).count()
    }
    match (written, found) {
        (Value::String(text), Value::String(found)) if text.contains("{{") => {
            if wildcards(found) == count(written) {
                Ok(())
            } else {
                Err(format!("the variables of `{name}` resolve to a wildcard; only the policy itself may write one"))
            }
        }
        (Value::Object(entries), Value::Object(found)) => entries
            .iter()
            .try_for_each(|(key, written)| found.get(key).map_or(Ok(()), |found| wildcards_kept(written, found, key))),
        (Value::Array(items), Value::Array(found)) => {
            items.iter().zip(found).try_for_each(|(written, found)| wildcards_kept(written, found, name))
        }
        _ => Ok(()),
    }
}

/// The value with all its variables resolved. What has none is borrowed.
pub(crate) fn substitute<'v>(value: &'v Value, scope: &mut Scope<'_>) -> Result<Cow<'v, Value>, Unresolved> {
    if !is_dynamic(value) {
        return Ok(Cow::Borrowed(value));
    }
    resolve(value, scope, &mut String::new()).map(Cow::Owned)
}

/// The same for one text; the result may be any value.
pub(crate) fn substitute_text(text: &str, scope: &mut Scope<'_>) -> Result<Value, Unresolved> {
    resolve_text(text, scope, "")
}

fn resolve(value: &Value, scope: &mut Scope<'_>, path: &mut String) -> Result<Value, Unresolved> {
    let length = path.len();
    Ok(match value {
        Value::String(text) => resolve_text(text, scope, path)?,
        Value::Array(items) => {
            let mut found = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                found.push(resolve(item, scope, path)?);
                path.truncate(length);
            }
            Value::Array(found)
        }
        Value::Object(entries) => {
            let mut found = Map::new();
            for (key, item) in entries {
                path.push('/');
                // A slash of the key is none of the path.
                path.push_str(&key.replace('/', SLASH));
                let resolved = resolve(item, scope, path)?;
                let key = if key.contains("{{") {
                    match resolve_text(key, scope, path)? {
                        Value::String(key) => key,
                        other => other.to_string(),
                    }
                } else {
                    key.clone()
                };
                path.truncate(length);
                // Which of both is meant nobody can say, and what the other one asks would be lost.
                if found.contains_key(&key) {
                    let err = QueryError::Wrong(format!("the key `{}` comes out twice", key.escape_debug()));
                    return Err(Unresolved { variable: key, path: path.replace(SLASH, "/"), err: Box::new(err) });
                }
                found.insert(key, resolved);
            }
            Value::Object(found)
        }
        other => other.clone(),
    })
}

fn resolve_text(text: &str, scope: &mut Scope<'_>, path: &str) -> Result<Value, Unresolved> {
    if !text.contains("{{") {
        return Ok(Value::String(text.to_owned()));
    }
    let mut current = guard(text, false);
    for _ in 0..MAX_ROUNDS {
        let Some(found) = VARIABLE.captures(&current).and_then(|captures| captures.get(2)) else {
            let plain = ESCAPED_VARIABLE.replace_all(&current, "$1");
            return Ok(Value::String(unguard(&plain)));
        };
        let expression = unguard(&found.as_str().replace("{{", "").replace("}}", ""));
        let mut expression = expression.trim().to_owned();
        if expression == "@" {
            expression = scope.current(path);
        }
        if scope.deleting() {
            expression = expression.replace("request.object", "request.oldObject");
        }
        let unresolved =
            |err| Unresolved { variable: expression.clone(), path: path.replace(SLASH, "/"), err: Box::new(err) };
        scope.work.steps(current.len() / 64).map_err(unresolved)?;
        let value = scope.query(&expression).map_err(unresolved)?;
        if found.start() == 0 && found.end() == current.len() {
            return Ok(value);
        }
        let written = match &value {
            Value::String(text) => guard(text, true),
            other => guard(&other.to_string(), true),
        };
        let (start, end) = (found.start(), found.end());
        if current.len() - (end - start) + written.len() > MAX_TEXT {
            return Err(unresolved(QueryError::TooLarge));
        }
        current.replace_range(start..end, &written);
    }
    Err(Unresolved {
        variable: text.chars().take(80).collect(),
        path: path.replace(SLASH, "/"),
        err: Box::new(QueryError::TooLarge),
    })
}

/// A slash in a key of a path, of Unicode's private use.
pub(crate) const SLASH: &str = "\u{E003}";

/// A character of Unicode's private use, behind which a letter stands for what must not be read as syntax.
const GUARD: char = '\u{E002}';

/// Hides the guard itself, and in data also braces and backslashes.
fn guard(text: &str, data: bool) -> String {
    let mut guarded = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            GUARD => guarded.extend([GUARD, 'g']),
            '{' if data => guarded.extend([GUARD, 'o']),
            '}' if data => guarded.extend([GUARD, 'c']),
            '\\' if data => guarded.extend([GUARD, 'b']),
            other => guarded.push(other),
        }
    }
    guarded
}

fn unguard(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != GUARD {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('o') => plain.push('{'),
            Some('c') => plain.push('}'),
            Some('b') => plain.push('\\'),
            _ => plain.push(GUARD),
        }
    }
    plain
}

/// Resolves the references of a pattern, once, at load.
pub(crate) fn resolve_references(document: &Value) -> Result<Cow<'_, Value>, String> {
    fn has(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("$("),
            Value::Array(items) => items.iter().any(has),
            Value::Object(entries) => entries.values().any(has),
            _ => false,
        }
    }
    fn walk(value: &Value, document: &Value, path: &mut Vec<String>) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.contains("$(") => Value::String(references_of(text, document, path)?),
            Value::Array(items) => {
                let mut found = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    found.push(walk(item, document, path)?);
                    path.pop();
                }
                Value::Array(found)
            }
            Value::Object(entries) => {
                let mut found = Map::new();
                for (key, item) in entries {
                    path.push(anchors::bare(key).to_owned());
                    found.insert(key.clone(), walk(item, document, path)?);
                    path.pop();
                }
                Value::Object(found)
            }
            other => other.clone(),
        })
    }
    if !has(document) {
        return Ok(Cow::Borrowed(document));
    }
    walk(document, document, &mut Vec::new()).map(Cow::Owned)
}

fn references_of(text: &str, document: &Value, path: &[String]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(found) = REFERENCE.captures(rest).and_then(|captures| captures.get(2)) {
        out.push_str(rest.get(..found.start()).unwrap_or_default());
        let inner = found.as_str().trim_start_matches(['$', '(']).trim_end_matches(')');
        let (operator, route) = match operator_of(inner) {
            Prefix::Operator(operator, route) => (Some(operator), route),
            _ => (None, inner),
        };
        let at = || format!("/{}", path.join("/"));
        let value = at_route(document, path, route)
            .ok_or_else(|| format!("got nil resolved variable {} at path {}", found.as_str(), at()))?;
        let written = match (operator, value) {
            (_, Value::String(text)) => text.clone(),
            (Some(_), Value::Number(number)) => match number.as_i64() {
                Some(value) => value.to_string(),
                None => format!("{:.6}", number.as_f64().unwrap_or_default()),
            },
            _ => return Err(format!("reference {} not resolved at path {}", found.as_str(), at())),
        };
        out.push_str(match operator {
            None => "",
            Some(Prefixed::Equal) => "",
            Some(Prefixed::NotEqual) => "!",
            Some(Prefixed::More) => ">",
            Some(Prefixed::MoreOrEqual) => ">=",
            Some(Prefixed::Less) => "<",
            Some(Prefixed::LessOrEqual) => "<=",
        });
        out.push_str(&written);
        rest = rest.get(found.end()..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out.replace("\\$(", "$("))
}

/// The scalar at a route from where the reference stands, anchors left out of account.
fn at_route<'d>(document: &'d Value, from: &[String], route: &str) -> Option<&'d Value> {
    let mut path: Vec<&str> =
        if route.starts_with('/') { Vec::new() } else { from.iter().map(String::as_str).collect() };
    for part in route.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    let found = path.into_iter().try_fold(document, |value, part| match value {
        Value::Object(entries) => {
            entries.iter().find(|(key, _)| anchors::bare(key) == anchors::bare(part)).map(|(_, value)| value)
        }
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })?;
    (!found.is_object() && !found.is_array() && !found.is_null()).then_some(found)
}

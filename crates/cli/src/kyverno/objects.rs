//! Objects as suites compare them, and as `apply` prints them.
//!
//! Two objects are the same when nothing is left of their difference but empty mappings, empty lists, nulls and the labels that Kyverno puts on
//! what it generates. Source: kyverno/kyverno:cmd/cli/kubectl-kyverno/commands/test/compare.go, resource/compare.go.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use signet_yaml::{Limits, parse};

use super::documents;

/// Why an object is not the one that a suite expects.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// Both are there, and they differ.
    Differs(String),
    /// There is nothing to compare: a file that cannot be read, or without the object, or an object that no rule made.
    Nothing(String),
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Mismatch::Differs(why) | Mismatch::Nothing(why)) = self;
        f.write_str(why)
    }
}

/// Whether an object is one of those in a file, or why not.
pub(super) fn compare(found: Option<&Value>, path: &Path) -> Result<(), Mismatch> {
    let found = found.ok_or_else(|| Mismatch::Nothing("no rule changes this resource".to_owned()))?;
    let expected = read(path)?;
    let Some(expected) = expected.iter().find(|expected| identity(expected) == identity(found)) else {
        return Err(Mismatch::Nothing(format!("`{}` holds no such object", path.display())));
    };
    match difference(&tidy(expected), &tidy(found), &mut String::new()) {
        None => Ok(()),
        Some(at) => {
            Err(Mismatch::Differs(format!("the resource didn't match the resource in the test result, at {at}")))
        }
    }
}

/// The objects of a file, at least one.
fn read(path: &Path) -> Result<Vec<Value>, Mismatch> {
    let found = documents::resources(&[path.to_owned()]).map_err(|err| Mismatch::Nothing(format!("{err:#}")))?;
    if found.is_empty() {
        return Err(Mismatch::Nothing(format!("`{}` holds no object", path.display())));
    }
    Ok(found)
}

/// Whether each object of a file is among those that a rule asks for.
pub(super) fn compare_all(found: &[Value], path: &Path) -> Result<(), Mismatch> {
    let expected = read(path)?;
    let placed = found.iter().cloned().map(|mut object| {
        // What names no namespace is read into `default`.
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.entry("namespace").or_insert_with(|| Value::String("default".to_owned()));
        }
        object
    });
    let placed: Vec<Value> = placed.collect();
    expected.iter().try_for_each(|wanted| {
        let Some(found) = placed.iter().find(|found| identity(found) == identity(wanted)) else {
            // The rule was evaluated and asks for something else.
            return Err(Mismatch::Differs(format!("the rule asks for no {}", identity(wanted).join("/"))));
        };
        match difference(&tidy(wanted), &tidy(found), &mut String::new()) {
            None => Ok(()),
            Some(at) => {
                Err(Mismatch::Differs(format!("the generated resource differs from the one in the test at {at}")))
            }
        }
    })
}

/// What names an object.
fn identity(of: &Value) -> [String; 4] {
    let text = |pointer: &str| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ["/apiVersion", "/kind", "/metadata/namespace", "/metadata/name"].map(text)
}

/// The first place where two values differ.
fn difference(one: &Value, other: &Value, path: &mut String) -> Option<String> {
    let length = path.len();
    let at = |path: &String| Some(if path.is_empty() { "/".to_owned() } else { path.clone() });
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            for key in keys {
                path.push('/');
                path.push_str(key);
                let found = match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => difference(one, other, path),
                    _ => at(path),
                };
                if found.is_some() {
                    return found;
                }
                path.truncate(length);
            }
            None
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                if let Some(found) = difference(one, other, path) {
                    return Some(found);
                }
                path.truncate(length);
            }
            None
        }
        (Value::Number(one), Value::Number(other)) => {
            if one == other || one.as_f64() == other.as_f64() {
                None
            } else {
                at(path)
            }
        }
        (one, other) => {
            if one == other {
                None
            } else {
                at(path)
            }
        }
    }
}

/// Without what does not count.
fn tidy(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(entries) => {
            let kept = entries
                .iter()
                .filter(|(key, _)| !key.starts_with("generate.kyverno.io/") && *key != "app.kubernetes.io/managed-by");
            let kept = kept.map(|(key, value)| (key.clone(), tidy(value))).filter(|(_, value)| !empty(value));
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(tidy).filter(|item| !empty(item)).collect()),
        other => other.clone(),
    }
}

/// YAML in blocks, keys in the order of the alphabet.
pub(super) fn yaml(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let _ = write!(out, "{pad}{}:", scalar(&Value::String(key.clone())));
                inside(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                match item {
                    Value::Object(entries) if !entries.is_empty() => {
                        let mut block = String::new();
                        write(item, indent + 2, &mut block);
                        // The first key stands behind the dash.
                        let _ = write!(out, "{pad}- {}", block.trim_start_matches(' '));
                    }
                    other => {
                        let _ = write!(out, "{pad}-");
                        inside(other, indent, out);
                    }
                }
            }
        }
        other => {
            let _ = writeln!(out, "{pad}{}", scalar(other));
        }
    }
}

/// What stands behind a key or a dash.
fn inside(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            write(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write(value, indent + 2, out);
        }
        other => {
            let _ = writeln!(out, " {}", scalar(other));
        }
    }
}

/// A scalar, quoted unless every reader takes it for the same text.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let simple = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@ ".contains(&byte))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && text.trim() == text;
    let same = || {
        let documents = parse(text, &Limits::default()).unwrap_or_default();
        documents.first().is_some_and(|document| document.root.as_str() == Some(text))
    };
    if simple && same() { text.clone() } else { quoted(value) }
}

/// As JSON, which is YAML but for characters that JSON takes as they are and YAML does not. Source: YAML 1.2.2, 5.1 (`c-printable`).
fn quoted(value: &Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        if matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signet_yaml::to_json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!({
            "a": {"b": [1, "x", {"c": [], "d": {}}, [["y"]], null]}, "on": "yes", "n": "1", "t": "a: b", "m": "x\ny", "#": "# no", "k: v": 1.5,
            "list": [{"name": "a", "deep": {"x": [true]}}, {"name": "b"}], "e": "", "s": " x", "date": "2020-01-01", "colon": "a:", "u": "é\u{7f}\u{85}\u{feff}\u{2028}",
        });
        let text = yaml(&value);
        let documents = parse(&text, &Limits::default()).expect("YAML");
        assert_eq!(to_json(&documents[0].root), value, "{text}");
    }

    #[test]
    fn what_does_not_count_is_left_out() {
        let one = json!({"a": 1, "b": {}, "c": [{"d": null}], "metadata": {"labels": {"generate.kyverno.io/x": "y"}}});
        assert_eq!(difference(&tidy(&one), &tidy(&json!({"a": 1.0})), &mut String::new()), None);
        let differs = difference(&tidy(&one), &tidy(&json!({"a": 1, "e": [2]})), &mut String::new());
        assert_eq!(differs.as_deref(), Some("/e"));
    }
}

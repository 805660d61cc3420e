//! Assertion trees: a partial object that holds or does not hold for a value.
//!
//! A mapping asks for its keys and no others, a list for as many items in the same order. A key in parentheses is a JMESPath expression over the
//! value; `~name.key` asks every element of a list or mapping; `key->name` keeps what was found under a name. A text in parentheses is compared
//! by what it evaluates to. Source: kyverno/kyverno-json:pkg/core/assertion, pkg/core/expression.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_policy::jmespath::{Expression, Surroundings};

/// Values by the names that expressions see with a `$` before them.
pub(super) type Bindings = BTreeMap<String, Value>;

/// One key of a tree.
#[derive(Debug, PartialEq, Eq)]
struct Key<'k> {
    /// Every element is asked; the name of its index, if it has one.
    foreach: Option<&'k str>,
    binding: Option<&'k str>,
    /// Whether the statement is an expression.
    evaluated: bool,
    statement: &'k str,
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl Key<'_> {
    fn parse(text: &str) -> Key<'_> {
        let mut rest = text;
        let mut foreach = None;
        if let Some((name, behind)) = text.strip_prefix('~').and_then(|text| text.split_once('.'))
            && (name.is_empty() || is_word(name))
        {
            foreach = Some(name);
            rest = behind;
        }
        let mut binding = None;
        if let Some((statement, name)) = rest.rsplit_once("->")
            && is_word(name.trim())
        {
            binding = Some(name.trim());
            rest = statement.trim_end();
        }
        if let Some(escaped) = rest.strip_prefix('\\').and_then(|rest| rest.strip_suffix('\\'))
            && !escaped.is_empty()
        {
            return Key { foreach, binding, evaluated: false, statement: escaped };
        }
        if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
            && !inner.is_empty()
        {
            // `(jp; expression)` names the language, of which there is one here.
            let statement = inner.split_once(';').filter(|(engine, _)| is_word(engine)).map_or(inner, |(_, rest)| rest);
            return Key { foreach, binding, evaluated: true, statement };
        }
        Key { foreach, binding, evaluated: false, statement: rest }
    }
}

/// Evaluates an expression over a value.
pub(super) fn evaluate(statement: &str, value: &Value, bindings: &Bindings) -> Result<Value, String> {
    let statement = bound(statement, bindings);
    let expression = Expression::parse(&statement).map_err(|err| format!("`{statement}`: {}", err.message))?;
    let surroundings = Surroundings::standard(Timestamp::UNIX_EPOCH, [0; 32]);
    let found = expression.search(value, &surroundings).map_err(|err| format!("`{statement}`: {err}"))?;
    Ok(found.into_owned())
}

/// The expression with values in the places of `$name`, outside of what is quoted.
fn bound(statement: &str, bindings: &Bindings) -> String {
    let mut out = String::new();
    let mut rest = statement.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = rest.next() {
        match (quote, letter) {
            (Some(_), '\\') => {
                out.push(letter);
                out.extend(rest.next());
            }
            (Some(open), letter) => {
                out.push(letter);
                if letter == open {
                    quote = None;
                }
            }
            (None, '\'' | '"' | '`') => {
                quote = Some(letter);
                out.push(letter);
            }
            (None, '$') => {
                let mut name = String::new();
                while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                    name.push(next);
                }
                let value = bindings.get(&name).unwrap_or(&Value::Null).to_string();
                out.push('`');
                out.push_str(&value.replace('`', "\\`"));
                out.push('`');
            }
            (None, letter) => out.push(letter),
        }
    }
    out
}

/// Every text in parentheses of an object, evaluated: what a template means.
pub(super) fn resolved(value: &Value, bindings: &Bindings) -> Value {
    match value {
        Value::String(text) => match Key::parse(text) {
            Key { foreach: None, binding: None, evaluated: true, statement } => {
                evaluate(statement, &Value::Null, bindings).unwrap_or_else(|_| value.clone())
            }
            _ => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| resolved(item, bindings)).collect()),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, item)| (key.clone(), resolved(item, bindings))).collect())
        }
        other => other.clone(),
    }
}

/// Why a tree does not hold for a value: the place, and what is wrong there.
pub(super) fn check(tree: &Value, value: &Value, bindings: &Bindings) -> Result<(), String> {
    holds(tree, value, bindings.clone(), "")
}

fn holds(tree: &Value, value: &Value, mut bindings: Bindings, path: &str) -> Result<(), String> {
    match tree {
        Value::Object(entries) => {
            if entries.is_empty() && value.is_null() {
                return Err(format!("{path}: is null"));
            }
            for (key, tree) in entries {
                let parsed = Key::parse(key);
                let at = format!("{path}/{key}");
                let projected = if parsed.evaluated {
                    evaluate(parsed.statement, value, &bindings).map_err(|err| format!("{at}: {err}"))?
                } else {
                    value.get(parsed.statement).cloned().ok_or_else(|| format!("{at}: is not there"))?
                };
                if let Some(name) = parsed.binding {
                    bindings.insert(name.to_owned(), projected.clone());
                }
                let Some(name) = parsed.foreach else {
                    holds(tree, &projected, bindings.clone(), &at)?;
                    continue;
                };
                let elements: Vec<(Value, Value)> = match projected {
                    Value::Array(items) => {
                        items.into_iter().enumerate().map(|(index, item)| (json!(index), item)).collect()
                    }
                    Value::Object(items) => items.into_iter().map(|(key, item)| (json!(key), item)).collect(),
                    _ => return Err(format!("{at}: is no list and no mapping")),
                };
                for (index, element) in elements {
                    let mut bindings = bindings.clone();
                    let at = format!("{at}/{index}");
                    if !name.is_empty() {
                        bindings.insert(name.to_owned(), index);
                    }
                    holds(tree, &element, bindings, &at)?;
                }
            }
            Ok(())
        }
        Value::Array(trees) => {
            let items = value.as_array().ok_or_else(|| format!("{path}: is no list"))?;
            if items.len() != trees.len() {
                return Err(format!("{path}: has {} items, not {}: {value}", items.len(), trees.len()));
            }
            trees
                .iter()
                .zip(items)
                .enumerate()
                .try_for_each(|(index, (tree, item))| holds(tree, item, bindings.clone(), &format!("{path}/{index}")))
        }
        scalar => {
            let wanted = match scalar.as_str().map(Key::parse) {
                Some(key) if key.evaluated => {
                    evaluate(key.statement, value, &bindings).map_err(|err| format!("{path}: {err}"))?
                }
                Some(key) if key.statement != scalar.as_str().unwrap_or_default() && key.foreach.is_none() => {
                    json!(key.statement)
                }
                _ => scalar.clone(),
            };
            if same(&wanted, value) { Ok(()) } else { Err(format!("{path}: is {value}, not {wanted}")) }
        }
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_tree(tree: Value, value: Value, want: bool) {
        let bindings = Bindings::from([("error".to_owned(), json!("it's `no`"))]);
        let found = check(&tree, &value, &bindings);
        assert_eq!(found.is_ok(), want, "{tree} on {value}: {found:?}");
    }

    #[test]
    fn trees_are_partial_for_mappings_and_whole_for_lists() {
        check_tree(json!({"a": 1}), json!({"a": 1.0, "b": 2}), true);
        check_tree(json!({"a": 1}), json!({"b": 2}), false);
        check_tree(json!({"a": {}}), json!({"a": null}), false);
        check_tree(json!([{"a": 1}]), json!([{"a": 1, "b": 2}]), true);
        check_tree(json!([1]), json!([1, 2]), false);
        check_tree(json!({"a": null}), json!({"a": null}), true);
    }

    #[test]
    fn keys_and_texts_in_parentheses_are_evaluated() {
        check_tree(json!({"(length(a))": 2}), json!({"a": [1, 2]}), true);
        check_tree(json!({"(a[?b == 'x'])": [{"c": 1}]}), json!({"a": [{"b": "x", "c": 1}, {"b": "y"}]}), true);
        check_tree(json!({"($error != null)": true}), json!({}), true);
        check_tree(json!({"(contains($error, 'yes'))": true}), json!({}), false);
        check_tree(json!({"($error)": "it's `no`"}), json!({}), true);
        check_tree(json!({"a": "(to_string(`1`))"}), json!({"a": "1"}), true);
        check_tree(json!({"\\(a)\\": 1}), json!({"(a)": 1}), true);
    }

    #[test]
    fn every_element_is_asked_and_names_are_kept() {
        check_tree(json!({"~.a": {"b": 1}}), json!({"a": [{"b": 1}, {"b": 1}]}), true);
        check_tree(json!({"~.a": {"b": 1}}), json!({"a": [{"b": 1}, {"b": 2}]}), false);
        check_tree(json!({"~n.a": {"b": "($n)"}}), json!({"a": [{"b": 0}, {"b": 1}]}), true);
        check_tree(json!({"a->x": 1, "b": "($x)"}), json!({"a": 1, "b": 1}), true);
        check_tree(json!({"a->x": 1, "b": "($x)"}), json!({"a": 1, "b": 2}), false);
    }
}

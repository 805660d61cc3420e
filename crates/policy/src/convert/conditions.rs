//! Conditions (`key`, `operator`, `value`) as expressions, where both sides are plain enough to mean the same in both languages.

use serde_json::Value;

use super::literal;
use crate::kyverno::operator::Operator;
use crate::quantity::Quantity;

/// Whether conditions hold, as an expression. The error says which part has no equal.
pub(super) fn holds(value: &Value) -> Result<String, String> {
    let list = |value: &Value| -> Result<Vec<String>, String> {
        value.as_array().into_iter().flatten().map(condition).collect()
    };
    let block = |value: &Value| -> Result<String, String> {
        let any = value.get("any").filter(|any| !any.is_null()).map(list).transpose()?.map(|any| one_of(&any));
        let all = all_of(&value.get("all").map(list).transpose()?.unwrap_or_default());
        // Both are looked at, whatever the other says: what cannot be decided is an error and not "no".
        Ok(any.map_or(all.clone(), |any| format!("[{any}, {all}].all(x, x)")))
    };
    match value {
        Value::Array(items) if items.iter().all(|item| item.get("operator").is_none()) => {
            let blocks: Vec<String> = items.iter().map(block).collect::<Result<_, _>>()?;
            Ok(all_of(&blocks))
        }
        Value::Array(_) => Ok(all_of(&list(value)?)),
        other => block(other),
    }
}

/// One after the other, up to the first that does not hold. `&&` of CEL would let a later one hide that an earlier one cannot be decided.
fn all_of(parts: &[String]) -> String {
    let mut parts = parts.iter().rev();
    let Some(last) = parts.next() else { return "true".to_owned() };
    parts.fold(last.clone(), |rest, part| format!("({part} ? {rest} : false)"))
}

/// One after the other, up to the first that holds.
fn one_of(parts: &[String]) -> String {
    let mut parts = parts.iter().rev();
    let Some(last) = parts.next() else { return "false".to_owned() };
    parts.fold(last.clone(), |rest, part| format!("({part} ? true : {rest})"))
}

fn condition(value: &Value) -> Result<String, String> {
    if value.get("message").and_then(Value::as_str).is_some_and(|message| !message.is_empty()) {
        return Err("a message of one condition alone has no equal".to_owned());
    }
    let name = value.get("operator").and_then(Value::as_str).unwrap_or_default();
    let operator = Operator::parse(name).ok_or_else(|| format!("there is no operator `{name}`"))?;
    let written = value.get("key").and_then(Value::as_str).unwrap_or_default();
    let key = key(written)?;
    let wanted = value.get("value").unwrap_or(&Value::Null);
    match operator {
        Operator::Equals | Operator::NotEquals => {
            let equal = equal(&key, wanted)?;
            Ok(match operator {
                Operator::Equals => equal,
                // Neither holds for what is not there.
                _ => format!("({key} != null && !{equal})"),
            })
        }
        Operator::In
        | Operator::AnyIn
        | Operator::AllIn
        | Operator::NotIn
        | Operator::AnyNotIn
        | Operator::AllNotIn
            if key == OPERATION =>
        {
            // Elsewhere a key may hold wildcards of its own, or be a list.
            let items = match wanted {
                Value::Array(items) => items.as_slice(),
                other => std::slice::from_ref(other),
            };
            let texts: Vec<String> = items.iter().map(plain).collect::<Result<_, _>>()?;
            let not = matches!(operator, Operator::NotIn | Operator::AnyNotIn | Operator::AllNotIn);
            let texts: Vec<String> = texts.iter().map(|text| literal(text)).collect();
            Ok(format!("{}({key} in [{}])", if not { "!" } else { "" }, texts.join(", ")))
        }
        _ => Err(format!("the operator `{name}` on `{written}` has no equal that is known to be the same")),
    }
}

const OPERATION: &str = "request.operation";

/// `{{ request.operation }}`, `{{ request.object.a.b }}`.
fn key(written: &str) -> Result<String, String> {
    let wrong = || format!("`{written}` is no plain path into the request, and is not converted");
    let inner = written.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}")).ok_or_else(wrong)?.trim();
    if inner == OPERATION {
        return Ok(inner.to_owned());
    }
    let (object, path) = inner
        .strip_prefix("request.object.")
        // Where something is deleted, Kyverno looks at what was there.
        .map(|path| (super::matching::RESOURCE, path))
        .or_else(|| inner.strip_prefix("request.oldObject.").map(|path| ("oldObject", path)))
        .ok_or_else(wrong)?;
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if path.split('.').all(is_name) { Ok(format!("{object}.{path}")) } else { Err(wrong()) }
}

fn equal(key: &str, wanted: &Value) -> Result<String, String> {
    match wanted {
        Value::Bool(value) => Ok(format!("({key} == {value})")),
        Value::Number(number) if number.is_i64() => Ok(format!("({key} == {number})")),
        Value::String(_) => Ok(format!("({key} == {})", literal(&plain(wanted)?))),
        other => Err(format!("a comparison with `{other}` is not converted")),
    }
}

/// A text that both languages compare letter by letter.
fn plain(value: &Value) -> Result<String, String> {
    let Some(text) = value.as_str() else { return Err(format!("a comparison with `{value}` is not converted")) };
    if text.contains("{{") || text.contains("$(") {
        return Err(format!("`{text}` holds variables, and is not converted"));
    }
    if crate::wildcard::is_pattern(text) {
        return Err(format!("`{text}` is a wildcard in a condition, and is not converted"));
    }
    if crate::go::duration::parse(text).is_some() || Quantity::parse(text).is_some() || text.parse::<f64>().is_ok() {
        return Err(format!("`{text}` is compared as an amount, and is not converted"));
    }
    if text.starts_with(['[', '{', '"']) {
        return Err(format!("`{text}` is read as JSON, and is not converted"));
    }
    Ok(text.to_owned())
}

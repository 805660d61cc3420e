//! JSON as Go's `encoding/json` writes it: sorted keys, `<`, `>` and `&` escaped, and floating point numbers without `.0`.
//!
//! Source: golang/go:src/encoding/json/encode.go, `floatEncoder` and `appendString`.

use serde_json::{Number, Value};

/// Writes a value. `indent`: two spaces a level, each member on its own line.
pub fn write(value: &Value, indent: bool) -> String {
    let mut out = String::new();
    append(value, indent.then_some(0), &mut out);
    out
}

/// A number without `.0`, and with an exponent only below 1e-6 and from 1e21.
pub fn number(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or(f64::NAN);
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Rust writes `1e21` where Go writes `1e+21`.
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
            _ => text,
        };
    }
    value.to_string()
}

fn append(value: &Value, indent: Option<usize>, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        if indent.is_some() {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    let depth = indent.unwrap_or(0);
    let inner = indent.map(|depth| depth + 1);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => out.push_str(&number(value)),
        Value::String(value) => text(value, out),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                append(item, inner, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Object(members) if members.is_empty() => out.push_str("{}"),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                text(key, out);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                append(item, inner, out);
            }
            line(depth, out);
            out.push('}');
        }
    }
}

fn text(value: &str, out: &mut String) {
    out.push('"');
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

//! Values as Go prints them: what Kyverno's messages and its comparisons of mixed types are made of.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// A number as Kyverno's decoder holds it: an integer if it was written as one and fits, else a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    pub(crate) fn of(number: &Number) -> Num {
        match number.as_i64() {
            Some(value) => Num::Int(value),
            None => Num::Float(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Num::Int(value) => value as f64,
            Num::Float(value) => value,
        }
    }
}

/// A float that holds an integer of 64 bits exactly.
pub(crate) fn whole(value: f64) -> Option<i64> {
    // 2^63 itself does not fit; the comparison is exact because both bounds are powers of two.
    (value.trunc() == value && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value))
        .then_some(value as i64)
}

/// `fmt.Sprint` of one value.
pub(crate) fn sprint(value: &Value) -> String {
    let mut text = String::new();
    print(value, &mut text);
    text
}

/// Go's `%v`.
fn print(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match Num::of(number) {
            Num::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Num::Float(value) => out.push_str(&shortest(value)),
        },
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                print(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push_str("map[");
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                print(item, out);
            }
            out.push(']');
        }
    }
}

/// The type's name in Go, `%T`.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) => match Num::of(number) {
            Num::Int(_) => "int64",
            Num::Float(_) => "float64",
        },
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `strconv.FormatFloat(value, 'E', -1, 64)`: `1.5E+00`.
pub(crate) fn scientific(value: f64) -> String {
    let text = format!("{value:E}");
    let Some((mantissa, exponent)) = text.split_once('E') else { return text };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}E{sign}{digits:0>2}")
}

/// `%v` of a double: the shortest form, with an exponent below 1e-4 and from 1e21.
fn shortest(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) { scientific(value).to_lowercase() } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_go_prints() {
        for (value, want) in [
            (json!(null), "<nil>"),
            (json!(1), "1"),
            (json!(1.5), "1.5"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
            (json!({"b": [1, "x"], "a": true}), "map[a:true b:[1 x]]"),
        ] {
            assert_eq!(sprint(&value), want);
        }
        assert_eq!(scientific(1.5), "1.5E+00");
        assert_eq!(scientific(12345.0), "1.2345E+04");
    }
}

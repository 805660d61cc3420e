//! Cases as rows: values, truth tables, diagnostics, and properties.

mod diagnostics;
mod properties;
mod truth;
mod values;

use std::collections::BTreeMap;

use super::eval::Halt;
use super::*;

/// A world with variables of every kind; `u`, `v` and `nums` are declared and missing.
pub(super) struct World;

pub(super) fn environment() -> Environment {
    let environment = finding_environment()
        .variable("t", Type::Bool, "true")
        .variable("f", Type::Bool, "false")
        .variable("e", Type::Bool, "fails")
        .variable("u", Type::Bool, "missing")
        .variable("v", Type::Bool, "missing too")
        .variable("n", Type::Int, "7")
        .variable("nums", Type::list(Type::Int), "missing")
        .variable("m", Type::map(Type::String, Type::Int), "a map")
        .variable("d", Type::Dyn, "anything")
        .variable("now", Type::Timestamp, "a time");
    environment.choice("color", &["red", "green"], "a choice")
}

impl Activation for World {
    fn lookup(&self, name: &str) -> Lookup {
        Lookup::Value(match name {
            "t" => Value::Bool(true),
            "f" => Value::Bool(false),
            // of another type than declared: an error wherever it is used
            "e" => Value::Int(1),
            "n" => Value::Int(7),
            "m" => Value::Map(BTreeMap::from([(Key::String("a".into()), Value::Int(1))]).into()),
            "d" => Value::string("text"),
            "now" => Value::Timestamp("2026-03-01T12:34:56.789Z".parse().unwrap()),
            "severity" => Value::Severity(signet_model::Severity::High),
            "aliases" => Value::strings(["CVE-1", "GHSA-2"]),
            "package" => Value::string("zlib1g"),
            "age" => Value::Duration(crate::parse_duration("36h").unwrap()),
            _ => return Lookup::Missing(format!("no {name} today")),
        })
    }
}

/// The value of an expression as text, `unknown: names`, or `error: message`.
#[track_caller]
pub(super) fn run(source: &str) -> String {
    let (program, _) = match Program::compile_any(source, &environment(), Limits::default()) {
        Ok(compiled) => compiled,
        Err(diagnostics) => panic!("{}", render_all(&diagnostics, source)),
    };
    match program.value(&World) {
        Ok(value) => show(&value),
        Err(Halt::Unknown(missing)) => {
            format!("unknown: {}", missing.iter().map(|missing| missing.name.as_str()).collect::<Vec<_>>().join(" "))
        }
        Err(Halt::Error(error) | Halt::Abort(error)) => format!("error: {}", error.message),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => format!("{value}u"),
        Value::Double(value) => format!("{value:?}"),
        Value::String(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("b{bytes:?}"),
        Value::Duration(value) => crate::duration::format_duration(*value),
        Value::Timestamp(value) => value.to_string(),
        Value::Severity(value) => value.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", show(&key.value()), show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[track_caller]
pub(super) fn check(source: &str, want: &str) {
    assert_eq!(run(source), want, "{source}");
}

//! Conversions, and the parts of times and durations (UTC).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::Value;
use super::eval::{Fault, Meter};
use crate::duration::format_duration;

type Result<T = Value> = std::result::Result<T, Fault>;

fn cannot(args: &[Value], target: &str) -> Fault {
    let text = match args.first() {
        Some(Value::String(text)) => format!("`{}`", text.chars().take(60).collect::<String>()),
        Some(other) => format!("this {}", other.kind()),
        None => "nothing".to_owned(),
    };
    Fault::Message(format!("{text} cannot be read as {target}"))
}

pub(super) fn to_bool(args: &[Value], _: &mut Meter) -> Result {
    match args.first() {
        Some(Value::Bool(value)) => Ok(Value::Bool(*value)),
        Some(Value::String(text)) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(cannot(args, "a bool")),
        },
        _ => Err(cannot(args, "a bool")),
    }
}

pub(super) fn to_int(args: &[Value], _: &mut Meter) -> Result {
    let value = match args.first() {
        Some(Value::Int(value)) => Some(*value),
        Some(Value::Uint(value)) => i64::try_from(*value).ok(),
        // The bounds are exact doubles; 2^63 itself does not fit.
        Some(Value::Double(value)) => {
            (*value > -9_223_372_036_854_775_809.0 && *value < 9_223_372_036_854_775_808.0).then_some(*value as i64)
        }
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Timestamp(time)) => Some(time.as_second()),
        _ => None,
    };
    value.map(Value::Int).ok_or_else(|| cannot(args, "an int"))
}

pub(super) fn to_uint(args: &[Value], _: &mut Meter) -> Result {
    let value = match args.first() {
        Some(Value::Uint(value)) => Some(*value),
        Some(Value::Int(value)) => u64::try_from(*value).ok(),
        Some(Value::Double(value)) => (*value > -1.0 && *value < 18_446_744_073_709_551_616.0).then_some(*value as u64),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    value.map(Value::Uint).ok_or_else(|| cannot(args, "a uint"))
}

pub(super) fn to_double(args: &[Value], _: &mut Meter) -> Result {
    let value = match args.first() {
        Some(Value::Double(value)) => Some(*value),
        Some(Value::Int(value)) => Some(*value as f64),
        Some(Value::Uint(value)) => Some(*value as f64),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    value.map(Value::Double).ok_or_else(|| cannot(args, "a double"))
}

pub(super) fn to_string(args: &[Value], meter: &mut Meter) -> Result {
    Ok(match args.first() {
        Some(Value::String(text)) => Value::String(text.clone()),
        Some(Value::Bool(value)) => Value::string(value.to_string()),
        Some(Value::Int(value)) => Value::string(value.to_string()),
        Some(Value::Uint(value)) => Value::string(value.to_string()),
        Some(Value::Double(value)) => Value::string(value.to_string()),
        Some(Value::Duration(value)) => Value::string(format_duration(*value)),
        Some(Value::Timestamp(value)) => Value::string(value.to_string()),
        Some(Value::Severity(value)) => Value::string(value.name()),
        Some(Value::Bytes(bytes)) => {
            meter.bytes(bytes.len())?;
            Value::string(std::str::from_utf8(bytes).map_err(|_| cannot(args, "a string: the bytes are not UTF-8"))?)
        }
        _ => return Err(cannot(args, "a string")),
    })
}

pub(super) fn to_bytes(args: &[Value], meter: &mut Meter) -> Result {
    match args.first() {
        Some(Value::Bytes(bytes)) => Ok(Value::Bytes(bytes.clone())),
        Some(Value::String(text)) => {
            meter.bytes(text.len())?;
            Ok(Value::Bytes(Arc::from(text.as_bytes())))
        }
        _ => Err(cannot(args, "bytes")),
    }
}

pub(super) fn to_duration(args: &[Value], _: &mut Meter) -> Result {
    match args.first() {
        Some(Value::Duration(value)) => Ok(Value::Duration(*value)),
        Some(Value::String(text)) => crate::parse_duration(text)
            .map(Value::Duration)
            .ok_or_else(|| cannot(args, "a duration: write for example `90s`, `24h` or `7d`")),
        _ => Err(cannot(args, "a duration")),
    }
}

pub(super) fn to_timestamp(args: &[Value], _: &mut Meter) -> Result {
    match args.first() {
        Some(Value::Timestamp(value)) => Ok(Value::Timestamp(*value)),
        Some(Value::Int(seconds)) => {
            Timestamp::from_second(*seconds).map(Value::Timestamp).map_err(|_| cannot(args, "a point in time"))
        }
        Some(Value::String(text)) => text
            .parse()
            .map(Value::Timestamp)
            .map_err(|_| cannot(args, "a point in time: write for example `2026-01-31T00:00:00Z`")),
        _ => Err(cannot(args, "a point in time")),
    }
}

pub(super) fn to_dyn(args: &[Value], _: &mut Meter) -> Result {
    args.first().cloned().ok_or_else(|| cannot(args, "a value"))
}

fn civil(args: &[Value]) -> Result<DateTime> {
    match args.first() {
        Some(Value::Timestamp(time)) => Ok(Offset::UTC.to_datetime(*time)),
        other => Err(Fault::wrong_type("a timestamp", other)),
    }
}

pub(super) fn full_year(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(civil(args)?.year().into()))
}

pub(super) fn month(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(i64::from(civil(args)?.month()) - 1))
}

pub(super) fn date(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(civil(args)?.day().into()))
}

pub(super) fn day_of_month(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(i64::from(civil(args)?.day()) - 1))
}

pub(super) fn day_of_week(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(civil(args)?.weekday().to_sunday_zero_offset().into()))
}

pub(super) fn day_of_year(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Int(i64::from(civil(args)?.day_of_year()) - 1))
}

/// Of a time the part of the day, of a duration the whole of it in that unit.
fn part(args: &[Value], of_time: fn(DateTime) -> i64, unit_in_millis: i128) -> Result {
    match args.first() {
        Some(Value::Duration(length)) => {
            Ok(Value::Int(i64::try_from(length.as_millis() / unit_in_millis).unwrap_or(i64::MAX)))
        }
        _ => Ok(Value::Int(of_time(civil(args)?))),
    }
}

pub(super) fn hours(args: &[Value], _: &mut Meter) -> Result {
    part(args, |time| time.hour().into(), 3_600_000)
}

pub(super) fn minutes(args: &[Value], _: &mut Meter) -> Result {
    part(args, |time| time.minute().into(), 60_000)
}

pub(super) fn seconds(args: &[Value], _: &mut Meter) -> Result {
    part(args, |time| time.second().into(), 1_000)
}

pub(super) fn milliseconds(args: &[Value], _: &mut Meter) -> Result {
    part(args, |time| time.millisecond().into(), 1)
}

//! `int()`, `string()`, `timestamp()` and the others. Source: cel-spec:doc/langdef.md, "Standard definitions".

use jiff::Timestamp;

use super::error::Error;
use super::value::{Text, Value};
use crate::go;

/// The first and the last moment that there are, in seconds: the years 1 to 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// A moment, if it is one that there is.
pub(crate) fn in_range(moment: Timestamp) -> Result<Timestamp, Error> {
    if (FIRST..=LAST).contains(&moment.as_second()) { Ok(moment) } else { Err(Error::new("timestamp overflow")) }
}

/// Calls the conversion of a name.
pub(crate) fn convert<'a>(name: &str, value: &Value<'a>) -> Result<Value<'a>, Error> {
    match name {
        "int" => int(value),
        "uint" => uint(value),
        "double" => double(value),
        "string" => match value {
            Value::String(_) => Ok(value.clone()),
            other => spelt(other).map(Value::text),
        },
        "bytes" => match value {
            Value::Bytes(_) => Ok(value.clone()),
            Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
            _ => Err(Error::no_such_overload()),
        },
        "bool" => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) => match &**text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
                other => Err(Error::new(format!("type conversion error from '{}' to 'bool'", shortened(other)))),
            },
            _ => Err(Error::no_such_overload()),
        },
        "timestamp" => match value {
            Value::Timestamp(_) => Ok(value.clone()),
            Value::Int(seconds) => {
                let moment = Timestamp::from_second(*seconds).map_err(|_| Error::new("timestamp overflow"))?;
                in_range(moment).map(Value::Timestamp)
            }
            Value::String(text) => timestamp(text).map(Value::Timestamp),
            _ => Err(Error::no_such_overload()),
        },
        "duration" => match value {
            Value::Duration(_) => Ok(value.clone()),
            Value::Int(nanoseconds) => Ok(Value::Duration(*nanoseconds)),
            Value::String(text) => go::duration::parse(text)
                .map(Value::Duration)
                .ok_or_else(|| Error::new(format!("time: invalid duration \"{}\"", shortened(text)))),
            _ => Err(Error::no_such_overload()),
        },
        _ => Ok(Value::Type(Text::Made(value.type_name().into()))),
    }
}

/// The beginning of a text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn int<'a>(value: &Value<'a>) -> Result<Value<'a>, Error> {
    let range = || Error::new("integer overflow");
    Ok(Value::Int(match value {
        Value::Int(value) => *value,
        Value::Uint(value) => i64::try_from(*value).map_err(|_| range())?,
        // The largest numbers that fit lie inside of 2^63 by more than a rounding.
        Value::Double(value) if value.abs() < 9.223_372_036_854_775e18 => *value as i64,
        Value::Double(_) => return Err(range()),
        Value::String(text) => text
            .parse()
            .map_err(|_| Error::new(format!("strconv.ParseInt: parsing \"{}\": invalid syntax", shortened(text))))?,
        Value::Timestamp(moment) => moment.as_second(),
        Value::Duration(nanoseconds) => *nanoseconds,
        _ => return Err(Error::no_such_overload()),
    }))
}

fn uint<'a>(value: &Value<'a>) -> Result<Value<'a>, Error> {
    let range = || Error::new("unsigned integer overflow");
    Ok(Value::Uint(match value {
        Value::Uint(value) => *value,
        Value::Int(value) => u64::try_from(*value).map_err(|_| range())?,
        Value::Double(value) if *value >= 0.0 && *value < 1.844_674_407_370_955e19 => *value as u64,
        Value::Double(_) => return Err(range()),
        // Go reads a sign before an `int` only.
        Value::String(text) => Some(text)
            .filter(|text| !text.starts_with('+'))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(format!("strconv.ParseUint: parsing \"{}\": invalid syntax", shortened(text))))?,
        _ => return Err(Error::no_such_overload()),
    }))
}

fn double<'a>(value: &Value<'a>) -> Result<Value<'a>, Error> {
    Ok(Value::Double(match value {
        Value::Double(value) => *value,
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::String(text) => {
            let value: f64 = text.parse().map_err(|_| {
                Error::new(format!("strconv.ParseFloat: parsing \"{}\": invalid syntax", shortened(text)))
            })?;
            // A number beyond all that there are is not infinity, unless it says so.
            if value.is_infinite() && text.contains(|letter: char| letter.is_ascii_digit()) {
                let text = shortened(text);
                return Err(Error::new(format!("strconv.ParseFloat: parsing \"{text}\": value out of range")));
            }
            value
        }
        _ => return Err(Error::no_such_overload()),
    }))
}

/// RFC 3339 as Go reads it: with seconds, a capital `T` and `Z`, and a colon in the offset.
fn timestamp(text: &str) -> Result<Timestamp, Error> {
    let layout = go::layout::RFC3339;
    let wrong = || Error::new(format!("parsing time \"{}\" as \"{layout}\"", shortened(text)));
    if text.len() > 64 {
        return Err(wrong());
    }
    let moment = go::layout::parse(layout, text).map_err(|_| wrong())?;
    in_range(Timestamp::from_nanosecond(moment.nanoseconds).map_err(|_| wrong())?)
}

/// A value as text: of what has one.
pub(crate) fn spelt(value: &Value<'_>) -> Result<String, Error> {
    Ok(match value {
        Value::String(text) => text.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Double(value) => number(*value),
        Value::Bytes(bytes) => std::str::from_utf8(bytes)
            .map_err(|_| Error::new("invalid UTF-8 in bytes, cannot convert to string"))?
            .to_owned(),
        Value::Timestamp(moment) => moment.to_string(),
        Value::Duration(nanoseconds) => seconds(*nanoseconds),
        Value::Opaque(opaque) => opaque.spelt().ok_or_else(Error::no_such_overload)?,
        Value::Type(name) => name.to_string(),
        _ => return Err(Error::no_such_overload()),
    })
}

/// Seconds with what lies behind the point: `1.5s`.
fn seconds(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let part = format!("{:09}", size % 1_000_000_000);
    match part.trim_end_matches('0') {
        "" => format!("{sign}{}s", size / 1_000_000_000),
        part => format!("{sign}{}.{part}s", size / 1_000_000_000),
    }
}

/// A floating point number as Go's `%g` writes it.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, power) = power.strip_prefix('-').map_or(("+", power), |power| ("-", power));
        return format!("{digits}e{sign}{power:0>2}");
    }
    value.to_string()
}

//! Functions on strings. Positions and sizes count characters, as CEL says. Source: cel-go `ext/strings.go` for those beyond the standard.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::Value;
use super::eval::{Fault, Meter};

type Result<T = Value> = std::result::Result<T, Fault>;

fn text(args: &[Value], at: usize) -> Result<&Arc<str>> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(text),
        other => Err(Fault::wrong_type("a string", other)),
    }
}

fn int(args: &[Value], at: usize) -> Result<i64> {
    match args.get(at) {
        Some(Value::Int(value)) => Ok(*value),
        other => Err(Fault::wrong_type("an int", other)),
    }
}

fn count(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

pub(super) fn size(args: &[Value], meter: &mut Meter) -> Result {
    Ok(count(match args.first() {
        Some(Value::String(text)) => {
            meter.bytes(text.len())?;
            text.chars().count()
        }
        Some(Value::Bytes(bytes)) => bytes.len(),
        Some(Value::List(items)) => items.len(),
        Some(Value::Map(entries)) => entries.len(),
        other => return Err(Fault::wrong_type("a string, bytes, a list or a map", other)),
    }))
}

/// A pattern of RE2's kind, bounded in size: linear time on any text.
pub(super) fn pattern(pattern: &str) -> std::result::Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(1 << 20).dfa_size_limit(1 << 20).nest_limit(64).build().map_err(|err| {
        match err {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            other => {
                // The library draws a picture over several lines; its last line says what is wrong.
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!("the pattern cannot be read: {}", last.strip_prefix("error: ").unwrap_or(last))
            }
        }
    })
}

/// Compiling dominates: a pattern that is no literal costs much more than one that the checker compiled.
const COMPILE_COST: usize = 2_000;

pub(super) fn matches(args: &[Value], meter: &mut Meter) -> Result {
    let regex = text(args, 1)?;
    meter.charge(COMPILE_COST + regex.len())?;
    found(&pattern(regex).map_err(Fault::Message)?, text(args, 0)?, meter)
}

pub(super) fn found(regex: &Regex, text: &str, meter: &mut Meter) -> Result {
    meter.charge((text.len() / 10 + 1).saturating_mul(regex.as_str().len() / 4 + 1))?;
    Ok(Value::Bool(regex.is_match(text)))
}

pub(super) fn contains(args: &[Value], meter: &mut Meter) -> Result {
    let (text, part) = (text(args, 0)?, text(args, 1)?);
    meter.bytes(text.len() + part.len())?;
    Ok(Value::Bool(text.contains(&**part)))
}

pub(super) fn starts_with(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Bool(text(args, 0)?.starts_with(&**text(args, 1)?)))
}

pub(super) fn ends_with(args: &[Value], _: &mut Meter) -> Result {
    Ok(Value::Bool(text(args, 0)?.ends_with(&**text(args, 1)?)))
}

pub(super) fn lower_ascii(args: &[Value], meter: &mut Meter) -> Result {
    meter.bytes(text(args, 0)?.len())?;
    Ok(Value::string(text(args, 0)?.to_ascii_lowercase()))
}

pub(super) fn upper_ascii(args: &[Value], meter: &mut Meter) -> Result {
    meter.bytes(text(args, 0)?.len())?;
    Ok(Value::string(text(args, 0)?.to_ascii_uppercase()))
}

pub(super) fn trim(args: &[Value], meter: &mut Meter) -> Result {
    meter.bytes(text(args, 0)?.len())?;
    Ok(Value::string(text(args, 0)?.trim()))
}

pub(super) fn reverse(args: &[Value], meter: &mut Meter) -> Result {
    meter.bytes(text(args, 0)?.len())?;
    Ok(Value::string(text(args, 0)?.chars().rev().collect::<String>()))
}

/// How often at most: an optional argument, negative for "always".
fn times(args: &[Value], at: usize) -> Result<usize> {
    if args.len() <= at {
        return Ok(usize::MAX);
    }
    Ok(usize::try_from(int(args, at)?).unwrap_or(usize::MAX))
}

pub(super) fn replace(args: &[Value], meter: &mut Meter) -> Result {
    let (text, old, new) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let most = times(args, 3)?;
    meter.bytes(text.len() + old.len())?;
    // The result may be far larger than what goes in: pay before it is made.
    let hits = text.matches(&**old).take(most).count();
    meter.bytes(hits.saturating_mul(new.len()))?;
    Ok(Value::string(text.replacen(&**old, new, most)))
}

pub(super) fn split(args: &[Value], meter: &mut Meter) -> Result {
    let (text, separator) = (text(args, 0)?, text(args, 1)?);
    let most = times(args, 2)?;
    meter.bytes(text.len())?;
    if most == 0 {
        return Ok(Value::strings::<&str>([]));
    }
    if separator.is_empty() {
        // Go splits between all characters; Rust would add an empty part at each end.
        meter.charge(text.len())?;
        let letters: Vec<char> = text.chars().collect();
        let (single, rest) = letters.split_at(letters.len().min(most.saturating_sub(1)));
        let mut parts: Vec<String> = single.iter().map(char::to_string).collect();
        if !rest.is_empty() {
            if most == usize::MAX {
                parts.extend(rest.iter().map(char::to_string))
            } else {
                parts.push(rest.iter().collect())
            }
        }
        return Ok(Value::strings(parts));
    }
    meter.charge(text.matches(&**separator).take(most).count())?;
    Ok(Value::strings(text.splitn(most, &**separator)))
}

pub(super) fn join(args: &[Value], meter: &mut Meter) -> Result {
    let Some(Value::List(items)) = args.first() else { return Err(Fault::wrong_type("a list", args.first())) };
    let separator = if args.len() > 1 { text(args, 1)?.clone() } else { Arc::from("") };
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        let Value::String(part) = item else { return Err(Fault::wrong_type("a string", Some(item))) };
        meter.bytes(part.len() + separator.len())?;
        if at > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(part);
    }
    Ok(Value::string(joined))
}

/// A character position as a byte position; the end counts as one.
fn byte_of(text: &str, position: i64) -> Result<usize> {
    let outside = || Fault::Message(format!("position {position} is outside of the string"));
    let position = usize::try_from(position).map_err(|_| outside())?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(position).ok_or_else(outside)
}

fn position_of(text: &str, byte: usize) -> Value {
    count(text.get(..byte).unwrap_or_default().chars().count())
}

pub(super) fn char_at(args: &[Value], meter: &mut Meter) -> Result {
    let text = text(args, 0)?;
    meter.bytes(text.len())?;
    let rest = text.get(byte_of(text, int(args, 1)?)?..).unwrap_or_default();
    Ok(Value::string(rest.chars().next().map(String::from).unwrap_or_default()))
}

pub(super) fn index_of(args: &[Value], meter: &mut Meter) -> Result {
    let (text, part) = (text(args, 0)?, text(args, 1)?);
    meter.bytes(text.len() + part.len())?;
    let from = if args.len() > 2 { byte_of(text, int(args, 2)?)? } else { 0 };
    let found = text.get(from..).and_then(|rest| rest.find(&**part));
    Ok(found.map_or(Value::Int(-1), |at| position_of(text, from + at)))
}

pub(super) fn last_index_of(args: &[Value], meter: &mut Meter) -> Result {
    let (text, part) = (text(args, 0)?, text(args, 1)?);
    meter.bytes(text.len() + part.len())?;
    Ok(text.rfind(&**part).map_or(Value::Int(-1), |at| position_of(text, at)))
}

pub(super) fn substring(args: &[Value], meter: &mut Meter) -> Result {
    let text = text(args, 0)?;
    meter.bytes(text.len())?;
    let start = byte_of(text, int(args, 1)?)?;
    let end = if args.len() > 2 { byte_of(text, int(args, 2)?)? } else { text.len() };
    let part = text.get(start..end).ok_or_else(|| Fault::Message("the substring ends before it begins".to_owned()))?;
    Ok(Value::string(part))
}

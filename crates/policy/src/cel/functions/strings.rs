//! Text. Positions count characters. Source: cel-go:ext/strings.go, ext/regex.go, ext/encoders.go; k8s.io/apiserver pkg/cel/library/regex.go.

use super::{Called, whole};
use crate::cel::budget::Budget;
use crate::cel::convert;
use crate::cel::error::Error;
use crate::cel::pattern::Pattern;
use crate::cel::value::Value;
use base64::Engine as _;
use regex::Regex;

/// Most parts that a text is split into, and most matches that are found in it.
const MOST: usize = 100_000;

/// A function on text. `literal`: the regular expression that stands in the arguments, if it is a literal.
pub(super) fn on_text<'a>(
    name: &str,
    text: &str,
    rest: &[Value<'a>],
    literal: Option<&Pattern>,
    budget: &Budget,
) -> Called<'a> {
    let compiled = |pattern: &str| literal.map_or_else(|| Pattern::known(pattern, budget), |known| Ok(known.clone()));
    Ok(match (name, rest) {
        ("contains", [Value::String(part)]) => Value::Bool(text.contains(&**part)),
        ("startsWith", [Value::String(part)]) => Value::Bool(text.starts_with(&**part)),
        ("endsWith", [Value::String(part)]) => Value::Bool(text.ends_with(&**part)),
        ("matches", [Value::String(pattern)]) => Value::Bool(compiled(pattern)?.over(text, budget)?.is_match(text)),
        ("find", [Value::String(pattern)]) => {
            let pattern = compiled(pattern)?;
            let found = pattern.over(text, budget)?.find(text);
            Value::text(found.map_or("", |found| found.as_str()))
        }
        ("findAll", [Value::String(pattern), most @ ..]) => {
            let most = match most {
                [] => MOST,
                [most, ..] => usize::try_from(whole(most)?).unwrap_or(MOST).min(MOST),
            };
            let pattern = compiled(pattern)?;
            let found = pattern.over(text, budget)?.find_iter(text).take(most);
            gathered(found.map(|found| found.as_str()), budget)?
        }
        ("charAt", [index]) => {
            let index = whole(index)?;
            let count = text.chars().count();
            match usize::try_from(index) {
                Ok(index) if index == count => Value::text(""),
                Ok(index) if index < count => {
                    Value::text(text.chars().nth(index).map(String::from).unwrap_or_default())
                }
                _ => return Err(Error::new(format!("index out of range: {index}"))),
            }
        }
        ("indexOf", [Value::String(part), from @ ..]) => {
            let from = from.first().map(whole).transpose()?.unwrap_or(0);
            Value::Int(position(text, part, from)?)
        }
        ("lastIndexOf", [Value::String(part), to @ ..]) => {
            Value::Int(last_position(text, part, to.first().map(whole).transpose()?)?)
        }
        ("lowerAscii", []) => Value::text(text.to_ascii_lowercase()),
        ("upperAscii", []) => Value::text(text.to_ascii_uppercase()),
        ("trim", []) => Value::text(text.trim()),
        ("reverse", []) => Value::text(text.chars().rev().collect::<String>()),
        ("replace", [Value::String(from), Value::String(to), count @ ..]) => {
            let count = count.first().map(whole).transpose()?.unwrap_or(-1);
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            // What comes out is weighed before it is made.
            let found =
                if from.is_empty() { text.chars().count() + 1 } else { text.matches(&**from).count() }.min(most);
            budget.spend_bytes(found.saturating_mul(to.len()))?;
            Value::text(text.replacen(&**from, to, most))
        }
        ("split", [Value::String(by), count @ ..]) => {
            let count = count.first().map(whole).transpose()?.unwrap_or(-1);
            split(text, by, count, budget)?
        }
        ("substring", [from, to @ ..]) => {
            let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            let (from, to) = (whole(from)?, to.first().map(whole).transpose()?.unwrap_or(count));
            if from < 0 || from > count {
                return Err(Error::new(format!("index out of range: {from}")));
            }
            if to < 0 || to > count {
                return Err(Error::new(format!("index out of range: {to}")));
            }
            let size = to
                .checked_sub(from)
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| Error::new(format!("invalid substring range. start: {from}, end: {to}")))?;
            let from = usize::try_from(from).unwrap_or_default();
            Value::text(text.chars().skip(from).take(size).collect::<String>())
        }
        ("format", [values]) => Value::text(formatted(text, values, budget)?),
        _ => return Err(Error::no_such_overload()),
    })
}

/// A function of a namespace about text.
pub(super) fn call<'a>(name: &str, args: &[Value<'a>], literal: Option<&Pattern>, budget: &Budget) -> Called<'a> {
    let compiled = |pattern: &str| literal.map_or_else(|| Pattern::known(pattern, budget), |known| Ok(known.clone()));
    Ok(match (name, args) {
        ("strings.quote", [Value::String(text)]) => Value::text(quoted(text)),
        ("base64.encode", [Value::Bytes(bytes)]) => {
            Value::text(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        ("base64.decode", [Value::String(text)]) => {
            let standard = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
            let decoded =
                standard.or_else(|_| base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.as_bytes()));
            Value::Bytes(decoded.map_err(|_| Error::new("illegal base64 data"))?.into())
        }
        ("jsonpatch.escapeKey", [Value::String(text)]) => Value::text(text.replace('~', "~0").replace('/', "~1")),
        ("regex.replace", [Value::String(text), Value::String(pattern), Value::String(by), count @ ..]) => {
            let count = count.first().map(whole).transpose()?.unwrap_or(-1);
            Value::text(replaced(text, &compiled(pattern)?, by, count, budget)?)
        }
        ("regex.extract", [Value::String(text), Value::String(pattern)]) => {
            let pattern = compiled(pattern)?;
            let regex = one_group(pattern.over(text, budget)?)?;
            match regex.captures(text).and_then(|found| found.get(1).or(found.get(0))) {
                Some(found) => Value::some(Value::text(found.as_str()))?,
                None => Value::Optional(None),
            }
        }
        ("regex.extractAll", [Value::String(text), Value::String(pattern)]) => {
            let pattern = compiled(pattern)?;
            let found = one_group(pattern.over(text, budget)?)?.captures_iter(text).take(MOST);
            gathered(found.filter_map(|found| Some(found.get(1).or(found.get(0))?.as_str())), budget)?
        }
        _ => return Err(Error::no_such_overload()),
    })
}

/// Texts into a list, each paid for before it is copied.
fn gathered<'a, 't>(found: impl Iterator<Item = &'t str>, budget: &Budget) -> Called<'a> {
    let mut items = Vec::new();
    for text in found {
        budget.spend(1)?;
        budget.spend_bytes(text.len())?;
        items.push(Value::text(text));
    }
    Value::list(items)
}

fn one_group(regex: &Regex) -> Result<&Regex, Error> {
    if regex.captures_len() > 2 {
        return Err(Error::new("regular expression has more than one capturing group"));
    }
    Ok(regex)
}

fn position(text: &str, part: &str, from: i64) -> Result<i64, Error> {
    let count = text.chars().count();
    if part.is_empty() && usize::try_from(from).is_ok_and(|from| from <= count) {
        return Ok(from);
    }
    let from = usize::try_from(from).ok().filter(|from| *from < count.max(1));
    let from = match from {
        Some(from) => from,
        None if count == 0 => return Ok(-1),
        None => return Err(Error::new("index out of range")),
    };
    let start = text.char_indices().nth(from).map_or(text.len(), |(at, _)| at);
    let behind = text.get(start..).unwrap_or_default();
    Ok(match behind.find(part) {
        Some(at) => characters(behind.get(..at).unwrap_or_default()) + i64::try_from(from).unwrap_or_default(),
        None => -1,
    })
}

fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn last_position(text: &str, part: &str, to: Option<i64>) -> Result<i64, Error> {
    let Some(to) = to else {
        return Ok(text.rfind(part).map_or(-1, |at| characters(text.get(..at).unwrap_or_default())));
    };
    if part.is_empty() {
        return Ok(to);
    }
    let count = characters(text);
    if to < 0 || to >= count.max(1) {
        return Err(Error::new(format!("index out of range: {to}")));
    }
    // The last one that begins at `to` or before it.
    let end = text.char_indices().nth(usize::try_from(to).unwrap_or_default()).map_or(text.len(), |(at, _)| at);
    let window = text.get(..end.saturating_add(part.len()).min(text.len()));
    let window = window.unwrap_or_else(|| {
        let mut end = end.saturating_add(part.len()).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.get(..end).unwrap_or_default()
    });
    Ok(window.rfind(part).map_or(-1, |at| characters(text.get(..at).unwrap_or_default())))
}

fn split<'a>(text: &str, by: &str, count: i64, budget: &Budget) -> Called<'a> {
    let most = match count {
        0 => return Value::list(Vec::new()),
        count if count < 0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(usize::MAX),
    };
    if !by.is_empty() {
        return gathered(text.splitn(most, by), budget);
    }
    // Into letters, the last part with all that is left.
    let mut rest = text;
    let mut left = most;
    let letters = std::iter::from_fn(|| {
        let letter = rest.chars().next()?;
        left = left.saturating_sub(1);
        let end = if left == 0 { rest.len() } else { letter.len_utf8() };
        let (part, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(part)
    });
    gathered(letters, budget)
}

/// `\1` in what replaces stands for a group; a backslash before anything else is wrong.
fn replaced(text: &str, pattern: &Pattern, by: &str, count: i64, budget: &Budget) -> Result<String, Error> {
    let regex = pattern.over(text, budget)?;
    if count == 0 {
        return Ok(text.to_owned());
    }
    let most = usize::try_from(count).unwrap_or(MOST).min(MOST);
    let mut parts: Vec<Result<String, usize>> = vec![Ok(String::new())];
    let mut letters = by.chars();
    while let Some(letter) = letters.next() {
        let written = match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('\\') => '\\',
                Some(digit) if digit.is_ascii_digit() => {
                    let group = digit.to_digit(10).and_then(|group| usize::try_from(group).ok()).unwrap_or_default();
                    if group >= regex.captures_len() {
                        return Err(Error::new(format!(
                            "replacement string references group {group} but regex has only {} group(s)",
                            regex.captures_len() - 1
                        )));
                    }
                    budget.spend(1)?;
                    parts.push(Err(group));
                    continue;
                }
                _ => return Err(Error::new("invalid replacement string: '\\' must be followed by a digit or '\\'")),
            },
            (letter, false) => letter,
        };
        match parts.last_mut() {
            Some(Ok(text)) => text.push(written),
            _ => parts.push(Ok(String::from(written))),
        }
    }
    let mut out = String::new();
    let mut last = 0;
    for found in regex.captures_iter(text).take(most) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(text.get(last..whole.start()).unwrap_or_default());
        for part in &parts {
            let part = match part {
                Ok(literal) => literal,
                Err(group) => found.get(*group).map_or("", |group| group.as_str()),
            };
            // Each is paid for before it is written: a long match under many groups is more than memory holds.
            budget.spend(1)?;
            budget.spend_bytes(part.len())?;
            out.push_str(part);
        }
        last = whole.end();
    }
    out.push_str(text.get(last..).unwrap_or_default());
    Ok(out)
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `%s`, `%d`, `%f`, `%e`, `%b`, `%x`, `%X`, `%o`, each with the next value. Source: cel-go:ext/formatting.go.
fn formatted(text: &str, values: &Value<'_>, budget: &Budget) -> Result<String, Error> {
    let values = values.listed().ok_or_else(Error::no_such_overload)?;
    let mut values = values.iter().enumerate();
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut precision = None;
        if letters.next_if_eq(&'.').is_some() {
            let mut digits = 0_usize;
            while let Some(digit) = letters.peek().and_then(|digit| digit.to_digit(10)) {
                letters.next();
                digits = digits.saturating_mul(10).saturating_add(usize::try_from(digit).unwrap_or_default());
            }
            if digits > 1000 {
                return Err(Error::new("could not parse formatting clause: precision is too large"));
            }
            precision = Some(digits);
        }
        let Some(verb) = letters.next() else {
            return Err(Error::new("unexpected end of string"));
        };
        if verb == '%' && precision.is_none() {
            out.push('%');
            continue;
        }
        let (index, value) = values.next().ok_or_else(|| Error::new("index out of range in format"))?;
        let wrong = || {
            Error::new(format!(
                "error during formatting: value {index} of type {} does not fit `%{verb}`",
                value.type_name()
            ))
        };
        // The longest number with the most digits behind its point; what may be longer is paid for before it is written.
        budget.spend(1)?;
        budget.spend_bytes(precision.map_or(0, |digits| digits + 400))?;
        match (verb, value) {
            ('s', value) => plain(value, &mut out, budget, 0)?,
            ('d', Value::Int(value)) => out.push_str(&value.to_string()),
            ('d', Value::Uint(value)) => out.push_str(&value.to_string()),
            ('d', Value::Double(value)) if !value.is_finite() => out.push_str(&not_finite(*value)),
            ('f' | 'e', Value::Double(value)) if !value.is_finite() => out.push_str(&not_finite(*value)),
            ('f', value) => out.push_str(&format!("{:.*}", precision.unwrap_or(6), double(value).ok_or_else(wrong)?)),
            ('e', value) => {
                let text = format!("{:.*e}", precision.unwrap_or(6), double(value).ok_or_else(wrong)?);
                let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, power) = power.strip_prefix('-').map_or(("+", power), |power| ("-", power));
                out.push_str(&format!("{digits}e{sign}{power:0>2}"));
            }
            ('b', Value::Bool(value)) => out.push_str(if *value { "1" } else { "0" }),
            ('b' | 'o' | 'x' | 'X', Value::Int(value)) => {
                if *value < 0 {
                    out.push('-');
                }
                out.push_str(&radix(verb, value.unsigned_abs()));
            }
            ('b' | 'o' | 'x' | 'X', Value::Uint(value)) => out.push_str(&radix(verb, *value)),
            ('x' | 'X', Value::String(text)) => hex(verb, text.as_bytes(), &mut out, budget)?,
            ('x' | 'X', Value::Bytes(bytes)) => hex(verb, bytes, &mut out, budget)?,
            ('b' | 'o' | 'd', _) => return Err(wrong()),
            _ => {
                return Err(Error::new(format!(
                    "could not parse formatting clause: unrecognized formatting clause \"{verb}\""
                )));
            }
        }
    }
    if values.next().is_some() {
        return Err(Error::new("too many arguments supplied to string.format"));
    }
    Ok(out)
}

fn not_finite(value: f64) -> String {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
    .to_owned()
}

fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        _ => None,
    }
}

fn radix(verb: char, value: u64) -> String {
    match verb {
        'b' => format!("{value:b}"),
        'o' => format!("{value:o}"),
        'x' => format!("{value:x}"),
        _ => format!("{value:X}"),
    }
}

fn hex(verb: char, bytes: &[u8], out: &mut String, budget: &Budget) -> Result<(), Error> {
    budget.spend_bytes(bytes.len().saturating_mul(2))?;
    for byte in bytes {
        out.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
    }
    Ok(())
}

/// A value as `%s` writes it: lists and maps too, keys in order. Each text, key or value, is paid for before it is written.
fn plain(value: &Value<'_>, out: &mut String, budget: &Budget, depth: usize) -> Result<(), Error> {
    budget.spend(1)?;
    if depth > 128 {
        return Err(Error::limit("a value nests too deep to be written"));
    }
    if let Some(items) = value.listed() {
        out.push('[');
        for (index, item) in items.iter().enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            plain(item, out, budget, depth + 1)?;
        }
        out.push(']');
        return Ok(());
    }
    if let Some(pairs) = value.each_pair() {
        out.push('{');
        for (index, (key, item)) in pairs.enumerate() {
            budget.spend_bytes(key.bytes())?;
            out.push_str(if index > 0 { ", " } else { "" });
            out.push_str(&key.spelt());
            out.push_str(": ");
            plain(&item, out, budget, depth + 1)?;
        }
        out.push('}');
        return Ok(());
    }
    budget.spend_bytes(value.weight().1)?;
    match value {
        Value::Null => out.push_str("null"),
        Value::Double(value) if !value.is_finite() => out.push_str(&not_finite(*value)),
        other => out.push_str(&convert::spelt(other)?),
    }
    Ok(())
}

//! A validation pattern as an expression.
//!
//! A pattern ends in one of three ways: the resource is so, it fails, or the rule does not apply (a condition does not hold). Each part is written as
//! two expressions, when it fails and when it does not apply, and parts are put together in the order in which Kyverno walks them, because the first
//! that is not so decides. The order is that of [`crate::kyverno`]'s pattern.

use serde_json::{Map, Value};

use super::{like, literal};
use crate::kyverno::anchors::{self, Anchor};
use crate::quantity::Quantity;

/// Bytes that one pattern may grow to while it is written.
const MOST: usize = 48 << 10;

/// When a part fails, and when the rule does not apply; `false` where that never is.
struct Ways {
    fails: String,
    skips: Option<String>,
}

/// A value, as far as it may be absent.
struct Place {
    chain: String,
    optional: bool,
    depth: usize,
}

impl Place {
    fn value(&self) -> String {
        if self.optional { format!("{}.orValue(null)", self.chain) } else { self.chain.clone() }
    }

    fn is_there(&self) -> String {
        if self.optional { format!("{}.hasValue()", self.chain) } else { "true".to_owned() }
    }

    fn below(&self, key: &str) -> Place {
        let plain = key.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            && !RESERVED.contains(&key);
        let chain = if plain { format!("{}.?{key}", self.chain) } else { format!("{}[?{}]", self.chain, literal(key)) };
        Place { chain, optional: true, depth: self.depth }
    }
}

/// Words that CEL keeps for itself.
const RESERVED: [&str; 19] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "void",
];

/// Whether a resource is as one of the patterns says, or the rule does not apply to it.
pub(super) fn holds(patterns: &[Value]) -> Result<String, String> {
    let root = Place { chain: "object".to_owned(), optional: false, depth: 0 };
    let ways: Vec<Ways> = patterns.iter().map(|pattern| node(pattern, &root, false)).collect::<Result<_, _>>()?;
    let holds = match ways.as_slice() {
        [] => return Err("an empty list of patterns asks nothing that could hold".to_owned()),
        [one] => format!("!({})", one.fails),
        // One that is so is enough; if none is, those that do not apply leave the rule out only where none fails.
        many => {
            let so: Vec<String> = many.iter().map(is_so).collect();
            let none_fails: Vec<String> = many.iter().map(|ways| format!("!({})", ways.fails)).collect();
            format!("({}) || ({})", so.join(" || "), none_fails.join(" && "))
        }
    };
    if holds.len() > MOST {
        return Err(format!(
            "it becomes an expression of {} bytes, more than the {MOST} that are written",
            holds.len()
        ));
    }
    // What is deleted is judged by no pattern.
    Ok(format!("object == null || ({holds})"))
}

/// Neither fails nor is left out.
fn is_so(ways: &Ways) -> String {
    match &ways.skips {
        None => format!("!({})", ways.fails),
        Some(skips) => format!("!({}) && !({skips})", ways.fails),
    }
}

fn never(fails: String) -> Ways {
    Ways { fails, skips: None }
}

fn node(pattern: &Value, place: &Place, within_tags: bool) -> Result<Ways, String> {
    let value = place.value();
    if value.len() > MOST {
        return Err("it nests too deep to be written".to_owned());
    }
    match pattern {
        Value::Object(map) => {
            let inner = entries(map, place, within_tags)?;
            Ok(Ways {
                fails: format!("type({value}) != map || ({})", inner.fails),
                skips: inner.skips.map(|skips| format!("type({value}) == map && ({skips})")),
            })
        }
        Value::Array(items) => list(items, place),
        scalar => {
            let element = format!("x{}", place.depth);
            let (one, each) = (accepts(scalar, &value)?, accepts(scalar, &element)?);
            Ok(never(format!("!(type({value}) == list ? {value}.all({element}, {each}) : ({one}))")))
        }
    }
}

fn list(items: &[Value], place: &Place) -> Result<Ways, String> {
    let value = place.value();
    let element = format!("e{}", place.depth);
    let here = Place { chain: element.clone(), optional: false, depth: place.depth + 1 };
    match items.first() {
        // No list is as an empty pattern says.
        None => Ok(never("true".to_owned())),
        Some(Value::Object(map)) => {
            let inner = entries(map, &here, false)?;
            let fails = format!(
                "type({value}) != list || {value}.exists({element}, type({element}) != map || ({}))",
                inner.fails
            );
            // A list of which no element is meant leaves the whole rule out.
            let skips = inner.skips.map(|skips| {
                format!("type({value}) == list && size({value}) > 0 && {value}.all({element}, type({element}) == map && ({skips}))")
            });
            Ok(Ways { fails, skips })
        }
        Some(Value::Array(_)) => Err("lists in lists are not converted".to_owned()),
        Some(scalar) => {
            let each = accepts(scalar, &element)?;
            Ok(never(format!("type({value}) != list || !{value}.all({element}, {each})")))
        }
    }
}

/// The entries of a mapping, each in its turn.
fn entries(map: &Map<String, Value>, place: &Place, within_tags: bool) -> Result<Ways, String> {
    let mut first = Vec::new();
    let mut rest: Vec<(&str, Option<Anchor>, &Value)> = Vec::new();
    for (raw, value) in map {
        let (anchor, key) = match anchors::parse(raw) {
            Some((Anchor::AddIfAbsent, _)) | None => (None, raw.as_str()),
            Some((anchor, key)) => (Some(anchor), key),
        };
        if crate::wildcard::is_pattern(key) || key.contains("{{") || raw.starts_with("+(") {
            return Err(format!("the key `{raw}` is not converted"));
        }
        match anchor {
            Some(Anchor::Condition | Anchor::Existence | Anchor::Equality | Anchor::Negation) => {
                first.push((key, anchor, value))
            }
            Some(Anchor::Global) => rest.insert(0, (key, anchor, value)),
            _ if has_anchors(value) => rest.insert(0, (key, anchor, value)),
            _ => rest.push((key, anchor, value)),
        }
    }
    let _ = within_tags;
    first.append(&mut rest);
    let mut parts = Vec::with_capacity(first.len());
    for (key, anchor, value) in first {
        parts.push(entry(key, anchor, value, place)?);
    }
    // From the last to the first: each decides where those before it are so.
    let mut after = never("false".to_owned());
    for part in parts.into_iter().rev() {
        let unless = part.skips.as_ref().map(|skips| format!("!({skips}) && ")).unwrap_or_default();
        let fails = match (part.fails.as_str(), after.fails.as_str()) {
            (_, "false") => part.fails.clone(),
            ("false", rest) => format!("{unless}({rest})"),
            (fails, rest) => format!("({fails}) || ({unless}({rest}))"),
        };
        let skips = match (&part.skips, &after.skips) {
            (None, None) => None,
            (Some(skips), None) => Some(skips.clone()),
            (None, Some(rest)) => Some(format!("!({}) && ({rest})", part.fails)),
            (Some(skips), Some(rest)) => Some(format!("({skips}) || (!({}) && ({rest}))", part.fails)),
        };
        if fails.len() + skips.as_ref().map_or(0, String::len) > MOST {
            return Err(format!("it becomes an expression of more than {MOST} bytes"));
        }
        after = Ways { fails, skips };
    }
    Ok(after)
}

fn has_anchors(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            anchors::parse(key).is_some_and(|(anchor, _)| anchor != Anchor::AddIfAbsent) || has_anchors(value)
        }),
        Value::Array(items) => match items.first() {
            Some(first @ Value::Object(_)) => has_anchors(first),
            _ => false,
        },
        _ => false,
    }
}

fn entry(key: &str, anchor: Option<Anchor>, pattern: &Value, place: &Place) -> Result<Ways, String> {
    let here = place.below(key);
    let there = here.is_there();
    Ok(match anchor {
        Some(Anchor::Negation) => never(there),
        Some(Anchor::Equality) => {
            let inner = node(pattern, &here, false)?;
            Ways {
                fails: format!("{there} && ({})", inner.fails),
                skips: inner.skips.map(|skips| format!("{there} && ({skips})")),
            }
        }
        Some(Anchor::Condition) => {
            let inner = node(pattern, &here, false)?;
            Ways { fails: "false".to_owned(), skips: Some(format!("!{there} || !({})", is_so(&inner))) }
        }
        Some(Anchor::Global) => {
            let inner = node(pattern, &here, false)?;
            Ways { fails: "false".to_owned(), skips: Some(format!("{there} && !({})", is_so(&inner))) }
        }
        Some(Anchor::Existence) => {
            let Value::Array(items) = pattern else { return Err(format!("`^({key})` needs a list")) };
            let (value, element) = (here.value(), format!("e{}", here.depth));
            let one = Place { chain: element.clone(), optional: false, depth: here.depth + 1 };
            let mut fails = vec![format!("type({value}) != list")];
            for item in items {
                let Value::Object(map) = item else { return Err(format!("`^({key})` needs a list of mappings")) };
                let inner = entries(map, &one, false)?;
                fails.push(format!("!{value}.exists({element}, type({element}) == map && {})", is_so(&inner)));
            }
            never(format!("{there} && ({})", fails.join(" || ")))
        }
        Some(Anchor::AddIfAbsent) | None if pattern.as_str() == Some("*") => never(format!("{} == null", here.value())),
        Some(Anchor::AddIfAbsent) | None => node(pattern, &here, false)?,
    })
}

/// Whether a value that is no list is as a scalar says.
fn accepts(pattern: &Value, value: &str) -> Result<String, String> {
    match pattern {
        Value::Null => Ok(format!("({value} == null || {value} == false || {value} == 0 || {value} == \"\")")),
        Value::Bool(wanted) => Ok(format!("{value} == {wanted}")),
        Value::Number(number) => match number.as_i64() {
            Some(wanted) => {
                let digits = wanted.unsigned_abs();
                let sign = match wanted {
                    0 => "[+-]?",
                    1.. => "[+]?",
                    _ => "-",
                };
                let regexp = literal(&format!("^{sign}0*{digits}$"));
                Ok(format!("({value} == {wanted} || (type({value}) == string && {value}.matches({regexp})))"))
            }
            None => Err(format!("the number `{number}` is not converted")),
        },
        Value::String(text) => text_accepts(text, value),
        other => Err(format!("`{other}` is no scalar")),
    }
}

fn text_accepts(text: &str, value: &str) -> Result<String, String> {
    if text.contains("{{") || text.contains("$(") {
        return Err(format!("`{text}` holds variables, and is not converted"));
    }
    let mut ways = Vec::new();
    if text.contains(['|', '&', '!']) {
        ways.push(format!("{value} == {}", literal(text)));
    }
    for alternative in text.split('|') {
        let tests: Vec<String> = alternative
            .trim_matches(' ')
            .split('&')
            .map(|test| one(test.trim_matches(' '), value))
            .collect::<Result<_, _>>()?;
        ways.push(if tests.len() == 1 { tests.concat() } else { format!("({})", tests.join(" && ")) });
    }
    Ok(if ways.len() == 1 { ways.concat() } else { format!("({})", ways.join(" || ")) })
}

fn one(test: &str, value: &str) -> Result<String, String> {
    let (not, wanted) = match test.strip_prefix('!').filter(|_| test.len() > 1) {
        Some(rest) => (true, rest.trim()),
        None => (false, test.trim()),
    };
    let is_amount = |text: &str| {
        crate::go::duration::parse(text).is_some() || Quantity::parse(text).is_some() || text.parse::<f64>().is_ok()
    };
    if test.starts_with(['>', '<']) || crate::kyverno::range_of(test).is_some() || is_amount(wanted) {
        return Err(format!("`{test}` is compared as an amount, and is not converted"));
    }
    let fits = fits(wanted, value)?;
    Ok(if not {
        format!("({value} != null && type({value}) != map && type({value}) != list && !({fits}))")
    } else {
        fits
    })
}

/// Whether the text of a value is as a wildcard says. Numbers and truths have texts too.
fn fits(wanted: &str, value: &str) -> Result<String, String> {
    let scalars =
        format!("(type({value}) == bool || type({value}) == int || type({value}) == uint || type({value}) == double)");
    if !crate::wildcard::is_pattern(wanted) {
        return Ok(match wanted {
            "true" | "false" => format!("({value} == {} || {value} == {wanted})", literal(wanted)),
            _ => format!("{value} == {}", literal(wanted)),
        });
    }
    let text = format!("(type({value}) == string && {})", like(value, wanted));
    if wanted.chars().all(|letter| matches!(letter, '*' | '?')) {
        // The shortest text of a number has one digit.
        return match wanted.chars().filter(|letter| *letter == '?').count() {
            0 | 1 if wanted.contains('*') => Ok(format!("({text} || {scalars})")),
            _ => Err(format!("`{wanted}` counts the letters of numbers, and is not converted")),
        };
    }
    let only_texts = |letter: char| !"truefalse0123456789E+-.*?".contains(letter);
    if wanted.contains(only_texts) {
        Ok(text)
    } else {
        Err(format!("`{wanted}` could also be the text of a number, and is not converted"))
    }
}

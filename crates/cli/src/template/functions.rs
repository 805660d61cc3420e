//! The functions: those of the language, and the part of sprig that reports need.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::value::{Number, Val, equal, items, order, owned, print, text, truth};
use super::wording::{escape, escape_js, escape_query, go_layout, title};
use super::{Context, matching, printf, sums};

/// All names that a template may call.
const NAMES: &[&str] = &[
    // the language's
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    // Trivy's and Grype's
    "escapeXML",
    "escapeString",
    "endWithPeriod",
    "toLower",
    "appVersion",
    "getCurrentTime",
    "getLastIndex",
    "byMatchName",
    "sourceID",
    "sum",
    "env",
    "getEnv",
    // sprig's
    "lower",
    "upper",
    "title",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "replace",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "repeat",
    "substr",
    "trunc",
    "abbrev",
    "nospace",
    "indent",
    "nindent",
    "quote",
    "squote",
    "cat",
    "split",
    "splitList",
    "join",
    "sortAlpha",
    "toString",
    "toStrings",
    "default",
    "empty",
    "coalesce",
    "ternary",
    "fail",
    "add",
    "add1",
    "sub",
    "mul",
    "div",
    "mod",
    "max",
    "min",
    "int",
    "int64",
    "float64",
    "atoi",
    "list",
    "tuple",
    "first",
    "last",
    "rest",
    "initial",
    "append",
    "prepend",
    "concat",
    "uniq",
    "reverse",
    "has",
    "without",
    "dict",
    "get",
    "hasKey",
    "keys",
    "values",
    "pick",
    "omit",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "now",
    "date",
    "round",
    "until",
    "kindIs",
    "kindOf",
    "ceil",
    "floor",
    "compact",
];

/// Names that other tools have and that would let a template read what it has no business with.
const REFUSED: &[&str] = &["expandenv", "getHostByName", "readFile", "call"];

/// Longest string that a function makes, in bytes.
const MOST_TEXT: usize = 16 << 20;

/// Whether a function makes a text or a list out of all of its arguments, so that what it makes is as large as they are together.
pub(super) fn copies(name: &str) -> bool {
    !matches!(
        name,
        "not"
            | "len"
            | "index"
            | "eq"
            | "ne"
            | "lt"
            | "le"
            | "gt"
            | "ge"
            | "default"
            | "empty"
            | "coalesce"
            | "ternary"
            | "first"
            | "last"
            | "getLastIndex"
            | "get"
            | "hasKey"
            | "has"
            | "kindIs"
            | "kindOf"
    )
}

/// Whether a template may call this.
pub(super) fn check(name: &str) -> Result<(), String> {
    if REFUSED.contains(&name) {
        return Err(format!(
            "the function `{name}` is refused: a template sees the report and nothing of its surroundings"
        ));
    }
    match NAMES.contains(&name) || matching::NAMES.contains(&name) || sums::NAMES.contains(&name) {
        true => Ok(()),
        false => Err(format!("there is no function `{name}`")),
    }
}

type Result1<'v> = Result<Val<'v>, String>;

/// Calls a function.
pub(super) fn call<'v>(name: &str, arguments: &[Val<'v>], context: &Context<'_>) -> Result1<'v> {
    let args = Args(arguments);
    if let Some(result) = language(name, &args) {
        return result;
    }
    if let Some(result) = strings(name, &args) {
        return result;
    }
    if let Some(result) = numbers(name, &args) {
        return result;
    }
    if let Some(result) = collections(name, &args) {
        return result;
    }
    if let Some(result) = sums::call(name, &args) {
        return result;
    }
    if let Some(result) = matching::call(name, &args, MOST_TEXT) {
        return result;
    }
    Ok(match name {
        "appVersion" => text(context.app_version),
        "now" | "getCurrentTime" => text(context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        "date" => {
            let time: signet_model::Timestamp =
                args.text(1)?.parse().map_err(|_| format!("{:?} is no time", args.text(1).unwrap_or_default()))?;
            text(time.strftime(&go_layout(&args.text(0)?)).to_string())
        }
        "sourceID" => text(args.text(0)?),
        // Only what whoever calls has named: a template that somebody sent must not read tokens out of the environment.
        "env" | "getEnv" => {
            let wanted = args.text(0)?;
            match context.env.iter().find(|(name, _)| *name == wanted) {
                Some((_, value)) => text(*value),
                None => {
                    return Err(format!(
                        "the variable `{wanted}` is refused: a template sees the report and nothing of its surroundings"
                    ));
                }
            }
        }
        "fail" => return Err(args.text(0)?),
        _ => return Err("there is no such function".to_owned()),
    })
}

/// Arguments with what is asked of them.
pub(super) struct Args<'a, 'v>(&'a [Val<'v>]);

impl<'v> Args<'_, 'v> {
    fn value(&self, at: usize) -> Result<&Val<'v>, String> {
        self.0.get(at).ok_or_else(|| format!("it needs {} arguments, and got {}", at + 1, self.0.len()))
    }

    /// The argument as text; numbers and the like as they are printed.
    pub(super) fn text(&self, at: usize) -> Result<String, String> {
        Ok(print(self.value(at)?))
    }

    pub(super) fn int(&self, at: usize) -> Result<i64, String> {
        match integer(self.value(at)?) {
            Some(number) => Ok(number),
            None => Err(format!("`{}` is no number", print(self.value(at)?))),
        }
    }

    fn size(&self, at: usize) -> Result<usize, String> {
        usize::try_from(self.int(at)?).map_err(|_| "a length cannot be negative".to_owned())
    }

    fn list(&self, at: usize) -> Result<Vec<Val<'v>>, String> {
        items(self.value(at)?).ok_or_else(|| format!("`{}` is no list", kind(self.0.get(at))))
    }

    /// An object, or nothing, without a copy.
    fn map(&self, at: usize) -> Result<&Val<'v>, String> {
        match &**self.value(at)? {
            Value::Object(_) | Value::Null => self.value(at),
            _ => Err(format!("`{}` is no object", kind(self.0.get(at)))),
        }
    }

    fn object(&self, at: usize) -> Result<Map<String, Value>, String> {
        match &**self.value(at)? {
            Value::Object(fields) => Ok(fields.clone()),
            Value::Null => Ok(Map::new()),
            _ => Err(format!("`{}` is no object", kind(self.0.get(at)))),
        }
    }
}

fn kind(value: Option<&Val<'_>>) -> &'static str {
    match value.map(|value| &**value) {
        None | Some(Value::Null) => "invalid",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(number)) if number.is_f64() => "float64",
        Some(Value::Number(_)) => "int",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "slice",
        Some(Value::Object(_)) => "map",
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(yes) => Some(i64::from(*yes)),
        other => match Number::of(other)? {
            Number::Int(number) => Some(number),
            Number::Float(number) => Some(number as i64),
        },
    }
}

fn language<'v>(name: &str, args: &Args<'_, 'v>) -> Option<Result1<'v>> {
    let compared = |wanted: fn(Ordering) -> bool| -> Result1<'v> {
        let order = order(args.value(0)?, args.value(1)?).ok_or_else(|| "these cannot be compared".to_owned())?;
        Ok(owned(wanted(order)))
    };
    Some(match name {
        "not" => args.value(0).map(|value| owned(!truth(value))),
        "len" => args.value(0).and_then(|value| {
            Ok(owned(match &**value {
                Value::Null => 0,
                Value::String(text) => text.len(),
                Value::Array(items) => items.len(),
                Value::Object(fields) => fields.len(),
                _ => return Err("this has no length".to_owned()),
            }))
        }),
        "index" => index(args),
        "slice" => slice(args),
        "print" => Ok(text(args.0.iter().map(|value| print(value)).collect::<Vec<_>>().concat())),
        "println" => Ok(text(args.0.iter().map(|value| print(value)).collect::<Vec<_>>().join(" ") + "\n")),
        "printf" => {
            args.text(0).and_then(|format| printf::format(&format, args.0.get(1..).unwrap_or_default()).map(text))
        }
        "html" => joined(args).map(|value| text(escape(&value))),
        "js" => joined(args).map(|value| text(escape_js(&value))),
        "urlquery" => joined(args).map(|value| text(escape_query(&value))),
        "eq" => args.value(0).and_then(|first| {
            args.value(1)?;
            for other in args.0.get(1..).unwrap_or_default() {
                if equal(first, other).ok_or_else(|| "these cannot be compared".to_owned())? {
                    return Ok(owned(true));
                }
            }
            Ok(owned(false))
        }),
        "ne" => args.value(1).and_then(|other| {
            Ok(owned(!equal(args.value(0)?, other).ok_or_else(|| "these cannot be compared".to_owned())?))
        }),
        "lt" => compared(Ordering::is_lt),
        "le" => compared(Ordering::is_le),
        "gt" => compared(Ordering::is_gt),
        "ge" => compared(Ordering::is_ge),
        _ => return None,
    })
}

fn joined(args: &Args<'_, '_>) -> Result<String, String> {
    args.value(0)?;
    Ok(args.0.iter().map(|value| print(value)).collect())
}

/// `index x 1 "a"`: one level for each further argument.
fn index<'v>(args: &Args<'_, 'v>) -> Result1<'v> {
    let mut value = args.value(0)?.clone();
    for key in args.0.get(1..).unwrap_or_default() {
        value = match &*value {
            Value::Array(_) => {
                let at = integer(key).and_then(|at| usize::try_from(at).ok());
                let wrong = || format!("there is no item {}", print(key));
                at.and_then(|at| inside(&value, at)).ok_or_else(wrong)?
            }
            // A map gives its zero value for a key that it does not have.
            Value::Object(_) => {
                let key = print(key);
                inside(&value, key.as_str()).unwrap_or_else(|| owned(Value::Null))
            }
            Value::Null => return Err("what is not there cannot be indexed".to_owned()),
            _ => return Err("only lists and objects can be indexed".to_owned()),
        };
    }
    Ok(value)
}

/// What lies in a value, borrowed where the value is: a template that looks at each item must not copy all of them each time.
fn inside<'v>(value: &Val<'v>, key: impl serde_json::value::Index) -> Option<Val<'v>> {
    match value {
        std::borrow::Cow::Borrowed(value) => value.get(key).map(std::borrow::Cow::Borrowed),
        std::borrow::Cow::Owned(value) => value.get(key).cloned().map(std::borrow::Cow::Owned),
    }
}

fn slice<'v>(args: &Args<'_, 'v>) -> Result1<'v> {
    let bounds = |length: usize| -> Result<(usize, usize), String> {
        let from = if args.0.len() > 1 { args.size(1)? } else { 0 };
        let to = if args.0.len() > 2 { args.size(2)? } else { length };
        match from <= to && to <= length {
            true => Ok((from, to)),
            false => Err(format!("{from}..{to} lies outside of {length}")),
        }
    };
    match &**args.value(0)? {
        Value::String(string) => {
            let (from, to) = bounds(string.len())?;
            string.get(from..to).map(text).ok_or_else(|| "a character would be cut".to_owned())
        }
        Value::Array(list) => {
            let (from, to) = bounds(list.len())?;
            Ok(owned(list.get(from..to).unwrap_or_default().to_vec()))
        }
        _ => Err("only strings and lists have parts".to_owned()),
    }
}

fn strings<'v>(name: &str, args: &Args<'_, 'v>) -> Option<Result1<'v>> {
    let one = |change: &dyn Fn(&str) -> String| -> Result1<'v> { Ok(text(change(&args.text(0)?))) };
    let two =
        |change: &dyn Fn(&str, &str) -> String| -> Result1<'v> { Ok(text(change(&args.text(0)?, &args.text(1)?))) };
    let asks = |ask: &dyn Fn(&str, &str) -> bool| -> Result1<'v> { Ok(owned(ask(&args.text(0)?, &args.text(1)?))) };
    Some(match name {
        "escapeXML" | "escapeString" => one(&escape),
        "endWithPeriod" => one(&|value| if value.ends_with('.') { value.to_owned() } else { format!("{value}.") }),
        "toLower" | "lower" => one(&|value| value.to_lowercase()),
        "upper" => one(&|value| value.to_uppercase()),
        "title" => one(&title),
        "trim" => one(&|value| value.trim().to_owned()),
        "nospace" => one(&|value| value.chars().filter(|c| !c.is_whitespace()).collect()),
        "toString" => one(&|value| value.to_owned()),
        "trimAll" => two(&|set, value| value.trim_matches(|c| set.contains(c)).to_owned()),
        "trimPrefix" => two(&|prefix, value| value.strip_prefix(prefix).unwrap_or(value).to_owned()),
        "trimSuffix" => two(&|suffix, value| value.strip_suffix(suffix).unwrap_or(value).to_owned()),
        "contains" => asks(&|part, value| value.contains(part)),
        "hasPrefix" => asks(&|prefix, value| value.starts_with(prefix)),
        "hasSuffix" => asks(&|suffix, value| value.ends_with(suffix)),
        "replace" => replace(args),
        "repeat" => args.size(0).and_then(|count| {
            let value = args.text(1)?;
            match value.len().saturating_mul(count) <= MOST_TEXT {
                true => Ok(text(value.repeat(count))),
                false => Err(format!("the text would be longer than {MOST_TEXT} bytes")),
            }
        }),
        "substr" => args.size(0).and_then(|from| {
            let to = usize::try_from(args.int(1)?).unwrap_or(usize::MAX);
            Ok(text(args.text(2)?.chars().take(to).skip(from).collect::<String>()))
        }),
        "trunc" => args.int(0).and_then(|count| {
            let value = args.text(1)?;
            let length = value.chars().count();
            let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            Ok(text(match count >= 0 {
                true => value.chars().take(size).collect::<String>(),
                false => value.chars().skip(length.saturating_sub(size)).collect(),
            }))
        }),
        "abbrev" => args.size(0).and_then(|most| {
            let value = args.text(1)?;
            Ok(text(match value.chars().count() <= most.max(4) {
                true => value,
                false => value.chars().take(most.max(4) - 3).chain("...".chars()).collect(),
            }))
        }),
        "indent" | "nindent" => args.size(0).and_then(|count| {
            let value = args.text(1)?;
            if (value.matches('\n').count() + 1).saturating_mul(count) > MOST_TEXT {
                return Err(format!("the text would be longer than {MOST_TEXT} bytes"));
            }
            let pad = " ".repeat(count);
            let lines: Vec<String> = value.split('\n').map(|line| format!("{pad}{line}")).collect();
            Ok(text(if name == "nindent" { "\n".to_owned() } else { String::new() } + &lines.join("\n")))
        }),
        "quote" | "squote" => Ok(text(
            args.0
                .iter()
                .filter(|value| !value.is_null())
                .map(|value| match name {
                    "quote" => printf::quoted(&print(value)),
                    _ => format!("'{}'", print(value)),
                })
                .collect::<Vec<_>>()
                .join(" "),
        )),
        "cat" => Ok(text(args.0.iter().map(|value| print(value)).collect::<Vec<_>>().join(" "))),
        "splitList" => args.text(0).and_then(|by| Ok(owned(parts(&by, &args.text(1)?)))),
        "split" => args.text(0).and_then(|by| {
            let fields: Map<String, Value> = parts(&by, &args.text(1)?)
                .into_iter()
                .enumerate()
                .map(|(at, part)| (format!("_{at}"), part.into()))
                .collect();
            Ok(owned(fields))
        }),
        "join" => args.text(0).and_then(|by| {
            let joined = args.list(1)?.iter().map(|value| print(value)).collect::<Vec<_>>().join(&by);
            Ok(text(joined))
        }),
        "toJson" | "toRawJson" => args.value(0).and_then(|value| {
            let json = serde_json::to_string(&**value).map_err(|err| err.to_string())?;
            // As Go's encoder does, so that the text may stand in a page.
            Ok(text(match name {
                "toJson" => json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"),
                _ => json,
            }))
        }),
        "toPrettyJson" => args
            .value(0)
            .and_then(|value| Ok(text(serde_json::to_string_pretty(&**value).map_err(|err| err.to_string())?))),
        _ => return None,
    })
}

fn replace<'v>(args: &Args<'_, 'v>) -> Result1<'v> {
    let (from, to, value) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let grown = value.len().saturating_add((value.len() + 1).saturating_mul(to.len()));
    if grown > MOST_TEXT && value.len() + value.matches(&from).count().saturating_mul(to.len()) > MOST_TEXT {
        return Err(format!("the text would be longer than {MOST_TEXT} bytes"));
    }
    Ok(text(value.replace(&from, &to)))
}

fn parts(by: &str, value: &str) -> Vec<String> {
    match by.is_empty() {
        true => value.chars().map(String::from).collect(),
        false => value.split(by).map(str::to_owned).collect(),
    }
}

fn numbers<'v>(name: &str, args: &Args<'_, 'v>) -> Option<Result1<'v>> {
    let fold = |apply: fn(i64, i64) -> Option<i64>| -> Result1<'v> {
        let mut result = args.int(0)?;
        for at in 1..args.0.len() {
            result = apply(result, args.int(at)?)
                .ok_or_else(|| "the numbers are too large, or divided by zero".to_owned())?;
        }
        Ok(owned(result))
    };
    Some(match name {
        "add" | "sum" => fold(i64::checked_add),
        "sub" => fold(i64::checked_sub),
        "mul" => fold(i64::checked_mul),
        "div" => fold(i64::checked_div),
        "mod" => fold(i64::checked_rem),
        "max" => fold(|a, b| Some(a.max(b))),
        "min" => fold(|a, b| Some(a.min(b))),
        "add1" => args.int(0).and_then(|number| number.checked_add(1).map(owned).ok_or_else(|| "too large".to_owned())),
        "int" | "int64" | "atoi" => args.value(0).map(|value| owned(integer(value).unwrap_or(0))),
        "float64" => args.value(0).map(|value| owned(float(value))),
        "ceil" => args.value(0).map(|value| owned(float(value).ceil())),
        "floor" => args.value(0).map(|value| owned(float(value).floor())),
        "round" => args.value(0).and_then(|value| {
            let scale = 10_f64.powi(i32::try_from(args.int(1)?).unwrap_or(0).clamp(-300, 300));
            Ok(owned((float(value) * scale).round() / scale))
        }),
        "until" => args.size(0).and_then(|count| match count <= 1_000_000 {
            true => Ok(owned((0..count).collect::<Vec<usize>>())),
            false => Err("more than 1000000 numbers".to_owned()),
        }),
        _ => return None,
    })
}

fn float(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.trim().parse().unwrap_or(0.0),
        other => Number::of(other).map_or(0.0, Number::float),
    }
}

fn collections<'v>(name: &str, args: &Args<'_, 'v>) -> Option<Result1<'v>> {
    let nothing = || owned(Value::Null);
    let put = |list: Vec<Val<'v>>| owned(list.into_iter().map(std::borrow::Cow::into_owned).collect::<Vec<Value>>());
    Some(match name {
        "default" => args.value(0).map(|fallback| match args.0.get(1) {
            Some(value) if truth(value) => value.clone(),
            _ => fallback.clone(),
        }),
        "empty" => args.value(0).map(|value| owned(!truth(value))),
        "coalesce" => Ok(args.0.iter().find(|value| truth(value)).cloned().unwrap_or_else(nothing)),
        "ternary" => args.value(2).and_then(|test| Ok(args.value(usize::from(!truth(test)))?.clone())),
        "kindOf" => args.value(0).map(|_| text(kind(args.0.first()))),
        "kindIs" => args.text(0).and_then(|wanted| args.value(1).map(|_| owned(wanted == kind(args.0.get(1))))),
        "list" | "tuple" => Ok(put(args.0.to_vec())),
        "first" => args.list(0).map(|list| list.into_iter().next().unwrap_or_else(nothing)),
        "last" => args.list(0).map(|list| list.into_iter().next_back().unwrap_or_else(nothing)),
        "rest" => args.list(0).map(|list| put(list.into_iter().skip(1).collect())),
        "initial" => args.list(0).map(|mut list| {
            list.pop();
            put(list)
        }),
        "getLastIndex" => args.list(0).map(|list| owned(i64::try_from(list.len()).unwrap_or(i64::MAX) - 1)),
        "append" => args.list(0).and_then(|mut list| {
            list.push(args.value(1)?.clone());
            Ok(put(list))
        }),
        "prepend" => args.list(0).and_then(|mut list| {
            list.insert(0, args.value(1)?.clone());
            Ok(put(list))
        }),
        "concat" => (0..args.0.len())
            .map(|at| args.list(at))
            .collect::<Result<Vec<_>, _>>()
            .map(|lists| put(lists.into_iter().flatten().collect())),
        "reverse" => args.list(0).map(|mut list| {
            list.reverse();
            put(list)
        }),
        "compact" => args.list(0).map(|list| put(list.into_iter().filter(|value| truth(value)).collect())),
        "uniq" => args.list(0).map(|list| {
            let mut seen = std::collections::HashSet::new();
            put(list.into_iter().filter(|value| seen.insert(value.to_string())).collect())
        }),
        "sortAlpha" | "toStrings" => args.list(0).map(|list| {
            let mut texts: Vec<String> = list.iter().map(|value| print(value)).collect();
            if name == "sortAlpha" {
                texts.sort();
            }
            owned(texts)
        }),
        // Grype's: its matches by the name of their package.
        "byMatchName" => args.list(0).map(|mut list| {
            list.sort_by_cached_key(|value| value.pointer("/artifact/name").map(print).unwrap_or_default());
            put(list)
        }),
        "has" => args.list(1).and_then(|list| {
            let wanted = args.value(0)?;
            Ok(owned(list.iter().any(|value| **value == **wanted)))
        }),
        "without" => args.list(0).map(|list| {
            let unwanted = args.0.get(1..).unwrap_or_default();
            put(list.into_iter().filter(|value| !unwanted.iter().any(|other| **other == **value)).collect())
        }),
        "dict" => {
            let pairs = args.0.chunks(2).map(|pair| match pair {
                [key, value] => (print(key), (**value).clone()),
                rest => (rest.first().map(|key| print(key)).unwrap_or_default(), Value::from("")),
            });
            Ok(owned(pairs.collect::<Map<String, Value>>()))
        }
        "get" => args.map(0).and_then(|value| {
            let key = args.text(1)?;
            Ok(inside(value, key.as_str()).unwrap_or_else(nothing))
        }),
        "hasKey" => args.map(0).and_then(|value| Ok(owned(value.get(&args.text(1)?).is_some()))),
        "keys" => args.object(0).map(|fields| {
            let mut keys: Vec<String> = fields.into_iter().map(|(key, _)| key).collect();
            keys.sort();
            owned(keys)
        }),
        "values" => {
            args.object(0).map(|fields| owned(fields.into_iter().map(|(_, value)| value).collect::<Vec<Value>>()))
        }
        "pick" | "omit" => args.object(0).map(|fields| {
            let named: Vec<String> = args.0.iter().skip(1).map(|value| print(value)).collect();
            let kept = fields.into_iter().filter(|(key, _)| named.contains(key) == (name == "pick"));
            owned(kept.collect::<Map<String, Value>>())
        }),
        _ => return None,
    })
}

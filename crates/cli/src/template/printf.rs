//! `printf` with Go's verbs.

use serde_json::Value;

use super::value::{Number, Val, print};

/// Widest field and highest precision.
const MOST_WIDTH: usize = 10_000;

/// Formats; a verb that does not fit its argument is an error, where Go would print the error into the text.
pub(super) fn format(format: &str, arguments: &[Val<'_>]) -> Result<String, String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut left, mut zero, mut plus, mut alternate, mut space) = (false, false, false, false, false);
        while let Some(flag) = chars.peek().copied() {
            match flag {
                '-' => left = true,
                '0' => zero = true,
                '+' => plus = true,
                '#' => alternate = true,
                ' ' => space = true,
                _ => break,
            }
            chars.next();
        }
        let mut number = || -> Result<Option<usize>, String> {
            let mut digits = String::new();
            while let Some(digit) = chars.peek().copied().filter(char::is_ascii_digit) {
                digits.push(digit);
                chars.next();
            }
            match digits.parse::<usize>() {
                Ok(width) if width <= MOST_WIDTH => Ok(Some(width)),
                Ok(_) => Err(format!("a width above {MOST_WIDTH}")),
                Err(_) if digits.is_empty() => Ok(None),
                Err(_) => Err(format!("a width above {MOST_WIDTH}")),
            }
        };
        let width = number()?.unwrap_or(0);
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => {
                let mut digits = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                let precision: usize = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(usize::MAX) };
                if precision > MOST_WIDTH {
                    return Err(format!("a precision above {MOST_WIDTH}"));
                }
                Some(precision)
            }
            None => None,
        };
        let verb = chars.next().ok_or("the format ends within a verb")?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("there is no argument for `%{verb}`"))?;
        let wrong = || format!("`%{verb}` does not fit `{}`", print(value));
        let text = match verb {
            'v' | 's' => {
                let text = print(value);
                match precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text,
                }
            }
            'q' => quoted(&print(value)),
            't' => match &**value {
                Value::Bool(yes) => yes.to_string(),
                _ => return Err(wrong()),
            },
            'd' => signed(whole(value).ok_or_else(wrong)?.to_string(), plus, space),
            'x' | 'X' => {
                let mut text = match &**value {
                    Value::String(text) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
                    _ => format!("{:x}", whole(value).ok_or_else(wrong)?),
                };
                if alternate {
                    text.insert_str(0, "0x");
                }
                if verb == 'X' { text.to_uppercase() } else { text }
            }
            'o' => format!("{:o}", whole(value).ok_or_else(wrong)?),
            'b' => format!("{:b}", whole(value).ok_or_else(wrong)?),
            'c' => match whole(value).and_then(|code| char::from_u32(u32::try_from(code).ok()?)) {
                Some(c) => c.to_string(),
                None => return Err(wrong()),
            },
            'f' | 'F' => {
                let number = Number::of(value).ok_or_else(wrong)?.float();
                signed(format!("{number:.*}", precision.unwrap_or(6)), plus, space)
            }
            'e' | 'g' => {
                let number = Number::of(value).ok_or_else(wrong)?.float();
                signed(print(&Value::from(number)), plus, space)
            }
            'T' => match &**value {
                Value::Null => "<nil>",
                Value::Bool(_) => "bool",
                Value::Number(number) if number.is_f64() => "float64",
                Value::Number(_) => "int",
                Value::String(_) => "string",
                Value::Array(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
            }
            .to_owned(),
            other => return Err(format!("`%{other}` is no verb")),
        };
        let missing = width.saturating_sub(text.chars().count());
        match (left, zero && !matches!(verb, 's' | 'v' | 'q')) {
            (true, _) => {
                out.push_str(&text);
                out.push_str(&" ".repeat(missing));
            }
            (false, true) => {
                let (sign, digits) = match text.strip_prefix(['-', '+']) {
                    Some(digits) => text.split_at(text.len() - digits.len()),
                    None => ("", text.as_str()),
                };
                out.push_str(sign);
                out.push_str(&"0".repeat(missing));
                out.push_str(digits);
            }
            (false, false) => {
                out.push_str(&" ".repeat(missing));
                out.push_str(&text);
            }
        }
    }
    match arguments.next() {
        None => Ok(out),
        Some(_) => Err("there are more arguments than verbs".to_owned()),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match Number::of(value)? {
        Number::Int(number) => Some(number),
        Number::Float(number) if number.fract() == 0.0 => Some(number as i64),
        Number::Float(_) => None,
    }
}

fn signed(text: String, plus: bool, space: bool) -> String {
    match (text.starts_with('-'), plus, space) {
        (false, true, _) => format!("+{text}"),
        (false, false, true) => format!(" {text}"),
        _ => text,
    }
}

/// A string as Go quotes it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() && u32::from(c) < 0x80 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

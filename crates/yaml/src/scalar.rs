//! What a scalar means. Kubernetes decides: manifests go through sigs.k8s.io/yaml, which resolves as go-yaml v2 does
//! (kubernetes-sigs/yaml:goyaml.v2/resolve.go). That is YAML 1.1 for booleans (`yes`, `on`, `y`) and octals (`0644`), and YAML 1.2 for `0o17`;
//! no base 60; timestamps stay strings.

use base64::Engine as _;

use crate::Value;

/// The value of a plain scalar without a tag.
pub(crate) fn resolve(text: &str) -> Value {
    let Some(&first) = text.as_bytes().first() else { return Value::Null };
    if let Some(value) = word(text) {
        return value;
    }
    match first {
        // Behind a leading dot go-yaml calls ParseFloat on the text as it is: no underscores.
        b'.' if is_yaml_float(text) => float(text),
        b'0'..=b'9' | b'+' | b'-' => number(&text.replace('_', "")),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value of a scalar with one of YAML's own tags (`tag` without `!!`). `Err` says what is wrong.
pub(crate) fn resolve_tagged(tag: &str, text: &str) -> Result<Value, String> {
    let value = resolve(text);
    let fits = match (tag, &value) {
        ("str" | "timestamp", _) => return Ok(Value::String(text.to_owned())),
        ("binary", _) => return binary(text).map(Value::Binary),
        ("float", Value::Int(number)) => return Ok(Value::Float(*number as f64)),
        ("float", Value::UInt(number)) => return Ok(Value::Float(*number as f64)),
        ("null", Value::Null) | ("bool", Value::Bool(_)) | ("float", Value::Float(_)) => true,
        ("int", Value::Int(_) | Value::UInt(_)) => true,
        ("null" | "bool" | "float" | "int", _) => false,
        (other, _) => return Err(format!("`!!{other}` stands before a scalar")),
    };
    if fits { Ok(value) } else { Err(format!("`{}` cannot be read as `!!{tag}`", short(text))) }
}

fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        "~" | "null" | "Null" | "NULL" => Value::Null,
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        // YAML 1.1: `0644` is octal. `08` is none, and becomes the float 8 below, as in Go.
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let plain_digits = !digits.is_empty() && digits.bytes().all(|byte| (byte as char).is_digit(radix));
    if plain_digits {
        match u64::from_str_radix(digits, radix) {
            Ok(magnitude) if negative => {
                if let Some(value) = 0_i64.checked_sub_unsigned(magnitude) {
                    return Some(Value::Int(value));
                }
            }
            Ok(magnitude) => {
                return Some(i64::try_from(magnitude).map_or(Value::UInt(magnitude), Value::Int));
            }
            Err(_) => {}
        }
        // More than 64 bits. Decimal digits also have the form of a float; for the other radices Go makes a big integer, we a float.
        if radix != 10 && !is_yaml_float(text) {
            let magnitude = digits
                .chars()
                .filter_map(|digit| digit.to_digit(radix))
                .fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit));
            return Some(Value::Float(if negative { -magnitude } else { magnitude }));
        }
    }
    if is_yaml_float(text) { float(text) } else { None }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, as go-yaml has it.
fn is_yaml_float(text: &str) -> bool {
    let digits = |text: &str| text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = digits(rest);
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole == 0 && count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// Go's ParseFloat fails beyond the range of a double, and go-yaml then leaves a string (`1e400`).
fn float(text: &str) -> Option<Value> {
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Value::Float)
}

/// Standard base64 with line breaks and blanks between, as block scalars have them.
fn binary(text: &str) -> Result<Vec<u8>, String> {
    let packed: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).map_err(|err| format!("`!!binary` holds no base64: {err}"))
}

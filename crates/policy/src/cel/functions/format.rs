//! `format.*`: forms of names that Kubernetes knows. Source: k8s.io/apiserver pkg/cel/library/format.go, apimachinery pkg/util/validation.

use std::rc::Rc;

use base64::Engine as _;

use super::Called;
use crate::cel::error::Error;
use crate::cel::opaque::Opaque;
use crate::cel::value::Value;

const FORMATS: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "qualifiedName",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

/// `format.named("...")`, and `format.dns1123Label()` for each.
pub(super) fn named<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let made = |name: &'static str| Value::Opaque(Rc::new(Opaque::Format(name)));
    let known = |wanted: &str| FORMATS.iter().copied().find(|known| *known == wanted);
    match (name, args) {
        ("named", [Value::String(wanted)]) => match known(wanted) {
            Some(found) => Value::some(made(found)),
            None => Ok(Value::Optional(None)),
        },
        (name, []) => known(name).map(made).ok_or_else(Error::no_such_overload),
        _ => Err(Error::no_such_overload()),
    }
}

/// What is wrong with a text; nothing, if it has the form.
pub(super) fn validate<'a>(format: &str, text: &str) -> Called<'a> {
    let problem = match format {
        "dns1123Label" => label(text),
        "dns1035Label" => label_1035(text),
        "dns1123Subdomain" => subdomain(text),
        "dns1123LabelPrefix" => label(&masked(text)),
        "dns1035LabelPrefix" => label_1035(&masked(text)),
        "dns1123SubdomainPrefix" => subdomain(&masked(text)),
        "qualifiedName" => qualified(text),
        "labelValue" => (!text.is_empty()).then(|| part(text)).flatten(),
        "uri" => (!has_scheme(text)).then_some("invalid URI"),
        "uuid" => (!is_uuid(text)).then_some("does not match the UUID format"),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).err().map(|_| "invalid base64"),
        "date" => (text.len() != 10 || text.parse::<jiff::civil::Date>().is_err()).then_some("invalid date"),
        // Unlike `timestamp()`, a `datetime` may be written in small letters.
        _ => match crate::cel::convert::convert("timestamp", &Value::text(text.to_ascii_uppercase())) {
            Ok(_) => None,
            Err(_) => Some("invalid datetime"),
        },
    };
    match problem {
        None => Ok(Value::Optional(None)),
        Some(problem) => Value::some(Value::texts([problem])),
    }
}

/// A prefix may end in a hyphen, because a name comes behind it.
fn masked(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => text.to_owned(),
    }
}

fn label(text: &str) -> Option<&'static str> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    let ends = !text.is_empty() && !text.starts_with('-') && !text.ends_with('-');
    (!ends || !text.bytes().all(inner)).then_some(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    )
}

fn label_1035(text: &str) -> Option<&'static str> {
    if text.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    let letter = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    (!letter || label(text).is_some()).then_some(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    )
}

fn subdomain(text: &str) -> Option<&'static str> {
    if text.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits =
        |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(inner);
    (!text.split('.').all(fits)).then_some(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    )
}

fn part(text: &str) -> Option<&'static str> {
    if text.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let fits = end(text.as_bytes().first()) && end(text.as_bytes().last()) && text.bytes().all(inner);
    (!fits).then_some(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    )
}

fn qualified(text: &str) -> Option<&'static str> {
    match text.split_once('/') {
        Some((prefix, name)) => subdomain(prefix).or_else(|| part(name)),
        None => part(text),
    }
}

fn has_scheme(text: &str) -> bool {
    super::network::call("isURL", &[Value::text(text)]).is_ok_and(|found| matches!(found, Value::Bool(true)))
}

fn is_uuid(text: &str) -> bool {
    let bare: String = text.strip_prefix("urn:uuid:").unwrap_or(text).chars().filter(|letter| *letter != '-').collect();
    bare.len() == 32 && bare.bytes().all(|digit| digit.is_ascii_hexdigit())
}

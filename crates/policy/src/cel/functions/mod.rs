//! Every function that `signatures` declares.

mod collections;
mod documents;
mod format;
pub(crate) mod image;
mod kyverno;
mod maths;
pub(crate) mod network;
mod quantities;
mod strings;
mod times;
pub(crate) mod version;

use super::budget::Budget;
use super::convert;
use super::error::Error;
use super::eval::{Host, is_zero};
use super::opaque::Opaque;
use super::pattern::Pattern;
use super::value::Value;

type Called<'a> = Result<Value<'a>, Error>;

/// Calls a function. `receiver`: the first value stands before the dot; `pattern`: the regular expression that stands there as a literal.
///
/// All that stands in the arguments is paid for before it is looked at, and all that was made is paid for in the end: no function can be
/// cheaper than that. One that makes more than it was given pays for that by itself, before it makes it.
pub(crate) fn call<'a>(
    host: &dyn Host<'a>,
    receiver: bool,
    name: &'a str,
    args: &[Value<'a>],
    pattern: Option<&Pattern>,
) -> Called<'a> {
    let budget = host.budget();
    if passes_on(name, args) {
        return dispatch(host, receiver, name, args, pattern);
    }
    for arg in args {
        pay(arg.weight(), budget)?;
    }
    let result = dispatch(host, receiver, name, args, pattern)?;
    pay(result.made_weight(), budget)?;
    Ok(result)
}

/// Whether a function looks at no part of what it is given.
fn passes_on(name: &str, args: &[Value<'_>]) -> bool {
    match name {
        "size" => !matches!(args, [Value::String(_)]),
        "type" | "dyn" | "hasValue" | "value" | "first" | "last" => true,
        "optional.none" | "optional.of" | "optional.ofNonZeroValue" => true,
        _ => false,
    }
}

fn pay((items, bytes): (usize, usize), budget: &Budget) -> Result<(), Error> {
    budget.spend_items(items)?;
    budget.spend_bytes(bytes)
}

fn dispatch<'a>(
    host: &dyn Host<'a>,
    receiver: bool,
    name: &'a str,
    args: &[Value<'a>],
    pattern: Option<&Pattern>,
) -> Called<'a> {
    let budget = host.budget();
    match (receiver, name, args) {
        (_, "size", [value]) => size(value),
        (false, "type", [value]) => convert::convert("type", value),
        (false, "dyn", [value]) => Ok(value.clone()),
        (false, "int" | "uint" | "double" | "string" | "bytes" | "bool" | "timestamp" | "duration", [value]) => {
            convert::convert(name, value)
        }
        (true, "hasValue", [Value::Optional(inner)]) => Ok(Value::Bool(inner.is_some())),
        (true, "value", [Value::Optional(inner)]) => match inner {
            Some(inner) => Ok((**inner).clone()),
            None => Err(Error::new("optional.none() dereference")),
        },
        (false, "optional.none", []) => Ok(Value::Optional(None)),
        (false, "optional.of", [value]) => Value::some(value.clone()),
        (false, "optional.ofNonZeroValue", [value]) => {
            if is_zero(value) {
                Ok(Value::Optional(None))
            } else {
                Value::some(value.clone())
            }
        }
        (true, name, [Value::String(text), rest @ ..]) => strings::on_text(name, text, rest, pattern, budget),
        (true, name, [Value::Timestamp(_) | Value::Duration(_), ..]) => times::part(name, args),
        (true, name, [Value::Opaque(opaque), rest @ ..]) => opaque_call(name, opaque, rest),
        (false, name, args) => match name.split_once('.') {
            Some(("math", name)) => maths::call(name, args, budget),
            Some(("sets", name)) => collections::sets(name, args, budget),
            Some(("time", name)) => times::call(name, args, host.now()),
            Some(("format", name)) => format::named(name, args),
            Some(("lists", _)) => collections::range(args, budget),
            Some(("optional", _)) => collections::unwrap(args),
            Some(("regex" | "strings" | "base64" | "jsonpatch", _)) => strings::call(name, args, pattern, budget),
            Some(("ip", _)) => network::call(name, args),
            Some(_) => kyverno::call(host, name, args),
            None => match name {
                "matches" => match args {
                    [Value::String(text), rest @ ..] => strings::on_text(name, text, rest, pattern, budget),
                    _ => Err(Error::no_such_overload()),
                },
                "url" | "isURL" | "ip" | "isIP" | "cidr" | "isCIDR" => network::call(name, args),
                "quantity" | "isQuantity" => quantities::call(name, args),
                "semver" | "isSemver" => version::call(name, args),
                _ => kyverno::call(host, name, args),
            },
        },
        (true, name, args) => collections::on_list(name, args, budget),
    }
}

fn opaque_call<'a>(name: &str, opaque: &Opaque, rest: &[Value<'a>]) -> Called<'a> {
    match opaque {
        Opaque::Quantity(quantity) => quantities::on_quantity(name, quantity, rest),
        Opaque::Url(url) => network::on_url(name, url),
        Opaque::Ip(address) => network::on_ip(name, *address),
        Opaque::Cidr(cidr) => network::on_cidr(name, *cidr, rest),
        Opaque::Version(version) => version::on_version(name, version, rest),
        Opaque::Image(image) => image::on_image(name, image),
        Opaque::Format(format) => match (name, rest) {
            ("validate", [Value::String(text)]) => format::validate(format, text),
            _ => Err(Error::no_such_overload()),
        },
        Opaque::Resource(..) => Err(Error::no_such_overload()),
    }
}

fn size<'a>(value: &Value<'a>) -> Called<'a> {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        other => other.length().or(other.entries()).ok_or_else(Error::no_such_overload)?,
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

/// A position or a count that a policy gave.
fn whole(value: &Value<'_>) -> Result<i64, Error> {
    match value {
        Value::Int(value) => Ok(*value),
        _ => Err(Error::no_such_overload()),
    }
}

//! Kyverno's own functions. What they would fetch is asked of the host, and an error if it was not handed in.
//!
//! Source: kyverno/sdk:cel/libs.

use serde_json::Value as Json;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use signet_yaml::{parse, to_json};

use super::{Called, image};
use crate::cel::error::Error;
use crate::cel::eval::Host;
use crate::cel::opaque::Opaque;
use crate::cel::value::{Key, Text, Value};
use crate::go;
use crate::jmespath::{Expression, Surroundings};
use crate::kyverno::Need;

/// Longest text that is read as JSON or YAML, in bytes.
const LONGEST: usize = 4 << 20;

pub(super) fn call<'a>(host: &dyn Host<'a>, name: &'a str, args: &[Value<'a>]) -> Called<'a> {
    let budget = host.budget();
    if let Some(Value::String(text)) = args.first() {
        budget.spend_bytes(text.len())?;
    }
    match (name, args) {
        ("image" | "parseImageReference" | "isImage", args) => image::call(name, args),
        ("image.getMetadata", [Value::String(reference)]) => {
            host.fetch(Need::Image { reference: reference.to_string() })
        }
        ("globalContext.get", [Value::String(name), rest @ ..]) => {
            let projection = rest.first().and_then(Value::as_str).unwrap_or_default();
            host.fetch(Need::Global { name: name.to_string(), projection: projection.to_owned() })
        }
        ("verifyImageSignatures" | "verifyAttestationSignatures" | "extractPayload" | "payload", args) => {
            host.evidence(name, args)
        }
        ("resource.toGVR", [Value::String(version), Value::String(resource)]) => {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let opaque = Opaque::Resource(group.to_owned(), version.to_owned(), resource.to_string());
            Ok(Value::Opaque(std::rc::Rc::new(opaque)))
        }
        ("md5" | "hash.md5", [Value::String(text)]) => {
            Ok(Value::text(hex(&crate::jmespath::functions::digests::md5_of(text.as_bytes()))))
        }
        ("sha1" | "hash.sha1", [Value::String(text)]) => Ok(Value::text(hex(&Sha1::digest(text.as_bytes())))),
        ("sha256" | "hash.sha256", [Value::String(text)]) => Ok(Value::text(hex(&Sha256::digest(text.as_bytes())))),
        ("random" | "random.random", []) => ours(host, "random(@)", Json::String("[0-9a-z]{8}".to_owned())),
        ("random" | "random.random", [Value::String(pattern)]) => {
            ours(host, "random(@)", Json::String(pattern.to_string()))
        }
        ("x509.decode", [Value::String(text)]) => {
            if !text.contains("-----BEGIN") {
                return Err(Error::new("failed to decode PEM block"));
            }
            ours(host, "x509_decode(@)", Json::String(text.to_string()))
        }
        ("parseServiceAccount" | "user.parseServiceAccount", [Value::String(user)]) => {
            let account = user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
            let (namespace, name) = account.filter(|(_, name)| !name.contains(':')).unwrap_or(("", ""));
            Value::named([("Name", Value::text(name)), ("Namespace", Value::text(namespace))])
        }
        ("json.unmarshal", [Value::String(text)]) => {
            fits(text)?;
            let parsed: Json =
                serde_json::from_str(text).map_err(|_| Error::new("failed to unmarshal JSON: the text is none"))?;
            Value::from_json(parsed)
        }
        ("json.marshal", [value]) => {
            let text = go::json::write(&value.to_json()?, false);
            budget.spend_bytes(text.len())?;
            Ok(Value::text(text))
        }
        ("yaml.parse", [Value::String(text)]) => {
            fits(text)?;
            let documents = parse(text, &signet_yaml::Limits::default())
                .map_err(|_| Error::new("failed to parse YAML: the text is none"))?;
            let first = documents.first().map_or(Json::Null, |document| to_json(&document.root));
            Value::from_json(first)
        }
        ("listObjToMap" | "transform.listObjToMap", [keys, values, Value::String(key), Value::String(value)]) => {
            joined(keys, values, key, value)
        }
        _ => match name.split_once('.') {
            Some(("resource", function)) => resource(host, function, args),
            Some(("http", function)) => http(host, function, args),
            _ => Err(Error::no_such_overload()),
        },
    }
}

fn fits(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST {
        return Err(Error::limit(format!("a text of more than {LONGEST} bytes is not read")));
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A function that our JMESPath has.
fn ours<'a>(host: &dyn Host<'a>, expression: &str, argument: Json) -> Called<'a> {
    let surroundings = Surroundings::kyverno(host.now(), host.seed());
    let expression = Expression::parse(expression).map_err(|err| Error::new(err.to_string()))?;
    let found = expression.search(&argument, &surroundings).map_err(|err| Error::new(err.to_string()))?.into_owned();
    Value::from_json(found)
}

/// Two lists of objects into one map: what stands under `key` in the first to what stands under `value` in the second.
fn joined<'a>(keys: &Value<'a>, values: &Value<'a>, key: &str, value: &str) -> Called<'a> {
    let (Some(keys), Some(values)) = (keys.items(), values.items()) else { return Err(Error::no_such_overload()) };
    if keys.len() != values.len() {
        return Err(Error::new("the two lists are not of the same length"));
    }
    let at = |of: &Value<'a>, name: &str| {
        let found = of.lookup(&Key::String(Text::Made(name.into()))).ok_or_else(Error::no_such_overload)?;
        found.ok_or_else(|| Error::no_such_key(name))
    };
    let mut map = std::collections::BTreeMap::new();
    for (left, right) in keys.iter().zip(&values) {
        let key = Key::of(&at(left, key)?).ok_or_else(Error::no_such_overload)?;
        map.insert(key, at(right, value)?);
    }
    Value::map(map)
}

/// A part of a path: no text may add parts of its own.
fn segment(text: &str) -> Result<&str, Error> {
    let bad = |letter: char| matches!(letter, '/' | '?' | '#' | '%' | '\\') || letter.is_control();
    if text.contains(bad) || text == "." || text == ".." {
        return Err(Error::new(format!("`{}` is no name of a resource", crate::cel::convert::shortened(text))));
    }
    Ok(text)
}

fn resource<'a>(host: &dyn Host<'a>, function: &str, args: &[Value<'a>]) -> Called<'a> {
    // The group, version and resource come as one value, or as two texts.
    let (version, kind, rest) = match args {
        [Value::Opaque(opaque), rest @ ..] => match &**opaque {
            Opaque::Resource(group, version, kind) if group.is_empty() => (version.clone(), kind.clone(), rest),
            Opaque::Resource(group, version, kind) => (format!("{group}/{version}"), kind.clone(), rest),
            _ => return Err(Error::no_such_overload()),
        },
        [Value::String(version), Value::String(kind), rest @ ..] => (version.to_string(), kind.to_string(), rest),
        _ => return Err(Error::no_such_overload()),
    };
    let root = match version.split_once('/') {
        None => format!("/api/{}", segment(&version)?),
        Some((group, version)) => format!("/apis/{}/{}", segment(group)?, segment(version)?),
    };
    let names: Vec<&str> = rest.iter().map_while(Value::as_str).collect();
    let (namespace, name) = match (function, names.as_slice()) {
        ("get", [namespace, name]) => (*namespace, *name),
        ("list" | "post", [namespace]) => (*namespace, ""),
        // In a namespaced policy the namespace is that of the policy.
        ("get", [name]) => (host.confined().ok_or_else(Error::no_such_overload)?, *name),
        ("list" | "post", []) => (host.confined().ok_or_else(Error::no_such_overload)?, ""),
        _ => return Err(Error::no_such_overload()),
    };
    let mut url_path = root;
    if !namespace.is_empty() {
        url_path.push_str(&format!("/namespaces/{}", segment(namespace)?));
    }
    let (plural, subresource) = kind.split_once('/').unwrap_or((&kind, ""));
    url_path.push_str(&format!("/{}", segment(plural)?));
    if !name.is_empty() {
        url_path.push_str(&format!("/{}", segment(name)?));
    }
    if !subresource.is_empty() {
        url_path.push_str(&format!("/{}", segment(subresource)?));
    }
    let tail = rest.get(names.len());
    match (function, tail) {
        ("list", Some(labels)) => {
            let mut selector = Vec::new();
            for (key, value) in labels.pairs().ok_or_else(Error::no_such_overload)? {
                match (key.as_str(), value.as_str()) {
                    (Some(key), Some(value)) => selector.push(format!("{key}={value}")),
                    _ => return Err(Error::no_such_overload()),
                }
            }
            url_path.push_str(&format!("?labelSelector={}", selector.join(",")));
        }
        ("get", Some(subresources)) => {
            for part in subresources.items().ok_or_else(Error::no_such_overload)? {
                url_path.push_str(&format!("/{}", segment(part.as_str().ok_or_else(Error::no_such_overload)?)?));
            }
        }
        _ => {}
    }
    let (method, body) = match (function, tail) {
        ("post", Some(body)) => ("POST", body.to_json()?.to_string()),
        ("post", None) => return Err(Error::no_such_overload()),
        _ => ("GET", String::new()),
    };
    host.fetch(Need::Api { method: method.to_owned(), url_path, body })
}

fn http<'a>(host: &dyn Host<'a>, function: &str, args: &[Value<'a>]) -> Called<'a> {
    let (url, body) = match (function, args) {
        ("get", [Value::String(url), ..]) => (url, String::new()),
        ("post" | "put" | "patch", [Value::String(url), body, ..]) => (url, body.to_json()?.to_string()),
        _ => return Err(Error::no_such_overload()),
    };
    host.fetch(Need::Service { method: function.to_uppercase(), url: url.to_string(), body })
}

//! Kyverno's own functions. What they would fetch is asked of the host, and an error if it was not handed in.
//!
//! Source: kyverno/sdk:cel/libs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::{Called, documents, image};
use crate::cel::error::Error;
use crate::cel::eval::Host;
use crate::cel::opaque::Opaque;
use crate::cel::value::{Key, Text, Value};
use crate::go;
use crate::jmespath::{Expression, Surroundings};
use crate::kyverno::Need;

/// Longest body that is sent, in bytes.
const BODY: usize = 1 << 20;

pub(super) fn call<'a>(host: &dyn Host<'a>, name: &'a str, args: &[Value<'a>]) -> Called<'a> {
    let budget = host.budget();
    match (name, args) {
        ("image" | "parseImageReference" | "isImage", args) => image::call(name, args),
        ("image.getMetadata" | "getImageData", [Value::String(reference)]) => {
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
            let opaque = Opaque::Resource(group.to_owned(), version.to_owned(), plural(resource).into_owned());
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
        ("json.unmarshal", [Value::String(text)]) => documents::json(text, budget),
        ("json.marshal", [value]) => Ok(Value::text(go::json::write(&value.to_json_within(budget)?, false))),
        ("yaml.parse", [Value::String(text)]) => documents::yaml(text, budget),
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
    let (Some(keys), Some(values)) = (keys.listed(), values.listed()) else { return Err(Error::no_such_overload()) };
    if keys.len() != values.len() {
        return Err(Error::new("the two lists are not of the same length"));
    }
    let at = |of: &Value<'a>, name: &str| {
        let found = of.lookup(&Key::String(Text::Made(name.into()))).ok_or_else(Error::no_such_overload)?;
        found.ok_or_else(|| Error::no_such_key(name))
    };
    let mut map = std::collections::BTreeMap::new();
    for (left, right) in keys.iter().zip(values.iter()) {
        let key = Key::of(&at(left, key)?).ok_or_else(Error::no_such_overload)?;
        map.insert(key, at(right, value)?);
    }
    Value::map(map)
}

/// How the API calls many of a kind: `ConfigMap` is found under `configmaps`. What is no kind stays as it is.
///
/// Kyverno asks the API server; the rule holds for all kinds of Kubernetes, and where it does not nothing is found, which is an error.
/// Source: kubernetes/apimachinery:pkg/api/meta/restmapper.go, `UnsafeGuessKindToResource`, with `gateways`, that it gets wrong.
fn plural(kind: &str) -> Cow<'_, str> {
    if !kind.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        return Cow::Borrowed(kind);
    }
    let kind = kind.to_ascii_lowercase();
    let stem = kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    Cow::Owned(match stem {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with("endpoints") => kind,
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    })
}

/// A part of a path: no text may add parts of its own.
fn segment(text: &str) -> Result<&str, Error> {
    let bad = |letter: char| matches!(letter, '/' | '?' | '#' | '%' | '\\') || letter.is_control();
    if text.is_empty() || text.contains(bad) || text == "." || text == ".." {
        return Err(Error::new(format!("`{}` is no name of a resource", crate::cel::convert::shortened(text))));
    }
    Ok(text)
}

/// A subresource. `proxy` leads out of the API server, to whatever a Pod, a Service or a node answers.
fn subresource(text: &str) -> Result<&str, Error> {
    if text.eq_ignore_ascii_case("proxy") {
        return Err(Error::new("the API server is not asked to pass a request on to others (`proxy`)"));
    }
    segment(text)
}

/// A label selector as it stands in a query. Keys and values are those of labels, in which nothing needs an escape, and no text can add
/// conditions or parameters.
fn selector(labels: &Value<'_>) -> Result<String, Error> {
    let mut selector = String::new();
    for (key, value) in labels.pairs().ok_or_else(Error::no_such_overload)? {
        let (Some(key), Some(value)) = (key.as_str(), value.as_str()) else { return Err(Error::no_such_overload()) };
        let name = key.rsplit_once('/').map_or(Some(key), |(prefix, name)| is_label(prefix, 253).then_some(name));
        if !name.is_some_and(|name| is_label(name, 63)) || !(value.is_empty() || is_label(value, 63)) {
            let shown = crate::cel::convert::shortened(&format!("{key}={value}")).to_string();
            return Err(Error::new(format!("`{shown}` is no label")));
        }
        let comma = if selector.is_empty() { "" } else { "," };
        selector.push_str(&format!("{comma}{key}={value}"));
    }
    Ok(selector)
}

/// Letters, digits and between them `-`, `_` and `.`: what a label is made of. None of these means something in a query.
fn is_label(text: &str, longest: usize) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
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
        ("list", []) => (host.confined().ok_or_else(Error::no_such_overload)?, ""),
        // In one of the cluster it is that of no namespace.
        ("post", []) => (host.confined().unwrap_or_default(), ""),
        _ => return Err(Error::no_such_overload()),
    };
    // Compared as it was given: in a path that is ready any text may stand anywhere.
    if let Some(own) = host.confined().filter(|own| *own != namespace) {
        let asked = crate::cel::convert::shortened(namespace);
        return Err(Error::new(format!("a policy of namespace `{own}` may not look into namespace `{asked}`")));
    }
    let mut url_path = root;
    if !namespace.is_empty() {
        url_path.push_str(&format!("/namespaces/{}", segment(namespace)?));
    }
    let (plural, part) = kind.split_once('/').map_or((&*kind, None), |(plural, part)| (plural, Some(part)));
    url_path.push_str(&format!("/{}", segment(plural)?));
    if function == "get" {
        url_path.push_str(&format!("/{}", segment(name)?));
    }
    if let Some(part) = part {
        url_path.push_str(&format!("/{}", subresource(part)?));
    }
    let tail = rest.get(names.len());
    match (function, tail) {
        ("list", Some(labels)) => url_path.push_str(&format!("?labelSelector={}", selector(labels)?)),
        ("get", Some(subresources)) => {
            for part in subresources.items().ok_or_else(Error::no_such_overload)? {
                let part = part.as_str().ok_or_else(Error::no_such_overload)?.to_owned();
                url_path.push_str(&format!("/{}", subresource(&part)?));
            }
        }
        _ => {}
    }
    let (method, body) = match (function, tail) {
        ("post", Some(body)) => ("POST", body_of(body, host)?),
        ("post", None) => return Err(Error::no_such_overload()),
        _ => ("GET", String::new()),
    };
    host.fetch(Need::Api { method: method.to_owned(), url_path, body })
}

/// What is sent, as JSON. It is paid for, because whoever fetches keeps it.
fn body_of(value: &Value<'_>, host: &dyn Host<'_>) -> Result<String, Error> {
    let body = value.to_json_within(host.budget())?.to_string();
    if body.len() > BODY {
        return Err(Error::limit(format!("a body of more than {BODY} bytes is not sent")));
    }
    Ok(body)
}

fn http<'a>(host: &dyn Host<'a>, function: &str, args: &[Value<'a>]) -> Called<'a> {
    let (url, body, rest) = match (function, args) {
        ("get", [Value::String(url), rest @ ..]) => (url, String::new(), rest),
        ("post" | "put" | "patch", [Value::String(url), body, rest @ ..]) => (url, body_of(body, host)?, rest),
        _ => return Err(Error::no_such_overload()),
    };
    let mut headers = BTreeMap::new();
    for (key, value) in rest
        .first()
        .map(|given| given.each_pair().ok_or_else(Error::no_such_overload))
        .transpose()?
        .into_iter()
        .flatten()
    {
        let Some(value) = value.as_str() else { return Err(Error::no_such_overload()) };
        let name = key.spelt();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || value.contains(|letter: char| letter.is_control()) {
            return Err(Error::new(format!("`{}` is no header of a request", crate::cel::convert::shortened(&name))));
        }
        host.budget().spend_bytes(name.len().saturating_add(value.len()))?;
        headers.insert(name, value.to_owned());
    }
    host.fetch(Need::Service { method: function.to_uppercase(), url: url.to_string(), headers, body })
}

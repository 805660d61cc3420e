//! Envelopes as COSE_Sign1 (`signature-envelope-cose.md`, RFC 9052).

use coset::cbor::Value;
use coset::iana::{self, EnumI64 as _};
use coset::{CoseSign1, Label, RegisteredLabel, RegisteredLabelWithPrivate, TaggedCborSerializable as _};
use signet_model::Timestamp;

use super::NotationError;
use super::envelope::{AUTHENTIC_TIME, EXPIRY, PLUGIN, PLUGIN_VERSION, Parts, SCHEME, SIGNING_TIME, TIMESTAMP};
use crate::key::Algorithm;

/// `x5chain` (RFC 9360, 2).
const CHAIN: i64 = 33;
/// CBOR's tag of a time in seconds (RFC 8949, 3.4.2).
const EPOCH: u64 = 1;
/// CBOR nested deeper than this is refused before it is read: the reader recurses.
const DEPTH: usize = 16;

pub(super) fn read(bytes: &[u8]) -> Result<Parts, NotationError> {
    let wrong = |found: String| NotationError::new("a COSE_Sign1 structure", found);
    if depth(bytes).is_none_or(|depth| depth > DEPTH) {
        return Err(wrong("CBOR that is broken or nested too deeply".to_owned()));
    }
    let sign1 = CoseSign1::from_tagged_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    let protected = &sign1.protected.header;
    let algorithm = match &protected.alg {
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => match algorithm {
            iana::Algorithm::PS256 => Algorithm::RsaPssSha256,
            iana::Algorithm::PS384 => Algorithm::RsaPssSha384,
            iana::Algorithm::PS512 => Algorithm::RsaPssSha512,
            iana::Algorithm::ES256 => Algorithm::EcdsaP256Sha256,
            iana::Algorithm::ES384 => Algorithm::EcdsaP384Sha384,
            iana::Algorithm::ES512 => Algorithm::EcdsaP521Sha512,
            other => return Err(NotationError::new("an algorithm of the Notary Project's", format!("{other:?}"))),
        },
        other => return Err(NotationError::new("an algorithm of the Notary Project's", format!("{other:?}"))),
    };
    let content_type = match &protected.content_type {
        Some(RegisteredLabel::Text(text)) => text.clone(),
        other => return Err(NotationError::new("a content type", format!("{other:?}"))),
    };
    let critical = protected
        .crit
        .iter()
        .map(|label| match label {
            RegisteredLabelWithPrivate::Text(text) => text.clone(),
            RegisteredLabelWithPrivate::Assigned(parameter) => parameter.to_i64().to_string(),
            RegisteredLabelWithPrivate::PrivateUse(number) => number.to_string(),
        })
        .collect();
    let mut names =
        vec!["alg".to_owned(), "cty".to_owned(), "crit".to_owned(), "1".to_owned(), "2".to_owned(), "3".to_owned()];
    names.extend(protected.rest.iter().map(|(label, _)| match label {
        Label::Text(text) => text.clone(),
        Label::Int(number) => number.to_string(),
    }));
    let named = |rest: &'_ [(Label, Value)], name: &str| {
        rest.iter().find(|(label, _)| *label == Label::Text(name.to_owned())).map(|(_, value)| value.clone())
    };
    let text = |name: &str| match named(&protected.rest, name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(NotationError::new(format!("a text `{name}`"), "something else")),
    };
    let time = |name: &str| match named(&protected.rest, name) {
        None => Ok(None),
        Some(Value::Tag(EPOCH, seconds)) => seconds
            .as_integer()
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(Some)
            .ok_or_else(|| NotationError::new(format!("a time in whole seconds as `{name}`"), "something else")),
        Some(_) => Err(NotationError::new(format!("a time as `{name}`"), "something else")),
    };
    let unprotected = &sign1.unprotected.rest;
    let bytes_of =
        |value: &Value| value.as_bytes().cloned().ok_or_else(|| NotationError::new("a byte string", "something else"));
    let chain = match unprotected.iter().find(|(label, _)| *label == Label::Int(CHAIN)).map(|(_, value)| value) {
        None => return Err(NotationError::new("the certificates `x5chain`", "none")),
        Some(Value::Array(list)) => list.iter().map(bytes_of).collect::<Result<Vec<_>, _>>()?,
        Some(single) => vec![bytes_of(single)?],
    };
    let timestamp = named(unprotected, TIMESTAMP).map(|value| bytes_of(&value)).transpose()?;
    if let Some((label, _)) =
        unprotected.iter().find(|(label, _)| protected.rest.iter().any(|(other, _)| other == label))
    {
        return Err(NotationError::new("attributes that are protected or not", format!("{label:?} in both")));
    }
    let payload =
        sign1.payload.clone().ok_or_else(|| NotationError::new("a payload in the envelope", "a detached one"))?;
    Ok(Parts {
        payload,
        algorithm,
        content_type,
        scheme: text(SCHEME)?.unwrap_or_default(),
        critical,
        signing_time: time(SIGNING_TIME)?,
        authentic_time: time(AUTHENTIC_TIME)?,
        expiry: time(EXPIRY)?,
        plugin: text(PLUGIN)?,
        plugin_version: text(PLUGIN_VERSION)?.is_some(),
        protected: names,
        chain,
        timestamp,
        message: sign1.tbs_data(&[]),
        signature: sign1.signature,
    })
}

/// How deeply a CBOR item is nested, without recursion; nothing when it is cut. Lengths are those of RFC 8949, 3.
fn depth(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    // Items that are still due on each level; the outermost is one. An indefinite length has none to count.
    let mut due: Vec<Option<u64>> = vec![Some(1)];
    let mut deepest = 0;
    while let Some(last) = due.last_mut() {
        match last {
            Some(0) => {
                due.pop();
                continue;
            }
            Some(count) => *count -= 1,
            None if rest.first() == Some(&0xff) => {
                rest = rest.get(1..)?;
                due.pop();
                continue;
            }
            None => {}
        }
        let (first, tail) = rest.split_first()?;
        let (major, minor) = (first >> 5, first & 0x1f);
        let (value, tail) = match minor {
            0..24 => (Some(u64::from(minor)), tail),
            24..28 => {
                let (head, tail) = tail.split_at_checked(1 << (minor - 24))?;
                (Some(head.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))), tail)
            }
            31 if (2..=5).contains(&major) => (None, tail),
            _ => return None,
        };
        rest = tail;
        match (major, value) {
            (2 | 3, Some(length)) => rest = rest.get(usize::try_from(length).ok()?..)?,
            (2 | 3, None) => due.push(None),
            (4, count) => due.push(count),
            (5, Some(count)) => due.push(Some(count.checked_mul(2)?)),
            (5, None) => due.push(None),
            (6, Some(_)) => due.push(Some(1)),
            _ => {}
        }
        deepest = deepest.max(due.len());
        if deepest > 2 * DEPTH {
            return Some(deepest);
        }
    }
    Some(deepest)
}

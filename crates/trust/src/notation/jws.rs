//! Envelopes as flattened JSON Web Signatures (`signature-envelope-jws.md`, RFC 7515).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use signet_model::Timestamp;

use super::NotationError;
use super::envelope::{AUTHENTIC_TIME, EXPIRY, PLUGIN, PLUGIN_VERSION, Parts, SCHEME, SIGNING_TIME, TIMESTAMP};
use crate::json;
use crate::key::Algorithm;

pub(super) fn read(bytes: &[u8]) -> Result<Parts, NotationError> {
    let wrong = |found: String| NotationError::new("a flattened JSON Web Signature", found);
    let parsed = json::parse(bytes).map_err(wrong)?;
    let document = parsed.as_object().ok_or_else(|| wrong("no object".to_owned()))?;
    let member = |name: &str| text(document, name)?.ok_or_else(|| NotationError::new(format!("`{name}`"), "none"));
    let (payload_text, protected_text) = (member("payload")?, member("protected")?);
    let payload = url(payload_text)?;
    let attributes = json::parse(&url(protected_text)?).map_err(wrong)?;
    let protected =
        attributes.as_object().ok_or_else(|| wrong("protected attributes that are no object".to_owned()))?;
    let algorithm = match text(protected, "alg")? {
        Some("PS256") => Algorithm::RsaPssSha256,
        Some("PS384") => Algorithm::RsaPssSha384,
        Some("PS512") => Algorithm::RsaPssSha512,
        Some("ES256") => Algorithm::EcdsaP256Sha256,
        Some("ES384") => Algorithm::EcdsaP384Sha384,
        Some("ES512") => Algorithm::EcdsaP521Sha512,
        other => return Err(NotationError::new("an algorithm of the Notary Project's", format!("{other:?}"))),
    };
    let critical = protected
        .get("crit")
        .and_then(Value::as_array)
        .ok_or_else(|| NotationError::new("the critical attributes", "none"))?;
    let critical = critical
        .iter()
        .map(|name| {
            name.as_str()
                .map(str::to_owned)
                .ok_or_else(|| NotationError::new("names as critical attributes", "something else"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let header = match document.get("header") {
        Some(Value::Object(header)) => header,
        _ => return Err(NotationError::new("`header` with the certificates", "none")),
    };
    let chain =
        header.get("x5c").and_then(Value::as_array).ok_or_else(|| NotationError::new("`x5c` in the header", "none"))?;
    let chain = chain
        .iter()
        .map(|certificate| {
            let text =
                certificate.as_str().ok_or_else(|| NotationError::new("certificates in Base64", "something else"))?;
            STANDARD.decode(text).map_err(|error| NotationError::new("certificates in Base64", error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let timestamp = match text(header, TIMESTAMP)? {
        None => None,
        Some(text) => Some(
            STANDARD.decode(text).map_err(|error| NotationError::new("a timestamp in Base64", error.to_string()))?,
        ),
    };
    let time = |name: &str| match text(protected, name)? {
        None => Ok(None),
        Some(text) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|error| NotationError::new(format!("a time as `{name}`"), error.to_string())),
    };
    // One key in both places would be read by one verifier here and by another there (RFC 7515, 7.2.2).
    if let Some(name) = header.keys().find(|name| protected.contains_key(*name)) {
        return Err(NotationError::new("attributes that are protected or not", format!("`{name}` in both")));
    }
    Ok(Parts {
        algorithm,
        content_type: text(protected, "cty")?.unwrap_or_default().to_owned(),
        scheme: text(protected, SCHEME)?.unwrap_or_default().to_owned(),
        critical,
        signing_time: time(SIGNING_TIME)?,
        authentic_time: time(AUTHENTIC_TIME)?,
        expiry: time(EXPIRY)?,
        plugin: text(protected, PLUGIN)?.map(str::to_owned),
        plugin_version: text(protected, PLUGIN_VERSION)?.is_some(),
        protected: protected.keys().cloned().collect(),
        chain,
        timestamp,
        message: format!("{protected_text}.{payload_text}").into_bytes(),
        signature: url(member("signature")?)?,
        payload,
    })
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, NotationError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(NotationError::new(format!("a text `{name}`"), "something else")),
    }
}

fn url(text: &str) -> Result<Vec<u8>, NotationError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| NotationError::new("Base64 for URLs without padding", error.to_string()))
}

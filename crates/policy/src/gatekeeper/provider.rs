//! External data as Gatekeeper asks for it (`externaldata.gatekeeper.sh`): keys in, items out. The part that knows no network.
//!
//! Source: open-policy-agent/frameworks/constraint:pkg/externaldata/{request,response}.go.

use serde_json::{Value as Json, json};

/// Versions of the protocol that are answered.
const VERSIONS: [&str; 2] = ["externaldata.gatekeeper.sh/v1beta1", "externaldata.gatekeeper.sh/v1alpha1"];
/// Bytes of a request.
const MAX_BYTES: usize = 1 << 20;
/// Keys of a request.
const MAX_KEYS: usize = 1_000;

/// What Gatekeeper asks a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRequest {
    /// The version in which it asks, and in which it is answered.
    pub version: String,
    /// What it asks about: images, mostly.
    pub keys: Vec<String>,
}

/// Why a request cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Too much.
    #[error("the request has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLong(usize),
    /// No JSON.
    #[error("the request is no JSON: {0}")]
    Json(String),
    /// Another document.
    #[error("the request is no ProviderRequest of externaldata.gatekeeper.sh: {0}")]
    Kind(String),
    /// Too many keys.
    #[error("the request asks for {0} keys, more than {MAX_KEYS}")]
    Keys(usize),
}

/// What is said of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// A value, or why there is none.
    pub value: Result<Json, String>,
}

impl ProviderRequest {
    /// Reads a request's body.
    ///
    /// # Errors
    /// When it is none, or asks for too much.
    pub fn parse(body: &[u8]) -> Result<ProviderRequest, ProviderError> {
        if body.len() > MAX_BYTES {
            return Err(ProviderError::TooLong(body.len()));
        }
        let json: Json = serde_json::from_slice(body).map_err(|err| ProviderError::Json(err.to_string()))?;
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        if !VERSIONS.contains(&version) || kind != "ProviderRequest" {
            return Err(ProviderError::Kind(format!("it is `{version}`, `{kind}`").escape_debug().to_string()));
        }
        let keys = json.pointer("/request/keys").and_then(Json::as_array);
        let keys = keys.ok_or_else(|| ProviderError::Kind("it has no `request.keys`".to_owned()))?;
        if keys.len() > MAX_KEYS {
            return Err(ProviderError::Keys(keys.len()));
        }
        let texts = keys.iter().map(|key| {
            key.as_str().map(str::to_owned).ok_or_else(|| ProviderError::Kind("a key is no text".to_owned()))
        });
        Ok(ProviderRequest { version: version.to_owned(), keys: texts.collect::<Result<_, _>>()? })
    }

    /// The answer to this request. A key that no item is about is answered with an error: left out, a policy would not see it.
    pub fn answer(&self, items: &[Item]) -> Json {
        let said = self.keys.iter().map(|key| match items.iter().find(|item| item.key == *key) {
            Some(item) => item.clone(),
            None => Item { key: key.clone(), value: Err("nothing is known of it".to_owned()) },
        });
        respond(&self.version, said.collect::<Vec<_>>().as_slice(), "")
    }
}

/// A response. With `system_error` the whole request failed, and no item counts.
pub fn respond(version: &str, items: &[Item], system_error: &str) -> Json {
    let items: Vec<Json> = items
        .iter()
        .map(|item| match &item.value {
            Ok(value) => json!({"key": item.key, "value": value}),
            Err(why) => json!({"key": item.key, "error": why}),
        })
        .collect();
    json!({
        "apiVersion": version,
        "kind": "ProviderResponse",
        "response": {"idempotent": true, "items": items, "systemError": system_error},
    })
}

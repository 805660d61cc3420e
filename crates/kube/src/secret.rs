//! A Secret: bytes by name.
//!
//! Source: `core/v1` Secret; `kubernetes.io/tls` has `tls.crt` and `tls.key`, and cert-manager adds `ca.crt`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use crate::client::Client;
use crate::error::KubeError;
use crate::resource::SECRETS;

/// What lies in a Secret under a name. Nothing, if it is not there or is no base64.
#[must_use]
pub fn data_of(secret: &Value, key: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = secret.get("data")?.get(key)?.as_str()?;
    STANDARD.decode(text).ok().map(Zeroizing::new)
}

impl Client {
    /// Writes what lies in a Secret. `over` is the Secret as it was read: if somebody wrote since, this is refused. Without it the Secret is made.
    ///
    /// # Errors
    /// See [`KubeError`]; no message quotes what was written.
    pub async fn keep_secret(
        &self,
        namespace: &str,
        name: &str,
        over: Option<&Value>,
        data: &[(&str, &[u8])],
    ) -> Result<Value, KubeError> {
        let mut held = Map::new();
        for (key, bytes) in data {
            held.insert((*key).to_owned(), Value::String(STANDARD.encode(bytes)));
        }
        let mut secret = match over {
            Some(over) => over.clone(),
            None => json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "signet"}},
            }),
        };
        if let Some(fields) = secret.as_object_mut() {
            fields.insert("data".to_owned(), Value::Object(held));
        }
        let written = match over {
            Some(_) => self.replace(&SECRETS, Some(namespace), name, &secret).await,
            None => self.create(&SECRETS, Some(namespace), &secret).await,
        };
        forget(&mut secret);
        written
    }
}

/// Wipes the texts of a Secret.
fn forget(secret: &mut Value) {
    for text in secret.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|data| data.values_mut()) {
        if let Value::String(text) = text {
            text.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_base64_is_not_there() {
        let mut secret = json!({"data": {"a": "UEVN", "b": "??", "c": 7}});
        assert_eq!(data_of(&secret, "a").as_deref().map(Vec::as_slice), Some(&b"PEM"[..]));
        assert!(["b", "c", "d"].iter().all(|key| data_of(&secret, key).is_none()));
        forget(&mut secret);
        assert_eq!(secret["data"]["a"], "");
    }
}

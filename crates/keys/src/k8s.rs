//! Keys in Kubernetes secrets: `k8s://NAMESPACE/NAME`, with the fields `cosign.key`, `cosign.pub` and `cosign.password`.
//!
//! The cluster is the one of `KUBECONFIG` or `~/.kube/config`, else the one that this pod runs in.
//! Source: <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>, API `core/v1` Secret; sigstore/cosign:pkg/cosign/kubernetes.

mod access;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, printable};
use crate::secret::SecretBytes;
use crate::service::Request;

pub use self::access::check_kubeconfig;

/// A key pair as it lies in a store of secrets.
pub(crate) struct StoredKey {
    /// PEM of Cosign's encrypted type.
    pub(crate) private: Option<SecretBytes>,
    pub(crate) public: Option<String>,
    pub(crate) password: Option<SecretBytes>,
}

/// The fields of a secret. Only those that are asked for are decoded.
pub(crate) async fn read(rest: &str, context: &Context) -> Result<StoredKey, Error> {
    let (namespace, name) = parse(rest)?;
    let doing = format!("read the secret `{namespace}/{name}` of Kubernetes");
    let access = access::find(context, &doing)?;
    let url = format!("{}/api/v1/namespaces/{namespace}/secrets/{name}", access.server);
    let request = access.authorize(Request::new("GET", url, &*doing));
    let json =
        request.send_for_json(&access.client, "is the context right, and may this account `get` the secret?").await?;
    let field = |name: &str| match json.pointer("/data").and_then(|data| data.get(name)).and_then(Value::as_str) {
        Some(text) => STANDARD
            .decode(text)
            .map(|bytes| Some(SecretBytes::new(bytes)))
            .map_err(|_| request.odd(&format!("its field `{name}` is no base64"))),
        None => Ok(None),
    };
    let public = field("cosign.pub")?.and_then(|bytes| bytes.reveal_text().map(str::to_owned));
    Ok(StoredKey { private: field("cosign.key")?, public, password: field("cosign.password")? })
}

/// Makes the secret. One that is there stays: its private key would be lost.
pub(crate) async fn create(
    rest: &str,
    private: &str,
    public: &str,
    password: &SecretBytes,
    context: &Context,
) -> Result<(), Error> {
    let (namespace, name) = parse(rest)?;
    let doing = format!("make the secret `{namespace}/{name}` in Kubernetes");
    let access = access::find(context, &doing)?;
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
        "metadata": { "name": name, "namespace": namespace },
        "data": {
            "cosign.key": STANDARD.encode(private),
            "cosign.pub": STANDARD.encode(public),
            "cosign.password": STANDARD.encode(password.reveal()),
        },
    });
    let url = format!("{}/api/v1/namespaces/{namespace}/secrets", access.server);
    let request = access.authorize(Request::new("POST", url, &*doing)).json(&body);
    let answer = request.send(&access.client).await?;
    match answer.status {
        200..300 => Ok(()),
        409 => Err(Error::new(doing, "there is a secret of that name already")
            .hint("choose another name, or delete it first if nobody needs its key")),
        _ => Err(request.refused(&answer, "does the namespace exist, and may this account `create` secrets in it?")),
    }
}

/// Namespace and name, both as Kubernetes allows them (RFC 1123).
pub(crate) fn parse(rest: &str) -> Result<(&str, &str), Error> {
    let fits = |part: &str, dots: bool| {
        !part.is_empty()
            && part.len() <= 253
            && !part.starts_with(['-', '.'])
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (dots && c == '.'))
    };
    rest.split_once('/').filter(|(namespace, name)| fits(namespace, false) && fits(name, true)).ok_or_else(|| {
        Error::new("use a key in Kubernetes", format!("`k8s://{}` names no secret", printable(rest)))
            .hint("write `k8s://NAMESPACE/SECRET`")
    })
}

//! HashiCorp Vault and OpenBao, transit engine: `hashivault://KEY`.
//!
//! Settings: `VAULT_ADDR`, `VAULT_TOKEN` or `~/.vault-token`, `VAULT_NAMESPACE`, `VAULT_CACERT`, `TRANSIT_SECRET_ENGINE_PATH` (default `transit`).
//! Source: <https://developer.hashicorp.com/vault/api-docs/secret/transit>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_oci_client::{Client, Secret};
use signet_trust::{Algorithm, PublicKey};

use crate::context::Context;
use crate::der;
use crate::error::{Error, printable};
use crate::file;
use crate::remote::{Keeper, Kept, Pending, hashed, public_from_der, public_from_pem};
use crate::service::{Request, escape, text};
use crate::software::KeyType;

const HINT: &str = "is `VAULT_TOKEN` valid, does its policy allow this path, and is the transit engine where `TRANSIT_SECRET_ENGINE_PATH` says?";

pub(crate) struct Vault {
    client: Client,
    address: String,
    token: Secret,
    namespace: Option<String>,
    engine: String,
    key: String,
    version: u64,
}

/// The key behind `hashivault://KEY`.
pub(crate) async fn open(rest: &str, context: &Context) -> Result<Kept<Vault>, Error> {
    let mut vault = Vault::new(rest, context)?;
    let doing = format!("read key `{}` of Vault", printable(&vault.key));
    let request = vault.request("GET", &format!("keys/{}", escape(&vault.key)), &doing);
    let json = request.send_for_json(&vault.client, HINT).await?;
    let version = json.pointer("/data/latest_version").and_then(Value::as_u64);
    let version =
        version.ok_or_else(|| request.odd("the answer has no version: is this a key of the transit engine?"))?;
    // Pinned, so that a rotation between this and the signature cannot mix two keys.
    vault.version = version;
    let stated = text(&json, &format!("/data/keys/{version}/public_key"), &request).map_err(|err| {
        err.hint("only keys that sign have a public half: ecdsa-p256, -p384, -p521, ed25519, rsa-2048 to -4096")
    })?;
    let public = if text(&json, "/data/type", &request)? == "ed25519" {
        let raw = STANDARD.decode(stated).map_err(|_| request.odd("its Ed25519 key is no base64"))?;
        public_from_der(&der::ed25519_spki(&raw), &doing)?
    } else {
        public_from_pem(stated, &doing)?
    };
    Ok(Kept::new(public, vault))
}

/// Makes the key.
pub(crate) async fn create(rest: &str, kind: KeyType, context: &Context) -> Result<(), Error> {
    let vault = Vault::new(rest, context)?;
    let name = match kind {
        KeyType::EcdsaP256 => "ecdsa-p256",
        KeyType::EcdsaP384 => "ecdsa-p384",
        KeyType::EcdsaP521 => "ecdsa-p521",
        KeyType::Ed25519 => "ed25519",
        KeyType::Rsa2048 => "rsa-2048",
        KeyType::Rsa3072 => "rsa-3072",
        KeyType::Rsa4096 => "rsa-4096",
    };
    let doing = format!("make key `{}` in Vault", printable(&vault.key));
    let request = vault.request("POST", &format!("keys/{}", escape(&vault.key)), &doing).json(&json!({ "type": name }));
    request.send_well(&vault.client, HINT).await.map(|_| ())
}

impl Vault {
    fn new(rest: &str, context: &Context) -> Result<Vault, Error> {
        let doing = "use a key of Vault";
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if rest.is_empty() || !rest.chars().all(usable) {
            return Err(Error::new(doing, format!("`hashivault://{}` names no key", printable(rest)))
                .hint("write `hashivault://KEY`, the key's name in the transit engine"));
        }
        let address = context.variable("VAULT_ADDR").ok_or_else(|| {
            Error::new(doing, "`VAULT_ADDR` is not set").hint("set it to Vault's address, `https://vault.example:8200`")
        })?;
        let token = match context.variable("VAULT_TOKEN") {
            Some(token) => token,
            None => {
                let place = context.home().map(|home| home.join(".vault-token"));
                let kept = place.and_then(|place| file::read(&place, "the Vault token").ok());
                let kept = kept.and_then(|kept| kept.reveal_text().map(|text| text.trim().to_owned()));
                kept.filter(|token| !token.is_empty()).ok_or_else(|| {
                    Error::new(doing, "there is no Vault token")
                        .hint("set `VAULT_TOKEN`, or log in with `vault login`, which writes `~/.vault-token`")
                })?
            }
        };
        let client = match context.variable("VAULT_CACERT") {
            Some(place) => {
                let pem = file::read(place.as_ref(), "the certificates of `VAULT_CACERT`")?.reveal().to_vec();
                context.client_with(|options| options.extra_ca_pem.push(pem))
            }
            None => context.client().clone(),
        };
        let engine = context.variable("TRANSIT_SECRET_ENGINE_PATH").unwrap_or_else(|| "transit".to_owned());
        Ok(Vault {
            client,
            address: address.trim_end_matches('/').to_owned(),
            token: Secret::new(token),
            namespace: context.variable("VAULT_NAMESPACE"),
            engine: engine.trim_matches('/').split('/').map(escape).collect::<Vec<_>>().join("/"),
            key: rest.to_owned(),
            version: 0,
        })
    }

    fn request(&self, method: &'static str, path: &str, doing: &str) -> Request {
        let request = Request::new(method, format!("{}/v1/{}/{path}", self.address, self.engine), doing)
            .header("x-vault-token", self.token.reveal())
            .header("x-vault-request", "true");
        match &self.namespace {
            Some(namespace) => request.header("x-vault-namespace", namespace.clone()),
            None => request,
        }
    }
}

impl Keeper for Vault {
    fn name(&self) -> &'static str {
        "Vault"
    }

    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let algorithm = public.algorithm();
            let (path, mut body) = match hashed(algorithm, message) {
                Some((hash, digest)) => (
                    match hash {
                        signet_model::Algorithm::Sha256 => "/sha2-256",
                        signet_model::Algorithm::Sha384 => "/sha2-384",
                        signet_model::Algorithm::Sha512 => "/sha2-512",
                    },
                    json!({ "input": STANDARD.encode(digest), "prehashed": true }),
                ),
                None => ("", json!({ "input": STANDARD.encode(message) })),
            };
            if let Some(fields) = body.as_object_mut() {
                fields.insert("key_version".into(), json!(self.version));
                match algorithm {
                    Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPkcs1Sha384 | Algorithm::RsaPkcs1Sha512 => {
                        fields.insert("signature_algorithm".into(), json!("pkcs1v15"));
                    }
                    Algorithm::Ed25519 => {}
                    _ => {
                        fields.insert("marshaling_algorithm".into(), json!("asn1"));
                    }
                }
            }
            let doing = format!("sign with key `{}` of Vault", self.key);
            let request = self.request("POST", &format!("sign/{}{path}", escape(&self.key)), &doing).json(&body);
            let json = request.send_for_json(&self.client, HINT).await?;
            let signature = text(&json, "/data/signature", &request)?;
            // `vault:v1:BASE64`
            let base64 = signature.rsplit(':').next().unwrap_or_default();
            STANDARD.decode(base64).map_err(|_| request.odd("its signature is no base64"))
        })
    }
}

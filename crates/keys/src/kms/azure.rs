//! Azure Key Vault and Managed HSM: `azurekms://VAULT.vault.azure.net/KEY[/VERSION]`.
//!
//! Settings: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_AUTHORITY_HOST`; else managed identity.
//! Source: <https://learn.microsoft.com/rest/api/keyvault/keys>, operations Get Key, Sign, Create Key; RFC 7517 and 7518 for keys and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use signet_oci_client::Secret;
use signet_trust::{Algorithm, PublicKey};

use crate::context::Context;
use crate::der;
use crate::error::{Error, printable};
use crate::file;
use crate::remote::{Keeper, Kept, Pending, hashed, public_from_der};
use crate::service::{Request, escape, text};
use crate::software::KeyType;

const HINT: &str = "has the identity the role `Key Vault Crypto User` (to make keys: `Crypto Officer`) on this vault?";
const LOGIN: &str = "log in to Azure";
const API: &str = "api-version=7.4";
const METADATA: &str = "169.254.169.254";

pub(crate) struct Azure {
    context: Context,
    vault: String,
    /// `KEY/VERSION`.
    key: String,
}

/// The key behind `azurekms://...`. Without a version, the newest one, which is then held on to.
pub(crate) async fn open(rest: &str, context: &Context) -> Result<Kept<Azure>, Error> {
    let (vault, key) = parse(rest)?;
    let doing = format!("read key `{key}` of Azure Key Vault");
    let token = token(&vault, context).await?;
    let request = Request::new("GET", format!("{}/keys/{key}?{API}", url(&vault)), &*doing).bearer(token.reveal());
    let json = request.send_for_json(context.client(), HINT).await?;
    let number = |name: &str| {
        let value = text(&json, &format!("/key/{name}"), &request)?;
        URL_SAFE_NO_PAD.decode(value).map_err(|_| request.odd(&format!("`{name}` of its public key is no base64url")))
    };
    let spki = match text(&json, "/key/kty", &request)? {
        "EC" | "EC-HSM" => {
            let (curve, width) = match text(&json, "/key/crv", &request)? {
                "P-256" => (der::P256, 32),
                "P-384" => (der::P384, 48),
                "P-521" => (der::P521, 66),
                other => return Err(request.odd(&format!("keys over `{}` are not used", printable(other)))),
            };
            let mut point = vec![4];
            for half in [number("x")?, number("y")?] {
                if half.len() > width {
                    return Err(request.odd("its public key is longer than its curve"));
                }
                point.extend(std::iter::repeat_n(0, width - half.len()));
                point.extend(half);
            }
            der::ec_spki(curve, &point)
        }
        "RSA" | "RSA-HSM" => der::rsa_spki(&number("n")?, &number("e")?),
        other => return Err(request.odd(&format!("keys of type `{}` do not sign", printable(other)))),
    };
    let public = public_from_der(&spki, &doing)?;
    // `kid` is the key's URL with its version.
    let kid = text(&json, "/key/kid", &request)?;
    let pinned = kid.split_once("/keys/").map(|(_, key)| key.to_owned());
    let name = key.split('/').next().unwrap_or_default();
    let pinned = pinned.filter(|pinned| pinned.split('/').next() == Some(name) && plain(pinned));
    let key = pinned.ok_or_else(|| request.odd("it names itself otherwise than it was asked for"))?;
    Ok(Kept::new(public, Azure { context: context.clone(), vault, key }))
}

/// Makes the key.
pub(crate) async fn create(rest: &str, kind: KeyType, context: &Context) -> Result<(), Error> {
    let (vault, key) = parse(rest)?;
    let name = key.split('/').next().unwrap_or_default();
    let doing = format!("make key `{name}` in Azure Key Vault");
    let mut body = match kind {
        KeyType::EcdsaP256 => json!({ "kty": "EC", "crv": "P-256" }),
        KeyType::EcdsaP384 => json!({ "kty": "EC", "crv": "P-384" }),
        KeyType::EcdsaP521 => json!({ "kty": "EC", "crv": "P-521" }),
        KeyType::Rsa2048 => json!({ "kty": "RSA", "key_size": 2048 }),
        KeyType::Rsa3072 => json!({ "kty": "RSA", "key_size": 3072 }),
        KeyType::Rsa4096 => json!({ "kty": "RSA", "key_size": 4096 }),
        KeyType::Ed25519 => return Err(Error::new(doing, "Azure Key Vault has no Ed25519 keys")),
    };
    if let Some(fields) = body.as_object_mut() {
        fields.insert("key_ops".into(), json!(["sign", "verify"]));
    }
    let token = token(&vault, context).await?;
    let request = Request::new("POST", format!("{}/keys/{name}/create?{API}", url(&vault)), doing)
        .bearer(token.reveal())
        .json(&body);
    request.send_well(context.client(), HINT).await.map(|_| ())
}

fn plain(text: &str) -> bool {
    text.split('/').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

/// Vault host and `KEY[/VERSION]`. The path may begin with `keys/`, as in the portal's key identifiers.
fn parse(rest: &str) -> Result<(String, String), Error> {
    let wrong = || {
        Error::new("use a key of Azure Key Vault", format!("`azurekms://{}` names no key", printable(rest)))
            .hint("write `azurekms://VAULT.vault.azure.net/KEY`, with `/VERSION` to hold on to one")
    };
    let (host, key) = rest.split_once('/').ok_or_else(wrong)?;
    let key = key.strip_prefix("keys/").unwrap_or(key);
    let host_fits = !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':'))
        && host.contains(['.', ':']);
    if !host_fits || !plain(key) || key.split('/').count() > 2 {
        return Err(wrong());
    }
    Ok((host.to_owned(), key.to_owned()))
}

fn is_local(host: &str) -> bool {
    host.split(':').next().is_some_and(|name| name == "localhost" || name.starts_with("127."))
}

fn url(host: &str) -> String {
    format!("{}://{host}", if is_local(host) { "http" } else { "https" })
}

/// A token for the vault. Its audience is the vault's own domain, so that it is of no use elsewhere.
async fn token(vault: &str, context: &Context) -> Result<Secret, Error> {
    let domain = vault.split_once('.').map(|(_, domain)| domain).filter(|_| !is_local(vault));
    let audience = format!("https://{}", domain.unwrap_or("vault.azure.net"));
    let (tenant, id) = (context.variable("AZURE_TENANT_ID"), context.variable("AZURE_CLIENT_ID"));
    let federated = context.variable("AZURE_FEDERATED_TOKEN_FILE");
    let secret = context.variable("AZURE_CLIENT_SECRET");
    if let (Some(tenant), Some(id)) = (&tenant, &id)
        && (federated.is_some() || secret.is_some())
    {
        let authority =
            context.variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
        let url = format!("{}/{}/oauth2/v2.0/token", authority.trim_end_matches('/'), escape(tenant));
        let scope = format!("{audience}/.default");
        let mut fields = vec![("grant_type", "client_credentials"), ("client_id", id.as_str()), ("scope", &scope)];
        let assertion = match (&federated, &secret) {
            (_, Some(_)) | (None, None) => None,
            (Some(place), None) => {
                let token = file::read(place.as_ref(), "the token of `AZURE_FEDERATED_TOKEN_FILE`")?;
                Some(token.reveal_text().unwrap_or_default().trim().to_owned())
            }
        };
        match (&secret, &assertion) {
            (Some(secret), _) => fields.push(("client_secret", secret)),
            (None, Some(assertion)) => {
                fields.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
                fields.push(("client_assertion", assertion));
            }
            (None, None) => {}
        }
        let request = Request::new("POST", url, LOGIN).form(&fields);
        let hint =
            "are `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the secret or federated token those of the application?";
        let json = request.send_for_json(context.client(), hint).await?;
        return Ok(Secret::new(text(&json, "/access_token", &request)?));
    }
    let base = context.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| format!("http://{METADATA}"));
    let mut url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}",
        base.trim_end_matches('/'),
        escape(&audience)
    );
    if let Some(id) = &id {
        url = format!("{url}&client_id={}", escape(id));
    }
    let request = Request::new("GET", url, LOGIN).header("metadata", "true");
    let Ok(json) = request.send_for_json(&context.metadata_client(&[METADATA]), "").await else {
        return Err(Error::new(
            LOGIN,
            "there are no credentials in the environment, and this machine has no managed identity",
        )
        .hint("set `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` (or `AZURE_FEDERATED_TOKEN_FILE`)"));
    };
    Ok(Secret::new(text(&json, "/access_token", &request)?))
}

impl Keeper for Azure {
    fn name(&self) -> &'static str {
        "Azure Key Vault"
    }

    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let doing = format!("sign with key `{}` of Azure Key Vault", self.key);
            let algorithm = public.algorithm();
            let name = match algorithm {
                Algorithm::EcdsaP256Sha256 => "ES256",
                Algorithm::EcdsaP384Sha384 => "ES384",
                Algorithm::EcdsaP521Sha512 => "ES512",
                Algorithm::RsaPkcs1Sha256 => "RS256",
                Algorithm::RsaPkcs1Sha384 => "RS384",
                Algorithm::RsaPkcs1Sha512 => "RS512",
                other => return Err(Error::new(doing, format!("Azure Key Vault does not sign by {other}"))),
            };
            let digest = hashed(algorithm, message).map(|(_, digest)| digest).unwrap_or_default();
            let token = token(&self.vault, &self.context).await?;
            let request = Request::new("POST", format!("{}/keys/{}/sign?{API}", url(&self.vault), self.key), doing)
                .bearer(token.reveal())
                .json(&json!({ "alg": name, "value": URL_SAFE_NO_PAD.encode(digest) }));
            let json: Value = request.send_for_json(self.context.client(), HINT).await?;
            let raw = URL_SAFE_NO_PAD
                .decode(text(&json, "/value", &request)?)
                .map_err(|_| request.odd("its signature is no base64url"))?;
            if name.starts_with("RS") {
                return Ok(raw);
            }
            der::ecdsa_signature(&raw).ok_or_else(|| request.odd("its signature has another length than two numbers"))
        })
    }
}

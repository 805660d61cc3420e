//! Google Cloud KMS: `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]` (also `/versions/V`).
//!
//! Settings: `GOOGLE_OAUTH_ACCESS_TOKEN` or `CLOUDSDK_AUTH_ACCESS_TOKEN`, `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's application default credentials, the
//! metadata server (`GCE_METADATA_HOST`); `CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS`.
//! Source: <https://cloud.google.com/kms/docs/reference/rest>, <https://developers.google.com/identity/protocols/oauth2/service-account>.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use signet_oci_client::Secret;
use signet_trust::{Algorithm, PublicKey};

use crate::context::Context;
use crate::error::{Error, printable};
use crate::file;
use crate::remote::{Keeper, Kept, Pending, hashed, public_from_pem};
use crate::secret::SecretBytes;
use crate::service::{Request, escape, text};
use crate::software::{KeyType, PrivateKey};

const HINT: &str =
    "has the account the role `roles/cloudkms.signerVerifier` on the key, and is the Cloud KMS API enabled?";
const LOGIN: &str = "log in to Google Cloud";
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const METADATA: &str = "metadata.google.internal";

pub(crate) struct Gcp {
    context: Context,
    /// `projects/.../cryptoKeyVersions/V`.
    version: String,
}

/// A key's name in its parts.
struct Name {
    ring: String,
    key: String,
    version: Option<String>,
}

impl Name {
    fn parse(rest: &str) -> Result<Name, Error> {
        let wrong = || {
            Error::new("use a key of Google Cloud KMS", format!("`gcpkms://{}` names no key", printable(rest)))
                .hint("write `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K`, with `/cryptoKeyVersions/V` to hold on to one version")
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let usable = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
        };
        if !parts.iter().all(usable) || parts.iter().any(|part| part.chars().all(|c| c == '.')) {
            return Err(wrong());
        }
        match parts.as_slice() {
            ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key, version @ ..] => {
                let version = match version {
                    [] => None,
                    ["cryptoKeyVersions" | "versions", version] => Some((*version).to_owned()),
                    _ => return Err(wrong()),
                };
                let ring = format!("projects/{project}/locations/{location}/keyRings/{ring}");
                Ok(Name { ring, key: (*key).to_owned(), version })
            }
            _ => Err(wrong()),
        }
    }

    fn key(&self) -> String {
        format!("{}/cryptoKeys/{}", self.ring, self.key)
    }
}

/// The key behind `gcpkms://...`. Without a version, the newest enabled one, which is then held on to.
pub(crate) async fn open(rest: &str, context: &Context) -> Result<Kept<Gcp>, Error> {
    let name = Name::parse(rest)?;
    let doing = format!("read key `{}` of Google Cloud KMS", name.key);
    let token = token(context).await?;
    let version = match &name.version {
        Some(version) => version.clone(),
        None => newest(&name, context, &token, &doing).await?,
    };
    let version = format!("{}/cryptoKeyVersions/{version}", name.key());
    let request =
        Request::new("GET", format!("{}/v1/{version}/publicKey", endpoint(context)), &*doing).bearer(token.reveal());
    let json = request.send_for_json(context.client(), HINT).await?;
    let stated = text(&json, "/algorithm", &request)?;
    let mut public = public_from_pem(text(&json, "/pem", &request)?, &doing)?;
    // EC_SIGN_P256_SHA256, RSA_SIGN_PKCS1_3072_SHA256, RSA_SIGN_PSS_4096_SHA512, EC_SIGN_ED25519
    let pss = stated.contains("_PSS_");
    let used = match (public.algorithm(), pss, stated.ends_with("SHA512")) {
        (Algorithm::RsaPkcs1Sha256, true, false) => Algorithm::RsaPssSha256,
        (Algorithm::RsaPkcs1Sha256, true, true) => Algorithm::RsaPssSha512,
        (Algorithm::RsaPkcs1Sha256, false, true) => Algorithm::RsaPkcs1Sha512,
        (natural, _, _) => natural,
    };
    public = public
        .with_algorithm(used)
        .map_err(|_| request.odd(&format!("`{}` is no algorithm that is used", printable(stated))))?;
    Ok(Kept::new(public, Gcp { context: context.clone(), version }))
}

async fn newest(name: &Name, context: &Context, token: &Secret, doing: &str) -> Result<String, Error> {
    let url = format!("{}/v1/{}/cryptoKeyVersions?pageSize=1000&filter=state%3DENABLED", endpoint(context), name.key());
    let request = Request::new("GET", url, doing).bearer(token.reveal());
    let json = request.send_for_json(context.client(), HINT).await?;
    if json.get("nextPageToken").and_then(Value::as_str).is_some_and(|next| !next.is_empty()) {
        return Err(request.odd("it has more than 1,000 versions: name one in the URI"));
    }
    let versions = json.get("cryptoKeyVersions").and_then(Value::as_array).into_iter().flatten();
    versions
        .filter(|version| version.get("state").and_then(Value::as_str) == Some("ENABLED"))
        .filter_map(|version| version.get("name")?.as_str()?.rsplit('/').next()?.parse::<u64>().ok())
        .max()
        .map(|number| number.to_string())
        .ok_or_else(|| request.odd("it has no enabled version"))
}

/// Makes the key (and its ring, if that is missing).
pub(crate) async fn create(rest: &str, kind: KeyType, context: &Context) -> Result<(), Error> {
    let name = Name::parse(rest)?;
    let doing = format!("make key `{}` in Google Cloud KMS", name.key);
    let algorithm = match kind {
        KeyType::EcdsaP256 => "EC_SIGN_P256_SHA256",
        KeyType::EcdsaP384 => "EC_SIGN_P384_SHA384",
        KeyType::Ed25519 => "EC_SIGN_ED25519",
        KeyType::Rsa2048 => "RSA_SIGN_PKCS1_2048_SHA256",
        KeyType::Rsa3072 => "RSA_SIGN_PKCS1_3072_SHA256",
        KeyType::Rsa4096 => "RSA_SIGN_PKCS1_4096_SHA256",
        KeyType::EcdsaP521 => return Err(Error::new(doing, "Google Cloud KMS has no keys over P-521")),
    };
    let token = token(context).await?;
    let base = endpoint(context);
    if let Some((location, ring)) = name.ring.rsplit_once("/keyRings/") {
        let url = format!("{base}/v1/{location}/keyRings?keyRingId={}", escape(ring));
        let request = Request::new("POST", url, &*doing).bearer(token.reveal()).json(&json!({}));
        let answer = request.send(context.client()).await?;
        // 409: the ring is there.
        if !(200..300).contains(&answer.status) && answer.status != 409 {
            return Err(request.refused(&answer, HINT));
        }
    }
    let url = format!("{base}/v1/{}/cryptoKeys?cryptoKeyId={}", name.ring, escape(&name.key));
    let body = json!({ "purpose": "ASYMMETRIC_SIGN", "versionTemplate": { "algorithm": algorithm, "protectionLevel": "SOFTWARE" } });
    let request = Request::new("POST", url, doing).bearer(token.reveal()).json(&body);
    request.send_well(context.client(), HINT).await.map(|_| ())
}

fn endpoint(context: &Context) -> String {
    let set = context.variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS");
    set.unwrap_or_else(|| "https://cloudkms.googleapis.com".to_owned()).trim_end_matches('/').to_owned()
}

/// An access token: from the environment, a credentials file, or the metadata server.
pub(crate) async fn token(context: &Context) -> Result<Secret, Error> {
    let given =
        context.variable("GOOGLE_OAUTH_ACCESS_TOKEN").or_else(|| context.variable("CLOUDSDK_AUTH_ACCESS_TOKEN"));
    if let Some(token) = given {
        return Ok(Secret::new(token));
    }
    let default = || Some(context.home()?.join(".config/gcloud/application_default_credentials.json"));
    let place = match context.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        Some(place) => Some(place.into()),
        None => default().filter(|place| place.exists()),
    };
    match place {
        Some(place) => of_file(&file::read(&place, "the Google credentials")?, context).await,
        None => of_metadata(context).await,
    }
}

async fn of_file(content: &SecretBytes, context: &Context) -> Result<Secret, Error> {
    let failed = |what: &str| Error::new(LOGIN, what);
    let json: Value =
        serde_json::from_slice(content.reveal()).map_err(|_| failed("the credentials file is no JSON"))?;
    let field = |name: &str| {
        json.get(name).and_then(Value::as_str).ok_or_else(|| failed(&format!("the credentials file has no `{name}`")))
    };
    let kind = field("type")?;
    let request = match kind {
        "service_account" => {
            let uri = json.get("token_uri").and_then(Value::as_str).unwrap_or("https://oauth2.googleapis.com/token");
            let key = PrivateKey::from_pem(field("private_key")?.as_bytes(), "private_key", || {
                Err(failed("its key is encrypted"))
            })?;
            let now = context.now().as_second();
            let header = json!({ "alg": "RS256", "typ": "JWT" });
            let claims =
                json!({ "iss": field("client_email")?, "scope": SCOPE, "aud": uri, "iat": now, "exp": now + 600 });
            let signed = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header.to_string()),
                URL_SAFE_NO_PAD.encode(claims.to_string())
            );
            let signature = URL_SAFE_NO_PAD.encode(key.sign_now(signed.as_bytes())?);
            Request::new("POST", uri, LOGIN).form(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", &format!("{signed}.{signature}")),
            ])
        }
        "authorized_user" => Request::new("POST", "https://oauth2.googleapis.com/token", LOGIN).form(&[
            ("grant_type", "refresh_token"),
            ("client_id", field("client_id")?),
            ("client_secret", field("client_secret")?),
            ("refresh_token", field("refresh_token")?),
        ]),
        other => {
            return Err(failed(&format!("credentials of type `{}` are not read", printable(other))).hint(
                "let Google's own program do it: `export GOOGLE_OAUTH_ACCESS_TOKEN=\"$(gcloud auth print-access-token)\"`",
            ));
        }
    };
    let answer = request.send_for_json(context.client(), "are the credentials still valid?").await?;
    Ok(Secret::new(text(&answer, "/access_token", &request)?))
}

async fn of_metadata(context: &Context) -> Result<Secret, Error> {
    let host = context.variable("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
    let client = context.metadata_client(&[METADATA, "169.254.169.254"]);
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let request = Request::new("GET", url, LOGIN).header("metadata-flavor", "Google");
    let Ok(answer) = request.send_for_json(&client, "").await else {
        return Err(Error::new(LOGIN, "there are no credentials in the environment, in a file, nor from this machine").hint(
            "`gcloud auth application-default login`, or set `GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_OAUTH_ACCESS_TOKEN`",
        ));
    };
    Ok(Secret::new(text(&answer, "/access_token", &request)?))
}

impl Keeper for Gcp {
    fn name(&self) -> &'static str {
        "Google Cloud KMS"
    }

    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let doing = format!("sign with key `{}` of Google Cloud KMS", self.version);
            let token = token(&self.context).await?;
            let url = format!("{}/v1/{}:asymmetricSign", endpoint(&self.context), self.version);
            let body = match hashed(public.algorithm(), message) {
                Some((hash, digest)) => json!({ "digest": { hash.name(): STANDARD.encode(digest) } }),
                None => json!({ "data": STANDARD.encode(message) }),
            };
            let request = Request::new("POST", url, doing).bearer(token.reveal()).json(&body);
            let json = request.send_for_json(self.context.client(), HINT).await?;
            if json.get("name").and_then(Value::as_str).is_some_and(|name| name != self.version) {
                return Err(request.odd("another key version answered"));
            }
            STANDARD.decode(text(&json, "/signature", &request)?).map_err(|_| request.odd("its signature is no base64"))
        })
    }
}

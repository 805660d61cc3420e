//! AWS KMS: `awskms://[ENDPOINT]/ID`, `/alias/NAME`, or `/ARN` of a key or alias.
//!
//! Settings: `AWS_REGION` or `AWS_DEFAULT_REGION` (an ARN names its own), `AWS_ENDPOINT_URL_KMS` or `AWS_ENDPOINT_URL`, and what [`credentials`] reads.
//! Source: <https://docs.aws.amazon.com/kms/latest/APIReference/>, operations GetPublicKey, Sign, CreateKey, CreateAlias.

mod credentials;
mod sigv4;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_trust::{Algorithm, PublicKey};

use crate::context::Context;
use crate::error::{Error, printable};
use crate::remote::{Keeper, Kept, Pending, hashed, public_from_der};
use crate::service::{Request, text};
use crate::software::KeyType;

const HINT: &str =
    "do the credentials belong to the account and region of the key, and may they `kms:GetPublicKey` and `kms:Sign`?";
/// KMS signs whole messages up to this length; longer ones only as a hash.
const LONGEST_RAW: usize = 4096;

pub(crate) struct Aws {
    context: Context,
    endpoint: String,
    region: String,
    key: String,
}

/// The key behind `awskms://...`.
pub(crate) async fn open(rest: &str, context: &Context) -> Result<Kept<Aws>, Error> {
    let mut aws = Aws::new(rest, context)?;
    let doing = format!("read key `{}` of AWS KMS", printable(&aws.key));
    let (json, request) = aws.ask("GetPublicKey", &json!({ "KeyId": aws.key }), &doing).await?;
    if json.pointer("/KeyUsage").and_then(Value::as_str).is_some_and(|usage| usage != "SIGN_VERIFY") {
        return Err(request.odd("it is a key for encryption, and one for `SIGN_VERIFY` is needed"));
    }
    let spki = STANDARD
        .decode(text(&json, "/PublicKey", &request)?)
        .map_err(|_| request.odd("its public key is no base64"))?;
    let public = public_from_der(&spki, &doing)?;
    // An alias may be moved between this and the signature; the key's own ARN may not.
    if let Some(arn) = json.pointer("/KeyId").and_then(Value::as_str) {
        aws.key = arn.to_owned();
    }
    Ok(Kept::new(public, aws))
}

/// Makes a key and, where the URI names one, its alias.
pub(crate) async fn create(rest: &str, kind: KeyType, context: &Context) -> Result<(), Error> {
    let aws = Aws::new(rest, context)?;
    let doing = format!("make key `{}` in AWS KMS", printable(&aws.key));
    let Some(alias) = aws.key.strip_prefix("alias/") else {
        return Err(Error::new(doing, "AWS gives new keys their IDs itself, so they can only be named by an alias")
            .hint("write `awskms:///alias/NAME`"));
    };
    let spec = match kind {
        KeyType::EcdsaP256 => "ECC_NIST_P256",
        KeyType::EcdsaP384 => "ECC_NIST_P384",
        KeyType::EcdsaP521 => "ECC_NIST_P521",
        KeyType::Ed25519 => "ECC_NIST_EDWARDS25519",
        KeyType::Rsa2048 => "RSA_2048",
        KeyType::Rsa3072 => "RSA_3072",
        KeyType::Rsa4096 => "RSA_4096",
    };
    // A key that nobody can name costs money every month: look before making it.
    let probe = aws.request("GetPublicKey", &json!({ "KeyId": aws.key }), &doing).await?;
    let answer = probe.send(aws.context.client()).await?;
    if answer.status == 200 {
        return Err(Error::new(doing, "there is a key of that alias already")
            .hint(format!("use it as it is (`awskms:///alias/{alias}`), or choose another name")));
    }
    let body = json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY", "Description": "made by signet" });
    let (json, request) = aws.ask("CreateKey", &body, &doing).await?;
    let id = text(&json, "/KeyMetadata/KeyId", &request)?;
    let body = json!({ "AliasName": aws.key, "TargetKeyId": id });
    let request = aws.request("CreateAlias", &body, &doing).await?;
    request
        .send_well(aws.context.client(), &format!("key `{}` was made, but has no alias yet", printable(id)))
        .await
        .map(|_| ())
}

impl Aws {
    fn new(rest: &str, context: &Context) -> Result<Aws, Error> {
        let doing = "use a key of AWS KMS";
        let wrong = || {
            Error::new(doing, format!("`awskms://{}` names no key", printable(rest)))
                .hint("write `awskms:///KEY_ID`, `awskms:///alias/NAME`, `awskms:///ARN`, or the endpoint's host before the third slash")
        };
        let (host, key) = rest.split_once('/').ok_or_else(wrong)?;
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':' | '.');
        if key.is_empty() || key.len() > 2048 || !key.chars().all(usable) {
            return Err(wrong());
        }
        // arn:PARTITION:kms:REGION:ACCOUNT:key/ID
        let of_arn = key.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).filter(|region| !region.is_empty());
        let region = match of_arn {
            Some(region) => region.to_owned(),
            None => credentials::region(context).ok_or_else(|| {
                Error::new(doing, "no region is set").hint("set `AWS_REGION`, or name the key by its ARN")
            })?,
        };
        if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(Error::new(doing, format!("`{}` is no region", printable(&region))));
        }
        let endpoint = if !host.is_empty() {
            endpoint_of(host)
        } else if let Some(url) =
            context.variable("AWS_ENDPOINT_URL_KMS").or_else(|| context.variable("AWS_ENDPOINT_URL"))
        {
            url.trim_end_matches('/').to_owned()
        } else {
            let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://kms.{region}.{suffix}")
        };
        Ok(Aws { context: context.clone(), endpoint, region, key: key.to_owned() })
    }

    /// A signed request for an operation.
    async fn request(&self, operation: &str, body: &Value, doing: &str) -> Result<Request, Error> {
        let credentials = credentials::find(&self.context, &self.region).await?;
        let host = self.endpoint.split_once("://").map_or("", |(_, host)| host);
        let body = body.to_string().into_bytes();
        let target = format!("TrentService.{operation}");
        let signed = sigv4::sign(
            &sigv4::Question {
                host,
                region: &self.region,
                service: "kms",
                headers: &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target)],
                body: &body,
            },
            &credentials,
            self.context.now(),
        );
        let mut request = Request::new("POST", format!("{}/", self.endpoint), doing)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header("x-amz-date", signed.date)
            .header("authorization", signed.authorization);
        if let Some(token) = &credentials.session {
            request = request.header("x-amz-security-token", token.reveal());
        }
        Ok(request.body(body))
    }

    async fn ask(&self, operation: &str, body: &Value, doing: &str) -> Result<(Value, Request), Error> {
        let request = self.request(operation, body, doing).await?;
        Ok((request.send_for_json(self.context.client(), HINT).await?, request))
    }
}

/// Loopback stand-ins speak plain HTTP; everything else is asked by TLS.
fn endpoint_of(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    format!("{}://{host}", if loopback { "http" } else { "https" })
}

impl Keeper for Aws {
    fn name(&self) -> &'static str {
        "AWS KMS"
    }

    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let doing = format!("sign with key `{}` of AWS KMS", self.key);
            let algorithm = public.algorithm();
            let name = match algorithm {
                Algorithm::EcdsaP256Sha256 => "ECDSA_SHA_256",
                Algorithm::EcdsaP384Sha384 => "ECDSA_SHA_384",
                Algorithm::EcdsaP521Sha512 => "ECDSA_SHA_512",
                Algorithm::RsaPkcs1Sha256 => "RSASSA_PKCS1_V1_5_SHA_256",
                Algorithm::RsaPkcs1Sha384 => "RSASSA_PKCS1_V1_5_SHA_384",
                Algorithm::RsaPkcs1Sha512 => "RSASSA_PKCS1_V1_5_SHA_512",
                Algorithm::Ed25519 => "ED25519_SHA_512",
                other => return Err(Error::new(doing, format!("AWS KMS does not sign by {other}"))),
            };
            let (kind, bytes) = match hashed(algorithm, message) {
                Some((_, digest)) => ("DIGEST", digest),
                None if message.len() > LONGEST_RAW => {
                    return Err(Error::new(doing, "AWS KMS signs by Ed25519 only messages of up to 4096 bytes")
                        .hint("use an ECDSA key"));
                }
                None => ("RAW", message.to_vec()),
            };
            let body = json!({
                "KeyId": self.key, "Message": STANDARD.encode(bytes), "MessageType": kind, "SigningAlgorithm": name,
            });
            let (json, request) = Aws::ask(self, "Sign", &body, &doing).await?;
            STANDARD.decode(text(&json, "/Signature", &request)?).map_err(|_| request.odd("its signature is no base64"))
        })
    }
}

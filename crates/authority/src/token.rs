//! Identity tokens (OpenID Connect Core 1.0, 2) and the keys that they are checked with (RFC 7515, 7517, 7518, 7519).

use std::collections::BTreeMap;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, UnparsedPublicKey};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::Refusal;
use crate::identity::IssuerKind;
use crate::text::unb64url;

/// Bytes of a token; GitHub's have about 2,000.
const LONGEST: usize = 16 << 10;
/// Bytes of a set of keys.
const LONGEST_KEYS: usize = 256 << 10;
/// Keys in a set.
const MOST_KEYS: usize = 64;
/// Seconds by which an issuer's clock may be ahead of ours.
const SKEW: i64 = 60;
/// Whom tokens must be for.
pub const AUDIENCE: &str = "sigstore";

/// An issuer whose tokens are exchanged for certificates.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// The `iss` of its tokens, byte for byte.
    pub url: String,
    /// What its tokens say of whom.
    pub kind: IssuerKind,
    /// The keys that its tokens are signed with.
    pub keys: Jwks,
}

/// The public keys of an issuer by key ID.
#[derive(Clone, Debug, Default)]
pub struct Jwks(BTreeMap<String, Jwk>);

#[derive(Clone, Debug)]
enum Jwk {
    /// An uncompressed point, and the algorithm.
    Ec(&'static str, Vec<u8>),
    /// Modulus and exponent.
    Rsa(Vec<u8>, Vec<u8>),
}

impl Jwks {
    /// Reads a JWK set (RFC 7517, 5). Keys of types that are not used here, or without an ID, are left out: no token is checked with them.
    ///
    /// # Errors
    /// When the bytes are no such set, are too long, or hold too many keys or one ID twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("the issuer's key set is not usable: {why}"));
        if bytes.len() > LONGEST_KEYS {
            return Err(wrong("it is too long"));
        }
        let set: Value = serde_json::from_slice(bytes).map_err(|_| wrong("it is no JSON"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or_else(|| wrong("it has no `keys`"))?;
        if keys.len() > MOST_KEYS {
            return Err(wrong("it has too many keys"));
        }
        let mut found = BTreeMap::new();
        for key in keys {
            let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
            let bytes = |name: &str| unb64url(text(name)).unwrap_or_default();
            let usable = matches!(text("use"), "" | "sig") && !text("kid").is_empty();
            let point = |width: usize| -> Option<Vec<u8>> {
                let (x, y) = (bytes("x"), bytes("y"));
                (x.len() == width && y.len() == width).then(|| [&[4][..], &x, &y].concat())
            };
            let read = match (text("kty"), text("crv")) {
                ("EC", "P-256") => point(32).map(|point| Jwk::Ec("ES256", point)),
                ("EC", "P-384") => point(48).map(|point| Jwk::Ec("ES384", point)),
                ("RSA", _) => Some(Jwk::Rsa(bytes("n"), bytes("e"))),
                _ => None,
            };
            if let Some(read) = read.filter(|_| usable)
                && found.insert(text("kid").to_owned(), read).is_some()
            {
                return Err(wrong("it has one key ID twice"));
            }
        }
        Ok(Self(found))
    }
}

impl Jwk {
    /// The algorithm is the key's, never the token's: the header only has to name it (RFC 8725, 3.1).
    fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ec("ES256", point) if algorithm == "ES256" => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Ec("ES384", point) if algorithm == "ES384" => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Rsa(n, e) if algorithm == "RS256" => {
                PublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            _ => false,
        }
    }
}

/// What a verified token says.
#[derive(Clone, Debug)]
pub(crate) struct Claims(pub(crate) Map<String, Value>);

impl Claims {
    /// A claim that is a text and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// As [`text`](Self::text), and numbers too: issuers write IDs as either.
    pub(crate) fn scalar(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => self.text(name).map(str::to_owned),
        }
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        // Fractions are allowed (RFC 7519, 2, "NumericDate"); a later end than said is not.
        let number = self.0.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and both ends are refused by the comparison with the time"
        )]
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
    }
}

/// Verifies a token: by whom, for whom, when, and by which key.
///
/// Errors: every deviation, with what was expected. The token itself is never repeated: it is a secret while it lives.
pub(crate) fn verify<'a>(
    token: &str,
    issuers: &'a [TrustedIssuer],
    now: Timestamp,
) -> Result<(Claims, &'a TrustedIssuer), Refusal> {
    let malformed = |why: &str| Refusal::stranger(format!("the identity token is malformed: {why}"));
    if token.len() > LONGEST {
        return Err(malformed("it is too long"));
    }
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("it has not three parts"));
    };
    let object = |part: &str| -> Option<Map<String, Value>> { serde_json::from_slice(&unb64url(part)?).ok() };
    let header = object(head).ok_or_else(|| malformed("its header is no object"))?;
    let claims = Claims(object(body).ok_or_else(|| malformed("its claims are no object"))?);
    let signature = unb64url(signature).ok_or_else(|| malformed("its signature is no base64"))?;
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(malformed("its header has extensions that must be understood"));
    }
    let issuer = claims.text("iss").ok_or_else(|| malformed("it names no issuer"))?;
    let trusted = issuers
        .iter()
        .find(|trusted| trusted.url == issuer)
        .ok_or_else(|| Refusal::stranger("the identity token is by an issuer that is not trusted here"))?;
    let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let kid = header.get("kid").and_then(Value::as_str).unwrap_or_default();
    let key =
        trusted.keys.0.get(kid).ok_or_else(|| {
            Refusal::stranger("the identity token is signed with a key that its issuer does not publish")
        })?;
    let signed = token.get(..head.len().saturating_add(1).saturating_add(body.len())).unwrap_or_default();
    if !key.verifies(algorithm, signed.as_bytes(), &signature) {
        return Err(Refusal::stranger("the identity token's signature does not verify with its issuer's key"));
    }
    let meant = match claims.0.get("aud") {
        Some(Value::String(one)) => one == AUDIENCE,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(AUDIENCE)),
        _ => false,
    };
    if !meant {
        return Err(Refusal::stranger(format!("the identity token is not for the audience `{AUDIENCE}`")));
    }
    let seconds = now.as_second();
    let end = claims.seconds("exp").ok_or_else(|| malformed("it has no end (`exp`)"))?;
    if seconds >= end {
        return Err(Refusal::stranger("the identity token has expired"));
    }
    if claims.seconds("iat").is_none() {
        return Err(malformed("it does not say when it was issued (`iat`)"));
    }
    for name in ["nbf", "iat"] {
        if claims.0.contains_key(name) && claims.seconds(name).is_none_or(|start| start > seconds.saturating_add(SKEW))
        {
            return Err(Refusal::stranger(format!("the identity token is from the future (`{name}`)")));
        }
    }
    Ok((claims, trusted))
}

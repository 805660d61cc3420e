//! Identity tokens: JSON Web Tokens in their compact form (RFC 7519, RFC 7515).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use signet_oci_client::Secret;

use crate::error::{Error, printable};

/// The audience that Sigstore's authorities want.
pub const SIGSTORE: &str = "sigstore";
/// No token is longer: GitHub's have about 2 KiB.
const LONGEST: usize = 64 << 10;
/// No claim that is looked at is longer.
const LONGEST_CLAIM: usize = 4 << 10;

/// A token with what it says. `Debug` shows nothing but the issuer and the identity.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityToken {
    raw: Secret,
    issuer: String,
    identity: String,
    is_email: bool,
    /// Who really vouched, where the issuer only passes on (Dex).
    connector: Option<String>,
    nonce: Option<String>,
    expires: Timestamp,
}

impl std::fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdentityToken({} at {})", self.identity, self.issuer)
    }
}

impl IdentityToken {
    /// Reads a token for `audience` that is valid at `now`.
    ///
    /// # Errors
    /// When it is no such token, is for someone else, is over, or holds an unverified address.
    pub fn parse(text: &str, audience: &str, now: Timestamp) -> Result<IdentityToken, Error> {
        let failed = |what: String| Error::new("use the identity token", what);
        let odd = |what: &str| failed(what.to_owned());
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(odd("it is larger than 64 KiB"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(odd("it is no token: it has not the three parts of a JSON Web Token"));
        };
        let part = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
        };
        let header = part(header).ok_or_else(|| odd("its header is not readable"))?;
        let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or("none");
        if algorithm.eq_ignore_ascii_case("none") || signature.is_empty() {
            return Err(odd("it is not signed"));
        }
        let claims = part(claims).ok_or_else(|| odd("its claims are not readable"))?;
        let claim = |name: &str| {
            let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            match text {
                Some(text) if text.len() > LONGEST_CLAIM => Err(failed(format!("its claim `{name}` is too long"))),
                other => Ok(other),
            }
        };
        let issuer = claim("iss")?.ok_or_else(|| odd("it names no issuer (`iss`)"))?;
        let for_us = match claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        };
        if !for_us {
            return Err(failed(format!("it is for another audience (`aud`) than `{audience}`"))
                .hint(format!("ask the issuer for a token with the audience `{audience}`")));
        }
        let seconds = claims.get("exp").and_then(|value| value.as_i64().or_else(|| whole(value.as_f64()?)));
        let expires = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let expires = expires.ok_or_else(|| odd("it does not say until when it is valid (`exp`)"))?;
        if expires <= now {
            return Err(failed(format!("it was valid until {expires}")).hint("ask for a new one just before signing"));
        }
        // Source: sigstore/sigstore:pkg/oauthflow, SubjectFromToken; sigstore/fulcio:docs/oidc.md, the challenge.
        let is_email = claim("email")?.is_some();
        let connector = claims.pointer("/federated_claims/connector_id").and_then(Value::as_str).map(str::to_owned);
        let nonce = claim("nonce")?.map(str::to_owned);
        let identity = match claim("email")? {
            Some(email) => {
                let verified = match claims.get("email_verified") {
                    Some(Value::Bool(verified)) => *verified,
                    Some(Value::String(text)) => text == "true",
                    _ => false,
                };
                if !verified {
                    return Err(failed(format!("its issuer has not verified the address `{}`", printable(email))));
                }
                email
            }
            None => claim("sub")?.ok_or_else(|| odd("it names nobody (`sub` or `email`)"))?,
        };
        Ok(IdentityToken {
            raw: Secret::new(text),
            issuer: issuer.to_owned(),
            identity: identity.to_owned(),
            is_email,
            connector,
            nonce,
            expires,
        })
    }

    /// The token itself, for the authority.
    pub fn secret(&self) -> &Secret {
        &self.raw
    }

    /// Who says so (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who we are: a verified e-mail address, else the subject. Proof of possession of a key is signed over this text.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether the identity is an e-mail address that the issuer verified.
    pub fn is_email(&self) -> bool {
        self.is_email
    }

    /// Whom a certificate for this token may name as its issuer: who signed the token, or whom that one asked (fulcio: docs/oidc.md, `IssuerClaim`).
    pub fn issuers(&self) -> Vec<&str> {
        std::iter::once(self.issuer()).chain(self.connector.as_deref()).collect()
    }

    /// The number of the login that it answers.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Until when it is of use.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// Some issuers write the time with a fraction.
fn whole(seconds: f64) -> Option<i64> {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the range is checked, and a fraction of a second does not matter"
    )]
    (seconds.abs() < 1e15).then_some(seconds as i64)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(crate) fn made(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
    }

    #[track_caller]
    fn check(claims: &Value, expected: Result<&str, &str>) {
        let parsed = IdentityToken::parse(&made(claims), SIGSTORE, Timestamp::from_second(1000).unwrap());
        match (parsed, expected) {
            (Ok(token), Ok(identity)) => assert_eq!(token.identity(), identity),
            (Err(err), Err(why)) => assert!(err.what.contains(why), "{}", err.what),
            (parsed, _) => panic!("{claims}: {parsed:?}"),
        }
    }

    #[test]
    fn tokens_say_who_we_are() {
        let base = json!({ "iss": "https://i.example", "aud": "sigstore", "exp": 2000, "sub": "repo:a/b" });
        let with = |name: &str, value: Value| {
            let mut claims = base.clone();
            claims[name] = value;
            claims
        };
        check(&base, Ok("repo:a/b"));
        check(&with("aud", json!(["x", "sigstore"])), Ok("repo:a/b"));
        check(&with("exp", json!(2000.5)), Ok("repo:a/b"));
        check(&with("aud", json!("other")), Err("another audience"));
        check(&with("aud", json!(null)), Err("another audience"));
        check(&with("exp", json!(1000)), Err("valid until"));
        check(&with("exp", json!("soon")), Err("until when"));
        check(&with("exp", json!(1e300)), Err("until when"));
        check(&with("iss", json!("")), Err("no issuer"));
        check(&with("sub", json!(7)), Err("names nobody"));
        check(&with("sub", json!("x".repeat(5000))), Err("too long"));
        check(&with("email", json!("a@b.example")), Err("not verified"));
        let mut email = with("email", json!("a@b.example"));
        email["email_verified"] = json!(true);
        check(&email, Ok("a@b.example"));
        email["email_verified"] = json!("true");
        check(&email, Ok("a@b.example"));
    }

    #[test]
    fn unsigned_tokens_are_refused_and_no_text_is_quoted() {
        let now = Timestamp::from_second(0).unwrap();
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
        for text in ["sesame", "sesame.b", "a.sesame.c.d", "..", &none, "e30.sesame.x"] {
            let err = IdentityToken::parse(text, SIGSTORE, now).unwrap_err();
            assert!(!err.explain().contains("sesame"), "{}", err.explain());
        }
        let token = made(&json!({ "iss": "i", "aud": "sigstore", "exp": 9, "sub": "me" }));
        let parsed = IdentityToken::parse(&token, SIGSTORE, now).unwrap();
        assert_eq!(format!("{parsed:?}"), "IdentityToken(me at i)");
    }

    proptest! {
        #[test]
        fn hostile_tokens_never_panic(text in ".{0,300}", at in 0_usize..200, byte in any::<u8>()) {
            let now = Timestamp::UNIX_EPOCH;
            let _read = IdentityToken::parse(&text, SIGSTORE, now);
            let mut bytes = made(&json!({ "iss": "i", "aud": ["sigstore"], "exp": 9, "sub": "me" })).into_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _read = IdentityToken::parse(&String::from_utf8_lossy(&bytes), SIGSTORE, now);
        }
    }
}

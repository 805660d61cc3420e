//! An issuer of identity tokens for tests: it believes whatever name it is given.
//!
//! Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749 (codes), RFC 7636 (PKCE), RFC 8628 (devices), GitHub's "OpenID Connect reference".

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::key::{KeyKind, SigningKey, fixed, sha256};
use crate::text::{b64url, hex};
use crate::token::AUDIENCE;

/// Seconds for which a token is valid.
const LIFETIME: i64 = 600;
/// For how long a code can be exchanged.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// Codes that wait at one time.
const MOST: usize = 256;
/// Characters of a parameter.
const LONGEST: usize = 2048;
/// The issuer whose tokens name jobs of GitHub Actions.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// The redirect address of a person who copies the code by hand.
const BY_HAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// ECDSA over P-256.
    Es256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
}

/// The issuer.
#[derive(Debug)]
pub struct Issuer {
    ecdsa: SigningKey,
    rsa: SigningKey,
    waiting: Mutex<BTreeMap<String, Waiting>>,
}

/// Who may have a token for a code.
#[derive(Clone, Debug)]
struct Waiting {
    email: String,
    client: String,
    /// Where the code was sent; empty for devices.
    redirect: String,
    challenge: String,
    nonce: String,
    until: Timestamp,
    /// For devices: what the person types, and whether they did.
    typed: Option<(String, bool)>,
}

/// Why a token is not given. Source: RFC 6749, 5.2; RFC 8628, 3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied(pub &'static str, pub &'static str);

impl Denied {
    /// The body of the answer.
    #[must_use]
    pub fn to_json(self) -> Value {
        json!({"error": self.0, "error_description": self.1})
    }
}

/// What the person's browser is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Go there.
    To(String),
    /// Copy this code.
    Shown(String),
}

impl Issuer {
    /// With new keys.
    ///
    /// # Errors
    /// When the provider has no random numbers.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            ecdsa: SigningKey::generate(KeyKind::P256)?,
            rsa: SigningKey::generate(KeyKind::Rsa)?,
            waiting: Mutex::new(BTreeMap::new()),
        })
    }

    fn kid(key: &SigningKey) -> String {
        hex(key.id().get(..8).unwrap_or(&[]))
    }

    /// Its public keys (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Value {
        // An uncompressed point; PKCS#1 of modulus and exponent.
        let point = self.ecdsa.raw().get(1..).unwrap_or(&[]);
        let (x, y) = point.split_at_checked(32).unwrap_or((point, &[]));
        let mut numbers =
            crate::der::Reader::new(crate::der::Reader::only(self.rsa.raw(), crate::der::tag::SEQUENCE).unwrap_or(&[]));
        let (n, e) = (numbers.uint().unwrap_or(&[]), numbers.uint().unwrap_or(&[]));
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": Self::kid(&self.ecdsa), "x": b64url(x), "y": b64url(y)},
            {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": Self::kid(&self.rsa), "n": b64url(n), "e": b64url(e)},
        ]})
    }

    /// What stands at `/.well-known/openid-configuration` under its address.
    #[must_use]
    pub fn discovery(url: &str) -> Value {
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/auth"),
            "token_endpoint": format!("{url}/token"),
            "device_authorization_endpoint": format!("{url}/device/code"),
            "jwks_uri": format!("{url}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "scopes_supported": ["openid", "email"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
        })
    }

    /// Signs claims as they are: what a test wants, however wrong.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, claims: &Value, algorithm: TokenAlgorithm) -> Result<String, Error> {
        let (name, key) = match algorithm {
            TokenAlgorithm::Es256 => ("ES256", &self.ecdsa),
            TokenAlgorithm::Rs256 => ("RS256", &self.rsa),
        };
        let head = json!({"alg": name, "kid": Self::kid(key), "typ": "JWT"});
        let signed = format!("{}.{}", b64url(head.to_string()), b64url(claims.to_string()));
        let signature = key.sign(signed.as_bytes())?;
        let signature = match algorithm {
            TokenAlgorithm::Es256 => fixed(&signature, 32).ok_or(Error::Crypto { doing: "sign a token" })?,
            TokenAlgorithm::Rs256 => signature,
        };
        Ok(format!("{signed}.{}", b64url(signature)))
    }

    /// A token of `issuer` for the audience `sigstore` with these claims, valid for ten minutes.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint(&self, issuer: &str, claims: &Value, now: Timestamp) -> Result<String, Error> {
        self.sign(&complete(issuer, AUDIENCE, claims, now), TokenAlgorithm::Es256)
    }

    /// A token that names a person by their e-mail address.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint_email(&self, issuer: &str, email: &str, now: Timestamp) -> Result<String, Error> {
        self.mint(issuer, &person(email), now)
    }

    /// A token as GitHub gives it to a job. `claims` replace those of [`workflow`].
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint_workflow(&self, audience: &str, claims: &Value, now: Timestamp) -> Result<String, Error> {
        let mut all = workflow();
        if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
            all.extend(claims.clone());
        }
        self.sign(&complete(GITHUB, audience, &all, now), TokenAlgorithm::Rs256)
    }

    /// The person's browser asks for a code. Whoever they say they are (`login_hint`, else `email`), they are.
    ///
    /// # Errors
    /// When a parameter is missing or is not what this issuer accepts. Nothing is redirected then: the address may be another's.
    pub fn authorize(
        &self,
        query: &BTreeMap<String, String>,
        email: &str,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Redirect, Denied> {
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        if text("response_type") != "code" {
            return Err(Denied("unsupported_response_type", "`response_type` must be `code`"));
        }
        let (redirect, challenge) = (text("redirect_uri"), text("code_challenge"));
        if redirect != BY_HAND && !on_this_machine(redirect) {
            return Err(Denied("invalid_request", "`redirect_uri` must be an address of this machine"));
        }
        if text("code_challenge_method") != "S256" || challenge.len() != 43 {
            return Err(Denied("invalid_request", "`code_challenge` must be given by `S256` (RFC 7636)"));
        }
        let hint = Some(text("login_hint")).filter(|hint| !hint.is_empty()).unwrap_or(email);
        let code = hex(&random);
        self.wait(
            code.clone(),
            Waiting {
                email: short(hint)?,
                client: short(text("client_id"))?,
                redirect: short(redirect)?,
                challenge: challenge.to_owned(),
                nonce: short(text("nonce"))?,
                until: now.checked_add(CODE_LIFETIME).unwrap_or(now),
                typed: None,
            },
        )?;
        if redirect == BY_HAND {
            return Ok(Redirect::Shown(code));
        }
        let joint = if redirect.contains('?') { '&' } else { '?' };
        Ok(Redirect::To(format!("{redirect}{joint}code={code}&state={}", escaped(text("state")))))
    }

    /// A device asks for a code (RFC 8628, 3.1). `url` is the issuer's address.
    ///
    /// # Errors
    /// When too many codes wait already, or a parameter is too long.
    pub fn device(
        &self,
        url: &str,
        form: &BTreeMap<String, String>,
        email: &str,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Value, Denied> {
        let text = |name: &str| form.get(name).map_or("", String::as_str);
        let code = hex(&random);
        let typed = hex(&sha256(code.as_bytes())).get(..8).unwrap_or_default().to_uppercase();
        self.wait(
            code.clone(),
            Waiting {
                email: short(email)?,
                client: short(text("client_id"))?,
                redirect: String::new(),
                challenge: short(text("code_challenge"))?,
                nonce: short(text("nonce"))?,
                until: now.checked_add(CODE_LIFETIME).unwrap_or(now),
                typed: Some((typed.clone(), false)),
            },
        )?;
        Ok(json!({
            "device_code": code,
            "user_code": typed,
            "verification_uri": format!("{url}/device"),
            "verification_uri_complete": format!("{url}/device?user_code={typed}"),
            "expires_in": CODE_LIFETIME.as_secs(),
            "interval": 1,
        }))
    }

    /// The person types the code of their device. Whether it waits.
    pub fn approve(&self, typed: &str, now: Timestamp) -> bool {
        let mut waiting = self.waiting.lock();
        let found = waiting
            .values_mut()
            .filter(|one| one.until > now)
            .find_map(|one| one.typed.as_mut().filter(|(code, _)| code == typed));
        found.map(|(_, done)| *done = true).is_some()
    }

    /// Exchanges a code for a token. `client` is the user name of the `Authorization` header, where it is one.
    ///
    /// # Errors
    /// When the code is unknown, used, expired, or another's.
    pub fn exchange(
        &self,
        url: &str,
        form: &BTreeMap<String, String>,
        client: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, Denied> {
        let text = |name: &str| form.get(name).map_or("", String::as_str);
        let grant = text("grant_type");
        let device = grant == "urn:ietf:params:oauth:grant-type:device_code";
        if grant != "authorization_code" && !device {
            return Err(Denied("unsupported_grant_type", "`authorization_code` and device codes are exchanged"));
        }
        let code = if device { text("device_code") } else { text("code") };
        let mut waiting = self.waiting.lock();
        let unknown = Denied("invalid_grant", "the code is unknown, used, or expired");
        let found = waiting.get(code).cloned().filter(|one| one.typed.is_some() == device).ok_or(unknown)?;
        if found.typed.as_ref().is_some_and(|(_, done)| !done) && found.until > now {
            return Err(Denied("authorization_pending", "nobody has typed the code yet"));
        }
        // One use, whatever comes of it (RFC 6749, 4.1.2).
        waiting.remove(code);
        drop(waiting);
        if found.until <= now {
            return Err(if device { Denied("expired_token", "the code has expired") } else { unknown });
        }
        let given = Some(text("client_id")).filter(|id| !id.is_empty()).or(client).unwrap_or_default();
        if given != found.client {
            return Err(Denied("invalid_client", "the code was made for another client"));
        }
        if !device && text("redirect_uri") != found.redirect {
            return Err(Denied("invalid_grant", "the code was sent to another address"));
        }
        let proved = b64url(sha256(text("code_verifier").as_bytes())) == found.challenge;
        if !(proved || device && found.challenge.is_empty()) {
            return Err(Denied("invalid_grant", "`code_verifier` does not match the challenge"));
        }
        let mut claims = person(&found.email);
        if let Some(claims) = claims.as_object_mut().filter(|_| !found.nonce.is_empty()) {
            claims.insert("nonce".to_owned(), Value::String(found.nonce));
        }
        let claims = complete(url, &found.client, &claims, now);
        let failed = |_| Denied("server_error", "the token could not be signed");
        let token = self.sign(&claims, TokenAlgorithm::Es256).map_err(failed)?;
        // Some clients take the one for the other; Dex, too, gives a JWT as both.
        Ok(json!({"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": LIFETIME}))
    }

    fn wait(&self, code: String, one: Waiting) -> Result<(), Denied> {
        let mut waiting = self.waiting.lock();
        let now = one.until.checked_sub(CODE_LIFETIME).unwrap_or(one.until);
        waiting.retain(|_, other| other.until > now);
        if waiting.len() >= MOST {
            return Err(Denied("temporarily_unavailable", "too many codes wait to be exchanged"));
        }
        waiting.insert(code, one);
        Ok(())
    }
}

fn short(text: &str) -> Result<String, Denied> {
    if text.len() > LONGEST {
        return Err(Denied("invalid_request", "a parameter is too long"));
    }
    Ok(text.to_owned())
}

/// `http://localhost:PORT/...` and its kin (RFC 8252, 7.3).
fn on_this_machine(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && address.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Percent-encoded, for a query.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn person(email: &str) -> Value {
    json!({"sub": format!("person-{}", hex(sha256(email.as_bytes()).get(..8).unwrap_or(&[]))), "email": email, "email_verified": true})
}

/// Fills in who, for whom and when. Claims that are given stay.
fn complete(issuer: &str, audience: &str, claims: &Value, now: Timestamp) -> Value {
    let seconds = now.as_second();
    let mut all = Map::new();
    for (name, value) in [
        ("iss", json!(issuer)),
        ("aud", json!(audience)),
        ("iat", json!(seconds)),
        ("nbf", json!(seconds)),
        ("exp", json!(seconds.saturating_add(LIFETIME))),
    ] {
        all.insert(name.to_owned(), value);
    }
    all.extend(claims.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// The claims of a job of GitHub Actions, of an invented repository.
#[must_use]
pub fn workflow() -> Value {
    json!({
        "sub": "repo:example/shop:ref:refs/heads/main",
        "actor": "somebody",
        "event_name": "push",
        "job_workflow_ref": "example/shop/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "repository": "example/shop",
        "repository_id": "1001",
        "repository_owner": "example",
        "repository_owner_id": "2002",
        "repository_visibility": "public",
        "run_attempt": "1",
        "run_id": "3003",
        "run_number": "7",
        "runner_environment": "github-hosted",
        "sha": "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
        "workflow": "release",
        "workflow_ref": "example/shop/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
    })
}

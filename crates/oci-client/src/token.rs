//! Bearer tokens: the token service's protocol and a cache.
//!
//! Sources: distribution, `spec/auth/token.md` (GET) and `spec/auth/oauth.md` (POST).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use crate::challenge::Challenge;
use crate::client::Client;
use crate::credentials::Credential;
use crate::endpoint::{Endpoint, realm_is_trusted, same_origin};
use crate::error::{Error, ErrorKind, printable};
use crate::secret::Secret;
use crate::transport::Ask;

/// What a token service means when it says nothing.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token is not used in the last part of its life.
const MARGIN: Duration = Duration::from_secs(10);
/// Tokens and challenges that are kept.
const MOST: usize = 4096;
/// Scopes of one token.
const MOST_SCOPES: usize = 16;

/// What tokens are cached by. Account and realm are part of it, so that no token is shown to anyone it was not made for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    realm: String,
    service: String,
    scopes: Vec<String>,
    account: String,
}

/// What a registry asked for, so that later requests bring it at once.
#[derive(Clone)]
enum Wish {
    Basic,
    Bearer { realm: String, service: String, scopes: Vec<String> },
}

struct Token {
    value: Secret,
    until: Instant,
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<Key, Slot>>,
    wishes: Mutex<HashMap<(String, Vec<String>), Wish>>,
}

/// Shape: `{"token" or "access_token", "expires_in": seconds}`.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Client {
    /// The `Authorization` header that this endpoint asked for before, if it is known.
    pub(crate) async fn known_authorization(
        &self,
        ask: &Ask,
        endpoint: &Endpoint,
    ) -> Result<Option<HeaderValue>, Error> {
        let key = (ask.url.origin().ascii_serialization(), ask.scopes.clone());
        let wish = self.shared.tokens.wishes.lock().get(&key).cloned();
        match wish {
            Some(wish) => self.authorization(&wish, ask, endpoint, None).await,
            None => Ok(None),
        }
    }

    /// The header that answers a challenge; `refused` was sent and did not help. `None`: there is nothing (new) to show.
    pub(crate) async fn answer(
        &self,
        challenges: &[Challenge],
        ask: &Ask,
        endpoint: &Endpoint,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Error> {
        let bearer = challenges.iter().find(|challenge| challenge.scheme == "bearer");
        let wish = match bearer {
            Some(challenge) => {
                let Some(realm) = challenge.get("realm") else {
                    return Err(Error::new(
                        ErrorKind::Malformed,
                        &*ask.doing,
                        "the registry asks for a token and does not say from where",
                    ));
                };
                let mut scopes = ask.scopes.clone();
                // Some registries (path-based mirrors) know the repository under another name than we asked for.
                for scope in challenge.get("scope").unwrap_or_default().split_ascii_whitespace() {
                    if scopes.len() < MOST_SCOPES && !covers(&scopes, scope) {
                        scopes.push(scope.to_owned());
                    }
                }
                Wish::Bearer {
                    realm: realm.to_owned(),
                    service: challenge.get("service").unwrap_or_default().to_owned(),
                    scopes,
                }
            }
            None if challenges.iter().any(|challenge| challenge.scheme == "basic") => Wish::Basic,
            None => return Ok(None),
        };
        let header = self.authorization(&wish, ask, endpoint, refused).await?;
        if header.is_some() {
            let key = (ask.url.origin().ascii_serialization(), ask.scopes.clone());
            let mut wishes = self.shared.tokens.wishes.lock();
            if wishes.len() >= MOST {
                wishes.clear();
            }
            wishes.insert(key, wish);
        }
        Ok(header.filter(|header| Some(header) != refused))
    }

    async fn authorization(
        &self,
        wish: &Wish,
        ask: &Ask,
        endpoint: &Endpoint,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Error> {
        let credential = self.credential(endpoint).await?;
        match (wish, &credential) {
            (Wish::Basic, Credential::Password { username, password }) => Ok(Some(basic(username, password))),
            (Wish::Basic, Credential::RegistryToken(token))
            | (Wish::Bearer { .. }, Credential::RegistryToken(token)) => Ok(Some(bearer(token, &ask.doing)?)),
            (Wish::Basic, _) => Ok(None),
            (Wish::Bearer { realm, service, scopes }, _) => {
                let key = Key {
                    realm: realm.clone(),
                    service: service.clone(),
                    scopes: scopes.clone(),
                    account: credential.account(),
                };
                let slot: Slot = {
                    let mut slots = self.shared.tokens.slots.lock();
                    if slots.len() >= MOST {
                        slots.clear();
                    }
                    Arc::clone(slots.entry(key).or_default())
                };
                // One request per token: the others wait here and take what it brought.
                let mut held = slot.lock().await;
                if let Some(token) = &*held {
                    let header = bearer(&token.value, &ask.doing)?;
                    if token.until > Instant::now() && Some(&header) != refused {
                        return Ok(Some(header));
                    }
                }
                *held = None;
                let token = self.fetch_token(realm, service, scopes, &credential, &ask.url, &endpoint.registry).await?;
                let header = bearer(&token.value, &ask.doing)?;
                *held = Some(token);
                Ok(Some(header))
            }
        }
    }

    async fn fetch_token(
        &self,
        realm: &str,
        service: &str,
        scopes: &[String],
        credential: &Credential,
        registry_url: &Url,
        registry: &str,
    ) -> Result<Token, Error> {
        let doing = format!("get a token for `{registry}`");
        let mut url = Url::parse(realm).or_else(|_| registry_url.join(realm)).map_err(|err| {
            Error::new(ErrorKind::Malformed, &*doing, format!("its token service `{}` is no URL", printable(realm)))
                .cause(err)
        })?;
        let own_userinfo = !url.username().is_empty() || url.password().is_some();
        let host = url.host_str().unwrap_or_default().to_owned();
        let trusted = realm_is_trusted(registry_url, &url, &self.options().trusted_realms) && !own_userinfo;
        let downgraded = registry_url.scheme() == "https" && url.scheme() != "https";
        if (credential.is_some() && !trusted) || downgraded || own_userinfo || !matches!(url.scheme(), "http" | "https")
        {
            return Err(Error::new(
                ErrorKind::RealmNotTrusted,
                &*doing,
                format!(
                    "the token service that it names, `{}`, is not its own",
                    printable(&format!("{}://{host}", url.scheme()))
                ),
            )
            .hint(format!("if `{host}` may see the credentials for `{registry}`, name it in `trusted-realms`")));
        }
        let mut ask = match credential {
            Credential::IdentityToken(token) => {
                let mut form = Url::parse("http://form/")
                    .map_err(|err| Error::new(ErrorKind::Usage, &*doing, "no form").cause(err))?;
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service)
                    .append_pair("client_id", "signet")
                    .append_pair("scope", &scopes.join(" "))
                    .append_pair("refresh_token", token.reveal());
                let mut ask = Ask::new(reqwest::Method::POST, url.clone(), doing.clone());
                ask.body = Some(form.query().unwrap_or_default().to_owned().into());
                ask.header("content-type", "application/x-www-form-urlencoded");
                ask
            }
            _ => {
                {
                    let mut query = url.query_pairs_mut();
                    if !service.is_empty() {
                        query.append_pair("service", service);
                    }
                    for scope in scopes {
                        query.append_pair("scope", scope);
                    }
                    if let Credential::Password { username, .. } = credential {
                        query.append_pair("account", username);
                    }
                }
                let mut ask = Ask::get(url.clone(), doing.clone());
                if let Credential::Password { username, password } = credential {
                    ask.fixed_authorization = Some(basic(username, password));
                }
                ask
            }
        };
        ask.small_body = Some(self.options().limits.token);
        // A token service that redirects elsewhere would take the form, or the question, out of its own house.
        ask.stay_on_origin = true;
        let answer = Box::pin(self.send(&ask)).await.map_err(|mut err| {
            if err.kind == ErrorKind::Unauthorized && credential.is_some() {
                err.hint = Some(format!(
                    "the credentials for `{registry}` were refused: `signet login {registry}` stores new ones"
                ));
            }
            err
        })?;
        debug_assert!(same_origin(&answer.url, &url));
        let malformed = |what: &str| Error::new(ErrorKind::Malformed, &*doing, format!("`{host}` {what}"));
        let wire: Wire =
            serde_json::from_slice(&answer.body).map_err(|_| malformed("answered with something that is no token"))?;
        let value = [wire.token, wire.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let value = Secret::new(value.ok_or_else(|| malformed("answered without a token"))?);
        let life = wire
            .expires_in
            .filter(|life| life.is_finite() && *life > 0.0)
            .map_or(DEFAULT_LIFE, |life| Duration::from_secs_f64(life.min(86_400.0)));
        let usable = if life > MARGIN * 2 { life - MARGIN } else { life / 2 };
        Ok(Token { value, until: Instant::now() + usable })
    }
}

/// Whether a scope is among those already asked for (same resource, all of its actions).
fn covers(scopes: &[String], scope: &str) -> bool {
    let split = |scope: &str| scope.rsplit_once(':').map(|(name, actions)| (name.to_owned(), actions.to_owned()));
    let Some((name, actions)) = split(scope) else { return true };
    scopes.iter().filter_map(|known| split(known)).any(|(known, allowed)| {
        known == name && actions.split(',').all(|action| allowed.split(',').any(|have| have == action))
    })
}

fn basic(username: &str, password: &Secret) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal())));
    let mut value = HeaderValue::from_str(&text).expect("because base64 is plain ASCII");
    value.set_sensitive(true);
    value
}

fn bearer(token: &Secret, doing: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
        .map_err(|_| Error::new(ErrorKind::Malformed, doing, "the token holds characters that no header may hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_each_other_by_resource_and_action() {
        let own = ["repository:a/b:pull,push".to_owned()];
        assert!(covers(&own, "repository:a/b:pull"));
        assert!(covers(&own, "repository:a/b:push,pull"));
        assert!(!covers(&own, "repository:a/b:delete"));
        assert!(!covers(&own, "repository:a/c:pull"));
        assert!(!covers(&own, "repository:host:5000/a/b:pull"));
    }
}

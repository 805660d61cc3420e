//! `config.json` and `auth.json`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::{Credential, failed, split_key};
use crate::error::Error;
use crate::secret::Secret;

/// A configuration file is a few kilobytes.
const MOST: u64 = 4 << 20;

/// Shape: `{"auths": {KEY: {"auth": base64("user:password"), "identitytoken": ..}}, "credsStore": NAME, "credHelpers": {HOST: NAME}}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Option<Entry>>,
    #[serde(default)]
    pub(super) creds_store: Option<String>,
    #[serde(default)]
    pub(super) cred_helpers: BTreeMap<String, String>,
}

/// An entry; docker leaves it empty when a helper keeps the secret.
#[derive(Debug, Default, Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<WireSecret>,
    #[serde(default, alias = "identity_token")]
    identitytoken: Option<WireSecret>,
    #[serde(default, alias = "registry_token")]
    registrytoken: Option<WireSecret>,
}

/// A secret on the wire.
#[derive(Deserialize)]
#[serde(transparent)]
struct WireSecret(String);

impl std::fmt::Debug for WireSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a file knows about a repository.
pub(super) enum Found {
    Credential(Credential),
    /// A helper is to be asked; `or` is used when it knows nothing.
    Helper {
        name: String,
        or: Option<Credential>,
    },
    Nothing,
}

/// Reads a file; `None` when it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<ConfigFile>, Error> {
    let Some(bytes) = read_bytes(path)? else { return Ok(None) };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(ConfigFile::default()));
    }
    // serde reads an array as an object's fields in order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(failed(format!("`{}` is no JSON object", path.display())));
    }
    match serde_json::from_slice(&bytes) {
        Ok(file) => Ok(Some(file)),
        Err(err) => {
            // The parser's own text may quote a value, so only the place is told.
            Err(failed(format!("`{}` is broken at line {}, column {}", path.display(), err.line(), err.column()))
                .hint("mend it or move it away: `signet login` writes a new one"))
        }
    }
}

pub(super) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let opened = match std::fs::File::open(path) {
        Ok(opened) => opened,
        Err(err) if matches!(err.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(err) => return Err(failed(format!("`{}` cannot be opened", path.display())).cause(err)),
    };
    let mut bytes = Vec::new();
    opened
        .take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|err| failed(format!("`{}` cannot be read", path.display())).cause(err))?;
    if bytes.len() as u64 > MOST {
        return Err(failed(format!("`{}` is larger than {MOST} bytes", path.display())));
    }
    Ok(Some(bytes))
}

impl ConfigFile {
    /// The longest key that names the repository or a parent of it wins; for the bare host a helper of that host goes before the store, and the store
    /// before an entry in the file.
    pub(super) fn find(&self, registry: &str, repository: &str, path: &Path) -> Result<Found, Error> {
        let mut best: Option<(usize, Credential)> = None;
        for (key, entry) in &self.auths {
            let (host, namespace) = split_key(key);
            let names_it = namespace.is_empty()
                || repository == namespace
                || repository.strip_prefix(&namespace).is_some_and(|rest| rest.starts_with('/'));
            if host != registry || !names_it {
                continue;
            }
            let Some(entry) = entry else { continue };
            let Some(credential) = entry.credential(key, path)? else { continue };
            if best.as_ref().is_none_or(|(length, _)| namespace.len() > *length) {
                best = Some((namespace.len(), credential));
            }
        }
        if let Some((1.., credential)) = best {
            return Ok(Found::Credential(credential));
        }
        let own = best.map(|(_, credential)| credential);
        Ok(match (self.helper(registry), own) {
            (Some(name), or) => Found::Helper { name: name.to_owned(), or },
            (None, Some(credential)) => Found::Credential(credential),
            (None, None) => Found::Nothing,
        })
    }

    /// The helper that keeps a registry's credentials.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        self.cred_helpers
            .iter()
            .find(|(key, _)| split_key(key).0 == registry)
            .map(|(_, name)| name.as_str())
            .or(self.creds_store.as_deref())
            .filter(|name| !name.is_empty())
    }
}

impl Entry {
    fn credential(&self, key: &str, path: &Path) -> Result<Option<Credential>, Error> {
        let secret = |wire: &Option<WireSecret>| {
            wire.as_ref().filter(|secret| !secret.0.is_empty()).map(|secret| Secret::new(&*secret.0))
        };
        if let Some(token) = secret(&self.registrytoken) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(token) = secret(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(auth) = self.auth.as_deref().map(str::trim).filter(|auth| !auth.is_empty()) {
            let broken =
                || failed(format!("the entry of `{key}` in `{}` is not base64 of `USER:PASSWORD`", path.display()));
            let bytes = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).map_err(|_| broken())?;
            let text = String::from_utf8(bytes).map_err(|_| broken())?;
            let (username, password) = text.split_once(':').ok_or_else(broken)?;
            // Old files pad the password with NUL.
            let password = password.trim_end_matches('\0');
            if username == "<token>" {
                return Ok(Some(Credential::IdentityToken(Secret::new(password))));
            }
            return Ok(Some(Credential::Password { username: username.to_owned(), password: Secret::new(password) }));
        }
        match (&self.username, secret(&self.password)) {
            (Some(username), Some(password)) => Ok(Some(Credential::Password { username: username.clone(), password })),
            _ => Ok(None),
        }
    }
}

//! What is to be blocked, by its text alone. What could be two things is none: a stop that stops something else is worse than an error.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use signet_model::{Algorithm, Digest, ImageRef};
use signet_store::BlockTarget;

use crate::key::Keyring;
use crate::key::args::KeyAccess;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;

/// Schemes of places where keys live.
const KEYS: [&str; 8] = ["env", "k8s", "gitlab", "awskms", "gcpkms", "azurekms", "hashivault", "file"];

/// What a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A manifest or index, and where it lies, if that was said.
    Digest { digest: Digest, place: Option<ImageRef> },
    /// A key by its fingerprint.
    Key(Digest),
    /// A key by where its public half lies.
    KeyAt(String),
    /// Patterns of an identity.
    Identity { issuer: String, subject: String },
}

impl Named {
    pub(super) fn parse(text: &str, issuer: Option<&str>) -> Result<Named> {
        let named = Named::of(text, issuer)?;
        if issuer.is_some() && !matches!(named, Named::Identity { .. }) {
            return Err(crate::usage(anyhow!("`--issuer` goes with an identity, and `{text}` is none")));
        }
        Ok(named)
    }

    fn of(text: &str, issuer: Option<&str>) -> Result<Named> {
        let wrong = |why: String| crate::usage(anyhow!(why));
        if let Ok(digest) = text.parse::<Digest>() {
            return Ok(Named::Digest { digest, place: None });
        }
        if let Some(fingerprint) = text.strip_prefix("key:") {
            let hex = fingerprint.strip_prefix("sha256:").unwrap_or(fingerprint).to_ascii_lowercase();
            return match format!("sha256:{hex}").parse::<Digest>() {
                Ok(key) if key.algorithm() == Algorithm::Sha256 => Ok(Named::Key(key)),
                _ => Err(wrong(format!(
                    "`{text}` is no fingerprint of a key: write the SHA-256 of its DER form, 64 hex digits"
                ))),
            };
        }
        let identity = |subject: &str| {
            let issuer = issuer.unwrap_or("*");
            if subject.is_empty()
                || issuer.is_empty()
                || [subject, issuer].iter().any(|text| text.chars().any(char::is_control))
            {
                return Err(wrong("an identity, and who vouches for it, is one line of text".to_owned()));
            }
            Ok(Named::Identity { issuer: issuer.to_owned(), subject: subject.to_owned() })
        };
        if let Some(subject) = text.strip_prefix("identity:") {
            return identity(subject);
        }
        if text.contains("@sha256:") || text.contains("@sha512:") {
            let place = crate::image_name::image(text)?;
            let digest = *place.digest().ok_or_else(|| wrong(format!("`{text}` names no digest")))?;
            return Ok(Named::Digest { digest, place: Some(place) });
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if text.starts_with("pkcs11:")
            || scheme.is_some_and(|scheme| KEYS.contains(&scheme))
            || Path::new(text).is_file()
        {
            return Ok(Named::KeyAt(text.to_owned()));
        }
        if scheme.is_some() || text.contains('@') || text.contains('*') {
            return identity(text);
        }
        let err = wrong(format!("`{text}` is no digest, no file of a key, and does not look like an identity"));
        Err(crate::hint(
            err,
            "a tag can move, so an image is named by its digest: REPOSITORY@sha256:...; other identities are written as identity:TEXT",
        ))
    }

    /// As the store has it. A key is read for its fingerprint.
    pub(super) fn target(&self, reach: &ReachArgs, settings: &Settings) -> Result<BlockTarget> {
        Ok(match self {
            Named::Digest { digest, .. } => BlockTarget::Digest(*digest),
            Named::Key(key) => BlockTarget::Key(*key),
            Named::KeyAt(place) => {
                let access = KeyAccess {
                    plain_http: reach.plain_http.clone(),
                    ca_cert: reach.ca_cert.clone(),
                    ..KeyAccess::default()
                };
                let keyring = Keyring::new(&access, settings)?;
                let key = keyring
                    .wait(signet_keys::public_key(place, &keyring.context))
                    .with_context(|| format!("`{place}` is no public key"))?;
                BlockTarget::Key(key.fingerprint())
            }
            Named::Identity { issuer, subject } => {
                BlockTarget::Identity { issuer: issuer.clone(), subject: subject.clone() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, issuer: Option<&str>, want: Option<Named>) {
        let found = Named::parse(text, issuer);
        assert_eq!(found.as_ref().ok(), want.as_ref(), "{text}: {found:?}");
    }

    #[test]
    fn a_text_is_one_thing_or_none() {
        let hex = "ab".repeat(32);
        let digest: Digest = format!("sha256:{hex}").parse().unwrap();
        check(&format!("sha256:{hex}"), None, Some(Named::Digest { digest, place: None }));
        let place = format!("registry.example.com/app@sha256:{hex}");
        let image = crate::image_name::image(&place).unwrap();
        check(&place, None, Some(Named::Digest { digest, place: Some(image) }));
        check(&format!("key:{hex}"), None, Some(Named::Key(digest)));
        check(&format!("key:sha256:{}", hex.to_uppercase()), None, Some(Named::Key(digest)));
        check("awskms:///alias/release", None, Some(Named::KeyAt("awskms:///alias/release".to_owned())));
        let identity = |issuer: &str, subject: &str| {
            Some(Named::Identity { issuer: issuer.to_owned(), subject: subject.to_owned() })
        };
        check("anna@example.com", None, identity("*", "anna@example.com"));
        check("https://github.com/o/*", Some("https://ci"), identity("https://ci", "https://github.com/o/*"));
        check("identity:CN=release", None, identity("*", "CN=release"));
        for (text, issuer) in [
            ("registry.example.com/app:1", None),
            ("nginx", None),
            ("sha256:00", None),
            ("key:00", None),
            ("identity:", None),
            ("identity:a\nb", None),
            ("", None),
            ("../app@sha256:00", None),
            ("key:sha512:00", None),
        ] {
            check(text, issuer, None);
        }
        check(&format!("sha256:{hex}"), Some("https://ci"), None);
    }
}

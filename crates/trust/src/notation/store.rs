//! Trust stores: named sets of certificates that a policy refers to (`trust-store-trust-policy.md`, "Trust store").

use std::collections::BTreeMap;

use super::NotationError;
use super::certificate::Cert;

/// What the certificates of a store are trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreKind {
    /// Authorities of signing certificates (`ca`).
    Authority,
    /// Signing authorities, whose time of signing is believed (`signingAuthority`).
    SigningAuthority,
    /// Timestamp authorities (`tsa`).
    Timestamp,
}

impl StoreKind {
    /// The name of its folder and in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authority => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Timestamp => "tsa",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Authority, Self::SigningAuthority, Self::Timestamp].into_iter().find(|kind| kind.name() == name)
    }
}

/// Whether a store may be called so: it is the name of a folder.
#[must_use]
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name != "." && name != ".." && name.bytes().all(plain)
}

/// The stores at hand: `truststore/x509/KIND/NAME/*`.
#[derive(Clone, Debug, Default)]
pub struct TrustStores(BTreeMap<(StoreKind, String), Vec<Cert>>);

impl TrustStores {
    /// No store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the certificates of one file (PEM or DER) to a store.
    ///
    /// # Errors
    /// When the file holds no certificate, or one that must not lie in such a store: only authorities and self-signed certificates, and for
    /// timestamps only roots.
    pub fn add(&mut self, kind: StoreKind, name: &str, file: &[u8]) -> Result<(), NotationError> {
        if !is_name(name) {
            return Err(NotationError::new("a store's name of letters, digits, `_`, `.` and `-`", format!("`{name}`")));
        }
        let certificates = Cert::many(file)?;
        for certificate in &certificates {
            let fits = match kind {
                StoreKind::Timestamp => certificate.is_authority() && certificate.is_self_signed(),
                _ => certificate.is_authority() || certificate.is_self_signed(),
            };
            if !fits {
                let expected = if kind == StoreKind::Timestamp {
                    "root authorities"
                } else {
                    "authorities and self-signed certificates"
                };
                return Err(NotationError::new(
                    format!("{expected} in the store `{}:{name}`", kind.name()),
                    format!("`{}`", certificate.subject()),
                ));
            }
        }
        self.0.entry((kind, name.to_owned())).or_default().extend(certificates);
        Ok(())
    }

    /// The certificates of the stores of `kind` among `names`.
    ///
    /// # Errors
    /// When a store that is named is not there or is empty: a judgement without it would be another one.
    pub(super) fn of(&self, kind: StoreKind, names: &[(StoreKind, String)]) -> Result<Vec<&Cert>, NotationError> {
        let mut found = Vec::new();
        for key in names.iter().filter(|(named, _)| *named == kind) {
            let store = self.0.get(key).filter(|store| !store.is_empty());
            found.extend(store.ok_or_else(|| {
                NotationError::new(format!("the trust store `{}:{}`", kind.name(), key.1), "no certificate in it")
            })?);
        }
        Ok(found)
    }
}

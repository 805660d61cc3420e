//! Bytes that are wiped from memory after use and shown by nothing.

use std::fmt;

use zeroize::Zeroizing;

/// A password, a private key, a token. Empty is legal: Cosign's keys may have an empty password.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Wraps bytes; they are wiped when the last owner goes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> SecretBytes {
        SecretBytes(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves, for the one place that uses them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The same as text, where it is text.
    pub fn reveal_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

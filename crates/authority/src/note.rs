//! Checkpoints: the size and root of a log in a signed note (C2SP `signed-note`, `tlog-checkpoint`).

use crate::error::Error;
use crate::key::{KeyKind, SigningKey, sha256};
use crate::public::{PublicKey, Scheme};
use crate::text::{b64, unb64};
use crate::tree::Hash;

/// A log's name and key.
#[derive(Debug)]
pub(crate) struct NoteSigner {
    /// The first line of what is signed.
    origin: String,
    /// The name on the signature's line.
    name: String,
    key: SigningKey,
    id: [u8; 32],
}

impl NoteSigner {
    /// `origin` is the log's address without its scheme.
    ///
    /// Errors: a name that cannot stand in a note, or a key that notes are not signed with.
    pub(crate) fn new(origin: &str, key: SigningKey) -> Result<Self, Error> {
        if origin.is_empty() || origin.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(Error::Setting(format!(
                "`{origin}` cannot be the name of a log: no space and no `+` stand in it"
            )));
        }
        let id = match key.kind() {
            KeyKind::Ed25519 => sha256(&[origin.as_bytes(), &[0x0a, 0x01], key.raw()].concat()),
            // Signature type 0x02 identifies the key alone.
            KeyKind::P256 => key.id(),
            KeyKind::P384 | KeyKind::Rsa => {
                return Err(Error::Setting("a log's key is Ed25519 or ECDSA over P-256".to_owned()));
            }
        };
        Ok(Self { origin: origin.to_owned(), name: origin.to_owned(), key, id })
    }

    /// A shard of a Rekor v1 log: its checkpoints begin with host and tree, and the host signs them (sigstore/rekor `pkg/util/signed_note.go`).
    pub(crate) fn shard(host: &str, tree: u64, key: SigningKey) -> Result<Self, Error> {
        Ok(Self { origin: format!("{host} - {tree}"), ..Self::new(host, key)? })
    }

    /// The whole key ID, of which notes show four bytes: Rekor v2's log ID.
    pub(crate) fn id(&self) -> [u8; 32] {
        self.id
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The checkpoint, signed.
    pub(crate) fn sign(&self, size: u64, root: &Hash) -> Result<String, Error> {
        let text = format!("{}\n{size}\n{}\n", self.origin, b64(root));
        let signature = self.key.sign(text.as_bytes())?;
        let (hint, _) = self.id.split_at(4);
        Ok(format!("{text}\n— {} {}\n", self.name, b64([hint, &signature].concat())))
    }

    /// Size and root of a checkpoint that this log signed.
    pub(crate) fn read(&self, checkpoint: &str) -> Option<(u64, Hash)> {
        let (text, signatures) = checkpoint.split_once("\n\n")?;
        let line = signatures.strip_suffix('\n')?.strip_prefix("— ")?;
        let (name, signature) = line.split_once(' ')?;
        let signature = unb64(signature)?;
        let (hint, signature) = signature.split_at_checked(4)?;
        let key = PublicKey::from_spki(self.key.spki()).ok()?;
        let signed = format!("{text}\n");
        if name != self.name
            || !self.id.starts_with(hint)
            || !key.verifies(Scheme::natural(&key), signed.as_bytes(), signature)
        {
            return None;
        }
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return None;
        };
        (origin == self.origin).then_some(())?;
        Some((size.parse().ok()?, unb64(root)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_and_no_other_is_taken() {
        for kind in [KeyKind::Ed25519, KeyKind::P256] {
            let signer = NoteSigner::new("log.example/one", SigningKey::generate(kind).unwrap()).unwrap();
            let text = signer.sign(7, &[3; 32]).unwrap();
            assert_eq!(signer.read(&text), Some((7, [3; 32])));
            for other in [
                text.replace("\n7\n", "\n8\n"),
                text.replace("one", "two"),
                text.replace("— ", "- "),
                text.trim_end().to_owned(),
            ] {
                assert_eq!(signer.read(&other), None, "{other}");
            }
            let stranger = NoteSigner::new("log.example/one", SigningKey::generate(kind).unwrap()).unwrap();
            assert_eq!(stranger.read(&text), None);
        }
    }

    #[test]
    fn a_shard_is_named_by_its_tree_and_signed_by_its_host() {
        let signer = NoteSigner::shard("rekor.example", 7, SigningKey::generate(KeyKind::P256).unwrap()).unwrap();
        let text = signer.sign(3, &[1; 32]).unwrap();
        assert!(text.starts_with("rekor.example - 7\n3\n") && text.contains("\n— rekor.example "), "{text}");
        assert_eq!(signer.read(&text), Some((3, [1; 32])));
        assert_eq!(signer.read(&text.replace(" - 7", " - 8")), None);
    }

    #[test]
    fn names_and_keys_that_notes_cannot_have() {
        for origin in ["", "a b", "a+b", "a\nb"] {
            assert!(NoteSigner::new(origin, SigningKey::generate(KeyKind::Ed25519).unwrap()).is_err(), "{origin}");
        }
        assert!(NoteSigner::new("a", SigningKey::generate(KeyKind::P384).unwrap()).is_err());
    }
}

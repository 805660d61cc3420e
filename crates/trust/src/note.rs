//! Checkpoints: signed tree heads as C2SP notes (`signed-note`, `tlog-checkpoint`), and the cosignatures on them (`tlog-cosignature`).

use signet_model::{Digest, Timestamp};

use crate::json::base64;
use crate::key::PublicKey;
use crate::merkle::Hash;
use crate::witness::Witness;

/// Longest note that is read.
const LONGEST: usize = 64 << 10;
/// Most signature lines that are read.
const SIGNATURES: usize = 100;

/// A signed tree head. Nothing in it is believed before [`signed_by`](Checkpoint::signed_by) says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    body: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    hint: [u8; 4],
    signature: Vec<u8>,
}

/// Why a text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no signed checkpoint: {0}")]
pub struct NoteError(String);

impl Checkpoint {
    /// Parses a note: `ORIGIN`, tree size, root hash in base64, further lines, an empty line, and signature lines.
    ///
    /// # Errors
    /// When the text has another shape, or no signature line.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(what.to_owned());
        if text.len() > LONGEST {
            return Err(wrong("longer than 64 KiB"));
        }
        if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(wrong("control characters"));
        }
        // The last empty line divides text from signatures (signed-note, "Format").
        let at = text.rfind("\n\n").ok_or_else(|| wrong("no empty line before the signatures"))?;
        let (body, tail) = text.split_at(at + 1);
        let tail = tail.strip_prefix('\n').unwrap_or(tail);
        let mut lines = body.lines();
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or_else(|| wrong("no origin"))?;
        let size = lines.next().ok_or_else(|| wrong("no tree size"))?;
        if size.is_empty()
            || !size.bytes().all(|byte| byte.is_ascii_digit())
            || (size.len() > 1 && size.starts_with('0'))
        {
            return Err(wrong("the tree size is not a plain decimal number"));
        }
        let size = size.parse().map_err(|_| wrong("the tree size is too large"))?;
        let root = lines.next().ok_or_else(|| wrong("no root hash"))?;
        let root = base64(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let root = root.ok_or_else(|| wrong("the root hash is not 32 bytes in base64"))?;
        if !tail.ends_with('\n') {
            return Err(wrong("the last line has no end"));
        }
        let mut signatures = Vec::new();
        for line in tail.lines() {
            if signatures.len() >= SIGNATURES {
                return Err(wrong("more than 100 signatures"));
            }
            let rest = line.strip_prefix("\u{2014} ").ok_or_else(|| wrong("a line among the signatures is none"))?;
            let (name, blob) = rest.split_once(' ').ok_or_else(|| wrong("a signature line without a signature"))?;
            let blob = base64(blob).map_err(|_| wrong("a signature is not base64"))?;
            let Some((hint, signature)) = blob.split_first_chunk::<4>() else {
                return Err(wrong("a signature without a key hint"));
            };
            if name.is_empty() || signature.is_empty() {
                return Err(wrong("a signature line without name or signature"));
            }
            signatures.push(NoteSignature { name: name.to_owned(), hint: *hint, signature: signature.to_vec() });
        }
        if signatures.is_empty() {
            return Err(wrong("no signature"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, body: body.to_owned(), signatures })
    }

    /// The log's name for itself.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Whether the log with this key and key ID signed the tree head. The first four bytes of the ID are the hint on the signature line; hints may collide, so
    /// every line that bears it is tried.
    #[must_use]
    pub fn signed_by(&self, key: &PublicKey, id: &[u8]) -> bool {
        self.signatures.iter().any(|line| {
            id.get(..4) == Some(line.hint.as_slice()) && key.verify(self.body.as_bytes(), &line.signature).is_ok()
        })
    }

    /// When the witness first saw the tree head, if it cosigned it (C2SP `tlog-cosignature`, signature type 0x04: eight bytes of time, then Ed25519 over the
    /// time and the whole text).
    ///
    /// # Errors
    /// When a line bears the witness's name and key ID and is not its signature: then the whole note is to be refused (signed-note, "Signatures").
    pub fn cosigned_by(&self, witness: &Witness) -> Result<Option<Timestamp>, NoteError> {
        let mut first: Option<Timestamp> = None;
        for line in self.signatures.iter().filter(|line| line.name == witness.name() && line.hint == witness.hint()) {
            let wrong =
                || NoteError(format!("a cosignature under the name and key of `{}` is not its own", witness.name()));
            let (time, signature) = line.signature.split_first_chunk::<8>().ok_or_else(wrong)?;
            let seconds = u64::from_be_bytes(*time);
            let message = format!("cosignature/v1\ntime {seconds}\n{}", self.body);
            witness.key().verify(message.as_bytes(), signature).map_err(|_| wrong())?;
            let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
            let time = time.ok_or_else(wrong)?;
            first = Some(first.map_or(time, |first| first.min(time)));
        }
        Ok(first)
    }
}

/// The ID of a note's key: SHA-256 of name, newline, type, and the 32 bytes of an Ed25519 key (signed-note, "Signatures"), of which lines show four bytes.
#[must_use]
pub(crate) fn key_id(name: &str, kind: u8, key: &PublicKey) -> Digest {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend([b'\n', kind]);
    bytes.extend(key.der().get(key.der().len().saturating_sub(32)..).unwrap_or_default());
    Digest::sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn pair() -> (Ed25519KeyPair, PublicKey) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = PublicKey::from_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
        (pair, key)
    }

    fn line(name: &str, id: &Digest, signature: &[u8]) -> String {
        let mut blob = id.as_bytes()[..4].to_vec();
        blob.extend(signature);
        format!("\u{2014} {name} {}\n", STANDARD.encode(blob))
    }

    #[test]
    fn logs_sign_tree_heads() {
        let body = format!("log.example\n7\n{}\n", STANDARD.encode([9; 32]));
        let (log, log_key) = pair();
        let (_, other_key) = pair();
        let id = key_id("log.example", 1, &log_key);
        let text = format!("{body}\n{}", line("log.example", &id, log.sign(body.as_bytes()).as_ref()));
        let note = Checkpoint::parse(&text).unwrap();
        assert_eq!((note.origin(), note.size(), note.root()), ("log.example", 7, &[9; 32]));
        assert!(note.signed_by(&log_key, id.as_bytes()));
        assert!(!note.signed_by(&other_key, id.as_bytes()));
        assert!(!note.signed_by(&log_key, &[0; 32]));
        let other = text.replacen("\n7\n", "\n8\n", 1);
        let other = Checkpoint::parse(&other).unwrap();
        assert!(!other.signed_by(&log_key, id.as_bytes()));
    }

    #[test]
    fn notes_of_another_shape_are_refused() {
        let root = STANDARD.encode([9; 32]);
        let sign = "\u{2014} l AAAAAAA=\n";
        assert!(Checkpoint::parse(&format!("l\n7\n{root}\n\n{sign}")).is_ok());
        for text in [
            String::new(),
            format!("l\n7\n{root}\n{sign}"),
            format!("l\n7\n{root}\n\n"),
            format!("l\n{root}\n\n{sign}"),
            format!("l\n7\n\n{sign}"),
            format!("l\n-7\n{root}\n\n{sign}"),
            format!("l\n07\n{root}\n\n{sign}"),
            format!("l\n7\nAAAA\n\n{sign}"),
            format!("l\n7\n{root}\n\n\u{2014} l AAAA\n"),
            format!("l\n7\n{root}\n\n- l AAAAAAA=\n"),
            format!("l\n7\n{root}\n\n{}", sign.repeat(101)),
            format!("l\n7\n{root}\n\n{}", sign.trim_end()),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in "(l\n)?[0-9\n]{0,9}[A-Za-z0-9+/=\n \u{2014}]{0,200}") {
            let _note = Checkpoint::parse(&text);
        }
    }
}

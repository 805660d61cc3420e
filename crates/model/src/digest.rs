//! Digests: the only identity there is.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A hash algorithm that may name an artifact. Source: OCI image-spec, `descriptor.md`, "Registered algorithms".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes. Not registered by OCI; used by Sigstore bundles.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// Length of the hash in bytes.
    pub fn size(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }

    /// The name before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }
}

/// Algorithm and bytes of a hash over the bytes that were received.
///
/// Text form: `sha256:` and lower-case hexadecimal of the exact length; anything else does not parse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon between algorithm and hash.
    #[error("`{0}` is no digest: expected `ALGORITHM:HEX`")]
    Form(String),
    /// The algorithm is none of those that may name an artifact.
    #[error("`{0}` is not a digest algorithm that Signet accepts (sha256, sha384, sha512)")]
    Algorithm(String),
    /// The hash is not lower-case hexadecimal of the right length.
    #[error("the hash of `{0}` is not lower-case hexadecimal of the algorithm's length")]
    Hex(String),
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Digest {
        Digest::of(Algorithm::Sha256, bytes)
    }

    /// A digest from raw hash bytes; `None` when the length is not the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, hash: &[u8]) -> Option<Digest> {
        if hash.len() != algorithm.size() {
            return None;
        }
        let mut bytes = [0; 64];
        bytes[..hash.len()].copy_from_slice(hash);
        Some(Digest { algorithm, bytes })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size()]
    }

    /// The hash in lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        hex(self.as_bytes())
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let (name, hash) = text.split_once(':').ok_or_else(|| DigestError::Form(text.to_owned()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            _ => return Err(DigestError::Algorithm(name.to_owned())),
        };
        unhex(hash)
            .and_then(|bytes| Digest::from_bytes(algorithm, &bytes))
            .ok_or_else(|| DigestError::Hex(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes a [`Digest`] over bytes as they come.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        let (algorithm, hash) = match self.0 {
            State::Sha256(state) => (Algorithm::Sha256, state.finalize().to_vec()),
            State::Sha384(state) => (Algorithm::Sha384, state.finalize().to_vec()),
            State::Sha512(state) => (Algorithm::Sha512, state.finalize().to_vec()),
        };
        Digest::from_bytes(algorithm, &hash).expect("because a hash function gives its own length")
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// An algorithm of a checksum that some package metadata states. Old and broken ones are here on purpose: they are reported, never trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum ChecksumAlgorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Blake2b256,
}

impl ChecksumAlgorithm {
    /// The name in lower case without a dash, as in `sha256`.
    pub fn name(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Md5 => "md5",
            ChecksumAlgorithm::Sha1 => "sha1",
            ChecksumAlgorithm::Sha224 => "sha224",
            ChecksumAlgorithm::Sha256 => "sha256",
            ChecksumAlgorithm::Sha384 => "sha384",
            ChecksumAlgorithm::Sha512 => "sha512",
            ChecksumAlgorithm::Blake2b256 => "blake2b-256",
        }
    }
}

/// A hash that metadata claims (a lock file's integrity field, a package database's entry). Not computed by us, so it is no identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    /// How it is said to be computed.
    pub algorithm: ChecksumAlgorithm,
    /// Lower-case hexadecimal.
    pub hex: String,
}

impl Checksum {
    /// A checksum from raw hash bytes.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
        Checksum { algorithm, hex: hex(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let digest = Digest::sha256(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        let long = Digest::of(Algorithm::Sha512, b"abc");
        assert_eq!(long.to_string().parse::<Digest>().unwrap(), long);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in [
            "",
            "sha256",
            "sha256:",
            "sha256:abc",
            "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}

//! The certificate log (RFC 6962): a promise for each pre-certificate, which is in the log before the promise is given.

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::der;
use crate::error::{Error, Refusal};
use crate::key::{KeyKind, SigningKey};
use crate::note::NoteSigner;
use crate::public::{PublicKey, Scheme};
use crate::store::Place;
use crate::text::{b64, unb64};
use crate::tree::{LONGEST, TileName, Tree};
use crate::x509::{self, Parts};

/// The extension that makes a certificate unusable (3.1).
pub(crate) const POISON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.3");
/// The extension that holds promises (3.3).
const PROMISES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// `digitally-signed` with SHA-256 and ECDSA (RFC 5246, 7.4.1.4.1).
const ECDSA_SHA256: [u8; 2] = [4, 3];

/// A log of certificates.
#[derive(Debug)]
pub struct CertificateLog {
    signer: NoteSigner,
    /// The issuers whose certificates are logged, in DER.
    issuers: Vec<Vec<u8>>,
    tree: Mutex<Tree>,
}

/// A signed certificate timestamp (3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    log: [u8; 32],
    millis: u64,
    signature: Vec<u8>,
}

impl Promise {
    /// As TLS writes it.
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0];
        out.extend_from_slice(&self.log);
        out.extend_from_slice(&self.millis.to_be_bytes());
        // No extensions.
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&ECDSA_SHA256);
        out.extend_from_slice(&short(&self.signature));
        out
    }

    /// The extension with a list of this one promise.
    pub(crate) fn in_certificate(&self) -> Vec<u8> {
        x509::extension(PROMISES, false, &der::octets(&short(&short(&self.bytes()))))
    }
}

/// A vector with a length of two bytes. Promises are short: an ECDSA signature of 72 bytes and 47 more.
fn short(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

impl CertificateLog {
    /// Opens a log with a key for ECDSA over P-256, for the certificates of these issuers (DER).
    ///
    /// # Errors
    /// When the key is another, or the place cannot be used.
    pub fn open(origin: &str, key: SigningKey, issuers: Vec<Vec<u8>>, place: &Place) -> Result<Self, Error> {
        if key.kind() != KeyKind::P256 {
            return Err(Error::Setting("a certificate log's key is ECDSA over P-256 (RFC 6962, 2.1.4)".to_owned()));
        }
        let signer = NoteSigner::new(origin, key)?;
        let tree = Tree::open(place, |text| signer.read(text), |size, root| signer.sign(size, root))?;
        Ok(Self { signer, issuers, tree: Mutex::new(tree) })
    }

    /// The log's key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        self.signer.key()
    }

    /// Logs a pre-certificate (DER), followed by its issuer, and promises so.
    ///
    /// # Errors
    /// When it is none, or not by an issuer whose certificates are logged.
    pub fn add(&self, chain: &[&[u8]], now: Timestamp) -> Result<Promise, Refusal> {
        let [before, issuer, ..] = chain else {
            return Err(Refusal::invalid("the chain has fewer than two certificates"));
        };
        if !self.issuers.iter().any(|known| known == issuer) {
            return Err(Refusal::invalid("the pre-certificate is by an issuer whose certificates are not logged here"));
        }
        let malformed = |what: &str| Refusal::invalid(format!("the {what} is no certificate in DER"));
        let parts = Parts::of(before).ok_or_else(|| malformed("pre-certificate"))?;
        let above = Parts::of(issuer).ok_or_else(|| malformed("issuer"))?;
        let key = PublicKey::from_spki(above.spki)?;
        if !parts.has(POISON) {
            return Err(Refusal::invalid("the pre-certificate has no poison"));
        }
        if parts.issuer != above.subject || !key.verifies(Scheme::natural(&key), parts.tbs, parts.signature) {
            return Err(Refusal::invalid("the pre-certificate is not signed by the issuer in the chain"));
        }
        let tbs = parts.without(POISON);
        let millis = u64::try_from(now.as_millisecond()).map_err(|_| Error::Time(now))?;
        // TimestampedEntry (3.4): what is signed and what is hashed differ only in what stands before it.
        let mut entry = millis.to_be_bytes().to_vec();
        entry.extend_from_slice(&[0, 1]);
        entry.extend_from_slice(&crate::key::sha256(above.spki));
        let length = u32::try_from(tbs.len()).unwrap_or(u32::MAX);
        if tbs.len().saturating_add(64) > LONGEST {
            return Err(Refusal::invalid(format!("the certificate has {length} bytes, more than are logged")));
        }
        entry.extend_from_slice(length.to_be_bytes().get(1..).unwrap_or(&[]));
        entry.extend_from_slice(&tbs);
        entry.extend_from_slice(&[0, 0]);
        // Version 1; signature type `certificate_timestamp` in the one, leaf type `timestamped_entry` in the other: both are zero.
        let entry = [&[0, 0], entry.as_slice()].concat();
        let signature = self.signer.key().sign(&entry)?;
        self.tree.lock().append(&[&entry], |size, root| self.signer.sign(size, root))?;
        Ok(Promise { log: self.signer.key().id(), millis, signature })
    }

    /// Answers `POST /ct/v1/add-pre-chain` (4.2).
    ///
    /// # Errors
    /// As for [`add`](Self::add), and when the body is malformed.
    pub fn answer(&self, body: &[u8], now: Timestamp) -> Result<Value, Refusal> {
        let wrong = || Refusal::invalid("the body is no `{\"chain\": [base64, ...]}`");
        let body: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
        let chain = body.get("chain").and_then(Value::as_array).filter(|chain| chain.len() <= 8).ok_or_else(wrong)?;
        let chain: Option<Vec<Vec<u8>>> = chain.iter().map(|der| unb64(der.as_str()?)).collect();
        let chain = chain.ok_or_else(wrong)?;
        let promise = self.add(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>(), now)?;
        Ok(json!({
            "sct_version": 0,
            "id": b64(promise.log),
            "timestamp": promise.millis,
            "extensions": "",
            "signature": b64([&ECDSA_SHA256[..], &short(&promise.signature)].concat()),
        }))
    }

    /// Answers `GET /ct/v1/get-sth` (4.3).
    ///
    /// # Errors
    /// When the log cannot be read or signed.
    pub fn tree_head(&self, now: Timestamp) -> Result<Value, Refusal> {
        let (size, root) = {
            let tree = self.tree.lock();
            (tree.size(), tree.root()?)
        };
        let millis = u64::try_from(now.as_millisecond()).map_err(|_| Error::Time(now))?;
        let signed = [&[0, 1], &millis.to_be_bytes()[..], &size.to_be_bytes(), &root].concat();
        let signature = self.signer.key().sign(&signed)?;
        Ok(json!({
            "tree_size": size,
            "timestamp": millis,
            "sha256_root_hash": b64(root),
            "tree_head_signature": b64([&ECDSA_SHA256[..], &short(&signature)].concat()),
        }))
    }

    /// The signed size and root.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.tree.lock().checkpoint().to_owned()
    }

    /// A tile, or a bundle of `MerkleTreeLeaf`s.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn tile(&self, name: TileName) -> Result<Option<Vec<u8>>, Error> {
        self.tree.lock().read(name)
    }
}

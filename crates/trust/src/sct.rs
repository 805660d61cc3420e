//! Signed certificate timestamps (RFC 6962, 3.2 and 3.3): a certificate log's word that it has, or will have, the certificate.

use signet_model::{Digest, Timestamp};
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode, Encode};

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::key::Algorithm;
use crate::root::Log;

const EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// Most timestamps that are read from one certificate.
const MOST: usize = 8;

/// Establishes that a trusted certificate log vouches for the certificate, as issued by the holder of `issuer` (its SubjectPublicKeyInfo from the verified
/// path). One good timestamp suffices; one by a known log that does not verify is refused.
pub(crate) fn verify(certificate: &Certificate, issuer: &[u8], logs: &[Log]) -> Result<(), VerifyError> {
    let wrong = |found: &str| VerifyError::new(Check::Sct, "a timestamp by a trusted certificate log", found);
    let extensions = certificate.parsed.tbs_certificate.extensions.iter().flatten();
    let Some(extension) = extensions.clone().find(|extension| extension.extn_id == EXTENSION) else {
        return Err(wrong("none in the certificate"));
    };
    let list = OctetStringRef::from_der(extension.extn_value.as_bytes()).map_err(|_| wrong("a malformed list"))?;
    let mut reader = Reader(list.as_bytes());
    let mut list = Reader(reader.vector().filter(|_| reader.0.is_empty()).ok_or_else(|| wrong("a malformed list"))?);
    // The log signed the certificate as it was before this extension was put into it.
    let mut before = certificate.parsed.tbs_certificate.clone();
    before.extensions =
        before.extensions.map(|list| list.into_iter().filter(|extension| extension.extn_id != EXTENSION).collect());
    let before = before.to_der().map_err(|_| wrong("a certificate that cannot be encoded again"))?;
    let issuer = Digest::sha256(issuer);
    let (mut count, mut good) = (0, false);
    while !list.0.is_empty() {
        count += 1;
        if count > MOST {
            return Err(wrong("more than 8 timestamps"));
        }
        let one = list.vector().and_then(Sct::read).ok_or_else(|| wrong("a malformed timestamp"))?;
        let Some(log) = logs.iter().find(|log| log.id == one.log) else { continue };
        let time = i64::try_from(one.time).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let time = time.ok_or_else(|| wrong("a time out of range"))?;
        if !log.window.contains(time) {
            return Err(wrong("a timestamp from outside the log's validity"));
        }
        let key = match one.algorithm {
            // The hash is the log's, fixed by RFC 6962 (2.1.4) to SHA-256; others exist in private logs.
            (4, 3) => log.key.clone(),
            (5, 3) => {
                log.key.clone().with_algorithm(Algorithm::EcdsaP384Sha384).map_err(|_| wrong("another algorithm"))?
            }
            (4, 1) => {
                log.key.clone().with_algorithm(Algorithm::RsaPkcs1Sha256).map_err(|_| wrong("another algorithm"))?
            }
            (5, 1) => {
                log.key.clone().with_algorithm(Algorithm::RsaPkcs1Sha384).map_err(|_| wrong("another algorithm"))?
            }
            (6, 1) => {
                log.key.clone().with_algorithm(Algorithm::RsaPkcs1Sha512).map_err(|_| wrong("another algorithm"))?
            }
            _ => return Err(wrong("a signature algorithm that is not accepted")),
        };
        let signed = one.signed(&before, issuer.as_bytes()).ok_or_else(|| wrong("a certificate that is too long"))?;
        key.verify(&signed, one.signature).map_err(|_| wrong("one whose signature does not verify"))?;
        good = true;
    }
    if good { Ok(()) } else { Err(wrong("none by a trusted log")) }
}

struct Sct<'a> {
    log: [u8; 32],
    time: u64,
    extensions: &'a [u8],
    algorithm: (u8, u8),
    signature: &'a [u8],
}

impl<'a> Sct<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [0] = reader.array::<1>()? else { return None };
        let log = reader.array()?;
        let time = u64::from_be_bytes(reader.array()?);
        let extensions = reader.vector()?;
        let [hash, kind] = reader.array()?;
        let signature = reader.vector()?;
        reader.0.is_empty().then_some(Self { log, time, extensions, algorithm: (hash, kind), signature })
    }

    /// What the log signed: version, type, time, pre-certificate entry, extensions.
    fn signed(&self, before: &[u8], issuer: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(before.len()).ok().filter(|length| *length < 1 << 24)?;
        let mut out = vec![0, 0];
        out.extend(self.time.to_be_bytes());
        out.extend([0, 1]);
        out.extend(issuer);
        out.extend(&length.to_be_bytes()[1..]);
        out.extend(before);
        out.extend(u16::try_from(self.extensions.len()).ok()?.to_be_bytes());
        out.extend(self.extensions);
        Some(out)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    /// A vector with a length of two bytes.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }
}

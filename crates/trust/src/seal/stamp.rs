//! RFC 3161: the query for a timestamp, and whether the answer is to it.

use signet_model::Digest;

use crate::check::{Check, VerifyError};
use crate::notation::timestamp::nonce_of;

/// `AlgorithmIdentifier` of SHA-256 with its NULL (RFC 5754, 2): what every authority reads.
const SHA256: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];

/// `TimeStampReq ::= SEQUENCE { version 1, messageImprint, nonce, certReq TRUE }` (RFC 3161, 2.4.1). The certificate is asked for, so that the token can be
/// verified by the root alone. All lengths are below 128.
pub(super) fn request(stamped: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let imprint = [SHA256, &tlv(0x04, Digest::sha256(stamped).as_bytes())].concat();
    let content = [tlv(0x02, &[1]), tlv(0x30, &imprint), tlv(0x02, &integer(nonce)), tlv(0x01, &[0xff])].concat();
    tlv(0x30, &content)
}

/// Holds an answer to be a granted timestamp over these bytes.
pub(super) fn kept(response: &[u8], stamped: &[u8]) -> Result<(), VerifyError> {
    nonce_of(response, stamped)
        .map(|_| ())
        .map_err(|error| VerifyError::new(Check::Timestamp, error.expected, error.found))
}

/// Holds an answer to be a granted timestamp over these bytes, and the answer to this request.
pub(super) fn answer(response: &[u8], stamped: &[u8], nonce: [u8; 8]) -> Result<(), VerifyError> {
    let found =
        nonce_of(response, stamped).map_err(|error| VerifyError::new(Check::Timestamp, error.expected, error.found))?;
    if found.as_deref() == Some(&integer(nonce)[..]) {
        Ok(())
    } else {
        Err(VerifyError::new(Check::Timestamp, "the answer to this request", "another nonce: it may be an old one"))
    }
}

/// The shortest form of a number from zero (X.690, 8.3.2).
fn integer(nonce: [u8; 8]) -> Vec<u8> {
    let start = nonce.iter().position(|byte| *byte != 0).unwrap_or(7);
    let mut digits = nonce.get(start..).unwrap_or_default().to_vec();
    if digits.first().is_some_and(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    digits
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    [&[tag, length], content].concat()
}

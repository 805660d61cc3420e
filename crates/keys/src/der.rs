//! The little DER that is written here: public keys from their numbers, ECDSA signatures from `r || s`. Nothing is read; reading is `trust`'s.

/// `id-ecPublicKey`.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `rsaEncryption`.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-Ed25519`.
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// `secp256r1`, `secp384r1`, `secp521r1`.
pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// A value with its tag and length (X.690, 8.1).
pub(crate) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let length = content.len();
    if length < 0x80 {
        der.push(length.to_le_bytes()[0]);
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        der.push(0x80 | bytes.len().to_le_bytes()[0]);
        der.extend(bytes);
    }
    der.extend_from_slice(content);
    der
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// An object identifier from its content octets.
pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    value(OID, content)
}

/// A positive number, big-endian.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        digits.insert(0, 0);
    }
    value(INTEGER, &digits)
}

fn bits(content: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], content].concat())
}

/// SubjectPublicKeyInfo of an EC key: `point` is `04 || x || y` (RFC 5480, 2).
pub(crate) fn ec_spki(curve: &[u8], point: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[&oid(EC), &oid(curve)]), &bits(point)])
}

/// SubjectPublicKeyInfo of an RSA key (RFC 3279, 2.3.1).
pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = sequence(&[&unsigned(modulus), &unsigned(exponent)]);
    sequence(&[&sequence(&[&oid(RSA), &value(NULL, &[])]), &bits(&key)])
}

/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, 4).
pub(crate) fn ed25519_spki(key: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[&oid(ED25519)]), &bits(key)])
}

/// `Ecdsa-Sig-Value` (RFC 3279, 2.2.3) from the two halves of equal length that tokens and JOSE use (RFC 7518, 3.4).
pub(crate) fn ecdsa_signature(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) || raw.len() > 132 {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    Some(sequence(&[&unsigned(r), &unsigned(s)]))
}

/// `DigestInfo` (RFC 8017, 9.2), which plain PKCS#1 mechanisms of tokens sign.
pub(crate) fn digest_info(algorithm: signet_model::Algorithm, digest: &[u8]) -> Vec<u8> {
    let last = match algorithm {
        signet_model::Algorithm::Sha256 => 1,
        signet_model::Algorithm::Sha384 => 2,
        signet_model::Algorithm::Sha512 => 3,
    };
    let hash = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    sequence(&[&sequence(&[&oid(&hash), &value(NULL, &[])]), &value(OCTET_STRING, digest)])
}

/// The point in `CKA_EC_POINT`: an octet string around it (PKCS#11 2.40, 6.3.3), which some tokens leave out. A bare point begins with the same byte, so
/// the length decides: points have 65, 97 or 133 bytes, Ed25519 keys 32.
pub(crate) fn point_of_token(attribute: &[u8]) -> &[u8] {
    let inner = match attribute {
        [OCTET_STRING, 0x81, length, point @ ..] if usize::from(*length) == point.len() => point,
        [OCTET_STRING, length, point @ ..] if usize::from(*length) == point.len() => point,
        _ => return attribute,
    };
    if matches!(inner.len(), 32 | 65 | 97 | 133) { inner } else { attribute }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positive_and_short() {
        assert_eq!(unsigned(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
        assert_eq!(ecdsa_signature(&[1, 0x80]).unwrap(), [0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]);
        assert_eq!(ecdsa_signature(&[1, 2, 3]), None);
        assert_eq!(ecdsa_signature(&[]), None);
        assert_eq!(value(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(value(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn points_stand_with_and_without_a_wrapping() {
        for length in [32_u8, 65, 97] {
            let bare = vec![4; usize::from(length)];
            let wrapped = [&[4, length][..], &bare].concat();
            assert_eq!(point_of_token(&wrapped), bare);
            // A bare point whose second byte happens to look like a length.
            let mut bare = bare;
            bare[1] = length - 2;
            assert_eq!(point_of_token(&bare), bare);
        }
        let mut long = vec![4, 0x81, 133];
        long.extend([7; 133]);
        assert_eq!(point_of_token(&long), [7; 133]);
    }
}

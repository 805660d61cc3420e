//! What a certificate chain must be (`signature-specification.md`, "Certificate requirements").

use x509_cert::der::asn1::ObjectIdentifier;

use super::NotationError;
use super::certificate::Cert;

pub(super) const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
pub(super) const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
pub(super) const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// Longer chains are refused.
pub(super) const LONGEST: usize = 10;

/// What a chain's first certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    CodeSigning,
    TimeStamping,
}

/// Checks order, signatures, constraints and usages of a whole chain: leaf first, root last.
pub(super) fn check(chain: &[Cert], purpose: Purpose) -> Result<(), NotationError> {
    let Some((leaf, authorities)) = chain.split_first() else {
        return Err(NotationError::new("a certificate chain", "none"));
    };
    if chain.len() > LONGEST {
        return Err(NotationError::new(format!("a chain of at most {LONGEST} certificates"), chain.len().to_string()));
    }
    check_leaf(leaf, purpose)?;
    for (place, authority) in authorities.iter().enumerate() {
        check_authority(authority, place)?;
    }
    for pair in chain.windows(2) {
        let [subject, issuer] = pair else { continue };
        if subject.is_self_signed() {
            return Err(NotationError::new(
                "the self-signed certificate at the end of the chain only",
                format!("`{}` before its end", subject.subject()),
            ));
        }
        subject.is_signed_by(issuer)?;
    }
    let root = chain.last().unwrap_or(leaf);
    if root.is_self_signed() {
        return Ok(());
    }
    Err(NotationError::new(
        "a chain that ends in a self-signed certificate",
        format!("`{}` issued by `{}`", root.subject(), root.parsed.tbs_certificate.issuer),
    ))
}

fn check_leaf(leaf: &Cert, purpose: Purpose) -> Result<(), NotationError> {
    let subject = leaf.subject();
    if leaf.basic_constraints()?.is_some_and(|(_, constraints)| constraints.ca) {
        return Err(NotationError::new(
            "a signing certificate that is no authority",
            format!("`{subject}`, which is one"),
        ));
    }
    let usage = leaf.key_usage()?;
    match usage {
        Some((true, usage)) if usage.digital_signature() => {
            let others = usage.key_encipherment()
                || usage.data_encipherment()
                || usage.key_agreement()
                || usage.key_cert_sign()
                || usage.crl_sign()
                || usage.encipher_only()
                || usage.decipher_only();
            if others {
                return Err(NotationError::new(
                    "a key for signatures only",
                    format!("other key usages in `{subject}`"),
                ));
            }
        }
        Some((false, _)) => {
            return Err(NotationError::new("a critical key usage", format!("one in `{subject}` that is not")));
        }
        // A timestamp authority need not name one (RFC 3161, 2.3).
        None if purpose == Purpose::TimeStamping => {}
        _ => return Err(NotationError::new("the key usage digitalSignature", format!("none in `{subject}`"))),
    }
    let extended = leaf.extended_key_usage()?;
    match (purpose, extended) {
        (Purpose::CodeSigning, None) => Ok(()),
        (Purpose::CodeSigning, Some((_, usages))) => {
            let excluded = [ANY, SERVER_AUTH, EMAIL_PROTECTION, TIME_STAMPING, OCSP_SIGNING];
            if usages.contains(&CODE_SIGNING) && !usages.iter().any(|usage| excluded.contains(usage)) {
                return Ok(());
            }
            Err(NotationError::new("the extended key usage codeSigning", format!("{usages:?} in `{subject}`")))
        }
        // Alone and critical (RFC 3161, 2.3).
        (Purpose::TimeStamping, Some((true, usages))) if usages == [TIME_STAMPING] => Ok(()),
        (Purpose::TimeStamping, found) => Err(NotationError::new(
            "the extended key usage timeStamping, critical and alone",
            format!("{found:?} in `{subject}`"),
        )),
    }
}

fn check_authority(authority: &Cert, authorities_below: usize) -> Result<(), NotationError> {
    let subject = authority.subject();
    match authority.basic_constraints()? {
        Some((true, constraints)) if constraints.ca => {
            if constraints.path_len_constraint.is_some_and(|limit| usize::from(limit) < authorities_below) {
                return Err(NotationError::new(
                    "a path within the authority's limit",
                    format!("{authorities_below} authorities below `{subject}`"),
                ));
            }
        }
        _ => {
            return Err(NotationError::new(
                "a critical basic constraint that makes it an authority",
                format!("none in `{subject}`"),
            ));
        }
    }
    match authority.key_usage()? {
        Some((true, usage)) if usage.key_cert_sign() => Ok(()),
        _ => Err(NotationError::new("the critical key usage keyCertSign", format!("none in `{subject}`"))),
    }
}

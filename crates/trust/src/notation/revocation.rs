//! Whether certificates were revoked, by lists and responses that the caller fetched (RFC 5280, 5; RFC 6960).

use aws_lc_rs::digest;
use signet_model::Timestamp;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};
use x509_cert::time::Time;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus};

use super::NotationError;
use super::certificate::{Cert, SHA256, check_signature};
use super::chain::OCSP_SIGNING;

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// Larger lists and responses are refused.
const LARGEST: usize = 32 << 20;

/// Lists and responses at hand, as they were fetched. None is believed before its signature holds.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    /// Certificate revocation lists in DER.
    pub lists: Vec<Vec<u8>>,
    /// OCSP responses in DER.
    pub responses: Vec<Vec<u8>>,
}

impl Revocations {
    /// Whether any certificate of a chain (DER, leaf first, root last) is revoked or may be, but the root.
    ///
    /// # Errors
    /// When one is revoked, when it cannot be known, or when this is no chain.
    pub fn check(&self, chain: &[Vec<u8>], now: Timestamp) -> Result<(), NotationError> {
        let chain = chain.iter().map(|der| Cert::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        for pair in chain.windows(2) {
            let [certificate, issuer] = pair else { continue };
            certificate.is_signed_by(issuer)?;
        }
        check(&chain, self, now, None)
    }
}

/// What is known of one certificate.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    Good,
    Revoked(String),
    Unknown(String),
}

/// No certificate of the chain but its root is revoked. `signed` is when the signature was made, where that is vouched for.
pub(super) fn check(
    chain: &[Cert],
    revocations: &Revocations,
    now: Timestamp,
    signed: Option<Timestamp>,
) -> Result<(), NotationError> {
    for pair in chain.windows(2) {
        let [certificate, issuer] = pair else { continue };
        match status(certificate, issuer, revocations, now, signed) {
            Status::Good => {}
            Status::Revoked(why) => {
                return Err(NotationError::new(format!("`{}` not to be revoked", certificate.subject()), why));
            }
            Status::Unknown(why) => {
                return Err(NotationError::new(format!("to know whether `{}` is revoked", certificate.subject()), why));
            }
        }
    }
    Ok(())
}

fn status(
    certificate: &Cert,
    issuer: &Cert,
    revocations: &Revocations,
    now: Timestamp,
    signed: Option<Timestamp>,
) -> Status {
    let responses = revocations.responses.iter().map(|one| by_response(certificate, issuer, one, now, signed));
    let lists = revocations.lists.iter().map(|one| by_list(certificate, issuer, one, now, signed));
    let (mut good, mut unknown) = (false, Vec::new());
    for found in responses.chain(lists).flatten() {
        match found {
            Status::Good => good = true,
            Status::Unknown(why) => unknown.push(why),
            // Whatever another source says: the one that knows of it is ahead.
            revoked @ Status::Revoked(_) => return revoked,
        }
    }
    if good {
        return Status::Good;
    }
    if !unknown.is_empty() {
        return Status::Unknown(unknown.join("; "));
    }
    match is_revocable(certificate) {
        Ok(false) => Status::Good,
        Ok(true) => Status::Unknown("no list and no response about it".to_owned()),
        Err(error) => Status::Unknown(error.to_string()),
    }
}

/// Whether it says where its revocation would be published. One that does not cannot be revoked.
fn is_revocable(certificate: &Cert) -> Result<bool, NotationError> {
    if certificate.extension::<CrlDistributionPoints>()?.is_some_and(|(_, points)| !points.0.is_empty()) {
        return Ok(true);
    }
    let access = certificate.extension::<AuthorityInfoAccessSyntax>()?;
    Ok(access.is_some_and(|(_, access)| access.0.iter().any(|access| access.access_method == OCSP)))
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
}

/// What a list says; nothing when it is another issuer's.
fn by_list(
    certificate: &Cert,
    issuer: &Cert,
    list: &[u8],
    now: Timestamp,
    signed: Option<Timestamp>,
) -> Option<Status> {
    let unknown = |why: String| Some(Status::Unknown(format!("revocation list: {why}")));
    if list.len() > LARGEST {
        return unknown(format!("larger than {LARGEST} bytes"));
    }
    let list = match CertificateList::from_der(list) {
        Ok(list) => list,
        Err(error) => return unknown(error.to_string()),
    };
    let tbs = &list.tbs_cert_list;
    if tbs.issuer != certificate.parsed.tbs_certificate.issuer {
        return None;
    }
    let message = match tbs.to_der() {
        Ok(message) => message,
        Err(error) => return unknown(error.to_string()),
    };
    let signature = list.signature.as_bytes().unwrap_or_default();
    if list.signature_algorithm != tbs.signature
        || check_signature(&issuer.key, &list.signature_algorithm, &message, signature).is_err()
    {
        return unknown("not signed by the issuer".to_owned());
    }
    let (from, until) = (timestamp(tbs.this_update), tbs.next_update.map(timestamp));
    let current = from.is_some_and(|from| from <= now) && matches!(until, Some(Some(until)) if now <= until);
    if !current {
        return unknown("not in force now".to_owned());
    }
    // A critical extension that is not understood may narrow what the list covers (RFC 5280, 5.2).
    let extensions: &[Extension] = tbs.crl_extensions.as_deref().unwrap_or_default();
    if let Some(extension) = extensions
        .iter()
        .find(|extension| extension.critical && ![CRL_NUMBER, AUTHORITY_KEY].contains(&extension.extn_id))
    {
        return unknown(format!("the critical extension {}", extension.extn_id));
    }
    let serial = &certificate.parsed.tbs_certificate.serial_number;
    let entry = tbs.revoked_certificates.iter().flatten().find(|entry| entry.serial_number == *serial);
    Some(match entry {
        None => Status::Good,
        Some(entry) => by_entry(entry, signed),
    })
}

/// A certificate that is listed was revoked, unless the signature was made before it became invalid.
fn by_entry(entry: &RevokedCert, signed: Option<Timestamp>) -> Status {
    let extensions: &[Extension] = entry.crl_entry_extensions.as_deref().unwrap_or_default();
    for extension in extensions {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            INVALIDITY_DATE => {
                let since = GeneralizedTime::from_der(value).ok().and_then(|time| timestamp(Time::GeneralTime(time)));
                if let (Some(since), Some(signed)) = (since, signed)
                    && signed < since
                {
                    return Status::Good;
                }
            }
            REASON => {}
            other if extension.critical => {
                return Status::Unknown(format!("the critical extension {other} of an entry"));
            }
            _ => {}
        }
    }
    Status::Revoked(format!(
        "revoked on {}",
        timestamp(entry.revocation_date).map_or_else(String::new, |time| time.to_string())
    ))
}

/// What a response says; nothing when it is about another certificate.
fn by_response(
    certificate: &Cert,
    issuer: &Cert,
    response: &[u8],
    now: Timestamp,
    signed: Option<Timestamp>,
) -> Option<Status> {
    let unknown = |why: String| Some(Status::Unknown(format!("OCSP response: {why}")));
    if response.len() > LARGEST {
        return unknown(format!("larger than {LARGEST} bytes"));
    }
    let response = match OcspResponse::from_der(response) {
        Ok(response) => response,
        Err(error) => return unknown(error.to_string()),
    };
    if response.response_status != OcspResponseStatus::Successful {
        return unknown(format!("{:?}", response.response_status));
    }
    let basic = response.response_bytes.filter(|bytes| bytes.response_type == BASIC)?;
    let basic = match BasicOcspResponse::from_der(basic.response.as_bytes()) {
        Ok(basic) => basic,
        Err(error) => return unknown(error.to_string()),
    };
    let single =
        basic.tbs_response_data.responses.iter().find(|single| is_about(&single.cert_id, certificate, issuer))?;
    if let Err(error) = check_responder(&basic, issuer, now) {
        return unknown(error.to_string());
    }
    let time = |time: GeneralizedTime| timestamp(Time::GeneralTime(time));
    let current = time(single.this_update.0).is_some_and(|from| from <= now)
        && single.next_update.is_none_or(|until| time(until.0).is_some_and(|until| now <= until));
    if !current {
        return unknown("not in force now".to_owned());
    }
    Some(match &single.cert_status {
        CertStatus::Good(_) => Status::Good,
        CertStatus::Unknown(_) => Status::Unknown("OCSP response: the responder does not know it".to_owned()),
        CertStatus::Revoked(info) => {
            let since = single
                .single_extensions
                .iter()
                .flatten()
                .find(|extension| extension.extn_id == INVALIDITY_DATE)
                .and_then(|extension| GeneralizedTime::from_der(extension.extn_value.as_bytes()).ok())
                .and_then(time);
            match (since, signed) {
                (Some(since), Some(signed)) if signed < since => Status::Good,
                _ => {
                    let reason = info.revocation_reason.map_or_else(String::new, |reason| format!(" ({reason:?})"));
                    Status::Revoked(format!(
                        "revoked on {}{reason}",
                        time(info.revocation_time.0).map_or_else(String::new, |time| time.to_string())
                    ))
                }
            }
        }
    })
}

/// Hashes of the issuer's name and key, and the serial number (RFC 6960, 4.1.1).
fn is_about(id: &x509_ocsp::CertId, certificate: &Cert, issuer: &Cert) -> bool {
    let algorithm = match id.hash_algorithm.oid {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        _ => return false,
    };
    let tbs = &issuer.parsed.tbs_certificate;
    let Ok(name) = tbs.subject.to_der() else { return false };
    let key = tbs.subject_public_key_info.subject_public_key.raw_bytes();
    id.serial_number == certificate.parsed.tbs_certificate.serial_number
        && id.issuer_name_hash.as_bytes() == digest::digest(algorithm, &name).as_ref()
        && id.issuer_key_hash.as_bytes() == digest::digest(algorithm, key).as_ref()
}

/// The issuer signed, or one whom it authorised to (RFC 6960, 4.2.2.2).
fn check_responder(response: &BasicOcspResponse, issuer: &Cert, now: Timestamp) -> Result<(), NotationError> {
    let wrong = |found: String| NotationError::new("a responder that the issuer authorised", found);
    let message = response.tbs_response_data.to_der().map_err(|error| wrong(error.to_string()))?;
    let signature = response.signature.as_bytes().unwrap_or_default();
    if check_signature(&issuer.key, &response.signature_algorithm, &message, signature).is_ok() {
        return Ok(());
    }
    for delegate in response.certs.iter().flatten().take(8) {
        let Some(delegate) = delegate.to_der().ok().and_then(|der| Cert::from_der(&der).ok()) else { continue };
        let authorised = delegate
            .extended_key_usage()
            .is_ok_and(|usage| usage.is_some_and(|(_, usage)| usage.contains(&OCSP_SIGNING)));
        if authorised
            && delegate.is_valid_at(now)
            && delegate.is_signed_by(issuer).is_ok()
            && check_signature(&delegate.key, &response.signature_algorithm, &message, signature).is_ok()
        {
            return Ok(());
        }
    }
    Err(wrong("another one".to_owned()))
}

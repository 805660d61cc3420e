//! Signing certificates: who they name (RFC 5280, 4.2.1.6), what Fulcio wrote into them (`fulcio: docs/oid-info.md`), and who issued them.

use std::collections::BTreeSet;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use signet_model::Timestamp;
use sigstore_verify::crypto::WEBPKI_VERIFICATION_ALGS;
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Any, Decode, Encode, Tag};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

use crate::check::{Check, VerifyError};
use crate::key::PublicKey;

/// No certificate that is read is longer.
pub(crate) const LONGEST: usize = 64 << 10;
/// Most names that are read from one certificate.
const NAMES: usize = 16;

const SAN: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const FULCIO: &str = "1.3.6.1.4.1.57264.1.";
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// `id-kp-codeSigning` (RFC 5280, 4.2.1.12).
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// A name in the certificate's subject alternative names. Compared as bytes: no folding of case, no reading of wildcards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectName {
    /// An e-mail address (`rfc822Name`).
    Email(String),
    /// A URI, e.g. of a workflow.
    Uri(String),
    /// A name of Fulcio's own kind (`otherName` 1.3.6.1.4.1.57264.1.7), e.g. of a username issuer.
    Other(String),
}

impl SubjectName {
    /// The name without its kind.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::Email(value) | Self::Uri(value) | Self::Other(value) => value,
        }
    }
}

/// The claims that Fulcio writes into a certificate, by the last number of their identifier 1.3.6.1.4.1.57264.1.N. The issuer has numbers 1 and 8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Fulcio's own, and each has its number")]
pub struct Claims {
    /// 8, else 1.
    pub issuer: Option<String>,
    /// 2 to 6: GitHub's, deprecated.
    pub github_workflow_trigger: Option<String>,
    pub github_workflow_sha: Option<String>,
    pub github_workflow_name: Option<String>,
    pub github_workflow_repository: Option<String>,
    pub github_workflow_ref: Option<String>,
    /// 9.
    pub build_signer_uri: Option<String>,
    /// 10.
    pub build_signer_digest: Option<String>,
    /// 11.
    pub runner_environment: Option<String>,
    /// 12.
    pub source_repository_uri: Option<String>,
    /// 13.
    pub source_repository_digest: Option<String>,
    /// 14.
    pub source_repository_ref: Option<String>,
    /// 15.
    pub source_repository_identifier: Option<String>,
    /// 16.
    pub source_repository_owner_uri: Option<String>,
    /// 17.
    pub source_repository_owner_identifier: Option<String>,
    /// 18.
    pub build_config_uri: Option<String>,
    /// 19.
    pub build_config_digest: Option<String>,
    /// 20.
    pub build_trigger: Option<String>,
    /// 21.
    pub run_invocation_uri: Option<String>,
    /// 22.
    pub source_repository_visibility: Option<String>,
    /// 23.
    pub deployment_environment: Option<String>,
    /// 24.
    pub token_subject: Option<String>,
}

impl Claims {
    fn slot(&mut self, number: u32) -> Option<&mut Option<String>> {
        Some(match number {
            2 => &mut self.github_workflow_trigger,
            3 => &mut self.github_workflow_sha,
            4 => &mut self.github_workflow_name,
            5 => &mut self.github_workflow_repository,
            6 => &mut self.github_workflow_ref,
            8 => &mut self.issuer,
            9 => &mut self.build_signer_uri,
            10 => &mut self.build_signer_digest,
            11 => &mut self.runner_environment,
            12 => &mut self.source_repository_uri,
            13 => &mut self.source_repository_digest,
            14 => &mut self.source_repository_ref,
            15 => &mut self.source_repository_identifier,
            16 => &mut self.source_repository_owner_uri,
            17 => &mut self.source_repository_owner_identifier,
            18 => &mut self.build_config_uri,
            19 => &mut self.build_config_digest,
            20 => &mut self.build_trigger,
            21 => &mut self.run_invocation_uri,
            22 => &mut self.source_repository_visibility,
            23 => &mut self.deployment_environment,
            24 => &mut self.token_subject,
            _ => return None,
        })
    }
}

/// A parsed certificate. Its claims are worth nothing before a verification has established who issued it.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) parsed: X509,
    key: PublicKey,
    names: Vec<SubjectName>,
    claims: Claims,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Certificate {
    /// A certificate from DER.
    ///
    /// # Errors
    /// [`Check::Form`] when it is no certificate, has an extension twice (RFC 5280, 4.2), a claim that is not text, or a key that is not accepted.
    pub fn from_der(der: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |found: String| VerifyError::form("an X.509 certificate", found);
        if der.len() > LONGEST {
            return Err(wrong(format!("{} bytes", der.len())));
        }
        let parsed = X509::from_der(der).map_err(|error| wrong(error.to_string()))?;
        let tbs = &parsed.tbs_certificate;
        let spki = tbs.subject_public_key_info.to_der().map_err(|error| wrong(error.to_string()))?;
        let key = PublicKey::from_der(&spki).map_err(|error| wrong(error.to_string()))?;
        let (not_before, not_after) = validity(&parsed)?;
        let (mut names, mut claims) = (Vec::new(), Claims::default());
        let mut legacy_issuer = None;
        let mut seen = BTreeSet::new();
        for extension in tbs.extensions.iter().flatten() {
            if !seen.insert(extension.extn_id) {
                return Err(wrong(format!("the extension {} twice", extension.extn_id)));
            }
            let value = extension.extn_value.as_bytes();
            if extension.extn_id == SAN {
                names = names_of(value).map_err(wrong)?;
                continue;
            }
            let id = extension.extn_id.to_string();
            let Some(number) = id.strip_prefix(FULCIO).and_then(|number| number.parse::<u32>().ok()) else { continue };
            let text = match number {
                1..=6 => std::str::from_utf8(value).ok(),
                _ => Utf8StringRef::from_der(value).ok().map(|text| text.as_str()),
            };
            let place = if number == 1 { Some(&mut legacy_issuer) } else { claims.slot(number) };
            if let Some(place) = place {
                *place = Some(text.ok_or_else(|| wrong(format!("the claim {id} is not text")))?.to_owned());
            }
        }
        claims.issuer = claims.issuer.or(legacy_issuer);
        Ok(Self { der: der.to_vec(), key, names, claims, not_before, not_after, parsed })
    }

    /// The certificate in DER, as it came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key that it certifies.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whom it names. Fulcio writes exactly one.
    #[must_use]
    pub fn names(&self) -> &[SubjectName] {
        &self.names
    }

    /// What Fulcio wrote into it.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// From when it is valid, and until when, both inclusive.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }

    /// Whether it names itself as its issuer, as roots do.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.parsed.tbs_certificate.issuer == self.parsed.tbs_certificate.subject
    }

    /// Whether it says that it is for code signing. One that says nothing is for anything, which is too much.
    fn is_for_code_signing(&self) -> bool {
        let extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        extensions.filter(|extension| extension.extn_id == EXTENDED_KEY_USAGE).any(|extension| {
            ExtendedKeyUsage::from_der(extension.extn_value.as_bytes())
                .is_ok_and(|usages| usages.0.contains(&CODE_SIGNING))
        })
    }

    /// Establishes that a trusted authority issued the certificate for code signing and that it was valid at `time`. Returns the SubjectPublicKeyInfo of
    /// the direct issuer on the verified path: the one that certificate logs sign for (RFC 6962, 3.2).
    pub(crate) fn chain(
        &self,
        intermediates: &[Vec<u8>],
        anchors: &[TrustAnchor<'static>],
        time: Timestamp,
    ) -> Result<Vec<u8>, VerifyError> {
        let wrong = |found: String| {
            VerifyError::new(Check::Chain, "a code signing certificate issued by a trusted authority", found)
        };
        if time < self.not_before || time > self.not_after {
            return Err(VerifyError::new(
                Check::Chain,
                format!("a certificate valid at the verified time {time}"),
                format!("one valid from {} to {}", self.not_before, self.not_after),
            ));
        }
        if anchors.is_empty() {
            return Err(wrong(format!("no trusted authority that is valid at {time}")));
        }
        if !self.is_for_code_signing() {
            return Err(wrong("one for another use, or for any".to_owned()));
        }
        let der = CertificateDer::from(self.der.as_slice());
        let leaf = EndEntityCert::try_from(&der).map_err(|error| wrong(error.to_string()))?;
        let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let seconds = u64::try_from(time.as_second()).map_err(|_| wrong(format!("the time {time}")))?;
        let path = leaf
            .verify_for_usage(
                WEBPKI_VERIFICATION_ALGS,
                anchors,
                &intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                // Authorities in between may leave their use open, as private ones often do; the signer's own certificate may not, which was looked at above.
                KeyUsage::required_if_present(CODE_SIGNING.as_bytes()),
                None,
                None,
            )
            .map_err(|error| wrong(error.to_string()))?;
        match path.intermediate_certificates().next() {
            Some(issuer) => Ok(issuer.subject_public_key_info().as_ref().to_vec()),
            // An anchor holds the contents of the sequence only.
            None => Any::new(Tag::Sequence, path.anchor().subject_public_key_info.as_ref())
                .and_then(|any| any.to_der())
                .map_err(|error| wrong(error.to_string())),
        }
    }
}

/// From when a certificate is valid and until when, both inclusive, whatever kind of key it has: for authorities that a person names.
pub(crate) fn validity_of(der: &[u8]) -> Result<(Timestamp, Timestamp), VerifyError> {
    let wrong = |found: String| VerifyError::form("an X.509 certificate", found);
    if der.len() > LONGEST {
        return Err(wrong(format!("{} bytes", der.len())));
    }
    validity(&X509::from_der(der).map_err(|error| wrong(error.to_string()))?)
}

fn validity(parsed: &X509) -> Result<(Timestamp, Timestamp), VerifyError> {
    let time = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.ok_or_else(|| VerifyError::form("an X.509 certificate", "a time out of range"))
    };
    let validity = &parsed.tbs_certificate.validity;
    Ok((time(validity.not_before)?, time(validity.not_after)?))
}

fn names_of(value: &[u8]) -> Result<Vec<SubjectName>, String> {
    let names = SubjectAltName::from_der(value).map_err(|error| error.to_string())?;
    if names.0.len() > NAMES {
        return Err(format!("{} subject alternative names", names.0.len()));
    }
    let mut found = Vec::new();
    for name in &names.0 {
        match name {
            GeneralName::Rfc822Name(email) => found.push(SubjectName::Email(email.as_str().to_owned())),
            GeneralName::UniformResourceIdentifier(uri) => found.push(SubjectName::Uri(uri.as_str().to_owned())),
            GeneralName::OtherName(other) if other.type_id == OTHER_NAME => {
                let text = other
                    .value
                    .decode_as::<Utf8StringRef<'_>>()
                    .map(|text| text.as_str())
                    .or_else(|_| other.value.decode_as::<Ia5StringRef<'_>>().map(|text| text.as_str()))
                    .map_err(|_| "an other name that is not text".to_owned())?;
                found.push(SubjectName::Other(text.to_owned()));
            }
            // Names of hosts and directories identify nobody who signs.
            _ => {}
        }
    }
    Ok(found)
}

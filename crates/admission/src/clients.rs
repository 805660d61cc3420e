//! Who may ask for reviews: whoever shows a client certificate of an authority that is named.
//!
//! Probes and metrics are read without one, since a kubelet shows none. Source: Kubernetes, "Authenticate API servers" (`AdmissionConfiguration`).

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Tag, Tagged as _, asn1::ObjectIdentifier};

use crate::tls::{TlsError, provider};

/// Authorities of one file.
const MAX_AUTHORITIES: usize = 64;
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Authorities of client certificates, and the names that count. The authorities can be exchanged while the server runs.
#[derive(Debug)]
pub struct Clients {
    verifier: RwLock<Arc<dyn ClientCertVerifier>>,
    /// Common names, which are Kubernetes' user names; empty for all that the authorities vouch for.
    names: Vec<String>,
}

impl Clients {
    /// From PEM, with the common names that count; no names: every certificate of these authorities.
    ///
    /// # Errors
    /// The text holds no certificates of authorities, or too many.
    pub fn new(authorities: &[u8], names: Vec<String>) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self { verifier: RwLock::new(verifier(authorities)?), names }))
    }

    /// Trusts other authorities from now on; connections that exist go on.
    ///
    /// # Errors
    /// See [`Clients::new`]; those of before stay.
    pub fn swap(&self, authorities: &[u8]) -> Result<(), TlsError> {
        let next = verifier(authorities)?;
        *self.verifier.write() = next;
        Ok(())
    }

    /// Whether a review may come over a connection whose client showed this, after the handshake verified it.
    pub(crate) fn admit(&self, chain: Option<&[CertificateDer<'_>]>) -> bool {
        let Some(own) = chain.and_then(<[_]>::first) else { return false };
        self.names.is_empty() || common_names(own).iter().any(|found| self.names.iter().any(|wanted| wanted == found))
    }

    fn now(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier.read())
    }
}

fn verifier(authorities: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities).take(MAX_AUTHORITIES.saturating_add(1)) {
        roots.add(certificate.map_err(TlsError::Certificate)?).map_err(TlsError::Authority)?;
    }
    if roots.is_empty() || roots.len() > MAX_AUTHORITIES {
        return Err(TlsError::Authorities(roots.len()));
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    // Who shows none is turned away from reviews, and may still ask whether the server is well.
    builder.allow_unauthenticated().build().map_err(|err| TlsError::Verifier(err.to_string()))
}

/// The common names of a certificate's subject. One that cannot be read has none.
fn common_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let parts = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    parts
        .filter(|part| part.oid == COMMON_NAME)
        .filter(|part| matches!(part.value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String))
        .filter_map(|part| std::str::from_utf8(part.value.value()).ok().map(str::to_owned))
        .collect()
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // They change while the server runs; a client that has one certificate shows it without a hint.
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.now().verify_client_cert(own, between, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.now().supported_verify_schemes()
    }
}

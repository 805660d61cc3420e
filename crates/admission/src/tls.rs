//! TLS 1.3 with a certificate that can be exchanged while the server runs.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::clients::Clients;

/// Certificates of one chain.
const MAX_CHAIN: usize = 16;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It is none.
    #[error("the certificate is no PEM")]
    Certificate(#[source] rustls_pki_types::pem::Error),
    /// There is none, or there are too many.
    #[error("the certificate file holds {0} certificates; 1 to {MAX_CHAIN} are read")]
    Number(usize),
    /// The key is none. Its bytes are never told.
    #[error("the private key is no PEM of PKCS#8, PKCS#1 or SEC1")]
    Key,
    /// They do not belong together, or the key is of a kind that is not known.
    #[error("the certificate and the private key cannot be used together: {0}")]
    Pair(rustls::Error),
    /// The provider has no TLS 1.3.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
    /// What is to vouch for clients does not.
    #[error("a certificate of an authority for clients cannot be used: {0}")]
    Authority(rustls::Error),
    /// There is none, or there are too many.
    #[error("the file of authorities for clients holds {0} certificates; 1 to 64 are read")]
    Authorities(usize),
    /// They cannot be used together.
    #[error("clients cannot be verified: {0}")]
    Verifier(String),
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The certificate that is shown to whoever connects now.
#[derive(Debug)]
pub struct Certificates(RwLock<Arc<CertifiedKey>>);

impl Certificates {
    /// From PEM: the chain, own certificate first, and its key.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(RwLock::new(pair(chain, key)?))))
    }

    /// Shows another one from now on; connections that exist go on with theirs.
    ///
    /// # Errors
    /// See [`TlsError`]; the one of before stays.
    pub fn swap(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let next = pair(chain, key)?;
        *self.0.write() = next;
        Ok(())
    }

    /// What a server needs. HTTP/1.1, which is what API servers speak to webhooks.
    ///
    /// # Errors
    /// The provider has no TLS 1.3.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        self.config_for(None, Arc::new(rustls::time_provider::DefaultTimeProvider))
    }

    /// The same, with client certificates that are verified if they are shown, at the time of this clock.
    pub(crate) fn config_for(
        self: &Arc<Self>,
        clients: Option<Arc<Clients>>,
        time: Arc<dyn TimeProvider>,
    ) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Setup)?;
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(clients),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Connections are kept alive, so tickets would be written and never used.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

fn pair(chain: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, TlsError> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(chain).take(MAX_CHAIN.saturating_add(1)) {
        certificates.push(certificate.map_err(TlsError::Certificate)?);
    }
    if certificates.is_empty() || certificates.len() > MAX_CHAIN {
        return Err(TlsError::Number(certificates.len()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
    CertifiedKey::from_der(certificates, key, &provider()).map(Arc::new).map_err(TlsError::Pair)
}

//! An authority of our own for the webhook's certificate: made, renewed and exchanged before anybody notices.
//!
//! ```text
//!   current ───── signs the certificate that is shown ──────▶ too old: old
//!      next ───── made a third of a life before; in the bundle, signs nothing ──▶ after the overlap: current
//!       old ───── in the bundle until it ends
//! ```
//!
//! The bundle holds all of them, so an API server that has read any bundle of the last overlap trusts what is shown. Nothing here asks the time.

mod der;
mod store;
#[cfg(test)]
mod tests;
mod x509;

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use self::x509::{Draft, Key};

pub use self::store::{Directory, Published, StoreError};

/// Names of a certificate.
const MAX_NAMES: usize = 64;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider of keys and signatures does not do its part.
    #[error("cannot {0}")]
    Crypto(&'static str),
    /// A time that no certificate can name.
    #[error("no certificate can name the time {0}")]
    Time(Timestamp),
    /// A name that no certificate can bear.
    #[error("`{0}` is no DNS name or address that a certificate can bear")]
    Name(String),
    /// There are none, or too many.
    #[error("a certificate needs 1 to {MAX_NAMES} names, and {0} were given")]
    Names(usize),
}

/// How long things last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An authority.
    pub root: SignedDuration,
    /// A certificate that is shown.
    pub server: SignedDuration,
    /// How far in the past they begin, for clocks that are behind.
    pub backdated: SignedDuration,
    /// How long the next authority is in the bundle before it signs.
    pub overlap: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(days * 24);
        Self {
            root: days(365),
            server: days(150),
            backdated: SignedDuration::from_hours(1),
            overlap: SignedDuration::from_hours(24),
        }
    }
}

/// A certificate, and when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    der: Vec<u8>,
    from: Timestamp,
    until: Timestamp,
}

/// A certificate with its key (PKCS#8).
#[derive(Clone)]
struct Holder {
    certificate: Certificate,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holder").field("certificate", &self.certificate.until).finish_non_exhaustive()
    }
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another authority joined the bundle.
    NextAuthority,
    /// It signs from now on.
    AuthorityInUse,
    /// Another certificate is shown.
    Certificate,
    /// An authority that has ended left the bundle.
    AuthorityGone,
}

/// Authorities and the certificate that is shown.
#[derive(Clone, Debug)]
pub struct Authority {
    lifetimes: Lifetimes,
    current: Holder,
    /// And since when it is in the bundle.
    next: Option<(Holder, Timestamp)>,
    old: Vec<Certificate>,
    server: Holder,
    names: Vec<String>,
    /// The authority that signed `server`.
    signed_by: Vec<u8>,
}

fn later(at: Timestamp, by: SignedDuration) -> Result<Timestamp, Error> {
    at.checked_add(by).map_err(|_| Error::Time(at))
}

/// A third of a life is left, or less.
fn is_late(certificate: &Certificate, now: Timestamp) -> bool {
    let life = certificate.until.duration_since(certificate.from);
    certificate.until.duration_since(now) <= life / 3
}

fn root(now: Timestamp, lifetimes: &Lifetimes) -> Result<Holder, Error> {
    let key = Key::generate()?;
    let (from, until) = (later(now, -lifetimes.backdated)?, later(now, lifetimes.root)?);
    // Two authorities of one name would be told apart by their keys alone, which not every client does.
    let name = format!("Signet admission {}", from.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let der = Draft { issuer: &name, subject: &name, from, until }.root(&key)?;
    Ok(Holder { certificate: Certificate { der, from, until }, key: key.to_pkcs8()? })
}

fn server(now: Timestamp, lifetimes: &Lifetimes, issuer: &Holder, names: &[String]) -> Result<Holder, Error> {
    let (own, key) = (Key::generate()?, Key::from_pkcs8(&issuer.key)?);
    // Nothing is trusted longer than who signed it.
    let until = later(now, lifetimes.server)?.min(issuer.certificate.until);
    let from = later(now, -lifetimes.backdated)?.max(issuer.certificate.from);
    let issuer = format!("Signet admission {}", issuer.certificate.from.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let subject = names.first().map(String::as_str).unwrap_or_default();
    let der = Draft { issuer: &issuer, subject, from, until }.server(&own, &key, names)?;
    Ok(Holder { certificate: Certificate { der, from, until }, key: own.to_pkcs8()? })
}

/// Names are letters, digits, hyphens and dots, or addresses.
fn checked(names: &[String]) -> Result<Vec<String>, Error> {
    if names.is_empty() || names.len() > MAX_NAMES {
        return Err(Error::Names(names.len()));
    }
    for name in names {
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        let letters = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let bare = name.strip_prefix("*.").unwrap_or(name);
        if !is_address && (name.len() > 253 || !bare.split('.').all(letters)) {
            return Err(Error::Name(name.escape_debug().take(120).collect()));
        }
    }
    Ok(names.to_vec())
}

impl Authority {
    /// A new one, with a certificate of these names.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(names: &[String], now: Timestamp, lifetimes: Lifetimes) -> Result<Self, Error> {
        let names = checked(names)?;
        let current = root(now, &lifetimes)?;
        let server = server(now, &lifetimes, &current, &names)?;
        let signed_by = current.certificate.der.clone();
        Ok(Self { lifetimes, current, next: None, old: Vec::new(), server, names, signed_by })
    }

    /// Does what is due now. To be asked often; mostly nothing is.
    ///
    /// # Errors
    /// See [`Error`]; what was there stays.
    pub fn step(&mut self, names: &[String], now: Timestamp) -> Result<Vec<Change>, Error> {
        let names = checked(names)?;
        let mut state = self.clone();
        let mut changes = Vec::new();
        let kept = state.old.len();
        state.old.retain(|certificate| certificate.until > now);
        if state.old.len() < kept {
            changes.push(Change::AuthorityGone);
        }
        if state.next.is_none() && is_late(&state.current.certificate, now) {
            state.next = Some((root(now, &state.lifetimes)?, now));
            changes.push(Change::NextAuthority);
        }
        if let Some((next, since)) = state.next.take() {
            // An authority that has ended while nobody looked is no use to wait for.
            let ended = state.current.certificate.until <= later(now, state.lifetimes.backdated)?;
            if ended || later(since, state.lifetimes.overlap)? <= now {
                let old = std::mem::replace(&mut state.current, next);
                if old.certificate.until > now {
                    state.old.push(old.certificate);
                }
                changes.push(Change::AuthorityInUse);
            } else {
                state.next = Some((next, since));
            }
        }
        let foreign = state.signed_by != state.current.certificate.der;
        if foreign || state.names != names || is_late(&state.server.certificate, now) {
            state.server = server(now, &state.lifetimes, &state.current, &names)?;
            state.signed_by = state.current.certificate.der.clone();
            state.names = names;
            changes.push(Change::Certificate);
        }
        *self = state;
        Ok(changes)
    }

    /// What API servers must trust (`caBundle`), in PEM: the current authority, the next one, and old ones.
    #[must_use]
    pub fn bundle(&self) -> String {
        let next = self.next.iter().map(|(next, _)| &next.certificate);
        let all = std::iter::once(&self.current.certificate).chain(next).chain(&self.old);
        all.map(|certificate| pem("CERTIFICATE", &certificate.der)).collect()
    }

    /// The certificate that is shown, in PEM.
    #[must_use]
    pub fn chain(&self) -> String {
        pem("CERTIFICATE", &self.server.certificate.der)
    }

    /// Its private key, in PEM. A secret.
    #[must_use]
    pub fn key(&self) -> Zeroizing<String> {
        Zeroizing::new(pem("PRIVATE KEY", &self.server.key))
    }

    /// When the certificate that is shown ends.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.server.certificate.until
    }

    /// The certificate that is shown, for a client that is tested against it.
    #[must_use]
    pub fn shown(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.server.certificate.der.clone())
    }
}

/// Certificate and key (PEM) of a client with this common name.
#[cfg(test)]
pub(crate) fn client_for_tests(of: &Authority, name: &str, now: Timestamp) -> (String, String) {
    let own = Key::generate().expect("a key can be made");
    let key = Key::from_pkcs8(&of.current.key).expect("the authority has a key");
    let issuer = format!("Signet admission {}", of.current.certificate.from.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let (from, until) = (now, now + SignedDuration::from_hours(1));
    let der = Draft { issuer: &issuer, subject: name, from, until }.client(&own, &key).expect("the name is short");
    (pem("CERTIFICATE", &der), pem("PRIVATE KEY", &own.to_pkcs8().expect("a key can be written")))
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der));
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        // Base64 is ASCII.
        out.push_str(std::str::from_utf8(line).unwrap_or_default());
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

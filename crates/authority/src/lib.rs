//! A private Sigstore: a certificate authority, transparency logs, a timestamp authority, and what tells clients to trust them.
//!
//! Written from the published specifications, with no code of the rooms that verify: each side would find the other's mistakes. See `README.md`.
//!
//! ```text
//!   token + key ──▶ ca ──▶ ct (promise) ──▶ certificate ─┐
//!   signature ────▶ tsa ──▶ timestamp ───────────────────┼─▶ a bundle, made by the client
//!   digest + signature ──▶ log ──▶ entry and its proof ──┘
//!   keys and certificates of all of them ──▶ material ──▶ trusted root, signing config, TUF repository
//! ```
#![forbid(unsafe_code)]

mod ca;
mod ct;
mod der;
mod entry;
mod error;
mod http;
mod identity;
mod issuer;
mod key;
mod log;
mod material;
mod note;
mod public;
mod routes;
mod stack;
mod store;
mod text;
mod token;
mod tree;
mod tsa;
mod tuf;
mod x509;

pub use ca::{Authority, LIFETIME, Possession};
pub use ct::{CertificateLog, Promise};
pub use error::{Code, Error, Refusal};
pub use http::{Limits, Listening};
pub use identity::IssuerKind;
pub use issuer::{Denied, GITHUB, Issuer, Redirect, TokenAlgorithm, workflow};
pub use key::{KeyKind, SigningKey};
pub use log::v1::{Entered, PromisingLog};
pub use log::{Entry, TransparencyLog};
pub use stack::{Clock, Logs, Options, Serving, Stack};
pub use store::Place;
pub use token::{AUDIENCE, Jwks, TrustedIssuer};
pub use tree::{Hash, TileName, leaf_hash};
pub use tsa::{Reply, TimestampAuthority};
pub use tuf::{Repository, RootKeys};

/// Whether the bytes are read as any of the requests that the services take, or as what they are sent with: for fuzzers. Nothing is granted.
#[must_use]
pub fn reads(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let now = jiff::Timestamp::UNIX_EPOCH;
    [
        ca::reads_request(bytes),
        entry::canonical(bytes).is_ok(),
        log::v1::reads(bytes),
        tsa::reads_query(bytes),
        token::verify(&text, &[], now).is_ok(),
        Jwks::parse(bytes).is_ok(),
        TileName::parse(&text).is_some(),
    ]
    .contains(&true)
}

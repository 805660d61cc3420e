//! Elixir and Erlang: `mix.lock`, `rebar.lock`, and applications of OTP.

pub(crate) mod mix;
pub(crate) mod otp;
pub(crate) mod rebar;
#[cfg(test)]
mod tests;

use signet_model::{Checksum, ChecksumAlgorithm};

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A SHA-256 as both lock files write it, in either case of letters.
fn sha256(hex: &str) -> Option<Checksum> {
    let whole = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() })
}

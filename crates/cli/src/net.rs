//! The network, as the user allows it.

use std::path::Path;

use anyhow::{Context as _, Result};
use signet_oci_client::{BlockingClient, ClientOptions, CredentialConfig, CredentialPair, Limits, Secret};

use crate::settings::Settings;

/// What a command says about registries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Registries without TLS.
    pub(crate) plain_http: Vec<String>,
    /// More certificates that are trusted.
    pub(crate) ca_cert: Option<std::path::PathBuf>,
    /// Accept any certificate (a foreign command line's `--insecure`).
    pub(crate) insecure: bool,
    /// A user and password, before the kept ones (a foreign command line's `--username`).
    pub(crate) login: Option<Login>,
}

/// A user and password.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// The registries (`host[:port]`) that they are for; none: every registry that asks.
    pub(crate) registries: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// A client with the user's credentials. Under `--offline` it refuses every request.
pub(crate) fn client(access: &Access, settings: &Settings) -> Result<BlockingClient> {
    client_within(access, settings, Limits::default())
}

/// The same with ceilings of its own.
pub(crate) fn client_within(access: &Access, settings: &Settings, limits: Limits) -> Result<BlockingClient> {
    let extra_ca_pem = match &access.ca_cert {
        Some(path) => vec![certificates(path)?],
        None => Vec::new(),
    };
    let options = ClientOptions {
        offline: settings.offline,
        plain_http: access.plain_http.clone(),
        extra_ca_pem,
        dangerously_skip_tls_verification: access.insecure,
        limits,
        // Programs that start at once must not wait alike.
        jitter_seed: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id()),
        ..ClientOptions::default()
    };
    let mut credentials = CredentialConfig::from_environment(&|name| std::env::var_os(name));
    if let Some(Login { registries, username, password }) = access.login.clone() {
        let bound: Vec<Option<String>> = match registries.as_slice() {
            [] => vec![None],
            _ => registries.into_iter().map(Some).collect(),
        };
        let pair = |registry| CredentialPair { registry, username: username.clone(), password: password.clone() };
        credentials.pairs.splice(0..0, bound.into_iter().map(pair));
    }
    Ok(BlockingClient::new(options, credentials)?)
}

fn certificates(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read the certificates `{}`", path.display()))
}

//! What a caller can choose about the client.

use std::time::Duration;

use crate::secret::Secret;

/// Settings of a [`crate::Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Refuses every request before a connection is opened.
    pub offline: bool,
    /// Registries (`host[:port]`) that are asked by plain HTTP. `*` means all. Loopback registries are tried by HTTPS, then HTTP, without being named.
    pub plain_http: Vec<String>,
    /// Certificates in PEM that are trusted besides the system's (which are read from `SSL_CERT_FILE` or the usual places).
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// Only [`ClientOptions::extra_ca_pem`] is trusted, not the system's certificates: for a service with an authority of its own.
    pub only_extra_ca: bool,
    /// A client certificate with its private key (PKCS#8), both as PEM, for services that tell callers by it.
    pub client_identity_pem: Option<Secret>,
    /// Accepts any certificate from any host. Everything but a pinned digest is then unauthenticated.
    pub dangerously_skip_tls_verification: bool,
    /// Whether the proxy variables of the environment are used (never for loopback).
    pub use_proxy_from_environment: bool,
    /// Requests that may be waiting for their answer at a time.
    pub max_concurrency: usize,
    /// How often a request is sent again after a failure that may pass.
    pub retries: u32,
    /// First pause of the exponential back-off; it doubles up to 30 s, with jitter.
    pub first_pause: Duration,
    /// The longest `Retry-After` that is waited for; a longer one is an error that says how long.
    pub longest_wait: Duration,
    /// Seed of the jitter.
    pub jitter_seed: u64,
    /// Mirrors; the longest matching prefix is used.
    pub mirrors: Vec<Mirror>,
    /// Hosts of token services that may get credentials although they lie outside the registry's own domain.
    pub trusted_realms: Vec<String>,
    /// Ceilings on what is read.
    pub limits: Limits,
    /// Ceilings on how long is waited.
    pub timeouts: Timeouts,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            user_agent: concat!("signet/", env!("CARGO_PKG_VERSION")).to_owned(),
            offline: false,
            plain_http: Vec::new(),
            extra_ca_pem: Vec::new(),
            only_extra_ca: false,
            client_identity_pem: None,
            dangerously_skip_tls_verification: false,
            use_proxy_from_environment: true,
            max_concurrency: 16,
            retries: 4,
            first_pause: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            jitter_seed: 0x5169_6e65_7421,
            mirrors: Vec::new(),
            trusted_realms: Vec::new(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Ceilings on what is read, in bytes where nothing else is said.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A manifest or index. The distribution specification asks registries to take 4 MiB.
    pub manifest: u64,
    /// An image configuration or another blob that is read into memory.
    pub small_blob: u64,
    /// A blob that is streamed.
    pub blob: u64,
    /// An answer of a token service.
    pub token: u64,
    /// The part of an error's body that is looked at.
    pub error_body: u64,
    /// A page of tags or referrers.
    pub page: u64,
    /// Entries (tags, referrers) of all pages together.
    pub entries: usize,
    /// Redirects that are followed, one after the other.
    pub redirects: usize,
    /// Indexes inside indexes.
    pub index_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            manifest: 4 << 20,
            small_blob: 16 << 20,
            blob: 64 << 30,
            token: 64 << 10,
            error_body: 64 << 10,
            page: 8 << 20,
            entries: 100_000,
            redirects: 5,
            index_depth: 3,
        }
    }
}

/// Ceilings on how long is waited.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the head of an answer.
    pub response: Duration,
    /// For a small body (manifest, token, page, error) from its first to its last byte.
    pub small_body: Duration,
    /// While a large body is read: in every such span of waiting, [`Timeouts::least_progress`] bytes must come.
    pub idle: Duration,
    /// Bytes that make progress, see [`Timeouts::idle`].
    pub least_progress: u64,
    /// For a credential helper.
    pub helper: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(15),
            response: Duration::from_secs(60),
            small_body: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            least_progress: 1024,
            helper: Duration::from_secs(30),
        }
    }
}

/// Places to ask before the registry that a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// `host[:port]` with an optional path of the repositories that are mirrored: `docker.io`, `r.example/team`.
    pub prefix: String,
    /// Asked in this order, then the registry itself.
    pub endpoints: Vec<MirrorEndpoint>,
}

/// One mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorEndpoint {
    /// `host[:port]` with an optional path that takes the place of [`Mirror::prefix`].
    pub location: String,
    /// Whether it is asked by plain HTTP.
    pub plain_http: bool,
}

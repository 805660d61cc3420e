//! HTTP with limits, and the registry client on it: authentication, credential helpers, retries, mirrors, verified downloads.
//!
//! What this room never does: it believes no digest and no size that it did not compute; it sends credentials to no host but the one that they are for
//! (and to the token service that this host names, within its own domain); it follows no redirect from HTTPS to HTTP; it opens no connection at all when
//! [`ClientOptions::offline`] is set; it reads no body without a limit, and waits for none without a time-out. It reads neither the environment nor the
//! clock by itself: what it needs comes in as values ([`CredentialConfig::from_environment`] takes a function).
//!
//! ```text
//!   ImageRef ─▶ endpoints (mirrors, then origin) ─▶ transport (redirects, retries, challenges) ─▶ bytes ─▶ digest and size checked ─▶ caller
//!                                                        ▲
//!                        credentials ─▶ tokens ──────────┘
//! ```
//!
//! [`Client`] is the asynchronous core. [`BlockingClient`] is the same over plain calls and [`std::io::Read`], with a runtime of its own.
#![forbid(unsafe_code)]

mod append;
mod attach;
mod backoff;
mod blob;
mod blocking;
mod call;
mod challenge;
mod change;
mod client;
mod credentials;
mod delete;
mod endpoint;
mod error;
mod fetch;
#[cfg(unix)]
mod grpc;
mod link;
mod list;
mod manifest;
mod options;
mod post;
mod push;
mod resolve;
mod secret;
mod token;
mod transport;
#[cfg(unix)]
mod unix;

pub use append::TagConfig;
pub use attach::{Attached, Listed, NewLayer, NewReferrer};
pub use blob::BlobStream;
pub use blocking::{BlobReader, BlockingClient};
pub use bytes::Bytes;
pub use call::{Call, CallAnswer};
pub use challenge::{Challenge, parse_challenges};
pub use client::Client;
pub use credentials::{Credential, CredentialConfig, CredentialPair, SavedTo};
pub use error::{Error, ErrorKind};
pub use fetch::{Conditional, FetchRequest, Fetched, TransportTrust};
#[cfg(unix)]
pub use grpc::grpc_over_socket;
pub use manifest::{Descriptor, ImageIndex, ImageManifest, Manifest, ManifestBody, ManifestHead, media_type};
pub use options::{ClientOptions, Limits, Mirror, MirrorEndpoint, Timeouts};
pub use post::{PostRequest, Posted};
pub use push::{BlobSource, Pushed};
pub use resolve::{PlatformChoice, Resolved};
pub use secret::Secret;
#[cfg(unix)]
pub use unix::{SocketClient, SocketReader};

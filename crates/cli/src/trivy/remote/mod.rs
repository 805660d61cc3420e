//! `trivy server`, and `--server`: what a client found is judged by a server's database, over Trivy's own protocol.
//!
//! ```text
//!   client:  inventory ─▶ blob ─▶ MissingBlobs, PutBlob, Scan ─▶ findings ─▶ report, as without a server
//!   server:  http ─▶ service ─┬▶ blobs (kept, bounded)
//!                             └▶ merge (layers into one view) ─▶ advisories ─▶ results
//! ```
//!
//! Both ends speak to Trivy's too. Source: aquasecurity/trivy:docs/guide/references/modes/client-server.md, pkg/rpc/, pkg/fanal/applier/.

mod blobs;
mod client;
mod convert;
mod http;
mod merge;
mod service;

pub(super) use client::{Server, findings};
pub(super) use http::{Options, Reopen, serve};

/// Largest body that either end takes.
const LIMITS: signet_twirp::Limits = signet_twirp::Limits { bytes: 64 << 20, units: 8 << 20 };

/// The services' paths behind the prefix.
const SCAN: &str = "trivy.scanner.v1.Scanner/Scan";
const CACHE: &str = "trivy.cache.v1.Cache";
/// The prefix that Twirp's paths have.
const PREFIX: &str = "twirp";

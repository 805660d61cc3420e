//! The program as a user runs it, and the rules of the house.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says where, one that is skipped says so, and one that waits for a peer needs the time"
)]

mod admission;
mod articles;
mod articles_policies;
mod articles_signing;
mod as_grype;
mod as_syft;
mod attested;
mod beside;
mod block;
mod bundles;
mod chains;
/// Writes eStargz and zstd:chunked layers; the same code that the reader's own tests use.
#[path = "../../../image/tests/integration/chunked.rs"]
#[allow(dead_code, reason = "shared with the tests of another crate")]
mod chunked;
mod closed;
mod cluster;
mod debian_gate;
mod deploy;
mod distribution;
mod documents;
mod engine;
mod evidence;
mod gate;
mod gate_image;
mod grype;
mod grype_data;
mod harness;
mod house;
mod init;
mod interop;
mod java_index;
mod keyless;
mod keyless_old;
mod keys;
mod kyverno;
mod kyverno_policies;
mod layouts;
mod many_images;
mod newcomer;
mod notation;
mod peers;
mod pin;
mod policies;
mod policy_apply;
mod policy_lint;
mod policy_words;
mod provenance;
mod pushable;
mod remote;
mod reports;
/// The TUF repository that the tests of the room `trust` publish.
#[path = "../../../trust/tests/integration/repository.rs"]
#[allow(dead_code, reason = "shared with the tests of the room `trust`")]
mod repository;
mod sboms;
mod seal;
mod server;
mod shelf;
mod signing;
mod standin;
mod summaries;
mod suppression;
mod trivy;
mod trust;
mod truth;
mod views;
mod witnesses;
/// The authority, log and keys that the tests of the room `trust` sign with.
#[path = "../../../trust/tests/integration/world.rs"]
#[allow(dead_code, reason = "shared with the tests of the room `trust`")]
mod world;

/// Writes small bbolt files; the same code that the reader's own tests use.
use signet_pages::testing as bolt;
#[path = "../../../trust/src/notation/tests/made.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the room `trust`, which use all of it")]
mod made;

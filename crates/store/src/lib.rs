//! What Signet remembers: records of layers and images that were read once, so that the same bytes are never read twice.
//!
//! One trait, [`Store`], and an embedded implementation, [`SqliteStore`]. PostgreSQL comes with the services that need it.
//!
//! Invariants: a record is found only by digests that were computed over bytes and by the version of the code that made it, never by
//! a tag or name; a record whose bytes changed on disk is never returned (each carries its SHA-256); writers never block readers;
//! losing the whole store loses time and nothing else.
//!
//! ```text
//!   (blob digest, diffID, catalog version) ──▶ layer record
//!   (blob digest, digest of its table of contents, catalog version) ──▶ record of a layer that was read in parts
//!   (manifest digest, catalog version)     ──▶ image record
//!   (a file's inode, size and times)       ──▶ the digests that its bytes were found to have
//! ```
//!
//! The trait keeps bytes; [`records`] gives them their form.
//!
//! Beside it two more that gates share: [`Blocks`], which is no cache and loses nothing, and [`Decisions`], which is one.
//!
//! ```text
//!   digest | key | identity                      ──▶ block: who, when, why
//!   (digest, policies, trust, question)          ──▶ answer with its maker's MAC
//! ```
#![forbid(unsafe_code)]

mod blocks;
mod decisions;
mod lease;
pub mod records;
mod sqlite;

pub use blocks::{Block, BlockTarget, Blocks, BlocksError, SqliteBlocks};
pub use decisions::{DecisionKey, Decisions, KeptDecision, SqliteDecisions};
pub use lease::{Lease, Leases};
pub use sqlite::SqliteStore;

use signet_model::Digest;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// One layer: the digest of the blob as stored, where the source has one, and of its tar stream. Both were verified when it was read.
    Layer {
        /// Digest of the blob as stored.
        blob: Option<Digest>,
        /// Digest of the uncompressed tar stream.
        diff_id: Digest,
    },
    /// One layer of which only parts were fetched: what its table of contents says. Never taken for a layer that was read whole.
    LayerInParts {
        /// Digest of the blob as the manifest states it; nobody computed it.
        blob: Digest,
        /// Digest of the table of contents, which was verified.
        toc: Digest,
    },
    /// A whole image, by the digest that names its bytes.
    Image {
        /// Digest of the manifest; of the configuration where the image has no manifest.
        digest: Digest,
    },
    /// What a file of this machine was found to hold, by how it looked then.
    File {
        /// A digest over device, inode, size and times of change.
        looks: Digest,
    },
}

/// Why the store could not answer. A caller may go on without it: everything in it can be made again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be opened or is no database.
    #[error("cannot open the store `{path}`")]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        err: rusqlite::Error,
    },
    /// The directory of the database cannot be made.
    #[error("cannot make the directory `{path}` of the store")]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        err: std::io::Error,
    },
    /// The database was written by a newer Signet.
    #[error(
        "the store `{path}` has schema {found}, and this Signet knows up to {known}: use the newer Signet, or another `--cache-dir`"
    )]
    Newer {
        /// The file.
        path: std::path::PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// A statement failed.
    #[error("cannot {doing} in the store")]
    Statement {
        /// What we were doing.
        doing: &'static str,
        /// The cause.
        #[source]
        err: rusqlite::Error,
    },
    /// A record cannot be compressed or restored.
    #[error("cannot {doing} a record of the store")]
    Codec {
        /// What we were doing.
        doing: &'static str,
        /// The cause.
        #[source]
        err: std::io::Error,
    },
}

/// Keeps records by what they are about and the version of the code that made them.
pub trait Store: Send + Sync {
    /// The record, if one is kept and its bytes are those that were put.
    fn get(&self, key: &RecordKey, version: u32) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps a record; an older one of the same key and version is replaced. It survives a crash of the process; after a power loss it may be
    /// missing, never wrong.
    fn put(&self, key: &RecordKey, version: u32, record: &[u8]) -> Result<(), StoreError>;
    /// Removes the records of other versions than this one, and gives their number.
    fn prune(&self, version: u32) -> Result<u64, StoreError>;
}

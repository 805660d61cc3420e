//! Advisories: feeds and foreign databases go in, one compiled database comes out, and inventories are matched against it.
//!
//! What this room never does: it opens no file, fetches nothing, asks no clock. Bytes and times come in as values. It allocates nothing by a
//! length that its input only claims, and no input makes it panic. Nothing is dropped in silence: what could not be judged is an
//! [`signet_model::Unexamined`] or an error.
//!
//! ```text
//!   trivy.db ─┐
//!   Grype DB ─┤
//!   vunnel   ─┤
//!   OSV      ─┤ feeds/   Record     Builder          Database        matching/          suppress/
//!   KEV      ─┼──────▶  ─────────▶  ───────▶ bytes  ─────────▶  Finding, Unexamined ─▶ Finding::suppressed
//!   EPSS     ─┘                                     (in place)
//! ```
#![forbid(unsafe_code)]

pub mod artifact;
mod bytes;
mod cpe;
mod cvss;
mod database;
pub mod feeds;
mod matching;
mod names;
mod order;
mod ranges;
mod record;
pub mod segment;
mod streams;
mod suppress;

pub use cpe::guessed as guessed_cpes;
pub use database::delta;
pub use database::{BuildError, BuildReport, Builder, Contents, Database, DatabaseError, FORMAT_VERSION, Hit, Query};
pub use feeds::FeedError;
pub use matching::{MatchOptions, MatchResult, Owned};
pub use record::{
    Advisory, Affected, Detail, Feed, GoImport, Lifecycle, Named, Op, ProductKey, Qualifiers, Range, Record, Sink,
    Trust,
};
pub use signet_pages::{bbolt, sqlite};
pub use streams::{
    of_distro as streams_of_distro, of_grype_ecosystem as stream_of_ecosystem, order_of as order_of_stream,
};
pub use suppress::{
    IgnoreEntry, IgnoreError, IgnoreFile, Remark, RemarkKind, Standing, SuppressContext, Suppressions, VexDocument,
    VexError, VexStatement, may_be_vex,
};

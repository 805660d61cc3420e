//! The compiled database: all feeds in one file that is mapped and read in place.
//!
//! ```text
//!   header ─ digest of itself, digest of the rest, table of sections
//!   details          descriptions and links, read only when a report wants them
//!   streams, table, groups, advisories        (stream, name) -> advisories
//!   vulnerabilities ─ kev, epss               id -> severities, aliases
//!   products, sources, feeds                  tables
//!   pool             every text and list once
//! ```
//!
//! The bytes of the file are described in `docs/reference/database-format.md`.
//!
//! Where integrity is enforced: [`Database::verify`] hashes the whole file, and whoever installs a database calls it before the file gets its
//! final name. [`Database::open`] checks the header (which carries its own digest) and the bounds of each section, so that it costs
//! microseconds. All later reads are checked against the bounds: a file that was changed after its installation gives errors or other answers,
//! never a panic and never a read outside the file.

mod builder;
pub mod delta;
mod detail;
mod feeds;
mod format;
mod output;
mod pool;
mod qualifiers;
mod reader;
mod search;

pub use builder::{BuildError, BuildReport, Builder};
pub use format::FORMAT_VERSION;
pub(crate) use qualifiers::StoredQualifiers;
pub(crate) use reader::{AdvisoryRow, VulnerabilityRow};
pub use reader::{Contents, Database, DatabaseError};
pub use search::{Hit, Query};

#[cfg(test)]
mod tests;

//! Feeds: one folder each, all of one shape. Bytes of a published format go in, [`Record`](crate::Record)s come out one by one.
//!
//! A leaf has `feed(..)` (what it is, under which licence), and `read(..)`. To add one: a folder here, its line below, a row in
//! `docs/reference/database-format.md`.

mod alma;
mod alpine;
mod amazon;
mod arch;
mod azure;
mod bottlerocket;
pub(crate) mod csaf;
mod debian;
mod echo;
mod eol;
pub mod epss;
mod exploits;
mod fedora;
mod friendsofphp;
mod glad;
mod grype_common;
pub mod grype_db;
pub mod kev;
mod msrc;
mod nodejs;
mod nvd;
mod oracle;
pub mod osv;
mod osv_family;
mod oval;
mod photon;
mod redhat;
mod rocky;
mod rubysec;
mod rustsec;
mod slices;
mod source;
mod suse;
pub mod trivy_db;
mod ubuntu;
mod updateinfo;
mod wolfi;
mod xml;
mod yaml;

pub use source::{Files, Source, Tally, Tree};

/// All feeds that are read from files of their own, by id. To add one: a leaf, and its line here.
pub static SOURCES: &[&Source] = &[
    &alma::SOURCE,
    &alpine::SOURCE,
    &amazon::SOURCE,
    &arch::SOURCE,
    &azure::SOURCE,
    &osv_family::BITNAMI,
    &bottlerocket::SOURCE,
    &wolfi::CHAINGUARD,
    &debian::SOURCE,
    &echo::SOURCE,
    &eol::SOURCE,
    &exploits::EPSS,
    &fedora::SOURCE,
    &friendsofphp::SOURCE,
    &osv_family::GHSA,
    &glad::SOURCE,
    &osv_family::GO,
    &osv_family::JULIA,
    &exploits::KEV,
    &osv_family::KUBERNETES,
    &msrc::SOURCE,
    &nodejs::SOURCE,
    &nvd::SOURCE,
    &oracle::SOURCE,
    &osv_family::OSV,
    &photon::SOURCE,
    &osv_family::PYPA,
    &redhat::SOURCE,
    &rocky::SOURCE,
    &rubysec::SOURCE,
    &rustsec::SOURCE,
    &suse::SOURCE,
    &ubuntu::SOURCE,
    &wolfi::WOLFI,
];

/// The feed of this id.
pub fn source(id: &str) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.id == id).copied()
}
pub mod vunnel;

use signet_model::Timestamp;

/// Reads a time as feeds write them: RFC 3339, or a date alone. What cannot be read is no time.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let date: jiff::civil::Date = text.get(..10)?.parse().ok()?;
    date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Why a feed could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The bbolt file is damaged.
    #[error("cannot read the bbolt file")]
    Bolt(#[source] crate::bbolt::BoltError),
    /// The SQLite file is damaged.
    #[error("cannot read the SQLite file")]
    Sqlite(#[source] crate::sqlite::SqliteError),
    /// The file is of the right format, but not what it should be.
    #[error("this is no {expected}: {why}")]
    Foreign {
        /// What was expected.
        expected: &'static str,
        /// What was found instead.
        why: String,
    },
    /// A value cannot be read.
    #[error("cannot read `{place}`")]
    Json {
        /// Bucket and key, or file and record.
        place: String,
        /// The cause, with line and column.
        #[source]
        err: serde_json::Error,
    },
    /// A line cannot be read.
    #[error("line {line} cannot be read: {why}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// An archive is damaged.
    #[error("cannot read `{place}` of the archive")]
    Zip {
        /// The entry.
        place: String,
        /// The cause.
        #[source]
        err: zip::result::ZipError,
    },
    /// An entry of an archive, or a compressed file, is damaged.
    #[error("cannot unpack `{place}`")]
    Unpack {
        /// The entry.
        place: String,
        /// The cause.
        #[source]
        err: std::io::Error,
    },
    /// More than the limits allow.
    #[error("`{place}` is larger than the limit of {limit} {unit}")]
    TooLarge {
        /// The entry.
        place: String,
        /// The limit.
        limit: u64,
        /// Of what: bytes, entries.
        unit: &'static str,
    },
    /// The builder refused a record.
    #[error("cannot compile a record")]
    Build(#[source] crate::BuildError),
}

impl From<String> for FeedError {
    /// What is wrong with an XML document.
    fn from(why: String) -> FeedError {
        FeedError::Foreign { expected: "XML document", why }
    }
}

#[cfg(test)]
mod tests;

//! SBOM formats: an inventory becomes a document, a document becomes an inventory.
//!
//! ```text
//!   (Subject, Inventory) ──▶ cyclonedx::write, spdx::write, syft::write, purls::write ──▶ bytes
//!                  bytes ──▶ detect ──▶ read ──▶ Sbom { subject, inventory, .. }
//! ```
//!
//! What this room never does: it opens no file, asks no clock, draws no random number. The same inventory gives the same bytes: serial
//! numbers and ids come from the content, and from nothing that says where the artifact was fetched, so the same image out of a registry,
//! an archive or a layout gives documents that differ only in what they say of their source.
//!
//! Readers tolerate unknown fields and never drop a component in silence: what has no purl becomes [`signet_model::PackageKind::Other`],
//! what cannot be understood becomes an `Unexamined` of the inventory.
//!
//! One more format is a module with `wire.rs` (serde types and nothing else), `write.rs`, `read.rs`, and one line in [`Format`] and [`read`].
#![forbid(unsafe_code)]

mod bounded;
mod collect;
mod compare;
mod cpe;
pub mod cyclonedx;
mod detect;
pub mod github;
mod graph;
mod identity;
mod lazy;
mod license;
mod license_names;
pub mod lint;
mod losses;
mod properties;
pub mod purls;
mod references;
mod schema;
pub mod spdx;
pub mod syft;
mod target;
#[cfg(test)]
mod tests;
mod unread;
mod xml;

use signet_model::{Inventory, Subject, Timestamp};

pub use compare::{Difference, Name, diff, merge};
pub use detect::{Format, detect};
pub use identity::Uuid;
pub use license::{is_spdx_id, license_expression};
pub use losses::{Loss, Unread, losses};
pub use references::{Reference, exploitability_statements};
pub use target::{NAMES, Target, TargetError, write, write_to};

/// A document of any format, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Sbom {
    /// The format.
    pub format: Format,
    /// The version of the format's specification that the document states: `1.6`, `SPDX-2.3`, `16.1.10`.
    pub spec_version: String,
    /// What the document describes. Its kind is [`signet_model::SubjectKind::Sbom`]; `image` is set where the document names an image by its id.
    pub subject: Subject,
    /// What it lists. `Package::extra["sbom.ref"]` holds the component's own id in the document.
    pub inventory: Inventory,
}

/// Bounds for documents that others wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document.
    pub bytes: usize,
    /// Components, nested ones included.
    pub packages: usize,
    /// Edges of all kinds.
    pub relationships: usize,
    /// Components inside components.
    pub depth: usize,
}

/// [`Limits::packages`] where nothing else is said, and the most that is ever held as the items of a document.
const PACKAGES: usize = 1_000_000;
/// The same for [`Limits::relationships`].
const RELATIONSHIPS: usize = 10_000_000;

impl Default for Limits {
    /// Ten times the largest documents that we have met.
    fn default() -> Limits {
        Limits { bytes: 512 << 20, packages: PACKAGES, relationships: RELATIONSHIPS, depth: 50 }
    }
}

/// Why bytes could not be read as an SBOM.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// None of the formats that we know.
    #[error("this is no SBOM that Signet knows: neither CycloneDX, SPDX nor Syft JSON")]
    Unknown,
    /// A document of a known kind that is no SBOM, or of a format that is not read yet.
    #[error("this is {0}, which cannot be read as an SBOM here")]
    WrongKind(Format),
    /// The bytes begin as a JSON object and do not go on as one: cut off, or damaged.
    #[error("this is no whole JSON document")]
    NotJson {
        /// Line, column and reason.
        #[source]
        err: serde_json::Error,
    },
    /// A field has another type than the format gives it.
    #[error("cannot read the {format} document")]
    Json {
        /// The format that was expected.
        format: Format,
        /// Line, column and reason.
        #[source]
        err: serde_json::Error,
    },
    /// The document contradicts its specification in a way that leaves no meaning.
    #[error("the {format} document is not valid: {why}")]
    Invalid {
        /// The format.
        format: Format,
        /// What is wrong.
        why: String,
    },
    /// A limit was reached.
    #[error("the document is too large: more than {limit} {what}")]
    TooLarge {
        /// `bytes`, `components`, `relationships`, `levels of components`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Reads a document of whatever format it is.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Sbom, ReadError> {
    read_noting(bytes, limits, None)
}

/// The same, and notes into `unread` which members of the document have no place in the model.
pub fn read_noting(bytes: &[u8], limits: &Limits, mut unread: Option<&mut Unread>) -> Result<Sbom, ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooLarge { what: "bytes", limit: limits.bytes });
    }
    let text = detect::utf8(bytes);
    // Telling the format for certain reads the whole document once more; its beginning is a good guess, and a reader that demands its own
    // version at the top level cannot take another format for its own.
    let guess = match detect::guess(&text) {
        Some(Format::CycloneDxJson) => cyclonedx::read(&text, limits, unread.as_deref_mut()).ok(),
        Some(Format::SpdxJson) => spdx::read(Format::SpdxJson, &text, limits, unread.as_deref_mut()).ok(),
        _ => None,
    };
    if let Some(sbom) = guess {
        return Ok(sbom);
    }
    if let Some(unread) = &mut unread {
        unread.clear();
    }
    match detect(&text) {
        Some(Format::CycloneDxJson) => cyclonedx::read(&text, limits, unread),
        Some(Format::CycloneDxXml) => cyclonedx::read_xml(&text, limits, unread),
        Some(format @ (Format::SpdxJson | Format::SpdxTagValue | Format::SpdxXml | Format::SpdxYaml)) => {
            spdx::read(format, &text, limits, unread)
        }
        Some(Format::Spdx3Json) => spdx::three::read(&text, limits),
        Some(Format::SyftJson) => syft::read(&text, limits, unread),
        Some(other) => Err(ReadError::WrongKind(other)),
        None if text.trim_ascii_start().starts_with(b"{") => {
            match serde_json::from_slice::<serde::de::IgnoredAny>(&text) {
                Err(err) => Err(ReadError::NotJson { err }),
                Ok(_) => Err(ReadError::Unknown),
            }
        }
        None => Err(ReadError::Unknown),
    }
}

/// The document's serial number or namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// From the content, so that the same inventory has the same one.
    #[default]
    ContentDerived,
    /// This one.
    Given(Uuid),
}

/// What a writer may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Version of the program that writes.
    pub tool_version: String,
    /// The time that the document states. `None`: none where the format allows it, else the Unix epoch, so that the bytes stay the same.
    pub timestamp: Option<Timestamp>,
    /// The document's identity.
    pub serial: Serial,
    /// Also list executables and shared libraries with their digests.
    pub files: bool,
}

/// The name under which we write documents.
const TOOL: &str = "signet";

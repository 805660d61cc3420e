//! The nouns of Signet: what every room talks about, and nothing that any room does.
//!
//! An artifact is named by its [`Digest`]. What we learn about it is evidence. A policy turns evidence into a decision.
//!
//! What this room never does: it opens no file, asks no clock, reaches no network, and none of its types is a wire format
//! (nothing here has `Serialize`; each output has a versioned module of its own in the room that writes it).
//!
//! ```text
//!   bytes ──▶ Package ──▶ Finding ──▶ Evidence ──▶ Decision
//!               │            │
//!               └─ Location  └─ Why          Unexamined: what could not be read, beside each of them
//! ```
#![forbid(unsafe_code)]

mod decision;
mod digest;
mod distro;
mod finding;
mod image_ref;
mod inventory;
mod location;
mod package;
mod purl;
mod severity;
mod symbols;

pub use decision::{
    Decision, ExceptionReport, ExceptionState, JudgedFinding, Mode, NotJudged, RuleHit, RuleResult, Verdict,
};
pub use digest::{Algorithm, Checksum, ChecksumAlgorithm, Digest, DigestError, Hasher};
pub use distro::Distro;
pub use finding::{
    Cvss, DataSource, Epss, Exception, Finding, FindingId, Fix, KnownExploited, Reference, Status, Suppression,
    SuppressionKind, Vulnerability, Why,
};
pub use image_ref::{ImageRef, ImageRefError};
pub use inventory::{
    Executable, ImageInfo, Inventory, LayerInfo, Platform, Relationship, RelationshipKind, Subject, SubjectKind,
};
pub use location::{Location, Unexamined, UnexaminedKind};
pub use package::{Directness, License, Package, PackageIndex, PackageKind, Presence, SourcePackage};
pub use purl::{Purl, PurlError};
pub use severity::Severity;
pub use symbols::SymbolSet;

/// A point in time with second precision or better, always UTC. Comes in as a value; no room asks for the time itself.
pub use jiff::Timestamp;

//! SPDX 2 in JSON: 2.3 is written, 2.2 and 2.3 are read. Source: spdx/spdx-spec, version 2.3.

mod read;
mod wire;
mod write;

pub(crate) use read::read;
pub use write::write;

/// Begin of the comment by which Syft marks, and Grype finds, that a package's files belong to another; SPDX has no relationship for it.
const OWNERSHIP: &str = "ownership-by-file-overlap";

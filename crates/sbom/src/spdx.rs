//! SPDX 2 in JSON, YAML, XML and as tag-value text: 2.2 and 2.3 are written and read. Source: spdx/spdx-spec, version 2.3.

mod forms;
mod read;
mod tag_value;
pub mod three;
mod tree;
mod wire;
mod write;

pub(crate) use read::read;
pub(crate) use tree::of as tree;
pub use write::{Form, Version, write, write_as, write_to};

/// Begin of the comment by which Syft marks, and Grype finds, that a package's files belong to another; SPDX has no relationship for it.
const OWNERSHIP: &str = "ownership-by-file-overlap";

/// The first characters of a text that nobody wants to see whole.
fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

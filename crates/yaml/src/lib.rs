//! YAML as a tree that knows where everything stands: line, column and byte of each key and value, with Kubernetes' reading of scalars.
//!
//! ```text
//!   bytes ─▶ events (granit-parser) ─▶ tree (anchors, aliases, merge keys) ─▶ Vec<Document>
//!                                        └─ scalars: resolved as kubectl resolves them
//! ```
//!
//! What this room never does: it reads no file and follows no include; it interpolates nothing; it knows no schema of a document; it keeps no
//! comments. No other room names a YAML library. Memory is bounded by [`Limits`], also under aliases ("billion laughs").
//!
//! Why not serde: positions get lost wherever serde buffers (flattened and untagged types), and empty documents are dropped, so that the
//! numbers of the following ones shift. We build the tree from the event stream and decide about scalars ourselves.
#![forbid(unsafe_code)]

mod build;
mod json;
mod limits;
mod node;
mod scalar;

#[cfg(test)]
mod tests;

pub use build::{parse, parse_bytes};
pub use json::to_json;
pub use limits::Limits;
pub use node::{Document, Node, Span, Style, Value};

/// Why a text is no YAML that we accept, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// One sentence without a full stop.
    pub message: String,
    /// A [`Limits`] value was reached: the text may be good YAML that is merely too large for us.
    pub too_large: bool,
}

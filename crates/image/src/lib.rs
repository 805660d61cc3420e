//! Images as bytes: manifests, layers, and the one file system that the layers add up to.
//!
//! What this room never does: it opens no file and reaches no network (readers come in as values), it unpacks nothing to disk, it keeps no
//! content of a file (a visitor sees each once, as it streams by), and it believes no digest (all are computed over all bytes received).
//!
//! ```text
//!   manifest bytes ──▶ Manifest, Config ──▶ layers (media type, diffID)
//!   stored bytes ──▶ Unpacked ──▶ TarReader ──▶ Visitor          one pass: walk_layer
//!        └─ digest       └─ diffID     └─ LayerIndex ──▶ View    who brought each path, what is hidden
//! ```
#![forbid(unsafe_code)]

mod base;
pub mod build;
mod compression;
mod entry;
mod index;
pub mod lazy;
mod limits;
pub mod manifest;
pub mod path;
pub mod tar;
mod view;
mod walk;

pub use base::base_layers;
pub use compression::{Compression, Unpacked};
pub use entry::{Entry, EntryKind, Visitor};
pub use index::{IndexEntry, IndexFull, LayerIndex, LayerIndexBuilder};
pub use limits::Limits;
pub use view::{Hidden, ResolveError, View, Visible};
pub use walk::{Algorithms, LayerError, LayerRead, walk_layer, walk_layer_with};

//! A file view goes in, packages come out.
//!
//! One walk offers every file of a layer to the leaves (`dpkg`, `apk`, `npm`, ...) by what they claim; each reads bytes and gives what it
//! found and what it could not read. Merging then looks at all layers at once: what is still visible, who owns what, what needs what.
//!
//! What this room never does: it opens no file, follows no link on a disk, runs nothing, asks no clock and reaches no network. No leaf walks
//! the tree, and none sees another's findings. Nothing that was claimed and could not be read is dropped: it becomes an `Unexamined`.
//!
//! ```text
//!   entries of a layer ──▶ Matcher ──▶ leaf.read(bytes) ──▶ Found ──▶ LayerRecord ─┐
//!                             └─ executables: SHA-256, Binary ─────────────────────┤
//!   entries of another layer ─────────────────────────────────────▶ LayerRecord ──┴─▶ merge(view) ──▶ Inventory
//!                                                                       │    ▲
//!                                             late_reads(view) ─ a second pass over a layer
//! ```
#![forbid(unsafe_code)]

mod binary;
mod declared;
mod dependencies;
mod late;
mod layer;
mod leaf;
mod matcher;
mod merge;
mod ownership;
mod project;
mod recognised;
mod registry;
mod syntax;
mod union;

pub mod apk;
pub mod appliance;
pub mod applications;
pub mod bitnami;
pub mod chisel;
pub mod classifier;
pub mod cocoapods;
pub mod conda;
pub mod container;
pub mod cpp;
pub mod dart;
pub mod deno;
pub mod distro;
pub mod documents;
pub mod dotnet;
pub mod dpkg;
pub mod elf;
pub mod extensions;
pub mod github_actions;
pub mod gleam;
pub mod golang;
pub mod haskell;
pub mod hex;
pub mod java;
pub mod julia;
pub mod kernel;
pub mod lua;
pub mod mise;
pub mod model;
pub mod nix;
pub mod npm;
pub mod ocaml;
pub mod pacman;
pub mod perl;
pub mod php;
pub mod portage;
pub mod python;
pub mod r;
pub mod rpm;
pub mod ruby;
pub mod rust;
pub mod snap;
pub mod spack;
pub mod swift;
pub mod swipl;
pub mod wordpress;

pub use binary::{Image, Parts};
pub use classifier::Sighting;
pub use late::{LateWants, late_reads};
pub use layer::{ExecutableRecord, FileRecord, LateLink, LateParts, LayerCataloger, LayerRecord, Limits};
pub use leaf::{Binary, BinaryFormat, Claim, Found, Input, Leaf, Owner, any_path};
pub use matcher::Matcher;
pub use merge::merge;
pub use project::{Manifest, Need};
pub use registry::leaves;
pub use union::{deepen, join};

/// Version of what the leaves read and how. A record that was kept under another version is read again.
pub const CATALOG_VERSION: u32 = 3;

#[cfg(test)]
mod tests;

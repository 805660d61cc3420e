//! Where bytes come from: files, directories, archives, daemon sockets, registries, git.
//!
//! What this room never does: it writes no file but into a temporary directory of its own that it removes, it follows no link out of a
//! directory that it walks, it fetches nothing from an address that an image states, and it hands out no manifest or configuration whose
//! digest was not computed.
//!
//! ```text
//!   SourceSpec ──▶ OciDir │ OciArchive │ DockerArchive │ ... ──▶ ImageSource: what the image is, layers as bytes
//!              └─▶ walk_directory │ walk_file │ GitTree ──▶ Visitor
//! ```
#![deny(unsafe_code)]

mod archive;
#[cfg(unix)]
mod daemon;
mod directory;
mod docker_archive;
mod git;
mod image_source;
mod layout;
mod layout_archive;
mod mapped;
mod oci_archive;
mod oci_dir;
mod registry;
mod reread;
mod spec;

#[cfg(unix)]
pub use daemon::{Containerd, DaemonImage, docker_sockets, podman_sockets};
pub use directory::{DirectoryOptions, DirectoryRead, walk_directory, walk_file};
pub use docker_archive::DockerArchive;
pub use git::{GitOptions, GitTree};
pub use image_source::{ImageSource, InParts, OpenPart, SourceError, SourceErrorKind, Stored};
pub use layout::{ImageOptions, Selection, layer_algorithms, verify_layer};
pub use layout_archive::LayoutArchive;
pub use mapped::MappedFile;
pub use oci_archive::OciArchive;
pub use oci_dir::OciDir;
pub use registry::RegistryImage;
pub use reread::reread_files;
pub use spec::{SourceSpec, SpecError, open_archive};

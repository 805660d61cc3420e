//! Images that a daemon keeps: docker and podman over their sockets, containerd through its own tools.
//!
//! All three can only give an image whole, as a tar stream (`docker save`, `ctr images export`), with the description mostly at its end. No temporary disk
//! is used: the stream is read once for its description, and layers are taken from further streams. A stream that was read up to one layer waits for
//! the next one, so that reading the layers in their order on `n` threads costs `n` streams and not one per layer.
//!
//! Not done: containerd's gRPC, and its content store on disk (its names lie in a bbolt file that the daemon keeps locked).

mod archive;
mod containerd;
mod engine;
mod tar;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use signet_model::{Digest, ImageInfo, ImageRef};
use signet_oci_client::PlatformChoice;

use crate::image_source::{ImageSource, SourceError, SourceErrorKind, Stored};
use archive::{Archive, Named};

pub use containerd::Containerd;
pub use engine::{docker_sockets, podman_sockets};

/// Something that writes an image as a tar stream, as often as it is asked.
pub(crate) trait Export: Send + Sync {
    /// Begins a new stream.
    fn start(&self) -> Result<Box<dyn Read + Send>, SourceError>;
}

/// An image of a daemon. It was named once, when it was opened; every later stream is asked for by its id.
pub struct DaemonImage {
    info: ImageInfo,
    archive: Arc<Archive>,
    /// Member of the archive for each layer.
    layers: Vec<String>,
    name: String,
}

impl std::fmt::Debug for DaemonImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DaemonImage({})", self.name)
    }
}

impl DaemonImage {
    /// An image of docker, or of anything that speaks its API, at this socket.
    pub fn docker(socket: &Path, name: &str, choice: &PlatformChoice) -> Result<DaemonImage, SourceError> {
        let (export, named) = engine::open("docker", socket, name)?;
        DaemonImage::read(name, Box::new(export), named, choice)
    }

    /// An image of podman at this socket.
    pub fn podman(socket: &Path, name: &str, choice: &PlatformChoice) -> Result<DaemonImage, SourceError> {
        let (export, named) = engine::open("podman", socket, name)?;
        DaemonImage::read(name, Box::new(export), named, choice)
    }

    /// An image of containerd.
    pub fn containerd(
        containerd: &Containerd,
        name: &str,
        choice: &PlatformChoice,
    ) -> Result<DaemonImage, SourceError> {
        let (export, named) = containerd.open(name)?;
        DaemonImage::read(name, Box::new(export), named, choice)
    }

    fn read(
        name: &str,
        export: Box<dyn Export>,
        named: Named,
        choice: &PlatformChoice,
    ) -> Result<DaemonImage, SourceError> {
        let (archive, info, layers) = Archive::survey(name, export, named, choice)?;
        Ok(DaemonImage { info, archive: Arc::new(archive), layers, name: name.to_owned() })
    }
}

impl ImageSource for DaemonImage {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        let member = self.layers.get(index).ok_or_else(|| {
            error(
                SourceErrorKind::NotFound,
                format!("cannot read layer {index} of `{}`: it has no such layer", self.name),
            )
        })?;
        Ok(Box::new(archive::open(&self.archive, member)?))
    }

    fn stored(&self, _index: usize) -> Stored {
        Stored::Elsewhere
    }
}

/// An error without a cause.
fn error(kind: SourceErrorKind, doing: impl Into<String>) -> SourceError {
    SourceError { doing: doing.into(), kind, cause: None }
}

/// A name that may be handed to a daemon: an image reference, or the (shortened) id of an image. Anything else could reach another part of its API.
fn check_name(name: &str) -> Result<(), SourceError> {
    let id = name.strip_prefix("sha256:").unwrap_or(name);
    let is_id =
        (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_id || name.parse::<ImageRef>().is_ok() {
        return Ok(());
    }
    Err(error(
        SourceErrorKind::Malformed,
        format!("cannot ask a daemon for `{}`: it is no image name", name.escape_debug()),
    ))
}

/// `sha256:HEX`, or the bare hash that podman gives.
fn parse_id(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| format!("sha256:{text}").parse().ok())
}

#[cfg(test)]
mod tests;

//! What every source of an image gives: what the image is, and its layers as bytes.

use std::io::{self, Read};
use std::ops::Range;

use signet_image::lazy::Mark;
use signet_model::{Digest, ImageInfo};

/// Why a source could not give what was asked for. The text names source, layer and offset where they are known.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct SourceError {
    /// What we were doing, to which source: one sentence without a full stop.
    pub doing: String,
    /// The class of the failure, for exit codes and tests.
    pub kind: SourceErrorKind,
    /// The cause.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Classes of failure of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// There is no such thing: file, tag, repository.
    NotFound,
    /// The bytes are not what they should be: a wrong digest, a broken archive.
    Malformed,
    /// Known, and not supported.
    Unsupported,
    /// The network, a socket or the disk failed, or access was refused.
    Unreachable,
    /// A limit was reached.
    TooLarge,
}

/// An image whose manifest and configuration were read and verified, and whose layers can be read.
pub trait ImageSource: Send + Sync {
    /// The image. Layer digests and diffIDs are as the manifest and configuration state them; whoever reads a layer verifies them.
    fn info(&self) -> &ImageInfo;

    /// The bytes of a layer as stored (mostly compressed), from their start. May be called again for the same layer, and from several threads.
    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError>;

    /// Where the bytes of a layer lie, for whoever remembers what they were.
    fn stored(&self, index: usize) -> Stored;

    /// How a layer can be read in parts, if its manifest says that it has a table of contents and its bytes can be had in parts.
    fn in_parts(&self, _index: usize) -> Option<InParts<'_>> {
        None
    }
}

/// Gives a range of a stored layer. **Its bytes are not verified**: a table of contents does that.
pub type OpenPart<'a> = Box<dyn Fn(Range<u64>) -> io::Result<Box<dyn Read + Send>> + 'a>;

/// A layer with a table of contents.
pub struct InParts<'a> {
    /// What the manifest says of the table.
    pub mark: Mark,
    /// Bytes of the stored layer.
    pub size: u64,
    /// Gives its parts.
    pub open: OpenPart<'a>,
}

impl std::fmt::Debug for InParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InParts").field("mark", &self.mark).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Where bytes lie that were verified once, and whether they can have changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Behind a service that is asked for them by their digest.
    Elsewhere,
    /// In a file of this machine that looked like this: a digest over device, inode, size and times of change. Whoever changes the file
    /// changes its `ctime`, which only the machine's owner could set back.
    File(Digest),
    /// It cannot be told: they must be read.
    Unknown,
}

impl Stored {
    /// A file as it looks now.
    pub(crate) fn of(metadata: std::io::Result<std::fs::Metadata>) -> Stored {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(file) = metadata else { return Stored::Unknown };
        let looks = format!(
            "{} {} {} {}.{:09} {}.{:09}",
            file.dev(),
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec(),
            file.ctime(),
            file.ctime_nsec()
        );
        Stored::File(Digest::sha256(looks.as_bytes()))
    }
}

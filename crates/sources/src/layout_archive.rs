//! An OCI image layout in a tar archive that holds something else than an image.

use std::io::Read;
use std::path::Path;

use signet_image::manifest::MAX_MANIFEST_BYTES;
use signet_model::Digest;

use crate::archive::Archive;
use crate::layout::{Blobs, error, read_small};
use crate::{SourceError, SourceErrorKind};

/// The blobs of an archive. Nothing of them is verified here: whoever reads one compares its digest.
#[derive(Debug)]
pub struct LayoutArchive(Archive);

impl LayoutArchive {
    /// Finds the members of an archive.
    pub fn open(path: &Path) -> Result<LayoutArchive, SourceError> {
        Archive::open(path).map(LayoutArchive)
    }

    /// `index.json`, at most as large as a manifest may be.
    pub fn index(&self) -> Result<Vec<u8>, SourceError> {
        let what = format!("`index.json` of {}", self.0.name());
        let Some(index) = self.0.open_member("index.json") else {
            return Err(error(SourceErrorKind::NotFound, format!("there is no {what}")));
        };
        read_small(index?, MAX_MANIFEST_BYTES, &what)
    }

    /// A blob as a stream.
    pub fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, SourceError> {
        self.0.open_blob(digest)
    }
}

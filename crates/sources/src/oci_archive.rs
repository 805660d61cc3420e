//! An OCI image layout in a tar archive.

use std::io::Read;
use std::path::Path;

use signet_image::manifest::MAX_MANIFEST_BYTES;
use signet_model::{Digest, ImageInfo};

use crate::archive::Archive;
use crate::layout::{Blobs, ImageOptions, Selection, error, find_image, read_small};
use crate::{ImageSource, SourceError, SourceErrorKind, Stored};

/// An image in an archive of a layout.
#[derive(Debug)]
pub struct OciArchive {
    archive: Archive,
    info: ImageInfo,
}

impl OciArchive {
    /// Opens the image that is meant: manifest and configuration are read and verified, layers are not.
    pub fn open(path: &Path, selection: Option<&Selection>, options: &ImageOptions) -> Result<OciArchive, SourceError> {
        OciArchive::of(Archive::open(path)?, selection, options)
    }

    pub(crate) fn of(
        archive: Archive,
        selection: Option<&Selection>,
        options: &ImageOptions,
    ) -> Result<OciArchive, SourceError> {
        let what = format!("`index.json` of {}", archive.name());
        let Some(index) = archive.open_member("index.json") else {
            return Err(error(SourceErrorKind::NotFound, format!("there is no {what}")));
        };
        let index = read_small(index?, MAX_MANIFEST_BYTES, &what)?;
        let info = find_image(&archive, &index, selection, options)?;
        Ok(OciArchive { archive, info })
    }
}

impl Blobs for Archive {
    fn name(&self) -> String {
        format!("OCI archive `{}`", self.path().display())
    }

    fn open_blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, SourceError> {
        let path = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        self.open_member(&path).unwrap_or_else(|| {
            Err(error(SourceErrorKind::NotFound, format!("blob {digest} is missing in {}", self.name())))
        })
    }
}

impl ImageSource for OciArchive {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        let digest = self.info.layers.get(index).and_then(|layer| layer.digest).ok_or_else(|| {
            error(SourceErrorKind::NotFound, format!("{} has no layer {}", self.archive.name(), index + 1))
        })?;
        self.archive.open_blob(&digest)
    }

    fn stored(&self, _index: usize) -> Stored {
        self.archive.stored()
    }
}

//! An OCI image layout in a directory. Source: OCI image-spec, `image-layout.md`.

use std::io::Read;
use std::path::{Path, PathBuf};

use signet_image::manifest::MAX_MANIFEST_BYTES;
use signet_model::{Digest, ImageInfo};

use crate::layout::{Blobs, ImageOptions, Selection, caused, error, find_image, io_kind, open_file, read_small};
use crate::{ImageSource, SourceError, SourceErrorKind, Stored};

/// An image in a layout directory.
#[derive(Debug)]
pub struct OciDir {
    blobs: DirBlobs,
    info: ImageInfo,
}

#[derive(Debug)]
struct DirBlobs {
    root: PathBuf,
}

impl OciDir {
    /// Opens the image that is meant: manifest and configuration are read and verified, layers are not.
    pub fn open(path: &Path, selection: Option<&Selection>, options: &ImageOptions) -> Result<OciDir, SourceError> {
        let blobs = DirBlobs { root: path.to_owned() };
        let index = path.join("index.json");
        let doing = || format!("cannot open `index.json` of {}", blobs.name());
        let file = open_file(&index).map_err(|cause| caused(io_kind(&cause), doing(), cause))?;
        let index = read_small(file, MAX_MANIFEST_BYTES, &format!("`index.json` of {}", blobs.name()))?;
        let info = find_image(&blobs, &index, selection, options)?;
        Ok(OciDir { blobs, info })
    }
}

impl DirBlobs {
    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }
}

impl Blobs for DirBlobs {
    fn name(&self) -> String {
        format!("OCI layout `{}`", self.root.display())
    }

    fn open_blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, SourceError> {
        match open_file(&self.path(digest)) {
            Ok(file) => Ok(Box::new(file)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let doing = format!("blob {digest} is missing in {}", self.name());
                Err(error(SourceErrorKind::NotFound, doing))
            }
            Err(cause) => {
                let doing = format!("cannot open blob {digest} of {}", self.name());
                Err(caused(io_kind(&cause), doing, cause))
            }
        }
    }
}

impl ImageSource for OciDir {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        let digest = self.info.layers.get(index).and_then(|layer| layer.digest).ok_or_else(|| {
            error(SourceErrorKind::NotFound, format!("{} has no layer {}", self.blobs.name(), index + 1))
        })?;
        self.blobs.open_blob(&digest)
    }

    fn stored(&self, index: usize) -> Stored {
        let digest = self.info.layers.get(index).and_then(|layer| layer.digest);
        digest.map_or(Stored::Unknown, |digest| Stored::of(std::fs::metadata(self.blobs.path(&digest))))
    }
}

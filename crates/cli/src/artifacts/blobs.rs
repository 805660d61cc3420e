//! The blobs of an OCI image layout: files under `blobs/ALGORITHM/HEX`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use signet_model::{Digest, Hasher};

use super::layout_write::refuse_link;
use crate::output;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// The blobs of a layout.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
}

impl Blobs {
    pub(super) fn of(root: &Path) -> Blobs {
        Blobs { root: root.to_owned() }
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// A blob from its start, unchecked.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File> {
        open(&self.path(digest))
            .with_context(|| format!("cannot read blob {digest} of OCI layout `{}`", self.root.display()))
    }

    /// Whether a blob is there, with the bytes that its name says: a write that broke off, or a disk, may have left others.
    pub(crate) fn holds(&self, digest: &Digest) -> Result<bool> {
        let path = self.path(digest);
        if !path.is_file() {
            return Ok(false);
        }
        let mut file = self.open(digest)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; CHUNK];
        loop {
            let length =
                file.read(&mut buffer).with_context(|| format!("cannot read blob {digest} in `{}`", path.display()))?;
            if length == 0 {
                return Ok(hasher.finish() == *digest);
            }
            hasher.update(buffer.get(..length).unwrap_or_default());
        }
    }

    /// Writes a blob; other bytes than the digest says are not kept. Nothing is written through a link, which may lead out of the layout.
    pub(crate) fn put(&self, digest: &Digest, mut from: impl Read) -> Result<()> {
        if self.holds(digest)? {
            return Ok(());
        }
        let path = self.path(digest);
        let failed = || format!("cannot write blob {digest} of OCI layout `{}`", self.root.display());
        let folder = path.parent().unwrap_or(&self.root);
        for place in [&self.root.join("blobs"), folder, &path] {
            refuse_link(place).with_context(failed)?;
        }
        std::fs::create_dir_all(folder).with_context(failed)?;
        output::replace_with(&path, |sink| {
            let mut hasher = Hasher::new(digest.algorithm());
            let mut buffer = vec![0; CHUNK];
            loop {
                let length = from.read(&mut buffer)?;
                if length == 0 {
                    break;
                }
                let bytes = buffer.get(..length).unwrap_or_default();
                hasher.update(bytes);
                sink.write_all(bytes)?;
            }
            let found = hasher.finish();
            if found == *digest {
                Ok(())
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("its bytes hash to {found}")))
            }
        })
        .with_context(failed)
    }
}

/// Opens a regular file; a pipe in its place would wait for a writer.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"));
    }
    File::open(path)
}

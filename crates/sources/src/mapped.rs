//! Files that are read in place.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::layout::{caused, io_kind};
use crate::{SourceError, SourceErrorKind};

/// A file of which the kernel reads the pages that are looked at. Any number of processes share them.
#[derive(Debug)]
pub struct MappedFile {
    map: Option<memmap2::Mmap>,
}

impl MappedFile {
    /// Maps a regular file for reading. An empty one is an empty slice.
    pub fn open(path: &Path) -> Result<MappedFile, SourceError> {
        let doing = || format!("cannot open `{}`", path.display());
        let file = File::open(path).map_err(|err| caused(io_kind(&err), doing(), err))?;
        let found = file.metadata().map_err(|err| caused(io_kind(&err), doing(), err))?;
        if !found.is_file() {
            let err = std::io::Error::other("it is no regular file");
            return Err(caused(SourceErrorKind::Unsupported, doing(), err));
        }
        if found.len() == 0 {
            return Ok(MappedFile { map: None });
        }
        #[allow(unsafe_code, reason = "the operating system offers no other way to read a file in place")]
        // SAFETY: the map is read-only and lives as long as this value. What the compiler cannot rule out is that another process cuts or changes the file
        // meanwhile: files mapped here are databases, which are replaced by rename and never written in place, and whoever can write them in place is the
        // user. A cut file ends the process with SIGBUS; readers check every access against the length that was mapped.
        let map = unsafe { memmap2::Mmap::map(&file) };
        let map = map.map_err(|err| caused(io_kind(&err), doing(), err))?;
        Ok(MappedFile { map: Some(map) })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_place_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"bytes").unwrap();
        assert_eq!(&*MappedFile::open(&path).unwrap(), b"bytes");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(&*MappedFile::open(&path).unwrap(), b"");
        assert_eq!(MappedFile::open(folder.path()).unwrap_err().kind, SourceErrorKind::Unsupported);
        assert_eq!(MappedFile::open(&folder.path().join("none")).unwrap_err().kind, SourceErrorKind::NotFound);
    }
}

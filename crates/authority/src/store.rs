//! Where a log keeps its files: in memory, or in a directory in which a crash loses nothing that was written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Bytes of one file: 256 entries of 65,535 bytes with their lengths, and some.
const LONGEST: u64 = 17 << 20;

/// Where a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Gone when the process ends.
    Memory,
    /// In this directory, which is made if absent. One process at a time.
    Directory(PathBuf),
}

/// Files by name. Names are made by this crate only, never from a request.
#[derive(Debug)]
pub(crate) enum Store {
    Memory(BTreeMap<String, Vec<u8>>),
    Directory {
        folder: PathBuf,
        /// Held for as long as the store is open.
        _lock: File,
    },
}

impl Store {
    /// Opens a place, and keeps others out of it.
    pub(crate) fn open(place: &Place) -> Result<Self, Error> {
        let Place::Directory(folder) = place else { return Ok(Self::Memory(BTreeMap::new())) };
        fs::create_dir_all(folder).map_err(|err| Error::Io {
            doing: "make the directory",
            path: folder.clone(),
            err,
        })?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|err| Error::Io { doing: "open", path: path.clone(), err })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::Directory { folder: folder.clone(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Io {
                doing: "lock (another process has the log open)",
                path,
                err: ErrorKind::WouldBlock.into(),
            }),
            Err(fs::TryLockError::Error(err)) => Err(Error::Io { doing: "lock", path, err }),
        }
    }

    /// The name of the place in messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Memory(_) => "memory".to_owned(),
            Self::Directory { folder, .. } => folder.display().to_string(),
        }
    }

    /// A file's bytes, if there is one.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Memory(files) => Ok(files.get(name).cloned()),
            Self::Directory { folder, .. } => {
                let path = folder.join(name);
                let failed = |err| Error::Io { doing: "read", path: path.clone(), err };
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
                    Err(err) => return Err(failed(err)),
                };
                let mut bytes = Vec::new();
                file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
                if bytes.len() as u64 > LONGEST {
                    return Err(Error::Damaged { place: self.place(), found: format!("`{name}` is too long") });
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Writes a file whole: when this returns, it is on the disk under its name, or the name is as it was.
    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Memory(files) => {
                files.insert(name.to_owned(), bytes.to_vec());
                Ok(())
            }
            Self::Directory { folder, .. } => {
                let path = folder.join(name);
                let parent = path.parent().unwrap_or(Path::new("."));
                let failed = |err| Error::Io { doing: "write", path: path.clone(), err };
                fs::create_dir_all(parent).map_err(failed)?;
                let mut part = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
                part.write_all(bytes).map_err(failed)?;
                part.as_file().sync_all().map_err(failed)?;
                part.persist(&path).map_err(|err| failed(err.error))?;
                // The name lives in the directory.
                File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
            }
        }
    }

    /// Forgets a file that nothing needs any more. If that fails the file stays and does no harm.
    pub(crate) fn forget(&mut self, name: &str) {
        match self {
            Self::Memory(files) => {
                files.remove(name);
            }
            Self::Directory { folder, .. } => {
                let _gone = fs::remove_file(folder.join(name));
            }
        }
    }
}

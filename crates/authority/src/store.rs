//! Where a log keeps its files: in memory, or in a directory in which a crash loses nothing that was written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
        Ok(Self::Directory { folder: folder.clone(), _lock: lock(folder)? })
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
        #[cfg(test)]
        READS.set(READS.get() + 1);
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
                let parent = above(&path);
                let failed = |err| Error::Io { doing: "write", path: path.clone(), err };
                make_directory(parent).map_err(failed)?;
                let mut part = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
                part.write_all(bytes).map_err(failed)?;
                part.as_file().sync_all().map_err(failed)?;
                part.persist(&path).map_err(|err| failed(err.error))?;
                // The name lives in the directory.
                sync(parent).map_err(failed)
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

#[cfg(test)]
thread_local! {
    /// Files that this thread has asked for.
    pub(crate) static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often a lock that somebody holds is tried again, and after what pause: a second in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Makes a directory ours for as long as the file is kept, which is closed by the system when the process ends, however that is.
pub(crate) fn lock(folder: &Path) -> Result<File, Error> {
    make_directory(folder).map_err(|err| Error::Io { doing: "make the directory", path: folder.to_owned(), err })?;
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(|err| Error::Io { doing: "open", path: path.clone(), err })?;
    // A process that is being started holds copies of our files for a moment, a lock that was just let go among them.
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::Error(err)) => return Err(Error::Io { doing: "lock", path, err }),
        }
    }
    Err(Error::Io { doing: "lock (another process has it open)", path, err: ErrorKind::WouldBlock.into() })
}

/// Whether there is something at a path, a link that leads nowhere included. What cannot be looked at is not taken for absent.
pub(crate) fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
        Err(err) => Err(Error::Io { doing: "look at", path: path.to_owned(), err }),
    }
}

/// Makes a directory and what is missing above it, each name on the disk when this returns: what is synced below a name that is lost is lost with it.
pub(crate) fn make_directory(folder: &Path) -> std::io::Result<()> {
    for missing in missing(folder) {
        match fs::create_dir(&missing) {
            Ok(()) => {}
            // Somebody else made it meanwhile; whether their name is on the disk, only a sync tells.
            Err(err) if err.kind() == ErrorKind::AlreadyExists && missing.is_dir() => {}
            Err(err) => return Err(err),
        }
        sync(above(&missing))?;
    }
    Ok(())
}

/// The directory and those above it that are not there, the topmost first.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .map(Path::to_owned)
        .collect();
    list.reverse();
    list
}

/// The directory in which the name of a path lives.
fn above(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The names in a directory are on the disk when this returns.
fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_from_the_top() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        let names: Vec<PathBuf> = ["a", "a/b", "a/b/c"].iter().map(|name| root.path().join(name)).collect();
        assert_eq!(missing(&deep), names);
        // Every directory in which a name is new is one that is synced.
        assert_eq!(names.iter().map(|name| above(name)).collect::<Vec<_>>(), [root.path(), &names[0], &names[1]]);
        make_directory(&deep).unwrap();
        assert!(deep.is_dir() && missing(&deep).is_empty());
        make_directory(&deep).unwrap();
        assert_eq!(above(Path::new("a")), Path::new("."));
        std::fs::write(deep.join("file"), b"").unwrap();
        make_directory(&deep.join("file/d")).unwrap_err();
    }

    #[test]
    fn only_what_is_not_found_is_absent() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        assert!(!is_there(&path).unwrap());
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(is_there(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"").unwrap();
        assert!(is_there(&path).unwrap());
        // A file where a directory must be: nobody can say what would be in it.
        let err = is_there(&path.join("start")).unwrap_err();
        assert!(err.to_string().contains("look at"), "{err}");
    }

    #[test]
    fn a_directory_has_one_owner() {
        let root = tempfile::tempdir().unwrap();
        let first = lock(&root.path().join("new")).unwrap();
        let err = lock(&root.path().join("new")).unwrap_err();
        assert!(err.to_string().contains("another process has it open"), "{err}");
        drop(first);
        lock(&root.path().join("new")).unwrap();
    }
}

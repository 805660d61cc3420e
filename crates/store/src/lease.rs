//! Who works on what: one lock file per layer, so that of two scans at the same time one reads the layer and the other takes its record.
//!
//! A lease only saves work. It is an advisory lock of the system (`flock`), which the system takes back when its holder dies, however it dies; a file
//! that is left behind means nothing. Whoever waited long enough goes on without.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use signet_model::Digest;

/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The leases of all processes that share a directory.
#[derive(Clone, Debug)]
pub struct Leases {
    directory: PathBuf,
}

/// Held until it is dropped, or its process ends.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _file: File,
}

impl Leases {
    /// Leases in this directory. It is made when the first is taken.
    pub fn new(directory: &Path) -> Leases {
        Leases { directory: directory.to_owned() }
    }

    /// Takes the lease of a layer, and waits for it at most about so long. `None`: somebody else holds it still.
    ///
    /// Errors: the directory cannot be written, or its file system knows no locks.
    pub fn take(&self, digest: &Digest, wait: Duration) -> io::Result<Option<Lease>> {
        std::fs::create_dir_all(&self.directory)?;
        let path = self.directory.join(format!("{}-{}", digest.algorithm().name(), digest.hex()));
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_millis(2);
        loop {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            match file.try_lock() {
                // The one before removed its file when it was done; a lock on that file would keep nobody out.
                Ok(()) if is_at(&file, &path)? => return Ok(Some(Lease { path, _file: file })),
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(err)) => return Err(err),
            }
            if waited >= wait {
                return Ok(None);
            }
            std::thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether the file is still the one at its path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((held.dev(), held.ino()) == (there.dev(), there.ino())),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // While the lock is held, so that nobody's file but ours is removed. One that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_works_and_the_others_wait() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(&directory.path().join("deep/leases"));
        let (inside, done) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let lease = leases.take(&Digest::sha256(b"a"), LONG).unwrap().unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold one lease");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                        drop(lease);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 160);
        assert_eq!(
            std::fs::read_dir(directory.path().join("deep/leases")).unwrap().count(),
            0,
            "nothing is left behind"
        );
    }

    #[test]
    fn waiting_has_an_end_and_what_is_left_behind_blocks_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(directory.path());
        let held = leases.take(&Digest::sha256(b"a"), LONG).unwrap().unwrap();
        assert!(leases.take(&Digest::sha256(b"a"), Duration::from_millis(20)).unwrap().is_none());
        assert!(leases.take(&Digest::sha256(b"b"), Duration::ZERO).unwrap().is_some(), "another layer");
        drop(held);
        // As a process that was killed leaves it.
        std::fs::write(directory.path().join(format!("sha256-{}", Digest::sha256(b"a").hex())), "").unwrap();
        assert!(leases.take(&Digest::sha256(b"a"), Duration::ZERO).unwrap().is_some());
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Leases::new(&file).take(&Digest::sha256(b"a"), LONG).is_err());
    }
}

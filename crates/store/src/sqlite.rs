//! The embedded store: one SQLite file, write-ahead log, any number of readers beside one writer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use signet_model::Digest;

use crate::{RecordKey, Store, StoreError};

/// Each entry brings a database from the schema of its place to the next. Entries are only added: two neighbouring versions run side by side,
/// so a change first adds, and a later version removes.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE record (
        kind    TEXT    NOT NULL,
        blob    TEXT    NOT NULL DEFAULT '',
        digest  TEXT    NOT NULL,
        version INTEGER NOT NULL,
        sha256  BLOB    NOT NULL,
        size    INTEGER NOT NULL,
        body    BLOB    NOT NULL,
        PRIMARY KEY (kind, digest, blob, version)
    ) WITHOUT ROWID;
"];

/// Largest record that is restored, in bytes. Ours are a few megabytes; more is damage.
const MAX_RECORD: usize = 512 << 20;

/// Longest wait for somebody else who writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to open it.
const PAUSE: Duration = Duration::from_millis(5);

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Mutex<Connection>,
}

impl SqliteStore {
    /// Opens the store, makes the file and its directory if they are missing, and brings the schema up to date.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|err| StoreError::Directory { path: parent.to_owned(), err })?;
        }
        // SQLite waits for a lock by itself, but not while it changes the journal of a file that others have open too, as those who make a store at
        // the same time do: it says at once that the file is busy.
        let mut waited = Duration::ZERO;
        loop {
            match Self::open_now(path) {
                Err(StoreError::Open { err, .. }) if is_busy(&err) && waited < PATIENCE => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                result => return result,
            }
        }
    }

    fn open_now(path: &Path) -> Result<SqliteStore, StoreError> {
        let open = |err| StoreError::Open { path: path.to_owned(), err };
        let connection = Connection::open(path).map_err(open)?;
        connection.busy_timeout(PATIENCE).map_err(open)?;
        Self::prepare(connection, path)
    }

    /// A store that lives as long as the value.
    pub fn in_memory() -> Result<SqliteStore, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|err| StoreError::Open { path: path.clone(), err })?;
        Self::prepare(connection, &path)
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<SqliteStore, StoreError> {
        let open = |err| StoreError::Open { path: path.to_owned(), err };
        connection.pragma_update(None, "journal_mode", "wal").map_err(open)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(open)?;
        let schema =
            |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        let known = MIGRATIONS.len() as i64;
        let found = schema(&connection).map_err(open)?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        if found < known {
            // Another process may have migrated while we waited for the lock: look again inside the transaction.
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(open)?;
            let found = schema(&transaction).map_err(open)?;
            for (place, migration) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
                transaction.execute_batch(migration).map_err(open)?;
                transaction.pragma_update(None, "user_version", place as i64 + 1).map_err(open)?;
            }
            transaction.commit().map_err(open)?;
        }
        Ok(SqliteStore { connection: Mutex::new(connection) })
    }
}

/// Whether somebody else only holds the file just now.
fn is_busy(err: &rusqlite::Error) -> bool {
    matches!(err.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Kind, blob and digest columns of a key.
fn columns(key: &RecordKey) -> (&'static str, String, String) {
    match key {
        RecordKey::Layer { blob, diff_id } => {
            ("layer", blob.map(|digest| digest.to_string()).unwrap_or_default(), diff_id.to_string())
        }
        RecordKey::LayerInParts { blob, toc } => ("parts", blob.to_string(), toc.to_string()),
        RecordKey::Image { digest } => ("image", String::new(), digest.to_string()),
        RecordKey::File { looks } => ("file", String::new(), looks.to_string()),
    }
}

impl Store for SqliteStore {
    fn get(&self, key: &RecordKey, version: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let (kind, blob, digest) = columns(key);
        let row: Option<(Vec<u8>, i64, Vec<u8>)> = {
            let connection = self.connection.lock();
            let mut statement = connection
                .prepare("SELECT sha256, size, body FROM record WHERE kind = ?1 AND digest = ?2 AND blob = ?3 AND version = ?4")
                .map_err(|err| StoreError::Statement { doing: "look a record up", err })?;
            statement
                .query_row(params![kind, digest, blob, version], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(|err| StoreError::Statement { doing: "look a record up", err })?
        };
        let Some((sha256, size, body)) = row else { return Ok(None) };
        // A damaged record is as good as none: it is made again from the bytes that it is about.
        let Ok(size) = usize::try_from(size) else { return Ok(None) };
        if size > MAX_RECORD {
            return Ok(None);
        }
        let Ok(record) = zstd::bulk::decompress(&body, size) else { return Ok(None) };
        Ok((Digest::sha256(&record).as_bytes() == sha256).then_some(record))
    }

    fn put(&self, key: &RecordKey, version: u32, record: &[u8]) -> Result<(), StoreError> {
        let (kind, blob, digest) = columns(key);
        let body = zstd::bulk::compress(record, 1).map_err(|err| StoreError::Codec { doing: "compress", err })?;
        let connection = self.connection.lock();
        connection
            .execute(
                "INSERT OR REPLACE INTO record (kind, blob, digest, version, sha256, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![kind, blob, digest, version, Digest::sha256(record).as_bytes(), record.len() as i64, body],
            )
            .map_err(|err| StoreError::Statement { doing: "keep a record", err })?;
        Ok(())
    }

    fn prune(&self, version: u32) -> Result<u64, StoreError> {
        let connection = self.connection.lock();
        let removed = connection
            .execute("DELETE FROM record WHERE version <> ?1", params![version])
            .map_err(|err| StoreError::Statement { doing: "remove old records", err })?;
        Ok(removed as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &[u8]) -> RecordKey {
        RecordKey::Layer { blob: Some(Digest::sha256(name)), diff_id: Digest::sha256(&[name, b"tar"].concat()) }
    }

    #[test]
    fn what_was_put_comes_back_by_its_key_and_version_only() {
        let store = SqliteStore::in_memory().unwrap();
        store.put(&layer(b"a"), 1, b"record").unwrap();
        assert_eq!(store.get(&layer(b"a"), 1).unwrap().as_deref(), Some(&b"record"[..]));
        assert_eq!(store.get(&layer(b"a"), 2).unwrap(), None, "another catalog version");
        assert_eq!(store.get(&layer(b"b"), 1).unwrap(), None, "another layer");
        let RecordKey::Layer { diff_id, .. } = layer(b"a") else { unreachable!("because layer() makes one") };
        assert_eq!(
            store.get(&RecordKey::Layer { blob: Some(Digest::sha256(b"other blob")), diff_id }, 1).unwrap(),
            None,
            "the same diffID claimed for another blob was never verified"
        );
        let RecordKey::Layer { blob: Some(blob), .. } = layer(b"a") else { unreachable!("because layer() makes one") };
        assert_eq!(store.get(&RecordKey::LayerInParts { blob, toc: diff_id }, 1).unwrap(), None, "read in parts");
        store.put(&layer(b"a"), 1, b"newer").unwrap();
        assert_eq!(store.get(&layer(b"a"), 1).unwrap().as_deref(), Some(&b"newer"[..]));
        store.put(&layer(b"a"), 2, b"next").unwrap();
        assert_eq!(store.prune(2).unwrap(), 1);
        assert_eq!(store.get(&layer(b"a"), 1).unwrap(), None);
    }

    #[test]
    fn a_changed_record_is_not_returned() {
        let store = SqliteStore::in_memory().unwrap();
        store.put(&layer(b"a"), 1, b"record").unwrap();
        let forged = zstd::bulk::compress(b"forged", 1).unwrap();
        store.connection.lock().execute("UPDATE record SET body = ?1", params![forged]).unwrap();
        assert_eq!(store.get(&layer(b"a"), 1).unwrap(), None);
        store.connection.lock().execute("UPDATE record SET body = x'00', size = -1", []).unwrap();
        assert_eq!(store.get(&layer(b"a"), 1).unwrap(), None);
    }

    #[test]
    fn those_who_make_the_store_at_the_same_time_all_get_it() {
        const OPENERS: usize = 8;
        for _ in 0..40 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("store.db");
            let start = std::sync::Barrier::new(OPENERS);
            std::thread::scope(|scope| {
                for place in 0..OPENERS {
                    let (start, path) = (&start, &path);
                    scope.spawn(move || {
                        start.wait();
                        let store = SqliteStore::open(path).unwrap();
                        store.put(&layer(&[place as u8]), 1, b"record").unwrap();
                        assert!(store.get(&layer(&[place as u8]), 1).unwrap().is_some());
                    });
                }
            });
        }
    }

    #[test]
    fn two_processes_share_one_file_and_a_newer_schema_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/store.db");
        let first = SqliteStore::open(&path).unwrap();
        let second = SqliteStore::open(&path).unwrap();
        first.put(&layer(b"a"), 1, b"record").unwrap();
        assert_eq!(second.get(&layer(b"a"), 1).unwrap().as_deref(), Some(&b"record"[..]));
        first.connection.lock().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Newer { found: 99, .. })));
    }
}

//! The emergency stop: what is blocked, by whom, since when and why. One small SQLite file that gates share.
//!
//! Blocks are no cache. A row that was acknowledged survives a loss of power, and whoever reads gets all rows or an error: a file that is damaged, empty
//! or of another kind is never a list without blocks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};
use signet_model::{Digest, Timestamp};

/// Each entry brings a file to the next schema. Entries are only added.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE signet_schema (
        -- The oldest schema whose programs understand this file. A change that only adds leaves it as it is.
        oldest INTEGER NOT NULL
    );
    INSERT INTO signet_schema (oldest) VALUES (1);
    CREATE TABLE block (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        kind     TEXT    NOT NULL,
        target   TEXT    NOT NULL,
        issuer   TEXT    NOT NULL DEFAULT '',
        reason   TEXT    NOT NULL,
        author   TEXT    NOT NULL,
        made_at  INTEGER NOT NULL,
        until    INTEGER,
        children TEXT    NOT NULL DEFAULT '',
        UNIQUE (kind, target, issuer)
    );
"];

/// Names the file as one of ours: `SiBl`.
const APPLICATION: i64 = 0x5369_426c;

/// Blocks that a file may hold.
const MOST: usize = 10_000;
/// Manifests of one index.
const MOST_CHILDREN: usize = 10_000;
/// Bytes of a text.
const LONGEST: usize = 4096;

/// Longest wait for somebody else who writes.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is blocked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockTarget {
    /// A manifest or index.
    Digest(Digest),
    /// A key, by the SHA-256 of its DER `SubjectPublicKeyInfo`.
    Key(Digest),
    /// An identity: patterns in which `*` is any text.
    Identity {
        /// Who vouches for it.
        issuer: String,
        /// The identity.
        subject: String,
    },
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What.
    pub target: BlockTarget,
    /// Why; empty if nobody said.
    pub reason: String,
    /// Who blocked it.
    pub by: String,
    /// When; whole seconds.
    pub at: Timestamp,
    /// It holds no more from here on.
    pub until: Option<Timestamp>,
    /// Of an index: the manifests that it holds, as far as they could be found out.
    pub children: Vec<Digest>,
}

/// Why the blocks cannot be told. A caller must not go on as if there were none.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    /// There is no file.
    #[error("there is no list of blocks at `{path}`")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The directory cannot be made.
    #[error("cannot make the directory `{path}` of the list of blocks")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        err: std::io::Error,
    },
    /// The file cannot be looked at.
    #[error("cannot look at the list of blocks `{path}`")]
    Look {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        err: std::io::Error,
    },
    /// The database says no.
    #[error("cannot {doing} the list of blocks `{path}`")]
    Database {
        /// What we were doing.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        err: rusqlite::Error,
    },
    /// It is something else.
    #[error("`{path}` is no list of blocks: {why}")]
    Other {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Only a newer Signet understands it.
    #[error(
        "the list of blocks `{path}` is for Signet of schema {oldest} or newer, and this one knows up to {known}: use the newer Signet"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The oldest schema that understands it.
        oldest: i64,
        /// The newest that we know.
        known: i64,
    },
    /// A block that cannot be kept.
    #[error("the block cannot be kept: {0}")]
    Refused(String),
}

/// Keeps what is blocked.
pub trait Blocks: Send + Sync {
    /// Blocks something. What is blocked already keeps the manifests that are known of it, and gets this reason, author and end.
    fn block(&self, block: &Block) -> Result<(), BlocksError>;
    /// Takes a block back; whether there was one.
    fn unblock(&self, target: &BlockTarget) -> Result<bool, BlocksError>;
    /// All blocks, also those whose time is over, in the order in which they were made.
    fn blocks(&self) -> Result<Vec<Block>, BlocksError>;
}

/// Blocks in one SQLite file.
#[derive(Debug)]
pub struct SqliteBlocks {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteBlocks {
    /// Opens the file to write, and makes it if it is missing.
    pub fn make(path: &Path) -> Result<SqliteBlocks, BlocksError> {
        if let Some(parent) = path.parent() {
            let directory = |err| BlocksError::Directory { path: parent.to_owned(), err };
            std::fs::create_dir_all(parent).map_err(directory)?;
        }
        let database = |err| BlocksError::Database { doing: "open", path: path.to_owned(), err };
        let mut connection = Connection::open(path).map_err(database)?;
        connection.busy_timeout(PATIENCE).map_err(database)?;
        // A rollback journal, so that those may read who may not write the directory; and an acknowledged block is on the disk.
        connection.pragma_update(None, "synchronous", "full").map_err(database)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let found = number(&transaction, "PRAGMA user_version").map_err(database)?;
        if found == 0 {
            let tables = number(&transaction, "SELECT count(*) FROM sqlite_master").map_err(database)?;
            if tables > 0 {
                return Err(BlocksError::Other { path: path.to_owned(), why: "it is another database".to_owned() });
            }
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(database)?;
        } else {
            understood(&transaction, path)?;
        }
        for (place, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(migration).map_err(database)?;
            transaction.pragma_update(None, "user_version", place as i64 + 1).map_err(database)?;
        }
        transaction.commit().map_err(database)?;
        Ok(SqliteBlocks { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Opens a file that is there, to read. Nothing is made and nothing is changed.
    ///
    /// Errors: there is none, or it is no list of blocks.
    pub fn open(path: &Path) -> Result<SqliteBlocks, BlocksError> {
        match std::fs::metadata(path) {
            Ok(_) => {}
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                return Err(BlocksError::Absent { path: path.to_owned() });
            }
            Err(err) => return Err(BlocksError::Look { path: path.to_owned(), err }),
        }
        let database = |err| BlocksError::Database { doing: "open", path: path.to_owned(), err };
        // To write where that is allowed: what a writer left half done when it died is taken back by who reads next.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(database)?;
        connection.busy_timeout(PATIENCE).map_err(database)?;
        connection.pragma_update(None, "query_only", true).map_err(database)?;
        understood(&connection, path)?;
        Ok(SqliteBlocks { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    fn database(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> BlocksError + '_ {
        move |err| BlocksError::Database { doing, path: self.path.clone(), err }
    }
}

fn number(connection: &Connection, query: &str) -> rusqlite::Result<i64> {
    connection.query_row(query, [], |row| row.get(0))
}

/// Refuses what is no list of blocks that this program understands. An empty file is a database without tables, and no list without blocks.
fn understood(connection: &Connection, path: &Path) -> Result<(), BlocksError> {
    let database = |err| BlocksError::Database { doing: "read", path: path.to_owned(), err };
    let application = number(connection, "PRAGMA application_id").map_err(database)?;
    let found = number(connection, "PRAGMA user_version").map_err(database)?;
    if application != APPLICATION || found < 1 {
        let why = "it does not begin as one".to_owned();
        return Err(BlocksError::Other { path: path.to_owned(), why });
    }
    let oldest = number(connection, "SELECT max(oldest) FROM signet_schema").map_err(database)?;
    let known = MIGRATIONS.len() as i64;
    if oldest > known {
        return Err(BlocksError::Newer { path: path.to_owned(), oldest, known });
    }
    Ok(())
}

/// Kind, target and issuer columns.
fn columns(target: &BlockTarget) -> (&'static str, String, &str) {
    match target {
        BlockTarget::Digest(digest) => ("digest", digest.to_string(), ""),
        BlockTarget::Key(key) => ("key", key.to_string(), ""),
        BlockTarget::Identity { issuer, subject } => ("identity", subject.clone(), issuer),
    }
}

/// A row as it lies there.
struct Row {
    id: i64,
    kind: String,
    target: String,
    issuer: String,
    reason: String,
    author: String,
    made_at: i64,
    until: Option<i64>,
    children: String,
}

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            id: row.get(0)?,
            kind: row.get(1)?,
            target: row.get(2)?,
            issuer: row.get(3)?,
            reason: row.get(4)?,
            author: row.get(5)?,
            made_at: row.get(6)?,
            until: row.get(7)?,
            children: row.get(8)?,
        })
    }

    /// What it says. A row that cannot be understood blocks something that we do not know.
    fn block(self) -> Result<Block, String> {
        let digest = |text: &str| text.parse::<Digest>().map_err(|err| format!("block {}: `{text}`: {err}", self.id));
        let time = |seconds| Timestamp::from_second(seconds).map_err(|err| format!("block {}: {err}", self.id));
        let target = match self.kind.as_str() {
            "digest" => BlockTarget::Digest(digest(&self.target)?),
            "key" => BlockTarget::Key(digest(&self.target)?),
            "identity" => BlockTarget::Identity { issuer: self.issuer.clone(), subject: self.target.clone() },
            other => return Err(format!("block {} is of the kind `{other}`, which is not known here", self.id)),
        };
        Ok(Block {
            target,
            at: time(self.made_at)?,
            until: self.until.map(time).transpose()?,
            children: self.children.split_whitespace().map(digest).collect::<Result<_, _>>()?,
            reason: self.reason,
            by: self.author,
        })
    }
}

const SELECT: &str = "SELECT id, kind, target, issuer, reason, author, made_at, until, children FROM block";

impl Blocks for SqliteBlocks {
    fn block(&self, block: &Block) -> Result<(), BlocksError> {
        let (kind, target, issuer) = columns(&block.target);
        let longest = [target.len(), issuer.len(), block.reason.len(), block.by.len()].into_iter().max().unwrap_or(0);
        if longest > LONGEST {
            return Err(BlocksError::Refused(format!("a text of it is longer than {LONGEST} bytes")));
        }
        if target.is_empty() {
            return Err(BlocksError::Refused("it names nothing".to_owned()));
        }
        let database = self.database("write");
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&database)?;
        let known: Option<String> = transaction
            .query_row(
                "SELECT children FROM block WHERE kind = ?1 AND target = ?2 AND issuer = ?3",
                params![kind, target, issuer],
                |row| row.get(0),
            )
            .optional()
            .map_err(&database)?;
        let count = number(&transaction, "SELECT count(*) FROM block").map_err(&database)?;
        if known.is_none() && count >= MOST as i64 {
            return Err(BlocksError::Refused(format!("there are {MOST} blocks already: remove some")));
        }
        // The registry may have been away this time: what was found out before stays.
        let mut children: Vec<String> =
            known.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
        children.extend(block.children.iter().map(Digest::to_string));
        children.sort();
        children.dedup();
        if children.len() > MOST_CHILDREN {
            return Err(BlocksError::Refused(format!("the index holds more than {MOST_CHILDREN} manifests")));
        }
        transaction
            .execute(
                "INSERT INTO block (kind, target, issuer, reason, author, made_at, until, children)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (kind, target, issuer) DO UPDATE SET
                 reason = ?4, author = ?5, made_at = ?6, until = ?7, children = ?8",
                params![
                    kind,
                    target,
                    issuer,
                    block.reason,
                    block.by,
                    block.at.as_second(),
                    block.until.map(Timestamp::as_second),
                    children.join("\n"),
                ],
            )
            .map_err(&database)?;
        transaction.commit().map_err(&database)
    }

    fn unblock(&self, target: &BlockTarget) -> Result<bool, BlocksError> {
        let (kind, target, issuer) = columns(target);
        let connection = self.connection.lock();
        let removed = connection
            .execute("DELETE FROM block WHERE kind = ?1 AND target = ?2 AND issuer = ?3", params![kind, target, issuer])
            .map_err(self.database("write"))?;
        Ok(removed > 0)
    }

    fn blocks(&self) -> Result<Vec<Block>, BlocksError> {
        let database = self.database("read");
        let connection = self.connection.lock();
        let mut statement = connection.prepare(&format!("{SELECT} ORDER BY id LIMIT ?1")).map_err(&database)?;
        let rows = statement.query_map(params![MOST as i64 + 1], Row::of).map_err(&database)?;
        let mut found = Vec::new();
        for row in rows {
            let block = row.map_err(&database)?.block();
            found.push(block.map_err(|why| BlocksError::Other { path: self.path.clone(), why })?);
        }
        if found.len() > MOST {
            let why = format!("it holds more than {MOST} blocks");
            return Err(BlocksError::Other { path: self.path.clone(), why });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str) -> Block {
        Block {
            target: BlockTarget::Digest(Digest::sha256(name.as_bytes())),
            reason: format!("because of {name}"),
            by: "anna".to_owned(),
            at: Timestamp::from_second(1_768_521_600).unwrap(),
            until: None,
            children: Vec::new(),
        }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/blocks.db");
        (directory, path)
    }

    #[test]
    fn what_is_blocked_is_read_until_it_is_taken_back() {
        let (_directory, path) = file();
        assert!(matches!(SqliteBlocks::open(&path), Err(BlocksError::Absent { .. })));
        let writer = SqliteBlocks::make(&path).unwrap();
        let reader = SqliteBlocks::open(&path).unwrap();
        assert_eq!(reader.blocks().unwrap(), Vec::new());
        let key = Block { target: BlockTarget::Key(Digest::sha256(b"a")), ..block("a") };
        let who = BlockTarget::Identity { issuer: "*".to_owned(), subject: "anna@example.com".to_owned() };
        let identity =
            Block { target: who.clone(), until: Some(Timestamp::from_second(1_800_000_000).unwrap()), ..block("b") };
        for one in [&block("a"), &key, &identity] {
            writer.block(one).unwrap();
        }
        assert_eq!(reader.blocks().unwrap(), [block("a"), key.clone(), identity]);
        let other = BlockTarget::Identity { issuer: "https://x".to_owned(), subject: "anna@example.com".to_owned() };
        assert!(!writer.unblock(&other).unwrap(), "another issuer is another block");
        assert!(writer.unblock(&who).unwrap());
        assert!(!writer.unblock(&who).unwrap());
        assert_eq!(reader.blocks().unwrap(), [block("a"), key]);
        assert!(SqliteBlocks::open(&path).unwrap().block(&block("c")).is_err(), "who reads does not write");
    }

    #[test]
    fn what_is_known_of_an_index_stays_known() {
        let (_directory, path) = file();
        let store = SqliteBlocks::make(&path).unwrap();
        let children = vec![Digest::sha256(b"one"), Digest::sha256(b"two")];
        store.block(&Block { children: children.clone(), ..block("a") }).unwrap();
        store.block(&Block { reason: "again".to_owned(), ..block("a") }).unwrap();
        let [found] = store.blocks().unwrap().try_into().unwrap();
        assert_eq!(found.reason, "again");
        assert_eq!(found.children.len(), 2, "the second time the registry was away");
        assert!(children.iter().all(|child| found.children.contains(child)));
    }

    #[test]
    fn what_is_no_list_of_blocks_is_never_an_empty_one() {
        let (_directory, path) = file();
        drop(SqliteBlocks::make(&path).unwrap());
        let good = std::fs::read(&path).unwrap();
        for bytes in [&b""[..], b"not a database", good.get(..2048).unwrap()] {
            std::fs::write(&path, bytes).unwrap();
            let found = SqliteBlocks::open(&path).and_then(|store| store.blocks());
            assert!(found.is_err(), "{} bytes: {found:?}", bytes.len());
        }
        // A database of something else.
        std::fs::remove_file(&path).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE block (id INTEGER); PRAGMA user_version = 1")
            .unwrap();
        assert!(matches!(SqliteBlocks::open(&path), Err(BlocksError::Other { .. })));
        assert!(matches!(SqliteBlocks::make(&path), Err(BlocksError::Other { .. })));
    }

    #[test]
    fn a_row_that_cannot_be_understood_is_an_error() {
        for change in [
            "kind = 'galaxy'",
            "target = 'sha256:00'",
            "children = 'x'",
            "made_at = 9223372036854775807",
            "made_at = 'x'",
        ] {
            let (_directory, path) = file();
            let store = SqliteBlocks::make(&path).unwrap();
            store.block(&block("a")).unwrap();
            store.connection.lock().execute(&format!("UPDATE block SET {change}"), []).unwrap();
            assert!(store.blocks().is_err(), "{change}");
        }
    }

    #[test]
    fn a_newer_file_is_read_as_long_as_it_says_that_it_can_be() {
        let (_directory, path) = file();
        let store = SqliteBlocks::make(&path).unwrap();
        store.block(&block("a")).unwrap();
        let change = |text: &str| store.connection.lock().execute_batch(text).unwrap();
        change("ALTER TABLE block ADD COLUMN more TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2");
        assert_eq!(SqliteBlocks::open(&path).unwrap().blocks().unwrap().len(), 1);
        SqliteBlocks::make(&path).unwrap().block(&block("b")).unwrap();
        change("UPDATE signet_schema SET oldest = 2");
        assert!(matches!(SqliteBlocks::open(&path), Err(BlocksError::Newer { .. })));
        assert!(matches!(SqliteBlocks::make(&path), Err(BlocksError::Newer { .. })));
    }

    #[test]
    fn many_write_at_the_same_time_and_nothing_is_lost() {
        let (_directory, path) = file();
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (start, path) = (&start, &path);
                scope.spawn(move || {
                    start.wait();
                    let store = SqliteBlocks::make(path).unwrap();
                    for number in 0..10 {
                        store.block(&block(&format!("{writer}-{number}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(SqliteBlocks::open(&path).unwrap().blocks().unwrap().len(), 80);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let (_directory, path) = file();
        let store = SqliteBlocks::make(&path).unwrap();
        assert!(store.block(&Block { reason: "x".repeat(LONGEST + 1), ..block("a") }).is_err());
        let nobody = BlockTarget::Identity { issuer: "*".to_owned(), subject: String::new() };
        assert!(store.block(&Block { target: nobody, ..block("a") }).is_err());
        assert_eq!(store.blocks().unwrap(), Vec::new());
    }
}

//! What was found out about digests, so that a gate that starts again need not ask registries and logs again.
//!
//! A row is found only by digest, policies, trust and question together, never by a tag. It comes with the MAC that its maker gave it: this room keeps
//! both and believes neither; who reads a row checks its MAC. The file is a cache: losing it loses time and nothing else.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use signet_model::{Digest, Timestamp};

use crate::StoreError;

/// Each entry brings a file to the next schema. Entries are only added; a file of a newer schema is left alone.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE decision (
        digest   TEXT    NOT NULL,
        policies TEXT    NOT NULL,
        trust    TEXT    NOT NULL,
        question TEXT    NOT NULL,
        until    INTEGER NOT NULL,
        mac      BLOB    NOT NULL,
        body     BLOB    NOT NULL,
        PRIMARY KEY (digest, policies, trust, question)
    ) WITHOUT ROWID;
    CREATE INDEX decision_until ON decision (until);
"];

/// Longest answer that is kept, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Answers that are kept; those that end first go first.
const MOST: i64 = 50_000;
/// Longest wait for somebody else who writes. It is a cache: who waits longer goes without.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionKey {
    /// The manifest or index.
    pub digest: Digest,
    /// All policies.
    pub policies: Digest,
    /// What signatures were verified with.
    pub trust: Digest,
    /// The question, by the digest of its text.
    pub question: Digest,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDecision {
    /// It counts no more from here on; whole seconds.
    pub until: Timestamp,
    /// Its maker's MAC over key, time and answer.
    pub mac: Vec<u8>,
    /// The answer.
    pub body: Vec<u8>,
}

/// Keeps answers.
pub trait Decisions: Send + Sync {
    /// The answer, if one is kept that is not over. Its MAC was not checked.
    fn recall(&self, key: &DecisionKey, now: Timestamp) -> Result<Option<KeptDecision>, StoreError>;
    /// Keeps an answer; an older one of the same key is replaced. One that is too long is not kept.
    fn keep(&self, key: &DecisionKey, decision: &KeptDecision, now: Timestamp) -> Result<(), StoreError>;
}

/// Answers in one SQLite file.
#[derive(Debug)]
pub struct SqliteDecisions {
    connection: Mutex<Connection>,
}

impl SqliteDecisions {
    /// Opens the file, makes it and its directory if they are missing, and brings the schema up to date.
    pub fn open(path: &Path) -> Result<SqliteDecisions, StoreError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|err| StoreError::Directory { path: parent.to_owned(), err })?;
        }
        let open = |err| StoreError::Open { path: path.to_owned(), err };
        let mut connection = Connection::open(path).map_err(open)?;
        connection.busy_timeout(PATIENCE).map_err(open)?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(open)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(open)?;
        let known = MIGRATIONS.len() as i64;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(open)?;
        let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open)?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        for (place, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(migration).map_err(open)?;
            transaction.pragma_update(None, "user_version", place as i64 + 1).map_err(open)?;
        }
        transaction.commit().map_err(open)?;
        Ok(SqliteDecisions { connection: Mutex::new(connection) })
    }
}

fn columns(key: &DecisionKey) -> [String; 4] {
    [key.digest.to_string(), key.policies.to_string(), key.trust.to_string(), key.question.to_string()]
}

impl Decisions for SqliteDecisions {
    fn recall(&self, key: &DecisionKey, now: Timestamp) -> Result<Option<KeptDecision>, StoreError> {
        let failed = |err| StoreError::Statement { doing: "look an answer up", err };
        let connection = self.connection.lock();
        let mut statement = connection
            .prepare(
                "SELECT until, mac, body FROM decision
                 WHERE digest = ?1 AND policies = ?2 AND trust = ?3 AND question = ?4 AND until > ?5 AND length(body) <= ?6",
            )
            .map_err(failed)?;
        let [digest, policies, trust, question] = columns(key);
        let row: Option<(i64, Vec<u8>, Vec<u8>)> = statement
            .query_row(params![digest, policies, trust, question, now.as_second(), MAX_BODY as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(failed)?;
        // A time that is none is damage, and the row as good as none.
        Ok(row.and_then(|(until, mac, body)| {
            Some(KeptDecision { until: Timestamp::from_second(until).ok()?, mac, body })
        }))
    }

    fn keep(&self, key: &DecisionKey, decision: &KeptDecision, now: Timestamp) -> Result<(), StoreError> {
        if decision.body.len() > MAX_BODY {
            return Ok(());
        }
        let failed = |err| StoreError::Statement { doing: "keep an answer", err };
        let mut connection = self.connection.lock();
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let [digest, policies, trust, question] = columns(key);
        transaction
            .execute(
                "INSERT OR REPLACE INTO decision (digest, policies, trust, question, until, mac, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![digest, policies, trust, question, decision.until.as_second(), decision.mac, decision.body],
            )
            .map_err(failed)?;
        transaction.execute("DELETE FROM decision WHERE until <= ?1", params![now.as_second()]).map_err(failed)?;
        let count: i64 =
            transaction.query_row("SELECT count(*) FROM decision", [], |row| row.get(0)).map_err(failed)?;
        if count > MOST {
            transaction
                .execute(
                    "DELETE FROM decision WHERE (digest, policies, trust, question) IN
                     (SELECT digest, policies, trust, question FROM decision ORDER BY until LIMIT ?1)",
                    params![count - MOST],
                )
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> DecisionKey {
        let of = |text: &str| Digest::sha256(text.as_bytes());
        DecisionKey { digest: of(name), policies: of("policies"), trust: of("trust"), question: of("question") }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_768_521_600 + seconds).unwrap()
    }

    #[test]
    fn an_answer_is_found_by_everything_that_it_is_about_until_its_time_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/decisions.db");
        let kept = KeptDecision { until: at(60), mac: vec![1; 32], body: b"answer".to_vec() };
        SqliteDecisions::open(&path).unwrap().keep(&key("a"), &kept, at(0)).unwrap();
        let store = SqliteDecisions::open(&path).unwrap();
        assert_eq!(store.recall(&key("a"), at(59)).unwrap(), Some(kept.clone()));
        assert_eq!(store.recall(&key("a"), at(60)).unwrap(), None, "its time is over");
        let other = Digest::sha256(b"other");
        for key in [
            DecisionKey { digest: other, ..key("a") },
            DecisionKey { policies: other, ..key("a") },
            DecisionKey { trust: other, ..key("a") },
            DecisionKey { question: other, ..key("a") },
        ] {
            assert_eq!(store.recall(&key, at(0)).unwrap(), None);
        }
    }

    #[test]
    fn what_is_over_goes_and_what_is_too_long_does_not_come() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteDecisions::open(&directory.path().join("decisions.db")).unwrap();
        let kept = |until, length| KeptDecision { until: at(until), mac: Vec::new(), body: vec![0; length] };
        store.keep(&key("old"), &kept(10, 1), at(0)).unwrap();
        store.keep(&key("long"), &kept(100, MAX_BODY + 1), at(0)).unwrap();
        store.keep(&key("new"), &kept(100, 1), at(10)).unwrap();
        let count: i64 =
            store.connection.lock().query_row("SELECT count(*) FROM decision", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
        assert!(store.recall(&key("new"), at(10)).unwrap().is_some());
    }

    #[test]
    fn what_is_no_store_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("decisions.db");
        std::fs::write(&path, "not a database").unwrap();
        assert!(SqliteDecisions::open(&path).is_err());
    }
}

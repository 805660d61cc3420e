//! Entries of transparency logs (Rekor v1 and v2): the log's promise, inclusion, and the signed tree head.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet_model::Timestamp;

use crate::check::{Check, VerifyError};
use crate::evidence::LogEntry;
use crate::merkle;
use crate::note::Checkpoint;
use crate::root::Log;

/// Kinds of entries that are understood; another one could be about anything (rekor-tiles `CLIENTS.md`: unknown kinds and versions fail).
const KINDS: &[(&str, &str)] = &[
    ("hashedrekord", "0.0.1"),
    ("hashedrekord", "0.0.2"),
    ("dsse", "0.0.1"),
    ("intoto", "0.0.1"),
    ("intoto", "0.0.2"),
    ("rekord", "0.0.1"),
];

impl LogEntry {
    fn log<'a>(&self, logs: &'a [Log], check: Check) -> Result<&'a Log, VerifyError> {
        if !KINDS.contains(&(self.kind.as_str(), self.version.as_str())) {
            return Err(VerifyError::form(
                "a kind of log entry that is understood",
                format!("{} {}", self.kind, self.version),
            ));
        }
        let log = logs.iter().find(|log| log.id == self.log);
        log.ok_or_else(|| {
            VerifyError::new(check, "an entry of a trusted log", format!("log {}", STANDARD.encode(self.log)))
        })
    }

    /// The time at which the log took the entry, if the log signed for it: only a promise (signed entry timestamp) covers the time, an inclusion proof does
    /// not. Rekor v2 gives none. A promise that does not verify is refused, never skipped.
    pub(crate) fn promised(&self, logs: &[Log], now: Timestamp) -> Result<Option<Timestamp>, VerifyError> {
        let log = self.log(logs, Check::Promise)?;
        let Some(promise) = &self.promise else { return Ok(None) };
        if self.is_v2() {
            return Err(VerifyError::form("an entry of Rekor v2, which has no promise", "a promise"));
        }
        let wrong = |found: String| VerifyError::new(Check::Promise, "a time that the log signed for", found);
        let time = Timestamp::from_second(self.time).map_err(|_| wrong(format!("the time {}", self.time)))?;
        // RFC 8785 of body, integratedTime, logID and logIndex: the members in this order, without spaces.
        let message = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(&self.body),
            self.time,
            hex(&self.log),
            self.index
        );
        log.key
            .verify(message.as_bytes(), promise)
            .map_err(|error| wrong(format!("a promise that is not the log's: {error}")))?;
        if self.time <= 0 {
            return Err(wrong("no time".to_owned()));
        }
        if time > now {
            return Err(VerifyError::new(
                Check::Time,
                format!("a time not after {now}"),
                format!("the log's time {time}"),
            ));
        }
        if !log.window.contains(time) {
            return Err(wrong(format!("the time {time}, at which the log's key was not in use")));
        }
        Ok(Some(time))
    }

    /// Establishes that the entry is in the log: the path to the root, and the log's signature on that root (RFC 6962, 2.1.1; C2SP `tlog-checkpoint`).
    /// Says whether there was a proof to check.
    pub(crate) fn included(&self, logs: &[Log], times: &[Timestamp], now: Timestamp) -> Result<bool, VerifyError> {
        let log = self.log(logs, Check::Inclusion)?;
        let Some(proof) = &self.proof else {
            return if self.promise.is_some() {
                Ok(false)
            } else {
                Err(VerifyError::new(Check::Inclusion, "an inclusion proof or a promise", "neither"))
            };
        };
        let wrong =
            |found: String| VerifyError::new(Check::Inclusion, "a proof under a tree head that the log signed", found);
        let checkpoint = Checkpoint::parse(&proof.checkpoint).map_err(|error| wrong(error.to_string()))?;
        if !checkpoint.signed_by(&log.key, &log.id) {
            return Err(wrong("a tree head without the log's signature".to_owned()));
        }
        // rekor-tiles CLIENTS.md: in v2 the proof's own index, size and root count for nothing. In v1 they must agree with the tree head.
        let index = if self.is_v2() { self.index } else { proof.index };
        if !self.is_v2() && (proof.root != checkpoint.root() || proof.size != checkpoint.size()) {
            return Err(wrong("a proof for another root or size than the tree head's".to_owned()));
        }
        merkle::inclusion(&merkle::leaf(&self.body), index, checkpoint.size(), &proof.hashes, checkpoint.root())
            .map_err(|error| wrong(error.to_string()))?;
        // Without a signed time of its own, the entry's log must have been in use when something else says that it was signed.
        let within = if times.is_empty() {
            log.window.start.is_none_or(|start| start <= now)
        } else {
            times.iter().any(|time| log.window.contains(*time))
        };
        if within { Ok(true) } else { Err(wrong("a log whose key was not in use at the verified time".to_owned())) }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}

//! The Update Framework (specification 1.0.x): how trusted roots are renewed. The workflow is the Sigstore project's; bytes come and go by our traits, and
//! nothing here opens a file or reaches the network.
//!
//! ```text
//!   pinned root ─▶ TufClient ◀─ TufRepository (what a mirror says)       TufState (what was verified last, as one value)
//!                     │      ◀─ TufStore (what was kept)                   ├─ open(now)               ─▶ TufMaterial, without a network
//!                     ▼                                                    └─ renew(repository, now)  ─▶ the next TufState
//!               verified targets
//! ```

mod distinct;
mod instance;
mod state;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use signet_model::Timestamp;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MetadataStore, Repository, Role, Updater, UpdaterConfig};

use self::distinct::Distinct;
pub use self::state::{TufMaterial, TufState};

/// Bytes on their way: `None` when the repository does not have the file (404), which ends the chain of roots.
pub type TufFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send + 'a>>;

/// A TUF repository, wherever it is.
pub trait TufRepository: Send + Sync {
    /// A metadata file by name, e.g. `2.root.json`; at most `most` bytes, more is an error.
    fn metadata<'a>(&'a self, name: &'a str, most: u64) -> TufFuture<'a>;
    /// A target by its path in the repository, with the hash before its name where the repository has consistent snapshots; at most `most` bytes.
    fn target<'a>(&'a self, path: &'a str, most: u64) -> TufFuture<'a>;
}

/// Where verified files are kept. What comes back from it is verified again, so it needs no protection of its own.
pub trait TufStore: Send + Sync {
    /// A file that was saved under this name, which may hold `/`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, String>;
    /// Saves a file.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), String>;
}

/// Why the repository's word is not taken: a signature, a version that went back, an expired role, a file too long or absent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TUF: {text}")]
pub struct TufError {
    text: String,
    /// When the role expired, if that is the reason.
    expired: Option<Timestamp>,
    /// No role speaks of the target.
    unlisted: bool,
}

impl TufError {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), expired: None, unlisted: false }
    }
}

impl From<Error> for TufError {
    fn from(error: Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        let expired = match &error {
            Error::Expired { expires, .. } => Some(*expires),
            _ => None,
        };
        Self { text, expired, unlisted: matches!(error, Error::TargetNotFound(_)) }
    }
}

/// A role as the verified metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TufRole {
    /// `root`, `timestamp`, `snapshot` or `targets`.
    pub name: &'static str,
    /// Its version.
    pub version: u64,
    /// The last moment at which it holds.
    pub expires: Timestamp,
    /// Signatures that it needs.
    pub threshold: usize,
    /// Keys that may give them.
    pub keys: usize,
}

struct Reach<R> {
    repository: R,
    distinct: Arc<Distinct>,
}

impl<R: TufRepository> Repository for Reach<R> {
    fn fetch_metadata<'a>(&'a self, name: &'a str, most: u64) -> FetchFuture<'a> {
        let answer = self.repository.metadata(name, most);
        Box::pin(async move {
            let answer = bounded(answer.await, most)?;
            if let Some(bytes) = &answer {
                self.distinct.look(bytes).map_err(|why| Error::transport(format!("`{name}`: {why}")))?;
            }
            Ok(answer)
        })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, most: u64) -> FetchFuture<'a> {
        let answer = self.repository.target(path, most);
        Box::pin(async move { bounded(answer.await, most) })
    }
}

/// The limit holds whatever a repository does.
fn bounded(answer: Result<Option<Vec<u8>>, String>, most: u64) -> Result<Option<Vec<u8>>, Error> {
    match answer {
        Ok(Some(bytes)) if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most => {
            Err(Error::transport(format!("{} bytes where at most {most} are accepted", bytes.len())))
        }
        Ok(answer) => Ok(answer),
        Err(error) => Err(Error::transport(error)),
    }
}

struct Keep<S> {
    store: S,
    distinct: Arc<Distinct>,
}

impl<S: TufStore> MetadataStore for Keep<S> {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let found = self.store.load(name).map_err(Error::transport)?;
        // What does not hold was never kept by us, and is as good as absent.
        let holds = |bytes: &Vec<u8>| name.starts_with("targets/") || self.distinct.look(bytes).is_ok();
        Ok(found.filter(holds))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.store.save(name, bytes).map_err(Error::transport)
    }
}

/// A client of one repository, begun from a root that was pinned.
#[derive(Debug)]
pub struct TufClient {
    updater: Updater,
    distinct: Arc<Distinct>,
}

impl TufClient {
    /// A client that trusts this root and what it leads to.
    ///
    /// # Errors
    /// When the root is not signed by a threshold of its own keys, each counted once.
    pub fn new(repository: impl TufRepository + 'static, root: &[u8]) -> Result<Self, TufError> {
        let distinct = Arc::new(Distinct::new(root)?);
        let updater = Updater::new(Reach { repository, distinct: distinct.clone() }, root)?;
        Ok(Self { updater, distinct })
    }

    /// Keeps what was verified, and begins from what was kept: versions never go back, over runs too.
    #[must_use]
    pub fn with_store(self, store: impl TufStore + 'static) -> Self {
        let Self { updater, distinct } = self;
        Self { updater: updater.with_store(Keep { store, distinct: distinct.clone() }), distinct }
    }

    /// Refuses targets that are larger, whatever length is signed for them.
    #[must_use]
    pub fn with_largest_target(self, bytes: u64) -> Self {
        let mut config = UpdaterConfig::default();
        config.target_max_length = bytes;
        Self { updater: self.updater.with_config(config), ..self }
    }

    /// The roles that are verified so far, root first.
    #[must_use]
    pub fn roles(&self) -> Vec<TufRole> {
        let trusted = self.updater.trusted();
        let role = |name: &'static str, version: u64, expires: Timestamp| {
            let (threshold, keys) =
                trusted.root().role(name).map_or((0, 0), |role| (role.threshold, role.keyids.len()));
            TufRole { name, version, expires, threshold, keys }
        };
        let mut roles = vec![role("root", trusted.root().version(), trusted.root().expires())];
        roles.extend(trusted.timestamp().map(|found| role("timestamp", found.version(), found.expires())));
        roles.extend(trusted.snapshot().map(|found| role("snapshot", found.version(), found.expires())));
        roles.extend(trusted.targets_role("targets").map(|found| role("targets", found.version(), found.expires())));
        roles
    }

    /// Renews root, timestamp, snapshot and targets, in this order (specification 5.3 to 5.6).
    ///
    /// # Errors
    /// When the repository's word is not taken.
    pub async fn refresh(&mut self, now: Timestamp) -> Result<(), TufError> {
        Ok(self.updater.refresh(now).await?)
    }

    /// A target's bytes, from the store when they still are what is signed. Needs a [`refresh`](Self::refresh) before.
    ///
    /// # Errors
    /// When no role authorises the path, or the bytes are not those that it signs for.
    pub async fn target(&mut self, path: &str, now: Timestamp) -> Result<Vec<u8>, TufError> {
        Ok(self.updater.get_target(path, now).await?)
    }

    /// The same, and `None` for a target that no role speaks of.
    ///
    /// # Errors
    /// When the target is listed, and the bytes cannot be had or are not those that are signed for.
    pub async fn target_if_listed(&mut self, path: &str, now: Timestamp) -> Result<Option<Vec<u8>>, TufError> {
        match self.target(path, now).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.unlisted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_whatever_a_repository_does() {
        assert_eq!(bounded(Ok(Some(vec![0; 4])), 4).unwrap(), Some(vec![0; 4]));
        assert_eq!(bounded(Ok(None), 4).unwrap(), None);
        assert!(bounded(Ok(Some(vec![0; 5])), 4).is_err());
        assert!(bounded(Err("no".to_owned()), 4).is_err());
    }

    struct Nothing;

    impl TufRepository for Nothing {
        fn metadata<'a>(&'a self, _name: &'a str, _most: u64) -> TufFuture<'a> {
            Box::pin(async { Ok(None) })
        }

        fn target<'a>(&'a self, _path: &'a str, _most: u64) -> TufFuture<'a> {
            Box::pin(async { Ok(None) })
        }
    }

    #[test]
    fn a_root_without_signatures_is_refused() {
        assert!(TufClient::new(Nothing, b"{}").is_err());
        assert!(TufClient::new(Nothing, b"").is_err());
    }
}

//! What a search is given besides the expression: data, time, randomness, the dialect and limits.

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Limits;

/// Why data that stands behind a name could not be had.
pub type RootError = Box<dyn Error + Send + Sync>;

/// Named data at the top, loaded when it is first asked for: `request`, `element`, the entries of a context.
pub trait Roots {
    /// The value of a name. `None`: nobody knows the name.
    fn get(&self, name: &str) -> Option<Result<&Value, RootError>>;

    /// Everything as one object, for an expression that uses `@` at the top as a value. `None`: there is no such object.
    fn whole(&self) -> Option<Result<&Value, RootError>> {
        None
    }
}

/// The dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A missing key is an error; `sum` adds quantities and durations and wants an element; text is written as Go does.
    Kyverno,
    /// jmespath.org: a missing key is `null`.
    Standard,
}

/// Time, randomness, dialect and limits of one search. Plain values, so that the same search gives the same result.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// What `time_now`, `time_now_utc` and `time_since` call now. In UTC, because a server's own zone is nobody's business.
    pub now: Timestamp,
    /// Where `random` begins. Fresh for each search, or the same words come again.
    pub seed: [u8; 32],
    /// The dialect.
    pub mode: Mode,
    /// The limits.
    pub limits: Limits,
    /// The registry that `image_normalize` puts before an image without one.
    pub default_registry: Arc<str>,
    /// Whether `image_normalize` shows that registry (Kyverno's `enableDefaultRegistryMutation`).
    pub show_default_registry: bool,
}

impl Surroundings {
    /// Kyverno's dialect with Kyverno's defaults.
    pub fn kyverno(now: Timestamp, seed: [u8; 32]) -> Surroundings {
        Surroundings {
            now,
            seed,
            mode: Mode::Kyverno,
            limits: Limits::default(),
            default_registry: Arc::from("docker.io"),
            show_default_registry: true,
        }
    }

    /// The dialect of jmespath.org.
    pub fn standard(now: Timestamp, seed: [u8; 32]) -> Surroundings {
        Surroundings { mode: Mode::Standard, ..Surroundings::kyverno(now, seed) }
    }
}

/// Why a search gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A key is missing (Kyverno's dialect). The text is upstream's, which users and tests look for.
    #[error("Unknown key \"{key}\" in path")]
    UnknownKey {
        /// The key, not its path.
        key: String,
    },
    /// A value that a name stands for could not be had.
    #[error("cannot load `{name}`")]
    Root {
        /// The name at the top.
        name: String,
        /// The cause.
        #[source]
        err: RootError,
    },
    /// `@` at the top was used as a value, and the data there are only known by name.
    #[error("the whole context is no value here: name what is meant, such as `request.object`")]
    NoWhole,
    /// A function refused its arguments.
    #[error("JMESPath function '{function}': {message}")]
    Function {
        /// Its name.
        function: &'static str,
        /// One sentence without a full stop.
        message: String,
    },
    /// An expression `&..` where a value belongs.
    #[error("an expression reference (`&`) is no value")]
    Reference,
    /// [`Limits::steps`].
    #[error("the expression takes more steps than it may")]
    TooMuchWork,
    /// [`Limits::bytes`].
    #[error("the expression makes more data than it may")]
    TooLarge,
}

impl SearchError {
    /// Whether a key was missing and nothing else is wrong.
    pub fn is_unknown_key(&self) -> bool {
        matches!(self, SearchError::UnknownKey { .. })
    }
}

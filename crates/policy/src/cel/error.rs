//! Why an expression gave nothing.

use std::fmt;

/// An error of an evaluation. It is a value of the language: `true || error` is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    /// Whether it ends the evaluation whatever stands beside it.
    limit: bool,
    /// Whether it says nothing about the request, only that we were not told something or cannot do it.
    lack: bool,
}

impl Error {
    /// What went wrong, in CEL's own words where it has some.
    pub fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), limit: false, lack: false }
    }

    /// A limit that was reached. Nothing absorbs it.
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error { message: message.into(), limit: true, lack: false }
    }

    /// Something that we were not told or cannot do, where an API server would know. No `failurePolicy` speaks of it.
    pub(crate) fn lack(message: impl Into<String>) -> Error {
        Error { message: message.into(), limit: false, lack: true }
    }

    /// The same error, and nothing absorbs it.
    pub(crate) fn and_ends(self) -> Error {
        Error { limit: true, ..self }
    }

    /// The same error with what was done when it came in front.
    pub(crate) fn within(self, what: impl fmt::Display) -> Error {
        Error { message: format!("{what}: {}", self.message), ..self }
    }

    pub(crate) fn no_such_overload() -> Error {
        Error::new("no such overload")
    }

    pub(crate) fn no_such_key(key: &str) -> Error {
        Error::new(format!("no such key: {key}"))
    }

    pub(crate) fn is_lack(&self) -> bool {
        self.lack
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.limit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

//! Why an expression gave nothing.

use std::fmt;

/// An error of an evaluation. It is a value of the language: `true || error` is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    /// Whether it ends the evaluation whatever stands beside it.
    limit: bool,
}

impl Error {
    /// What went wrong, in CEL's own words where it has some.
    pub fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), limit: false }
    }

    /// A limit that was reached. Nothing absorbs it.
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error { message: message.into(), limit: true }
    }

    pub(crate) fn no_such_overload() -> Error {
        Error::new("no such overload")
    }

    pub(crate) fn no_such_key(key: &str) -> Error {
        Error::new(format!("no such key: {key}"))
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

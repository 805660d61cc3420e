//! Why a request is refused, and why an authority cannot be set up.

use std::path::PathBuf;

/// Classes of refusals, as the APIs of Fulcio and Rekor tell them. Source: `google.rpc.Code` and its mapping to HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is malformed, or says what cannot be granted.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// Understood, and not offered.
    Unimplemented,
    /// The authority itself failed.
    Internal,
    /// Who asks could not be established.
    Unauthenticated,
    /// Larger than is read.
    TooLarge,
    /// The body did not come in time.
    TooSlow,
}

impl Code {
    /// The number in the body of an answer.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Invalid => 3,
            Self::TooSlow => 4,
            Self::NotFound => 5,
            Self::TooLarge => 8,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unauthenticated => 16,
        }
    }

    /// The HTTP status of an answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::NotFound => 404,
            Self::TooSlow => 408,
            Self::TooLarge => 413,
            Self::Unimplemented => 501,
            Self::Internal => 500,
        }
    }
}

/// A request that is not granted. The message goes to whoever asked, so it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Its class.
    pub code: Code,
    /// What was wrong, and what would have been right.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The request is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// The asker is not who they must be.
    pub(crate) fn stranger(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, message)
    }
}

impl From<Error> for Refusal {
    /// The details stay here: they name places of this machine.
    fn from(_: Error) -> Self {
        Self::new(Code::Internal, "the authority could not do its part: see its own log")
    }
}

/// An authority that cannot be set up, or cannot keep what it must keep.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider of cryptography refused.
    #[error("cannot {doing}")]
    Crypto {
        /// What was to be done.
        doing: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} `{path}`")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        err: std::io::Error,
    },
    /// What a log keeps does not hold together. It is never repaired by guessing.
    #[error("the log in `{place}` is damaged: {found}")]
    Damaged {
        /// Where the log is.
        place: String,
        /// What is wrong.
        found: String,
    },
    /// A time that certificates cannot state.
    #[error("the time {0} cannot stand in a certificate")]
    Time(jiff::Timestamp),
    /// A name or setting that cannot be used.
    #[error("{0}")]
    Setting(String),
}

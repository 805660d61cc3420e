//! Why a key could not be made, read or used.

use signet_oci_client::ErrorKind;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What we were doing, what happened, and what to do next. Never holds a secret: no password, no token, no private key, no whole answer of a service.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {what}")]
pub struct Error {
    /// What we were doing, to which key, as a verb phrase: "read key `cosign.key`".
    pub doing: String,
    /// What happened.
    pub what: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// No answer came: the network is forbidden, or nobody was there.
    pub unreachable: bool,
    /// The cause.
    #[source]
    pub cause: Option<Cause>,
}

impl Error {
    /// An error without cause or hint.
    pub fn new(doing: impl Into<String>, what: impl Into<String>) -> Error {
        Error { doing: doing.into(), what: what.into(), hint: None, unreachable: false, cause: None }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn cause(mut self, cause: impl Into<Cause>) -> Error {
        self.cause = Some(cause.into());
        self
    }

    /// A failed request. Its hint speaks of registries where a status came, so only hints about connections are kept.
    pub(crate) fn network(doing: impl Into<String>, err: signet_oci_client::Error) -> Error {
        let hint = err.hint.clone().filter(|_| err.status.is_none());
        let what = err.what.clone();
        let unreachable = matches!(err.kind, ErrorKind::Offline | ErrorKind::Connection | ErrorKind::Timeout);
        Error { doing: doing.into(), what, hint, unreachable, cause: err.cause }
    }

    /// The whole explanation in one text, for places that take nothing else.
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        let mut at = std::error::Error::source(self);
        while let Some(cause) = at {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            at = cause.source();
        }
        if let Some(hint) = &self.hint {
            text.push_str("\n\nhint: ");
            text.push_str(hint);
        }
        text
    }
}

impl From<Error> for signet_trust::SignerError {
    fn from(err: Error) -> Self {
        signet_trust::SignerError::new(err.explain())
    }
}

/// At most 200 characters of what a service or file says, without control and direction characters: it must not drive the terminal.
pub(crate) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut safe: String = text.chars().take(200).map(|c| if hidden(c) { ' ' } else { c }).collect();
    if text.chars().nth(200).is_some() {
        safe.push('…');
    }
    safe.trim().to_owned()
}

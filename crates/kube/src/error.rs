//! Why something of a cluster cannot be had.

use serde_json::Value;

/// Characters of a foreign message that are shown.
const MAX_SAID: usize = 400;

/// An error, with what was being done.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// Where the cluster is, or who we are there, is not known.
    #[error("{what}")]
    Setup {
        /// One sentence without a full stop, with what to do next. It quotes no value of a kubeconfig.
        what: String,
    },
    /// Nobody answered.
    #[error("cannot {doing}: the API server is not reached")]
    Unreachable {
        /// A verb phrase.
        doing: String,
        /// Why not.
        #[source]
        err: reqwest::Error,
    },
    /// No answer, or no end of one, in time.
    #[error("cannot {doing}: the API server did not answer within {seconds} s")]
    Late {
        /// A verb phrase.
        doing: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The API server says no.
    #[error("cannot {doing}: the API server answered {status}{}{}", shown(" ", .reason), shown(": ", .message))]
    Refused {
        /// A verb phrase.
        doing: String,
        /// The status of HTTP; of a watch that broke off, the code of its `Status`.
        status: u16,
        /// `NotFound`, `Conflict`, `Expired`, ..; empty if it says none.
        reason: String,
        /// In its words; empty where they could hold a secret.
        message: String,
        /// Seconds after which it may be asked again.
        retry_after: Option<u64>,
    },
    /// The answer is longer than is read.
    #[error("cannot {doing}: the answer has more than {most} bytes")]
    TooLarge {
        /// A verb phrase.
        doing: String,
        /// The ceiling in bytes.
        most: usize,
    },
    /// The answer is not what the API's documentation says.
    #[error("cannot {doing}: {what}")]
    Odd {
        /// A verb phrase.
        doing: String,
        /// One sentence without a full stop.
        what: String,
    },
}

fn shown(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
}

impl KubeError {
    pub(crate) fn setup(what: impl Into<String>) -> Self {
        Self::Setup { what: what.into() }
    }

    pub(crate) fn odd(doing: &str, what: impl Into<String>) -> Self {
        Self::Odd { doing: doing.to_owned(), what: what.into() }
    }

    /// Of a `Status` object, or of whatever else stands in the body of a refusal.
    pub(crate) fn refused(doing: &str, status: u16, body: &[u8], secret: bool, retry_after: Option<u64>) -> Self {
        let said: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |key: &str| printable(said.get(key).and_then(Value::as_str).unwrap_or_default());
        let after = said.pointer("/details/retryAfterSeconds").and_then(Value::as_u64);
        Self::Refused {
            doing: doing.to_owned(),
            status,
            reason: text("reason"),
            // A message about a field of a Secret quotes its value.
            message: if secret { String::new() } else { text("message") },
            retry_after: retry_after.or(after),
        }
    }

    /// The status, if the API server answered one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// There is no such object, or no such kind.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Somebody else was first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// The version that was asked from is not kept any more: list again.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// Our account may not.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether the API server was not there, rather than against it.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Late { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// The whole chain in one line.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(err) = cause {
            let said = err.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = err.source();
        }
        text
    }
}

/// A foreign text for a message: its beginning, on one line.
pub(crate) fn printable(text: &str) -> String {
    let mut out: String =
        text.chars().take(MAX_SAID).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if out.len() < text.len() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &[u8] = br#"{"kind":"Status","code":409,"reason":"Conflict","message":"the object has \u001b[1m been modified","details":{"retryAfterSeconds":3}}"#;

    #[test]
    fn a_status_is_told_and_one_about_a_secret_without_its_words() {
        let told = KubeError::refused("replace `a`", 409, STATUS, false, None);
        assert_eq!(
            told.to_string(),
            "cannot replace `a`: the API server answered 409 Conflict: the object has  [1m been modified"
        );
        assert!(told.is_conflict() && !told.is_outage());
        assert!(matches!(told, KubeError::Refused { retry_after: Some(3), .. }));
        let kept = KubeError::refused("replace `a`", 409, STATUS, true, None);
        assert_eq!(kept.to_string(), "cannot replace `a`: the API server answered 409 Conflict");
        let blunt = KubeError::refused("list pods", 502, b"<html>", false, None);
        assert_eq!(blunt.to_string(), "cannot list pods: the API server answered 502");
        assert!(blunt.is_outage());
    }
}

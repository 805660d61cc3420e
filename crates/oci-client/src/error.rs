//! Why a request did not give what was asked for.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed request: what we were doing, what happened, and what to do next. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {what}")]
pub struct Error {
    /// The class of the failure.
    pub kind: ErrorKind,
    /// What we were doing, to which place, as a verb phrase: "read manifest `r.example/a:b`".
    pub doing: String,
    /// What happened.
    pub what: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// The HTTP status, where an answer came.
    pub status: Option<u16>,
    /// The cause.
    #[source]
    pub cause: Option<Cause>,
}

/// Classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The network is forbidden (`--offline`).
    Offline,
    /// There is no such thing (404).
    NotFound,
    /// No credentials, or refused ones (401).
    Unauthorized,
    /// Known, and without the right (403).
    Forbidden,
    /// Too many requests (429).
    RateLimited,
    /// The server failed (5xx).
    Unavailable,
    /// No connection, or it broke.
    Connection,
    /// The peer's certificate is not trusted, or it does not speak TLS.
    Tls,
    /// The peer was too slow.
    Timeout,
    /// The answer is not what the protocol says.
    Malformed,
    /// The bytes hash to another digest.
    DigestMismatch,
    /// More or fewer bytes than announced.
    SizeMismatch,
    /// A limit was reached.
    TooLarge,
    /// A redirect that is not followed.
    Redirect,
    /// A challenge names a token service that must not see the credentials.
    RealmNotTrusted,
    /// Credentials could not be read, written, or got from a helper.
    Credentials,
    /// Known, and not supported.
    Unsupported,
    /// No image for the platform.
    NoPlatform,
    /// A tag that the registry does not let be moved.
    Immutable,
    /// Something else is there, or others keep writing to the same place.
    Conflict,
    /// The caller's input is wrong.
    Usage,
    /// Reading or writing on this machine failed.
    Local,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>, what: impl Into<String>) -> Error {
        Error { kind, doing: doing.into(), what: what.into(), hint: None, status: None, cause: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn cause(mut self, cause: impl Into<Cause>) -> Error {
        self.cause = Some(cause.into());
        self
    }

    /// An error of the HTTP library. Its text may hold a URL with a signed query, so only the innermost causes are kept.
    pub(crate) fn http(doing: &str, host: &str, err: reqwest::Error) -> Error {
        let err = err.without_url();
        let chain = chain(&err);
        let kind = if err.is_timeout() {
            ErrorKind::Timeout
        } else if chain.contains("certificate")
            || chain.contains("corrupt message")
            || chain.contains("HandshakeFailure")
        {
            ErrorKind::Tls
        } else {
            ErrorKind::Connection
        };
        let what = match kind {
            ErrorKind::Timeout => format!("`{host}` did not answer in time"),
            ErrorKind::Tls => format!("the TLS connection to `{host}` failed"),
            _ if err.is_connect() => format!("no connection to `{host}`"),
            _ => format!("the connection to `{host}` broke"),
        };
        let error = Error::new(kind, doing, what).cause(err);
        match kind {
            ErrorKind::Tls if chain.contains("corrupt message") => {
                error.hint(format!("if `{host}` speaks plain HTTP, say so: `--plain-http {host}`"))
            }
            ErrorKind::Tls => {
                error.hint("give the registry's certificate authority: `--ca-cert FILE`, or `SSL_CERT_FILE`")
            }
            ErrorKind::Connection => {
                error.hint("check the name, the network, and the proxy variables `HTTPS_PROXY` and `NO_PROXY`")
            }
            _ => error,
        }
    }

    /// What an HTTP status of 400 or more means. `body` is the start of the error body.
    pub(crate) fn status(doing: &str, host: &str, status: StatusCode, body: &[u8], context: StatusContext) -> Error {
        let said = registry_message(body);
        let mut what = format!("`{host}` answered {}", status.as_u16());
        if let Some(reason) = status.canonical_reason() {
            what = format!("{what} {reason}");
        }
        if let Some(said) = said {
            what = format!("{what} ({said})");
        }
        let (kind, hint) = match status.as_u16() {
            401 if context.had_credentials => (
                ErrorKind::Unauthorized,
                Some(format!(
                    "the credentials for `{host}` were refused: `signet login {host}` stores new ones; some registries answer so for a repository that does not exist"
                )),
            ),
            401 => (
                ErrorKind::Unauthorized,
                Some(format!(
                    "there are no credentials for `{host}`: `signet login {host}`; some registries answer so for a repository that does not exist"
                )),
            ),
            403 => (ErrorKind::Forbidden, Some("the account has no right to this repository".to_owned())),
            404 => (
                ErrorKind::NotFound,
                Some(
                    "check the name and the tag; a private repository may look as if it were not there: `signet login`"
                        .to_owned(),
                ),
            ),
            429 => (
                ErrorKind::RateLimited,
                Some(match context.retry_after {
                    Some(wait) => {
                        format!("the limit is lifted in {} s; credentials or a mirror raise it", wait.as_secs())
                    }
                    None => "wait, log in (limits are higher with an account), or configure a mirror".to_owned(),
                }),
            ),
            405 | 501 => (ErrorKind::Unsupported, None),
            413 => (ErrorKind::TooLarge, None),
            500.. => (ErrorKind::Unavailable, Some("the server has a problem of its own: try again later".to_owned())),
            _ => (ErrorKind::Malformed, None),
        };
        Error { kind, doing: doing.to_owned(), what, hint, status: Some(status.as_u16()), cause: None }
    }
}

/// What is known around a refused request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatusContext {
    pub(crate) had_credentials: bool,
    pub(crate) retry_after: Option<Duration>,
}

/// The texts of an error and its causes.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut at = err.source();
    while let Some(cause) = at {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        at = cause.source();
    }
    text
}

/// Shape: `{"errors":[{"code","message","detail"}]}` (OCI distribution-spec, "Error Codes"), or `{"message"}` of a container daemon.
#[derive(Deserialize)]
struct WireErrors {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Up to three of the registry's own errors, made safe for a terminal. `None` when the body is not of that form.
fn registry_message(body: &[u8]) -> Option<String> {
    let wire: WireErrors = serde_json::from_slice(body).ok()?;
    let texts: Vec<String> = wire
        .errors
        .iter()
        .take(3)
        .map(|error| match (printable(&error.code), printable(&error.message)) {
            (code, message) if message.is_empty() => code,
            (code, message) if code.is_empty() => message,
            (code, message) => format!("{code}: {message}"),
        })
        .chain([printable(&wire.message)])
        .filter(|text| !text.is_empty())
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// At most 200 characters, without control characters: what a peer says must not drive the terminal.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_shown_without_its_control_characters() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no\u001b[31m way\u202e"},{"code":"X","message":""}]}"#;
        assert_eq!(registry_message(body).unwrap(), "DENIED: no [31m way; X");
        assert_eq!(registry_message(br#"{"message":"No such image: x"}"#).unwrap(), "No such image: x");
        assert_eq!(registry_message(b"<html>"), None);
        assert_eq!(registry_message(b"{}"), None);
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), 201);
    }

    #[test]
    fn statuses_have_their_classes() {
        let kind = |code: u16| {
            Error::status("x", "h", StatusCode::from_u16(code).unwrap(), b"", StatusContext::default()).kind
        };
        assert_eq!(kind(401), ErrorKind::Unauthorized);
        assert_eq!(kind(403), ErrorKind::Forbidden);
        assert_eq!(kind(404), ErrorKind::NotFound);
        assert_eq!(kind(429), ErrorKind::RateLimited);
        assert_eq!(kind(503), ErrorKind::Unavailable);
        assert_eq!(kind(416), ErrorKind::Malformed);
    }
}

//! Errors as Twirp sends them: a JSON object, whatever the form of the request. Source: twitchtv/twirp:docs/errors.md, docs/spec_v7.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The protocol's classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Given up by the caller.
    Canceled,
    /// Nothing else fits.
    Unknown,
    /// A value that is wrong whatever the server's state.
    InvalidArgument,
    /// The body is no such message.
    Malformed,
    /// It took too long.
    DeadlineExceeded,
    /// There is no such thing.
    NotFound,
    /// There is no such path, method or form.
    BadRoute,
    /// It exists already.
    AlreadyExists,
    /// Known, and without the right.
    PermissionDenied,
    /// No token, or a wrong one.
    Unauthenticated,
    /// A limit was reached.
    ResourceExhausted,
    /// Not in this state.
    FailedPrecondition,
    /// Stopped half way.
    Aborted,
    /// Outside of the range.
    OutOfRange,
    /// Not made.
    Unimplemented,
    /// The server failed.
    Internal,
    /// Not now; the one class that is tried again.
    Unavailable,
    /// Something is lost.
    #[serde(rename = "dataloss", alias = "data_loss")]
    DataLoss,
}

impl Code {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Code::Canceled | Code::DeadlineExceeded => 408,
            Code::InvalidArgument | Code::Malformed | Code::OutOfRange => 400,
            Code::NotFound | Code::BadRoute => 404,
            Code::AlreadyExists | Code::Aborted => 409,
            Code::PermissionDenied => 403,
            Code::Unauthenticated => 401,
            Code::ResourceExhausted => 429,
            Code::FailedPrecondition => 412,
            Code::Unimplemented => 501,
            Code::Unavailable => 503,
            Code::Unknown | Code::Internal | Code::DataLoss => 500,
        }
    }

    /// Its name in the protocol.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => "unknown".to_owned(),
        }
    }

    /// What a status means that no Twirp server gave: a proxy between, mostly.
    fn of_status(status: u16) -> Code {
        match status {
            300..=399 => Code::Internal,
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::BadRoute,
            429 => Code::ResourceExhausted,
            502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        }
    }
}

/// A failure that travels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("twirp error {}: {msg}", code.name())]
pub struct TwirpError {
    /// Its class.
    pub code: Code,
    /// What happened, for a person.
    #[serde(default)]
    pub msg: String,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
}

impl TwirpError {
    /// A failure without more to it.
    pub fn new(code: Code, msg: impl Into<String>) -> TwirpError {
        TwirpError { code, msg: msg.into(), meta: BTreeMap::new() }
    }

    /// The path, method or form is not one of the service. `route` is the method and the path, as Twirp's own clients look for it.
    pub fn bad_route(msg: impl Into<String>, route: String) -> TwirpError {
        let meta = BTreeMap::from([("twirp_invalid_route".to_owned(), route)]);
        TwirpError { code: Code::BadRoute, msg: msg.into(), meta }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What an answer with a status that is not 200 says. A body that is no error of Twirp's is shown in part.
    pub fn of_answer(status: u16, body: &[u8]) -> TwirpError {
        if let Ok(error) = serde_json::from_slice::<TwirpError>(body) {
            return error;
        }
        let text = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.trim();
        let said = if text.is_empty() { String::new() } else { format!(": {text}") };
        TwirpError::new(Code::of_status(status), format!("the server answered {status}{said}"))
    }
}

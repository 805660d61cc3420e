//! What Trivy's clients and servers say to each other: the messages of its two services, as protobuf and as JSON, and the errors of the Twirp protocol
//! that carries them.
//!
//! ```text
//!   bytes of a body ──▶ weighed ──▶ message        message ──▶ bytes of a body        a status and a body ──▶ TwirpError
//! ```
//!
//! This room opens no connection and judges nothing. A message is weighed before it is made: two bytes of protobuf can ask for half a kilobyte of
//! memory, so what a body would become is bounded and not only the body. Fields that nobody here knows are left out, as protobuf wants it, which is how
//! clients of other versions are understood. What a server only passes on (secrets, causes, custom resources) is kept as the bytes that came.
//!
//! Source: aquasecurity/trivy:rpc/{common,cache,scanner}/service.proto; twitchtv/twirp:docs/spec_v7.md.
#![forbid(unsafe_code)]

pub mod cache;
pub mod common;
mod error;
mod json;
pub mod scanner;
#[cfg(test)]
mod tests;
mod weight;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{Code, TwirpError};
pub use weight::Shape;

/// The two forms of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `application/protobuf`, which Trivy itself speaks.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Form {
    /// By the `Content-Type` of a request; parameters do not count.
    pub fn of_content_type(text: &str) -> Option<Form> {
        match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/protobuf" => Some(Form::Protobuf),
            "application/json" => Some(Form::Json),
            _ => None,
        }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Protobuf => "application/protobuf",
            Form::Json => "application/json",
        }
    }
}

/// What a body may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the body.
    pub bytes: usize,
    /// What it would become: 16 a message, 1 any other field.
    pub units: usize,
}

impl Default for Limits {
    /// 64 MiB, and half a million messages: a hundred times what a large image has.
    fn default() -> Self {
        Limits { bytes: 64 << 20, units: 8 << 20 }
    }
}

/// A message that has a place in a body.
pub trait Body: Message + Default + Serialize + DeserializeOwned {
    /// Which of its fields are messages again.
    const SHAPE: &'static Shape;
}

/// Reads a body.
///
/// Errors: [`Code::Malformed`] for bytes that are no such message, [`Code::ResourceExhausted`] for too large a one.
pub fn decode<M: Body>(form: Form, bytes: &[u8], limits: &Limits) -> Result<M, TwirpError> {
    if bytes.len() > limits.bytes {
        return Err(TwirpError::new(
            Code::ResourceExhausted,
            format!("the body is larger than {} bytes", limits.bytes),
        ));
    }
    let malformed = |why: String| TwirpError::new(Code::Malformed, format!("the body cannot be read: {why}"));
    match form {
        Form::Protobuf => {
            weight::of_protobuf(bytes, M::SHAPE, limits.units)?;
            M::decode(bytes).map_err(|err| malformed(err.to_string()))
        }
        Form::Json => {
            let value = serde_json::from_slice(bytes).map_err(|err| malformed(err.to_string()))?;
            weight::of_json(&value, limits.units)?;
            serde_json::from_value(json::with_proto_names(value)).map_err(|err| malformed(err.to_string()))
        }
    }
}

/// Writes a body. JSON has every field, under its name in the protocol's definition, as Twirp's servers write it.
///
/// Errors: [`Code::Unimplemented`] for what is only passed on and has no JSON here.
pub fn encode<M: Body>(form: Form, message: &M) -> Result<Vec<u8>, TwirpError> {
    match form {
        Form::Protobuf => Ok(message.encode_to_vec()),
        Form::Json => serde_json::to_vec(message).map_err(|err| TwirpError::new(Code::Unimplemented, err.to_string())),
    }
}

/// A message's own bytes as protobuf, for a place within another.
pub fn message_bytes(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

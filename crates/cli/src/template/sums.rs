//! sprig's functions of sums and encodings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use super::functions::Args;
use super::value::{Val, text};

/// The names.
pub(super) const NAMES: &[&str] = &["b64enc", "b64dec", "sha1sum", "sha256sum"];

/// Calls one of [`NAMES`].
pub(super) fn call<'v>(name: &str, args: &Args<'_, 'v>) -> Option<Result<Val<'v>, String>> {
    let made: fn(String) -> String = match name {
        "b64enc" => |value| STANDARD.encode(value),
        // What is no Base64 gives its error as text, as sprig does it.
        "b64dec" => |value| match STANDARD.decode(value) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(err) => err.to_string(),
        },
        "sha1sum" => |value| sha1::Sha1::digest(value.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
        "sha256sum" => |value| signet_model::Digest::sha256(value.as_bytes()).hex(),
        _ => return None,
    };
    Some(args.text(0).map(|value| text(made(value))))
}

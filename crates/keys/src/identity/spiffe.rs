//! The SPIFFE Workload API: `FetchJWTSVID` over a Unix socket.
//!
//! It is gRPC, of which one unary call is needed: HTTP/2, a five-byte frame, two small messages. Source: spiffe/spiffe, `SPIFFE_Workload_API.md` and
//! `workload.proto` (`JWTSVIDRequest.audience = 1`; `JWTSVIDResponse.svids = 1`; `JWTSVID.spiffe_id = 1, svid = 2`); grpc, `PROTOCOL-HTTP2.md`.

use std::path::Path;

use crate::error::Error;

/// Most fields of a message that are looked at.
const MOST_FIELDS: usize = 1024;

/// Fetches a token of the first identity that the workload has.
pub(super) async fn fetch(socket: &str, audience: &str, doing: &str) -> Result<String, Error> {
    let path = socket.strip_prefix("unix:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let path = path.filter(|path| path.starts_with('/')).ok_or_else(|| {
        Error::new(doing, "`SPIFFE_ENDPOINT_SOCKET` names no Unix socket, and other ways are not taken")
            .hint("set it to `unix:///path/to/agent.sock`")
    })?;
    let mut message = vec![0x0a];
    push_varint(&mut message, audience.len());
    message.extend_from_slice(audience.as_bytes());
    let body = signet_oci_client::grpc_over_socket(
        Path::new(path),
        "/SpiffeWorkloadAPI/FetchJWTSVID",
        &[("workload.spiffe.io", "true")],
        &message,
    )
    .await
    .map_err(|err| {
        Error::network(doing, err).hint("does the agent run, and is there a registration entry for this workload?")
    })?;
    first_token(&body).ok_or_else(|| Error::new(doing, "the agent's answer holds no token"))
}

fn push_varint(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// `JWTSVIDResponse` to the first `svid`.
fn first_token(message: &[u8]) -> Option<String> {
    let first = field(message, 1)?;
    let token = field(first, 2)?;
    String::from_utf8(token.to_vec()).ok().filter(|token| !token.is_empty())
}

/// The first length-delimited field of a number (Protocol Buffers, "Encoding").
fn field(mut message: &[u8], wanted: u64) -> Option<&[u8]> {
    for _ in 0..MOST_FIELDS {
        let key = varint(&mut message)?;
        let (number, kind) = (key >> 3, key & 7);
        match kind {
            0 => {
                varint(&mut message)?;
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (content, rest) = message.split_at_checked(length)?;
                if number == wanted {
                    return Some(content);
                }
                message = rest;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Whether bytes are an answer with a token. For fuzzing.
pub fn check_answer(message: &[u8]) -> bool {
    first_token(message).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_token_is_found_among_other_fields() {
        // A varint field, then svids { spiffe_id: "s", svid: "tok" }.
        let answer = [0x18, 0x96, 0x01, 0x0a, 8, 0x0a, 1, b's', 0x12, 3, b't', b'o', b'k'];
        assert_eq!(first_token(&answer).as_deref(), Some("tok"));
        assert_eq!(first_token(&answer[..10]), None);
        assert_eq!(first_token(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(first_token(&[]), None);
    }

    proptest! {
        #[test]
        fn hostile_answers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _found = check_answer(&bytes);
        }
    }
}

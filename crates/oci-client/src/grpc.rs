//! One unary gRPC call over a Unix socket, for agents that speak nothing else (SPIFFE's Workload API). No network, so `--offline` does not forbid it.
//!
//! Source: grpc, `doc/PROTOCOL-HTTP2.md`: HTTP/2 without TLS, the message in a frame of five bytes (a flag and a length).

use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{Error, ErrorKind, printable};

/// The agent is on this machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// No answer is longer.
const LONGEST: usize = 1 << 20;

/// Sends a message and gives the answer's first one, without its frame. A streaming method's further messages are not waited for.
///
/// # Errors
/// When the socket cannot be reached, or the service answers with a status that is not OK.
pub async fn grpc_over_socket(
    socket: &Path,
    method: &str,
    metadata: &[(&'static str, &str)],
    message: &[u8],
) -> Result<Bytes, Error> {
    let doing = format!("ask `{}`", socket.display());
    let failed = |kind: ErrorKind, what: String| Error::new(kind, &*doing, what);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = reqwest::Client::builder()
        .unix_socket(socket)
        .http2_prior_knowledge()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .map_err(|err| failed(ErrorKind::Local, "the HTTP client cannot be set up".to_owned()).cause(err))?;
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(
        u32::try_from(message.len()).map_err(|_| failed(ErrorKind::TooLarge, "the message is too long".to_owned()))?,
    );
    frame.put_slice(message);
    let mut request = http
        .post(format!("http://localhost{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(frame.freeze());
    for (name, value) in metadata {
        request = request.header(*name, *value);
    }
    let name = socket.display().to_string();
    let exchange = async {
        let mut response = request.send().await.map_err(|err| Error::http(&doing, &name, err))?;
        let text = |key: &str| response.headers().get(key).and_then(|value| value.to_str().ok()).map(printable);
        // A refusal without any message has its status in the headers.
        if let Some(status) = text("grpc-status").filter(|status| status != "0") {
            let said = text("grpc-message").unwrap_or_default();
            return Err(failed(ErrorKind::Forbidden, format!("the service answered gRPC status {status} ({said})")));
        }
        if response.status().as_u16() != 200 {
            return Err(failed(ErrorKind::Malformed, format!("the service answered {}", response.status().as_u16())));
        }
        let mut body = BytesMut::new();
        loop {
            if let Some((head, rest)) = body.split_first_chunk::<5>() {
                let [flag, length @ ..] = *head;
                let length = u32::from_be_bytes(length) as usize;
                if flag != 0 || length > LONGEST {
                    return Err(failed(ErrorKind::Malformed, "the answer is compressed or too long".to_owned()));
                }
                if let Some(message) = rest.get(..length) {
                    return Ok(Bytes::copy_from_slice(message));
                }
            }
            match response.chunk().await.map_err(|err| Error::http(&doing, &name, err))? {
                Some(chunk) if body.len() + chunk.len() <= LONGEST + 5 => body.extend_from_slice(&chunk),
                Some(_) => return Err(failed(ErrorKind::TooLarge, "the answer is too long".to_owned())),
                None => {
                    return Err(failed(
                        ErrorKind::Forbidden,
                        "the service ended the call without a message".to_owned(),
                    ));
                }
            }
        }
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(done) => done,
        Err(_) => Err(failed(ErrorKind::Timeout, format!("no answer in {} s", PATIENCE.as_secs()))),
    }
}

//! Calls of services: one body goes up, one comes back, whatever the status.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::client::Client;
use crate::error::{Error, ErrorKind, printable};
use crate::secret::Secret;
use crate::transport::Ask;

/// What to send.
#[derive(Clone, Debug)]
pub struct PostRequest {
    /// `https://`; `http://` only for loopback and for hosts of [`crate::ClientOptions::plain_http`]. No user and password in it.
    pub url: String,
    /// More headers, such as a token's. They go to this origin and to no other.
    pub headers: Vec<(String, Secret)>,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// Ceiling of the answer's body in bytes.
    pub most: u64,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status; the caller judges it.
    pub status: u16,
    /// `Content-Type` without parameters.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// Sends a body. Only a connection that was never made is tried again: what was sent may have been done.
    ///
    /// Errors: no connection, a body that ends early or is larger than asked for, a redirect to another origin. A status is no error.
    pub async fn post(&self, request: &PostRequest) -> Result<Posted, Error> {
        let url = self.checked_url(&request.url)?;
        let mut shown = url.clone();
        shown.set_query(None);
        let mut ask = Ask::new(Method::POST, url, format!("call `{shown}`"));
        ask.header("content-type", &request.content_type);
        for (name, value) in &request.headers {
            let refuse = |what: &str| {
                Error::new(ErrorKind::Usage, &*ask.doing, format!("the header `{}` {what}", printable(name)))
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("has no possible name"))?;
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| refuse("has no possible value"))?;
            value.set_sensitive(true);
            ask.headers.append(name, value);
        }
        ask.body = Some(request.body.clone());
        ask.stay_on_origin = true;
        let (status, headers, body) = self.ask_once(&ask, request.most).await?;
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
        Ok(Posted {
            status: status.as_u16(),
            content_type: content_type.map(|text| printable(text.split(';').next().unwrap_or_default().trim())),
            body,
        })
    }
}

//! Calls of services that are no registries: one request, one small answer. Key services, token services and clusters are asked so.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;
use crate::transport::Ask;

/// Headers of an answer that are kept, at most.
const MOST_HEADERS: usize = 64;

/// A request. Neither its headers nor its body are shown by `Debug`: both may hold secrets.
#[derive(Clone)]
pub struct Call {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// `https://`; `http://` only for loopback and for hosts of [`crate::ClientOptions::plain_http`]. No user and password in it.
    pub url: String,
    /// Sent as they are, `Authorization` too: they go to this origin and to no other.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body.
    pub body: Option<Bytes>,
    /// Ceiling of the answer in bytes.
    pub most: u64,
    /// What we are doing, for messages: "ask Vault for key `a`".
    pub doing: String,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call({} to {})", self.method, self.doing)
    }
}

/// What was answered, whatever its status; what may pass (429, 503) was asked again before.
#[derive(Clone)]
pub struct CallAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values that are text.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl std::fmt::Debug for CallAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

impl CallAnswer {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// Sends one request and reads its answer. Redirects to another origin are refused, since the headers hold credentials.
    ///
    /// # Errors
    /// When no answer came, or none within the limits. A status of 400 or more is an answer.
    pub async fn call(&self, call: &Call) -> Result<CallAnswer, Error> {
        let usage = |what: &str| Error::new(ErrorKind::Usage, &*call.doing, what);
        let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| usage("this is no HTTP method"))?;
        let mut ask = Ask::new(method, self.checked_url(&call.url)?, call.doing.clone());
        for (name, value) in &call.headers {
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes())
                .map_err(|_| usage("a header has no valid name"))?;
            // The value is not quoted: it may be a token that was read from a wrong file.
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                usage("a token or another header has characters that cannot be sent: is it the right one?")
            })?;
            value.set_sensitive(true);
            ask.headers.append(name, value);
        }
        ask.body = call.body.clone();
        ask.small_body = Some(call.most);
        ask.stay_on_origin = true;
        ask.any_status = true;
        let answer = self.send(&ask).await?;
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        Ok(CallAnswer {
            status: answer.status.as_u16(),
            headers: answer
                .headers
                .iter()
                .take(MOST_HEADERS)
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
                .collect(),
            body: answer.body,
        })
    }
}

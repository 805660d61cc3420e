//! One request to a service and its JSON, with errors that say what to do and quote no secret.

use bytes::Bytes;
use serde_json::Value;
use signet_oci_client::{Call, CallAnswer, Client, Secret};

use crate::error::{Error, printable};

/// No answer of a key or token service is longer.
const LONGEST: u64 = 1 << 20;

/// A request in the making.
pub(crate) struct Request {
    call: Call,
}

impl Request {
    /// `doing` is a verb phrase for messages.
    pub(crate) fn new(method: &'static str, url: impl Into<String>, doing: impl Into<String>) -> Request {
        Request {
            call: Call { method, url: url.into(), headers: Vec::new(), body: None, most: LONGEST, doing: doing.into() },
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.call.headers.push((name, Secret::new(value)));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Request {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &Value) -> Request {
        self.call.body = Some(Bytes::from(body.to_string()));
        self.header("content-type", "application/json")
    }

    /// The ceiling of the answer in bytes.
    pub(crate) fn most(mut self, most: u64) -> Request {
        self.call.most = most;
        self
    }

    pub(crate) fn body(mut self, bytes: Vec<u8>) -> Request {
        self.call.body = Some(Bytes::from(bytes));
        self
    }

    /// `application/x-www-form-urlencoded`.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Request {
        let text: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.body(text.join("&").into_bytes()).header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends it; any status is an answer.
    pub(crate) async fn send(&self, client: &Client) -> Result<CallAnswer, Error> {
        client.call(&self.call).await.map_err(|err| Error::network(&*self.call.doing, err))
    }

    /// Sends it; a status outside 200 to 299 is an error with what the service says and `hint`.
    pub(crate) async fn send_well(&self, client: &Client, hint: &str) -> Result<CallAnswer, Error> {
        let answer = self.send(client).await?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(self.refused(&answer, hint)) }
    }

    /// The same with its JSON.
    pub(crate) async fn send_for_json(&self, client: &Client, hint: &str) -> Result<Value, Error> {
        let answer = self.send_well(client, hint).await?;
        serde_json::from_slice(&answer.body).map_err(|_| self.odd("the answer is no JSON"))
    }

    /// An error about an answer that is not what the service's documentation says.
    pub(crate) fn odd(&self, what: &str) -> Error {
        Error::new(&*self.call.doing, what)
    }

    /// An error for a refusal.
    pub(crate) fn refused(&self, answer: &CallAnswer, hint: &str) -> Error {
        let mut what = format!("the service answered {}", answer.status);
        if let Some(said) = said(&answer.body) {
            what = format!("{what} ({})", printable(&self.without_secrets(&said)));
        }
        Error::new(&*self.call.doing, what).hint(hint)
    }

    /// A service may quote in its message what it was sent. Words of the headers that are long enough to be credentials are taken out, and so is
    /// any text that looks like a token.
    fn without_secrets(&self, text: &str) -> String {
        let mut safe = text.to_owned();
        let body = self.call.body.as_deref().and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
        let words = self.call.headers.iter().flat_map(|(_, value)| value.reveal().split([' ', ',', '=', ';', ':']));
        for word in words.chain(body.split(['"', '&', '='])).filter(|word| word.len() >= 8) {
            safe = safe.replace(word, "[hidden]");
        }
        safe.split(' ')
            .map(|word| if word.matches('.').count() >= 2 && word.contains("eyJ") { "[hidden]" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// What a service says went wrong, in the shapes of AWS, Google, Azure, Vault, Kubernetes, GitLab, GitHub and OAuth (RFC 6749, 5.2).
fn said(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = |path: &str| json.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let kind = text("/__type").map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    let message = text("/error/message")
        .or_else(|| text("/message"))
        .or_else(|| text("/Message"))
        .or_else(|| text("/error_description"))
        .or_else(|| text("/errors/0"))
        .or_else(|| text("/errors/0/message"))
        .or_else(|| text("/error"));
    match (kind, message) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message),
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A text of an answer.
pub(crate) fn text<'v>(json: &'v Value, pointer: &str, request: &Request) -> Result<&'v str, Error> {
    json.pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| request.odd(&format!("the answer has no text at `{pointer}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_shown_without_what_it_was_sent() {
        let request = Request::new("POST", "https://k.example/", "sign")
            .bearer("s.0123456789abcdef")
            .form(&[("client_secret", "very-secret-value"), ("a", "b")]);
        let answer = CallAnswer {
            status: 403,
            headers: Vec::new(),
            body: Bytes::from_static(
                br#"{"errors":["token s.0123456789abcdef with very-secret-value and eyJh.eyJi.c is bad\u001b[1m"]}"#,
            ),
        };
        let err = request.refused(&answer, "log in");
        assert_eq!(
            err.explain(),
            "cannot sign: the service answered 403 (token [hidden] with [hidden] and [hidden] is bad [1m)\n\nhint: log in"
        );
    }

    /// The message is cut after what must not be shown was taken out: half a secret is one too.
    #[test]
    fn a_secret_across_the_cut_is_hidden() {
        let secret = "s".repeat(150);
        let request = Request::new("POST", "https://k.example/", "sign").bearer(&secret);
        let body = format!(r#"{{"errors":["{} {secret} is bad"]}}"#, "why ".repeat(30));
        let answer = CallAnswer { status: 403, headers: Vec::new(), body: Bytes::from(body) };
        let text = request.refused(&answer, "log in").explain();
        assert!(text.contains("[hidden] is bad") && !text.contains("ssss"), "{text}");
    }

    #[test]
    fn each_service_has_its_own_way_to_say_no() {
        for (body, expected) in [
            (r#"{"__type":"com.amazonaws#NotFoundException","message":"no key"}"#, "NotFoundException: no key"),
            (r#"{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}"#, "gone"),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, "expired"),
            (r#"{"errors":["permission denied"]}"#, "permission denied"),
            (r#"{"kind":"Status","message":"secrets \"a\" not found"}"#, "secrets \"a\" not found"),
            (r#"{"error":"invalid_client"}"#, "invalid_client"),
        ] {
            assert_eq!(said(body.as_bytes()).as_deref(), Some(expected), "{body}");
        }
        assert_eq!(said(b"<html>"), None);
    }
}

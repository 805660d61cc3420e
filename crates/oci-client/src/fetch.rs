//! Plain downloads: feeds and databases that lie at a web address.

use std::io::Write;

use reqwest::{StatusCode, Url};
use signet_model::{Algorithm, Digest, Hasher};
use tokio::time::Instant;

use crate::blob::Patience;
use crate::client::Client;
use crate::endpoint::is_loopback;
use crate::error::{Error, ErrorKind, printable};
use crate::transport::{Answer, Ask, host_of};

/// What to download.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// `https://`; `http://` only for loopback and for hosts of [`crate::ClientOptions::plain_http`]. No user and password in it.
    pub url: String,
    /// Ceiling in bytes.
    pub most: u64,
    /// What an earlier download was, so that an unchanged body is not sent again.
    pub known: Option<Conditional>,
    /// The digest that the body must have.
    pub expect: Option<Digest>,
}

/// What tells whether a body changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditional {
    /// `ETag`, quotes included.
    pub etag: Option<String>,
    /// `Last-Modified`, as the server wrote it.
    pub last_modified: Option<String>,
}

/// How far the way of the bytes can be trusted. A signature is judged by someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportTrust {
    /// The bytes have the digest that was asked for.
    DigestPinned,
    /// They came over TLS from a host whose certificate was checked.
    TlsOnly,
    /// Anyone between could have changed them.
    Unauthenticated,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// False when the body is the one that was known; nothing was written then.
    pub modified: bool,
    /// SHA-256 of what was written.
    pub sha256: Digest,
    /// Bytes written.
    pub size: u64,
    /// For the next time.
    pub validators: Conditional,
    /// `Content-Type` without parameters.
    pub content_type: Option<String>,
    /// `Content-Encoding`, if the body is still in it: it was not asked for, and is left to the caller.
    pub content_encoding: Option<String>,
    /// Where it came from after redirects, without query (which may hold a signature).
    pub from: String,
    /// How far it can be trusted.
    pub trust: TransportTrust,
}

impl Client {
    /// Downloads into `to`. A connection that breaks is taken up again if the server's `ETag` makes sure that it is still the same body.
    /// With [`FetchRequest::expect`], what was written is only good when this returns without error.
    pub async fn fetch(&self, request: &FetchRequest, to: &mut (dyn Write + Send)) -> Result<Fetched, Error> {
        let url = self.checked_url(&request.url)?;
        let mut shown = url.clone();
        shown.set_query(None);
        let doing = format!("download `{shown}`");
        let mut ask = Ask::get(url, doing.clone());
        ask.header("accept", "*/*");
        if let Some(known) = &request.known {
            known.etag.iter().for_each(|etag| ask.header("if-none-match", etag));
            known.last_modified.iter().for_each(|date| ask.header("if-modified-since", date));
        }
        let too_large =
            || Error::new(ErrorKind::TooLarge, &*doing, format!("it is larger than {} bytes", request.most));
        let mut answer = self.send(&ask).await?;
        let validators = Conditional {
            etag: answer.header("etag").map(str::to_owned),
            last_modified: answer.header("last-modified").map(str::to_owned),
        };
        if answer.status == StatusCode::NOT_MODIFIED {
            let known = request.known.clone().unwrap_or_default();
            let validators = Conditional {
                etag: validators.etag.or(known.etag),
                last_modified: validators.last_modified.or(known.last_modified),
            };
            return Ok(self.fetched(&answer, false, Digest::sha256(b""), 0, validators, false));
        }
        if answer.status != StatusCode::OK {
            return Err(Error::new(
                ErrorKind::Malformed,
                doing,
                format!("the server answered {}", answer.status.as_u16()),
            ));
        }
        let total = answer.open.as_ref().and_then(reqwest::Response::content_length);
        if total.is_some_and(|total| total > request.most) {
            return Err(too_large());
        }
        let mut sha256 = Hasher::new(Algorithm::Sha256);
        let mut other = request.expect.as_ref().map(|digest| Hasher::new(digest.algorithm()));
        let (mut size, mut failures) = (0u64, 0u32);
        loop {
            let err = match self
                .drain(&mut answer, &doing, |chunk| {
                    size = size.saturating_add(chunk.len() as u64);
                    if size > request.most {
                        return Err(too_large());
                    }
                    sha256.update(chunk);
                    if let Some(other) = &mut other {
                        other.update(chunk);
                    }
                    to.write_all(chunk)
                        .map_err(|err| Error::new(ErrorKind::Local, &*doing, "what came cannot be written").cause(err))
                })
                .await
            {
                Ok(()) => break,
                Err(err) => err,
            };
            failures += 1;
            let strong = validators.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
            let passing = matches!(err.kind, ErrorKind::Connection | ErrorKind::Timeout);
            let Some(etag) = strong.filter(|_| passing && failures <= self.options().retries) else { return Err(err) };
            let mut again = ask.clone();
            again.headers.remove("if-none-match");
            again.headers.remove("if-modified-since");
            again.header("range", &format!("bytes={size}-"));
            again.header("if-range", etag);
            let next = self.send(&again).await?;
            let continues = next.status == StatusCode::PARTIAL_CONTENT
                && next
                    .header("content-range")
                    .is_some_and(|range| range.trim().starts_with(&format!("bytes {size}-")));
            if !continues {
                return Err(err);
            }
            answer = next;
        }
        let sha256 = sha256.finish();
        if let (Some(expected), Some(found)) = (&request.expect, other.map(Hasher::finish))
            && *expected != found
        {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                doing,
                format!("expected {expected}, the bytes that came hash to {found}"),
            ));
        }
        Ok(self.fetched(&answer, true, sha256, size, validators, request.expect.is_some()))
    }

    fn fetched(
        &self,
        answer: &Answer,
        modified: bool,
        sha256: Digest,
        size: u64,
        validators: Conditional,
        pinned: bool,
    ) -> Fetched {
        let text =
            |name: &str| answer.header(name).map(|text| printable(text.split(';').next().unwrap_or_default().trim()));
        let mut from = answer.url.clone();
        from.set_query(None);
        let authentic = from.scheme() == "https" && !self.options().dangerously_skip_tls_verification;
        let trust = match (pinned, authentic) {
            (true, _) => TransportTrust::DigestPinned,
            (false, true) => TransportTrust::TlsOnly,
            (false, false) => TransportTrust::Unauthenticated,
        };
        Fetched {
            modified,
            sha256,
            size,
            validators,
            content_type: text("content-type"),
            content_encoding: text("content-encoding").filter(|coding| coding != "identity"),
            from: from.to_string(),
            trust,
        }
    }

    async fn drain(
        &self,
        answer: &mut Answer,
        doing: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(response) = answer.open.as_mut() else { return Ok(()) };
        let host = host_of(response.url());
        let timeouts = &self.options().timeouts;
        let mut patience = Patience::default();
        loop {
            let started = Instant::now();
            match tokio::time::timeout(timeouts.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    take(&chunk)?;
                    if !patience.took(started.elapsed(), chunk.len() as u64, timeouts.idle, timeouts.least_progress) {
                        return Err(Error::new(ErrorKind::Timeout, doing, format!("`{host}` sends next to nothing")));
                    }
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(err)) => return Err(Error::http(doing, &host, err)),
                Err(_) => return Err(Error::new(ErrorKind::Timeout, doing, format!("`{host}` stopped sending"))),
            }
        }
    }

    pub(crate) fn checked_url(&self, text: &str) -> Result<Url, Error> {
        let refuse = |what: &str| Error::new(ErrorKind::Usage, "ask a server", what);
        let url = Url::parse(text).map_err(|err| refuse(&format!("`{}` is no URL", printable(text))).cause(err))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a URL with user and password in it is not used: they would end up in logs"));
        }
        let host = host_of(&url);
        let plain = is_loopback(&host) || self.options().plain_http.iter().any(|name| name == "*" || *name == host);
        match url.scheme() {
            "https" => Ok(url),
            "http" if plain => Ok(url),
            "http" => Err(refuse(&format!("`{host}` would be asked by plain HTTP"))
                .hint("use `https://`, or allow it: `--plain-http`")),
            other => Err(refuse(&format!("`{other}:` is no web address"))),
        }
    }
}

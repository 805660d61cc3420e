//! Pushing: blobs whole or in chunks, mounts from a neighbouring repository, manifests.
//!
//! Source: OCI distribution-spec, "Pushing blobs", "Pushing Manifests".

use std::io::Read;

use bytes::Bytes;
use reqwest::{Method, StatusCode, Url};
use signet_model::{Digest, Hasher, ImageRef};

use crate::backoff;
use crate::client::Client;
use crate::endpoint::{Access, Endpoint, same_origin};
use crate::error::{Error, ErrorKind};
use crate::manifest::claimed_digest;
use crate::transport::{Answer, Ask};

/// Blobs up to this size go in one request; larger ones in chunks of it.
const CHUNK: usize = 8 << 20;

/// Where the bytes of a blob come from.
pub enum BlobSource<'a> {
    /// Memory.
    Bytes(Bytes),
    /// A stream, read once from its start.
    Stream(&'a mut (dyn Read + Send)),
}

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    AlreadyThere,
    /// The registry took it over from the other repository.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// What must be so for a manifest to be taken, where the registry heeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Anything.
    None,
    /// The tag still holds what had this `ETag`.
    Still(String),
    /// The tag is not there.
    Absent,
}

/// A manifest that the registry took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put {
    pub(crate) digest: Digest,
    /// The subject under which the registry lists it (`OCI-Subject`).
    pub(crate) subject: Option<Digest>,
}

impl Client {
    /// Brings a blob into a repository. `mount_from` is a repository of the same registry that may have it. The bytes are checked against `digest` and
    /// `size` while they are sent; if they are others, the upload is never finished.
    pub async fn push_blob(
        &self,
        repository: &ImageRef,
        digest: &Digest,
        size: u64,
        mount_from: Option<&str>,
        source: BlobSource<'_>,
    ) -> Result<Pushed, Error> {
        if self.blob_head(repository, digest).await?.is_some() {
            return Ok(Pushed::AlreadyThere);
        }
        let endpoint = Endpoint::origin(repository, self.options());
        let doing = format!("push blob `{}@{digest}`", endpoint.name());
        let mut url = self.url(&endpoint, Some("blobs/uploads/")).await?;
        let mut start = Ask::new(Method::POST, url.clone(), doing.clone()).at(&endpoint, Access::Push);
        if let Some(from) = mount_from {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
            start.url = url;
            start.scopes.push(format!("repository:{from}:pull"));
        }
        start.body = Some(Bytes::new());
        start.small_body = Some(self.options().limits.error_body);
        let begun = self.send(&start).await?;
        match begun.status {
            // Without a mount, or whole, nothing was sent yet.
            StatusCode::CREATED if mount_from.is_some() => return Ok(Pushed::Mounted),
            StatusCode::ACCEPTED => {}
            status => return Err(unexpected(&doing, status)),
        }
        let mut location = location(&begun, &start)?;
        let mut chunks =
            Chunks { source, hasher: Hasher::new(digest.algorithm()), sent: 0, size, doing: doing.clone() };
        let mut last = chunks.next()?;
        if chunks.sent < size {
            loop {
                let first = chunks.sent - last.len() as u64;
                location = self.patch(&endpoint, location, first, last, &doing).await?;
                last = Bytes::new();
                if chunks.sent == size {
                    break;
                }
                last = chunks.next()?;
            }
        }
        chunks.finish(digest)?;
        location.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut put = Ask::new(Method::PUT, location, doing.clone()).at(&endpoint, Access::Push);
        put.header("content-type", "application/octet-stream");
        put.body = Some(last);
        put.small_body = Some(self.options().limits.error_body);
        let answer = self.send(&put).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Pushed::Uploaded),
            status => Err(unexpected(&doing, status)),
        }
    }

    /// Sends one chunk. Where the connection breaks, the registry is asked how far it came, and what is missing is sent again.
    async fn patch(
        &self,
        endpoint: &Endpoint,
        mut place: Url,
        mut first: u64,
        mut chunk: Bytes,
        doing: &str,
    ) -> Result<Url, Error> {
        let mut failures = 0;
        loop {
            let mut patch = Ask::new(Method::PATCH, place.clone(), doing.to_owned()).at(endpoint, Access::Push);
            patch.header("content-type", "application/octet-stream");
            patch.header("content-range", &format!("{first}-{}", first + (chunk.len() as u64).saturating_sub(1)));
            patch.body = Some(chunk.clone());
            patch.small_body = Some(self.options().limits.error_body);
            let err = match self.send(&patch).await {
                Ok(answer) if answer.status == StatusCode::ACCEPTED => return location(&answer, &patch),
                Ok(answer) => return Err(unexpected(doing, answer.status)),
                Err(err) => err,
            };
            failures += 1;
            let passing = matches!(err.kind, ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Unavailable);
            if !passing || failures > self.options().retries {
                return Err(err);
            }
            let random = backoff::next_random(&mut self.shared.random.lock());
            tokio::time::sleep(backoff::pause(self.options().first_pause, failures, random)).await;
            let mut ask = Ask::new(Method::GET, place.clone(), doing.to_owned()).at(endpoint, Access::Push);
            ask.small_body = Some(self.options().limits.error_body);
            // The first failure says more than one of asking about it.
            let Ok(state) = self.send(&ask).await else { return Err(err) };
            let came = state.header("range").and_then(stored).and_then(|stored| stored.checked_sub(first));
            let came = came.and_then(|came| usize::try_from(came).ok()).filter(|came| *came <= chunk.len());
            let Some(came) = came else { return Err(err) };
            if state.header("location").is_some() {
                place = location(&state, &ask)?;
            }
            if came == chunk.len() {
                return Ok(place);
            }
            chunk = chunk.split_off(came);
            first += came as u64;
        }
    }

    /// Puts a manifest under the reference's tag, or without one under its digest. Gives the digest of the bytes; a registry that stored others is an error.
    pub async fn push_manifest(&self, reference: &ImageRef, media_type: &str, bytes: Bytes) -> Result<Digest, Error> {
        self.put_manifest(reference, media_type, bytes, &Condition::None).await.map(|put| put.digest)
    }

    pub(crate) async fn put_manifest(
        &self,
        reference: &ImageRef,
        media_type: &str,
        bytes: Bytes,
        condition: &Condition,
    ) -> Result<Put, Error> {
        let digest = match reference.digest() {
            Some(digest) => Digest::of(digest.algorithm(), &bytes),
            None => Digest::sha256(&bytes),
        };
        let endpoint = Endpoint::origin(reference, self.options());
        let name = reference.tag().map_or_else(|| digest.to_string(), str::to_owned);
        let doing = format!("push manifest `{}` as `{name}`", endpoint.name());
        if reference.digest().is_some_and(|asked| *asked != digest) {
            return Err(Error::new(ErrorKind::DigestMismatch, doing, format!("the manifest hashes to {digest}")));
        }
        let url = self.url(&endpoint, Some(&format!("manifests/{name}"))).await?;
        let mut put = Ask::new(Method::PUT, url, doing.clone()).at(&endpoint, Access::Push);
        put.header("content-type", media_type);
        match condition {
            Condition::None => {}
            Condition::Still(etag) => put.header("if-match", etag),
            Condition::Absent => put.header("if-none-match", "*"),
        }
        put.body = Some(bytes);
        put.small_body = Some(self.options().limits.error_body);
        let answer = self.send(&put).await?;
        if answer.status != StatusCode::CREATED {
            return Err(unexpected(&doing, answer.status));
        }
        match claimed_digest(&answer) {
            Some(stored) if stored.algorithm() == digest.algorithm() && stored != digest => Err(Error::new(
                ErrorKind::DigestMismatch,
                doing,
                format!("the registry stored {stored} instead of {digest}"),
            )),
            _ => Ok(Put { digest, subject: answer.header("oci-subject").and_then(|text| text.trim().parse().ok()) }),
        }
    }
}

/// Reads a blob in pieces of [`CHUNK`].
struct Chunks<'a> {
    source: BlobSource<'a>,
    hasher: Hasher,
    sent: u64,
    size: u64,
    doing: String,
}

impl Chunks<'_> {
    fn next(&mut self) -> Result<Bytes, Error> {
        let left = self.size.saturating_sub(self.sent);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        let chunk = match &mut self.source {
            BlobSource::Bytes(bytes) => bytes.split_to(want.min(bytes.len())),
            BlobSource::Stream(reader) => {
                let mut chunk = Vec::new();
                reader
                    .take(want as u64)
                    .read_to_end(&mut chunk)
                    .map_err(|err| Error::new(ErrorKind::Local, &*self.doing, "its bytes cannot be read").cause(err))?;
                chunk.into()
            }
        };
        if chunk.len() < want {
            let what = format!("it ends after {} bytes of {}", self.sent + chunk.len() as u64, self.size);
            return Err(Error::new(ErrorKind::SizeMismatch, &*self.doing, what));
        }
        self.hasher.update(&chunk);
        self.sent += chunk.len() as u64;
        Ok(chunk)
    }

    fn finish(self, digest: &Digest) -> Result<(), Error> {
        let found = self.hasher.finish();
        if found == *digest {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DigestMismatch, self.doing, format!("the bytes to push hash to {found}")))
    }
}

/// Where the upload goes on: relative or absolute, and at the registry that we began with, because the credentials go along.
fn location(answer: &Answer, ask: &Ask) -> Result<Url, Error> {
    let mut url = answer.header("location").and_then(|text| answer.url.join(text).ok());
    // Registries behind a proxy that ends TLS call themselves `http://`; nothing is lost by staying with HTTPS.
    if let Some(url) = &mut url
        && ask.url.scheme() == "https"
        && url.scheme() == "http"
        && url.host_str() == ask.url.host_str()
        && matches!(url.port(), None | Some(80))
    {
        let _ = url.set_scheme("https");
        let _ = url.set_port(ask.url.port());
    }
    match url {
        Some(url) if same_origin(&url, &ask.url) => Ok(url),
        Some(_) => Err(Error::new(ErrorKind::Redirect, &*ask.doing, "the registry wants the upload at another host")),
        None => Err(Error::new(ErrorKind::Malformed, &*ask.doing, "the registry does not say where the upload goes")),
    }
}

/// Bytes that a registry has of an upload: `0-LAST`. Source: OCI distribution-spec, "Pushing a blob in chunks". A chunk has more than one byte, so
/// `0-0`, which registries also say of none at all, is none.
fn stored(range: &str) -> Option<u64> {
    let (first, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    let last: u64 = last.parse().ok()?;
    (first == "0").then_some(if last == 0 { 0 } else { last.checked_add(1)? })
}

fn unexpected(doing: &str, status: StatusCode) -> Error {
    Error::new(ErrorKind::Malformed, doing, format!("the registry answered {}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue};

    #[track_caller]
    fn check(asked: &str, header: &str, expected: Option<&str>) {
        let url = Url::parse(asked).unwrap();
        let ask = Ask::new(Method::POST, url.clone(), "push".to_owned());
        let headers = HeaderMap::from_iter([("location".parse().unwrap(), HeaderValue::from_str(header).unwrap())]);
        let answer = Answer { status: StatusCode::ACCEPTED, headers, url, body: Bytes::new(), open: None };
        assert_eq!(location(&answer, &ask).ok().map(|url| url.to_string()).as_deref(), expected, "{asked} {header}");
    }

    #[test]
    fn how_far_an_upload_came_is_read() {
        for (range, expected) in [
            ("0-9", Some(10)),
            ("bytes=0-9", Some(10)),
            ("0-0", Some(0)),
            ("1-9", None),
            ("", None),
            ("0-", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(stored(range), expected, "{range}");
        }
    }

    #[test]
    fn an_upload_goes_on_at_the_same_registry() {
        let asked = "https://r.example/v2/a/blobs/uploads/";
        check(asked, "/v2/a/blobs/uploads/1?state=x", Some("https://r.example/v2/a/blobs/uploads/1?state=x"));
        check(asked, "https://r.example/u/1", Some("https://r.example/u/1"));
        check(asked, "http://r.example/u/1", Some("https://r.example/u/1"));
        check("https://r.example:8443/", "http://r.example/u/1", Some("https://r.example:8443/u/1"));
        check(asked, "https://other.example/u/1", None);
        check(asked, "http://r.example:81/u/1", None);
        check(asked, "//other.example/u/1", None);
        check("http://r.example/", "https://r.example/u/1", None);
    }
}

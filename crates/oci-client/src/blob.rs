//! Blobs: streamed, verified, and taken up again where a connection breaks.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use signet_model::{Digest, Hasher, ImageRef};
use tokio::time::Instant;

use crate::client::Client;
use crate::endpoint::{Access, Endpoint};
use crate::error::{Error, ErrorKind};
use crate::manifest::{Failures, check_blob};
use crate::transport::{Ask, host_of};

/// How often a blob is taken up again in all, however much came in between: a peer that gives one byte per connection must come to an end.
const MOST_RESUMES: u32 = 64;

/// The bytes of a blob. They are verified when [`BlobStream::next`] has given `None`; until then what came is only as good as the connection.
/// The bytes of a part ([`Client::blob_range`]) are not verified at all.
pub struct BlobStream {
    client: Client,
    doing: String,
    endpoints: Vec<Endpoint>,
    /// Which endpoint is being read.
    at: usize,
    digest: Digest,
    /// What the descriptor says, or the first answer.
    size: Option<u64>,
    offset: u64,
    /// Where a part of the blob ends; `None` for a whole blob. A part has no digest of its own: whoever asks for it knows how to verify it.
    until: Option<u64>,
    /// Bytes of the present answer that were given before (a server that ignores `Range`).
    skip: u64,
    hasher: Option<Hasher>,
    response: Option<reqwest::Response>,
    failures: u32,
    resumes: u32,
    patience: Patience,
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobStream({} at {})", self.digest, self.offset)
    }
}

impl Client {
    /// Opens a blob of a repository. `size` is the descriptor's; a blob of another size is an error.
    pub async fn blob(&self, repository: &ImageRef, digest: &Digest, size: Option<u64>) -> Result<BlobStream, Error> {
        let doing = format!("read blob `{}@{digest}`", repository.name());
        if size.is_some_and(|size| size > self.options().limits.blob) {
            return Err(Error::new(
                ErrorKind::TooLarge,
                doing,
                format!("it is larger than {} bytes", self.options().limits.blob),
            ));
        }
        self.stream(repository, digest, size, 0, None, doing).await
    }

    /// Opens a part of a blob of `size` bytes. **Its bytes are not verified**: only a digest of the part, from elsewhere, can do that.
    ///
    /// Errors: `Unsupported` when the registry gives no parts (it answers 200 or 416), before anything of the body is read; `Usage` for a range
    /// that is empty or outside the blob.
    pub async fn blob_range(
        &self,
        repository: &ImageRef,
        digest: &Digest,
        size: u64,
        range: Range<u64>,
    ) -> Result<BlobStream, Error> {
        let doing = format!("read bytes {} to {} of blob `{}@{digest}`", range.start, range.end, repository.name());
        if range.is_empty() || range.end > size {
            return Err(Error::new(ErrorKind::Usage, doing, format!("it has {size} bytes")));
        }
        self.stream(repository, digest, Some(size), range.start, Some(range.end), doing).await
    }

    async fn stream(
        &self,
        repository: &ImageRef,
        digest: &Digest,
        size: Option<u64>,
        offset: u64,
        until: Option<u64>,
        doing: String,
    ) -> Result<BlobStream, Error> {
        let mut stream = BlobStream {
            client: self.clone(),
            doing,
            endpoints: Endpoint::all(repository, self.options()),
            at: 0,
            digest: *digest,
            size,
            offset,
            until,
            skip: 0,
            hasher: Some(Hasher::new(digest.algorithm())),
            response: None,
            failures: 0,
            resumes: 0,
            patience: Patience::default(),
        };
        stream.open().await?;
        Ok(stream)
    }

    /// Reads a small blob (a configuration) whole, verified.
    pub async fn small_blob(&self, repository: &ImageRef, digest: &Digest, size: Option<u64>) -> Result<Bytes, Error> {
        let limit = self.options().limits.small_blob;
        let doing = format!("read blob `{}@{digest}`", repository.name());
        let too_large = || Error::new(ErrorKind::TooLarge, &*doing, format!("it is larger than {limit} bytes"));
        if size.is_some_and(|size| size > limit) {
            return Err(too_large());
        }
        let mut stream = self.blob(repository, digest, size).await?;
        let mut bytes = bytes::BytesMut::new();
        while let Some(chunk) = stream.next().await? {
            if (bytes.len() as u64).saturating_add(chunk.len() as u64) > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        check_blob(&bytes, digest, &doing)?;
        Ok(bytes.freeze())
    }

    /// Whether the registry has a blob, and its size if it says so.
    pub async fn blob_head(&self, repository: &ImageRef, digest: &Digest) -> Result<Option<Option<u64>>, Error> {
        let endpoint = Endpoint::origin(repository, self.options());
        let url = self.url(&endpoint, Some(&format!("blobs/{digest}"))).await?;
        let mut ask = Ask::new(Method::HEAD, url, format!("look for blob `{}@{digest}`", endpoint.name()))
            .at(&endpoint, Access::Pull);
        ask.small_body = Some(0);
        match self.send(&ask).await {
            Ok(answer) => Ok(Some(answer.header("content-length").and_then(|text| text.parse().ok()))),
            Err(err) if err.kind == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }
}

impl BlobStream {
    /// The size of the whole blob, if the descriptor or the registry told it.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes; `None` at the end, when size and digest were found right. After an error the stream is over.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.hasher.is_none() {
                return Ok(None);
            }
            if self.response.is_none() {
                self.open().await?;
            }
            let Some(response) = self.response.as_mut() else { continue };
            let host = host_of(response.url());
            let waited = Instant::now();
            let timeouts = &self.client.options().timeouts;
            let err = match tokio::time::timeout(timeouts.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let (window, least) = (timeouts.idle, timeouts.least_progress);
                    if self.patience.took(waited.elapsed(), chunk.len() as u64, window, least) {
                        match self.take(chunk) {
                            Ok(Some(chunk)) => return Ok(Some(chunk)),
                            Ok(None) => continue,
                            Err(err) => return Err(self.fail(err)),
                        }
                    }
                    Error::new(ErrorKind::Timeout, &*self.doing, format!("`{host}` sends next to nothing"))
                }
                Ok(Ok(None)) if self.until.or(self.size).is_none_or(|end| self.offset >= end) => return self.finish(),
                Ok(Ok(None)) => {
                    let what = format!("`{host}` ended it after {} bytes", self.offset);
                    Error::new(ErrorKind::SizeMismatch, &*self.doing, what)
                }
                Ok(Err(err)) => Error::http(&self.doing, &host, err),
                Err(_) => Error::new(ErrorKind::Timeout, &*self.doing, format!("`{host}` stopped sending")),
            };
            self.response = None;
            self.retry(err).await?;
        }
    }

    /// Counts and hashes a chunk, less what was given before.
    fn take(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, Error> {
        let known = self.skip.min(chunk.len() as u64);
        self.skip -= known;
        let chunk = chunk.split_off(usize::try_from(known).unwrap_or(usize::MAX).min(chunk.len()));
        if chunk.is_empty() {
            return Ok(None);
        }
        self.offset = self.offset.saturating_add(chunk.len() as u64);
        self.failures = 0;
        let most = self.until.or(self.size).unwrap_or(self.client.options().limits.blob);
        if self.offset > most {
            let (kind, what) = match self.until.or(self.size) {
                Some(_) => (ErrorKind::SizeMismatch, "more bytes came than it has".to_owned()),
                None => (ErrorKind::TooLarge, format!("it is larger than {most} bytes")),
            };
            return Err(Error::new(kind, &*self.doing, what));
        }
        if let Some(hasher) = self.hasher.as_mut().filter(|_| self.until.is_none()) {
            hasher.update(&chunk);
        }
        Ok(Some(chunk))
    }

    fn finish(&mut self) -> Result<Option<Bytes>, Error> {
        self.response = None;
        let Some(hasher) = self.hasher.take() else { return Ok(None) };
        let found = hasher.finish();
        if self.until.is_some() || found == self.digest {
            return Ok(None);
        }
        Err(Error::new(ErrorKind::DigestMismatch, &*self.doing, format!("the bytes that came hash to {found}"))
            .hint("the registry, a mirror or someone between holds other bytes under this digest: do not use them"))
    }

    /// Ends the stream.
    fn fail(&mut self, err: Error) -> Error {
        self.response = None;
        self.hasher = None;
        err
    }

    /// Waits before the blob is taken up again, or goes to the next endpoint, or gives up.
    async fn retry(&mut self, err: Error) -> Result<(), Error> {
        self.failures += 1;
        self.resumes += 1;
        let options = self.client.options();
        if self.resumes > MOST_RESUMES {
            return Err(self.fail(err));
        }
        if self.failures > options.retries {
            if self.at + 1 >= self.endpoints.len() {
                return Err(self.fail(err));
            }
            self.at += 1;
            self.failures = 0;
            return Ok(());
        }
        let random = crate::backoff::next_random(&mut self.client.shared.random.lock());
        tokio::time::sleep(crate::backoff::pause(options.first_pause, self.failures, random)).await;
        Ok(())
    }

    /// Opens the blob at `offset`, at the present endpoint or one after it.
    async fn open(&mut self) -> Result<(), Error> {
        let mut failures = Failures::default();
        while let Some(endpoint) = self.endpoints.get(self.at).cloned() {
            match self.open_at(&endpoint).await {
                Ok(()) => return Ok(()),
                Err(err) => match failures.add(err) {
                    Ok(()) => self.at += 1,
                    Err(err) => return Err(self.fail(err)),
                },
            }
        }
        Err(self.fail(failures.into_error()))
    }

    async fn open_at(&mut self, endpoint: &Endpoint) -> Result<(), Error> {
        let url = self.client.url(endpoint, Some(&format!("blobs/{}", self.digest))).await?;
        let doing = format!("read blob `{}@{}`", endpoint.name(), self.digest);
        let mut ask = Ask::get(url, doing).at(endpoint, Access::Pull);
        match self.until {
            Some(until) => ask.header("range", &format!("bytes={}-{}", self.offset, until.saturating_sub(1))),
            None if self.offset > 0 => ask.header("range", &format!("bytes={}-", self.offset)),
            None => {}
        }
        let no_parts = |what: &str| Error::new(ErrorKind::Unsupported, &*ask.doing, what.to_owned());
        let answer = match self.client.send(&ask).await {
            // Some servers refuse every range.
            Err(err) if self.until.is_some() && err.status == Some(416) => {
                return Err(no_parts("the registry refuses to give a part of it"));
            }
            answer => answer?,
        };
        let malformed = |what: String| Error::new(ErrorKind::Malformed, &*ask.doing, what);
        let length = answer.open.as_ref().and_then(reqwest::Response::content_length);
        let total = match answer.status {
            StatusCode::OK if self.until.is_some() => return Err(no_parts("the registry gives no parts of it")),
            StatusCode::OK => {
                self.skip = self.offset;
                length
            }
            StatusCode::PARTIAL_CONTENT if self.offset > 0 || self.until.is_some() => {
                let range = answer.header("content-range").and_then(content_range);
                let last = self.until.map(|until| until.saturating_sub(1));
                let asked =
                    |range: &ContentRange| range.first == self.offset && last.is_none_or(|last| range.last == last);
                let Some(range) = range.filter(asked) else {
                    return Err(malformed("the registry gives another range than it was asked for".to_owned()));
                };
                self.skip = 0;
                range.total
            }
            status => return Err(malformed(format!("the registry answered {}", status.as_u16()))),
        };
        match (self.size, total) {
            (Some(size), Some(total)) if size != total => {
                let what = format!("the manifest says {size} bytes, the registry {total}");
                return Err(Error::new(ErrorKind::SizeMismatch, &*ask.doing, what));
            }
            (None, Some(total)) if total > self.client.options().limits.blob => {
                let what = format!("it is larger than {} bytes", self.client.options().limits.blob);
                return Err(Error::new(ErrorKind::TooLarge, &*ask.doing, what));
            }
            (None, total) => self.size = total,
            _ => {}
        }
        self.patience = Patience::default();
        self.response = answer.open;
        Ok(())
    }
}

/// What an answer says that it holds: the places of its first and last byte, and the size of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

/// `bytes FIRST-LAST/TOTAL`. Source: RFC 9110 section 14.4.
fn content_range(header: &str) -> Option<ContentRange> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(ContentRange { first, last, total: total.trim().parse().ok() })
}

/// Tells a slow peer from one that keeps us waiting on purpose. Only the time that we wait for it counts, not the time that the reader takes.
#[derive(Default)]
pub(crate) struct Patience {
    waited: Duration,
    came: u64,
}

impl Patience {
    /// False when in a whole `window` of waiting less than `least` bytes came.
    pub(crate) fn took(&mut self, waited: Duration, bytes: u64, window: Duration, least: u64) -> bool {
        self.waited += waited;
        self.came = self.came.saturating_add(bytes);
        if self.waited < window {
            return true;
        }
        let enough = self.came >= least;
        *self = Patience::default();
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        let range = |total| Some(ContentRange { first: 5, last: 9, total });
        assert_eq!(content_range("bytes 5-9/10"), range(Some(10)));
        assert_eq!(content_range("bytes 5-9/*"), range(None));
        for text in ["", "bytes */10", "bytes 9-5/10", "items 5-9/10", "bytes 5-99999999999999999999/1"] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }

    #[test]
    fn patience_ends_for_a_trickle_only() {
        let second = Duration::from_secs(1);
        let mut patience = Patience::default();
        assert!((0..9).all(|_| patience.took(second, 1, second * 10, 100)));
        assert!(!patience.took(second, 1, second * 10, 100));
        let mut patience = Patience::default();
        assert!((0..100).all(|_| patience.took(second, 10, second * 10, 100)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9bytes/*:, GMTSun-]{0,40}") {
            let _ = content_range(&text);
        }
    }
}

//! The client for code that runs on threads: plain calls, and blobs as [`std::io::Read`].

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use signet_model::{Digest, ImageRef};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use crate::append::TagConfig;
use crate::attach::{Attached, Listed, NewLayer, NewReferrer};
use crate::blob::BlobStream;
use crate::client::Client;
use crate::credentials::{CredentialConfig, SavedTo};
use crate::error::{Error, ErrorKind};
use crate::fetch::{FetchRequest, Fetched};
use crate::manifest::{Descriptor, Manifest, ManifestHead};
use crate::options::ClientOptions;
use crate::post::{PostRequest, Posted};
use crate::push::{BlobSource, Pushed};
use crate::resolve::{PlatformChoice, Resolved};
use crate::secret::Secret;

/// Chunks that are read ahead of a blob's reader; a chunk is at most some hundred kilobytes.
const READ_AHEAD: usize = 8;

/// A [`Client`] with a runtime. Cheap to clone. Its methods and readers must not be used on threads of an asynchronous runtime: they wait.
#[derive(Clone, Debug)]
pub struct BlockingClient {
    client: Client,
    handle: Handle,
    /// Kept so that the runtime lives as long as a clone or a reader.
    runtime: Option<Arc<Background>>,
}

/// A runtime that is put down without waiting, so that dropping the last client never blocks.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl BlockingClient {
    /// A client with a small runtime of its own.
    pub fn new(options: ClientOptions, credentials: CredentialConfig) -> Result<BlockingClient, Error> {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("signet-net").enable_all().build().map_err(
                |err| Error::new(ErrorKind::Local, "start the network threads", "the system gives none").cause(err),
            )?;
        let handle = runtime.handle().clone();
        Ok(BlockingClient {
            client: Client::new(options, credentials),
            handle,
            runtime: Some(Arc::new(Background(Some(runtime)))),
        })
    }

    /// A client on a multi-threaded runtime that someone else keeps.
    pub fn on(client: Client, handle: Handle) -> BlockingClient {
        BlockingClient { client, handle, runtime: None }
    }

    /// The asynchronous client underneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for something that needs the client's runtime.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// See [`Client::manifest`].
    pub fn manifest(&self, reference: &ImageRef) -> Result<Manifest, Error> {
        self.handle.block_on(self.client.manifest(reference))
    }

    /// See [`Client::manifest_head`].
    pub fn manifest_head(&self, reference: &ImageRef) -> Result<Option<ManifestHead>, Error> {
        self.handle.block_on(self.client.manifest_head(reference))
    }

    /// See [`Client::resolve`].
    pub fn resolve(&self, reference: &ImageRef, choice: &PlatformChoice) -> Result<Resolved, Error> {
        self.handle.block_on(self.client.resolve(reference, choice))
    }

    /// See [`Client::small_blob`].
    pub fn small_blob(&self, repository: &ImageRef, digest: &Digest, size: Option<u64>) -> Result<Bytes, Error> {
        self.handle.block_on(self.client.small_blob(repository, digest, size))
    }

    /// See [`Client::blob_head`].
    pub fn blob_head(&self, repository: &ImageRef, digest: &Digest) -> Result<Option<Option<u64>>, Error> {
        self.handle.block_on(self.client.blob_head(repository, digest))
    }

    /// Opens a blob. The network runs ahead of the reader by a few chunks, on threads of its own; several blobs can be read at once.
    pub fn blob(&self, repository: &ImageRef, digest: &Digest, size: Option<u64>) -> Result<BlobReader, Error> {
        let stream = self.handle.block_on(self.client.blob(repository, digest, size))?;
        Ok(self.reader(stream))
    }

    /// Opens a part of a blob, as [`BlockingClient::blob`]. **Its bytes are not verified**, see [`Client::blob_range`].
    pub fn blob_range(
        &self,
        repository: &ImageRef,
        digest: &Digest,
        size: u64,
        range: Range<u64>,
    ) -> Result<BlobReader, Error> {
        let stream = self.handle.block_on(self.client.blob_range(repository, digest, size, range))?;
        Ok(self.reader(stream))
    }

    fn reader(&self, mut stream: BlobStream) -> BlobReader {
        let (sender, chunks) = mpsc::channel(READ_AHEAD);
        self.handle.spawn(async move {
            loop {
                let next = stream.next().await.transpose();
                let over = !matches!(next, Some(Ok(_)));
                // A reader that was dropped needs nothing more.
                if sender.send(next).await.is_err() || over {
                    return;
                }
            }
        });
        BlobReader { chunks, chunk: Bytes::new(), state: ReaderState::Open, _runtime: self.runtime.clone() }
    }

    /// See [`Client::tags`].
    pub fn tags(&self, repository: &ImageRef) -> Result<Vec<String>, Error> {
        self.handle.block_on(self.client.tags(repository))
    }

    /// See [`Client::referrers`].
    pub fn referrers(
        &self,
        repository: &ImageRef,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        self.handle.block_on(self.client.referrers(repository, subject, artifact_type))
    }

    /// See [`Client::fetch`].
    pub fn fetch(&self, request: &FetchRequest, to: &mut (dyn Write + Send)) -> Result<Fetched, Error> {
        self.handle.block_on(self.client.fetch(request, to))
    }

    /// See [`Client::post`].
    pub fn post(&self, request: &PostRequest) -> Result<Posted, Error> {
        self.handle.block_on(self.client.post(request))
    }

    /// See [`Client::push_blob`].
    pub fn push_blob(
        &self,
        repository: &ImageRef,
        digest: &Digest,
        size: u64,
        mount_from: Option<&str>,
        source: BlobSource<'_>,
    ) -> Result<Pushed, Error> {
        self.handle.block_on(self.client.push_blob(repository, digest, size, mount_from, source))
    }

    /// See [`Client::push_manifest`].
    pub fn push_manifest(&self, reference: &ImageRef, media_type: &str, bytes: Bytes) -> Result<Digest, Error> {
        self.handle.block_on(self.client.push_manifest(reference, media_type, bytes))
    }

    /// See [`Client::attach`].
    pub fn attach(&self, repository: &ImageRef, subject: &Descriptor, new: &NewReferrer) -> Result<Attached, Error> {
        self.handle.block_on(self.client.attach(repository, subject, new))
    }

    /// See [`Client::attach_manifest`].
    pub fn attach_manifest(
        &self,
        repository: &ImageRef,
        subject: &Digest,
        descriptor: &Descriptor,
        bytes: Bytes,
    ) -> Result<Listed, Error> {
        self.handle.block_on(self.client.attach_manifest(repository, subject, descriptor, bytes))
    }

    /// See [`Client::detach`].
    pub fn detach(&self, repository: &ImageRef, subject: &Digest, gone: &Digest) -> Result<(), Error> {
        self.handle.block_on(self.client.detach(repository, subject, gone))
    }

    /// See [`Client::append_to_tag`].
    pub fn append_to_tag(
        &self,
        tag: &ImageRef,
        layers: &[NewLayer],
        config: &TagConfig,
        replace: &(dyn Fn(&Descriptor) -> bool + Sync),
    ) -> Result<Digest, Error> {
        self.handle.block_on(self.client.append_to_tag(tag, layers, config, replace))
    }

    /// See [`Client::delete_manifest`].
    pub fn delete_manifest(&self, reference: &ImageRef) -> Result<(), Error> {
        self.handle.block_on(self.client.delete_manifest(reference))
    }

    /// See [`Client::login`].
    pub fn login(&self, registry: &str, username: &str, password: &Secret) -> Result<SavedTo, Error> {
        self.handle.block_on(self.client.login(registry, username, password))
    }

    /// See [`Client::logout`].
    pub fn logout(&self, registry: &str) -> Result<bool, Error> {
        self.handle.block_on(self.client.logout(registry))
    }
}

/// A blob's bytes. The end (`Ok(0)`) is given only when size and digest were found right; until then the bytes are only as good as the connection, so
/// whoever uses them reads to the end. An error is given once, then again in short.
#[derive(Debug)]
pub struct BlobReader {
    chunks: mpsc::Receiver<Option<Result<Bytes, Error>>>,
    chunk: Bytes,
    state: ReaderState,
    _runtime: Option<Arc<Background>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReaderState {
    Open,
    Verified,
    Failed,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.chunk.is_empty() {
            match self.state {
                ReaderState::Open => {}
                ReaderState::Verified => return Ok(0),
                ReaderState::Failed => return Err(io::Error::other("the blob could not be read")),
            }
            match self.chunks.blocking_recv() {
                Some(Some(Ok(chunk))) => self.chunk = chunk,
                Some(None) => self.state = ReaderState::Verified,
                Some(Some(Err(err))) => {
                    self.state = ReaderState::Failed;
                    let kind = match err.kind {
                        ErrorKind::DigestMismatch | ErrorKind::SizeMismatch | ErrorKind::Malformed => {
                            io::ErrorKind::InvalidData
                        }
                        ErrorKind::Timeout => io::ErrorKind::TimedOut,
                        ErrorKind::NotFound => io::ErrorKind::NotFound,
                        _ => io::ErrorKind::Other,
                    };
                    return Err(io::Error::new(kind, err));
                }
                None => {
                    self.state = ReaderState::Failed;
                    return Err(io::Error::other("the network threads were stopped"));
                }
            }
        }
        let length = buffer.len().min(self.chunk.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), self.chunk.get(..length)) {
            to.copy_from_slice(from);
        }
        self.chunk.advance(length);
        Ok(length)
    }
}

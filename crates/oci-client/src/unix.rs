//! HTTP over a Unix socket: the daemons of docker and podman. No network, so `--offline` does not forbid it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorKind, StatusContext};

/// How long a daemon may think before it answers: an export of a large image is prepared first.
const PATIENCE: Duration = Duration::from_secs(120);
/// Part of an error body that is looked at.
const ERROR_BODY: usize = 64 << 10;

/// A client of one daemon.
#[derive(Debug)]
pub struct SocketClient {
    path: PathBuf,
    http: reqwest::Client,
    runtime: Runtime,
}

impl SocketClient {
    /// A client of the daemon at this socket. Nothing is opened yet.
    pub fn new(path: &Path) -> Result<SocketClient, Error> {
        let doing = format!("use the socket `{}`", path.display());
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|err| Error::new(ErrorKind::Local, &*doing, "the system gives no event queue").cause(err))?;
        let http = reqwest::Client::builder()
            .unix_socket(path)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .map_err(|err| Error::new(ErrorKind::Local, &*doing, "the HTTP client cannot be set up").cause(err))?;
        Ok(SocketClient { path: path.to_owned(), http, runtime })
    }

    /// Asks for a path (beginning with `/`, escaped by the caller). The body is read as it comes.
    pub fn get(self, path_and_query: &str) -> Result<SocketReader, Error> {
        let doing = format!("ask `{}` for `{path_and_query}`", self.path.display());
        let request = self.http.get(format!("http://localhost{path_and_query}"));
        let sent = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, request.send()).await });
        let name = self.path.display().to_string();
        let mut response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(err)) => {
                return Err(
                    Error::http(&doing, &name, err).hint("is the daemon running, and may this user open its socket?")
                );
            }
            Err(_) => {
                return Err(Error::new(ErrorKind::Timeout, doing, format!("no answer in {} s", PATIENCE.as_secs())));
            }
        };
        let status = response.status();
        if status.as_u16() >= 300 {
            let mut body = Vec::new();
            while let Ok(Ok(Some(chunk))) =
                self.runtime.block_on(async { tokio::time::timeout(PATIENCE, response.chunk()).await })
            {
                body.extend_from_slice(&chunk);
                if body.len() > ERROR_BODY {
                    break;
                }
            }
            return Err(
                Error::status(&doing, &name, status, &body, StatusContext::default()).hint("is the name right?")
            );
        }
        Ok(SocketReader { client: self, response, chunk: Bytes::new(), doing })
    }
}

/// The body of a daemon's answer.
#[derive(Debug)]
pub struct SocketReader {
    client: SocketClient,
    response: reqwest::Response,
    chunk: Bytes,
    doing: String,
}

impl Read for SocketReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let next =
                self.client.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.response.chunk()).await });
            match next {
                Ok(Ok(Some(chunk))) => self.chunk = chunk,
                Ok(Ok(None)) => return Ok(0),
                Ok(Err(err)) => return Err(io::Error::other(Error::http(&self.doing, "the daemon", err))),
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the daemon stopped sending")),
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

//! HTTP/1.1 over TLS: connections, bounds, deadlines, and an end in good order. What is answered is decided at the [`Desk`].
//!
//! An answer leaves in one write. An API server that gets head and body apart waits for the second half: with delayed acknowledgements 40 ms and
//! more for each review (measured against kube-apiserver: 92 ms instead of 2.7).

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::clients::Clients;
use crate::desk::{Clock, Desk, Reply};
use crate::engine::Pass;
use crate::peers::Peers;
use crate::stall::Unstalled;
use crate::tls::{Certificates, TlsError};

/// What an API server gives a webhook that says nothing about it, and the most that it may give.
const DEFAULT_TIME: Duration = Duration::from_secs(10);
const MOST_TIME: Duration = Duration::from_secs(30);
/// Bytes of memory are counted in pieces of this size.
const PIECE: usize = 1 << 10;

/// Bounds of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a body. An UPDATE carries two objects of up to 3 MiB.
    pub body: usize,
    /// Bytes of all bodies at one time; who comes then is turned away.
    pub bodies: usize,
    /// For the handshake, and for the first request after it: who has connected wants something.
    pub first_time: Duration,
    /// For the head of a later request, and between two requests.
    pub head_time: Duration,
    /// For the body of a request.
    pub body_time: Duration,
    /// How long who asked may read nothing of the answer.
    pub write_time: Duration,
    /// Connections at one time; more wait until one ends.
    pub connections: usize,
    /// Connections of one peer at one time; more are turned away, so that one does not take the places of all.
    pub peer: usize,
    /// How long it goes on after it says that it is not ready, so that nobody finds it gone.
    pub drain_time: Duration,
    /// For what runs when the server ends.
    pub end_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            body: 8 << 20,
            bodies: 32 << 20,
            first_time: Duration::from_secs(10),
            head_time: Duration::from_secs(60),
            body_time: Duration::from_secs(10),
            write_time: Duration::from_secs(10),
            connections: 1024,
            // API servers are few and ask much, and in some clusters all of them come from one address.
            peer: 512,
            drain_time: Duration::from_secs(10),
            end_time: Duration::from_secs(15),
        }
    }
}

/// An address that is bound.
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    limits: ServerLimits,
    clients: Option<Arc<Clients>>,
}

/// What all connections share.
#[derive(Clone)]
struct Shared {
    desk: Arc<Desk>,
    limits: ServerLimits,
    memory: Arc<Semaphore>,
    /// Whether the client is one who may ask for reviews.
    may_ask: bool,
    /// Whether it has asked for anything.
    asked: Arc<AtomicBool>,
}

/// The desk's clock, for what TLS asks of one.
struct Time(Clock);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from((self.0)().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl Server {
    /// Binds an address.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn bind(address: SocketAddr, limits: ServerLimits) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, limits, clients: None })
    }

    /// Answers reviews only to clients that show a certificate of these.
    #[must_use]
    pub fn with_clients(self, clients: Arc<Clients>) -> Self {
        Self { clients: Some(clients), ..self }
    }

    /// The address, with the port that the system chose.
    ///
    /// # Errors
    /// The system does not tell it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` changes, and then ends in good order: first it is not ready, then it takes no new connection, then what runs is answered.
    ///
    /// # Errors
    /// TLS cannot be set up, or the listener is no use to the runtime.
    pub async fn run(
        self,
        desk: Arc<Desk>,
        certificates: Arc<Certificates>,
        mut stop: watch::Receiver<()>,
    ) -> Result<(), ServeError> {
        let clients = self.clients;
        let time = Arc::new(Time(desk.clock()));
        let acceptor = TlsAcceptor::from(Arc::new(certificates.config_for(clients.clone(), time)?));
        let listener = TcpListener::from_std(self.listener)?;
        let limits = self.limits;
        let memory = Arc::new(Semaphore::new((limits.bodies / PIECE).clamp(1, Semaphore::MAX_PERMITS)));
        let peers = Peers::new(limits.peer);
        let places = Arc::new(Semaphore::new(limits.connections.max(1)));
        let (close, closed) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut end: Option<Instant> = None;
        loop {
            let over = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            let accepted = tokio::select! {
                accepted = accept(&listener, &places) => accepted,
                _ = stop.changed(), if end.is_none() => {
                    desk.drain();
                    end = Some(Instant::now() + limits.drain_time);
                    continue;
                }
                () = over => break,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer, place)) => {
                    let Some(own) = peers.take(peer) else {
                        desk.metrics().turned_away("peer");
                        continue;
                    };
                    let (acceptor, closed, clients) = (acceptor.clone(), closed.clone(), clients.clone());
                    let (desk, memory) = (Arc::clone(&desk), Arc::clone(&memory));
                    connections.spawn(async move {
                        let _places = (place, own);
                        // Without it the last piece of an answer waits for an acknowledgement.
                        let _set = stream.set_nodelay(true);
                        let stream = Unstalled::new(stream, limits.write_time);
                        // A client that breaks off is its own affair.
                        if let Ok(Ok(stream)) = timeout(limits.first_time, acceptor.accept(stream)).await {
                            let shown = stream.get_ref().1.peer_certificates();
                            let may_ask = clients.is_none_or(|clients| clients.admit(shown));
                            let shared = Shared { desk, limits, memory, may_ask, asked: Arc::default() };
                            connection(stream, shared, closed).await;
                        }
                    });
                }
                // No more files, mostly. Others may end soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(listener);
        drop(close);
        let _ended = timeout(limits.end_time, async { while connections.join_next().await.is_some() {} }).await;
        Ok(())
    }
}

/// Why a server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The listener.
    #[error("the listener cannot be used")]
    Listener(#[from] std::io::Error),
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip(), place))
}

/// Requests of one connection, one after the other.
async fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: Shared, mut closed: watch::Receiver<()>) {
    let ServerLimits { head_time, first_time, .. } = shared.limits;
    let asked = Arc::clone(&shared.asked);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(respond(request, &shared).await) }
    });
    let mut serving = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            .max_buf_size(64 << 10)
            // Who has said all still gets the answer.
            .half_close(true)
            // Head and body are copied together and leave in one write.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
    );
    let silent = async {
        tokio::time::sleep(first_time).await;
        if asked.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _done = serving.as_mut() => return,
        () = silent => return,
        _gone = closed.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _done = serving.await;
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let desk = &shared.desk;
    shared.asked.store(true, Ordering::Release);
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = match (request.uri().path(), reading) {
        ("/healthz" | "/livez", true) => text(200, "ok\n"),
        ("/readyz", true) if desk.is_ready() => text(200, "ok\n"),
        ("/readyz", true) => text(503, "not ready\n"),
        ("/metrics", true) => {
            let mut response = text(200, desk.metrics().text());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        ("/mutate", _) if request.method() == Method::POST => review(request, Pass::Mutate, shared).await,
        ("/validate", _) if request.method() == Method::POST => review(request, Pass::Validate, shared).await,
        ("/mutate" | "/validate", _) => {
            let mut response = text(405, "reviews come by POST\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            response
        }
        ("/healthz" | "/livez" | "/readyz" | "/metrics", false) => {
            let mut response = text(405, "this is read by GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => text(404, "there are /mutate, /validate, /healthz, /readyz and /metrics\n"),
    };
    desk.metrics().answered(response.status().as_u16());
    response
}

/// Whether a header is there with another value than these.
fn is_other(headers: &HeaderMap, name: hyper::header::HeaderName, accepted: &[&str]) -> bool {
    let Some(value) = headers.get(name) else { return false };
    let value = value.to_str().unwrap_or("?");
    let bare = value.split(';').next().unwrap_or_default().trim();
    !accepted.iter().any(|accepted| bare.eq_ignore_ascii_case(accepted))
}

/// The time that the API server gives, less what the answer needs on its way.
///
/// Shape: `?timeout=10s`, Go's durations. Source: k8s.io/apiserver pkg/admission/plugin/webhook/validating/dispatcher.go.
fn time_of(query: Option<&str>) -> Duration {
    let given = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("timeout="))
        .and_then(signet_policy::go::duration::parse)
        .and_then(|nanoseconds| u64::try_from(nanoseconds).ok())
        .map_or(DEFAULT_TIME, Duration::from_nanos)
        .min(MOST_TIME);
    let margin = (given / 10).clamp(Duration::from_millis(50), Duration::from_millis(500));
    given.saturating_sub(margin)
}

async fn review(request: Request<Incoming>, pass: Pass, shared: &Shared) -> Response<Full<Bytes>> {
    if !shared.may_ask {
        shared.desk.metrics().turned_away("client");
        return closing(text(403, "reviews are answered to clients with a certificate that is trusted here\n"));
    }
    let (head, body) = request.into_parts();
    let limits = shared.limits;
    let deadline = Instant::now() + time_of(head.uri.query());
    let json: &[&str] = &["application/json"];
    if head.headers.get(CONTENT_TYPE).is_none() || is_other(&head.headers, CONTENT_TYPE, json) {
        return closing(text(415, "the body of a review is `application/json`\n"));
    }
    if is_other(&head.headers, CONTENT_ENCODING, &["identity"]) {
        return closing(text(415, "the body of a review comes uncompressed\n"));
    }
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.body) {
        return closing(text(413, format!("the body is larger than {} bytes\n", limits.body)));
    }
    // The memory is taken before anything is read; a body of unknown length may become the largest.
    let pieces = u32::try_from(length.unwrap_or(limits.body) / PIECE).unwrap_or(u32::MAX).saturating_add(1);
    let Ok(_memory) = Arc::clone(&shared.memory).try_acquire_many_owned(pieces) else {
        shared.desk.metrics().turned_away("memory");
        return closing(reply(Reply::later(429, "too many reviews are being read already: ask again")));
    };
    let until = deadline.min(Instant::now() + limits.body_time);
    let body = match timeout_at(until, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(err)) if err.is::<LengthLimitError>() => {
            return closing(text(413, format!("the body is larger than {} bytes\n", limits.body)));
        }
        Ok(Err(_)) => return closing(text(400, "the body did not come whole\n")),
        Err(_) => return closing(text(408, "the body did not come in time\n")),
    };
    reply(shared.desk.review(pass, body, deadline).await)
}

fn reply(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = text(reply.status, reply.body);
    if reply.review {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn text(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What was not read makes the connection useless.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A connection over any transport, at a desk of its own.
#[cfg(test)]
pub(crate) async fn for_tests<S: AsyncRead + AsyncWrite + Unpin>(stream: S, desk: Arc<Desk>) {
    let memory = Arc::new(Semaphore::new(1 << 20));
    let shared = Shared { desk, limits: ServerLimits::default(), memory, may_ask: true, asked: Arc::default() };
    let (_open, closed) = watch::channel(());
    connection(stream, shared, closed).await;
}

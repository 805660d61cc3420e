//! HTTP on an address of this machine: connections, bounds, deadlines, and an end in good order. What is answered is decided in `routes`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::error::{Code, Error, Refusal};

/// Bounds of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// For the head of a request, and between two requests.
    pub head_time: Duration,
    /// For the body of a request.
    pub body_time: Duration,
    /// Connections at one time; more wait until one ends.
    pub connections: usize,
    /// For what runs when the server ends.
    pub end_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 256 << 10,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            connections: 256,
            end_time: Duration::from_secs(5),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: String,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) location: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, location: None, etag: None, body: body.into() }
    }
}

/// What answers, and how a request that never reached it is refused.
pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(&self, call: &Call) -> Answer;
    fn refuse(&self, refusal: &Refusal) -> Answer;
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ended = thread.join();
        }
    }
}

/// An address that is bound and not yet served: what the server is depends on its port.
pub(crate) struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// An ephemeral port of this machine.
    pub(crate) fn loopback() -> Result<Self, Error> {
        let failed = |err| Error::Io { doing: "listen on", path: "127.0.0.1".into(), err };
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves in a thread of its own.
    pub(crate) fn serve(self, limits: Limits, handler: Arc<dyn Handler>) -> Result<Listening, Error> {
        let failed = |err| Error::Io { doing: "serve", path: self.address.to_string().into(), err };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .enable_all()
            .thread_name("signet-authority")
            .build()
            .map_err(failed)?;
        let (stop, stopped) = watch::channel(());
        let (address, listener) = (self.address, self.listener);
        let thread = std::thread::Builder::new()
            .name("signet-authority".to_owned())
            .spawn(move || {
                runtime.block_on(run(listener, limits, handler, stopped));
                runtime.shutdown_timeout(limits.end_time);
            })
            .map_err(failed)?;
        Ok(Listening { address, stop: Some(stop), thread: Some(thread) })
    }
}

async fn run(
    listener: std::net::TcpListener,
    limits: Limits,
    handler: Arc<dyn Handler>,
    mut stopped: watch::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _gone = stopped.changed() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _gone = stopped.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (handler, stopped) = (Arc::clone(&handler), stopped.clone());
                connections.spawn(async move {
                    connection(stream, limits, handler, stopped).await;
                    drop(place);
                });
            }
            // No more files, mostly. Others may end soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    drop(listener);
    let _ended =
        tokio::time::timeout(limits.end_time, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, limits: Limits, handler: Arc<dyn Handler>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(respond(request, limits, handler).await) }
    });
    let mut serving = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service)
    );
    // A client that goes away is its own affair.
    tokio::select! {
        _done = serving.as_mut() => return,
        _gone = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _done = serving.await;
}

async fn respond(request: Request<Incoming>, limits: Limits, handler: Arc<dyn Handler>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let large = || Refusal::new(Code::TooLarge, format!("the body is larger than {} bytes", limits.body));
    if text(CONTENT_LENGTH).parse::<usize>().is_ok_and(|length| length > limits.body) {
        return response(handler.refuse(&large()));
    }
    let body = match tokio::time::timeout(limits.body_time, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(err)) if err.is::<http_body_util::LengthLimitError>() => return response(handler.refuse(&large())),
        Ok(Err(_)) => return response(handler.refuse(&Refusal::invalid("the body did not come whole"))),
        Err(_) => return response(handler.refuse(&Refusal::new(Code::TooSlow, "the body did not come in time"))),
    };
    let call = Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: text(AUTHORIZATION),
        content_type: text(CONTENT_TYPE),
        body,
    };
    // Signing and writing files would hold up the other connections.
    let worker = Arc::clone(&handler);
    match tokio::task::spawn_blocking(move || worker.answer(&call)).await {
        Ok(answer) => response(answer),
        Err(_) => response(handler.refuse(&Refusal::new(Code::Internal, "the request could not be worked on"))),
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body.into()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(location) = answer.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

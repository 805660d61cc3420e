//! The server: connections, bounds, the token, and an end in good order.

use std::convert::Infallible;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use serde_json::json;
use signet_model::Digest;
use signet_twirp::{Code, Form, TwirpError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::blobs::Blobs;
use super::service::Service;
use super::{LIMITS, PREFIX};
use crate::database::Opened;
use crate::report::printable;
use crate::settings::Settings;

/// Connections at one time; more wait until one ends.
const CONNECTIONS: usize = 512;
/// MiB of bodies that are held at one time; more wait unread. A slow client holds as much as it announced and nobody's processor.
const BODIES: usize = 512;
/// For the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(30);
/// For the body of a request.
const BODY: Duration = Duration::from_secs(120);
/// For the work on a request.
const WORK: Duration = Duration::from_secs(300);
/// For what runs when the server is told to end.
const END: Duration = Duration::from_secs(30);
/// How often a newer database is looked for.
const REFRESH: Duration = Duration::from_secs(3600);

/// How the server is run.
pub(in super::super) struct Options {
    pub(in super::super) listen: String,
    /// The header and the token that it must have.
    pub(in super::super) token: Option<(String, String)>,
    pub(in super::super) prefix: Option<String>,
    pub(in super::super) settings: Settings,
    pub(in super::super) database: Opened,
    /// Opens the database anew, if there may be a newer one.
    pub(in super::super) reopen: Option<Reopen>,
}

/// Opens the database anew.
pub(in super::super) type Reopen = Box<dyn Fn() -> Result<Opened> + Send + Sync>;

struct Shared {
    service: Arc<Service>,
    /// Name of the header, and SHA-256 of the token.
    token: Option<(String, Digest)>,
    prefix: String,
    /// MiB of bodies that are held at one time.
    bodies: Arc<Semaphore>,
    /// Requests that are worked on at one time.
    work: Arc<Semaphore>,
    settings: Settings,
}

/// Runs the server until it is told to end.
pub(in super::super) fn serve(options: Options) -> Result<()> {
    let Options { listen, token, prefix, settings, database, reopen } = options;
    let address = address(&listen)?;
    if token.is_none() && !address.ip().is_loopback() {
        settings.warn(format!("everybody who reaches {address} may use this server: set `--token`"));
    }
    let blobs = Blobs::open(&settings.cache.join("served"))?;
    let quiet = settings.clone();
    let log = Box::new(move |text: &str| quiet.say(printable(text)));
    let service = Arc::new(Service { blobs, database: RwLock::new(Arc::new(database)), log });
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let shared = Arc::new(Shared {
        service,
        token: token.map(|(name, token)| (name, Digest::sha256(token.as_bytes()))),
        prefix: format!("/{}/", prefix.as_deref().unwrap_or(PREFIX).trim_matches('/')).replace("//", "/"),
        bodies: Arc::new(Semaphore::new(BODIES)),
        work: Arc::new(Semaphore::new(2 * cores)),
        settings,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("signet-serve")
        .build()
        .context("cannot start the server's threads")?;
    let done = runtime.block_on(run(address, shared, reopen));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// `HOST:PORT`; of a name's addresses the first of IPv4, as Go takes it.
fn address(listen: &str) -> Result<SocketAddr> {
    // `:4954` is every address.
    let text = if listen.starts_with(':') { format!("0.0.0.0{listen}") } else { listen.to_owned() };
    let found: Vec<SocketAddr> =
        text.to_socket_addrs().with_context(|| format!("`--listen {listen}` is no address with a port"))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().with_context(|| format!("`--listen {listen}` is no address"))
}

async fn run(address: SocketAddr, shared: Arc<Shared>, reopen: Option<Reopen>) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().unwrap_or(address);
    shared.settings.say(format!("INFO\tListening {address}..."));
    if let Some(reopen) = reopen {
        tokio::spawn(refresh(Arc::clone(&shared), Arc::new(reopen)));
    }
    let mut told = std::pin::pin!(told());
    let (stop, stopped) = watch::channel(());
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut told => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut told => break,
        };
        while connections.try_join_next().is_some() {}
        match stream {
            Ok((stream, _)) => {
                let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                connections.spawn(async move {
                    connection(stream, shared, stopped).await;
                    drop(place);
                });
            }
            // No more files, mostly. Others may end soon.
            Err(err) => {
                shared.settings.warn(format!("a connection could not be taken: {err}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    shared.settings.say("INFO\tthe server ends");
    let _told = stop.send(());
    let ended = tokio::time::timeout(END, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        shared.settings.warn(format!("{} connections were cut", connections.len()));
    }
    Ok(())
}

/// Ends when the process is told to.
async fn told() {
    let asked = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = asked => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _asked = asked.await;
}

async fn refresh(shared: Arc<Shared>, reopen: Arc<Reopen>) {
    loop {
        tokio::time::sleep(REFRESH).await;
        let reopen = Arc::clone(&reopen);
        match tokio::task::spawn_blocking(move || reopen()).await {
            Ok(Ok(opened)) => *shared.service.database.write() = Arc::new(opened),
            Ok(Err(err)) => shared.settings.warn(format!("the vulnerability database stays as it is: {err:#}")),
            Err(err) => shared.settings.warn(format!("the vulnerability database stays as it is: {err}")),
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let handler = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let mut serving = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), handler)
    );
    // A client that goes away is its own affair.
    tokio::select! {
        _done = serving.as_mut() => return,
        _stop = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _done = serving.await;
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => reply(StatusCode::OK, "text/plain; charset=utf-8", "ok"),
        (&Method::GET | &Method::HEAD, "/version") => version(shared),
        _ => match call(shared, request).await {
            Ok((form, body)) => reply(StatusCode::OK, form.content_type(), body),
            Err(err) => {
                let status = StatusCode::from_u16(err.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                if status.is_server_error() {
                    shared.settings.say(format!("ERROR\t{}", printable(&err.msg)));
                }
                reply(status, "application/json", err.to_json())
            }
        },
    }
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

/// Source: aquasecurity/trivy:pkg/version/version.go.
fn version(shared: &Shared) -> Response<Full<Bytes>> {
    let info = shared.service.database.read().info().ok();
    let built = info.and_then(|info| info.built).map(|time| time.to_string());
    let mut document = json!({"Version": env!("CARGO_PKG_VERSION")});
    if let (Some(time), Some(fields)) = (built, document.as_object_mut()) {
        fields.insert("VulnerabilityDB".to_owned(), json!({"Version": 2, "UpdatedAt": time}));
    }
    reply(StatusCode::OK, "application/json", document.to_string())
}

async fn call(shared: &Shared, request: Request<Incoming>) -> Result<(Form, Vec<u8>), TwirpError> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let route = || format!("{} {path}", head.method);
    if let Some((name, wanted)) = &shared.token {
        let given = head.headers.get(name.as_str()).map(|value| Digest::sha256(value.as_bytes()));
        if !given.is_some_and(|given| same(&given, wanted)) {
            return Err(TwirpError::new(Code::Unauthenticated, "invalid token"));
        }
    }
    let Some(method) = path.strip_prefix(shared.prefix.as_str()) else {
        return Err(TwirpError::bad_route(format!("no handler for path {path:?}"), route()));
    };
    if head.method != Method::POST {
        let why = format!("unsupported method \"{}\" (only POST is allowed)", head.method);
        return Err(TwirpError::bad_route(why, route()));
    }
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(CONTENT_TYPE);
    let form = Form::of_content_type(content_type)
        .ok_or_else(|| TwirpError::bad_route(format!("unexpected Content-Type: {content_type:?}"), route()))?;
    if !matches!(text(CONTENT_ENCODING), "" | "identity") {
        return Err(TwirpError::new(Code::Malformed, "a compressed body is not understood"));
    }
    let too_large =
        || TwirpError::new(Code::ResourceExhausted, format!("the body is larger than {} bytes", LIMITS.bytes));
    if text(CONTENT_LENGTH).parse::<usize>().is_ok_and(|length| length > LIMITS.bytes) {
        return Err(too_large());
    }
    let ended = || TwirpError::new(Code::Unavailable, "the server ends");
    let announced = text(CONTENT_LENGTH).parse::<usize>().unwrap_or(LIMITS.bytes).min(LIMITS.bytes);
    let weight = u32::try_from((announced >> 20) + 1).unwrap_or(1);
    let held = Arc::clone(&shared.bodies).acquire_many_owned(weight).await.map_err(|_| ended())?;
    let read = tokio::time::timeout(BODY, Limited::new(body, LIMITS.bytes).collect()).await;
    let body = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(err)) if err.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
        Ok(Err(err)) => return Err(TwirpError::new(Code::Malformed, format!("the body did not come whole: {err}"))),
        Err(_) => return Err(TwirpError::new(Code::DeadlineExceeded, "the body did not come in time")),
    };
    let permit = Arc::clone(&shared.work).acquire_owned().await.map_err(|_| ended())?;
    let (service, method) = (Arc::clone(&shared.service), method.to_owned());
    let now = shared.settings.fixed_time.unwrap_or_else(crate::settings::now);
    let work = tokio::task::spawn_blocking(move || {
        let _held = (held, permit);
        service.call(&method, form, &body, now)
    });
    match tokio::time::timeout(WORK, work).await {
        Ok(Ok(done)) => done.map(|body| (form, body)),
        Ok(Err(_)) => Err(TwirpError::new(Code::Internal, "the request could not be worked on")),
        Err(_) => Err(TwirpError::new(Code::DeadlineExceeded, "the work took too long")),
    }
}

/// In a time that does not tell where they differ.
fn same(one: &Digest, other: &Digest) -> bool {
    let pairs = one.as_bytes().iter().zip(other.as_bytes());
    one.as_bytes().len() == other.as_bytes().len() && pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

//! The server on a loopback address, as API servers, probes and hostile clients meet it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fake, desk_with, now, pod, with_image};
use crate::authority::{Authority, Lifetimes, client_for_tests};
use crate::{Certificates, Clients, Desk, DeskLimits, Nobody, ServeError, Server, ServerLimits};

struct Stand {
    address: std::net::SocketAddr,
    desk: Arc<Desk>,
    certificates: Arc<Certificates>,
    bundle: String,
    stop: watch::Sender<()>,
    running: JoinHandle<Result<(), ServeError>>,
}

fn limits() -> ServerLimits {
    ServerLimits { drain_time: Duration::ZERO, end_time: Duration::from_secs(5), ..ServerLimits::default() }
}

fn authority() -> Authority {
    Authority::new(&["localhost".to_owned()], now(), Lifetimes::default()).unwrap()
}

fn allow() -> Arc<Desk> {
    Arc::new(desk_with(
        Arc::new(Fake(|_: &_, _, _: &_| super::judged(Vec::new()))),
        Arc::new(Nobody),
        DeskLimits::default(),
    ))
}

fn stand(desk: Arc<Desk>, limits: ServerLimits) -> Stand {
    stand_for(desk, limits, None)
}

fn stand_for(desk: Arc<Desk>, limits: ServerLimits, clients: Option<Arc<Clients>>) -> Stand {
    let authority = authority();
    let certificates = Certificates::new(authority.chain().as_bytes(), authority.key().as_bytes()).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap();
    let server = match clients {
        Some(clients) => server.with_clients(clients),
        None => server,
    };
    let address = server.address().unwrap();
    let (stop, stopped) = watch::channel(());
    let running = tokio::spawn(server.run(Arc::clone(&desk), Arc::clone(&certificates), stopped));
    Stand { address, desk, certificates, bundle: authority.bundle(), stop, running }
}

fn connector(bundle: &str) -> TlsConnector {
    connector_with(bundle, None)
}

/// With a client certificate and its key.
fn connector_with(bundle: &str, client: Option<&(String, String)>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let time = Arc::new(Fixed);
    let config = rustls::ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// The time that the certificates were made in.
#[derive(Debug)]
struct Fixed;

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(now().as_second()).unwrap();
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

async fn connect(stand: &Stand) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(stand.address).await.unwrap();
    connector(&stand.bundle).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// One answer: status, head and body.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> (u16, String, Vec<u8>) {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the connection ended within the head"));
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        (status, head, body)
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no answer came")
}

async fn asked(stand: &Stand, text: &str) -> (u16, String, Vec<u8>) {
    let mut stream = connect(stand).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    answer(&mut stream).await
}

fn good() -> String {
    post(&pod(&with_image("nginx:1")).to_string())
}

#[tokio::test]
async fn a_review_is_answered_and_the_connection_kept() {
    let stand = stand(allow(), limits());
    let mut stream = connect(&stand).await;
    for _ in 0..3 {
        stream.write_all(good().as_bytes()).await.unwrap();
        let (status, head, body) = answer(&mut stream).await;
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        let review: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&review["response"]["uid"], &review["response"]["allowed"]), (&json!("6f1c"), &json!(true)));
    }
    // Three at once, one after the other in their order.
    stream.write_all(good().repeat(3).as_bytes()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(answer(&mut stream).await.0, 200);
    }
}

#[tokio::test]
async fn probes_and_metrics_are_read() {
    let stand = stand(allow(), limits());
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for (path, expected) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/mutate", 405)] {
        assert_eq!(asked(&stand, &get(path)).await.0, expected, "{path}");
    }
    asked(&stand, &good()).await;
    let (_, head, body) = asked(&stand, &get("/metrics")).await;
    let text = String::from_utf8(body).unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(text.contains("signet_admission_http_responses_total{code=\"200\"}"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(!name.is_empty() && value.parse::<f64>().is_ok(), "{line}");
    }
    stand.desk.drain();
    assert_eq!(asked(&stand, &get("/readyz")).await.0, 503);
    assert_eq!(asked(&stand, &get("/healthz")).await.0, 200);
}

#[tokio::test]
async fn hostile_requests_are_refused_with_a_reason() {
    let short = ServerLimits { body_time: Duration::from_millis(200), ..limits() };
    let stand = stand(allow(), short);
    let head = "POST /validate HTTP/1.1\r\nHost: a\r\n";
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (text, expected, told) in [
        (post(&deep), 400, "deeper than 100"),
        (post("{\"a\":"), 400, "no JSON"),
        (post(""), 400, "no JSON"),
        (format!("{head}Content-Length: 10485760\r\nContent-Type: application/json\r\n\r\n"), 413, "larger than"),
        (format!("{head}Content-Length: 2\r\nContent-Type: text/yaml\r\n\r\n{{}}"), 415, "application/json"),
        (format!("{head}Content-Length: 2\r\n\r\n{{}}"), 415, "application/json"),
        (
            format!("{head}Content-Length: 2\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n{{}}"),
            415,
            "uncompressed",
        ),
        // The body does not come.
        (format!("{head}Content-Length: 20\r\nContent-Type: application/json\r\n\r\n{{"), 408, "in time"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400, ""),
        (format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000)), 431, ""),
    ] {
        let (status, _, body) = asked(&stand, &text).await;
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(status, expected, "{body}");
        assert!(body.contains(told), "{body}");
    }
    assert_eq!(asked(&stand, &good()).await.0, 200);
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let stand = stand(allow(), ServerLimits { body: 100 << 10, ..limits() });
    let mut stream = connect(&stand).await;
    let head =
        "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
        // Until nobody takes it any more.
        for _ in 0..2560 {
            if write.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
    });
    let (status, head, _) = answer(&mut read).await;
    assert_eq!(status, 413);
    assert!(head.contains("connection: close"), "{head}");
    sending.abort();
}

#[tokio::test]
async fn who_has_said_all_still_gets_the_answer() {
    let stand = stand(allow(), limits());
    let mut stream = connect(&stand).await;
    stream.write_all(good().as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 200);
}

#[tokio::test]
async fn memory_for_bodies_is_bounded() {
    // Room for one large body and no second one.
    let stand = stand(allow(), ServerLimits { bodies: 1 << 20, ..limits() });
    let mut first = connect(&stand).await;
    let head = "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
    first.write_all(head.as_bytes()).await.unwrap();
    first.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (status, answer, _) = asked(&stand, head).await;
    assert_eq!(status, 429);
    assert!(answer.contains("retry-after: 1"), "{answer}");
    assert!(stand.desk.metrics().text().contains("signet_admission_turned_away_total{reason=\"memory\"} 1\n"));
    assert_eq!(asked(&stand, &good()).await.0, 200);
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = connect(&stand).await;
    third.write_all(format!("{head}{}", " ".repeat(900_000)).as_bytes()).await.unwrap();
    assert_eq!(super::serving::answer(&mut third).await.0, 400);
}

#[tokio::test]
async fn the_api_servers_time_bounds_a_review() {
    let slow = Fake(|_: &crate::Request, _, _: &signet_policy::engine::Known| {
        std::thread::sleep(Duration::from_millis(1500));
        super::judged(Vec::new())
    });
    let stand = stand(Arc::new(desk_with(Arc::new(slow), Arc::new(Nobody), DeskLimits::default())), limits());
    let begun = tokio::time::Instant::now();
    let (status, _, body) = asked(&stand, &good().replace("timeout=10s", "timeout=500ms")).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(500) + Duration::from_millis(400), "{took:?}");
    let review: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &review["response"]["allowed"]), (200, &json!(false)));
    assert_eq!(review["response"]["status"]["code"], 504);
}

#[tokio::test]
async fn the_end_is_in_good_order() {
    let slow = Fake(|_: &crate::Request, _, _: &signet_policy::engine::Known| {
        std::thread::sleep(Duration::from_millis(400));
        super::judged(Vec::new())
    });
    let desk = Arc::new(desk_with(Arc::new(slow), Arc::new(Nobody), DeskLimits::default()));
    let stand = stand(desk, ServerLimits { drain_time: Duration::from_millis(300), ..limits() });
    let (mut idle, mut busy) = (connect(&stand).await, connect(&stand).await);
    assert!(stand.desk.is_ready());
    stand.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!stand.desk.is_ready());
    // It is not ready, and still serves: also who comes only now.
    busy.write_all(good().as_bytes()).await.unwrap();
    let mut late = connect(&stand).await;
    late.write_all(good().as_bytes()).await.unwrap();
    assert_eq!(answer(&mut busy).await.0, 200);
    assert_eq!(answer(&mut late).await.0, 200);
    tokio::time::timeout(Duration::from_secs(3), stand.running).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    let _ended = idle.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(TcpStream::connect(stand.address).await.is_err());
}

/// The status of a request by a client with this certificate; `None` if the connection is refused.
async fn status_for(stand: &Stand, client: Option<&(String, String)>, text: &str) -> Option<u16> {
    let stream = TcpStream::connect(stand.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector_with(&stand.bundle, client).connect(name, stream).await.ok()?;
    stream.write_all(text.as_bytes()).await.ok()?;
    // In TLS 1.3 a client learns only behind the handshake that its certificate was refused.
    stream.read_u8().await.ok()?;
    let mut rest = vec![0; 11];
    stream.read_exact(&mut rest).await.ok()?;
    String::from_utf8(rest).unwrap().split(' ').nth(1).unwrap().parse().ok()
}

#[tokio::test]
async fn reviews_are_answered_to_clients_that_are_trusted() {
    let (trusted, other) = (authority(), authority());
    let bundle = trusted.bundle();
    let clients = Clients::new(bundle.as_bytes(), vec!["kube-apiserver".to_owned()]).unwrap();
    let stand = stand_for(allow(), limits(), Some(Arc::clone(&clients)));
    let probe = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
    let good_one = client_for_tests(&trusted, "kube-apiserver", now());
    let kubelet = client_for_tests(&trusted, "system:node:a", now());
    let foreign = client_for_tests(&other, "kube-apiserver", now());
    let expired = client_for_tests(&trusted, "kube-apiserver", now() - jiff::SignedDuration::from_hours(2));
    // A certificate for servers is none for clients.
    let server = (trusted.chain(), trusted.key().to_string());
    for (client, text, expected) in [
        (Some(&good_one), good(), Some(200)),
        (Some(&good_one), good().replace("/validate", "/mutate"), Some(200)),
        (None, good(), Some(403)),
        (None, good().replace("/validate", "/mutate"), Some(403)),
        (None, probe.to_owned(), Some(200)),
        (Some(&kubelet), good(), Some(403)),
        (Some(&kubelet), probe.to_owned(), Some(200)),
        (Some(&foreign), good(), None),
        (Some(&expired), good(), None),
        (Some(&server), good(), None),
    ] {
        assert_eq!(status_for(&stand, client, &text).await, expected, "{:?} {text}", client.map(|client| &client.0));
    }
    assert!(stand.desk.metrics().text().contains("signet_admission_turned_away_total{reason=\"client\"} 3\n"));
    // Authorities are exchanged while it runs, and nothing that is none takes their place.
    assert!(clients.swap(b"").is_err() && clients.swap(server.1.as_bytes()).is_err());
    assert_eq!(status_for(&stand, Some(&good_one), &good()).await, Some(200));
    clients.swap(other.bundle().as_bytes()).unwrap();
    assert_eq!(status_for(&stand, Some(&foreign), &good()).await, Some(200));
    assert_eq!(status_for(&stand, Some(&good_one), &good()).await, None);
    // Without names every certificate of the authority counts.
    let any = stand_for(allow(), limits(), Some(Clients::new(bundle.as_bytes(), Vec::new()).unwrap()));
    assert_eq!(status_for(&any, Some(&kubelet), &good()).await, Some(200));
    assert_eq!(status_for(&any, None, &good()).await, Some(403));
}

#[tokio::test]
async fn one_peer_does_not_take_the_places_of_all() {
    let stand = stand(allow(), ServerLimits { peer: 3, ..limits() });
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(connect(&stand).await);
    }
    // One more is closed before anything is said.
    let mut fourth = TcpStream::connect(stand.address).await.unwrap();
    assert!(matches!(fourth.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert!(stand.desk.metrics().text().contains("signet_admission_turned_away_total{reason=\"peer\"} 1\n"));
    let mut first = kept.remove(0);
    first.write_all(good().as_bytes()).await.unwrap();
    assert_eq!(answer(&mut first).await.0, 200);
    drop(kept);
    let begun = tokio::time::Instant::now();
    loop {
        let stream = TcpStream::connect(stand.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        if connector(&stand.bundle).connect(name, stream).await.is_ok() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the places are free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_left() {
    let short = Duration::from_millis(300);
    let stand = stand(allow(), ServerLimits { first_time: short, head_time: Duration::from_millis(900), ..limits() });
    let closed = |mut stream: TlsStream<TcpStream>| async move {
        let begun = tokio::time::Instant::now();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it was kept");
        begun.elapsed()
    };
    // No handshake.
    let mut bare = TcpStream::connect(stand.address).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), bare.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))));
    // No request, half a head, and a head that comes byte by byte.
    closed(connect(&stand).await).await;
    let mut half = connect(&stand).await;
    half.write_all(b"POST /validate HTTP/1.1\r\nHost:").await.unwrap();
    closed(half).await;
    let slow = connect(&stand).await;
    let (mut read, mut write) = tokio::io::split(slow);
    let dripping = tokio::spawn(async move {
        for byte in good().into_bytes() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), read.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() && rest.is_empty(), "{ended:?} {}", String::from_utf8_lossy(&rest));
    dripping.abort();
    // Who has asked once may be silent for longer, and then is left too.
    let mut known = connect(&stand).await;
    known.write_all(good().as_bytes()).await.unwrap();
    assert_eq!(answer(&mut known).await.0, 200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    known.write_all(good().as_bytes()).await.unwrap();
    assert_eq!(answer(&mut known).await.0, 200);
    closed(known).await;
}

#[tokio::test]
async fn certificates_are_exchanged_without_a_refused_connection() {
    let stand = stand(allow(), limits());
    let mut old = connect(&stand).await;
    let other = authority();
    let both = format!("{}{}", stand.bundle, other.bundle());
    let asking = {
        let (address, connector) = (stand.address, connector(&both));
        tokio::spawn(async move {
            for _ in 0..60 {
                let stream = TcpStream::connect(address).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut stream = connector.connect(name, stream).await.expect("a connection was refused");
                stream.write_all(good().as_bytes()).await.unwrap();
                assert_eq!(answer(&mut stream).await.0, 200);
            }
        })
    };
    for _ in 0..20 {
        stand.certificates.swap(other.chain().as_bytes(), other.key().as_bytes()).unwrap();
        // A pair that does not fit changes nothing.
        assert!(stand.certificates.swap(other.chain().as_bytes(), authority().key().as_bytes()).is_err());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asking.await.unwrap();
    // Who was there goes on, and who comes sees the new one.
    old.write_all(good().as_bytes()).await.unwrap();
    assert_eq!(answer(&mut old).await.0, 200);
    let stream = TcpStream::connect(stand.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector(&stand.bundle).connect(name.clone(), stream).await.is_err());
    let stream = TcpStream::connect(stand.address).await.unwrap();
    assert!(connector(&other.bundle()).connect(name, stream).await.is_ok());
}

#[tokio::test]
async fn an_older_tls_is_not_spoken() {
    let stand = stand(allow(), limits());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(stand.bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    for (version, spoken) in [(&rustls::version::TLS12, false), (&rustls::version::TLS13, true)] {
        let config = rustls::ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(Fixed))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect(stand.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        assert_eq!(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_ok(), spoken, "{version:?}");
    }
}

/// A transport that counts what is written.
struct Counting<S> {
    inner: S,
    writes: Arc<AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn an_answer_leaves_in_one_write() {
    let authority = authority();
    let certificates = Certificates::new(authority.chain().as_bytes(), authority.key().as_bytes()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(certificates.config().unwrap()));
    let (client, server) = tokio::io::duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    let counting = Counting { inner: server, writes: Arc::clone(&writes) };
    let desk = allow();
    tokio::spawn(async move {
        let stream = acceptor.accept(counting).await.unwrap();
        crate::server::for_tests(stream, desk).await;
    });
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector(&authority.bundle()).connect(name, client).await.unwrap();
    stream.write_all(good().as_bytes()).await.unwrap();
    answer(&mut stream).await;
    for _ in 0..5 {
        let before = writes.load(Ordering::SeqCst);
        stream.write_all(good().as_bytes()).await.unwrap();
        let (status, _, body) = answer(&mut stream).await;
        assert_eq!((status, body.is_empty()), (200, false));
        assert_eq!(writes.load(Ordering::SeqCst) - before, 1);
    }
}

//! Load for `signet serve admission`: reviews over TLS at a fixed rate, as an API server sends them over connections that stay open.
//!
//! The clock of a review starts when it was due, not when its connection was free: what waits behind a slow answer counts (no coordinated omission).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What to send, and how fast.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Port of a server on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// What the server's certificate is trusted by (PEM).
    #[arg(long)]
    ca: PathBuf,
    /// `/mutate`, `/validate`.
    #[arg(long)]
    path: String,
    /// Files that each hold an AdmissionReview; they are sent in turn.
    #[arg(required = true)]
    reviews: Vec<PathBuf>,
    /// Reviews in a second; 0 for as many as go.
    #[arg(long)]
    rate: u32,
    /// How many are sent in all.
    #[arg(long)]
    count: u32,
    /// Connections.
    #[arg(long, default_value_t = 16)]
    connections: u32,
}

/// Sends all of it, and prints one line of JSON: how many, how many of them were allowed, and latencies in microseconds.
pub(crate) fn run(load: &Load) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(&load.ca).map_err(|err| anyhow!("`{}`: {err}", load.ca.display()))?
    {
        roots.add(certificate.map_err(|err| anyhow!("`{}`: {err}", load.ca.display()))?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let bodies: Vec<Vec<u8>> = load.reviews.iter().map(|path| request(&load.path, path)).collect::<Result<_>>()?;
    let connections = load.connections.max(1);
    // Connections begin one after the other, so that not all of them ask at once.
    let gap = (load.rate > 0).then(|| Duration::from_secs(1) / load.rate);
    let start = Instant::now() + Duration::from_millis(200);
    let results: Vec<Result<(Vec<u64>, u32)>> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|own| {
                let (config, bodies) = (Arc::clone(&config), &bodies);
                scope.spawn(move || send(config, bodies, load, own, connections, start, gap))
            })
            .collect();
        let ended = |sender: std::thread::ScopedJoinHandle<'_, _>| {
            sender.join().unwrap_or_else(|_| Err(anyhow!("a sender broke off")))
        };
        senders.into_iter().map(ended).collect()
    });
    let took = start.elapsed();
    let (mut times, mut allowed) = (Vec::new(), 0);
    for result in results {
        let (own, passed) = result?;
        times.extend(own);
        allowed += passed;
    }
    times.sort_unstable();
    let at = |part: f64| times.get(((times.len() as f64 * part) as usize).min(times.len() - 1)).copied().unwrap_or(0);
    println!(
        "{{\"count\": {}, \"allowed\": {allowed}, \"seconds\": {:.3}, \"p50\": {}, \"p90\": {}, \"p99\": {}, \"p999\": {}}}",
        times.len(),
        took.as_secs_f64(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999)
    );
    Ok(())
}

fn request(path: &str, review: &Path) -> Result<Vec<u8>> {
    let body = std::fs::read(review).with_context(|| format!("cannot read `{}`", review.display()))?;
    let mut request = format!(
        "POST {path}?timeout=10s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    Ok(request)
}

/// The reviews of one connection: latencies, and how many were allowed.
fn send(
    config: Arc<ClientConfig>,
    bodies: &[Vec<u8>],
    load: &Load,
    own: u32,
    connections: u32,
    start: Instant,
    gap: Option<Duration>,
) -> Result<(Vec<u64>, u32)> {
    let stream = TcpStream::connect(("127.0.0.1", load.port)).context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut connection = ClientConnection::new(config, ServerName::try_from("localhost")?)?;
    let mut stream = stream;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).context("no handshake")?;
    }
    let mut stream = BufReader::with_capacity(64 << 10, StreamOwned::new(connection, stream));
    let mut times = Vec::new();
    let mut allowed = 0;
    let mut answer = Vec::new();
    for number in (own..load.count).step_by(connections as usize) {
        let due = match gap {
            Some(gap) => start + gap * number,
            None => Instant::now(),
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let body = bodies.get(number as usize % bodies.len()).context("no review")?;
        stream.get_mut().write_all(body)?;
        stream.get_mut().flush()?;
        let (mut status, mut length) = (String::new(), 0);
        stream.read_line(&mut status)?;
        ensure!(status.starts_with("HTTP/1.1 200"), "the server said {status:?}");
        loop {
            let mut line = String::new();
            ensure!(stream.read_line(&mut line)? > 0, "the answer has no end");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        answer.resize(length, 0);
        stream.read_exact(&mut answer)?;
        times.push(u64::try_from(due.elapsed().as_micros())?);
        allowed += u32::from(answer.windows(14).any(|window| window == b"\"allowed\":true"));
    }
    Ok((times, allowed))
}

//! `signet serve admission --dev` as an API server meets it: HTTP/1.1 over TLS, with its authority as the only one that is trusted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;

use crate::signet;

/// For an answer.
const TIME: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const MAX_ANSWER: u64 = 16 << 20;

/// A running webhook; it ends with this.
pub(crate) struct Webhook {
    process: Child,
    address: String,
    config: Arc<ClientConfig>,
    /// What it prints about each review.
    told: Receiver<Value>,
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Webhook {
    /// Starts the real program on a free port, with these further arguments.
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Result<Webhook> {
        Webhook::start_within(home, arguments, &[])
    }

    /// The same with these variables around it.
    pub(crate) fn start_within(home: &Path, arguments: &[&str], around: &[(&str, String)]) -> Result<Webhook> {
        let mut process = Command::new(signet::program()?)
            .args(["serve", "admission", "--dev", "--listen", "127.0.0.1:0", "-o", "json", "--quiet"])
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .envs(around.iter().map(|(name, value)| (*name, value.as_str())))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start signet")?;
        let output = process.stdout.take().context("the program has an output")?;
        let mut reader = BufReader::new(output);
        let mut line = String::new();
        let read = reader.read_line(&mut line);
        // Its last words, if it does not begin; later they must not fill the pipe.
        let mut talk = process.stderr.take().context("the program talks")?;
        if line.is_empty() {
            let mut why = String::new();
            let _said = talk.by_ref().take(16 << 10).read_to_string(&mut why);
            let _ended = process.wait();
            bail!("the program does not begin: {}", why.trim());
        }
        std::thread::spawn(move || std::io::copy(&mut talk, &mut std::io::sink()));
        let (say, told) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(std::result::Result::ok) {
                // Whoever started it may be gone; the pipe must not be full for that.
                let _kept = serde_json::from_str(&line).map(|line| say.send(line));
            }
        });
        let mut webhook = Webhook { process, address: String::new(), config: config(&RootCertStore::empty())?, told };
        read.context("the program says nothing")?;
        let first: Value = serde_json::from_str(&line).with_context(|| format!("the first line is no JSON: {line}"))?;
        let text = |key: &str| first.get(key).and_then(Value::as_str).unwrap_or_default();
        webhook.address = text("listening").strip_prefix("https://").context("no address")?.to_owned();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text("ca").as_bytes()) {
            roots.add(certificate.context("no certificate")?)?;
        }
        webhook.config = config(&roots)?;
        Ok(webhook)
    }

    /// What it printed about one call for a review.
    pub(crate) fn told(&self, uid: &str, pass: &str) -> Result<Value> {
        loop {
            let line = self.told.recv_timeout(TIME).context("the program prints nothing about the review")?;
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
            if text("uid") == uid && text("pass") == pass {
                return Ok(line);
            }
        }
    }

    /// Posts a body and reads the answer.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Answer> {
        let stream = TcpStream::connect(&self.address).context("cannot connect")?;
        stream.set_read_timeout(Some(TIME))?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(&self.config), name)?, stream);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\n\
             Accept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).context("cannot send")?;
        stream.flush()?;
        let mut received = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut received).context("cannot receive")?;
        answer(&received)
    }
}

fn config(roots: &RootCertStore) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots.clone())
            .with_no_client_auth(),
    ))
}

/// Takes an answer apart; its length must be the one that its head says.
fn answer(received: &[u8]) -> Result<Answer> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").context("the answer has no end of its head")?;
    let (head, body) = received.split_at(end);
    let body = body.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).context("the head is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("there is no status")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok());
    match length {
        Some(length) => ensure!(length == body.len(), "the head says {length} bytes, and {} came", body.len()),
        None => bail!("the head says no length"),
    }
    Ok(Answer { status, body: body.to_vec() })
}

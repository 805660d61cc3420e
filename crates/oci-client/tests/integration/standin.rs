//! A registry of a few lines over a TCP socket. It shares no code with the client: each test says what to answer to which request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlockingClient, ClientOptions, CredentialConfig, Timeouts};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Announced instead of the body's length.
    pub(crate) length: Option<u64>,
    /// The connection is closed after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Pause between single bytes of the body.
    pub(crate) trickle: Option<Duration>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, body: body.into(), ..Reply::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Handler = dyn FnMut(&Request) -> Reply + Send;

/// A running stand-in.
pub(crate) struct Standin {
    pub(crate) host: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Standin {
    /// Serves until the test process ends.
    pub(crate) fn start(handler: impl FnMut(&Request) -> Reply + Send + 'static) -> Standin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let log: Arc<Mutex<Vec<Request>>> = Arc::default();
        let handler: Arc<Mutex<Box<Handler>>> = Arc::new(Mutex::new(Box::new(handler)));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream, &handler, &log));
            }
        });
        Standin { host, log }
    }

    /// Answers with these replies in turn, the last for ever.
    pub(crate) fn replies(replies: impl IntoIterator<Item = Reply>) -> Standin {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        Standin::start(move |_| if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() })
    }

    /// What was asked so far.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().clone()
    }

    /// Method and path of what was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.log().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    pub(crate) fn reference(&self, rest: &str) -> ImageRef {
        format!("{}/{rest}", self.host).parse().unwrap()
    }
}

fn serve(stream: TcpStream, handler: &Mutex<Box<Handler>>, log: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut request = Request { method, target, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        reader.by_ref().take(length).read_to_end(&mut request.body).ok()?;
        log.lock().push(request.clone());
        let reply = (handler.lock())(&request);
        let head_only = request.method == "HEAD" || reply.status == 304 || reply.status == 204;
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !reply.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        }) {
            head.push_str(&format!("Content-Length: {}\r\n", reply.length.unwrap_or(reply.body.len() as u64)));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        if head_only {
            continue;
        }
        let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
        match reply.trickle {
            Some(pause) => {
                for byte in body {
                    stream.write_all(&[*byte]).ok()?;
                    std::thread::sleep(pause);
                }
            }
            None => stream.write_all(body).ok()?,
        }
        if reply.cut.is_some() || reply.length.is_some() {
            stream.shutdown(std::net::Shutdown::Both).ok()?;
            return None;
        }
    }
}

/// Options with short waits, for the given stand-ins by plain HTTP.
pub(crate) fn options(hosts: &[&Standin]) -> ClientOptions {
    ClientOptions {
        plain_http: hosts.iter().map(|standin| standin.host.clone()).collect(),
        use_proxy_from_environment: false,
        retries: 3,
        first_pause: Duration::from_millis(5),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(5),
            small_body: Duration::from_millis(600),
            idle: Duration::from_millis(400),
            least_progress: 64,
            helper: Duration::from_secs(5),
        },
        ..ClientOptions::default()
    }
}

pub(crate) fn client(hosts: &[&Standin]) -> BlockingClient {
    BlockingClient::new(options(hosts), CredentialConfig::default()).unwrap()
}

/// A manifest whose configuration is `config` and whose layers are `layers`.
pub(crate) fn manifest(config: &[u8], layers: &[&[u8]]) -> String {
    let descriptor = |kind: &str, bytes: &[u8]| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{}","size":{}}}"#,
            Digest::sha256(bytes),
            bytes.len()
        )
    };
    let layers: Vec<String> = layers.iter().map(|layer| descriptor("layer.v1.tar", layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", config),
        layers.join(",")
    )
}

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Bytes that differ from place to place.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

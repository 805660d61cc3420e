//! A stand-in for an API server: discovery, objects of any kind with versions, lists in pages, watches, server-side apply, reviews, and webhooks
//! that are asked over TLS as an API server asks them.
//!
//! It is written from the API conventions and shares no code with the client. One thread a connection, HTTP/1.1.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/>, kubernetes/community:contributors/devel/sig-architecture/api-conventions.md.
#![allow(dead_code, reason = "each test binary uses another part of it")]

mod admit;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

pub(crate) use self::store::Store;

/// A kind that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) versions: Vec<String>,
    pub(crate) plural: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
}

pub(crate) fn kind(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool) -> Kind {
    Kind { group: group.into(), versions: vec![version.into()], plural: plural.into(), kind: kind.into(), namespaced }
}

/// Something that was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) verb: &'static str,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// How it behaves, to be changed while it runs.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// Nobody answers: connections are closed.
    pub(crate) gone: bool,
    /// Every request must bear one of these.
    pub(crate) tokens: Vec<String>,
    /// `verb resource` that is refused.
    pub(crate) forbidden: BTreeSet<String>,
    /// Watches end after so long, whatever was asked.
    pub(crate) watch_time: Option<Duration>,
    /// Users that may do everything, for SubjectAccessReviews.
    pub(crate) allowed_users: BTreeSet<String>,
    /// Where services are: `namespace/name` to the addresses behind it.
    pub(crate) services: BTreeMap<String, Vec<SocketAddr>>,
}

pub(crate) struct State {
    pub(crate) store: Mutex<Store>,
    pub(crate) changed: Condvar,
    pub(crate) manner: Mutex<Manner>,
    pub(crate) asked: Mutex<BTreeSet<Asked>>,
    /// What went wrong between an API server and its webhooks.
    pub(crate) troubles: Mutex<Vec<String>>,
    tls: Option<Arc<ServerConfig>>,
    stop: AtomicBool,
}

/// A server that runs until it is dropped.
pub(crate) struct Stub {
    pub(crate) state: Arc<State>,
    pub(crate) address: SocketAddr,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Release);
        self.state.changed.notify_all();
        // Wakes who accepts.
        let _woken = TcpStream::connect(self.address);
    }
}

impl Stub {
    /// Plain HTTP on this machine.
    pub(crate) fn start() -> Stub {
        Stub::with(None)
    }

    /// Over TLS, with a chain and a key in PEM.
    pub(crate) fn with_tls(chain: &str, key: &str) -> Stub {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Stub::with(Some(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())))
    }

    fn with(tls: Option<Arc<ServerConfig>>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            store: Mutex::new(Store::new()),
            changed: Condvar::new(),
            manner: Mutex::default(),
            asked: Mutex::default(),
            troubles: Mutex::default(),
            tls,
            stop: AtomicBool::new(false),
        });
        let own = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.stop.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), state) = (stream, Arc::clone(&own)) else { continue };
                std::thread::spawn(move || connection(&state, stream));
            }
        });
        Stub { state, address }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.state.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self, token: &str, authority: Option<&str>) -> String {
        use base64::Engine as _;
        let trusted = authority.map(|pem| base64::engine::general_purpose::STANDARD.encode(pem));
        let mut cluster = json!({"server": self.url()});
        if let Some(trusted) = trusted {
            cluster["certificate-authority-data"] = json!(trusted);
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "signet-system"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
        })
        .to_string()
    }

    /// Serves one kind more.
    pub(crate) fn install(&self, kind: Kind) {
        self.state.store.lock().kinds.push(kind);
    }

    /// Serves it no more, and has none of its objects.
    pub(crate) fn uninstall(&self, plural: &str) {
        let mut store = self.state.store.lock();
        store.kinds.retain(|kind| kind.plural != plural);
        store.objects.retain(|key, _| key.1 != plural);
    }

    /// Writes an object past everybody: as it is, new or over the one that is there.
    pub(crate) fn put(&self, plural: &str, object: Value) -> Value {
        let mut store = self.state.store.lock();
        let kind = store.kind_of(plural);
        let written = store.write(&kind, object);
        self.state.changed.notify_all();
        written
    }

    pub(crate) fn remove(&self, plural: &str, namespace: &str, name: &str) {
        let mut store = self.state.store.lock();
        let kind = store.kind_of(plural);
        store.remove(&kind, namespace, name);
        self.state.changed.notify_all();
    }

    pub(crate) fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.state.store.lock();
        let kind = store.kind_of(plural);
        store.objects.get(&store::key(&kind, namespace, name)).cloned()
    }

    /// Versions up to now are not kept any more.
    pub(crate) fn compact(&self) {
        self.state.store.lock().compact();
        self.state.changed.notify_all();
    }

    pub(crate) fn manner(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.state.manner.lock());
        self.state.changed.notify_all();
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().iter().cloned().collect()
    }

    pub(crate) fn troubles(&self) -> Vec<String> {
        self.state.troubles.lock().clone()
    }

    /// A request as kubectl sends one: status and body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let ask = Ask::new(method, path, BTreeMap::new(), body.to_string().into_bytes());
        let answer = self.state.answer(&ask);
        (answer.status, answer.body)
    }

    /// Makes a Pod through all webhooks. `Err`: what the API server says.
    pub(crate) fn pod(&self, namespace: &str, name: &str, image: &str) -> Result<Value, String> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "app", "image": image}]},
        });
        let (status, body) = self.request("POST", &format!("/api/v1/namespaces/{namespace}/pods"), &pod);
        match status {
            200..300 => Ok(body),
            _ => Err(format!("{status}: {}", body["message"].as_str().unwrap_or_default())),
        }
    }

    /// Waits until something holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Stub) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// One request.
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    fn new(method: &str, target: &str, headers: BTreeMap<String, String>, body: Vec<u8>) -> Ask {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(key), decoded(value))
        };
        Ask {
            method: method.to_owned(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
            query: query.split('&').filter(|part| !part.is_empty()).map(pair).collect(),
            headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Answer {
        Answer { status: 200, body }
    }

    /// A `Status` object.
    pub(crate) fn no(status: u16, reason: &str, message: impl Into<String>) -> Answer {
        let message: String = message.into();
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "code": status, "reason": reason, "message": message,
        });
        Answer { status, body }
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn connection(state: &State, stream: TcpStream) {
    let _set = stream.set_nodelay(true);
    let _set = stream.set_read_timeout(Some(Duration::from_secs(120)));
    let stream: Box<dyn Stream> = match &state.tls {
        None => Box::new(stream),
        Some(config) => {
            let Ok(connection) = ServerConnection::new(Arc::clone(config)) else { return };
            Box::new(StreamOwned::new(connection, stream))
        }
    };
    let mut stream = BufReader::new(stream);
    while let Some(ask) = read(&mut stream) {
        if state.stop.load(Ordering::Acquire) || state.manner.lock().gone {
            return;
        }
        if ask.query("watch") == "true" {
            let _ended = store::watch(state, &ask, stream.get_mut());
            return;
        }
        let answer = state.answer(&ask);
        if state.manner.lock().gone {
            return;
        }
        let body = answer.body.to_string();
        let text = format!(
            "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            answer.status,
            body.len()
        );
        if stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Ask> {
    let mut first = String::new();
    stream.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Ask::new(&method, &target, headers, body))
}

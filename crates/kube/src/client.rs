//! The client: objects of any kind, as JSON.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/>, <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::access::{Access, Token, token_of_file};
use crate::error::KubeError;
use crate::resource::{Resource, escaped};
use crate::stream::{Event, Lines, event, version_of};

/// Who writes, as it stands in `managedFields`.
pub const FIELD_MANAGER: &str = "signet";
/// How long a token of a file is used before the file is looked at again. Tokens of Pods live an hour and are exchanged well before.
const TOKEN_AGE: Duration = Duration::from_secs(30);
/// What is asked for where only the metadata of objects are needed.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Bounds of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Bytes of one object. An API server takes 3 MiB.
    pub object: usize,
    /// Bytes of one page of a list.
    pub page: usize,
    /// For a connection.
    pub connect_time: Duration,
    /// For an answer, whole.
    pub time: Duration,
    /// How long one watch lasts before it is asked for again.
    pub watch_time: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            object: 4 << 20,
            page: 32 << 20,
            connect_time: Duration::from_secs(5),
            time: Duration::from_secs(15),
            watch_time: Duration::from_secs(240),
        }
    }
}

/// A client of one API server. Cheap to clone; clones share connections and the token.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    server: String,
    http: reqwest::Client,
    token: Token,
    known: Mutex<Option<Known>>,
    limits: ClientLimits,
}

/// A token with the time at which it was read.
#[derive(Clone)]
struct Known {
    token: Arc<Zeroizing<String>>,
    at: Instant,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.0.server).finish_non_exhaustive()
    }
}

/// What of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Objects of a page; 0 leaves it to the server.
    pub limit: u32,
    /// [`Page::next`] of the page before.
    pub token: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Names, labels and annotations alone.
    pub metadata_only: bool,
}

/// A page of a list. Each item bears its `apiVersion` and `kind`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The objects.
    pub items: Vec<Value>,
    /// The version of the list, to watch from.
    pub resource_version: String,
    /// What asks for the next page, if there is one.
    pub next: Option<String>,
}

/// What of a watch is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// What is known already.
    pub resource_version: String,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Names, labels and annotations alone.
    pub metadata_only: bool,
}

/// What is sent.
struct Ask<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, &'a str)>,
    body: Option<(&'static str, Bytes)>,
    accept: &'static str,
    most: usize,
    /// What the API server says of it stands in no message.
    secret: bool,
    doing: String,
}

impl<'a> Ask<'a> {
    fn new(method: Method, resource: &Resource, namespace: Option<&str>, name: Option<&str>, most: usize) -> Self {
        let verb = match method {
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "replace",
            Method::PATCH => "apply",
            _ => "delete",
        };
        let of = [namespace.filter(|_| resource.namespaced), name].into_iter().flatten().collect::<Vec<_>>().join("/");
        Self {
            path: resource.path(namespace, name),
            query: Vec::new(),
            body: None,
            accept: "application/json",
            most,
            secret: resource.group.is_empty() && resource.plural == "secrets",
            doing: if of.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource} `{of}`") },
            method,
        }
    }

    fn with(mut self, key: &'static str, value: Option<&'a str>) -> Self {
        self.query.extend(value.filter(|value| !value.is_empty()).map(|value| (key, value)));
        self
    }

    /// Path and query.
    fn target(&self) -> String {
        let mut target = self.path.clone();
        for (place, (key, value)) in self.query.iter().enumerate() {
            target.push(if place == 0 { '?' } else { '&' });
            target.push_str(key);
            target.push('=');
            target.push_str(&escaped(value));
        }
        target
    }

    fn json(mut self, kind: &'static str, body: &Value) -> Self {
        self.body = Some((kind, Bytes::from(body.to_string())));
        self
    }
}

impl Client {
    /// A client. Nobody is asked yet.
    ///
    /// # Errors
    /// Certificates that are none.
    pub fn new(access: Access, limits: ClientLimits) -> Result<Self, KubeError> {
        // The one TLS provider of the process; that another part installed it before is fine.
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("signet/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Who we are goes to the API server and to nobody between.
            .no_proxy()
            .connect_timeout(limits.connect_time)
            .tcp_keepalive(Duration::from_secs(20))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http2_keep_alive_while_idle(true)
            .pool_max_idle_per_host(16)
            .tls_danger_accept_invalid_certs(access.insecure);
        if let Some(pem) = &access.roots {
            let roots = reqwest::Certificate::from_pem_bundle(pem).ok().filter(|roots| !roots.is_empty());
            let roots = roots
                .ok_or_else(|| KubeError::setup("the cluster's certificate authority is no PEM of certificates"))?;
            builder = builder.tls_certs_only(roots);
        }
        if let Some(pem) = &access.identity {
            // The library's own text may quote what it read, and that is a private key.
            let identity = reqwest::Identity::from_pem(pem)
                .map_err(|_| KubeError::setup("the client certificate and its key are not readable as PEM"))?;
            builder = builder.identity(identity);
        }
        let http = builder
            .build()
            .map_err(|err| KubeError::setup(format!("the HTTP client cannot be set up: {}", err.without_url())))?;
        Ok(Self(Arc::new(Shared { server: access.server, http, token: access.token, known: Mutex::new(None), limits })))
    }

    /// `https://host[:port]` of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.server
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &ClientLimits {
        &self.0.limits
    }

    /// An object.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_not_found`] if there is none.
    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Value, KubeError> {
        self.json(Ask::new(Method::GET, resource, namespace, Some(name), self.0.limits.object)).await
    }

    /// An object, or nothing where there is none.
    ///
    /// # Errors
    /// See [`KubeError`].
    pub async fn find(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, KubeError> {
        match self.get(resource, namespace, name).await {
            Ok(object) => Ok(Some(object)),
            Err(err) if err.is_not_found() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// A page of objects, of a namespace or of all.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_gone`] if the pages took too long, and [`KubeError::TooLarge`] if fewer must be asked for.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        options: &ListOptions,
    ) -> Result<Page, KubeError> {
        let limit = options.limit.to_string();
        let mut ask = Ask::new(Method::GET, resource, namespace, None, self.0.limits.page)
            .with("limit", Some(limit.as_str()).filter(|_| options.limit > 0))
            .with("continue", options.token.as_deref())
            .with("labelSelector", options.labels.as_deref())
            .with("fieldSelector", options.fields.as_deref());
        ask.doing = format!("list {resource}");
        if options.metadata_only {
            ask.accept = METADATA_LIST;
        }
        let doing = ask.doing.clone();
        let mut list = self.json(ask).await?;
        let text = |pointer: &str| list.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (resource_version, next) = (text("/metadata/resourceVersion"), text("/metadata/continue"));
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(Value::Null) => Vec::new(),
            _ => return Err(KubeError::odd(&doing, "the answer is no list")),
        };
        let items = items.into_iter().map(|item| named(resource, item)).collect();
        Ok(Page { items, resource_version, next: Some(next).filter(|next| !next.is_empty()) })
    }

    /// Makes an object. Reviews (SubjectAccessReview) are made, too, and come back with their answer.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_conflict`] if there is one of that name.
    pub async fn create(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
    ) -> Result<Value, KubeError> {
        let ask = Ask::new(Method::POST, resource, namespace, None, self.0.limits.object)
            .with("fieldManager", Some(FIELD_MANAGER))
            .json("application/json", object);
        self.json(ask).await
    }

    /// Writes an object over the one of that name. With a `resourceVersion` in it only if nobody wrote since.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_conflict`] if somebody did.
    pub async fn replace(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
    ) -> Result<Value, KubeError> {
        let ask = Ask::new(Method::PUT, resource, namespace, Some(name), self.0.limits.object)
            .with("fieldManager", Some(FIELD_MANAGER))
            .json("application/json", object);
        self.json(ask).await
    }

    /// Server-side apply: the fields of this object become ours, and the object is made if there is none. It must bear `apiVersion`, `kind` and
    /// `metadata.name`. Fields that somebody else set are taken over.
    ///
    /// # Errors
    /// See [`KubeError`].
    pub async fn apply(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
    ) -> Result<Value, KubeError> {
        let ask = Ask::new(Method::PATCH, resource, namespace, Some(name), self.0.limits.object)
            .with("fieldManager", Some(FIELD_MANAGER))
            .with("force", Some("true"))
            .json("application/apply-patch+yaml", object);
        self.json(ask).await
    }

    /// Deletes an object; what depends on it goes after it.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_not_found`] if there is none.
    pub async fn delete(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Value, KubeError> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        let ask = Ask::new(Method::DELETE, resource, namespace, Some(name), self.0.limits.object)
            .json("application/json", &options);
        self.json(ask).await
    }

    /// A document of the API server that is no object: `/apis`, `/version`.
    ///
    /// # Errors
    /// See [`KubeError`].
    pub(crate) async fn document(&self, segments: &[&str]) -> Result<Value, KubeError> {
        let path: String = segments.iter().map(|segment| format!("/{}", escaped(segment))).collect();
        let ask = Ask {
            method: Method::GET,
            doing: format!("read `{path}`"),
            path,
            query: Vec::new(),
            body: None,
            accept: "application/json",
            most: self.0.limits.object,
            secret: false,
        };
        self.json(ask).await
    }

    /// What happens from a version on. It ends after a while, and is then asked for again from the last version that was seen.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_gone`] if the version is not kept any more.
    pub async fn watch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        options: &WatchOptions,
    ) -> Result<Watch, KubeError> {
        let time = self.0.limits.watch_time;
        let seconds = time.as_secs().max(1).to_string();
        let mut ask = Ask::new(Method::GET, resource, namespace, None, self.0.limits.object)
            .with("watch", Some("true"))
            .with("allowWatchBookmarks", Some("true"))
            .with("resourceVersion", Some(&options.resource_version))
            .with("timeoutSeconds", Some(&seconds))
            .with("labelSelector", options.labels.as_deref())
            .with("fieldSelector", options.fields.as_deref());
        ask.doing = format!("watch {resource}");
        if options.metadata_only {
            ask.accept = METADATA;
        }
        let begun = Instant::now();
        let response = self.send(&ask).await?;
        let grace = Duration::from_secs(10);
        let ends = begun.checked_add(time.saturating_add(grace)).unwrap_or(begun);
        let lines = Lines::new(self.0.limits.object);
        Ok(Watch { response, lines, resource: resource.clone(), doing: ask.doing, ends, time })
    }

    async fn json(&self, ask: Ask<'_>) -> Result<Value, KubeError> {
        let end = Instant::now().checked_add(self.0.limits.time);
        let mut response = self.send(&ask).await?;
        let body = within(end, &ask.doing, self.0.limits.time, body(&mut response, ask.most, &ask.doing)).await??;
        serde_json::from_slice(&body).map_err(|_| KubeError::odd(&ask.doing, "the answer is no JSON"))
    }

    /// Sends it and reads the head of the answer. A refusal is an error with what the API server says.
    async fn send(&self, ask: &Ask<'_>) -> Result<Response, KubeError> {
        let end = Instant::now().checked_add(self.0.limits.time);
        let mut again = matches!(self.0.token, Token::File(_) | Token::Exec(_));
        loop {
            let token = self.token(&ask.doing).await?;
            let mut request = self
                .0
                .http
                .request(ask.method.clone(), format!("{}{}", self.0.server, ask.target()))
                .header("accept", ask.accept);
            if let Some(token) = &token {
                request = request.bearer_auth(token.as_str());
            }
            if let Some((kind, body)) = &ask.body {
                request = request.header("content-type", *kind).body(body.clone());
            }
            let sent = within(end, &ask.doing, self.0.limits.time, request.send()).await?;
            let mut response =
                sent.map_err(|err| KubeError::Unreachable { doing: ask.doing.clone(), err: err.without_url() })?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if status == StatusCode::UNAUTHORIZED && again {
                // The token has ended before its time: there is another one.
                again = false;
                *self.0.known.lock() = None;
                continue;
            }
            let after =
                response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let said = within(end, &ask.doing, self.0.limits.time, body(&mut response, 64 << 10, &ask.doing)).await?;
            let said = said.unwrap_or_default();
            return Err(KubeError::refused(&ask.doing, status.as_u16(), &said, ask.secret, after));
        }
    }

    /// The token of now.
    async fn token(&self, doing: &str) -> Result<Option<Arc<Zeroizing<String>>>, KubeError> {
        let age = match &self.0.token {
            Token::None => return Ok(None),
            Token::Fixed(token) => return Ok(Some(Arc::new(token.clone()))),
            Token::File(_) => TOKEN_AGE,
            // It is asked again when the API server takes its token no more.
            Token::Exec(_) => Duration::MAX,
        };
        let known = self.0.known.lock().clone();
        if let Some(known) = known.filter(|known| known.at.elapsed() < age) {
            return Ok(Some(known.token));
        }
        let shared = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || match &shared.token {
            Token::File(path) => token_of_file(path).map(Some),
            Token::Exec(exec) => exec.token().map(Some),
            Token::None | Token::Fixed(_) => Ok(None),
        });
        let read = read.await.map_err(|_| KubeError::odd(doing, "the token could not be read"))??;
        let Some(token) = read.map(Arc::new) else { return Ok(None) };
        *self.0.known.lock() = Some(Known { token: Arc::clone(&token), at: Instant::now() });
        Ok(Some(token))
    }
}

/// A watch that is open.
#[derive(Debug)]
pub struct Watch {
    response: Response,
    lines: Lines,
    resource: Resource,
    doing: String,
    ends: Instant,
    time: Duration,
}

impl Watch {
    /// The next event; nothing when the watch ends.
    ///
    /// # Errors
    /// See [`KubeError`]; [`KubeError::is_gone`] asks to list again.
    pub async fn next(&mut self) -> Result<Option<Event>, KubeError> {
        loop {
            if let Some(line) = self.lines.next() {
                return event(&line, &self.doing).map(|event| match event {
                    Event::Put(object) => Some(Event::Put(named(&self.resource, object))),
                    Event::Gone(object) => Some(Event::Gone(named(&self.resource, object))),
                    Event::Bookmark(version) => Some(Event::Bookmark(version)),
                });
            }
            // Who does not end it in time is not there any more.
            let piece = within(Some(self.ends), &self.doing, self.time, self.response.chunk()).await?;
            let piece =
                piece.map_err(|err| KubeError::Unreachable { doing: self.doing.clone(), err: err.without_url() })?;
            let Some(piece) = piece else { return Ok(None) };
            self.lines.push(&piece).map_err(|most| KubeError::TooLarge { doing: self.doing.clone(), most })?;
        }
    }
}

async fn within<T>(
    end: Option<Instant>,
    doing: &str,
    time: Duration,
    work: impl Future<Output = T>,
) -> Result<T, KubeError> {
    let late = || KubeError::Late { doing: doing.to_owned(), seconds: time.as_secs() };
    match end {
        Some(end) => timeout_at(end, work).await.map_err(|_| late()),
        None => timeout(time, work).await.map_err(|_| late()),
    }
}

async fn body(response: &mut Response, most: usize, doing: &str) -> Result<Vec<u8>, KubeError> {
    let mut body = Vec::new();
    loop {
        let piece = response.chunk().await;
        let piece = piece.map_err(|err| KubeError::Unreachable { doing: doing.to_owned(), err: err.without_url() })?;
        let Some(piece) = piece else { return Ok(body) };
        if body.len().saturating_add(piece.len()) > most {
            return Err(KubeError::TooLarge { doing: doing.to_owned(), most });
        }
        body.extend_from_slice(&piece);
    }
}

/// An item of a list does not say what it is, and one of which only the metadata were asked for says that.
fn named(resource: &Resource, mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), Value::String(resource.api_version()));
        fields.insert("kind".to_owned(), Value::String(resource.kind.to_string()));
        // Who wrote which field is the larger half of many objects, and nobody here asks for it.
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
    object
}

/// `namespace/name`, or `name` of what lies in none.
#[must_use]
pub fn key_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/metadata/namespace") {
        "" => text("/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text("/metadata/name")),
    }
}

/// The version of an object with its key, for messages and comparisons.
#[must_use]
pub fn identity_of(object: &Value) -> String {
    format!("{}@{}", key_of(object), version_of(object))
}

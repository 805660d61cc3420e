//! One request from question to answer: offline switch, connection, challenge, redirects, retries, limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use crate::backoff;
use crate::challenge::parse_challenges;
use crate::client::Client;
use crate::endpoint::{Access, Endpoint, is_loopback, root, same_origin};
use crate::error::{Error, ErrorKind, StatusContext, chain, printable};

/// A question.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// What we are doing, for messages.
    pub(crate) doing: String,
    /// Whose challenges are answered. Without one, none is.
    pub(crate) endpoint: Option<Endpoint>,
    /// Rights that a token needs.
    pub(crate) scopes: Vec<String>,
    /// Sent as it is, for token services.
    pub(crate) fixed_authorization: Option<HeaderValue>,
    /// The body is read whole, up to this size. Without it the body stays open.
    pub(crate) small_body: Option<u64>,
    /// Redirects to another origin are refused.
    pub(crate) stay_on_origin: bool,
    /// A status of 400 or more is an answer like any other, unless it may pass.
    pub(crate) any_status: bool,
}

/// An answer with a status below 400.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from at last.
    pub(crate) url: Url,
    /// The body, if it was asked for whole.
    pub(crate) body: Bytes,
    /// The body, if it was not.
    pub(crate) open: Option<reqwest::Response>,
}

/// A failure that may pass.
struct Failure {
    error: Error,
    again: bool,
    after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, again: false, after: None }
    }
}

impl Ask {
    pub(crate) fn new(method: Method, url: Url, doing: String) -> Ask {
        Ask {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            doing,
            endpoint: None,
            scopes: Vec::new(),
            fixed_authorization: None,
            small_body: None,
            stay_on_origin: false,
            any_status: false,
        }
    }

    pub(crate) fn get(url: Url, doing: String) -> Ask {
        Ask::new(Method::GET, url, doing)
    }

    /// Answers challenges with the credentials of this endpoint.
    pub(crate) fn at(mut self, endpoint: &Endpoint, access: Access) -> Ask {
        self.scopes = vec![endpoint.scope(access)];
        self.endpoint = Some(endpoint.clone());
        self
    }

    pub(crate) fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(HeaderName::from_static(name), value);
        }
    }

    /// Whether it may be sent twice without harm.
    fn is_idempotent(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE)
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    /// The URL `/v2/` of an endpoint, or of `tail` under its repository there.
    pub(crate) async fn url(&self, endpoint: &Endpoint, tail: Option<&str>) -> Result<Url, Error> {
        let plain = endpoint.plain_http || self.loopback_is_plain(&endpoint.host).await?;
        let path = match tail {
            Some(tail) => format!("v2/{}/{tail}", endpoint.repository),
            None => "v2/".to_owned(),
        };
        root(plain, &endpoint.host)?.join(&path).map_err(|err| {
            Error::new(ErrorKind::Usage, format!("ask `{}`", endpoint.host), "no URL can be made of it").cause(err)
        })
    }

    /// Loopback registries mostly speak plain HTTP. As docker does: HTTPS is tried first, and only what is no TLS server at all is asked by HTTP.
    async fn loopback_is_plain(&self, host: &str) -> Result<bool, Error> {
        if !is_loopback(host) {
            return Ok(false);
        }
        if let Some(known) = self.shared.plain.lock().get(host) {
            return Ok(*known);
        }
        let doing = format!("ask registry `{host}`");
        self.refuse_offline(&doing)?;
        let request = self.http(host, &doing)?.get(root(false, host)?.join("v2/").unwrap_or(root(false, host)?));
        let wait = self.options().timeouts.connect.min(Duration::from_secs(3));
        let plain = match tokio::time::timeout(wait, request.send()).await {
            Ok(Ok(_)) => false,
            // A wrong certificate is not a reason to go without one.
            Ok(Err(err)) => !chain(&err).contains("certificate"),
            // A server that waits for the end of a line. It may also just be slow, so nothing is learnt.
            Err(_) => return Ok(true),
        };
        self.shared.plain.lock().insert(host.to_owned(), plain);
        Ok(plain)
    }

    /// Sends a question until it is answered, or fails for good.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Error> {
        let options = self.options();
        let mut attempt = 0;
        loop {
            let failure = match self.send_authorized(ask).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            if !failure.again || attempt > options.retries {
                return Err(failure.error);
            }
            let random = backoff::next_random(&mut self.shared.random.lock());
            let pause = backoff::pause(options.first_pause, attempt, random);
            let wait = failure.after.unwrap_or(pause);
            if wait > options.longest_wait {
                return Err(failure.error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a question and gives the whole answer whatever its status. Only a connection that was never made is tried again.
    pub(crate) async fn ask_once(&self, ask: &Ask, most: u64) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        let options = self.options();
        let mut attempt = 0;
        let response = loop {
            let failure = match self.follow(ask, None).await {
                Ok((response, _)) => break response,
                Err(failure) => failure,
            };
            attempt += 1;
            if !failure.again || attempt > options.retries {
                return Err(failure.error);
            }
            let random = backoff::next_random(&mut self.shared.random.lock());
            tokio::time::sleep(backoff::pause(options.first_pause, attempt, random)).await;
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read_small(response, most, false, ask).await?;
        Ok((status, headers, body))
    }

    async fn send_authorized(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut authorization = match (&ask.fixed_authorization, &ask.endpoint) {
            (Some(fixed), _) => Some(fixed.clone()),
            (None, Some(endpoint)) => self.known_authorization(ask, endpoint).await?,
            (None, None) => None,
        };
        // Known header, answer to the challenge, and once more when the token had expired.
        for _ in 0..3 {
            let (response, url) = self.follow(ask, authorization.as_ref()).await?;
            if response.status() == StatusCode::UNAUTHORIZED
                && let Some(endpoint) = &ask.endpoint
                // Only the registry itself may ask; a host that it redirects to may not.
                && same_origin(&url, &ask.url)
            {
                let challenges: Vec<_> = response
                    .headers()
                    .get_all("www-authenticate")
                    .iter()
                    .filter_map(|value| value.to_str().ok())
                    .take(8)
                    .flat_map(parse_challenges)
                    .collect();
                if let Some(header) = self.answer(&challenges, ask, endpoint, authorization.as_ref()).await? {
                    authorization = Some(header);
                    continue;
                }
            }
            return self.judge(ask, response, url, authorization.is_some()).await;
        }
        Err(Error::new(
            ErrorKind::Unauthorized,
            &*ask.doing,
            "the registry refuses each token that its token service gives",
        )
        .into())
    }

    /// Follows redirects. `Authorization` goes to no other origin than the first.
    async fn follow(
        &self,
        ask: &Ask,
        authorization: Option<&HeaderValue>,
    ) -> Result<(reqwest::Response, Url), Failure> {
        self.refuse_offline(&ask.doing)?;
        let timeouts = &self.options().timeouts;
        let mut url = ask.url.clone();
        let mut at_home = true;
        for _ in 0..=self.options().limits.redirects {
            let host = host_of(&url);
            let mut headers = ask.headers.clone();
            headers.insert("accept-encoding", HeaderValue::from_static("identity"));
            if let Some(value) = authorization.filter(|_| at_home) {
                headers.insert(AUTHORIZATION, value.clone());
            }
            let mut request = self.http(&host, &ask.doing)?.request(ask.method.clone(), url.clone()).headers(headers);
            if let Some(body) = &ask.body {
                request = request.body(body.clone());
            }
            let permit = self.shared.permits.acquire().await;
            // The body goes up within the same wait: 32 KiB a second are given besides.
            let upload = ask.body.as_ref().map_or(0, |body| body.len() as u64 >> 15);
            let wait = timeouts.response.saturating_add(Duration::from_secs(upload));
            let sent = tokio::time::timeout(wait, request.send()).await;
            drop(permit);
            let response = match sent {
                Ok(Ok(response)) => response,
                Ok(Err(err)) => {
                    let again = ask.is_idempotent() || err.is_connect();
                    let error = Error::http(&ask.doing, &host, err);
                    let again = again && error.kind != ErrorKind::Tls;
                    return Err(Failure { error, again, after: None });
                }
                Err(_) => {
                    let what = format!("`{host}` did not answer in {} s", wait.as_secs_f32());
                    let error = Error::new(ErrorKind::Timeout, &*ask.doing, what);
                    return Err(Failure { error, again: ask.is_idempotent(), after: None });
                }
            };
            let status = response.status().as_u16();
            let movable = matches!(ask.method, Method::GET | Method::HEAD) && matches!(status, 301..=303);
            if !movable && !matches!(status, 307 | 308) {
                return Ok((response, url));
            }
            let next = self.redirect(ask, &url, &response)?;
            at_home = at_home && same_origin(&ask.url, &next);
            url = next;
        }
        let what = format!("`{}` redirects more than {} times", host_of(&ask.url), self.options().limits.redirects);
        Err(Error::new(ErrorKind::Redirect, &*ask.doing, what).into())
    }

    fn redirect(&self, ask: &Ask, from: &Url, response: &reqwest::Response) -> Result<Url, Error> {
        let refuse = |what: String| Error::new(ErrorKind::Redirect, &*ask.doing, what);
        let host = host_of(from);
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let next = location
            .and_then(|location| from.join(location).ok())
            .ok_or_else(|| refuse(format!("`{host}` redirects to nowhere")))?;
        let to = host_of(&next);
        if !matches!(next.scheme(), "http" | "https") || !next.username().is_empty() || next.password().is_some() {
            return Err(refuse(format!("`{host}` redirects to something that is no plain web address")));
        }
        if from.scheme() == "https" && next.scheme() == "http" {
            return Err(refuse(format!("`{host}` redirects from HTTPS to plain HTTP at `{to}`")));
        }
        if is_loopback(&to) && !is_loopback(&host) {
            return Err(refuse(format!("`{host}` redirects to this machine, `{to}`")));
        }
        let moves_data = !matches!(ask.method, Method::GET | Method::HEAD);
        if (ask.stay_on_origin || moves_data) && !same_origin(from, &next) {
            return Err(refuse(format!("`{host}` redirects to another host, `{to}`, what only it may see")));
        }
        Ok(next)
    }

    /// Turns an HTTP answer into ours, or into an error that may pass.
    async fn judge(
        &self,
        ask: &Ask,
        response: reqwest::Response,
        url: Url,
        had_credentials: bool,
    ) -> Result<Answer, Failure> {
        let (status, host) = (response.status(), host_of(&url));
        let headers = response.headers().clone();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let may_pass = match status.as_u16() {
            429 | 503 => true,
            408 | 500 | 502 | 504 => ask.is_idempotent(),
            _ => false,
        };
        if status.as_u16() >= 400 && (may_pass || !ask.any_status) {
            let after = text("retry-after").and_then(|value| backoff::retry_after(value, text("date")));
            let body = self.read_small(response, self.options().limits.error_body, true, ask).await.unwrap_or_default();
            let error =
                Error::status(&ask.doing, &host, status, &body, StatusContext { had_credentials, retry_after: after });
            return Err(Failure { error, again: may_pass, after });
        }
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            return Err(Error::new(
                ErrorKind::Redirect,
                &*ask.doing,
                format!("`{host}` redirects what cannot be moved"),
            )
            .into());
        }
        let Some(limit) = ask.small_body else {
            return Ok(Answer { status, headers, url, body: Bytes::new(), open: Some(response) });
        };
        if text("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
            && ask.method != Method::HEAD
        {
            let what = format!("`{host}` answered in a compressed form that was not asked for");
            return Err(Error::new(ErrorKind::Malformed, &*ask.doing, what).into());
        }
        match self.read_small(response, limit, false, ask).await {
            Ok(body) => Ok(Answer { status, headers, url, body, open: None }),
            Err(error) => {
                let again = matches!(error.kind, ErrorKind::Connection | ErrorKind::Timeout) && ask.is_idempotent();
                Err(Failure { error, again, after: None })
            }
        }
    }

    /// Reads a body into memory. `cut`: more than `limit` is left unread and is no error.
    async fn read_small(
        &self,
        mut response: reqwest::Response,
        limit: u64,
        cut: bool,
        ask: &Ask,
    ) -> Result<Bytes, Error> {
        let host = host_of(response.url());
        let too_large = || {
            Error::new(ErrorKind::TooLarge, &*ask.doing, format!("the answer of `{host}` is larger than {limit} bytes"))
        };
        let is_head = ask.method == Method::HEAD;
        if !cut && !is_head && response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let wait = self.options().timeouts.small_body;
        let read = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(|err| Error::http(&ask.doing, &host, err))? {
                if (body.len() as u64).saturating_add(chunk.len() as u64) > limit {
                    return if cut { Ok(body.freeze()) } else { Err(too_large()) };
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        };
        match tokio::time::timeout(wait, read).await {
            Ok(done) => done,
            Err(_) => {
                let what = format!("`{host}` did not finish its answer in {} s", wait.as_secs_f32());
                Err(Error::new(ErrorKind::Timeout, &*ask.doing, what))
            }
        }
    }

    pub(crate) fn refuse_offline(&self, doing: &str) -> Result<(), Error> {
        if self.options().offline {
            return Err(Error::new(ErrorKind::Offline, doing, "the network is forbidden by `--offline`")
                .hint("bring it by file, or run once without `--offline`"));
        }
        Ok(())
    }

    /// The connection pool for a host: loopback never goes through a proxy.
    fn http(&self, host: &str, doing: &str) -> Result<&reqwest::Client, Error> {
        let direct = is_loopback(host) || !self.options().use_proxy_from_environment;
        let pool = if direct { &self.shared.direct } else { &self.shared.outer };
        if let Some(client) = pool.get() {
            return Ok(client);
        }
        let client = self.build(direct, doing)?;
        Ok(pool.get_or_init(|| client))
    }

    fn build(&self, direct: bool, doing: &str) -> Result<reqwest::Client, Error> {
        // The one TLS provider of the process; that another part installed it before is fine.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let options = self.options();
        let mut authorities = Vec::new();
        for pem in &options.extra_ca_pem {
            let read = reqwest::Certificate::from_pem_bundle(pem).map_err(|err| {
                Error::new(ErrorKind::Usage, doing, "a given certificate authority is no PEM certificate").cause(err)
            })?;
            if read.is_empty() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    doing,
                    "a given certificate authority holds no PEM certificate",
                ));
            }
            authorities.extend(read);
        }
        let identity = match &options.client_identity_pem {
            Some(pem) => Some(reqwest::Identity::from_pem(pem.reveal().as_bytes()).map_err(|_| {
                // The library's own text may quote what it read, and that is a private key.
                Error::new(ErrorKind::Usage, doing, "the client certificate and its key are not readable as PEM")
            })?),
            None => None,
        };
        let base = || {
            let builder = reqwest::Client::builder()
                .user_agent(options.user_agent.clone())
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .connect_timeout(options.timeouts.connect)
                .pool_max_idle_per_host(options.max_concurrency.clamp(1, 64))
                .http1_max_headers(128)
                .http2_max_header_list_size(64 << 10)
                .tls_danger_accept_invalid_certs(options.dangerously_skip_tls_verification);
            let builder = match &identity {
                Some(identity) => builder.identity(identity.clone()),
                None => builder,
            };
            if direct { builder.no_proxy() } else { builder }
        };
        if options.only_extra_ca {
            return base()
                .tls_certs_only(authorities)
                .build()
                .map_err(|err| Error::new(ErrorKind::Usage, doing, "the HTTP client cannot be set up").cause(err));
        }
        let with_system = base().tls_certs_merge(authorities.clone()).build();
        // A machine without any certificate authority still reaches plain HTTP registries; HTTPS then fails with an unknown issuer.
        with_system
            .or_else(|_| base().tls_certs_only(authorities).build())
            .map_err(|err| Error::new(ErrorKind::Usage, doing, "the HTTP client cannot be set up").cause(err))
    }
}

/// `host[:port]` of a URL, for messages and comparisons.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    printable(&text)
}

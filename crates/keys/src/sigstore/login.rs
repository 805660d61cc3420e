//! Logging in at an identity provider: in a browser (authorization code with PKCE and a redirect to this machine), or by a code that is typed on another
//! one (device flow).
//!
//! Sources: OpenID Connect Discovery 1.0 and Core 1.0, 3.1; RFC 7636 (PKCE), RFC 8252 (native applications, 7.3), RFC 8628 (device flow).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use signet_oci_client::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::random_text;
use crate::context::Context;
use crate::error::{Error, printable};
use crate::identity::IdentityToken;
use crate::service::{Request, escape, text};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Requests of a browser that are answered before it is given up: it asks for icons too.
const REQUESTS: usize = 16;
/// Largest request of a browser.
const LONGEST: usize = 16 << 10;
/// The pages that Sigstore's provider knows of us.
const CALLBACK: &str = "/auth/callback";

/// How a person logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// In a browser on this machine.
    Browser,
    /// By a code, in a browser anywhere.
    Device,
}

/// Where to log in, and as which program.
#[derive(Clone, Debug)]
pub struct Login {
    /// The provider: its address is its name.
    pub issuer: String,
    /// Who we are to it; also the audience of the token.
    pub client_id: String,
    /// For providers that want one.
    pub client_secret: Option<Secret>,
    /// `http://localhost:PORT/PATH`, for providers that insist on one; any free port else.
    pub redirect: Option<String>,
    /// How.
    pub flow: Flow,
}

/// What the person must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Open this address in a browser of this machine.
    Open(String),
    /// Open the address anywhere and type the code.
    Enter {
        /// The address.
        url: String,
        /// The code.
        code: String,
    },
}

/// Logs in and gives the token, valid now and for the client.
///
/// # Errors
/// When the provider cannot be reached, refuses or is another one than it says; when nobody logs in within five minutes; when the answer is not to this login.
pub async fn login(login: &Login, context: &Context, tell: &(dyn Fn(&Prompt) + Sync)) -> Result<IdentityToken, Error> {
    let doing = format!("log in at `{}`", printable(&login.issuer));
    let provider = Provider::discover(&login.issuer, &doing, context).await?;
    let token = match login.flow {
        Flow::Browser => provider.in_browser(login, &doing, context, tell).await?,
        Flow::Device => provider.by_code(login, &doing, context, tell).await?,
    };
    if token.issuer() != login.issuer && token.issuer().trim_end_matches('/') != login.issuer.trim_end_matches('/') {
        return Err(Error::new(doing, format!("the token is by `{}`", printable(token.issuer()))));
    }
    Ok(token)
}

struct Provider {
    authorization: Option<String>,
    device: Option<String>,
    token: String,
}

impl Provider {
    async fn discover(issuer: &str, doing: &str, context: &Context) -> Result<Provider, Error> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let request = Request::new("GET", url, doing).header("accept", "application/json");
        let json =
            request.send_for_json(context.client(), "is this the address of an OpenID Connect provider?").await?;
        // Discovery, 4.3: a document of another provider would send the login elsewhere.
        let named = text(&json, "/issuer", &request)?;
        if named.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(request.odd(&format!("it calls itself `{}`", printable(named))));
        }
        let member = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Provider {
            authorization: member("authorization_endpoint").filter(|url| is_safe(url)),
            device: member("device_authorization_endpoint"),
            token: text(&json, "/token_endpoint", &request)?.to_owned(),
        })
    }

    async fn in_browser(
        &self,
        login: &Login,
        doing: &str,
        context: &Context,
        tell: &(dyn Fn(&Prompt) + Sync),
    ) -> Result<IdentityToken, Error> {
        let authorization = self.authorization.as_deref().ok_or_else(|| {
            Error::new(doing, "the provider names no safe page to log in at").hint("try `--fulcio-auth-flow device`")
        })?;
        let (port, path) = redirect_of(login.redirect.as_deref(), doing)?;
        let local = |err: std::io::Error| {
            Error::new(doing, "the browser's answer cannot be received on this machine").cause(err)
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(local)?;
        let port = listener.local_addr().map_err(local)?.port();
        let redirect = login.redirect.clone().filter(|url| !url.is_empty() && !url.contains(":0/"));
        let redirect = redirect.unwrap_or_else(|| format!("http://localhost:{port}{path}"));
        let (state, nonce, verifier) = (random_text::<24>()?, random_text::<24>()?, random_text::<48>()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.reveal().as_bytes()));
        let query: Vec<String> = [
            ("response_type", "code"),
            ("client_id", &login.client_id),
            ("redirect_uri", &redirect),
            ("scope", "openid email"),
            ("state", state.reveal()),
            ("nonce", nonce.reveal()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
        let joint = if authorization.contains('?') { '&' } else { '?' };
        tell(&Prompt::Open(format!("{authorization}{joint}{}", query.join("&"))));
        let code = timeout(PATIENCE, code_from(&listener, &path, state.reveal(), doing))
            .await
            .map_err(|_| Error::new(doing, "nobody logged in within five minutes"))??;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", &redirect),
            ("client_id", &login.client_id),
            ("code_verifier", verifier.reveal()),
        ];
        if let Some(secret) = &login.client_secret {
            form.push(("client_secret", secret.reveal()));
        }
        let request = Request::new("POST", &*self.token, doing).form(&form).header("accept", "application/json");
        let json = request.send_for_json(context.client(), "log in again").await?;
        let token = IdentityToken::parse(text(&json, "/id_token", &request)?, &login.client_id, context.now())
            .map_err(|err| Error { doing: doing.to_owned(), ..err })?;
        // Core, 3.1.3.7: the token is the answer to this login.
        if token.nonce() != Some(nonce.reveal()) {
            return Err(request.odd("the token is the answer to another login"));
        }
        Ok(token)
    }

    async fn by_code(
        &self,
        login: &Login,
        doing: &str,
        context: &Context,
        tell: &(dyn Fn(&Prompt) + Sync),
    ) -> Result<IdentityToken, Error> {
        let device = self.device.as_deref().ok_or_else(|| {
            Error::new(doing, "the provider has no device flow").hint("log in in a browser, or give `--identity-token`")
        })?;
        let verifier = random_text::<48>()?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.reveal().as_bytes()));
        let form = [
            ("client_id", &*login.client_id),
            ("scope", "openid email"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
        ];
        let begin = Request::new("POST", device, doing).form(&form).header("accept", "application/json");
        let json = begin.send_for_json(context.client(), "does the provider know this client?").await?;
        let code = Secret::new(text(&json, "/device_code", &begin)?);
        let url =
            ["/verification_uri_complete", "/verification_uri"].iter().find_map(|path| json.pointer(path)?.as_str());
        let url = url.filter(|url| is_safe(url)).ok_or_else(|| begin.odd("the answer names no safe page"))?;
        tell(&Prompt::Enter { url: url.to_owned(), code: printable(text(&json, "/user_code", &begin)?) });
        let number =
            |name: &str, or: u64, most: u64| json.get(name).and_then(Value::as_u64).unwrap_or(or).clamp(1, most);
        let (mut interval, mut left) = (number("interval", 5, 60), number("expires_in", 300, 900));
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", code.reveal()),
            ("client_id", &*login.client_id),
            ("code_verifier", verifier.reveal()),
        ];
        if let Some(secret) = &login.client_secret {
            form.push(("client_secret", secret.reveal()));
        }
        while left > 0 {
            sleep(Duration::from_secs(interval)).await;
            left = left.saturating_sub(interval);
            let request = Request::new("POST", &*self.token, doing).form(&form).header("accept", "application/json");
            let answer = request.send(context.client()).await?;
            let json: Value = serde_json::from_slice(&answer.body).map_err(|_| request.odd("the answer is no JSON"))?;
            match json.get("error").and_then(Value::as_str) {
                None if (200..300).contains(&answer.status) => {
                    return IdentityToken::parse(text(&json, "/id_token", &request)?, &login.client_id, context.now())
                        .map_err(|err| Error { doing: doing.to_owned(), ..err });
                }
                Some("authorization_pending") => {}
                Some("slow_down") => interval = (interval + 5).min(60),
                _ => return Err(request.refused(&answer, "log in again")),
            }
        }
        Err(Error::new(doing, "nobody logged in before the code expired"))
    }
}

/// What may be opened in a browser: pages of the web, over TLS or on this machine.
fn is_safe(url: &str) -> bool {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let local = |rest: &str| {
        let host = host(rest);
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]")
    };
    let plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'));
    plain
        && (url.strip_prefix("https://").is_some_and(|rest| !host(rest).is_empty())
            || url.strip_prefix("http://").is_some_and(local))
}

/// Port and path of a redirect address on this machine.
fn redirect_of(url: Option<&str>, doing: &str) -> Result<(u16, String), Error> {
    let Some(url) = url.filter(|url| !url.is_empty()) else { return Ok((0, CALLBACK.to_owned())) };
    let wrong = || {
        Error::new(doing, "the redirect address is not on this machine")
            .hint("give `http://localhost:PORT/PATH`, or none")
    };
    let rest = url.strip_prefix("http://").filter(|_| is_safe(url)).ok_or_else(wrong)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = match host.rsplit_once(':') {
        Some((_, port)) => port.parse().map_err(|_| wrong())?,
        None => 80,
    };
    Ok((port, format!("/{path}")))
}

/// Waits for the browser to bring the code to `path`; other pages are answered with nothing.
async fn code_from(listener: &TcpListener, path: &str, state: &str, doing: &str) -> Result<Secret, Error> {
    for _ in 0..REQUESTS {
        let (mut stream, _) = listener
            .accept()
            .await
            .map_err(|err| Error::new(doing, "the browser's answer cannot be received on this machine").cause(err))?;
        // A program that connects and says nothing does not hold up the login.
        let Ok(Some(target)) = timeout(Duration::from_secs(10), target_of(&mut stream)).await else { continue };
        let (page, query) = target.split_once('?').unwrap_or((&target, ""));
        if page != path {
            answer(&mut stream, "404 Not Found", "").await;
            continue;
        }
        let member = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
                .map(|(_, value)| unescape(value))
        };
        // Another page of the browser may call us as well: only the answer to our question counts.
        if member("state").as_deref() != Some(state) {
            answer(&mut stream, "400 Bad Request", "This is not the answer to the login that was begun.").await;
            continue;
        }
        if let Some(error) = member("error") {
            answer(&mut stream, "200 OK", "The login was refused. You can close this page.").await;
            let why = member("error_description").unwrap_or_default();
            return Err(Error::new(doing, format!("the provider refused: {} {}", printable(&error), printable(&why))));
        }
        if let Some(code) = member("code").filter(|code| !code.is_empty()) {
            answer(&mut stream, "200 OK", "You are logged in. You can close this page.").await;
            return Ok(Secret::new(code));
        }
        answer(&mut stream, "400 Bad Request", "The answer has no code.").await;
    }
    Err(Error::new(doing, "the browser asked for other pages only").hint("log in again"))
}

/// The target of a `GET`.
async fn target_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        head.extend_from_slice(buffer.get(..length)?);
        if head.len() > LONGEST {
            return None;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    (words.next() == Some("GET")).then_some(())?;
    words.next().map(str::to_owned)
}

async fn answer(stream: &mut TcpStream, status: &str, says: &str) {
    let body = format!("<!doctype html><title>Signet</title><p>{says}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A browser that went away has the code out of its hands all the same.
    let _sent = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _closed = stream.shutdown().await;
}

/// Percent-decodes (RFC 3986, 2.1; `+` is a space in forms).
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let code = rest
                    .get(..2)
                    .and_then(|hex| std::str::from_utf8(hex).ok())
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                match code {
                    Some(code) => {
                        bytes.push(code);
                        rest = rest.get(2..).unwrap_or_default();
                    }
                    None => bytes.push(b'%'),
                }
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_opened() {
        for good in
            ["https://i.example/auth", "http://localhost:1/a", "http://127.0.0.1:5556/auth?x=1", "http://[::1]:7/"]
        {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "http://i.example/auth",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https://a/$(x) y",
            "https://a/`x`",
            "http://localhost.evil.example/",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }

    #[test]
    fn redirects_stay_on_this_machine() {
        assert_eq!(redirect_of(None, "x").unwrap(), (0, "/auth/callback".to_owned()));
        assert_eq!(redirect_of(Some("http://localhost:5556/cb"), "x").unwrap(), (5556, "/cb".to_owned()));
        for bad in ["https://localhost:1/", "http://i.example:1/", "http://localhost:99999/", "localhost"] {
            assert!(redirect_of(Some(bad), "x").is_err(), "{bad}");
        }
        assert_eq!(unescape("a%20b+c%2Fd%zz%4"), "a b c/d%zz%4");
    }
}

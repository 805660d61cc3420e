//! A registry in this process, under every host name: written from the distribution specification, and sharing no code with the client.
//!
//! ```text
//!   GET http://ghcr.io/v2/a/b/manifests/1   (asked as an HTTP proxy)     ─▶ repository `ghcr.io/a/b`
//!   GET /v2/ghcr.io/a/b/manifests/1         (asked as a registry itself) ─▶ the same
//! ```
//!
//! So a program that is told to use it as its proxy finds every registry here, and nothing leaves the machine. It takes pushes, answers with referrers,
//! and keeps everything in memory. Who asks is the program that is measured: a stranger's load is nobody's business here, and still every length has
//! a ceiling.
//!
//! Source: opencontainers/distribution-spec:spec.md, "Endpoints"; RFC 9112, section 3.2.2 (absolute form).

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;

/// The media types of what is made here.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Bytes of a body, of a line of a head, and lines of it.
const MAX_BODY: u64 = 64 << 20;
const MAX_LINE: u64 = 16 << 10;
const MAX_LINES: usize = 128;

/// What is kept.
#[derive(Debug, Default)]
struct Kept {
    blobs: HashMap<String, Vec<u8>>,
    /// By repository with its host, and tag or digest: media type and bytes.
    manifests: HashMap<(String, String), (String, Vec<u8>)>,
    /// Descriptors by repository and subject.
    referrers: HashMap<(String, String), Vec<Value>>,
    uploads: HashMap<u64, Vec<u8>>,
}

/// A running registry. It ends with the process.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    kept: Arc<Mutex<Kept>>,
    next: Arc<AtomicU64>,
}

/// A request.
struct Asked {
    method: String,
    host: String,
    path: String,
    query: String,
    kind: String,
    body: Vec<u8>,
}

/// An answer.
struct Answer {
    status: u16,
    head: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Registry {
    /// Begins to listen on a free port.
    pub(crate) fn start() -> Result<Registry> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let address = listener.local_addr()?.to_string();
        let registry = Registry { address, kept: Arc::default(), next: Arc::default() };
        let serving = registry.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let registry = serving.clone();
                // A connection that breaks is the client's to notice.
                std::thread::spawn(move || registry.serve(&stream).ok());
            }
        });
        Ok(registry)
    }

    /// Keeps a blob, and describes it.
    pub(crate) fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes).to_string();
        self.kept.lock().blobs.insert(digest.clone(), bytes.to_vec());
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    /// Keeps a manifest of a repository (`HOST/PATH`) under its digest and its tags, and describes it.
    pub(crate) fn manifest(&self, repository: &str, tags: &[&str], manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let kind = text(manifest, "mediaType");
        self.keep(repository, tags, &kind, bytes)
    }

    fn keep(&self, repository: &str, tags: &[&str], kind: &str, bytes: Vec<u8>) -> Value {
        let digest = Digest::sha256(&bytes).to_string();
        let described = json!({"mediaType": kind, "digest": digest, "size": bytes.len()});
        let mut kept = self.kept.lock();
        if let Ok(manifest) = serde_json::from_slice::<Value>(&bytes)
            && let Some(subject) = manifest.pointer("/subject/digest").and_then(Value::as_str)
        {
            let mut entry = described.clone();
            let own = text(&manifest, "artifactType");
            let config = manifest.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or_default();
            entry["artifactType"] = json!(if own.is_empty() { config } else { &own });
            if let Some(annotations) = manifest.get("annotations") {
                entry["annotations"] = annotations.clone();
            }
            let entries = kept.referrers.entry((repository.to_owned(), subject.to_owned())).or_default();
            if !entries.iter().any(|known| known["digest"] == entry["digest"]) {
                entries.push(entry);
            }
        }
        for name in tags.iter().copied().chain([digest.as_str()]) {
            kept.manifests.insert((repository.to_owned(), name.to_owned()), (kind.to_owned(), bytes.clone()));
        }
        described
    }

    fn serve(&self, stream: &TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read(&mut reader)? {
            let answer = self.answer(&asked);
            let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
            for (name, value) in &answer.head {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
            let mut to = stream;
            to.write_all(head.as_bytes())?;
            if asked.method != "HEAD" {
                to.write_all(&answer.body)?;
            }
            to.flush()?;
        }
        Ok(())
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let path = asked.path.strip_prefix("/v2/").unwrap_or_default();
        if path.is_empty() {
            let status = if asked.path.trim_end_matches('/') == "/v2" { 200 } else { 404 };
            return Answer { status, head: Vec::new(), body: b"{}".to_vec() };
        }
        // Docker Hub's API has a name of its own.
        let host = match asked.host.as_str() {
            "registry-1.docker.io" | "index.docker.io" => "docker.io",
            host => host,
        };
        let full = if host == self.address { path.to_owned() } else { format!("{host}/{path}") };
        for part in ["/manifests/", "/blobs/uploads/", "/blobs/", "/referrers/", "/tags/list"] {
            if let Some((repository, name)) = full.rsplit_once(part) {
                return match part {
                    "/manifests/" => self.manifests(asked, repository, name),
                    "/blobs/uploads/" => self.uploads(asked, name),
                    "/blobs/" => self.blobs(name),
                    "/referrers/" => self.referrers(asked, repository, name),
                    _ => self.tags(repository),
                };
            }
        }
        missing("NAME_UNKNOWN")
    }

    fn manifests(&self, asked: &Asked, repository: &str, name: &str) -> Answer {
        if asked.method == "PUT" {
            let subject = serde_json::from_slice::<Value>(&asked.body).ok();
            let subject =
                subject.as_ref().and_then(|manifest| manifest.pointer("/subject/digest")).and_then(Value::as_str);
            let digest = Digest::sha256(&asked.body).to_string();
            if name.contains(':') && name != digest {
                return refused("DIGEST_INVALID");
            }
            let tags = if name.contains(':') { Vec::new() } else { vec![name] };
            self.keep(repository, &tags, &asked.kind, asked.body.clone());
            let place = format!("/v2/{repository}/manifests/{digest}");
            let mut head = vec![("Location", place), ("Docker-Content-Digest", digest)];
            head.extend(subject.map(|subject| ("OCI-Subject", subject.to_owned())));
            return Answer { status: 201, head, body: Vec::new() };
        }
        let found = self.kept.lock().manifests.get(&(repository.to_owned(), name.to_owned())).cloned();
        match found {
            None => missing("MANIFEST_UNKNOWN"),
            Some((kind, body)) => {
                let head = vec![("Content-Type", kind), ("Docker-Content-Digest", Digest::sha256(&body).to_string())];
                Answer { status: 200, head, body }
            }
        }
    }

    fn blobs(&self, digest: &str) -> Answer {
        match self.kept.lock().blobs.get(digest).cloned() {
            None => missing("BLOB_UNKNOWN"),
            Some(body) => {
                let head = vec![
                    ("Content-Type", "application/octet-stream".to_owned()),
                    ("Docker-Content-Digest", digest.to_owned()),
                ];
                Answer { status: 200, head, body }
            }
        }
    }

    fn uploads(&self, asked: &Asked, session: &str) -> Answer {
        let digest = query(&asked.query, "digest");
        let mut kept = self.kept.lock();
        let number = session.parse().unwrap_or_else(|_| self.next.fetch_add(1, Ordering::Relaxed));
        let mut bytes = kept.uploads.remove(&number).unwrap_or_default();
        bytes.extend_from_slice(&asked.body);
        let place = |path: &str| vec![("Location", format!("{}{path}", asked.path.trim_end_matches(session)))];
        match (asked.method.as_str(), digest) {
            ("POST" | "PUT", Some(digest)) => {
                if Digest::sha256(&bytes).to_string() != digest {
                    return refused("DIGEST_INVALID");
                }
                kept.blobs.insert(digest.clone(), bytes);
                let mut head = place("");
                head.push(("Docker-Content-Digest", digest));
                Answer { status: 201, head, body: Vec::new() }
            }
            ("POST" | "PATCH", None) => {
                kept.uploads.insert(number, bytes);
                Answer { status: 202, head: place(&number.to_string()), body: Vec::new() }
            }
            _ => refused("UNSUPPORTED"),
        }
    }

    fn referrers(&self, asked: &Asked, repository: &str, subject: &str) -> Answer {
        let kept = self.kept.lock();
        let mut entries = kept.referrers.get(&(repository.to_owned(), subject.to_owned())).cloned().unwrap_or_default();
        let mut head = vec![("Content-Type", INDEX.to_owned())];
        if let Some(kind) = query(&asked.query, "artifactType") {
            entries.retain(|entry| text(entry, "artifactType") == kind);
            head.push(("OCI-Filters-Applied", "artifactType".to_owned()));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        Answer { status: 200, head, body: index.to_string().into_bytes() }
    }

    fn tags(&self, repository: &str) -> Answer {
        let kept = self.kept.lock();
        let mut tags: Vec<&str> = kept
            .manifests
            .keys()
            .filter(|(of, name)| of == repository && !name.contains(':'))
            .map(|(_, name)| name.as_str())
            .collect();
        tags.sort_unstable();
        let head = vec![("Content-Type", "application/json".to_owned())];
        Answer { status: 200, head, body: json!({"name": repository, "tags": tags}).to_string().into_bytes() }
    }
}

fn missing(code: &str) -> Answer {
    failed(404, code)
}

fn refused(code: &str) -> Answer {
    failed(400, code)
}

fn failed(status: u16, code: &str) -> Answer {
    let body = json!({"errors": [{"code": code, "message": code}]}).to_string().into_bytes();
    Answer { status, head: vec![("Content-Type", "application/json".to_owned())], body }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A parameter, with the escapes that digests and media types need.
fn query(query: &str, key: &str) -> Option<String> {
    let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key)?;
    let mut out = value.to_owned();
    for (escape, letter) in [("%3A", ":"), ("%3a", ":"), ("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+")] {
        out = out.replace(escape, letter);
    }
    Some(out)
}

/// The next request of a connection. `None`: the client has gone.
fn read(reader: &mut BufReader<&TcpStream>) -> Result<Option<Asked>> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next().filter(|word| !word.is_empty()), words.next()) else {
        return Ok(None);
    };
    let mut fields: HashMap<String, String> = HashMap::new();
    for _ in 0..MAX_LINES {
        let line = line(reader)?;
        if line.is_empty() {
            let body = body(reader, &fields)?;
            let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
            let (host, path) = match target.strip_prefix("http://") {
                Some(rest) => match rest.split_once('/') {
                    Some((host, path)) => (host.to_owned(), format!("/{path}")),
                    None => (rest.to_owned(), "/".to_owned()),
                },
                None => (field("host"), target.to_owned()),
            };
            let (path, query) = path.split_once('?').map_or((path.as_str(), ""), |(path, query)| (path, query));
            return Ok(Some(Asked {
                method: method.to_owned(),
                host: host.trim_end_matches(":80").to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                kind: field("content-type"),
                body,
            }));
        }
        if let Some((name, value)) = line.split_once(':') {
            fields.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    bail!("the head has more than {MAX_LINES} lines")
}

fn line(reader: &mut BufReader<&TcpStream>) -> Result<String> {
    let mut line = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn body(reader: &mut BufReader<&TcpStream>, fields: &HashMap<String, String>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let exactly = |reader: &mut BufReader<&TcpStream>, length: u64, out: &mut Vec<u8>| -> Result<()> {
        ensure!(length.saturating_add(out.len() as u64) <= MAX_BODY, "the body has more than {MAX_BODY} bytes");
        let read = reader.by_ref().take(length).read_to_end(out)?;
        ensure!(read as u64 == length, "the body is cut off");
        Ok(())
    };
    if fields.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let length = line(reader)?;
            let length = length.split(';').next().unwrap_or_default();
            let length = u64::from_str_radix(length.trim(), 16).context("no length of a chunk")?;
            exactly(reader, length, &mut out)?;
            line(reader)?;
            if length == 0 {
                return Ok(out);
            }
        }
    }
    let length = fields.get("content-length").map_or(Ok(0), |length| length.parse()).context("no length")?;
    exactly(reader, length, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One request over a connection of its own: status and body.
    #[track_caller]
    fn ask(registry: &Registry, line: &str, head: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&registry.address).unwrap();
        write!(stream, "{line} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    #[test]
    fn one_image_under_both_of_its_names() {
        let registry = Registry::start().unwrap();
        let subject = registry.manifest("ghcr.io/a/b", &["1"], &json!({"mediaType": MANIFEST, "x": 1}));
        let digest = text(&subject, "digest");
        let host = format!("Host: {}\r\n", registry.address);
        for (line, host) in [
            ("GET http://ghcr.io/v2/a/b/manifests/1", ""),
            ("GET http://ghcr.io:80/v2/a/b/manifests/1", "Host: elsewhere\r\n"),
            ("GET /v2/ghcr.io/a/b/manifests/1", host.as_str()),
        ] {
            let (status, head, body) = ask(&registry, line, host, "");
            assert_eq!((status, Digest::sha256(body.as_bytes()).to_string()), (200, digest.clone()), "{line}: {head}");
            assert!(head.contains(&format!("Docker-Content-Digest: {digest}")), "{head}");
        }
        assert_eq!(ask(&registry, "GET http://docker.io/v2/a/b/manifests/1", "", "").0, 404);
        assert_eq!(ask(&registry, "HEAD http://ghcr.io/v2/a/b/manifests/1", "", "").2, "");
    }

    #[test]
    fn what_is_pushed_is_kept_if_its_digest_holds() {
        let registry = Registry::start().unwrap();
        let place = "http://ghcr.io/v2/a/b";
        let digest = Digest::sha256(b"hello").to_string();
        assert_eq!(ask(&registry, &format!("POST {place}/blobs/uploads/?digest={digest}"), "", "hellO").0, 400);
        assert_eq!(ask(&registry, &format!("GET {place}/blobs/{digest}"), "", "").0, 404);
        let (status, head, _) = ask(&registry, &format!("POST {place}/blobs/uploads/"), "", "");
        let session = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().to_owned();
        assert_eq!(status, 202);
        assert_eq!(ask(&registry, &format!("PATCH http://ghcr.io{session}"), "", "hel").0, 202);
        let escaped = digest.replace(':', "%3A");
        assert_eq!(ask(&registry, &format!("PUT http://ghcr.io{session}?digest={escaped}"), "", "lo").0, 201);
        assert_eq!(ask(&registry, &format!("GET {place}/blobs/{digest}"), "", "").2, "hello");

        let kind = format!("Content-Type: {MANIFEST}\r\n");
        let manifest = json!({"mediaType": MANIFEST, "artifactType": "a/b", "subject": {"digest": digest}}).to_string();
        let (status, head, _) = ask(&registry, &format!("PUT {place}/manifests/t"), &kind, &manifest);
        assert!(status == 201 && head.contains(&format!("OCI-Subject: {digest}")), "{head}");
        for (filter, count) in [("", 1), ("?artifactType=a%2Fb", 1), ("?artifactType=c", 0)] {
            let (_, head, body) = ask(&registry, &format!("GET {place}/referrers/{digest}{filter}"), "", "");
            let index: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(index["manifests"].as_array().unwrap().len(), count, "{body}");
            assert_eq!(head.contains("OCI-Filters-Applied"), !filter.is_empty(), "{head}");
        }
        let (_, _, tags) = ask(&registry, &format!("GET {place}/tags/list"), "", "");
        assert_eq!(tags, r#"{"name":"ghcr.io/a/b","tags":["t"]}"#);
    }
}

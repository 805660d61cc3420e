//! A registry of a few lines that gives out what was put on it, byte for byte, also what no registry should. It shares no code with the client.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

type Documents = Arc<Mutex<HashMap<String, (String, Vec<u8>)>>>;

/// A running registry with the repository `app`.
pub(crate) struct Shelf {
    pub(crate) host: String,
    documents: Documents,
}

impl Shelf {
    pub(crate) fn start() -> Shelf {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let documents: Documents = Arc::default();
        let kept = Arc::clone(&documents);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let documents = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream, &documents));
            }
        });
        Shelf { host, documents }
    }

    /// Puts a document under a path below the repository.
    pub(crate) fn put(&self, path: &str, kind: &str, bytes: &[u8]) {
        self.documents.lock().insert(format!("/v2/app/{path}"), (kind.to_owned(), bytes.to_vec()));
    }

    /// Bytes of a manifest.
    pub(crate) fn size(&self, digest: &Digest) -> usize {
        self.documents.lock().get(&format!("/v2/app/manifests/{digest}")).map_or(0, |(_, bytes)| bytes.len())
    }

    /// Puts a blob, and describes it.
    pub(crate) fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes);
        self.put(&format!("blobs/{digest}"), "application/octet-stream", bytes);
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// Puts a manifest under its digest and its tag, and describes it.
    pub(crate) fn manifest(&self, tag: Option<&str>, manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let kind = manifest["mediaType"].as_str().unwrap();
        let digest = Digest::sha256(&bytes);
        for name in [Some(digest.to_string().as_str()), tag].into_iter().flatten() {
            self.put(&format!("manifests/{name}"), kind, &bytes);
        }
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// How many bytes a document has.
    pub(crate) fn length(&self, path: &str) -> usize {
        self.documents.lock().get(&format!("/v2/app/{path}")).map_or(0, |(_, bytes)| bytes.len())
    }

    /// An image that says nothing but its name.
    pub(crate) fn image(&self, tag: &str) -> Digest {
        let config = self.blob("application/vnd.oci.image.config.v1+json", format!("{{\"x\":\"{tag}\"}}").as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
        self.manifest(Some(tag), &manifest)["digest"].as_str().unwrap().parse().unwrap()
    }

    /// A manifest of these layers, with further members.
    pub(crate) fn layers(&self, tag: Option<&str>, layers: &[Value], more: &Value) -> Value {
        let config = self.blob(EMPTY, b"{}");
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.manifest(tag, &manifest)
    }
}

fn serve(mut stream: &TcpStream, documents: &Documents) {
    let mut reader = BufReader::new(stream);
    // The beginning of TLS, which is not spoken here: the client goes on without it.
    if reader.fill_buf().is_ok_and(|bytes| bytes.first() == Some(&0x16)) {
        return;
    }
    let mut lines = reader.lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let _rest = lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
    let mut words = first.split(' ');
    let head_only = words.next() == Some("HEAD");
    let path = words.next().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let found = documents.lock().get(path).cloned();
    let (status, kind, body) = match found {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "application/json".to_owned(), b"{\"errors\":[]}".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let body = if head_only { &[][..] } else { &body };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

//! A registry of a few lines, which counts what it gives. It shares no code with the client.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use signet_model::Digest;

use super::chunked::Chunked;

/// What it does with requests for parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranges {
    Given,
    /// Answers with the whole.
    Ignored,
    /// Answers 416.
    Refused,
}

#[derive(Default)]
struct Given {
    /// Times and bytes of body, by path.
    served: HashMap<String, (u32, u64)>,
    /// The first answer for this path comes to no end.
    stalls: Option<String>,
}

/// A running stand-in, until the test process ends.
#[derive(Clone)]
pub(crate) struct Standin {
    pub(crate) host: String,
    given: Arc<Mutex<Given>>,
}

impl Standin {
    /// Serves an image of these layers as `app:1`.
    pub(crate) fn start(layers: &[Chunked], ranges: Ranges) -> Standin {
        let documents = Arc::new(documents(layers));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let given: Arc<Mutex<Given>> = Arc::default();
        let kept = Arc::clone(&given);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (documents, given) = (Arc::clone(&documents), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream, &documents, &given, ranges));
            }
        });
        Standin { host, given }
    }

    /// How often a layer was asked for, and how many bytes of it were given, since the last time.
    pub(crate) fn of(&self, layer: &Chunked) -> (u32, u64) {
        self.given.lock().served.remove(&path(&layer.blob)).unwrap_or_default()
    }

    /// How often a layer was asked for so far.
    pub(crate) fn asked(&self, layer: &Chunked) -> u32 {
        self.given.lock().served.get(&path(&layer.blob)).map_or(0, |served| served.0)
    }

    /// Lets the first answer with this layer come to no end.
    pub(crate) fn stall(&self, layer: &Chunked) {
        self.given.lock().stalls = Some(path(&layer.blob));
    }
}

fn path(bytes: &[u8]) -> String {
    format!("/v2/app/blobs/{}", Digest::sha256(bytes))
}

fn documents(layers: &[Chunked]) -> HashMap<String, (&'static str, Vec<u8>)> {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", layer.diff_id)).collect();
    let ids = ids.join(",");
    let config = format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#);
    let described: Vec<String> = layers
        .iter()
        .map(|layer| {
            let notes: Vec<String> =
                layer.annotations.iter().map(|(key, value)| format!("\"{key}\":\"{value}\"")).collect();
            format!(
                r#"{{"mediaType":"{}","digest":"{}","size":{},"annotations":{{{}}}}}"#,
                layer.media_type,
                Digest::sha256(&layer.blob),
                layer.blob.len(),
                notes.join(",")
            )
        })
        .collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{}]}}"#,
        Digest::sha256(config.as_bytes()),
        config.len(),
        described.join(",")
    );
    let mut documents = HashMap::from([
        ("/v2/".to_owned(), ("application/json", b"{}".to_vec())),
        (path(config.as_bytes()), ("application/octet-stream", config.into_bytes())),
        ("/v2/app/manifests/1".to_owned(), (MANIFEST, manifest.into_bytes())),
    ]);
    documents.extend(layers.iter().map(|layer| (path(&layer.blob), ("application/octet-stream", layer.blob.clone()))));
    documents
}

fn serve(
    mut stream: TcpStream,
    documents: &HashMap<String, (&'static str, Vec<u8>)>,
    given: &Mutex<Given>,
    ranges: Ranges,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let target = line.split(' ').nth(1)?.to_owned();
        let mut range = None;
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("range")
            {
                let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
                range = Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?));
            }
        }
        let Some((kind, body)) = documents.get(&target) else {
            stream.write_all(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        };
        let (status, extra, body) = match range {
            Some((first, last)) if ranges == Ranges::Given => {
                ("206 X", format!("Content-Range: bytes {first}-{last}/{}\r\n", body.len()), &body[first..=last])
            }
            Some(_) if ranges == Ranges::Refused => ("416 X", String::new(), &b""[..]),
            _ => ("200 X", String::new(), &body[..]),
        };
        let stalls = {
            let mut given = given.lock();
            let stalls = given.stalls.take_if(|path| *path == target).is_some();
            let served = given.served.entry(target).or_default();
            served.0 += 1;
            served.1 += body.len() as u64;
            stalls
        };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}Content-Length: {}\r\n\r\n", body.len())
            .ok()?;
        if stalls {
            stream.write_all(&body[..body.len() / 2]).ok()?;
            std::thread::sleep(Duration::from_secs(120));
            return None;
        }
        stream.write_all(body).ok()?;
    }
}

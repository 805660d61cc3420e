//! A registry that takes what is pushed: on the stand-in, written from the distribution specification, with the faults that writers meet.
#![allow(dead_code, reason = "shared with the tests of another crate")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;

use super::standin::{Reply, Request, Standin};

/// What is special about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// It lists referrers, and says so.
    pub(crate) lists: bool,
    /// Every second manifest is answered with 201 and not kept.
    pub(crate) forgets: bool,
    /// A tag that holds something does not move: the answer is this status with this text.
    pub(crate) immutable: Option<(u16, &'static str)>,
    /// It heeds `If-Match` and `If-None-Match`.
    pub(crate) conditional: bool,
    /// It deletes by digest only.
    pub(crate) only_digests: bool,
}

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) blobs: HashMap<String, Vec<u8>>,
    /// By tag and by digest.
    pub(crate) manifests: BTreeMap<String, (String, Vec<u8>)>,
    writes: u32,
    /// Changes a tag behind a writer's back, once, before the write with this number comes.
    pub(crate) meddle: Option<(u32, String, (String, Vec<u8>))>,
}

pub(crate) struct Writable {
    pub(crate) standin: Standin,
    pub(crate) contents: Arc<Mutex<Contents>>,
}

impl Writable {
    pub(crate) fn start(faults: Faults) -> Writable {
        let contents: Arc<Mutex<Contents>> = Arc::default();
        let kept = Arc::clone(&contents);
        let standin = Standin::start(move |request| answer(request, &mut kept.lock(), faults));
        Writable { standin, contents }
    }

    /// The manifest under a name, read as JSON.
    pub(crate) fn json(&self, name: &str) -> Value {
        let contents = self.contents.lock();
        let (_, bytes) = contents.manifests.get(name).unwrap_or_else(|| panic!("nothing under {name}"));
        serde_json::from_slice(bytes).unwrap()
    }

    /// Puts an image of these blobs under a tag, without asking anybody.
    pub(crate) fn image(&self, tag: &str, layers: &[&[u8]]) -> Digest {
        let text = super::standin::manifest(b"{}", layers);
        let digest = Digest::sha256(text.as_bytes());
        let mut contents = self.contents.lock();
        for blob in layers.iter().copied().chain([&b"{}"[..]]) {
            contents.blobs.insert(Digest::sha256(blob).to_string(), blob.to_vec());
        }
        for name in [tag.to_owned(), digest.to_string()] {
            contents.manifests.insert(name, (super::standin::MANIFEST.to_owned(), text.clone().into_bytes()));
        }
        digest
    }

    pub(crate) fn put(&self, name: &str, kind: &str, manifest: &Value) {
        let bytes = manifest.to_string().into_bytes();
        self.contents.lock().manifests.insert(name.to_owned(), (kind.to_owned(), bytes));
    }
}

fn answer(request: &Request, contents: &mut Contents, faults: Faults) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if path == "/v2/app/tags/list" {
        let tags: Vec<&String> = contents.manifests.keys().filter(|name| !name.contains([':', '/'])).collect();
        return Reply::new(200, json!({"name": "app", "tags": tags}).to_string());
    }
    let Some((repository, rest)) = split(path) else { return Reply::new(200, "{}") };
    if repository != "app" {
        // Other repositories keep their things under longer names.
        return elsewhere(request, repository, rest, query, contents);
    }
    let missing = || Reply::new(404, r#"{"errors":[{"code":"UNKNOWN","message":"not here"}]}"#);
    match (request.method.as_str(), rest.split_once('/').unwrap()) {
        ("HEAD" | "GET", ("blobs", digest)) => match contents.blobs.get(digest) {
            Some(bytes) => Reply::new(200, bytes.clone()),
            None => missing(),
        },
        ("POST", ("blobs", "uploads/")) => Reply::new(202, "").with("Location", "/v2/app/blobs/uploads/1"),
        ("PUT", ("blobs", _)) => {
            let digest = query.trim_start_matches("digest=").replace("%3A", ":");
            if digest != Digest::sha256(&request.body).to_string() {
                return Reply::new(400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
            }
            contents.blobs.insert(digest, request.body.clone());
            Reply::new(201, "")
        }
        ("HEAD" | "GET", ("manifests", name)) => match contents.manifests.get(name) {
            Some((kind, bytes)) => Reply::new(200, bytes.clone())
                .with("Content-Type", kind)
                .with("ETag", &format!("\"{}\"", Digest::sha256(bytes)))
                .with("Docker-Content-Digest", &Digest::sha256(bytes).to_string()),
            None => missing(),
        },
        ("PUT", ("manifests", name)) => put(request, name, contents, faults),
        ("DELETE", ("manifests", name)) => {
            if faults.only_digests && !name.contains(':') {
                return Reply::new(400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
            }
            let Some((_, gone)) = contents.manifests.remove(name) else { return missing() };
            if name.contains(':') {
                contents.manifests.retain(|_, (_, bytes)| *bytes != gone);
            }
            Reply::new(202, "")
        }
        ("GET", ("referrers", subject)) if faults.lists => {
            let entries: Vec<Value> = contents
                .manifests
                .iter()
                .filter(|(name, _)| name.starts_with("sha256:"))
                .filter_map(|(name, (kind, bytes))| {
                    let manifest: Value = serde_json::from_slice(bytes).ok()?;
                    (manifest["subject"]["digest"] == subject).then(|| {
                        json!({
                            "mediaType": kind, "digest": name, "size": bytes.len(), "artifactType": manifest["artifactType"],
                        })
                    })
                })
                .collect();
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
            Reply::new(200, index.to_string()).with("Content-Type", INDEX)
        }
        _ => missing(),
    }
}

/// `/v2/REPOSITORY/{blobs,manifests,referrers}/REST`.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix("/v2/")?;
    ["/blobs/", "/manifests/", "/referrers/"].iter().find_map(|word| {
        let at = path.find(word)?;
        Some((&path[..at], &path[at + 1..]))
    })
}

/// A second repository, which takes blobs and manifests, and mounts blobs from the first.
fn elsewhere(request: &Request, repository: &str, rest: &str, query: &str, contents: &mut Contents) -> Reply {
    let (what, name) = rest.split_once('/').unwrap();
    let key = format!("{repository}/{name}");
    match (request.method.as_str(), what) {
        ("POST", "blobs") => {
            let mount =
                query.split('&').find_map(|part| part.strip_prefix("mount=")).map(|text| text.replace("%3A", ":"));
            match mount
                .and_then(|digest| Some((format!("{repository}/{digest}"), contents.blobs.get(&digest)?.clone())))
            {
                Some((key, bytes)) => {
                    contents.blobs.insert(key, bytes);
                    Reply::new(201, "")
                }
                None => Reply::new(202, "").with("Location", &format!("/v2/{repository}/blobs/uploads/1")),
            }
        }
        ("PUT", "blobs") => {
            let digest = query.trim_start_matches("digest=").replace("%3A", ":");
            contents.blobs.insert(format!("{repository}/{digest}"), request.body.clone());
            Reply::new(201, "")
        }
        ("HEAD" | "GET", "blobs") if contents.blobs.contains_key(&key) => Reply::new(200, contents.blobs[&key].clone()),
        ("PUT", "manifests") => {
            let kept = (request.header("content-type").unwrap().to_owned(), request.body.clone());
            contents.manifests.insert(format!("{repository}/{}", Digest::sha256(&request.body)), kept.clone());
            contents.manifests.insert(key, kept);
            Reply::new(201, "")
        }
        ("HEAD" | "GET", "manifests") if contents.manifests.contains_key(&key) => {
            let (kind, bytes) = &contents.manifests[&key];
            Reply::new(200, bytes.clone()).with("Content-Type", kind)
        }
        _ => Reply::new(404, r#"{"errors":[]}"#),
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn put(request: &Request, name: &str, contents: &mut Contents, faults: Faults) -> Reply {
    contents.writes += 1;
    if contents.meddle.as_ref().is_some_and(|(write, ..)| *write == contents.writes) {
        let (_, tag, manifest) = contents.meddle.take().unwrap();
        contents.manifests.insert(tag, manifest);
    }
    let held = contents.manifests.get(name).map(|(_, bytes)| Digest::sha256(bytes));
    if faults.conditional {
        let still = request.header("if-match");
        let wrong = still.is_some_and(|etag| held.map(|held| format!("\"{held}\"")).as_deref() != Some(etag));
        if wrong || (request.header("if-none-match").is_some() && held.is_some()) {
            return Reply::new(412, "");
        }
    }
    if let (Some((status, text)), Some(_), false) = (faults.immutable, held, name.contains(':')) {
        return Reply::new(status, format!(r#"{{"errors":[{{"code":"DENIED","message":"{text}"}}]}}"#));
    }
    let digest = Digest::sha256(&request.body).to_string();
    if !(faults.forgets && contents.writes % 2 == 1) {
        let kept = (request.header("content-type").unwrap().to_owned(), request.body.clone());
        contents.manifests.insert(name.to_owned(), kept.clone());
        contents.manifests.insert(digest.clone(), kept);
    }
    let reply = Reply::new(201, "").with("Docker-Content-Digest", &digest);
    let manifest: Value = serde_json::from_slice(&request.body).unwrap();
    match manifest["subject"]["digest"].as_str() {
        Some(subject) if faults.lists => reply.with("OCI-Subject", subject),
        _ => reply,
    }
}

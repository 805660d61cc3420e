//! Manifests and indexes: the bytes as received, and what of them the client needs.
//!
//! Sources: OCI image-spec `manifest.md`, `image-index.md`; Docker image manifest version 2, schema 2; OCI distribution-spec, "Pulling manifests".

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use signet_model::{Digest, Hasher, ImageRef, Platform};

use crate::client::Client;
use crate::endpoint::{Access, Endpoint};
use crate::error::{Error, ErrorKind, printable};
use crate::transport::{Answer, Ask};

/// Media types.
#[allow(missing_docs, reason = "each is its own name")]
pub mod media_type {
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
}

/// What the client takes, in one header line: some servers read only the first.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A manifest as received.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Byte for byte.
    pub bytes: Bytes,
    /// Computed over the bytes: with the algorithm of the digest that was asked for, else SHA-256.
    pub digest: Digest,
    /// Media type without parameters.
    pub media_type: String,
    /// What the bytes say.
    pub body: ManifestBody,
}

/// What a manifest is.
#[derive(Clone, Debug)]
pub enum ManifestBody {
    /// An image or artifact.
    Image(Box<ImageManifest>),
    /// A list of manifests.
    Index(Box<ImageIndex>),
}

/// What `HEAD` tells of a manifest. Nothing in it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    /// The digest that the registry claims.
    pub digest: Option<Digest>,
    /// Size in bytes that it claims.
    pub size: Option<u64>,
    /// Media type that it claims.
    pub media_type: String,
}

/// The part of an image manifest that a client needs.
#[derive(Clone, Debug)]
pub struct ImageManifest {
    /// The configuration.
    pub config: Descriptor,
    /// Layers, base first.
    pub layers: Vec<Descriptor>,
    /// What the artifact is, where the manifest says so.
    pub artifact_type: Option<String>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
}

/// The part of an index that a client needs.
#[derive(Clone, Debug)]
pub struct ImageIndex {
    /// The manifests in their order.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index is about.
    pub subject: Option<Descriptor>,
}

/// A reference to content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// What it is for, in an index.
    pub platform: Option<Platform>,
    /// What kind of artifact it is, in a list of referrers.
    pub artifact_type: Option<String>,
    /// Annotations in their order.
    pub annotations: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireManifest {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<WireDescriptor>,
    #[serde(default)]
    layers: Option<Vec<WireDescriptor>>,
    #[serde(default)]
    manifests: Option<Vec<WireDescriptor>>,
    #[serde(default)]
    subject: Option<WireDescriptor>,
    #[serde(default, rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    platform: Option<WirePlatform>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

impl Manifest {
    /// Reads a manifest that came from elsewhere, and holds it against the digest that it must have. `doing` names it for messages: "read manifest `x`".
    pub fn of(bytes: Bytes, expected: Option<&Digest>, doing: &str) -> Result<Manifest, Error> {
        let digest = match expected {
            Some(expected) => Digest::of(expected.algorithm(), &bytes),
            None => Digest::sha256(&bytes),
        };
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            let what = format!("asked for {expected}, the bytes hash to {digest}");
            return Err(Error::new(ErrorKind::DigestMismatch, doing, what));
        }
        Manifest::read(bytes, digest, None, doing)
    }

    /// Reads a manifest whose digest was checked. `doing` names it for messages. `content_type` is the header, without which the document's own
    /// `mediaType` or its shape decides; where both are there they must agree, so that no two readers take the bytes for different things (CVE-2021-41190).
    pub(crate) fn read(
        bytes: Bytes,
        digest: Digest,
        content_type: Option<&str>,
        doing: &str,
    ) -> Result<Manifest, Error> {
        let malformed = |what: String| Error::new(ErrorKind::Malformed, doing, what);
        // serde reads an array as an object's fields in order; other readers do not.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(malformed("it is no JSON object".to_owned()));
        }
        let wire: WireManifest = serde_json::from_slice(&bytes).map_err(|err| {
            malformed(format!("it is no manifest: line {}, column {}", err.line(), err.column())).cause(err)
        })?;
        if wire.schema_version == Some(1) || wire.fs_layers.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                doing,
                "it is a manifest of Docker's schema 1, which has no verifiable layers",
            )
            .hint("push the image again with a current tool"));
        }
        let header = content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let header = header.filter(|text| text.ends_with("+json"));
        let own = wire.media_type.filter(|text| !text.is_empty());
        if let (Some(header), Some(own)) = (&header, &own)
            && header != own
        {
            let what =
                format!("the registry calls it `{}` and it calls itself `{}`", printable(header), printable(own));
            return Err(malformed(what));
        }
        let is_index = match (&wire.manifests, wire.config.is_some() || wire.layers.is_some()) {
            (Some(_), true) => return Err(malformed("it is index and image at once".to_owned())),
            (Some(_), false) => true,
            (None, _) => false,
        };
        let shape = if is_index { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
        let media_type = own.or(header).unwrap_or_else(|| shape.to_owned());
        let says_index = matches!(&*media_type, media_type::OCI_INDEX | media_type::DOCKER_LIST);
        let says_image = matches!(&*media_type, media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST);
        if (says_index && !is_index) || (says_image && is_index) {
            return Err(malformed(format!("it calls itself `{media_type}` and has not that shape")));
        }
        let body = if let Some(manifests) = wire.manifests {
            ManifestBody::Index(Box::new(ImageIndex {
                manifests: descriptors(manifests, doing)?,
                subject: wire.subject.map(|subject| descriptor(subject, doing)).transpose()?,
            }))
        } else {
            let config = wire.config.ok_or_else(|| malformed("it has neither `config` nor `manifests`".to_owned()))?;
            ManifestBody::Image(Box::new(ImageManifest {
                config: descriptor(config, doing)?,
                layers: descriptors(wire.layers.unwrap_or_default(), doing)?,
                artifact_type: wire.artifact_type,
                subject: wire.subject.map(|subject| descriptor(subject, doing)).transpose()?,
            }))
        };
        Ok(Manifest { bytes, digest, media_type, body })
    }
}

pub(crate) fn index_descriptors(bytes: &Bytes, doing: &str) -> Result<Vec<Descriptor>, Error> {
    match Manifest::read(bytes.clone(), Digest::sha256(bytes), None, doing)?.body {
        ManifestBody::Index(index) => Ok(index.manifests),
        ManifestBody::Image(_) => {
            Err(Error::new(ErrorKind::Malformed, doing, "it is an image, and an index was expected"))
        }
    }
}

fn descriptors(wire: Vec<WireDescriptor>, doing: &str) -> Result<Vec<Descriptor>, Error> {
    wire.into_iter().map(|wire| descriptor(wire, doing)).collect()
}

fn descriptor(wire: WireDescriptor, doing: &str) -> Result<Descriptor, Error> {
    let digest = wire.digest.parse().map_err(|_| {
        Error::new(
            ErrorKind::Malformed,
            doing,
            format!("it names content by `{}`, which is no digest", printable(&wire.digest)),
        )
    })?;
    let annotations = wire.annotations.unwrap_or_default();
    Ok(Descriptor {
        media_type: wire.media_type,
        digest,
        size: wire.size,
        platform: wire.platform.map(|platform| Platform {
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant.filter(|variant| !variant.is_empty()),
        }),
        artifact_type: wire.artifact_type,
        annotations: annotations
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .collect(),
    })
}

impl Client {
    /// Reads the manifest that a reference names: by its digest, else by its tag (`latest` without one). Mirrors are asked first.
    pub async fn manifest(&self, reference: &ImageRef) -> Result<Manifest, Error> {
        let mut failures = Failures::default();
        for endpoint in Endpoint::all(reference, self.options()) {
            match self.manifest_at(&endpoint, reference).await {
                Ok((manifest, _)) => return Ok(manifest),
                Err(err) => failures.add(err)?,
            }
        }
        Err(failures.into_error())
    }

    /// Reads it from one place, with its strong `ETag`.
    pub(crate) async fn manifest_at(
        &self,
        endpoint: &Endpoint,
        reference: &ImageRef,
    ) -> Result<(Manifest, Option<String>), Error> {
        let mut ask = self.manifest_ask(Method::GET, endpoint, reference).await?;
        ask.small_body = Some(self.options().limits.manifest);
        let answer = self.send(&ask).await?;
        let asked = reference.digest();
        let digest = match asked {
            Some(asked) => Digest::of(asked.algorithm(), &answer.body),
            None => Digest::sha256(&answer.body),
        };
        if let Some(asked) = asked.filter(|asked| **asked != digest) {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                &*ask.doing,
                format!("asked for {asked}, the bytes that came hash to {digest}"),
            )
            .hint("the registry, a mirror or someone between holds other bytes under this digest: do not use them"));
        }
        if let Some(claimed) = claimed_digest(&answer) {
            let found = Digest::of(claimed.algorithm(), &answer.body);
            if claimed != found {
                let what = format!("the registry announced {claimed}, the bytes that came hash to {found}");
                return Err(Error::new(ErrorKind::DigestMismatch, &*ask.doing, what)
                    .hint("try again; if it stays, the registry is broken"));
            }
        }
        let content_type = answer.header("content-type").map(str::to_owned);
        let etag = answer.header("etag").filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
        Ok((Manifest::read(answer.body, digest, content_type.as_deref(), &ask.doing)?, etag))
    }

    /// Asks for a manifest without reading it; `None` when there is none. Only the registry itself is asked.
    pub async fn manifest_head(&self, reference: &ImageRef) -> Result<Option<ManifestHead>, Error> {
        let endpoint = Endpoint::origin(reference, self.options());
        let mut ask = self.manifest_ask(Method::HEAD, &endpoint, reference).await?;
        ask.small_body = Some(0);
        match self.send(&ask).await {
            Ok(answer) => Ok(Some(ManifestHead {
                digest: claimed_digest(&answer),
                size: answer.header("content-length").and_then(|text| text.parse().ok()),
                media_type: answer
                    .header("content-type")
                    .unwrap_or_default()
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            })),
            Err(err) if err.kind == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    async fn manifest_ask(&self, method: Method, endpoint: &Endpoint, reference: &ImageRef) -> Result<Ask, Error> {
        let name = match reference.digest() {
            Some(digest) => digest.to_string(),
            None => reference.tag_or_latest().to_owned(),
        };
        let url = self.url(endpoint, Some(&format!("manifests/{name}"))).await?;
        let joint = if reference.digest().is_some() { '@' } else { ':' };
        let doing = format!("read manifest `{}{joint}{name}`", endpoint.name());
        let mut ask = Ask::new(method, url, doing).at(endpoint, Access::Pull);
        ask.header("accept", ACCEPT);
        Ok(ask)
    }
}

/// `Docker-Content-Digest`.
pub(crate) fn claimed_digest(answer: &Answer) -> Option<Digest> {
    answer.header("docker-content-digest").and_then(|text| text.trim().parse().ok())
}

/// Checks a blob that was read whole.
pub(crate) fn check_blob(bytes: &[u8], digest: &Digest, doing: &str) -> Result<(), Error> {
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *digest {
        return Ok(());
    }
    Err(Error::new(ErrorKind::DigestMismatch, doing, format!("the bytes that came hash to {found}")))
}

/// What went wrong at each place that was asked.
#[derive(Default)]
pub(crate) struct Failures(Vec<Error>);

impl Failures {
    /// Keeps a failure; gives it back at once when asking elsewhere makes no sense.
    pub(crate) fn add(&mut self, err: Error) -> Result<(), Error> {
        if matches!(err.kind, ErrorKind::Offline | ErrorKind::Usage | ErrorKind::Local) {
            return Err(err);
        }
        self.0.push(err);
        Ok(())
    }

    /// The registry's own failure, with what the mirrors said.
    pub(crate) fn into_error(mut self) -> Error {
        let Some(mut last) = self.0.pop() else {
            return Error::new(ErrorKind::Usage, "ask a registry", "there is no place to ask");
        };
        if !self.0.is_empty() {
            let others: Vec<String> = self.0.iter().map(|err| err.what.clone()).collect();
            last.what = format!("{} (mirrors before: {})", last.what, others.join("; "));
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str, content_type: Option<&str>) -> Result<Manifest, ErrorKind> {
        let bytes = Bytes::from(text.to_owned());
        Manifest::read(bytes.clone(), Digest::sha256(&bytes), content_type, "read").map_err(|err| err.kind)
    }

    #[test]
    fn shape_and_media_type_must_agree() {
        let image =
            format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{D}","size":1}},"layers":[]}}"#);
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{D}","size":1}}]}}"#);
        assert_eq!(read(&image, None).unwrap().media_type, media_type::OCI_MANIFEST);
        assert_eq!(
            read(&image, Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8"))
                .unwrap()
                .media_type,
            media_type::DOCKER_MANIFEST
        );
        assert_eq!(read(&image, Some("text/plain")).unwrap().media_type, media_type::OCI_MANIFEST);
        assert_eq!(read(&index, None).unwrap().media_type, media_type::OCI_INDEX);
        assert_eq!(read(&image, Some(media_type::OCI_INDEX)).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(&index, Some(media_type::OCI_MANIFEST)).unwrap_err(), ErrorKind::Malformed);
        let both = format!(r#"{{"manifests":[],"layers":[],"config":{{"digest":"{D}","size":1}}}}"#);
        assert_eq!(read(&both, None).unwrap_err(), ErrorKind::Malformed);
        let typed = format!(r#"{{"mediaType":"{}","manifests":[]}}"#, media_type::OCI_INDEX);
        assert_eq!(read(&typed, Some(media_type::DOCKER_LIST)).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(r#"{"schemaVersion":1,"fsLayers":[]}"#, None).unwrap_err(), ErrorKind::Unsupported);
        assert_eq!(read("{}", None).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(&format!(r#"[2,"","",{{"digest":"{D}","size":1}}]"#), None).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(&image.replace(D, "sha256:1"), None).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(&image.replace("\"size\":1", "\"size\":-1"), None).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(&"[".repeat(100_000), None).unwrap_err(), ErrorKind::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = Manifest::read(bytes.clone(), Digest::sha256(&bytes), None, "read");
        }
    }
}

//! What lies beside an image in its registry and may be a signature or an attestation.
//!
//! Nothing that a list says about an entry is believed: each manifest is read, and what its layers are decides (registries that keep referrers under the
//! fallback tag show Cosign's bundles with the type of the empty configuration). A candidate that cannot be read stays a candidate, and is refused.
//! Sources: OCI distribution-spec, "Listing Referrers"; sigstore/cosign `specs/SIGNATURE_SPEC.md`, `specs/BUNDLE_SPEC.md`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlockingClient, Descriptor, ErrorKind, ImageManifest, Limits, Manifest, ManifestBody};
use signet_trust::{Check, Evidence, VerifyError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::artifacts::layout::{self, Layout};
use crate::net::{self, Access};
use crate::settings::Settings;

/// Manifests that refer to the image.
const MAX_REFERRERS: usize = 100;
/// Candidates beside one image.
const MAX_CANDIDATES: usize = 64;
/// Bytes of all candidates together.
const MAX_TOTAL: u64 = 256 << 20;
/// Bytes of one candidate, unless `COSIGN_MAX_ATTACHMENT_SIZE` says otherwise; attestations may hold whole SBOMs.
const MAX_ATTACHMENT: u64 = 128 << 20;
/// Bytes of a signature, which holds no document.
const MAX_SIGNATURE: u64 = 10 << 20;

/// Memory for evidence is counted in pieces of so many bytes.
const PIECE: u64 = 1 << 10;

/// Requests of one round trip that run at once.
const AT_ONCE: usize = 8;
/// For all that lies beside one image.
const DEADLINE: Duration = Duration::from_secs(180);
/// Images whose surroundings are remembered.
const MAX_REMEMBERED: usize = 4096;
/// Bytes beside one image that are remembered.
const MAX_KEPT: usize = 1 << 20;

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// How a candidate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A Sigstore bundle.
    Bundle,
    /// A simple signing layer.
    Payload,
    /// An envelope with annotations.
    Envelope,
    /// A Notation envelope.
    Notation,
    /// Unknown, where only signatures belong.
    Unknown,
}

/// Something that may be a signature of the image.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Where it lies, for people.
    pub(crate) place: String,
    /// How it is written.
    pub(crate) shape: Shape,
    /// Whether it lies where attestations lie.
    pub(crate) attests: bool,
    /// Its bytes, as far as they could be read.
    pub(crate) bytes: Vec<u8>,
    /// The annotations beside it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// What a verification starts from, or why it cannot.
    pub(crate) evidence: Result<Evidence, VerifyError>,
    /// Whether its bytes could not be had: another time they may.
    pub(crate) unread: bool,
    /// Its part of the memory that a service gives to all evidence; free again when the last of those that were fetched together is gone.
    #[allow(dead_code, reason = "it is held, and not looked at")]
    held: Option<Arc<OwnedSemaphorePermit>>,
}

/// Which of Cosign's tags is looked at, beside all referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tags {
    /// `.sig`.
    Signatures,
    /// `.att`.
    Attestations,
}

/// An image whose tag was resolved, once.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// As it was asked for.
    pub(crate) reference: ImageRef,
    /// What everything else is about.
    pub(crate) digest: Digest,
    /// Where it lies, when that is a layout on this machine.
    pub(crate) local: Option<String>,
}

impl Pinned {
    /// The name for people.
    pub(crate) fn name(&self) -> String {
        self.local.clone().unwrap_or_else(|| self.reference.familiar())
    }
}

/// Where images lie, and what lies beside them: a registry, or a layout on this machine. What was found beside a digest is remembered.
pub(crate) struct Registry {
    client: BlockingClient,
    layout: Option<Layout>,
    attachment: u64,
    remembered: Mutex<Remembered>,
    /// For a service: what is found is not kept behind the answer, and all of it at one time is at most this, in pieces of a KiB.
    room: Option<Arc<Semaphore>>,
}

/// By repository, digest and tag. Whoever asks for what is being fetched waits for it.
type Remembered = HashMap<(String, Digest, Tags), Arc<OnceCell<Arc<Vec<Candidate>>>>>;

/// Something beside an image, before it is looked into.
struct Beside {
    /// For people.
    place: String,
    /// Given in a tag for signatures: whether that is the one of attestations.
    attests: Option<bool>,
    manifest: std::result::Result<Manifest, String>,
}

/// A layer that may be a signature, before its bytes are fetched.
struct Planned {
    place: String,
    shape: Shape,
    attests: bool,
    layer: Descriptor,
}

impl Registry {
    pub(crate) fn new(access: &Access, settings: &Settings) -> Result<Registry> {
        let attachment = attachment_limit(std::env::var("COSIGN_MAX_ATTACHMENT_SIZE").ok().as_deref())?;
        let limits = Limits { entries: MAX_REFERRERS, small_blob: attachment, ..Limits::default() };
        let client = net::client_within(access, settings, limits)?;
        Ok(Registry { client, layout: None, attachment, remembered: Mutex::default(), room: None })
    }

    /// A layout in a directory (`DIR`, `DIR:TAG`, `DIR@DIGEST`): no network is needed, and none is used.
    pub(crate) fn local(place: &str, settings: &Settings) -> Result<Registry> {
        let layout = Layout::open(layout::split(place).0)?;
        let offline = Settings { offline: true, ..settings.clone() };
        Ok(Registry { layout: Some(layout), ..Registry::new(&Access::default(), &offline)? })
    }

    /// Keeps nothing: for those who live longer than what lies beside an image stays the same. Many images are asked about at one time there, and
    /// what lies beside all of them together takes no more memory than beside one.
    #[must_use]
    pub(crate) fn forgetful(self) -> Registry {
        self.forgetful_within(usize::try_from(MAX_TOTAL / PIECE).unwrap_or(usize::MAX))
    }

    fn forgetful_within(self, pieces: usize) -> Registry {
        Registry { room: Some(Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS)))), ..self }
    }

    /// A manifest of the image's repository, by its digest.
    pub(crate) fn manifest_of(&self, image: &Pinned, digest: Digest) -> Result<Manifest> {
        match &self.layout {
            Some(layout) => layout.manifest(&digest),
            None => Ok(self.client.manifest(&repository_at(&image.reference, None, Some(digest))?)?),
        }
    }

    pub(crate) fn client(&self) -> &BlockingClient {
        &self.client
    }

    /// Resolves the reference. A digest in it is held against the bytes of the manifest, unless that was done before.
    pub(crate) fn pin(&self, image: &str) -> Result<Pinned> {
        if let Some(layout) = &self.layout {
            let digest = layout.image(layout::split(image).1)?;
            layout.manifest(&digest).with_context(|| format!("cannot resolve the image `{image}`"))?;
            // A name that leads nowhere: there is no network behind a layout.
            let reference = ImageRef::new("localhost", "layout", None, Some(digest))?;
            return Ok(Pinned { reference, digest, local: Some(image.to_owned()) });
        }
        let reference = crate::image_name::image(image)?;
        if let Some(digest) = reference.digest()
            && self.knows(&repository_of(&reference)?, digest)
        {
            return Ok(Pinned { digest: *digest, reference, local: None });
        }
        let manifest =
            self.client.manifest(&reference).with_context(|| format!("cannot resolve the image `{image}`"))?;
        Ok(Pinned { digest: manifest.digest, reference, local: None })
    }

    fn knows(&self, repository: &ImageRef, digest: &Digest) -> bool {
        let name = repository.name();
        let known = |tags| (name.clone(), *digest, tags);
        let remembered = self.remembered.lock();
        [Tags::Signatures, Tags::Attestations]
            .into_iter()
            .any(|tags| remembered.get(&known(tags)).is_some_and(|cell| cell.get().is_some()))
    }

    /// Everything beside the image that may be a signature or an attestation, in a fixed order: referrers, then the tag.
    ///
    /// Errors: a list cannot be read, or holds more than is looked at. A single entry that cannot be read is no error but a refused candidate.
    pub(crate) fn candidates(&self, image: &Pinned, tags: Tags, settings: &Settings) -> Result<Vec<Candidate>> {
        if let Some(layout) = &self.layout {
            return self.in_layout(layout, &image.digest, tags, settings);
        }
        let repository = repository(image)?;
        let key = (repository.name(), image.digest, tags);
        let cell = {
            let mut remembered = self.remembered.lock();
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            Arc::clone(remembered.entry(key.clone()).or_default())
        };
        let fetch = async {
            match tokio::time::timeout(DEADLINE, self.fetch(&repository, &image.digest, tags, settings)).await {
                Ok(found) => found.map(Arc::new),
                Err(_) => bail!(
                    "what lies beside `{}@{}` could not be read in {} s",
                    repository.name(),
                    image.digest,
                    DEADLINE.as_secs()
                ),
            }
        };
        let found = Arc::clone(self.client.wait(cell.get_or_try_init(|| fetch))?);
        // Large attestations are fetched again rather than kept, and so is what broke on the way.
        let bytes: usize = found.iter().map(|candidate| candidate.bytes.len()).sum();
        if self.room.is_some() || bytes > MAX_KEPT || found.iter().any(|candidate| candidate.unread) {
            self.remembered.lock().remove(&key);
        }
        drop(cell);
        // Who is the only one to look at it takes it, and makes no second one.
        Ok(Arc::try_unwrap(found).unwrap_or_else(|shared| shared.to_vec()))
    }

    /// Three round trips: the lists and the tag at once, all manifests at once, all layers at once.
    async fn fetch(
        &self,
        repository: &ImageRef,
        image: &Digest,
        tags: Tags,
        settings: &Settings,
    ) -> Result<Vec<Candidate>> {
        let client = self.client.client();
        let (suffix, attests) = tags.suffix();
        let name = tag(image, suffix);
        let tagged = repository_at(repository, Some(&name), None)?;
        let (listed, tagged) = tokio::join!(client.referrers(repository, image, None), client.manifest(&tagged));
        let listed =
            listed.with_context(|| format!("cannot list the signatures of `{}@{image}`", repository.name()))?;
        ensure!(
            listed.len() <= MAX_REFERRERS,
            "more than {MAX_REFERRERS} manifests refer to `{}@{image}`, and no more are looked into",
            repository.name(),
        );
        let tagged = match tagged {
            Ok(manifest) => Some(manifest),
            Err(err) if err.kind == ErrorKind::NotFound => None,
            Err(err) => {
                return Err(err).with_context(|| format!("cannot read the tag {name} of `{}`", repository.name()));
            }
        };
        let mut digests: Vec<Digest> = Vec::new();
        for entry in &listed {
            if !digests.contains(&entry.digest) {
                digests.push(entry.digest);
            }
        }
        let manifests = digests.into_iter().map(|digest| async move {
            let manifest = client.manifest(&repository_at(repository, None, Some(digest))?).await;
            let place = format!("referrer {digest}");
            anyhow::Ok(Beside { place, attests: None, manifest: manifest.map_err(|err| err.to_string()) })
        });
        let mut beside: Vec<Beside> = stream::iter(manifests).buffered(AT_ONCE).try_collect().await?;
        beside.extend(tagged.map(|manifest| Beside {
            place: format!("tag {name}"),
            attests: Some(attests),
            manifest: Ok(manifest),
        }));
        let mut found = Found::new(self.attachment);
        found.plan(beside, settings)?;
        let held = match &self.room {
            None => None,
            Some(room) => {
                let pieces = u32::try_from(found.total.div_ceil(PIECE)).unwrap_or(u32::MAX);
                Some(Arc::new(Arc::clone(room).acquire_many_owned(pieces).await?))
            }
        };
        let blobs = found.planned.drain(..).map(|planned| async move {
            match planned {
                Err(candidate) => candidate,
                Ok(planned) => {
                    let layer = &planned.layer;
                    let bytes = client.small_blob(repository, &layer.digest, Some(layer.size)).await;
                    planned.candidate(bytes.map(|bytes| bytes.to_vec()).map_err(|err| err.to_string()))
                }
            }
        });
        let found: Vec<Candidate> = stream::iter(blobs.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        Ok(found.into_iter().map(|candidate| Candidate { held: held.clone(), ..candidate }).collect())
    }

    fn in_layout(&self, layout: &Layout, image: &Digest, tags: Tags, settings: &Settings) -> Result<Vec<Candidate>> {
        let (suffix, attests) = tags.suffix();
        let mut beside: Vec<Beside> = Vec::new();
        for manifest in layout.referrers(image)? {
            ensure!(
                beside.len() < MAX_REFERRERS,
                "more than {MAX_REFERRERS} manifests refer to `{image}` in {}, and no more are looked into",
                layout.name()
            );
            let place = format!("referrer {}", manifest.digest);
            beside.push(Beside { place, attests: None, manifest: Ok(manifest) });
        }
        if let Some(manifest) = layout.tagged(image, suffix)? {
            let place = format!("tag {}", tag(image, suffix));
            beside.push(Beside { place, attests: Some(attests), manifest: Ok(manifest) });
        }
        let mut found = Found::new(self.attachment);
        found.plan(beside, settings)?;
        let read = |planned: std::result::Result<Planned, Candidate>| match planned {
            Err(candidate) => candidate,
            Ok(planned) => {
                let bytes = layout.blob(&planned.layer.digest, planned.layer.size);
                planned.candidate(bytes.map_err(|err| format!("{err:#}")))
            }
        };
        Ok(found.planned.into_iter().map(read).collect())
    }
}

impl Tags {
    /// The end of the tag, and whether attestations lie there.
    fn suffix(self) -> (&'static str, bool) {
        match self {
            Tags::Signatures => ("sig", false),
            Tags::Attestations => ("att", true),
        }
    }
}

impl Planned {
    fn candidate(self, bytes: std::result::Result<Vec<u8>, String>) -> Candidate {
        match bytes {
            Ok(bytes) => read(self.place, self.shape, self.attests, bytes, &self.layer),
            Err(err) => unreadable(self.place, self.shape, self.attests, &err),
        }
    }
}

/// What is to be fetched and what is refused unread, in order and within the limits.
struct Found {
    planned: Vec<std::result::Result<Planned, Candidate>>,
    total: u64,
    attachment: u64,
}

impl Found {
    fn new(attachment: u64) -> Found {
        Found { planned: Vec::new(), total: 0, attachment }
    }

    fn plan(&mut self, beside: Vec<Beside>, settings: &Settings) -> Result<()> {
        for Beside { place, attests, manifest } in beside {
            match (manifest, attests) {
                (Err(err), attests) => {
                    self.add(Err(unreadable(place, Shape::Unknown, attests.unwrap_or(false), &err)))?;
                }
                (Ok(Manifest { body: ManifestBody::Image(manifest), .. }), _) => {
                    self.layers(&manifest, &place, attests)?;
                }
                (Ok(_), None) => settings.detail(format!("{place} is an index and no signature")),
                (Ok(_), Some(attests)) => {
                    self.add(Err(refused(place, Shape::Unknown, attests, "a manifest of signatures", "an index")))?;
                }
            }
        }
        Ok(())
    }

    /// The layers that may be signatures. In a tag for signatures (`attests` is given), nothing else belongs.
    fn layers(&mut self, manifest: &ImageManifest, place: &str, attests: Option<bool>) -> Result<()> {
        for (at, layer) in manifest.layers.iter().enumerate() {
            let shape = match (shape_of(manifest, layer), attests) {
                (Some(shape), _) => shape,
                (None, Some(_)) => Shape::Unknown,
                (None, None) => continue,
            };
            let place =
                if manifest.layers.len() == 1 { place.to_owned() } else { format!("{place}, layer {}", at + 1) };
            let attests = attests.unwrap_or(shape == Shape::Envelope);
            if shape == Shape::Unknown {
                let kind = format!("the type `{}`", layer.media_type);
                self.add(Err(refused(place, shape, attests, "a layer with a signature", &kind)))?;
                continue;
            }
            self.room_for(layer.size)?;
            let limit = if shape == Shape::Payload { MAX_SIGNATURE.min(self.attachment) } else { self.attachment };
            if layer.size > limit {
                self.add(Err(Candidate {
                    evidence: Err(VerifyError {
                        check: Check::Limits,
                        expected: format!("at most {limit} bytes"),
                        found: format!("{} bytes", layer.size),
                    }),
                    ..refused(place, shape, attests, "", "")
                }))?;
                continue;
            }
            self.add(Ok(Planned { place, shape, attests, layer: layer.clone() }))?;
        }
        Ok(())
    }

    fn add(&mut self, planned: std::result::Result<Planned, Candidate>) -> Result<()> {
        ensure!(
            self.planned.len() < MAX_CANDIDATES,
            "more than {MAX_CANDIDATES} signatures and attestations lie beside the image, and no more are looked into"
        );
        self.planned.push(planned);
        Ok(())
    }

    /// Counts bytes before they are fetched.
    fn room_for(&mut self, bytes: u64) -> Result<()> {
        self.total = self.total.saturating_add(bytes);
        if self.total > MAX_TOTAL {
            bail!("the signatures and attestations beside the image are larger than {MAX_TOTAL} bytes together");
        }
        Ok(())
    }
}

fn unreadable(place: String, shape: Shape, attests: bool, err: &str) -> Candidate {
    Candidate { unread: true, ..refused(place, shape, attests, "something that can be read", err) }
}

fn read(place: String, shape: Shape, attests: bool, bytes: Vec<u8>, layer: &Descriptor) -> Candidate {
    let annotations: BTreeMap<String, String> = layer.annotations.iter().cloned().collect();
    let evidence = match shape {
        Shape::Bundle => Evidence::bundle(&bytes),
        Shape::Payload => Evidence::simple_signing(&bytes, &annotations),
        Shape::Envelope => Evidence::attestation(&bytes, &annotations),
        Shape::Notation => Err(VerifyError {
            check: Check::Material,
            expected: "a Sigstore signature".to_owned(),
            found: "a Notation signature, which is verified by a trust policy".to_owned(),
        }),
        Shape::Unknown => Err(form("a signature", "something else")),
    };
    Candidate { place, shape, attests, bytes, annotations, evidence, unread: false, held: None }
}

fn form(expected: &str, found: &str) -> VerifyError {
    VerifyError { check: Check::Form, expected: expected.to_owned(), found: found.to_owned() }
}

fn refused(place: String, shape: Shape, attests: bool, expected: &str, found: &str) -> Candidate {
    Candidate {
        place,
        shape,
        attests,
        bytes: Vec::new(),
        annotations: BTreeMap::new(),
        evidence: Err(form(expected, found)),
        unread: false,
        held: None,
    }
}

/// How a layer would be written if it were a signature; `None` for everything else.
pub(crate) fn shape_of(manifest: &ImageManifest, layer: &Descriptor) -> Option<Shape> {
    if manifest.artifact_type.as_deref() == Some(NOTATION) || manifest.config.media_type == NOTATION {
        return Some(Shape::Notation);
    }
    match layer.media_type.as_str() {
        kind if kind.starts_with(BUNDLE) => Some(Shape::Bundle),
        SIMPLE_SIGNING => Some(Shape::Payload),
        ENVELOPE => Some(Shape::Envelope),
        _ => None,
    }
}

/// `sha256-HEX.SUFFIX`.
pub(crate) fn tag(digest: &Digest, suffix: &str) -> String {
    format!("{}-{}.{suffix}", digest.algorithm().name(), digest.hex())
}

/// Where signatures lie: the image's repository, or the one of `COSIGN_REPOSITORY`.
pub(crate) fn repository(image: &Pinned) -> Result<ImageRef> {
    repository_of(&image.reference)
}

fn repository_of(image: &ImageRef) -> Result<ImageRef> {
    match std::env::var("COSIGN_REPOSITORY").ok().filter(|text| !text.is_empty()) {
        Some(text) => {
            let named: ImageRef =
                text.parse().map_err(|err| crate::usage(anyhow!("COSIGN_REPOSITORY names no repository: {err}")))?;
            repository_at(&named, None, None)
        }
        None => repository_at(image, None, None),
    }
}

pub(crate) fn repository_at(repository: &ImageRef, tag: Option<&str>, digest: Option<Digest>) -> Result<ImageRef> {
    Ok(ImageRef::new(repository.registry(), repository.repository(), tag, digest)?)
}

/// Reads `COSIGN_MAX_ATTACHMENT_SIZE`: bytes, or with one of the usual units.
fn attachment_limit(text: Option<&str>) -> Result<u64> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(MAX_ATTACHMENT) };
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" | "ki" => 1 << 10,
        "mib" | "mi" => 1 << 20,
        "gib" | "gi" => 1 << 30,
        _ => return Err(crate::usage(anyhow!("COSIGN_MAX_ATTACHMENT_SIZE is no size: `{text}`"))),
    };
    let number: u64 =
        number.parse().map_err(|_| crate::usage(anyhow!("COSIGN_MAX_ATTACHMENT_SIZE is no size: `{text}`")))?;
    Ok(number.saturating_mul(unit).clamp(1, MAX_TOTAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_attachments_is_read_as_people_write_it() {
        for (text, wanted) in [
            (None, Some(MAX_ATTACHMENT)),
            (Some(""), Some(MAX_ATTACHMENT)),
            (Some("1024"), Some(1024)),
            (Some("2MiB"), Some(2 << 20)),
            (Some("3 MB"), Some(3_000_000)),
            (Some("99999999999999999999"), None),
            (Some("9999999999 GB"), Some(MAX_TOTAL)),
            (Some("big"), None),
            (Some("1 parsec"), None),
        ] {
            assert_eq!(attachment_limit(text).ok(), wanted, "{text:?}");
        }
    }

    /// A registry of one image with one referrer that counts what it is asked.
    fn counting() -> (String, Digest, Arc<std::sync::atomic::AtomicUsize>) {
        use std::io::{BufRead as _, Write as _};
        use std::sync::atomic::{AtomicUsize, Ordering};
        let image = r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
        let digest = Digest::sha256(image.as_bytes());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || {
                    let mut reader = std::io::BufReader::new(stream.try_clone().ok()?);
                    if reader.fill_buf().ok()?.first() == Some(&0x16) {
                        return None;
                    }
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        reader.read_line(&mut head).ok().filter(|length| *length > 0)?;
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(50));
                    let found = head.contains("/manifests/sha256:");
                    let (status, body) = if found { ("200 OK", image) } else { ("404 X", "{}") };
                    let text = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(text.as_bytes()).ok()
                });
            }
        });
        (host, digest, count)
    }

    /// A service asks about many images at one time; what lies beside all of them together takes so much memory and no more.
    #[test]
    fn evidence_of_many_images_takes_the_memory_of_one() {
        use crate::evidence::tests::{Key, Stub};
        let (stub, key, settings) = (Stub::start(), Key::new(), crate::settings::tests::plain());
        let access = Access { plain_http: vec![stub.host.clone()], ..Access::default() };
        let registry = Registry::new(&access, &settings).unwrap().forgetful_within(1500);
        let image = |created: &str| {
            let (digest, _) = stub.image(created);
            let large = serde_json::json!({"text": "x".repeat(600 << 10)});
            stub.beside(&digest, "att", vec![key.attestation(&stub, &digest, "https://example.com/p/v1", &large)]);
            let reference = format!("{}@{digest}", stub.name()).parse().unwrap();
            Pinned { reference, digest, local: None }
        };
        let (one, two) = (image("2026-01-01T00:00:00Z"), image("2026-02-01T00:00:00Z"));
        let ask = |image: &Pinned| registry.candidates(image, Tags::Attestations, &settings).unwrap();
        let held = ask(&one);
        assert!(held.len() == 1 && !held[0].unread);
        let asked = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let found = ask(&two);
                asked.store(true, std::sync::atomic::Ordering::SeqCst);
                found.len()
            });
            std::thread::sleep(Duration::from_millis(500));
            assert!(!asked.load(std::sync::atomic::Ordering::SeqCst), "there is no room for it yet");
            // A copy of it still needs the room.
            let copy = held.clone();
            drop(held);
            std::thread::sleep(Duration::from_millis(100));
            assert!(!asked.load(std::sync::atomic::Ordering::SeqCst));
            drop(copy);
            assert_eq!(second.join().unwrap(), 1);
        });
        assert!(registry.remembered.lock().is_empty(), "nothing is kept behind the answer");
    }

    #[test]
    fn what_was_found_is_not_asked_for_again_and_asked_for_once_by_many() {
        use std::sync::atomic::Ordering;
        let (host, digest, count) = counting();
        let place = format!("{host}/app@{digest}");
        let settings = crate::settings::tests::plain();
        let registry = Registry::new(&Access::default(), &settings).unwrap();
        let pinned = registry.pin(&place).unwrap();
        let before = count.load(Ordering::SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!(registry.candidates(&pinned, Tags::Signatures, &settings).unwrap().is_empty()));
            }
        });
        let cold = count.load(Ordering::SeqCst) - before;
        assert_eq!(cold, 3, "list, fallback tag and tag, for all eight together");
        let again = registry.pin(&place).unwrap();
        assert!(registry.candidates(&again, Tags::Signatures, &settings).unwrap().is_empty());
        assert_eq!(count.load(Ordering::SeqCst) - before, cold, "warm");
    }
}

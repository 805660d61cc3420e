//! An image archive that can be streamed again and again: what is in it, and its layers.
//!
//! Format: `manifest.json` = `[{"Config": PATH, "RepoTags": [..], "Layers": [PATH, ..]}]` (docker save), in newer archives beside an OCI layout.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use signet_model::{Digest, ImageInfo, ImageRef, LayerInfo};
use signet_oci_client::PlatformChoice;

use super::tar::Members;
use super::{Export, error};
use crate::image_source::{SourceError, SourceErrorKind};
use crate::registry::ImageConfig;

/// Members of an archive that are looked at.
const MOST_MEMBERS: usize = 100_000;
/// A document of an archive, and all of them together, in bytes.
const MOST_DOCUMENT: u64 = 4 << 20;
const MOST_DOCUMENTS: u64 = 64 << 20;
/// Streams that wait for the next layer.
const MOST_IDLE: usize = 4;
/// Links that lead from one member to the next.
const MOST_LINKS: usize = 8;

/// What the daemon said about the image before it was exported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    /// Its id: digest of the configuration, or of manifest or index where the daemon keeps those.
    pub(crate) id: Option<Digest>,
    pub(crate) tags: Vec<ImageRef>,
    pub(crate) repo_digests: Vec<ImageRef>,
}

/// A stream that stands somewhere in the archive.
struct Stream {
    members: Members<Box<dyn Read + Send>>,
    /// Members passed so far.
    passed: usize,
}

pub(crate) struct Archive {
    name: String,
    export: Box<dyn Export>,
    /// Where each member stood when the archive was surveyed.
    places: HashMap<String, usize>,
    idle: Mutex<Vec<Stream>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireManifest {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<WireDescriptor>,
    #[serde(default)]
    manifests: Option<Vec<WireDescriptor>>,
}

#[derive(Deserialize)]
struct WireDescriptor {
    digest: String,
}

/// What the survey kept.
#[derive(Default)]
struct Survey {
    documents: HashMap<String, Vec<u8>>,
    sizes: HashMap<String, u64>,
    links: HashMap<String, String>,
    places: HashMap<String, usize>,
}

impl Archive {
    /// Reads the archive once, and finds image and layers in it.
    pub(crate) fn survey(
        name: &str,
        export: Box<dyn Export>,
        named: Named,
        choice: &PlatformChoice,
    ) -> Result<(Archive, ImageInfo, Vec<String>), SourceError> {
        let doing = format!("cannot read image `{name}` from its daemon");
        let malformed = |what: &str| error(SourceErrorKind::Malformed, format!("{doing}: {what}"));
        let survey = Survey::read(export.start()?).map_err(|err| failed(&doing, err))?;
        let manifest =
            survey.documents.get("manifest.json").ok_or_else(|| malformed("its export has no `manifest.json`"))?;
        let images: Vec<WireImage> =
            serde_json::from_slice(manifest).map_err(|_| malformed("`manifest.json` in its export is broken"))?;
        let mut chosen = None;
        let mut platforms = Vec::new();
        for image in images {
            let bytes = survey
                .documents
                .get(&survey.resolve(&image.config))
                .ok_or_else(|| malformed("its export lacks the configuration"))?;
            let config = ImageConfig::read(bytes).map_err(|what| malformed(&what))?;
            platforms.push(config.platform.to_string());
            let exact = PlatformChoice::Exactly(choice.platform().clone()).accepts(&config.platform);
            if chosen.is_none() && choice.accepts(&config.platform) || exact {
                chosen = Some((image, bytes.clone(), config));
            }
            if exact {
                break;
            }
        }
        let Some((image, bytes, config)) = chosen else {
            let have = platforms.join(", ");
            let text = format!("{doing}: it is for {have}, not for {}", choice.platform());
            return Err(error(SourceErrorKind::NotFound, text));
        };
        let config_digest = Digest::sha256(&bytes);
        let identity = survey.identity(&named, &config_digest).map_err(malformed)?;
        let members: Vec<String> = image.layers.unwrap_or_default().iter().map(|path| survey.resolve(path)).collect();
        if members.len() != config.diff_ids.len() {
            return Err(malformed("its manifest and its configuration have different numbers of layers"));
        }
        let mut layers = Vec::new();
        for ((member, diff_id), created_by) in members.iter().zip(&config.diff_ids).zip(config.created_by) {
            let size = *survey.sizes.get(member).ok_or_else(|| malformed("its export lacks a layer"))?;
            layers.push(LayerInfo {
                diff_id: *diff_id,
                digest: blob_digest(member),
                size,
                media_type: String::new(),
                created_by,
            });
        }
        let mut tags = named.tags;
        for tag in image.repo_tags.unwrap_or_default().iter().filter_map(|tag| tag.parse::<ImageRef>().ok()) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let info = ImageInfo {
            manifest_digest: identity.manifest,
            index_digest: identity.index,
            config_digest,
            config: bytes,
            manifest_media_type: identity.media_type,
            platform: config.platform,
            tags,
            repo_digests: named.repo_digests,
            layers,
        };
        let archive = Archive { name: name.to_owned(), export, places: survey.places, idle: Mutex::default() };
        Ok((archive, info, members))
    }
}

/// What the daemon keeps an image by.
#[derive(Default)]
struct Identity {
    manifest: Option<Digest>,
    index: Option<Digest>,
    media_type: String,
}

impl Survey {
    fn read(stream: Box<dyn Read + Send>) -> io::Result<Survey> {
        let mut survey = Survey::default();
        let mut members = Members::new(stream);
        let mut kept = 0;
        while let Some(member) = members.advance()? {
            let place = survey.places.len();
            if place >= MOST_MEMBERS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon's archive has too many members"));
            }
            survey.places.insert(member.name.clone(), place);
            if let Some(link) = member.link {
                let target = if member.symbolic { beside(&member.name, &link) } else { link };
                survey.links.insert(member.name, target);
                continue;
            }
            let may_be_document = member.name.ends_with(".json") || member.name.starts_with("blobs/");
            if may_be_document && member.size <= MOST_DOCUMENT && kept + member.size <= MOST_DOCUMENTS {
                let mut bytes = Vec::new();
                members.read_to_end(&mut bytes)?;
                if matches!(bytes.first(), Some(b'{' | b'[')) {
                    kept += member.size;
                    survey.documents.insert(member.name.clone(), bytes);
                }
            }
            survey.sizes.insert(member.name, member.size);
        }
        Ok(survey)
    }

    /// The member that a path means, through links (docker links layers that are the same).
    fn resolve(&self, path: &str) -> String {
        let mut at = path.trim_start_matches("./").to_owned();
        for _ in 0..MOST_LINKS {
            match self.links.get(&at) {
                Some(target) => at = target.clone(),
                None => break,
            }
        }
        at
    }

    /// Joins the daemon's id with the bytes that came. An id that is neither the configuration's nor leads to it through the export is an error: the
    /// daemon then gave another image than it named.
    fn identity(&self, named: &Named, config: &Digest) -> Result<Identity, &'static str> {
        let index =
            self.documents.get("index.json").and_then(|bytes| serde_json::from_slice::<WireManifest>(bytes).ok());
        let sole = match index.and_then(|index| index.manifests).as_deref() {
            Some([only]) => only.digest.parse::<Digest>().ok(),
            _ => None,
        };
        let target = match named.id {
            Some(id) if id == *config => return Ok(Identity::default()),
            Some(id) => id,
            None => match sole {
                Some(target) => target,
                None => return Ok(Identity::default()),
            },
        };
        let wrong = "the daemon exported another image than it named";
        let outer = self.manifest(&target).ok_or(wrong)?;
        let is_ours =
            |manifest: &WireManifest| manifest.config.as_ref().is_some_and(|found| found.digest == config.to_string());
        if is_ours(&outer) {
            let media_type = outer.media_type.unwrap_or_default();
            return Ok(Identity { manifest: Some(target), index: None, media_type });
        }
        for child in outer.manifests.unwrap_or_default() {
            let Ok(digest) = child.digest.parse::<Digest>() else { continue };
            if let Some(manifest) = self.manifest(&digest).filter(is_ours) {
                let media_type = manifest.media_type.unwrap_or_default();
                return Ok(Identity { manifest: Some(digest), index: Some(target), media_type });
            }
        }
        Err(wrong)
    }

    /// A manifest of the export whose bytes have this digest.
    fn manifest(&self, digest: &Digest) -> Option<WireManifest> {
        let bytes = self.documents.get(&format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))?;
        (Digest::of(digest.algorithm(), bytes) == *digest).then(|| serde_json::from_slice(bytes).ok())?
    }
}

/// Opens a member for reading: on the stream that waits closest before it, else on a new one.
pub(crate) fn open(archive: &Arc<Archive>, member: &str) -> Result<MemberReader, SourceError> {
    let doing = format!("cannot read `{member}` of image `{}` from its daemon", archive.name);
    let place = archive.places.get(member).copied();
    let waiting = {
        let mut idle = archive.idle.lock();
        let best = idle
            .iter()
            .enumerate()
            .filter(|(_, stream)| place.is_some_and(|place| stream.passed <= place))
            .max_by_key(|(_, stream)| stream.passed)
            .map(|(index, _)| index);
        best.map(|index| idle.swap_remove(index))
    };
    if let Some(mut stream) = waiting
        && let Ok(true) = stream.find(member)
    {
        return Ok(MemberReader { archive: Arc::clone(archive), stream: Some(stream) });
    }
    let mut stream = Stream { members: Members::new(archive.export.start()?), passed: 0 };
    match stream.find(member) {
        Ok(true) => Ok(MemberReader { archive: Arc::clone(archive), stream: Some(stream) }),
        Ok(false) => Err(error(SourceErrorKind::NotFound, format!("{doing}: the export does not hold it any more"))),
        Err(err) => Err(failed(&doing, err)),
    }
}

impl Stream {
    fn find(&mut self, name: &str) -> io::Result<bool> {
        while let Some(member) = self.members.advance()? {
            self.passed += 1;
            if member.name == name && member.link.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The bytes of one member. When it is dropped, its stream waits for the next layer.
pub(crate) struct MemberReader {
    archive: Arc<Archive>,
    stream: Option<Stream>,
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(io::Error::other("the daemon's archive broke off")) };
        let read = stream.members.read(buffer);
        if read.as_ref().is_err_and(|err| err.kind() != io::ErrorKind::Interrupted) {
            self.stream = None;
        }
        read
    }
}

impl Drop for MemberReader {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            let mut idle = self.archive.idle.lock();
            if idle.len() < MOST_IDLE {
                idle.push(stream);
            }
        }
    }
}

/// `blobs/ALGORITHM/HEX`: the digest that the archive claims.
fn blob_digest(member: &str) -> Option<Digest> {
    let (algorithm, hex) = member.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// A target relative to the folder of `name`.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn failed(doing: &str, err: io::Error) -> SourceError {
    let kind = match err.kind() {
        io::ErrorKind::InvalidData => SourceErrorKind::Malformed,
        _ => SourceErrorKind::Unreachable,
    };
    SourceError { doing: doing.to_owned(), kind, cause: Some(Box::new(err)) }
}

//! The world in which rows run that need a registry: images of our own making, signed with our own keys, under the names that the rows use.
//!
//! ```text
//!   facts ─▶ images ─▶ Registry (any host name, this process)      rows ─▶ swap: their key, certificate, digest ─▶ ours
//!     └────▶ seals: the real `cosign sign` and `attest` against a private Sigstore; Notary Project envelopes made from their specification
//! ```
//!
//! Nobody has upstream's private keys, so the row's inputs are changed before anybody reads them: each key and certificate of theirs becomes the
//! one of ours that stands for it, everywhere, and so does each digest of an image of theirs; the trusted root is that of the private Sigstore. The
//! same change is made to what a row asserts, where it writes a digest. Nothing else is touched.

mod facts;
mod registry;
mod seals;
mod swap;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use signet_model::Digest;

use self::facts::{CERTIFICATES, Image, KEYS};
use self::registry::{INDEX, MANIFEST, Registry};
use self::seals::Sealer;
use self::swap::Swaps;
use crate::areas::sbom::Scratch;

/// Images, and whom to trust.
pub(crate) struct World {
    registry: Registry,
    swaps: Swaps,
    sealer: Sealer,
    room: Scratch,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("registry", &self.registry.address).finish_non_exhaustive()
    }
}

impl World {
    /// The one world of this run, made when it is first asked for.
    pub(crate) fn get() -> Result<Arc<World>> {
        static WORLD: OnceLock<std::result::Result<Arc<World>, String>> = OnceLock::new();
        let world = WORLD.get_or_init(|| World::make().map(Arc::new).map_err(|err| format!("{err:#}")));
        world.clone().map_err(|why| anyhow::anyhow!("the images of our own making cannot be made: {why}"))
    }

    fn make() -> Result<World> {
        let room = Scratch::new("world")?;
        let registry = Registry::start()?;
        let sealer = Sealer::new(room.path(), &registry)?;
        let mut swaps = Swaps::default();
        for (name, theirs) in KEYS {
            swaps.material.push((theirs, sealer.public_key(name)?));
        }
        for (name, theirs) in CERTIFICATES {
            swaps.material.push((theirs, sealer.certificate(name)?));
        }
        let now = signet_now();
        for image in facts::images() {
            let described = publish(&registry, &image, now)?;
            let digest = described.get("digest").and_then(Value::as_str).context("a digest")?.to_owned();
            for seal in &image.seals {
                let doing = || format!("cannot seal `{}:{}`", image.repository, image.tags.first().unwrap_or(&""));
                sealer.seal(image.repository, &described, seal).with_context(doing)?;
            }
            if !image.digest.is_empty() {
                swaps.digests.push((image.digest, digest));
            }
        }
        Ok(World { registry, swaps, sealer, room })
    }

    /// A file with the trusted root of the private Sigstore.
    pub(crate) fn trusted_root(&self) -> PathBuf {
        self.sealer.trusted_root()
    }

    /// A folder in which files may be put.
    pub(crate) fn room(&self) -> &Path {
        self.room.path()
    }

    /// What a program needs around it to find every registry here.
    pub(crate) fn around(&self) -> Vec<(&'static str, String)> {
        let proxy = format!("http://{}", self.registry.address);
        vec![
            ("HTTP_PROXY", proxy.clone()),
            ("http_proxy", proxy),
            ("SIGNET_PLAIN_HTTP", "*".to_owned()),
            ("SIGNET_TRUSTED_ROOT", self.trusted_root().display().to_string()),
            ("SIGNET_NO_TRUST_REFRESH", "true".to_owned()),
        ]
    }

    /// Puts ours in the place of theirs, in every text of a value.
    pub(crate) fn swap(&self, value: &mut Value) {
        self.swaps.swap(value);
    }
}

/// Now, for images that were built so many days ago.
#[allow(clippy::disallowed_methods, reason = "the program that is measured reads the clock of this machine, too")]
fn signet_now() -> Timestamp {
    Timestamp::now()
}

/// Makes an image with its platforms, and describes it.
fn publish(registry: &Registry, image: &Image, now: Timestamp) -> Result<Value> {
    let Image { repository, tags, shape, .. } = image;
    // An empty archive: two blocks of zeros.
    let layer = [0_u8; 1024];
    let content = Digest::sha256(&layer).to_string();
    let layer = registry.blob("application/vnd.oci.image.layer.v1.tar", &layer);
    let built = now.checked_sub(SignedDuration::from_hours(shape.age.saturating_mul(24))).context("a time")?;
    let pairs = |pairs: &[(&str, &str)]| -> Value { pairs.iter().map(|(name, text)| (*name, json!(text))).collect() };
    let mut entries = Vec::new();
    for platform in shape.platforms {
        let mut config = json!({
            "architecture": platform, "os": "linux", "created": built.to_string(),
            "config": {"Env": shape.env, "Cmd": ["/app"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [content]},
            "history": [{"created": built.to_string(), "created_by": format!("made for {repository}:{}", tags.join(","))}],
        });
        if !shape.user.is_empty() {
            config["config"]["User"] = json!(shape.user);
        }
        if !shape.labels.is_empty() {
            config["config"]["Labels"] = pairs(shape.labels);
        }
        if !shape.volumes.is_empty() {
            config["config"]["Volumes"] = shape.volumes.iter().map(|path| (*path, json!({}))).collect();
        }
        let config = registry.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        if !shape.annotations.is_empty() {
            manifest["annotations"] = pairs(shape.annotations);
        }
        let alone = shape.platforms.len() == 1;
        let mut entry = registry.manifest(repository, if alone { tags } else { &[] }, &manifest);
        if alone {
            return Ok(entry);
        }
        entry["platform"] = json!({"os": "linux", "architecture": platform});
        entries.push(entry);
    }
    let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    if !shape.annotations.is_empty() {
        index["annotations"] = pairs(shape.annotations);
    }
    Ok(registry.manifest(repository, tags, &index))
}

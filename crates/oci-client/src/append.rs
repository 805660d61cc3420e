//! Layers under a tag that is made of the image's digest: Cosign's `.sig`, `.att` and `.sbom`.
//!
//! Source: sigstore/cosign `specs/SIGNATURE_SPEC.md`, `pkg/oci/mutate`.

use bytes::Bytes;
use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};

use crate::attach::{NewLayer, document, wire};
use crate::change::Change;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::manifest::{Descriptor, Manifest, ManifestBody, media_type};
use crate::push::BlobSource;

/// The configuration of a manifest under such a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagConfig {
    /// That of an image whose layers are not compressed, as Cosign writes it.
    Layers,
    /// This media type and these bytes.
    Given(String, Bytes),
}

impl Client {
    /// Adds layers to the image manifest under `tag`, keeping in their order those that are there, but for those that `replace` takes. A layer is there
    /// already when type, digest and annotations are the same. Gives the digest of what the tag holds then.
    ///
    /// # Errors
    /// Also when the tag holds something else than an image, and when the registry does not let it move ([`ErrorKind::Immutable`]).
    pub async fn append_to_tag(
        &self,
        tag: &ImageRef,
        layers: &[NewLayer],
        config: &TagConfig,
        replace: &(dyn Fn(&Descriptor) -> bool + Sync),
    ) -> Result<Digest, Error> {
        for layer in layers {
            let source = BlobSource::Bytes(layer.bytes.clone());
            self.push_blob(tag, &layer.digest(), layer.bytes.len() as u64, None, source).await?;
        }
        let most = self.options().limits.manifest;
        let held = self.change_tag(tag, &|present| appended(present, layers, config, replace, tag, most)).await?;
        held.ok_or_else(|| Error::new(ErrorKind::Conflict, format!("change `{tag}`"), "there is nothing under the tag"))
    }
}

fn appended(
    present: Option<&Manifest>,
    new: &[NewLayer],
    config: &TagConfig,
    replace: &dyn Fn(&Descriptor) -> bool,
    tag: &ImageRef,
    most: u64,
) -> Result<Option<Change>, Error> {
    let (mut manifest, known) = match present {
        None => (json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST}), &[][..]),
        Some(found) => match &found.body {
            ManifestBody::Image(image) => (document(found, tag)?, image.layers.as_slice()),
            ManifestBody::Index(_) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("add to `{tag}`"),
                    "the tag holds an index, which is left as it is",
                ));
            }
        },
    };
    let wires = manifest.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
    let same = |known: &Descriptor, layer: &NewLayer| {
        known.digest == layer.digest()
            && known.media_type == layer.media_type
            && known.annotations.len() == layer.annotations.len()
            && known.annotations.iter().all(|(key, value)| layer.annotations.get(key) == Some(value))
    };
    let is_new = |known: &Descriptor| new.iter().any(|layer| same(known, layer));
    // What we bring is not what is to go, though `replace` may not tell them apart.
    let stays: Vec<bool> = known.iter().map(|known| is_new(known) || !replace(known)).collect();
    let missing: Vec<&NewLayer> = new.iter().filter(|layer| !known.iter().any(|known| same(known, layer))).collect();
    if present.is_some() && missing.is_empty() && stays.iter().all(|stays| *stays) {
        return Ok(None);
    }
    let kept = wires.into_iter().zip(&stays).filter(|(_, stays)| **stays).map(|(wire, _)| wire);
    let layers: Vec<Value> = kept.chain(missing.iter().map(|layer| layer.wire())).collect();
    let media_type = present.map_or(media_type::OCI_MANIFEST, |found| found.media_type.as_str()).to_owned();
    let (config_type, config) = match config {
        TagConfig::Given(kind, bytes) => (kind.clone(), bytes.clone()),
        TagConfig::Layers => {
            let docker = media_type == media_type::DOCKER_MANIFEST;
            let kind = if docker { media_type::DOCKER_CONFIG } else { media_type::OCI_CONFIG };
            (kind.to_owned(), config_of(&layers))
        }
    };
    let described = wire(&config_type, &Digest::sha256(&config), config.len() as u64, &Default::default());
    manifest["config"] = described;
    manifest["layers"] = Value::Array(layers);
    let bytes = Bytes::from(manifest.to_string());
    if bytes.len() as u64 > most {
        let what = format!("the manifest would be larger than {most} bytes");
        return Err(Error::new(ErrorKind::TooLarge, format!("add to `{tag}`"), what)
            .hint("remove what is no longer needed: `signet clean`"));
    }
    Ok(Some(Change { media_type, bytes, blobs: vec![config] }))
}

/// The configuration of an image of these uncompressed layers, which nobody runs. Source: OCI image-spec `config.md`; the time is that of Go's zero.
fn config_of(layers: &[Value]) -> Bytes {
    let ids: Vec<&Value> = layers.iter().filter_map(|layer| layer.get("digest")).collect();
    let never = "0001-01-01T00:00:00Z";
    let history: Vec<Value> = ids.iter().map(|_| json!({"created": never})).collect();
    let config = json!({
        "architecture": "", "os": "", "created": never, "config": {}, "history": history,
        "rootfs": {"type": "layers", "diff_ids": ids},
    });
    Bytes::from(config.to_string())
}

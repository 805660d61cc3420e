//! What was read once and need not be read again: layers and whole images, by verified digests.
//!
//! Of several scans at the same time one reads a layer, and the others wait for its record.
//!
//! The memory only saves time. When it cannot be opened, read or written the work is done from the bytes, and nothing but a remark is lost.

use std::time::Duration;

use signet_catalog::{CATALOG_VERSION, LayerRecord};
use signet_image::LayerIndex;
use signet_model::{Digest, ImageInfo, Inventory, LayerInfo, Unexamined};
use signet_sources::Stored;
use signet_store::records::{decode_inventory, decode_layer, encode_inventory, encode_layer};
use signet_store::{Lease, Leases, RecordKey, SqliteStore, Store, StoreError};

use crate::settings::Settings;

/// The store, if it could be opened.
pub(crate) struct Memory<'a> {
    store: Option<SqliteStore>,
    settings: &'a Settings,
}

impl Memory<'_> {
    /// Opens the store in the cache directory.
    pub(crate) fn open(settings: &Settings) -> Memory<'_> {
        let store = match SqliteStore::open(&settings.cache.join("store.db")) {
            Ok(store) => Some(store),
            Err(err) => {
                settings.detail(format!("nothing is remembered: {:#}", anyhow::Error::from(err)));
                None
            }
        };
        Memory { store, settings }
    }

    /// A memory that keeps nothing.
    pub(crate) fn none(settings: &Settings) -> Memory<'_> {
        Memory { store: None, settings }
    }

    /// What is remembered of a whole image.
    pub(crate) fn image(&self, info: &ImageInfo) -> Option<Inventory> {
        let bytes = self.get(&image_key(info))?;
        decode_inventory(&bytes).ok()
    }

    /// Remembers an image that was read whole.
    pub(crate) fn keep_image(&self, info: &ImageInfo, inventory: &Inventory) {
        match encode_inventory(inventory) {
            Ok(bytes) => self.put(&image_key(info), &bytes),
            Err(err) => self.settings.detail(format!("the image is not remembered: {err}")),
        }
    }

    /// What is remembered of a layer: its paths, what was found, what could not be read.
    pub(crate) fn layer(&self, layer: &LayerInfo) -> Option<(LayerIndex, LayerRecord, Vec<Unexamined>)> {
        decode_layer(&self.get(&key(layer))?).ok()
    }

    /// Remembers a layer whose digests were verified.
    pub(crate) fn keep_layer(
        &self,
        layer: &LayerInfo,
        index: &LayerIndex,
        record: &LayerRecord,
        unexamined: &[Unexamined],
    ) {
        match encode_layer(index, record, unexamined) {
            Ok(bytes) => self.put(&key(layer), &bytes),
            Err(err) => self.settings.detail(format!("a layer is not remembered: {err}")),
        }
    }

    /// What is remembered of a layer that was read by this table of contents.
    pub(crate) fn parts(&self, layer: &LayerInfo, toc: &Digest) -> Option<(LayerIndex, LayerRecord, Vec<Unexamined>)> {
        decode_layer(&self.get(&parts_key(layer, toc)?)?).ok()
    }

    /// Remembers a layer that was read by this table of contents.
    pub(crate) fn keep_parts(
        &self,
        layer: &LayerInfo,
        toc: &Digest,
        index: &LayerIndex,
        record: &LayerRecord,
        unexamined: &[Unexamined],
    ) {
        let Some(key) = parts_key(layer, toc) else { return };
        match encode_layer(index, record, unexamined) {
            Ok(bytes) => self.put(&key, &bytes),
            Err(err) => self.settings.detail(format!("a layer is not remembered: {err}")),
        }
    }

    /// Waits until nobody else reads this layer, but no longer than reading it should take, and keeps others from it while the lease is held.
    /// `None`: it must be read without.
    pub(crate) fn lease(&self, layer: &LayerInfo) -> Option<Lease> {
        self.store.as_ref()?;
        let wait = Duration::from_secs(30).saturating_add(Duration::from_secs(layer.size / SLOWEST));
        let leases = Leases::new(&self.settings.cache.join("leases"));
        let digest = layer.digest.unwrap_or(layer.diff_id);
        match leases.take(&digest, wait.min(LONGEST_WAIT)) {
            Ok(Some(lease)) => return Some(lease),
            Ok(None) => self.settings.detail(format!("layer {digest} is read by somebody else for too long")),
            Err(err) => self.settings.detail(format!("layers are not shared with other scans: {err}")),
        }
        None
    }

    /// Whether the bytes of a layer need not be looked at: a service gives them by their digest, or their file was verified and has not changed.
    pub(crate) fn vouches(&self, stored: Stored, layer: &LayerInfo) -> bool {
        match stored {
            Stored::Elsewhere => true,
            Stored::File(looks) => self
                .get(&RecordKey::File { looks })
                .is_some_and(|held| held.split(|byte| *byte == b'\n').any(|held| held == held_by(layer))),
            Stored::Unknown => false,
        }
    }

    /// Remembers that a file, which looked like this before and after, held a layer whose digests were verified.
    pub(crate) fn keep_verified(&self, stored: Stored, layer: &LayerInfo) {
        let Stored::File(looks) = stored else { return };
        if self.vouches(stored, layer) {
            return;
        }
        // An archive is one file with many layers.
        let key = RecordKey::File { looks };
        let mut held = self.get(&key).unwrap_or_default();
        held.extend_from_slice(&held_by(layer));
        held.push(b'\n');
        self.put(&key, &held);
    }

    fn get(&self, key: &RecordKey) -> Option<Vec<u8>> {
        self.told(self.store.as_ref()?.get(key, CATALOG_VERSION)).flatten()
    }

    fn put(&self, key: &RecordKey, record: &[u8]) {
        if let Some(store) = &self.store {
            self.told(store.put(key, CATALOG_VERSION, record));
        }
    }

    fn told<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|err| self.settings.detail(format!("{:#}", anyhow::Error::from(err)))).ok()
    }
}

/// The manifest, where there is one, names the configuration and every blob; a manifest that pairs a known configuration with other blobs is another
/// image. An archive without a manifest is named by its configuration, which names the layers by diffID.
fn image_key(info: &ImageInfo) -> RecordKey {
    RecordKey::Image { digest: info.manifest_digest.unwrap_or(info.config_digest) }
}

/// A scan that reads slower than so many bytes a second is not waited for to its end.
const SLOWEST: u64 = 4 << 20;
/// Longest time that a scan waits for another one to read a layer.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

fn parts_key(layer: &LayerInfo, toc: &Digest) -> Option<RecordKey> {
    Some(RecordKey::LayerInParts { blob: layer.digest?, toc: *toc })
}

/// The digests of a layer, as one line.
fn held_by(layer: &LayerInfo) -> Vec<u8> {
    let blob = layer.digest.map(|digest| digest.to_string()).unwrap_or_default();
    format!("{blob} {}", layer.diff_id).into_bytes()
}

fn key(layer: &LayerInfo) -> RecordKey {
    RecordKey::Layer { blob: layer.digest, diff_id: layer.diff_id }
}

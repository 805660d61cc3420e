//! The manifests of an index, through indexes in it.

use std::collections::{BTreeSet, VecDeque};

use anyhow::{Result, ensure};
use signet_model::{Digest, ImageRef};
use signet_oci_client::ManifestBody;

use crate::settings::Settings;
use crate::verify::args::ReachArgs;
use crate::verify::demand::access;
use crate::verify::discover::{Pinned, Registry, repository_at};

/// Manifests that are looked at, and those that are named in them.
const MOST_READ: usize = 64;
const MOST: usize = 1000;

/// Media types of indexes.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// The manifests that a digest leads to, without itself; none if it is no index.
pub(super) fn of(place: &ImageRef, digest: &Digest, reach: &ReachArgs, settings: &Settings) -> Result<Vec<Digest>> {
    let registry = Registry::new(&access(reach), settings)?;
    behind(&registry, &Pinned { reference: repository_at(place, None, Some(*digest))?, digest: *digest, local: None })
}

/// The same of an image that was resolved.
pub(super) fn behind(registry: &Registry, image: &Pinned) -> Result<Vec<Digest>> {
    let mut found = BTreeSet::new();
    let mut open = VecDeque::from([image.digest]);
    let mut read = 0_usize;
    while let Some(digest) = open.pop_front() {
        read += 1;
        ensure!(read <= MOST_READ, "it leads to more than {MOST_READ} indexes");
        let ManifestBody::Index(index) = registry.manifest_of(image, digest)?.body else { continue };
        for entry in index.manifests {
            ensure!(found.len() < MOST, "it leads to more than {MOST} manifests");
            if found.insert(entry.digest) && INDEXES.contains(&entry.media_type.as_str()) {
                open.push_back(entry.digest);
            }
        }
    }
    found.remove(&image.digest);
    Ok(found.into_iter().collect())
}

//! What the stores of container engines have in common: an image is there, under names and a digest.

use std::collections::BTreeMap;

use signet_model::{Package, PackageKind};

use super::COVERAGE;
use crate::syntax::{self, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads the list of images of Podman, Buildah, CRI-O and Skopeo.
pub(crate) static STORAGE: Leaf = Leaf {
    id: "containers-storage",
    claims: &[Claim::Name("images.json"), Claim::Name("volatile-images.json")],
    accepts: in_storage,
    max_size: 64 << 20,
    read: storage,
    coverage: COVERAGE,
};

/// Reads the list of images of Docker's own store.
pub(crate) static DOCKER: Leaf = Leaf {
    id: "docker-images",
    claims: &[Claim::Name("repositories.json")],
    accepts: of_docker,
    max_size: 64 << 20,
    read: docker,
    coverage: COVERAGE,
};

/// `overlay-images/images.json`; other drivers are `vfs`, `btrfs` and `zfs`.
fn in_storage(path: &str) -> bool {
    path.rsplit('/').nth(1).is_some_and(|folder| folder.ends_with("-images"))
}

/// `image/DRIVER/repositories.json`.
fn of_docker(path: &str) -> bool {
    path.rsplit('/').nth(2) == Some("image")
}

/// `ALGORITHM:HEX`, as stores write it.
pub(super) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte))
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Images of one store by repository and digest, each with its tags.
#[derive(Default)]
pub(super) struct Images {
    images: BTreeMap<(String, String), Package>,
}

impl Images {
    /// Adds a name under which an image stands: `REPOSITORY[:TAG][@DIGEST]`, or nothing but a digest, which is kept when the image has no better name.
    pub(super) fn add(&mut self, input: &Input<'_>, name: &str, digest: &str) -> &mut Package {
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        // A colon before the last slash belongs to a port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') && !is_digest(name) => (repository, Some(tag)),
            _ => (name, None),
        };
        let key = (repository.to_owned(), digest.to_owned());
        let package =
            self.images.entry(key).or_insert_with(|| input.package(PackageKind::Container, repository, digest));
        if let Some(tag) = tag {
            let tags = package.extra.entry("oci.tag".to_owned()).or_default();
            if tags.len() < 4096 && !tags.split(' ').any(|known| known == tag) {
                tags.push_str(if tags.is_empty() { "" } else { " " });
                tags.push_str(tag);
            }
        }
        package
    }

    /// The images; names that are only digests are left out where the image has another.
    pub(super) fn finish(self, input: &Input<'_>, found: &mut Found) {
        let named: std::collections::BTreeSet<String> =
            self.images.keys().filter(|(name, _)| !is_digest(name)).map(|(_, digest)| digest.clone()).collect();
        for ((name, digest), package) in self.images {
            if is_digest(&name) && named.contains(&digest) {
                continue;
            }
            if syntax::is_full(input, found) {
                break;
            }
            found.packages.push(package);
        }
    }
}

/// Shape: a list of `{id, digest, names: [..], "names-history": [..], layer, created}`; `digest` is that of the manifest, and `id` that of the
/// configuration in hex. Images without names lost them to a newer one.
/// Errors: no JSON, no list, an image without id. Source: containers/storage:images.go, `Image`.
fn storage(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let root = match syntax::json::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => {
            let why = format!("no JSON: {error}");
            return Found::unexamined(input.unexamined(signet_model::UnexaminedKind::Malformed, why));
        }
    };
    if !matches!(root.value, syntax::Value::Array(_) | syntax::Value::Null) {
        document::malformed(input, &mut found, root.lines, "expected a list of images");
    }
    let mut images = Images::default();
    for node in root.items() {
        let Some(id) = node.str("id").filter(|id| !id.is_empty()) else {
            document::malformed(input, &mut found, node.lines, "an image without an id");
            continue;
        };
        let own = format!("sha256:{id}");
        let digest = node.str("digest").filter(|digest| is_digest(digest)).unwrap_or(&own);
        let texts = |list: &str| -> Vec<&str> {
            let items = node.get(list).map_or(&[][..], syntax::Node::items);
            items.iter().filter_map(syntax::Node::as_str).filter(|name| !name.is_empty()).take(1000).collect()
        };
        let mut names = texts("names");
        if names.is_empty() {
            names = texts("names-history").into_iter().take(1).collect();
        }
        if names.is_empty() {
            names.push(&own);
        }
        for name in names {
            let package = images.add(input, name, digest);
            package.extra.insert("oci.image_id".to_owned(), own.clone());
        }
    }
    images.finish(input, &mut found);
    found
}

/// Shape: `{"Repositories": {NAME: {NAME:TAG or NAME@DIGEST: ID}}}`; `ID` is the digest of the configuration, by which Docker's own store knows an
/// image. The version is the digest under which the image was pulled where one stands there, else the id.
/// Errors: no JSON object; an id that is no digest. Source: moby/moby:reference/store.go.
fn docker(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::json_object(input, &mut found) else { return found };
    let mut images = Images::default();
    for (repository, node) in root.members_of("Repositories") {
        let pulled: BTreeMap<&str, &str> = node
            .members()
            .iter()
            .filter_map(|(name, id)| Some((id.as_str()?, name.split_once('@')?.1)))
            .filter(|(_, digest)| is_digest(digest))
            .collect();
        for (name, id) in node.members() {
            let Some(text) = id.as_str().filter(|id| is_digest(id)) else {
                document::malformed(input, &mut found, id.lines, "an image whose id is no digest");
                continue;
            };
            let digest = pulled.get(text).copied().unwrap_or(text);
            let name = if name.contains('@') { repository } else { name };
            let package = images.add(input, name, digest);
            package.extra.insert("oci.image_id".to_owned(), text.to_owned());
        }
    }
    images.finish(input, &mut found);
    found
}

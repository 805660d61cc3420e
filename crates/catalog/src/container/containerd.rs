//! The images of containerd: `io.containerd.metadata.v1.bolt/meta.db`.

use signet_model::UnexaminedKind;
use signet_pages::bbolt::{Bolt, BoltError, Bucket, Entry};

use super::COVERAGE;
use super::stored::{Images, is_digest};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads containerd's metadata.
pub(crate) static LEAF: Leaf = Leaf {
    id: "containerd",
    claims: &[Claim::Path("io.containerd.metadata.v1.bolt/meta.db")],
    accepts: any_path,
    max_size: 256 << 20,
    read,
    coverage: COVERAGE,
};

/// Reads the images of all namespaces.
///
/// Shape: buckets `v1` / NAMESPACE / `images` / NAME / `target`, with the keys `digest` and `mediatype`. Kubernetes' runtime gives an image three
/// names: by tag, by digest, and by the digest of its configuration alone.
/// Errors: no bbolt file; what is damaged costs its namespace; an image without a digest. Source: containerd/containerd:core/metadata/buckets.go.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut images = Images::default();
    let damaged = |error: BoltError| input.unexamined(UnexaminedKind::Malformed, error.to_string());
    let bolt = match Bolt::open(input.bytes) {
        Ok(bolt) => bolt,
        Err(error) => return Found::unexamined(damaged(error)),
    };
    let root = match bolt.root().bucket(b"v1") {
        Ok(Some(root)) => root,
        Ok(None) => {
            let why = "the database has no bucket `v1`: it is not containerd's, or of a version that is not known";
            return Found::unexamined(input.unexamined(UnexaminedKind::Unsupported, why));
        }
        Err(error) => return Found::unexamined(damaged(error)),
    };
    for namespace in root.iter() {
        let read = namespace.and_then(|(name, entry)| match entry {
            Entry::Bucket(namespace) => images_of(input, name, &namespace, &mut images, &mut found),
            // the version of the schema
            Entry::Value(_) => Ok(()),
        });
        if let Err(error) = read {
            syntax::report(&mut found.unexamined, damaged(error));
        }
    }
    images.finish(input, &mut found);
    found
}

fn images_of(
    input: &Input<'_>,
    namespace: &[u8],
    bucket: &Bucket<'_, '_>,
    images: &mut Images,
    found: &mut Found,
) -> Result<(), BoltError> {
    let Some(list) = bucket.bucket(b"images")? else { return Ok(()) };
    for image in list.iter() {
        let (name, entry) = image?;
        let name = String::from_utf8_lossy(name);
        let target = match entry {
            Entry::Bucket(image) => image.bucket(b"target")?,
            Entry::Value(_) => None,
        };
        let digest = match target.map(|target| target.get(b"digest")).transpose()?.flatten() {
            Some(Entry::Value(digest)) => String::from_utf8_lossy(digest).into_owned(),
            _ => String::new(),
        };
        if name.is_empty() || !is_digest(&digest) {
            let why = format!("the image `{name}` has no digest");
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        }
        let package = images.add(input, &name, &digest);
        package.extra.insert("containerd.namespace".to_owned(), String::from_utf8_lossy(namespace).into_owned());
    }
    Ok(())
}

//! Archives of Java archives: tar, packed or not, and zip.

use std::io::{BufReader, Read};

use signet_image::Unpacked;
use signet_image::tar::{TarError, TarKind, TarReader};
use signet_model::UnexaminedKind;

use super::archive::{BOUNDS, Walk};
use super::is_archive;
use crate::syntax::zip::Archive;
use crate::{Claim, Found, Input, Leaf};

/// Reads what installers and releases pack Java archives into.
pub(crate) static LEAF: Leaf = Leaf {
    id: "java-bundle",
    claims: &[
        Claim::Suffix(".tar"),
        Claim::Suffix(".tar.gz"),
        Claim::Suffix(".tgz"),
        Claim::Suffix(".tar.zst"),
        Claim::Suffix(".tzst"),
        Claim::Suffix(".zip"),
    ],
    accepts: no_test_data,
    max_size: 128 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Archives that lie in a folder `testdata` are broken on purpose as often as not: that of Go's own library alone has nine, in every image with its sources.
fn no_test_data(path: &str) -> bool {
    !path.split('/').any(|part| part == "testdata")
}

/// Entries of one bundle.
const LIMITS: signet_image::Limits = signet_image::Limits {
    layer_bytes: 4 << 30,
    entries: 1_000_000,
    path_bytes: 16 << 10,
    index_bytes: 64 << 20,
    header_bytes: 1 << 20,
    sparse_segments: 1 << 12,
    sparse_zero_bytes: 64 << 20,
};

/// Bytes of a packed bundle that are unpacked. A bundle of a large server has some hundred megabytes.
const UNPACKED: u64 = 4 << 30;

/// Reads one bundle: each Java archive in it, as if it lay there. The bundle itself is no package.
///
/// Errors: no tar and no zip archive, a broken entry, a limit reached; what was read before is kept.
fn read(input: &Input<'_>) -> Found {
    let mut walk = Walk::new(input, BOUNDS);
    match input.name().ends_with(".zip") {
        true => zip(input, &mut walk),
        false => tar(input, &mut walk),
    }
    walk.finish()
}

fn zip(input: &Input<'_>, walk: &mut Walk<'_>) {
    match Archive::open(input.bytes, BOUNDS.zip) {
        Ok(archive) => walk.members(&archive, input.location, None, 0),
        Err(error) => walk.refuse(input.location, error),
    }
}

fn tar(input: &Input<'_>, walk: &mut Walk<'_>) {
    let give_up = |walk: &mut Walk<'_>, kind, why: String| walk.give_up(input.location, kind, why);
    let unpacked = match Unpacked::new(input.bytes) {
        Ok(unpacked) => unpacked,
        Err(error) => return give_up(walk, UnexaminedKind::Malformed, format!("it cannot be unpacked: {error}")),
    };
    let mut reader = TarReader::new(BufReader::new(unpacked.take(UNPACKED)), &LIMITS);
    loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) if reader.offset() >= UNPACKED => {
                return give_up(walk, UnexaminedKind::TooLarge, format!("it unpacks to more than {UNPACKED} bytes"));
            }
            Ok(false) => return,
            Err(error) => {
                let kind = match error {
                    TarError::TooLarge { .. } => UnexaminedKind::TooLarge,
                    _ if reader.offset() >= UNPACKED => UnexaminedKind::TooLarge,
                    _ => UnexaminedKind::Malformed,
                };
                return give_up(walk, kind, format!("no whole tar archive: {error}"));
            }
        }
        let entry = reader.entry();
        if entry.kind != TarKind::File {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.name).trim_start_matches("./").to_owned();
        if !is_archive(&name) {
            continue;
        }
        let (size, inner) = (entry.size, input.location.inside(&name));
        if !walk.take(size) {
            walk.give_up(&inner, UnexaminedKind::TooLarge, "the archive in the bundle is larger than the limit");
            continue;
        }
        let mut content = Vec::new();
        match reader.content().take(size).read_to_end(&mut content) {
            Ok(_) => walk.inner(&content, &inner, &name),
            Err(error) => {
                let why = format!("the archive in the bundle is cut: {error}");
                return walk.give_up(&inner, UnexaminedKind::Malformed, why);
            }
        }
    }
}

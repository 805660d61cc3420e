//! `.deb` files: a package that lies about, and may be installed or not.

use std::io::{BufRead, Read};

use signet_image::{Entry, Limits, Visitor};
use signet_model::{Presence, UnexaminedKind};

use super::status;
use crate::syntax::unpack::{self, Packing};
use crate::{Found, Input};

/// Most bytes of an unpacked `control.tar`: it holds the record, lists and scripts.
const CONTROL: u64 = 64 << 20;

/// Reads the record of a package.
///
/// Shape: an `ar` archive: `!<arch>\n`, members with a header of 60 bytes (name 16, numbers in text, size 10 at offset 48, `` `\n ``) and content that is
/// filled up to two bytes; `debian-binary` first, then `control.tar` packed by gzip, xz, zstd or not, in which `control` is the record. opkg packs the
/// same members as a tar with gzip. Its files are not installed: nothing is owned, and nothing is needed.
/// Errors: no such file; a record that cannot be read. Source: dpkg, `man/deb.pod`; openwrt/opkg-lede.
pub(super) fn read(input: &Input<'_>) -> Found {
    let control = match input.bytes.starts_with(b"!<arch>\n") {
        true => control_of_ar(input.bytes),
        false => control_of_tar(input.bytes),
    };
    let record = match control.and_then(|(tar, packing)| record(&tar, packing)) {
        Ok(record) => record,
        Err(why) => {
            let kind = match input.bytes.len() as u64 >= super::ARCHIVE.max_size {
                true => UnexaminedKind::TooLarge,
                false => UnexaminedKind::Malformed,
            };
            return Found::unexamined(input.unexamined(kind, why));
        }
    };
    let mut found = status::read(&Input { bytes: &record, ..*input });
    found.requires.clear();
    found.provides.clear();
    for package in &mut found.packages {
        package.presence = Presence::Declared;
        package.locations = vec![input.location.clone()];
    }
    if found.packages.is_empty() && found.unexamined.is_empty() {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "its record is empty"));
    }
    found
}

const NONE: &str = "the package has no member `control.tar`";

/// The member `control.tar*` and how it is packed.
fn control_of_ar(bytes: &[u8]) -> Result<(Vec<u8>, Option<Packing>), String> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((header, after)) = rest.split_at_checked(60) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let name = text(header.get(..16).unwrap_or_default());
        let size = text(header.get(48..58).unwrap_or_default()).parse::<usize>();
        let (Ok(size), true) = (size, header.ends_with(b"`\n")) else {
            return Err("a header of the archive is damaged".to_owned());
        };
        let name = name.trim_end_matches('/');
        if name.starts_with("control.tar") {
            let content = after.get(..size).ok_or("the member `control.tar` is cut off")?;
            return Ok((content.to_vec(), Packing::of_name(name)));
        }
        rest = after.get(size.saturating_add(size % 2)..).unwrap_or_default();
    }
    Err(NONE.to_owned())
}

fn control_of_tar(bytes: &[u8]) -> Result<(Vec<u8>, Option<Packing>), String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("no package of dpkg or opkg".to_owned());
    }
    member(bytes, "control.tar.gz").map(|bytes| (bytes, Some(Packing::Gzip))).ok_or_else(|| NONE.to_owned())
}

fn record(bytes: &[u8], packing: Option<Packing>) -> Result<Vec<u8>, String> {
    let unpacked = packing.map(|packing| unpack::whole(bytes, packing, CONTROL)).transpose()?;
    let tar = unpacked.as_deref().unwrap_or(bytes);
    member(tar, "control").ok_or_else(|| "its `control.tar` has no record".to_owned())
}

/// The content of a member at the top of a tar archive, at most 16 MiB of it.
fn member(tar: &[u8], name: &'static str) -> Option<Vec<u8>> {
    struct Find(&'static str, Option<Vec<u8>>);
    impl Visitor for Find {
        fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> std::io::Result<()> {
            if entry.path == self.0 {
                let mut bytes = Vec::new();
                content.take(16 << 20).read_to_end(&mut bytes)?;
                self.1 = Some(bytes);
            }
            Ok(())
        }
    }
    let limits = Limits { layer_bytes: CONTROL, entries: 10_000, index_bytes: 4 << 20, ..Limits::default() };
    let mut find = Find(name, None);
    // What comes behind the member may be cut off: then the walk fails, and the member is there.
    let _walked = signet_image::walk_layer(tar, &limits, &mut find);
    find.1
}

//! `.rpm` files: a package that lies about, and may be installed or not.

use signet_model::{Presence, UnexaminedKind};

use super::header::Header;
use super::{ARCHIVE, array, package};
use crate::{Found, Input};

const LEAD: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
const LEAD_SIZE: usize = 96;
const HEADER: &[u8] = &[0x8e, 0xad, 0xe8, 0x01];

/// Reads the header of a package.
///
/// Shape: a lead of 96 bytes (magic `ed ab ee db`, type at 6: 1 is a source package); the header of signatures, filled up to 8 bytes; the header of the
/// package; the packed files, which are not looked at. Both headers begin with `8e ad e8 01` and four bytes of nothing.
/// Its files are not installed: nothing is owned, and nothing is needed.
/// Errors: no such file, a header that is cut, or reaches beyond what is read. Source: rpm, `docs/manual/format_v4.md`.
pub(super) fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let headers = header(input.bytes).and_then(Header::read);
    let added = headers.and_then(|header| package::add(&header, input, &mut found));
    let source = array(input.bytes, 6) == Some([0, 1]);
    found.owns.clear();
    found.requires.clear();
    found.provides.clear();
    for package in &mut found.packages {
        package.presence = Presence::Declared;
        if source {
            package.arch = Some("src".to_owned());
        }
    }
    // That its list of files cannot be read says nothing about the package.
    if found.packages.is_empty() {
        let why = added.err().unwrap_or_else(|| "it holds a key and no package".to_owned());
        let (kind, why) = match input.bytes.len() as u64 >= ARCHIVE.max_size {
            true => (UnexaminedKind::TooLarge, format!("its first 16 MiB do not hold its header: {why}")),
            false => (UnexaminedKind::Malformed, why),
        };
        found.unexamined.push(input.unexamined(kind, why));
    }
    found
}

/// The bytes from the index of the package's header on.
fn header(bytes: &[u8]) -> Result<&[u8], String> {
    if !bytes.starts_with(LEAD) {
        return Err("no rpm file".to_owned());
    }
    let signatures = index(bytes, LEAD_SIZE)?;
    let word = |at: usize| array(signatures, at).map(|word| u32::from_be_bytes(word) as usize);
    let (entries, size) = word(0).zip(word(4)).ok_or("it is cut off")?;
    let length = entries.checked_mul(16).and_then(|index| index.checked_add(size)?.checked_add(8));
    // Both headers begin at multiples of eight, and so does the end of the lead.
    let next = length.and_then(|length| length.checked_next_multiple_of(8)?.checked_add(LEAD_SIZE + 8));
    index(bytes, next.ok_or("its signatures claim more bytes than a file has")?)
}

fn index(bytes: &[u8], at: usize) -> Result<&[u8], String> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Err("it is cut off".to_owned());
    }
    let index = rest.strip_prefix(HEADER).and_then(|rest| rest.get(4..));
    index.ok_or_else(|| format!("there is no header at offset {at}"))
}

//! NDB, the database format of SUSE: `Packages.db`.

use super::{Sink, array};

pub(super) const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8; 4] = b"Slot";
const BLOB: &[u8; 4] = b"BlbS";
const BLOB_END: &[u8; 4] = b"BlbE";

/// Takes the header blobs out of the database.
///
/// Shape, little-endian u32: 32 bytes `{"RpmP", version 0, generation, slotnpages, nextpkgidx, ..}`; slots of 16 bytes `{"Slot", pkgidx, blkoff, blkcnt}`
/// up to `slotnpages` x 4096 (the first two places are the header); `pkgidx` 0 is free. A blob at `blkoff` x 16: `{"BlbS", pkgidx, generation,
/// length}`, header, zeros, `{adler32, length, "BlbE"}`.
/// Errors: a slot or blob that cannot be read costs that package. CVE-2026-44605: the number of slot pages is checked against the file in
/// 64 bits, never multiplied in 32. Blobs cannot overlap, so together they are not longer than the file.
/// Source: rpm, `lib/backend/ndb/rpmpkg.c`.
pub(super) fn blobs(bytes: &[u8], sink: Sink<'_>) {
    let word = |at: usize| array(bytes, at).map(u32::from_le_bytes);
    let (Some(version), Some(pages)) = (word(4), word(12)) else {
        return sink(Err("the database is cut off in its header".to_owned()));
    };
    if version != 0 {
        return sink(Err(format!("version {version} of the database format is not known")));
    }
    let Some(slots) = u64::from(pages).checked_mul(4096).filter(|end| *end <= bytes.len() as u64 && *end > 0) else {
        return sink(Err(format!("it claims {pages} pages of slots and has {} bytes", bytes.len())));
    };
    let mut room = bytes.len();
    for at in (32..slots as usize).step_by(16) {
        if array(bytes, at) != Some(*SLOT) {
            return sink(Err(format!("there is no slot at offset {at}")));
        }
        let (Some(package), Some(offset), Some(count)) = (word(at + 4), word(at + 8), word(at + 12)) else { break };
        if package == 0 {
            continue;
        }
        let blob = blob(bytes, package, offset, count)
            .map_err(|why| format!("package {package} of the database cannot be read: {why}"));
        room = match room.checked_sub(blob.as_ref().map_or(0, Vec::len)) {
            Some(room) => room,
            None => return sink(Err("its packages overlap".to_owned())),
        };
        sink(blob);
    }
}

fn blob(bytes: &[u8], package: u32, offset: u32, count: u32) -> Result<Vec<u8>, String> {
    let start = u64::from(offset) * 16;
    let size = u64::from(count) * 16;
    let whole = usize::try_from(start)
        .ok()
        .zip(usize::try_from(size).ok())
        .and_then(|(start, size)| bytes.get(start..)?.get(..size))
        .ok_or_else(|| format!("its {count} blocks at block {offset} lie outside the file"))?;
    let word = |at: usize| array(whole, at).map(u32::from_le_bytes);
    if array(whole, 0) != Some(*BLOB) || word(4) != Some(package) {
        return Err(format!("there is no blob of it at offset {start}"));
    }
    let length = word(12).unwrap_or(u32::MAX) as u64;
    if (16 + length + 12).div_ceil(16) != u64::from(count) {
        return Err(format!("{length} bytes do not fill its {count} blocks"));
    }
    let tail = whole.len().saturating_sub(12);
    if array(whole, tail + 8) != Some(*BLOB_END) || word(tail + 4).map(u64::from) != Some(length) {
        return Err("its end is not marked".to_owned());
    }
    if word(tail) != Some(adler32(whole.get(..tail).unwrap_or_default())) {
        return Err("its checksum is wrong".to_owned());
    }
    whole.get(16..16 + length as usize).map(<[u8]>::to_vec).ok_or_else(|| "it is cut off".to_owned())
}

/// Adler-32 as RFC 1950 has it, which rpm begins with 1.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    // 5552 is the most that cannot overflow 32 bits.
    for block in bytes.chunks(5552) {
        for byte in block {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

//! Zip archives read from memory: the central directory, and single members within a budget.
//!
//! Nothing is unpacked to a place, so member names are only names. What an archive claims about sizes is never believed: a member is
//! inflated into a buffer that stops at the budget.

use std::io::Read;

/// Bounds for one archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Members that are listed.
    pub(crate) members: usize,
    /// Bytes of one member when inflated.
    pub(crate) member_size: u64,
}

/// A member of the central directory.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Path as stored; bytes that are not UTF-8 become U+FFFD.
    pub(crate) name: String,
    method: u16,
    encrypted: bool,
    compressed: u64,
    header: u64,
}

/// Why an archive or a member could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ZipError {
    #[error("no zip archive: the end of the central directory was not found")]
    NoEnd,
    #[error("the central directory is broken at offset {0}")]
    Directory(u64),
    #[error("the archive has more members than the limit")]
    Members,
    #[error("the member at offset {0} is broken")]
    Member(u64),
    #[error("the member at offset {0} is encrypted or compressed by a method that is not read")]
    Method(u64),
    #[error("the member at offset {0} is larger than the limit")]
    Size(u64),
}

/// A zip archive in memory.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    /// Offset of the first byte of the archive: a self-extracting program may stand before it.
    base: u64,
    /// Members in the order of the directory.
    pub(crate) members: Vec<Member>,
    /// Why the list is not whole.
    pub(crate) incomplete: Option<ZipError>,
    limits: Limits,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

impl<'a> Archive<'a> {
    /// Reads the central directory.
    ///
    /// Shape: PKWARE APPNOTE 6.3, sections 4.3.12 to 4.3.16, zip64 included. A prefix before the archive is allowed.
    /// Errors: no end record. A directory that breaks off keeps the members before, with the reason in `incomplete`.
    pub(crate) fn open(bytes: &'a [u8], limits: Limits) -> Result<Archive<'a>, ZipError> {
        // the end record is 22 bytes and a comment of at most 65535
        let tail = bytes.len().saturating_sub(22 + 0xffff);
        let end = tail
            + memchr::memmem::rfind(bytes.get(tail..).unwrap_or_default(), b"PK\x05\x06").ok_or(ZipError::NoEnd)?;
        let broken = ZipError::Directory(end as u64);
        let mut entries = u64::from(u16_at(bytes, end + 10).ok_or(broken)?);
        let mut size = u64::from(u32_at(bytes, end + 12).ok_or(broken)?);
        let mut offset = u64::from(u32_at(bytes, end + 16).ok_or(broken)?);
        let mut stop = end as u64;
        if let Some(locator) =
            end.checked_sub(20).filter(|at| bytes.get(*at..).is_some_and(|b| b.starts_with(b"PK\x06\x07")))
        {
            let at = u64_at(bytes, locator + 8).and_then(|at| usize::try_from(at).ok()).ok_or(broken)?;
            if bytes.get(at..).is_some_and(|b| b.starts_with(b"PK\x06\x06")) {
                entries = u64_at(bytes, at + 32).ok_or(broken)?;
                size = u64_at(bytes, at + 40).ok_or(broken)?;
                offset = u64_at(bytes, at + 48).ok_or(broken)?;
                stop = at as u64;
            }
        }
        let base = stop.checked_sub(size).and_then(|start| start.checked_sub(offset)).unwrap_or(0);
        let mut archive = Archive { bytes, base, members: Vec::new(), incomplete: None, limits };
        let mut at = usize::try_from(base.saturating_add(offset)).map_err(|_| broken)?;
        for _ in 0..entries {
            if archive.members.len() >= limits.members {
                archive.incomplete = Some(ZipError::Members);
                break;
            }
            match member(bytes, at) {
                Some((member, next)) => {
                    archive.members.push(member);
                    at = next;
                }
                None => {
                    archive.incomplete = Some(ZipError::Directory(at as u64));
                    break;
                }
            }
        }
        Ok(archive)
    }

    /// The content of a member, at most `budget` bytes, which it lowers.
    ///
    /// Errors: broken, encrypted, neither stored nor deflated, larger than the limit or the budget. CRC-32 is not compared: the content
    /// is evidence, not identity.
    pub(crate) fn read(&self, member: &Member, budget: &mut u64) -> Result<Vec<u8>, ZipError> {
        let offset = self.base.saturating_add(member.header);
        let broken = ZipError::Member(offset);
        let cap = self.limits.member_size.min(*budget);
        if member.encrypted {
            return Err(ZipError::Method(offset));
        }
        let at = usize::try_from(offset).map_err(|_| broken)?;
        if u32_at(self.bytes, at) != Some(0x0403_4b50) {
            return Err(broken);
        }
        let name = usize::from(u16_at(self.bytes, at + 26).ok_or(broken)?);
        let extra = usize::from(u16_at(self.bytes, at + 28).ok_or(broken)?);
        let start = at + 30 + name + extra;
        let length = usize::try_from(member.compressed).map_err(|_| broken)?;
        let data = self.bytes.get(start..start.checked_add(length).ok_or(broken)?).ok_or(broken)?;
        let mut out = Vec::new();
        match member.method {
            0 if data.len() as u64 > cap => return Err(ZipError::Size(offset)),
            0 => out.extend_from_slice(data),
            8 => {
                let mut stream = flate2::read::DeflateDecoder::new(data).take(cap.saturating_add(1));
                stream.read_to_end(&mut out).map_err(|_| broken)?;
            }
            _ => return Err(ZipError::Method(offset)),
        }
        *budget = budget.saturating_sub(out.len() as u64);
        match out.len() as u64 > cap {
            true => Err(ZipError::Size(offset)),
            false => Ok(out),
        }
    }
}

/// The directory entry at this offset, and where the next one begins.
fn member(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
    let entry = bytes.get(at..)?;
    if u32_at(entry, 0)? != 0x0201_4b50 {
        return None;
    }
    let name_length = usize::from(u16_at(entry, 28)?);
    let extra_length = usize::from(u16_at(entry, 30)?);
    let comment_length = usize::from(u16_at(entry, 32)?);
    let mut compressed = u64::from(u32_at(entry, 20)?);
    let mut size = u64::from(u32_at(entry, 24)?);
    let mut header = u64::from(u32_at(entry, 42)?);
    let name = String::from_utf8_lossy(entry.get(46..46 + name_length)?).into_owned();
    let mut extra = entry.get(46 + name_length..46 + name_length + extra_length)?;
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let field = extra.get(4..4 + usize::from(length)).unwrap_or_default();
        if id == 1 {
            // zip64: only those that are all ones in the entry, in this order
            let mut place = 0;
            for value in [&mut size, &mut compressed, &mut header] {
                if *value == u64::from(u32::MAX) {
                    *value = u64_at(field, place)?;
                    place += 8;
                }
            }
        }
        extra = extra.get(4 + usize::from(length)..).unwrap_or_default();
    }
    let member = Member { name, method: u16_at(entry, 10)?, encrypted: u16_at(entry, 8)? & 1 == 1, compressed, header };
    Some((member, at + 46 + name_length + extra_length + comment_length))
}

/// Writes small archives for tests.
#[cfg(test)]
pub(crate) mod build {
    /// A zip archive of these members: name, content; stored or deflated.
    pub(crate) fn zip(members: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
        use std::io::Write as _;
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in members {
            let data = match deflate {
                true => {
                    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
                    encoder.write_all(content).unwrap();
                    encoder.finish().unwrap()
                }
                false => content.to_vec(),
            };
            let offset = out.len() as u32;
            let mut common = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            common.extend((data.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            out.extend(b"PK\x03\x04");
            out.extend(&common);
            out.extend(name.as_bytes());
            out.extend(&data);
            directory.extend(b"PK\x01\x02\x14\x00");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let start = out.len() as u32;
        out.extend(&directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend((members.len() as u16).to_le_bytes());
        out.extend((members.len() as u16).to_le_bytes());
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend([0, 0]);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { members: 10, member_size: 1000 };

    #[test]
    fn members() {
        for deflate in [false, true] {
            let mut bytes = b"#!/bin/sh\n".to_vec();
            let archive = build::zip(&[("a/b", b"hello"), ("c", b"")], deflate);
            bytes.extend(&archive);
            for bytes in [&archive, &bytes] {
                let archive = Archive::open(bytes, LIMITS).unwrap();
                assert_eq!(archive.members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a/b", "c"]);
                let mut budget = 100;
                assert_eq!(archive.read(&archive.members[0], &mut budget).unwrap(), b"hello");
                assert_eq!(budget, 95);
            }
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(Archive::open(b"no zip", LIMITS).err(), Some(ZipError::NoEnd));
        let bomb = build::zip(&[("zeros", &[0; 100_000])], true);
        let archive = Archive::open(&bomb, LIMITS).unwrap();
        assert_eq!(archive.read(&archive.members[0], &mut 5000), Err(ZipError::Size(0)));
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let many = build::zip(&many, false);
        let archive = Archive::open(&many, LIMITS).unwrap();
        assert_eq!((archive.members.len(), archive.incomplete), (10, Some(ZipError::Members)));
    }

    proptest! {
        #[test]
        fn never_panics(place in 0usize..200, byte: u8, cut in 0usize..200) {
            let mut bytes = build::zip(&[("a/b", b"hello hello hello"), ("c", b"x")], true);
            let place = place % bytes.len();
            bytes[place] = byte;
            bytes.truncate(bytes.len() - cut % bytes.len());
            if let Ok(archive) = Archive::open(&bytes, LIMITS) {
                for member in &archive.members {
                    let _ = archive.read(member, &mut 1000);
                }
            }
        }
    }
}

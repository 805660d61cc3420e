//! A [`Binary`] over bytes that are all there, for tests.

use std::borrow::Cow;

use object::{Object, ObjectSection, ObjectSegment, SegmentFlags};

use crate::{Binary, BinaryFormat};

pub(crate) struct WholeBinary<'a> {
    bytes: &'a [u8],
    file: object::File<'a>,
}

impl<'a> WholeBinary<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Option<WholeBinary<'a>> {
        let file = object::File::parse(bytes).ok()?;
        Some(WholeBinary { bytes, file })
    }
}

impl Binary for WholeBinary<'_> {
    fn format(&self) -> BinaryFormat {
        match self.file.format() {
            object::BinaryFormat::Pe => BinaryFormat::Pe,
            object::BinaryFormat::MachO => BinaryFormat::MachO,
            _ => BinaryFormat::Elf,
        }
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.file.section_by_name(name)?.data().ok().map(Cow::Borrowed)
    }

    fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        self.file.segments().find_map(|segment| {
            let data = segment.data().ok()?;
            let at = usize::try_from(address.checked_sub(segment.address())?).ok()?;
            let rest = data.get(at..).filter(|rest| !rest.is_empty())?;
            Some(Cow::Borrowed(rest.get(..len).unwrap_or(rest)))
        })
    }

    fn bytes_at(&self, offset: u64, len: u64) -> Option<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.bytes.get(start..end).map(Cow::Borrowed)
    }

    fn data_segment(&self) -> Option<(u64, u64)> {
        self.file.segments().find_map(|segment| match segment.flags() {
            SegmentFlags::Elf { p_flags, .. } if p_flags.0 & 2 == 0 => None,
            _ => Some((segment.address(), segment.data().ok()?.len() as u64)),
        })
    }
}

//! Programs and libraries, read by parts: ELF, PE and Mach-O.
//!
//! A leaf asks for a section or an address through [`Binary`](crate::Binary). Small programs are whole in memory; of a large one a single pass keeps
//! its head, its tail and what follows a mark of interest ([`Capture`]). What a leaf asks for and is not there becomes a request for a
//! second pass, so memory never grows with the size of a program.

mod capture;
mod functions;
mod layout;
mod parts;
mod sniff;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::io::Read;

use crate::{Binary, BinaryFormat, Sighting};

pub(crate) use capture::Capture;
pub(crate) use functions::FunctionTable;
#[cfg(test)]
pub(crate) use functions::build::table;
pub use parts::Parts;
pub(crate) use sniff::{HEAD, is_program};

/// Largest section that is handed to a leaf, in bytes, after decompression.
const MAX_SECTION: u64 = 64 << 20;

/// A program of which the tables could be read.
#[derive(Debug)]
pub struct Image<'a> {
    parts: &'a Parts,
    layout: layout::Layout,
    sightings: Vec<Sighting>,
}

impl<'a> Image<'a> {
    /// Reads the tables. `None`: no program that we know, or its tables are not at hand ([`Parts::missing`] then says which).
    pub fn read(parts: &'a Parts) -> Option<Image<'a>> {
        Some(Image { parts, layout: layout::Layout::read(parts)?, sightings: Vec::new() })
    }

    /// With what was recognised while the program streamed by.
    pub(crate) fn seen(self, sightings: Vec<Sighting>) -> Image<'a> {
        Image { sightings, ..self }
    }
}

impl Binary for Image<'_> {
    fn format(&self) -> BinaryFormat {
        self.layout.format
    }

    fn size(&self) -> u64 {
        self.parts.size()
    }

    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let section = self.layout.sections.iter().find(|section| section.name == name)?;
        if section.opaque || section.size > MAX_SECTION {
            return None;
        }
        let bytes = self.parts.get(section.offset, section.size)?;
        if !section.zlib {
            return Some(Cow::Borrowed(bytes));
        }
        let mut plain = Vec::new();
        // The declared size is not believed: inflating stops one byte behind the limit.
        flate2::read::ZlibDecoder::new(bytes).take(MAX_SECTION + 1).read_to_end(&mut plain).ok()?;
        (plain.len() as u64 <= MAX_SECTION).then_some(Cow::Owned(plain))
    }

    fn has_section(&self, name: &str) -> bool {
        self.layout.sections.iter().any(|section| section.name == name)
    }

    fn refuses_section(&self, name: &str) -> Option<&'static str> {
        let section = self.layout.sections.iter().find(|section| section.name == name)?;
        if section.opaque {
            return Some("is compressed in a way that is not read");
        }
        if section.size > MAX_SECTION {
            return Some("is larger than 64 MiB");
        }
        // Not at hand is no refusal: a second pass brings it.
        self.parts.get(section.offset, section.size)?;
        self.section(name).is_none().then_some("is broken, or unpacks to more than 64 MiB")
    }

    fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        self.layout.segments.iter().find_map(|segment| {
            let skip = address.checked_sub(segment.address)?;
            let rest = segment.size.checked_sub(skip).filter(|rest| *rest > 0)?;
            let offset = segment.offset.checked_add(skip)?;
            let rest = rest.min(self.parts.size().checked_sub(offset)?);
            self.parts.get(offset, rest.min(len as u64)).map(Cow::Borrowed)
        })
    }

    fn bytes_at(&self, offset: u64, len: u64) -> Option<Cow<'_, [u8]>> {
        self.parts.get(offset, len).map(Cow::Borrowed)
    }

    fn data_segment(&self) -> Option<(u64, u64)> {
        let segment = self.layout.segments.iter().find(|segment| segment.writable && segment.size > 0)?;
        Some((segment.address, segment.size))
    }

    fn functions(&self) -> Option<Cow<'_, [u8]>> {
        let named = self.layout.sections.iter().find(|section| functions::SECTIONS.contains(&section.name.as_str()));
        let found = match named {
            Some(section) if section.zlib || section.opaque => None,
            Some(section) => {
                let rest = self.parts.rest(section.offset)?;
                rest.get(..usize::try_from(section.size).ok()?.min(rest.len()))
            }
            // The Windows linker gives it no section of its own.
            None => self.parts.all().find_map(|(start, bytes)| functions::find(start, bytes)),
        };
        found.map(Cow::Borrowed)
    }

    fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }
}

//! Where the sections and segments of a program lie.

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{Endianness, FileKind, Object, ObjectSection, ObjectSegment};

use super::parts::{Parts, Window};
use crate::BinaryFormat;

/// More sections or segments than any linker writes; what lies behind is not looked at.
const MAX_SECTIONS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// The content is compressed with zlib (`SHF_COMPRESSED`), after a header that `offset` is already behind.
    pub(super) zlib: bool,
    /// Compressed in a way that we do not read.
    pub(super) opaque: bool,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) writable: bool,
}

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) format: BinaryFormat,
    pub(super) sections: Vec<Section>,
    pub(super) segments: Vec<Segment>,
}

impl Layout {
    /// Reads the tables of the program. `None` when the bytes are none, or its tables are not at hand (`Parts::missing` then says which).
    pub(super) fn read(parts: &Parts) -> Option<Layout> {
        let window = Window { parts, base: 0, len: parts.size() };
        let kind = FileKind::parse(window).ok()?;
        let (window, kind) = match kind {
            FileKind::MachOFat32 => first_of(window, MachOFatFile32::parse(window).ok()?.arches())?,
            FileKind::MachOFat64 => first_of(window, MachOFatFile64::parse(window).ok()?.arches())?,
            _ => (window, kind),
        };
        match kind {
            FileKind::Elf32 => elf::<object::elf::FileHeader32<Endianness>>(window),
            FileKind::Elf64 => elf::<object::elf::FileHeader64<Endianness>>(window),
            FileKind::MachO32 | FileKind::MachO64 => other(window, BinaryFormat::MachO),
            FileKind::Pe32 | FileKind::Pe64 => other(window, BinaryFormat::Pe),
            _ => None,
        }
    }
}

/// The program for the first processor of a Mach-O file for several: all are built from the same sources.
fn first_of<'a, A: FatArch>(window: Window<'a>, arches: &[A]) -> Option<(Window<'a>, FileKind)> {
    let (base, len) = arches.first()?.file_range();
    base.checked_add(len).filter(|end| *end <= window.len)?;
    let inner = Window { base, len, ..window };
    Some((inner, FileKind::parse(inner).ok()?))
}

/// ELF by its tables alone: symbol tables are large, often far away, and say nothing that we ask.
fn elf<'a, H: FileHeader<Endian = Endianness>>(window: Window<'a>) -> Option<Layout> {
    let header = H::parse(window).ok()?;
    let endian = header.endian().ok()?;
    let mut layout = Layout { format: BinaryFormat::Elf, sections: Vec::new(), segments: Vec::new() };
    for segment in header.program_headers(endian, window).unwrap_or_default().iter().take(MAX_SECTIONS) {
        if segment.p_type(endian) != elf::PT_LOAD {
            continue;
        }
        let flags = segment.p_flags(endian);
        layout.segments.push(Segment {
            address: segment.p_vaddr(endian).into(),
            offset: segment.p_offset(endian).into(),
            size: segment.p_filesz(endian).into(),
            writable: flags.contains(elf::PF_W) && !flags.contains(elf::PF_X),
        });
    }
    // A program without a table of sections runs all the same: its segments are enough for some readers.
    let Ok(sections) = header.sections(endian, window) else { return Some(layout) };
    for section in sections.iter().take(MAX_SECTIONS) {
        let Some((offset, size)) = section.file_range(endian) else { continue };
        let Ok(name) = sections.section_name(endian, section) else { continue };
        let mut entry =
            Section { name: String::from_utf8_lossy(name).into_owned(), offset, size, zlib: false, opaque: false };
        match section.compression(endian, window) {
            Ok(None) => {}
            Ok(Some((header, offset, size))) => {
                use object::read::elf::CompressionHeader;
                entry.zlib = header.ch_type(endian) == elf::ELFCOMPRESS_ZLIB;
                entry.opaque = !entry.zlib;
                (entry.offset, entry.size) = (offset, size);
            }
            Err(_) => entry.opaque = true,
        }
        layout.sections.push(entry);
    }
    Some(layout)
}

/// PE and Mach-O through the common view.
fn other<'a>(window: Window<'a>, format: BinaryFormat) -> Option<Layout> {
    let file = object::File::parse(window).ok()?;
    let mut layout = Layout { format, sections: Vec::new(), segments: Vec::new() };
    for segment in file.segments().take(MAX_SECTIONS) {
        let (offset, size) = segment.file_range();
        let permissions = segment.permissions();
        layout.segments.push(Segment {
            address: segment.address(),
            offset: window.base.saturating_add(offset),
            size,
            writable: permissions.writable() && !permissions.executable(),
        });
    }
    for section in file.sections().take(MAX_SECTIONS) {
        let (Ok(name), Some((offset, size))) = (section.name(), section.file_range()) else { continue };
        let offset = window.base.saturating_add(offset);
        layout.sections.push(Section { name: name.to_owned(), offset, size, zlib: false, opaque: false });
    }
    Some(layout)
}

use std::io::Write as _;

use super::*;

const MARK: &[u8] = b"\xff Go buildinf:";

/// A 64-bit little-endian ELF program: a read-only and a writable segment, and sections `.text`, `.data` (at address 0x2000), `.note` (zlib).
pub(crate) fn elf(data: &[u8], gap: usize) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"plain text").unwrap();
    let packed = packed.finish().unwrap();
    let note = [&1u32.to_le_bytes()[..], &[0; 4], &10u64.to_le_bytes(), &1u64.to_le_bytes(), &packed].concat();
    let names = b"\0.text\0.data\0.note\0.shstrtab\0";
    let (data_at, text_at) = (4096u64, 176u64);
    let note_at = data_at + data.len() as u64 + gap as u64;
    let names_at = note_at + note.len() as u64;
    let table_at = (names_at + names.len() as u64).next_multiple_of(8);

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2);
    half(&mut file, 62);
    file.extend(1u32.to_le_bytes());
    [0x1000, 64, table_at].into_iter().for_each(|value| long(&mut file, value));
    file.extend(0u32.to_le_bytes());
    [64, 56, 2, 64, 5, 4].into_iter().for_each(|value| half(&mut file, value));
    for (flags, offset, address, size) in [(5u32, 0, 0x1000, 200u64), (6, data_at, 0x2000, data.len() as u64)] {
        file.extend([1u32.to_le_bytes(), flags.to_le_bytes()].concat());
        [offset, address, address, size, size, 16].into_iter().for_each(|value| long(&mut file, value));
    }
    file.resize(data_at as usize, 0x90);
    file.extend(data);
    file.resize(note_at as usize, 0);
    file.extend(&note);
    file.extend(names);
    file.resize(table_at as usize, 0);
    let compressed = 0x800;
    for (name, kind, flags, offset, size) in [
        (0u32, 0u32, 0u64, 0, 0),
        (1, 1, 0, text_at, 24),
        (7, 1, 3, data_at, data.len() as u64),
        (13, 1, compressed, note_at, note.len() as u64),
        (19, 3, 0, names_at, names.len() as u64),
    ] {
        file.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
        [flags, 0, offset, size, 0, 1, 0].into_iter().for_each(|value| long(&mut file, value));
    }
    file
}

#[test]
fn sections_and_addresses_of_a_whole_program() {
    let parts = Parts::whole(elf(b"some data", 0));
    let image = Image::read(&parts).unwrap();
    assert_eq!((image.format(), image.size()), (BinaryFormat::Elf, parts.size()));
    assert_eq!(image.section(".data").as_deref(), Some(&b"some data"[..]));
    assert_eq!(image.section(".note").as_deref(), Some(&b"plain text"[..]));
    assert_eq!(image.section(".missing"), None);
    assert_eq!(image.data_segment(), Some((0x2000, 9)));
    assert_eq!(image.at_address(0x2005, 100).as_deref(), Some(&b"data"[..]));
    assert_eq!(image.at_address(0x2009, 1), None);
    assert_eq!(image.at_address(0x5000, 1), None);
    assert_eq!(parts.missing(), []);
}

#[test]
fn a_section_that_cannot_be_read_is_refused_and_not_absent() {
    let section = |opaque, zlib, size| layout::Section { name: ".dep-v0".to_owned(), offset: 0, size, zlib, opaque };
    let parts = Parts::whole(b"no zlib at all".to_vec());
    let refused = |section| {
        let layout = layout::Layout { format: BinaryFormat::Elf, sections: vec![section], segments: Vec::new() };
        let image = Image { parts: &parts, layout, sightings: Vec::new() };
        assert_eq!((image.section(".dep-v0"), image.refuses_section(".other")), (None, None));
        image.refuses_section(".dep-v0").unwrap()
    };
    assert!(refused(section(true, false, 4)).contains("compressed"), "zstd, or a broken header");
    assert!(refused(section(false, false, MAX_SECTION + 1)).contains("64 MiB"));
    assert!(refused(section(false, true, 8)).contains("broken"));
}

/// A capture of `file` in blocks of this size.
fn capture(file: &[u8], block: usize, wanted: &[std::ops::Range<u64>]) -> Parts {
    let mut capture = Capture::new(wanted, 1 << 20);
    file.chunks(block).for_each(|block| capture.push(block));
    capture.finish()
}

#[test]
fn a_large_program_is_read_by_parts() {
    // 5 MiB of data: the mark lies where neither head nor tail reach.
    let mut data = vec![7; 5 << 20];
    let at = 2 << 20;
    data[at..at + MARK.len()].copy_from_slice(MARK);
    let file = elf(&data, 0);
    for block in [1 << 16, 4099, 1 << 20] {
        let parts = capture(&file, block, &[]);
        let image = Image::read(&parts).unwrap();
        assert_eq!(
            image.section(".note").as_deref(),
            Some(&b"plain text"[..]),
            "tables and small sections are at the end"
        );
        let found = image.at_address(0x2000 + at as u64, 64).unwrap();
        assert!(found.starts_with(MARK) && found.len() == 64);
        assert_eq!(parts.missing(), []);
        assert_eq!(image.section(".data"), None);
        let missing = parts.missing();
        assert_eq!(missing, vec![4096..4096 + data.len() as u64; 1]);
    }
    // The start of the data is kept, wherever it lies.
    let parts = capture(&file, 4099, &[]);
    let image = Image::read(&parts).unwrap();
    let (address, _) = image.data_segment().unwrap();
    assert!(image.at_address(address, 4 << 20).is_some() && parts.missing().is_empty());

    let far = 4096 + (3 << 20) as u64;
    let parts = capture(&file, 4099, std::slice::from_ref(&(far..far + 100)));
    let image = Image::read(&parts).unwrap();
    assert_eq!(image.at_address(0x2000 + (3 << 20), 100).map(|bytes| bytes.len()), Some(100));
}

#[test]
fn a_mark_across_blocks_is_found() {
    let mut file = vec![1; 4 << 20];
    let at = 2 << 20;
    file[at..at + MARK.len()].copy_from_slice(MARK);
    for block in [1, 3, 13, 14, at + 5] {
        // Single bytes over four million are slow without optimisation: the interesting part is enough.
        let start = if block < 14 { at - 160 } else { 0 };
        let mut capture = Capture::new(&[], 0);
        capture.push(&file[..start]);
        file[start..at + 200].chunks(block).for_each(|block| capture.push(block));
        capture.push(&file[at + 200..]);
        let parts = capture.finish();
        assert!(parts.get(at as u64, 100).is_some_and(|bytes| bytes.starts_with(MARK)), "blocks of {block}");
        assert_eq!(parts.size(), file.len() as u64);
    }
}

#[test]
fn first_bytes() {
    let mut pe = vec![0; 256];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x80;
    let mut windows = pe.clone();
    windows[0x80..0x84].copy_from_slice(b"PE\0\0");
    let elf = |kind: u8| [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".as_slice(), &[kind, 0, 62, 0]].concat();
    for (head, is) in [
        (elf(2), true),
        (elf(3), true),
        (elf(1), false),
        (elf(4), false),
        (windows, true),
        (pe, false),
        (b"\xcf\xfa\xed\xfe".to_vec(), true),
        (b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec(), true),
        (b"\xca\xfe\xba\xbe\0\0\0\x41".to_vec(), false),
        (b"#!/bin/sh".to_vec(), false),
        // a file that ends inside its header is told as cut
        (b"\x7fELF".to_vec(), true),
        (Vec::new(), false),
    ] {
        assert_eq!(is_program(&head, 1 << 20), is, "{head:?}");
    }
}

proptest::proptest! {
    #[test]
    fn damaged_programs_are_read_without_a_panic(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let mut file = elf(b"some data", 0);
        let at = at.index(file.len());
        file[at] = byte;
        for len in [file.len(), cut.index(file.len())] {
            let parts = Parts::whole(file[..len].to_vec());
            is_program(&file[..len], len as u64);
            if let Some(image) = Image::read(&parts) {
                for name in [".text", ".data", ".note", ""] {
                    proptest::prop_assert!(image.section(name).is_none_or(|section| section.len() as u64 <= MAX_SECTION));
                }
                image.data_segment().map(|(address, size)| image.at_address(address, size as usize));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, magic in 0..6usize) {
        let magics: [&[u8]; 6] = [b"", b"\x7fELF\x01\x02\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x01", b"\xce\xfa\xed\xfe"];
        let parts = Parts::whole([magics[magic], &bytes].concat());
        Image::read(&parts);
    }
}

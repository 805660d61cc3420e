//! What a Windows program or a .NET assembly says of itself: its headers and its version resource.

use std::collections::BTreeMap;

use crate::Binary;

/// Headers lie within so many first bytes.
const HEADERS: u64 = 64 << 10;

/// Of the tree of resources so many bytes are read, and so many of the version resource; both have some kilobytes.
const TREE: u64 = 256 << 10;
const VERSION: u64 = 64 << 10;

/// Places in the table of directories. Source: Microsoft, "PE Format", "Optional Header Data Directories".
const RESOURCES: usize = 2;
const CLR: usize = 14;

/// Type of the version resource. Source: Microsoft, "Resource Types", `RT_VERSION`.
const RT_VERSION: u32 = 16;

/// The headers of a PE file, as far as they are of interest.
#[derive(Debug)]
pub(super) struct Headers {
    directories: [(u32, u32); 16],
    /// Address, size in memory, offset, size in the file.
    sections: Vec<[u32; 4]>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

impl Headers {
    /// Reads the headers. `None`: they are not as they should be, or not at hand.
    pub(super) fn read(binary: &dyn Binary) -> Option<Headers> {
        let head = binary.bytes_at(0, HEADERS.min(binary.size()))?;
        let coff = usize::try_from(u32_at(&head, 0x3c)?).ok()?.checked_add(4)?;
        let count = usize::from(u16_at(&head, coff.checked_add(2)?)?);
        let optional_size = usize::from(u16_at(&head, coff.checked_add(16)?)?);
        let optional = coff.checked_add(20)?;
        let table = optional.checked_add(match u16_at(&head, optional)? {
            0x10b => 96,
            0x20b => 112,
            _ => return None,
        })?;
        let mut directories = [(0, 0); 16];
        let stated = usize::try_from(u32_at(&head, table.checked_sub(4)?)?).ok()?;
        for (place, directory) in directories.iter_mut().enumerate().take(stated) {
            let at = table.checked_add(place * 8)?;
            *directory = (u32_at(&head, at)?, u32_at(&head, at.checked_add(4)?)?);
        }
        let first = optional.checked_add(optional_size)?;
        let section = |place: usize| {
            let at = first.checked_add(place * 40)?;
            let field = |offset: usize| u32_at(&head, at.checked_add(offset)?);
            Some([field(12)?, field(8)?, field(20)?, field(16)?])
        };
        // Windows loads at most 96
        let sections = (0..count.min(96)).map_while(section).collect();
        Some(Headers { directories, sections })
    }

    /// Whether it is code of .NET: it has a header for the runtime.
    pub(super) fn is_managed(&self) -> bool {
        self.directories.get(CLR).is_some_and(|(address, size)| *address != 0 && *size != 0)
    }

    /// Where an address lies in the file, and how many bytes of its section follow.
    fn place(&self, address: u32) -> Option<(u64, u64)> {
        self.sections.iter().find_map(|[start, memory, offset, size]| {
            let skip = address.checked_sub(*start)?;
            let inside = skip < (*memory).max(*size) && skip < *size;
            inside.then(|| (u64::from(*offset) + u64::from(skip), u64::from(size - skip)))
        })
    }

    /// The texts of the version resource by name, of its first language; empty without one.
    pub(super) fn version_texts(&self, binary: &dyn Binary) -> BTreeMap<String, String> {
        self.version_resource(binary).map(|bytes| texts(&bytes)).unwrap_or_default()
    }

    /// Walks the tree: type, name, language, then the place of the data. Each level is a table of 16 bytes and entries of 8.
    fn version_resource(&self, binary: &dyn Binary) -> Option<Vec<u8>> {
        let (root, _) = self.directories.get(RESOURCES).copied().filter(|(address, _)| *address != 0)?;
        let (offset, rest) = self.place(root)?;
        let rest = rest.min(TREE).min(binary.size().checked_sub(offset)?);
        let tree = binary.bytes_at(offset, rest)?;
        let entry = |table: usize, wanted: Option<u32>| {
            let counts = [u16_at(&tree, table.checked_add(12)?)?, u16_at(&tree, table.checked_add(14)?)?];
            let count = usize::from(counts[0]) + usize::from(counts[1]);
            (0..count).find_map(|place| {
                let at = table.checked_add(16)?.checked_add(place * 8)?;
                let (id, to) = (u32_at(&tree, at)?, u32_at(&tree, at.checked_add(4)?)?);
                wanted.is_none_or(|wanted| wanted == id).then_some(to)
            })
        };
        // the highest bit says that a further table follows
        let below = |to: u32| (to & 0x8000_0000 != 0).then(|| usize::try_from(to & 0x7fff_ffff).ok()).flatten();
        let names = below(entry(0, Some(RT_VERSION))?)?;
        let languages = below(entry(names, None)?)?;
        let data = usize::try_from(entry(languages, None)?).ok()?;
        let (address, size) = (u32_at(&tree, data)?, u32_at(&tree, data.checked_add(4)?)?);
        let (offset, rest) = self.place(address)?;
        let size = u64::from(size).min(VERSION).min(rest).min(binary.size().checked_sub(offset)?);
        binary.bytes_at(offset, size).map(|bytes| bytes.into_owned())
    }
}

/// A node of the version resource. Source: Microsoft, `VS_VERSIONINFO`.
struct Block<'a> {
    key: String,
    value: &'a [u8],
    children: &'a [u8],
    /// Bytes until the next one.
    length: usize,
}

fn aligned(at: usize) -> usize {
    at.saturating_add(3) & !3
}

fn wide(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn text_of(units: impl Iterator<Item = u16>) -> String {
    let units = units.take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Length, length of the value (in characters where it is a text), whether it is a text, the key with a zero at its end; value and children
/// begin at multiples of four.
fn block(bytes: &[u8]) -> Option<Block<'_>> {
    let length = usize::from(u16_at(bytes, 0)?);
    let bytes = bytes.get(..length.min(bytes.len()))?;
    let (size, text) = (usize::from(u16_at(bytes, 2)?), u16_at(bytes, 4)? == 1);
    let key = bytes.get(6..)?;
    let end = wide(key).position(|unit| unit == 0)?;
    let start = aligned(6 + (end + 1) * 2);
    let size = if text { size * 2 } else { size };
    let rest = bytes.get(start..).unwrap_or_default();
    let value = rest.get(..size).unwrap_or(rest);
    let children = bytes.get(aligned(start + value.len())..).unwrap_or_default();
    Some(Block { key: text_of(wide(key)), value, children, length })
}

/// The blocks that follow each other.
fn blocks(mut bytes: &[u8]) -> impl Iterator<Item = Block<'_>> {
    std::iter::from_fn(move || {
        let block = block(bytes).filter(|block| block.length > 6)?;
        bytes = bytes.get(aligned(block.length)..).unwrap_or_default();
        Some(block)
    })
}

/// Names and texts of the first table.
fn texts(resource: &[u8]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let Some(root) = block(resource) else { return texts };
    let tables = blocks(root.children).filter(|block| block.key == "StringFileInfo");
    for table in tables.flat_map(|info| blocks(info.children)).take(1) {
        for entry in blocks(table.children).take(256) {
            let value = text_of(wide(entry.value)).trim().to_owned();
            if !entry.key.is_empty() && !value.is_empty() {
                texts.entry(entry.key).or_insert(value);
            }
        }
    }
    texts
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Image, Parts};

    fn node(key: &str, value: &[u8], text: bool, children: &[Vec<u8>]) -> Vec<u8> {
        let mut out = vec![0; 6];
        out.extend(key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        out.resize(aligned(out.len()), 0);
        out.extend(value);
        for child in children {
            out.resize(aligned(out.len()), 0);
            out.extend(child);
        }
        let size = if text { value.len() / 2 } else { value.len() };
        let fields = [out.len() as u16, size as u16, u16::from(text)];
        for (at, field) in fields.iter().enumerate() {
            out[at * 2..at * 2 + 2].copy_from_slice(&field.to_le_bytes());
        }
        out
    }

    /// A version resource with these texts.
    fn resource(texts: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(key, value): &(&str, &str)| {
            let value: Vec<u8> = value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            node(key, &value, true, &[])
        };
        let table = node("000004b0", &[], true, &texts.iter().map(entry).collect::<Vec<_>>());
        let info = node("StringFileInfo", &[], true, &[table]);
        let var = node("VarFileInfo", &[], true, &[node("Translation", &[0, 0, 0xb0, 4], false, &[])]);
        node("VS_VERSION_INFO", &[0; 52], false, &[var, info])
    }

    /// The smallest PE file with one section, which holds the resource.
    pub(in crate::dotnet) fn assembly(managed: bool, texts: &[(&str, &str)]) -> Vec<u8> {
        let mut tree = Vec::new();
        for (id, to) in [(RT_VERSION, 0x8000_0018u32), (1, 0x8000_0030), (0, 0x48)] {
            tree.extend([0; 14]);
            tree.extend(1u16.to_le_bytes());
            tree.extend(id.to_le_bytes());
            tree.extend(to.to_le_bytes());
        }
        let data = resource(texts);
        tree.extend(0x2058u32.to_le_bytes());
        tree.extend((data.len() as u32).to_le_bytes());
        tree.extend([0; 8]);
        tree.extend(data);
        let mut out = vec![0; 0x200];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x80u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x84, &0x14cu16.to_le_bytes());
        put(0x86, &1u16.to_le_bytes());
        put(0x94, &224u16.to_le_bytes());
        put(0x96, &0x2102u16.to_le_bytes());
        put(0x98, &0x10bu16.to_le_bytes());
        put(0x98 + 28, &0x40_0000u32.to_le_bytes());
        put(0x98 + 92, &16u32.to_le_bytes());
        put(0x98 + 96 + RESOURCES * 8, &0x2000u32.to_le_bytes());
        put(0x98 + 96 + RESOURCES * 8 + 4, &(tree.len() as u32).to_le_bytes());
        if managed {
            put(0x98 + 96 + CLR * 8, &0x2000u32.to_le_bytes());
            put(0x98 + 96 + CLR * 8 + 4, &72u32.to_le_bytes());
        }
        let section = 0x98 + 224;
        put(section, b".rsrc");
        for (at, field) in [(8, tree.len() as u32), (12, 0x2000), (16, tree.len() as u32), (20, 0x200)] {
            put(section + at, &field.to_le_bytes());
        }
        out.extend(tree);
        out
    }

    fn read(bytes: Vec<u8>) -> Option<(bool, BTreeMap<String, String>)> {
        let parts = Parts::whole(bytes);
        let image = Image::read(&parts)?;
        let headers = Headers::read(&image)?;
        Some((headers.is_managed(), headers.version_texts(&image)))
    }

    const TEXTS: &[(&str, &str)] = &[("InternalName", "Ex.dll"), ("ProductVersion", "1.2.3+abc"), ("Empty", "")];

    #[test]
    fn version_resource() {
        let (managed, texts) = read(assembly(true, TEXTS)).unwrap();
        assert!(managed);
        assert_eq!(
            texts.into_iter().collect::<Vec<_>>(),
            [("InternalName".to_owned(), "Ex.dll".to_owned()), ("ProductVersion".to_owned(), "1.2.3+abc".to_owned()),]
        );
        assert!(!read(assembly(false, TEXTS)).unwrap().0);
    }

    proptest! {
        #[test]
        fn broken_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
            let bytes = crate::syntax::testing::mutate(&assembly(true, TEXTS), place, byte, cut, keep);
            if let Some((_, texts)) = read(bytes) {
                prop_assert!(texts.len() <= 256);
            }
        }

        #[test]
        fn random_resources_never_panic(bytes: Vec<u8>) {
            prop_assert!(texts(&bytes).len() <= 256);
        }
    }
}

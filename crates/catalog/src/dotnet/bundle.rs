//! Single-file programs: the manifest of an application that was published into its own host.

use signet_model::UnexaminedKind;

use super::deps_json;
use crate::{Binary, BinaryFormat, Claim, Found, Input, Leaf, any_path};

/// Reads single-file programs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dotnet-bundle",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read,
    coverage: super::COVERAGE,
};

/// SHA-256 of `.net core bundle`; the eight bytes before it are the offset of the bundle's header.
/// Source: dotnet/runtime:src/installer/managed/Microsoft.NET.HostModel/AppHost/HostWriter.cs.
const SIGNATURE: [u8; 32] = [
    0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32, 0x13, 0xf5, 0xb9,
    0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae,
];

/// So much of the writable data is searched: what the reader of Go programs asks for, too, so that no program is passed over twice for this.
const SEARCH: u64 = 4 << 20;

/// Bytes of the header with its list of files; a list of a thousand files has about 64 KiB.
const HEADER: u64 = 1 << 20;

/// Largest manifest that is read.
const MANIFEST: u64 = 32 << 20;

/// Reads a program.
///
/// A host that was not made into a bundle has an offset of zero, and its manifest beside it. Errors: a header or manifest that does not lie
/// in the file, or is larger than 32 MiB; a bundle without manifest.
fn read(input: &Input<'_>) -> Found {
    let Some(binary) = input.binary else { return Found::default() };
    let Some(header) = header_offset(binary) else { return Found::default() };
    let malformed = |why: &str| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    if header >= binary.size() {
        return malformed("the header of the .NET bundle lies outside of the file");
    }
    let rest = (binary.size() - header).min(HEADER);
    // Not at hand is no error: the next pass brings it.
    let Some(bytes) = binary.bytes_at(header, rest) else { return Found::default() };
    let Some(place) = manifest_place(&bytes) else {
        return malformed("the header of the .NET bundle cannot be read");
    };
    let Some((offset, size)) = place else {
        let why = "the .NET bundle has no manifest of its dependencies";
        return Found::unexamined(input.unexamined(UnexaminedKind::Missing, why));
    };
    if size > MANIFEST {
        let why = format!("the manifest of the .NET bundle has {size} bytes; at most {MANIFEST} are read");
        return Found::unexamined(input.unexamined(UnexaminedKind::TooLarge, why));
    }
    if offset.checked_add(size).is_none_or(|end| end > binary.size()) {
        return malformed("the manifest of the .NET bundle lies outside of the file");
    }
    match binary.bytes_at(offset, size) {
        Some(text) => deps_json::read_text(input, &crate::syntax::text(&text)),
        None => Found::default(),
    }
}

/// The offset of the header; `None` for what is no bundle.
fn header_offset(binary: &dyn Binary) -> Option<u64> {
    let data = match binary.format() {
        // The first writable segment holds constants there.
        BinaryFormat::MachO => binary.section("__data")?,
        _ => {
            let (address, size) = binary.data_segment()?;
            binary.at_address(address, usize::try_from(size.min(SEARCH)).ok()?)?
        }
    };
    let at = memchr::memmem::find(&data, &SIGNATURE)?;
    let offset = data.get(at.checked_sub(8)?..at)?;
    Some(u64::from_le_bytes(offset.try_into().ok()?)).filter(|offset| *offset != 0)
}

/// Where the manifest lies: offset and size. `Some(None)`: the bundle has none; `None`: the header breaks off.
///
/// Shape: major and minor version, number of files (32 bits each), the bundle's name (length in groups of seven bits, then that many bytes);
/// from version 2 on offset and size of the manifest and of the runtime's configuration (64 bits each) and flags. Then, for each file: offset
/// and size, from version 6 on the compressed size, a type, its path. In version 1 the manifest has type 2, later 3.
/// Source: dotnet/runtime:src/installer/managed/Microsoft.NET.HostModel/Bundle/{Manifest,FileEntry,FileType}.cs.
fn manifest_place(bytes: &[u8]) -> Option<Option<(u64, u64)>> {
    let mut reader = Reader { bytes, at: 0 };
    let major = reader.u32()?;
    reader.u32()?;
    let count = reader.u32()?;
    reader.skip_text()?;
    if major >= 2 {
        let (offset, size) = (reader.u64()?, reader.u64()?);
        if offset != 0 && size != 0 {
            return Some(Some((offset, size)));
        }
        for _ in 0..3 {
            reader.u64()?;
        }
    }
    let wanted = if major >= 2 { 3 } else { 2 };
    for _ in 0..count {
        let (offset, size) = (reader.u64()?, reader.u64()?);
        if major >= 6 {
            reader.u64()?;
        }
        let kind = reader.byte()?;
        reader.skip_text()?;
        if kind == wanted && size != 0 {
            return Some(Some((offset, size)));
        }
    }
    Some(None)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let end = self.at.checked_add(N)?;
        let taken = self.bytes.get(self.at..end)?.try_into().ok()?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn skip_text(&mut self) -> Option<()> {
        let mut length = 0usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.at = self.at.checked_add(length).filter(|at| *at <= self.bytes.len())?;
                return Some(());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;
    use signet_model::Location;

    use super::*;
    use crate::syntax::testing::rows;

    /// A program of which the whole file is its data.
    struct Program(Vec<u8>);

    impl Binary for Program {
        fn format(&self) -> BinaryFormat {
            BinaryFormat::Elf
        }

        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn section(&self, _: &str) -> Option<Cow<'_, [u8]>> {
            None
        }

        fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>> {
            self.bytes_at(address, len as u64)
        }

        fn data_segment(&self) -> Option<(u64, u64)> {
            Some((0, self.size()))
        }

        fn bytes_at(&self, offset: u64, len: u64) -> Option<Cow<'_, [u8]>> {
            let start = usize::try_from(offset).ok()?;
            self.0.get(start..start.checked_add(usize::try_from(len).ok()?)?).map(Cow::Borrowed)
        }
    }

    const DEPS: &[u8] = br#"{"runtimeTarget": {"name": "t"}, "targets": {"t": {"A/1.0.0": {"dependencies": {"B": "2.0.0"}, "runtime": {"A.dll": {}}},
        "B/2.0.0": {"runtime": {"lib/B.dll": {}}}}}, "libraries": {"A/1.0.0": {"type": "project"}, "B/2.0.0": {"type": "package"}}}"#;

    fn bundle(major: u32, in_header: bool) -> Vec<u8> {
        let mut out = b"\x7fELF".to_vec();
        let header = (4 + 8 + 32 + DEPS.len()) as u64;
        out.extend(header.to_le_bytes());
        out.extend(SIGNATURE);
        let place = out.len() as u64;
        out.extend(DEPS);
        for field in [major, 0, 1] {
            out.extend(field.to_le_bytes());
        }
        out.extend(b"\x03abc");
        if major >= 2 {
            let stated = if in_header { [place, DEPS.len() as u64] } else { [0, 0] };
            for field in stated.into_iter().chain([0; 3]) {
                out.extend(field.to_le_bytes());
            }
        }
        out.extend(place.to_le_bytes());
        out.extend((DEPS.len() as u64).to_le_bytes());
        if major >= 6 {
            out.extend([0; 8]);
        }
        out.push(if major >= 2 { 3 } else { 2 });
        out.extend(b"\x0bA.deps.json");
        out
    }

    fn read_rows(bytes: Vec<u8>) -> Vec<String> {
        let (location, program) = (Location::of_path("app/A"), Program(bytes));
        rows(&read(&Input { location: &location, bytes: &[], binary: Some(&program), leaf: LEAF.id }))
    }

    #[test]
    fn bundles() {
        for (major, in_header) in [(1, false), (2, true), (6, true), (6, false)] {
            assert_eq!(read_rows(bundle(major, in_header)), ["A@1.0.0 root -> B@2.0.0", "B@2.0.0 direct"], "{major}");
        }
        assert!(read_rows(b"\x7fELF".to_vec()).is_empty());
        let mut host = bundle(6, true);
        host[4..12].fill(0);
        assert!(read_rows(host.clone()).is_empty());
        host[4..12].fill(0xff);
        assert_eq!(read_rows(host), ["! malformed: the header of the .NET bundle lies outside of the file"]);
        let mut cut = bundle(1, false);
        cut.truncate(cut.len() - 5);
        assert_eq!(read_rows(cut), ["! malformed: the header of the .NET bundle cannot be read"]);
    }

    proptest! {
        #[test]
        fn broken_bundles_never_panic(major in 0u32..8, header: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
            let bytes = crate::syntax::testing::mutate(&bundle(major, header), place, byte, cut, keep);
            prop_assert!(read_rows(bytes).len() < 20);
        }
    }
}

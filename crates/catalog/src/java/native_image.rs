//! Programs that GraalVM made from Java: the list of components that the compiler left inside.

use std::io::Read as _;

use signet_model::{License, Purl, UnexaminedKind};

use crate::syntax::{self, Node, json};
use crate::{Binary, BinaryFormat, Claim, Found, Input, Leaf, any_path};

/// Reads the symbol `sbom` of programs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "graalvm-native-image",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read,
    coverage: super::COVERAGE,
};

/// Bytes of the packed list, and of the unpacked one.
const PACKED: u64 = 16 << 20;
const UNPACKED: u64 = 64 << 20;

/// Entries of a table of symbols that are looked at.
const SYMBOLS: usize = 2_000_000;

/// Reads one program.
///
/// Shape: ELF of 64 bits, little-endian, with symbols `sbom` (gzip over CycloneDX JSON), `sbom_length` (eight bytes, little-endian) and
/// `__svm_version_info`, and a section `.svm_heap`. A program without these is not mentioned.
/// Errors: a length that is too large or leads out of the file, no gzip, no JSON.
/// Source: graalvm.org, reference manual of Native Image, "Software Bill of Materials"; ELF-64 object file format, "Symbol table".
fn read(input: &Input<'_>) -> Found {
    let Some(binary) = input.binary.filter(|binary| binary.format() == BinaryFormat::Elf) else {
        return Found::default();
    };
    // Only native images have their heap in a section; to look for symbols in every large program would read each layer twice.
    if !binary.has_section(".svm_heap") {
        return Found::default();
    }
    let Some([sbom, length]) = symbols(binary) else { return Found::default() };
    let refuse = |kind, why: String| Found::unexamined(input.unexamined(kind, why));
    let eight = binary.at_address(length, 8).and_then(|bytes| <[u8; 8]>::try_from(&*bytes).ok());
    let length = match eight.map(u64::from_le_bytes) {
        Some(length) if length <= PACKED => usize::try_from(length).unwrap_or(usize::MAX),
        Some(length) => return refuse(UnexaminedKind::TooLarge, format!("the list of components has {length} bytes")),
        None => {
            return refuse(UnexaminedKind::Malformed, "the length of the list of components is not there".to_owned());
        }
    };
    let Some(packed) = binary.at_address(sbom, length).filter(|packed| packed.len() == length) else {
        return refuse(UnexaminedKind::Malformed, "the list of components leads out of the program".to_owned());
    };
    let mut bytes = Vec::new();
    if let Err(error) = flate2::read::GzDecoder::new(&*packed).take(UNPACKED + 1).read_to_end(&mut bytes) {
        return refuse(UnexaminedKind::Malformed, format!("the list of components is no gzip: {error}"));
    }
    if bytes.len() as u64 > UNPACKED {
        return refuse(
            UnexaminedKind::TooLarge,
            format!("the list of components unpacks to more than {UNPACKED} bytes"),
        );
    }
    match json::parse(&syntax::text(&bytes)) {
        Ok(root) => components(input, &root),
        Err(error) => refuse(UnexaminedKind::Malformed, format!("the list of components is no JSON: {error}")),
    }
}

/// Addresses of the list and of its length.
fn symbols(binary: &dyn Binary) -> Option<[u64; 2]> {
    [(".dynsym", ".dynstr"), (".symtab", ".strtab")].iter().find_map(|(table, names)| {
        let names = binary.section(names)?;
        // the names decide for all other programs, without a look at the symbols
        memchr::memmem::find(&names, b"sbom_length\0")?;
        memchr::memmem::find(&names, b"__svm_version_info\0")?;
        let table = binary.section(table)?;
        let mut found = [None, None];
        for entry in table.chunks_exact(24).take(SYMBOLS) {
            let (Some(name), Some(value)) = (entry.first_chunk::<4>(), entry.get(8..16)) else { continue };
            let name =
                usize::try_from(u32::from_le_bytes(*name)).ok().and_then(|at| names.get(at..)).unwrap_or_default();
            let value = <[u8; 8]>::try_from(value).map(u64::from_le_bytes).ok().filter(|value| *value > 0);
            match name {
                name if name.starts_with(b"sbom\0") => found[0] = value,
                name if name.starts_with(b"sbom_length\0") => found[1] = value,
                _ => {}
            }
        }
        match found {
            [Some(sbom), Some(length)] => Some([sbom, length]),
            _ => None,
        }
    })
}

fn components(input: &Input<'_>, root: &Node) -> Found {
    let mut found = Found::default();
    let Some(components) = root.get("components") else {
        found
            .unexamined
            .push(input.unexamined(UnexaminedKind::Malformed, "the list of components has no `components`"));
        return found;
    };
    let own = root.get("metadata").and_then(|metadata| metadata.get("component"));
    for node in own.into_iter().chain(components.items()) {
        let get = |name: &str| node.str(name).unwrap_or_default();
        if get("name").is_empty() {
            let why = "a component without name".to_owned();
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        }
        let mut package = super::declared(input, get("group"), get("name"), get("version"), None);
        if let Some(purl) = node.str("purl").and_then(|purl| Purl::parse_lenient(purl).ok()) {
            let stated = purl.to_package();
            (package.kind, package.name) = (stated.kind, stated.name);
        }
        package.presence = signet_model::Presence::Installed;
        for license in node.get("licenses").map_or(&[][..], Node::items) {
            let inner = license.get("license");
            let value = inner.and_then(|inner| inner.str("id").or(inner.str("name"))).or(license.str("expression"));
            package.licenses.extend(value.map(|value| License { value: value.to_owned() }));
        }
        if let Some(cpe) = node.str("cpe") {
            package.cpes.push(cpe.to_owned());
        }
        found.packages.push(package);
    }
    found
}

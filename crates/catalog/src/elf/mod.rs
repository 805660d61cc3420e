//! Package notes: what the build of a distribution wrote into a program about the package that it belongs to.
//!
//! A program that was copied out of its package, without the database, still says where it came from. Where a package of the operating system
//! owns the file the note says nothing new; merging leaves it out.

#[cfg(test)]
mod tests;

use signet_model::{License, Package, PackageKind, SourcePackage, UnexaminedKind};

use crate::syntax::{self, Node, json};
use crate::{BinaryFormat, Claim, Found, Input, Leaf, any_path};

/// Reads the section `.note.package` of ELF files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "elf-note",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read,
    coverage: include_str!("coverage.yaml"),
};

const SECTION: &str = ".note.package";
const TYPE: u32 = 0xcafe_1a7e;
const OWNER: &[u8] = b"FDO\0";

/// Largest note that is read, in bytes; real ones have a few hundred.
const NOTE: usize = 64 << 10;

/// Most notes of one section that are looked at.
const NOTES: usize = 64;

/// Reads one program.
///
/// Shape: ELF notes {u32 name size, u32 value size, u32 type, name, value, each padded to 4}, of which one of the owner `FDO` and the type
/// 0xcafe1a7e holds JSON `{type, name, version, architecture?, osCpe?, appCpe?, ...}`, padded with NULs. Some tools wrote the JSON alone.
/// Errors: a section that cannot be read, a note without JSON, or without name. A program without the section is not mentioned.
/// Source: UAPI group, "Package Metadata for ELF Files".
fn read(input: &Input<'_>) -> Found {
    let Some(binary) = input.binary.filter(|binary| binary.format() == BinaryFormat::Elf) else {
        return Found::default();
    };
    let refuse = |kind, why: String| Found::unexamined(input.unexamined(kind, why));
    let Some(section) = binary.section(SECTION) else {
        return binary.refuses_section(SECTION).map_or_else(Found::default, |why| {
            refuse(UnexaminedKind::Unsupported, format!("the section {SECTION} {why}"))
        });
    };
    let Some(text) = note(&section) else {
        return refuse(UnexaminedKind::Malformed, format!("the section {SECTION} holds no package note"));
    };
    match json::parse(&syntax::text(text)) {
        Ok(root) => match package(input, &root) {
            Some(package) => Found { packages: vec![package], ..Found::default() },
            None => refuse(UnexaminedKind::Malformed, format!("the note in {SECTION} names no package")),
        },
        Err(error) => refuse(UnexaminedKind::Malformed, format!("the note in {SECTION} holds no JSON: {error}")),
    }
}

/// The JSON of the note.
fn note(section: &[u8]) -> Option<&[u8]> {
    let plain = section.trim_ascii_start();
    if plain.starts_with(b"{") {
        return Some(trimmed(plain.get(..plain.len().min(NOTE))?));
    }
    for little in [true, false] {
        let word = |at: usize| {
            let bytes: [u8; 4] = section.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
        };
        let mut at = 0usize;
        for _ in 0..NOTES {
            let (Some(name), Some(value), Some(kind)) = (word(at), word(at + 4), word(at + 8)) else { break };
            let (Ok(name), Ok(value)) = (usize::try_from(name), usize::try_from(value)) else { break };
            let Some(start) = name.checked_next_multiple_of(4).and_then(|name| name.checked_add(at + 12)) else {
                break;
            };
            let Some(end) = start.checked_add(value) else { break };
            if kind == TYPE && section.get(at + 12..at + 12 + name.min(OWNER.len())) == Some(OWNER) {
                return section.get(start..end).filter(|value| value.len() <= NOTE).map(trimmed);
            }
            let Some(next) = end.checked_next_multiple_of(4).filter(|next| *next < section.len()) else { break };
            at = next;
        }
    }
    None
}

fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    value.get(..end).unwrap_or_default()
}

fn package(input: &Input<'_>, root: &Node) -> Option<Package> {
    let text = |name: &str| root.str(name).map(str::trim).filter(|text| !text.is_empty());
    let kind = match text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "rpm" => PackageKind::Rpm,
        "deb" => PackageKind::Deb,
        "alpm" | "pacman" => PackageKind::Alpm,
        "apk" => PackageKind::Apk,
        "opkg" | "ipk" => PackageKind::Opkg,
        "ebuild" | "portage" => PackageKind::Portage,
        "nix" => PackageKind::Nix,
        "bitnami" => PackageKind::Bitnami,
        "flatpak" => PackageKind::Flatpak,
        _ => PackageKind::Binary,
    };
    let name = text("name").or_else(|| text("package"))?;
    let mut package = input.package(kind, name, text("version").unwrap_or_default());
    package.arch = text("architecture").or_else(|| text("arch")).map(str::to_owned);
    if matches!(kind, PackageKind::Rpm | PackageKind::Deb | PackageKind::Apk | PackageKind::Opkg) {
        let version = Some(package.version.clone()).filter(|version| !version.is_empty());
        package.source = Some(SourcePackage { name: name.to_owned(), version });
    }
    package.vendor = text("vendor").or_else(|| text("maintainer")).map(str::to_owned);
    package.licenses.extend(text("license").map(|value| License { value: value.to_owned() }));
    package.cpes.extend(text("appCpe").or_else(|| text("cpe")).map(str::to_owned));
    for (fact, key) in [
        ("elf.type", "type"),
        ("elf.os_cpe", "osCpe"),
        ("elf.os", "os"),
        ("elf.os_version", "osVersion"),
        ("elf.module", "moduleVersion"),
        ("elf.commit", "commit"),
        ("elf.source_repository", "sourceRepo"),
        ("elf.debug_info_url", "debugInfoUrl"),
    ] {
        if let Some(value) = text(key) {
            package.extra.insert(fact.to_owned(), value.to_owned());
        }
    }
    Some(package)
}

//! A header becomes a package.

use std::collections::BTreeSet;

use signet_model::{Checksum, ChecksumAlgorithm, License, PackageKind, SourcePackage};

use super::header::Header;
use crate::{Found, Input, Owner};

// Source: rpm, `include/rpm/rpmtag.h`.
const MD5: u32 = 261;
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SUMMARY: u32 = 1004;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
/// Whole paths, in databases older than rpm 4.
const OLD_FILE_NAMES: u32 = 1027;
const SOURCE_RPM: u32 = 1044;
const PROVIDE_NAME: u32 = 1047;
const REQUIRE_NAME: u32 = 1049;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const MODULARITY_LABEL: u32 = 5096;

/// Adds the package of a header, with its files and relations. Keys that sign packages are kept in the same database and are none.
pub(super) fn add(header: &Header<'_>, input: &Input<'_>, found: &mut Found) -> Result<(), String> {
    let name = header.string(NAME).ok_or("a package header has no name")?;
    if name == "gpg-pubkey" {
        return Ok(());
    }
    let version = header.string(VERSION).ok_or_else(|| format!("the header of `{name}` has no version"))?;
    let release = header.string(RELEASE).ok_or_else(|| format!("the header of `{name}` has no release"))?;
    let epoch = header.numbers(EPOCH).first().copied();
    let version = full_version(epoch, &format!("{version}-{release}"));
    let source_rpm = header.string(SOURCE_RPM).filter(|source| source != "(none)");

    let place = found.packages.len();
    let mut package = input.package(PackageKind::Rpm, name.as_str(), version.as_str());
    package.source = Some(source(source_rpm.as_deref(), epoch, &name, &version));
    package.arch = header.string(ARCH);
    package.vendor = header.string(VENDOR);
    package.description = header.string(SUMMARY);
    package.module = header.string(MODULARITY_LABEL);
    package.licenses = header.string(LICENSE).map(|value| License { value }).into_iter().collect();
    if let Some(sum) = header.binary(MD5).filter(|sum| sum.len() == 16) {
        package.checksums.push(Checksum::from_bytes(ChecksumAlgorithm::Md5, sum));
    }
    if let Some(source_rpm) = source_rpm {
        package.extra.insert("rpm.source".to_owned(), source_rpm);
    }
    found.packages.push(package);

    let files = files(header).map_err(|why| format!("the files of `{name}` are unknown: {why}"));
    if let Ok(files) = &files
        && !files.is_empty()
    {
        found.owns.push((Owner::Here(place), files.clone()));
    }
    // `rpmlib(...)` are features of rpm itself; `(a if b)` are conditions.
    let requires: BTreeSet<String> =
        header.strings(REQUIRE_NAME).into_iter().filter(|name| !name.starts_with(['(', '\0'])).collect();
    found.requires.extend(requires.into_iter().filter(|name| !name.starts_with("rpmlib(")).map(|name| (place, name)));
    let provides: BTreeSet<String> = header.strings(PROVIDE_NAME).into_iter().collect();
    found.provides.extend(provides.into_iter().map(|name| (place, name)));
    files.map(|_| ())
}

/// `[epoch:]version-release`. No epoch is not epoch 0 in what is shown.
pub(super) fn full_version(epoch: Option<u32>, version_release: &str) -> String {
    match epoch {
        Some(epoch) => format!("{epoch}:{version_release}"),
        None => version_release.to_owned(),
    }
}

/// The source package of `NAME-VERSION-RELEASE.src.rpm`; a package without one is its own. Its epoch is stated nowhere: it is taken to be that
/// of the binary, which is so unless a sub-package sets another.
pub(super) fn source(source_rpm: Option<&str>, epoch: Option<u32>, name: &str, version: &str) -> SourcePackage {
    let parts = source_rpm.and_then(|file| {
        let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
        let (rest, release) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        (!name.is_empty()).then(|| (name, format!("{version}-{release}")))
    });
    match parts {
        Some((name, version)) => SourcePackage { name: name.to_owned(), version: Some(full_version(epoch, &version)) },
        None => SourcePackage { name: name.to_owned(), version: Some(version.to_owned()) },
    }
}

/// The paths that the package owns, without leading slash.
fn files(header: &Header<'_>) -> Result<Vec<String>, String> {
    let bare = |path: &str| path.trim_start_matches('/').to_owned();
    if !header.has(BASE_NAMES) {
        return Ok(header.strings(OLD_FILE_NAMES).iter().map(|path| bare(path)).collect());
    }
    let (bases, indexes, directories) =
        (header.strings(BASE_NAMES), header.numbers(DIR_INDEXES), header.strings(DIR_NAMES));
    if bases.len() != indexes.len() {
        return Err(format!("{} names and {} directories", bases.len(), indexes.len()));
    }
    let mut files = Vec::with_capacity(bases.len());
    // The same long directory for a million names would make gigabytes of a small header.
    let mut room = 256usize << 20;
    for (base, index) in bases.iter().zip(indexes) {
        let directory = directories.get(index as usize).ok_or("a name is in no directory")?;
        room = room.checked_sub(directory.len() + base.len()).ok_or("the paths have more than 256 MiB")?;
        files.push(bare(&format!("{directory}{base}")));
    }
    Ok(files)
}

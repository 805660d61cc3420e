//! Installed Python packages: `METADATA`, `PKG-INFO`, zipped eggs, wheels, and the lists of their files.

use signet_model::{License, PackageKind, UnexaminedKind};

use super::{marker, split_name};
use crate::syntax::headers::{self, Folding, Header};
use crate::syntax::zip::{Archive, Limits};
use crate::syntax::{self};
use crate::{Claim, Found, Input, Leaf, Owner};

/// Reads what an installer leaves behind.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-package",
    claims: &[
        Claim::Name("METADATA"),
        Claim::Name("PKG-INFO"),
        Claim::Name("RECORD"),
        Claim::Name("installed-files.txt"),
        Claim::Suffix(".egg-info"),
        Claim::Suffix(".egg"),
        Claim::Suffix(".whl"),
    ],
    accepts,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// A zipped egg or wheel: what is read of it is small, but it may hold many files.
const ZIP: Limits = Limits { members: 200_000, member_size: 8 << 20 };

fn accepts(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory.rsplit('/').next().unwrap_or_default();
    match name {
        "METADATA" | "RECORD" => parent.ends_with(".dist-info"),
        "PKG-INFO" => parent.ends_with(".egg-info") || parent == "EGG-INFO",
        "installed-files.txt" => parent.ends_with(".egg-info"),
        _ => true,
    }
}

fn read(input: &Input<'_>) -> Found {
    match input.name() {
        "RECORD" => record(input),
        "installed-files.txt" => installed_files(input),
        name if name.ends_with(".egg") || name.ends_with(".whl") => zipped(input),
        _ => metadata(input, input.bytes),
    }
}

/// Reads core metadata.
///
/// Shape: mail headers with `Name`, `Version`, `License-Expression`, `License`, `Classifier`, `Requires-Dist`; then a description.
/// Errors: no `Name`. A version that is missing stays empty.
/// Source: packaging.python.org, "Core metadata specifications".
fn metadata(input: &Input<'_>, bytes: &[u8]) -> Found {
    let text = syntax::text(bytes);
    let (headers, _) = headers::parse(&text, Folding::Lines);
    let Some(name) = headers::get(&headers, "Name").filter(|name| *name != "UNKNOWN") else {
        return Found::unexamined(
            input.unexamined(UnexaminedKind::Malformed, "no header `Name`: this is no metadata of a package"),
        );
    };
    let version = headers::get(&headers, "Version").unwrap_or_default();
    // Python 2 describes itself as a package of its own library
    if name == "Python" && input.name().starts_with("Python-") {
        return Found::default();
    }
    let mut package = input.package(PackageKind::Python, name, version);
    package.licenses = licenses(&headers);
    let person =
        ["Author", "Author-email", "Maintainer", "Maintainer-email"].iter().find_map(|header| known(&headers, header));
    package.vendor = person.map(str::to_owned);
    package.description = known(&headers, "Summary").map(str::to_owned);
    if let Some(page) = known(&headers, "Home-page") {
        package.extra.insert("python.homepage".to_owned(), page.to_owned());
    }
    let mut found = Found { packages: vec![package], ..Found::default() };
    for need in headers::get_all(&headers, "Requires-Dist") {
        let (need, condition) = need.split_once(';').unwrap_or((need, ""));
        if let Some((name, _)) = split_name(need.trim()).filter(|_| condition.is_empty() || marker::may_hold(condition))
        {
            found.requires.push((0, name.to_owned()));
        }
    }
    found
}

fn known<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers::get(headers, name).filter(|value| *value != "UNKNOWN")
}

/// The expression; else the classifiers; else the free text.
fn licenses(headers: &[Header]) -> Vec<License> {
    let license = |value: &str| License { value: value.to_owned() };
    if let Some(expression) = known(headers, "License-Expression") {
        return vec![license(expression)];
    }
    let classified: Vec<License> = headers::get_all(headers, "Classifier")
        .filter_map(|classifier| classifier.strip_prefix("License ::"))
        .filter_map(|path| path.rsplit("::").next())
        .map(str::trim)
        .filter(|last| !last.is_empty() && *last != "OSI Approved")
        .map(license)
        .collect();
    match (classified.is_empty(), known(headers, "License")) {
        (true, Some(text)) => vec![license(text)],
        _ => classified,
    }
}

/// A zipped egg (`EGG-INFO/PKG-INFO`) or a wheel (`NAME-VERSION.dist-info/METADATA`). Without these it is no package of this kind.
fn zipped(input: &Input<'_>) -> Found {
    let broken = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let archive = match Archive::open(input.bytes, ZIP) {
        Ok(archive) => archive,
        Err(error) => return broken(error.to_string()),
    };
    let is_metadata = |name: &str| match name.split_once('/') {
        Some((directory, "METADATA")) => directory.ends_with(".dist-info"),
        Some((directory, "PKG-INFO")) => directory == "EGG-INFO" || directory.ends_with(".egg-info"),
        _ => false,
    };
    let mut found = match archive.members.iter().find(|member| is_metadata(&member.name)) {
        Some(member) => match archive.read(member, &mut { ZIP.member_size }) {
            Ok(bytes) => metadata(input, &bytes),
            Err(error) => broken(error.to_string()),
        },
        None => Found::default(),
    };
    if let Some(error) = archive.incomplete {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
    }
    found
}

/// Reads `RECORD`: CSV of path, hash, size; paths are relative to the directory that holds the `.dist-info`.
/// Source: packaging.python.org, "Recording installed projects".
fn record(input: &Input<'_>) -> Found {
    let directory = input.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    let (site, info) = directory.rsplit_once('/').unwrap_or(("", directory));
    let text = syntax::text(input.bytes);
    let files = text.lines().filter_map(|line| match line.strip_prefix('"') {
        Some(rest) => rest.split_once('"').map(|(path, _)| path),
        None => line.split(',').next(),
    });
    owns(info.strip_suffix(".dist-info").unwrap_or(info), site, files)
}

/// Reads setuptools' `installed-files.txt`: one path a line, relative to the `.egg-info` directory.
fn installed_files(input: &Input<'_>) -> Found {
    let directory = input.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    let info = directory.rsplit('/').next().unwrap_or_default();
    let text = syntax::text(input.bytes);
    owns(info.strip_suffix(".egg-info").unwrap_or(info), directory, text.lines())
}

/// The list of files of the package whose directory is called `NAME-VERSION...`.
fn owns<'a>(info: &str, base: &str, files: impl Iterator<Item = &'a str>) -> Found {
    let name = info.split('-').next().unwrap_or_default().to_owned();
    let files: Vec<String> = files.filter(|path| !path.is_empty()).filter_map(|path| join(base, path)).collect();
    Found { owns: vec![(Owner::Named { kind: PackageKind::Python, name, arch: None }, files)], ..Found::default() }
}

/// A path below `base`, with `..` resolved; `None` when it leads out of the root.
fn join(base: &str, path: &str) -> Option<String> {
    if let Some(absolute) = path.strip_prefix('/') {
        return join("", absolute);
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

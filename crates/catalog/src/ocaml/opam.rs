//! Package descriptions: `NAME.opam`, `NAME.opam.locked`, `opam`.

use signet_model::{Checksum, ChecksumAlgorithm, Directness, License, PackageKind, Presence, RelationshipKind};

use super::format::{Field, Value, parse};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads package descriptions of a project, of a switch, and of locked needs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "opam",
    claims: &[Claim::Suffix(".opam"), Claim::Suffix(".opam.locked"), Claim::Name("opam"), Claim::Name("opam.locked")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// A file that is just called `opam` describes a package where its directory names one (`packages/NAME.VERSION/opam`); opam's program and root
/// directory have that name, too. Descriptions in repositories and sources are of what was never installed.
fn accepts(path: &str) -> bool {
    let path = format!("/{path}");
    let elsewhere = ["/.opam/repo/", "/.opam-switch/sources/", "/.opam-switch/overlay/"];
    let (directory, name) = path.rsplit_once('/').unwrap_or_default();
    let versioned = || directory.rsplit('/').next().is_some_and(|directory| directory.contains('.'));
    !elsewhere.iter().any(|part| path.contains(part)) && (name != "opam" || versioned())
}

/// Reads a package description.
///
/// Shape: opam's file format; `name` and `version`, which a file name (`NAME.opam`) or directory (`NAME.VERSION/opam`) may state instead; `license`,
/// `depends` as a list of names with constraints in braces. In a locked file the constraints are exact (`{= "1.2"}`), and the needs are listed.
/// Errors: not that format; no name. Source: opam.ocaml.org/doc/Manual.html, "opam".
fn read(input: &Input<'_>) -> Found {
    let (fields, error) = parse(&syntax::text(input.bytes));
    let mut found = Found::default();
    if let Some(error) = error {
        found.unexamined.push(input.unexamined(signet_model::UnexaminedKind::Malformed, error.to_string()));
        // a file of another kind has no field at all
        if !fields.iter().any(|field| field.name == "opam-version") {
            return found;
        }
    }
    let get = |name: &str| fields.iter().find(|field| field.name == name).map(|field| &field.value);
    let text = |name: &str| get(name).and_then(Value::text).filter(|text| !text.is_empty());
    let directory = input.path().rsplit('/').nth(1).unwrap_or_default();
    let (file_name, file_version) = match input.name() {
        "opam" | "opam.locked" => directory.split_once('.').unwrap_or_default(),
        other => (other.trim_end_matches(".locked").trim_end_matches(".opam"), ""),
    };
    let Some(name) = text("name").or(Some(file_name)).filter(|name| !name.is_empty()) else {
        found.unexamined.push(input.malformed_at((1, 1), "neither the file nor its path names the package"));
        return found;
    };
    let mut package = input.package(PackageKind::Opam, name, text("version").unwrap_or(file_version));
    if !input.path().contains(".opam-switch/packages/") {
        package.presence = Presence::Declared;
        package.directness = Directness::Root;
    }
    let licenses = get("license").map(Value::texts).unwrap_or_default();
    package.licenses =
        licenses.into_iter().filter_map(|value| Some(License { value: value.text()?.to_owned() })).collect();
    package.description = text("synopsis").map(str::to_owned);
    package.vendor = get("maintainer").and_then(|value| value.texts().first()?.text().map(str::to_owned));
    for (fact, field) in [("opam.homepage", "homepage"), ("opam.source", "url.src")] {
        package.extra.extend(text(field).map(|value| (fact.to_owned(), value.to_owned())));
    }
    package.checksums = get("url.checksum")
        .map(Value::texts)
        .unwrap_or_default()
        .iter()
        .filter_map(|sum| checksum(sum.text()?))
        .collect();
    found.packages.push(package);
    let needs = fields.iter().filter(|field| field.name == "depends").flat_map(|Field { value, .. }| value.texts());
    let locked = input.name().ends_with(".locked");
    for need in needs {
        let Value::Text(name, options, line) = need else { continue };
        match exact(options).filter(|_| locked) {
            Some(version) => {
                let mut package = input.declared_at(PackageKind::Opam, name, version, (*line, *line));
                package.dev = options.iter().any(|option| {
                    matches!(option, Value::Word(word) if matches!(word.as_str(), "with-test" | "with-doc" | "with-dev-setup" | "dev"))
                });
                found.edges.push((0, found.packages.len(), RelationshipKind::DependsOn));
                found.packages.push(package);
            }
            None => found.requires.push((0, name.clone())),
        }
    }
    found
}

/// The version of `{= "1.2"}`.
fn exact(options: &[Value]) -> Option<&str> {
    let place = options.iter().position(|option| *option == Value::Word("=".to_owned()))?;
    options.get(place + 1)?.text()
}

/// `sha256=HEX`.
fn checksum(text: &str) -> Option<Checksum> {
    let (algorithm, hex) = text.split_once('=')?;
    let (algorithm, digits) = match algorithm {
        "md5" => (ChecksumAlgorithm::Md5, 32),
        "sha256" => (ChecksumAlgorithm::Sha256, 64),
        "sha512" => (ChecksumAlgorithm::Sha512, 128),
        _ => return None,
    };
    let whole = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

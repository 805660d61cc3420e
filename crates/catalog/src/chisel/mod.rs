//! What chisel installed: `var/lib/chisel/manifest.wall` of Ubuntu's chiselled images, which have no dpkg database.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::Read as _;

use signet_model::{Checksum, ChecksumAlgorithm, PackageKind, SourcePackage, UnexaminedKind};

use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, Owner, any_path};

/// Reads the manifest.
pub(crate) static LEAF: Leaf = Leaf {
    id: "chisel",
    claims: &[Claim::Path("var/lib/chisel/manifest.wall")],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: include_str!("coverage.yaml"),
};

/// Bytes of JSON that are read: a manifest of an image with a hundred slices has 100 kB.
const TEXT: u64 = 64 << 20;

/// Reads a manifest: zstd over a JSON wall, one object per line. The first is the header; then `kind` `package` (`name`, `version`, `arch`,
/// `sha256`), `slice`, `path` and `content` (`slice` = `PACKAGE_SLICE`, `path`).
///
/// Errors: no zstd, no header, a line that is no JSON, a package without name or version.
/// Source: canonical/chisel:`public/manifest` and `public/jsonwall`.
fn read(input: &Input<'_>) -> Found {
    let refuse = |kind, why: String| Found::unexamined(input.unexamined(kind, why));
    let mut bytes = Vec::new();
    let decoder = match zstd::stream::read::Decoder::new(input.bytes) {
        Ok(decoder) => decoder,
        Err(error) => return refuse(UnexaminedKind::Malformed, format!("no zstd: {error}")),
    };
    if let Err(error) = decoder.take(TEXT + 1).read_to_end(&mut bytes) {
        return refuse(UnexaminedKind::Malformed, format!("no zstd: {error}"));
    }
    if bytes.len() as u64 > TEXT {
        return refuse(UnexaminedKind::TooLarge, "the manifest holds more than 64 MiB".to_owned());
    }
    let text = syntax::text(&bytes);
    let mut found = Found::default();
    let mut owned: HashMap<String, Vec<String>> = HashMap::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = |why: &str| input.unexamined(UnexaminedKind::Malformed, format!("line {}: {why}", number + 1));
        let Ok(node) = json::parse(line) else {
            syntax::report(&mut found.unexamined, malformed("no JSON"));
            continue;
        };
        if number == 0 {
            if node.str("jsonwall").is_none() {
                return refuse(UnexaminedKind::Malformed, "it does not begin as a JSON wall".to_owned());
            }
            continue;
        }
        match node.str("kind") {
            Some("package") => {
                let (Some(name), Some(version)) = (node.str("name"), node.str("version")) else {
                    syntax::report(&mut found.unexamined, malformed("a package without name or version"));
                    continue;
                };
                if syntax::is_full(input, &mut found) {
                    continue;
                }
                let mut package = input.package(PackageKind::Deb, name, version);
                package.arch = node.str("arch").map(str::to_owned);
                package.source = Some(SourcePackage { name: name.to_owned(), version: Some(version.to_owned()) });
                if let Some(hex) = node.str("sha256") {
                    package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_owned() });
                }
                places.insert(name.to_owned(), found.packages.len());
                found.packages.push(package);
            }
            Some("content") => {
                if let (Some(slice), Some(path)) = (node.str("slice"), node.str("path"))
                    && let Some((package, _)) = slice.split_once('_')
                    && !path.ends_with('/')
                {
                    owned.entry(package.to_owned()).or_default().push(path.trim_start_matches('/').to_owned());
                }
            }
            _ => {}
        }
    }
    if text.trim().is_empty() {
        return refuse(UnexaminedKind::Malformed, "the manifest is empty".to_owned());
    }
    let owned = owned.into_iter().filter_map(|(package, paths)| Some((*places.get(&package)?, paths)));
    let mut owned: Vec<(usize, Vec<String>)> = owned.collect();
    owned.sort_unstable();
    found.owns = owned.into_iter().map(|(place, paths)| (Owner::Here(place), paths)).collect();
    found
}

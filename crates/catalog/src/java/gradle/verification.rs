//! `gradle/verification-metadata.xml`: every component that a build may take, with its hashes.

use signet_model::{Checksum, ChecksumAlgorithm, UnexaminedKind};

use super::super::declared;
use super::super::xml::{self, Step};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads verification metadata.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gradle-verification",
    claims: &[Claim::Path("gradle/verification-metadata.xml")],
    accepts: any_path,
    max_size: xml::MAX_SIZE,
    read,
    coverage: super::super::COVERAGE,
};

/// Reads one file.
///
/// Shape: `verification-metadata/components/component` with `group`, `name`, `version`, and inside `artifact name="..."` with elements
/// `md5`, `sha1`, `sha256`, `sha512`, each with a `value`. The hashes of the component's archive are kept, not those of its descriptors.
/// Errors: no XML, another root; a component without group, name or version, of which the schema has all three (the others are kept).
/// Source: docs.gradle.org/current/userguide/dependency_verification.html, schema.gradle.org/dependency-verification.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut root = String::new();
    let mut broken: Vec<u32> = Vec::new();
    let mut archive = false;
    let mut open = false;
    let walked = xml::walk(input.bytes, |step| match step {
        Step::Open(path, attributes, line) => {
            let get = |name: &str| {
                attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
            };
            match path {
                [name] => root = (*name).to_owned(),
                [_, "components", "component"] => {
                    let (group, name, version) = (get("group"), get("name"), get("version"));
                    open = !name.is_empty() && !group.is_empty();
                    if !open || version.is_empty() {
                        broken.push(line);
                    }
                    if open {
                        found.packages.push(declared(input, group, name, version, Some((line, line))));
                    }
                }
                [_, "components", "component", "artifact"] => {
                    archive = ![".pom", ".module", ".xml", ".asc"].iter().any(|suffix| get("name").ends_with(suffix));
                }
                [_, "components", "component", "artifact", kind] if archive && open => {
                    let algorithm = match *kind {
                        "md5" => ChecksumAlgorithm::Md5,
                        "sha1" => ChecksumAlgorithm::Sha1,
                        "sha256" => ChecksumAlgorithm::Sha256,
                        "sha512" => ChecksumAlgorithm::Sha512,
                        _ => return,
                    };
                    let hex = get("value").to_ascii_lowercase();
                    let Some(package) = found.packages.last_mut() else { return };
                    let checksum = Checksum { algorithm, hex };
                    if !checksum.hex.is_empty()
                        && checksum.hex.bytes().all(|byte| byte.is_ascii_hexdigit())
                        && package.checksums.len() < 16
                        && !package.checksums.contains(&checksum)
                    {
                        package.checksums.push(checksum);
                    }
                }
                _ => {}
            }
        }
        Step::Close([_, "components", "component"], _, (first, last)) => {
            if let Some(package) = found.packages.last_mut().filter(|_| open) {
                package.locations = vec![input.location.at_lines(first, last)];
            }
            open = false;
        }
        Step::Close(..) => {}
    });
    if let Err((kind, why)) = walked {
        found.unexamined.push(input.unexamined(kind, why));
    } else if root != "verification-metadata" {
        let why = format!("the root element is `{root}`, not `verification-metadata`");
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
    }
    for line in broken {
        let why = format!("line {line}: a component without group, name or version");
        let mut what = input.unexamined(UnexaminedKind::Malformed, why);
        what.location.lines = Some((line, line));
        syntax::report(&mut found.unexamined, what);
    }
    found
}

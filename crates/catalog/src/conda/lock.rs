//! `pixi.lock` and `conda-lock.yml`: what an environment was resolved to.

use signet_model::{Checksum, ChecksumAlgorithm, License, Package, PackageKind};

use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads lock files of conda's environments.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conda-lock",
    claims: &[Claim::Name("pixi.lock"), Claim::Name("conda-lock.yml"), Claim::Name("conda-lock.yaml")],
    accepts: crate::python::own_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the packages of all environments and platforms.
///
/// Shape, pixi, version 6: `packages`, a list of objects with `conda: URL` or `pypi: URL`; before: with `kind`, `name`, `version`, `url`. The file
/// name in an address of conda is NAME-VERSION-BUILD. conda-lock: `package`, a list with `name`, `version`, `manager` (`conda` or `pip`), `url`, `hash`,
/// `category`. Needs stand in `depends`, `requires_dist` or `dependencies`.
/// Errors: no YAML mapping; a package whose name and version are not told, with its lines.
/// Source: pixi.sh, "Lock file"; conda/rattler:crates/rattler_lock; conda/conda-lock:conda_lock/lockfile/v1/models.py.
fn read(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let mut found = Found::default();
        let mut needs = Vec::new();
        let list = root.get("packages").or_else(|| root.get("package")).map_or(&[][..], Node::items);
        for node in list {
            let Some(package) = package(input, node) else {
                document::malformed(input, &mut found, node.lines, "a package without name or version");
                continue;
            };
            if crate::syntax::is_full(input, &mut found) {
                break;
            }
            let place = found.packages.len();
            let texts = ["depends", "requires_dist"].iter().filter_map(|list| node.get(list)).flat_map(Node::items);
            let names = texts
                .filter_map(Node::as_str)
                .chain(node.members_of("dependencies").iter().map(|(name, _)| name.as_str()));
            let bare = |need: &str| {
                let end = need.find(|c: char| c.is_whitespace() || "=<>!~[;(".contains(c)).unwrap_or(need.len());
                need.get(..end).unwrap_or_default().to_owned()
            };
            needs.extend(names.map(|need| (place, bare(need))).filter(|(_, need)| !need.is_empty()));
            found.packages.push(package);
        }
        found.depend(&needs);
        found
    })
}

fn package(input: &Input<'_>, node: &Node) -> Option<Package> {
    let text = |name: &str| node.get(name).and_then(Node::scalar).map(str::trim).filter(|text| !text.is_empty());
    let pip = text("pypi").is_some() || matches!(text("kind").or_else(|| text("manager")), Some("pypi" | "pip"));
    let url = text("url").or_else(|| text("conda")).or_else(|| text("pypi"));
    let parts = url.filter(|_| !pip).and_then(parts);
    let name = text("name").or(parts.map(|(name, _, _)| name))?;
    let version = text("version").or(parts.map(|(_, version, _)| version));
    // What is built from a directory of the project has no version.
    let version = version.or(url.filter(|url| pip && !url.contains("://")).map(|_| ""))?;
    let kind = if pip { PackageKind::Python } else { PackageKind::Conda };
    let mut package = input.declared_at(kind, name, version, node.lines);
    package.dev = text("category") == Some("dev");
    package.licenses = text("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    let sums = [("md5", ChecksumAlgorithm::Md5, 32), ("sha256", ChecksumAlgorithm::Sha256, 64)];
    for (member, algorithm, digits) in sums {
        let stated = text(member).or_else(|| node.get("hash")?.str(member));
        let hex = stated.filter(|hex| hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        package.checksums.extend(hex.map(|hex| Checksum { algorithm, hex: hex.to_ascii_lowercase() }));
    }
    let mut fact = |name: &str, value: Option<&str>| {
        package.extra.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    if pip {
        fact("python.resolved", url);
    } else {
        fact("conda.url", url);
        fact("conda.build", text("build").or(parts.map(|(_, _, build)| build)));
        fact("conda.subdir", text("subdir").or_else(|| url?.rsplit('/').nth(1)));
    }
    Some(package)
}

/// `.../linux-64/bzip2-1.0.8-h4bc722e_7.conda`: name, version, build.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let file = url.split(['?', '#']).next()?.rsplit('/').next()?;
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty() && !version.is_empty()).then_some((name, version, build))
}

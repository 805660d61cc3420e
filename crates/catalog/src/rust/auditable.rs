//! The list of crates that cargo-auditable puts into programs.

use std::io::Read as _;

use signet_model::{Directness, PackageKind, RelationshipKind, UnexaminedKind};

use crate::syntax::{self, Node, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the section `.dep-v0` of programs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cargo-auditable",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read,
    coverage: super::COVERAGE,
};

/// Bytes of JSON that are read. Source: rust-secure-code/cargo-auditable:PARSING.md, which advises 8 MiB.
const JSON: u64 = 8 << 20;

/// Reads one program.
///
/// Shape: zlib over JSON `{packages: [{name, version, source, kind?, dependencies: [index], root?}]}`. `kind` is `runtime` unless stated;
/// what only the build needed (`build`) is not part of the program and counts as development.
/// Errors: a section that is not that, too large, without exactly one root, with an index out of range or a cycle. The packages are kept.
/// A program without section is not mentioned. Source: cargo-auditable:cargo-auditable.schema.json.
fn read(input: &Input<'_>) -> Found {
    let refuse = |kind, why: String| Found::unexamined(input.unexamined(kind, why));
    let Some(section) = input.binary.and_then(|binary| binary.section(".dep-v0")) else {
        let why = input.binary.and_then(|binary| binary.refuses_section(".dep-v0"));
        return why.map_or_else(Found::default, |why| {
            refuse(UnexaminedKind::Unsupported, format!("the section .dep-v0 {why}"))
        });
    };
    let mut bytes = Vec::new();
    let mut stream = flate2::read::ZlibDecoder::new(&*section).take(JSON + 1);
    if let Err(error) = stream.read_to_end(&mut bytes) {
        return refuse(UnexaminedKind::Malformed, format!("the section .dep-v0 is not compressed by zlib: {error}"));
    }
    if bytes.len() as u64 > JSON {
        return refuse(UnexaminedKind::TooLarge, "the section .dep-v0 holds more than 8 MiB".to_owned());
    }
    let root = match json::parse(&syntax::text(&bytes)) {
        Ok(root) => root,
        Err(error) => return refuse(UnexaminedKind::Malformed, format!("the section .dep-v0 holds no JSON: {error}")),
    };
    let mut found = Found::default();
    match crates(input, &root, &mut found) {
        Ok(()) => {}
        Err(why) => {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, format!("the section .dep-v0: {why}")))
        }
    }
    found
}

fn crates(input: &Input<'_>, root: &Node, found: &mut Found) -> Result<(), &'static str> {
    let nodes = root.get("packages").map(Node::items).ok_or("no list of packages")?;
    let mut roots = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let (name, version) = (
            node.str("name").ok_or("a package without name")?,
            node.str("version").ok_or("a package without version")?,
        );
        let mut package = input.package(PackageKind::Cargo, name, version);
        if node.is_true("root") {
            package.directness = Directness::Root;
            roots.push(place);
        }
        if let Some(source) = node.str("source") {
            package.extra.insert("cargo.source".to_owned(), source.to_owned());
        }
        package.dev = node.str("kind") == Some("build");
        found.packages.push(package);
    }
    for (from, node) in nodes.iter().enumerate() {
        for index in node.get("dependencies").map_or(&[][..], Node::items) {
            let to: usize =
                index.scalar().and_then(|index| index.parse().ok()).ok_or("a dependency that is no index")?;
            if to >= nodes.len() {
                return Err("a dependency that is out of range");
            }
            found.edges.push((from, to, RelationshipKind::DependsOn));
        }
    }
    found.edges.sort_unstable();
    found.edges.dedup();
    if has_cycle(nodes.len(), &found.edges) {
        return Err("the dependencies form a cycle");
    }
    let [root] = roots.as_slice() else { return Err("not exactly one package is the root") };
    for place in 0..found.packages.len() {
        let direct = found.edges.binary_search(&(*root, place, RelationshipKind::DependsOn)).is_ok();
        if let Some(package) = found.packages.get_mut(place).filter(|package| package.directness == Directness::Unknown)
        {
            package.directness = if direct { Directness::Direct } else { Directness::Indirect };
        }
    }
    Ok(())
}

/// Kahn's algorithm: what cannot be taken away from the end lies on a cycle.
fn has_cycle(count: usize, edges: &[(usize, usize, RelationshipKind)]) -> bool {
    let mut needs = vec![0usize; count];
    let mut needed_by = vec![Vec::new(); count];
    for (from, to, _) in edges {
        if let (Some(needs), Some(needed_by)) = (needs.get_mut(*from), needed_by.get_mut(*to)) {
            *needs += 1;
            needed_by.push(*from);
        }
    }
    let mut free: Vec<usize> = (0..count).filter(|place| needs.get(*place) == Some(&0)).collect();
    let mut taken = 0;
    while let Some(place) = free.pop() {
        taken += 1;
        for from in needed_by.get(place).into_iter().flatten() {
            if let Some(left) = needs.get_mut(*from) {
                *left -= 1;
                if *left == 0 {
                    free.push(*from);
                }
            }
        }
    }
    taken < count
}

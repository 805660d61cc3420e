//! `go.mod`.

use std::collections::BTreeSet;

use signet_model::{Directness, Package, PackageKind, Presence, RelationshipKind, UnexaminedKind};

use super::{STDLIB, toolchain_version};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `go.mod`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "go-mod",
    claims: &[Claim::Name("go.mod")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

struct Replace {
    old: String,
    version: Option<String>,
    new: String,
    new_version: String,
}

/// Reads a module file.
///
/// Shape: directives of one line, or blocks in parentheses; `// indirect` marks what another module brought. A replaced module is listed
/// as its replacement; one replaced by a directory keeps its name without a version.
/// A required version that is excluded is not the one that is built: the version is empty, `go.excluded` has it.
/// The standard library has the version of `toolchain`; without that line its version is empty, and `go.minimum` is that of `go`.
/// Errors: a line or block that is no directive, with its line. Source: go.dev/ref/mod, "go.mod files".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let (mut replaces, mut required): (Vec<Replace>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut block, mut go, mut toolchain): (Option<String>, Option<String>, Option<String>) = (None, None, None);
    let (mut main, mut excluded) = (None, BTreeSet::new());
    for (line, number) in text.lines().zip(1u32..) {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words = words(code);
        if words.is_empty() {
            continue;
        }
        if words == [")"] {
            block = None;
            continue;
        }
        let directive = match &block {
            Some(directive) => directive.clone(),
            None => {
                let directive = words.remove(0);
                if words == ["("] {
                    block = Some(directive.clone());
                    words.clear();
                }
                directive
            }
        };
        let opened = words.is_empty() && block.is_some();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let at = input.location.at_lines(number, number);
        let understood = match (directive.as_str(), words.as_slice()) {
            ("require" | "replace" | "exclude" | "retract" | "godebug" | "tool" | "ignore" | "module", []) => opened,
            ("module", [path]) => {
                main = Some(found.packages.len());
                let mut package = declared(input, path, "");
                package.directness = Directness::Root;
                package.locations = vec![at];
                found.packages.push(package);
                true
            }
            ("go", [version]) => {
                go = Some((*version).to_owned());
                true
            }
            ("toolchain", [version]) => {
                toolchain = Some((*version).to_owned());
                true
            }
            ("require", [path, version]) => {
                let indirect = comment.trim() == "indirect" || comment.trim().starts_with("indirect;");
                let mut package = declared(input, path, version);
                package.directness = if indirect { Directness::Indirect } else { Directness::Direct };
                package.locations = vec![at];
                required.push(found.packages.len());
                found.packages.push(package);
                true
            }
            ("replace", [old, rest @ ..]) => match replace(old, rest) {
                Some(replace) => {
                    replaces.push(replace);
                    true
                }
                None => false,
            },
            ("exclude", [path, version]) => {
                excluded.insert(((*path).to_owned(), (*version).to_owned()));
                true
            }
            ("retract" | "godebug" | "tool" | "ignore", _) => true,
            _ => false,
        };
        if !understood {
            let mut what =
                input.unexamined(UnexaminedKind::Malformed, format!("line {number}: no directive of a module file"));
            what.location.lines = Some((number, number));
            syntax::report(&mut found.unexamined, what);
        }
    }
    for package in &mut found.packages {
        // Go takes the next version that exists, which this file does not tell
        if excluded.contains(&(package.name.clone(), package.version.clone())) {
            package.extra.insert("go.excluded".to_owned(), std::mem::take(&mut package.version));
        }
    }
    apply(&replaces, &required, &mut found.packages);
    if go.is_some() || toolchain.is_some() {
        let exact = toolchain.as_deref().and_then(toolchain_version);
        let mut stdlib = declared(input, STDLIB, exact.as_deref().unwrap_or_default());
        stdlib.directness = Directness::Direct;
        if let Some(go) = &go {
            stdlib.extra.insert("go.minimum".to_owned(), format!("v{go}"));
        }
        required.push(found.packages.len());
        found.packages.push(stdlib);
    }
    if let Some(main) = main {
        let direct =
            |at: &usize| found.packages.get(*at).is_some_and(|package| package.directness == Directness::Direct);
        found.edges =
            required.iter().filter(|at| direct(at)).map(|to| (main, *to, RelationshipKind::DependsOn)).collect();
    }
    found
}

fn declared(input: &Input<'_>, path: &str, version: &str) -> Package {
    let mut package = input.package(PackageKind::Go, path, version);
    package.presence = Presence::Declared;
    package
}

/// Words of a line; quotes of either kind are taken off.
fn words(code: &str) -> Vec<String> {
    code.split_whitespace().map(|word| word.trim_matches(['"', '`']).to_owned()).collect()
}

/// `OLD [VERSION] => NEW [VERSION]`, after the old path.
fn replace(old: &str, rest: &[&str]) -> Option<Replace> {
    let (version, new) = match rest {
        ["=>", new @ ..] => (None, new),
        [version, "=>", new @ ..] => (Some((*version).to_owned()), new),
        _ => return None,
    };
    let (new, new_version) = match new {
        [new] => (*new, ""),
        [new, version] => (*new, *version),
        _ => return None,
    };
    Some(Replace { old: old.to_owned(), version, new: new.to_owned(), new_version: new_version.to_owned() })
}

/// A replacement for one version goes before one for all. Replacements are applied once: they do not chain.
fn apply(replaces: &[Replace], required: &[usize], packages: &mut [Package]) {
    let by: std::collections::BTreeMap<(&str, Option<&str>), &Replace> =
        replaces.iter().map(|replace| ((replace.old.as_str(), replace.version.as_deref()), replace)).collect();
    for at in required {
        let Some(package) = packages.get_mut(*at) else { continue };
        let exact = by.get(&(package.name.as_str(), Some(package.version.as_str()))).copied();
        let Some(replace) = exact.or_else(|| by.get(&(package.name.as_str(), None)).copied()) else { continue };
        package.extra.insert("go.replaces".to_owned(), format!("{}@{}", package.name, package.version));
        package.version.clone_from(&replace.new_version);
        match replace.new.starts_with(['.', '/']) {
            true => {
                package.extra.insert("go.directory".to_owned(), replace.new.clone());
            }
            false => package.name.clone_from(&replace.new),
        }
    }
}

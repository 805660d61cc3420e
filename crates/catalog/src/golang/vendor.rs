//! `vendor/modules.txt`.

use std::collections::BTreeSet;

use signet_model::{Directness, Package, PackageKind};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `vendor/modules.txt`: the modules whose packages lie beside it.
pub(crate) static LEAF: Leaf = Leaf {
    id: "go-vendor",
    claims: &[Claim::Path("vendor/modules.txt")],
    accepts,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Go's own tree is vendored, too, and its modules are the toolchain's.
fn accepts(path: &str) -> bool {
    super::own_file(path.strip_suffix("vendor/modules.txt").unwrap_or(path))
}

/// Reads the list.
///
/// Shape: a line `# MODULE VERSION` or `# MODULE [VERSION] => MODULE [VERSION]` for each module; below it `## explicit; go 1.21` (what `go.mod`
/// requires) and the import path of each package that lies here. A module without packages is not built and is left out. A replacement stands
/// for what it replaces; a directory leaves the version empty (`go.replaces` has what was required).
/// Errors: a package below a line that names no module and version, with its line. Source: go.dev/ref/mod, "Vendoring"; cmd/go/internal/modload/vendor.go.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut current: Option<Module> = None;
    let text = syntax::text(input.bytes);
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        if let Some(marks) = line.strip_prefix("##") {
            if let Some(Module::Good(package)) = current.as_mut() {
                let explicit = marks.split(';').any(|mark| mark.trim() == "explicit");
                package.directness = if explicit { Directness::Direct } else { Directness::Indirect };
            }
        } else if let Some(head) = line.strip_prefix("# ") {
            current = Some(
                module(input, head, number).map_or(Module::Broken(number), |package| Module::Good(Box::new(package))),
            );
        } else if !line.is_empty() {
            // the first package of a module tells that it is built
            match current.take() {
                Some(Module::Good(package)) => {
                    if seen.insert((package.name.clone(), package.version.clone())) {
                        found.packages.push(*package);
                    }
                    current = Some(Module::Taken);
                }
                Some(Module::Broken(at)) => {
                    syntax::report(&mut found.unexamined, input.malformed_at((at, at), "no module and version"));
                    current = Some(Module::Taken);
                }
                Some(Module::Taken) => current = Some(Module::Taken),
                None => {
                    let what = input.malformed_at((number, number), "a package without module");
                    syntax::report(&mut found.unexamined, what);
                }
            }
        }
    }
    found
}

/// The module that the lines are about.
enum Module {
    Good(Box<Package>),
    /// A head on this line that names no module.
    Broken(u32),
    /// Kept or told already.
    Taken,
}

fn module(input: &Input<'_>, head: &str, number: u32) -> Option<Package> {
    let (old, new) = match head.split_once(" => ") {
        Some((old, new)) => (old, Some(new)),
        None => (head, None),
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (words(old), new.map(words));
    let version = |version: &str| is_version(version).then(|| version.to_owned());
    let (name, required) = match old.as_slice() {
        [name] if new.is_some() => (name, String::new()),
        [name, required] => (name, version(required).filter(|version| fits(name, version))?),
        _ => return None,
    };
    let mut package = match new.as_deref() {
        None => input.declared_at(PackageKind::Go, name, &required, (number, number)),
        Some([directory]) => {
            let mut package = input.declared_at(PackageKind::Go, name, "", (number, number));
            package.extra.insert("go.directory".to_owned(), directory.clone());
            package
        }
        Some([other, replaced]) => {
            let replaced = version(replaced)?;
            input.declared_at(PackageKind::Go, other, replaced, (number, number))
        }
        Some(_) => return None,
    };
    if new.is_some() {
        package.extra.insert("go.replaces".to_owned(), format!("{name}@{required}"));
    }
    // its files lie beside the list
    package.presence = signet_model::Presence::Installed;
    Some(package)
}

/// `v1.2.3` with what may follow.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let core = rest.split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3
        && core.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a path may have such a version: from 2 on the path ends with the major version, or the version with `+incompatible`.
/// Source: go.dev/ref/mod, "Major version suffixes".
fn fits(path: &str, version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    let dotted = path.strip_prefix("gopkg.in/").is_some();
    let suffix = path
        .rsplit('/')
        .next()
        .and_then(|part| if dotted { part.rsplit_once(".v").map(|(_, v)| v) } else { part.strip_prefix('v') });
    let suffix = suffix.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match suffix {
        Some(suffix) => suffix == major || dotted && version.starts_with("v0.0.0-"),
        None => matches!(major, "0" | "1") || version.ends_with("+incompatible"),
    }
}

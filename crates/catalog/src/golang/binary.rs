//! Go programs: the modules that were linked in.

use std::collections::BTreeMap;

use signet_model::{Directness, Package, PackageKind, RelationshipKind, UnexaminedKind};

use super::{STDLIB, buildinfo, ldflags, symbols, toolchain_version};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the build information of Go programs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "go-binary",
    claims: &[Claim::Executable],
    accepts: any_path,
    max_size: 0,
    read,
    coverage: super::COVERAGE,
};

/// Reads one program.
///
/// Packages: the main module, each dependency (a replaced one by its replacement), and the standard library as `stdlib`.
/// The version of a main module that was built from a checkout, `(devel)`, comes from the linker's flags, else from the commit as a
/// pseudo-version, else it is empty. Each package has the set of its linked functions, where the program tells ([`symbols`]). The toolchain's own programs are the module `toolchain` of the Go vulnerability database.
/// Errors: a record that breaks off. A program without record is no Go program, and is not mentioned.
fn read(input: &Input<'_>) -> Found {
    let Some(binary) = input.binary else { return Found::default() };
    let info = match buildinfo::read(binary) {
        Ok(Some(info)) => info,
        Ok(None) => {
            let why = binary.refuses_section(".go.buildinfo");
            return why.map_or_else(Found::default, |why| {
                Found::unexamined(
                    input.unexamined(UnexaminedKind::Unsupported, format!("the section .go.buildinfo {why}")),
                )
            });
        }
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let go_version = toolchain_version(&info.go_version);
    let linked = symbols::Modules::new(&info.modules);
    let mut found = Found::default();
    let (mut main, mut path) = (None, "");
    let mut settings: BTreeMap<&str, &str> = BTreeMap::new();
    for line in info.modules.lines() {
        let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
        match word {
            "path" => path = rest,
            "mod" => {
                main = Some(found.packages.len());
                found.packages.push(module(input, rest));
            }
            "dep" => found.packages.push(module(input, rest)),
            "=>" => {
                if let Some(replaced) = found.packages.last_mut() {
                    let mut by = module(input, rest);
                    by.extra.insert("go.replaces".to_owned(), format!("{}@{}", replaced.name, replaced.version));
                    // a replacement by a directory has no version: the module keeps its name
                    if matches!(by.version.as_str(), "" | "(devel)") {
                        by.name = std::mem::take(&mut replaced.name);
                    }
                    *replaced = by;
                }
            }
            "build" => {
                settings.extend(rest.split_once('='));
            }
            _ => {}
        }
    }
    if let Some(package) = main.and_then(|main| found.packages.get_mut(main)) {
        package.directness = Directness::Root;
        if package.name == "cmd" && path.starts_with("cmd/") {
            package.name = "toolchain".to_owned();
            package.version = go_version.clone().unwrap_or_default();
        } else if package.version.is_empty() || package.version == "(devel)" {
            let flags = settings.get("-ldflags").and_then(|flags| ldflags::version(flags, &package.name));
            package.version = flags.or_else(|| pseudo_version(&settings)).unwrap_or_default();
        }
        for (setting, fact) in
            [("GOARCH", "go.arch"), ("GOOS", "go.os"), ("CGO_ENABLED", "go.cgo"), ("vcs.revision", "go.revision")]
        {
            if let Some(value) = settings.get(setting) {
                package.extra.insert(fact.to_owned(), (*value).to_owned());
            }
        }
    }
    // modules whose directory stood in for them have no version: `(devel)` says no more than nothing
    for package in &mut found.packages {
        if package.version == "(devel)" {
            package.version.clear();
        }
    }
    let mut stdlib = input.package(PackageKind::Go, STDLIB, go_version.unwrap_or_default());
    stdlib.directness = Directness::Direct;
    stdlib.extra.insert("go.version".to_owned(), info.go_version.clone());
    found.packages.push(stdlib);
    linked.mark(binary, &mut found.packages);
    if let Some(main) = main {
        let others = (0..found.packages.len()).filter(|at| *at != main);
        found.edges = others.map(|to| (main, to, RelationshipKind::DependsOn)).collect();
    }
    found
}

/// A line's path, version and sum.
fn module(input: &Input<'_>, rest: &str) -> Package {
    let mut parts = rest.split('\t');
    let (path, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut package = input.package(PackageKind::Go, path, version);
    if let Some(sum) = parts.next().filter(|sum| !sum.is_empty()) {
        package.extra.insert("go.h1".to_owned(), sum.to_owned());
    }
    package
}

/// `v0.0.0-20220101120000-0123456789ab` of the commit and its time. Source: go.dev/ref/mod, "Pseudo-versions".
fn pseudo_version(settings: &BTreeMap<&str, &str>) -> Option<String> {
    let revision = settings.get("vcs.revision")?.get(..12)?;
    let time: String = settings.get("vcs.time")?.chars().filter(char::is_ascii_digit).take(14).collect();
    (time.len() == 14 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| format!("v0.0.0-{time}-{revision}"))
}

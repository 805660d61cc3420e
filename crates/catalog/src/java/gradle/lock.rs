//! `gradle.lockfile`, the lock files by configuration before it, and `versions.lock` of the plugin gradle-consistent-versions.

use signet_model::UnexaminedKind;

use super::super::declared;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads lock files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gradle-lock",
    claims: &[
        Claim::Suffix("gradle.lockfile"),
        Claim::In("gradle/dependency-locks", ".lockfile"),
        Claim::Name("versions.lock"),
    ],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: super::super::COVERAGE,
};

/// Reads one lock file.
///
/// Shape: lines `group:artifact:version=configuration,configuration`; `#` begins a comment, and the line `empty=` names configurations that
/// need nothing. Before Gradle 6.8 each configuration had a file of its own, of lines without `=`. In `versions.lock` what follows the
/// coordinates is in parentheses, and `[Test dependencies]` heads what only tests need.
/// Development: what only configurations of tests hold, and what the build script itself needs (`buildscript-gradle.lockfile`).
/// Errors: a line that is nothing of these; the others are kept.
/// Source: docs.gradle.org/current/userguide/dependency_locking.html; palantir/gradle-consistent-versions.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let consistent = input.name() == "versions.lock";
    let single = input.path().contains("dependency-locks/");
    let script = input.name().starts_with("buildscript-");
    let mut found = Found::default();
    let mut tests = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if consistent && line.starts_with('[') {
            tests = line.to_ascii_lowercase().contains("test");
            continue;
        }
        let (coordinates, rest) = match consistent {
            true => line.split_once('(').unwrap_or((line, "")),
            false => line.split_once('=').unwrap_or((line, "")),
        };
        if coordinates.trim() == "empty" {
            continue;
        }
        let parts: Vec<&str> = coordinates.trim().split(':').collect();
        let [group, artifact, version] = parts.as_slice() else {
            malformed(input, number, &mut found);
            continue;
        };
        if group.is_empty() || artifact.is_empty() || version.is_empty() || coordinates.trim().contains(' ') {
            malformed(input, number, &mut found);
            continue;
        }
        let mut package = declared(input, group, artifact, version, Some((number, number)));
        let configurations: Vec<&str> = match (consistent, single) {
            (true, _) => Vec::new(),
            (_, true) => vec![input.name().trim_end_matches(".lockfile")],
            _ => rest.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
        };
        let for_tests = !configurations.is_empty() && configurations.iter().all(|name| is_of_tests(name));
        package.dev = tests || script || for_tests;
        if !configurations.is_empty() {
            package.extra.insert("gradle.configurations".to_owned(), configurations.join(","));
        }
        found.packages.push(package);
    }
    // another program's file of that name
    if consistent && found.packages.is_empty() {
        return Found::default();
    }
    found
}

fn malformed(input: &Input<'_>, line: u32, found: &mut Found) {
    let mut what = input.unexamined(UnexaminedKind::Malformed, format!("line {line}: no `group:artifact:version=`"));
    what.location.lines = Some((line, line));
    syntax::report(&mut found.unexamined, what);
}

/// `testRuntimeClasspath`, `integrationTestCompileClasspath`, `debugAndroidTestRuntimeClasspath`.
fn is_of_tests(configuration: &str) -> bool {
    configuration.starts_with("test") || configuration.contains("Test")
}

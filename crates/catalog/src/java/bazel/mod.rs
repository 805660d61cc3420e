//! Maven artifacts of Bazel builds: `maven_install.json`, and what `MODULE.bazel` and `WORKSPACE` ask for.

mod install;
mod starlark;
mod tokens;

use signet_model::{Directness, UnexaminedKind};

use self::starlark::Asked;
use super::declared;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the files of rules_jvm_external.
pub(crate) static LEAF: Leaf = Leaf {
    id: "bazel-maven",
    claims: &[
        Claim::Suffix("_install.json"),
        Claim::Suffix("MODULE.bazel"),
        Claim::Name("WORKSPACE"),
        Claim::Name("WORKSPACE.bazel"),
        Claim::Name("WORKSPACE.bzlmod"),
    ],
    accepts: any_path,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

fn read(input: &Input<'_>) -> Found {
    match input.name().ends_with(".json") {
        true => install::read(input),
        false => build(input),
    }
}

/// Reads a build file.
///
/// Shape: Starlark. Artifacts are the `artifacts` of `maven_install(...)` (loaded from rules_jvm_external) and of `EXTENSION.install(...)`, and
/// the fields of `EXTENSION.artifact(...)`, where the extension is `maven` of rules_jvm_external. Texts and lists may be put together from
/// variables with `+`, `%` and `format`; nothing else is computed.
/// Errors: what breaks the grammar (what stands before is kept); an artifact that is computed in another way, or has no version.
/// Source: github.com/bazel-contrib/rules_jvm_external:docs/bzlmod-api.md; bazel.build/external/module.
fn build(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let (asked, error) = starlark::artifacts(&text);
    let mut found = Found::default();
    let give_up = |found: &mut Found, kind, line: u32, why: String| {
        let mut what = input.unexamined(kind, format!("line {line}: {why}"));
        what.location.lines = Some((line, line));
        syntax::report(&mut found.unexamined, what);
    };
    for Asked { group, artifact, version, line, dev } in asked {
        if artifact.is_empty() {
            let why = "an artifact that is not written as plain text".to_owned();
            give_up(&mut found, UnexaminedKind::Unresolved, line, why);
            continue;
        }
        if version.is_empty() {
            give_up(
                &mut found,
                UnexaminedKind::Unresolved,
                line,
                format!("{group}:{artifact} has no version in this file"),
            );
        }
        let mut package = declared(input, &group, &artifact, &version, Some((line, line)));
        package.dev = dev;
        package.directness = Directness::Direct;
        found.packages.push(package);
    }
    if let Some(error) = error {
        let what = input.unexamined(UnexaminedKind::Malformed, format!("no Starlark: {error}"));
        syntax::report(&mut found.unexamined, what);
    }
    found
}

/// Group, artifact and version of `group:artifact[:packaging[:classifier]][:version]`; the version may be empty.
fn coordinates(text: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    match parts.as_slice() {
        [group, artifact] if !group.is_empty() && !artifact.is_empty() => Some((group, artifact, "")),
        [group, artifact, .., version] if !group.is_empty() && !artifact.is_empty() && parts.len() <= 5 => {
            Some((group, artifact, version))
        }
        _ => None,
    }
}

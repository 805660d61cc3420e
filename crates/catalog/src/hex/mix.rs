//! Mix's `mix.lock`.

use signet_model::{Package, PackageKind, UnexaminedKind};

use super::sha256;
use crate::syntax;
use crate::syntax::terms::{Dialect, Term, parse_all};
use crate::{Claim, Found, Input, Leaf};

/// Reads `mix.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "mix-lock",
    claims: &[Claim::Name("mix.lock")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: an Elixir map from the application's name to `{:hex, :NAME, "VERSION", "SHA-256", MANAGERS, NEEDS, "REPOSITORY", "SHA-256 of the archive"}`,
/// `{:git, "URL", "COMMIT", OPTIONS}` or `{:path, ...}`, one entry a line. What comes from a repository has no version.
/// Errors: an entry that is none of these, with its line; the others are kept. Source: hexpm/hex:lib/hex/scm.ex, elixir-lang/elixir:lib/mix/lib/mix/scm/git.ex.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let mut needs = Vec::new();
    let (terms, error) = parse_all(&text, Dialect::Elixir);
    match (terms.as_slice(), error) {
        ([map], None) => map.list().iter().for_each(|entry| add(input, entry, entry.lines, &mut found, &mut needs)),
        ([], None) => found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "the file is empty")),
        // A broken line, or marks of a merge: what is whole is kept.
        (_, error) => {
            let mut any = false;
            for (line, number) in text.lines().zip(1u32..).filter(|(line, _)| line.trim_start().starts_with('"')) {
                any = true;
                let line = line.trim().trim_end_matches(',');
                match parse_all(&format!("%{{{line}}}"), Dialect::Elixir) {
                    (terms, None) => {
                        let entries = terms.iter().flat_map(Term::list);
                        entries.for_each(|entry| add(input, entry, (number, number), &mut found, &mut needs));
                    }
                    (_, Some(error)) => {
                        syntax::report(&mut found.unexamined, input.malformed_at((number, number), error.what))
                    }
                }
            }
            if !any || found.unexamined.is_empty() {
                let why = error.map_or_else(|| "no map of packages".to_owned(), |error| error.to_string());
                found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
            }
        }
    }
    found.depend(&needs);
    found
}

fn add(input: &Input<'_>, entry: &Term, lines: (u32, u32), found: &mut Found, needs: &mut Vec<(usize, String)>) {
    let package = match entry.tuple() {
        [name, source] => name.text().and_then(|name| package(input, name, source, lines)),
        _ => None,
    };
    match package {
        Some((package, list)) => {
            needs.extend(list.into_iter().map(|need| (found.packages.len(), need)));
            found.packages.push(package);
        }
        None => syntax::report(&mut found.unexamined, input.malformed_at(lines, "an entry that is no package")),
    }
}

/// A package and the names of what it needs.
fn package(input: &Input<'_>, key: &str, source: &Term, lines: (u32, u32)) -> Option<(Package, Vec<String>)> {
    let parts = source.tuple();
    let text = |at: usize| parts.get(at).and_then(Term::text);
    match text(0)? {
        "hex" => {
            let (name, version) = (text(1)?, text(2)?);
            let mut package = input.declared_at(PackageKind::Hex, name, version, lines);
            package.checksums = text(7).and_then(sha256).into_iter().collect();
            if key != name {
                package.extra.insert("hex.app".to_owned(), key.to_owned());
            }
            if let Some(repository) = text(6).filter(|repository| *repository != "hexpm") {
                package.extra.insert("hex.repository".to_owned(), repository.to_owned());
            }
            let needs = parts.get(5).map_or(&[][..], Term::list).iter();
            // `{:app, "~> 1.0", [hex: :name, ...]}`
            let name = |need: &Term| {
                let real = need.tuple().get(2).and_then(|options| options.get("hex")).and_then(Term::text);
                real.or_else(|| need.tuple().first().and_then(Term::text)).map(str::to_owned)
            };
            Some((package, needs.filter_map(name).collect()))
        }
        kind @ ("git" | "path") => {
            let mut package = input.declared_at(PackageKind::Hex, key, "", lines);
            for (fact, value) in [("hex.source", text(1)), ("hex.revision", text(2).filter(|_| kind == "git"))] {
                package.extra.extend(value.map(|value| (fact.to_owned(), value.to_owned())));
            }
            Some((package, Vec::new()))
        }
        _ => None,
    }
}

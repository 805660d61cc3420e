//! rebar3's `rebar.lock`.

use std::collections::BTreeMap;

use signet_model::{Directness, Package, PackageKind, UnexaminedKind};

use super::sha256;
use crate::syntax;
use crate::syntax::terms::{Dialect, Kind, Term, parse_all};
use crate::{Claim, Found, Input, Leaf};

/// Reads `rebar.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "rebar-lock",
    claims: &[Claim::Name("rebar.lock")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: Erlang terms: `{"1.2.0", PACKAGES}.` or before that `PACKAGES.`, a list of `{<<"APP">>, SOURCE, LEVEL}` with the source
/// `{pkg, <<"NAME">>, <<"VERSION">>}` or `{git, "URL", {ref, "COMMIT"}}` and level 0 for what the project needs itself; then lists
/// `pkg_hash` and `pkg_hash_ext` (of the archive) of SHA-256 in upper case.
/// Errors: no terms; an entry that is no package. Source: erlang/rebar3:apps/rebar/src/rebar_config.erl.
fn read(input: &Input<'_>) -> Found {
    let (terms, error) = parse_all(&syntax::text(input.bytes), Dialect::Erlang);
    let mut found = Found::default();
    if let Some(error) = &error {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
    }
    let list = terms.first().map(|first| match first.tuple() {
        [_, list] => list,
        _ => first,
    });
    let Some(list) = list.filter(|list| matches!(list.value, Kind::List(_))) else {
        if error.is_none() {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "no list of packages"));
        }
        return found;
    };
    let sums: BTreeMap<&str, &str> = terms
        .get(1)
        .and_then(|sums| sums.get("pkg_hash_ext").or_else(|| sums.get("pkg_hash")))
        .map_or(&[][..], Term::list)
        .iter()
        .filter_map(|pair| Some((pair.tuple().first()?.text()?, pair.tuple().get(1)?.text()?)))
        .collect();
    for entry in list.list() {
        match package(input, entry, &sums) {
            Some(package) => found.packages.push(package),
            None => {
                syntax::report(&mut found.unexamined, input.malformed_at(entry.lines, "an entry that is no package"))
            }
        }
    }
    found
}

fn package(input: &Input<'_>, entry: &Term, sums: &BTreeMap<&str, &str>) -> Option<Package> {
    let [app, source, level, ..] = entry.tuple() else { return None };
    let app = app.text()?;
    let parts = source.tuple();
    let text = |at: usize| parts.get(at).and_then(Term::text);
    let mut package = match text(0)? {
        "pkg" => {
            let mut package = input.declared_at(PackageKind::Hex, text(1)?, text(2)?, entry.lines);
            package.checksums = sums.get(app).and_then(|hex| sha256(hex)).into_iter().collect();
            package
        }
        _ => {
            let mut package = input.declared_at(PackageKind::Hex, app, "", entry.lines);
            package.extra.extend(text(1).map(|url| ("hex.source".to_owned(), url.to_owned())));
            // `{git_subdir, URL, {ref, COMMIT}, DIRECTORY}` is alike
            let commit = parts.get(2).and_then(|reference| reference.tuple().get(1)).and_then(Term::text);
            package.extra.extend(commit.map(|commit| ("hex.revision".to_owned(), commit.to_owned())));
            package
        }
    };
    package.directness = match &level.value {
        Kind::Number(level) if level == "0" => Directness::Direct,
        Kind::Number(_) => Directness::Indirect,
        _ => Directness::Unknown,
    };
    Some(package)
}

//! `pack.pl`.

use signet_model::{PackageKind, UnexaminedKind};

use crate::syntax;
use crate::syntax::terms::{Dialect, Kind, Term, parse_all};
use crate::{Claim, Found, Input, Leaf};

/// Reads `pack.pl`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "swipl-pack",
    claims: &[Claim::Name("pack.pl")],
    accepts: crate::any_path,
    max_size: 1 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the description of a pack, which lies in its directory.
///
/// Shape: Prolog facts: `name(NAME)`, `version(VERSION)`, `title(TEXT)`, `author(NAME, ADDRESS)`, `requires(NAME)`, `provides(NAME)`.
/// Errors: no fact `name`, or what is no fact; those before it are kept. Source: swi-prolog.org, "Creating and submitting packages".
fn read(input: &Input<'_>) -> Found {
    let (terms, error) = parse_all(&syntax::text(input.bytes), Dialect::Prolog);
    let facts = || {
        terms.iter().filter_map(|term| match &term.value {
            Kind::Call(name, arguments) => Some((name.as_str(), arguments.as_slice())),
            _ => None,
        })
    };
    let text = |wanted: &str| {
        facts().filter(|(name, _)| *name == wanted).find_map(|(_, arguments)| scalar(arguments.first()?))
    };
    let mut found = Found::default();
    if let Some(error) = error {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
    }
    let Some(name) = text("name") else {
        if found.unexamined.is_empty() {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "no fact `name`"));
        }
        return found;
    };
    let mut package = input.package(PackageKind::SwiplPack, name, text("version").unwrap_or_default());
    package.description = text("title").map(str::to_owned);
    let author = facts().find(|(name, _)| *name == "author").map(|(_, arguments)| arguments);
    package.vendor = author.and_then(|arguments| scalar(arguments.first()?)).map(str::to_owned);
    // `requires(a)`, `requires(a >= 1.2)`
    let needs =
        facts().filter(|(name, _)| *name == "requires").filter_map(|(_, arguments)| match &arguments.first()?.value {
            Kind::Call(_, parts) => scalar(parts.first()?),
            _ => scalar(arguments.first()?),
        });
    found.requires = needs.map(|need| (0, need.to_owned())).collect();
    found.packages.push(package);
    found
}

/// The characters of an atom, text or number.
fn scalar(term: &Term) -> Option<&str> {
    match &term.value {
        Kind::Number(text) => Some(text),
        _ => term.text(),
    }
}

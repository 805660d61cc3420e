//! Applications of OTP: `ebin/NAME.app`.

use signet_model::{PackageKind, UnexaminedKind};

use crate::syntax;
use crate::syntax::terms::{Dialect, Term, parse_all};
use crate::{Claim, Found, Input, Leaf};

/// Reads `ebin/*.app`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "otp-app",
    claims: &[Claim::In("ebin", ".app")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the resource file of an application: its compiled modules lie beside it.
///
/// Shape: one Erlang term `{application, NAME, [{vsn, "VERSION"}, {description, ".."}, {applications, [NAME]}, ...]}.`
/// A version that is no text (a template's `git`, `{cmd, ..}`) is unknown.
/// Errors: anything else. Source: erlang.org/doc/apps/kernel/app.html.
fn read(input: &Input<'_>) -> Found {
    let (terms, error) = parse_all(&syntax::text(input.bytes), Dialect::Erlang);
    let application = terms.iter().find_map(|term| match term.tuple() {
        [tag, name, facts] if tag.text() == Some("application") => Some((name.text()?, facts, term.lines)),
        _ => None,
    });
    let Some((name, facts, lines)) = application else {
        let why = error.map_or_else(|| "no term `{application, ..}`".to_owned(), |error| error.to_string());
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    };
    let text = |key: &str| facts.get(key).and_then(Term::text);
    let version = text("vsn").filter(|version| version.starts_with(|c: char| c.is_ascii_digit() || c == 'v'));
    let mut package = input.package(PackageKind::Otp, name, version.unwrap_or_default());
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    package.description = text("description").map(str::to_owned).filter(|text| !text.is_empty());
    let needs = facts.get("applications").map_or(&[][..], Term::list).iter();
    let requires = needs.filter_map(|need| Some((0, need.text()?.to_owned()))).collect();
    Found { packages: vec![package], requires, ..Found::default() }
}

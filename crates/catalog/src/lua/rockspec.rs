//! `*.rockspec`.

use signet_model::{Directness, License, PackageKind, Presence, UnexaminedKind};

use super::values::{Value, assignments};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads rockspecs: of installed rocks (`lib/luarocks/rocks-5.1/NAME/VERSION/`) and of projects.
pub(crate) static LEAF: Leaf = Leaf {
    id: "lua-rockspec",
    claims: &[Claim::Suffix(".rockspec")],
    accepts: crate::any_path,
    max_size: 1 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a rockspec.
///
/// Shape: a Lua file that assigns `package`, `version` (`VERSION-REVISION`), `description` (`license`, `summary`, `homepage`), `source` (`url`, `tag`) and
/// `dependencies` (`NAME OPERATOR VERSION`). Texts joined with `..` out of earlier variables are put together; nothing is run. What the file leaves open
/// comes from its name, `NAME-VERSION-REVISION.rockspec`.
/// Errors: no Lua; no name. Source: github.com/luarocks/luarocks/wiki/Rockspec-format.
fn read(input: &Input<'_>) -> Found {
    let (values, error) = assignments(&syntax::text(input.bytes));
    let mut found = Found::default();
    if let Some(error) = error {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
    }
    let stem = input.name().strip_suffix(".rockspec").unwrap_or_default();
    let mut parts = stem.rsplitn(3, '-');
    let (revision, number, file_name) = (parts.next(), parts.next(), parts.next());
    let by_name =
        file_name.zip(number.zip(revision)).map(|(name, (number, revision))| (name, format!("{number}-{revision}")));
    let text = |name: &str| values.get(name).and_then(Value::text).filter(|text| !text.is_empty());
    let Some(name) = text("package").or(by_name.as_ref().map(|(name, _)| *name)).filter(|_| !values.is_empty()) else {
        if found.unexamined.is_empty() {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "no `package`"));
        }
        return found;
    };
    let version = text("version").or(by_name.as_ref().map(|(_, version)| version.as_str())).unwrap_or_default();
    let mut package = input.package(PackageKind::LuaRocks, name, version);
    if !format!("/{}", input.path()).contains("/luarocks/rocks") {
        package.presence = Presence::Declared;
        package.directness = Directness::Root;
    }
    let described = |name: &str| values.get("description").and_then(|table| table.get(name)?.text());
    package.licenses = described("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    package.description = described("summary").map(str::to_owned);
    let source = values.get("source").and_then(|table| table.get("url")?.text());
    for (fact, value) in [("lua.homepage", described("homepage")), ("lua.source", source)] {
        package.extra.extend(value.map(|value| (fact.to_owned(), value.to_owned())));
    }
    found.packages.push(package);
    let needs = values.get("dependencies").map_or(&[][..], Value::items).iter().filter_map(Value::text);
    let names = needs.filter_map(|need| need.split([' ', '=', '<', '>', '~']).next()).filter(|name| !name.is_empty());
    found.requires = names.filter(|name| *name != "lua").map(|name| (0, name.to_owned())).collect();
    found
}

//! `environment.yml`: what an environment is made of, by conda and by pip.

use signet_model::{PackageKind, Presence, UnexaminedKind};
use signet_yaml::{Limits, Node, Value};

use crate::syntax::{self, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads environment files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conda-environment",
    claims: &[Claim::Name("environment.yml"), Claim::Name("environment.yaml")],
    accepts: crate::python::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads an environment file.
///
/// Shape: YAML with `dependencies`, a list of match specifications (`name=1.0=build`, `channel::name >=1`), one of which may be an object with `pip`
/// and requirements of pip. `=1.0` is how conda exports what it installed, and counts as a version; other constraints leave the version empty
/// and stand in `conda.constraint`. Requirements of pip are Python packages.
/// Errors: no YAML, no mapping; an entry that is neither, with its line. Source: docs.conda.io, "Managing environments", "Package match specifications".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let limits = Limits { max_bytes: 4 << 20, max_nodes: 200_000, max_copied_bytes: 1 << 20, ..Limits::default() };
    let documents = match signet_yaml::parse(&syntax::text(input.bytes), &limits) {
        Ok(documents) => documents,
        Err(error) => {
            let kind = if error.too_large { UnexaminedKind::TooLarge } else { UnexaminedKind::Malformed };
            return Found::unexamined(input.unexamined(kind, format!("no YAML: {error}")));
        }
    };
    let root = documents.first().map(|document| &document.root);
    let Some(root) = root.filter(|root| root.as_map().is_some()) else {
        let why = "expected a mapping that describes an environment";
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    };
    let dependencies = match root.get("dependencies") {
        None => return found,
        Some(node) if node.is_null() => return found,
        Some(node) => node,
    };
    let Some(items) = dependencies.as_seq() else {
        let why = "expected a list of dependencies";
        document::malformed(input, &mut found, lines(dependencies), why);
        return found;
    };
    for item in items {
        let understood = match &item.value {
            Value::Mapping(entries) => entries.iter().all(|(key, value)| manager(input, key, value, &mut found)),
            Value::Null => true,
            _ => item.text().is_some_and(|text| specification(input, text, lines(item), &mut found)),
        };
        if !understood {
            document::malformed(input, &mut found, lines(item), "not a dependency of an environment");
        }
    }
    found
}

fn lines(node: &Node) -> (u32, u32) {
    // a block ends where the next line begins
    let last = if node.span.end_column <= 1 { node.span.end_line.saturating_sub(1) } else { node.span.end_line };
    (node.span.line, last.max(node.span.line))
}

/// What another package manager is to install. Only pip is known to conda.
fn manager(input: &Input<'_>, key: &Node, value: &Node, found: &mut Found) -> bool {
    let (Some("pip"), Some(items)) = (key.text(), value.as_seq()) else {
        return key.text() == Some("pip") && value.is_null();
    };
    let mut understood = true;
    for item in items {
        match item.as_str() {
            Some(line) => crate::python::requirements::line(input, line, lines(item), found),
            None => understood = false,
        }
    }
    understood
}

/// Reads a match specification. `false`: it has no name.
fn specification(input: &Input<'_>, text: &str, lines: (u32, u32), found: &mut Found) -> bool {
    let text = text.trim();
    let (channel, rest) = match text.rsplit_once("::") {
        Some((channel, rest)) => (Some(channel), rest.trim_start()),
        None => (None, text),
    };
    let end = rest.find(|c: char| c.is_whitespace() || "=<>!~[".contains(c)).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if name.is_empty() {
        return false;
    }
    // name[version='>=1.0', build=x]
    let (rest, bracket) = match rest.split_once('[') {
        Some((rest, bracket)) => (rest, bracket.trim_end_matches(']')),
        None => (rest, ""),
    };
    let keyed = bracket.split_once("version=").map(|(_, value)| match value.chars().next() {
        Some(quote @ ('\'' | '"')) => value.get(1..).and_then(|rest| rest.split(quote).next()).unwrap_or_default(),
        _ => value.split(',').next().unwrap_or_default(),
    });
    let (constraint, build) = match keyed {
        Some(constraint) => (constraint.trim(), None),
        None => split_build(rest.trim()),
    };
    let fixed = constraint.trim_start_matches('=').trim();
    let ranged = fixed.is_empty() || fixed.contains(['<', '>', '!', '~', '=', ',', '|', '*', ' ']);
    let mut package = input.package(PackageKind::Conda, name, if ranged { "" } else { fixed });
    package.presence = Presence::Declared;
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    if ranged && !constraint.is_empty() {
        package.extra.insert("conda.constraint".to_owned(), constraint.to_owned());
    }
    package.extra.extend(build.map(|build| ("conda.build".to_owned(), build.to_owned())));
    package.extra.extend(channel.map(|channel| ("conda.channel".to_owned(), channel.to_owned())));
    found.packages.push(package);
    true
}

/// `=1.0=build`, `==1.0`, `1.0 build`, `>=1.0,<2`: the constraint, and the build if one is asked for.
fn split_build(rest: &str) -> (&str, Option<&str>) {
    let body = rest.trim_start_matches('=');
    let operators = rest.len() - body.len();
    if operators == 0 && rest.starts_with(['<', '>', '!', '~']) {
        return (rest, None);
    }
    match body.trim_start().split_once(['=', ' ']) {
        Some((version, build)) if !version.contains(['<', '>', '!', ',', '|']) => {
            (version.trim(), Some(build.trim()).filter(|build| !build.is_empty()))
        }
        _ => (rest, None),
    }
}

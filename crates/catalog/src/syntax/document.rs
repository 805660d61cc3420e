//! What readers of whole documents share: bytes to a tree, or a note that there is none; and parts that are reported with their lines.

use signet_model::UnexaminedKind;

use super::{Node, SyntaxError, Value, json, report, text, toml};
use crate::{Found, Input};

/// The file as TOML. What is no TOML is noted in `found`, and there is no tree.
pub(crate) fn toml(input: &Input<'_>, found: &mut Found) -> Option<Node> {
    match toml::parse(&text(input.bytes)) {
        Ok(root) => Some(root),
        Err(error) => {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
            None
        }
    }
}

/// The file as one JSON object. What is none is noted in `found`, and there is no tree.
pub(crate) fn json_object(input: &Input<'_>, found: &mut Found) -> Option<Node> {
    object(input, json::parse(&text(input.bytes)), found)
}

/// The file as one JSON object in which comments and trailing commas may stand. What is none is noted in `found`, and there is no tree.
pub(crate) fn jsonc_object(input: &Input<'_>, found: &mut Found) -> Option<Node> {
    object(input, json::parse_relaxed(&text(input.bytes)), found)
}

/// A document that was read, if it is an object. What is none is noted in `found`.
pub(crate) fn object(input: &Input<'_>, read: Result<Node, SyntaxError>, found: &mut Found) -> Option<Node> {
    let why = match read {
        Ok(root) if matches!(root.value, Value::Object(_)) => return Some(root),
        Ok(_) => "expected an object".to_owned(),
        Err(error) => format!("no JSON: {error}"),
    };
    found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
    None
}

/// Notes that a part of the file could not be read, with its lines; up to a number per file.
pub(crate) fn note(input: &Input<'_>, found: &mut Found, lines: (u32, u32), kind: UnexaminedKind, why: &str) {
    let mut what = input.unexamined(kind, format!("line {}: {why}", lines.0));
    what.location.lines = Some(lines);
    report(&mut found.unexamined, what);
}

/// [`note`] for what is not as the format wants it.
pub(crate) fn malformed(input: &Input<'_>, found: &mut Found, lines: (u32, u32), why: &str) {
    note(input, found, lines, UnexaminedKind::Malformed, why);
}

/// The `[[NAME]]` tables of a lock file that state a name and a version, each with both; the others are noted in `found`.
pub(crate) fn named_tables<'a>(
    input: &Input<'_>,
    found: &mut Found,
    tables: impl Iterator<Item = &'a Node>,
) -> Vec<(&'a str, &'a str, &'a Node)> {
    let mut named = Vec::new();
    for node in tables {
        match (node.str("name"), node.str("version")) {
            (Some(name), Some(version)) => named.push((name, version, node)),
            _ => malformed(input, found, node.lines, "a package without name or version"),
        }
    }
    named
}

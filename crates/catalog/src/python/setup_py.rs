//! `setup.py`: what a project of setuptools needs, as far as the program says it in plain texts. Nothing is run.

use std::collections::BTreeSet;

use signet_model::{Directness, UnexaminedKind};

use super::{declared, requirements, split_name};
use crate::syntax::{self, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `setup.py`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-setup",
    claims: &[Claim::Name("setup.py")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Nesting of brackets that is followed.
const DEPTH: usize = 100;

/// Reads the texts of a program that are requirements.
///
/// Shape: texts in brackets that belong to a name with `require` in it (`install_requires=[...]`, `extras_require={...}`, `REQUIREMENTS = [...]`), and
/// elsewhere in brackets texts that fix a version (`name==1.0`). `name=` and `version=` of `setup(...)` are the project. Texts that are put
/// together (`f"..."`, `"...%s"`, `"{}"`) are no requirements.
/// Errors: a text among the needs that is no requirement, with its line; needs that are computed. Source: setuptools.pypa.io, "Keywords".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let literals = literals(&text);
    let mut found = Found::default();
    let stated = |name: &str| {
        let is = |literal: &&Literal<'_>| literal.assigned == name && literal.owners.last() == Some(&"setup");
        literals.iter().find(is).filter(|literal| literal.plain)
    };
    if let Some(name) = stated("name") {
        let version = stated("version").map_or("", |literal| literal.text);
        let mut project = declared(input, name.text, version, (name.line, name.line));
        project.directness = Directness::Root;
        found.packages.push(project);
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for literal in literals.iter().filter(|literal| literal.plain) {
        let direct = literal.assigned.ends_with("_requires") && literal.assigned != "python_requires";
        let needs = direct || literal.owners.iter().any(|owner| owner.to_ascii_lowercase().contains("require"));
        let key = literal.is_key || !literal.assigned.is_empty() && !direct;
        if key || !needs && (literal.owners.is_empty() || !fixes_version(literal.text)) || !seen.insert(literal.text) {
            continue;
        }
        let first = found.packages.len();
        for line in literal.text.lines() {
            requirements::line(input, line, (literal.line, literal.line), &mut found);
        }
        let dev = |owner: &&str| owner.contains("tests_require") || owner.contains("setup_requires");
        for package in found.packages.iter_mut().skip(first) {
            package.dev = literal.owners.iter().any(dev) || dev(&literal.assigned);
            package.directness = if needs { Directness::Direct } else { Directness::Unknown };
        }
    }
    if let Some(line) = computed(&text, &literals) {
        let why = "what the project needs is computed by the program";
        document::note(input, &mut found, (line, line), UnexaminedKind::Unresolved, why);
    }
    found
}

/// `name==1.0` as a whole.
fn fixes_version(text: &str) -> bool {
    let version = |rest: &str| {
        let rest = rest.trim_start().strip_prefix("==")?.trim_start_matches('=').trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".+-_!".contains(c);
        (rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain)).then_some(())
    };
    split_name(text.trim()).is_some_and(|(_, rest)| version(rest.split(';').next().unwrap_or_default()).is_some())
}

/// The line of `install_requires=` when neither a text in brackets nor a list of the same program follows it.
fn computed(text: &str, literals: &[Literal<'_>]) -> Option<u32> {
    let (at, word) = text.match_indices("install_requires").find(|(at, word)| {
        let line = text.get(..*at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
        let rest = text.get(at + word.len()..).unwrap_or_default().trim_start();
        !line.contains('#') && rest.starts_with('=') && !rest.starts_with("==")
    })?;
    let value = text.get(at + word.len()..)?.trim_start().strip_prefix('=')?.trim_start();
    if value.starts_with(['[', '(', '\'', '"']) {
        return None;
    }
    let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(value.len());
    let name = value.get(..end).unwrap_or_default();
    let follows = value.get(end..).unwrap_or_default().trim_start();
    let plain = !name.is_empty() && (follows.is_empty() || follows.starts_with([',', ')', '\n']));
    if plain && literals.iter().any(|literal| literal.owners.contains(&name)) {
        return None;
    }
    let line = memchr::memchr_iter(b'\n', text.get(..at)?.as_bytes()).count();
    Some(u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1))
}

/// A text of a program, and where it stands.
#[derive(Debug)]
struct Literal<'a> {
    text: &'a str,
    line: u32,
    /// Not put together from parts.
    plain: bool,
    /// Names to which the brackets around it belong, from outside: `setup`, `install_requires`.
    owners: Vec<&'a str>,
    /// The name before `=` directly before it.
    assigned: &'a str,
    /// A key of a dictionary.
    is_key: bool,
}

/// The texts of a program outside of comments.
fn literals(text: &str) -> Vec<Literal<'_>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Literal<'_>> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let (mut at, mut line) = (0, 1u32);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => {
                line = line.saturating_add(1);
                at += 1;
            }
            b'#' => at += memchr::memchr(b'\n', bytes.get(at..).unwrap_or_default()).unwrap_or(bytes.len() - at),
            b'[' | b'(' | b'{' => {
                if open.len() < DEPTH {
                    open.push(owner(text.get(..at).unwrap_or_default()));
                }
                at += 1;
            }
            b']' | b')' | b'}' => {
                open.pop();
                at += 1;
            }
            b'\'' | b'"' => {
                let rest = text.get(at..).unwrap_or_default();
                let (inside, length) = literal(rest);
                let before = text.get(..at).unwrap_or_default();
                let prefix = before.len() - before.trim_end_matches(|c: char| "rRbBuUfF".contains(c)).len();
                let formatted = before.get(before.len() - prefix..).is_some_and(|prefix| prefix.contains(['f', 'F']));
                let before = before.get(..before.len() - prefix).unwrap_or_default().trim_end();
                let after = rest.get(length..).unwrap_or_default().trim_start_matches([' ', '\t']);
                found.push(Literal {
                    text: inside,
                    line,
                    plain: !formatted && !inside.contains(['%', '{', '}', '\\']) && !after.starts_with(['%', '+', '.']),
                    owners: open.iter().copied().filter(|owner| !owner.is_empty()).collect(),
                    assigned: before.strip_suffix('=').map_or("", |before| identifier(before.trim_end())),
                    is_key: after.starts_with(':'),
                });
                let lines = memchr::memchr_iter(b'\n', rest.get(..length).unwrap_or_default().as_bytes()).count();
                line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
                at += length;
            }
            _ => at += 1,
        }
    }
    found
}

/// The content of the text that begins here, and its length with quotes. One without an end on its line is a quote alone.
fn literal(rest: &str) -> (&str, usize) {
    let quote = rest.get(..1).unwrap_or_default();
    let bytes = rest.as_bytes();
    for (marks, many) in [(3, true), (1, false)] {
        if many && !(1..3).all(|at| rest.get(at..at + 1) == Some(quote)) {
            continue;
        }
        let mut at = marks;
        while let Some(byte) = bytes.get(at) {
            at += match byte {
                b'\\' => 2,
                b'\n' if !many => break,
                byte if quote.as_bytes() == [*byte]
                    && (!many || (1..3).all(|more| bytes.get(at + more) == Some(byte))) =>
                {
                    return (rest.get(marks..at).unwrap_or_default(), at + marks);
                }
                _ => 1,
            };
        }
    }
    ("", 1)
}

/// The name that a bracket belongs to: before `=`, before the bracket itself (a call), or none.
fn owner(before: &str) -> &str {
    let before = before.trim_end();
    // `+=` extends what stands before
    match before.strip_suffix('=') {
        Some(before) => identifier(before.trim_end_matches('+').trim_end()),
        None => identifier(before),
    }
}

/// The identifier at the end of a code.
fn identifier(code: &str) -> &str {
    let tail = code.len() - code.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    code.get(tail..).unwrap_or_default()
}

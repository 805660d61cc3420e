//! TypeScript sources that import packages by specifier.

use std::collections::BTreeSet;

use super::{Specifier, asked};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads imports of TypeScript sources.
pub(crate) static LEAF: Leaf = Leaf {
    id: "deno-source",
    claims: &[Claim::Suffix(".ts"), Claim::Suffix(".tsx"), Claim::Suffix(".mts"), Claim::Suffix(".cts")],
    accepts,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Declarations import nothing at run time, and what others published imports by bare names.
fn accepts(path: &str) -> bool {
    !path.ends_with(".d.ts") && crate::npm::own_lock_file(path) && !format!("/{path}").contains("/usr/share/doc/")
}

/// Reads the imports of a source that name a package by themselves.
///
/// Shape: the text of `import ... from "..."`, `export ... from "..."`, `import "..."`, `import("...")`, outside of comments and templates.
/// A name without specifier (`import "chalk"`) is left to the manifest that tells what it stands for.
/// Errors: none; what is no TypeScript (a video may be called `.ts`) imports nothing. Source: docs.deno.com, "Modules and dependencies".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let has = |text: &str| memchr::memmem::find(input.bytes, text.as_bytes()).is_some();
    if !(has("npm:") || has("jsr:") || has("https://")) || memchr::memchr(0, input.bytes).is_some() {
        return found;
    }
    let text = syntax::text(input.bytes);
    let mut seen = BTreeSet::new();
    for (written, line) in imports(&text) {
        let Some(specifier) = Specifier::parse(written) else { continue };
        if seen.insert((specifier.kind, specifier.name.clone(), specifier.range.clone())) {
            found.packages.push(asked(input, &specifier, written, (line, line)));
        }
    }
    found
}

/// Texts that stand where a module is imported, with the line of each.
///
/// One pass: what follows a quote up to the next one on the same line is a text. A quote inside a regular expression so spoils at most the rest
/// of its line.
fn imports(text: &str) -> Vec<(&str, u32)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut counted, mut line) = (0, 0, 1u32);
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| b"/'\"`".contains(byte))) {
        let start = at + step;
        let rest = text.get(start..).unwrap_or_default();
        let quote = rest.as_bytes().first().copied().unwrap_or_default();
        at = start
            + match quote {
                b'/' if rest.starts_with("//") => memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()),
                b'/' if rest.starts_with("/*") => {
                    rest.get(2..).and_then(|r| r.find("*/")).map_or(rest.len(), |n| n + 4)
                }
                b'/' => 1,
                b'`' => literal_end(rest, quote).unwrap_or(1),
                _ => match literal_end(rest, quote) {
                    Some(end) => {
                        let inside = rest.get(1..end - 1).unwrap_or_default();
                        if is_import(text.get(..start).unwrap_or_default()) {
                            let between = bytes.get(counted..start).unwrap_or_default();
                            let more = memchr::memchr_iter(b'\n', between).count();
                            line = line.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
                            counted = start;
                            found.push((inside, line));
                        }
                        end
                    }
                    None => 1,
                },
            };
    }
    found
}

/// Length of a literal with its quotes. Texts in `'` and `"` end on their line.
fn literal_end(rest: &str, quote: u8) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        at += match *bytes.get(at)? {
            b'\\' => 2,
            b'\n' if quote != b'`' => return None,
            byte if byte == quote => return Some(at + 1),
            _ => 1,
        };
    }
}

/// Whether the code before a text imports it.
fn is_import(before: &str) -> bool {
    let ends_with = |code: &str, word: &str| {
        let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '.';
        code.strip_suffix(word).is_some_and(|rest| !rest.ends_with(inside))
    };
    let before = before.trim_end();
    let called = before.strip_suffix('(').map(str::trim_end);
    ends_with(before, "from") || ends_with(before, "import") || called.is_some_and(|code| ends_with(code, "import"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_texts_are_imported() {
        let text = concat!(
            "import a from 'npm:a@1';\n// import b from 'npm:b@1'\n/* from \"x\"\n*/ export * from\n  \"jsr:@s/c@1\";\n",
            "import \"./d.ts\"; const e = await import(\n  \"npm:e\" );\nconst f = `from 'npm:f'`; const g = \"from\", h = 'npm:h';\n",
            "Array.from('npm:i'); xfrom 'j'; const k = /'/; import l from \"npm:l\"",
        );
        assert_eq!(imports(text), [("npm:a@1", 1), ("jsr:@s/c@1", 5), ("./d.ts", 6), ("npm:e", 7), ("npm:l", 9)]);
    }
}

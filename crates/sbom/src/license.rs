//! Licences as SBOM formats want them: a listed id, an expression, or a name.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Identifiers of the SPDX licence list; see the first line of the file for its version.
static LIST: &str = include_str!("../data/spdx-ids.txt");

struct Ids {
    licenses: HashMap<String, &'static str>,
    exceptions: HashMap<String, &'static str>,
}

static IDS: LazyLock<Ids> = LazyLock::new(|| {
    let (licenses, exceptions) = LIST.split_once("\n-\n").unwrap_or((LIST, ""));
    let table = |part: &'static str| {
        part.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|id| (id.to_ascii_lowercase(), id))
            .collect()
    };
    Ids { licenses: table(licenses), exceptions: table(exceptions) }
});

/// What a licence text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// An id of the list in its own spelling.
    Id(&'static str),
    /// A valid expression of several ids of the list.
    Expression(String),
    /// Anything else.
    Name(String),
}

/// Whether this is an id of the SPDX licence list, in any case.
pub fn is_spdx_id(text: &str) -> bool {
    canonical(text).is_some()
}

/// The licence as an SPDX expression in the list's own spelling; `None` for what the list does not know.
pub fn license_expression(text: &str) -> Option<String> {
    match classify(text) {
        Choice::Id(id) => Some(modern(id).unwrap_or(id).to_owned()),
        Choice::Expression(expression) => Some(expression),
        Choice::Name(_) => None,
    }
}

fn canonical(text: &str) -> Option<&'static str> {
    IDS.licenses.get(&text.to_ascii_lowercase()).copied()
}

/// What stands for an old id that names a licence and its exception in one; validators take it for an exception inside expressions.
/// Source: the licence list, field `deprecated` and the texts of these licences.
pub(crate) fn modern(id: &str) -> Option<&'static str> {
    Some(match id {
        "GPL-2.0-with-autoconf-exception" => "GPL-2.0-only WITH Autoconf-exception-2.0",
        "GPL-2.0-with-bison-exception" => "GPL-2.0-only WITH Bison-exception-2.2",
        "GPL-2.0-with-classpath-exception" => "GPL-2.0-only WITH Classpath-exception-2.0",
        "GPL-2.0-with-font-exception" => "GPL-2.0-only WITH Font-exception-2.0",
        "GPL-2.0-with-GCC-exception" => "GPL-2.0-only WITH GCC-exception-2.0",
        "GPL-3.0-with-autoconf-exception" => "GPL-3.0-only WITH Autoconf-exception-3.0",
        "GPL-3.0-with-GCC-exception" => "GPL-3.0-only WITH GCC-exception-3.1",
        _ => return None,
    })
}

pub(crate) fn classify(text: &str) -> Choice {
    let text = text.trim();
    if let Some(id) = canonical(text) {
        return Choice::Id(id);
    }
    // Free text is spelt anew, and then has to be what a valid text has to be.
    let spelt = || expression(&crate::license_names::expression_of(text)?);
    match expression(text).or_else(spelt) {
        Some(expression) => canonical(&expression).map_or(Choice::Expression(expression), Choice::Id),
        None => Choice::Name(text.to_owned()),
    }
}

/// The expression with ids in their own spelling; `None` when a word is no id or the grammar of SPDX 2.3, annex D, does not hold.
fn expression(text: &str) -> Option<String> {
    if text.len() > 4096 {
        return None;
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut out = String::new();
    let mut depth = 0usize;
    // Whether an operand must come next; the only state that the flat grammar needs beside the depth.
    let mut operand = true;
    let mut words = spaced.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        match (word, operand) {
            ("(", true) => {
                depth += 1;
                out.push('(');
            }
            (")", false) => {
                depth = depth.checked_sub(1)?;
                out.push(')');
            }
            (_, false) if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => {
                out.push(' ');
                out.push_str(&word.to_ascii_uppercase());
                out.push(' ');
                operand = true;
            }
            (word, true) => {
                // `ID+` of an id that the list has only without the sign is an expression by the grammar, but validators refuse it.
                let id = canonical(word)?;
                out.push_str(modern(id).unwrap_or(id));
                if words.peek().is_some_and(|next| next.eq_ignore_ascii_case("with")) {
                    words.next();
                    let exception = IDS.exceptions.get(&words.next()?.to_ascii_lowercase())?;
                    out.push_str(" WITH ");
                    out.push_str(exception);
                }
                operand = false;
            }
            _ => return None,
        }
    }
    (depth == 0 && !operand).then_some(out)
}

/// Splits at `AND` outside of parentheses, and takes away parentheses that enclose a whole part.
pub(crate) fn split_and(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let mut parts = vec![Vec::new()];
    let mut depth = 0usize;
    for word in spaced.split_ascii_whitespace() {
        match word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        match parts.last_mut() {
            Some(_) if depth == 0 && word == "AND" => parts.push(Vec::new()),
            Some(part) => part.push(word),
            None => {}
        }
    }
    parts
        .into_iter()
        .map(|part| {
            let joined = |words: &[&str]| words.join(" ").replace("( ", "(").replace(" )", ")");
            match part.as_slice() {
                ["(", inner @ .., ")"] if is_balanced(inner) => joined(inner),
                whole => joined(whole),
            }
        })
        .filter(|part| !part.is_empty())
        .collect()
}

fn is_balanced(words: &[&str]) -> bool {
    let mut depth = 0usize;
    for word in words {
        match *word {
            "(" => depth += 1,
            ")" if depth == 0 => return false,
            ")" => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, choice: Choice) {
        assert_eq!(classify(text), choice, "{text}");
    }

    #[test]
    fn ids_expressions_and_names() {
        check("MIT", Choice::Id("MIT"));
        check("apache-2.0", Choice::Id("Apache-2.0"));
        check("GPL-2.0+", Choice::Id("GPL-2.0+"));
        check("mit or Apache-2.0", Choice::Expression("MIT OR Apache-2.0".to_owned()));
        check("(MIT AND (ISC OR Zlib))", Choice::Expression("(MIT AND (ISC OR Zlib))".to_owned()));
        check(
            "GPL-2.0-only WITH Classpath-exception-2.0",
            Choice::Expression("GPL-2.0-only WITH Classpath-exception-2.0".to_owned()),
        );
        for name in ["Acme License", "MIT AND", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH ISC", "public domain", ""] {
            check(name, Choice::Name(name.to_owned()));
        }
    }

    #[test]
    fn parts_of_a_conjunction() {
        assert_eq!(split_and("MIT AND (ISC OR Zlib) AND LicenseRef-x"), ["MIT", "ISC OR Zlib", "LicenseRef-x"]);
        assert_eq!(split_and("(MIT AND ISC)"), ["MIT AND ISC"]);
        assert_eq!(split_and("(MIT OR ISC) AND (A OR B)"), ["MIT OR ISC", "A OR B"]);
        assert_eq!(split_and(")("), [") ("]);
    }
}

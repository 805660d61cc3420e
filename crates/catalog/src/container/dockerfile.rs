//! Base images of Dockerfiles.

use std::collections::{BTreeMap, BTreeSet};

use super::{COVERAGE, expand, image, own_file};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `Dockerfile`, `Containerfile` and files of these suffixes.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dockerfile",
    claims: &[
        Claim::Name("Dockerfile"),
        Claim::Name("Containerfile"),
        Claim::Suffix(".Dockerfile"),
        Claim::Suffix(".dockerfile"),
        Claim::Suffix(".Containerfile"),
    ],
    accepts: own_file,
    max_size: 4 << 20,
    read,
    coverage: COVERAGE,
};

/// Reads `FROM [--platform=P] IMAGE [AS NAME]`, with the values that `ARG NAME=VALUE` gives before the first `FROM`.
///
/// A stage that names an earlier stage or `scratch` stands on no image. An image whose name depends on an argument without a value is decided
/// by who builds: there is nothing to list, and nothing that could have been read. Errors: none.
/// Source: docs.docker.com, "Dockerfile reference", FROM and ARG.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut arguments: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: BTreeSet<String> = BTreeSet::new();
    let mut found = Found::default();
    for (lines, instruction) in instructions(&text) {
        let mut words = instruction.split_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        if keyword == "ARG" && stages.is_empty() && found.packages.is_empty() {
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                let value = value.trim_matches(['"', '\'']);
                if let Some(value) = expand(value, &arguments) {
                    arguments.insert(name.to_owned(), value);
                }
            }
        } else if keyword == "FROM" {
            let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).take(3).collect();
            let base = words.first().and_then(|base| expand(base.trim_matches(['"', '\'']), &arguments));
            if let Some(base) = base.filter(|base| base != "scratch" && !stages.contains(&base.to_ascii_lowercase()))
                && found.packages.len() < 10_000
            {
                found.packages.extend(image(input, &base, lines));
            }
            // A stage without a name is still a stage.
            let name = words.get(2).filter(|_| words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as")));
            stages.insert(name.map_or_else(|| format!("{}", stages.len()), |name| name.to_ascii_lowercase()));
        }
    }
    found
}

/// Instructions with their lines: comments left out, continued lines joined. The escape character is a backslash unless a directive in the
/// first lines names the backtick.
fn instructions(text: &str) -> Vec<((u32, u32), String)> {
    let directive = |line: &str| {
        let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        line.eq_ignore_ascii_case("#escape=`")
    };
    let escape = if text.lines().take_while(|line| line.starts_with('#')).any(directive) { '`' } else { '\\' };
    let mut all: Vec<((u32, u32), String)> = Vec::new();
    let mut open: Option<((u32, u32), String)> = None;
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (body, goes_on) = line.strip_suffix(escape).map_or((line, false), |body| (body, true));
        let ((first, _), mut whole) = open.take().unwrap_or(((number, number), String::new()));
        whole.push_str(body);
        if goes_on {
            open = Some(((first, number), whole));
        } else {
            all.push(((first, number), whole));
        }
    }
    all.extend(open);
    all
}

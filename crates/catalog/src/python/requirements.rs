//! pip's requirements files.

use signet_model::UnexaminedKind;

use super::{checksum, declared, split_name};
use crate::syntax::{self, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads requirements files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-requirements",
    claims: &[Claim::Suffix(".txt")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// `requirements.txt`, `requirements-dev.txt`, `dev_requirements.txt`, `requirements/base.txt`.
fn accepts(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    (name.contains("requirements") || directory.rsplit('/').next() == Some("requirements")) && super::own_file(path)
}

/// Reads a requirements file, in UTF-8 or UTF-16.
///
/// Shape: one requirement a line, `\` at the end goes on, ` #` begins a comment, `-` begins an option. Only `==` and `===` without a
/// wildcard state a version; for the rest the version is empty, `python.constraint` has the text, and `python.minimum` the lowest version
/// that it allows.
/// Errors: a line that is no requirement, with its number; a path or address without a name.
/// Source: pip.pypa.io, "Requirements File Format"; packaging.python.org, "Version specifiers".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let mut lines = text.lines().zip(1u32..);
    while let Some((line, first)) = lines.next() {
        let mut last = first;
        // a comment cannot be continued
        let mut logical = uncomment(line).to_owned();
        while logical.ends_with('\\') && !line.trim_start().starts_with('#') {
            logical.pop();
            let Some((next, number)) = lines.next() else { break };
            if next.trim_start().starts_with('#') {
                break;
            }
            last = number;
            logical.push(' ');
            logical.push_str(uncomment(next));
        }
        self::line(input, &logical, (first, last), &mut found);
    }
    found
}

/// Reads one line without comment: a requirement, an option, or nothing. What is none of these is noted with its lines.
pub(crate) fn line(input: &Input<'_>, line: &str, lines: (u32, u32), found: &mut Found) {
    if let Err((kind, why)) = requirement(input, line.trim(), lines, found) {
        document::note(input, found, lines, kind, why);
    }
}

fn uncomment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| match at.checked_sub(1) {
        None => true,
        Some(before) => line.as_bytes().get(before).is_some_and(u8::is_ascii_whitespace),
    });
    line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim_end()
}

type Refusal = (UnexaminedKind, &'static str);

fn requirement(input: &Input<'_>, line: &str, lines: (u32, u32), found: &mut Found) -> Result<(), Refusal> {
    if line.is_empty() || line.starts_with('-') && !line.starts_with("-e") && !line.starts_with("--editable") {
        return Ok(());
    }
    // options of one requirement stand at its end
    let options_at = [" --", " -C", "\t--"].iter().filter_map(|option| line.find(option)).min().unwrap_or(line.len());
    let (body, options) = line.split_at(options_at);
    let body = body.trim();
    if let Some(name) = address_name(line) {
        let mut package = declared(input, name, "", lines);
        package.extra.insert("python.constraint".to_owned(), body.to_owned());
        found.packages.push(package);
        return Ok(());
    }
    let target = body.trim_start_matches("--editable").trim_start_matches("-e").trim_start_matches(['=', ' ']);
    if target.starts_with(['.', '/']) {
        // a directory of the project: its own files tell what it is
        return Ok(());
    }
    if target.contains("://") && !target.contains('@') || body.starts_with('-') {
        return Err((UnexaminedKind::Unresolved, "an address does not tell the name of its package"));
    }
    let malformed = (UnexaminedKind::Malformed, "no requirement");
    let (name, rest) = split_name(body).ok_or(malformed)?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').ok_or(malformed)?.1.trim_start(),
        None => rest,
    };
    let constraint = rest.split(';').next().unwrap_or_default().trim();
    // older tools wrote `name (>=1)`
    let constraint = constraint.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(constraint).trim();
    let (version, minimum) = versions(constraint).ok_or(malformed)?;
    let mut package = declared(input, name, version, lines);
    if !constraint.is_empty() && version.is_empty() {
        package.extra.insert("python.constraint".to_owned(), constraint.to_owned());
    }
    if let Some(minimum) = minimum.filter(|_| version.is_empty()) {
        package.extra.insert("python.minimum".to_owned(), minimum);
    }
    for option in options.split_whitespace() {
        package.checksums.extend(option.strip_prefix("--hash=").and_then(checksum));
    }
    found.packages.push(package);
    Ok(())
}

/// The name in `git+https://host/x#egg=NAME`.
fn address_name(line: &str) -> Option<&str> {
    let (address, name) = line.split_once("#egg=").or_else(|| line.split_once("&egg="))?;
    let (name, _) = split_name(name)?;
    address.contains("://").then_some(name)
}

/// The version that a constraint fixes (empty if none), and the lowest that it allows.
fn versions(constraint: &str) -> Option<(&str, Option<String>)> {
    if constraint.is_empty() || constraint.starts_with('@') {
        return Some(("", None));
    }
    let (mut fixed, mut lowest, mut wild) = ("", None, None);
    for clause in constraint.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
        let end = clause.find(|c| !"<>=!~".contains(c)).unwrap_or(clause.len());
        let (operator, version) = clause.split_at(end);
        let version = version.trim();
        let known = matches!(operator, "==" | "===" | "!=" | "<" | "<=" | ">" | ">=" | "~=");
        if !known || version.is_empty() || version.contains(char::is_whitespace) {
            return None;
        }
        match (operator, version.strip_suffix(".*")) {
            ("==", Some(prefix)) if !prefix.contains('*') => wild = Some(format!("{prefix}.0")),
            ("==" | "===", None) if !version.contains('*') => fixed = version,
            (">=" | "~=", _) => lowest = Some(version.to_owned()),
            _ => {}
        }
    }
    Some((fixed, lowest.or(wild)))
}

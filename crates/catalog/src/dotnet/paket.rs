//! Paket: `paket.dependencies` and `paket.lock`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, Package, PackageKind, RelationshipKind, UnexaminedKind};

use super::{declared, folded};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `paket.lock`.
pub(crate) static LOCK: Leaf = Leaf {
    id: "paket-lock",
    claims: &[Claim::Name("paket.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read: read_lock,
    coverage: super::COVERAGE,
};

/// Reads `paket.dependencies`.
pub(crate) static MANIFEST: Leaf = Leaf {
    id: "paket-dependencies",
    claims: &[Claim::Name("paket.dependencies")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read: read_manifest,
    coverage: super::COVERAGE,
};

/// What the file names in a repository on GitHub. The kind is the one whose purl names a repository there.
fn repository(input: &Input<'_>, name: &str, version: &str, line: u32) -> Package {
    Package { kind: PackageKind::GithubAction, ..declared(input, name, version, (line, line)) }
}

/// One package of a lock file and what it needs.
struct Locked<'a> {
    group: &'a str,
    place: usize,
    needs: Vec<&'a str>,
}

/// Reads a lock file.
///
/// Shape: sections `NUGET`, `GITHUB`, `GIT`, `HTTP`, `GIST` at the margin, for each group after `GROUP name`; below, `remote: ADDRESS`, then
/// four spaces and `Name (version)` with options behind ` - `, then six spaces and `Need (range)`. A file of GitHub stands with its
/// commit; the repository is its package. Addresses and git repositories have no package of NuGet's and are told as not examined.
/// Source: fsprojects.github.io/Paket/lock-file.html.
fn read_lock(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let (mut section, mut group, mut remote) = ("", "", "");
    let mut locked: Vec<Locked<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if indent == 0 {
            remote = "";
            match content.strip_prefix("GROUP ") {
                Some(name) => (group, section) = (name.trim(), ""),
                None => section = content,
            }
            continue;
        }
        if let Some(address) = content.strip_prefix("remote:") {
            remote = address.trim();
            continue;
        }
        let entry = content.split_once(" - ").map_or(content, |(entry, _)| entry);
        let (name, version) = match entry.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.split(')').next().unwrap_or_default().trim()),
            None => (entry.trim(), ""),
        };
        match (section, indent) {
            ("NUGET", 4) if !name.is_empty() && !version.is_empty() => {
                locked.push(Locked { group, place: found.packages.len(), needs: Vec::new() });
                let mut package = declared(input, name, version, (number, number));
                if !group.is_empty() {
                    package.extra.insert("paket.group".to_owned(), group.to_owned());
                }
                found.packages.push(package);
            }
            ("GITHUB", 4) if !name.is_empty() && !version.is_empty() => {
                let name = if remote.contains('/') { remote } else { name };
                let known = |package: &Package| package.name == name && package.version == version;
                if !found.packages.iter().rev().take(64).any(known) {
                    found.packages.push(repository(input, name, version, number));
                }
            }
            ("NUGET", 5..) => {
                if let Some(last) = locked.last_mut() {
                    last.needs.push(name);
                }
            }
            ("NUGET" | "GITHUB", 4) => {
                let why = format!("line {number}: a package without name or version");
                syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            }
            ("GIT" | "HTTP" | "GIST", 4) => {
                let why = format!("line {number}: `{name}` comes from {remote}, which is no package feed");
                syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Unsupported, why));
            }
            _ => {}
        }
    }
    let places: BTreeMap<(&str, String), usize> = (locked.iter())
        .filter_map(|entry| Some(((entry.group, folded(&found.packages.get(entry.place)?.name)), entry.place)))
        .collect();
    let edges: BTreeSet<(usize, usize, RelationshipKind)> = (locked.iter())
        .flat_map(|entry| entry.needs.iter().map(move |need| (entry, *need)))
        .filter_map(|(entry, need)| Some((entry.place, *places.get(&(entry.group, folded(need)))?)))
        .filter(|(from, to)| from != to)
        .map(|(from, to)| (from, to, RelationshipKind::DependsOn))
        .collect();
    found.edges = edges.into_iter().collect();
    found
}

/// Reads a manifest. Its packages have a version only where it pins one; a lower bound is kept as the fact `nuget.minimum`.
///
/// Shape: one statement per line: `nuget NAME [RANGE] [options]`, `github OWNER/REPO[:REF] [FILE]`, `group NAME`, options; comments
/// after `//` or `#`. Source: fsprojects.github.io/Paket/dependencies-file.html.
fn read_manifest(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let mut group = "";
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let line = without_comment(line);
        let (statement, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let mut package = match statement {
            "group" => {
                group = rest;
                continue;
            }
            "nuget" if !rest.is_empty() => {
                let (name, range) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let (version, minimum) = bounds(range);
                let mut package = declared(input, name, version, (number, number));
                package.extra.extend(minimum.map(|minimum| ("nuget.minimum".to_owned(), minimum.to_owned())));
                package
            }
            "github" if rest.contains('/') => {
                let name = rest.split_whitespace().next().unwrap_or_default();
                let (name, reference) = name.split_once(':').unwrap_or((name, ""));
                repository(input, name, reference, number)
            }
            "git" | "http" | "gist" if !rest.is_empty() => {
                let why = format!("line {number}: `{rest}` is no package of a feed");
                syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Unsupported, why));
                continue;
            }
            _ => continue,
        };
        package.directness = Directness::Direct;
        if !group.is_empty() {
            package.extra.insert("paket.group".to_owned(), group.to_owned());
        }
        found.packages.push(package);
    }
    found
}

/// The statement without its comment; the `//` of an address is none.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line.get(..*at).unwrap_or_default().ends_with(':'));
    let line = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line);
    let hash =
        line.find('#').filter(|at| *at == 0 || line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])));
    hash.and_then(|at| line.get(..at)).unwrap_or(line).trim()
}

/// The version that a range pins, and else its lower bound. `~> 2.6.3` and `>= 2.6.3` have one; a version alone and `=` or `==` pin it.
fn bounds(range: &str) -> (&str, Option<&str>) {
    let mut words = range.split_whitespace();
    let Some(first) = words.next() else { return ("", None) };
    let digits = first.find(|c: char| c.is_ascii_digit());
    let (operator, version) = match digits {
        Some(at) => (first.get(..at).unwrap_or_default(), first.get(at..).unwrap_or_default()),
        None => (first, words.next().unwrap_or_default()),
    };
    let version = if version.starts_with(|c: char| c.is_ascii_digit()) { version } else { "" };
    match operator.trim_start_matches(['@', '!']) {
        "" | "=" | "==" => (version, None),
        "~>" | ">=" | ">" if !version.is_empty() => ("", Some(version)),
        _ => ("", None),
    }
}

#[cfg(test)]
mod statements {
    use super::*;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("", ("", None)),
            ("2.6.3", ("2.6.3", None)),
            ("== 2.6.3 strategy: min", ("2.6.3", None)),
            ("=2.6.3", ("2.6.3", None)),
            ("~> 2.6.3", ("", Some("2.6.3"))),
            (">= 1.0 < 2.0", ("", Some("1.0"))),
            ("@~> 1.0", ("", Some("1.0"))),
            ("< 3", ("", None)),
            ("lowest_matching: true", ("", None)),
        ] {
            assert_eq!(bounds(range), expected, "{range}");
        }
    }

    #[test]
    fn comments() {
        assert_eq!(without_comment("source https://x.org/v3 // main"), "source https://x.org/v3");
        assert_eq!(without_comment("nuget FSharp.Core # c"), "nuget FSharp.Core");
        assert_eq!(without_comment("nuget C#Lib"), "nuget C#Lib");
        assert_eq!(without_comment("# c"), "");
        assert_eq!(without_comment("// c"), "");
    }
}

//! Module specifiers that name a package: `npm:`, `jsr:`, and addresses of hosts that serve packages by name and version.

use signet_model::PackageKind;

/// Longest specifier that is read.
const LENGTH: usize = 2048;

/// What a specifier asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Specifier {
    /// npm, JSR, or [`PackageKind::Other`] for modules of deno.land and of repositories.
    pub(super) kind: PackageKind,
    /// `name`, `@scope/name`, `owner/repository`.
    pub(super) name: String,
    /// A version or a range, as written; empty when nothing is asked for.
    pub(super) range: String,
}

impl Specifier {
    /// Reads a specifier. `None`: it names no package by itself (a file, a name of an import map, an address of another host).
    ///
    /// Shape: `npm:[/]NAME[@RANGE][/PATH]`, `jsr:` the same with a scoped name; `https://` of esm.sh, unpkg.com, jsdelivr, skypack, jspm, jsr.io,
    /// deno.land. Source: docs.deno.com, "Modules and dependencies"; esm.sh, "How to use".
    pub(super) fn parse(text: &str) -> Option<Specifier> {
        if text.len() > LENGTH {
            return None;
        }
        if let Some(rest) = text.strip_prefix("npm:") {
            return of(PackageKind::Npm, rest.trim_start_matches('/'));
        }
        if let Some(rest) = text.strip_prefix("jsr:") {
            return of(PackageKind::Jsr, rest.trim_start_matches('/')).filter(|found| found.name.starts_with('@'));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (host, path) = rest.split_once('/')?;
        of_address(host, path.split(['?', '#']).next().unwrap_or_default())
    }

    /// The version, if the specifier fixes one: `1.2.3`, `v1.2.3`, `1.2.3-beta.1`.
    pub(super) fn exact(&self) -> Option<&str> {
        // tags and commits of other places fix what is meant, whatever they look like
        if self.kind == PackageKind::Other {
            return Some(self.range.as_str()).filter(|range| !range.is_empty());
        }
        let version = self.range.strip_prefix('=').unwrap_or(&self.range).trim();
        let version = version.strip_prefix('v').unwrap_or(version);
        let numbers = version.split(['-', '+']).next().unwrap_or_default();
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        (numbers.split('.').count() == 3 && numbers.split('.').all(number) && version.chars().all(plain))
            .then_some(version)
    }

    /// The lowest version that a range of npm allows, where its first comparison tells one: `^1.2` -> `1.2.0`.
    pub(super) fn minimum(&self) -> Option<String> {
        let first = self.range.split("||").next()?.split_whitespace().next()?;
        let lowest = first.trim_start_matches(">=").trim_start_matches(['^', '~', '=', 'v']);
        let core: String = lowest.split(['-', '+']).next()?.to_owned();
        let mut numbers: Vec<&str> = core.split('.').take_while(|part| !matches!(*part, "x" | "X" | "*")).collect();
        let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if numbers.is_empty() || numbers.len() > 3 || !numbers.iter().all(number) {
            return None;
        }
        match numbers.len() {
            3 => Some(lowest.to_owned()),
            short => {
                numbers.extend(["0", "0"].iter().take(3 - short));
                Some(numbers.join("."))
            }
        }
    }
}

/// `NAME[@RANGE][/PATH]` with a name that may have a scope.
fn of(kind: PackageKind, text: &str) -> Option<Specifier> {
    let scoped = text.starts_with('@');
    let slash = text.match_indices('/').nth(usize::from(scoped)).map_or(text.len(), |(at, _)| at);
    // the range of a name is behind its last `@`, and a path may hold more of them
    let head = text.get(..slash)?;
    let from = usize::from(scoped);
    let (name, range) = match head.get(from..)?.find('@') {
        Some(at) => (head.get(..at + from)?, head.get(at + from + 1..)?),
        None => (head, ""),
    };
    let usable = |c: char| c.is_ascii_alphanumeric() || "@/._-~!'()*".contains(c);
    let whole = !name.trim_start_matches('@').is_empty() && name.chars().all(usable) && (!scoped || name.contains('/'));
    whole.then(|| Specifier { kind, name: name.to_owned(), range: range.trim().to_owned() })
}

fn of_address(host: &str, path: &str) -> Option<Specifier> {
    match host {
        "esm.sh" | "cdn.esm.sh" => of_esm(path),
        "unpkg.com" | "esm.run" | "jspm.dev" | "cdn.skypack.dev" => of(PackageKind::Npm, path),
        "ga.jspm.io" => of(PackageKind::Npm, path.strip_prefix("npm:")?),
        "cdn.jsdelivr.net" => match path.split_once('/')? {
            ("npm", rest) => of(PackageKind::Npm, rest),
            ("gh", rest) => of_repository(rest),
            _ => None,
        },
        // @scope/name/1.0.0/mod.ts
        "jsr.io" => {
            let mut parts = path.split('/');
            let (scope, name, version) = (parts.next()?, parts.next()?, parts.next()?);
            of(PackageKind::Jsr, &format!("{scope}/{name}@{version}")).filter(|found| found.name.starts_with('@'))
        }
        "deno.land" => {
            let module = path.strip_prefix("x/").or_else(|| path.starts_with("std").then_some(path))?;
            of(PackageKind::Other, module).filter(|found| path.starts_with("x/") || found.name == "std")
        }
        _ => None,
    }
}

/// `[v135/|stable/][*]NAME[@RANGE]`, `jsr/@scope/name@RANGE`, `gh/owner/repository@TAG`, `pr/...`.
fn of_esm(path: &str) -> Option<Specifier> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let build = first == "stable"
        || first.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
    match first {
        "jsr" => of(PackageKind::Jsr, rest),
        "gh" => of_repository(rest),
        "pr" => None,
        _ if build && !rest.is_empty() => of_esm_package(rest),
        _ => of_esm_package(path),
    }
}

fn of_esm_package(path: &str) -> Option<Specifier> {
    let mut found = of(PackageKind::Npm, path.trim_start_matches('*'))?;
    // options may stand behind the version: `react@18.2.0&dev`
    found.range.truncate(found.range.find('&').unwrap_or(found.range.len()));
    Some(found)
}

/// `owner/repository@TAG/path`.
fn of_repository(path: &str) -> Option<Specifier> {
    let (owner, rest) = path.split_once('/')?;
    let found = of(PackageKind::Other, rest).filter(|_| !owner.is_empty() && !owner.contains('@'))?;
    Some(Specifier { name: format!("{owner}/{}", found.name), ..found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(PackageKind, &str, &str)>) {
        let found = Specifier::parse(text);
        let found = found.as_ref().map(|found| (found.kind, found.name.as_str(), found.range.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn specifiers() {
        let (npm, jsr, other) = (PackageKind::Npm, PackageKind::Jsr, PackageKind::Other);
        check("npm:chalk@1", Some((npm, "chalk", "1")));
        check("npm:/@types/node@^22.1/fs/promises", Some((npm, "@types/node", "^22.1")));
        check("npm:chalk", Some((npm, "chalk", "")));
        check("jsr:@std/path@^1/posix", Some((jsr, "@std/path", "^1")));
        check("jsr:path@1", None);
        check("https://esm.sh/v135/*react@18.2.0&dev/jsx?bundle", Some((npm, "react", "18.2.0")));
        check("https://esm.sh/jsr/@std/encoding@1.0.0/base64", Some((jsr, "@std/encoding", "1.0.0")));
        check("https://esm.sh/gh/a/b@v2.8.0", Some((other, "a/b", "v2.8.0")));
        check("https://unpkg.com/@a/b@1.0.0/c.js", Some((npm, "@a/b", "1.0.0")));
        check("https://cdn.jsdelivr.net/npm/x@3", Some((npm, "x", "3")));
        check("https://jsr.io/@std/path/1.0.8/mod.ts", Some((jsr, "@std/path", "1.0.8")));
        check("https://deno.land/x/oak@v12.6.1/mod.ts", Some((other, "oak", "v12.6.1")));
        check("https://deno.land/std@0.150.0/path/mod.ts", Some((other, "std", "0.150.0")));
        check("https://deno.land/manual", None);
        check("https://example.org/a@1/mod.ts", None);
        check("./mod.ts", None);
        check("npm:", None);
        check("npm:@a", None);
    }

    #[test]
    fn versions() {
        for (range, exact, minimum) in [
            ("1.2.3", Some("1.2.3"), Some("1.2.3")),
            ("=1.2.3-rc.1", Some("1.2.3-rc.1"), Some("1.2.3-rc.1")),
            ("^1.2", None, Some("1.2.0")),
            ("1", None, Some("1.0.0")),
            ("~2.x || 3", None, Some("2.0.0")),
            (">=1.5 <2", None, Some("1.5.0")),
            ("*", None, None),
            ("latest", None, None),
            ("<2", None, None),
        ] {
            let found = Specifier { kind: PackageKind::Npm, name: "a".to_owned(), range: range.to_owned() };
            assert_eq!((found.exact(), found.minimum().as_deref()), (exact, minimum), "{range}");
        }
    }
}

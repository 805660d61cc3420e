//! Which functions of each module a program holds, so that advisories that name functions can be compared with it.
//!
//! The linker drops what is never called, so a vulnerable function that is not in the program cannot be run. Names come from the table for
//! stack traces ([`FunctionTable`]), which stays when a program is stripped and also names functions that were inlined everywhere.
//! Kept are sets of hashes ([`SymbolSet`]); without one, matching takes every function for linked. There is none where names cannot be
//! relied on: a program before Go 1.16, one of which the table is not whole, a part of a program that is linked with Go libraries at run time,
//! a module of which no function is there at all (renamed by an obfuscator, or replaced in ways that the record does not tell).
//! Source: pkg.go.dev/golang.org/x/vuln, "Binary mode"; golang/vuln `internal/buildinfo/additions_scan.go`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use signet_model::{Package, SymbolSet};

use crate::Binary;
use crate::binary::FunctionTable;

/// More functions than any program has.
const MAX_FUNCTIONS: usize = 4 << 20;

/// The modules of a program by the paths under which their packages are imported.
#[derive(Debug)]
pub(super) struct Modules<'t> {
    /// Import path and package (place in the list of modules).
    by_path: HashMap<&'t str, usize>,
    /// Names of the modules as they are matched, by place.
    names: Vec<&'t str>,
    /// Import path of the package `main`.
    program: &'t str,
    /// Programs that load Go libraries hold but a part of their functions, and plugins hold them under other names.
    whole: bool,
}

impl<'t> Modules<'t> {
    /// Reads the module text of the build information.
    pub(super) fn new(text: &'t str) -> Modules<'t> {
        let mut modules = Modules { by_path: HashMap::new(), names: Vec::new(), program: "", whole: true };
        for line in text.lines() {
            let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
            let mut parts = rest.split('\t');
            let (path, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            match word {
                "path" => modules.program = path,
                "mod" | "dep" => {
                    modules.by_path.insert(path, modules.names.len());
                    modules.names.push(path);
                }
                // Packages are imported under the path that was replaced.
                "=>" if !matches!(version, "" | "(devel)") => {
                    if let Some(name) = modules.names.last_mut() {
                        *name = path;
                    }
                }
                "build" => {
                    modules.whole &= !matches!(rest, "-buildmode=plugin" | "-buildmode=shared" | "-linkshared=true");
                }
                _ => {}
            }
        }
        modules
    }

    /// Adds to each package, which stand in the order of the text with the standard library last, the set of its functions.
    pub(super) fn mark(&self, binary: &dyn Binary, packages: &mut [Package]) {
        if !self.whole || packages.len() != self.names.len() + 1 {
            return;
        }
        let Some(table) = binary.functions() else { return };
        let Some(sets) = FunctionTable::read(&table).and_then(|table| self.sets(table.names()?)) else { return };
        for (package, set) in packages.iter_mut().zip(sets) {
            if !set.is_empty() {
                package.extra.insert(SymbolSet::FACT.to_owned(), SymbolSet::of(set.into_iter()));
            }
        }
    }

    /// The hashes of the functions by module, the standard library last. `None`: these are not the names of a whole program.
    fn sets<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Option<Vec<HashSet<u64>>> {
        let mut sets = vec![HashSet::new(); self.names.len() + 1];
        // Names of one package mostly stand together.
        let mut last: (&[u8], Option<(usize, String)>) = (&[], None);
        let mut runs = false;
        for (count, name) in names.enumerate() {
            if count >= MAX_FUNCTIONS {
                return None;
            }
            let Some((path, symbol)) = split(name) else { continue };
            if last.0 != path || last.1.is_none() {
                last = (path, self.module(path));
                runs |= path == b"runtime";
            }
            let Some((module, path)) = &last.1 else { continue };
            let Some(set) = sets.get_mut(*module) else { continue };
            set.insert(SymbolSet::hash(path, ""));
            for symbol in symbols(symbol) {
                set.insert(SymbolSet::hash(path, &symbol));
            }
        }
        runs.then_some(sets)
    }

    /// The module of a package, and the package's path under the name by which the module is matched. `None`: of none that is listed.
    fn module(&self, path: &[u8]) -> Option<(usize, String)> {
        let path = unescape(path)?;
        let path = if path == "main" { Cow::Borrowed(self.program) } else { path };
        let ends = std::iter::once(path.len()).chain(path.rmatch_indices('/').map(|(at, _)| at));
        for end in ends {
            let Some((module, rest)) = path.get(..end).zip(path.get(end..)) else { continue };
            if let Some(place) = self.by_path.get(module) {
                return Some((*place, format!("{}{rest}", self.names.get(*place)?)));
            }
        }
        // Paths of modules have a domain in front, those of the standard library have none.
        let first = path.split('/').next().unwrap_or_default();
        (!first.contains('.') && !first.is_empty() && self.program != path)
            .then(|| (self.names.len(), path.into_owned()))
    }
}

/// Path and symbol of a linker's name: `golang.org/x/net/http2` and `(*Server).ServeConn`. `None`: no function of a package.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if [&b"type:"[..], b"type..", b"go:", b"go.("].iter().any(|start| name.starts_with(start)) {
        return None;
    }
    // Types in a name have paths of their own.
    let plain = name.iter().position(|byte| b"([{ ".contains(byte)).unwrap_or(name.len());
    let slash = name.get(..plain)?.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let dot = slash + name.get(slash..plain)?.iter().position(|byte| *byte == b'.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

/// A path without the linker's escapes: `gopkg.in/yaml%2ev3`. Source: golang/go `src/cmd/internal/objabi/path.go`.
fn unescape(path: &[u8]) -> Option<Cow<'_, str>> {
    if !path.contains(&b'%') {
        return std::str::from_utf8(path).ok().map(Cow::Borrowed);
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digits = (*byte == b'%').then(|| after.get(..2)).flatten();
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match value {
            Some(value) => {
                plain.push(value);
                rest = after.get(2..)?;
            }
            None => plain.push(*byte),
        }
    }
    String::from_utf8(plain).ok().map(Cow::Owned)
}

/// What advisories may call a function by: `T.M` of `(*T[...]).M-fm`, `F` of `F.func1`. Too many names only clear less.
fn symbols(name: &[u8]) -> impl Iterator<Item = String> + use<> {
    let mut plain = String::with_capacity(name.len());
    let mut depth = 0usize;
    for letter in String::from_utf8_lossy(name).chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '(' | ')' | '*' => {}
            _ if depth > 0 => {}
            _ => plain.push(letter),
        }
    }
    let plain = plain.strip_suffix("-fm").map(str::to_owned).unwrap_or(plain);
    let mut parts = plain.splitn(3, '.');
    let (one, two) = (parts.next().map(str::to_owned), parts.next().map(str::to_owned));
    let both = one.as_ref().zip(two).map(|(one, two)| format!("{one}.{two}"));
    one.into_iter().chain(both).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, &[&str])>) {
        let found = split(name.as_bytes())
            .map(|(path, symbol)| (unescape(path).unwrap().into_owned(), symbols(symbol).collect::<Vec<_>>()));
        let found = found.as_ref().map(|(path, names)| (path.as_str(), names.iter().map(String::as_str).collect()));
        assert_eq!(found, expected.map(|(path, names)| (path, names.to_vec())), "{name}");
    }

    #[test]
    fn names_of_the_linker() {
        check(
            "golang.org/x/net/http2.(*Server).ServeConn",
            Some(("golang.org/x/net/http2", &["Server", "Server.ServeConn"])),
        );
        check("golang.org/x/text/language.Parse", Some(("golang.org/x/text/language", &["Parse"])));
        check("gopkg.in/yaml%2ev3.Unmarshal", Some(("gopkg.in/yaml.v3", &["Unmarshal"])));
        check("a.b/c.F.func1.2", Some(("a.b/c", &["F", "F.func1"])));
        check("a.b/c.F[go.shape.*uint8]", Some(("a.b/c", &["F"])));
        check("a.b/c.(*T[go.shape.struct { x.y/z.A int }]).M-fm", Some(("a.b/c", &["T", "T.M"])));
        check("a.b/c.Set[github.com/d/e.K].Add", Some(("a.b/c", &["Set", "Set.Add"])));
        check("go.uber.org/zap.New", Some(("go.uber.org/zap", &["New"])));
        check("main.main", Some(("main", &["main"])));
        check("type:.eq.a.b/c.T", None);
        check("type..hash.a.b/c.T", None);
        check("go.(*struct { sync.Mutex }).Lock", None);
        check("_cgo_panic", None);
        check("", None);
    }
}

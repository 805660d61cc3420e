//! Which leaves claim a file, from its path alone.

use std::collections::HashMap;

use crate::{Claim, Leaf};

/// The claims of all leaves, compiled once. Offering a path costs three hash lookups and a handful of suffix comparisons.
#[derive(Debug)]
pub struct Matcher {
    leaves: Vec<&'static Leaf>,
    /// By file name: `Claim::Name`.
    names: HashMap<&'static str, Vec<usize>>,
    /// By file name, with the whole path that must match: `Claim::Path`.
    paths: HashMap<&'static str, Vec<(&'static str, usize)>>,
    /// By name of the directory, with the directory's path and the suffix of the file's name: `Claim::In`.
    directories: HashMap<&'static str, Vec<(&'static str, &'static str, usize)>>,
    /// By the last byte of the suffix: `Claim::Suffix`, `Claim::Head`.
    suffixes: Vec<Vec<(&'static str, usize)>>,
    executables: Vec<&'static Leaf>,
}

impl Matcher {
    /// Compiles the claims of these leaves.
    pub fn new(leaves: &[&'static Leaf]) -> Matcher {
        let mut matcher = Matcher {
            leaves: leaves.to_vec(),
            names: HashMap::new(),
            paths: HashMap::new(),
            directories: HashMap::new(),
            suffixes: vec![Vec::new(); 256],
            executables: Vec::new(),
        };
        for (place, leaf) in leaves.iter().enumerate() {
            for claim in leaf.claims {
                match *claim {
                    Claim::Name(name) => matcher.names.entry(name).or_default().push(place),
                    Claim::Path(path) => matcher.paths.entry(last_part(path)).or_default().push((path, place)),
                    Claim::In(directory, suffix) => {
                        matcher.directories.entry(last_part(directory)).or_default().push((directory, suffix, place));
                    }
                    Claim::Suffix(suffix) | Claim::Head(suffix) => {
                        if let Some(bucket) =
                            suffix.bytes().last().and_then(|last| matcher.suffixes.get_mut(usize::from(last)))
                        {
                            bucket.push((suffix, place));
                        }
                    }
                    Claim::Executable => matcher.executables.push(leaf),
                }
            }
        }
        matcher
    }

    /// All leaves.
    pub fn leaves(&self) -> &[&'static Leaf] {
        &self.leaves
    }

    /// The leaf of this id.
    pub fn leaf(&self, id: &str) -> Option<&'static Leaf> {
        self.leaves.iter().copied().find(|leaf| leaf.id == id)
    }

    /// The leaves that claim the file at this path by its name or place, each once, in the order of the registry.
    pub fn claimants(&self, path: &str) -> Vec<&'static Leaf> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        // No allocation for the thousands of files that nobody claims.
        let mut found: Vec<usize> = Vec::new();
        if let Some(places) = self.names.get(name) {
            found.extend(places);
        }
        if let Some(paths) = self.paths.get(name) {
            found.extend(paths.iter().filter(|(whole, _)| is_or_ends_with(path, whole)).map(|(_, place)| place));
        }
        if let Some(directories) = self.directories.get(last_part(directory)) {
            let inside =
                |(whole, suffix, _): &&(&str, &str, usize)| name.ends_with(suffix) && is_or_ends_with(directory, whole);
            found.extend(directories.iter().filter(inside).map(|(_, _, place)| place));
        }
        if let Some(bucket) = name.bytes().last().and_then(|last| self.suffixes.get(usize::from(last))) {
            found.extend(bucket.iter().filter(|(suffix, _)| name.ends_with(suffix)).map(|(_, place)| place));
        }
        found.sort_unstable();
        found.dedup();
        found
            .into_iter()
            .filter_map(|place| self.leaves.get(place).copied())
            .filter(|leaf| (leaf.accepts)(path))
            .collect()
    }

    /// The leaves that read programs, those that refuse this path left out.
    pub fn executable_claimants(&self, path: &str) -> impl Iterator<Item = &'static Leaf> {
        self.executables.iter().copied().filter(move |leaf| (leaf.accepts)(path))
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether the path is this or ends with `/` and this.
fn is_or_ends_with(path: &str, whole: &str) -> bool {
    path.strip_suffix(whole).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Found, any_path};

    const fn leaf(id: &'static str, claims: &'static [Claim]) -> Leaf {
        Leaf { id, claims, accepts: any_path, max_size: 1, read: |_| Found::default(), coverage: "" }
    }

    static NAME: Leaf = leaf("name", &[Claim::Name("package.json"), Claim::Suffix(".json")]);
    static SUFFIX: Leaf = leaf("suffix", &[Claim::Suffix(".jar"), Claim::Suffix(".json")]);
    static PATH: Leaf = leaf("path", &[Claim::Path("lib/dpkg/status")]);
    static INSIDE: Leaf = leaf("inside", &[Claim::In("lib/dpkg/info", ".list"), Claim::In("lib/dpkg/status.d", "")]);
    static PROGRAM: Leaf = leaf("program", &[Claim::Executable]);

    #[track_caller]
    fn check(path: &str, ids: &[&str]) {
        let matcher = Matcher::new(&[&NAME, &SUFFIX, &PATH, &INSIDE, &PROGRAM]);
        let found: Vec<&str> = matcher.claimants(path).iter().map(|leaf| leaf.id).collect();
        assert_eq!(found, ids, "{path}");
    }

    #[test]
    fn a_file_goes_to_each_leaf_that_claims_it_once() {
        check("package.json", &["name", "suffix"]);
        check("a/b/package.json", &["name", "suffix"]);
        check("a/other.json", &["name", "suffix"]);
        check("a/b.jar", &["suffix"]);
        check("a/b.jar.bak", &[]);
        check("PACKAGE.JSOn", &[]);
        check("", &[]);
    }

    #[test]
    fn paths_match_whole_parts_at_the_end() {
        check("var/lib/dpkg/status", &["path"]);
        check("lib/dpkg/status", &["path"]);
        check("var/xlib/dpkg/status", &[]);
        check("status", &[]);
    }

    #[test]
    fn directories_match_their_own_files_only() {
        check("var/lib/dpkg/info/bash.list", &["inside"]);
        check("var/lib/dpkg/info/bash.md5sums", &[]);
        check("var/lib/dpkg/info/sub/bash.list", &[]);
        check("var/lib/dpkg/status.d/base", &["inside"]);
        check("var/lib/dpkg/status.d", &[]);
    }

    #[test]
    fn programs_are_asked_for_apart() {
        let matcher = Matcher::new(&[&NAME, &PROGRAM]);
        assert_eq!(matcher.executable_claimants("bin/x").map(|leaf| leaf.id).collect::<Vec<_>>(), ["program"]);
    }
}

//! Which package a file belongs to.

use std::collections::{HashMap, HashSet};

use signet_image::{EntryKind, View};

/// Turns paths of package databases into paths of the squashed view. dpkg says `lib/x86_64-linux-gnu/libc.so.6` where `/lib` has long been
/// a link to `usr/lib`; the last part stays as it is, because a package owns its link, not what the link leads to.
pub(crate) struct Directories<'v> {
    view: &'v View,
    known: HashMap<String, String>,
}

/// Deeper paths, and longer chains of links, are left as they are. Source: Linux, `MAXSYMLINKS`, and no honest path comes near.
const MAX_DEPTH: usize = 256;
const MAX_LINKS: usize = 40;

impl<'v> Directories<'v> {
    pub(crate) fn new(view: &'v View) -> Directories<'v> {
        Directories { view, known: HashMap::new() }
    }

    /// The path with all directories above its last part resolved.
    pub(crate) fn canonical(&mut self, path: &str) -> String {
        match path.rsplit_once('/') {
            None => path.to_owned(),
            Some((directory, name)) => join(&self.directory(directory), name),
        }
    }

    /// The directory that a path leads to. Directories need no entry of their own: layers may have only the files in them.
    pub(crate) fn directory(&mut self, path: &str) -> String {
        self.follow(path, 0, 0)
    }

    fn follow(&mut self, path: &str, depth: usize, links: usize) -> String {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        if path.is_empty() || depth > MAX_DEPTH || links > MAX_LINKS {
            return path.to_owned();
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let above = self.follow(above, depth + 1, links);
        let here = join(&above, name);
        let target =
            self.view.get(&here).and_then(|found| found.entry.link.filter(|_| found.entry.kind == EntryKind::Symlink));
        let real = match target {
            Some(target) => self.follow(&normal(&above, target), depth + 1, links + 1),
            None => here,
        };
        self.known.insert(path.to_owned(), real.clone());
        real
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A link's target as a path from the root. Above the root there is nothing but the root.
fn normal(directory: &str, target: &str) -> String {
    let start = if target.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Owners of the files that someone asks about; the hundreds of thousands of others are not kept.
#[derive(Debug, Default)]
pub(crate) struct Owners(HashMap<String, usize>);

impl Owners {
    /// Reads the lists of files `(package, its files)`; the first package that names a file owns it. `asked` holds canonical paths.
    pub(crate) fn new<'a>(
        lists: impl Iterator<Item = (usize, &'a [String])>,
        asked: &HashSet<String>,
        directories: &mut Directories<'_>,
    ) -> Owners {
        let names: HashSet<&str> = asked.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
        let mut owners = HashMap::new();
        for (package, files) in lists {
            for file in files {
                if !names.contains(file.rsplit('/').next().unwrap_or(file)) {
                    continue;
                }
                let path = directories.canonical(file);
                if asked.contains(&path) {
                    owners.entry(path).or_insert(package);
                }
            }
        }
        Owners(owners)
    }

    /// The package that owns the file at this canonical path.
    pub(crate) fn of(&self, path: &str) -> Option<usize> {
        self.0.get(path).copied()
    }
}

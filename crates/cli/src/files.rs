//! Files below directories, and texts of a bounded size.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};

/// Files that are looked at.
const MAX_FILES: usize = 20_000;
/// Depth of directories.
const MAX_DEPTH: usize = 64;
/// Directories that hold what others made.
const SKIPPED: [&str; 4] = [".git", "node_modules", "vendor", ".terraform"];
/// Bytes of a text.
const MAX_TEXT: u64 = 16 << 20;

/// What was found below directories.
#[derive(Debug, Default)]
pub(crate) struct Below {
    /// In the order of their names.
    pub(crate) files: BTreeSet<PathBuf>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<(PathBuf, String)>,
    /// Links that were not followed, and may lead to what was wanted.
    pub(crate) links: BTreeSet<PathBuf>,
}

impl Below {
    /// Takes a file as it is named, and of a directory what is wanted of it.
    ///
    /// Links below a directory are not followed: their files are found under their own names, or lie outside of what was asked for.
    pub(crate) fn add(&mut self, path: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
        let found = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if found.is_dir() {
            return self.walk(path, 0, wanted);
        }
        self.files.insert(path.to_owned());
        Ok(())
    }

    /// Takes what links lead to, unless it was found under its own name. For who must not miss a file.
    ///
    /// Errors: one leads nowhere, or to a directory.
    pub(crate) fn follow(&mut self) -> Result<()> {
        let mut known: BTreeSet<PathBuf> =
            self.files.iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect();
        for path in std::mem::take(&mut self.links) {
            let target = std::fs::canonicalize(&path)
                .with_context(|| format!("the link `{}` leads nowhere: mend it, or take it away", path.display()))?;
            ensure!(
                !target.is_dir(),
                "the link `{}` leads to a directory, which is not followed: name the directory itself",
                path.display()
            );
            if known.insert(target) {
                self.files.insert(path);
            }
        }
        ensure!(self.files.len() <= MAX_FILES, "more than {MAX_FILES} files: name fewer directories");
        Ok(())
    }

    fn walk(&mut self, folder: &Path, depth: usize, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
        ensure!(depth <= MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} directories deep", folder.display());
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(err) => {
                self.unread.push((folder.to_owned(), err.to_string()));
                return Ok(());
            }
        };
        for entry in entries {
            let cannot = || format!("cannot list `{}`", folder.display());
            let entry = entry.with_context(cannot)?;
            let (path, kind) = (entry.path(), entry.file_type().with_context(cannot)?);
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                self.walk(&path, depth + 1, wanted)?;
            } else if kind.is_file() && wanted(&path) {
                self.files.insert(path);
                ensure!(self.files.len() <= MAX_FILES, "more than {MAX_FILES} files: name fewer directories");
            } else if kind.is_symlink() && !entry.file_name().to_string_lossy().starts_with("..") {
                // `..data` of a mounted ConfigMap leads to a directory that is found beside it.
                if wanted(&path) || std::fs::metadata(&path).is_ok_and(|found| found.is_dir()) {
                    self.links.insert(path);
                    ensure!(self.links.len() <= MAX_FILES, "more than {MAX_FILES} links: name fewer directories");
                }
            }
        }
        Ok(())
    }
}

/// What ends in `.yaml` or `.yml` below these paths, and every file that is named itself. Errors: as [`Below::follow`].
pub(crate) fn yaml(paths: &[PathBuf]) -> Result<Below> {
    let mut below = Below::default();
    for path in paths {
        below.add(path, &|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))?;
    }
    below.follow()?;
    Ok(below)
}

/// A file of UTF-8 text, of at most 16 MiB.
pub(crate) fn text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= MAX_TEXT, "it is larger than {} MiB", MAX_TEXT >> 20);
    String::from_utf8(bytes).map_err(|_| anyhow!("it is no UTF-8 text"))
}

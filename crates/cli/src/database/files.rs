//! Files of records below a path that the user named.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Folders below the one that was named.
const MAX_DEPTH: usize = 16;

/// Regular files with one of these endings, in a stable order; no link is followed but the path that was named, which may be a file of any name.
pub(super) fn list(path: &Path, endings: &[&str], files: &mut Vec<PathBuf>) -> Result<()> {
    below(path, 0, endings, files)
}

fn below(path: &Path, depth: usize, endings: &[&str], files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    ensure!(depth < MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} folders deep", path.display());
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .with_context(|| format!("cannot list `{}`", path.display()))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("cannot list `{}`", path.display()))?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            below(&entry.path(), depth + 1, endings, files)?;
        } else if kind.is_file() && name.rsplit_once('.').is_some_and(|(_, end)| endings.contains(&end)) {
            files.push(entry.path());
        }
    }
    Ok(())
}

//! Key files: written whole or not at all, for their owner alone, never through a link, and not where Git would pick them up.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::secret::SecretBytes;

/// No key file is longer.
const LONGEST: u64 = 64 << 10;

/// Whether a file that is there already is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing fails.
    Keep,
    /// It is replaced as a whole.
    Replace,
}

/// Writes a private key, readable by its owner alone (0600).
///
/// # Errors
/// When there is something already (unless it is to be replaced), a link in any case, or the folder cannot be written.
pub fn write_private(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Error> {
    write(path, bytes, 0o600, existing)
}

/// Writes a public key (0644).
///
/// # Errors
/// As [`write_private`].
pub fn write_public(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Error> {
    write(path, bytes, 0o644, existing)
}

fn write(path: &Path, bytes: &[u8], mode: u32, existing: Existing) -> Result<(), Error> {
    let doing = format!("write key `{}`", path.display());
    let failed = |err: io::Error| Error::new(&*doing, "the system refuses").cause(err);
    let folder = folder_of(path);
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => {
            return Err(Error::new(doing, "it is a link, and a key is not written through one")
                .hint("remove the link, or name the place where it leads"));
        }
        Ok(found) if !found.is_file() => return Err(Error::new(doing, "there is something else of that name")),
        Ok(_) if existing == Existing::Keep => {
            return Err(Error::new(doing, "there is a file of that name already")
                .hint("choose another name; a key that is overwritten is lost"));
        }
        _ => {}
    }
    // Temporary files are made with O_EXCL and 0600 under a name that nobody can guess.
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(|err| {
        failed(io::Error::from(err.kind())).hint("its folder must exist, and you must be allowed to write there")
    })?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    match existing {
        // Made by link(2) or renameat2(RENAME_NOREPLACE): what came in between is not overwritten.
        Existing::Keep => temporary.persist_noclobber(path).map_err(|err| failed(err.error))?,
        Existing::Replace => temporary.persist(path).map_err(|err| failed(err.error))?,
    };
    if let Ok(folder) = fs::File::open(folder) {
        // A file system that cannot do this has done what it could.
        let _synced = folder.sync_all();
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Reads a file that holds a key, a password or a token; `what` says which, for messages.
///
/// # Errors
/// When it is not there, no plain file, or longer than a key can be.
pub(crate) fn read(path: &Path, what: &str) -> Result<SecretBytes, Error> {
    let doing = format!("read {what} `{}`", path.display());
    let failed = |err: io::Error| {
        let missing = err.kind() == io::ErrorKind::NotFound;
        let err = Error::new(&*doing, if missing { "there is no such file" } else { "the system refuses" }).cause(err);
        if missing { Error { cause: None, ..err } } else { err }
    };
    let found = fs::metadata(path).map_err(failed)?;
    if found.is_dir() {
        return Err(Error::new(doing, "it is a directory"));
    }
    let file = fs::File::open(path).map_err(failed)?;
    // Grows by reading and not by what the file says; moved once into bytes that are wiped.
    let mut bytes = Vec::with_capacity(8 << 10);
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    let bytes = SecretBytes::new(bytes);
    if bytes.reveal().len() as u64 > LONGEST {
        return Err(Error::new(doing, format!("it is larger than {} KiB, so it is none", LONGEST >> 10)));
    }
    Ok(bytes)
}

/// What Git would do with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitView {
    /// No work tree is around it.
    Outside,
    /// In a work tree, and ignored.
    Ignored,
    /// In a work tree and not ignored, or nobody could tell: `git add` may take it. With the reason.
    WouldTake(String),
}

/// Asks Git whether it ignores `path` (`git check-ignore`, which also says no for a file that is tracked already). Without Git, only a plain line of
/// the `.gitignore` beside the path counts, and everything else is taken for not ignored.
pub fn git_view(path: &Path) -> GitView {
    let folder = folder_of(path);
    let Ok(folder) = fs::canonicalize(folder) else { return GitView::Outside };
    let Some(tree) = folder.ancestors().find(|above| fs::symlink_metadata(above.join(".git")).is_ok()) else {
        return GitView::Outside;
    };
    let Some(name) = path.file_name() else { return GitView::Outside };
    let mut git = Command::new("git");
    for (variable, _) in std::env::vars_os() {
        // Another repository that the environment names must not answer for this one.
        if variable.to_string_lossy().starts_with("GIT_") {
            git.env_remove(variable);
        }
    }
    let asked = git
        .arg("-C")
        .arg(&folder)
        .args(["check-ignore", "--quiet", "--"])
        .arg(Path::new(".").join(name))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match asked.map(|status| status.code()) {
        Ok(Some(0)) => GitView::Ignored,
        Ok(Some(1)) => GitView::WouldTake(format!("the Git work tree `{}` does not ignore it", tree.display())),
        Ok(_) => GitView::WouldTake(format!("Git cannot tell whether the work tree `{}` ignores it", tree.display())),
        Err(_) if plainly_ignored(&folder.join(".gitignore"), &name.to_string_lossy()) => GitView::Ignored,
        Err(_) => GitView::WouldTake(format!(
            "it lies in the Git work tree `{}`, and there is no `git` to ask whether that ignores it",
            tree.display()
        )),
    }
}

/// A line of exactly the name, or of its ending, and none that takes something back.
fn plainly_ignored(file: &PathBuf, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let ending = name.rsplit_once('.').map(|(_, ending)| format!("*.{ending}"));
    let mut found = false;
    for line in text.lines().map(str::trim_end) {
        if line.starts_with('!') {
            return false;
        }
        found |= line == name || line.strip_prefix('/') == Some(name) || Some(line) == ending.as_deref();
    }
    found
}

//! Git repositories: work trees where they lie, and clones that are gone when they are dropped.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use signet_image::Visitor;

use crate::directory::{DirectoryOptions, DirectoryRead, walk_directory};
use crate::layout::{caused, error, io_kind};
use crate::{SourceError, SourceErrorKind};

/// The files of one commit.
#[derive(Debug)]
pub struct GitTree {
    root: PathBuf,
    commit: Option<String>,
    /// Removes the clone when it goes.
    _clone: Option<tempfile::TempDir>,
}

/// What to take of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitOptions {
    /// A branch or tag to clone; the default branch otherwise. Work trees are taken as they are.
    pub reference: Option<String>,
    /// Forbids the network.
    pub offline: bool,
}

impl GitTree {
    /// Opens a repository: a work tree is looked at where it lies, uncommitted files included; a bare repository and an address that begins
    /// with `https://` are cloned, one commit deep, into a temporary directory.
    pub fn open(value: &str, options: &GitOptions) -> Result<GitTree, SourceError> {
        if value.starts_with("https://") {
            if options.offline {
                let doing = format!("cannot clone `{}`: the network is forbidden", without_secrets(value));
                return Err(error(SourceErrorKind::Unreachable, doing));
            }
            return clone(value, "https", options);
        }
        if value.contains("://") {
            let doing = format!("cannot clone `{}`: repositories are only cloned over HTTPS", without_secrets(value));
            return Err(error(SourceErrorKind::Unsupported, doing));
        }
        let path = Path::new(value);
        let doing = || format!("cannot open the repository `{value}`");
        let root = path.canonicalize().map_err(|cause| caused(io_kind(&cause), doing(), cause))?;
        if root.join(".git").exists() {
            let commit = head(&root.join(".git"));
            return Ok(GitTree { root, commit, _clone: None });
        }
        if root.join("HEAD").is_file() && root.join("objects").is_dir() {
            let address = root.to_str().ok_or_else(|| error(SourceErrorKind::Unsupported, doing()))?;
            return clone(&format!("file://{address}"), "file", options);
        }
        Err(error(SourceErrorKind::NotFound, format!("{}: there is no `.git` in it", doing())))
    }

    /// The directory with the files.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that is checked out, in hexadecimal; `None` where `HEAD` could not be followed.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Walks the files; what lies in `.git` is not looked at.
    pub fn walk(&self, options: &DirectoryOptions, visitor: &mut dyn Visitor) -> Result<DirectoryRead, SourceError> {
        let mut options = options.clone();
        options.skip_dirs.extend([".git".to_owned(), "**/.git".to_owned()]);
        options.skip_files.extend([".git".to_owned(), "**/.git".to_owned()]);
        walk_directory(&self.root, &options, visitor)
    }
}

/// Clones with the `git` program: one commit, one protocol, no hooks, no filters, no prompts, no submodules.
fn clone(address: &str, protocol: &str, options: &GitOptions) -> Result<GitTree, SourceError> {
    let shown = without_secrets(address);
    let doing = || format!("cannot clone `{shown}`");
    let directory = tempfile::Builder::new()
        .prefix("signet-git-")
        .tempdir()
        .map_err(|cause| caused(io_kind(&cause), "cannot make a temporary directory", cause))?;
    let root = directory.path().join("tree");
    let mut command = Command::new("git");
    for setting in [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.protectHFS=true",
        "core.protectNTFS=true",
        "filter.lfs.smudge=",
        "filter.lfs.process=",
        "filter.lfs.required=false",
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=60",
        "advice.detachedHead=false",
    ] {
        command.args(["-c", setting]);
    }
    command.args(["clone", "--quiet", "--depth=1", "--single-branch", "--no-tags", "--no-local"]);
    command.args(["--no-recurse-submodules", "--template="]);
    if let Some(reference) = &options.reference {
        if reference.starts_with('-') || reference.is_empty() {
            let doing = format!("{}: `{reference}` is no branch or tag", doing());
            return Err(error(SourceErrorKind::Unsupported, doing));
        }
        command.arg(format!("--branch={reference}"));
    }
    command.args(["--", address]).arg(&root);
    // An allow-list in the environment wins over every configuration file.
    command.env("GIT_ALLOW_PROTOCOL", protocol).env("GIT_PROTOCOL_FROM_USER", "0");
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "true").env("SSH_ASKPASS", "true");
    command.env("GIT_LFS_SKIP_SMUDGE", "1").env("LC_ALL", "C");
    for inherited in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_TEMPLATE_DIR"] {
        command.env_remove(inherited);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().map_err(|cause| {
        let doing = format!("{}: the program `git` could not be started; is it installed?", doing());
        caused(SourceErrorKind::Unreachable, doing, cause)
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        let said: String = last.replace(address, &shown).chars().take(500).collect();
        return Err(error(SourceErrorKind::Unreachable, format!("{}: {said}", doing())));
    }
    let commit = head(&root.join(".git"));
    Ok(GitTree { root, commit, _clone: Some(directory) })
}

/// The address without user name and password.
fn without_secrets(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

/// The commit that `HEAD` names. Source: gitrepository-layout(5). `.git` is a directory, or a file that names one (work trees, submodules).
fn head(dot_git: &Path) -> Option<String> {
    let directory = if dot_git.is_file() {
        let text = read_line(dot_git)?;
        dot_git.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    } else {
        dot_git.to_owned()
    };
    let head = read_line(&directory.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else { return commit_id(&head) };
    if !name.starts_with("refs/") || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    // Branches of a linked work tree are kept in the main repository.
    let common = read_line(&directory.join("commondir")).map_or_else(|| directory.clone(), |path| directory.join(path));
    [&directory, &common].into_iter().find_map(|place| commit_id(&read_line(&place.join(name))?)).or_else(|| {
        let packed = read_small(&common.join("packed-refs"), 16 << 20)?;
        packed.lines().find_map(|line| {
            let (id, reference) = line.split_once(' ')?;
            if reference == name { commit_id(id) } else { None }
        })
    })
}

fn commit_id(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        .then(|| text.to_owned())
}

fn read_line(path: &Path) -> Option<String> {
    read_small(path, 4096)?.lines().next().map(|line| line.trim().to_owned())
}

fn read_small(path: &Path, limit: u64) -> Option<String> {
    let file = crate::layout::open_file(path).ok()?;
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text).ok()?;
    Some(text)
}

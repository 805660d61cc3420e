//! Policies of files, and whether they changed.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use signet_admission::{Loader, PolicySet};
use signet_yaml::{Document, Limits, parse_bytes};

/// Bytes of a file.
const MAX_FILE: u64 = 16 << 20;
/// Files that are read, and depth of directories.
const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 32;

/// What a file looked like when it was last read.
type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Policies of these paths.
#[derive(Debug)]
pub(super) struct Policies {
    paths: Vec<PathBuf>,
    /// Namespaces whose exceptions count.
    exceptions: Vec<String>,
    seen: Look,
    /// What the last failure said: it is told once.
    failed: Option<String>,
}

impl Policies {
    pub(super) fn new(paths: Vec<PathBuf>, exceptions: Vec<String>) -> Policies {
        Policies { paths, exceptions, seen: Vec::new(), failed: None }
    }

    /// Reads all of them. A path without a policy is a mistake, and no policy that allows everything.
    pub(super) fn read(&mut self) -> Result<PolicySet> {
        let mut loader = self.loader();
        self.fill(&mut loader)?;
        Ok(loader.finish()?)
    }

    /// A loader that counts the exceptions that count here.
    pub(super) fn loader(&self) -> Loader {
        Loader::default().with_exceptions(self.exceptions.clone())
    }

    /// Whether a file changed since they were read last. What cannot be listed changed.
    pub(super) fn look_again(&self) -> bool {
        files(&self.paths).map_or(true, |files| look(&files) != self.seen)
    }

    /// Reads all of them into a loader that others fill, too.
    pub(super) fn fill(&mut self, loader: &mut Loader) -> Result<()> {
        let files = files(&self.paths)?;
        self.seen = look(&files);
        let mut taken = false;
        for file in &files {
            let name = file.display().to_string();
            let text = crate::files::text(file).with_context(|| format!("cannot read `{name}`"))?;
            let documents =
                signet_yaml::parse(&text, &Limits::default()).with_context(|| format!("`{name}` is no YAML"))?;
            taken |= loader.take_text(&name, &text, &documents).with_context(|| format!("cannot load `{name}`"))?;
        }
        ensure!(taken || self.paths.is_empty(), "there is no policy in {}", shown(&self.paths));
        Ok(())
    }

    /// The policies, if a file changed; an error that was told already is not told again.
    pub(super) fn changed(&mut self) -> Option<Result<PolicySet>> {
        let found = match files(&self.paths) {
            Ok(files) if look(&files) == self.seen => return None,
            Ok(_) => self.read(),
            // The next look finds them changed, so that they are read when they come back.
            Err(err) => {
                self.seen = Vec::new();
                Err(err)
            }
        };
        match found {
            Ok(set) => {
                self.failed = None;
                Some(Ok(set))
            }
            Err(err) => {
                let said = format!("{err:#}");
                let again = self.failed.as_ref() == Some(&said);
                self.failed = Some(said);
                (!again).then_some(Err(err))
            }
        }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

fn look(files: &[PathBuf]) -> Look {
    let one = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok();
        let time = found.as_ref().and_then(|found| found.modified().ok());
        (path.clone(), found.map_or(0, |found| found.len()), time)
    };
    files.iter().map(one).collect()
}

/// The documents of a file.
pub(super) fn documents(path: &Path) -> Result<Vec<Document>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut bytes = Vec::new();
    let limit = MAX_FILE.saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(bytes.len() as u64 <= MAX_FILE, "`{}` is larger than {MAX_FILE} bytes", path.display());
    parse_bytes(&bytes, &Limits::default()).with_context(|| format!("`{}` is no YAML", path.display()))
}

/// The files of paths, sorted. In a directory: those that end in `.yaml`, `.yml` or `.json`. A ConfigMap in a Pod is a directory of links to
/// files in `..data`, so links to files are followed, and what begins with two dots is not gone into.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open: Vec<(PathBuf, usize)> = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if kind.is_dir() { open.push((path.clone(), 0)) } else { found.push(path.clone()) }
    }
    while let Some((folder, depth)) = open.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with("..") {
                continue;
            }
            let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", path.display()))?;
            if kind.is_dir() {
                if depth >= MAX_DEPTH {
                    bail!("`{}` lies deeper than {MAX_DEPTH} directories", path.display());
                }
                open.push((path, depth + 1));
                continue;
            }
            let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
            // A link that leads nowhere was a policy.
            if is_yaml
                && std::fs::metadata(&path)
                    .with_context(|| format!("cannot look at `{}`: mend it, or take it away", path.display()))?
                    .is_file()
            {
                found.push(path);
            }
            ensure!(found.len() <= MAX_FILES, "there are more than {MAX_FILES} files in {}", shown(paths));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

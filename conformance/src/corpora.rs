//! Where the corpora are, and unpacking them once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The one path in this repository that leads to the corpora when nobody says where they are.
const DEFAULT: &str = "../shared/corpora";

/// Directories `AREA/` with the files of other projects.
#[derive(Debug)]
pub(crate) struct Corpora {
    /// Given folders, or archives.
    given: PathBuf,
    /// Where archives are unpacked.
    unpacked: PathBuf,
}

impl Corpora {
    /// The corpora by option, environment or default place; `None` when there is no such directory and none was asked for.
    pub(crate) fn find(option: Option<&Path>) -> Result<Option<Corpora>> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in the workspace")?;
        let (given, asked) = match (option, std::env::var_os("SIGNET_CORPORA")) {
            (Some(path), _) => (path.to_owned(), true),
            (None, Some(path)) => (PathBuf::from(path), true),
            (None, None) => (workspace.join(DEFAULT), false),
        };
        if !given.is_dir() {
            ensure!(!asked, "there is no directory `{}` with corpora", given.display());
            return Ok(None);
        }
        Ok(Some(Corpora { given, unpacked: workspace.join("target/corpora") }))
    }

    /// The unpacked folder of an area; `None` when the corpora have none.
    pub(crate) fn area(&self, area: &str) -> Result<Option<PathBuf>> {
        let folder = self.given.join(area);
        if folder.is_dir() {
            return Ok(Some(folder));
        }
        let archive = self.given.join(format!("{area}.tar.xz"));
        if !archive.is_file() {
            return Ok(None);
        }
        self.unpack(area, &archive).map(Some)
    }

    /// Unpacks an archive unless this very version of it was unpacked before.
    fn unpack(&self, area: &str, archive: &Path) -> Result<PathBuf> {
        let bytes = std::fs::read(archive).with_context(|| format!("cannot read `{}`", archive.display()))?;
        let version = signet_model::Digest::sha256(&bytes).hex();
        let folder = self.unpacked.join(area);
        let stamp = self.unpacked.join(format!(".{area}.sha256"));
        if folder.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
            return Ok(folder);
        }
        std::fs::create_dir_all(&self.unpacked)?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let status = Command::new("tar")
            .arg("-xJf")
            .arg(archive)
            .arg("-C")
            .arg(&self.unpacked)
            .status()
            .context("cannot start `tar` to unpack the corpora")?;
        ensure!(status.success(), "`tar` could not unpack `{}`", archive.display());
        std::fs::write(&stamp, version)?;
        Ok(folder)
    }
}

//! Area `sbom`: reading images, finding packages, SBOM formats.

pub(crate) mod distro;
pub(crate) mod dpkg_real;
pub(crate) mod formats;
pub(crate) mod images;
mod mutations;
pub(crate) mod packages;
pub(crate) mod programs;
pub(crate) mod purl;
pub(crate) mod rpmdb;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::signet;

/// A temporary folder of this run that is removed at its end.
#[derive(Debug)]
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    /// A new empty folder.
    pub(crate) fn new(name: &str) -> Result<Scratch> {
        let path = std::env::temp_dir().join(format!("signet-conformance-{}-{name}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Our JSON for a source, by the real binary. Unexamined files are part of the answer, so they are no failure here.
pub(crate) fn catalogue(source: &str, home: &Path) -> Result<Value> {
    let output = signet::run(&["sbom", source, "-o", "json", "--allow-incomplete", "--no-cache"], home, home)?;
    ensure!(
        output.status.success(),
        "signet sbom exited with {:?}: {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("what signet printed is no JSON")
}

/// Copies a folder's files below another one; links stay links.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot list `{}`", from.display()))? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Writes a txtar archive's files below a folder. Source: golang.org/x/tools/txtar: `-- NAME --` lines begin files.
pub(crate) fn unpack_txtar(text: &str, folder: &Path) -> Result<()> {
    let mut current: Option<(std::path::PathBuf, String)> = None;
    let flush = |file: Option<(std::path::PathBuf, String)>| -> Result<()> {
        if let Some((path, body)) = file {
            std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            std::fs::write(path, body)?;
        }
        Ok(())
    };
    for line in text.split_inclusive('\n') {
        match line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
            Some(name) => {
                ensure!(!name.contains(".."), "a txtar name leads out of its folder: {name}");
                flush(current.take())?;
                current = Some((folder.join(name.trim_start_matches('/')), String::new()));
            }
            None => {
                if let Some((_, body)) = &mut current {
                    body.push_str(line);
                }
            }
        }
    }
    flush(current)
}

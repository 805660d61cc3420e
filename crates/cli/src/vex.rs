//! `--vex`: a document, a directory of documents, or a VEX repository on disk; `repo`, the repositories that are configured; `oci`, what lies
//! beside the image in its registry.
//!
//! A repository is a directory with an `index.json` of `packages` (`id`: a purl without version; `location`: a file beside the index), there or in
//! its folder of a version (`0.1/`); `vex-repository.json` is its manifest. Only documents about packages of the subject are read.
//! Source: aquasecurity/vex-repo-spec.

mod attested;
mod hub;
mod referred;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use signet_advisories::VexDocument;
use signet_model::{Inventory, Purl, Subject};

use crate::net::Access;
use crate::settings::Settings;
use crate::suppress;

pub(crate) use hub::Hub;

/// Folders below a directory of documents.
const MAX_DEPTH: usize = 16;
/// Documents of one directory.
const MAX_DOCUMENTS: usize = 10_000;

/// A VEX repository.
#[derive(Debug)]
struct Repository {
    folder: PathBuf,
    /// Purl without version and qualifiers -> files.
    index: BTreeMap<String, Vec<PathBuf>>,
}

#[derive(Deserialize)]
struct Index {
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    // Repositories in use write these names in either case.
    #[serde(alias = "ID")]
    id: String,
    #[serde(alias = "Location")]
    location: String,
}

/// Everything that `--vex` named.
#[derive(Debug, Default)]
pub(crate) struct Vex {
    documents: Vec<VexDocument>,
    /// By path, all of them asked.
    named: Vec<Repository>,
    /// By `repo`, in order of precedence: the first that knows a package speaks for it.
    ranked: Vec<Repository>,
    /// By `oci`: how the registry is reached.
    beside: Option<Access>,
}

impl Vex {
    /// Reads what is named by path; `repo` and `oci` are words, a file of that name is `./repo`.
    pub(crate) fn read(names: &[PathBuf], hub: &Hub<'_>, access: &Access, settings: &Settings) -> Result<Vex> {
        let mut vex = Vex::default();
        let mut paths = Vec::new();
        for name in names {
            match name.to_str() {
                Some("repo") => vex.ranked = hub.repositories(access, settings)?,
                Some("oci") => vex.beside = Some(access.clone()),
                _ => paths.push(name.clone()),
            }
        }
        (vex.documents, vex.named) = read(&paths)?;
        Ok(vex)
    }

    /// Adds the documents to which an SBOM refers.
    pub(crate) fn referred(&mut self, sbom: &Path, access: &Access, settings: &Settings) -> Result<()> {
        self.documents.extend(referred::documents(sbom, access, settings)?);
        Ok(())
    }

    /// Documents and repositories by path alone.
    pub(crate) fn paths(names: &[PathBuf]) -> Result<Vex> {
        let (documents, named) = read(names)?;
        Ok(Vex { documents, named, ..Vex::default() })
    }

    /// The documents that may speak of the subject and its packages. What lies in the registry is asked for even if nothing was found: that it
    /// cannot be asked must not depend on findings.
    pub(crate) fn about(
        &self,
        subject: &Subject,
        inventory: &Inventory,
        findings: usize,
        settings: &Settings,
    ) -> Result<Vec<VexDocument>> {
        let mut documents = self.documents.clone();
        if let Some(access) = &self.beside {
            documents.extend(attested::documents(subject, access, settings)?);
        }
        if findings == 0 || (self.named.is_empty() && self.ranked.is_empty()) {
            return Ok(documents);
        }
        let purls = inventory.packages.iter().filter_map(|package| package.purl(inventory.distro.as_ref()));
        let all: Vec<Purl> = purls.chain(suppress::artifact_purls(subject)).collect();
        for repository in &self.named {
            documents.extend(repository.about(&all)?);
        }
        let mut wanted: Vec<Vec<Purl>> = vec![Vec::new(); self.ranked.len()];
        for purl in all {
            let first = self.ranked.iter().position(|repository| repository.knows(&purl));
            if let Some(list) = first.and_then(|place| wanted.get_mut(place)) {
                list.push(purl);
            }
        }
        for (repository, wanted) in self.ranked.iter().zip(&wanted) {
            documents.extend(repository.about(wanted)?);
        }
        Ok(documents)
    }
}

/// Reads documents and directories of documents, and opens repositories.
fn read(paths: &[PathBuf]) -> Result<(Vec<VexDocument>, Vec<Repository>)> {
    let (mut documents, mut repositories) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            documents.push(document(path)?);
            continue;
        }
        let repository =
            Repository::open(path).with_context(|| format!("cannot read the VEX repository `{}`", path.display()))?;
        if let Some(repository) = repository {
            repositories.push(repository);
            continue;
        }
        let mut files = Vec::new();
        list(path, 0, &mut files)?;
        ensure!(!files.is_empty(), "there is no VEX document (`.json`) in `{}`", path.display());
        for file in files {
            documents.push(document(&file)?);
        }
    }
    Ok((documents, repositories))
}

fn document(path: &Path) -> Result<VexDocument> {
    let name = path.display().to_string();
    let read = || -> Result<VexDocument> { Ok(VexDocument::parse(&name, &suppress::read(path)?)?) };
    read().with_context(|| format!("cannot read the VEX document `{name}`"))
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    ensure!(depth < MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} folders deep", folder.display());
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<_>>)
        .with_context(|| format!("cannot list `{}`", folder.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        if kind.is_dir() {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "json") {
            ensure!(files.len() < MAX_DOCUMENTS, "there are more than {MAX_DOCUMENTS} documents in a directory");
            files.push(entry.path());
        }
    }
    Ok(())
}

impl Repository {
    /// `None`: the directory has no index.
    fn open(path: &Path) -> Result<Option<Repository>> {
        let places = [path.to_owned(), path.join("0.1"), path.join("v0.1")];
        let Some(folder) = places.into_iter().find(|folder| folder.join("index.json").is_file()) else {
            ensure!(!path.join("vex-repository.json").is_file(), "it has a manifest and no `index.json`");
            return Ok(None);
        };
        let bytes = suppress::read(&folder.join("index.json"))?;
        let index: Index = serde_json::from_slice(&bytes).context("`index.json` is no index of packages")?;
        let mut repository = Repository { folder, index: BTreeMap::new() };
        for entry in index.packages {
            let purl: Purl = entry.id.parse().with_context(|| format!("`{}` in `index.json` is no purl", entry.id))?;
            let location = PathBuf::from(&entry.location);
            // An index must not make us read files that are not the repository's.
            let inside = location.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            ensure!(inside, "`{}` of `{}` leads out of the repository", entry.location, entry.id);
            repository.index.entry(key(&purl)).or_default().push(location);
        }
        Ok(Some(repository))
    }

    /// Whether it has anything about a package, whatever the version.
    fn knows(&self, purl: &Purl) -> bool {
        self.index.contains_key(&key(purl))
    }

    /// The documents about any of these packages, whatever their versions.
    fn about(&self, purls: &[Purl]) -> Result<Vec<VexDocument>> {
        let mut files: Vec<&PathBuf> = purls.iter().filter_map(|purl| self.index.get(&key(purl))).flatten().collect();
        files.sort();
        files.dedup();
        files.into_iter().map(|file| document(&self.folder.join(file))).collect()
    }
}

/// Type, namespace and name; an image also by its repository, which is what tells two of the same name apart.
fn key(purl: &Purl) -> String {
    let repository = purl.qualifier("repository_url").filter(|_| purl.ty() == "oci").unwrap_or_default();
    format!("{}/{}/{} {repository}", purl.ty(), purl.namespace().unwrap_or_default(), purl.name())
}

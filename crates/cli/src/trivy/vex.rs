//! `--vex`: documents and directories of them by path, and `repo`, the VEX repositories that Trivy keeps in its cache.
//!
//! `$HOME/.trivy/vex/repository.yaml` lists repositories in the order in which they are asked; the first that knows a package speaks for it.
//! Each lies in `CACHE/vex/repositories/NAME`. Source: aquasecurity/trivy:docs/guide/supply-chain/vex/repo.md.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use signet_advisories::{SuppressContext, Suppressions, VexDocument};
use signet_model::{Finding, Inventory, Purl, Subject};

use crate::settings::Settings;
use crate::suppress;
use crate::vex::{self, Repository};

/// The repository that is asked when none is configured.
const HUB: &str = "default";

/// Everything that `--vex` named.
#[derive(Debug, Default)]
pub(super) struct Vex {
    documents: Vec<VexDocument>,
    /// By path, all of them asked.
    named: Vec<Repository>,
    /// By `repo`, in order of precedence.
    ranked: Vec<Repository>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    repositories: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    enabled: bool,
}

impl Vex {
    /// Reads what is named. `cache` is Trivy's.
    pub(super) fn read(names: &[String], cache: &Path, settings: &Settings) -> Result<Vex> {
        let mut found = Vex::default();
        let mut paths: Vec<PathBuf> = Vec::new();
        for name in names {
            match name.as_str() {
                "repo" => found.ranked = ranked(cache, settings)?,
                // Passing over a source of statements would only show more findings; but the user believes that it was asked.
                "oci" | "sbom-ref" => bail!("`--vex {name}` is not in this version: give `repo`, files or directories"),
                path => paths.push(PathBuf::from(path)),
            }
        }
        (found.documents, found.named) = vex::read(&paths)?;
        Ok(found)
    }

    /// Marks what the statements suppress.
    pub(super) fn apply(
        self,
        subject: &Subject,
        inventory: &Inventory,
        findings: &mut [Finding],
        settings: &Settings,
    ) -> Result<()> {
        let artifact = suppress::artifact_purls(subject);
        let purls = inventory.packages.iter().filter_map(|package| package.purl(inventory.distro.as_ref()));
        let all: Vec<Purl> = purls.chain(artifact.iter().cloned()).collect();
        let mut documents = self.documents;
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
        let context = SuppressContext { inventory, artifact: &artifact, now: settings.now };
        // Remarks are about entries of ignore files, of which there are none here.
        let _none = Suppressions { vex: documents, ..Suppressions::default() }.apply(findings, &context);
        Ok(())
    }
}

fn ranked(cache: &Path, settings: &Settings) -> Result<Vec<Repository>> {
    let home = settings.home.as_deref().context("`--vex repo` reads `~/.trivy/vex/repository.yaml`: set HOME")?;
    let path = home.join(".trivy/vex/repository.yaml");
    let names = if path.is_file() {
        let named = || format!("cannot read `{}`", path.display());
        let bytes = suppress::read(&path).with_context(named)?;
        let documents = signet_yaml::parse_bytes(&bytes, &signet_yaml::Limits::default()).with_context(named)?;
        let root = documents.first().map(|document| signet_yaml::to_json(&document.root));
        let config: Config = serde_json::from_value(root.unwrap_or_default()).with_context(named)?;
        config.repositories.into_iter().filter(|entry| entry.enabled).map(|entry| entry.name).collect()
    } else {
        vec![HUB.to_owned()]
    };
    if names.is_empty() {
        settings.warn("no VEX repository is enabled in `~/.trivy/vex/repository.yaml`");
    }
    let folder = cache.join("vex/repositories");
    names
        .iter()
        .map(|name| {
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..";
            ensure!(plain, "`{name}` cannot be the name of a VEX repository");
            let path = folder.join(name);
            let opened = if path.is_dir() { Repository::open(&path)? } else { None };
            opened.with_context(|| {
                format!(
                    "the VEX repository `{name}` is not in `{}`, and this version does not fetch it",
                    folder.display()
                )
            })
        })
        .collect()
}

//! `--vex sbom-ref`: documents to which the SBOM refers, by `externalReferences` of the type `exploitability-statement`.
//!
//! Who wrote the SBOM chooses them, so they are used only when `sbom-ref` was asked for by name, what they suppress says that nobody checked
//! who says so, and of files only those beside the SBOM are read. A document that cannot be had is an error: it may be the one that matters.
//! Source: aquasecurity/trivy:docs/guide/supply-chain/vex/sbom-ref.md.

use std::path::{Component, Path};

use anyhow::{Context as _, Result, bail, ensure};
use signet_advisories::VexDocument;
use signet_model::Digest;
use signet_oci_client::{BlockingClient, FetchRequest};
use signet_sbom::Reference;

use crate::net::{self, Access};
use crate::settings::Settings;
use crate::suppress;

/// Documents of one SBOM.
const MOST_DOCUMENTS: usize = 100;
/// Largest of them, in bytes.
const MOST: u64 = 16 << 20;

/// The documents to which the SBOM at a path refers.
pub(super) fn documents(sbom: &Path, access: &Access, settings: &Settings) -> Result<Vec<VexDocument>> {
    ensure!(sbom.as_os_str() != "-", "`--vex sbom-ref` reads the SBOM twice and needs a file");
    let limits = signet_sbom::Limits::default();
    let bytes = crate::source::document(sbom, &limits)?;
    let references = signet_sbom::exploitability_statements(&bytes, &limits)
        .with_context(|| format!("cannot read the references of the SBOM `{}`", sbom.display()))?;
    drop(bytes);
    ensure!(references.len() <= MOST_DOCUMENTS, "the SBOM refers to more than {MOST_DOCUMENTS} VEX documents");
    if references.is_empty() {
        settings.warn(format!("the SBOM `{}` refers to no VEX document", sbom.display()));
    }
    let folder = sbom.parent().unwrap_or(Path::new(""));
    let mut client = None;
    let mut found = Vec::new();
    for reference in &references {
        let mut read = || -> Result<VexDocument> {
            let bytes = match reference.url.split_once(':') {
                Some((scheme, _)) if !scheme.contains('/') => {
                    ensure!(
                        matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"),
                        "only `https:` and files beside the SBOM are followed"
                    );
                    let client = match &client {
                        Some(client) => client,
                        // A password is for registries, and not for whom an SBOM names.
                        None => client.insert(net::client(&Access { login: None, ..access.clone() }, settings)?),
                    };
                    fetch(client, reference)?
                }
                _ => beside(folder, reference)?,
            };
            let name = format!("{} (unverified: the SBOM refers to it, nobody checked who says so)", reference.url);
            Ok(VexDocument::parse(&name, &bytes)?)
        };
        found.push(read().with_context(|| format!("cannot read `{}`, to which the SBOM refers", reference.url))?);
    }
    Ok(found)
}

fn fetch(client: &BlockingClient, reference: &Reference) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let request = FetchRequest { url: reference.url.clone(), most: MOST, known: None, expect: reference.sha256 };
    client.fetch(&request, &mut bytes)?;
    Ok(bytes)
}

fn beside(folder: &Path, reference: &Reference) -> Result<Vec<u8>> {
    let path = Path::new(&reference.url);
    // An SBOM must not make us read other files than those that came with it.
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    ensure!(inside, "it leads out of the folder of the SBOM");
    let bytes = suppress::read(&folder.join(path))?;
    if reference.sha256.is_some_and(|stated| stated != Digest::sha256(&bytes)) {
        bail!("its SHA-256 is not the one that the SBOM states");
    }
    Ok(bytes)
}

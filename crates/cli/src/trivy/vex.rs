//! `--vex`: documents and directories of them by path; `repo`, the VEX repositories in Trivy's cache; `oci`, what lies beside the image;
//! `sbom-ref`, to what the SBOM refers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use signet_advisories::{SuppressContext, Suppressions};
use signet_model::{Finding, Inventory, Subject};

use crate::net::Access;
use crate::settings::Settings;
use crate::suppress;
use crate::vex::{Hub, Vex};

/// Reads what is named. `sbom` is the one that is scanned, if one is; `cache` is Trivy's, and `keep` takes repositories as they are.
pub(super) fn read(
    names: &[String],
    sbom: Option<&Path>,
    cache: &Path,
    keep: bool,
    access: &Access,
    settings: &Settings,
) -> Result<Vex> {
    let (referred, names): (Vec<PathBuf>, Vec<PathBuf>) =
        names.iter().map(PathBuf::from).partition(|name| name.as_os_str() == "sbom-ref");
    let mut vex = Vex::read(&names, &Hub::at(cache, keep, settings), access, settings)?;
    if !referred.is_empty() {
        // Passing over a source of statements would only show more findings; but the user believes that it was asked.
        let sbom = sbom.context("`--vex sbom-ref` is for SBOMs: `trivy sbom FILE`")?;
        vex.referred(sbom, access, settings)?;
    }
    Ok(vex)
}

/// Marks what the statements suppress.
pub(super) fn apply(
    vex: &Vex,
    subject: &Subject,
    inventory: &Inventory,
    findings: &mut [Finding],
    settings: &Settings,
) -> Result<()> {
    let artifact = suppress::artifact_purls(subject);
    let documents = vex.about(subject, inventory, findings.len(), settings)?;
    let context = SuppressContext { inventory, artifact: &artifact, now: settings.now };
    // Remarks are about entries of ignore files, of which there are none here.
    let _none = Suppressions { vex: documents, ..Suppressions::default() }.apply(findings, &context);
    Ok(())
}

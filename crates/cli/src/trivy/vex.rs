//! `--vex`: documents and directories of them by path; `repo`, the VEX repositories in Trivy's cache; `oci`, what lies beside the image.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use signet_advisories::{SuppressContext, Suppressions};
use signet_model::{Finding, Inventory, Subject};

use crate::net::Access;
use crate::settings::Settings;
use crate::suppress;
use crate::vex::{Hub, Vex};

/// Reads what is named. `cache` is Trivy's; `keep` takes repositories as they are.
pub(super) fn read(names: &[String], cache: &Path, keep: bool, access: &Access, settings: &Settings) -> Result<Vex> {
    // Passing over a source of statements would only show more findings; but the user believes that it was asked.
    if names.iter().any(|name| name == "sbom-ref") {
        bail!("`--vex sbom-ref` is not in this version: give `repo`, `oci`, files or directories");
    }
    let names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    Vex::read(&names, &Hub::at(cache, keep, settings), access, settings)
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

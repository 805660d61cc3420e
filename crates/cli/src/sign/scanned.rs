//! `signet scan --attest`, `signet sbom --attest`: what was found of an image in a registry, sealed and put beside it in one step.

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use signet_model::ImageRef;
use signet_sources::SourceSpec;

use super::args::SealArgs;
use super::{Voice, image};
use crate::args::SourceArgs;
use crate::report::{Format, Report};
use crate::settings::Settings;
use crate::verify::args::ReachArgs;

/// Whether the result is sealed, and by whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct ResultArgs {
    /// Seal the result and put it beside the image: what was found is attested, for the manifest that was examined. For images in registries.
    #[arg(long)]
    pub(crate) attest: bool,
    #[command(flatten, next_help_heading = "With --attest")]
    pub(crate) seal: SealArgs,
}

/// Refuses, before anything is examined, to seal what is not in a registry: there is nothing to put it beside.
pub(crate) fn check(args: &ResultArgs, source: &SourceArgs) -> Result<()> {
    if args.attest {
        reference(source)?;
    }
    Ok(())
}

fn reference(source: &SourceArgs) -> Result<ImageRef> {
    match SourceSpec::parse(&source.source).map_err(|err| crate::usage(err.into()))? {
        SourceSpec::Registry(reference) => Ok(reference),
        _ => Err(crate::hint(
            crate::usage(anyhow!(
                "`--attest` puts the result beside an image of a registry, and `{}` is none",
                source.source
            )),
            "write the result to a file and seal that: `-o FORMAT=FILE`, then `signet attest-blob`",
        )),
    }
}

/// Seals the report as a predicate of `kind`.
pub(crate) fn seal(
    args: &ResultArgs,
    source: &SourceArgs,
    report: &Report,
    kind: &str,
    format: Format,
    settings: &Settings,
) -> Result<()> {
    if !args.attest {
        return Ok(());
    }
    let reference = reference(source)?;
    // A reader of the attestation takes it for the whole: what could not be examined is no part of it.
    ensure!(
        report.inventory.unexamined.is_empty() || source.allow_incomplete,
        "the result is not sealed: {} parts could not be examined (`--allow-incomplete` seals it all the same)",
        report.inventory.unexamined.len()
    );
    let digest = report.subject.image.as_ref().and_then(|image| image.manifest_digest);
    let digest = digest.ok_or_else(|| anyhow!("the result is not sealed: the image has no manifest"))?;
    let bytes = report.render(format, settings.look)?;
    let reach = ReachArgs { plain_http: source.plain_http.clone(), ca_cert: source.ca_cert.clone() };
    image::attest_result(&reference.at(digest), kind, &bytes, &args.seal, &reach, Voice::Signet, settings)
}

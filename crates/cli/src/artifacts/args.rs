//! The commands around what lies beside images, as a table over plain values.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

use super::clean::Kind;
use super::transfer::Only;
use crate::verify::args::ReachArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put files beside an image, in one artifact of any type.
    Attach(AttachArgs),
    /// Show what lies beside an image: types, sizes, and who seems to have signed. Nothing is verified.
    Tree(TreeArgs),
    /// Print what lies beside an image. Nothing is verified.
    #[command(subcommand)]
    Download(DownloadCommand),
    /// Name the place where signatures, attestations or SBOMs of an image lie under a tag.
    Triangulate(TriangulateArgs),
    /// Copy an image, all its platforms, and everything beside it to another place.
    Copy(CopyArgs),
    /// Write an image and everything beside it into an OCI layout.
    Save(SaveArgs),
    /// Push an image and everything beside it from an OCI layout.
    Load(LoadArgs),
    /// Remove what lies beside an image.
    Clean(CleanArgs),
    /// Sigstore bundles.
    #[command(subcommand)]
    Bundle(BundleCommand),
}

#[derive(Debug, Args)]
#[command(
    override_usage = "signet attach [OPTIONS] --artifact-type <TYPE> <FILE[:MEDIA-TYPE]>... <IMAGE>",
    after_help = "Examples:\n  signet attach --artifact-type application/spdx+json sbom.spdx.json registry.example.com/app:1\n  signet attach --artifact-type application/vnd.example.report \\\n      report.json:application/json log.txt:text/plain registry.example.com/app@sha256:..."
)]
pub(crate) struct AttachArgs {
    /// What the artifact is: a media type.
    #[arg(long, value_name = "TYPE")]
    pub(crate) artifact_type: String,
    /// KEY=VALUE, repeatable: an annotation of the artifact.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) annotation: Vec<String>,
    /// FILE or FILE:MEDIA-TYPE, one or more, then the image.
    #[arg(value_names = ["FILE[:MEDIA-TYPE]", "IMAGE"], num_args = 2.., required = true)]
    pub(crate) files_and_image: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TreeArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The image is an OCI layout: DIR, DIR:TAG or DIR@DIGEST.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) local_image: bool,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DownloadCommand {
    /// Signatures, one JSON document a line: Sigstore bundles, and Cosign's description of what lies under the tag.
    Signature(ImageArgs),
    /// Attestations, one envelope a line.
    Attestation(AttestationArgs),
    /// SBOMs that lie beside the image as they are.
    Sbom(ImageArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AttestationArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Only of this type: a short name as of `verify-attestation`, or a URI.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TriangulateArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// signature, attestation, sbom, referrers or digest.
    #[arg(long = "type", value_name = "TYPE", default_value = "signature")]
    pub(crate) kind: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet copy registry.example.com/app:1 mirror.example.com/app:1\n  signet copy --only sig,att registry.example.com/app:1 mirror.example.com/app:1"
)]
pub(crate) struct CopyArgs {
    /// The image to copy.
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// Where to.
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// sig, att, sbom: of what lies beside the image, take only this along. The image is always copied.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<Only>,
    /// Write over tags that hold something else.
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The layout: a new or empty directory, or a layout to which the image is added.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Where the image goes.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The layout: DIR, DIR:TAG or DIR@DIGEST.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: String,
    /// Write over tags that hold something else.
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// What goes: all, signature, attestation or sbom.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "all")]
    pub(crate) kind: Kind,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Show what a bundle holds. Nothing is verified.
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The bundle, or `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

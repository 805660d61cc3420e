//! The flags of `signet trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::verify::args::ReachArgs;

/// Roots of trust.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Choose whose authorities and logs are trusted, and fetch what they are.
    Init(InitArgs),
    /// Ask the chosen repository for what is new, now.
    Refresh(ReachArgs),
    /// Show what is trusted, since when, until when, and what for.
    Status(StatusArgs),
    /// The command line that the TUF project's conformance suite drives.
    #[command(hide = true)]
    TufClient(TufClientArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet trust init\n  signet trust init --mirror https://tuf.example.com --root root.json\n  signet trust init --mirror file:///media/usb/tuf --root root.json     without a network"
)]
pub(crate) struct InitArgs {
    /// The TUF repository: an address, a directory, or file:///DIRECTORY [default: the public instance's].
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// The root metadata that trust begins with: a file or an address [default: what this program was built with, for the well-known instances].
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) root: Option<String>,
    /// What the root metadata must hash to: sha256:HEX, sha512:HEX, or HEX of SHA-512.
    #[arg(long, value_name = "CHECKSUM", requires = "root")]
    pub(crate) root_checksum: Option<String>,
    /// The staging instance, for tests.
    #[arg(long, conflicts_with_all = ["mirror", "root"])]
    pub(crate) staging: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
pub(crate) struct TufClientArgs {
    /// Where verified metadata is kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) metadata_dir: PathBuf,
    /// Where metadata comes from.
    #[arg(long, value_name = "URL")]
    pub(crate) metadata_url: Option<String>,
    /// A target's path in the repository.
    #[arg(long, value_name = "PATH")]
    pub(crate) target_name: Vec<String>,
    /// Where targets come from.
    #[arg(long, value_name = "URL")]
    pub(crate) target_base_url: Option<String>,
    /// Where targets go.
    #[arg(long, value_name = "DIR")]
    pub(crate) target_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) step: TufStep,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TufStep {
    /// Begin from this root.
    Init {
        /// The root metadata.
        root: PathBuf,
    },
    /// Renew the metadata.
    Refresh,
    /// Renew the metadata, and fetch targets.
    Download,
}

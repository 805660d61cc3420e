//! `signet gate` as a table over plain values.

use clap::Args;

use crate::args::DatabaseArgs;
use crate::sign::args::SealArgs;
use crate::verify::args::ReachArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet gate registry.example.com/app:1 --policy production.yaml\n  signet gate registry.example.com/app:1 --policy builtin:recommended -o json\n  signet gate registry.example.com/app:1 --policy production.yaml --attest --key signet.key\n\nExit codes: 0 it may run, 10 the policy says no or cannot tell,\n1 the image or a policy cannot be read"
)]
pub(crate) struct GateArgs {
    /// The image, in a registry. Its tag is resolved once.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// A TrustPolicy: a file, or `builtin:recommended`; repeatable, and all that name the image must hold.
    #[arg(long = "policy", env = "SIGNET_POLICY", value_name = "FILE", required = true)]
    pub(crate) policies: Vec<String>,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
    /// Seal the decision and put it beside the image, as a verification summary (SLSA).
    #[arg(long)]
    pub(crate) attest: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten, next_help_heading = "Trust, and signing with --attest")]
    pub(crate) seal: SealArgs,
}

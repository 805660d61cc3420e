//! `signet block` as a table over plain values.

use clap::{Args, Subcommand};

use crate::verify::args::ReachArgs;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  signet block registry.example.com/app@sha256:... --reason CVE-2026-0001\n  signet block stolen.pub --reason 'the laptop was stolen'\n  signet block 'https://github.com/example/app/*' --until 2026-12-31 \\\n    --issuer https://token.actions.githubusercontent.com\n  signet block list\n  signet block remove stolen.pub\n\nEvery gate that shares the store refuses it within 10 seconds, whatever it remembers and\nwhatever any policy says.\n\nExit codes: 0 blocked, 1 it could not be written, 2 the target is not understood,\n3 there was nothing to remove"
)]
pub(crate) struct BlockArgs {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) target: Option<TargetArgs>,
    /// Why; it is told to everybody who is refused.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// It holds no more from here on: a day, which counts whole, or a point in time [default: until it is removed].
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Who blocks it [default: the user of this machine].
    #[arg(long, env = "SIGNET_BLOCK_BY", value_name = "NAME")]
    pub(crate) by: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// What is blocked.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArgs {
    /// A digest, best with its repository (REPOSITORY@DIGEST), so that the manifests of an index are blocked with it; a public key (a PEM file, a URI
    /// such as awskms://, or key:FINGERPRINT); or an identity, in which `*` is any text (identity:PATTERN for one that is neither URL nor address).
    #[arg(value_name = "TARGET", required = true)]
    pub(crate) target: String,
    /// Of an identity: who vouches for it; `*` is any text [default: whoever does].
    #[arg(long, value_name = "PATTERN")]
    pub(crate) issuer: Option<String>,
}

/// What is done with the blocks that are there.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is blocked, by whom, since when and why.
    List(ListArgs),
    /// Take a block back.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

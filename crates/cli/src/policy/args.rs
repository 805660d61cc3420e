//! `signet policy` as a table over plain values.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find what policies silently do not do: unanchored expressions, registries without a slash, containers and image volumes that nobody looks at.
    Lint(LintArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy lint policies/\n  signet policy lint require-signed.yaml -o json\n  signet policy lint --list\n\nExit codes: 0 nothing but notes, 11 warnings, 1 a policy that cannot be loaded,\n3 no policy was found, 13 a file could not be read"
)]
pub(crate) struct LintArgs {
    /// Files and directories with policies and exceptions of Kyverno, admission policies of Kubernetes, ClusterImagePolicy and TrustPolicy documents.
    #[arg(value_name = "PATH", required_unless_present = "list")]
    pub(crate) paths: Vec<PathBuf>,
    /// Checks that are left out.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Show the checks and what each one finds.
    #[arg(long, conflicts_with = "paths")]
    pub(crate) list: bool,
    /// What could not be read is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

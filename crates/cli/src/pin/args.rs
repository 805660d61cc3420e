//! `signet pin` as a table over plain values.

use std::path::PathBuf;

use clap::Args;

use crate::verify::args::ReachArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet pin Dockerfile deploy/\n  signet pin --check .\n  signet pin --update --dry-run charts/app/values.yaml\n\nExit codes: 0 all is pinned (now), 10 with --check: something is not,\n13 a file or a name could not be examined, 1 a registry did not answer"
)]
pub(crate) struct PinArgs {
    /// Files and directories: Dockerfiles, Kubernetes YAML, Kustomize, Helm values and templates, Compose, workflows of GitHub, GitLab and CircleCI.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing and ask no registry: tell what is not pinned.
    #[arg(long, conflicts_with_all = ["update", "dry_run"])]
    pub(crate) check: bool,
    /// Also move what is pinned forward to what its tag names now.
    #[arg(long)]
    pub(crate) update: bool,
    /// Tell what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// table or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["table", "json"], default_value = "table")]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

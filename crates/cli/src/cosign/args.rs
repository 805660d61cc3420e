//! Cosign's command line as a table over plain values. Parsing does nothing else.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Sign and verify container images, under Cosign's command line.
#[derive(Debug, Parser)]
#[command(name = "cosign", version, arg_required_else_help = true)]
pub(super) struct Cli {
    /// Log debug output.
    #[arg(short = 'd', long, global = true)]
    pub(super) verbose: bool,
    /// Timeout for commands. Each request has its own limits here.
    #[arg(short = 't', long, global = true, value_name = "DURATION", hide = true)]
    _timeout: Option<String>,
    /// Log output to a file. Not done: redirect standard error.
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    _output_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Generates a key-pair.
    GenerateKeyPair(GenerateArgs),
    /// Imports a PEM-encoded RSA or EC private key.
    ImportKeyPair(ImportArgs),
    /// Gets a public key from the key-pair.
    PublicKey(PublicArgs),
    /// Prints the version.
    Version,
}

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// Create key pair in KMS service to use for signing.
    #[arg(long, env = "COSIGN_KMS", value_name = "URI")]
    pub(super) kms: Option<String>,
    /// Name used for generated .pub and .key files.
    #[arg(long, env = "COSIGN_OUTPUT_KEY_PREFIX", value_name = "NAME", default_value = "cosign")]
    pub(super) output_key_prefix: String,
    /// Signing algorithm to use for signing/hashing.
    #[arg(long, value_name = "ALGORITHM", default_value = "ecdsa-sha2-256-nistp256")]
    pub(super) signing_algorithm: String,
    /// Skip confirmation prompts.
    #[arg(short = 'y', long, env = "COSIGN_YES")]
    pub(super) yes: bool,
    /// k8s://[NAMESPACE]/[NAME], gitlab://[PROJECT].
    #[arg(value_name = "URI")]
    pub(super) target: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Import key pair to use for signing.
    #[arg(short = 'k', long, env = "COSIGN_KEY", value_name = "FILE", required = true)]
    pub(super) key: PathBuf,
    /// Name used for outputted key pairs.
    #[arg(short = 'o', long, env = "COSIGN_OUTPUT_KEY_PREFIX", value_name = "NAME", default_value = "import-cosign")]
    pub(super) output_key_prefix: String,
    /// Skip confirmation prompts.
    #[arg(short = 'y', long, env = "COSIGN_YES")]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct PublicArgs {
    /// Path to the private key file, KMS URI or Kubernetes Secret.
    #[arg(long, env = "COSIGN_KEY", value_name = "KEY", required_unless_present = "sk")]
    pub(super) key: Option<String>,
    /// Path to a payload file to use rather than generating one.
    #[arg(long, value_name = "FILE")]
    pub(super) outfile: Option<PathBuf>,
    /// Whether to use a hardware security key.
    #[arg(long)]
    pub(super) sk: bool,
    /// Security key slot to use for generated key.
    #[arg(long, value_name = "SLOT")]
    pub(super) slot: Option<String>,
}

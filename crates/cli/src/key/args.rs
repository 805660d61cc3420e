//! `signet key`: its table of flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key pair, where it will live.
    Generate(GenerateArgs),
    /// Put a private key of another program under a password.
    Import(ImportArgs),
    /// Print the public half of a key.
    Public(PublicArgs),
}

/// Where passwords come from, and how services are reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyAccess {
    /// A file with the password [default: SIGNET_KEY_PASSWORD or COSIGN_PASSWORD, else it is asked].
    #[arg(long, env = "SIGNET_KEY_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Services (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet key generate release                        release.key and release.pub\n  signet key generate k8s://build/signing            a Kubernetes secret\n  signet key generate awskms:///alias/release        a key that never leaves AWS KMS\n  signet key generate 'pkcs11:token=hsm;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so'"
)]
pub(crate) struct GenerateArgs {
    /// What the files are named by (NAME.key, NAME.pub), or a URI: k8s://, gitlab://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault://.
    #[arg(value_name = "NAME", default_value = "signet")]
    pub(crate) target: String,
    /// ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, rsa-2048, rsa-3072 or rsa-4096.
    #[arg(long, value_name = "ALGORITHM", default_value = "ecdsa-p256")]
    pub(crate) algorithm: String,
    /// Write the private key although Git would take it into its next commit.
    #[arg(long)]
    pub(crate) dangerously_in_git: bool,
    #[command(flatten)]
    pub(crate) access: KeyAccess,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The private key as PEM: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What the files are named by (NAME.key, NAME.pub), or k8s:// or gitlab://.
    #[arg(value_name = "NAME", default_value = "signet")]
    pub(crate) target: String,
    /// Write the private key although Git would take it into its next commit.
    #[arg(long)]
    pub(crate) dangerously_in_git: bool,
    #[command(flatten)]
    pub(crate) access: KeyAccess,
}

#[derive(Debug, Args)]
pub(crate) struct PublicArgs {
    /// A file, or a URI: env://, k8s://, gitlab://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault://.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Write it to this file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: KeyAccess,
}

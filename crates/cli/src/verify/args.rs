//! The flags of verification, named as Cosign names them: `signet verify ...` and `signet cosign verify ...` share this table.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// Who must have signed, and what vouches for it.
#[derive(Clone, Debug, Args)]
pub(crate) struct SignerArgs {
    /// The public key: a PEM file, or a URI such as env://, k8s://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault://.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp"])]
    pub(crate) key: Option<String>,
    /// Who must have signed: the name in the certificate, byte for byte.
    #[arg(long, value_name = "NAME", conflicts_with = "certificate_identity_regexp")]
    pub(crate) certificate_identity: Option<String>,
    /// The same as a regular expression; it matches anywhere unless it says `^` and `$`.
    #[arg(long, value_name = "REGEXP")]
    pub(crate) certificate_identity_regexp: Option<String>,
    /// Who must have vouched for the name: the OIDC issuer in the certificate, byte for byte.
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// The same as a regular expression.
    #[arg(long, value_name = "REGEXP")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// The event that must have started the GitHub workflow.
    #[arg(long, value_name = "EVENT")]
    pub(crate) certificate_github_workflow_trigger: Option<String>,
    /// The commit that the GitHub workflow must have run at.
    #[arg(long, value_name = "SHA")]
    pub(crate) certificate_github_workflow_sha: Option<String>,
    /// The name that the GitHub workflow must have.
    #[arg(long, value_name = "NAME")]
    pub(crate) certificate_github_workflow_name: Option<String>,
    /// The repository that the GitHub workflow must lie in.
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) certificate_github_workflow_repository: Option<String>,
    /// The ref that the GitHub workflow must have run at.
    #[arg(long, value_name = "REF")]
    pub(crate) certificate_github_workflow_ref: Option<String>,
    /// A Sigstore `trusted_root.json` [default: the public instance's, as this program was built with].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Certificates (PEM) of authorities for signing certificates. What is named by this flag and the next is trusted alone, without the public instance.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    pub(crate) ca_roots: Option<PathBuf>,
    /// The chain (PEM) of a timestamp authority, its own certificate first.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    pub(crate) timestamp_certificate_chain: Option<PathBuf>,
    /// The time of signing must be by a timestamp authority.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) use_signed_timestamps: bool,
    /// Do not look at transparency logs. Insecure: nobody would notice a signature that was made in secret.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) insecure_ignore_tlog: bool,
    /// Do not ask whether the certificate stands in a certificate log. Insecure.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) insecure_ignore_sct: bool,
}

/// How registries and services are reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReachArgs {
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// How the result is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"])]
    pub(crate) output: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet verify --key signet.pub registry.example.com/app:1\n  signet verify --certificate-identity-regexp '^https://github.com/my-org/' --certificate-oidc-issuer https://token.actions.githubusercontent.com ghcr.io/my-org/app:1"
)]
pub(crate) struct ImageArgs {
    /// The image. Its tag is resolved once; what is verified is the digest.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// KEY=VALUE, repeatable: an annotation that must have been signed.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) annotations: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet verify-attestation --type vuln --key signet.pub registry.example.com/app:1\n  signet verify-attestation --type slsaprovenance1 --certificate-identity ... --certificate-oidc-issuer ... -o json ghcr.io/my-org/app:1"
)]
pub(crate) struct AttestationArgs {
    /// The image. Its tag is resolved once; what is verified is the digest.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, custom, or a URI [default: any].
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// The evidence for a file.
#[derive(Clone, Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// The bundle: Sigstore's, or the one that Cosign wrote before version 3.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signature", "certificate"])]
    pub(crate) bundle: Option<PathBuf>,
    /// The signature: a file, or its base64. For an attestation, its envelope.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<String>,
    /// The signing certificate (PEM) that came with the signature.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet verify-blob --key signet.pub --bundle app.sigstore.json app.tar\n  signet verify-blob --key signet.pub --signature app.sig --insecure-ignore-tlog app.tar"
)]
pub(crate) struct BlobArgs {
    /// The file, `-` for standard input, or its digest as sha256:HEX.
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BlobAttestationArgs {
    /// The file, or `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present = "digest")]
    pub(crate) file: Option<String>,
    /// The digest of the file in hexadecimal, instead of the file.
    #[arg(long, value_name = "HEX", conflicts_with = "file")]
    pub(crate) digest: Option<String>,
    /// Which digest: sha256, sha384 or sha512.
    #[arg(long = "digestAlg", alias = "digest-alg", value_name = "ALGORITHM", default_value = "sha256")]
    pub(crate) digest_alg: String,
    /// The type of the attestation, as of `verify-attestation` [default: any].
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

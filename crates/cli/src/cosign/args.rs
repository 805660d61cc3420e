//! Cosign's command line as a table over plain values. Parsing does nothing else.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/options.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use super::sign::Signing;
use crate::sign::args::{AttestArgs, AttestBlobArgs, SignArgs, SignBlobArgs};
use crate::verify::args::{AttestationArgs, BlobArgs, BlobAttestationArgs, ImageArgs};

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
    /// Whose success lines `verify` prints: 3, or 2 for the wording that scripts of Cosign 2 look for.
    #[arg(long, global = true, env = "SIGNET_COSIGN_COMPAT", value_name = "VERSION", default_value = "3", value_parser = ["2", "3"])]
    pub(super) compat: String,
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
    /// Sign the supplied container image.
    Sign(Signing<SignArgs>),
    /// Attest the supplied container image.
    Attest(Signing<AttestArgs>),
    /// Sign the supplied blob, outputting the base64-encoded signature to stdout.
    SignBlob(Signing<SignBlobArgs>),
    /// Attest the supplied blob.
    AttestBlob(Signing<AttestBlobArgs>),
    /// Verify a signature on the supplied container image.
    Verify(VerifyArgs<ImageArgs>),
    /// Verify an attestation on the supplied container image.
    VerifyAttestation(VerifyArgs<AttestationArgs>),
    /// Verify a signature on the supplied blob.
    VerifyBlob(VerifyArgs<BlobArgs>),
    /// Verify an attestation on the supplied blob.
    VerifyBlobAttestation(VerifyArgs<BlobAttestationArgs>),
    /// Outputs the located cosign image reference.
    Triangulate(TriangulateArgs),
    /// Display supply chain security related artifacts for an image.
    Tree(ReferenceArgs),
    /// Download artifacts beside an image.
    #[command(subcommand)]
    Download(DownloadCommand),
    /// Provides utilities for attaching artifacts to other artifacts in a registry.
    #[command(subcommand)]
    Attach(AttachCommand),
    /// Copy the supplied container image and signatures.
    Copy(CopyArgs),
    /// Save the container image and associated signatures to disk at the specified directory.
    Save(SaveArgs),
    /// Load a signed image on disk to a remote registry.
    Load(LoadArgs),
    /// Remove all signatures from an image.
    Clean(CleanArgs),
    /// Initializes SigStore root to retrieve trusted certificate and key targets for verification.
    Initialize(super::initialize::InitializeArgs),
    /// Interact with a Sigstore protobuf trusted root.
    #[command(subcommand)]
    TrustedRoot(super::trusted_root::TrustedRootCommand),
    /// Interact with a Sigstore protobuf signing config.
    #[command(subcommand)]
    SigningConfig(super::signing_config::SigningConfigCommand),
    /// Interact with a Sigstore protobuf bundle.
    #[command(subcommand)]
    Bundle(super::bundle::BundleCommand),
    /// Provides utilities for discovering images in and performing operations on Dockerfiles.
    #[command(subcommand)]
    Dockerfile(DockerfileCommand),
    /// Provides utilities for discovering images in and performing operations on Kubernetes manifests.
    #[command(subcommand)]
    Manifest(ManifestCommand),
    /// Prints the version.
    Version,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(super) enum DockerfileCommand {
    /// Verify a signature on the base image specified in the Dockerfile.
    Verify(DockerfileArgs),
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(super) enum ManifestCommand {
    /// Verify all signatures of images specified in the manifest.
    Verify(VerifyArgs<ImageArgs>),
}

#[derive(Debug, Args)]
pub(super) struct DockerfileArgs {
    /// Only verify the base image (the last FROM image in the Dockerfile).
    #[arg(long)]
    pub(super) base_image_only: bool,
    #[command(flatten)]
    pub(super) verify: VerifyArgs<ImageArgs>,
}

#[derive(Debug, Subcommand)]
pub(super) enum AttachCommand {
    /// Attach SBOM to the supplied container image. Deprecated: attest it.
    Sbom(AttachSbomArgs),
    /// Attach signatures to the supplied container image.
    Signature(AttachSignatureArgs),
    /// Attach attestation to the supplied container image.
    Attestation(AttachAttestationArgs),
}

#[derive(Debug, Args)]
pub(super) struct AttachSbomArgs {
    /// Path to the sbom, or {-} for stdin.
    #[arg(long, value_name = "FILE")]
    pub(super) sbom: PathBuf,
    /// Type of sbom (spdx|cyclonedx|syft).
    #[arg(long = "type", value_name = "TYPE", default_value = "spdx")]
    pub(super) kind: String,
    /// Type of sbom input format (json|xml|text).
    #[arg(long, value_name = "FORMAT")]
    pub(super) input_format: Option<String>,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct AttachSignatureArgs {
    /// Path to the signature, or {-} for stdin.
    #[arg(long, value_name = "FILE")]
    pub(super) signature: PathBuf,
    /// Path to the payload covered by the signature.
    #[arg(long, value_name = "FILE")]
    pub(super) payload: Option<PathBuf>,
    /// Path to the X.509 certificate in PEM format to include in the OCI Signature.
    #[arg(long, value_name = "FILE")]
    pub(super) certificate: Option<PathBuf>,
    /// Path to a list of CA X.509 certificates in PEM format to include in the OCI Signature.
    #[arg(long, value_name = "FILE")]
    pub(super) certificate_chain: Option<PathBuf>,
    /// Path to the Time Stamped Signature Response from RFC3161 compliant TSA.
    #[arg(long = "timeStampedSignatureResponse", alias = "tsr", value_name = "FILE")]
    pub(super) time_stamped_signature_response: Option<PathBuf>,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct AttachAttestationArgs {
    /// Path to the attestation envelope.
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) attestation: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The image to copy.
    #[arg(value_name = "SOURCE")]
    pub(super) from: String,
    /// Where to.
    #[arg(value_name = "DESTINATION")]
    pub(super) to: String,
    /// Custom string array to only copy specific items, this flag is comma delimited. ex: --only=sig,att,sbom.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_enum)]
    pub(super) only: Vec<crate::artifacts::transfer::Only>,
    /// Only copy the image signature.
    #[arg(long, hide = true)]
    pub(super) sig_only: bool,
    /// Overwrite destination image(s), if necessary.
    #[arg(short, long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) reach: crate::verify::args::ReachArgs,
}

#[derive(Debug, Args)]
pub(super) struct SaveArgs {
    /// Path to dir where the signed image should be stored on disk.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// Path to directory where the signed image is stored on disk.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: String,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// A type of clean: <signature|attestation|sbom|all>.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "all")]
    pub(super) kind: crate::artifacts::clean::Kind,
    /// Do not prompt for confirmation.
    #[arg(short, long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
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

/// A verification, with the flags of Cosign's that change nothing here.
#[derive(Clone, Debug, Args)]
pub(super) struct VerifyArgs<T: Args> {
    #[command(flatten)]
    pub(super) wanted: T,
    /// Whether to check the claims found. They are always checked here.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL")]
    pub(super) check_claims: bool,
    /// Only allow offline verification. Nothing else is done here.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL", hide = true)]
    _offline: bool,
    /// Expect the signature to be packaged in a Sigstore bundle. Both layouts are always read here.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL", hide = true)]
    _new_bundle_format: bool,
    /// The amount of maximum workers for parallel executions.
    #[arg(long, value_name = "NUMBER", hide = true)]
    _max_workers: Option<u64>,
    /// Address of rekor STL server. Not asked: evidence brings its proof.
    #[arg(long, value_name = "URL", hide = true)]
    _rekor_url: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TriangulateArgs {
    /// Which tag: signature, attestation, sbom or digest.
    #[arg(long = "type", value_name = "TYPE", default_value = "signature")]
    pub(super) kind: String,
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReferenceArgs {
    /// The image.
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,
    #[command(flatten)]
    pub(super) reach: crate::verify::args::ReachArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum DownloadCommand {
    /// Download signatures from the supplied container image.
    Signature(ReferenceArgs),
    /// Download in-toto attestations from the supplied container image.
    Attestation(DownloadAttestationArgs),
    /// Download SBOMs from the supplied container image. They are not verified.
    Sbom(ReferenceArgs),
}

#[derive(Debug, Args)]
pub(super) struct DownloadAttestationArgs {
    #[command(flatten)]
    pub(super) reference: ReferenceArgs,
    /// Download attestation with matching predicateType.
    #[arg(long, value_name = "TYPE")]
    pub(super) predicate_type: Option<String>,
}

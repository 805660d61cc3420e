//! The flags of signing, named as Cosign names them: `signet sign ...` and `signet cosign sign ...` share this table.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::verify::args::ReachArgs;

/// Who signs, and which services vouch for it.
#[derive(Clone, Debug, Args)]
pub(crate) struct SealArgs {
    /// The private key: a file, or a URI such as env://, k8s://, gitlab://, pkcs11:, awskms://, gcpkms://, azurekms://, hashivault:// [default: none; an
    /// identity token is exchanged for a certificate].
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// A file with the key's password [default: SIGNET_KEY_PASSWORD or COSIGN_PASSWORD, else it is asked].
    #[arg(long, env = "SIGNET_KEY_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// A certificate (PEM) for the key, by an authority that verifiers trust.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The certificates (PEM) above it.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) certificate_chain: Option<PathBuf>,
    /// Do not ask before an identity is written into a public log.
    #[arg(short = 'y', long, env = "SIGNET_YES")]
    pub(crate) yes: bool,
    /// An identity token (OpenID Connect), or a file with one.
    #[arg(long, value_name = "TOKEN", conflicts_with = "key", hide_env_values = true)]
    pub(crate) identity_token: Option<String>,
    /// Where to log in; a token from the surroundings must be this provider's too [default: the signing config's].
    #[arg(long, value_name = "URL")]
    pub(crate) oidc_issuer: Option<String>,
    /// Who this program is to the provider.
    #[arg(long, value_name = "ID", default_value = "sigstore")]
    pub(crate) oidc_client_id: String,
    /// A file with the secret of that client.
    #[arg(long, value_name = "FILE")]
    pub(crate) oidc_client_secret_file: Option<PathBuf>,
    /// Where the browser brings the answer: http://localhost:PORT/PATH [default: any free port].
    #[arg(long, value_name = "URL")]
    pub(crate) oidc_redirect_url: Option<String>,
    /// Whose token of the surroundings: envvar, github-actions, buildkite-agent, filesystem, spiffe or google [default: the first that is there].
    #[arg(long, value_name = "NAME")]
    pub(crate) oidc_provider: Option<String>,
    /// Take no token from the surroundings.
    #[arg(long)]
    pub(crate) oidc_disable_ambient_providers: bool,
    /// How to log in: normal (a browser on this machine), device (a code), or token (only with a token) [default: normal on a terminal, else device].
    #[arg(long, value_name = "FLOW", value_parser = ["normal", "device", "token"])]
    pub(crate) fulcio_auth_flow: Option<String>,
    /// A Sigstore signing config (version 0.2): which services are asked [default: the public instance's].
    #[arg(long, env = "SIGNET_SIGNING_CONFIG", value_name = "FILE")]
    pub(crate) signing_config: Option<PathBuf>,
    /// A Sigstore `trusted_root.json` that the services' answers are held to [default: the public instance's, where only its services are asked].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// The certificate authority.
    #[arg(long, value_name = "URL", conflicts_with = "signing_config")]
    pub(crate) fulcio_url: Option<String>,
    /// The transparency log.
    #[arg(long, value_name = "URL", conflicts_with = "signing_config")]
    pub(crate) rekor_url: Option<String>,
    /// The interface of `--rekor-url`: 1 or 2.
    #[arg(long, value_name = "VERSION", default_value = "1", value_parser = ["1", "2"])]
    pub(crate) rekor_version: String,
    /// The timestamp authority (RFC 3161).
    #[arg(long, value_name = "URL", conflicts_with = "signing_config")]
    pub(crate) timestamp_server_url: Option<String>,
    /// Whether the signature is entered into a transparency log. Without it, verifiers need `--insecure-ignore-tlog`.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL")]
    pub(crate) tlog_upload: bool,
}

/// What is claimed.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClaimArgs {
    /// The predicate: a file, or `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    pub(crate) predicate: Option<PathBuf>,
    /// A whole in-toto statement about what is attested, signed as it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) statement: Option<PathBuf>,
    /// slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, custom, or a URI [default: custom].
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "statement")]
    pub(crate) kind: Option<String>,
}

/// What only our own `attest` claims: how this build came about.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ProvenanceArgs {
    /// Attest the provenance of this build (SLSA v1) from its identity token and its environment: GitHub Actions, GitLab CI, Buildkite, or what the next two
    /// flags say. Nothing more is claimed than the platform vouches for.
    #[arg(long, conflicts_with_all = ["predicate", "statement", "kind"])]
    pub(crate) provenance: bool,
    /// Who builds, as a URI, where the platform is none of these.
    #[arg(long, value_name = "URI", requires = "provenance")]
    pub(crate) builder_id: Option<String>,
    /// What is built, as URI or URI@COMMIT, where the platform is none of these.
    #[arg(long, value_name = "URI[@COMMIT]", requires = "provenance")]
    pub(crate) source_uri: Option<String>,
}

/// `signet attest`: Cosign's flags and our own.
#[derive(Clone, Debug, Args)]
pub(crate) struct OwnAttestArgs {
    #[command(flatten)]
    pub(crate) wanted: AttestArgs,
    #[command(flatten)]
    pub(crate) provenance: ProvenanceArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet sign --key signet.key registry.example.com/app@sha256:...\n  signet sign --yes ghcr.io/my-org/app@sha256:...          by the identity of the CI job\n  signet sign --key signet.key -a env=prod --legacy-tags registry.example.com/app@sha256:..."
)]
pub(crate) struct SignArgs {
    /// The images. A tag is resolved once; what is signed is the digest.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) seal: SealArgs,
    /// KEY=VALUE, repeatable: signed along.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) annotations: Vec<String>,
    /// Sign an index and every image that it names.
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Whether the signature is written to the registry.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL")]
    pub(crate) upload: bool,
    /// Also write the bundle to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Also write the signature (base64) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Also write the signing certificate (PEM) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_certificate: Option<PathBuf>,
    /// Also write the layout of Cosign 1 and 2 (the tag `sha256-HEX.sig`), for verifiers that know no other.
    #[arg(long)]
    pub(crate) legacy_tags: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet attest --key signet.key --type cyclonedx --predicate sbom.json \\\n      registry.example.com/app@sha256:...\n  signet attest --yes --provenance ghcr.io/my-org/app@sha256:...      how this build came about"
)]
pub(crate) struct AttestArgs {
    /// The images. A tag is resolved once; what is attested is the digest.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) claim: ClaimArgs,
    #[command(flatten)]
    pub(crate) seal: SealArgs,
    /// Attest of an index and of every image that it names.
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Take away earlier attestations of the same type.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Whether the attestation is written to the registry.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL")]
    pub(crate) upload: bool,
    /// Also write the bundle to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Also write the layout of Cosign 1 and 2 (the tag `sha256-HEX.att`), for verifiers that know no other.
    #[arg(long)]
    pub(crate) legacy_tags: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet sign-blob --key signet.key --bundle app.sigstore.json app.tar\n  signet sign-blob --yes app.tar > app.sigstore.json      by the identity of the CI job"
)]
pub(crate) struct SignBlobArgs {
    /// The file, or `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) seal: SealArgs,
    /// Where the bundle is written [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the signature (base64) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Write the signing certificate (PEM) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet attest-blob --key signet.key --type cyclonedx --predicate sbom.json --bundle app.att.json \\\n      app.tar"
)]
pub(crate) struct AttestBlobArgs {
    /// The file, or `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present = "hash")]
    pub(crate) file: Option<String>,
    /// The SHA-256 of the file in hexadecimal, instead of reading it.
    #[arg(long, value_name = "HEX")]
    pub(crate) hash: Option<String>,
    #[command(flatten)]
    pub(crate) claim: ClaimArgs,
    #[command(flatten)]
    pub(crate) seal: SealArgs,
    /// Where the bundle is written [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the signed envelope to this file.
    #[arg(long, alias = "output-attestation", value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Write the signing certificate (PEM) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

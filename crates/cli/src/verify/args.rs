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
    /// A Sigstore `trusted_root.json` [default: that of the instance chosen by `signet trust init`, else the public one's].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Do not ask for newer trusted material after the result.
    #[arg(long, env = "SIGNET_NO_TRUST_REFRESH")]
    pub(crate) no_trust_refresh: bool,
    /// Certificates (PEM) of authorities for signing certificates. What is named by this flag and the next three is trusted alone, without the public instance.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    pub(crate) ca_roots: Option<PathBuf>,
    /// Certificates (PEM) that may stand between these authorities and a signing certificate.
    #[arg(long, value_name = "FILE", requires = "ca_roots")]
    pub(crate) ca_intermediates: Option<PathBuf>,
    /// The certificates (PEM) above the signing certificate, the root last: it alone is trusted, instead of the public instance.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trusted_root", "ca_roots", "key"])]
    pub(crate) certificate_chain: Option<PathBuf>,
    /// The chain (PEM) of a timestamp authority, its own certificate first.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    pub(crate) timestamp_certificate_chain: Option<PathBuf>,
    /// The time of signing must be by a timestamp authority.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) use_signed_timestamps: bool,
    /// Do not look at transparency logs. Insecure: nobody would notice a signature that was made in secret.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) insecure_ignore_tlog: bool,
    /// A witness that must have cosigned the log's tree head, as its verifier key NAME+KEYID+KEY, repeatable. An entry without a tree head, as the layouts before
    /// Cosign 3 hold it, is refused then.
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness: Vec<String>,
    /// How many of the witnesses must have [default: all].
    #[arg(long, value_name = "COUNT", requires = "witness")]
    pub(crate) witness_threshold: Option<usize>,
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

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet verify --key signet.pub registry.example.com/app:1\n  signet verify --certificate-identity-regexp '^https://github.com/my-org/' \\\n      --certificate-oidc-issuer https://token.actions.githubusercontent.com ghcr.io/my-org/app:1\n  signet verify --notation-trust-policy trustpolicy.json --notation-trust-store truststore \\\n      registry.example.com/app:1"
)]
pub(crate) struct ImageArgs {
    /// The image. Its tag is resolved once; what is verified is the digest.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The image is an OCI layout on this machine: DIR, DIR:TAG or DIR@DIGEST, with its signatures in it. No network is used.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) local_image: bool,
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
    after_help = "Examples:\n  signet verify-attestation --type vuln --key signet.pub registry.example.com/app:1\n  signet verify-attestation --type slsaprovenance1 --certificate-identity ... \\\n      --certificate-oidc-issuer ... -o json ghcr.io/my-org/app:1\n  signet verify-attestation --source-uri github.com/my-org/app --slsa-level 3 ghcr.io/my-org/app:1\n  signet verify-attestation --type vuln --policy no-criticals.rego --key signet.pub \\\n      registry.example.com/app:1"
)]
pub(crate) struct AttestationArgs {
    /// The image. Its tag is resolved once; what is verified is the digest.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The image is an OCI layout on this machine: DIR, DIR:TAG or DIR@DIGEST, with its signatures in it. No network is used.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    pub(crate) local_image: bool,
    /// slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, custom, or a URI [default: any].
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// A policy that each verified attestation of the type must satisfy, repeatable: Rego (`data.signature.allow`, `.rego`), and without `cosign` also CEL
    /// over `statement` (`.cel`). CUE is refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Signatures of the Notary Project, held to a trust policy instead of a key or an identity.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NotationArgs {
    /// Verify Notation signatures by this trust policy (`trustpolicy.json`), and no others.
    #[arg(long, value_name = "FILE", requires = "notation_trust_store", conflicts_with_all = ["key", "certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp", "annotations", "witness"])]
    pub(crate) notation_trust_policy: Option<PathBuf>,
    /// The folder whose `x509/ca/NAME`, `x509/signingAuthority/NAME` and `x509/tsa/NAME` hold the certificates that the policy names.
    #[arg(long, value_name = "DIR", requires = "notation_trust_policy")]
    pub(crate) notation_trust_store: Option<PathBuf>,
    /// A revocation list or an OCSP response (DER) for the signers' certificates, repeatable. None is fetched.
    #[arg(long, value_name = "FILE", requires = "notation_trust_policy")]
    pub(crate) notation_revocation: Vec<PathBuf>,
}

/// `signet verify`: Cosign's flags and those for Notation.
#[derive(Debug, Args)]
pub(crate) struct OwnImageArgs {
    #[command(flatten)]
    pub(crate) wanted: ImageArgs,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// What build provenance must show. With a source, the signer need not be named: the builder is the one who signs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SlsaArgs {
    /// The repository that it must have been built from, as github.com/ORG/REPO: the attestation must be SLSA provenance.
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "key")]
    pub(crate) source_uri: Option<String>,
    /// The branch that it must have been built from.
    #[arg(long, value_name = "BRANCH", requires = "source_uri")]
    pub(crate) source_branch: Option<String>,
    /// The tag that it must have been built from.
    #[arg(long, value_name = "TAG", requires = "source_uri", conflicts_with = "source_versioned_tag")]
    pub(crate) source_tag: Option<String>,
    /// The version that the tag must belong to: v1 covers v1.2.3.
    #[arg(long, value_name = "VERSION", requires = "source_uri")]
    pub(crate) source_versioned_tag: Option<String>,
    /// Who must have built it, as NAME or NAME@VERSION [default: the builders of the SLSA project].
    #[arg(long, value_name = "ID", requires = "source_uri")]
    pub(crate) builder_id: Option<String>,
    /// KEY=VALUE, repeatable: an input that the workflow must have been started with by hand.
    #[arg(long, value_name = "KEY=VALUE", requires = "source_uri")]
    pub(crate) build_workflow_input: Vec<String>,
    /// The level of the SLSA build track that its builder must reach: 1, 2 or 3.
    #[arg(long, value_name = "LEVEL", requires = "source_uri", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) slsa_level: Option<u8>,
}

/// `signet verify-attestation`: Cosign's flags and those of slsa-verifier.
#[derive(Debug, Args)]
pub(crate) struct OwnAttestationArgs {
    #[command(flatten)]
    pub(crate) wanted: AttestationArgs,
    #[command(flatten)]
    pub(crate) slsa: SlsaArgs,
}

/// `signet verify-blob-attestation`: Cosign's flags and those of slsa-verifier.
#[derive(Debug, Args)]
pub(crate) struct OwnBlobAttestationArgs {
    #[command(flatten)]
    pub(crate) wanted: BlobAttestationArgs,
    #[command(flatten)]
    pub(crate) slsa: SlsaArgs,
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

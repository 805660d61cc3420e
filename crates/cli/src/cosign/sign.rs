//! `cosign sign`, `attest`, `sign-blob`, `attest-blob`: Cosign's flags and lines over `crate::sign`.
//!
//! Version 3 writes bundles beside the image; `--compat 2`, or `--new-bundle-format=false`, the layouts of versions 1 and 2.
//! Source: sigstore/cosign:cmd/cosign/cli/{sign,attest}, `cmd/cosign/cli/options`.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use clap::{ArgAction, Args};
use signet_keys::sigstore::Layouts;
use signet_model::ImageRef;
use signet_oci_client::Secret;

use crate::net::{Access, Login};
use crate::settings::Settings;
use crate::sign::args::{AttestArgs, AttestBlobArgs, ProvenanceArgs, SealArgs, SignArgs, SignBlobArgs};
use crate::sign::blob::{self, Style};
use crate::sign::{Voice, image};
use crate::verify::args::ReachArgs;
use crate::verify::demand::access;

/// Something that signs, with the flags of Cosign's that only choose the layout, or change nothing here.
#[derive(Debug, Args)]
pub(super) struct Signing<T: Args> {
    #[command(flatten)]
    pub(super) wanted: T,
    /// Output bundle in new format that contains all verification material [default: true, with `--compat 2` false].
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(super) new_bundle_format: Option<bool>,
    /// Whether to base64 encode the output.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL")]
    pub(super) b64: bool,
    /// Whether to use a TUF-provided signing config. The built-in one is used here, unless addresses are named.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL", hide = true)]
    _use_signing_config: bool,
    /// Skip verifying fulcio published to the SCT. Refused: what does not verify is not written.
    #[arg(long, hide = true)]
    insecure_skip_verify: bool,
    /// Whether to use a hardware security key.
    #[arg(long, hide = true)]
    sk: bool,
    /// Set the createdAt timestamp in the signature artifact to the time it was created. Done for bundles.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL", hide = true)]
    _record_creation_timestamp: bool,
    /// Specify the type to be used for a rekor entry upload.
    #[arg(long, value_name = "TYPE", hide = true)]
    _rekor_entry_type: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// How registries are reached, in Cosign's words.
#[derive(Debug, Args)]
struct RegistryArgs {
    /// Whether to allow insecure connections to registries (e.g., with expired or self-signed TLS certificates).
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    allow_insecure_registry: bool,
    /// Whether to allow using HTTP protocol while connecting to registries.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_name = "BOOL")]
    allow_http_registry: bool,
    /// Registry basic auth username, for the registries of the images that are named here. COSIGN_REPOSITORY at another one is reached by the stored
    /// credentials.
    #[arg(long, value_name = "NAME", requires = "registry_password")]
    registry_username: Option<String>,
    /// Registry basic auth password, for those registries alone.
    #[arg(long, value_name = "PASSWORD", requires = "registry_username")]
    registry_password: Option<String>,
    /// Path to the X.509 CA certificate file in PEM format to be used for the connection to the registry.
    #[arg(long, value_name = "FILE")]
    registry_cacert: Option<PathBuf>,
    /// Whether to use the kubernetes keychain. Docker's configuration is read here.
    #[arg(long, hide = true)]
    _k8s_keychain: bool,
    /// Mode for fetching references from the registry. Both ways are always tried here.
    #[arg(long, value_name = "MODE", hide = true)]
    _registry_referrers_mode: Option<String>,
}

impl RegistryArgs {
    fn access(&self, reach: &ReachArgs, images: &[String]) -> Access {
        let mut access = access(reach);
        let named: Vec<ImageRef> = images.iter().filter_map(|image| image.parse().ok()).collect();
        if self.allow_http_registry {
            access.plain_http.extend(named.iter().map(|image| image.registry().to_owned()));
        }
        access.insecure = self.allow_insecure_registry;
        if self.registry_cacert.is_some() {
            access.ca_cert.clone_from(&self.registry_cacert);
        }
        if let (Some(username), Some(password)) = (&self.registry_username, &self.registry_password) {
            // `COSIGN_REPOSITORY` may be anybody's registry.
            let mut registries: Vec<String> = named.iter().map(|image| image.registry().to_owned()).collect();
            registries.dedup();
            access.login = (!registries.is_empty()).then(|| Login {
                registries,
                username: username.clone(),
                password: Secret::new(password.clone()),
            });
        }
        access
    }
}

impl<T: Args> Signing<T> {
    fn check(&self) -> Result<()> {
        ensure!(
            !self.sk,
            "`--sk` is not in this version: name the security key by a `pkcs11:` URI, its module is OpenSC's or ykcs11's"
        );
        ensure!(
            !self.insecure_skip_verify,
            "`--insecure-skip-verify` is refused: a certificate that does not verify makes the signature worthless"
        );
        Ok(())
    }

    fn layouts(&self, compat: &str, legacy_tags: bool) -> Layouts {
        match (self.new_bundle_format.unwrap_or(compat != "2"), legacy_tags) {
            (false, _) => Layouts::Old,
            (true, true) => Layouts::Both,
            (true, false) => Layouts::Bundle,
        }
    }

    fn style(&self, compat: &str) -> Style {
        let new_bundle = self.new_bundle_format.unwrap_or(compat != "2");
        Style { voice: Voice::Cosign, new_bundle, base64: self.b64 }
    }
}

pub(super) fn sign(args: &Signing<SignArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    args.check()?;
    let wanted = SignArgs { seal: with_environment(&args.wanted.seal)?, ..args.wanted.clone() };
    let access = args.registry.access(&wanted.reach, &wanted.images);
    image::sign(&wanted, args.layouts(compat, wanted.legacy_tags), &access, Voice::Cosign, settings)?;
    Ok(0)
}

pub(super) fn attest(args: &Signing<AttestArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    args.check()?;
    let wanted = AttestArgs { seal: with_environment(&args.wanted.seal)?, ..args.wanted.clone() };
    let access = args.registry.access(&wanted.reach, &wanted.images);
    image::attest(
        &wanted,
        &ProvenanceArgs::default(),
        args.layouts(compat, wanted.legacy_tags),
        &access,
        Voice::Cosign,
        settings,
    )?;
    Ok(0)
}

pub(super) fn sign_blob(args: &Signing<SignBlobArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    args.check()?;
    let wanted = SignBlobArgs { seal: with_environment(&args.wanted.seal)?, ..args.wanted.clone() };
    blob::sign(&wanted, args.style(compat), settings)?;
    Ok(0)
}

pub(super) fn attest_blob(args: &Signing<AttestBlobArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    args.check()?;
    let wanted = AttestBlobArgs { seal: with_environment(&args.wanted.seal)?, ..args.wanted.clone() };
    blob::attest(&wanted, args.style(compat), settings)?;
    Ok(0)
}

/// Cosign takes every flag from `COSIGN_FLAG` too; a flag that is given goes first.
fn with_environment(args: &SealArgs) -> Result<SealArgs> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let text = |given: &Option<String>, name: &str| given.clone().or_else(|| variable(name));
    let path = |given: &Option<PathBuf>, name: &str| given.clone().or_else(|| variable(name).map(PathBuf::from));
    // As Go reads such a text; anything else could mean either.
    let boolean = |name: &str| match variable(name).as_deref() {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(_) => Err(crate::usage(anyhow!("`{name}` is neither true nor false"))),
    };
    // Addresses and a signing config exclude each other: what the command line says decides which of the two the environment may fill in.
    let addressed = args.fulcio_url.is_some() || args.rekor_url.is_some() || args.timestamp_server_url.is_some();
    let signing_config = if addressed { None } else { path(&args.signing_config, "COSIGN_SIGNING_CONFIG") };
    let address = |given: &Option<String>, name: &str| if signing_config.is_some() { None } else { text(given, name) };
    let token = args.identity_token.clone();
    Ok(SealArgs {
        key: if token.is_some() { args.key.clone() } else { text(&args.key, "COSIGN_KEY") },
        certificate: path(&args.certificate, "COSIGN_CERTIFICATE"),
        certificate_chain: path(&args.certificate_chain, "COSIGN_CERTIFICATE_CHAIN"),
        yes: args.yes || boolean("COSIGN_YES")?.unwrap_or(false),
        identity_token: if args.key.is_some() { token } else { text(&token, "COSIGN_IDENTITY_TOKEN") },
        oidc_issuer: text(&args.oidc_issuer, "COSIGN_OIDC_ISSUER"),
        oidc_provider: text(&args.oidc_provider, "COSIGN_OIDC_PROVIDER"),
        oidc_redirect_url: text(&args.oidc_redirect_url, "COSIGN_OIDC_REDIRECT_URL"),
        oidc_client_secret_file: path(&args.oidc_client_secret_file, "COSIGN_OIDC_CLIENT_SECRET_FILE"),
        fulcio_auth_flow: text(&args.fulcio_auth_flow, "COSIGN_FULCIO_AUTH_FLOW"),
        trusted_root: path(&args.trusted_root, "COSIGN_TRUSTED_ROOT"),
        fulcio_url: address(&args.fulcio_url, "COSIGN_FULCIO_URL"),
        rekor_url: address(&args.rekor_url, "COSIGN_REKOR_URL"),
        timestamp_server_url: address(&args.timestamp_server_url, "COSIGN_TIMESTAMP_SERVER_URL"),
        tlog_upload: args.tlog_upload && boolean("COSIGN_TLOG_UPLOAD")?.unwrap_or(true),
        signing_config,
        ..args.clone()
    })
}

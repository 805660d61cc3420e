//! `cosign initialize`: Cosign's flags and silence over `trust::initialize`.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/{options/initialize.go,initialize/init.go}, version 3. It never writes anything to standard output where the
//! repository has a `trusted_root.json`; repositories without one are refused here.

use anyhow::Result;
use clap::Args;
use signet_trust::Instance;

use crate::net::Access;
use crate::settings::Settings;
use crate::trust::{Wanted, initialize};

#[derive(Debug, Args)]
pub(super) struct InitializeArgs {
    /// GCS bucket to a SigStore TUF repository, or HTTP(S) base URL, or file:/// for local filestore remote (air-gap).
    #[arg(long, env = "COSIGN_MIRROR", value_name = "URL")]
    mirror: Option<String>,
    /// Path to trusted initial root. Defaults to embedded root.
    #[arg(long, env = "COSIGN_ROOT", value_name = "FILE|URL")]
    root: Option<String>,
    /// Checksum of the initial root, required if root is downloaded via http(s). Expects sha512 by default, can be changed to sha256 by providing
    /// sha256:<checksum>.
    #[arg(long, env = "COSIGN_ROOT_CHECKSUM", value_name = "CHECKSUM")]
    root_checksum: Option<String>,
    /// Use the staging TUF repository.
    #[arg(long, conflicts_with_all = ["mirror", "root"])]
    staging: bool,
}

pub(super) fn command(args: &InitializeArgs, settings: &Settings) -> Result<u8> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let root = given(&args.root);
    let checksum = given(&args.root_checksum);
    let is_address = root.as_ref().is_some_and(|root| root.starts_with("https://") || root.starts_with("http://"));
    if is_address && checksum.is_none() {
        super::service::say(
            "WARNING: Fetching initial root from URL without providing its checksum is deprecated and will be disallowed in a future Cosign release. Please provide the initial root checksum via the --root-checksum argument.",
        );
    }
    let mirror = if args.staging { Some(Instance::Staging.mirror().to_owned()) } else { given(&args.mirror) };
    initialize(&Wanted { mirror, root, checksum }, &Access::default(), settings)?;
    Ok(0)
}

//! `signet cosign ...`, and the program started under the name `cosign`: Cosign's flags, messages and exit codes over our own rooms.
//!
//! ```text
//!   args ─┬▶ keys (generate-key-pair, import-key-pair, public-key)
//!         ├▶ sign (sign, attest, sign-blob, attest-blob)
//!         ├▶ verify (verify, verify-attestation, verify-blob, verify-blob-attestation)
//!         ├▶ bundle (create, upgrade, inspect)
//!         ├▶ initialize, trusted_root, signing_config (whom to trust, and who signs)
//!         ├▶ download (download, triangulate, tree)
//!         └▶ artifacts (attach, copy, save, load, clean)
//! ```
//!
//! Source: sigstore/cosign:cmd/cosign/cli, version 3. Exit codes: 0, 1, and those of `doc/cosign_exit_codes.md`.

mod args;
mod artifacts;
mod bundle;
pub(crate) mod download;
mod initialize;
mod keys;
mod named;
mod service;
mod sign;
mod signing_config;
mod trusted_root;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use self::args::{Cli, Command, DockerfileCommand, ManifestCommand};
use crate::args::Global;
use crate::foreign;
use crate::settings::Settings;

/// Runs Cosign's command line. `global` are Signet's own options, which may stand before `cosign`.
pub(crate) fn command(args: &[OsString], global: &Global) -> ExitCode {
    let line = std::iter::once(OsString::from("cosign")).chain(args.iter().cloned());
    match Cli::try_parse_from(line) {
        Ok(cli) => finish(run(&cli, global)),
        Err(err) => foreign::help_or_usage(&err),
    }
}

fn run(cli: &Cli, global: &Global) -> Result<u8> {
    let verbose = global.verbose || cli.verbose;
    let settings = Settings::gather(&Global { verbose, ..global.clone() })?;
    match &cli.command {
        Command::GenerateKeyPair(args) => keys::generate(args, &settings),
        Command::ImportKeyPair(args) => keys::import(args, &settings),
        Command::PublicKey(args) => keys::public(args, &settings),
        Command::Sign(args) => sign::sign(args, &cli.compat, &settings),
        Command::Attest(args) => sign::attest(args, &cli.compat, &settings),
        Command::SignBlob(args) => sign::sign_blob(args, &cli.compat, &settings),
        Command::AttestBlob(args) => sign::attest_blob(args, &cli.compat, &settings),
        Command::Verify(args) => verify::image(args, &cli.compat, &settings),
        Command::VerifyAttestation(args) => verify::attestation(args, &cli.compat, &settings),
        Command::VerifyBlob(args) => verify::blob(args, &settings),
        Command::VerifyBlobAttestation(args) => verify::blob_attestation(args, &settings),
        Command::Triangulate(args) => download::triangulate(args, &settings),
        Command::Tree(args) => download::tree(args, &settings),
        Command::Download(wanted) => download::command(wanted, &settings),
        Command::Attach(wanted) => artifacts::attach(wanted, &settings),
        Command::Copy(args) => artifacts::copy(args, &settings),
        Command::Save(args) => artifacts::save(args, &settings),
        Command::Load(args) => artifacts::load(args, &settings),
        Command::Clean(args) => artifacts::clean(args, &settings),
        Command::Initialize(args) => initialize::command(args, &settings),
        Command::TrustedRoot(wanted) => trusted_root::command(wanted, &settings),
        Command::SigningConfig(wanted) => signing_config::command(wanted, &settings),
        Command::Bundle(wanted) => bundle::command(wanted, &settings),
        Command::Dockerfile(DockerfileCommand::Verify(args)) => named::dockerfile(args, &cli.compat, &settings),
        Command::Manifest(ManifestCommand::Verify(args)) => named::manifest(args, &cli.compat, &settings),
        Command::Version => foreign::version::command("cosign", "text"),
    }
}

/// Errors in Cosign's two lines, which scripts look for.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
fn finish(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(err) => {
            let text = foreign::chain(&err);
            eprintln!("Error: {text}\nerror during command execution: {}", text.lines().next().unwrap_or_default());
            let code = err.downcast_ref::<verify::Refused>().map_or(1, |refused| refused.0);
            ExitCode::from(code)
        }
    }
}

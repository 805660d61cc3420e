//! `signet kyverno ...`, and the program started under the name `kyverno`: the flags, output and exit codes of Kyverno's CLI over our own rooms.
//!
//! ```text
//!   args ─┬▶ jp (query, parse, function)
//!         ├▶ apply ──────────┐
//!         └▶ test ─▶ suite ──┴▶ documents, values ─▶ judge ─▶ signet_policy::kyverno
//! ```
//!
//! Source: kyverno/kyverno:cmd/cli/kubectl-kyverno. Exit codes: 0, and 1 for every error; `apply` has one for warnings, `--warn-exit-code`.

mod apply;
mod args;
mod documents;
mod jp;
mod judge;
mod objects;
mod suite;
mod test;
pub(crate) mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use signet_policy::jmespath::Surroundings;

use self::args::{Cli, Command, RegistryArgs, TestArgs};
use crate::args::Global;
use crate::evidence::Outside;
use crate::exit::Exit;
use crate::foreign;
use crate::settings::Settings;

/// Runs Kyverno's command line. `global` are Signet's own options, which may stand before `kyverno`.
pub(crate) fn command(args: &[OsString], global: &Global) -> ExitCode {
    let line = std::iter::once(OsString::from("kyverno")).chain(args.iter().cloned());
    match Cli::try_parse_from(line) {
        Ok(cli) => finish(run(&cli, global)),
        Err(err) => foreign::help_or_usage(&err),
    }
}

fn run(cli: &Cli, global: &Global) -> Result<u8> {
    let settings = Settings::gather(global)?;
    match &cli.command {
        Command::Apply(args) => {
            apply::command(args, &surroundings(&settings), registries(&args.registries, &settings)?.as_ref())
        }
        Command::Test(args) => {
            test::command(args, &surroundings(&settings), registries(&args.registries, &settings)?.as_ref())
        }
        Command::Jp(wanted) => jp::command(wanted, &settings),
        Command::Version => foreign::version::command("kyverno", "text"),
    }
}

/// Time and randomness of a run. A fixed time asks for the same answers every time.
pub(crate) fn surroundings(settings: &Settings) -> Surroundings {
    let seed = if settings.fixed_time.is_some() { [0; 32] } else { jp::seed() };
    Surroundings::kyverno(settings.now, seed)
}

/// `signet policy test`: the suites below directories. Nothing to run is an error: a gate of tests without any would always be open.
pub(crate) fn test(directories: &[PathBuf], fail_only: bool, detailed: bool, settings: &Settings) -> Result<Exit> {
    let args = TestArgs {
        directories: directories.to_vec(),
        fail_only,
        detailed_results: detailed,
        file_name: "kyverno-test.yaml".to_owned(),
        require_tests: true,
        ..TestArgs::default()
    };
    Ok(if test::command(&args, &surroundings(settings), None)? == 0 { Exit::Well } else { Exit::Failed })
}

/// Registries, if they are asked.
fn registries(args: &RegistryArgs, settings: &Settings) -> Result<Option<Outside>> {
    args.registry.then(|| Outside::new(&args.reach, args.trusted_root.clone(), settings)).transpose()
}

fn finish(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(err) => {
            tell(&err);
            ExitCode::from(1)
        }
    }
}

/// An error in the one line that cobra prints.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
pub(super) fn tell(err: &anyhow::Error) {
    eprintln!("Error: {}", foreign::chain(err));
}

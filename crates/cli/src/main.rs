//! The one binary.
#![forbid(unsafe_code)]

mod args;
mod artifacts;
mod base;
mod baseline;
mod block;
mod catalogers;
mod consent;
mod cosign;
mod database;
mod demo;
mod diff;
mod dockerfile;
mod evidence;
mod exit;
mod explain;
mod files;
mod foreign;
mod gate;
mod grype;
mod image_name;
mod in_parts;
mod init;
mod key;
mod kyverno;
mod licences;
mod login;
mod memory;
mod net;
mod output;
mod pin;
mod pipeline;
mod policy;
mod progress;
mod provenance;
#[cfg(test)]
mod reference;
mod report;
mod sbom;
mod scan;
mod serve;
mod settings;
mod sign;
mod source;
mod suppress;
mod syft;
mod template;
mod trivy;
mod trust;
mod verify;
mod vex;
mod wrap;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::args::{Cli, Command, DbCommand, Global};
use crate::exit::Exit;
use crate::settings::Settings;

/// Marks an error of how the program was called.
#[derive(Debug, thiserror::Error)]
#[error("wrong usage")]
pub(crate) struct Usage;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let code = answer(&args);
    // What may take a while and changes no result comes last.
    trust::settle();
    code
}

fn answer(args: &[OsString]) -> ExitCode {
    if let Some((tool, global, rest)) = as_another(args) {
        return tool(&rest, &global);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(err) => return help_or_usage(&err),
    };
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(err) => {
            tell(&err);
            let exit = if err.is::<Usage>() { Exit::Usage } else { Exit::Failed };
            exit.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit> {
    let settings = Settings::gather(&cli.global)?;
    match &cli.command {
        Command::Sbom(args) => scan::sbom(args, &settings),
        Command::Scan(args) => scan::scan(args, &settings),
        Command::Diff(args) => diff::command(args, &settings),
        Command::Key(wanted) => key::command(wanted, &settings),
        Command::Sign(args) => sign::sign(args, &settings),
        Command::Attest(args) => sign::attest(args, &settings),
        Command::SignBlob(args) => sign::sign_blob(args, &settings),
        Command::AttestBlob(args) => sign::attest_blob(args, &settings),
        Command::Verify(args) => verify::image(args, &settings),
        Command::VerifyAttestation(args) => verify::attestation(args, &settings),
        Command::VerifyBlob(args) => verify::blob(args, &settings),
        Command::VerifyBlobAttestation(args) => verify::blob_attestation(args, &settings),
        Command::Artifacts(wanted) => artifacts::command(wanted, &settings),
        Command::Trust(wanted) => trust::command(wanted, &settings),
        Command::Gate(args) => gate::command(args, &settings),
        Command::Block(args) => block::command(args, &settings),
        Command::Policy(wanted) => policy::command(wanted, &settings),
        Command::Init(args) => init::command(args, &settings),
        Command::Serve(wanted) => serve::command(wanted, &settings),
        Command::Pin(args) => pin::command(args, &settings),
        Command::Login(args) => login::command(args, &settings),
        Command::Db(DbCommand::Update(args)) => database::update_command(args, &settings),
        Command::Db(DbCommand::Build(args)) => database::build_command(args, &settings),
        Command::Db(DbCommand::Info(args)) => database::info_command(args, &settings),
        Command::Db(DbCommand::Feeds) => database::feeds_command(),
        Command::Db(DbCommand::Search(args)) => database::search_command(args, &settings),
        Command::Db(DbCommand::Export(args)) => database::export_command(args, &settings),
        Command::Db(DbCommand::Import(args)) => database::import_command(args, &settings),
        Command::Db(DbCommand::Push(args)) => database::push_command(args, &settings),
        Command::Db(DbCommand::Pull(args)) => database::pull_command(args, &settings),
        Command::Db(DbCommand::Diff(args)) => database::diff_command(args, &settings),
        Command::Db(DbCommand::Apply(args)) => database::apply_command(args, &settings),
        Command::Schema(args) => report::schema_command(&args.name),
        Command::Demo(args) => demo::command(args, &settings),
        Command::Trivy(_) | Command::Syft(_) | Command::Grype(_) | Command::Cosign(_) | Command::Kyverno(_) => {
            unreachable!("because their arguments were taken whole before")
        }
        Command::Catalogers(args) => catalogers::command(args),
    }
}

/// Runs another tool's command line: its arguments, and Signet's own options, which may stand before its name.
type Tool = fn(&[OsString], &Global) -> ExitCode;

/// Tools whose command lines are understood.
const TOOLS: &[(&str, Tool)] = &[
    ("cosign", cosign::command),
    ("grype", grype::command),
    ("kyverno", kyverno::command),
    ("syft", syft::command),
    ("trivy", trivy::command),
];

/// Another tool's command line: the program was started under its name, or the name is the command. What follows is that tool's, down to flags
/// that Signet has too, so it is split off before Signet's own table reads it.
fn as_another(args: &[OsString]) -> Option<(Tool, Global, Vec<OsString>)> {
    let (program, given) = args.split_first()?;
    let own = |name: &str, options: &[OsString]| {
        let line = std::iter::once(program).chain(options).cloned().chain([OsString::from(name)]);
        match Cli::try_parse_from(line) {
            Ok(Cli {
                global,
                command:
                    Command::Trivy(_) | Command::Syft(_) | Command::Grype(_) | Command::Cosign(_) | Command::Kyverno(_),
            }) => Some(global),
            _ => None,
        }
    };
    let called = Path::new(program).file_stem();
    if let Some((name, tool)) = TOOLS.iter().find(|(name, _)| called.is_some_and(|called| called == *name)) {
        return Some((*tool, own(name, &[])?, given.to_vec()));
    }
    let place = given.iter().position(|arg| TOOLS.iter().any(|(name, _)| arg == name))?;
    let (name, tool) = TOOLS.iter().find(|(name, _)| given.get(place).is_some_and(|arg| arg == name))?;
    Some((*tool, own(name, given.get(..place)?)?, given.get(place + 1..)?.to_vec()))
}

/// Marks an error as one of how the program was called.
pub(crate) fn usage(err: anyhow::Error) -> anyhow::Error {
    err.context(Usage)
}

/// What the user can do about an error. Printed after it, whatever stands around it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Hint(pub(crate) String);

/// Adds what the user can do about an error.
pub(crate) fn hint(err: anyhow::Error, hint: impl Into<String>) -> anyhow::Error {
    err.context(Hint(hint.into()))
}

/// Help and version go to standard output and are no failure; everything else is wrong usage.
fn help_or_usage(err: &clap::Error) -> ExitCode {
    // Whether it can be printed changes nothing about what was asked.
    let _printed = err.print();
    if err.use_stderr() { Exit::Usage.into() } else { Exit::Well.into() }
}

/// The whole chain of causes, once, then what can be done about it.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
fn tell(err: &anyhow::Error) {
    let (text, hint) = foreign::told(err);
    let fit = |text: String| match wrap::of_talk() {
        Some(width) => wrap::wrapped(&text, width, "  "),
        None => text,
    };
    eprintln!("{}", fit(format!("error: {text}")));
    if let Some(hint) = hint {
        eprintln!("\n{}", fit(format!("hint: {hint}")));
    }
}

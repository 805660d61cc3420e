//! `signet policy`: policies as files.

mod apply;
pub(crate) mod args;
mod convert;
mod documents;
mod explain;
mod lint;
mod what_if;

use anyhow::Result;

use self::args::Command;
use crate::exit::Exit;
use crate::settings::Settings;

pub(crate) fn command(wanted: &Command, settings: &Settings) -> Result<Exit> {
    match wanted {
        Command::Apply(args) if !args.requests.is_empty() => what_if::command(args, settings),
        Command::Apply(args) => apply::command(args, settings),
        Command::Lint(args) => lint::command(args, settings),
        Command::Test(args) => crate::kyverno::test(&args.directories, args.fail_only, args.detailed, settings),
        Command::Explain(args) => explain::command(args, settings),
        Command::Convert(args) => convert::command(args, settings),
    }
}

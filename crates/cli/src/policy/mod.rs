//! `signet policy`: policies as files.

pub(crate) mod args;
mod lint;

use anyhow::Result;

use self::args::Command;
use crate::exit::Exit;
use crate::settings::Settings;

pub(crate) fn command(wanted: &Command, settings: &Settings) -> Result<Exit> {
    match wanted {
        Command::Lint(args) => lint::command(args, settings),
    }
}

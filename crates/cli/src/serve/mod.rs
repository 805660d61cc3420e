//! `signet serve`: the services.

mod admission;
pub(crate) mod args;

use anyhow::Result;

use self::args::Command;
use crate::exit::Exit;
use crate::settings::Settings;

pub(crate) fn command(wanted: &Command, settings: &Settings) -> Result<Exit> {
    match wanted {
        Command::Admission(args) => admission::command(args, settings),
    }
}

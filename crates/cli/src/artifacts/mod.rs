//! `signet attach`, `tree`, `download`, `triangulate`, `copy`, `save`, `load`, `clean`, `bundle inspect`: what lies beside images, moved and shown.
//! Nothing here verifies a signature, and what is shown says so.
//!
//! ```text
//!   args ─┬▶ attach ───────────────▶ oci-client (referrer, or index under the fallback tag)
//!         ├▶ copy, save, load ─────▶ transfer (registries and layouts, byte for byte)
//!         ├▶ tree, download ───────▶ transfer::gather, unverified (who seems to have signed)
//!         └▶ clean
//! ```

pub(crate) mod args;
pub(crate) mod attach;
mod blobs;
pub(crate) mod clean;
mod download;
pub(crate) mod inspect;
pub(crate) mod layout;
mod layout_write;
pub(crate) mod moves;
pub(crate) mod transfer;
mod tree;
pub(crate) mod unverified;

use anyhow::Result;

use self::args::{BundleCommand, Command};
use crate::exit::Exit;
use crate::settings::Settings;

/// Runs one of the commands.
pub(crate) fn command(wanted: &Command, settings: &Settings) -> Result<Exit> {
    match wanted {
        Command::Attach(args) => attach::command(args, settings),
        Command::Tree(args) => tree::command(args, settings),
        Command::Download(wanted) => download::command(wanted, settings),
        Command::Triangulate(args) => download::triangulate(args, settings),
        Command::Copy(args) => moves::copy_command(args, settings),
        Command::Save(args) => moves::save_command(args, settings),
        Command::Load(args) => moves::load_command(args, settings),
        Command::Clean(args) => clean::command(args, settings),
        Command::Bundle(BundleCommand::Inspect(args)) => inspect::command(args),
    }
}

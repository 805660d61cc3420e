//! Runs the test corpora of other projects against Signet and prints the scoreboard.
//!
//! An evaluator gets the inputs only; what was expected is compared afterwards ([`set::Case`] keeps the two apart by type).
//! Where there is a command for a thing, the real binary answers. A floor per set (`floors.toml`) fails the run when a score falls.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a scoreboard is printed")]

mod areas;
mod corpora;
mod floors;
mod scoreboard;
mod set;
mod signet;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::corpora::Corpora;
use crate::floors::Floors;
use crate::scoreboard::Scoreboard;

/// Run foreign test corpora against Signet.
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Arguments {
    /// Directory with `AREA.tar.xz` archives or unpacked `AREA/` folders [default: $SIGNET_CORPORA, else ../shared/corpora].
    #[arg(long, value_name = "DIR")]
    corpora: Option<PathBuf>,

    /// Write the scoreboard as JSON: `json=FILE`.
    #[arg(short, long, value_name = "json=FILE")]
    output: Option<String>,

    /// Print every failing case, not the first few of a set.
    #[arg(long)]
    all: bool,

    /// Write scores that are above their floors into `conformance/floors.toml`.
    #[arg(long)]
    raise_floors: bool,

    /// Only these areas (`vuln`), sets (`vuln/versions`) or subsets (`vuln/versions#deb`).
    #[arg(value_name = "AREA")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every floor holds.
fn run(arguments: Arguments) -> Result<bool> {
    let json = match &arguments.output {
        Some(text) => Some(text.strip_prefix("json=").map(PathBuf::from).context("`--output` takes `json=FILE`")?),
        None => None,
    };
    let required = std::env::var_os("SIGNET_REQUIRE_CORPORA").is_some_and(|value| value == "1");
    let Some(corpora) = Corpora::find(arguments.corpora.as_deref())? else {
        anyhow::ensure!(
            !required,
            "the corpora are required and were not found: give `--corpora DIR` or set SIGNET_CORPORA"
        );
        println!("The test corpora of other projects are not here, so conformance was not measured.");
        return Ok(true);
    };
    let floors = Floors::read()?;
    let mut scoreboard = Scoreboard::default();
    for set in areas::all() {
        if arguments.only.is_empty() || arguments.only.iter().any(|wanted| set.is_wanted(wanted)) {
            scoreboard.add(&set, set.run(&corpora)?);
        }
    }
    scoreboard.print(&floors, arguments.all);
    if let Some(path) = json {
        scoreboard.write_json(&path)?;
    }
    if arguments.raise_floors {
        floors.raise(&scoreboard)?;
        return Ok(true);
    }
    let breaches = floors.breaches(&scoreboard, arguments.only.is_empty());
    for breach in &breaches {
        println!("FLOOR {breach}");
    }
    Ok(breaches.is_empty())
}

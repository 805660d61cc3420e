//! What a measurement is held against: loops that do the least that the work needs, with the same libraries; and loops over what the program does
//! too quickly to be timed as a process.
//!
//! `bench/side-by-side` runs them beside Signet and its peers, interleaved, and prints ratios. Nothing here is a timed test.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and is printed")]

mod admission;
mod clock;
mod database;
mod floor;
mod verify;
mod versions;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Loops to measure against.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Inflate every gzip layer of an OCI layout, hash both streams, walk the tar headers; nothing else.
    Floor {
        /// The layout.
        layout: PathBuf,
    },
    /// Open a compiled database, and match 10,000 SBOMs of 300 packages against it on one thread.
    Database {
        /// The database: `signet db build --trivy-db FILE -o DATABASE` of what `bench/make-trivy-db` made.
        database: PathBuf,
    },
    /// Send reviews to a webhook at a fixed rate, and print how long each took.
    Admission(admission::Load),
    /// Verify bundles of each kind, beside the raw signature verifications that they need.
    Verify,
    /// Compare pairs of versions.
    Versions {
        /// Files `SCHEME.cmp.tsv` with the columns a, operator, b.
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Floor { layout } => floor::run(&layout),
        Command::Database { database } => database::run(&database),
        Command::Admission(load) => admission::run(&load),
        Command::Verify => verify::run(),
        Command::Versions { folder } => versions::run(&folder),
    }
}

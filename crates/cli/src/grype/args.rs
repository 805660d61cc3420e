//! Grype's command line as a table over plain values. Parsing does nothing else.
//!
//! Source: anchore/grype:cmd/grype/cli/{commands,options}.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::foreign::config::{self, Config, Key};

/// Flags and the keys of `.grype.yaml` that stand for them.
pub(super) const KEYS: &[Key] = &[
    ("quiet", "log.quiet"),
    ("verbose", "log.verbosity"),
    ("output", "output"),
    ("file", "file"),
    ("template", "output-template-file"),
    ("scope", "search.scope"),
    ("fail_on", "fail-on-severity"),
    ("only_fixed", "only-fixed"),
    ("only_notfixed", "only-notfixed"),
    ("ignore_states", "ignore-states"),
    ("by_cve", "by-cve"),
    ("show_suppressed", "show-suppressed"),
    ("distro", "distro"),
    ("add_cpes_if_none", "add-cpes-if-none"),
    ("exclude", "exclude"),
    ("platform", "platform"),
    ("from", "from"),
    ("vex", "vex-documents"),
    ("name", "name"),
    ("sort_by", "sort-by"),
];

/// Keys of `.grype.yaml` that are read elsewhere, or that change nothing of what is found here.
pub(super) const OTHER_KEYS: &[&str] = &[
    "ignore",
    "registry.insecure-use-http",
    "registry.insecure-skip-tls-verify",
    "registry.ca-cert",
    "registry.auth",
    "default-image-pull-source",
    "match-upstream-kernel-headers",
    "db.ca-cert",
    "db.cache-dir",
    "db.auto-update",
    "db.update-url",
    "db.validate-age",
    "db.max-allowed-built-age",
    "db.require-update-check",
    "db.update-url",
    "db.validate-by-hash-on-start",
    "check-for-app-update",
    "log",
    "dev",
    "quiet",
    "pretty",
    "timestamp",
];

/// A vulnerability scanner for container images, filesystems, and SBOMs, under Grype's command line.
#[derive(Debug, Parser)]
#[command(
    name = "grype",
    version,
    subcommand_precedence_over_arg = true,
    after_help = "Sources:\n  grype alpine:latest                docker, podman, containerd, else the registry\n  grype docker:|podman:|containerd:|registry:IMAGE\n  grype docker-archive:|oci-archive:FILE, oci-dir:|dir:FOLDER, file:FILE\n  grype sbom:FILE, purl:FILE, pkg:..., or an SBOM on standard input\n\nExit codes: 0, 1 for an error, 2 for findings at or above `--fail-on`, 100 when `db check` finds an update"
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(flatten)]
    pub(super) scan: Scan,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// Suppress all logging output.
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Increase verbosity.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Grype configuration file(s) to use.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Vulnerability database operations.
    #[command(subcommand)]
    Db(Db),
    /// Ask grype to explain a set of findings: Grype's JSON comes from standard input.
    Explain(Explain),
    /// Show the grype configuration.
    Config(ShowConfig),
    /// Show version information.
    Version(Version),
}

/// `grype SOURCE`.
#[derive(Clone, Debug, Args)]
pub(super) struct Scan {
    /// What to scan.
    #[arg(value_name = "SOURCE")]
    pub(super) source: Option<String>,
    /// Report output formatter: table, json, cyclonedx-json, sarif.
    #[arg(short, long, value_delimiter = ',', value_name = "FORMAT[=FILE]")]
    pub(super) output: Vec<String>,
    /// File to write the default report output to.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The path to a Go template file.
    #[arg(short, long, value_name = "FILE")]
    pub(super) template: Option<PathBuf>,
    /// Selection of layers to analyze: squashed, all-layers, deep-squashed.
    #[arg(short, long, default_value = "squashed")]
    pub(super) scope: String,
    /// Set the return code to 2 if a vulnerability is found with a severity >= the given one: negligible, low, medium, high, critical.
    #[arg(short, long, value_name = "SEVERITY")]
    pub(super) fail_on: Option<String>,
    /// Ignore matches for vulnerabilities that are not fixed.
    #[arg(long)]
    pub(super) only_fixed: bool,
    /// Ignore matches for vulnerabilities that are fixed.
    #[arg(long)]
    pub(super) only_notfixed: bool,
    /// Ignore matches for vulnerabilities with specified fix states: fixed, not-fixed, wont-fix, unknown.
    #[arg(long, value_delimiter = ',')]
    pub(super) ignore_states: Vec<String>,
    /// Orient results by CVE instead of the original vulnerability ID when possible.
    #[arg(long)]
    pub(super) by_cve: bool,
    /// Show suppressed/ignored vulnerabilities in the output (table only).
    #[arg(long)]
    pub(super) show_suppressed: bool,
    /// Distro to match against: `NAME:VERSION[+CHANNEL]`.
    #[arg(long)]
    pub(super) distro: Option<String>,
    /// Generate CPEs for packages with no CPE data: what no ecosystem publishes advisories for is then matched by its name.
    #[arg(long)]
    pub(super) add_cpes_if_none: bool,
    /// Exclude paths from being scanned using a glob expression.
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Platform of container image sources: `linux/arm64`, `linux/arm64/v8`, `arm64`, `linux`.
    #[arg(long)]
    pub(super) platform: Option<String>,
    /// The source behavior to use (docker, registry, oci-dir, ...).
    #[arg(long, value_delimiter = ',')]
    pub(super) from: Vec<String>,
    /// VEX documents to consider when producing scanning results.
    #[arg(long, value_delimiter = ',', value_name = "FILE")]
    pub(super) vex: Vec<PathBuf>,
    /// Set the name of the target being analyzed.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Sort the match results: package, severity, threat, risk, kev, vulnerability, fix.
    #[arg(long, default_value = "risk")]
    pub(super) sort_by: String,
}

/// `grype db`.
#[derive(Debug, Subcommand)]
pub(super) enum Db {
    /// Check to see if there is a database update available: exit code 100 if so.
    Check(Output),
    /// Download and install the latest vulnerability database.
    Update,
    /// Display database status and metadata.
    Status(Output),
    /// Show the newest database that is published.
    List(Output),
    /// Import a vulnerability database from a file.
    Import {
        /// Grype's database of schema 6 (`vulnerability.db`, its directory, or the archive that holds it), a compiled one, or a Trivy database.
        file: PathBuf,
    },
    /// Delete the vulnerability database.
    Delete,
    /// List vulnerability providers that are in the database.
    Providers(Output),
    /// Search the database for vulnerabilities by id, or for advisories by package.
    Search(Search),
    /// Removed by Grype in its version 6; `signet db diff` compares databases.
    Diff {
        /// What it takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// A format for people or programs.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// text (or table), json.
    #[arg(id = "db_output", short = 'o', long = "output", default_value = "text")]
    pub(super) output: String,
}

/// `grype db search`.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// Ids of vulnerabilities; the word `vuln` may stand before them.
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// Ids of vulnerabilities.
    #[arg(long)]
    pub(super) vuln: Vec<String>,
    /// Names of packages: their advisories are shown; with ids too, only those about them.
    #[arg(long)]
    pub(super) pkg: Vec<String>,
    /// Only packages of this ecosystem: npm, python, go-module, ...
    #[arg(long)]
    pub(super) ecosystem: Option<String>,
    /// Only packages of this distribution: `NAME:VERSION[+CHANNEL]`.
    #[arg(id = "search_distro", long = "distro")]
    pub(super) distro: Option<String>,
    /// At most so many rows about packages.
    #[arg(long, default_value_t = 5000)]
    pub(super) limit: usize,
    /// table, json.
    #[arg(id = "search_output", short = 'o', long = "output", default_value = "table")]
    pub(super) output: String,
}

/// `grype explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// CVE IDs to explain.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(super) id: Vec<String>,
}

/// `grype config`.
#[derive(Debug, Args)]
pub(super) struct ShowConfig {
    /// Load the configuration and show what is in force (what is shown always is).
    #[arg(long)]
    pub(super) load: bool,
}

/// `grype version`.
#[derive(Debug, Args)]
pub(super) struct Version {
    /// text or json.
    #[arg(id = "version_output", short = 'o', long = "output", default_value = "text")]
    pub(super) output: String,
}

impl Cli {
    /// Reads a command line without the program's name, over the settings.
    pub(super) fn read(args: &[OsString], config: &Config) -> anyhow::Result<Result<Cli, clap::Error>> {
        let name = OsString::from("grype");
        let table = config.command(Cli::command(), KEYS)?;
        let matches = table.try_get_matches_from(std::iter::once(&name).chain(args));
        if let Ok(matches) = &matches {
            config::check_order(matches, KEYS)?;
        }
        Ok(matches.and_then(|matches| Cli::from_arg_matches(&matches)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_of_a_flag() {
        let mut table = Cli::command();
        table.build();
        for (id, key) in KEYS {
            assert!(table.get_arguments().any(|arg| arg.get_id() == *id), "`{key}` is of no flag: {id}");
        }
    }
}

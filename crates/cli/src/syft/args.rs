//! Syft's command line as a table over plain values. Parsing does nothing else.
//!
//! Source: anchore/syft:cmd/syft/internal/{commands,options}.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::foreign::config::{self, Config, Key};

/// Flags and the keys of `.syft.yaml` that stand for them.
pub(super) const KEYS: &[Key] = &[
    ("quiet", "log.quiet"),
    ("verbose", "log.verbosity"),
    ("output", "output"),
    ("file", "legacyFile"),
    ("template", "format.template.path"),
    ("scope", "scope"),
    ("from", "from"),
    ("platform", "platform"),
    ("exclude", "exclude"),
    ("source_name", "source.name"),
    ("source_version", "source.version"),
    ("source_supplier", "source.supplier"),
    ("base_path", "source.base-path"),
    ("select_catalogers", "select-catalogers"),
    ("override_default_catalogers", "default-catalogers"),
    ("parallelism", "parallelism"),
    ("enrich", "enrich"),
];

/// Keys of `.syft.yaml` that are read elsewhere, or that change nothing of what is found here.
pub(super) const OTHER_KEYS: &[&str] = &[
    "registry.insecure-use-http",
    "registry.insecure-skip-tls-verify",
    "registry.ca-cert",
    "registry.auth",
    "default-image-pull-source",
    "source.image.default-pull-source",
    "check-for-app-update",
    "log",
    "dev",
    "cache",
    "quiet",
    "file.metadata",
    "format.pretty",
    "format.json.pretty",
];

/// Generate a packaged-based Software Bill of Materials (SBOM) from container images and filesystems, under Syft's command line.
#[derive(Debug, Parser)]
#[command(
    name = "syft",
    version,
    subcommand_precedence_over_arg = true,
    after_help = "Sources:\n  syft alpine:latest                 docker, podman, containerd, else the registry\n  syft docker:|podman:|containerd:|registry:IMAGE\n  syft docker-archive:|oci-archive:FILE, oci-dir:|dir:FOLDER, file:FILE\n  syft PATH                          whatever lies there\n\nExamples:\n  syft alpine:latest -o spdx-json > sbom.spdx.json\n  syft dir:. -o cyclonedx-json=sbom.json -o table"
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
    /// Syft configuration file(s) to use.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value a run")]
pub(super) enum Command {
    /// Generate an SBOM.
    #[command(alias = "packages")]
    Scan(Scan),
    /// Convert between SBOM formats.
    Convert(Convert),
    /// Show available catalogers and configuration.
    #[command(subcommand)]
    Cataloger(Cataloger),
    /// Generate an SBOM as an attestation (not in this version).
    Attest(Unread),
    /// Log in to a registry.
    Login(Login),
    /// Show version information.
    Version(Version),
}

/// What is written where.
#[derive(Clone, Debug, Args)]
pub(super) struct Report {
    /// Report output format (<format>=<file>): syft-json, syft-table, syft-text, cyclonedx-json, spdx-json, purls, ...
    #[arg(short, long, value_delimiter = ',', value_name = "FORMAT[=FILE]")]
    pub(super) output: Vec<String>,
    /// File to write the default report output to (deprecated: use `--output FORMAT=PATH`).
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The path to a Go template file.
    #[arg(short, long, value_name = "FILE")]
    pub(super) template: Option<PathBuf>,
}

/// `syft scan`, and `syft` alone.
#[derive(Clone, Debug, Args)]
pub(super) struct Scan {
    /// What to catalogue.
    #[arg(value_name = "SOURCE")]
    pub(super) source: Option<String>,
    #[command(flatten)]
    pub(super) report: Report,
    /// Selection of layers to catalog: squashed, all-layers, deep-squashed.
    #[arg(short, long, default_value = "squashed")]
    pub(super) scope: String,
    /// The source behavior to use (docker, registry, oci-dir, ...).
    #[arg(long, value_delimiter = ',')]
    pub(super) from: Vec<String>,
    /// Platform of container image sources: `linux/arm64`, `linux/arm64/v8`, `arm64`, `linux`.
    #[arg(long)]
    pub(super) platform: Option<String>,
    /// Exclude paths from being scanned using a glob expression.
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Set the name of the target being analyzed.
    #[arg(long)]
    pub(super) source_name: Option<String>,
    /// Set the version of the target being analyzed.
    #[arg(long)]
    pub(super) source_version: Option<String>,
    /// The organization that supplied the component.
    #[arg(long)]
    pub(super) source_supplier: Option<String>,
    /// Base directory for scanning: paths are reported relative to it.
    #[arg(long, value_name = "FOLDER")]
    pub(super) base_path: Option<String>,
    /// Add, remove, and filter the catalogers to be used: `NAME`, `+NAME`, `-NAME`.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub(super) select_catalogers: Vec<String>,
    /// Set the base set of catalogers to use.
    #[arg(long, value_delimiter = ',')]
    pub(super) override_default_catalogers: Vec<String>,
    /// Number of cataloger workers (accepted: every processor is used).
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub(super) parallelism: i64,
    /// Package data enrichment from other sources (not in this version).
    #[arg(long, value_delimiter = ',')]
    pub(super) enrich: Vec<String>,
}

/// `syft convert`.
#[derive(Clone, Debug, Args)]
pub(super) struct Convert {
    /// The document; `-` is standard input.
    #[arg(value_name = "SOURCE-SBOM")]
    pub(super) document: PathBuf,
    #[command(flatten)]
    pub(super) report: Report,
}

/// `syft cataloger`.
#[derive(Debug, Subcommand)]
pub(super) enum Cataloger {
    /// List available catalogers.
    List(List),
}

/// `syft cataloger list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// table or json.
    #[arg(id = "list_output", short = 'o', long = "output", default_value = "table")]
    pub(super) output: String,
    /// Show hidden catalogers (accepted: there are none).
    #[arg(short = 's', long)]
    pub(super) show_hidden: bool,
    /// Base set of catalogers (accepted).
    #[arg(id = "list_default", long = "override-default-catalogers", value_delimiter = ',')]
    pub(super) default: Vec<String>,
    /// Expressions (accepted).
    #[arg(id = "list_select", long = "select-catalogers", value_delimiter = ',', allow_hyphen_values = true)]
    pub(super) select: Vec<String>,
}

/// `syft login`.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The registry, HOST[:PORT].
    pub(super) registry: String,
    /// Username.
    #[arg(short, long)]
    pub(super) username: Option<String>,
    /// Password.
    #[arg(short, long)]
    pub(super) password: Option<String>,
    /// Take the password from stdin.
    #[arg(long)]
    pub(super) password_stdin: bool,
}

/// `syft version`.
#[derive(Debug, Args)]
pub(super) struct Version {
    /// text or json.
    #[arg(id = "version_output", short = 'o', long = "output", default_value = "text")]
    pub(super) output: String,
}

/// Arguments of a command that is refused whatever they are.
#[derive(Debug, Args)]
pub(super) struct Unread {
    /// What it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) args: Vec<OsString>,
}

impl Cli {
    /// Reads a command line without the program's name, over the settings.
    pub(super) fn read(args: &[OsString], config: &Config) -> anyhow::Result<Result<Cli, clap::Error>> {
        let name = OsString::from("syft");
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

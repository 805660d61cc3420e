//! Trivy's command line: its flags, aliases and variables as a table of its own over plain values. Parsing does nothing else.
//!
//! Source: aquasecurity/trivy:docs/guide/references/configuration/cli/.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::config;
use crate::foreign::config::switches;

/// Scanner for vulnerabilities in container images, file systems, and Git repositories, under Trivy's command line.
#[derive(Debug, Parser)]
#[command(name = "trivy", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// Suppress progress bar and log output.
    #[arg(short, long, global = true, env = "TRIVY_QUIET")]
    pub(super) quiet: bool,
    /// Debug mode.
    #[arg(short, long, global = true, env = "TRIVY_DEBUG")]
    pub(super) debug: bool,
    /// Cache directory [default: the user's cache directory, `trivy/`].
    #[arg(long, global = true, env = "TRIVY_CACHE_DIR", value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Timeout (accepted; Signet's own limits hold).
    #[arg(long, global = true, env = "TRIVY_TIMEOUT", default_value = "5m0s")]
    pub(super) timeout: String,
    /// Allow insecure server connections.
    #[arg(long, global = true, env = "TRIVY_INSECURE")]
    pub(super) insecure: bool,
    /// Config path: the flags' values by their keys [default: `trivy.yaml`, where there is one].
    #[arg(short, long, global = true, env = "TRIVY_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Write the default config to `trivy-default.yaml`, and do nothing else.
    #[arg(long, global = true, env = "TRIVY_GENERATE_DEFAULT_CONFIG")]
    pub(super) generate_default_config: bool,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, global = true, env = "TRIVY_CACERT", value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value a run")]
pub(super) enum Command {
    /// Scan a container image.
    #[command(visible_alias = "i")]
    Image(Scan),
    /// Scan local filesystem.
    #[command(name = "filesystem", visible_alias = "fs")]
    Filesystem(Scan),
    /// Scan a repository.
    #[command(name = "repository", visible_alias = "repo")]
    Repository(Scan),
    /// Scan rootfs.
    Rootfs(Scan),
    /// Scan SBOM for vulnerabilities.
    Sbom(Scan),
    /// Convert Trivy JSON report into a different format.
    Convert(Convert),
    /// Server mode.
    #[command(visible_alias = "s")]
    Server(Serve),
}

/// What becomes of the findings, and of the report.
#[derive(Clone, Debug, Args)]
pub(super) struct Report {
    /// Format: table, json, sarif, cyclonedx, spdx-json, cosign-vuln, template.
    #[arg(short, long, env = "TRIVY_FORMAT", default_value = "table")]
    pub(super) format: String,
    /// Output template: its text, or `@FILE`.
    #[arg(short, long, env = "TRIVY_TEMPLATE", value_name = "TEMPLATE")]
    pub(super) template: Option<String>,
    /// Output file name.
    #[arg(short, long, env = "TRIVY_OUTPUT", value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Severities of security issues to be displayed.
    #[arg(short, long, env = "TRIVY_SEVERITY", value_delimiter = ',')]
    pub(super) severity: Vec<String>,
    /// Specify exit code when any security issues are found.
    #[arg(long, env = "TRIVY_EXIT_CODE", default_value_t = 0)]
    pub(super) exit_code: u8,
    /// Exit with the specified code when the OS reaches end of service/life.
    #[arg(long, env = "TRIVY_EXIT_ON_EOL", default_value_t = 0)]
    pub(super) exit_on_eol: u8,
    /// Display only fixed vulnerabilities.
    #[arg(long, env = "TRIVY_IGNORE_UNFIXED")]
    pub(super) ignore_unfixed: bool,
    /// Comma-separated list of vulnerability status to ignore.
    #[arg(long, env = "TRIVY_IGNORE_STATUS", value_delimiter = ',')]
    pub(super) ignore_status: Vec<String>,
    /// Specify .trivyignore file.
    #[arg(long, env = "TRIVY_IGNOREFILE", value_name = "FILE")]
    pub(super) ignorefile: Option<PathBuf>,
    /// Output all packages in the JSON report regardless of vulnerability.
    #[arg(long, env = "TRIVY_LIST_ALL_PKGS", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) list_all_pkgs: Option<bool>,
    /// [EXPERIMENTAL] Show suppressed vulnerabilities.
    #[arg(long, env = "TRIVY_SHOW_SUPPRESSED")]
    pub(super) show_suppressed: bool,
    /// [EXPERIMENTAL] Show dependency origin tree of vulnerable packages.
    #[arg(long, env = "TRIVY_DEPENDENCY_TREE")]
    pub(super) dependency_tree: bool,
    /// Sections of the table: summary, detailed [default: both].
    #[arg(long, env = "TRIVY_TABLE_MODE", value_delimiter = ',')]
    pub(super) table_mode: Vec<String>,
    /// Report summary or all (accepted).
    #[arg(long, env = "TRIVY_REPORT", default_value = "all")]
    pub(super) report: String,
    /// What security issues to detect.
    #[arg(long, visible_alias = "security-checks", env = "TRIVY_SCANNERS", value_delimiter = ',')]
    pub(super) scanners: Vec<String>,
}

/// `trivy convert`.
#[derive(Clone, Debug, Args)]
pub(super) struct Convert {
    /// The report, in Trivy's JSON.
    #[arg(value_name = "RESULT_JSON")]
    pub(super) target: PathBuf,
    #[command(flatten)]
    pub(super) report: Report,
}

/// The database of vulnerabilities, and how it is fetched.
#[derive(Clone, Debug, Args)]
pub(super) struct Data {
    /// Skip updating vulnerability database.
    #[arg(long, env = "TRIVY_SKIP_DB_UPDATE")]
    pub(super) skip_db_update: bool,
    /// OCI repositories of the vulnerability database, in order.
    #[arg(
        long,
        env = "TRIVY_DB_REPOSITORY",
        value_delimiter = ',',
        default_value = "mirror.gcr.io/aquasec/trivy-db:2,ghcr.io/aquasecurity/trivy-db:2"
    )]
    pub(super) db_repository: Vec<String>,
    /// Download/update vulnerability database but don't run a scan.
    #[arg(long, env = "TRIVY_DOWNLOAD_DB_ONLY")]
    pub(super) download_db_only: bool,
    /// Suppress progress bar.
    #[arg(long, env = "TRIVY_NO_PROGRESS")]
    pub(super) no_progress: bool,
    /// Username of the registry.
    #[arg(long, env = "TRIVY_USERNAME")]
    pub(super) username: Option<String>,
    /// Password of the registry. `--password-stdin` is safer: others can read a command line.
    #[arg(long, env = "TRIVY_PASSWORD", hide_env_values = true)]
    pub(super) password: Option<String>,
    /// Password from stdin.
    #[arg(long, env = "TRIVY_PASSWORD_STDIN")]
    pub(super) password_stdin: bool,
}

/// Where the server is, for its clients.
#[derive(Clone, Debug, Args)]
pub(super) struct Remote {
    /// Server address in client mode: the target is read here and judged there.
    #[arg(long, env = "TRIVY_SERVER", value_name = "URL")]
    pub(super) server: Option<String>,
    /// For authentication in client/server mode.
    #[arg(long, env = "TRIVY_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Specify a header name for token in client/server mode.
    #[arg(long, env = "TRIVY_TOKEN_HEADER", default_value = "Trivy-Token", value_name = "NAME")]
    pub(super) token_header: String,
    /// Custom headers in client mode, `NAME:VALUE`.
    #[arg(long, env = "TRIVY_CUSTOM_HEADERS", value_delimiter = ',', hide_env_values = true)]
    pub(super) custom_headers: Vec<String>,
    /// Prefix of the server's paths [default: twirp].
    #[arg(long, env = "TRIVY_PATH_PREFIX")]
    pub(super) path_prefix: Option<String>,
}

/// `trivy server`.
#[derive(Clone, Debug, Args)]
pub(super) struct Serve {
    /// Listen address in server mode.
    #[arg(long, env = "TRIVY_LISTEN", default_value = "localhost:4954", value_name = "HOST:PORT")]
    pub(super) listen: String,
    /// For authentication in client/server mode: clients without it are refused.
    #[arg(long, env = "TRIVY_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Specify a header name for token in client/server mode.
    #[arg(long, env = "TRIVY_TOKEN_HEADER", default_value = "Trivy-Token", value_name = "NAME")]
    pub(super) token_header: String,
    /// Prefix of the server's paths [default: twirp].
    #[arg(long, env = "TRIVY_PATH_PREFIX")]
    pub(super) path_prefix: Option<String>,
    #[command(flatten)]
    pub(super) data: Data,
    /// Where blobs are kept: `fs`, below the cache directory.
    #[arg(long, env = "TRIVY_CACHE_BACKEND", default_value = "fs", value_parser = ["fs"])]
    pub(super) cache_backend: String,
    /// Suppress notices about version updates (there are none).
    #[arg(long, env = "TRIVY_SKIP_VERSION_CHECK")]
    pub(super) skip_version_check: bool,
}

/// The commands that scan.
#[derive(Clone, Debug, Args)]
pub(super) struct Scan {
    /// What to scan.
    #[arg(value_name = "TARGET")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) report: Report,
    /// Input file path instead of image name.
    #[arg(long, env = "TRIVY_INPUT", value_name = "FILE")]
    pub(super) input: Option<String>,
    /// Image source(s) to use, in priority order.
    #[arg(long, env = "TRIVY_IMAGE_SRC", value_delimiter = ',', default_value = "docker,containerd,podman,remote")]
    pub(super) image_src: Vec<String>,
    /// Set platform in the form os/arch if image is multi-platform capable.
    #[arg(long, env = "TRIVY_PLATFORM")]
    pub(super) platform: Option<String>,
    /// VEX: documents (OpenVEX, CSAF, CycloneDX) and directories by path, `repo` for the VEX repositories in the cache, `oci` for what lies beside the image, or `sbom-ref` for what the SBOM refers to.
    #[arg(long, env = "TRIVY_VEX", value_delimiter = ',')]
    pub(super) vex: Vec<String>,
    /// Specify the directories or glob patterns to skip.
    #[arg(long, env = "TRIVY_SKIP_DIRS", value_delimiter = ',')]
    pub(super) skip_dirs: Vec<String>,
    /// Specify the files or glob patterns to skip.
    #[arg(long, env = "TRIVY_SKIP_FILES", value_delimiter = ',')]
    pub(super) skip_files: Vec<String>,
    /// Specify config file patterns (for misconfigurations, which are not scanned yet).
    #[arg(long, env = "TRIVY_FILE_PATTERNS", value_delimiter = ',')]
    pub(super) file_patterns: Vec<String>,
    /// List of package types.
    #[arg(
        long,
        visible_alias = "vuln-type",
        env = "TRIVY_PKG_TYPES",
        value_delimiter = ',',
        default_value = "os,library",
        value_parser = ["os", "library"]
    )]
    pub(super) pkg_types: Vec<String>,
    /// List of package relationships.
    #[arg(
        long,
        env = "TRIVY_PKG_RELATIONSHIPS",
        value_delimiter = ',',
        value_parser = ["unknown", "root", "workspace", "direct", "indirect"]
    )]
    pub(super) pkg_relationships: Vec<String>,
    /// Include development dependencies in the report.
    #[arg(long, env = "TRIVY_INCLUDE_DEV_DEPS")]
    pub(super) include_dev_deps: bool,
    /// Order of data sources for selecting vulnerability severity level.
    #[arg(long, env = "TRIVY_VULN_SEVERITY_SOURCE", value_delimiter = ',', default_value = "auto")]
    pub(super) vuln_severity_source: Vec<String>,
    /// Specify the detection priority (accepted: there is one way to match).
    #[arg(long, env = "TRIVY_DETECTION_PRIORITY", default_value = "precise", value_parser = ["precise", "comprehensive"])]
    pub(super) detection_priority: String,
    /// [EXPERIMENTAL] Specify a distribution, FAMILY/VERSION.
    #[arg(long, env = "TRIVY_DISTRO")]
    pub(super) distro: Option<String>,
    #[command(flatten)]
    pub(super) data: Data,
    #[command(flatten)]
    pub(super) remote: Remote,
    /// Skip updating Java index database.
    #[arg(long, env = "TRIVY_SKIP_JAVA_DB_UPDATE")]
    pub(super) skip_java_db_update: bool,
    /// Skip fetching check updates (there are none).
    #[arg(long, visible_alias = "skip-policy-update", env = "TRIVY_SKIP_CHECK_UPDATE")]
    pub(super) skip_check_update: bool,
    /// Skip VEX repository update.
    #[arg(long, env = "TRIVY_SKIP_VEX_REPO_UPDATE")]
    pub(super) skip_vex_repo_update: bool,
    /// Suppress notices about version updates (there are none).
    #[arg(long, env = "TRIVY_SKIP_VERSION_CHECK")]
    pub(super) skip_version_check: bool,
    /// Disable sending anonymous usage data (none is ever sent).
    #[arg(long, env = "TRIVY_DISABLE_TELEMETRY")]
    pub(super) disable_telemetry: bool,
    /// Do not issue API requests to identify dependencies (none are ever issued).
    #[arg(long, env = "TRIVY_OFFLINE_SCAN")]
    pub(super) offline_scan: bool,
    /// OCI repositories of the Java index, in order.
    #[arg(
        long,
        env = "TRIVY_JAVA_DB_REPOSITORY",
        value_delimiter = ',',
        default_value = "mirror.gcr.io/aquasec/trivy-java-db:1,ghcr.io/aquasecurity/trivy-java-db:1"
    )]
    pub(super) java_db_repository: Vec<String>,
    /// Download/update Java index database but don't run a scan.
    #[arg(long, env = "TRIVY_DOWNLOAD_JAVA_DB_ONLY")]
    pub(super) download_java_db_only: bool,
    /// Number of goroutines (accepted: every processor is used).
    #[arg(long, env = "TRIVY_PARALLEL", default_value_t = 5)]
    pub(super) parallel: u32,
    /// Branch of a repository (accepted with a notice).
    #[arg(long, env = "TRIVY_BRANCH")]
    pub(super) branch: Option<String>,
    /// For misconfigurations, which are not scanned yet.
    #[arg(long, visible_alias = "policy-namespaces", env = "TRIVY_CHECK_NAMESPACES", value_delimiter = ',')]
    pub(super) check_namespaces: Vec<String>,
    /// For misconfigurations, which are not scanned yet.
    #[arg(
        long,
        visible_alias = "config-policy",
        visible_alias = "policy",
        env = "TRIVY_CONFIG_CHECK",
        value_delimiter = ','
    )]
    pub(super) config_check: Vec<String>,
    /// For misconfigurations, which are not scanned yet.
    #[arg(long, env = "TRIVY_HELM_SET", value_delimiter = ',')]
    pub(super) helm_set: Vec<String>,
    /// For misconfigurations, which are not scanned yet.
    #[arg(long, env = "TRIVY_HELM_VALUES", value_delimiter = ',')]
    pub(super) helm_values: Vec<String>,
    /// For secrets, which are not scanned yet.
    #[arg(long, env = "TRIVY_SECRET_CONFIG")]
    pub(super) secret_config: Option<PathBuf>,
}

impl Cli {
    /// Reads a command line without the program's name, and what the config file adds to it.
    pub(super) fn read(args: &[OsString]) -> Result<Cli, CliError> {
        let name = OsString::from("trivy");
        let matches = table().try_get_matches_from(std::iter::once(&name).chain(args))?;
        let cli = Cli::from_arg_matches(&matches)?;
        let added = config::flags(cli.global.config.as_deref(), &table(), &matches)?;
        if added.is_empty() {
            return Ok(cli);
        }
        // Before `--`, after which nothing is a flag.
        let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
        let (flags, rest) = args.split_at(end);
        let all = std::iter::once(&name).chain(flags).chain(&added).chain(rest);
        Ok(Cli::from_arg_matches(&table().try_get_matches_from(all)?)?)
    }
}

/// Why a command line cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The flags are wrong, or help was asked for.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The config file is.
    #[error("{0:#}")]
    Config(#[from] anyhow::Error),
}

/// The table, with every switch also as `--switch=true` and `--switch=false`, as Trivy's users write them.
pub(super) fn table() -> clap::Command {
    let mut table = switches(Cli::command());
    let names: Vec<String> = table.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        table = table.mut_subcommand(name, switches);
    }
    table
}

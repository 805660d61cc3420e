//! Kyverno's command line as a table over plain values. Parsing does nothing else.
//!
//! Source: kyverno/kyverno:docs/user/cli/commands. Flags that reach into a cluster or a git repository are not here: what is not understood is
//! refused, never left out in silence.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::verify::args::ReachArgs;

/// Kubernetes Native Policy Management, under the command line of Kyverno.
#[derive(Debug, Parser)]
#[command(name = "kyverno", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Applies policies on resources.
    Apply(ApplyArgs),
    /// Provides a command-line interface to JMESPath, enhanced with Kyverno specific custom functions.
    #[command(subcommand, arg_required_else_help = true)]
    Jp(JpCommand),
    /// Runs tests from directories.
    Test(TestArgs),
    /// Prints the version.
    Version,
}

#[derive(Debug, Subcommand)]
pub(super) enum JpCommand {
    /// Provides a command-line interface to JMESPath, enhanced with Kyverno specific custom functions.
    Query(QueryArgs),
    /// Parses JMESPath expression and shows corresponding AST.
    Parse(ParseArgs),
    /// Provides function informations.
    Function(FunctionArgs),
}

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// Produce compact JSON output that omits non essential whitespace.
    #[arg(short, long)]
    pub(super) compact: bool,
    /// If the final result is a string, it will be printed without quotes.
    #[arg(short, long)]
    pub(super) unquoted: bool,
    /// Read JMESPath expression from the specified file.
    #[arg(short, long, value_name = "FILE", value_delimiter = ',')]
    pub(super) query: Vec<PathBuf>,
    /// Read input from a JSON or YAML file instead of stdin.
    #[arg(short, long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Expressions.
    #[arg(value_name = "QUERY")]
    pub(super) expressions: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ParseArgs {
    /// Read the expression from the specified file instead of stdin.
    #[arg(short, long, value_name = "FILE", value_delimiter = ',')]
    pub(super) file: Vec<PathBuf>,
    /// Expressions.
    #[arg(value_name = "EXPRESSION")]
    pub(super) expressions: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct FunctionArgs {
    /// Functions. None are all.
    #[arg(value_name = "FUNCTION_NAME")]
    pub(super) names: Vec<String>,
}

/// Whether registries are asked, and how they are reached.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct RegistryArgs {
    /// Ask registries about images: their signatures, and what they are. Without it, what a policy asks of a registry is an error.
    #[arg(long)]
    pub(super) registry: bool,
    #[command(flatten)]
    pub(super) reach: ReachArgs,
    /// A Sigstore `trusted_root.json` (Signet's own) [default: that of the instance chosen by `signet trust init`, else the public one's].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(super) trusted_root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// Files or directories with policies.
    #[arg(value_name = "POLICY")]
    pub(super) policies: Vec<PathBuf>,
    /// Files or directories with resources.
    #[arg(short = 'r', long = "resource", visible_alias = "resources", value_name = "FILE", value_delimiter = ',')]
    pub(super) resources: Vec<PathBuf>,
    /// File with values for variables.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(super) values_file: Option<PathBuf>,
    /// Values for variables, as KEY=VALUE,...
    #[arg(short = 's', long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub(super) set: Vec<String>,
    /// File that says who asks.
    #[arg(short = 'u', long, value_name = "FILE")]
    pub(super) userinfo: Option<PathBuf>,
    /// Files or directories with policy exceptions.
    #[arg(short = 'e', long = "exception", visible_alias = "exceptions", value_name = "FILE", value_delimiter = ',')]
    pub(super) exceptions: Vec<PathBuf>,
    /// Files or directories with resources that rules may change besides those they are about.
    #[arg(long = "target-resource", visible_alias = "target-resources", value_name = "FILE", value_delimiter = ',')]
    pub(super) targets: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) registries: RegistryArgs,
    /// File or directory for mutated resources, instead of printing them.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Print a policy report.
    #[arg(short = 'p', long)]
    pub(super) policy_report: bool,
    /// Format of the policy report: json or yaml.
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub(super) output_format: String,
    /// Print a table.
    #[arg(short = 't', long)]
    pub(super) table: bool,
    /// Print messages, and what passed.
    #[arg(long)]
    pub(super) detailed_results: bool,
    /// Count failures of audit policies as warnings.
    #[arg(long)]
    pub(super) audit_warn: bool,
    /// Exit code when there are warnings and nothing worse.
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    pub(super) warn_exit_code: u8,
    /// Count it as a warning when nothing passed.
    #[arg(long)]
    pub(super) warn_no_pass: bool,
    /// Colours are never used here.
    #[arg(long, hide = true)]
    pub(super) _remove_color: bool,
}

#[derive(Debug, Default, Args)]
pub(super) struct TestArgs {
    /// Directories with tests.
    #[arg(value_name = "DIR")]
    pub(super) directories: Vec<PathBuf>,
    /// Name of the test files.
    #[arg(short = 'f', long, value_name = "NAME", default_value = "kyverno-test.yaml")]
    pub(super) file_name: String,
    /// Run some results only: "policy=PATTERN,rule=PATTERN,resource=PATTERN".
    #[arg(short = 't', long, value_name = "SELECTOR", default_value = "")]
    pub(super) test_case_selector: String,
    /// Print failures only.
    #[arg(long)]
    pub(super) fail_only: bool,
    /// Print messages.
    #[arg(long)]
    pub(super) detailed_results: bool,
    /// Format of the results: json, markdown or junit.
    #[arg(short = 'o', long, value_name = "FORMAT")]
    pub(super) output_format: Option<String>,
    #[command(flatten)]
    pub(super) registries: RegistryArgs,
    /// Fail when there are no tests.
    #[arg(long)]
    pub(super) require_tests: bool,
    /// Compare nothing; print what each policy says of each resource, one JSON object a line (Signet's own).
    #[arg(long)]
    pub(super) responses: bool,
    /// Colours are never used here.
    #[arg(long, hide = true)]
    pub(super) _remove_color: bool,
}

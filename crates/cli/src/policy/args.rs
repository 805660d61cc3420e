//! `signet policy` as a table over plain values.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args::DatabaseArgs;
use crate::verify::args::ReachArgs;

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum Command {
    /// Judge resources by policies of every language, as the admission webhook would, and say why.
    Apply(ApplyArgs),
    /// Find what policies silently do not do: unanchored expressions, registries without a slash, containers and image volumes that nobody looks at.
    Lint(LintArgs),
    /// Run test suites (`kyverno-test.yaml`) below directories.
    Test(TestArgs),
    /// Say in words what policies demand.
    Explain(ExplainArgs),
    /// Write a Kyverno ClusterPolicy as policies in CEL that refuse the same, or say what keeps it from being one.
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy test policies/\n\nExit codes: 0 every result is as expected, 1 one is not, or there is no test"
)]
pub(crate) struct TestArgs {
    /// Directories with tests.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) directories: Vec<PathBuf>,
    /// Show failures only.
    #[arg(long)]
    pub(crate) fail_only: bool,
    /// Show messages.
    #[arg(long)]
    pub(crate) detailed: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy explain policies/\n  signet policy explain require-signed.yaml -o json\n\nExit codes: 0 all was told, 3 no policy was found, 13 a file could not be read"
)]
pub(crate) struct ExplainArgs {
    /// Files and directories with policies: TrustPolicy, ClusterPolicy, Policy, PolicyException, the CEL kinds of Kyverno and Kubernetes, ClusterImagePolicy.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// What could not be read is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy convert require-labels.yaml\n  signet policy convert require-labels.yaml -o require-labels-cel.yaml --resource manifests/\n\nExit codes: 0 converted, and both forms agree on every resource, 1 it cannot be said exactly in CEL,\nor the forms differ, 3 no ClusterPolicy or Policy was found, 13 a resource could not be read"
)]
pub(crate) struct ConvertArgs {
    /// A file with ClusterPolicy or Policy documents of kyverno.io.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the policies to this file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Files and directories with resources that both forms are asked about: made, changed and deleted.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) resource: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy lint policies/\n  signet policy lint require-signed.yaml -o json\n  signet policy lint --list\n\nExit codes: 0 nothing but notes, 11 warnings, 1 a policy that cannot be loaded,\n3 no policy was found, 13 a file could not be read"
)]
pub(crate) struct LintArgs {
    /// Files and directories with policies and exceptions of Kyverno, admission policies of Kubernetes, ClusterImagePolicy and TrustPolicy documents.
    #[arg(value_name = "PATH", required_unless_present = "list")]
    pub(crate) paths: Vec<PathBuf>,
    /// Checks that are left out.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Show the checks and what each one finds.
    #[arg(long, conflicts_with = "paths")]
    pub(crate) list: bool,
    /// What could not be read is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    #[default]
    Create,
    Update,
    Delete,
    Connect,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet policy apply policies/ --resource deployment.yaml\n  signet policy apply require-signed.yaml -r k8s/ -o json\n  signet policy apply policies/ -r k8s/ --as-enforced    audited policies refuse too\n  signet policy apply new.yaml --requests recorded.jsonl --as-enforced    what it would have refused\n\nExit codes: 0 all are admitted, 10 one is refused,\n1 a policy or a resource cannot be read, 3 no resource or request was found,\n13 a recorded request cannot be read"
)]
pub(crate) struct ApplyArgs {
    /// Files and directories with policies, exceptions and bindings.
    #[arg(value_name = "POLICY", required = true)]
    pub(crate) policies: Vec<PathBuf>,
    /// Files and directories with resources, repeatable. Objects of a namespace stand in the same files, for selectors.
    #[arg(short, long = "resource", value_name = "PATH", required_unless_present = "requests")]
    pub(crate) resources: Vec<PathBuf>,
    /// Judge recorded requests: files of AdmissionReviews, one a line (`serve admission --record`), or directories of them (`.json`, `.jsonl`),
    /// repeatable. Of `--resource` the namespaces are then known, and nothing else.
    #[arg(long = "requests", value_name = "PATH", conflicts_with_all = ["operation", "user", "policy_report"])]
    pub(crate) requests: Vec<PathBuf>,
    /// Print reports as a cluster keeps them, instead of reasons: PolicyReport and ClusterPolicyReport, or those of openreports.io.
    #[arg(
        long,
        value_name = "API",
        value_parser = ["policyreports", "openreports"],
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "policyreports"
    )]
    pub(crate) policy_report: Option<String>,
    /// What is done to the resources.
    #[arg(long, value_enum, default_value = "create", value_name = "OPERATION")]
    pub(crate) operation: Operation,
    /// Who asks: a user's name. Without it a policy that asks who asks refuses, and a rule that names users beside other things is judged as if it were
    /// one of them.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Groups of who asks, repeatable.
    #[arg(long = "group", value_name = "NAME", requires = "user")]
    pub(crate) groups: Vec<String>,
    /// Roles of who asks, as NAMESPACE:NAME, repeatable. Without any role of either kind a rule that names roles is judged as if they were among them.
    #[arg(long = "role", value_name = "ROLE", requires = "user")]
    pub(crate) roles: Vec<String>,
    /// Cluster roles of who asks, repeatable.
    #[arg(long = "cluster-role", value_name = "NAME", requires = "user")]
    pub(crate) cluster_roles: Vec<String>,
    /// PolicyExceptions of this namespace count, repeatable; `*` for every one. Without it none does.
    #[arg(long = "exception-namespace", value_name = "NAMESPACE")]
    pub(crate) exception_namespaces: Vec<String>,
    /// What audited policies would refuse is refused: a policy before it is enforced.
    #[arg(long)]
    pub(crate) as_enforced: bool,
    /// Also show what holds, and resources that no rule is about.
    #[arg(long)]
    pub(crate) detailed: bool,
    /// A Sigstore `trusted_root.json` [default: that of the instance chosen by `signet trust init`, else the public one's].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// text or json.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

//! `signet serve` as a table over plain values.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::DatabaseArgs;
use crate::verify::args::ReachArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer the admission reviews of a Kubernetes API server by the policies of files, or of its cluster.
    Admission(AdmissionArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet serve admission --dev --policy policies/\n  signet serve admission --policy /etc/signet/policies --tls-dir /etc/signet/tls \\\n    --listen 0.0.0.0:8443\n  signet serve admission --cluster --listen 0.0.0.0:8443\n\nReviews come to /mutate and /validate by POST; /healthz, /readyz and /metrics are read by GET."
)]
pub(crate) struct AdmissionArgs {
    /// Policies: files and directories of YAML or JSON. They are read again when they change.
    #[arg(long = "policy", env = "SIGNET_ADMISSION_POLICY", value_name = "PATH", value_delimiter = ',')]
    pub(crate) policies: Vec<PathBuf>,
    /// PolicyExceptions of this namespace count; `*` for every one. Without it none does: whoever may write one lifts policies.
    #[arg(
        long = "exception-namespace",
        env = "SIGNET_ADMISSION_EXCEPTION_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ','
    )]
    pub(crate) exception_namespaces: Vec<String>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "SIGNET_ADMISSION_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// A directory with `tls.crt` and `tls.key`, as cert-manager keeps one. It is read again when it changes.
    #[arg(long, env = "SIGNET_ADMISSION_TLS_DIR", value_name = "DIR", conflicts_with = "ca_dir")]
    pub(crate) tls_dir: Option<PathBuf>,
    /// Keep an authority of our own in this directory; certificates are renewed, and `ca.crt` is what clients must trust.
    #[arg(long, env = "SIGNET_ADMISSION_CA_DIR", value_name = "DIR")]
    pub(crate) ca_dir: Option<PathBuf>,
    /// To try things out: a certificate that lives as long as the process, and every review on standard output.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Names and addresses of the certificate that is made.
    #[arg(
        long = "name",
        env = "SIGNET_ADMISSION_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        default_values = ["localhost", "127.0.0.1", "::1"]
    )]
    pub(crate) names: Vec<String>,
    /// Write what clients must trust (PEM) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Answer reviews only to clients that show a certificate of these authorities (PEM), as an API server can be told to. Probes and metrics need none. It is
    /// read again when it changes.
    #[arg(long, env = "SIGNET_ADMISSION_CLIENT_CA_FILE", value_name = "FILE")]
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Common names of client certificates that count [default: all that the authorities of `--client-ca-file` vouch for].
    #[arg(
        long = "client-name",
        env = "SIGNET_ADMISSION_CLIENT_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "client_ca_file"
    )]
    pub(crate) client_names: Vec<String>,
    /// Objects that stand for the cluster (namespaces, ConfigMaps, role bindings): files and directories. Without them nothing of a cluster is
    /// known, and what a policy asks of one refuses.
    #[arg(long = "objects", value_name = "PATH", value_delimiter = ',')]
    pub(crate) objects: Vec<PathBuf>,
    /// Reviews that are judged at one time [default: the number of processors, at most 16].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: Option<u16>,
    /// Bytes of a review.
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20, value_parser = clap::value_parser!(u32).range(1024..=67_108_864))]
    pub(crate) max_body: u32,
    /// How long to go on after a signal to end, while `/readyz` says no [default: 10; with `--dev` 0].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(0..=600))]
    pub(crate) drain: Option<u16>,
    /// A registry (HOST[:PORT]) that is asked about images, repeatable; `*` for every one that an image names. Without it none is, and what a policy asks
    /// of images refuses: who makes a Pod names a host, and it may be one that only this machine reaches.
    #[arg(long = "registry", env = "SIGNET_ADMISSION_REGISTRY", value_name = "HOST", value_delimiter = ',')]
    pub(crate) registries: Vec<String>,
    /// A Sigstore `trusted_root.json` [default: that of the instance chosen by `signet trust init`, else the public one's].
    #[arg(long, env = "SIGNET_TRUSTED_ROOT", value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Keep requests in this file, one a line, to try other policies on (`signet policy apply --requests`). Data of Secrets is left out.
    #[arg(long, env = "SIGNET_ADMISSION_RECORD", value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// MiB of that file; then it becomes FILE.1, in the place of the one before.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) record_size: u32,
    /// How reviews are shown with `--dev`: text, or json for one object a line.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    pub(crate) output: String,
    #[command(flatten, next_help_heading = "With --cluster")]
    pub(crate) cluster: ClusterArgs,
}

/// Of the cluster that the webhook runs in.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Watch the policies of a cluster, and keep certificates and webhook configurations there: the cluster that this Pod runs in, or that of the
    /// kubeconfig. Replicas share the work; one leads.
    #[arg(long, env = "SIGNET_ADMISSION_CLUSTER")]
    pub(crate) cluster: bool,
    /// The kubeconfig, whose current context is taken [default: this Pod's own account, else `KUBECONFIG`, else `~/.kube/config`].
    #[arg(long, env = "SIGNET_KUBECONFIG", value_name = "FILE", requires = "cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Our own namespace: of the Lease, the Secret and the service. It is never asked about [default: that of the account, else `signet-system`].
    #[arg(long, env = "SIGNET_ADMISSION_NAMESPACE", value_name = "NAMESPACE", requires = "cluster")]
    pub(crate) namespace: Option<String>,
    /// The service by which API servers reach us.
    #[arg(long, env = "SIGNET_ADMISSION_SERVICE", value_name = "NAME", default_value = "signet-admission")]
    pub(crate) service: String,
    /// An address by which API servers reach us instead of the service: `https://HOST:PORT`.
    #[arg(long, value_name = "URL", requires = "cluster")]
    pub(crate) advertise: Option<String>,
    /// The Secret with the certificate. It is made and renewed by the leader; one that cert-manager keeps is only read [default: `signet-admission-tls`].
    #[arg(long, env = "SIGNET_ADMISSION_TLS_SECRET", value_name = "NAME", requires = "cluster")]
    pub(crate) tls_secret: Option<String>,
    /// Ask about `kube-system`, too. While the webhook is down, a cluster cannot heal itself then.
    #[arg(long, requires = "cluster")]
    pub(crate) kube_system: bool,
    /// Seconds that API servers wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub(crate) webhook_timeout: u8,
    /// Judge what is there already by the policies that look at it, and write reports: PolicyReports (`wgpolicyk8s.io`) or those of
    /// `openreports.io`, whose CRD the cluster must have. The leader does, and gives way to requests.
    #[arg(
        long,
        env = "SIGNET_ADMISSION_REPORTS",
        value_name = "API",
        value_parser = ["policyreports", "openreports"],
        requires = "cluster"
    )]
    pub(crate) reports: Option<String>,
    /// Minutes between two scans. With other policies one begins at once.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) scan_every: u32,
    /// A namespace that is not scanned, repeatable; those of Kubernetes itself never are.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', requires = "reports")]
    pub(crate) scan_skip: Vec<String>,
    /// Write events about what policies say of requests, on policies and objects.
    #[arg(long, env = "SIGNET_ADMISSION_EVENTS", requires = "cluster")]
    pub(crate) events: bool,
    /// Judge by ValidatingAdmissionPolicies and MutatingAdmissionPolicies, too. An API server that has them evaluates them itself.
    #[arg(long, requires = "cluster")]
    pub(crate) kubernetes_policies: bool,
    /// Leave the webhook configurations to somebody else.
    #[arg(long, requires = "cluster")]
    pub(crate) no_webhooks: bool,
    /// Take the webhook configurations away, and end.
    #[arg(long, requires = "cluster")]
    pub(crate) uninstall: bool,
}

//! The command line: the only place that knows a flag, its variable, its default and its text. Parsing does nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Secure the supply chain of container images, from build to running process.
#[derive(Debug, Parser)]
#[command(
    name = "signet",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  signet scan nginx:1.27                         scan an image of a registry\n  signet scan ./app.tar --fail-on 'severity >= high && fixed'\n  signet sbom dir:. -o cyclonedx-json=sbom.json   write an SBOM\n  signet demo                                     see it all on this machine, without a network\n\nExit codes: 0 all well, 1 could not finish, 2 wrong usage, 3 nothing matched, 10 the policy says no,\n11 findings at or above the threshold, 12 verification failed, 13 something could not be examined"
)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Say nothing but errors.
    #[arg(short, long, global = true, env = "SIGNET_QUIET")]
    pub(crate) quiet: bool,
    /// Say more about what is done.
    #[arg(short, long, global = true, env = "SIGNET_VERBOSE", conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Forbid the network: whatever would need it fails with a reason.
    #[arg(long, global = true, env = "SIGNET_OFFLINE")]
    pub(crate) offline: bool,
    /// Show no progress.
    #[arg(long, global = true, env = "SIGNET_NO_PROGRESS")]
    pub(crate) no_progress: bool,
    /// When to use colour.
    #[arg(long, global = true, env = "SIGNET_COLOR", value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// Where databases and records are kept [default: the user's cache directory, `signet/`].
    #[arg(long, global = true, env = "SIGNET_CACHE_DIR", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// What gates share: what is blocked, and what was decided [default: the user's data directory, `signet/`]. A store that is named must be
    /// there: what is blocked is not known without it.
    #[arg(long, global = true, env = "SIGNET_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum Command {
    /// List the packages of an image, directory, repository or file.
    Sbom(SbomArgs),
    /// Find vulnerabilities and judge them.
    Scan(ScanArgs),
    /// Show what came, went and changed between two images, SBOMs or reports.
    Diff(DiffArgs),
    /// The advisory database.
    #[command(subcommand)]
    Db(DbCommand),
    /// Keep the credentials of a registry.
    Login(LoginArgs),
    /// Signing keys: files, Kubernetes secrets, tokens, key management services.
    #[command(subcommand)]
    Key(crate::key::args::KeyCommand),
    /// Sign an image: by key, or by the identity of a person or CI job.
    Sign(crate::sign::args::SignArgs),
    /// Attest something about an image: an SBOM, findings, provenance.
    Attest(crate::sign::args::OwnAttestArgs),
    /// Sign a file.
    SignBlob(crate::sign::args::SignBlobArgs),
    /// Attest something about a file.
    AttestBlob(crate::sign::args::AttestBlobArgs),
    /// The whole decision on an image by TrustPolicies: signatures, provenance, SBOM, vulnerabilities, with what each rule looked at.
    Gate(Box<crate::gate::args::GateArgs>),
    /// Emergency stop: no gate lets in an image, or counts a signature by a key or identity, that is blocked.
    Block(crate::block::args::BlockArgs),
    /// Policies as files.
    #[command(subcommand)]
    Policy(crate::policy::args::Command),
    /// Write a first TrustPolicy in audit, and a pipeline that asks it, out of what a repository says of itself.
    Init(crate::init::InitArgs),
    /// Run as a service.
    #[command(subcommand)]
    Serve(crate::serve::args::Command),
    /// Write digests beside the tags in Dockerfiles, Kubernetes YAML, Kustomize, Helm values, Compose and workflows.
    Pin(crate::pin::args::PinArgs),
    /// Roots of trust: whose authorities and logs are believed.
    #[command(subcommand)]
    Trust(crate::trust::args::TrustCommand),
    /// Establish who signed an image.
    Verify(crate::verify::args::OwnImageArgs),
    /// Establish who attests something about an image, and print it.
    VerifyAttestation(crate::verify::args::OwnAttestationArgs),
    /// Establish who signed a file.
    VerifyBlob(crate::verify::args::BlobArgs),
    /// Establish who attests something about a file.
    VerifyBlobAttestation(crate::verify::args::OwnBlobAttestationArgs),
    #[command(flatten)]
    Artifacts(crate::artifacts::args::Command),
    /// Show all of it on this machine: no network, nothing left behind.
    Demo(DemoArgs),
    /// Print the JSON schema of an output.
    Schema(SchemaArgs),
    /// List what each cataloger reads and can tell.
    Catalogers(CatalogersArgs),
    /// Work as Trivy: its flags, outputs and exit codes.
    #[command(disable_help_flag = true)]
    Trivy(ForeignArgs),
    /// Work as Syft: its flags, configuration, outputs and exit codes.
    #[command(disable_help_flag = true)]
    Syft(ForeignArgs),
    /// Work as Cosign: its flags, messages and exit codes.
    #[command(disable_help_flag = true)]
    Cosign(ForeignArgs),
    /// Work as Grype: its flags, configuration, outputs and exit codes.
    #[command(disable_help_flag = true)]
    Grype(ForeignArgs),
    /// Work as Kyverno's command line: its flags, output and exit codes.
    #[command(disable_help_flag = true)]
    Kyverno(ForeignArgs),
}

/// What is examined, and how it is reached.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    /// An image reference, or SCHEME:VALUE with registry, oci-dir, oci-archive, docker-archive, docker, podman, containerd, dir, rootfs, file,
    /// git, sbom or purl; a path that starts with `/`, `./` or `../` is recognised.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Which image of an index: OS/ARCHITECTURE[/VARIANT] [default: linux and this machine's].
    #[arg(long, env = "SIGNET_PLATFORM", value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Directories below the source that are left out.
    #[arg(long, env = "SIGNET_SKIP_DIRS", value_name = "PATH", value_delimiter = ',')]
    pub(crate) skip_dirs: Vec<String>,
    /// Of layers in eStargz or zstd:chunked fetch only the parts that may hold packages, and believe their tables of contents for the rest;
    /// the report says so.
    #[arg(long, env = "SIGNET_LAZY")]
    pub(crate) lazy: bool,
    /// Read every layer again, whatever is remembered of it.
    #[arg(long, env = "SIGNET_NO_CACHE")]
    pub(crate) no_cache: bool,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long, env = "SIGNET_ALLOW_INCOMPLETE")]
    pub(crate) allow_incomplete: bool,
    /// Files that are left out. A foreign command line's.
    #[arg(skip)]
    pub(crate) skip_files: Vec<String>,
    /// Accept any certificate. A foreign command line's.
    #[arg(skip)]
    pub(crate) insecure: bool,
    /// Who to be at registries. A foreign command line's.
    #[arg(skip)]
    pub(crate) login: Option<crate::net::Login>,
    /// Which layers count. A foreign command line's.
    #[arg(skip)]
    pub(crate) scope: crate::pipeline::Scope,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  signet sbom alpine:3.20\n  signet sbom oci-dir:build -o spdx-json=sbom.spdx.json -o table\n  signet sbom convert sbom.json -o cyclonedx-xml@1.5=sbom.xml"
)]
pub(crate) struct SbomArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SbomCommand>,
    #[command(flatten)]
    pub(crate) source: Option<SourceArgs>,
    /// FORMAT[@VERSION][=FILE], repeatable: table, json, cyclonedx-json, cyclonedx-xml, spdx-json, spdx-tag-value, spdx-yaml, spdx-xml, syft-json,
    /// github-json, purls.
    #[arg(short, long, env = "SIGNET_OUTPUT", value_name = "FORMAT[=FILE]", value_delimiter = ',')]
    pub(crate) output: Vec<String>,
    #[command(flatten)]
    pub(crate) result: crate::sign::scanned::ResultArgs,
}

/// What is done with SBOMs that are there already.
#[derive(Debug, Subcommand)]
pub(crate) enum SbomCommand {
    /// Judge documents: the specification of their version, and quality profiles.
    Lint(SbomLintArgs),
    /// Write a document in other formats, and say what is lost.
    Convert(SbomConvertArgs),
    /// Packages that came, went and changed between two documents.
    Diff(SbomDiffArgs),
    /// Several documents as one.
    Merge(SbomMergeArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet sbom lint sbom.json\n  signet sbom lint sbom.json --profile ntia,bsi -o json\n\nExit codes: 0 valid and all asked profiles are fulfilled, 11 not so, 1 a file is no SBOM at all"
)]
pub(crate) struct SbomLintArgs {
    /// The documents; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Profiles that must be fulfilled: ntia, bsi, cisa [default: none, but ntia and bsi are shown].
    #[arg(long, env = "SIGNET_SBOM_PROFILE", value_name = "LIST", value_delimiter = ',')]
    pub(crate) profile: Vec<String>,
    /// table or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet sbom convert sbom.json -o spdx-json@2.2=sbom.spdx.json -o purls\n  signet sbom convert sbom.xml -o cyclonedx-json --losses losses.json\n\nExit codes: 0 converted, 13 converted, but a part of the document could not be understood,\n1 it is no SBOM"
)]
pub(crate) struct SbomConvertArgs {
    /// The document; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// FORMAT[@VERSION][=FILE], repeatable: cyclonedx-json, cyclonedx-xml, spdx-json, spdx-tag-value, spdx-yaml, spdx-xml, syft-json, github-json,
    /// purls.
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_delimiter = ',', required = true)]
    pub(crate) output: Vec<String>,
    /// Where the list of what is lost is written as JSON; a short one goes to standard error in any case.
    #[arg(long, value_name = "FILE")]
    pub(crate) losses: Option<PathBuf>,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SbomDiffArgs {
    /// The older document; `-` is standard input.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The newer document.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// table or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: String,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SbomMergeArgs {
    /// The documents; `-` is standard input.
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    pub(crate) files: Vec<PathBuf>,
    /// FORMAT[@VERSION][=FILE], repeatable, as of `signet sbom convert`.
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_delimiter = ',', default_value = "cyclonedx-json")]
    pub(crate) output: Vec<String>,
    /// What the result is called.
    #[arg(long, value_name = "NAME", default_value = "merged")]
    pub(crate) name: String,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet scan nginx:1.27 --severity critical,high --ignore-unfixed\n  signet scan oci-dir:build --policy builtin:recommended -o table -o sarif=signet.sarif\n  signet scan sbom:sbom.json --fail-on 'kev || severity >= critical && fixed'"
)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// What to look for: vuln, license.
    #[arg(long, env = "SIGNET_SCANNERS", value_name = "LIST", value_delimiter = ',', default_value = "vuln")]
    pub(crate) scanners: Vec<String>,
    /// Severities that are reported and judged: unknown, low, medium, high, critical [default: all].
    #[arg(short, long, env = "SIGNET_SEVERITY", value_name = "LIST", value_delimiter = ',')]
    pub(crate) severity: Vec<String>,
    /// Leave out what has no fix yet; malicious packages stay.
    #[arg(long, env = "SIGNET_IGNORE_UNFIXED")]
    pub(crate) ignore_unfixed: bool,
    /// Leave out findings of these states: affected, will_not_fix, fix_deferred, end_of_life, under_investigation, unknown, fixed, not_affected.
    #[arg(long, env = "SIGNET_IGNORE_STATUS", value_name = "LIST", value_delimiter = ',')]
    pub(crate) ignore_status: Vec<String>,
    /// Exit with 11 when this expression holds for a finding, as in `severity >= high && fixed`.
    #[arg(long, env = "SIGNET_FAIL_ON", value_name = "EXPR")]
    pub(crate) fail_on: Option<String>,
    /// A TrustPolicy: a file, or `builtin:recommended`. Exit with 10 when it says no.
    #[arg(long, env = "SIGNET_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<String>,
    /// Ignore file in the form of `.trivyignore` or, by its ending, `.trivyignore.yaml` [default: `.trivyignore` where there is one].
    #[arg(long, env = "SIGNET_IGNOREFILE", value_name = "FILE")]
    pub(crate) ignorefile: Option<PathBuf>,
    /// VEX: a document (OpenVEX, CSAF, CycloneDX), a directory of them, a VEX repository on disk; `repo` for VEX Hub, or the repositories of
    /// `~/.trivy/vex/repository.yaml`; `oci` for attestations beside the image, whose signatures are not verified; repeatable.
    #[arg(long, env = "SIGNET_VEX", value_name = "PATH|repo|oci")]
    pub(crate) vex: Vec<PathBuf>,
    /// Report too what advisories say is not vulnerable, as suppressed and why: repaired versions, packages that never were affected.
    #[arg(long, env = "SIGNET_SHOW_SUPPRESSED")]
    pub(crate) show_suppressed: bool,
    /// Explain instead why this vulnerability (id, alias or a vendor's id) is reported, or why it is not.
    #[arg(long, value_name = "ID")]
    pub(crate) explain: Option<String>,
    /// Judge packages of this distribution release, whatever the source says: NAME:VERSION[+CHANNEL], as in `rhel:9.4+eus`.
    #[arg(long, env = "SIGNET_DISTRO", value_name = "DISTRO")]
    pub(crate) distro: Option<String>,
    /// Match packages of a distribution release that has ended by their CPEs too; less certain.
    #[arg(long, env = "SIGNET_ENDED_BY_CPE")]
    pub(crate) ended_by_cpe: bool,
    /// Compare the version of a Go program's own module even if it is one of a commit.
    #[arg(long, env = "SIGNET_GO_MAIN_PSEUDO_VERSIONS")]
    pub(crate) go_main_pseudo_versions: bool,
    /// Report vulnerabilities of Go functions too that the program does not hold; they do not count otherwise.
    #[arg(long, env = "SIGNET_GO_UNLINKED")]
    pub(crate) go_unlinked: bool,
    /// Who judges a language package whose files a package of the distribution owns: the distribution, the ecosystem, or (stated) the ecosystem
    /// unless the distribution says that the owner is not vulnerable. `auto`: the distribution where its advisories also list what is not
    /// repaired (Debian, Ubuntu, Red Hat, Azure Linux), else as stated.
    #[arg(long, env = "SIGNET_OWNED", value_name = "BY", default_value = "auto", value_parser = ["auto", "distribution", "stated", "ecosystem"])]
    pub(crate) owned: String,
    /// An earlier JSON report: what it has already is shown and counts neither for the threshold nor for the policy. Malicious packages, and
    /// what became known to be exploited since, count all the same.
    #[arg(long, env = "SIGNET_BASELINE", value_name = "REPORT")]
    pub(crate) baseline: Option<PathBuf>,
    /// The base image: a reference or other source, or the digest of its topmost layer [default: as the image's history tells].
    #[arg(long, env = "SIGNET_BASE", value_name = "REF|DIGEST")]
    pub(crate) base: Option<String>,
    /// Licences (SPDX ids) and categories (forbidden, restricted, reciprocal, notice, permissive, unencumbered, unknown) that must not be there:
    /// exit with 11.
    #[arg(long, env = "SIGNET_LICENSE_DENY", value_name = "LIST", value_delimiter = ',')]
    pub(crate) license_deny: Vec<String>,
    /// Licences and categories that are shown and do not count.
    #[arg(long, env = "SIGNET_IGNORED_LICENSES", value_name = "LIST", value_delimiter = ',')]
    pub(crate) ignored_licenses: Vec<String>,
    /// The template of the format `template`: a file, or the text itself when it holds `{{`. The language is Go's, over the JSON report.
    #[arg(short, long, env = "SIGNET_TEMPLATE", value_name = "FILE")]
    pub(crate) template: Option<String>,
    /// FORMAT[=FILE], repeatable: table, json, sarif, cyclonedx-json, spdx-json, cosign-vuln, junit, markdown, html, gitlab, github, template.
    #[arg(short, long, env = "SIGNET_OUTPUT", value_name = "FORMAT[=FILE]", value_delimiter = ',')]
    pub(crate) output: Vec<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) result: crate::sign::scanned::ResultArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signet diff app:1 app:2\n  signet diff before.json after.json -o markdown=diff.md\n  signet diff sbom:old.cdx.json sbom:new.spdx.json --packages-only\n  signet diff main.json oci-dir:build --fail-on 'severity >= high'"
)]
pub(crate) struct DiffArgs {
    /// What was: a JSON report, an SBOM, or any source of `signet scan`.
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// What is.
    #[arg(value_name = "B")]
    pub(crate) after: String,
    /// Compare packages and no findings; no database is needed then.
    #[arg(long, env = "SIGNET_PACKAGES_ONLY")]
    pub(crate) packages_only: bool,
    /// Exit with 11 when this expression holds for a finding that came, as in `severity >= high && fixed`.
    #[arg(long, env = "SIGNET_FAIL_ON", value_name = "EXPR", conflicts_with = "packages_only")]
    pub(crate) fail_on: Option<String>,
    /// Which image of an index: OS/ARCHITECTURE[/VARIANT] [default: linux and this machine's].
    #[arg(long, env = "SIGNET_PLATFORM", value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Read every layer again, whatever is remembered of it.
    #[arg(long, env = "SIGNET_NO_CACHE")]
    pub(crate) no_cache: bool,
    /// What could not be examined is a warning and not exit code 13.
    #[arg(long, env = "SIGNET_ALLOW_INCOMPLETE")]
    pub(crate) allow_incomplete: bool,
    /// FORMAT[=FILE], repeatable: table, json, markdown.
    #[arg(short, long, env = "SIGNET_OUTPUT", value_name = "FORMAT[=FILE]", value_delimiter = ',')]
    pub(crate) output: Vec<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Which advisory database is used.
#[derive(Clone, Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// A compiled database file, instead of the one that is kept; `builtin:sample` is a handful of advisories for a first look.
    #[arg(long, env = "SIGNET_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Use the database that is there, however old.
    #[arg(long, env = "SIGNET_SKIP_DB_UPDATE")]
    pub(crate) skip_db_update: bool,
    /// An index (`trivy-java.db`) that names Java archives by their SHA-1, instead of the one that is kept; asked for archives that do not
    /// say what they are.
    #[arg(long, env = "SIGNET_JAVA_DB", value_name = "FILE")]
    pub(crate) java_db: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Fetch the feeds and compile them; keeps the old database when that fails.
    Update(DbUpdateArgs),
    /// Compile a database from files.
    Build(DbBuildArgs),
    /// What the database holds, from whom, how old.
    Info(DbInfoArgs),
    /// What the database says of a vulnerability or a package.
    Search(DbSearchArgs),
    /// All feeds that `db build --feed` reads: names, licences, addresses.
    Feeds,
    /// Write the database to a file that carries it elsewhere: an OCI archive.
    Export(DbExportArgs),
    /// Install a database out of such a file.
    Import(DbImportArgs),
    /// Put the database into a registry, as an OCI artifact.
    Push(DbPushArgs),
    /// Install a database out of a registry.
    Pull(DbPullArgs),
    /// Write what changed between two databases to a small file.
    Diff(DbDiffArgs),
    /// Make the new database of the old one and what changed, and install it.
    Apply(DbApplyArgs),
}

/// Which database is passed on, and how much of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct PassedArgs {
    /// A compiled database file, instead of the one that is kept.
    #[arg(long, env = "SIGNET_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Leave out the feeds whose data may not be passed on, and note in the database that they are missing.
    #[arg(long)]
    pub(crate) redistributable_only: bool,
    /// An older database that receivers may have: the difference from it is added, and they fetch no more than that; repeatable.
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Vec<PathBuf>,
}

/// How registries are reached.
#[derive(Clone, Debug, Args)]
pub(crate) struct RegistryArgs {
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  signet db export advisories.tar\n  signet db export advisories.tar --redistributable-only --since last-week.db\n  skopeo copy oci-archive:advisories.tar docker://registry.example/advisories:1"
)]
pub(crate) struct DbExportArgs {
    /// The archive to write (an OCI image layout in a tar).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) passed: PassedArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbImportArgs {
    /// The archive.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where to install it [default: where `signet scan` looks].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Accept data that is older than the installed database's.
    #[arg(long, env = "SIGNET_ALLOW_ROLLBACK")]
    pub(crate) allow_rollback: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbPushArgs {
    /// Where to: REGISTRY/REPOSITORY[:TAG]. What was pushed is printed with its digest.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) passed: PassedArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbPullArgs {
    /// Where from: REGISTRY/REPOSITORY[:TAG][@DIGEST]. With a digest, nothing but these very bytes is taken.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// Where to install it [default: where `signet scan` looks].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Accept data that is older than the installed database's.
    #[arg(long, env = "SIGNET_ALLOW_ROLLBACK")]
    pub(crate) allow_rollback: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbDiffArgs {
    /// The older database.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The newer database.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Where to write what changed.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbApplyArgs {
    /// What changed, as `signet db diff` wrote it.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The database that it was made for, instead of the one that is kept.
    #[arg(long, env = "SIGNET_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Where to install the new one [default: in place of the old].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Accept data that is older than the installed database's.
    #[arg(long, env = "SIGNET_ALLOW_ROLLBACK")]
    pub(crate) allow_rollback: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbUpdateArgs {
    /// Repositories of the Trivy database (OCI), tried in order.
    #[arg(
        long,
        env = "SIGNET_DB_REPOSITORY",
        value_name = "REFERENCE",
        value_delimiter = ',',
        default_value = "mirror.gcr.io/aquasec/trivy-db:2,ghcr.io/aquasecurity/trivy-db:2"
    )]
    pub(crate) db_repository: Vec<String>,
    /// Use Grype's database instead: the address of its `latest.json`.
    #[arg(long, env = "SIGNET_GRYPE_DB_URL", value_name = "URL")]
    pub(crate) grype_db_url: Option<String>,
    /// Leave CISA's catalogue of known exploited vulnerabilities and FIRST's EPSS out.
    #[arg(long, env = "SIGNET_SKIP_EXPLOIT_FEEDS")]
    pub(crate) skip_exploit_feeds: bool,
    /// Where CISA's catalogue is published.
    #[arg(
        long,
        env = "SIGNET_KEV_URL",
        value_name = "URL",
        default_value = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
    )]
    pub(crate) kev_url: String,
    /// Where FIRST's scores are published.
    #[arg(
        long,
        env = "SIGNET_EPSS_URL",
        value_name = "URL",
        default_value = "https://epss.cyentia.com/epss_scores-current.csv.gz"
    )]
    pub(crate) epss_url: String,
    /// Fetch the index of Java archives too, half a gigabyte; one that is kept already is brought up to date in any case.
    #[arg(long, env = "SIGNET_JAVA_DB_UPDATE")]
    pub(crate) java_db: bool,
    /// Repositories of the index of Java archives (OCI), tried in order.
    #[arg(
        long,
        env = "SIGNET_JAVA_DB_REPOSITORY",
        value_name = "REFERENCE",
        value_delimiter = ',',
        default_value = "mirror.gcr.io/aquasec/trivy-java-db:1,ghcr.io/aquasecurity/trivy-java-db:1"
    )]
    pub(crate) java_db_repository: Vec<String>,
    /// Leave the index of Java archives as it is.
    #[arg(long, env = "SIGNET_SKIP_JAVA_DB_UPDATE", conflicts_with = "java_db")]
    pub(crate) skip_java_db_update: bool,
    /// A feed that is fetched from its publisher and compiled in beside the rest (`signet db feeds` lists them); repeatable.
    #[arg(long, env = "SIGNET_DB_FEED", value_name = "NAME", value_delimiter = ',')]
    pub(crate) feed: Vec<String>,
    /// Accept data that is older than the installed database's.
    #[arg(long, env = "SIGNET_ALLOW_ROLLBACK")]
    pub(crate) allow_rollback: bool,
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbBuildArgs {
    /// A Trivy database (`trivy.db`, or the `db.tar.gz` that holds it).
    #[arg(long, value_name = "FILE")]
    pub(crate) trivy_db: Option<PathBuf>,
    /// A Grype database, schema 6 (`vulnerability.db`, its directory, or the archive that holds it).
    #[arg(long, value_name = "PATH")]
    pub(crate) grype_db: Option<PathBuf>,
    /// An index of Java archives (`trivy-java.db`, or the `javadb.tar.gz` that holds it); it is installed as it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) java_db: Option<PathBuf>,
    /// Result records of vunnel: a directory of `PROVIDER/results/`; repeatable.
    #[arg(long, value_name = "DIR")]
    pub(crate) vunnel: Vec<PathBuf>,
    /// OSV records: a zip, a directory or a JSON file; repeatable.
    #[arg(long, value_name = "PATH")]
    pub(crate) osv: Vec<PathBuf>,
    /// CISA's catalogue (JSON).
    #[arg(long, value_name = "FILE")]
    pub(crate) kev: Option<PathBuf>,
    /// FIRST's EPSS scores (CSV, plain or gzip).
    #[arg(long, value_name = "FILE")]
    pub(crate) epss: Option<PathBuf>,
    /// A feed in its publisher's own format (`signet db feeds` lists them): a file, a directory or an archive; repeatable.
    #[arg(long, value_name = "NAME=PATH", num_args = 1..)]
    pub(crate) feed: Vec<String>,
    /// Also write what was read of the feeds, one record a line of JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) records: Option<PathBuf>,
    /// Where the database is written [default: install it].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Accept data that is older than the installed database's.
    #[arg(long, env = "SIGNET_ALLOW_ROLLBACK")]
    pub(crate) allow_rollback: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbInfoArgs {
    /// A compiled database file, instead of the one that is kept.
    #[arg(long, env = "SIGNET_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// table or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DbSearchArgs {
    /// A vulnerability's id, an alias or a vendor's id; or the name of a package.
    pub(crate) query: String,
    /// Only streams whose name begins so, as `debian 12` or `npm`.
    #[arg(long, value_name = "STREAM", default_value = "")]
    pub(crate) stream: String,
    /// At most so many rows.
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub(crate) limit: usize,
    /// A compiled database file, instead of the one that is kept.
    #[arg(long, env = "SIGNET_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// table or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The registry, HOST[:PORT].
    pub(crate) registry: String,
    /// The user.
    #[arg(short, long, env = "SIGNET_USERNAME")]
    pub(crate) username: Option<String>,
    /// Read the password from standard input. There is no flag for the password itself: others could read it.
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Registries (HOST[:PORT]) that are spoken to without TLS.
    #[arg(long, env = "SIGNET_PLAIN_HTTP", value_name = "HOST", value_delimiter = ',')]
    pub(crate) plain_http: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[arg(long, env = "SIGNET_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep what the demo makes in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogersArgs {
    /// Instead: which catalogers claim these paths.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) claims: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which: report.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// The arguments of another tool's command line, as they are.
#[derive(Debug, Args)]
pub(crate) struct ForeignArgs {
    /// What that tool takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) args: Vec<OsString>,
}

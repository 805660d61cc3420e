//! `signet trivy ...`, and the program started under the name `trivy`: Trivy's flags, outputs and exit codes over our own engine.
//!
//! ```text
//!   args ──▶ target ──▶ inventory ──▶ advisories ──▶ report (Trivy's JSON) ──▶ filter ──▶ render
//!   convert: a report in Trivy's JSON ─────────────────────────────────────────▶ filter ──▶ render
//! ```
//!
//! What Trivy would do and this version cannot is said on standard error and stands in the report as `Unexamined`; it is never passed over.

mod args;
mod config;
mod data;
mod eol;
mod filter;
mod kinds;
mod license;
mod model;
mod remote;
mod render;
mod report;
mod spdx;
mod table;
mod target;
mod template;
mod uid;
mod vex;
mod wire;

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use signet_advisories::{MatchOptions, Owned};
use signet_model::{Finding, Location, SuppressionKind, Timestamp, Unexamined, UnexaminedKind};
use signet_oci_client::Secret;

use self::args::{Cli, Command, Data, Scan, Serve};
use self::filter::Filter;
use self::remote::Server;
use self::target::Target;
use crate::args::Global;
use crate::net::{Access, Login};
use crate::output;
use crate::report::Look;
use crate::settings::Settings;
use crate::source::Examined;

/// Runs Trivy's command line. `global` are Signet's own options, which may stand before `trivy`.
pub(crate) fn command(args: &[OsString], global: &Global) -> ExitCode {
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(err) => {
            // Whether it can be printed changes nothing about what was asked.
            let args::CliError::Usage(err) = err else {
                fatal(&err.into());
                return ExitCode::from(1);
            };
            let _printed = err.print();
            return ExitCode::from(u8::from(err.use_stderr()));
        }
    };
    match run(&cli, global) {
        Ok(code) => ExitCode::from(code),
        Err(err) => {
            fatal(&err);
            ExitCode::from(1)
        }
    }
}

/// Errors look as Trivy's do, so that what greps for them goes on to work.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
fn fatal(err: &anyhow::Error) {
    eprintln!("FATAL\tFatal error\t{err:#}");
}

fn run(cli: &Cli, global: &Global) -> Result<u8> {
    if cli.global.generate_default_config {
        let path = std::path::Path::new(config::GENERATED);
        ensure!(!path.exists(), "`{}` exists already", path.display());
        output::replace(path, config::defaults().as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        return Ok(0);
    }
    let (target, scan) = match &cli.command {
        Command::Image(scan) => (Target::Image, scan),
        Command::Filesystem(scan) => (Target::Filesystem, scan),
        Command::Repository(scan) => (Target::Repository, scan),
        Command::Rootfs(scan) => (Target::Rootfs, scan),
        Command::Sbom(scan) => (Target::Sbom, scan),
        Command::Convert(convert) => {
            let settings = settings(cli, global, false)?;
            let filter = Filter::parse(&convert.report)?;
            let bytes = crate::scan::named_file(&convert.target, "the report")?;
            let report: wire::Report = serde_json::from_slice(&bytes)
                .with_context(|| format!("`{}` is no report in Trivy's JSON", convert.target.display()))?;
            ensure!(
                report.schema_version == 2,
                "`{}` is no report of schema version 2, but {}",
                convert.target.display(),
                report.schema_version
            );
            return finish(report, &filter, &convert.report, &settings);
        }
        Command::Server(serve) => {
            self::serve(serve, cli, global)?;
            return Ok(0);
        }
    };
    let settings = settings(cli, global, scan.data.no_progress)?;
    let filter = Filter::parse(&scan.report)?;
    let report = self::scan(target, scan, cli, &settings)?;
    match report {
        Some(report) => finish(report, &filter, &scan.report, &settings),
        None => Ok(0),
    }
}

/// Our own settings, with Trivy's flags put in and our part of its cache.
fn settings(cli: &Cli, global: &Global, no_progress: bool) -> Result<Settings> {
    let global = Global {
        quiet: global.quiet || cli.global.quiet,
        verbose: global.verbose || cli.global.debug,
        no_progress: global.no_progress || no_progress,
        ..global.clone()
    };
    let mut settings = Settings::gather(&global)?;
    settings.cache = data::cache(&cli.global, &settings)?.join("signet");
    Ok(settings)
}

fn access(args: &Data, cli: &Cli) -> Result<Access> {
    let password = match (&args.password, args.password_stdin) {
        (Some(_), true) => bail!("`--password` and `--password-stdin` cannot be given together"),
        (Some(password), false) => Some(password.clone()),
        (None, true) => {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut std::io::stdin().lock(), &mut text)
                .context("cannot read the password from standard input")?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, false) => None,
    };
    let login = match (&args.username, password) {
        (Some(username), Some(password)) => {
            Some(Login { registries: Vec::new(), username: username.clone(), password: Secret::new(password) })
        }
        (None, None) => None,
        _ => bail!("`--username` and a password belong together"),
    };
    Ok(Access { plain_http: Vec::new(), ca_cert: cli.global.cacert.clone(), insecure: cli.global.insecure, login })
}

/// Reads a report of schema version 2 into what it says.
pub(crate) fn read_report(document: &serde_json::Value, now: Timestamp) -> Result<crate::report::Report> {
    let version = document.get("SchemaVersion").and_then(serde_json::Value::as_u64);
    ensure!(version == Some(2), "there is no `SchemaVersion` 2 in it");
    let report: wire::Report = serde_json::from_value(document.clone())?;
    Ok(model::native(&report, now).report)
}

/// `None`: only the database was wanted.
fn scan(target: Target, args: &Scan, cli: &Cli, settings: &Settings) -> Result<Option<wire::Report>> {
    check_format(&args.report.format)?;
    let access = access(&args.data, cli)?;
    let cache = data::cache(&cli.global, settings)?;
    if args.data.download_db_only || args.download_java_db_only {
        if args.data.download_db_only {
            data::open(&cache, &args.data, &access, settings)?;
        }
        if args.download_java_db_only {
            data::fetch_java(&cache, args, &access, settings)?;
        }
        return Ok(None);
    }
    // An inventory is wanted without findings, unless they are asked for.
    let inventory_format = matches!(args.report.format.as_str(), "cyclonedx" | "spdx-json");
    let Scanners { judged, licenses, missing } = scanners(target, &args.report.scanners, inventory_format)?;
    for name in &missing {
        settings.warn(format!("the scanner `{name}` is not in this version: nothing was looked for by it"));
    }
    let sbom = args.target.as_deref().filter(|_| target == Target::Sbom).map(std::path::Path::new);
    let vex = vex::read(&args.vex, sbom, &cache, args.skip_vex_repo_update, &access, settings)?;
    let server = Server::of(&args.remote, &access, settings)?;
    let here = judged && server.is_none();
    let database = if here { Some(data::open(&cache, &args.data, &access, settings)?) } else { None };
    let mut examined = target::examine(target, args, &access, settings)?;
    if judged {
        data::name_archives(&cache, args, &access, &mut examined.inventory, settings)?;
    }
    target::narrow(target, args, &mut examined.inventory)?;
    // Whoever wants an inventory wants to know the files by their sums.
    let digests = if inventory_format { target::digests(target, args, &examined.inventory)? } else { HashMap::new() };
    let frame = Frame {
        artifact_type: match target {
            Target::Sbom if examined.inventory.packages.iter().any(|package| package.found_by.starts_with("spdx")) => {
                "spdx"
            }
            Target::Sbom => report::artifact_type(&examined.subject, "sbom"),
            Target::Repository => report::artifact_type(&examined.subject, "repo"),
            _ => report::artifact_type(&examined.subject, ""),
        },
        now: settings.now,
        include_dev: args.include_dev_deps || target == Target::Sbom,
        sbom: target == Target::Sbom,
        judged: judged && args.pkg_types.iter().any(|ty| ty == "os"),
        base: args.target.as_deref().filter(|name| std::path::Path::new(name).is_dir()).unwrap_or_default(),
        digests: &digests,
    };
    let mut findings = Vec::new();
    if let Some(opened) = &database {
        let options = MatchOptions {
            severity_sources: args.vuln_severity_source.clone(),
            kernel_headers: true,
            // As Trivy has it: what the system's packages own is theirs, and a module counts whole.
            owned: Owned::Distribution,
            go_unlinked: true,
            ..MatchOptions::default()
        };
        let matched = opened.database()?.match_inventory(&examined.inventory, &options);
        examined.inventory.unexamined.extend(matched.unexamined);
        findings = matched.findings;
        findings
            .retain(|finding| finding.suppressed.as_ref().is_none_or(|reason| reason.kind != SuppressionKind::Owned));
    }
    if let Some(server) = server.as_ref().filter(|_| judged) {
        let bare = report::build(&frame.facts(&examined, &[]));
        let (found, gaps) = remote::findings(server, &bare, &examined.inventory, args, frame.include_dev)?;
        examined.inventory.unexamined.extend(gaps);
        findings = found;
    }
    if judged {
        vex::apply(&vex, &examined.subject, &examined.inventory, &mut findings, settings)?;
    }
    let gaps = missing.iter().map(|name| Unexamined {
        location: Location::default(),
        kind: UnexaminedKind::Missing,
        by: "trivy",
        why: format!("the scanner `{name}` is not in this version"),
    });
    examined.inventory.unexamined.extend(gaps);
    examined.inventory.unexamined.sort();
    examined.inventory.unexamined.dedup();
    let mut report = report::build(&frame.facts(&examined, &findings));
    if let Some(os) = report.metadata.os.as_mut().filter(|_| judged) {
        os.eosl = eol::over(&os.family, &os.name, settings.now);
        if os.eosl {
            let (family, name) = (&os.family, &os.name);
            settings.warn(format!("{family} {name} gets no fixes any more: what is missing in it may not be reported"));
        }
    }
    if licenses {
        license::add(&mut report);
    }
    Ok(Some(report))
}

/// What a report is made with beside what was found.
struct Frame<'a> {
    artifact_type: &'static str,
    now: Timestamp,
    include_dev: bool,
    sbom: bool,
    judged: bool,
    base: &'a str,
    digests: &'a HashMap<String, String>,
}

impl Frame<'_> {
    fn facts<'a>(&'a self, examined: &'a Examined, findings: &'a [Finding]) -> report::Facts<'a> {
        report::Facts {
            subject: &examined.subject,
            inventory: &examined.inventory,
            findings,
            artifact_type: self.artifact_type,
            now: self.now,
            include_dev: self.include_dev,
            sbom: self.sbom,
            judged: self.judged,
            base: self.base,
            digests: self.digests,
        }
    }
}

/// `trivy server`: until it is told to end.
fn serve(args: &Serve, cli: &Cli, global: &Global) -> Result<()> {
    let settings = settings(cli, global, args.data.no_progress)?;
    let access = access(&args.data, cli)?;
    let cache = data::cache(&cli.global, &settings)?;
    let database = data::open(&cache, &args.data, &access, &settings)?;
    if args.data.download_db_only {
        return Ok(());
    }
    let token = args.token.clone().filter(|token| !token.is_empty());
    let again = settings.clone();
    let data = args.data.clone();
    let reopen = move || data::open(&cache, &data, &access, &Settings { now: crate::settings::now(), ..again.clone() });
    remote::serve(remote::Options {
        listen: args.listen.clone(),
        token: token.map(|token| (args.token_header.clone(), token)),
        prefix: args.path_prefix.clone(),
        reopen: (!args.data.skip_db_update && !settings.offline).then(|| Box::new(reopen) as remote::Reopen),
        settings,
        database,
    })
}

/// What is looked for.
#[derive(Default)]
struct Scanners {
    /// Vulnerabilities.
    judged: bool,
    licenses: bool,
    /// Asked for and not there.
    missing: Vec<&'static str>,
}

fn scanners(target: Target, asked: &[String], inventory_format: bool) -> Result<Scanners> {
    let defaults: &[&str] = match target {
        _ if inventory_format => &[],
        Target::Sbom => &["vuln"],
        _ => &["vuln", "secret"],
    };
    let asked: Vec<&str> =
        if asked.is_empty() { defaults.to_vec() } else { asked.iter().map(|name| name.trim()).collect() };
    let mut found = Scanners::default();
    for name in asked {
        match name {
            "vuln" => found.judged = true,
            "license" => found.licenses = true,
            "secret" => found.missing.push("secret"),
            "misconfig" | "config" => found.missing.push("misconfig"),
            "none" | "" => {}
            other => bail!("unknown scanner: `{other}`: vuln, misconfig, secret, license"),
        }
    }
    Ok(found)
}

fn check_format(format: &str) -> Result<()> {
    ensure!(render::FORMATS.contains(&format), "unknown format: `{format}`: {}", render::FORMATS.join(", "));
    Ok(())
}

/// Filters, writes, and gives the exit code.
fn finish(mut report: wire::Report, filter: &Filter, args: &args::Report, settings: &Settings) -> Result<u8> {
    check_format(&args.format)?;
    for warning in &filter.warnings {
        settings.warn(warning);
    }
    filter.apply(&mut report, now(settings));
    if !report.unexamined.is_empty() {
        let count = report.unexamined.len();
        settings.warn(format!("{count} things could not be examined; `--format json` lists them under `Unexamined`"));
    }
    let look = if args.output.is_some() { Look::default() } else { settings.look };
    let table = table::Options::new(args, filter, look)?;
    let bytes = match args.format.as_str() {
        "template" => template::render(&report, args.template.as_deref(), now(settings))?,
        format => render::render(&report, format, &table, now(settings))?,
    };
    if args.template.is_some() && args.format != "template" {
        settings.warn("`--template` is ignored because `--format template` is not given");
    }
    match &args.output {
        Some(path) => {
            output::replace(path, &bytes).with_context(|| format!("cannot write the report `{}`", path.display()))?
        }
        None => output::to_stdout(&bytes)?,
    }
    // The end of a system's life is looked at first, as Trivy does.
    if args.exit_on_eol > 0 && report.metadata.os.as_ref().is_some_and(|os| os.eosl) {
        return Ok(args.exit_on_eol);
    }
    let findings = report.results.iter().any(failed);
    Ok(if findings { args.exit_code } else { 0 })
}

fn now(settings: &Settings) -> Timestamp {
    settings.now
}

/// Whether a result fails the gate: a finding of any kind is left in it. Kinds that we only pass on (`convert`) count too.
fn failed(result: &wire::ResultRow) -> bool {
    let others = |name: &str| result.rest.get(name).and_then(serde_json::Value::as_array);
    let misconfigured = others("Misconfigurations")
        .into_iter()
        .flatten()
        .any(|found| found.get("Status").and_then(serde_json::Value::as_str) != Some("PASS"));
    let listed = ["Secrets", "Licenses"].into_iter().filter_map(others).any(|found| !found.is_empty());
    !result.vulnerabilities.is_empty() || misconfigured || listed
}

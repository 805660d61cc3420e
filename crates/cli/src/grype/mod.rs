//! `signet grype ...`, and the program started under the name `grype`: Grype's flags, configuration, outputs and exit codes over our own engine
//! and our own database.
//!
//! ```text
//!   args ──▶ foreign::source ──▶ inventory ──▶ advisories ──▶ model (Grype's matches) ──▶ rules ──▶ table, JSON, ...
//!   explain: Grype's JSON ──▶ text            db: the native database under Grype's words
//! ```

mod args;
mod data;
mod db;
mod explain;
mod model;
mod rules;
mod search;
mod show;
mod table;
mod wire;
mod words;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_advisories::MatchOptions;
use signet_model::{Distro, Finding, PackageIndex, Presence, SubjectKind, Suppression, SuppressionKind};

use self::args::{Cli, Command, Scan};
use self::model::Facts;
use self::rules::Ready;
use self::wire::{Ignored, Match};
use crate::args::Global;
use crate::foreign::config::Config;
use crate::foreign::outputs::{self, Output};
use crate::foreign::source::{self, Wanted};
use crate::foreign::{self, inventory, version};
use crate::report::{Format, Look, Report};
use crate::settings::Settings;
use crate::suppress;

/// Findings at or above `--fail-on`.
const ABOVE: u8 = 2;

/// Runs Grype's command line. `global` are Signet's own options, which may stand before `grype`.
pub(crate) fn command(args: &[OsString], global: &Global) -> ExitCode {
    let read = || -> Result<_> {
        let config = Config::read("grype", args)?;
        Ok((Cli::read(args, &config)?, config))
    };
    match read() {
        Ok((Ok(cli), config)) => foreign::finish(run(&cli, &config, global)),
        Ok((Err(err), _)) => foreign::help_or_usage(&err),
        Err(err) => foreign::finish(Err(err)),
    }
}

fn run(cli: &Cli, config: &Config, global: &Global) -> Result<u8> {
    let quiet = global.quiet || cli.global.quiet || config.switch("quiet", false)?;
    let verbose = !quiet && (global.verbose || cli.global.verbose > 0);
    let settings = data::settings(config, &Global { quiet, verbose, ..global.clone() })?;
    if let Some(path) = &config.found {
        // It may hold rules that change what a gate sees, and nobody named it.
        settings.say(format!("note: configured by `{}`", path.display()));
    }
    let unknown = config.unknown(args::KEYS, args::OTHER_KEYS);
    if !unknown.is_empty() {
        settings.warn(format!("settings that do nothing in this version: {}", unknown.join(", ")));
    }
    match &cli.command {
        None => scan(&cli.scan, config, &settings),
        Some(Command::Db(command)) => db::command(command, config, &settings),
        Some(Command::Explain(wanted)) => explain::command(&wanted.id),
        Some(Command::Config(_)) => show::command(&cli.scan, config),
        Some(Command::Version(wanted)) => version::command("grype", &wanted.output),
    }
}

/// What `-o` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    /// A Go template over Grype's JSON.
    Template,
    Native(Format),
}

impl Form {
    fn parse(name: &str) -> Result<Form> {
        Ok(match name {
            "table" => Form::Table,
            "json" => Form::Json,
            "cyclonedx-json" => Form::Native(Format::CycloneDxJson),
            "sarif" => Form::Native(Format::Sarif),
            "cyclonedx" | "cyclonedx-xml" => Form::Native(Format::Sbom(signet_sbom::Target::CycloneDxXml(6))),
            "template" => Form::Template,
            other => {
                bail!("unsupported output format `{other}`: table, json, cyclonedx, cyclonedx-json, sarif, template")
            }
        })
    }
}

fn scan(args: &Scan, config: &Config, settings: &Settings) -> Result<u8> {
    let outputs: Vec<(Output, Form)> = outputs::parse(&args.output, args.file.as_deref(), "table")?
        .into_iter()
        .map(|output| Form::parse(&output.format).map(|form| (output, form)))
        .collect::<Result<_>>()?;
    let fail_on = match args.fail_on.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match words::rank(text) {
            Some(rank) if rank > 0 => Some((text, rank)),
            _ => bail!("bad --fail-on severity value '{text}': negligible, low, medium, high, critical"),
        },
    };
    table::sort(&mut [], &args.sort_by)?;
    let (rules, remarks) =
        rules::gather(config.node("ignore"), args.only_fixed, args.only_notfixed, &args.ignore_states)?;
    remarks.iter().for_each(|remark| settings.warn(remark));
    let distro = args.distro.as_deref().filter(|text| !text.is_empty()).map(self::distro).transpose()?;
    let vex = suppress::Files::vex(&args.vex)?;
    let source = source_of(args)?;
    let wanted = Wanted {
        access: source::access(config, &source)?,
        source,
        from: args.from.clone(),
        first: config.text("default-image-pull-source")?,
        platform: args.platform.clone(),
        exclude: args.exclude.clone(),
        sboms: true,
        scope: source::scope(&args.scope)?,
    };
    let opened = data::open(config, settings)?;

    let mut examined = source::examine(&wanted, settings)?;
    if examined.subject.kind == SubjectKind::Image {
        // Of an image, what is there counts and not what a lock file promises.
        let found = &mut examined.inventory;
        let keep: Vec<bool> = found.packages.iter().map(|package| package.presence == Presence::Installed).collect();
        inventory::retain(found, &keep);
    }
    if let Some(name) = &args.name {
        examined.subject.name = name.clone();
    }
    if let Some(distro) = distro {
        examined.inventory.distro = Some(distro);
    }
    let guessed = if args.add_cpes_if_none { model::add_cpes(&mut examined.inventory) } else { HashSet::new() };
    let options = MatchOptions {
        kernel_headers: config.switch("match-upstream-kernel-headers", false)?,
        ..MatchOptions::default()
    };
    let database = opened.database()?;
    let mut failed = Ok(());
    let mut report = crate::scan::matched(examined, &opened, options, settings, |examined, findings| {
        model::mark_guessed(findings, &guessed);
        if args.by_cve {
            failed = findings.iter_mut().try_for_each(|finding| model::by_cve(finding, &database));
        } else {
            findings.iter_mut().for_each(|finding| model::by_advisory(finding, &examined.inventory));
        }
        vex.apply(&examined.subject, &examined.inventory, findings, settings)
    })?;
    failed?;
    for note in &report.notes {
        settings.detail(note);
    }

    let words = model::inventory(&report)?;
    let facts = Facts { report: &report, inventory: &words, database: &database };
    let (mut matches, ignored, hidden) = judge(&facts, &rules)?;
    for (place, suppression) in hidden {
        if let Some(finding) = report.findings.get_mut(place) {
            finding.suppressed = Some(suppression);
        }
    }
    table::sort(&mut matches, &args.sort_by)?;

    let above = fail_on.filter(|(_, least)| {
        matches.iter().any(|found| words::rank(&found.vulnerability.metadata.severity).unwrap_or(0) >= *least)
    });
    let unexamined = report.inventory.unexamined.len();
    write(&outputs, args, matches, ignored, &report, words, settings)?;
    if unexamined > 0 {
        settings
            .warn(format!("{unexamined} things could not be examined; `-o json` lists them under `signet:unexamined`"));
    }
    match above {
        Some((severity, _)) => {
            fail(severity);
            Ok(ABOVE)
        }
        None => Ok(0),
    }
}

/// Grype's last words before the exit code, which scripts grep for.
#[allow(clippy::print_stderr, reason = "the edge, where errors are printed")]
fn fail(severity: &str) {
    eprintln!("[0000] ERROR discovered vulnerabilities at or above the severity threshold: {severity}");
}

/// Without a source, an SBOM comes from standard input.
fn source_of(args: &Scan) -> Result<String> {
    match &args.source {
        Some(source) if source == "-" || source == "stdin" => Ok("sbom:-".to_owned()),
        Some(source) if !source.is_empty() => Ok(source.clone()),
        _ if !std::io::stdin().is_terminal() => Ok("sbom:-".to_owned()),
        _ => bail!("an image/directory argument is required: `grype --help` shows what it may be"),
    }
}

/// `NAME:VERSION[+CHANNEL]`, also with `@` or `-` as the separator.
fn distro(text: &str) -> Result<Distro> {
    let (name, version) = text.split_once([':', '@']).or_else(|| text.rsplit_once('-')).unwrap_or((text, ""));
    let (version, channel) = version.split_once('+').unwrap_or((version, ""));
    if name.is_empty() {
        bail!("`{text}` names no distribution: NAME:VERSION, as in `debian:12`");
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Distro { id: name.to_ascii_lowercase(), version_id: some(version), channel: some(channel), ..Distro::default() })
}

/// What is reported, what is not and why, and which findings (by place) the rules took out.
type Judged = (Vec<Match>, Vec<Ignored>, Vec<(usize, Suppression)>);

fn judge(facts: &Facts<'_>, rules: &[Ready]) -> Result<Judged> {
    let mut matches = Vec::new();
    let mut ignored = Vec::new();
    let mut hidden = Vec::new();
    let mut seen: HashSet<(String, PackageIndex)> = HashSet::new();
    for (place, finding) in facts.report.findings.iter().enumerate() {
        let found = facts.found(finding)?;
        if let Some(why) = &finding.suppressed {
            ignored.push(Ignored { found, applied_ignore_rules: vec![reason(finding, why)] });
            continue;
        }
        let mut applied = Vec::new();
        for ready in rules.iter().filter(|ready| ready.covers(&found, finding.malicious)) {
            applied.push(serde_json::to_value(&ready.rule)?);
            if applied.len() == 1 {
                let statement = Some(ready.rule.reason.clone()).filter(|reason| !reason.is_empty());
                let why = Suppression {
                    kind: SuppressionKind::Filter,
                    source: "ignore".to_owned(),
                    status: "ignored".to_owned(),
                    statement,
                };
                hidden.push((place, why));
            }
        }
        if !applied.is_empty() {
            ignored.push(Ignored { found, applied_ignore_rules: applied });
        } else if seen.insert((finding.vulnerability.id.clone(), finding.package)) {
            matches.push(found);
        }
    }
    Ok((matches, ignored, hidden))
}

/// A suppression that no rule made, as a rule.
fn reason(finding: &Finding, why: &Suppression) -> Value {
    let statement = why.statement.clone().unwrap_or_else(|| why.source.clone());
    match why.kind {
        SuppressionKind::Vex => json!({
            "vulnerability": finding.vulnerability.id,
            "namespace": "vex",
            "vex-status": why.status,
            "reason": statement,
        }),
        kind => json!({ "vulnerability": finding.vulnerability.id, "reason": format!("{}: {statement}", kind.name()) }),
    }
}

fn write(
    outputs: &[(Output, Form)],
    args: &Scan,
    matches: Vec<Match>,
    ignored: Vec<Ignored>,
    report: &Report,
    words: model::Inventory,
    settings: &Settings,
) -> Result<()> {
    let unexamined =
        report.inventory.unexamined.iter().map(
            |gap| json!({ "path": gap.location.to_string(), "kind": gap.kind.name(), "by": gap.by, "why": gap.why }),
        );
    let place = crate::database::place(settings).display().to_string();
    let descriptor =
        model::descriptor(report.database.as_ref(), &place, show::configuration(args), &settings.now.to_string());
    let document = wire::Document {
        matches,
        ignored_matches: ignored,
        source: Some(words.source),
        distro: words.distro,
        descriptor,
        unexamined: unexamined.collect(),
    };
    // All of them, before the first is written: either everything is there or nothing is.
    let mut rendered = Vec::new();
    for (output, form) in outputs {
        let bytes = match form {
            Form::Table => {
                let shown: &[Ignored] = if args.show_suppressed { &document.ignored_matches } else { &[] };
                table::render(&document.matches, shown).into_bytes()
            }
            Form::Json => {
                let mut bytes = serde_json::to_vec_pretty(&document)?;
                bytes.push(b'\n');
                bytes
            }
            Form::Template => {
                let path = args.template.as_deref().context("`-o template` needs `-t FILE`")?;
                let template = crate::scan::template_file(path)?;
                let context =
                    crate::template::Context { now: report.now, app_version: env!("CARGO_PKG_VERSION"), env: &[] };
                template.render(&serde_json::to_value(&document)?, &context)?.into_bytes()
            }
            Form::Native(format) => report.render(*format, Look::default())?,
        };
        rendered.push((output, bytes));
    }
    for (output, bytes) in rendered {
        outputs::write(output, &bytes)?;
    }
    Ok(())
}

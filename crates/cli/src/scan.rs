//! `signet scan`: examine, match, judge, report.

use anyhow::{Context as _, Result};
use signet_advisories::{MatchOptions, Owned};
use signet_model::{Distro, Finding, SuppressionKind, Unexamined, UnexaminedKind};

use crate::args::{SbomArgs, ScanArgs};
use crate::baseline;
use crate::database;
use crate::exit::Exit;
use crate::explain;
use crate::gate::{Filters, Threshold, judge};
use crate::licences;
use crate::output::{self, Output};
use crate::report::{DatabaseInfo, Format, Report, Views};
use crate::settings::Settings;
use crate::sign::scanned;
use crate::source::{self, Examined};
use crate::suppress;
use crate::template::Template;
use crate::usage;
use crate::vex::{Hub, Vex};

/// What a scan can look for. Each lands with its room; asking for one that has not is a wrong use of this version.
const SCANNERS: &[&str] = &["vuln", "license"];
/// Scanners that are planned, so that asking for them is told apart from a slip of the finger.
const PLANNED: &[&str] = &["secret", "misconfig"];

/// `signet sbom`.
pub(crate) fn sbom(args: &SbomArgs, settings: &Settings) -> Result<Exit> {
    if let Some(command) = &args.command {
        return crate::sbom::command(command, settings);
    }
    let Some(source) = &args.source else {
        return Err(usage(anyhow::anyhow!("`signet sbom` needs a SOURCE")));
    };
    let outputs = Output::parse(&args.output, Format::SBOM).map_err(usage)?;
    scanned::check(&args.result, source)?;
    let examined = source::examine(source, settings)?;
    let report = report(examined, Vec::new(), None, settings);
    output::write(&report, &outputs, settings)?;
    // The first SBOM format that was asked for is the one that is sealed.
    let spdx = outputs.iter().find_map(|output| match output.format {
        Format::SpdxJson => Some(true),
        Format::CycloneDxJson => Some(false),
        _ => None,
    });
    let (kind, format) =
        if spdx == Some(true) { ("spdxjson", Format::SpdxJson) } else { ("cyclonedx", Format::CycloneDxJson) };
    scanned::seal(&args.result, source, &report, kind, format, settings)?;
    Ok(completeness(&report, source.allow_incomplete, settings))
}

/// `signet scan`.
pub(crate) fn scan(args: &ScanArgs, settings: &Settings) -> Result<Exit> {
    let outputs = Output::parse(&args.output, Format::SCAN).map_err(usage)?;
    scanners(&args.scanners)?;
    let asks = |name: &str| args.scanners.iter().any(|scanner| scanner == name);
    if !asks("vuln") {
        return Err(usage(anyhow::anyhow!(
            "`--scanners` needs `vuln`: `signet sbom` lists packages and their licences"
        )));
    }
    let template = template(args.template.as_deref(), &outputs)?;
    let licences =
        licences::Rules::parse(&args.license_deny, &args.ignored_licenses, asks("license")).map_err(usage)?;
    let filters = Filters::parse(&args.severity, args.ignore_unfixed, &args.ignore_status).map_err(usage)?;
    let threshold = args.fail_on.as_deref().map(Threshold::parse).transpose().map_err(usage)?;
    let policy = args.policy.as_deref().map(crate::gate::policy).transpose()?;
    source::is_there(&args.source)?;
    scanned::check(&args.result, &args.source)?;
    let vex = Vex::read(&args.vex, &Hub::native(settings), &source::access(&args.source), settings)?;
    let ignores = suppress::Files::read(args.ignorefile.as_deref(), vex, settings)?;
    let opened = database::for_scan(&args.database, settings)?;

    let (mut examined, base) = source::examine_with_base(&args.source, args.base.as_deref(), settings)?;
    if let Some(text) = &args.distro {
        examined.inventory.distro = Some(distro(text).map_err(usage)?);
    }
    let kept = database::java::place(&settings.cache);
    database::java::name_archives(&mut examined.inventory, args.database.java_db.as_deref(), &kept, settings)?;
    let options = MatchOptions {
        cleared: args.show_suppressed || args.explain.is_some(),
        ended_by_product: args.ended_by_cpe,
        main_pseudo_versions: args.go_main_pseudo_versions,
        go_unlinked: args.go_unlinked,
        owned: owned(&args.owned),
        ..MatchOptions::default()
    };
    let mut report = matched(examined, &opened, options, settings, |examined, findings| {
        let remarks = ignores.apply(&examined.subject, &examined.inventory, findings, settings)?;
        filters.apply(findings);
        Ok(remarks)
    })?;
    report.views.base = base;
    report.views.template = template;
    if let Some(path) = &args.baseline {
        baseline::apply(&mut report, path)?;
    }
    let mut exit = Exit::Well;
    if asks("license") {
        report.views.licences = Some(licences.apply(&report.inventory, filters.severities()));
        if licences::denied(&report) > 0 {
            exit = exit.worse(Exit::Findings);
        }
    }
    if let Some(policy) = &policy {
        let decision = judge(policy, &report, settings.now);
        if decision.verdict == signet_model::Verdict::Deny {
            exit = exit.worse(Exit::Denied);
        }
        report.decision = Some(decision);
    }
    if let Some(threshold) = &threshold {
        let hits = threshold.hits(&report, settings.now);
        if !hits.is_empty() {
            exit = exit.worse(Exit::Findings);
        }
        report.threshold = Some((threshold.source().to_owned(), hits));
    }
    if let Some(id) = &args.explain {
        output::to_stdout(explain::text(id, &report, &opened.database()?)?.as_bytes())?;
        if !args.show_suppressed {
            let cleared = |finding: &Finding| {
                finding.suppressed.as_ref().is_some_and(|why| why.kind == SuppressionKind::Advisory)
            };
            report.findings.retain(|finding| !cleared(finding));
        }
    }
    if args.explain.is_none() || !args.output.is_empty() {
        output::write(&report, &outputs, settings)?;
    }
    scanned::seal(&args.result, &args.source, &report, "vuln", Format::CosignVuln, settings)?;
    Ok(exit.worse(completeness(&report, args.source.allow_incomplete, settings)))
}

/// What the database says of what was examined. `suppress` marks what the user does not want to see and gives remarks for the reader.
pub(crate) fn matched(
    mut examined: Examined,
    opened: &database::Opened,
    options: MatchOptions,
    settings: &Settings,
    suppress: impl FnOnce(&Examined, &mut Vec<Finding>) -> Result<Vec<String>>,
) -> Result<Report> {
    let database = opened.database()?;
    let options = MatchOptions { now: Some(settings.now), ..options };
    let matched = database.match_inventory(&examined.inventory, &options);
    examined.inventory.unexamined.extend(matched.unexamined);
    examined.inventory.unexamined.extend(opened.unexamined());
    examined.inventory.unexamined.sort();
    examined.inventory.unexamined.dedup();
    let mut findings = matched.findings;
    let mut notes = opened.notes.clone();
    notes.extend(without_feed(&matched.without_feed));
    notes.extend(matched.ended.map(|end| {
        format!(
            "the distribution's release ended on {}: nobody repairs its packages any more",
            end.strftime("%Y-%m-%d")
        )
    }));
    notes.extend(suppress(&examined, &mut findings)?);
    worst_first(&mut findings, &examined);
    let mut report = report(examined, findings, Some(opened.info()?), settings);
    report.notes.extend(notes);
    Ok(report)
}

/// The flag `--owned`, whose words the flag table knows.
fn owned(text: &str) -> Owned {
    match text {
        "distribution" => Owned::Distribution,
        "stated" => Owned::Stated,
        "ecosystem" => Owned::Ecosystem,
        _ => Owned::Auto,
    }
}

/// `NAME:VERSION[+CHANNEL]`.
fn distro(text: &str) -> Result<Distro> {
    let (name, version) = text.split_once([':', '@']).unwrap_or((text, ""));
    let (version, channel) = version.split_once('+').unwrap_or((version, ""));
    anyhow::ensure!(!name.is_empty(), "`{text}` names no distribution: NAME:VERSION, as in `debian:12`");
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Distro { id: name.to_ascii_lowercase(), version_id: some(version), channel: some(channel), ..Distro::default() })
}

/// Packages that nobody publishes advisories for: no finding about them is no sign of health, so the reader is told.
fn without_feed(kinds: &std::collections::BTreeMap<signet_model::PackageKind, u32>) -> Option<String> {
    let listed: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} of kind `{}`", kind.name())).collect();
    (!listed.is_empty())
        .then(|| format!("packages that no feed speaks of, so nothing is known about them: {}", listed.join(", ")))
}

/// Reads `--template`, before anything is examined: a template that cannot be read is told at once.
fn template(wanted: Option<&str>, outputs: &[Output]) -> Result<Option<Template>> {
    let asked = outputs.iter().any(|output| output.format == Format::Template);
    let Some(wanted) = wanted else {
        return match asked {
            true => Err(usage(anyhow::anyhow!("`--output template` needs `--template FILE`"))),
            false => Ok(None),
        };
    };
    if !asked {
        return Err(usage(anyhow::anyhow!("`--template` needs `--output template`")));
    }
    Ok(Some(if wanted.contains("{{") {
        Template::parse("--template", wanted)?
    } else {
        // `@FILE` is how Trivy has it.
        template_file(std::path::Path::new(wanted.strip_prefix('@').unwrap_or(wanted)))?
    }))
}

/// Reads a template that a user named.
pub(crate) fn template_file(path: &std::path::Path) -> Result<Template> {
    let text = String::from_utf8(named_file(path, "the template")?)
        .with_context(|| format!("the template `{}` is no UTF-8 text", path.display()))?;
    Ok(Template::parse(&path.display().to_string(), &text)?)
}

fn scanners(asked: &[String]) -> Result<()> {
    for scanner in asked {
        if PLANNED.contains(&scanner.as_str()) {
            return Err(usage(anyhow::anyhow!(
                "the scanner `{scanner}` is not in this version: {}",
                SCANNERS.join(", ")
            )));
        }
        if !SCANNERS.contains(&scanner.as_str()) {
            return Err(usage(anyhow::anyhow!("there is no scanner `{scanner}`: {}", SCANNERS.join(", "))));
        }
    }
    Ok(())
}

/// What was examined and judged as one value; `database` is `None` where nothing was judged.
pub(crate) fn report(
    examined: Examined,
    findings: Vec<Finding>,
    database: Option<DatabaseInfo>,
    settings: &Settings,
) -> Report {
    let mut inventory = examined.inventory;
    // A package without a version can be matched with nothing; that must be seen, or it would pass for clean.
    let versionless: Vec<Unexamined> = inventory
        .packages
        .iter()
        .filter(|package| {
            database.is_some() && package.version.is_empty() && package.directness != signet_model::Directness::Root
        })
        .map(|package| Unexamined {
            location: package.locations.first().cloned().unwrap_or_default(),
            kind: UnexaminedKind::Unresolved,
            by: "advisories",
            why: format!("`{}` has no version, so no advisory can be matched", package.name),
        })
        .collect();
    inventory.unexamined.extend(versionless);
    inventory.unexamined.sort();
    inventory.unexamined.dedup();
    Report {
        subject: examined.subject,
        inventory,
        findings,
        judged: database.is_some(),
        database,
        decision: None,
        threshold: None,
        notes: examined.notes,
        created: settings.fixed_time,
        now: settings.now,
        views: Views::default(),
    }
}

/// Worst severity first; within it what is known to be exploited, then by name, so that the order is the same every time.
fn worst_first(findings: &mut [Finding], examined: &Examined) {
    let name = |finding: &Finding| {
        examined.inventory.packages.get(finding.package.get()).map(|package| package.name.as_str()).unwrap_or_default()
    };
    findings.sort_by(|a, b| {
        (b.severity, b.malicious, b.vulnerability.kev.is_some())
            .cmp(&(a.severity, a.malicious, a.vulnerability.kev.is_some()))
            .then_with(|| name(a).cmp(name(b)))
            .then_with(|| a.vulnerability.id.cmp(&b.vulnerability.id))
            .then_with(|| a.package.cmp(&b.package))
    });
}

/// What the unexamined come to. Nothing found is no failure, but the reader is told.
pub(crate) fn completeness(report: &Report, allow_incomplete: bool, settings: &Settings) -> Exit {
    let unexamined = report.inventory.unexamined.len();
    if report.inventory.packages.is_empty() && unexamined == 0 {
        settings.say("note: no packages were found");
    }
    match (unexamined, allow_incomplete) {
        (0, _) => Exit::Well,
        (count, true) => {
            let places = if count == 1 { "place" } else { "places" };
            settings.warn(format!("{count} {places} could not be examined"));
            Exit::Well
        }
        (_, false) => Exit::Incomplete,
    }
}

/// Reads a file that the user named.
pub(crate) fn named_file(path: &std::path::Path, what: &str) -> Result<Vec<u8>> {
    anyhow::ensure!(!path.is_dir(), "`{}` is a directory, and {what} is a file", path.display());
    std::fs::read(path).with_context(|| format!("cannot read {what} `{}`", path.display()))
}

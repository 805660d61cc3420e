//! `signet syft ...`, and the program started under the name `syft`: Syft's flags, configuration, outputs and exit codes over our own engine.
//!
//! ```text
//!   args ──▶ foreign::source ──▶ inventory ──▶ select ──▶ render ──▶ foreign::outputs
//!   convert: an SBOM ─────────────────────────────────▶ render ──▶ foreign::outputs
//! ```

mod args;
mod describe;
mod render;
mod select;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use signet_model::SubjectKind;

use self::args::{Cli, Command, Report as ReportArgs, Scan};
use self::describe::Described;
use self::render::Format;
use crate::args::{Global, LoginArgs};
use crate::foreign::config::Config;
use crate::foreign::outputs::{self, Output};
use crate::foreign::source::{self, Wanted};
use crate::foreign::{self, version};
use crate::settings::Settings;
use crate::template::Template;

/// Runs Syft's command line. `global` are Signet's own options, which may stand before `syft`.
pub(crate) fn command(args: &[OsString], global: &Global) -> ExitCode {
    let read = || -> Result<_> {
        let config = Config::read("syft", args)?;
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
    let settings = Settings::gather(&Global { quiet, verbose, ..global.clone() })?;
    if let Some(path) = &config.found {
        settings.detail(format!("configuration: `{}`", path.display()));
    }
    let unknown = config.unknown(args::KEYS, args::OTHER_KEYS);
    if !unknown.is_empty() {
        settings.warn(format!("settings that do nothing in this version: {}", unknown.join(", ")));
    }
    match &cli.command {
        None => scan(&cli.scan, config, &settings),
        Some(Command::Scan(scan)) => self::scan(scan, config, &settings),
        Some(Command::Convert(convert)) => {
            let outputs = formats(&convert.report)?;
            let template = template(&convert.report)?;
            let args = crate::args::SourceArgs {
                source: format!("sbom:{}", convert.document.display()),
                platform: None,
                plain_http: Vec::new(),
                ca_cert: None,
                skip_dirs: Vec::new(),
                lazy: false,
                no_cache: true,
                allow_incomplete: true,
                skip_files: Vec::new(),
                insecure: false,
                login: None,
                scope: crate::pipeline::Scope::Squashed,
            };
            let examined = crate::source::examine(&args, &settings)?;
            write(
                &crate::scan::report(examined, Vec::new(), None, &settings),
                &outputs,
                &Described::default(),
                template.as_ref(),
            )?;
            Ok(0)
        }
        Some(Command::Cataloger(args::Cataloger::List(list))) => select::list(&list.output),
        Some(Command::Attest(_)) => bail!(
            "`syft attest` is not in this version: write the SBOM with `syft SOURCE -o FORMAT=FILE` and let your signing tool attest it"
        ),
        Some(Command::Login(login)) => self::login(login, &settings),
        Some(Command::Version(wanted)) => version::command("syft", &wanted.output),
    }
}

fn scan(args: &Scan, config: &Config, settings: &Settings) -> Result<u8> {
    let Some(source) = &args.source else {
        bail!("an image/directory argument is required: `syft --help` shows what it may be");
    };
    let outputs = formats(&args.report)?;
    let template = template(&args.report)?;
    let selection = select::Selection::parse(&args.override_default_catalogers, &args.select_catalogers)?;
    if !args.enrich.is_empty() && args.enrich != ["none"] {
        bail!("`--enrich` is not in this version: nothing is asked of package registries");
    }
    let described = Described {
        name: args.source_name.clone(),
        version: args.source_version.clone(),
        supplier: args.source_supplier.clone(),
    };
    described.check(&outputs)?;
    let first = match config.text("source.image.default-pull-source")? {
        Some(first) => Some(first),
        None => config.text("default-image-pull-source")?,
    };
    let wanted = Wanted {
        source: source.clone(),
        from: args.from.clone(),
        first,
        platform: args.platform.clone(),
        exclude: args.exclude.clone(),
        access: source::access(config, source)?,
        sboms: false,
        scope: source::scope(&args.scope)?,
    };
    let mut examined = source::examine(&wanted, settings)?;
    let image = examined.subject.kind == SubjectKind::Image;
    selection.apply(&mut examined.inventory, image);
    if let Some(base) = &args.base_path {
        describe::rebase(&mut examined, source, base)?;
    }
    if let Some(name) = &described.name {
        examined.subject.name = name.clone();
    }
    let unexamined = examined.inventory.unexamined.len();
    let report = crate::scan::report(examined, Vec::new(), None, settings);
    write(&report, &outputs, &described, template.as_ref())?;
    if unexamined > 0 {
        settings.warn(format!(
            "{unexamined} things could not be examined; `-o syft-json` lists them as `unknowns` of `files`"
        ));
    }
    Ok(0)
}

/// The formats, before any work is done.
fn formats(args: &ReportArgs) -> Result<Vec<(Output, Format)>> {
    let outputs = outputs::parse(&args.output, args.file.as_deref(), "syft-table")?;
    outputs.into_iter().map(|output| Format::parse(&output.format).map(|format| (output, format))).collect()
}

/// The template of the format `template`.
fn template(args: &ReportArgs) -> Result<Option<Template>> {
    args.template.as_deref().map(crate::scan::template_file).transpose()
}

fn write(
    report: &crate::report::Report,
    outputs: &[(Output, Format)],
    described: &Described,
    template: Option<&Template>,
) -> Result<()> {
    // All of them, before the first is written: either everything is there or nothing is.
    let mut rendered = Vec::new();
    for (output, format) in outputs {
        rendered.push((output, described.put(*format, format.render(report, template)?)?));
    }
    for (output, bytes) in rendered {
        outputs::write(output, &bytes)?;
    }
    Ok(())
}

fn login(args: &args::Login, settings: &Settings) -> Result<u8> {
    let wanted = LoginArgs {
        registry: args.registry.clone(),
        username: args.username.clone(),
        password_stdin: args.password_stdin,
        plain_http: Vec::new(),
        ca_cert: None,
    };
    match &args.password {
        Some(_) if args.password_stdin => bail!("`--password` and `--password-stdin` cannot be given together"),
        Some(password) => crate::login::with_password(&wanted, password, settings)?,
        None => crate::login::command(&wanted, settings)?,
    };
    Ok(0)
}

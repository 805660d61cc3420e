//! The advisory database on this machine: where it lies, how it is opened, built and replaced.
//!
//! It is one file. A new one is written beside it, its digest is checked over all of it, and it takes the old one's place by a rename: readers never
//! wait and never see a half. Data older than what is installed is refused unless rollback was allowed.

mod artifact;
pub(crate) mod feeds;
mod files;
pub(crate) mod grype;
mod inputs;
pub(crate) mod java;
mod origin;
mod osv_files;
mod publish;
mod record_json;
mod sample;
mod search;
mod segments;
mod trivy_archive;
mod unpack;
mod update;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use signet_advisories::feeds::{epss, grype_db, kev, trivy_db};
use signet_advisories::{BuildReport, Builder, Database, Feed, Trust};
use signet_model::{Location, Unexamined, UnexaminedKind};
use signet_sources::MappedFile;

use crate::args::{DatabaseArgs, DbBuildArgs, DbInfoArgs};
use crate::exit::Exit;
use crate::output;
use crate::report::{DatabaseInfo, FeedInfo};
use crate::settings::Settings;

use inputs::Content;
use origin::Origin;
use segments::{Made, Segments};

pub(crate) use artifact::{apply_command, diff_command, export_command, import_command, pull_command, push_command};
pub(crate) use search::search_command;
pub(crate) use update::{Wanted, update, update_command};

/// The name that stands for the sample in the program.
pub(crate) const SAMPLE: &str = "builtin:sample";

/// Seconds after which an installed database is fetched anew before a scan: feeds are published every six hours.
pub(crate) const FRESH: i64 = 24 * 3600;

/// The bytes of a database: a map of a file, or the sample.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// A file; its pages are shared with every other reader on the machine.
    Mapped(MappedFile),
    /// Compiled when it was asked for.
    Owned(Vec<u8>),
}

/// A database and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Opened {
    bytes: Bytes,
    /// Remarks for the reader of a report.
    pub(crate) notes: Vec<String>,
    /// It is older than a scan wants, could not be refreshed, and nobody said that this is all right (`--skip-db-update`).
    outdated: bool,
    /// Where it came from, if it was not built here.
    origin: Option<Origin>,
}

impl Opened {
    /// What a scan with it could not look at: whatever was published since an outdated one was made.
    pub(crate) fn unexamined(&self) -> Option<Unexamined> {
        self.outdated.then(|| Unexamined {
            location: Location::of_path("advisory database"),
            kind: UnexaminedKind::Missing,
            by: "advisories",
            why: "the advisory database is outdated, and what was published since is not in it; `--skip-db-update` accepts it as it is"
                .to_owned(),
        })
    }

    /// The database.
    pub(crate) fn database(&self) -> Result<Database<'_>> {
        let bytes: &[u8] = match &self.bytes {
            Bytes::Mapped(file) => file,
            Bytes::Owned(bytes) => bytes,
        };
        Ok(Database::open(bytes)?)
    }

    /// What reports say of it.
    pub(crate) fn info(&self) -> Result<DatabaseInfo> {
        info(&self.database()?, self.origin.as_ref())
    }
}

fn info(database: &Database<'_>, origin: Option<&Origin>) -> Result<DatabaseInfo> {
    let feeds: Vec<FeedInfo> = database
        .feeds()?
        .into_iter()
        .map(|mut feed| {
            if let Some(origin) = origin {
                feed.trust = origin.weaken(feed.trust);
            }
            feed
        })
        .map(|feed| FeedInfo {
            trust: feed.trust.name(),
            trust_detail: feed.trust.detail().to_owned(),
            name: feed.name,
            url: feed.url,
            data_time: feed.data_time,
            licence: feed.licence,
            redistributable: feed.redistributable,
            attribution: feed.attribution,
        })
        .collect();
    Ok(DatabaseInfo { digest: database.digest(), built: feeds.iter().filter_map(|feed| feed.data_time).min(), feeds })
}

/// Where the installed database lies.
pub(crate) fn place(settings: &Settings) -> PathBuf {
    settings.cache.join("db/advisories.db")
}

/// The database that a scan uses: the one asked for, else the installed one, fetched first when there is none or it is old.
pub(crate) fn for_scan(args: &DatabaseArgs, settings: &Settings) -> Result<Opened> {
    for_scan_of(args, &Wanted::default(), settings)
}

/// As [`for_scan`], with what is fetched.
pub(crate) fn for_scan_of(args: &DatabaseArgs, wanted: &Wanted, settings: &Settings) -> Result<Opened> {
    if let Some(path) = &args.db {
        if path.as_os_str() == SAMPLE {
            return sample();
        }
        let hinted = |err: anyhow::Error| {
            crate::hint(
                err,
                "`signet db build` compiles one from files, and `signet db update` fetches what is published",
            )
        };
        let opened =
            open(path).with_context(|| format!("cannot use the database `{}`", path.display())).map_err(hinted)?;
        if path.canonicalize().ok() != place(settings).canonicalize().ok() {
            // Nobody has installed this file, so nobody has checked it: a flipped bit in a table would be an advisory less.
            let checked = opened.database().and_then(|database| Ok(database.verify()?));
            checked.with_context(|| format!("cannot use the database `{}`", path.display()))?;
        }
        return Ok(opened);
    }
    let path = place(settings);
    let installed = if path.exists() { Some(open(&path)) } else { None };
    let age = |opened: &Opened| -> Result<Option<i64>> {
        Ok(opened.info()?.built.map(|built| settings.now.as_second() - built.as_second()))
    };
    match installed {
        Some(Ok(mut opened)) => {
            let age = age(&opened)?;
            // A date in the future is no date: else one bad feed would stop all updates.
            let old = age.is_none_or(|age| !(-FRESH..=FRESH).contains(&age));
            if !old || args.skip_db_update || settings.offline {
                if old {
                    opened.notes.push(stale(age));
                    opened.outdated = !args.skip_db_update;
                }
                return Ok(opened);
            }
            match update(wanted, settings) {
                Ok(()) => open(&path),
                Err(err) => {
                    // The last good one serves on; the reader is told how old it is.
                    settings.warn(format!("the advisory database could not be refreshed: {err:#}"));
                    opened.notes.push(stale(age));
                    opened.outdated = true;
                    Ok(opened)
                }
            }
        }
        Some(Err(err)) if args.skip_db_update || settings.offline => Err(err).with_context(|| {
            format!("the installed database `{}` cannot be used; `signet db update` replaces it", path.display())
        }),
        _ if settings.offline => Err(crate::hint(
            anyhow!("there is no advisory database, and the network is forbidden"),
            "bring one by file with `signet db build`, or give `--db FILE`; `--db builtin:sample` is for a first look",
        )),
        _ if args.skip_db_update => Err(crate::hint(
            anyhow!("there is no advisory database, and `--skip-db-update` forbids to fetch one"),
            "`signet db update` fetches it",
        )),
        _ => {
            settings.say("fetching the advisory database (first run)");
            update(wanted, settings).context("there is no advisory database, and it cannot be fetched")?;
            open(&path)
        }
    }
}

/// The sample that is in the program, with the remark that it is one.
pub(crate) fn sample() -> Result<Opened> {
    let note =
        "ONLY the built-in sample of advisories was used: what it does not report says nothing about this subject";
    Ok(Opened { bytes: Bytes::Owned(sample::compile()?), notes: vec![note.to_owned()], outdated: false, origin: None })
}

fn stale(age: Option<i64>) -> String {
    match age {
        Some(seconds) => format!("the advisory database is {} days old", seconds / 86_400),
        None => "the age of the advisory database is not known".to_owned(),
    }
}

/// Opens a database file. What it holds was verified when it was installed, and every access is checked against its bounds.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    let bytes = MappedFile::open(path)?;
    let database = Database::open(&bytes)?;
    let origin = Origin::read(path, &database.digest());
    let absent: Vec<String> =
        database.left_out()?.iter().map(|feed| format!("`{}` ({})", feed.name, feed.licence)).collect();
    let notes = match absent.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "the advisory database was passed on without data that may not be: {}; what only they know is not reported",
            absent.join(", ")
        )],
    };
    Ok(Opened { bytes: Bytes::Mapped(bytes), notes, outdated: false, origin })
}

/// Feeds to compile.
#[derive(Debug, Default)]
pub(crate) struct Ingredients {
    /// A Trivy database file, its feed row, and what it lies beside.
    pub(crate) trivy: Option<(PathBuf, Feed)>,
    /// A Grype database.
    pub(crate) grype: Option<grype::Source>,
    /// Directories of vunnel's records.
    pub(crate) vunnel: Vec<PathBuf>,
    /// Files and directories of OSV records.
    pub(crate) osv: Vec<PathBuf>,
    /// CISA's catalogue, where from, how.
    pub(crate) kev: Option<(Vec<u8>, String, Trust)>,
    /// EPSS scores.
    pub(crate) epss: Option<(Vec<u8>, String, Trust)>,
    /// Feeds in their publishers' own formats.
    pub(crate) feeds: Vec<feeds::Given>,
    /// Where the feeds' records are listed.
    pub(crate) records: Option<PathBuf>,
    /// Keep what is read of another tool's database: it may be built from again.
    pub(crate) keep_foreign: bool,
}

/// Compiles a Grype database alone: its file, its directory, or the archive that holds it.
pub(crate) fn compile_grype(path: &Path, target: &Path, settings: &Settings) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let grype = Some(grype::local(path, scratch.path())?);
    // The file that the user named is the truth, older or not.
    compile(&Ingredients { grype, ..Ingredients::default() }, target, true, settings)?;
    Ok(())
}

/// What `latest.json` of Grype's database says, as it is and read.
pub(crate) fn grype_listing(
    url: &str,
    access: &crate::net::Access,
    settings: &Settings,
) -> Result<(serde_json::Value, grype_db::Latest)> {
    let client = crate::net::client(access, settings)?;
    grype::listing(&client, url)
}

/// Compiles a Trivy database alone, as its own command line keeps it.
pub(crate) fn compile_trivy(path: &Path, target: &Path, settings: &Settings) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let trivy = Some(trivy_archive::local(path, scratch.path())?);
    // The file that the user put there is the truth, older or not.
    compile(&Ingredients { trivy, ..Ingredients::default() }, target, true, settings)?;
    Ok(())
}

/// Compiles a database into a temporary file beside `target`, verifies every byte of it, and gives it the name `target`.
pub(crate) fn compile(
    ingredients: &Ingredients,
    target: &Path,
    allow_rollback: bool,
    settings: &Settings,
) -> Result<Vec<Made>> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
    let (temporary, report, made) = loop {
        match write(ingredients, folder, settings) {
            // What was damaged is gone, so this ends.
            Err(err) if err.is::<segments::Damaged>() => continue,
            written => break written?,
        }
    };
    install(temporary, target, allow_rollback, None)?;
    settings.say(format!(
        "database: {} advisories of {} vulnerabilities for {} packages, {:.1} MB",
        report.advisories,
        report.vulnerabilities,
        report.packages,
        report.size as f64 / 1e6
    ));
    Ok(made)
}

/// Compiles into a temporary file in `folder`.
fn write(
    ingredients: &Ingredients,
    folder: &Path,
    settings: &Settings,
) -> Result<(tempfile::NamedTempFile, BuildReport, Vec<Made>)> {
    let temporary = tempfile::NamedTempFile::new_in(folder).context("cannot make a temporary file for the database")?;
    let file = temporary.reopen().context("cannot open the temporary file of the database")?;
    let mut builder = Builder::new(BufWriter::with_capacity(1 << 20, file))?;
    let mut segments = Segments::new(settings);
    // Where a whole database is fetched anew every time, keeping its records would cost more than it saves.
    let foreign = |kind: &str, origin: &str, path: &Path| match ingredients.keep_foreign {
        true => inputs::key(kind, origin, &Content::Path(path)).map(Some),
        false => Ok(None),
    };
    if let Some((path, feed)) = &ingredients.trivy {
        let key = foreign("trivy-db", &format!("{feed:?}"), path)?;
        segments.part(key, false, &mut builder, |intake| {
            let bytes = MappedFile::open(path)?;
            intake.feed(feed.clone());
            let summary = trivy_db::read(&bytes, &mut |record| intake.put(record))
                .with_context(|| format!("cannot read the Trivy database `{}`", path.display()))?;
            intake
                .detail(format!("Trivy database: {} advisories, {} descriptions", summary.advisories, summary.details));
            if !summary.unknown_buckets.is_empty() {
                let names = summary.unknown_buckets.join(", ");
                intake.warn(format!("buckets without rules, which cannot match: {names}"));
            }
            Ok(())
        })?;
    }
    if let Some(source) = &ingredients.grype {
        let key = foreign("grype-db", &format!("{} {:?}", source.url, source.trust), &source.file)?;
        segments.part(key, false, &mut builder, |intake| grype::read(source, intake))?;
    }
    for path in &ingredients.vunnel {
        let key = inputs::key("vunnel", &path.display().to_string(), &Content::Path(path))?;
        segments.part(Some(key), false, &mut builder, |intake| grype::read_records(path, intake))?;
    }
    for path in &ingredients.osv {
        let key = inputs::key("--osv", &path.display().to_string(), &Content::Path(path))?;
        segments.part(Some(key), false, &mut builder, |intake| osv_files::read(path, intake))?;
    }
    let mut records = match &ingredients.records {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
            Some(BufWriter::with_capacity(1 << 20, file))
        }
        None => None,
    };
    for given in &ingredients.feeds {
        let key = inputs::key(given.source.id, &given.origin(), &Content::Path(&given.path))?;
        let out = records.as_mut().map(|out| out as &mut dyn std::io::Write);
        segments.part(Some(key), out.is_some(), &mut builder, |intake| feeds::read(given, intake, out))?;
    }
    if let Some(mut out) = records {
        std::io::Write::flush(&mut out).context("cannot write the list of records")?;
    }
    if let Some((bytes, url, trust)) = &ingredients.kev {
        let key = inputs::key("kev", &format!("{url} {trust:?}"), &Content::Bytes(bytes))?;
        segments.part(Some(key), false, &mut builder, |intake| {
            let released =
                kev::read(bytes, &mut |record| intake.put(record)).context("cannot read CISA's catalogue")?;
            intake.feed(kev::feed(url, released, trust.clone()));
            Ok(())
        })?;
    }
    if let Some((bytes, url, trust)) = &ingredients.epss {
        let key = inputs::key("epss", &format!("{url} {trust:?}"), &Content::Bytes(bytes))?;
        segments.part(Some(key), false, &mut builder, |intake| {
            let scored = epss::read(bytes, epss::LIMIT, &mut |record| intake.put(record))
                .context("cannot read the EPSS scores")?;
            intake.feed(epss::feed(url, scored, trust.clone()));
            Ok(())
        })?;
    }
    let report = finish(builder)?;
    Ok((temporary, report, segments.made))
}

/// Writes the tables, and brings the file to disk.
fn finish(builder: segments::Out) -> Result<BuildReport> {
    let (writer, report) = builder.finish()?;
    let file: File = writer.into_inner().map_err(|err| err.into_error()).context("cannot write the database")?;
    file.sync_all().context("cannot bring the database to disk")?;
    Ok(report)
}

/// The one place where a database becomes the one in use: every byte is checked, and data older than what is there is refused.
///
/// `origin` tells where it came from if it was not compiled here.
fn install(
    temporary: tempfile::NamedTempFile,
    target: &Path,
    allow_rollback: bool,
    origin: Option<&Origin>,
) -> Result<()> {
    let bytes = MappedFile::open(temporary.path())?;
    let database = Database::open(&bytes)?;
    database.verify()?;
    if !allow_rollback && target.exists() {
        // An installed file that cannot be read protects nothing; replacing it is the way out.
        if let Ok(old) = open(target).and_then(|opened| opened.info()) {
            let new = info(&database, origin)?;
            for feed in &old.feeds {
                let Some(before) = feed.data_time else { continue };
                // A feed that is absent now is not older: what it would have told is unknown then, and that is reported.
                let Some(candidate) = new.feeds.iter().find(|candidate| candidate.name == feed.name) else { continue };
                match candidate.data_time {
                    Some(now) if now >= before => {}
                    Some(now) => bail!(
                        "the data of `{}` is of {now}, older than the installed {before}: refused without `--allow-rollback`",
                        feed.name
                    ),
                    // Whoever serves old data would leave its date out.
                    None => bail!(
                        "the data of `{}` states no date, and the installed is of {before}: refused without `--allow-rollback`",
                        feed.name
                    ),
                }
            }
        }
    }
    drop(bytes);
    let folder = target.parent().map(Path::to_owned);
    if let Some(origin) = origin {
        origin.write(target)?;
    }
    temporary
        .persist(target)
        .map_err(|err| err.error)
        .with_context(|| format!("cannot replace `{}`", target.display()))?;
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        // The rename itself must be on disk before the old file's place is taken for granted.
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot bring `{}` to disk", folder.display()))?;
    }
    Origin::tidy(target, origin);
    Ok(())
}

/// `signet db build`.
pub(crate) fn build_command(args: &DbBuildArgs, settings: &Settings) -> Result<Exit> {
    if let Some(path) = &args.java_db {
        java::import(path, &java::place(&settings.cache), args.allow_rollback, settings)?;
    }
    let any = args.trivy_db.is_some() || args.grype_db.is_some() || args.kev.is_some() || args.epss.is_some();
    let any = any || !args.osv.is_empty() || !args.vunnel.is_empty() || !args.feed.is_empty();
    if !any && args.java_db.is_some() {
        return Ok(Exit::Well);
    }
    ensure!(
        any,
        "nothing to build from: give `--feed`, `--trivy-db`, `--grype-db`, `--vunnel`, `--osv`, `--kev` or `--epss`"
    );
    let given = args.feed.iter().map(|text| feeds::parse(text)).collect::<Result<Vec<_>>>()?;
    let target = args.output.clone().unwrap_or_else(|| place(settings));
    let inputs = inputs::digest(args, &given)?;
    if args.records.is_none() && inputs::is_current(&target, &inputs) {
        settings.say("nothing has changed since the database was built");
        return Ok(Exit::Well);
    }
    let unpacked = tempfile::tempdir().context("cannot make a temporary directory")?;
    let trivy = match &args.trivy_db {
        Some(path) => Some(trivy_archive::local(path, unpacked.path())?),
        None => None,
    };
    let read = |path: &Option<PathBuf>| -> Result<Option<(Vec<u8>, String, Trust)>> {
        let Some(path) = path else { return Ok(None) };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Some((bytes, path.display().to_string(), Trust::LocalFile)))
    };
    let grype = args.grype_db.as_ref().map(|path| grype::local(path, unpacked.path())).transpose()?;
    let ingredients = Ingredients {
        trivy,
        grype,
        vunnel: args.vunnel.clone(),
        osv: args.osv.clone(),
        kev: read(&args.kev)?,
        epss: read(&args.epss)?,
        feeds: given,
        records: args.records.clone(),
        keep_foreign: true,
    };
    let made = compile(&ingredients, &target, args.allow_rollback, settings)?;
    inputs::remember(&target, Some(&inputs), &made, settings)?;
    Ok(Exit::Well)
}

/// `signet db feeds`.
pub(crate) fn feeds_command() -> Result<Exit> {
    output::to_stdout(feeds::table().as_bytes())?;
    Ok(Exit::Well)
}

/// `signet db info`.
pub(crate) fn info_command(args: &DbInfoArgs, settings: &Settings) -> Result<Exit> {
    let path = args.db.clone().unwrap_or_else(|| place(settings));
    ensure!(path.exists(), "there is no database `{}`: `signet db update` fetches one", path.display());
    let opened = open(&path).with_context(|| format!("cannot use the database `{}`", path.display()))?;
    let database = opened.database()?;
    let (info, contents, left_out) = (opened.info()?, database.contents(), database.left_out()?);
    let origin = opened.origin.as_ref();
    let text = match args.output.as_str() {
        "json" => {
            let feeds: Vec<serde_json::Value> = info
                .feeds
                .iter()
                .map(|feed| {
                    serde_json::json!({
                        "name": feed.name, "url": feed.url, "dataTime": feed.data_time.map(|time| time.to_string()),
                        "licence": feed.licence, "redistributable": feed.redistributable, "attribution": feed.attribution,
                        "trust": feed.trust, "trustDetail": feed.trust_detail,
                    })
                })
                .collect();
            let left_out: Vec<serde_json::Value> = left_out
                .iter()
                .map(|feed| serde_json::json!({"name": feed.name, "url": feed.url, "licence": feed.licence}))
                .collect();
            let origin = origin.map(|origin| {
                serde_json::json!({
                    "from": origin.from, "manifest": origin.manifest.to_string(), "trust": origin.trust.name(),
                    "trustDetail": origin.trust.detail(),
                })
            });
            let document = serde_json::json!({
                "schemaVersion": 1, "path": path.display().to_string(), "digest": info.digest.to_string(),
                "advisories": contents.advisories, "feeds": feeds, "leftOut": left_out, "origin": origin,
            });
            serde_json::to_string_pretty(&document)? + "\n"
        }
        "table" => {
            let mut text = format!("{}  {}\n{} advisories\n", path.display(), info.digest, contents.advisories);
            if let Some(origin) = origin {
                text += &format!("from {}  {}  {}\n", origin.from, origin.manifest, origin.trust.name());
            }
            text.push('\n');
            for feed in &info.feeds {
                let time =
                    feed.data_time.map_or("no date".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
                let pass = if feed.redistributable { "may be passed on" } else { "not to be passed on" };
                text += &format!("{:10} {time}  {}  {}  {} ({pass})\n", feed.name, feed.trust, feed.url, feed.licence);
                if !feed.attribution.is_empty() {
                    text += &format!("{:10} {}\n", "", feed.attribution);
                }
            }
            for feed in &left_out {
                text += &format!("{:10} left out: {} (not to be passed on)\n", feed.name, feed.licence);
            }
            text
        }
        other => bail!("there is no format `{other}` here: table, json"),
    };
    output::to_stdout(text.as_bytes())?;
    Ok(Exit::Well)
}

//! `signet pin`: digests beside the tags in the files that name images.
//!
//! ```text
//!   paths ─▶ files by name ─▶ find (Dockerfile, Kubernetes, Kustomize, Helm, Compose, pipelines) ─▶ Found { reference, where a digest belongs }
//!                                └─ registry: each tag once ─▶ edit ─▶ the file, all else as it was
//! ```

pub(crate) mod args;
mod edit;
mod find;
mod helm;
mod pipelines;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};

use self::args::PinArgs;
use self::edit::Edit;
use self::find::Found;
use crate::exit::Exit;
use crate::files::{self, Below};
use crate::net;
use crate::output;
use crate::progress::Progress;
use crate::report::table::printable;
use crate::settings::Settings;
use crate::verify::demand::access;

/// Requests at a time.
const AT_ONCE: usize = 8;

/// A file with the images that it names.
struct File {
    path: PathBuf,
    text: String,
    found: Vec<Found>,
}

/// What has become of an image.
#[derive(Clone, Debug)]
enum State {
    /// Its digest stood there.
    Pinned,
    /// Its digest is written, or would be.
    Wrote(Digest),
    /// It has another digest than before, or would have.
    Moved(Digest),
    /// It has no digest.
    Unpinned,
    /// It cannot be pinned here.
    Unclear(String),
    /// Its registry gave no answer.
    Failed(String),
}

/// Whether a file names images, by its name.
pub(crate) fn names_images(path: &Path) -> bool {
    find::kind(path).is_some()
}

/// Whether a file is a Dockerfile, by its name.
pub(crate) fn is_dockerfile(path: &Path) -> bool {
    find::kind(path) == Some(find::Kind::Dockerfile)
}

/// The images that a file names and that can be told; none of what is no such file.
pub(crate) fn named_images(path: &Path, text: &str) -> Vec<ImageRef> {
    let found = find::kind(path).and_then(|kind| find::images(path, kind, text).ok());
    found.into_iter().flatten().filter_map(|found| found.reference.ok()).collect()
}

pub(crate) fn command(args: &PinArgs, settings: &Settings) -> Result<Exit> {
    let mut below = Below::default();
    for path in &args.paths {
        below.add(path, &|path| find::kind(path).is_some())?;
    }
    let (mut files, mut unexamined) = (Vec::new(), below.unread);
    for path in below.files {
        let kind = find::kind(&path).ok_or_else(|| {
            crate::usage(anyhow!(
                "`{}` is no kind of file that is known to name images: Dockerfiles and YAML are, by their names",
                path.display()
            ))
        })?;
        match files::text(&path).and_then(|text| Ok((find::images(&path, kind, &text)?, text))) {
            Ok((found, text)) if !found.is_empty() => files.push(File { path, text, found }),
            Ok(_) => {}
            Err(err) => unexamined.push((path, format!("{err:#}"))),
        }
    }
    let digests = if args.check { BTreeMap::new() } else { resolve(&files, args, settings)? };
    let mut exit = if files.is_empty() && unexamined.is_empty() { Exit::Nothing } else { Exit::Well };
    let mut rows = Vec::new();
    for file in &files {
        let states: Vec<State> = file.found.iter().map(|one| state(one, args, &digests)).collect();
        if !args.check && !args.dry_run {
            write(file, &states)?;
        }
        rows.extend(file.found.iter().zip(states).map(|(one, state)| (file, one, state)));
    }
    for (_, _, state) in &rows {
        exit = exit.worse(match state {
            State::Failed(_) => Exit::Failed,
            State::Unpinned => Exit::Denied,
            State::Unclear(_) if !args.allow_incomplete => Exit::Incomplete,
            _ => Exit::Well,
        });
    }
    if !unexamined.is_empty() && !args.allow_incomplete {
        exit = exit.worse(Exit::Incomplete);
    }
    let text = if args.output == "json" { json(&rows, &unexamined) } else { table(&rows, args) };
    output::to_stdout(text.as_bytes())?;
    for (path, why) in &unexamined {
        settings.warn(format!("not examined: `{}`: {}", path.display(), printable(why)));
    }
    if exit == Exit::Nothing {
        settings.say("no file of a known kind names an image");
    } else {
        settings.say(summary(&rows, args));
    }
    Ok(exit)
}

/// A tag as a registry is asked for it.
fn tagged(reference: &ImageRef) -> String {
    format!("{}:{}", reference.name(), reference.tag_or_latest())
}

/// The digest that each tag names now, each asked for once. The digest is computed over the manifest that came.
fn resolve(files: &[File], args: &PinArgs, settings: &Settings) -> Result<BTreeMap<String, Result<Digest, String>>> {
    let mut wanted: BTreeMap<String, ImageRef> = BTreeMap::new();
    for one in files.iter().flat_map(|file| &file.found) {
        if let (Ok(reference), Some(_)) = (&one.reference, &one.write)
            && (reference.digest().is_none() || (args.update && reference.tag().is_some()))
        {
            let tagged = tagged(reference);
            let plain = tagged.parse().with_context(|| format!("cannot ask for `{tagged}`"))?;
            wanted.insert(tagged, plain);
        }
    }
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = net::client(&access(&args.reach), settings)?;
    let progress = Progress::spinner(settings.progress, &format!("asking for {} tags", wanted.len()));
    let asked = futures_util::stream::iter(wanted)
        .map(|(tagged, reference)| {
            let client = client.client();
            async move {
                let answer = client.manifest(&reference).await;
                (tagged, answer.map(|manifest| manifest.digest).map_err(|err| err.to_string()))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<BTreeMap<_, _>>();
    let digests = client.wait(asked);
    progress.finish();
    Ok(digests)
}

fn state(one: &Found, args: &PinArgs, digests: &BTreeMap<String, Result<Digest, String>>) -> State {
    let reference = match &one.reference {
        Ok(reference) => reference,
        Err(why) => return State::Unclear(why.clone()),
    };
    let pinned = reference.digest();
    if pinned.is_none() && one.write.is_none() {
        return State::Unclear("it is written in a way that cannot be changed in place".to_owned());
    }
    match (
        pinned,
        digests.get(&tagged(reference)).filter(|_| pinned.is_none() || (args.update && reference.tag().is_some())),
    ) {
        (Some(_), None) => State::Pinned,
        (None, None) => State::Unpinned,
        (_, Some(Err(why))) => State::Failed(why.clone()),
        (Some(old), Some(Ok(new))) if old == new => State::Pinned,
        (Some(_), Some(Ok(new))) => State::Moved(*new),
        (None, Some(Ok(new))) => State::Wrote(*new),
    }
}

fn write(file: &File, states: &[State]) -> Result<()> {
    let mut edits = Vec::new();
    for (one, state) in file.found.iter().zip(states) {
        if let (State::Wrote(digest) | State::Moved(digest), Ok(reference), Some(write)) =
            (state, &one.reference, &one.write)
        {
            edits.push(Edit::new(&file.text, write, reference, digest)?);
        }
    }
    if edits.is_empty() {
        return Ok(());
    }
    let cannot = || format!("cannot write `{}`", file.path.display());
    let text = edit::apply(&file.text, edits).with_context(cannot)?;
    // A link stays one: its file is replaced.
    let path = std::fs::canonicalize(&file.path).with_context(cannot)?;
    let rights = std::fs::metadata(&path).with_context(cannot)?.permissions();
    ensure!(
        files::text(&path).with_context(cannot)? == file.text,
        "`{}` was changed meanwhile: run this again",
        path.display()
    );
    output::replace(&path, text.as_bytes()).with_context(cannot)?;
    std::fs::set_permissions(&path, rights).with_context(cannot)
}

fn words(state: &State, args: &PinArgs) -> (&'static str, String) {
    let dry = args.dry_run;
    match state {
        State::Pinned => ("pinned", String::new()),
        State::Wrote(digest) => (if dry { "would pin" } else { "pinned now" }, digest.to_string()),
        State::Moved(digest) => (if dry { "would move" } else { "moved" }, digest.to_string()),
        State::Unpinned => ("NOT PINNED", String::new()),
        State::Unclear(why) => ("NOT CLEAR", why.clone()),
        State::Failed(why) => ("FAILED", why.clone()),
    }
}

type Row<'a> = (&'a File, &'a Found, State);

/// One line for each image that is not simply pinned, then what there is to say on it.
fn table(rows: &[Row<'_>], args: &PinArgs) -> String {
    let mut text = String::new();
    for (file, one, state) in rows.iter().filter(|(_, _, state)| !matches!(state, State::Pinned)) {
        let (word, more) = words(state, args);
        let place = format!("{}:{}", file.path.display(), one.line);
        let _ = writeln!(text, "{word:<10}  {}  {}", printable(&place), printable(&one.image));
        if !more.is_empty() {
            let _ = writeln!(text, "{:<10}  {}", "", printable(&more));
        }
    }
    text
}

fn json(rows: &[Row<'_>], unexamined: &[(PathBuf, String)]) -> String {
    let images: Vec<Value> = rows
        .iter()
        .map(|(file, one, state)| {
            let word = match state {
                State::Pinned => "pinned",
                State::Wrote(_) => "written",
                State::Moved(_) => "moved",
                State::Unpinned => "unpinned",
                State::Unclear(_) => "unclear",
                State::Failed(_) => "failed",
            };
            let digest = match state {
                State::Wrote(digest) | State::Moved(digest) => Some(digest.to_string()),
                _ => one.reference.as_ref().ok().and_then(ImageRef::digest).map(Digest::to_string),
            };
            let why = match state {
                State::Unclear(why) | State::Failed(why) => Some(why),
                _ => None,
            };
            json!({"file": file.path.display().to_string(), "line": one.line, "image": one.image, "state": word, "digest": digest, "why": why})
        })
        .collect();
    let unexamined: Vec<Value> =
        unexamined.iter().map(|(path, why)| json!({"file": path.display().to_string(), "why": why})).collect();
    format!("{:#}\n", json!({"images": images, "unexamined": unexamined}))
}

fn summary(rows: &[Row<'_>], args: &PinArgs) -> String {
    let count = |wanted: fn(&State) -> bool| rows.iter().filter(|(_, _, state)| wanted(state)).count();
    let mut text = format!("{} images", rows.len());
    for (number, words) in [
        (count(|state| matches!(state, State::Pinned)), "pinned already"),
        (count(|state| matches!(state, State::Wrote(_))), if args.dry_run { "to pin" } else { "pinned now" }),
        (count(|state| matches!(state, State::Moved(_))), if args.dry_run { "to move" } else { "moved" }),
        (count(|state| matches!(state, State::Unpinned)), "not pinned (`signet pin` writes their digests)"),
        (count(|state| matches!(state, State::Unclear(_))), "not clear"),
        (count(|state| matches!(state, State::Failed(_))), "failed"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {words}");
        }
    }
    text
}

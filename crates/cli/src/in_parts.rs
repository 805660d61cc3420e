//! Layers of which only the parts are fetched that may hold packages: `--lazy`. Every doubt ends in reading the whole layer.

use std::sync::Arc;

use parking_lot::Mutex;
use signet_catalog::{LateWants, LayerCataloger, LayerRecord, Matcher};
use signet_image::lazy::{Contents, LazyError, LazyRead, Wanted};
use signet_image::{Entry, Limits, Visitor};
use signet_sources::{ImageSource, InParts as Source};

use crate::memory::Memory;
use crate::pipeline::Layer;
use crate::progress::Progress;
use crate::settings::Settings;

/// Smaller layers are read whole: their tables of contents and the round trips cost as much.
const LEAST: u64 = 1 << 20;
/// Programs up to this size are fetched in one range, as all of them will be read.
const AHEAD: u64 = 16 << 20;

/// Whether layers may be read in parts, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct InParts {
    /// The user asked for it.
    pub(crate) wanted: bool,
    found: Mutex<Outcome>,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Places of the layers that were read in parts.
    layers: Vec<usize>,
    /// Bytes that were fetched of them, and bytes that they have.
    fetched: u64,
    of: u64,
    /// Layers whose table of contents does not fit, with the reason.
    suspect: Vec<(usize, String)>,
    /// Other reasons for reading a layer whole.
    whole: Vec<(usize, String)>,
}

impl InParts {
    /// As the user wants it.
    pub(crate) fn new(wanted: bool) -> InParts {
        InParts { wanted, found: Mutex::default() }
    }

    /// Remarks for every report: what of the image was believed without being read.
    pub(crate) fn notes(&self, layers: usize, settings: &Settings) -> Vec<String> {
        let mut found = self.found.lock();
        let Outcome { layers: read, fetched, of, suspect, whole } = &mut *found;
        let mut notes = Vec::new();
        for (place, why) in whole.iter() {
            settings.detail(format!("layer {} is read whole: {why}", place + 1));
        }
        if !read.is_empty() {
            read.sort_unstable();
            read.dedup();
            let note = format!(
                "{} of {layers} layers were read by their tables of contents ({fetched} of {of} bytes fetched): a runtime that unpacks them whole may find files there that this scan did not see",
                read.len(),
            );
            settings.warn(&note);
            notes.push(note);
        }
        suspect.sort();
        for (place, why) in suspect.iter() {
            let note = format!(
                "layer {} was read whole: {why}; a runtime that mounts it by that table sees other files than this scan",
                place + 1
            );
            settings.warn(&note);
            notes.push(note);
        }
        notes
    }

    fn took(&self, place: usize, fetched: u64, of: u64) {
        let mut found = self.found.lock();
        if !found.layers.contains(&place) {
            found.layers.push(place);
            found.of += of;
        }
        found.fetched += fetched;
    }

    fn failed(&self, place: usize, err: LazyError) {
        let suspect = matches!(
            err,
            LazyError::Digest { .. }
                | LazyError::Contents { .. }
                | LazyError::Part { .. }
                | LazyError::Disagree { .. }
                | LazyError::Layer(_)
        );
        let why = format!("{:#}", anyhow::Error::from(err));
        let mut found = self.found.lock();
        let list = if suspect { &mut found.suspect } else { &mut found.whole };
        list.push((place, why));
    }
}

/// Reads a layer by its table of contents, if the user wants that, it has one, and all that was fetched is right. `None`: it must be read whole.
pub(crate) fn first_pass(
    source: &dyn ImageSource,
    place: usize,
    matcher: &Matcher,
    limits: signet_catalog::Limits,
    memory: &Memory<'_>,
    progress: &Progress,
    parts: &InParts,
) -> Option<Layer> {
    let from = available(source, place, parts)?;
    let stated = source.info().layers.get(place)?;
    let toc = *from.mark.toc();
    if let Some((index, record, unexamined)) = memory.parts(stated, &toc) {
        parts.took(place, 0, from.size);
        return Some(Layer { index: Arc::new(index), record, unexamined, in_parts: true });
    }
    let mut cataloger = LayerCataloger::new(matcher, limits);
    let wanted = |entry: &Entry| {
        let claimed = matcher.claimants(&entry.path).iter().any(|leaf| entry.size <= leaf.max_size);
        // A guess: programs are told by their first bytes, and more is fetched when those say so.
        let program = entry.size <= AHEAD && (entry.mode & 0o111 != 0 || is_library(&entry.path));
        if claimed || program { Wanted::Whole } else { Wanted::Start }
    };
    match walk(&from, &wanted, &mut cataloger, progress) {
        Ok(mut read) => {
            let record = cataloger.finish();
            for one in &mut read.unexamined {
                one.location.layer = Some(stated.diff_id);
            }
            memory.keep_parts(stated, &toc, &read.index, &record, &read.unexamined);
            parts.took(place, read.fetched, from.size);
            Some(Layer { index: Arc::new(read.index), record, unexamined: read.unexamined, in_parts: true })
        }
        Err(err) => {
            parts.failed(place, err);
            None
        }
    }
}

/// Reads what turned out to be needed too. `None`: the layer must be read whole.
pub(crate) fn second_pass(
    source: &dyn ImageSource,
    place: usize,
    matcher: &Matcher,
    wants: &LateWants,
    progress: &Progress,
    parts: &InParts,
) -> Option<LayerRecord> {
    let from = available(source, place, parts)?;
    let mut cataloger = LayerCataloger::second_pass(matcher, signet_catalog::Limits::default(), wants);
    let wanted = |entry: &Entry| {
        if wants.paths().any(|path| path == entry.path) { Wanted::Whole } else { Wanted::Nothing }
    };
    match walk(&from, &wanted, &mut cataloger, progress) {
        Ok(read) => {
            parts.took(place, read.fetched, 0);
            Some(cataloger.finish())
        }
        Err(err) => {
            parts.failed(place, err);
            None
        }
    }
}

fn available<'a>(source: &'a dyn ImageSource, place: usize, parts: &InParts) -> Option<Source<'a>> {
    parts.wanted.then(|| source.in_parts(place)).flatten().filter(|from| from.size >= LEAST)
}

fn walk(
    from: &Source<'_>,
    wanted: &dyn Fn(&Entry) -> Wanted,
    visitor: &mut dyn Visitor,
    progress: &Progress,
) -> Result<LazyRead, LazyError> {
    let limits = Limits::default();
    let mut open = |range| Ok(progress.watch((from.open)(range)?));
    let contents = Contents::fetch(&from.mark, from.size, &mut open, &limits)?;
    contents.walk(&mut open, &limits, wanted, visitor)
}

/// Names that loaders know as programs without an execute bit.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains(".so.") || [".so", ".ko", ".dll", ".exe", ".node", ".dylib"].iter().any(|end| name.ends_with(end))
}

//! What a first pass could not read: files that are claimed under the name of a link, and far parts of large programs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use signet_image::{EntryKind, View, Visible};

use crate::ownership::Directories;
use crate::{FileRecord, LateLink, LayerRecord, Matcher};

/// What a second pass over one layer has to read, by the path of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateWants {
    files: BTreeMap<String, Vec<Want>>,
}

/// One leaf's wish.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Want {
    pub(crate) leaf: &'static str,
    /// The whole file, because this link to it has a name that the leaf claims.
    pub(crate) link: Option<String>,
    /// Parts of a program.
    pub(crate) ranges: Vec<Range<u64>>,
}

impl LateWants {
    /// Whether there is nothing to read: then no second pass is needed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds what another view of the same layers wants to be read.
    pub fn add(&mut self, other: LateWants) {
        for (path, mut new) in other.files {
            let wants = self.files.entry(path).or_default();
            let known: HashSet<&Want> = wants.iter().collect();
            new.retain(|want| !known.contains(want));
            wants.append(&mut new);
        }
    }

    /// Paths of the files that are wanted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(crate) fn of(&self, path: &str) -> Option<&[Want]> {
        self.files.get(path).map(Vec::as_slice)
    }

    pub(crate) fn asks_parts(&self, path: &str, leaf: &str) -> bool {
        self.of(path).unwrap_or_default().iter().any(|want| want.leaf == leaf && !want.ranges.is_empty())
    }
}

/// What second passes have to read, one entry per layer, base first. All empty: [`crate::merge`] may be called.
///
/// After a pass its record is absorbed and this is asked again, because a program's headers may say where the next part lies. Three rounds are
/// enough for every format; what is then still open becomes an `Unexamined` when merging.
pub fn late_reads(matcher: &Matcher, layers: &[&LayerRecord], view: &View) -> Vec<LateWants> {
    let mut wants = vec![LateWants::default(); layers.len()];
    for (place, record) in layers.iter().enumerate() {
        for link in &record.links {
            let Target::Unread(layer, path) = target_of(matcher, layers, view, place, link) else { continue };
            if let Some(wants) = wants.get_mut(layer) {
                let want = Want { leaf: link.leaf, link: Some(link.path.clone()), ranges: Vec::new() };
                wants.files.entry(path).or_default().push(want);
            }
        }
        for late in record.parts.iter().filter(|late| view.visible(place, &late.path)) {
            let want = Want { leaf: late.leaf, link: None, ranges: late.ranges.clone() };
            if let Some(wants) = wants.get_mut(place) {
                wants.files.entry(late.path.clone()).or_default().push(want);
            }
        }
    }
    wants
}

/// Where a claimed link leads.
pub(crate) enum Target {
    /// To nothing that is there.
    Dangling,
    /// The link itself is hidden by an upper layer.
    Hidden,
    /// To a file that the leaf has read, under its own name or this link's.
    Read,
    /// To a file of this layer that the leaf has not read yet.
    Unread(usize, String),
}

/// Follows a link of layer `place` for the leaf that claims it.
pub(crate) fn target_of(
    matcher: &Matcher,
    layers: &[&LayerRecord],
    view: &View,
    place: usize,
    link: &LateLink,
) -> Target {
    if !view.visible(place, &link.path) {
        return Target::Hidden;
    }
    let Ok(Visible { layer, entry, .. }) = view.resolve(&link.path) else {
        // A directory may have no entry of its own.
        let directory = Directories::new(view).directory(&link.path);
        return if view.below(&directory).next().is_some() { Target::Read } else { Target::Dangling };
    };
    match entry.kind {
        EntryKind::File => {}
        // What lies in a directory has names of its own.
        EntryKind::Directory => return Target::Read,
        _ => return Target::Dangling,
    }
    // A hard link keeps the content of a name that an upper layer removed.
    let claimed = matcher.claimants(entry.path).iter().any(|claimant| claimant.id == link.leaf);
    if claimed && view.visible(layer, entry.path) {
        return Target::Read;
    }
    let real = entry.path;
    let Some(record) = layers.get(layer) else { return Target::Dangling };
    let read = |file: &FileRecord| {
        file.leaf == link.leaf && file.path == real && file.link.as_deref() == Some(link.path.as_str())
    };
    let refused = || record.unexamined.iter().any(|what| what.by == link.leaf && what.location.path == real);
    if record.files.iter().any(read) || refused() { Target::Read } else { Target::Unread(layer, real.to_owned()) }
}

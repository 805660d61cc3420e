//! The one file system that the layers of an image add up to: who brought each path, and what is hidden.

use std::sync::Arc;

use signet_model::{Location, Unexamined, UnexaminedKind};

use crate::path::{compare, is_below, split};
use crate::{EntryKind, IndexEntry, LayerIndex};

/// The squashed file system of an image: about 12 bytes per visible path beside the indexes of the layers.
#[derive(Clone, Debug, Default)]
pub struct View {
    layers: Vec<Arc<LayerIndex>>,
    slots: Vec<Slot>,
    hidden: Vec<(Slot, u32)>,
    /// Paths of entries that were written through a symbolic link and stand elsewhere than they say, by place.
    moved: Vec<(Place, String)>,
    moved_bytes: usize,
    /// What hard links name, by place.
    hardlinks: Vec<(Place, Place)>,
    unexamined: Vec<Unexamined>,
    /// Path components that may still be looked up while layers are added.
    budget: u64,
}

/// An entry of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    layer: u32,
    record: u32,
}

/// An entry, and where it stands if that is not where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    place: Place,
    moved: u32,
}

/// [`Slot::moved`] of an entry that stands where it says.
const IN_PLACE: u32 = u32::MAX;
/// Links that are followed for one path. Source: Linux, `MAXSYMLINKS` in `include/linux/namei.h`.
const MAX_LINKS: usize = 40;
/// Path components that are looked at for one path: no honest path comes near.
const MAX_STEPS: u64 = 20_000;
/// Path components that may be looked up for all entries that lie behind links together: bounds the time that hostile layers can take.
const BUDGET: u64 = 20_000_000;
/// Bytes of paths of moved entries: bounds the memory, because a link can make paths longer than they were.
const MAX_MOVED_BYTES: usize = 256 << 20;

/// A path of the view, and the entry that stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visible<'a> {
    /// The path in the view.
    pub path: &'a str,
    /// Number of the layer that brought it, base first, from 0.
    pub layer: usize,
    /// The entry in that layer. Its own path differs from `path` where it was written through a symbolic link or names the target of a
    /// hard link; it is the one under which a visitor of the layer sees the content.
    pub entry: IndexEntry<'a>,
}

/// An entry that is in no view any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden<'a> {
    /// Number of the layer that brought it.
    pub layer: usize,
    /// The entry in that layer.
    pub entry: IndexEntry<'a>,
    /// Number of the layer that removed or replaced it.
    pub by: usize,
}

/// Why a path leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is there: no such path, a dangling link, a part of the path that is no directory.
    #[error("there is no such file")]
    NotFound,
    /// Links lead in a circle, or through more than forty of them.
    #[error("links lead in a circle or are too many")]
    Loop,
}

impl View {
    /// Lays the layers over each other, base first.
    ///
    /// Rules (OCI image-spec, `layer.md`): whiteouts and opaque markers hide what *lower* layers have, whatever the order inside the layer. A
    /// directory over a directory changes attributes only; every other collision removes the old path with all below it. A path whose parent is a
    /// symbolic link lands where the link leads, whiteouts too, as where the root is assembled in one tree. The root, `""`, is never listed.
    pub fn squash(layers: &[Arc<LayerIndex>]) -> View {
        let mut view = View { budget: BUDGET, ..View::default() };
        for layer in layers {
            view.add(layer);
        }
        view.slots.shrink_to_fit();
        view.hidden.shrink_to_fit();
        view
    }

    /// How many paths are visible.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is visible.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The layers, base first.
    pub fn layers(&self) -> &[Arc<LayerIndex>] {
        &self.layers
    }

    /// All visible paths in order: a directory is directly followed by what lies in it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Visible<'_>> {
        self.slots.iter().map(|slot| self.visible_at(*slot))
    }

    /// The visible paths in a directory, at any depth, in order. `""` is the root.
    pub fn below<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = Visible<'a>> {
        let start = self.slots.partition_point(|slot| {
            let path = self.path(*slot);
            path == directory || compare(path, directory).is_lt()
        });
        self.slots[start..]
            .iter()
            .map(|slot| self.visible_at(*slot))
            .take_while(move |visible| is_below(visible.path, directory))
    }

    /// What stands at exactly this path; no link is followed.
    pub fn get(&self, path: &str) -> Option<Visible<'_>> {
        self.find(path).map(|slot| self.visible_at(slot))
    }

    /// Whether the entry that a layer has at this path (as the layer writes it) can still be seen in the image.
    pub fn visible(&self, layer: usize, path: &str) -> bool {
        let Some(record) = self.layers.get(layer).and_then(|index| index.position(path)) else { return false };
        let place = Place { layer: layer as u32, record: record as u32 };
        let actual = match self.moved.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => self.moved[at].1.as_str(),
            Err(_) => path,
        };
        self.find(actual).is_some_and(|slot| slot.place == place)
    }

    /// Follows a path through symbolic links, also of directories, and hard links, also to lower layers, inside the root.
    ///
    /// For a hard link the result is the entry with the content; that may lie in a layer where its own path was hidden since.
    pub fn resolve(&self, path: &str) -> Result<Visible<'_>, ResolveError> {
        let mut steps = MAX_STEPS;
        let actual = follow(path, &mut steps, |path| self.find(path).map(|slot| self.kind_and_link(slot)))?;
        let slot = self.find(&actual).ok_or(ResolveError::NotFound)?;
        let mut place = slot.place;
        let mut links = 0;
        while self.record(place).is_some_and(|entry| entry.kind == EntryKind::Hardlink) {
            links += 1;
            if links > MAX_LINKS {
                return Err(ResolveError::Loop);
            }
            let at = self.hardlinks.binary_search_by_key(&place, |(place, _)| *place);
            place = at.map(|at| self.hardlinks[at].1).map_err(|_| ResolveError::NotFound)?;
        }
        let visible = self.visible_at(slot);
        let entry = self.record(place).ok_or(ResolveError::NotFound)?;
        Ok(Visible { layer: place.layer as usize, entry, ..visible })
    }

    /// What upper layers removed or replaced, in the order of the layers that did it. Directories whose attributes were replaced are not hidden.
    pub fn hidden(&self) -> impl ExactSizeIterator<Item = Hidden<'_>> {
        self.hidden.iter().map(|(slot, by)| {
            let visible = self.visible_at(*slot);
            Hidden { layer: visible.layer, entry: visible.entry, by: *by as usize }
        })
    }

    /// Parts of the layers that the view could not place with certainty.
    pub fn unexamined(&self) -> &[Unexamined] {
        &self.unexamined
    }

    fn record(&self, place: Place) -> Option<IndexEntry<'_>> {
        self.layers.get(place.layer as usize).and_then(|index| index.entry(place.record as usize))
    }

    fn path(&self, slot: Slot) -> &str {
        if slot.moved != IN_PLACE {
            return self.moved.get(slot.moved as usize).map_or("", |(_, path)| path.as_str());
        }
        self.record(slot.place).map_or("", |entry| entry.path)
    }

    fn visible_at(&self, slot: Slot) -> Visible<'_> {
        let nothing = IndexEntry { path: "", kind: EntryKind::Special, size: 0, mode: 0, link: None };
        Visible {
            path: self.path(slot),
            layer: slot.place.layer as usize,
            entry: self.record(slot.place).unwrap_or(nothing),
        }
    }

    fn find(&self, path: &str) -> Option<Slot> {
        self.slots.binary_search_by(|slot| compare(self.path(*slot), path)).ok().map(|at| self.slots[at])
    }

    fn kind_and_link(&self, slot: Slot) -> (EntryKind, &str) {
        let entry = self.visible_at(slot).entry;
        (entry.kind, entry.link.unwrap_or_default())
    }

    /// Lays one more layer on top.
    fn add(&mut self, index: &Arc<LayerIndex>) {
        let layer = self.layers.len() as u32;
        self.layers.push(Arc::clone(index));
        let mut cuts = self.marker_cuts(index);
        let entries = self.place_entries(layer, index, &mut cuts);
        self.link(layer, index, &entries);
        if self.slots.is_empty() {
            self.slots = entries;
            return;
        }
        let lower = std::mem::take(&mut self.slots);
        let lower = self.cut(layer, lower, cuts, &entries);
        self.slots = self.merge(layer, lower, entries);
    }

    /// What the markers of a layer remove: seen from the layers below it, because a marker never hides anything of its own layer.
    fn marker_cuts(&mut self, index: &LayerIndex) -> Vec<Cut> {
        let mut cuts = Vec::new();
        if self.slots.is_empty() {
            return cuts;
        }
        let mut parents = Parents::default();
        let mut budget = self.budget;
        let mut stuck = 0u64;
        for (path, whole) in index.whiteouts().map(|path| (path, true)).chain(index.opaques().map(|path| (path, false)))
        {
            let lookup = |path: &str| self.find(path).map(|slot| self.kind_and_link(slot));
            // A whiteout removes the link itself; an opaque marker stands *in* the directory that it empties.
            let (directory, name) = if whole { split(path) } else { (path, "") };
            let actual = match parents.actual(directory, &mut budget, lookup) {
                Parent::Moved(actual) => join(actual, name),
                Parent::InPlace => path.to_owned(),
                Parent::Stuck => {
                    stuck += 1;
                    path.to_owned()
                }
            };
            cuts.push(Cut { path: actual, whole });
        }
        self.budget = budget;
        self.note_stuck(stuck);
        cuts.sort_by(Cut::order);
        cuts
    }

    /// Where the entries of a layer stand, in order; entries that another one of the same layer covers are hidden at once.
    fn place_entries(&mut self, layer: u32, index: &LayerIndex, cuts: &mut Vec<Cut>) -> Vec<Slot> {
        let mut parents = Parents::default();
        let mut budget = self.budget;
        let mut stuck = 0u64;
        let mut entries: Vec<Slot> = Vec::with_capacity(index.len());
        let mut moved: Vec<(Place, String)> = Vec::new();
        let mut replaced: Vec<Cut> = Vec::new();
        let mut covered = Covered::default();
        let mut gone: Vec<Slot> = Vec::new();
        let mut unsure = 0u64;
        for (record, entry) in index.entries().enumerate() {
            let place = Place { layer, record: record as u32 };
            if let Some(by) = covered.by(&entry, index.sequence(record)) {
                // Through a link that something later replaced again, or one of a lower layer, it was written to another place.
                let lower = self.find(by).filter(|_| !is_cut(cuts, by)).map(|slot| self.kind_and_link(slot).0);
                if lower == Some(EntryKind::Symlink) || index.stands_twice(by) {
                    unsure += 1;
                } else {
                    gone.push(Slot { place, moved: IN_PLACE });
                    continue;
                }
            }
            let (directory, name) = split(entry.path);
            let lookup = |path: &str| match index.get(path) {
                Some(entry) => Some((entry.kind, entry.link.unwrap_or_default())),
                None => self.find(path).filter(|_| !is_cut(cuts, path)).map(|slot| {
                    let (kind, link) = self.kind_and_link(slot);
                    (kind, link)
                }),
            };
            let mut slot = Slot { place, moved: IN_PLACE };
            match parents.actual(directory, &mut budget, lookup) {
                Parent::InPlace => {}
                Parent::Stuck => stuck += 1,
                Parent::Moved(actual) => {
                    let path = join(actual, name);
                    if self.moved_bytes + path.len() > MAX_MOVED_BYTES {
                        stuck += 1;
                    } else {
                        self.moved_bytes += path.len();
                        slot.moved = (self.moved.len() + moved.len()) as u32;
                        moved.push((place, path));
                    }
                }
            }
            if slot.moved == IN_PLACE {
                // A lower file in the place of a directory that the layer does not list by itself has to make way for it.
                for file in parents.files.drain(..) {
                    replaced.push(Cut { path: file, whole: true });
                }
            }
            parents.files.clear();
            entries.push(slot);
        }
        self.budget = budget;
        self.note_stuck(stuck);
        self.note_unsure(unsure);
        for slot in gone {
            self.hide(slot, layer);
        }
        if !replaced.is_empty() {
            cuts.extend(replaced);
            cuts.sort_by(Cut::order);
        }
        if moved.is_empty() {
            return entries;
        }
        self.moved.extend(moved);
        entries.sort_by(|a, b| {
            compare(self.path(*a), self.path(*b))
                .then_with(|| index.sequence(a.place.record as usize).cmp(&index.sequence(b.place.record as usize)))
        });
        // Two entries of the layer that meet at one path: the later one stays.
        let mut kept: Vec<Slot> = Vec::with_capacity(entries.len());
        for slot in entries {
            if let Some(last) = kept.last_mut()
                && self.path(*last) == self.path(slot)
            {
                let earlier = std::mem::replace(last, slot);
                self.hide(earlier, layer);
                continue;
            }
            kept.push(slot);
        }
        kept
    }

    /// Notes what the hard links of a layer name: a file of the same layer, else one below as it was before this layer.
    fn link(&mut self, layer: u32, index: &LayerIndex, entries: &[Slot]) {
        let mut budget = self.budget;
        for (record, entry) in index.entries().enumerate() {
            let (EntryKind::Hardlink, Some(target)) = (entry.kind, entry.link) else { continue };
            let place = Place { layer, record: record as u32 };
            let own = |path: &str| {
                entries.binary_search_by(|slot| compare(self.path(*slot), path)).ok().map(|at| entries[at])
            };
            let lookup = |path: &str| own(path).or_else(|| self.find(path)).map(|slot| self.kind_and_link(slot));
            // The last part is not followed: a hard link to a symbolic link is that symbolic link.
            let (directory, name) = split(target);
            let directory = follow(directory, &mut budget, lookup).unwrap_or_else(|_| directory.to_owned());
            let path = join(&directory, name);
            let found = own(&path).filter(|slot| slot.place != place).or_else(|| self.find(&path));
            if let Some(slot) = found {
                self.hardlinks.push((place, slot.place));
            }
        }
        self.budget = budget;
    }

    /// Takes away from the lower paths what markers and non-directories of a layer remove.
    fn cut(&mut self, layer: u32, lower: Vec<Slot>, markers: Vec<Cut>, entries: &[Slot]) -> Vec<Slot> {
        let mut kept = Vec::with_capacity(lower.len() + entries.len());
        let mut hidden = Vec::new();
        {
            let mut markers = markers.iter().map(|cut| (cut.path.as_str(), cut.whole)).peekable();
            let mut files = entries
                .iter()
                .map(|slot| self.visible_at(*slot))
                .filter(|visible| visible.entry.kind != EntryKind::Directory)
                .map(|visible| (visible.path, true))
                .peekable();
            // In this order a subtree is one run, so the cut that was met last is the only one that can cover a path.
            let mut active: Option<(&str, bool)> = None;
            for slot in lower {
                let path = self.path(slot);
                loop {
                    let from_markers = match (markers.peek(), files.peek()) {
                        (Some(a), Some(b)) => compare(a.0, b.0).is_le(),
                        (Some(_), None) => true,
                        (None, Some(_)) => false,
                        (None, None) => break,
                    };
                    let next = if from_markers { markers.peek() } else { files.peek() };
                    let Some((root, whole)) = next.copied().filter(|next| compare(next.0, path).is_le()) else { break };
                    match &mut active {
                        Some((covering, _)) if is_below(root, covering) => {}
                        Some((same, both)) if *same == root => *both |= whole,
                        _ => active = Some((root, whole)),
                    }
                    if from_markers {
                        markers.next();
                    } else {
                        files.next();
                    }
                }
                let covered = active.is_some_and(|(root, whole)| is_below(path, root) || (whole && path == root));
                if covered { hidden.push(slot) } else { kept.push(slot) }
            }
        }
        for slot in hidden {
            self.hide(slot, layer);
        }
        kept
    }

    /// Joins the lower paths that are left with the entries of a layer, which win.
    fn merge(&mut self, layer: u32, lower: Vec<Slot>, entries: Vec<Slot>) -> Vec<Slot> {
        let mut out = Vec::with_capacity(lower.len() + entries.len());
        let mut lower = lower.into_iter().peekable();
        for entry in entries {
            while let Some(slot) = lower.next_if(|slot| compare(self.path(*slot), self.path(entry)).is_lt()) {
                out.push(slot);
            }
            if let Some(slot) = lower.next_if(|slot| self.path(*slot) == self.path(entry))
                && self.visible_at(slot).entry.kind != EntryKind::Directory
            {
                self.hide(slot, layer);
            }
            out.push(entry);
        }
        out.extend(lower);
        out
    }

    fn hide(&mut self, slot: Slot, by: u32) {
        self.hidden.push((slot, by));
    }

    fn note_unsure(&mut self, entries: u64) {
        if entries > 0 {
            self.unexamined.push(Unexamined {
                location: Location::default(),
                kind: UnexaminedKind::Unresolved,
                by: "image",
                why: format!(
                    "{entries} entries of layer {} lie below a path that the same layer replaces more than once or takes from a link of a lower layer; where they stand cannot be told",
                    self.layers.len()
                ),
            });
        }
    }

    fn note_stuck(&mut self, entries: u64) {
        if entries > 0 {
            self.unexamined.push(Unexamined {
                location: Location::default(),
                kind: UnexaminedKind::Unresolved,
                by: "image",
                why: format!(
                    "{entries} entries of layer {} lie behind links in a circle or behind too many links; they are listed under the paths that they state",
                    self.layers.len()
                ),
            });
        }
    }
}

/// Entries of one layer that a later entry of the same layer removed, because it put something that is no directory in the place of theirs.
///
/// Without this a link that comes last (`x -> var/lib/dpkg`) would draw the files that stood in its place before (`x/status`) over the real ones.
#[derive(Default)]
struct Covered<'i> {
    /// The non-directories above the entry at hand: path, and of it and those above the path of the latest with its sequence.
    above: Vec<(&'i str, &'i str, u32)>,
}

impl<'i> Covered<'i> {
    /// What removed the entry. Entries come in path order.
    fn by(&mut self, entry: &IndexEntry<'i>, sequence: u32) -> Option<&'i str> {
        while self.above.last().is_some_and(|(path, ..)| !is_below(entry.path, path)) {
            self.above.pop();
        }
        let latest = self.above.last().map(|(_, path, sequence)| (*path, *sequence));
        if entry.kind != EntryKind::Directory {
            let (path, sequence) = latest.filter(|(_, later)| *later > sequence).unwrap_or((entry.path, sequence));
            self.above.push((entry.path, path, sequence));
        }
        latest.filter(|(_, later)| *later > sequence).map(|(path, _)| path)
    }
}

/// A path that a layer removes: with what lies below it (`whole`), or only what lies below it.
#[derive(Debug)]
struct Cut {
    path: String,
    whole: bool,
}

impl Cut {
    fn order(a: &Cut, b: &Cut) -> std::cmp::Ordering {
        compare(&a.path, &b.path).then(b.whole.cmp(&a.whole))
    }
}

/// Whether a sorted list of cuts removes a path.
fn is_cut(cuts: &[Cut], path: &str) -> bool {
    let covers = |root: &str, whole: bool| {
        let from = cuts.partition_point(|cut| compare(&cut.path, root).is_lt());
        cuts[from..].iter().take_while(|cut| cut.path == root).any(|cut| cut.whole || !whole)
    };
    if covers(path, true) {
        return true;
    }
    let mut rest = path;
    while !rest.is_empty() {
        rest = split(rest).0;
        if covers(rest, false) {
            return true;
        }
    }
    false
}

fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, name) => format!("{directory}/{name}"),
    }
}

/// Where the directory of an entry really is.
enum Parent<'a> {
    InPlace,
    Moved(&'a str),
    /// Links in a circle, or the budget is used up.
    Stuck,
}

/// Finds the real directories of entries that come in path order: the parts that two entries share are looked up once.
#[derive(Default)]
struct Parents {
    /// Each part of the directory at hand: its length as written, and where it really is if elsewhere.
    known: Vec<(usize, Option<Result<String, ()>>)>,
    directory: String,
    /// Lower files in the place of directories of the path at hand.
    files: Vec<String>,
}

impl Parents {
    fn actual<'v>(
        &mut self,
        directory: &str,
        budget: &mut u64,
        lookup: impl Fn(&str) -> Option<(EntryKind, &'v str)>,
    ) -> Parent<'_> {
        if self.directory != directory {
            while let Some((len, _)) = self.known.last() {
                let shared = directory.get(..*len) == self.directory.get(..*len)
                    && (directory.len() == *len || directory.as_bytes().get(*len) == Some(&b'/'));
                if shared {
                    break;
                }
                self.known.pop();
            }
            let mut at = self.known.last().map_or(0, |(len, _)| *len);
            while at < directory.len() {
                let from = if at == 0 { 0 } else { at + 1 };
                let end = directory[from..].find('/').map_or(directory.len(), |slash| from + slash);
                let actual = self.step(&directory[..end], &directory[from..end], budget, &lookup);
                self.known.push((end, actual));
                at = end;
            }
            self.directory.clear();
            self.directory.push_str(directory);
        }
        match self.known.last() {
            Some((_, Some(Ok(actual)))) => Parent::Moved(actual),
            Some((_, Some(Err(())))) => Parent::Stuck,
            _ => Parent::InPlace,
        }
    }

    /// Where one more part of a directory leads. `None`: nowhere else.
    fn step<'v>(
        &mut self,
        prefix: &str,
        name: &str,
        budget: &mut u64,
        lookup: &impl Fn(&str) -> Option<(EntryKind, &'v str)>,
    ) -> Option<Result<String, ()>> {
        let base = match self.known.last() {
            Some((_, Some(Err(())))) => return Some(Err(())),
            Some((_, Some(Ok(actual)))) => Some(join(actual, name)),
            _ => None,
        };
        let candidate = base.as_deref().unwrap_or(prefix);
        match lookup(candidate) {
            Some((EntryKind::Symlink, _)) => match follow(candidate, budget, lookup) {
                Ok(actual) if actual == prefix => None,
                Ok(actual) => Some(Ok(actual)),
                Err(_) => Some(Err(())),
            },
            Some((EntryKind::Directory, _)) | None => base.map(Ok),
            Some(_) => {
                self.files.push(candidate.to_owned());
                base.map(Ok)
            }
        }
    }
}

/// Follows a path through all symbolic links, the last part included, inside the root. Parts that do not exist are taken as they are.
fn follow<'v>(
    path: &str,
    budget: &mut u64,
    lookup: impl Fn(&str) -> Option<(EntryKind, &'v str)>,
) -> Result<String, ResolveError> {
    let mut current = String::with_capacity(path.len());
    let mut pending: Vec<&str> = path.rsplit('/').collect();
    let mut links = 0;
    let mut steps = MAX_STEPS;
    while let Some(part) = pending.pop() {
        match part {
            "" | "." => continue,
            ".." => {
                current.truncate(split(&current).0.len());
                continue;
            }
            _ => {}
        }
        if steps == 0 || *budget == 0 {
            return Err(ResolveError::Loop);
        }
        steps -= 1;
        *budget -= 1;
        let before = current.len();
        if before > 0 {
            current.push('/');
        }
        current.push_str(part);
        let Some((EntryKind::Symlink, target)) = lookup(&current) else { continue };
        links += 1;
        if links > MAX_LINKS || pending.len() as u64 > MAX_STEPS {
            return Err(ResolveError::Loop);
        }
        current.truncate(if target.starts_with('/') { 0 } else { before });
        // The target's lifetime is the view's, not this call's.
        pending.extend(target.rsplit('/'));
    }
    Ok(current)
}

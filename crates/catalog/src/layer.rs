//! One layer, or one directory, read in a single pass.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use signet_image::{Entry, EntryKind, Visitor};
use signet_model::{Algorithm, Digest, Location, Unexamined, UnexaminedKind};

use crate::binary::{self, Capture, Image, Parts};
use crate::classifier::Scan;
use crate::late::{LateWants, Want};
use crate::{Binary, Claim, Found, Input, Leaf, Matcher, Owner, Sighting};

/// What one pass over a layer found. It depends on the layer's bytes and on [`crate::CATALOG_VERSION`] alone, so it may be kept by diffID.
/// Locations in it name no layer: merging adds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerRecord {
    /// Files in which something was found, in the order of the walk; a file that two leaves claim stands here twice.
    pub files: Vec<FileRecord>,
    /// Programs, shared libraries and executable scripts.
    pub executables: Vec<ExecutableRecord>,
    /// Links under names that a leaf claims: what they lead to is known only when all layers are at hand.
    pub links: Vec<LateLink>,
    /// Large programs of which a leaf needs parts that the pass could not keep.
    pub parts: Vec<LateParts>,
    /// Hard links: path and the path that it is another name of.
    pub hardlinks: Vec<(String, String)>,
    /// What could not be read: limits, I/O. What a leaf could not read stands in its `Found`.
    pub unexamined: Vec<Unexamined>,
}

impl LayerRecord {
    /// Takes in what a second pass over the same layer found ([`LayerCataloger::second_pass`] with `wants`).
    pub fn absorb(&mut self, wants: &LateWants, second: LayerRecord) {
        self.parts.retain(|late| !wants.asks_parts(&late.path, late.leaf));
        self.files.extend(second.files);
        self.parts.extend(second.parts);
        self.unexamined.extend(second.unexamined);
    }

    fn lengths(&self) -> Lengths {
        [
            self.files.len(),
            self.executables.len(),
            self.links.len(),
            self.parts.len(),
            self.hardlinks.len(),
            self.unexamined.len(),
        ]
    }

    /// dpkg keeps two lists of most packages, all files in `.list` and the regular ones in `.md5sums`: the shorter one of a directory says nothing
    /// new, and they are most of a record (of 736 packages, 8.1 MB instead of 14.5).
    fn drop_contained(&mut self) {
        let mut lists: HashMap<(&str, &Owner), Vec<usize>> = HashMap::new();
        for (place, file) in self.files.iter().enumerate() {
            if let [(owner @ Owner::Named { .. }, _)] = file.found.owns.as_slice() {
                let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
                lists.entry((directory, owner)).or_default().push(place);
            }
        }
        let mut drop: HashSet<usize> = HashSet::new();
        for places in lists.values() {
            let [one, other] = places[..] else { continue };
            let files = |place: usize| self.files.get(place).map(|file| file.found.owns.as_slice()).unwrap_or_default();
            let ([(_, a)], [(_, b)]) = (files(one), files(other)) else { continue };
            let (long, short, place) = if a.len() >= b.len() { (a, b, other) } else { (b, a, one) };
            let long: HashSet<&String> = long.iter().collect();
            let only_a_list =
                |file: &FileRecord| Found { owns: file.found.owns.clone(), ..Found::default() } == file.found;
            if short.iter().all(|path| long.contains(path)) && self.files.get(place).is_some_and(only_a_list) {
                drop.insert(place);
            }
        }
        let mut place = 0;
        self.files.retain(|_| {
            place += 1;
            !drop.contains(&(place - 1))
        });
    }

    /// Of several entries of one path in a layer the last one counts: drops what stands before the places where it began.
    fn drop_replaced(&mut self, last: &HashMap<String, Lengths>) {
        fn keep<T>(list: &mut Vec<T>, last: &HashMap<String, Lengths>, which: usize, path: fn(&T) -> &str) {
            let mut place = 0;
            list.retain(|item| {
                place += 1;
                last.get(path(item)).and_then(|starts| starts.get(which)).is_none_or(|start| place > *start)
            });
        }
        keep(&mut self.files, last, 0, |file| &file.path);
        keep(&mut self.executables, last, 1, |file| &file.path);
        keep(&mut self.links, last, 2, |link| &link.path);
        keep(&mut self.parts, last, 3, |late| &late.path);
        keep(&mut self.hardlinks, last, 4, |(path, _)| path);
        keep(&mut self.unexamined, last, 5, |what| &what.location.path);
    }
}

/// Lengths of the lists of a record.
type Lengths = [usize; 6];

/// What a leaf found in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    /// The file's path in the layer.
    pub path: String,
    /// The link under whose name the leaf claimed it; `None` for the usual case that the file has that name itself.
    pub link: Option<String>,
    /// Id of the leaf.
    pub leaf: &'static str,
    /// What it found.
    pub found: Found,
}

/// An executable file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutableRecord {
    /// The file's path in the layer.
    pub path: String,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A link under a name that a leaf claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateLink {
    /// The link's path.
    pub path: String,
    /// Where it points, as written.
    pub target: String,
    /// A hard link (the target is a normalised path) or a symbolic one.
    pub hard: bool,
    /// Id of the leaf that claims it.
    pub leaf: &'static str,
}

/// A program of which a leaf needs more than the pass kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateParts {
    /// The file's path in the layer.
    pub path: String,
    /// Id of the leaf.
    pub leaf: &'static str,
    /// Byte ranges that it asked for.
    pub ranges: Vec<Range<u64>>,
}

/// Bounds of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Programs up to this many bytes are whole in memory while they are read; of larger ones parts are kept.
    pub whole_program: u64,
    /// Most bytes of one large program that a second pass keeps, besides its head, tail and marks.
    pub program_parts: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { whole_program: 64 << 20, program_parts: 128 << 20 }
    }
}

/// Buffers that grew beyond this many bytes are given back after the file.
const KEPT_BUFFER: usize = 4 << 20;

/// Catalogues the entries of one layer as they pass. Memory is bounded by the largest file that a leaf reads whole.
#[derive(Debug)]
pub struct LayerCataloger<'a> {
    matcher: &'a Matcher,
    limits: Limits,
    /// Set for a second pass: only these files are looked at.
    wants: Option<&'a LateWants>,
    record: LayerRecord,
    /// Paths that stand in the record.
    recorded: HashSet<String>,
    /// Those that came again, and where the record of the last one begins.
    repeated: HashMap<String, Lengths>,
    buffer: Vec<u8>,
}

impl<'a> LayerCataloger<'a> {
    /// A cataloger for the first pass over a layer.
    pub fn new(matcher: &'a Matcher, limits: Limits) -> LayerCataloger<'a> {
        LayerCataloger {
            matcher,
            limits,
            wants: None,
            record: LayerRecord::default(),
            recorded: HashSet::new(),
            repeated: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// A cataloger for another pass, which reads only what [`crate::late_reads`] asked for. Its record goes to [`LayerRecord::absorb`].
    pub fn second_pass(matcher: &'a Matcher, limits: Limits, wants: &'a LateWants) -> LayerCataloger<'a> {
        LayerCataloger { wants: Some(wants), ..LayerCataloger::new(matcher, limits) }
    }

    /// What was found.
    pub fn finish(mut self) -> LayerRecord {
        if !self.repeated.is_empty() {
            self.record.drop_replaced(&self.repeated);
        }
        self.record.drop_contained();
        self.record
    }

    fn link(&mut self, entry: &Entry) {
        let Some(target) = &entry.link else { return };
        let hard = entry.kind == EntryKind::Hardlink;
        for leaf in self.matcher.claimants(&entry.path) {
            let link = LateLink { path: entry.path.clone(), target: target.clone(), hard, leaf: leaf.id };
            self.record.links.push(link);
        }
        if hard {
            self.record.hardlinks.push((entry.path.clone(), target.clone()));
        }
    }

    fn file(&mut self, entry: &Entry, content: &mut dyn BufRead) {
        let claims: Vec<Claimed> = self
            .matcher
            .claimants(&entry.path)
            .into_iter()
            .map(|leaf| Claimed { leaf, link: None, ranges: &[] })
            .collect();
        if let Err(err) = self.read(entry, content, claims, true) {
            let by = self.matcher.claimants(&entry.path).first().map_or("catalog", |leaf| leaf.id);
            self.give_up(&entry.path, by, UnexaminedKind::Unreadable, format!("the file cannot be read: {err}"));
        }
    }

    fn late_file(&mut self, entry: &Entry, content: &mut dyn BufRead, wants: &'a [Want]) {
        let claim = |want: &'a Want| {
            let leaf = self.matcher.leaf(want.leaf)?;
            Some(Claimed { leaf, link: want.link.as_deref(), ranges: &want.ranges })
        };
        let claims: Vec<Claimed> = wants.iter().filter_map(claim).collect();
        if let Err(err) = self.read(entry, content, claims, false) {
            let by = wants.first().map_or("catalog", |want| want.leaf);
            self.give_up(&entry.path, by, UnexaminedKind::Unreadable, format!("the file cannot be read: {err}"));
        }
    }

    /// Reads one file for the leaves that claim it. In the first pass programs are told by their first bytes, and hashed.
    fn read(
        &mut self,
        entry: &Entry,
        content: &mut dyn BufRead,
        mut claims: Vec<Claimed<'a>>,
        first: bool,
    ) -> io::Result<()> {
        let mut head = Vec::with_capacity(binary::HEAD);
        content.take(binary::HEAD as u64).read_to_end(&mut head)?;
        let program = binary::is_program(&head, entry.size);
        // A kernel runs what has a mark that it knows; a data file with the bit set is no executable.
        let script = entry.mode & 0o111 != 0 && head.starts_with(b"#!");
        let mut readers: Vec<Claimed> = Vec::new();
        if first && program {
            let leaves = self.matcher.executable_claimants(&entry.path);
            readers.extend(leaves.map(|leaf| Claimed { leaf, link: None, ranges: &[] }));
            claims.retain(|claim| !claim.leaf.claims.contains(&Claim::Executable));
        } else if !first {
            // A file is asked for again either under another name, or for parts of it.
            readers.extend(claims.extract_if(.., |claim| !claim.ranges.is_empty()));
        }
        if program || script {
            claims.retain(|claim| !claim.leaf.reads_heads());
        }
        claims.retain(|claim| {
            let fits = entry.size <= claim.leaf.max_size || claim.leaf.reads_heads();
            if !fits {
                let why = format!("the file has {} bytes; at most {} are read", entry.size, claim.leaf.max_size);
                self.record.unexamined.push(unexamined(&entry.path, claim.leaf.id, UnexaminedKind::TooLarge, why));
            }
            fits
        });
        let hashed = first && (program || script);
        if claims.is_empty() && readers.is_empty() && !hashed {
            return Ok(());
        }
        let whole = readers.iter().all(|reader| reader.ranges.is_empty()) && entry.size <= self.limits.whole_program;
        let mut content = head.as_slice().chain(content);
        if claims.is_empty() && (readers.is_empty() || !whole) {
            let wanted: Vec<Range<u64>> = readers.iter().flat_map(|reader| reader.ranges.iter().cloned()).collect();
            let mut capture = (!readers.is_empty()).then(|| Capture::new(&wanted, self.limits.program_parts));
            let mut scan = scan_for(&entry.path, &readers);
            let (digest, size) = stream(&mut content, capture.as_mut(), scan.as_mut())?;
            self.executable(hashed, &entry.path, digest, size);
            if let Some(capture) = capture {
                let parts = capture.finish();
                self.program(&entry.path, &readers, &parts, scan.map(Scan::finish).unwrap_or_default());
            }
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let heads = !hashed && readers.is_empty() && claims.iter().all(|claim| claim.leaf.reads_heads());
        let most = claims.iter().map(|claim| claim.leaf.max_size).max().unwrap_or(0);
        let limit = if heads { most } else { most.max(self.limits.whole_program) };
        // What the header claims, within the limit: a buffer that doubles as it grows would take twice the file.
        bytes.reserve_exact(usize::try_from(entry.size.min(limit).saturating_add(1)).unwrap_or_default());
        content.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if heads {
            bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        } else if bytes.len() as u64 > limit {
            let why = format!("the file grew beyond {limit} bytes while it was read");
            let by = claims.iter().chain(&readers).next().map_or("catalog", |claim| claim.leaf.id);
            self.give_up(&entry.path, by, UnexaminedKind::TooLarge, why);
            return Ok(());
        }
        if hashed {
            self.executable(true, &entry.path, Digest::of(Algorithm::Sha256, &bytes), bytes.len() as u64);
        }
        for claim in &claims {
            let most = if claim.leaf.reads_heads() {
                usize::try_from(claim.leaf.max_size).unwrap_or(usize::MAX)
            } else {
                bytes.len()
            };
            self.call(&entry.path, claim, bytes.get(..most).unwrap_or(&bytes), None);
        }
        if !readers.is_empty() {
            let seen = scan_for(&entry.path, &readers).map(|scan| scan.whole(&bytes)).unwrap_or_default();
            let parts = Parts::whole(bytes);
            self.program(&entry.path, &readers, &parts, seen);
            bytes = parts.into_parts().pop().map(|(_, bytes)| bytes).unwrap_or_default();
        }
        if bytes.capacity() <= KEPT_BUFFER {
            self.buffer = bytes;
        }
        Ok(())
    }

    fn executable(&mut self, hashed: bool, path: &str, digest: Digest, size: u64) {
        if hashed {
            self.record.executables.push(ExecutableRecord { path: path.to_owned(), digest, size });
        }
    }

    /// Lets the leaves that read programs look at this one. What they asked for in vain is noted for a second pass.
    fn program(&mut self, path: &str, readers: &[Claimed<'_>], parts: &Parts, seen: Vec<Sighting>) {
        let image = Image::read(parts).map(|image| image.seen(seen));
        let before = parts.missing();
        for reader in readers {
            let Some(image) = &image else {
                // Enough others tell of the file.
                if matches!(reader.leaf.id, "binary" | "elf-note") {
                    continue;
                }
                match before.is_empty() {
                    true => {
                        let why = "it begins like a program, but its headers cannot be read".to_owned();
                        self.give_up(path, reader.leaf.id, UnexaminedKind::Malformed, why);
                    }
                    false => self.ask(path, reader, before.clone()),
                }
                continue;
            };
            let place = self.record.files.len();
            // Each reader is charged with what the headers and it itself lack, not with what another one asked for.
            parts.forget_missing();
            self.call(path, reader, &[], Some(image));
            let mut missing = parts.missing();
            missing.extend(before.iter().filter(|range| !missing.contains(range)).cloned().collect::<Vec<_>>());
            if !missing.is_empty() {
                // What it found without them is not the whole truth: the second pass finds it again.
                self.record.files.truncate(place);
                self.ask(path, reader, missing);
            }
        }
    }

    fn ask(&mut self, path: &str, reader: &Claimed<'_>, missing: Vec<Range<u64>>) {
        if missing.iter().any(|range| reader.ranges.contains(range)) {
            let why = "the parts of the program that are needed have more bytes than are kept".to_owned();
            self.give_up(path, reader.leaf.id, UnexaminedKind::TooLarge, why);
            return;
        }
        let ranges = reader.ranges.iter().cloned().chain(missing).collect();
        self.record.parts.push(LateParts { path: path.to_owned(), leaf: reader.leaf.id, ranges });
    }

    fn call(&mut self, path: &str, claim: &Claimed<'_>, bytes: &[u8], binary: Option<&dyn Binary>) {
        let location = Location::of_path(claim.link.unwrap_or(path));
        let input = Input { location: &location, bytes, binary, leaf: claim.leaf.id };
        // The last line: a mistake in one leaf costs that file, and is told, instead of the whole scan.
        let found = catch_unwind(AssertUnwindSafe(|| (claim.leaf.read)(&input))).unwrap_or_else(|_| {
            Found::unexamined(
                input
                    .unexamined(UnexaminedKind::Unsupported, "the reader of this file failed; this is a bug of Signet"),
            )
        });
        // Under another name also when it holds nothing: that it was read must be known.
        if found != Found::default() || claim.link.is_some() {
            let link = claim.link.map(str::to_owned);
            self.record.files.push(FileRecord { path: path.to_owned(), link, leaf: claim.leaf.id, found });
        }
    }

    fn give_up(&mut self, path: &str, by: &'static str, kind: UnexaminedKind, why: String) {
        self.record.unexamined.push(unexamined(path, by, kind, why));
    }
}

impl Visitor for LayerCataloger<'_> {
    /// Never fails: what cannot be read is in the record.
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        let before = self.record.lengths();
        if self.recorded.contains(&entry.path) {
            self.repeated.insert(entry.path.clone(), before);
        }
        match (entry.kind, self.wants) {
            (EntryKind::File, None) => self.file(entry, content),
            (EntryKind::File, Some(wants)) => {
                if let Some(wants) = wants.of(&entry.path) {
                    self.late_file(entry, content, wants);
                }
            }
            (EntryKind::Symlink | EntryKind::Hardlink, None) => self.link(entry),
            _ => {}
        }
        if self.record.lengths() != before {
            self.recorded.insert(entry.path.clone());
        }
        Ok(())
    }
}

/// A leaf and why it looks at this file.
#[derive(Clone, Copy, Debug)]
struct Claimed<'a> {
    leaf: &'static Leaf,
    /// The name under which it claims the file, when that is a link.
    link: Option<&'a str>,
    /// Parts that it asked for in an earlier pass.
    ranges: &'a [Range<u64>],
}

fn unexamined(path: &str, by: &'static str, kind: UnexaminedKind, why: String) -> Unexamined {
    Unexamined { location: Location::of_path(path), kind, by, why }
}

/// The pass that looks for well-known programs, where one of them has this file name.
fn scan_for<'p>(path: &'p str, readers: &[Claimed<'_>]) -> Option<Scan<'p>> {
    readers.iter().any(|reader| reader.leaf.id == crate::classifier::LEAF.id).then(|| Scan::new(path)).flatten()
}

/// Hashes a file of any size, block by block.
fn stream(
    content: &mut impl BufRead,
    mut capture: Option<&mut Capture>,
    mut scan: Option<&mut Scan<'_>>,
) -> io::Result<(Digest, u64)> {
    let mut hasher = signet_model::Hasher::new(Algorithm::Sha256);
    let mut size = 0u64;
    loop {
        let block = match content.fill_buf() {
            Ok(block) => block,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(err),
        };
        if block.is_empty() {
            return Ok((hasher.finish(), size));
        }
        hasher.update(block);
        if let Some(capture) = capture.as_deref_mut() {
            capture.push(block);
        }
        if let Some(scan) = scan.as_deref_mut() {
            scan.push(block);
        }
        let len = block.len();
        size += len as u64;
        content.consume(len);
    }
}

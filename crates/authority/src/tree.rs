//! A Merkle tree (RFC 6962, 2.1) that grows to the right and is kept as tiles (C2SP `tlog-tiles`).
//!
//! ```text
//!   tile/0/000          256 leaf hashes             tile/entries/000      their leaves, each behind two bytes of length
//!   tile/0/001.p/5      the first 5 of the next     tile/entries/001.p/5
//!   tile/1/000.p/1      the root of tile/0/000
//!   checkpoint          written last: what it does not cover has not happened
//! ```

use crate::error::Error;
use crate::key::sha256;
use crate::store::{Place, Store};

/// SHA-256.
pub type Hash = [u8; 32];
/// Hashes in a full tile, and levels of the tree in a tile.
const WIDTH: usize = 256;
const HEIGHT: u32 = 8;
/// Levels of tiles: logs have fewer than 2^63 entries.
const LEVELS: u8 = 8;
/// Bytes of an entry: its length is written with two.
pub(crate) const LONGEST: usize = u16::MAX as usize;
/// The name of the file that says how large the log is.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf].concat())
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    for (to, from) in bytes.iter_mut().skip(1).zip(left.iter().chain(right)) {
        *to = *from;
    }
    sha256(&bytes)
}

/// The root over hashes whose number is a power of two, or over none.
fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => sha256(b""),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&perfect(left), &perfect(right))
        }
    }
}

/// Which tile is meant: level, index, and how many of its hashes (all, if not said).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileName {
    /// `None` for bundles of entries.
    pub level: Option<u8>,
    /// Which, from the left.
    pub index: u64,
    /// How many; below 256.
    pub partial: Option<u8>,
}

impl TileName {
    /// Reads `0/x001/x234/067`, `entries/000.p/5`: the path after `tile/`, in the one form that names have.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        if path.len() > 64 {
            return None;
        }
        let (level, rest) = path.split_once('/')?;
        let level =
            if level == "entries" { None } else { Some(level.parse::<u8>().ok().filter(|level| *level < LEVELS)?) };
        let (number, partial) = match rest.split_once(".p/") {
            Some((number, width)) => (number, Some(width.parse::<u8>().ok().filter(|width| *width > 0)?)),
            None => (rest, None),
        };
        let index = number.split('/').try_fold(0_u64, |sum, part| {
            let digits = part.strip_prefix('x').unwrap_or(part);
            let value = Some(digits).filter(|digits| digits.len() == 3)?.parse::<u64>().ok()?;
            sum.checked_mul(1000)?.checked_add(value)
        })?;
        let name = Self { level, index, partial };
        // Signs, missing `x`, leading zeros: only the name that would be written is read.
        (format!("tile/{path}") == name.path()).then_some(name)
    }

    /// The path, `tile/` included.
    #[must_use]
    pub fn path(self) -> String {
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let level = self.level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
        let partial = self.partial.map_or_else(String::new, |width| format!(".p/{width}"));
        format!("tile/{level}/{number}{partial}")
    }
}

/// The right edge: what is not yet a full tile.
#[derive(Clone, Debug, Default)]
struct Edge {
    size: u64,
    /// For each level of tiles the hashes of its last, unfinished tile.
    hashes: Vec<Vec<Hash>>,
    /// The unfinished bundle of entries.
    bundle: Vec<u8>,
}

/// The tree, with its leaves.
#[derive(Debug)]
pub(crate) struct Tree {
    edge: Edge,
    checkpoint: String,
    store: Store,
    /// The last checkpoint could not be written whole, and may be on the disk all the same.
    torn: bool,
}

impl Tree {
    /// Opens a place. `read` verifies a checkpoint and gives its size and root; `write` makes one.
    ///
    /// Errors: a file cannot be read or written; the kept hashes do not lead to the root of the kept checkpoint.
    pub(crate) fn open(
        place: &Place,
        read: impl FnOnce(&str) -> Option<(u64, Hash)>,
        write: impl FnOnce(u64, &Hash) -> Result<String, Error>,
    ) -> Result<Self, Error> {
        let mut store = Store::open(place)?;
        let Some(kept) = store.get(CHECKPOINT)? else {
            let checkpoint = write(0, &perfect(&[]))?;
            store.put(CHECKPOINT, checkpoint.as_bytes())?;
            return Ok(Self { edge: Edge::default(), checkpoint, store, torn: false });
        };
        let damaged = |found: String| Error::Damaged { place: store.place(), found };
        let checkpoint = String::from_utf8(kept).map_err(|_| damaged("its checkpoint is no text".to_owned()))?;
        let (size, root) =
            read(&checkpoint).ok_or_else(|| damaged("its checkpoint is not signed with the log's key".to_owned()))?;
        let mut edge = Edge { size, ..Edge::default() };
        for level in 0..LEVELS {
            let here = size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0);
            if here == 0 {
                break;
            }
            let bytes = Self::kept(&store, Some(level), here)?;
            let hashes = bytes.chunks_exact(32).filter_map(|hash| Hash::try_from(hash).ok()).collect::<Vec<_>>();
            if hashes.len() as u64 != here % WIDTH as u64 {
                return Err(damaged(format!("the last tile of level {level} is not whole")));
            }
            edge.hashes.push(hashes);
        }
        edge.bundle = Self::kept(&store, None, size)?;
        let leaves: Option<Vec<&[u8]>> = entries(&edge.bundle).collect();
        let leaves: Vec<Hash> = leaves.unwrap_or_default().into_iter().map(leaf_hash).collect();
        if edge.hashes.first().map_or(&[][..], Vec::as_slice) != leaves.as_slice() {
            return Err(damaged("the last entries are not those that were hashed".to_owned()));
        }
        let tree = Self { edge, checkpoint, store, torn: false };
        if tree.root()? != root {
            return Err(tree.damaged("its tiles do not lead to its root".to_owned()));
        }
        Ok(tree)
    }

    /// The kept bytes of the unfinished tile of a level that has so many hashes (or entries). None when all are in full tiles.
    fn kept(store: &Store, level: Option<u8>, count: u64) -> Result<Vec<u8>, Error> {
        let (index, width) = (count / WIDTH as u64, (count % WIDTH as u64) as u8);
        if width == 0 {
            return Ok(Vec::new());
        }
        let name = TileName { level, index, partial: Some(width) }.path();
        store.get(&name)?.ok_or_else(|| Error::Damaged { place: store.place(), found: format!("`{name}` is missing") })
    }

    /// Entries.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size
    }

    /// The signed size and root.
    pub(crate) fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Adds leaves and commits to them with one checkpoint, which `write` signs. Gives the index of the first.
    ///
    /// Nothing has happened when this fails: readers see the old checkpoint, in memory and on the disk.
    pub(crate) fn append(
        &mut self,
        leaves: &[&[u8]],
        write: impl FnOnce(u64, &Hash) -> Result<String, Error>,
    ) -> Result<u64, Error> {
        self.whole()?;
        let first = self.edge.size;
        let mut next = self.edge.clone();
        for leaf in leaves {
            let length = u16::try_from(leaf.len()).map_err(|_| {
                Error::Setting(format!("an entry of {} bytes: at most {LONGEST} are logged", leaf.len()))
            })?;
            next.bundle.extend_from_slice(&length.to_be_bytes());
            next.bundle.extend_from_slice(leaf);
            next.size = next.size.checked_add(1).ok_or_else(|| Error::Setting("the log is full".to_owned()))?;
            let mut hash = leaf_hash(leaf);
            for level in 0..LEVELS {
                let at = usize::from(level);
                if next.hashes.len() <= at {
                    next.hashes.push(Vec::new());
                }
                let Some(tile) = next.hashes.get_mut(at) else { break };
                tile.push(hash);
                if tile.len() < WIDTH {
                    break;
                }
                let index = (next.size >> (HEIGHT * (u32::from(level) + 1))) - 1;
                self.store.put(&TileName { level: Some(level), index, partial: None }.path(), &tile.concat())?;
                hash = perfect(tile);
                tile.clear();
                if level == 0 {
                    self.store.put(&TileName { level: None, index, partial: None }.path(), &next.bundle)?;
                    next.bundle.clear();
                }
            }
        }
        for (name, bytes) in next.unfinished() {
            self.store.put(&name, &bytes)?;
        }
        let root = self.root_of(&next)?;
        let checkpoint = write(next.size, &root)?;
        self.torn = true;
        self.store.put(CHECKPOINT, checkpoint.as_bytes())?;
        self.torn = false;
        // Committed. What only the old checkpoint needed can go: a smaller partial tile is the beginning of a larger one.
        let kept: Vec<String> = next.unfinished().into_iter().map(|(name, _)| name).collect();
        for (name, _) in self.edge.unfinished() {
            if !kept.contains(&name) {
                self.store.forget(&name);
            }
        }
        self.edge = next;
        self.checkpoint = checkpoint;
        Ok(first)
    }

    /// Whether more can be added: not when the last checkpoint may be on the disk or not. Another leaf at the same place, under another checkpoint of the
    /// same size, would be a second history, and so would anything that lies beside it.
    pub(crate) fn whole(&self) -> Result<(), Error> {
        match self.torn {
            true => Err(self.damaged("its last checkpoint may be on the disk or not: open the log again".to_owned())),
            false => Ok(()),
        }
    }

    /// The root.
    pub(crate) fn root(&self) -> Result<Hash, Error> {
        self.root_of(&self.edge)
    }

    fn root_of(&self, edge: &Edge) -> Result<Hash, Error> {
        if edge.size == 0 { Ok(perfect(&[])) } else { self.range(edge, 0, edge.size) }
    }

    /// The hashes that lead from an entry to the root (RFC 6962, 2.1.1), the lowest first.
    pub(crate) fn inclusion(&self, index: u64) -> Result<Vec<Hash>, Error> {
        let (mut start, mut size) = (0, self.edge.size);
        let mut proof = Vec::new();
        while size > 1 {
            let split = below(size);
            let right = size.saturating_sub(split);
            let middle = start + split;
            if index < middle {
                proof.push(self.range(&self.edge, middle, right)?);
                size = split;
            } else {
                proof.push(self.range(&self.edge, start, split)?);
                (start, size) = (middle, right);
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over entries from `start` on, which is a multiple of the largest power of two in `size`.
    fn range(&self, edge: &Edge, start: u64, size: u64) -> Result<Hash, Error> {
        if size.is_power_of_two() {
            return self.node(edge, size.trailing_zeros(), start / size);
        }
        let split = below(size);
        let left = self.range(edge, start, split)?;
        let right = self.range(edge, start + split, size.saturating_sub(split))?;
        Ok(node_hash(&left, &right))
    }

    /// The node over 2^height entries, the `index`th from the left.
    fn node(&self, edge: &Edge, height: u32, index: u64) -> Result<Hash, Error> {
        let (level, inner) = ((height / HEIGHT) as u8, height % HEIGHT);
        let first = index << inner;
        let bytes = self.tile(edge, Some(level), first / WIDTH as u64)?.unwrap_or_default();
        let from = (first % WIDTH as u64) as usize * 32;
        let hashes: Vec<Hash> = bytes
            .get(from..from + (32 << inner))
            .unwrap_or(&[])
            .chunks_exact(32)
            .filter_map(|hash| Hash::try_from(hash).ok())
            .collect();
        if hashes.len() != 1 << inner {
            return Err(self.damaged(format!("tile {} of level {level} is missing or not whole", first / WIDTH as u64)));
        }
        Ok(perfect(&hashes))
    }

    /// A tile with all that it holds so far.
    fn tile(&self, edge: &Edge, level: Option<u8>, index: u64) -> Result<Option<Vec<u8>>, Error> {
        let above = HEIGHT * u32::from(level.unwrap_or(0)).saturating_add(1);
        let full = edge.size.checked_shr(above).unwrap_or(0);
        if index < full {
            return self.store.get(&TileName { level, index, partial: None }.path());
        }
        if index > full {
            return Ok(None);
        }
        Ok(match level {
            Some(level) => edge.hashes.get(usize::from(level)).map(|hashes| hashes.concat()),
            None => Some(edge.bundle.clone()),
        })
    }

    /// An entry's leaf.
    pub(crate) fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Error> {
        let bundle = self.tile(&self.edge, None, index / WIDTH as u64)?.unwrap_or_default();
        Ok(entries(&bundle).nth((index % WIDTH as u64) as usize).flatten().map(<[u8]>::to_vec))
    }

    /// The leaves of a bundle: all that it holds so far.
    pub(crate) fn leaves(&self, bundle: u64) -> Result<Vec<Vec<u8>>, Error> {
        let bytes = self.tile(&self.edge, None, bundle)?.unwrap_or_default();
        Ok(entries(&bytes).flatten().map(<[u8]>::to_vec).collect())
    }

    /// A file that lies beside the tiles, which no checkpoint covers.
    pub(crate) fn attached(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store.get(name)
    }

    /// Writes such a file.
    pub(crate) fn attach(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.store.put(name, bytes)
    }

    /// What the log keeps does not hold together.
    pub(crate) fn damaged(&self, found: String) -> Error {
        Error::Damaged { place: self.store.place(), found }
    }

    /// A tile or bundle as its name asks for it, if the log is large enough.
    pub(crate) fn read(&self, name: TileName) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.tile(&self.edge, name.level, name.index)? else { return Ok(None) };
        let wanted = name.partial.map_or(WIDTH, usize::from);
        let end = match name.level {
            Some(_) => wanted * 32,
            None => {
                let mut end = 0;
                let mut count = 0;
                for entry in entries(&bytes).take(wanted).flatten() {
                    end += 2 + entry.len();
                    count += 1;
                }
                if count < wanted {
                    return Ok(None);
                }
                end
            }
        };
        Ok(bytes.get(..end).map(<[u8]>::to_vec))
    }
}

impl Edge {
    /// Names and bytes of the files of unfinished tiles.
    fn unfinished(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for (level, hashes) in (0_u8..).zip(&self.hashes) {
            let here = self.size >> (HEIGHT * u32::from(level));
            if let Some(width) = u8::try_from(hashes.len()).ok().filter(|width| *width > 0) {
                let name = TileName { level: Some(level), index: here / WIDTH as u64, partial: Some(width) };
                files.push((name.path(), hashes.concat()));
            }
        }
        let width = (self.size % WIDTH as u64) as u8;
        if width > 0 {
            let name = TileName { level: None, index: self.size / WIDTH as u64, partial: Some(width) };
            files.push((name.path(), self.bundle.clone()));
        }
        files
    }
}

/// The largest power of two below a size of at least 2.
fn below(size: u64) -> u64 {
    let half = size.saturating_sub(1);
    if half == 0 { 0 } else { 1 << (63 - half.leading_zeros()) }
}

/// The entries of a bundle; `None` where it breaks off.
fn entries(bundle: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = bundle;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = rest
            .split_first_chunk::<2>()
            .and_then(|(length, after)| after.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        match read {
            Some((entry, after)) => {
                rest = after;
                Some(Some(entry))
            }
            None => {
                rest = &[];
                Some(None)
            }
        }
    })
}

#[cfg(test)]
mod tests;

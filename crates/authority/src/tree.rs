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
        // Another leaf at the same place, under another checkpoint of the same size, would be a second history.
        if self.torn {
            return Err(self.damaged("its last checkpoint may be on the disk or not: open the log again".to_owned()));
        }
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
mod tests {
    use super::*;

    /// RFC 6962, 2.1, to the letter.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [one] => *one,
            many => {
                let (left, right) = many.split_at(below(many.len() as u64) as usize);
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    /// RFC 9162, 2.1.3.2: another way to the root than the one that makes the proof.
    fn climbs(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
        let (mut node, mut last, mut hash) = (index, size.checked_sub(1).filter(|last| index <= *last)?, leaf);
        for part in proof {
            if last == 0 {
                return None;
            }
            if node & 1 == 1 || node == last {
                hash = node_hash(part, &hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, part);
            }
            node >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(hash)
    }

    fn signed(size: u64, root: &Hash) -> Result<String, Error> {
        Ok(format!("{size} {}", crate::text::hex(root)))
    }

    fn read(checkpoint: &str) -> Option<(u64, Hash)> {
        let (size, root) = checkpoint.split_once(' ')?;
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&root[2 * at..2 * at + 2], 16).unwrap()).collect();
        Some((size.parse().ok()?, bytes.try_into().ok()?))
    }

    #[test]
    fn roots_and_proofs_agree_with_the_definition() {
        let mut tree = Tree::open(&Place::Memory, read, signed).unwrap();
        let mut hashes = Vec::new();
        let sizes = [1, 2, 3, 4, 5, 7, 8, 100, 255, 256, 257, 300, 511, 512, 513, 1000];
        for size in 1..=1000_u64 {
            let leaf = format!("entry {size}");
            assert_eq!(tree.append(&[leaf.as_bytes()], signed).unwrap(), size - 1);
            hashes.push(leaf_hash(leaf.as_bytes()));
            if !sizes.contains(&size) {
                continue;
            }
            let root = naive(&hashes);
            assert_eq!(tree.root().unwrap(), root, "size {size}");
            assert!(tree.checkpoint().starts_with(&format!("{size} ")));
            for index in [0, size / 3, size / 2, size - 1] {
                let proof = tree.inclusion(index).unwrap();
                assert_eq!(climbs(hashes[index as usize], index, size, &proof), Some(root), "{index} of {size}");
                assert_ne!(climbs(hashes[index as usize], index + 1, size, &proof), Some(root), "{index} of {size}");
            }
        }
    }

    #[test]
    fn tiles_hold_what_their_names_say() {
        let mut tree = Tree::open(&Place::Memory, read, signed).unwrap();
        let leaves: Vec<Vec<u8>> = (0..600_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        tree.append(&leaves.iter().map(Vec::as_slice).collect::<Vec<_>>(), signed).unwrap();
        let get = |path: &str| tree.read(TileName::parse(path).unwrap()).unwrap();
        let hashes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf_hash(leaf)).collect();
        assert_eq!(get("0/000").unwrap(), hashes[..8192]);
        assert_eq!(get("0/001").unwrap(), hashes[8192..16384]);
        assert_eq!(get("0/002"), None, "only 88 of it are there");
        assert_eq!(get("0/002.p/88").unwrap(), hashes[16384..]);
        assert_eq!(get("0/002.p/3").unwrap(), hashes[16384..16384 + 96], "a smaller tree's tile");
        assert_eq!(get("0/000.p/9").unwrap(), hashes[..9 * 32]);
        assert_eq!(get("0/002.p/89"), None);
        assert_eq!(get("0/003.p/1"), None);
        assert_eq!(get("1/000.p/2").unwrap().len(), 64);
        assert_eq!(get("1/000.p/3"), None);
        assert_eq!(get("2/000.p/1"), None);
        assert_eq!(get("entries/000").unwrap().len(), 256 * 6);
        assert_eq!(get("entries/002.p/2").unwrap(), [0, 4, 0, 0, 2, 0, 0, 4, 0, 0, 2, 1]);
        assert_eq!(get("entries/002.p/89"), None);
    }

    #[test]
    fn names_of_tiles_have_one_form() {
        for path in
            ["0/000", "7/x001/x234/067", "entries/255.p/255", "1/x001/000.p/1", "0/x018/x446/x744/x073/x709/551/615"]
        {
            let read = TileName::parse(path);
            assert_eq!(read.is_some(), !path.starts_with("0/x018"), "{path}");
            assert!(read.is_none_or(|name| name.path() == format!("tile/{path}")));
        }
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/+00",
            "0/0000",
            "00/000",
            "8/000",
            "-1/000",
            "0/x000/001",
            "0/001/002",
            "0/x001/x002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "entries/../000",
            "0/000.p/1.p/1",
            "0/001/x002",
        ] {
            assert_eq!(TileName::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_log_in_a_directory_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Directory(folder.path().join("log"));
        let mut sizes = Vec::new();
        for round in 0..6_u32 {
            let mut tree = Tree::open(&place, read, signed).unwrap();
            assert!(Tree::open(&place, read, signed).is_err(), "two writers");
            let leaves: Vec<[u8; 4]> = (0..53 * round).map(u32::to_be_bytes).collect();
            for some in leaves.chunks(50) {
                tree.append(&some.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>(), signed).unwrap();
            }
            sizes.push(tree.size());
            let proof = tree.inclusion(tree.size().saturating_sub(1)).unwrap();
            assert!(tree.size() == 0 || !proof.is_empty());
        }
        assert_eq!(sizes.last(), Some(&(53 * 15)));
    }

    #[test]
    fn a_damaged_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Directory(folder.path().to_owned());
        let mut tree = Tree::open(&place, read, signed).unwrap();
        for _ in 0..3 {
            tree.append(&[b"leaf".as_slice(); 100], signed).unwrap();
        }
        drop(tree);
        for name in ["checkpoint", "tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"] {
            let path = folder.path().join(name);
            let whole = std::fs::read(&path).unwrap();
            let mut other = whole.clone();
            other[5] ^= 1;
            std::fs::write(&path, other).unwrap();
            assert!(Tree::open(&place, read, signed).is_err(), "{name} was changed");
            std::fs::remove_file(&path).unwrap();
            if name != "checkpoint" {
                assert!(Tree::open(&place, read, signed).is_err(), "{name} is missing");
            }
            std::fs::write(&path, whole).unwrap();
        }
        assert_eq!(Tree::open(&place, read, signed).unwrap().size(), 300);
    }

    #[test]
    fn a_failed_append_has_not_happened() {
        let mut tree = Tree::open(&Place::Memory, read, signed).unwrap();
        for n in 0..255_u32 {
            tree.append(&[&n.to_be_bytes()], signed).unwrap();
        }
        let (root, checkpoint) = (tree.root().unwrap(), tree.checkpoint().to_owned());
        assert!(tree.append(&[b"x"], |_, _| Err(Error::Crypto { doing: "sign" })).is_err());
        assert!(tree.append(&[&[0; 65536]], signed).is_err());
        assert_eq!((tree.root().unwrap(), tree.checkpoint()), (root, checkpoint.as_str()));
        assert_eq!(tree.read(TileName::parse("0/000").unwrap()).unwrap(), None);
        assert_eq!(tree.append(&[b"y"], signed).unwrap(), 255);
        assert_eq!(tree.inclusion(255).unwrap().len(), 8);
    }

    #[test]
    fn a_checkpoint_that_may_be_written_is_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Directory(folder.path().to_owned());
        let mut tree = Tree::open(&place, read, signed).unwrap();
        tree.append(&[b"a"], signed).unwrap();
        let path = folder.path().join(CHECKPOINT);
        let kept = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir_all(path.join("x")).unwrap();
        assert!(tree.append(&[b"b"], signed).is_err());
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::write(&path, kept).unwrap();
        assert!(tree.append(&[b"c"], signed).unwrap_err().to_string().contains("open the log again"));
        drop(tree);
        let mut tree = Tree::open(&place, read, signed).unwrap();
        assert_eq!(tree.append(&[b"c"], signed).unwrap(), 1);
        assert_eq!((tree.leaf(1).unwrap().as_deref(), tree.leaf(2).unwrap()), (Some(b"c".as_slice()), None));
    }
}

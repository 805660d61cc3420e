//! The tree by other ways than its own, its files, and what happens when they fail.

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

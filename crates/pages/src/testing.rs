//! Makes small bbolt files for tests, page by page as `go.etcd.io/bbolt` lays them out.

/// What stands under a key.
#[derive(Clone, Debug)]
pub enum Node {
    /// Bytes.
    Value(Vec<u8>),
    /// Keys of a bucket of its own.
    Bucket(Vec<(&'static str, Node)>),
}

/// A value of this text.
pub fn value(json: &str) -> Node {
    Node::Value(json.as_bytes().to_vec())
}

/// A bucket of these keys.
pub fn bucket(items: &[(&'static str, Node)]) -> Node {
    let mut items = items.to_vec();
    items.sort_by_key(|(key, _)| *key);
    Node::Bucket(items)
}

/// Small pages and few elements on each, so that small trees have branches, overflow pages and inline buckets too.
pub const PAGE: usize = 1024;
const PER_LEAF: usize = 4;

/// The file whose root bucket holds `items`.
pub fn bolt_file(items: &[(&'static str, Node)]) -> Vec<u8> {
    let Node::Bucket(items) = bucket(items) else { unreachable!() };
    let mut file = vec![0; 4 * PAGE];
    let root = write_bucket(&mut file, &items);
    file[3 * PAGE..3 * PAGE + 8].copy_from_slice(&3u64.to_le_bytes());
    file[3 * PAGE + 8] = 0x10;
    let pages = (file.len() / PAGE) as u64;
    for (page, txid, root) in [(0u64, 1u64, 2u64), (1, 2, root)] {
        let mut meta = Vec::new();
        meta.extend_from_slice(&page.to_le_bytes());
        meta.extend_from_slice(&4u16.to_le_bytes());
        meta.extend_from_slice(&[0; 6]);
        meta.extend_from_slice(&0xED0C_DAEDu32.to_le_bytes());
        meta.extend_from_slice(&2u32.to_le_bytes());
        meta.extend_from_slice(&(PAGE as u32).to_le_bytes());
        meta.extend_from_slice(&0u32.to_le_bytes());
        for number in [root, 0, 3, pages, txid] {
            meta.extend_from_slice(&number.to_le_bytes());
        }
        let sum = meta[16..]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
        meta.extend_from_slice(&sum.to_le_bytes());
        let at = page as usize * PAGE;
        file[at..at + meta.len()].copy_from_slice(&meta);
    }
    // Page 2 is the empty leaf that the first transaction had.
    let empty = page_bytes(2, 2, &[]);
    file[2 * PAGE..3 * PAGE].copy_from_slice(&empty);
    file
}

/// Writes a bucket's pages and gives its root.
fn write_bucket(file: &mut Vec<u8>, items: &[(&'static str, Node)]) -> u64 {
    let elements: Vec<(u32, &[u8], Vec<u8>)> = items
        .iter()
        .map(|(key, node)| match node {
            Node::Value(bytes) => (0, key.as_bytes(), bytes.clone()),
            Node::Bucket(items) => (1, key.as_bytes(), bucket_value(file, items)),
        })
        .collect();
    let mut leaves: Vec<(&[u8], u64)> = Vec::new();
    for chunk in elements.chunks(PER_LEAF) {
        leaves.push((chunk[0].1, append(file, 2, &leaf_elements(chunk))));
    }
    match leaves.as_slice() {
        [] => append(file, 2, &[]),
        [(_, only)] => *only,
        many => {
            let parts: Vec<([u8; 12], Vec<u8>)> = many
                .iter()
                .map(|(key, page)| {
                    let mut head = [0; 12];
                    head[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
                    head[4..].copy_from_slice(&page.to_le_bytes());
                    (head, key.to_vec())
                })
                .collect();
            append(file, 1, &parts.iter().map(|(head, data)| Element::Branch(*head, data.clone())).collect::<Vec<_>>())
        }
    }
}

fn bucket_value(file: &mut Vec<u8>, items: &[(&'static str, Node)]) -> Vec<u8> {
    let size: usize = items
        .iter()
        .map(|(key, node)| key.len() + 16 + if let Node::Value(bytes) = node { bytes.len() } else { PAGE })
        .sum();
    if size >= PAGE / 4 {
        let root = write_bucket(file, items);
        return [root.to_le_bytes(), 0u64.to_le_bytes()].concat();
    }
    let elements: Vec<(u32, &[u8], Vec<u8>)> = items
        .iter()
        .filter_map(
            |(key, node)| if let Node::Value(bytes) = node { Some((0, key.as_bytes(), bytes.clone())) } else { None },
        )
        .collect();
    let mut value = vec![0; 16];
    value.extend(page_exact(0, 2, &leaf_elements(&elements)));
    value
}

enum Element {
    Leaf([u8; 4], [u8; 8], Vec<u8>),
    Branch([u8; 12], Vec<u8>),
}

fn leaf_elements(elements: &[(u32, &[u8], Vec<u8>)]) -> Vec<Element> {
    elements
        .iter()
        .map(|(flags, key, value)| {
            let mut sizes = [0; 8];
            sizes[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
            sizes[4..].copy_from_slice(&(value.len() as u32).to_le_bytes());
            Element::Leaf(flags.to_le_bytes(), sizes, [*key, value.as_slice()].concat())
        })
        .collect()
}

fn append(file: &mut Vec<u8>, flags: u16, elements: &[Element]) -> u64 {
    let id = (file.len() / PAGE) as u64;
    file.extend(page_bytes(id, flags, elements));
    id
}

fn page_bytes(id: u64, flags: u16, elements: &[Element]) -> Vec<u8> {
    let mut page = page_exact(id, flags, elements);
    let pages = page.len().div_ceil(PAGE).max(1);
    page.resize(pages * PAGE, 0);
    page[12..16].copy_from_slice(&(pages as u32 - 1).to_le_bytes());
    page
}

fn page_exact(id: u64, flags: u16, elements: &[Element]) -> Vec<u8> {
    let mut page = Vec::new();
    page.extend_from_slice(&id.to_le_bytes());
    page.extend_from_slice(&flags.to_le_bytes());
    page.extend_from_slice(&(elements.len() as u16).to_le_bytes());
    page.extend_from_slice(&0u32.to_le_bytes());
    let mut data_at = 16 + elements.len() * 16;
    let mut data = Vec::new();
    for (n, element) in elements.iter().enumerate() {
        let position = ((data_at - (16 + n * 16)) as u32).to_le_bytes();
        let bytes = match element {
            Element::Leaf(flags, sizes, bytes) => {
                page.extend_from_slice(flags);
                page.extend_from_slice(&position);
                page.extend_from_slice(sizes);
                bytes
            }
            Element::Branch(head, bytes) => {
                page.extend_from_slice(&position);
                page.extend_from_slice(head);
                bytes
            }
        };
        data_at += bytes.len();
        data.extend_from_slice(bytes);
    }
    page.extend(data);
    page
}

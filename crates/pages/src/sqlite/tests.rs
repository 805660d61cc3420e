use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const FILE: &[u8] = include_bytes!("../testdata/tables.sqlite");
const INDEX: &[u8] = include_bytes!("../testdata/index.sqlite");
/// Bytes of a page, in the fixtures and in what [`file`] makes.
const PAGE: usize = 512;

// === What the real SQLite wrote ===

#[test]
fn rows_come_in_order_and_by_id() {
    let database = Sqlite::open(FILE).unwrap();
    let table = database.table("Words").unwrap();
    let (id, word, number) =
        (table.column("id").unwrap(), table.column("word").unwrap(), table.column("number").unwrap());
    assert_eq!((id, table.find_column("nothing")), (0, None));
    let mut count = 0;
    for (row, n) in table.rows().zip(1i64..) {
        let row = row.unwrap();
        let values = row.values().unwrap();
        assert_eq!((values[id].integer(), values[word].text()), (Some(n), Some(format!("word {n}").as_str())));
        assert_eq!(values[number].real(), Some(n as f64 / 2.0));
        let text = values[table.column("text").unwrap()].text().unwrap();
        let n = n as usize;
        assert_eq!(text.len(), if n.is_multiple_of(50) { (n * 37) % 5000 } else { n % 20 }, "row {n}");
        count = n;
    }
    assert_eq!(count, 700);
    for n in [1, 2, 350, 699, 700] {
        let row = table.get(n).unwrap().unwrap();
        assert_eq!((row.id(), row.values().unwrap()[word].text()), (n, Some(format!("word {n}").as_str())));
    }
    assert!(table.get(0).unwrap().is_none() && table.get(701).unwrap().is_none());
}

#[test]
fn what_is_not_there_is_an_error() {
    let database = Sqlite::open(FILE).unwrap();
    assert_eq!(database.table("none").unwrap_err(), SqliteError::Missing("table `none`".to_owned()));
    assert!(matches!(database.table("bare"), Err(SqliteError::Missing(_))), "without row ids");
    assert!(database.find_index("words").unwrap().is_none(), "a table is no index");
    assert_eq!(Sqlite::open(b"SQLite format 4\0").unwrap_err(), SqliteError::Foreign);
    assert!(database.table("words").unwrap().column("x").is_err());
}

#[test]
fn an_index_finds_the_first_row_of_every_blob() {
    let database = Sqlite::open(INDEX).unwrap();
    let index = database.find_index("by_hash").unwrap().unwrap();
    assert_eq!(database.page(index.root).unwrap().kind, INDEX_INTERIOR, "because one page would show little");
    let table = database.table("files").unwrap();
    let hash = table.column("hash").unwrap();
    let (mut first, mut others) = (BTreeMap::new(), 0);
    for row in table.rows() {
        let row = row.unwrap();
        match row.values().unwrap()[hash] {
            Value::Blob(key) => _ = first.entry(key.to_vec()).or_insert(row.id()),
            _ => others += 1,
        }
    }
    assert_eq!((first.len(), others), (402, 80));
    for (key, id) in &first {
        assert_eq!(index.find(key), Ok(Some(*id)), "{key:?}");
        let beside = [key.as_slice(), &[0]].concat();
        assert_eq!(index.find(&beside), Ok(None), "{beside:?}");
    }
    for key in [&[0; 20], &[255; 20], b"text 2001, as a blob"] {
        assert_eq!(index.find(key), Ok(None));
    }
}

#[test]
fn an_index_of_long_keys_is_refused() {
    let database = Sqlite::open(INDEX).unwrap();
    let err = database.find_index("by_key").unwrap().unwrap().find(&[5; 2000]).unwrap_err();
    assert!(err.to_string().contains("a key continues on other pages"), "{err}");
    let table = Index { database, root: database.table("files").unwrap().root };
    assert!(table.find(b"x").unwrap_err().to_string().contains("no index has"));
}

// === Damage ===

/// The number of rows that are still read, and what is told of the others.
#[track_caller]
fn check_rows(bytes: &[u8], rows: usize, told: &[&str]) {
    let table = Sqlite::open(bytes).unwrap().table("words").unwrap();
    let (found, errors): (Vec<_>, Vec<_>) = table.rows().partition(Result::is_ok);
    let errors: Vec<String> = errors.into_iter().map(|row| row.unwrap_err().to_string()).collect();
    assert_eq!(found.len(), rows, "{errors:?}");
    assert_eq!(errors.len(), told.len(), "{errors:?}");
    for (error, why) in errors.iter().zip(told) {
        assert!(error.contains(why), "{why:?} is not in {error:?}");
    }
}

/// The fixture with other bytes at this place of a page.
fn changed(page: u64, at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = FILE.to_vec();
    let at = (page as usize - 1) * PAGE + at;
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn damage_costs_only_its_own_rows() {
    let database = Sqlite::open(FILE).unwrap();
    let table = database.table("words").unwrap();
    let root = database.page(table.root).unwrap();
    let leaf = database.page(root.child(1).unwrap()).unwrap();
    assert_eq!((root.kind, leaf.kind), (INTERIOR, LEAF));
    check_rows(FILE, 700, &[]);

    // A cell, and a page.
    check_rows(&changed(leaf.number, 8, &[255, 255]), 699, &["a cell lies outside of it"]);
    check_rows(&changed(leaf.number, 0, &[INDEX_LEAF]), 700 - leaf.cells, &["no table has"]);
    check_rows(&changed(leaf.number, 3, &[255, 255]), 700 - leaf.cells, &["more cells than fit"]);
    // A pointer: to no page, behind the file, to its own page, and to one that was read.
    let at = be(root.bytes, 12 + 2, 2).unwrap() as usize;
    let pages = (FILE.len() / PAGE) as u32;
    for (number, why) in [
        (0, "number 0"),
        (pages + 1, "behind the end"),
        (u32::MAX, "behind the end"),
        (root.number as u32, "used twice"),
        (root.child(0).unwrap() as u32, "used twice"),
    ] {
        check_rows(&changed(root.number, at, &number.to_be_bytes()), 700 - leaf.cells, &[why]);
    }
}

#[test]
fn damage_of_the_schema_is_told_when_it_may_hide_what_is_sought() {
    let schema = Sqlite::open(FILE).unwrap().page(1).unwrap();
    assert_eq!(schema.kind, LEAF);
    let mut hidden = 0;
    for place in 0..schema.cells {
        let bytes = changed(1, 100 + 8 + place * 2, &[255, 255]);
        let database = Sqlite::open(&bytes).unwrap();
        assert!(matches!(database.find_table("none"), Err(SqliteError::Damaged { page: 1, .. })));
        hidden += usize::from(database.table("words").is_err());
    }
    assert_eq!(hidden, 1, "one of {} rows speaks of the table", schema.cells);
}

// === Lies, written by hand ===

fn varint_of(number: usize) -> Vec<u8> {
    assert!(number < 1 << 14);
    if number < 128 { vec![number as u8] } else { vec![(number >> 7) as u8 | 0x80, (number & 127) as u8] }
}

/// A page of a tree: its cells from the end, their places in `list` or each once. For interior pages `right` is the last child.
fn page(number: usize, right: Option<u32>, cells: &[Vec<u8>], list: Option<&[usize]>) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let mut end = PAGE;
    let mut places = Vec::new();
    for cell in cells {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        places.push(end as u16);
    }
    let list: Vec<u16> = list.map_or(places.clone(), |list| list.iter().map(|place| places[*place]).collect());
    let at = if number == 1 { 100 } else { 0 };
    page[at] = if right.is_some() { INTERIOR } else { LEAF };
    page[at + 3..at + 5].copy_from_slice(&(list.len() as u16).to_be_bytes());
    let mut pointers = at + 8;
    if let Some(right) = right {
        page[at + 8..at + 12].copy_from_slice(&right.to_be_bytes());
        pointers += 4;
    }
    for place in list {
        page[pointers..pointers + 2].copy_from_slice(&place.to_be_bytes());
        pointers += 2;
    }
    page
}

/// A leaf's cell whose record has one blob of `length` bytes, of which `local` stand here.
fn cell(id: usize, length: usize, local: usize, overflow: Option<u32>) -> Vec<u8> {
    let kind = varint_of(12 + 2 * length);
    let header = [varint_of(kind.len() + 1), kind].concat();
    let whole = header.len() + length;
    let body = vec![b'x'; local - header.len()];
    let next = overflow.map(|next| next.to_be_bytes().to_vec()).unwrap_or_default();
    [varint_of(whole), varint_of(id), header, body, next].concat()
}

/// A file whose table `words` has its root on the first of these pages, which is page 2.
fn file(pages: &[Vec<u8>]) -> Vec<u8> {
    let texts = ["table", "words", "words"];
    let sql = "CREATE TABLE words(a)";
    let mut record = vec![6];
    record.extend(texts.map(|text| (13 + 2 * text.len()) as u8));
    record.extend([1, (13 + 2 * sql.len()) as u8]);
    record.extend(texts.concat().as_bytes());
    record.push(2);
    record.extend(sql.as_bytes());
    let mut first = page(1, None, &[[varint_of(record.len()), vec![1], record].concat()], None);
    first[..16].copy_from_slice(MAGIC);
    first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    first[59] = 1;
    [first, pages.concat()].concat()
}

/// The length of a blob whose record fills `pages` overflow pages and leaves the least that SQLite keeps in the cell, 39 bytes, there.
fn shared(pages: usize) -> usize {
    39 + pages * (PAGE - 4) - 4
}

/// The overflow pages `first..first + count`, each of which names the next.
fn chain(first: u32, count: u32) -> impl Iterator<Item = Vec<u8>> {
    (first..first + count).map(move |number| {
        let next = if number + 1 == first + count { 0 } else { number + 1 };
        [next.to_be_bytes().to_vec(), vec![b'y'; PAGE - 4]].concat()
    })
}

#[test]
fn what_the_tests_write_is_a_database() {
    let cells: Vec<Vec<u8>> = (1..9).map(|id| cell(id, 20, 22, None)).collect();
    check_rows(&file(&[page(2, None, &cells, None)]), 8, &[]);
    let long = cell(1, shared(10), 39, Some(3));
    let bytes = file(&[vec![page(2, None, &[long], None)], chain(3, 10).collect()].concat());
    let table = Sqlite::open(&bytes).unwrap().table("words").unwrap();
    for row in [table.rows().next().unwrap().unwrap(), table.get(1).unwrap().unwrap()] {
        let values = row.values().unwrap();
        let [Value::Blob(blob)] = values.as_slice() else { panic!("{values:?}") };
        assert_eq!((blob.len(), blob.last()), (shared(10), Some(&b'y')));
    }
}

/// Ten rows of one page that all go on in the same fifteen pages would, on a page of 64 KiB, be 700 rows of 64 MiB.
#[test]
fn rows_do_not_share_overflow_pages() {
    let cells: Vec<Vec<u8>> = (1..=10).map(|id| cell(id, shared(15), 39, Some(3))).collect();
    let bytes = file(&[vec![page(2, None, &cells, None)], chain(3, 15).collect()].concat());
    check_rows(&bytes, 1, &["page 3 of the SQLite database is damaged: it is used twice"; 9]);

    // A chain that leads back to itself, or into its own leaf.
    for next in [3u32, 2] {
        let ring = [next.to_be_bytes().to_vec(), vec![b'y'; PAGE - 4]].concat();
        let cells = [cell(1, shared(2), 39, Some(3)), cell(2, 9, 11, None)];
        check_rows(&file(&[page(2, None, &cells, None), ring, vec![0; PAGE]]), 1, &["used twice"]);
    }
}

/// On a page of 64 KiB, 32,768 places of one cell would be 2 GiB.
#[test]
fn cells_of_a_page_do_not_overlap() {
    let long = cell(1, 300, 303, None);
    let first = page(2, Some(4), &[[vec![0, 0, 0, 3], vec![1]].concat()], None);
    let second = page(3, None, &[long], Some(&[0; 50]));
    let third = page(4, None, &[cell(2, 9, 11, None)], None);
    check_rows(&file(&[first, second, third]), 2, &["page 3 of the SQLite database is damaged: its cells overlap"; 49]);
}

#[test]
fn a_tree_is_not_deeper_than_can_be() {
    let tree = |depth: u32| {
        let mut pages: Vec<Vec<u8>> =
            (2..depth + 1).map(|number| page(number as usize, Some(number + 1), &[], None)).collect();
        pages.push(page(9, None, &[cell(1, 9, 11, None)], None));
        file(&pages)
    };
    check_rows(&tree(32), 1, &[]);
    check_rows(&tree(33), 0, &["its tree is too deep"]);
    for (depth, found) in [(32, true), (33, false)] {
        let bytes = tree(depth);
        let row = Sqlite::open(&bytes).unwrap().table("words").unwrap().get(1);
        assert_eq!(row.is_ok_and(|row| row.is_some()), found, "{depth}");
    }
    // A circle of an index ends, too.
    let circle = page(2, Some(2), &[], None);
    let mut bytes = file(&[circle]);
    bytes[PAGE] = INDEX_INTERIOR;
    let index = Index { database: Sqlite::open(&bytes).unwrap(), root: 2 };
    assert!(index.find(b"x").unwrap_err().to_string().contains("too deep"));
}

#[test]
fn a_row_is_not_longer_than_its_file() {
    let ring = [3u32.to_be_bytes().to_vec(), vec![b'y'; PAGE - 4]].concat();
    let bytes = file(&[page(2, None, &[cell(1, shared(10), 39, Some(3))], None), ring]);
    check_rows(&bytes, 0, &["a row claims more bytes"]);
    assert!(Sqlite::open(&bytes).unwrap().table("words").unwrap().get(1).is_err());
}

/// A table of a million rows that all name the same row of 64 MiB in another table.
#[test]
fn look_ups_have_a_budget() {
    let table = Sqlite::open(FILE).unwrap().table("words").unwrap();
    assert_eq!(table.budget.get(), FILE.len() as u64 * LOOKUP_FACTOR + LOOKUP_FLOOR);
    table.budget.set(10_000);
    let given = (0..100).take_while(|_| table.get(50).is_ok()).count();
    assert_eq!(given, 5, "of 1,850 bytes each");
}

#[test]
fn a_record_has_no_more_columns_than_a_table() {
    let record = |columns: usize| {
        let size = columns + 3;
        [vec![(size >> 14) as u8 | 0x80, (size >> 7) as u8 | 0x80, (size & 127) as u8], vec![0; columns]].concat()
    };
    assert_eq!(record::values(&record(32767), None).map(|values| values.len()), Some(32767));
    assert_eq!(record::values(&record(32768), None), None);
}

/// Reads whatever can be read, and counts: no more rows and errors than the file has bytes, no more values.
fn check_bounded(bytes: &[u8]) {
    let Ok(database) = Sqlite::open(bytes) else { return };
    for name in ["words", "files"] {
        let Ok(Some(table)) = database.find_table(name) else { continue };
        let (mut steps, mut read) = (0, 0);
        for row in table.rows() {
            steps += 1;
            let Ok(row) = row else { continue };
            for value in row.values().unwrap_or_default() {
                read += match value {
                    Value::Text(text) => text.len(),
                    Value::Blob(bytes) => bytes.len(),
                    _ => 0,
                };
            }
        }
        assert!(steps <= bytes.len() && read <= bytes.len(), "{steps} steps and {read} bytes of {}", bytes.len());
        let _ = table.get(350);
    }
    if let Ok(Some(index)) = database.find_index("by_hash") {
        let _ = index.find(b"\x80same");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_files_end(
        index: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if index { INDEX } else { FILE }.to_vec();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 4).max(600));
        check_bounded(&bytes);
    }

    /// Pages that point at each other at random: what a change of single bytes seldom makes.
    #[test]
    fn tangled_pages_end(changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..8, 0u8..142), 1..200)) {
        let mut bytes = FILE.to_vec();
        for (page, word, number) in changes {
            // Each fourth byte of the first 32 is the low one of a pointer or a count somewhere.
            let at = (1 + page.index(bytes.len() / PAGE - 1)) * PAGE + word * 4 + 3;
            bytes[at] = number;
        }
        check_bounded(&bytes);
    }
}

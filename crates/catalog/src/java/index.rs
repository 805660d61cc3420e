//! Java archives by SHA-1, through the index that Trivy publishes (`trivy-java.db`).
//!
//! The file is a SQLite database of more than a gigabyte, so it is never read whole: a look-up follows the tree of the index on hashes, then
//! two trees of rows, a handful of pages each. The bytes may be those of a mapped file.

use signet_model::{ChecksumAlgorithm, Inventory, PackageKind, Presence};
use signet_pages::sqlite::{Index, Row, Sqlite, SqliteError, Table, Value};

/// What the index says of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The group.
    pub group: String,
    /// The artifact.
    pub artifact: String,
    /// The version.
    pub version: String,
}

/// Why an index cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It has no tables of the known form.
    #[error("it has no tables `artifacts` and `indices` with an index on `sha1`")]
    Schema(#[source] SqliteError),
    /// It is no SQLite database, or a damaged one.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// A row is not what those that lead to it say.
    #[error("row {row} of the table `{table}` is damaged")]
    Row {
        /// The table.
        table: &'static str,
        /// Id of the row.
        row: i64,
    },
}

/// An index of Java archives.
///
/// Shape: `artifacts(id INTEGER PRIMARY KEY, group_id, artifact_id)`, `indices(artifact_id, version, sha1 BLOB, archive_type)`, and the index
/// `indices_sha1_idx` on `indices(sha1)`. Source: aquasecurity/trivy-java-db:pkg/db/db.go.
#[derive(Debug)]
pub struct JavaIndex<'a> {
    /// Columns: group, artifact.
    artifacts: (Table<'a>, [usize; 2]),
    /// Columns: id of the artifact, version, hash.
    indices: (Table<'a>, [usize; 3]),
    by_hash: Index<'a>,
}

impl<'a> JavaIndex<'a> {
    /// Opens an index: reads its header and its schema, and nothing else.
    pub fn open(bytes: &'a [u8]) -> Result<JavaIndex<'a>, IndexError> {
        let database = Sqlite::open(bytes)?;
        let read = || {
            let index = "indices_sha1_idx";
            let by_hash = database.find_index(index)?;
            Ok(JavaIndex {
                artifacts: table(&database, "artifacts", ["group_id", "artifact_id"])?,
                indices: table(&database, "indices", ["artifact_id", "version", "sha1"])?,
                by_hash: by_hash.ok_or_else(|| SqliteError::Missing(format!("index `{index}`")))?,
            })
        };
        read().map_err(|err| match err {
            SqliteError::Missing(_) => IndexError::Schema(err),
            err => IndexError::Sqlite(err),
        })
    }

    /// The archive of this SHA-1. `None`: the index does not list it.
    pub fn find(&self, sha1: &[u8; 20]) -> Result<Option<Indexed>, IndexError> {
        let Some(id) = self.by_hash.find(sha1)? else { return Ok(None) };
        let (table, columns) = &self.indices;
        let damaged = IndexError::Row { table: "indices", row: id };
        let Some(row) = table.get(id)? else { return Err(damaged) };
        let (artifact, version) = match values(&row, columns)? {
            [Value::Integer(artifact), Value::Text(version), Value::Blob(hash)] if hash == sha1 => (artifact, version),
            _ => return Err(damaged),
        };
        let (table, columns) = &self.artifacts;
        // Trivy joins the tables: a hash whose artifact is not listed is not listed.
        let Some(row) = table.get(artifact)? else { return Ok(None) };
        match values(&row, columns)? {
            [Value::Text(group), Value::Text(artifact)] => Ok(Some(Indexed {
                group: group.to_owned(),
                artifact: artifact.to_owned(),
                version: version.to_owned(),
            })),
            _ => Err(IndexError::Row { table: "artifacts", row: artifact }),
        }
    }
}

fn table<'a, const N: usize>(
    database: &Sqlite<'a>,
    name: &str,
    columns: [&str; N],
) -> Result<(Table<'a>, [usize; N]), SqliteError> {
    let table = database.table(name)?;
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = table.column(column)?;
    }
    Ok((table, places))
}

/// Values of some columns; one that a row lacks is nothing.
fn values<'r, const N: usize>(row: &'r Row<'_>, columns: &[usize; N]) -> Result<[Value<'r>; N], SqliteError> {
    let values = row.values()?;
    Ok(columns.map(|column| values.get(column).copied().unwrap_or(Value::Null)))
}

/// Names installed Java archives whose group or version neither their descriptors nor their file names tell, by their SHA-1.
///
/// What is stated stays: the index fills in, and is told in `extra` as `java.index`. Gives how many archives were named.
/// Errors: a damaged index; those named before stay named.
pub fn name_by_index(inventory: &mut Inventory, index: &JavaIndex<'_>) -> Result<usize, IndexError> {
    let mut named = 0;
    for package in &mut inventory.packages {
        let whole = package.name.contains(':') && !package.version.is_empty();
        if package.kind != PackageKind::Java || package.presence != Presence::Installed || whole {
            continue;
        }
        let hash = package.checksums.iter().find(|checksum| checksum.algorithm == ChecksumAlgorithm::Sha1);
        let Some(sha1) = hash.and_then(|hash| bytes_of(&hash.hex)) else { continue };
        if let Some(Indexed { group, artifact, version }) = index.find(&sha1)? {
            package.name = format!("{group}:{artifact}");
            package.version = version;
            package.extra.insert("java.index".to_owned(), "sha1".to_owned());
            named += 1;
        }
    }
    Ok(named)
}

fn bytes_of(hex: &str) -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    if hex.len() != 40 || !hex.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha1::Digest as _;
    use signet_model::{Checksum, Package};

    use super::*;
    use crate::syntax::testing::mutate;

    /// Two hundred archives `g0:a0` to `g9:a9` of versions `0` to `199`; the hash of each is that of its version's text.
    const INDEX: &[u8] = include_bytes!("testdata/java-index.db");

    fn hash(text: &str) -> [u8; 20] {
        sha1::Sha1::digest(text.as_bytes()).into()
    }

    #[test]
    fn every_archive_is_found() {
        let index = JavaIndex::open(INDEX).unwrap();
        for version in 0..200 {
            let found = index.find(&hash(&version.to_string())).unwrap().unwrap();
            let (group, artifact) = (format!("g{}", version % 10), format!("a{}", version % 10));
            assert_eq!(found, Indexed { group, artifact, version: version.to_string() });
        }
        for other in ["200", "x", "y", "z"] {
            assert_eq!(index.find(&hash(other)), Ok(None));
        }
    }

    #[test]
    fn only_what_is_not_known_is_named() {
        let archive = |name: &str, version: &str, text: &str| {
            let checksum = Checksum::from_bytes(ChecksumAlgorithm::Sha1, &hash(text));
            Package { checksums: vec![checksum], ..Package::new(PackageKind::Java, name, version) }
        };
        let packages = vec![archive("x", "1", "17"), archive("g:known", "1", "17"), archive("y", "2", "no")];
        let mut inventory = Inventory { packages, ..Inventory::default() };
        assert_eq!(name_by_index(&mut inventory, &JavaIndex::open(INDEX).unwrap()), Ok(1));
        let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["g7:a7", "g:known", "y"]);
        assert_eq!(inventory.packages[0].version, "17");
    }

    #[test]
    fn what_is_no_index() {
        assert_eq!(JavaIndex::open(b"text").err(), Some(IndexError::Sqlite(SqliteError::Foreign)));
        let cut = JavaIndex::open(&INDEX[..100]).err();
        assert!(matches!(cut, Some(IndexError::Sqlite(SqliteError::Damaged { page: 1, .. }))), "{cut:?}");
        let other = include_bytes!("../rpm/testdata/rpmdb.sqlite");
        assert!(matches!(JavaIndex::open(other), Err(IndexError::Schema(SqliteError::Missing(_)))));
    }

    proptest! {
        #[test]
        fn broken_indexes_never_panic(place: usize, byte: u8, cut in 0usize..3, keep: usize, version in 0u32..300) {
            if let Ok(index) = JavaIndex::open(&mutate(INDEX, place, byte, cut, keep)) {
                let _ = index.find(&hash(&version.to_string()));
            }
        }
    }
}

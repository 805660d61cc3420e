//! rpm's database in SQLite.

use signet_pages::sqlite::{Row, Sqlite, SqliteError, Value};

use super::Sink;

pub(super) use signet_pages::sqlite::MAGIC;

/// Takes the header blobs out of the table `Packages(hnum INTEGER PRIMARY KEY, blob BLOB)`.
///
/// Errors: a page or row that cannot be read costs the packages on it.
/// Source: rpm, `lib/backend/sqlite.cc`.
pub(super) fn blobs(bytes: &[u8], sink: Sink<'_>) {
    let Ok(database) = Sqlite::open(bytes) else {
        return sink(Err("the header of the SQLite database is damaged".to_owned()));
    };
    let table = database.table("Packages").and_then(|table| Ok((table.column("blob")?, table)));
    let (column, table) = match table {
        Ok(found) => found,
        Err(err) => return sink(Err(err.to_string())),
    };
    for row in table.rows() {
        sink(row.and_then(|row| blob(&row, column)).map_err(|err| err.to_string()));
    }
}

fn blob(row: &Row<'_>, column: usize) -> Result<Vec<u8>, SqliteError> {
    match row.values()?.get(column) {
        Some(Value::Blob(blob)) => Ok(blob.to_vec()),
        _ => Err(SqliteError::Missing(format!("package in row {} of `Packages`", row.id()))),
    }
}

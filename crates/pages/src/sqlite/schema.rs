//! The schema: which tables and indexes there are, and the columns of a table.

use super::record::MAX_COLUMNS;
use super::{Index, Row, Sqlite, SqliteError, Table, Value};

impl<'a> Sqlite<'a> {
    /// The table of this name.
    pub fn table(&self, name: &str) -> Result<Table<'a>, SqliteError> {
        self.find_table(name)?.ok_or_else(|| SqliteError::Missing(format!("table `{name}`")))
    }

    /// The table of this name, if there is one. Damage elsewhere in the schema is an error only when the table is not found: it may be what
    /// the damage hides.
    pub fn find_table(&self, name: &str) -> Result<Option<Table<'a>>, SqliteError> {
        let Some((root, sql)) = self.find("table", name)? else { return Ok(None) };
        let without = sql.to_ascii_uppercase().contains("WITHOUT ROWID");
        // Virtual tables have no root.
        let root = root.filter(|_| !without);
        let root = root.ok_or_else(|| SqliteError::Missing(format!("table `{name}` with row ids")))?;
        let (columns, id) = columns(&sql);
        Ok(Some(Table { columns, id, ..Table::of(*self, root, name) }))
    }

    /// The index of this name, if there is one. Damage elsewhere in the schema as in [`Sqlite::find_table`].
    pub fn find_index(&self, name: &str) -> Result<Option<Index<'a>>, SqliteError> {
        let Some((root, _)) = self.find("index", name)? else { return Ok(None) };
        let root = root.ok_or_else(|| SqliteError::Missing(format!("index `{name}` with pages")))?;
        Ok(Some(Index { database: *self, root }))
    }

    /// Root and statement of the first thing of this type and name.
    fn find(&self, kind: &str, name: &str) -> Result<Option<(Option<u64>, String)>, SqliteError> {
        let mut damage = None;
        for row in Table::of(*self, 1, "schema").rows() {
            match row.and_then(|row| entry(&row, kind, name)) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(err) => damage = damage.or(Some(err)),
            }
        }
        damage.map_or(Ok(None), Err)
    }
}

/// Root and statement, if a row of the schema is of this type and name. Its columns: type, name, tbl_name, rootpage, sql.
fn entry(row: &Row<'_>, kind: &str, name: &str) -> Result<Option<(Option<u64>, String)>, SqliteError> {
    let values = row.values()?;
    let [Value::Text(of), Value::Text(named), _, Value::Integer(root), sql, ..] = values.as_slice() else {
        return Ok(None);
    };
    if *of != kind || !named.eq_ignore_ascii_case(name) {
        return Ok(None);
    }
    let root = u64::try_from(*root).ok().filter(|root| *root > 0);
    // Indexes that SQLite makes by itself have no statement.
    Ok(Some((root, sql.text().unwrap_or_default().to_owned())))
}

/// Names of the columns in a `CREATE TABLE`, and which of them is the row id.
fn columns(sql: &str) -> (Vec<String>, Option<usize>) {
    let inside = sql.split_once('(').map_or("", |(_, inside)| inside);
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0usize, None);
    for sign in inside.chars() {
        match (quote, sign) {
            (Some(end), _) if sign == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(sign),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 && parts.len() == MAX_COLUMNS => break,
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(sign);
        }
    }
    let apart = primary(sql);
    let (mut names, mut id) = (Vec::new(), None);
    for part in &parts {
        let part = part.trim();
        let (name, rest) = match part.chars().next() {
            Some(open @ ('"' | '`' | '[')) => {
                let close = if open == '[' { ']' } else { open };
                part.get(1..).and_then(|inner| inner.split_once(close)).unwrap_or((part, ""))
            }
            _ => part.split_once(char::is_whitespace).unwrap_or((part, "")),
        };
        let upper = name.to_ascii_uppercase();
        let quoted = part.starts_with(['"', '`', '[']);
        if !quoted && matches!(upper.as_str(), "CONSTRAINT" | "PRIMARY" | "UNIQUE" | "CHECK" | "FOREIGN" | "") {
            continue;
        }
        let rest = rest.trim().to_ascii_uppercase();
        if rest.starts_with("INTEGER PRIMARY KEY") || (rest.starts_with("INTEGER") && apart == Some(name)) {
            id = Some(names.len());
        }
        names.push(name.to_owned());
    }
    (names, id)
}

/// The single column of a `PRIMARY KEY (...)` that stands apart.
fn primary(sql: &str) -> Option<&str> {
    let at = sql.to_ascii_uppercase().find("PRIMARY KEY (")?;
    let inside = sql.get(at + "PRIMARY KEY (".len()..)?.split(')').next()?;
    (!inside.contains(',')).then(|| inside.trim_matches(|sign: char| sign.is_whitespace() || "\"`[]".contains(sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_from_the_statement() {
        let sql = "CREATE TABLE `t` (`id` integer PRIMARY KEY AUTOINCREMENT,`a b` text NOT NULL DEFAULT 'x,y',[c] decimal(3,2), plain int, CONSTRAINT `fk` FOREIGN KEY (`c`) REFERENCES `u`(`id`))";
        assert_eq!(columns(sql), (["id", "a b", "c", "plain"].map(str::to_owned).to_vec(), Some(0)));
        let apart = "CREATE TABLE t(x text, `id` integer, PRIMARY KEY (`id`))";
        assert_eq!(columns(apart), (["x", "id"].map(str::to_owned).to_vec(), Some(1)));
    }

    /// A statement of four megabytes, each of whose columns may be the key, is read in one pass and gives no more columns than SQLite allows.
    #[test]
    fn a_long_statement_is_bounded() {
        let sql = format!("CREATE TABLE t({}PRIMARY KEY (b))", "a INTEGER,".repeat(400_000));
        let (names, id) = columns(&sql);
        assert_eq!((names.len(), id), (MAX_COLUMNS, None));
    }
}

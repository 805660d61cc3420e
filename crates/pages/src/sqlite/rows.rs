//! The scan of a table.

use super::{INTERIOR, LEAF, MAX_DEPTH, Page, Row, Sqlite, SqliteError};

/// An iterator over the rows of a table. After an error it goes on with what lies beside the damage: a broken cell costs its row, a broken page
/// the rows on it and below it. Who wants all rows or none ends at the first error.
///
/// It ends: no page is read twice, be it of the tree or of a long row, so there are at most as many errors and rows as the file has bytes.
#[derive(Debug)]
pub struct Rows<'a> {
    database: Sqlite<'a>,
    alias: Option<usize>,
    /// The root, as long as it was not opened.
    root: Option<u64>,
    /// The pages from the root to here.
    open: Vec<Open<'a>>,
    seen: Seen,
}

#[derive(Debug)]
struct Open<'a> {
    page: Page<'a>,
    next: usize,
    /// Bytes that the parts of records in its cells may still have: cells cannot overlap, so together they are not longer than the page.
    /// Without this, 32,768 pointers to one cell of 64 KiB would give 2 GiB from a page.
    room: usize,
}

/// The pages that were read, a bit each.
#[derive(Debug)]
struct Seen {
    bits: Vec<u64>,
    pages: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn of(database: Sqlite<'a>, root: u64, alias: Option<usize>) -> Rows<'a> {
        let pages = database.pages();
        let seen = Seen { bits: vec![0; pages.div_ceil(64)], pages: pages as u64 };
        Rows { database, alias, root: Some(root), open: Vec::new(), seen }
    }

    fn enter(&mut self, number: u64) -> Result<(), SqliteError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SqliteError::Damaged { page: number, why: "its tree is too deep" });
        }
        self.seen.visit(number)?;
        let page = self.database.page(number)?;
        if !matches!(page.kind, LEAF | INTERIOR) {
            return Err(page.damaged("it is of a type that no table has"));
        }
        self.open.push(Open { page, next: 0, room: self.database.usable });
        Ok(())
    }
}

impl<'a> Open<'a> {
    fn row(&mut self, place: usize, seen: &mut Seen, alias: Option<usize>) -> Result<Row<'a>, SqliteError> {
        let cell = self.page.leaf_cell(place)?;
        let room = self.room.checked_sub(cell.local.len());
        self.room = room.ok_or_else(|| self.page.damaged("its cells overlap"))?;
        let record = self.page.record(&cell, |number| seen.visit(number))?;
        Ok(Row::of(cell.id, record, alias, self.page.number))
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, SqliteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(root) = self.root.take()
            && let Err(err) = self.enter(root)
        {
            return Some(Err(err));
        }
        while let Some(open) = self.open.last_mut() {
            let (page, place) = (open.page, open.next);
            open.next += 1;
            match page.kind {
                LEAF if place < page.cells => {
                    return Some(open.row(place, &mut self.seen, self.alias));
                }
                INTERIOR if place <= page.cells => {
                    if let Err(err) = page.child(place).and_then(|child| self.enter(child)) {
                        return Some(Err(err));
                    }
                }
                _ => _ = self.open.pop(),
            }
        }
        None
    }
}

impl Seen {
    /// Notes that a page is read, once.
    fn visit(&mut self, number: u64) -> Result<(), SqliteError> {
        let damaged = |why| SqliteError::Damaged { page: number, why };
        let place = number.checked_sub(1).ok_or_else(|| damaged("no page has the number 0"))?;
        // What lies behind the end has no bit, even where the last word has one to spare.
        let word = usize::try_from(place / 64).ok().filter(|_| place < self.pages);
        let word = word.and_then(|word| self.bits.get_mut(word));
        let word = word.ok_or_else(|| damaged("it lies behind the end of the file"))?;
        let bit = 1 << (place % 64);
        if *word & bit != 0 {
            return Err(damaged("it is used twice"));
        }
        *word |= bit;
        Ok(())
    }
}

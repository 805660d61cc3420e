//! Finds for each piece of the new file the old one that it is likest to.
//!
//! Both files are cut into spans: entries of the pool and descriptions by their content, rows by what they are about. A span with the key of an
//! old one is taken from there. In the pool a span without one may be a list whose numbers shifted, and is compared with the old entry of its
//! length that stands where the copying is.
//!
//! Memory: about 60 bytes per entry and row of both files, and the difference itself.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::{ADD, HEAD, MAGIC, NEW, SAME, VERSION};
use crate::bytes::{put_varint, u32_at, u64_at};
use crate::database::format::{HEADER, MAX_SECTIONS, SECTION_ROW, SECTION_TABLE, Section};
use crate::database::{Database, DatabaseError};

/// Equal bytes in a row from which on a piece is worth its own head.
const RUN: usize = 24;
/// Old entries that are looked through for one of the right length.
const AHEAD: usize = 8;

/// The difference that makes `new` of `old`.
///
/// Errors: one of them is no database, or is damaged.
pub fn diff(old: &[u8], new: &[u8]) -> Result<Vec<u8>, DatabaseError> {
    let (from, to) = (Database::open(old)?, Database::open(new)?);
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(from.digest().as_bytes());
    out.extend_from_slice(to.digest().as_bytes());
    out.extend_from_slice(&(new.len() as u64).to_le_bytes());
    debug_assert_eq!(out.len(), HEAD);
    let mut pieces = Pieces { old, new, out, from: 0, same: None, fresh: None };
    let (old_keys, new_keys) = (Keys::of(&from)?, Keys::of(&to)?);
    let mut places = places(new);
    places.sort_by_key(|(_, at, _)| *at);
    let mut done = HEADER as u64;
    pieces.fresh(0, done);
    for (section, at, length) in places {
        // Sections that overlap or leave a gap are nothing that we wrote: what was not covered is sent as it is.
        if at < done {
            continue;
        }
        pieces.fresh(done, at - done);
        let old_spans = spans(&from, old, section, &old_keys)?;
        let new_spans = spans(&to, new, section, &new_keys)?;
        let covered = align(&mut pieces, &old_spans, &new_spans, section == Section::Pool, at);
        done = at + length;
        pieces.fresh(covered, done.saturating_sub(covered));
    }
    pieces.fresh(done, (new.len() as u64).saturating_sub(done));
    pieces.flush();
    Ok(pieces.out)
}

/// A piece of a file and what it is about.
#[derive(Clone, Copy)]
struct Span {
    at: u64,
    length: u32,
    key: u64,
}

fn key_of(value: impl std::hash::Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Sections in the header: which, offset, length.
fn places(bytes: &[u8]) -> Vec<(Section, u64, u64)> {
    let count = u32_at(bytes, 12).unwrap_or(0) as usize;
    let rows = (0..count.min(MAX_SECTIONS)).filter_map(|n| {
        let row = SECTION_TABLE + n * SECTION_ROW;
        let number = u32_at(bytes, row)?;
        let section = Section::ALL.into_iter().find(|section| *section as u32 == number)?;
        Some((section, u64_at(bytes, row + 8)?, u64_at(bytes, row + 16)?))
    });
    rows.collect()
}

/// What the rows of the larger sections are about.
struct Keys {
    /// By row of `vulnerabilities`.
    vulnerabilities: Vec<u64>,
    /// By row of `groups`: key, first advisory, number of them.
    groups: Vec<(u64, u32, u32)>,
}

impl Keys {
    fn of(database: &Database<'_>) -> Result<Keys, DatabaseError> {
        let column = |section, n, at| -> Result<&str, DatabaseError> {
            database.text(u32_at(database.row(section, n)?, at).unwrap_or(0))
        };
        let vulnerabilities = (0..database.rows(Section::Vulnerabilities))
            .map(|n| column(Section::Vulnerabilities, n, 0).map(key_of))
            .collect::<Result<_, _>>()?;
        let streams: Vec<&str> =
            (0..database.rows(Section::Streams)).map(|n| column(Section::Streams, n, 0)).collect::<Result<_, _>>()?;
        let groups = (0..database.rows(Section::Groups))
            .map(|n| {
                let row = database.row(Section::Groups, n)?;
                let field = |at| u32_at(row, at).unwrap_or(0);
                let stream = streams.get(field(0) as usize).copied().unwrap_or_default();
                Ok((key_of((stream, database.text(field(4))?)), field(8), field(12)))
            })
            .collect::<Result<_, DatabaseError>>()?;
        Ok(Keys { vulnerabilities, groups })
    }
}

/// Cuts a section.
fn spans(database: &Database<'_>, bytes: &[u8], section: Section, keys: &Keys) -> Result<Vec<Span>, DatabaseError> {
    let Some((_, start, length)) = places(bytes).into_iter().find(|(known, ..)| *known == section) else {
        return Ok(Vec::new());
    };
    let whole = |key| match u32::try_from(length) {
        Ok(length) if length > 0 => vec![Span { at: start, length, key }],
        _ => Vec::new(),
    };
    let content = |at: u64, length: u64| {
        let first = usize::try_from(at).unwrap_or(usize::MAX);
        let last = first.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        key_of(bytes.get(first..last).unwrap_or_default())
    };
    let row = section.row() as u64;
    let rows = |key: &mut dyn FnMut(u32) -> Result<u64, DatabaseError>| -> Result<Vec<Span>, DatabaseError> {
        (0..database.rows(section))
            .map(|n| Ok(Span { at: start + u64::from(n) * row, length: row as u32, key: key(n)? }))
            .collect()
    };
    let text =
        |n, at| -> Result<&str, DatabaseError> { database.text(u32_at(database.row(section, n)?, at).unwrap_or(0)) };
    Ok(match section {
        Section::Pool => {
            let (mut spans, mut at) = (Vec::new(), start);
            while at < start + length {
                let first = usize::try_from(at).unwrap_or(usize::MAX);
                let mut reader = crate::bytes::Reader::new(bytes.get(first..).unwrap_or_default());
                let before = reader.left();
                if reader.bytes().is_none() {
                    break;
                }
                let length = (before - reader.left()) as u32;
                spans.push(Span { at, length, key: content(at, u64::from(length)) });
                at += u64::from(length);
            }
            spans
        }
        Section::Details => {
            let mut spans: Vec<Span> = (0..database.rows(Section::DetailIndex))
                .map(|n| {
                    let row = database.row(Section::DetailIndex, n)?;
                    let at = start.saturating_add(u64_at(row, 0).unwrap_or(0));
                    Ok(Span { at, length: u32_at(row, 8).unwrap_or(0), key: 0 })
                })
                .collect::<Result<_, DatabaseError>>()?;
            spans.sort_by_key(|span| span.at);
            spans.retain(|span| span.at.saturating_add(u64::from(span.length)) <= start + length);
            for span in &mut spans {
                span.key = content(span.at, u64::from(span.length));
            }
            spans
        }
        Section::Advisories => {
            let mut of_group: Vec<u64> = vec![0; database.rows(section) as usize];
            for (key, first, count) in &keys.groups {
                let range = *first as usize..(*first as usize).saturating_add(*count as usize);
                of_group.get_mut(range).unwrap_or_default().fill(*key);
            }
            rows(&mut |n| {
                let vulnerability = u32_at(database.row(section, n)?, 0).unwrap_or(0);
                let of = keys.vulnerabilities.get(vulnerability as usize).copied().unwrap_or(0);
                Ok(key_of((of_group.get(n as usize).copied().unwrap_or(0), of)))
            })?
        }
        Section::Groups => rows(&mut |n| Ok(keys.groups.get(n as usize).map_or(0, |group| group.0)))?,
        Section::Vulnerabilities => rows(&mut |n| Ok(keys.vulnerabilities.get(n as usize).copied().unwrap_or(0)))?,
        Section::DetailIndex => {
            let mut of_row: Vec<u64> = vec![0; database.rows(section) as usize];
            for (n, key) in keys.vulnerabilities.iter().enumerate() {
                let row = database.row(Section::Vulnerabilities, n as u32)?;
                let first = u32_at(row, 12).unwrap_or(0) as usize;
                let count = u32_at(row, 16).unwrap_or(0) as usize;
                of_row.get_mut(first..first.saturating_add(count)).unwrap_or_default().fill(*key);
            }
            rows(&mut |n| Ok(of_row.get(n as usize).copied().unwrap_or(0)))?
        }
        Section::Streams | Section::Kev | Section::Epss | Section::Sources | Section::Lifecycles => {
            rows(&mut |n| text(n, 0).map(key_of))?
        }
        Section::Products => rows(&mut |n| {
            let key = u32_at(database.row(section, n)?, 0).unwrap_or(0);
            Ok(key_of((key, text(n, 4)?)))
        })?,
        // Slots keep their places unless the table grew.
        Section::Table => whole(length),
        Section::Feeds => whole(content(start, length)),
    })
}

/// Writes a section as pieces, up to the offset that it gives. `shifting`: an entry without an old one of its key may be one whose numbers shifted.
fn align(pieces: &mut Pieces<'_>, old: &[Span], new: &[Span], shifting: bool, start: u64) -> u64 {
    let mut by_key: HashMap<u64, usize> = HashMap::with_capacity(old.len());
    for (n, span) in old.iter().enumerate() {
        by_key.entry(span.key).or_insert(n);
    }
    let kept: HashSet<u64> = if shifting { new.iter().map(|span| span.key).collect() } else { HashSet::new() };
    let mut cursor = 0;
    let mut done = start;
    for span in new {
        if span.at < done {
            continue;
        }
        pieces.fresh(done, span.at - done);
        done = span.at + u64::from(span.length);
        let here = old.get(cursor).filter(|old| old.key == span.key).map(|_| cursor);
        let mut found = here.or_else(|| by_key.get(&span.key).copied());
        found = found.filter(|n| old.get(*n).is_some_and(|old| old.length == span.length));
        if found.is_none() && shifting {
            let gone = |old: &Span| !kept.contains(&old.key);
            let window = old.iter().enumerate().skip(cursor).take(AHEAD);
            found = window.take_while(|(_, old)| gone(old)).find(|(_, old)| old.length == span.length).map(|(n, _)| n);
        }
        match found.and_then(|n| Some((n, old.get(n)?))) {
            Some((n, old)) => {
                pieces.same(old.at, span.at, u64::from(span.length));
                cursor = n + 1;
            }
            None => pieces.fresh(span.at, u64::from(span.length)),
        }
    }
    done
}

/// Puts neighbours together and writes them.
struct Pieces<'a> {
    old: &'a [u8],
    new: &'a [u8],
    out: Vec<u8>,
    /// Where the last piece of the old file ended.
    from: u64,
    /// Offset in the old file, offset in the new one, length.
    same: Option<(u64, u64, u64)>,
    /// Offset in the new file, length.
    fresh: Option<(u64, u64)>,
}

impl Pieces<'_> {
    fn same(&mut self, from: u64, to: u64, length: u64) {
        if let Some((old, new, known)) = &mut self.same
            && *old + *known == from
            && *new + *known == to
        {
            *known += length;
            return;
        }
        self.flush();
        self.same = Some((from, to, length));
    }

    fn fresh(&mut self, to: u64, length: u64) {
        if length == 0 {
            return;
        }
        if let Some((new, known)) = &mut self.fresh
            && *new + *known == to
        {
            *known += length;
            return;
        }
        self.flush();
        self.fresh = Some((to, length));
    }

    fn flush(&mut self) {
        if let Some((to, length)) = self.fresh.take() {
            let bytes = slice(self.new, to, length);
            self.out.push(NEW);
            crate::bytes::put_bytes(&mut self.out, bytes);
        }
        if let Some((from, to, length)) = self.same.take() {
            let (old, new) = (slice(self.old, from, length), slice(self.new, to, length));
            let mut at = 0;
            while at < new.len() {
                let rest = || old.iter().zip(new).skip(at);
                let equal = rest().take_while(|(old, new)| old == new).count();
                if equal >= RUN || at + equal == new.len() {
                    self.head(SAME, from + at as u64, equal as u64);
                    at += equal;
                    continue;
                }
                let mut end = at + equal;
                let mut run = 0;
                for (old, new) in rest().skip(equal) {
                    run = if old == new { run + 1 } else { 0 };
                    end += 1;
                    if run == RUN {
                        end -= RUN;
                        break;
                    }
                }
                self.head(ADD, from + at as u64, (end - at) as u64);
                let sums = old.iter().zip(new).take(end).skip(at).map(|(old, new)| new.wrapping_sub(*old));
                self.out.extend(sums);
                at = end;
            }
        }
    }

    fn head(&mut self, kind: u8, from: u64, length: u64) {
        self.out.push(kind);
        let step = (from as i64).wrapping_sub(self.from as i64);
        put_varint(&mut self.out, ((step << 1) ^ (step >> 63)) as u64);
        put_varint(&mut self.out, length);
        self.from = from + length;
    }
}

fn slice(bytes: &[u8], at: u64, length: u64) -> &[u8] {
    let first = usize::try_from(at).unwrap_or(usize::MAX);
    let last = first.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    bytes.get(first..last).unwrap_or_default()
}

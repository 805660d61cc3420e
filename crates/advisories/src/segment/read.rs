//! Bytes as records.

use std::io::{self, BufRead, Read};

use signet_model::{Cvss, DataSource, Epss, KnownExploited, Severity, Status, Timestamp};

use super::{
    ADVISORY, DETAIL, EPSS, KEV, LIFECYCLE, MAGIC, MOST, PRODUCTS, QUALIFIED, SEGMENT_VERSION, STREAM, SegmentEnd,
    WITHDRAWN,
};
use crate::bytes::Reader;
use crate::record::{
    Advisory, Affected, Detail, Feed, GoImport, Lifecycle, Named, Op, ProductKey, Qualifiers, Range, Record, Sink,
    Trust,
};

/// Why a segment cannot be used: it is made anew then.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Another kind of file, or one of another version.
    #[error("this is no segment of a feed that this program reads")]
    Foreign,
    /// It cannot be read to its end.
    #[error("cannot read the segment")]
    Read(#[source] io::Error),
    /// A record cannot be read, the end is missing, or the numbers do not agree.
    #[error("the segment is damaged at record {record}")]
    Damaged {
        /// Counted from 0.
        record: u64,
    },
    /// The sink refused a record.
    #[error("cannot compile a record")]
    Build(#[source] crate::BuildError),
}

/// Hands the records of a segment out, and gives what stands behind them.
///
/// Errors: see [`SegmentError`]. What was handed out before an error must not be used.
pub fn read(from: &mut dyn BufRead, sink: &mut Sink<'_>) -> Result<SegmentEnd, SegmentError> {
    let mut head = [0; 12];
    from.read_exact(&mut head).map_err(|_| SegmentError::Foreign)?;
    if !head.starts_with(MAGIC) || head.get(8..) != Some(&SEGMENT_VERSION.to_le_bytes()) {
        return Err(SegmentError::Foreign);
    }
    let mut sources = Vec::new();
    let mut bytes = Vec::new();
    let mut record = 0u64;
    let damaged = |record| SegmentError::Damaged { record };
    loop {
        let length = varint(from, record)?;
        if length == 0 {
            break;
        }
        take(from, length, &mut bytes, record)?;
        let mut reader = Reader::new(&bytes);
        let read = read_record(&mut reader, &mut sources).filter(|_| reader.left() == 0).ok_or(damaged(record))?;
        sink(read).map_err(SegmentError::Build)?;
        record += 1;
    }
    if varint(from, record)? != record {
        return Err(damaged(record));
    }
    let length = varint(from, record)?;
    take(from, length, &mut bytes, record)?;
    let mut reader = Reader::new(&bytes);
    let end = read_end(&mut reader).filter(|_| reader.left() == 0).ok_or(damaged(record))?;
    if from.fill_buf().map_err(SegmentError::Read)?.is_empty() { Ok(end) } else { Err(damaged(record)) }
}

fn varint(from: &mut dyn BufRead, record: u64) -> Result<u64, SegmentError> {
    let mut bytes = Vec::with_capacity(10);
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte).map_err(SegmentError::Read)?;
        bytes.extend_from_slice(&byte);
        if byte[0] & 0x80 == 0 || bytes.len() == 10 {
            return Reader::new(&bytes).varint().ok_or(SegmentError::Damaged { record });
        }
    }
}

/// Reads so many bytes, and no more memory than came.
fn take(from: &mut dyn BufRead, length: u64, into: &mut Vec<u8>, record: u64) -> Result<(), SegmentError> {
    if length > MOST {
        return Err(SegmentError::Damaged { record });
    }
    into.clear();
    let got = from.take(length).read_to_end(into).map_err(SegmentError::Read)?;
    if got as u64 == length { Ok(()) } else { Err(SegmentError::Damaged { record }) }
}

fn read_record(from: &mut Reader<'_>, sources: &mut Vec<DataSource>) -> Option<Record> {
    Some(match from.byte()? {
        ADVISORY => Record::Advisory(Box::new(advisory(from, sources)?)),
        QUALIFIED => {
            let row = advisory(from, sources)?;
            Record::Qualified(Box::new(row), Box::new(qualifiers(from)?))
        }
        DETAIL => Record::Detail(text(from)?, Box::new(detail(from)?)),
        WITHDRAWN => Record::Withdrawn(text(from)?),
        PRODUCTS => {
            let key = match from.byte()? {
                0 => ProductKey::ContentSet,
                1 => ProductKey::Nvr,
                _ => return None,
            };
            Record::Products(key, text(from)?, numbers(from)?)
        }
        KEV => {
            let id = text(from)?;
            let kev = KnownExploited {
                date_added: text(from)?,
                due_date: optional(from)?,
                required_action: optional(from)?,
                ransomware: flag(from)?,
            };
            Record::Kev(id, Box::new(kev))
        }
        EPSS => Record::Epss(text(from)?, Epss { score: float(from)?, percentile: float(from)? }),
        STREAM => Record::Stream(text(from)?),
        LIFECYCLE => {
            let name = text(from)?;
            Record::Lifecycle(name, Lifecycle { end_of_life: time(from)?, end_of_active_support: time(from)? })
        }
        _ => return None,
    })
}

fn advisory(from: &mut Reader<'_>, sources: &mut Vec<DataSource>) -> Option<Advisory> {
    let (stream, package) = (text(from)?, text(from)?);
    let named = match from.byte()? {
        0 => Named::Source,
        1 => Named::Binary,
        2 => Named::Library,
        3 => Named::Any,
        4 => Named::Product,
        _ => return None,
    };
    let (id, vendor_ids) = (text(from)?, texts(from)?);
    let status = status(from.byte()?)?;
    let severity = severity(from)?;
    let (vulnerable, safe) = (list(from, range)?, list(from, range)?);
    let versions = texts(from)?;
    let flags = from.byte().filter(|flags| *flags < 4)?;
    let affected = Affected { vulnerable, safe, versions, always: flags & 1 != 0 };
    let (fixed, arches, products) = (texts(from)?, texts(from)?, numbers(from)?);
    let place = usize::try_from(from.varint()?).ok()?;
    if place == sources.len() {
        let source = DataSource { id: text(from)?, name: text(from)?, url: text(from)?, base_id: optional(from)? };
        sources.push(source);
    }
    let source = sources.get(place)?.clone();
    Some(Advisory {
        stream,
        package,
        named,
        id,
        vendor_ids,
        status,
        severity,
        affected,
        fixed,
        arches,
        products,
        malicious: flags & 2 != 0,
        source,
    })
}

fn status(byte: u8) -> Option<Status> {
    Status::ALL.into_iter().find(|status| *status as u8 == byte)
}

fn qualifiers(from: &mut Reader<'_>) -> Option<Qualifiers> {
    Some(Qualifiers {
        unaffected: flag(from)?,
        module: optional(from)?,
        cpe: optional(from)?,
        platforms: texts(from)?,
        imports: list(from, |from| Some(GoImport { path: text(from)?, symbols: texts(from)? }))?,
        available: time(from)?,
    })
}

fn detail(from: &mut Reader<'_>) -> Option<Detail> {
    Some(Detail {
        aliases: texts(from)?,
        title: text(from)?,
        description: text(from)?,
        severity: severity(from)?,
        severities: list(from, |from| Some((text(from)?, severity(from)??)))?,
        cvss: list(from, |from| {
            let source = text(from)?;
            let mut pair = || Some((optional(from)?, if flag(from)? { Some(float(from)?) } else { None }));
            Some((source, Cvss { v2: pair()?, v3: pair()?, v4: pair()? }))
        })?,
        cwes: texts(from)?,
        references: texts(from)?,
        published: time(from)?,
        modified: time(from)?,
    })
}

fn read_end(from: &mut Reader<'_>) -> Option<SegmentEnd> {
    Some(SegmentEnd { feeds: list(from, feed)?, remarks: list(from, |from| Some((flag(from)?, text(from)?)))? })
}

fn feed(from: &mut Reader<'_>) -> Option<Feed> {
    let (name, url, licence, attribution) = (text(from)?, text(from)?, text(from)?, text(from)?);
    let (trust, by) = (text(from)?, text(from)?);
    let trust = match trust.as_str() {
        "signed" => Trust::Signed(by),
        "digest-pinned" => Trust::DigestPinned(by),
        "tls-only" => Trust::TlsOnly,
        "local-file" => Trust::LocalFile,
        _ => return None,
    };
    Some(Feed { name, url, data_time: time(from)?, licence, redistributable: flag(from)?, attribution, trust })
}

fn range(from: &mut Reader<'_>) -> Option<Range> {
    Some(match from.byte()? {
        0 => Range::All(list(from, |from| Some((op(from.byte()?)?, text(from)?)))?),
        1 => Range::Words(text(from)?),
        _ => return None,
    })
}

fn op(byte: u8) -> Option<Op> {
    [Op::Less, Op::LessOrEqual, Op::Greater, Op::GreaterOrEqual, Op::Equal, Op::NotEqual]
        .into_iter()
        .find(|op| *op as u8 == byte)
}

// === words ===

fn text(from: &mut Reader<'_>) -> Option<String> {
    from.text().map(str::to_owned)
}

fn texts(from: &mut Reader<'_>) -> Option<Vec<String>> {
    list(from, text)
}

fn numbers(from: &mut Reader<'_>) -> Option<Vec<u32>> {
    list(from, |from| u32::try_from(from.varint()?).ok())
}

/// Every entry has a byte at least, so no more memory is taken than bytes are there.
fn list<T>(from: &mut Reader<'_>, mut entry: impl FnMut(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(from.varint()?).ok().filter(|count| *count <= from.left())?;
    (0..count).map(|_| entry(from)).collect()
}

fn optional(from: &mut Reader<'_>) -> Option<Option<String>> {
    Some(if flag(from)? { Some(text(from)?) } else { None })
}

fn flag(from: &mut Reader<'_>) -> Option<bool> {
    match from.byte()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn severity(from: &mut Reader<'_>) -> Option<Option<Severity>> {
    match from.byte()?.checked_sub(1) {
        None => Some(None),
        Some(byte) => Severity::ALL.get(usize::from(byte)).copied().map(Some),
    }
}

fn float(from: &mut Reader<'_>) -> Option<f64> {
    Some(f64::from_le_bytes(from.take(8)?.try_into().ok()?))
}

fn time(from: &mut Reader<'_>) -> Option<Option<Timestamp>> {
    if !flag(from)? {
        return Some(None);
    }
    let seconds = i64::from_le_bytes(from.take(8)?.try_into().ok()?);
    let nanoseconds = i32::from_le_bytes(from.take(4)?.try_into().ok()?);
    Timestamp::new(seconds, nanoseconds).ok().map(Some)
}

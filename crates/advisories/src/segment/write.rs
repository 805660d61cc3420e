//! Records as bytes.

use std::io::{self, Write};

use signet_model::{Cvss, DataSource, Severity, Timestamp};

use super::{
    ADVISORY, DETAIL, EPSS, KEV, LIFECYCLE, MAGIC, PRODUCTS, QUALIFIED, SEGMENT_VERSION, STREAM, SegmentEnd, WITHDRAWN,
};
use crate::bytes::{put_bytes, put_varint};
use crate::record::{Advisory, Detail, Feed, ProductKey, Qualifiers, Range, Record};

/// Writes a segment.
#[derive(Debug)]
pub struct SegmentWriter<W> {
    out: W,
    scratch: Vec<u8>,
    /// Sources named so far: a record names one by its place, the first one that has it brings it.
    sources: Vec<DataSource>,
    count: u64,
}

impl<W: Write> SegmentWriter<W> {
    /// Begins a segment.
    pub fn new(mut out: W) -> io::Result<SegmentWriter<W>> {
        out.write_all(MAGIC)?;
        out.write_all(&SEGMENT_VERSION.to_le_bytes())?;
        Ok(SegmentWriter { out, scratch: Vec::new(), sources: Vec::new(), count: 0 })
    }

    /// Adds a record.
    pub fn put(&mut self, record: &Record) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        self.record(record, &mut out);
        let mut head = Vec::with_capacity(10);
        put_varint(&mut head, out.len() as u64);
        self.out.write_all(&head)?;
        self.out.write_all(&out)?;
        self.scratch = out;
        self.count += 1;
        Ok(())
    }

    /// Ends the segment, and gives the output back.
    pub fn finish(mut self, end: &SegmentEnd) -> io::Result<W> {
        let mut rest = Vec::new();
        put_varint(&mut rest, end.feeds.len() as u64);
        for feed in &end.feeds {
            put_feed(feed, &mut rest);
        }
        put_varint(&mut rest, end.remarks.len() as u64);
        for (warning, text) in &end.remarks {
            rest.push(u8::from(*warning));
            put_bytes(&mut rest, text.as_bytes());
        }
        let mut bytes = Vec::new();
        put_varint(&mut bytes, 0);
        put_varint(&mut bytes, self.count);
        put_bytes(&mut bytes, &rest);
        self.out.write_all(&bytes)?;
        Ok(self.out)
    }

    fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        match record {
            Record::Advisory(advisory) => {
                out.push(ADVISORY);
                self.advisory(advisory, out);
            }
            Record::Qualified(advisory, qualifiers) => {
                out.push(QUALIFIED);
                self.advisory(advisory, out);
                put_qualifiers(qualifiers, out);
            }
            Record::Detail(id, detail) => {
                out.push(DETAIL);
                text(id, out);
                put_detail(detail, out);
            }
            Record::Withdrawn(id) => {
                out.push(WITHDRAWN);
                text(id, out);
            }
            Record::Products(key, name, list) => {
                out.push(PRODUCTS);
                out.push(match key {
                    ProductKey::ContentSet => 0,
                    ProductKey::Nvr => 1,
                });
                text(name, out);
                numbers(list, out);
            }
            Record::Kev(id, kev) => {
                out.push(KEV);
                text(id, out);
                text(&kev.date_added, out);
                optional(kev.due_date.as_deref(), out);
                optional(kev.required_action.as_deref(), out);
                out.push(u8::from(kev.ransomware));
            }
            Record::Epss(id, epss) => {
                out.push(EPSS);
                text(id, out);
                out.extend_from_slice(&epss.score.to_le_bytes());
                out.extend_from_slice(&epss.percentile.to_le_bytes());
            }
            Record::Stream(name) => {
                out.push(STREAM);
                text(name, out);
            }
            Record::Lifecycle(name, cycle) => {
                out.push(LIFECYCLE);
                text(name, out);
                time(cycle.end_of_life, out);
                time(cycle.end_of_active_support, out);
            }
        }
    }

    fn advisory(&mut self, row: &Advisory, out: &mut Vec<u8>) {
        text(&row.stream, out);
        text(&row.package, out);
        out.push(row.named as u8);
        text(&row.id, out);
        texts(&row.vendor_ids, out);
        out.push(row.status as u8);
        severity(row.severity, out);
        for list in [&row.affected.vulnerable, &row.affected.safe] {
            put_varint(out, list.len() as u64);
            for range in list {
                put_range(range, out);
            }
        }
        texts(&row.affected.versions, out);
        out.push(u8::from(row.affected.always) | u8::from(row.malicious) << 1);
        texts(&row.fixed, out);
        texts(&row.arches, out);
        numbers(&row.products, out);
        let known = self.sources.iter().rposition(|known| *known == row.source);
        put_varint(out, known.unwrap_or(self.sources.len()) as u64);
        if known.is_none() {
            text(&row.source.id, out);
            text(&row.source.name, out);
            text(&row.source.url, out);
            optional(row.source.base_id.as_deref(), out);
            self.sources.push(row.source.clone());
        }
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    put_bytes(out, text.as_bytes());
}

fn texts(list: &[String], out: &mut Vec<u8>) {
    put_varint(out, list.len() as u64);
    list.iter().for_each(|entry| text(entry, out));
}

fn numbers(list: &[u32], out: &mut Vec<u8>) {
    put_varint(out, list.len() as u64);
    list.iter().for_each(|number| put_varint(out, u64::from(*number)));
}

fn optional(value: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        text(value, out);
    }
}

fn severity(value: Option<Severity>, out: &mut Vec<u8>) {
    out.push(value.map_or(0, |severity| severity as u8 + 1));
}

fn time(value: Option<Timestamp>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(time) = value {
        out.extend_from_slice(&time.as_second().to_le_bytes());
        out.extend_from_slice(&time.subsec_nanosecond().to_le_bytes());
    }
}

fn put_range(range: &Range, out: &mut Vec<u8>) {
    match range {
        Range::All(bounds) => {
            out.push(0);
            put_varint(out, bounds.len() as u64);
            for (op, version) in bounds {
                out.push(*op as u8);
                text(version, out);
            }
        }
        Range::Words(words) => {
            out.push(1);
            text(words, out);
        }
    }
}

fn put_qualifiers(row: &Qualifiers, out: &mut Vec<u8>) {
    out.push(u8::from(row.unaffected));
    optional(row.module.as_deref(), out);
    optional(row.cpe.as_deref(), out);
    texts(&row.platforms, out);
    put_varint(out, row.imports.len() as u64);
    for import in &row.imports {
        text(&import.path, out);
        texts(&import.symbols, out);
    }
    time(row.available, out);
}

fn put_detail(row: &Detail, out: &mut Vec<u8>) {
    texts(&row.aliases, out);
    text(&row.title, out);
    text(&row.description, out);
    severity(row.severity, out);
    put_varint(out, row.severities.len() as u64);
    for (source, value) in &row.severities {
        text(source, out);
        severity(Some(*value), out);
    }
    put_varint(out, row.cvss.len() as u64);
    for (source, Cvss { v2, v3, v4 }) in &row.cvss {
        text(source, out);
        for (vector, score) in [v2, v3, v4] {
            optional(vector.as_deref(), out);
            out.push(u8::from(score.is_some()));
            if let Some(score) = score {
                out.extend_from_slice(&score.to_le_bytes());
            }
        }
    }
    texts(&row.cwes, out);
    texts(&row.references, out);
    time(row.published, out);
    time(row.modified, out);
}

fn put_feed(feed: &Feed, out: &mut Vec<u8>) {
    for part in [&feed.name, &feed.url, &feed.licence, &feed.attribution] {
        text(part, out);
    }
    text(feed.trust.name(), out);
    text(feed.trust.detail(), out);
    time(feed.data_time, out);
    out.push(u8::from(feed.redistributable));
}

//! Compiles records into a database file.
//!
//! Memory: descriptions go straight to the output; what stays is about 40 bytes per advisory, 40 per vulnerability, and each distinct text once.
//! Determinism: the same records in the same order give the same bytes.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};

use signet_model::{DataSource, Hasher, Severity};

use super::detail;
use super::feeds;
use super::format::{
    self, ADVISORY_ROW, BODY_DIGEST, FORMAT_VERSION, HAS_SEVERITY, HEADER, HEADER_DIGEST, MAGIC, MALICIOUS,
    SECTION_ROW, SECTION_TABLE, Section, UNAFFECTED, WITHDRAWN, hash,
};
use super::output::{Hashing, SectionTable, rows};
use super::pool::{Full, Pool};
use super::qualifiers;
use crate::bytes::put_bytes;
use crate::record::{Advisory, Affected, Detail, Feed, ProductKey, Qualifiers, Record};
use crate::{order, ranges, streams};

/// Why a database could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The output could not be written.
    #[error("cannot write the database")]
    Write(#[source] std::io::Error),
    /// More than 32-bit references can name.
    #[error("the database outgrew 4 GiB of distinct texts or 4,294,967,295 rows")]
    Full,
    /// An advisory of a stream that has no rules.
    #[error("`{0}` is no stream that versions can be compared in")]
    Stream(String),
}

impl From<Full> for BuildError {
    fn from(_: Full) -> BuildError {
        BuildError::Full
    }
}

/// What was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// Advisory rows.
    pub advisories: u64,
    /// Distinct vulnerability ids.
    pub vulnerabilities: u64,
    /// Pairs of stream and package name.
    pub packages: u64,
    /// Bytes of the file.
    pub size: u64,
}

/// Takes records in any order and writes a database to `W`.
#[derive(Debug)]
pub struct Builder<W> {
    out: Hashing<W>,
    pool: Pool,
    streams: Vec<Stream>,
    /// Last stream that a record named: feeds come sorted by stream.
    last_stream: usize,
    advisories: Vec<Row>,
    vulnerabilities: Vec<Vulnerability>,
    /// Pool place of the id -> place in `vulnerabilities`.
    by_id: HashMap<u32, u32>,
    /// Vulnerability, offset and length of each description.
    details: Vec<(u32, u64, u32)>,
    kev: Vec<(u32, u32)>,
    epss: Vec<(u32, f64, f64)>,
    products: Vec<(u32, u32, u32)>,
    sources: Vec<(DataSource, [u32; 4])>,
    feeds: Vec<Feed>,
    /// Feeds whose data were taken out before the database was passed on.
    left_out: Vec<Feed>,
    /// Name of the stream, days of its two ends.
    lifecycles: Vec<(u32, u32, u32)>,
    scratch: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Stream {
    name: String,
    at: u32,
    order: order::Order,
}

/// An advisory in memory. Numbers are places in the pool where nothing else is said.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Place in `streams`.
    stream: u32,
    name: u32,
    /// Place in `vulnerabilities`.
    vulnerability: u32,
    affected: u32,
    fixed: u32,
    arches: u32,
    products: u32,
    vendor_ids: u32,
    source: u16,
    status: u8,
    severity: u8,
    named: u8,
    flags: u8,
    /// Days since 1970.
    available: u16,
    qualifiers: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Vulnerability {
    id: u32,
    aliases: u32,
    severities: u32,
    overall: u8,
    withdrawn: bool,
}

impl<W: Write + Seek> Builder<W> {
    /// Begins a database at the start of `out`.
    pub fn new(out: W) -> Result<Builder<W>, BuildError> {
        let mut out = Hashing { out, hasher: Hasher::new(signet_model::Algorithm::Sha256), at: 0 };
        out.out.seek(SeekFrom::Start(0)).map_err(BuildError::Write)?;
        out.out.write_all(&[0; HEADER]).map_err(BuildError::Write)?;
        out.at = HEADER as u64;
        Ok(Builder {
            out,
            pool: Pool::new(),
            streams: Vec::new(),
            last_stream: 0,
            advisories: Vec::new(),
            vulnerabilities: Vec::new(),
            by_id: HashMap::new(),
            details: Vec::new(),
            kev: Vec::new(),
            epss: Vec::new(),
            products: Vec::new(),
            sources: Vec::new(),
            feeds: Vec::new(),
            left_out: Vec::new(),
            lifecycles: Vec::new(),
            scratch: Vec::new(),
            key: Vec::new(),
        })
    }

    /// Names a feed that the records are of.
    pub fn feed(&mut self, feed: Feed) {
        self.feeds.push(feed);
    }

    /// Names a feed whose records were left out, so that whoever uses the database knows what it does not hold.
    pub fn left_out(&mut self, feed: Feed) {
        self.left_out.push(feed);
    }

    /// Takes one record.
    pub fn put(&mut self, record: Record) -> Result<(), BuildError> {
        match record {
            Record::Advisory(advisory) => self.advisory(&advisory, &Qualifiers::default()),
            Record::Qualified(advisory, qualifiers) => self.advisory(&advisory, &qualifiers),
            Record::Detail(id, detail) => self.detail(&id, &detail),
            Record::Withdrawn(id) => {
                let vulnerability = self.vulnerability(&id)?;
                self.vulnerability_mut(vulnerability).withdrawn = true;
                Ok(())
            }
            Record::Products(key, name, list) => {
                let key = match key {
                    ProductKey::ContentSet => 0,
                    ProductKey::Nvr => 1,
                };
                let row = (key, self.pool.text(&name)?, self.pool.list(&list)?);
                self.products.push(row);
                Ok(())
            }
            Record::Kev(id, kev) => {
                self.scratch.clear();
                put_bytes(&mut self.scratch, kev.date_added.as_bytes());
                put_bytes(&mut self.scratch, kev.due_date.as_deref().unwrap_or_default().as_bytes());
                put_bytes(&mut self.scratch, kev.required_action.as_deref().unwrap_or_default().as_bytes());
                self.scratch.push(u8::from(kev.ransomware));
                let data = self.pool.bytes(&self.scratch)?;
                let row = (self.pool.text(&id)?, data);
                self.kev.push(row);
                Ok(())
            }
            Record::Epss(id, epss) => {
                let id = self.pool.text(&id)?;
                self.epss.push((id, epss.score, epss.percentile));
                Ok(())
            }
            Record::Stream(name) => self.stream(&name).map(|_| ()),
            Record::Lifecycle(stream, lifecycle) => {
                let stream = self.pool.text(&stream)?;
                let day = |time| u32::from(format::day(time));
                self.lifecycles.push((stream, day(lifecycle.end_of_life), day(lifecycle.end_of_active_support)));
                Ok(())
            }
        }
    }

    fn advisory(&mut self, advisory: &Advisory, qualifiers: &Qualifiers) -> Result<(), BuildError> {
        let stream = self.stream(&advisory.stream)?;
        let order = self.streams.get(stream).map(|stream| stream.order).ok_or(BuildError::Full)?;
        let affected = self.affected(order, &advisory.affected)?;
        let vulnerability = self.vulnerability(&advisory.id)?;
        self.scratch.clear();
        qualifiers::encode(qualifiers, &mut self.scratch);
        let qualified = self.pool.bytes(&self.scratch)?;
        let row = Row {
            stream: u32::try_from(stream).map_err(|_| BuildError::Full)?,
            name: self.pool.text(&advisory.package)?,
            vulnerability,
            affected,
            fixed: self.pool.texts(advisory.fixed.iter().map(String::as_str))?,
            arches: self.pool.texts(advisory.arches.iter().map(String::as_str))?,
            products: self.pool.list(&advisory.products)?,
            vendor_ids: self.pool.texts(advisory.vendor_ids.iter().map(String::as_str))?,
            source: self.source(&advisory.source)?,
            status: advisory.status as u8,
            severity: detail::severity_byte(advisory.severity.unwrap_or_default()),
            named: advisory.named as u8,
            flags: if advisory.malicious { MALICIOUS } else { 0 }
                | if advisory.severity.is_some() { HAS_SEVERITY } else { 0 }
                | if qualifiers.unaffected { UNAFFECTED } else { 0 },
            available: format::day(qualifiers.available),
            qualifiers: qualified,
        };
        self.advisories.push(row);
        Ok(())
    }

    /// Stores the ranges, without the listed versions that lie in them anyway.
    fn affected(&mut self, order: order::Order, affected: &Affected) -> Result<u32, BuildError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        if affected.versions.is_empty() || affected.vulnerable.is_empty() {
            ranges::encode(order, affected, &mut bytes, &mut self.key);
        } else {
            let mut lean = Affected { versions: Vec::new(), ..affected.clone() };
            ranges::encode(order, &lean, &mut bytes, &mut self.key);
            let stored = ranges::Stored(&bytes);
            lean.versions = affected
                .versions
                .iter()
                .filter(|version| stored.contains(&mut order::Probe::new(order, version)) != Ok(true))
                .cloned()
                .collect();
            if !lean.versions.is_empty() {
                bytes.clear();
                ranges::encode(order, &lean, &mut bytes, &mut self.key);
            }
        }
        let at = self.pool.bytes(&bytes)?;
        self.scratch = bytes;
        Ok(at)
    }

    fn detail(&mut self, id: &str, detail: &Detail) -> Result<(), BuildError> {
        let place = self.vulnerability(id)?;
        let offset = self.out.at - HEADER as u64;
        self.scratch.clear();
        detail::encode(detail, &mut self.scratch);
        self.out.write(&self.scratch)?;
        let length = u32::try_from(self.scratch.len()).map_err(|_| BuildError::Full)?;
        self.details.push((place, offset, length));

        let held = *self.vulnerability_mut(place);
        let mut severities = self.pool.get(held.severities).to_vec();
        for (source, severity) in &detail.severities {
            let source = self.pool.text(source)?.to_le_bytes();
            if !severities.chunks_exact(5).any(|row| row.starts_with(&source)) {
                severities.extend_from_slice(&source);
                severities.push(detail::severity_byte(*severity));
            }
        }
        let severities = self.pool.bytes(&severities)?;
        let mut aliases = self.pool.get(held.aliases).to_vec();
        for alias in detail.aliases.iter().filter(|alias| *alias != id) {
            let alias = self.pool.text(alias)?.to_le_bytes();
            if !aliases.chunks_exact(4).any(|row| row == alias) {
                aliases.extend_from_slice(&alias);
            }
        }
        let aliases = self.pool.bytes(&aliases)?;
        let overall = detail::severity_byte(detail.severity.unwrap_or(Severity::Unknown)).max(held.overall);
        let vulnerability = self.vulnerability_mut(place);
        (vulnerability.severities, vulnerability.aliases, vulnerability.overall) = (severities, aliases, overall);
        Ok(())
    }

    fn stream(&mut self, name: &str) -> Result<usize, BuildError> {
        if self.streams.get(self.last_stream).is_none_or(|stream| stream.name != name) {
            self.last_stream = match self.streams.iter().position(|stream| stream.name == name) {
                Some(known) => known,
                None => {
                    let rules = streams::rules(name).ok_or_else(|| BuildError::Stream(name.to_owned()))?;
                    let at = self.pool.text(name)?;
                    self.streams.push(Stream { name: name.to_owned(), at, order: rules.order });
                    self.streams.len() - 1
                }
            };
        }
        Ok(self.last_stream)
    }

    fn source(&mut self, source: &DataSource) -> Result<u16, BuildError> {
        let known = self.sources.iter().rposition(|(known, _)| known == source);
        let place = match known {
            Some(place) => place,
            None => {
                let base = source.base_id.as_deref().unwrap_or_default();
                let mut row = [0; 4];
                for (place, text) in row.iter_mut().zip([&source.id, &source.name, &source.url, base]) {
                    *place = self.pool.text(text)?;
                }
                self.sources.push((source.clone(), row));
                self.sources.len() - 1
            }
        };
        u16::try_from(place).map_err(|_| BuildError::Full)
    }

    fn vulnerability(&mut self, id: &str) -> Result<u32, BuildError> {
        let id = self.pool.text(id)?;
        if let Some(place) = self.by_id.get(&id) {
            return Ok(*place);
        }
        let place = u32::try_from(self.vulnerabilities.len()).map_err(|_| BuildError::Full)?;
        self.vulnerabilities.push(Vulnerability { id, ..Vulnerability::default() });
        self.by_id.insert(id, place);
        Ok(place)
    }

    fn vulnerability_mut(&mut self, place: u32) -> &mut Vulnerability {
        self.vulnerabilities.get_mut(place as usize).expect("because only `vulnerability` gives places")
    }

    /// Writes the tables and the header; gives the output back.
    pub fn finish(mut self) -> Result<(W, BuildReport), BuildError> {
        drop(std::mem::take(&mut self.by_id));
        let mut table = SectionTable::default();
        let details_length = self.out.at - HEADER as u64;
        table.add(Section::Details, HEADER as u64, details_length);

        let epss = self.sorted_epss();
        table.write(
            &mut self.out,
            Section::Epss,
            epss.iter().map(|(id, score, percentile)| {
                let mut row = [0; 20];
                row[..4].copy_from_slice(&id.to_le_bytes());
                row[4..12].copy_from_slice(&score.to_le_bytes());
                row[12..].copy_from_slice(&percentile.to_le_bytes());
                row
            }),
        )?;
        let kev = self.sorted_kev();
        table.write(&mut self.out, Section::Kev, kev.iter().map(|(id, data)| rows::<2, 8>([*id, *data])))?;

        let vulnerabilities = self.sorted_vulnerabilities();
        self.write_vulnerabilities(&mut table, &vulnerabilities, &kev, &epss)?;
        let packages = self.write_advisories(&mut table, &vulnerabilities)?;
        self.write_small(&mut table)?;
        let report = BuildReport {
            advisories: self.advisories.len() as u64,
            vulnerabilities: self.vulnerabilities.len() as u64,
            packages,
            size: 0,
        };
        self.advisories = Vec::new();
        self.vulnerabilities = Vec::new();
        let pool_at = self.out.at;
        let data = std::mem::replace(&mut self.pool, Pool::new()).into_data();
        self.out.write(&data)?;
        table.add(Section::Pool, pool_at, data.len() as u64);
        drop(data);

        let size = self.out.at;
        let out = self.write_header(&table)?;
        Ok((out, BuildReport { size, ..report }))
    }

    /// Text of a pool entry, for sorting.
    fn pooled(&self, at: u32) -> &[u8] {
        self.pool.get(at)
    }

    fn sorted_epss(&mut self) -> Vec<(u32, f64, f64)> {
        let mut epss = std::mem::take(&mut self.epss);
        // Stable, and the later record of an id wins.
        epss.sort_by(|a, b| self.pooled(a.0).cmp(self.pooled(b.0)));
        epss.reverse();
        epss.dedup_by_key(|row| row.0);
        epss.reverse();
        epss
    }

    fn sorted_kev(&mut self) -> Vec<(u32, u32)> {
        let mut kev = std::mem::take(&mut self.kev);
        kev.sort_by(|a, b| self.pooled(a.0).cmp(self.pooled(b.0)));
        kev.reverse();
        kev.dedup_by_key(|row| row.0);
        kev.reverse();
        kev
    }

    /// Places in `vulnerabilities`, by id.
    fn sorted_vulnerabilities(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.vulnerabilities.len() as u32).collect();
        let id = |place: &u32| self.vulnerabilities.get(*place as usize).map_or(&[][..], |row| self.pooled(row.id));
        places.sort_by(|a, b| id(a).cmp(id(b)));
        places
    }

    fn write_vulnerabilities(
        &mut self,
        table: &mut SectionTable,
        sorted: &[u32],
        kev: &[(u32, u32)],
        epss: &[(u32, f64, f64)],
    ) -> Result<(), BuildError> {
        let kev_of: HashMap<u32, u32> = kev.iter().enumerate().map(|(n, row)| (row.0, n as u32 + 1)).collect();
        let epss_of: HashMap<u32, u32> = epss.iter().enumerate().map(|(n, row)| (row.0, n as u32 + 1)).collect();
        let mut details = std::mem::take(&mut self.details);
        let mut rank = vec![0u32; sorted.len()];
        for (n, place) in sorted.iter().enumerate() {
            if let Some(slot) = rank.get_mut(*place as usize) {
                *slot = n as u32;
            }
        }
        details.sort_by_key(|(place, ..)| rank.get(*place as usize).copied());
        let mut next = 0;
        let mut rows_out = Vec::with_capacity(sorted.len());
        for place in sorted {
            let Some(row) = self.vulnerabilities.get(*place as usize) else { continue };
            let first = next;
            while details.get(next).is_some_and(|(of, ..)| of == place) {
                next += 1;
            }
            let names = std::iter::once(row.id).chain(numbers(self.pooled(row.aliases)));
            let (mut kev_row, mut epss_row) = (0, 0);
            for name in names {
                kev_row = if kev_row == 0 { kev_of.get(&name).copied().unwrap_or(0) } else { kev_row };
                epss_row = if epss_row == 0 { epss_of.get(&name).copied().unwrap_or(0) } else { epss_row };
            }
            let flags = if row.withdrawn { WITHDRAWN } else { 0 } | u32::from(row.overall) << 8;
            rows_out.push(rows::<8, 32>([
                row.id,
                row.aliases,
                row.severities,
                first as u32,
                (next - first) as u32,
                kev_row,
                epss_row,
                flags,
            ]));
        }
        table.write(&mut self.out, Section::Vulnerabilities, rows_out.into_iter())?;
        table.write(
            &mut self.out,
            Section::DetailIndex,
            details.iter().map(|(_, offset, length)| {
                let mut row = [0; 12];
                row[..8].copy_from_slice(&offset.to_le_bytes());
                row[8..].copy_from_slice(&length.to_le_bytes());
                row
            }),
        )
    }

    /// Streams, the hash table, groups and advisories. Gives the number of groups.
    fn write_advisories(&mut self, table: &mut SectionTable, sorted: &[u32]) -> Result<u64, BuildError> {
        let mut by_name: Vec<usize> = (0..self.streams.len()).collect();
        by_name.sort_by(|a, b| self.streams.get(*a).map(|s| &s.name).cmp(&self.streams.get(*b).map(|s| &s.name)));
        let mut stream_rank = vec![0u32; self.streams.len()];
        for (n, place) in by_name.iter().enumerate() {
            if let Some(slot) = stream_rank.get_mut(*place) {
                *slot = n as u32;
            }
        }
        let streams: Vec<[u8; 8]> = by_name
            .iter()
            .filter_map(|place| self.streams.get(*place))
            .map(|stream| rows([stream.at, u32::from(stream.order as u8)]))
            .collect();
        table.write(&mut self.out, Section::Streams, streams.into_iter())?;

        let mut vulnerability_rank = vec![0u32; sorted.len()];
        for (n, place) in sorted.iter().enumerate() {
            if let Some(slot) = vulnerability_rank.get_mut(*place as usize) {
                *slot = n as u32;
            }
        }
        let rank = |row: &Row| stream_rank.get(row.stream as usize).copied().unwrap_or(0);
        let mut advisories = std::mem::take(&mut self.advisories);
        for row in &mut advisories {
            row.vulnerability = vulnerability_rank.get(row.vulnerability as usize).copied().unwrap_or(0);
        }
        advisories.sort_by(|a, b| {
            rank(a)
                .cmp(&rank(b))
                .then_with(|| {
                    if a.name == b.name {
                        std::cmp::Ordering::Equal
                    } else {
                        self.pooled(a.name).cmp(self.pooled(b.name))
                    }
                })
                .then(a.vulnerability.cmp(&b.vulnerability))
        });
        let mut groups: Vec<[u32; 4]> = Vec::new();
        for (n, row) in advisories.iter().enumerate() {
            match groups.last_mut() {
                Some([stream, name, _, count]) if *stream == rank(row) && *name == row.name => *count += 1,
                _ => groups.push([rank(row), row.name, n as u32, 1]),
            }
        }
        let slots = (groups.len() * 2).next_power_of_two().max(8);
        let mut slot_rows = vec![[0u32; 2]; slots];
        for (n, [stream, name, ..]) in groups.iter().enumerate() {
            let hash = hash(*stream, self.pooled(*name));
            let mut slot = hash as usize & (slots - 1);
            while slot_rows.get(slot).is_some_and(|row| row[1] != 0) {
                slot = (slot + 1) & (slots - 1);
            }
            if let Some(row) = slot_rows.get_mut(slot) {
                *row = [(hash >> 32) as u32, n as u32 + 1];
            }
        }
        table.write(&mut self.out, Section::Table, slot_rows.iter().map(|row| rows::<2, 8>(*row)))?;
        drop(slot_rows);
        table.write(&mut self.out, Section::Groups, groups.iter().map(|row| rows::<4, 16>(*row)))?;
        table.write(
            &mut self.out,
            Section::Advisories,
            advisories.iter().map(|row| {
                let bytes: [u8; ADVISORY_ROW] = rows([
                    row.vulnerability,
                    row.affected,
                    row.fixed,
                    row.arches,
                    row.products,
                    row.vendor_ids,
                    u32::from(row.source) | u32::from(row.status) << 16 | u32::from(row.severity) << 24,
                    u32::from(row.named) | u32::from(row.flags) << 8 | u32::from(row.available) << 16,
                    row.qualifiers,
                ]);
                bytes
            }),
        )?;
        self.advisories = advisories;
        Ok(groups.len() as u64)
    }

    fn write_small(&mut self, table: &mut SectionTable) -> Result<(), BuildError> {
        let mut products = std::mem::take(&mut self.products);
        products.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| self.pooled(a.1).cmp(self.pooled(b.1))));
        table.write(
            &mut self.out,
            Section::Products,
            products.iter().map(|(key, name, list)| rows::<3, 12>([*key, *name, *list])),
        )?;
        let mut lifecycles = std::mem::take(&mut self.lifecycles);
        lifecycles.sort_by(|a, b| self.pooled(a.0).cmp(self.pooled(b.0)));
        lifecycles.dedup_by_key(|row| row.0);
        table.write(
            &mut self.out,
            Section::Lifecycles,
            lifecycles.iter().map(|(stream, end, support)| rows::<3, 12>([*stream, *end, *support])),
        )?;
        table.write(&mut self.out, Section::Sources, self.sources.iter().map(|(_, row)| rows::<4, 16>(*row)))?;
        let feeds = feeds::encode(&self.feeds, &self.left_out);
        let at = self.out.at;
        self.out.write(&feeds)?;
        table.add(Section::Feeds, at, feeds.len() as u64);
        Ok(())
    }

    fn write_header(self, table: &SectionTable) -> Result<W, BuildError> {
        let Hashing { mut out, hasher, at } = self.out;
        let mut header = [0u8; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&(table.rows.len() as u32).to_le_bytes());
        header[16..24].copy_from_slice(&at.to_le_bytes());
        for (row, place) in table.rows.iter().zip(header[SECTION_TABLE..BODY_DIGEST].chunks_exact_mut(SECTION_ROW)) {
            let (section, offset, length) = row;
            place[..4].copy_from_slice(&(*section as u32).to_le_bytes());
            place[4..8].copy_from_slice(&(section.row() as u32).to_le_bytes());
            place[8..16].copy_from_slice(&offset.to_le_bytes());
            place[16..24].copy_from_slice(&length.to_le_bytes());
        }
        header[BODY_DIGEST..HEADER_DIGEST].copy_from_slice(hasher.finish().as_bytes());
        let digest = signet_model::Digest::sha256(&header[..HEADER_DIGEST]);
        header[HEADER_DIGEST..HEADER_DIGEST + 32].copy_from_slice(digest.as_bytes());
        out.seek(SeekFrom::Start(0)).map_err(BuildError::Write)?;
        out.write_all(&header).map_err(BuildError::Write)?;
        out.seek(SeekFrom::Start(at)).map_err(BuildError::Write)?;
        out.flush().map_err(BuildError::Write)?;
        Ok(out)
    }
}

/// Numbers of a stored list.
pub(super) fn numbers(list: &[u8]) -> impl Iterator<Item = u32> + '_ {
    list.chunks_exact(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

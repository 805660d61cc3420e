//! Reads a compiled database in place: no copy, no allocation that grows with its size.

use std::collections::BTreeMap;

use signet_model::{
    Cvss, DataSource, Digest, Epss, Finding, KnownExploited, Severity, Status, Timestamp, Vulnerability,
};

use super::builder::numbers;
use super::detail;
use super::format::{
    BODY_DIGEST, FORMAT_VERSION, HAS_SEVERITY, HEADER, HEADER_DIGEST, MAGIC, MALICIOUS, MAX_SECTIONS, SECTION_ROW,
    SECTION_TABLE, Section, UNAFFECTED, WITHDRAWN, hash, time_of_day,
};
use super::pool::entry;
use super::qualifiers::StoredQualifiers;
use crate::bytes::{Reader, u16_at, u32_at, u64_at};
use crate::order::Order;
use crate::ranges::Stored;
use crate::record::{Detail, Feed, Lifecycle, Named, ProductKey};
use crate::streams;

/// Why a file is no database that we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// Another kind of file.
    #[error("this is no compiled advisory database")]
    Foreign,
    /// Compiled by another version of Signet.
    #[error(
        "the database has format {found}, and this program reads format {FORMAT_VERSION}; compile it again with `signet db update`"
    )]
    Version {
        /// The version that the file states.
        found: u32,
    },
    /// Shorter or longer than its header says.
    #[error("the database is cut: it has {have} bytes and its header speaks of {need}")]
    Cut {
        /// Bytes at hand.
        have: u64,
        /// Bytes that the header states.
        need: u64,
    },
    /// The header's own digest is wrong.
    #[error("the header of the database was changed")]
    Header,
    /// The digest of the rest is wrong.
    #[error("the database was changed: its bytes hash to {found}, and its header says {stated}")]
    Body {
        /// Computed.
        found: String,
        /// Stated.
        stated: String,
    },
    /// A section or a row lies outside the file, or cannot be read.
    #[error("the section `{section}` of the database is damaged at {at}")]
    Damaged {
        /// Its name.
        section: &'static str,
        /// Row or offset in the section.
        at: u64,
    },
}

fn damaged(section: Section, at: u32) -> DatabaseError {
    DatabaseError::Damaged { section: section.name(), at: u64::from(at) }
}

/// How much is in a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Advisory rows.
    pub advisories: u64,
    /// Distinct vulnerability ids.
    pub vulnerabilities: u64,
    /// Pairs of stream and package name.
    pub packages: u64,
    /// Streams.
    pub streams: u64,
    /// Entries of CISA's catalogue.
    pub kev: u64,
    /// Estimates of FIRST.
    pub epss: u64,
}

/// A compiled database over bytes: a memory map, or what was just compiled. Cheap to copy; any number of readers.
#[derive(Clone, Copy, Debug)]
pub struct Database<'a> {
    header: &'a [u8],
    body: &'a [u8],
    sections: [&'a [u8]; Section::COUNT],
}

/// A stream of the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRow<'a> {
    pub(crate) number: u32,
    pub(crate) name: &'a str,
    pub(crate) order: Order,
}

/// One advisory in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdvisoryRow<'a> {
    database: Database<'a>,
    bytes: &'a [u8],
}

/// One vulnerability in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VulnerabilityRow<'a> {
    database: Database<'a>,
    bytes: &'a [u8],
}

impl<'a> Database<'a> {
    /// Checks the header and the bounds of the sections. Costs microseconds whatever the size; see the module on where the rest is checked.
    pub fn open(bytes: &'a [u8]) -> Result<Database<'a>, DatabaseError> {
        if !bytes.starts_with(MAGIC) {
            return Err(DatabaseError::Foreign);
        }
        let found = u32_at(bytes, 8).ok_or(DatabaseError::Foreign)?;
        if found != FORMAT_VERSION {
            return Err(DatabaseError::Version { found });
        }
        let (Some(header), Some(body)) = (bytes.get(..HEADER), bytes.get(HEADER..)) else {
            return Err(DatabaseError::Cut { have: bytes.len() as u64, need: HEADER as u64 });
        };
        let stated = header.get(HEADER_DIGEST..HEADER_DIGEST + 32).unwrap_or_default();
        if Digest::sha256(header.get(..HEADER_DIGEST).unwrap_or_default()).as_bytes() != stated {
            return Err(DatabaseError::Header);
        }
        // What follows the digest is filled up with zeros; nothing else may hide there.
        if header.get(HEADER_DIGEST + 32..).unwrap_or_default().iter().any(|byte| *byte != 0) {
            return Err(DatabaseError::Header);
        }
        let need = u64_at(header, 16).unwrap_or(0);
        if need != bytes.len() as u64 {
            return Err(DatabaseError::Cut { have: bytes.len() as u64, need });
        }
        let mut sections = [&bytes[..0]; Section::COUNT];
        let count = u32_at(header, 12).unwrap_or(0) as usize;
        for n in 0..count.min(MAX_SECTIONS) {
            let row = SECTION_TABLE + n * SECTION_ROW;
            let number = u32_at(header, row).unwrap_or(0);
            let Some(place) = Section::ALL.iter().position(|section| *section as u32 == number) else { continue };
            let section = Section::ALL[place];
            let slice = || {
                let start = usize::try_from(u64_at(header, row + 8)?).ok()?;
                let length = usize::try_from(u64_at(header, row + 16)?).ok()?;
                let slice = bytes.get(start..start.checked_add(length)?)?;
                (u32_at(header, row + 4)? as usize == section.row() && length % section.row() == 0).then_some(slice)
            };
            sections[place] = slice().ok_or(damaged(section, 0))?;
        }
        Ok(Database { header, body, sections })
    }

    /// Hashes the whole file against its header. Whoever installs a database calls this once, before the file gets its final name.
    pub fn verify(&self) -> Result<(), DatabaseError> {
        let found = Digest::sha256(self.body);
        let stated = self.header.get(BODY_DIGEST..BODY_DIGEST + 32).unwrap_or_default();
        if found.as_bytes() == stated {
            return Ok(());
        }
        let stated = Digest::from_bytes(signet_model::Algorithm::Sha256, stated).ok_or(DatabaseError::Header)?;
        Err(DatabaseError::Body { found: found.to_string(), stated: stated.to_string() })
    }

    /// The digest that names this database: SHA-256 over its header, which holds the digest of the rest.
    pub fn digest(&self) -> Digest {
        Digest::sha256(self.header)
    }

    /// The feeds that it was compiled from, in order.
    pub fn feeds(&self) -> Result<Vec<Feed>, DatabaseError> {
        Ok(self.read_feeds().ok_or(damaged(Section::Feeds, 0))?.0)
    }

    /// Feeds whose records were left out when it was passed on: what they know is not in it.
    pub fn left_out(&self) -> Result<Vec<Feed>, DatabaseError> {
        Ok(self.read_feeds().ok_or(damaged(Section::Feeds, 0))?.1)
    }

    /// How much is in it.
    pub fn contents(&self) -> Contents {
        let rows = |section: Section| (self.section(section).len() / section.row()) as u64;
        Contents {
            advisories: rows(Section::Advisories),
            vulnerabilities: rows(Section::Vulnerabilities),
            packages: rows(Section::Groups),
            streams: rows(Section::Streams),
            kev: rows(Section::Kev),
            epss: rows(Section::Epss),
        }
    }

    /// Names of its streams, sorted.
    pub fn streams(&self) -> Result<Vec<&'a str>, DatabaseError> {
        (0..self.rows(Section::Streams)).map(|n| self.stream_row(n).map(|row| row.name)).collect()
    }

    /// Everything known about a vulnerability, descriptions included. `None`: the database does not name it, or knows it as withdrawn.
    pub fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        match self.find_vulnerability(id)? {
            Some(row) if !row.withdrawn() => row.read(true).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Whether the database knows that the id was withdrawn or rejected: an exception for it can be closed.
    pub fn is_withdrawn(&self, id: &str) -> Result<bool, DatabaseError> {
        Ok(self.find_vulnerability(id)?.is_some_and(|row| row.withdrawn()))
    }

    /// Reads title, text, links and scores into a finding that was made without them.
    pub fn fill(&self, finding: &mut Finding) -> Result<(), DatabaseError> {
        if let Some(row) = self.find_vulnerability(&finding.vulnerability.id)? {
            row.read_details(&mut finding.vulnerability)?;
        }
        Ok(())
    }

    /// Severities of an id by source; none for an id that the database does not know or that was withdrawn.
    pub(crate) fn severities(&self, id: &str) -> Result<BTreeMap<String, Severity>, DatabaseError> {
        match self.find_vulnerability(id)? {
            Some(row) if !row.withdrawn() => row.severities(),
            Some(_) | None => Ok(BTreeMap::new()),
        }
    }

    pub(super) fn section(&self, section: Section) -> &'a [u8] {
        // Sections are numbered from 1 in the order of `Section::ALL`.
        self.sections.get(section as usize - 1).copied().unwrap_or_default()
    }

    pub(super) fn rows(&self, section: Section) -> u32 {
        (self.section(section).len() / section.row()) as u32
    }

    pub(super) fn row(&self, section: Section, n: u32) -> Result<&'a [u8], DatabaseError> {
        let start = n as usize * section.row();
        self.section(section).get(start..start + section.row()).ok_or(damaged(section, n))
    }

    fn pooled(&self, at: u32) -> Result<&'a [u8], DatabaseError> {
        entry(self.section(Section::Pool), at).ok_or(damaged(Section::Pool, at))
    }

    pub(super) fn text(&self, at: u32) -> Result<&'a str, DatabaseError> {
        std::str::from_utf8(self.pooled(at)?).map_err(|_| damaged(Section::Pool, at))
    }

    fn texts(
        &self,
        list: u32,
    ) -> Result<impl Iterator<Item = Result<&'a str, DatabaseError>> + use<'a>, DatabaseError> {
        let database = *self;
        Ok(numbers(self.pooled(list)?).map(move |at| database.text(at)))
    }

    pub(super) fn stream_row(&self, n: u32) -> Result<StreamRow<'a>, DatabaseError> {
        let row = self.row(Section::Streams, n)?;
        let name = self.text(u32_at(row, 0).unwrap_or(0))?;
        // The order's number is kept so that a newer program could tell a file whose rules it does not share.
        let rules = streams::rules(name).filter(|rules| u32_at(row, 4) == Some(u32::from(rules.order as u8)));
        let order = rules.ok_or(damaged(Section::Streams, n))?.order;
        Ok(StreamRow { number: n, name, order })
    }

    pub(crate) fn stream(&self, name: &str) -> Result<Option<StreamRow<'a>>, DatabaseError> {
        let found = self.search(Section::Streams, name.as_bytes(), 0)?;
        found.map(|n| self.stream_row(n)).transpose()
    }

    /// Binary search in a section whose rows are sorted by the pooled text at `column`.
    fn search(&self, section: Section, text: &[u8], column: usize) -> Result<Option<u32>, DatabaseError> {
        let (mut low, mut high) = (0, self.rows(section));
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.row(section, middle)?;
            let here = self.pooled(u32_at(row, column).unwrap_or(0))?;
            match here.cmp(text) {
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The advisories of a package; an empty range of rows where there are none.
    pub(crate) fn advisories(
        &self,
        stream: u32,
        name: &str,
    ) -> Result<impl Iterator<Item = Result<AdvisoryRow<'a>, DatabaseError>> + use<'a>, DatabaseError> {
        let range = self.group(stream, name.as_bytes())?;
        let database = *self;
        Ok(range.map(move |n| database.row(Section::Advisories, n).map(|bytes| AdvisoryRow { database, bytes })))
    }

    pub(super) fn advisory_row(&self, n: u32) -> Result<AdvisoryRow<'a>, DatabaseError> {
        self.row(Section::Advisories, n).map(|bytes| AdvisoryRow { database: *self, bytes })
    }

    fn group(&self, stream: u32, name: &[u8]) -> Result<std::ops::Range<u32>, DatabaseError> {
        let slots = self.rows(Section::Table);
        if !slots.is_power_of_two() {
            return if slots == 0 { Ok(0..0) } else { Err(damaged(Section::Table, 0)) };
        }
        let hash = hash(stream, name);
        let mut slot = hash as u32 & (slots - 1);
        for _ in 0..slots {
            let row = self.row(Section::Table, slot)?;
            let (tag, group) = (u32_at(row, 0).unwrap_or(0), u32_at(row, 4).unwrap_or(0));
            let Some(group) = group.checked_sub(1) else { return Ok(0..0) };
            if tag == (hash >> 32) as u32 {
                let row = self.row(Section::Groups, group)?;
                let field = |at| u32_at(row, at).unwrap_or(0);
                if field(0) == stream && self.pooled(field(4))? == name {
                    let end = field(8).checked_add(field(12)).ok_or(damaged(Section::Groups, group))?;
                    return Ok(field(8)..end);
                }
            }
            slot = (slot + 1) & (slots - 1);
        }
        Err(damaged(Section::Table, slot))
    }

    fn find_vulnerability(&self, id: &str) -> Result<Option<VulnerabilityRow<'a>>, DatabaseError> {
        let found = self.search(Section::Vulnerabilities, id.as_bytes(), 0)?;
        found.map(|n| self.vulnerability_row(n)).transpose()
    }

    pub(super) fn vulnerability_row(&self, n: u32) -> Result<VulnerabilityRow<'a>, DatabaseError> {
        Ok(VulnerabilityRow { database: *self, bytes: self.row(Section::Vulnerabilities, n)? })
    }

    /// Until when the release of a stream is maintained; `None`: nothing is known.
    pub(crate) fn lifecycle(&self, stream: &str) -> Result<Option<Lifecycle>, DatabaseError> {
        let Some(n) = self.search(Section::Lifecycles, stream.as_bytes(), 0)? else { return Ok(None) };
        let row = self.row(Section::Lifecycles, n)?;
        let time = |at| time_of_day(u32_at(row, at).unwrap_or(0));
        Ok(Some(Lifecycle { end_of_life: time(4), end_of_active_support: time(8) }))
    }

    /// Indices of the products that a name stands for.
    pub(crate) fn products(&self, key: ProductKey, name: &str, out: &mut Vec<u32>) -> Result<(), DatabaseError> {
        let key = match key {
            ProductKey::ContentSet => 0u32,
            ProductKey::Nvr => 1,
        };
        let (mut low, mut high) = (0, self.rows(Section::Products));
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.row(Section::Products, middle)?;
            let field = |at| u32_at(row, at).unwrap_or(0);
            let here = self.pooled(field(4))?;
            match field(0).cmp(&key).then_with(|| here.cmp(name.as_bytes())) {
                std::cmp::Ordering::Equal => {
                    out.extend(numbers(self.pooled(field(8))?));
                    return Ok(());
                }
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(())
    }
}

// === impl AdvisoryRow ===

impl<'a> AdvisoryRow<'a> {
    fn field(&self, at: usize) -> u32 {
        u32_at(self.bytes, at).unwrap_or(0)
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn vulnerability_number(&self) -> u32 {
        self.field(0)
    }

    /// Whether the vendor published it under this id.
    pub(super) fn vendor_ids_hold(&self, wanted: &str) -> Result<bool, DatabaseError> {
        let list = self.database.pooled(self.field(20))?;
        for at in numbers(list) {
            if self.database.text(at)?.eq_ignore_ascii_case(wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn vulnerability(&self) -> Result<VulnerabilityRow<'a>, DatabaseError> {
        self.database.vulnerability_row(self.field(0))
    }

    pub(crate) fn ranges(&self) -> Result<Stored<'a>, DatabaseError> {
        self.database.pooled(self.field(4)).map(Stored)
    }

    pub(crate) fn fixed(&self) -> Result<Vec<&'a str>, DatabaseError> {
        self.database.texts(self.field(8))?.collect()
    }

    /// Whether the advisory holds for the architecture. An independent package (`noarch`, `all`) may stand on any.
    pub(crate) fn covers_arch(&self, arch: Option<&str>) -> Result<bool, DatabaseError> {
        let list = self.database.pooled(self.field(12))?;
        let Some(arch) = arch.filter(|arch| !matches!(*arch, "noarch" | "all" | "any" | "")) else { return Ok(true) };
        if list.is_empty() {
            return Ok(true);
        }
        for known in numbers(list) {
            if self.database.pooled(known)? == arch.as_bytes() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the advisory holds for one of these products (sorted).
    pub(crate) fn covers_product(&self, products: &[u32]) -> Result<bool, DatabaseError> {
        let list = self.database.pooled(self.field(16))?;
        Ok(list.is_empty() || numbers(list).any(|product| products.binary_search(&product).is_ok()))
    }

    pub(crate) fn vendor_ids(&self) -> Result<Vec<String>, DatabaseError> {
        self.database.texts(self.field(20))?.map(|id| id.map(str::to_owned)).collect()
    }

    pub(crate) fn source_id(&self) -> Result<&'a str, DatabaseError> {
        let n = u32::from(u16_at(self.bytes, 24).unwrap_or(0));
        let row = self.database.row(Section::Sources, n)?;
        self.database.text(u32_at(row, 0).unwrap_or(0))
    }

    pub(crate) fn source(&self) -> Result<DataSource, DatabaseError> {
        let n = u32::from(u16_at(self.bytes, 24).unwrap_or(0));
        let row = self.database.row(Section::Sources, n)?;
        let text = |at| self.database.text(u32_at(row, at).unwrap_or(0)).map(str::to_owned);
        let base = text(12)?;
        Ok(DataSource { id: text(0)?, name: text(4)?, url: text(8)?, base_id: (!base.is_empty()).then_some(base) })
    }

    pub(crate) fn status(&self) -> Status {
        Status::ALL.get(usize::from(self.byte(26))).copied().unwrap_or_default()
    }

    pub(crate) fn severity(&self) -> Option<Severity> {
        (self.byte(29) & HAS_SEVERITY != 0).then(|| detail::severity_of(self.byte(27)))
    }

    pub(crate) fn named(&self) -> Named {
        match self.byte(28) {
            0 => Named::Source,
            1 => Named::Binary,
            2 => Named::Library,
            3 => Named::Any,
            _ => Named::Product,
        }
    }

    /// Whether the versions in the ranges are the ones that are *not* vulnerable.
    pub(crate) fn unaffected(&self) -> bool {
        self.byte(29) & UNAFFECTED != 0
    }

    /// When the first fix could be had.
    pub(crate) fn available(&self) -> Option<Timestamp> {
        time_of_day(u32::from(u16_at(self.bytes, 30).unwrap_or(0)))
    }

    /// Where the advisory holds, beyond the versions.
    pub(crate) fn qualifiers(&self) -> Result<StoredQualifiers<'a>, DatabaseError> {
        self.database.pooled(self.field(32)).map(StoredQualifiers)
    }

    pub(crate) fn malicious(&self) -> bool {
        self.byte(29) & MALICIOUS != 0
    }
}

// === impl VulnerabilityRow ===

impl<'a> VulnerabilityRow<'a> {
    fn field(&self, at: usize) -> u32 {
        u32_at(self.bytes, at).unwrap_or(0)
    }

    pub(crate) fn id(&self) -> Result<&'a str, DatabaseError> {
        self.database.text(self.field(0))
    }

    pub(crate) fn withdrawn(&self) -> bool {
        self.field(28) & WITHDRAWN != 0
    }

    /// Other ids of the same thing.
    pub(crate) fn aliases(
        &self,
    ) -> Result<impl Iterator<Item = Result<&'a str, DatabaseError>> + use<'a>, DatabaseError> {
        self.database.texts(self.field(4))
    }

    /// Severity without a source, the last resort.
    pub(crate) fn overall(&self) -> Severity {
        detail::severity_of((self.field(28) >> 8) as u8)
    }

    fn severities(&self) -> Result<BTreeMap<String, Severity>, DatabaseError> {
        let rows = self.database.pooled(self.field(8))?.chunks_exact(5);
        rows.map(|row| {
            let source = self.database.text(u32_at(row, 0).unwrap_or(0))?;
            Ok((source.to_owned(), detail::severity_of(row.get(4).copied().unwrap_or(0))))
        })
        .collect()
    }

    /// Everything but the lazily read region; with `details` that too.
    pub(crate) fn read(&self, details: bool) -> Result<Vulnerability, DatabaseError> {
        let mut aliases: Vec<String> =
            self.database.texts(self.field(4))?.map(|id| id.map(str::to_owned)).collect::<Result<_, _>>()?;
        aliases.sort();
        let mut vulnerability = Vulnerability { id: self.id()?.to_owned(), aliases, ..Vulnerability::default() };
        vulnerability.severities = self.severities()?;
        vulnerability.kev = self.kev()?;
        vulnerability.epss = self.epss()?;
        if details {
            self.read_details(&mut vulnerability)?;
        }
        Ok(vulnerability)
    }

    /// Descriptions of several feeds are put together: the first title and text, all scores, weaknesses and links.
    fn read_details(&self, into: &mut Vulnerability) -> Result<(), DatabaseError> {
        let first = self.field(12);
        for n in first..first.saturating_add(self.field(16)) {
            let Detail { title, description, cvss, cwes, references, published, modified, .. } = self.detail(n)?;
            into.title = into.title.take().or((!title.is_empty()).then_some(title));
            into.description = into.description.take().or((!description.is_empty()).then_some(description));
            for (source, scores) in cvss {
                let known: &mut Cvss = into.cvss.entry(source).or_default();
                if *known == Cvss::default() {
                    *known = scores;
                }
            }
            for (list, more) in [(&mut into.cwes, cwes), (&mut into.references, references)] {
                for text in more {
                    if !list.contains(&text) {
                        list.push(text);
                    }
                }
            }
            into.published = into.published.or(published);
            into.modified = into.modified.max(modified);
        }
        Ok(())
    }

    fn detail(&self, n: u32) -> Result<Detail, DatabaseError> {
        let row = self.database.row(Section::DetailIndex, n)?;
        let read = || {
            let start = usize::try_from(u64_at(row, 0)?).ok()?;
            let end = start.checked_add(u32_at(row, 8)? as usize)?;
            detail::decode(self.database.section(Section::Details).get(start..end)?)
        };
        read().ok_or(damaged(Section::Details, n))
    }

    fn kev(&self) -> Result<Option<KnownExploited>, DatabaseError> {
        let Some(n) = self.field(20).checked_sub(1) else { return Ok(None) };
        let row = self.database.row(Section::Kev, n)?;
        let mut reader = Reader::new(self.database.pooled(u32_at(row, 4).unwrap_or(0))?);
        let mut read = || {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some(KnownExploited {
                date_added: reader.text()?.to_owned(),
                due_date: some(reader.text()?),
                required_action: some(reader.text()?),
                ransomware: reader.byte()? == 1,
            })
        };
        read().map(Some).ok_or(damaged(Section::Kev, n))
    }

    fn epss(&self) -> Result<Option<Epss>, DatabaseError> {
        let Some(n) = self.field(24).checked_sub(1) else { return Ok(None) };
        let row = self.database.row(Section::Epss, n)?;
        let float = |at| u64_at(row, at).map(f64::from_bits);
        match (float(4), float(12)) {
            (Some(score), Some(percentile)) => Ok(Some(Epss { score, percentile })),
            _ => Err(damaged(Section::Epss, n)),
        }
    }
}

//! What a feed that is read from files of its own looks like: a [`Source`] says what it is, a [`Tree`] holds its files, a [`Tally`] what became of them.
//!
//! Rules for every leaf: a record that cannot be read is counted and named ([`Tally::malformed`]); files that are no records of the feed are
//! named too ([`Tally::skipped`]); names of releases that we have no rules for are counted ([`Tally::unknown`]). [`Source::read`] refuses a tree
//! that holds no record at all, and one where more than a fiftieth of the records is broken: half a feed would be a quiet hole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use signet_model::{DataSource, Severity, Status, Timestamp};

use super::FeedError;
use crate::record::{Advisory, Affected, Feed, Named, Range, Record, Sink, Trust};
use crate::{names, streams};

/// The files of a feed.
pub trait Tree {
    /// Paths below what the user named, `/` between the parts, sorted. A lone file has its own name.
    fn paths(&self) -> &[String];
    /// The bytes of one of them.
    fn bytes(&self, path: &str) -> std::io::Result<Cow<'_, [u8]>>;
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct Files {
    paths: Vec<String>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Files {
        let bytes: BTreeMap<String, Vec<u8>> = files.into_iter().collect();
        Files { paths: bytes.keys().cloned().collect(), bytes }
    }
}

impl Tree for Files {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn bytes(&self, path: &str) -> std::io::Result<Cow<'_, [u8]>> {
        let bytes = self.bytes.get(path).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
        Ok(Cow::Borrowed(bytes.as_slice()))
    }
}

/// What a feed is, and how it is read.
#[derive(Debug)]
pub struct Source {
    /// Short name, as `--feed NAME=PATH` takes it.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// Where it is published. `{}` stands for a release.
    pub urls: &'static [&'static str],
    /// SPDX expression or words.
    pub licence: &'static str,
    /// Whether the data may be passed on in compiled form.
    pub redistributable: bool,
    /// The line that its licence wants to be shown; empty where none does.
    pub attribution: &'static str,
    /// Reads all files.
    pub(crate) run: fn(&mut Reading<'_>) -> Result<(), FeedError>,
}

impl Source {
    /// The row in the table of feeds.
    pub fn feed(&self, url: &str, data_time: Option<Timestamp>, trust: Trust) -> Feed {
        Feed {
            name: self.id.to_owned(),
            url: url.to_owned(),
            data_time,
            licence: self.licence.to_owned(),
            redistributable: self.redistributable,
            attribution: self.attribution.to_owned(),
            trust,
        }
    }

    /// Reads the files and hands the records out.
    ///
    /// Errors: nothing in the tree is a record of this feed; more than one record in fifty is broken; the sink refused one.
    pub fn read(&'static self, tree: &dyn Tree, sink: &mut Sink<'_>) -> Result<Tally, FeedError> {
        let mut reading = Reading { source: self, tree, tally: Tally::default(), sink };
        (self.run)(&mut reading)?;
        let tally = reading.tally;
        let broken = tally.malformed_count;
        if broken.saturating_mul(50) > tally.records.saturating_add(broken) {
            let (place, why) = tally.malformed.first().cloned().unwrap_or_default();
            let why = format!("{broken} of {} records cannot be read; `{place}`: {why}", tally.records + broken);
            return Err(FeedError::Foreign { expected: self.name, why });
        }
        if tally.records == 0 {
            let why = match tally.skipped.first() {
                Some((place, why)) => format!("no record was found; `{place}`: {why}"),
                None => "no record was found".to_owned(),
            };
            return Err(FeedError::Foreign { expected: self.name, why });
        }
        Ok(tally)
    }
}

/// Names that are kept of what could not be read; the rest is counted.
const NAMED: usize = 100;

/// What was read, by number, and what was not, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Advisories compiled from them.
    pub advisories: u64,
    /// Records that were withdrawn or rejected.
    pub withdrawn: u64,
    /// Releases, products and ecosystems that we have no rules for -> parts of records about them.
    pub unknown: BTreeMap<String, u64>,
    /// Files that are no records of the feed, or parts that refer to nothing, and why; the first hundred.
    pub skipped: Vec<(String, String)>,
    /// How many there are.
    pub skipped_count: u64,
    /// Records that cannot be read, and why; the first hundred.
    pub malformed: Vec<(String, String)>,
    /// How many there are.
    pub malformed_count: u64,
    /// Time of the newest change.
    pub newest: Option<Timestamp>,
}

/// One reading of a feed: the files, the tally, and where records go.
pub(crate) struct Reading<'r> {
    pub(crate) source: &'static Source,
    pub(crate) tree: &'r dyn Tree,
    pub(crate) tally: Tally,
    sink: &'r mut Sink<'r>,
}

impl Reading<'_> {
    /// Hands a record out.
    pub(crate) fn put(&mut self, record: Record) -> Result<(), FeedError> {
        match &record {
            Record::Advisory(_) => self.tally.advisories += 1,
            Record::Withdrawn(_) => self.tally.withdrawn += 1,
            _ => {}
        }
        (self.sink)(record).map_err(FeedError::Build)
    }

    /// An advisory of this source about every version, unfixed. `None`, and counted, for a stream without rules.
    pub(crate) fn blank(&mut self, stream: &str, package: &str, id: &str) -> Option<Advisory> {
        let Some(rules) = streams::rules(stream) else {
            self.unknown(stream);
            return None;
        };
        Some(Advisory {
            stream: stream.to_owned(),
            package: names::normal(stream, package).into_owned(),
            named: rules.named,
            id: id.to_owned(),
            vendor_ids: Vec::new(),
            status: Status::Unknown,
            severity: None,
            affected: Affected::default(),
            fixed: Vec::new(),
            arches: Vec::new(),
            products: Vec::new(),
            malicious: false,
            source: self.data_source(),
        })
    }

    /// Who publishes what is read.
    pub(crate) fn data_source(&self) -> DataSource {
        DataSource {
            id: self.source.id.to_owned(),
            name: self.source.name.to_owned(),
            url: self.source.urls.first().copied().unwrap_or_default().to_owned(),
            base_id: None,
        }
    }

    /// Counts a release that we have no rules for.
    pub(crate) fn unknown(&mut self, stream: &str) {
        let name: String = stream.chars().take(120).collect();
        // What hostile input invents is counted under one name from some point on.
        let full = self.tally.unknown.len() >= 10 * NAMED && !self.tally.unknown.contains_key(&name);
        *self.tally.unknown.entry(if full { "others".to_owned() } else { name }).or_default() += 1;
    }

    /// Counts and names a record that cannot be read.
    pub(crate) fn malformed(&mut self, place: &str, why: impl std::fmt::Display) {
        self.tally.malformed_count += 1;
        if self.tally.malformed.len() < NAMED {
            self.tally.malformed.push((place.to_owned(), why.to_string()));
        }
    }

    /// Counts and names what is no record of this feed.
    pub(crate) fn skip(&mut self, place: &str, why: impl std::fmt::Display) {
        self.tally.skipped_count += 1;
        if self.tally.skipped.len() < NAMED {
            self.tally.skipped.push((place.to_owned(), why.to_string()));
        }
    }

    /// The time of a record: the newest of them dates the feed.
    pub(crate) fn dated(&mut self, text: &str) -> Option<Timestamp> {
        let time = super::time(text).filter(|time| time.as_second() > 0);
        self.tally.newest = self.tally.newest.max(time);
        time
    }

    /// The paths that end so; all others are named as skipped, but for hidden files.
    pub(crate) fn paths(&mut self, endings: &[&str]) -> Vec<String> {
        let all = self.tree.paths().to_vec();
        let (mine, others): (Vec<String>, Vec<String>) =
            all.into_iter().partition(|path| endings.iter().any(|ending| path.ends_with(ending)));
        for path in others.iter().filter(|path| !path.split('/').any(|part| part.starts_with('.'))) {
            self.skip(path, "no file of this feed");
        }
        mine
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: &str) -> Result<Cow<'_, [u8]>, FeedError> {
        self.tree.bytes(path).map_err(|err| FeedError::Unpack { place: path.to_owned(), err })
    }

    /// A JSON file as `T`; `None`, and named, when it is none.
    pub(crate) fn json<T: DeserializeOwned>(&mut self, path: &str) -> Result<Option<T>, FeedError> {
        let read = serde_json::from_slice::<T>(&self.bytes(path)?);
        match read {
            Ok(value) => Ok(Some(value)),
            Err(err) => {
                self.malformed(path, err);
                Ok(None)
            }
        }
    }
}

// === words that feeds share ===

/// Affected as every feed with one fix says it: vulnerable before it, or everywhere when there is none.
pub(crate) fn before(fixed: Option<&str>) -> (Affected, Vec<String>) {
    let fixed = fixed.filter(|version| !version.is_empty());
    let range = fixed.map_or_else(Range::everything, |version| Range::before(None, version));
    (Affected { vulnerable: vec![range], ..Affected::default() }, fixed.map(str::to_owned).into_iter().collect())
}

/// Affected in no version: a vendor's word that a package is not vulnerable.
pub(crate) fn nowhere() -> Affected {
    Affected { safe: vec![Range::everything()], ..Affected::default() }
}

/// The severity words of vendors.
pub(crate) fn severity(word: &str) -> Option<Severity> {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" | "urgent" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" | "minor" | "negligible" | "unimportant" => Some(Severity::Low),
        _ => None,
    }
}

/// Every CVE id in a text, sorted, each once. Source: CVE numbering, four or more digits after the year.
pub(crate) fn cves(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find("CVE-") {
        let tail = rest.get(at + 4..).unwrap_or_default();
        let year = tail.bytes().take_while(u8::is_ascii_digit).count();
        let number = tail.get(year + 1..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count();
        if year == 4 && tail.as_bytes().get(4) == Some(&b'-') && number >= 4 {
            found.insert(format!("CVE-{}", tail.get(..5 + number).unwrap_or_default()));
        }
        rest = tail;
    }
    found.into_iter().collect()
}

/// A Debian release by its code name. Source: Debian, "Releases"; distro-info-data.
pub(crate) fn debian_release(codename: &str) -> Option<&'static str> {
    const RELEASES: [(&str, &str); 18] = [
        ("woody", "3.0"),
        ("sarge", "3.1"),
        ("etch", "4"),
        ("lenny", "5"),
        ("squeeze", "6"),
        ("wheezy", "7"),
        ("jessie", "8"),
        ("stretch", "9"),
        ("buster", "10"),
        ("bullseye", "11"),
        ("bookworm", "12"),
        ("trixie", "13"),
        ("forky", "14"),
        ("duke", "15"),
        ("sid", "unstable"),
        ("unstable", "unstable"),
        ("testing", "testing"),
        ("experimental", "experimental"),
    ];
    RELEASES.iter().find(|(name, _)| *name == codename).map(|(_, release)| *release)
}

/// The parts of an RPM's file name or NVR: `name`, `version-release`; an architecture at its end is cut off if `with_arch`.
pub(crate) fn nvr(text: &str, with_arch: bool) -> Option<(&str, &str, Option<&str>)> {
    let text = text.trim().trim_end_matches(".rpm");
    let (text, arch) = if with_arch {
        let (rest, arch) = text.rsplit_once('.')?;
        (rest, Some(arch))
    } else {
        (text, None)
    };
    let (rest, _release) = text.rsplit_once('-')?;
    let (name, _version) = rest.rsplit_once('-')?;
    let version = text.get(name.len() + 1..)?;
    (!name.is_empty() && !version.is_empty()).then_some((name, version, arch))
}

/// Puts the name of a source's package into the module it belongs to.
pub(crate) fn in_module(advisory: &mut Advisory, module: Option<&str>) {
    let modular = module.and_then(|label| names::modular(label, &advisory.package));
    if let Some(name) = modular {
        advisory.package = name;
    }
}

/// The advisory speaks of source packages although its stream's feeds usually name binaries.
pub(crate) fn by_source(advisory: &mut Advisory) {
    advisory.named = Named::Source;
}

// === archives ===

/// How much of an archive is unpacked.
const UNPACKED: u64 = 4 << 30;

impl Files {
    /// The files of a zip, or the one file in a gzip stream under its name without `.gz`.
    ///
    /// Errors: it is neither; it is damaged; more than 4 GiB come out of it.
    pub fn unpack(name: &str, bytes: &[u8]) -> Result<Files, FeedError> {
        use std::io::Read;
        let place = || name.to_owned();
        let too_large = || FeedError::TooLarge { place: place(), limit: UNPACKED, unit: "unpacked bytes" };
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut out = Vec::new();
            let mut from = flate2::bufread::MultiGzDecoder::new(bytes).take(UNPACKED + 1);
            from.read_to_end(&mut out).map_err(|err| FeedError::Unpack { place: place(), err })?;
            if out.len() as u64 > UNPACKED {
                return Err(too_large());
            }
            let name = name.strip_suffix(".gz").unwrap_or(name).to_owned();
            return Ok([(name, out)].into_iter().collect());
        }
        let mut archive =
            zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|err| FeedError::Zip { place: place(), err })?;
        let mut files = Vec::new();
        let mut total = 0u64;
        for n in 0..archive.len() {
            let mut entry = archive.by_index(n).map_err(|err| FeedError::Zip { place: format!("entry {n}"), err })?;
            let path = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if !entry.is_file() {
                continue;
            }
            let mut out = Vec::new();
            let read = entry.by_ref().take((UNPACKED - total).saturating_add(1)).read_to_end(&mut out);
            total += read.map_err(|err| FeedError::Unpack { place: path.clone(), err })? as u64;
            if total > UNPACKED {
                return Err(too_large());
            }
            files.push((path, out));
        }
        Ok(files.into_iter().collect())
    }
}

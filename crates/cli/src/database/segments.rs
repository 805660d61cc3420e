//! What was read of each feed, kept under the hash of what it was read from: a build parses only what changed, then puts all records together.
//!
//! `CACHE/db/feeds/HASH.records`, packed with zstd. The hash is about the files, where they came from, and the program itself. A segment that is
//! damaged is made anew: the whole build begins again without it, because records that were taken cannot be taken back.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use signet_advisories::segment::{self, SegmentEnd, SegmentError, SegmentWriter};
use signet_advisories::{BuildError, Builder, Feed, Record};
use signet_model::Digest;

use crate::settings::Settings;

/// A database under construction.
pub(super) type Out = Builder<BufWriter<File>>;

/// Remarks that are kept beside the warnings.
const DETAILS: usize = 100;

type Packed = zstd::stream::write::Encoder<'static, BufWriter<File>>;

/// A part of a build: the segment that holds it, if one was kept, and its feeds.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// Hash of what it was read from; `None`: it was not kept.
    pub(super) key: Option<Digest>,
    /// Rows in the table of feeds.
    pub(super) feeds: Vec<Feed>,
}

/// A segment was damaged and is gone; the build must begin again.
#[derive(Debug, thiserror::Error)]
#[error("what was kept of a feed is damaged")]
pub(super) struct Damaged;

/// Takes what is read of one feed: into the database, and into its segment.
pub(super) struct Intake<'a> {
    builder: &'a mut Out,
    keep: Option<(SegmentWriter<Packed>, tempfile::NamedTempFile)>,
    end: SegmentEnd,
    settings: &'a Settings,
}

impl Intake<'_> {
    pub(super) fn put(&mut self, record: Record) -> Result<(), BuildError> {
        if let Some((writer, _)) = &mut self.keep
            && let Err(err) = writer.put(&record)
        {
            self.give_up(&err);
        }
        self.builder.put(record)
    }

    /// Names the feed that the records are of.
    pub(super) fn feed(&mut self, feed: Feed) {
        self.end.feeds.push(feed);
    }

    /// Warns, now and whenever the segment is used.
    pub(super) fn warn(&mut self, text: String) {
        self.settings.warn(&text);
        self.end.remarks.push((true, text));
    }

    /// Says what only those want to know who asked for more.
    pub(super) fn detail(&mut self, text: String) {
        self.settings.detail(&text);
        // A feed of very many files says as many things; what is no warning need not be said again.
        if self.end.remarks.len() < DETAILS {
            self.end.remarks.push((false, text));
        }
    }

    /// A cache that cannot be written costs the next build its time, and this one nothing.
    fn give_up(&mut self, err: &io::Error) {
        self.settings.detail(format!("what was read of a feed is not kept: {err}"));
        self.keep = None;
    }
}

/// The segments of one build.
pub(super) struct Segments<'s> {
    folder: PathBuf,
    settings: &'s Settings,
    pub(super) made: Vec<Made>,
}

impl<'s> Segments<'s> {
    pub(super) fn new(settings: &'s Settings) -> Segments<'s> {
        Segments { folder: folder(settings), settings, made: Vec::new() }
    }

    /// One feed: out of its segment if there is one, else by `read`. `key` is `None` for what is not kept; `anew` reads whatever is kept.
    pub(super) fn part(
        &mut self,
        key: Option<Digest>,
        anew: bool,
        builder: &mut Out,
        read: impl FnOnce(&mut Intake<'_>) -> Result<()>,
    ) -> Result<()> {
        if let Some(key) = key.filter(|_| !anew)
            && let Ok(file) = File::open(self.path(&key))
        {
            let end = match replay(file, builder) {
                Ok(end) => end,
                Err(SegmentError::Build(err)) => return Err(err).context("cannot compile a record"),
                Err(err) => {
                    self.settings.detail(format!("what was kept of a feed is read anew: {err}"));
                    std::fs::remove_file(self.path(&key)).context("cannot remove a damaged file of the cache")?;
                    return Err(Damaged.into());
                }
            };
            for (warning, text) in &end.remarks {
                if *warning { self.settings.warn(text) } else { self.settings.detail(text) }
            }
            for feed in &end.feeds {
                self.settings.detail(format!("feed `{}`: nothing has changed", feed.name));
                builder.feed(feed.clone());
            }
            self.made.push(Made { key: Some(key), feeds: end.feeds });
            return Ok(());
        }
        let keep = key.and_then(|_| self.begin());
        let mut intake = Intake { builder, keep, end: SegmentEnd::default(), settings: self.settings };
        read(&mut intake)?;
        let Intake { keep, end, builder, .. } = intake;
        let mut kept = None;
        if let (Some((writer, file)), Some(key)) = (keep, key) {
            match finish(writer, file, &end, &self.path(&key)) {
                Ok(()) => kept = Some(key),
                Err(err) => self.settings.detail(format!("what was read of a feed is not kept: {err}")),
            }
        }
        end.feeds.iter().for_each(|feed| builder.feed(feed.clone()));
        self.made.push(Made { key: kept, feeds: end.feeds });
        Ok(())
    }

    fn begin(&self) -> Option<(SegmentWriter<Packed>, tempfile::NamedTempFile)> {
        let begin = || -> io::Result<_> {
            std::fs::create_dir_all(&self.folder)?;
            let file = tempfile::NamedTempFile::new_in(&self.folder)?;
            let mut packed = zstd::stream::write::Encoder::new(BufWriter::new(file.reopen()?), 1)?;
            packed.include_checksum(true)?;
            Ok((SegmentWriter::new(packed)?, file))
        };
        begin().inspect_err(|err| self.settings.detail(format!("what is read of a feed is not kept: {err}"))).ok()
    }

    fn path(&self, key: &Digest) -> PathBuf {
        path(&self.folder, key)
    }
}

/// Where segments lie.
pub(super) fn folder(settings: &Settings) -> PathBuf {
    settings.cache.join("db/feeds")
}

fn path(folder: &std::path::Path, key: &Digest) -> PathBuf {
    folder.join(format!("{}.records", key.hex()))
}

/// Puts the records of one segment into a database; `None`: it is not there any more.
pub(super) fn replay_kept(key: &Digest, builder: &mut Out, settings: &Settings) -> Result<Option<SegmentEnd>> {
    match File::open(path(&folder(settings), key)) {
        Ok(file) => Ok(Some(replay(file, builder).context("what was kept of a feed cannot be read")?)),
        Err(_) => Ok(None),
    }
}

/// Removes what nothing needs any more.
pub(super) fn forget(keys: &[Digest], settings: &Settings) {
    for key in keys {
        // What stays behind only takes room.
        let _gone = std::fs::remove_file(path(&folder(settings), key));
    }
}

fn replay(file: File, builder: &mut Out) -> Result<SegmentEnd, SegmentError> {
    let packed = zstd::stream::read::Decoder::new(file).map_err(SegmentError::Read)?;
    let mut bytes = BufReader::with_capacity(1 << 20, packed);
    segment::read(&mut bytes, &mut |record| builder.put(record))
}

fn finish(
    writer: SegmentWriter<Packed>,
    file: tempfile::NamedTempFile,
    end: &SegmentEnd,
    path: &std::path::Path,
) -> io::Result<()> {
    let mut out = writer.finish(end)?.finish()?;
    out.flush()?;
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

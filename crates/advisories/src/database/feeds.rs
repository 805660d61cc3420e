//! The table of feeds.

use signet_model::Timestamp;

use super::format::{LEFT_OUT, Section};
use super::reader::Database;
use crate::bytes::{Reader, put_bytes, put_varint};
use crate::record::{Feed, Trust};

/// The section as bytes.
pub(super) fn encode(feeds: &[Feed], left_out: &[Feed]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, (feeds.len() + left_out.len()) as u64);
    let absent = left_out.iter().map(|feed| (feed, LEFT_OUT));
    for (feed, flag) in feeds.iter().map(|feed| (feed, u8::from(feed.redistributable))).chain(absent) {
        let time = feed.data_time.map(|time| time.to_string()).unwrap_or_default();
        let texts =
            [&feed.name, &feed.url, &feed.licence, &feed.attribution, feed.trust.name(), feed.trust.detail(), &time];
        for text in texts {
            put_bytes(&mut out, text.as_bytes());
        }
        out.push(flag);
    }
    out
}

impl Database<'_> {
    /// The feeds that it holds, and those whose records were left out.
    pub(super) fn read_feeds(&self) -> Option<(Vec<Feed>, Vec<Feed>)> {
        let mut reader = Reader::new(self.section(Section::Feeds));
        let (mut feeds, mut left_out) = (Vec::new(), Vec::new());
        for _ in 0..reader.varint()? {
            let mut text = || reader.text().map(str::to_owned);
            let (name, url, licence, attribution) = (text()?, text()?, text()?, text()?);
            let (trust, by, time) = (text()?, text()?, text()?);
            let trust = match trust.as_str() {
                "signed" => Trust::Signed(by),
                "digest-pinned" => Trust::DigestPinned(by),
                "tls-only" => Trust::TlsOnly,
                "local-file" => Trust::LocalFile,
                _ => return None,
            };
            let data_time: Option<Timestamp> = if time.is_empty() { None } else { Some(time.parse().ok()?) };
            let flag = reader.byte()?;
            let feed = Feed { name, url, data_time, licence, redistributable: flag == 1, attribution, trust };
            match flag {
                0 | 1 => feeds.push(feed),
                LEFT_OUT => left_out.push(feed),
                _ => return None,
            }
        }
        Some((feeds, left_out))
    }
}

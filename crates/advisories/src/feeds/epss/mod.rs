//! FIRST's exploit prediction scores.
//!
//! Shape: CSV, gzipped or not. Line 1 `#model_version:v2025.03.14,score_date:2025-08-25T00:00:00+0000`, line 2 `cve,epss,percentile`, then rows.
//! Units: both numbers are shares from 0 to 1. Errors: a row that cannot be read refuses the file, by its line.
//! Source: <https://www.first.org/epss/data_stats>.

use std::io::{BufRead, BufReader, Read};

use signet_model::{Epss, Timestamp};

use super::{FeedError, time};
use crate::record::{Feed, Record, Sink, Trust};

/// What the scores are, for the table of feeds.
pub fn feed(url: &str, scored: Option<Timestamp>, trust: Trust) -> Feed {
    Feed {
        name: "epss".to_owned(),
        url: url.to_owned(),
        data_time: scored,
        licence: "LicenseRef-FIRST-EPSS".to_owned(),
        redistributable: true,
        attribution: "EPSS scores by FIRST, https://www.first.org/epss".to_owned(),
        trust,
    }
}

/// Unpacked bytes that are read at most; the file of 2026 has 11 MB.
pub const LIMIT: u64 = 256 << 20;

/// Longest line that is read; real ones have 40 bytes.
const LINE: u64 = 4096;

/// Reads the scores; gives the time they were made.
pub fn read(bytes: &[u8], limit: u64, sink: &mut Sink<'_>) -> Result<Option<Timestamp>, FeedError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        lines(flate2::bufread::MultiGzDecoder::new(bytes), limit, sink)
    } else {
        lines(bytes, limit, sink)
    }
}

fn lines(from: impl Read, limit: u64, sink: &mut Sink<'_>) -> Result<Option<Timestamp>, FeedError> {
    let mut from = BufReader::with_capacity(64 << 10, from.take(limit.saturating_add(1)));
    let mut scored = None;
    let mut text = String::new();
    let (mut number, mut read, mut header) = (0, 0, false);
    loop {
        text.clear();
        let unpack = |err| FeedError::Unpack { place: "epss_scores.csv".to_owned(), err };
        let length = (&mut from).take(LINE).read_line(&mut text).map_err(unpack)?;
        number += 1;
        read += length as u64;
        if length == 0 {
            break;
        }
        if read > limit {
            return Err(FeedError::TooLarge { place: "epss_scores.csv".to_owned(), limit, unit: "bytes" });
        }
        let line = text.trim_end();
        let fail = |why: &str| FeedError::Line { line: number, why: why.to_owned() };
        if let Some(comment) = line.strip_prefix('#') {
            let date = comment.split(',').find_map(|part| part.strip_prefix("score_date:"));
            scored = date.and_then(time).or(scored);
        } else if !header {
            // Older files have no model line, but all have this one.
            if !line.starts_with("cve,epss") {
                return Err(FeedError::Foreign {
                    expected: "EPSS file",
                    why: "it has no line `cve,epss,percentile`".to_owned(),
                });
            }
            header = true;
        } else if !line.is_empty() {
            let mut fields = line.split(',');
            let cve =
                fields.next().filter(|cve| cve.starts_with("CVE-")).ok_or_else(|| fail("it begins with no CVE id"))?;
            let mut share = || {
                let value: f64 = fields.next()?.trim().parse().ok()?;
                (0.0..=1.0).contains(&value).then_some(value)
            };
            let score = share().ok_or_else(|| fail("the score is no number from 0 to 1"))?;
            let percentile = share().unwrap_or(0.0);
            sink(Record::Epss(cve.to_owned(), Epss { score, percentile })).map_err(FeedError::Build)?;
        }
    }
    if !header {
        return Err(FeedError::Foreign { expected: "EPSS file", why: "it is empty".to_owned() });
    }
    Ok(scored)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const CSV: &str = "#model_version:v2025.03.14,score_date:2025-08-25T00:00:00+0000\ncve,epss,percentile\nCVE-1999-0001,0.01141,0.77684\nCVE-2021-44228,0.94358,0.99958\n";

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<usize, &str>) {
        let mut records = Vec::new();
        let result = read(bytes, LIMIT, &mut |record| {
            records.push(record);
            Ok(())
        });
        match expected {
            Ok(count) => {
                result.unwrap();
                assert_eq!(records.len(), count);
            }
            Err(why) => assert!(result.unwrap_err().to_string().contains(why)),
        }
    }

    #[test]
    fn plain_and_gzipped() {
        check(CSV.as_bytes(), Ok(2));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(CSV.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        check(&gzip, Ok(2));
        check(&gzip[..gzip.len() / 2], Err("cannot unpack"));
    }

    #[test]
    fn what_is_no_score_is_named_by_its_line() {
        check(b"", Err("empty"));
        check(b"<html>", Err("no line"));
        check(b"cve,epss,percentile\nCVE-1,x,0.5\n", Err("line 2"));
        check(b"cve,epss,percentile\nCVE-1,1.5,0.5\n", Err("line 2"));
        check(b"cve,epss,percentile\nGHSA-1,0.5,0.5\n", Err("line 2"));
    }

    #[test]
    fn a_limit_holds() {
        let err = read(CSV.as_bytes(), 50, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(err, FeedError::TooLarge { limit: 50, .. }));
    }
}

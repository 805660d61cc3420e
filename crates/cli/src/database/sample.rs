//! The sample of advisories that is in the program: enough for the demonstration and for a first look without a network. Written by us.

use std::io::Cursor;

use anyhow::{Context as _, Result};
use signet_advisories::feeds::{epss, kev, osv};
use signet_advisories::{Builder, Trust};

/// OSV records, one a line.
const RECORDS: &str = include_str!("sample/osv.jsonl");
/// In the form of CISA's catalogue.
const KEV: &str = include_str!("sample/kev.json");
/// In the form of FIRST's scores.
const EPSS: &str = include_str!("sample/epss.csv");

/// The compiled sample.
pub(super) fn compile() -> Result<Vec<u8>> {
    let mut builder = Builder::new(Cursor::new(Vec::new()))?;
    let mut summary = osv::Summary::default();
    for (line, record) in RECORDS.lines().enumerate().filter(|(_, record)| !record.trim().is_empty()) {
        let place = format!("sample record {}", line + 1);
        osv::read(&place, record.as_bytes(), &mut summary, &mut |record| builder.put(record))
            .context("the sample is broken")?;
    }
    let url = "builtin:sample";
    builder.feed(osv::feed(url, summary.newest, Trust::LocalFile));
    let released = kev::read(KEV.as_bytes(), &mut |record| builder.put(record)).context("the sample is broken")?;
    builder.feed(kev::feed(url, released, Trust::LocalFile));
    let scored =
        epss::read(EPSS.as_bytes(), epss::LIMIT, &mut |record| builder.put(record)).context("the sample is broken")?;
    builder.feed(epss::feed(url, scored, Trust::LocalFile));
    let (cursor, _) = builder.finish()?;
    Ok(cursor.into_inner())
}

//! One description in the lazily read region.

use signet_model::{Cvss, Severity, Timestamp};

use crate::bytes::{Reader, put_bytes, put_varint};
use crate::record::Detail;

/// Appends a description. Aliases and severities stand in the vulnerability's row instead, where matching needs them.
pub(super) fn encode(detail: &Detail, out: &mut Vec<u8>) {
    put_bytes(out, detail.title.as_bytes());
    put_bytes(out, detail.description.as_bytes());
    put_varint(out, detail.cvss.len() as u64);
    for (source, cvss) in &detail.cvss {
        put_bytes(out, source.as_bytes());
        for (vector, score) in [&cvss.v2, &cvss.v3, &cvss.v4] {
            put_bytes(out, vector.as_deref().unwrap_or_default().as_bytes());
            // Scores have one decimal; 0 is `none stated`, 1 is 0.0.
            put_varint(out, score.map_or(0, |score| (score * 10.0).round() as u64 + 1));
        }
    }
    for list in [&detail.cwes, &detail.references] {
        put_varint(out, list.len() as u64);
        for text in list {
            put_bytes(out, text.as_bytes());
        }
    }
    for time in [detail.published, detail.modified] {
        // RFC 3339 keeps the fraction as it was.
        put_bytes(out, time.map(|time| time.to_string()).unwrap_or_default().as_bytes());
    }
}

/// Reads it back; `None` for damaged bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<Detail> {
    let mut reader = Reader::new(bytes);
    let mut detail =
        Detail { title: reader.text()?.to_owned(), description: reader.text()?.to_owned(), ..Detail::default() };
    for _ in 0..reader.varint()? {
        let source = reader.text()?.to_owned();
        let mut score = || -> Option<(Option<String>, Option<f64>)> {
            let vector = reader.text()?;
            let score = reader.varint()?;
            Some((
                (!vector.is_empty()).then(|| vector.to_owned()),
                score.checked_sub(1).map(|tenths| tenths as f64 / 10.0),
            ))
        };
        let cvss = Cvss { v2: score()?, v3: score()?, v4: score()? };
        detail.cvss.push((source, cvss));
    }
    for list in [&mut detail.cwes, &mut detail.references] {
        for _ in 0..reader.varint()? {
            list.push(reader.text()?.to_owned());
        }
    }
    let mut time = || -> Option<Option<Timestamp>> {
        let text = reader.text()?;
        if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
    };
    detail.published = time()?;
    detail.modified = time()?;
    Some(detail)
}

/// A severity as a byte.
pub(super) fn severity_byte(severity: Severity) -> u8 {
    severity as u8
}

/// A byte as a severity; a byte that is none is unknown.
pub(super) fn severity_of(byte: u8) -> Severity {
    Severity::ALL.get(usize::from(byte)).copied().unwrap_or_default()
}

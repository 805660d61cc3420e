//! Ranges of versions: reading them from an advisory's words, storing them in a compiled database, asking them about a version.
//!
//! A stored range carries a ready comparison key beside each bound where the order has keys, so that asking is a comparison of bytes.

use crate::bytes::{Reader, put_bytes, put_varint};
use crate::order::{self, Order, Probe, Unordered};
use crate::record::{Affected, Op, Range};

/// Reads `>= 1.0, < 1.4`, `<1 || >=2,<2.3`, `= 1.2.3`, Maven's `[1.0,1.4)`; what is not of these shapes stays in words.
pub(crate) fn parse(order: Option<Order>, text: &str) -> Vec<Range> {
    let text = text.trim();
    if order == Some(Order::Maven) && text.contains(['[', '(']) {
        return intervals(text).unwrap_or_else(|| vec![Range::Words(text.to_owned())]);
    }
    text.split("||")
        .map(|part| {
            let comparisons: Option<Vec<_>> = part.split(',').map(|item| comparison(order, item.trim())).collect();
            comparisons.map_or_else(|| Range::Words(part.trim().to_owned()), Range::All)
        })
        .collect()
}

fn comparison(order: Option<Order>, text: &str) -> Option<(Op, String)> {
    // Longer signs first.
    const SIGNS: [(&str, Op); 8] = [
        ("<=", Op::LessOrEqual),
        (">=", Op::GreaterOrEqual),
        ("==", Op::Equal),
        ("!=", Op::NotEqual),
        ("<", Op::Less),
        (">", Op::Greater),
        ("=", Op::Equal),
        ("", Op::Equal),
    ];
    let (sign, op) = SIGNS.into_iter().find(|(sign, _)| text.starts_with(sign))?;
    let version = text.get(sign.len()..)?.trim();
    let plain =
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_:~^".contains(&byte));
    // `^1.2`, `~1.2` and `1.x` are ranges of their own.
    if !plain || version.starts_with(['^', '~', '-']) || version.ends_with(".x") || version.contains(".x.") {
        return None;
    }
    // node-semver reads `<=1.2` as `<1.3.0`, and a bare `1.2` as `1.2.x`.
    let parts = version.split(['-', '+']).next().unwrap_or_default().split('.').count();
    let short = parts < 3 && (order == Some(Order::Npm) || sign.is_empty());
    if short && !(op == Op::GreaterOrEqual || op == Op::Less) {
        return None;
    }
    Some((op, version.to_owned()))
}

/// Maven's intervals. Source: Maven POM reference, "Dependency Version Requirement Specification".
fn intervals(text: &str) -> Option<Vec<Range>> {
    let mut ranges = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let opens = match rest.as_bytes().first()? {
            b'[' => Op::GreaterOrEqual,
            b'(' => Op::Greater,
            _ => return None,
        };
        let end = rest.find([']', ')'])?;
        let closes = if rest.as_bytes().get(end)? == &b']' { Op::LessOrEqual } else { Op::Less };
        let inside = rest.get(1..end)?;
        let mut comparisons = Vec::new();
        match inside.split_once(',') {
            Some((low, high)) => {
                let (low, high) = (low.trim(), high.trim());
                if high.contains(',') {
                    return None;
                }
                if !low.is_empty() {
                    comparisons.push((opens, low.to_owned()));
                }
                if !high.is_empty() {
                    comparisons.push((closes, high.to_owned()));
                }
            }
            None => comparisons.push((Op::Equal, inside.trim().to_owned())),
        }
        ranges.push(Range::All(comparisons));
        rest = rest.get(end + 1..)?.trim_start_matches([',', '|', ' ']);
    }
    (!ranges.is_empty()).then_some(ranges)
}

// === storing ===

const ALWAYS: u8 = 1;
const ALL: u8 = 0;
const WORDS: u8 = 1;

const OPS: [Op; 6] = [Op::Less, Op::LessOrEqual, Op::Greater, Op::GreaterOrEqual, Op::Equal, Op::NotEqual];

/// Appends the form in which a compiled database stores it. `key` is scratch space.
pub(crate) fn encode(order: Order, affected: &Affected, out: &mut Vec<u8>, key: &mut Vec<u8>) {
    out.push(if affected.always { ALWAYS } else { 0 });
    for list in [&affected.vulnerable, &affected.safe] {
        put_varint(out, list.len() as u64);
        for range in list {
            match range {
                Range::All(comparisons) => {
                    out.push(ALL);
                    put_varint(out, comparisons.len() as u64);
                    for (op, version) in comparisons {
                        out.push(*op as u8);
                        put_bytes(out, version.as_bytes());
                        key.clear();
                        if !order::key(order, version, key) {
                            key.clear();
                        }
                        put_bytes(out, key);
                    }
                }
                Range::Words(text) => {
                    out.push(WORDS);
                    put_bytes(out, text.as_bytes());
                }
            }
        }
    }
    put_varint(out, affected.versions.len() as u64);
    for version in &affected.versions {
        put_bytes(out, version.as_bytes());
    }
}

/// Why a stored range gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The stored bytes are damaged.
    Damaged,
    /// A version cannot be ordered.
    Unordered(Unordered),
}

/// Ranges as a compiled database holds them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a>(pub(crate) &'a [u8]);

impl Stored<'_> {
    /// Whether the probe's version is vulnerable. A range that cannot be judged does not hide one that says yes.
    pub(crate) fn contains(self, probe: &mut Probe<'_>) -> Result<bool, Unanswered> {
        self.ask(probe).ok_or(Unanswered::Damaged)?.map_err(Unanswered::Unordered)
    }

    fn ask(self, probe: &mut Probe<'_>) -> Option<Result<bool, Unordered>> {
        let mut reader = Reader::new(self.0);
        if reader.byte()? & ALWAYS != 0 {
            return Some(Ok(true));
        }
        let mut doubt = None;
        let (ranges, inside) = any(&mut reader, probe, &mut doubt)?;
        let (safes, safe) = any(&mut reader, probe, &mut doubt)?;
        let versions = reader.varint()?;
        let mut listed = false;
        for _ in 0..versions {
            listed |= reader.text()? == probe.version();
        }
        let only_safe = ranges == 0 && versions == 0 && safes > 0;
        let vulnerable = inside || listed || only_safe;
        Some(match doubt {
            // A doubt about the safe ranges, or about the only ranges that could have said yes.
            Some(doubt) if !safe => Err(doubt).or_else(|doubt| if inside || listed { Ok(true) } else { Err(doubt) }),
            _ => Ok(vulnerable && !safe),
        })
    }

    /// The ranges in words, for people: `>= 1.0, < 1.4 || < 0.9`.
    pub(crate) fn words(self) -> Option<String> {
        let mut reader = Reader::new(self.0);
        if reader.byte()? & ALWAYS != 0 {
            return Some(EVERYTHING.to_owned());
        }
        let mut out = String::with_capacity(32);
        let vulnerable = list_words(&mut reader, &mut out)?;
        let mut safe = String::new();
        list_words(&mut reader, &mut safe)?;
        let count = reader.varint()?;
        if vulnerable == 0 && count > 0 {
            out.push_str("one of ");
            for n in 0..count.min(3) {
                out.push_str(if n == 0 { "" } else { ", " });
                out.push_str(reader.text()?);
            }
            out.push_str(if count > 3 { ", ..." } else { "" });
        }
        if !safe.is_empty() {
            out.push_str(if out.is_empty() { "not (" } else { " and not (" });
            out.push_str(&safe);
            out.push(')');
        }
        Some(out)
    }
}

const EVERYTHING: &str = "every version";

/// Number of ranges in the list, and whether the version lies in any.
fn any(reader: &mut Reader<'_>, probe: &mut Probe<'_>, doubt: &mut Option<Unordered>) -> Option<(u64, bool)> {
    let count = reader.varint()?;
    let mut found = false;
    for _ in 0..count {
        let verdict = match reader.byte()? {
            ALL => {
                let comparisons = reader.varint()?;
                let mut all = Ok(true);
                for _ in 0..comparisons {
                    let op = *OPS.get(usize::from(reader.byte()?))?;
                    let (version, key) = (reader.text()?, reader.bytes()?);
                    if matches!(all, Ok(true)) {
                        all = probe.holds(op, version, key);
                    }
                }
                all
            }
            WORDS => probe.satisfies(reader.text()?),
            _ => return None,
        };
        match verdict {
            Ok(verdict) => found |= verdict,
            Err(err) => *doubt = Some(err),
        }
    }
    Some((count, found))
}

/// Appends a list of ranges; gives their number.
fn list_words(reader: &mut Reader<'_>, out: &mut String) -> Option<u64> {
    let count = reader.varint()?;
    for n in 0..count {
        out.push_str(if n == 0 { "" } else { " || " });
        match reader.byte()? {
            ALL => {
                let comparisons = reader.varint()?;
                for n in 0..comparisons {
                    let op = *OPS.get(usize::from(reader.byte()?))?;
                    out.push_str(if n == 0 { "" } else { ", " });
                    out.push_str(op.sign());
                    out.push(' ');
                    out.push_str(reader.text()?);
                    reader.bytes()?;
                }
                if comparisons == 0 {
                    out.push_str(EVERYTHING);
                }
            }
            WORDS => out.push_str(reader.text()?),
            _ => return None,
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests;

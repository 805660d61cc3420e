//! Debian versions: `[epoch:]upstream[-revision]`.
//!
//! Source: deb-version(7); Debian policy, section 5.6.12. Like `dpkg --compare-versions`, the comparison takes
//! characters that policy forbids (an underscore in a revision) in their ASCII order; [`is_valid`] does not.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

/// A version split at its epoch and at its last hyphen.
pub(crate) struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err("it is empty");
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err("only visible ASCII characters may stand in it");
    }
    let colon = bytes.iter().position(|&byte| byte == b':');
    let hyphen = bytes.iter().rposition(|&byte| byte == b'-');
    let (epoch, start) = match colon {
        Some(at) => {
            let epoch = &bytes[..at];
            if at == 0 || num::run(epoch) != at {
                return Err("the epoch before the colon is not a number");
            }
            (epoch, at + 1)
        }
        None => (&bytes[..0], 0),
    };
    let (upstream, revision) = match hyphen {
        Some(at) if at >= start => (&bytes[start..at], &bytes[at + 1..]),
        _ => (&bytes[start..], &bytes[..0]),
    };
    if upstream.is_empty() {
        return Err("there is nothing before the revision");
    }
    Ok(Version { epoch, upstream, revision })
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    num::compare(a.epoch, b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

/// The place of a byte inside a run of non-digits: `~`, then the end of the run, letters, the rest.
const fn places() -> [u8; 256] {
    let mut table = [END; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let value = byte as u8;
        table[byte] = if value == b'~' {
            1
        } else if value.is_ascii_digit() {
            END
        } else if value.is_ascii_alphabetic() {
            value
        } else {
            value | 0x80
        };
        byte += 1;
    }
    table
}

const END: u8 = 2;
static PLACES: [u8; 256] = places();

fn place(text: &[u8], at: usize) -> u8 {
    text.get(at).map_or(END, |&byte| PLACES[usize::from(byte)])
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    // Most pairs share their beginning; only the number in which they part must be read from its first digit.
    let shared = num::shared(a, b);
    let start = a[..shared].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    (a, b) = (&a[start..], &b[start..]);
    while !a.is_empty() || !b.is_empty() {
        let mut at = 0;
        loop {
            let (x, y) = (place(a, at), place(b, at));
            if x != y {
                return x.cmp(&y);
            }
            if x == END {
                break;
            }
            at += 1;
        }
        (a, b) = (&a[at..], &b[at..]);
        let (x, y) = (num::run(a), num::run(b));
        let order = num::compare(&a[..x], &b[..y]);
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[x..], &b[y..]);
    }
    Ordering::Equal
}

/// Bytes in the order of [`compare`].
///
/// Shape: epoch, then for upstream and revision pairs of (places of the non-digits, [`END`], number), then [`END`].
/// The first pair is always written, so that an absent revision and `0` are the same bytes.
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    num::key(version.epoch, out);
    for part in [version.upstream, version.revision] {
        let mut rest = part;
        loop {
            let text = rest.iter().position(u8::is_ascii_digit).unwrap_or(rest.len());
            out.extend(rest[..text].iter().map(|&byte| PLACES[usize::from(byte)]));
            out.push(END);
            rest = &rest[text..];
            let digits = num::run(rest);
            num::key(&rest[..digits], out);
            rest = &rest[digits..];
            if rest.is_empty() {
                break;
            }
        }
        out.push(END);
    }
}

pub(crate) fn is_valid(text: &str) -> bool {
    let Ok(version) = parse(text) else { return false };
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b".+~".contains(byte);
    version.upstream[0].is_ascii_digit()
        && version.upstream.iter().all(|byte| letters(byte) || b"-:".contains(byte))
        && version.revision.iter().all(letters)
        && !text.ends_with('-')
        && num::significant(version.epoch).len() <= 10
}

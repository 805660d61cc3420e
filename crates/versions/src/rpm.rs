//! RPM versions: `[epoch:]version[-release]`, each part compared segment by segment.
//!
//! Source: rpm-version(7); rpm:rpmio/rpmvercmp.cc. Where a tool ignores an epoch that one side lacks, that is
//! [`EpochPolicy::IgnoreIfMissing`]; nothing but the epoch changes.

use std::cmp::Ordering;

use crate::error::Why;
use crate::{EpochPolicy, num};

/// A version split at its epoch and at its last hyphen.
pub(crate) struct Version<'a> {
    epoch: Option<&'a [u8]>,
    version: &'a [u8],
    release: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    // rpm takes digits before a colon as the epoch; anything else leaves the colon in the version.
    let digits = num::run(bytes);
    let (epoch, rest) = match bytes.get(digits) {
        Some(b':') if digits > 0 => (Some(&bytes[..digits]), &bytes[digits + 1..]),
        Some(b':') => (None, &bytes[1..]),
        _ => (None, bytes),
    };
    if rest.is_empty() {
        return Err("it is empty");
    }
    let (version, release) = match rest.iter().rposition(|&byte| byte == b'-') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &rest[..0]),
    };
    Ok(Version { epoch, version, release })
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>, policy: EpochPolicy) -> Ordering {
    compare_with(a, b, policy, segments)
}

/// Grype's reading: as [`compare`], but segments of zeros alone at the end do not count.
pub(crate) fn compare_grype(a: &Version<'_>, b: &Version<'_>, policy: EpochPolicy) -> Ordering {
    compare_with(a, b, policy, |a, b| {
        let order = segments(a, b);
        if order.is_ne() && segments(trim_zeros(a), trim_zeros(b)).is_eq() { Ordering::Equal } else { order }
    })
}

fn compare_with(
    a: &Version<'_>,
    b: &Version<'_>,
    policy: EpochPolicy,
    part: impl Fn(&[u8], &[u8]) -> Ordering,
) -> Ordering {
    let epoch = match (a.epoch, b.epoch) {
        (Some(_), None) | (None, Some(_)) if policy == EpochPolicy::IgnoreIfMissing => Ordering::Equal,
        (x, y) => num::compare(x.unwrap_or_default(), y.unwrap_or_default()),
    };
    epoch.then_with(|| part(a.version, b.version)).then_with(|| part(a.release, b.release))
}

fn trim_zeros(text: &[u8]) -> &[u8] {
    let mut end = text.len();
    loop {
        let zeros = text[..end].iter().rev().take_while(|&&byte| byte == b'0').count();
        let cut = end - zeros;
        // Only a whole segment: a separator must stand before it.
        if zeros == 0 || cut == 0 || !is_separator(text[cut - 1]) {
            return &text[..end];
        }
        end = cut - text[..cut].iter().rev().take_while(|&&byte| is_separator(byte)).count();
    }
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^'
}

/// Compares two segment strings (a version alone or a release alone) as rpm's `rpmvercmp` does.
///
/// Any bytes are accepted: what is neither letter nor digit nor `~` nor `^` separates, and separators never count.
#[must_use]
pub fn vercmp(a: &str, b: &str) -> Ordering {
    segments(a.as_bytes(), b.as_bytes())
}

/// What stands next; the numbers are the order when the two sides differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Tilde = 1,
    End = 2,
    Caret = 3,
    Letters = 4,
    Digits = 5,
}

/// What a byte begins; `End` marks separators.
const fn classes() -> [Next; 256] {
    let mut table = [Next::End; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let value = byte as u8;
        if value == b'~' {
            table[byte] = Next::Tilde;
        } else if value == b'^' {
            table[byte] = Next::Caret;
        } else if value.is_ascii_digit() {
            table[byte] = Next::Digits;
        } else if value.is_ascii_alphabetic() {
            table[byte] = Next::Letters;
        }
        byte += 1;
    }
    table
}

static CLASSES: [Next; 256] = classes();

/// Skips separators and takes one segment.
#[inline]
fn next<'a>(rest: &mut &'a [u8]) -> (Next, &'a [u8]) {
    let class = |byte: u8| CLASSES[usize::from(byte)];
    let mut text = *rest;
    while let [byte, tail @ ..] = text {
        let kind = class(*byte);
        if kind == Next::End {
            text = tail;
            continue;
        }
        let length = match kind {
            Next::Digits | Next::Letters => tail.iter().take_while(|&&byte| class(byte) == kind).count() + 1,
            _ => 1,
        };
        let (segment, after) = text.split_at(length);
        *rest = after;
        return (kind, segment);
    }
    *rest = text;
    (Next::End, text)
}

fn segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    // Most pairs share their beginning; start where the segment begins in which they part.
    let shared = num::shared(a, b);
    let start = a[..shared].iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    (a, b) = (&a[start..], &b[start..]);
    loop {
        let (kind, x) = next(&mut a);
        let (other, y) = next(&mut b);
        let order = kind.cmp(&other).then_with(|| match kind {
            Next::Digits => num::compare(x, y),
            Next::Letters => x.cmp(y),
            _ => Ordering::Equal,
        });
        if order.is_ne() || kind == Next::End {
            return order;
        }
    }
}

/// Bytes in the order of [`compare`] under [`EpochPolicy::Zero`].
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    num::key(version.epoch.unwrap_or_default(), out);
    for part in [version.version, version.release] {
        let mut rest = part;
        loop {
            let (kind, text) = next(&mut rest);
            out.push(kind as u8);
            match kind {
                Next::End => break,
                Next::Digits => num::key(text, out),
                Next::Letters => {
                    out.extend_from_slice(text);
                    out.push(0);
                }
                Next::Tilde | Next::Caret => {}
            }
        }
    }
}

pub(crate) fn is_valid(text: &str) -> bool {
    parse(text).is_ok_and(|version| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+~^".contains(byte);
        !version.version.is_empty()
            && version.version.iter().all(allowed)
            && version.release.iter().all(allowed)
            && !text.ends_with('-')
    })
}

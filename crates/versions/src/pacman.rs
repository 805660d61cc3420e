//! Arch Linux versions: `[epoch:]pkgver[-pkgrel]`.
//!
//! Source: pacman:lib/libalpm/version.c, vercmp(8). As rpm's older comparison, with two rules of its own: runs of
//! separators of different length decide, and letters at the end make a version older (`1.0rc` < `1.0`). The package
//! release counts only if both sides have one.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

pub(crate) struct Version<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    let digits = num::run(bytes);
    let (epoch, rest) = match bytes.get(digits) {
        Some(b':') => (&bytes[..digits], &bytes[digits + 1..]),
        _ => (&bytes[..0], bytes),
    };
    if rest.is_empty() {
        return Err("it is empty");
    }
    let (version, release) = match rest.iter().rposition(|&byte| byte == b'-') {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    Ok(Version { epoch, version, release })
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    num::compare(a.epoch, b.epoch).then_with(|| segments(a.version, b.version)).then_with(|| {
        match (a.release, b.release) {
            (Some(x), Some(y)) => segments(x, y),
            _ => Ordering::Equal,
        }
    })
}

fn segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let separators = |text: &[u8]| text.iter().position(u8::is_ascii_alphanumeric).unwrap_or(text.len());
    while !a.is_empty() && !b.is_empty() {
        let (skip, other) = (separators(a), separators(b));
        (a, b) = (&a[skip..], &b[other..]);
        if a.is_empty() || b.is_empty() {
            break;
        }
        if skip != other {
            return skip.cmp(&other);
        }
        let digits = a[0].is_ascii_digit();
        if digits != b[0].is_ascii_digit() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let run = |text: &[u8]| {
            if digits {
                num::run(text)
            } else {
                text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len())
            }
        };
        let (x, y) = (run(a), run(b));
        let order = if digits { num::compare(&a[..x], &b[..y]) } else { a[..x].cmp(&b[..y]) };
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[x..], &b[y..]);
    }
    let letters = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        // Letters never beat the end; anything else does.
        (true, false) => {
            if letters(b) {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, true) => {
            if letters(a) {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, false) => a.len().cmp(&b.len()),
    }
}

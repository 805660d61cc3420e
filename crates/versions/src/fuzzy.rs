//! A best guess for versions of unknown shape.
//!
//! Source: the part-by-part comparison of facebookincubator/nvdtools (`smartVerCmp`), as Grype uses it: parts end at
//! punctuation, a shorter number at the beginning of a part is filled with zeros, parts compare as text, and of two
//! versions that agree as far as both go the longer text is above. It is symmetric, but three versions can form a
//! circle; never sort by it.

use std::cmp::Ordering;

use crate::num;

pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let strip = |text: &'_ str| -> usize { usize::from(text.starts_with(['v', 'V'])) };
    let (a, b) = (&a.as_bytes()[strip(a)..], &b.as_bytes()[strip(b)..]);
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (x, after) = part(left);
        let (y, other) = part(right);
        let order = compare_parts(x, y);
        if order.is_ne() {
            return order;
        }
        (left, right) = (after, other);
    }
    a.len().cmp(&b.len())
}

fn part(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(u8::is_ascii_punctuation) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[..0]),
    }
}

fn compare_parts(a: &[u8], b: &[u8]) -> Ordering {
    let (x, y) = (num::run(a), num::run(b));
    let width = x.max(y);
    let padded = |digits: usize| std::iter::repeat_n(b'0', width - digits);
    padded(x).chain(a.iter().copied()).cmp(padded(y).chain(b.iter().copied()))
}

/// Whether the text looks like a semantic version with one to three numbers, so that its rules may be used.
pub(crate) fn looks_semantic(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']).unwrap_or(text).as_bytes();
    let mut at = 0;
    for count in 0..3 {
        let digits = num::run(&rest[at..]);
        if digits == 0 || digits > 1 && rest[at] == b'0' {
            return false;
        }
        at += digits;
        let more = rest.get(at) == Some(&b'.') && rest.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !more || count == 2 {
            break;
        }
        at += 1;
    }
    let tail = &rest[at..];
    let (pre, build) = match tail.iter().position(|&byte| byte == b'+') {
        Some(plus) => (&tail[..plus], Some(&tail[plus + 1..])),
        None => (tail, None),
    };
    let words = |text: &[u8], zeros: bool| {
        text.split(|&byte| byte == b'.').all(|word| {
            !word.is_empty()
                && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
                && (zeros || word.len() == 1 || word[0] != b'0' || num::run(word) < word.len())
        })
    };
    let marks: [&[u8]; 4] = [b"-", b"alpha", b"beta", b"rc"];
    let sound =
        pre.is_empty() || marks.iter().any(|mark| pre.strip_prefix(*mark).is_some_and(|rest| words(rest, false)));
    sound && build.is_none_or(|build| words(build, true))
}

//! Gentoo versions: `1.2.3b_rc1_p2-r4`.
//!
//! Source: package manager specification 8, sections 3.2 and 3.3, algorithms 3.1 to 3.7.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

pub(crate) struct Version<'a> {
    numbers: &'a [u8],
    letter: u8,
    /// `_rc1_p2`
    suffixes: &'a [u8],
    revision: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    let mut end = num::run(bytes);
    if end == 0 {
        return Err("it does not begin with a number");
    }
    while bytes.get(end) == Some(&b'.') {
        let digits = num::run(&bytes[end + 1..]);
        if digits == 0 {
            return Err("no number follows a dot");
        }
        end += 1 + digits;
    }
    let (numbers, mut rest) = bytes.split_at(end);
    let mut letter = 0;
    if let [byte @ b'a'..=b'z', tail @ ..] = rest {
        letter = *byte;
        rest = tail;
    }
    let suffixes = rest;
    while let [b'_', tail @ ..] = rest {
        let (_, after) = suffix(tail).ok_or("the suffix is none of alpha, beta, pre, rc, p")?;
        rest = after;
    }
    let suffixes = &suffixes[..suffixes.len() - rest.len()];
    let revision = match rest {
        [] => rest,
        [b'-', b'r', digits @ ..] if !digits.is_empty() && num::run(digits) == digits.len() => digits,
        _ => return Err("what follows is no revision `-r` with a number"),
    };
    Ok(Version { numbers, letter, suffixes, revision })
}

/// The place of a suffix (4 is none) and its number.
type Suffix<'a> = (u8, &'a [u8]);

/// Reads one suffix behind its underscore, and what follows.
fn suffix(text: &[u8]) -> Option<(Suffix<'_>, &[u8])> {
    const NAMES: [(&[u8], u8); 5] = [(b"alpha", 0), (b"beta", 1), (b"pre", 2), (b"rc", 3), (b"p", 5)];
    let (name, place) = NAMES.into_iter().find(|(name, _)| text.starts_with(name))?;
    let (digits, rest) = text[name.len()..].split_at(num::run(&text[name.len()..]));
    Some(((place, digits), rest))
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    numbers(a.numbers, b.numbers)
        .then_with(|| a.letter.cmp(&b.letter))
        .then_with(|| suffixes(a.suffixes, b.suffixes))
        .then_with(|| num::compare(a.revision, b.revision))
}

fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let mut left = a.split(|&byte| byte == b'.');
    let mut right = b.split(|&byte| byte == b'.');
    let mut first = true;
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        // Behind the first, a number that begins with zero is a fraction.
        let order = if !first && (x.first() == Some(&b'0') || y.first() == Some(&b'0')) {
            fraction(x).cmp(fraction(y))
        } else {
            num::compare(x, y)
        };
        if order.is_ne() {
            return order;
        }
        first = false;
    }
}

fn fraction(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|&&byte| byte == b'0').count();
    &digits[..digits.len() - zeros]
}

fn suffixes(mut a: &[u8], mut b: &[u8]) -> Ordering {
    const NONE: Suffix<'_> = (4, b"");
    while !a.is_empty() || !b.is_empty() {
        let (mut x, mut y) = (NONE, NONE);
        if let Some((found, rest)) = a.get(1..).and_then(suffix) {
            (x, a) = (found, rest);
        }
        if let Some((found, rest)) = b.get(1..).and_then(suffix) {
            (y, b) = (found, rest);
        }
        let order = x.0.cmp(&y.0).then_with(|| num::compare(x.1, y.1));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Bytes in the order of [`compare`].
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    for (at, number) in version.numbers.split(|&byte| byte == b'.').enumerate() {
        if at > 0 && number.first() == Some(&b'0') {
            out.push(1);
            out.extend_from_slice(fraction(number));
            out.push(0);
        } else {
            out.push(2);
            num::key(number, out);
        }
    }
    out.extend([0, version.letter]);
    let mut rest = version.suffixes;
    while let Some(((place, digits), after)) = rest.get(1..).and_then(suffix) {
        out.push(place);
        num::key(digits, out);
        rest = after;
    }
    out.push(4);
    num::key(version.revision, out);
}

//! RubyGems versions.
//!
//! Source: rubygems `Gem::Version`. Segments are runs of digits or letters; a hyphen stands for the segment `pre`;
//! zeros at the end of the leading numbers do not count; a shorter list goes on with zeros; letters are below numbers.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

/// The leading numbers without the zeros at their end, and what follows from the first letter or hyphen on.
#[derive(Clone, Copy)]
pub(crate) struct Version<'a> {
    numbers: &'a [u8],
    rest: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Err("only letters, digits, dots and hyphens may stand in it");
    }
    if bytes.first().is_some_and(|byte| !byte.is_ascii_digit()) {
        return Err("it does not begin with a number");
    }
    let split = bytes.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(bytes.len());
    let (numbers, rest) = bytes.split_at(split);
    Ok(Version { numbers: trim_zeros(numbers), rest })
}

/// Cuts segments that are zero, and dots, from the end.
fn trim_zeros(numbers: &[u8]) -> &[u8] {
    let mut end = numbers.len();
    loop {
        let zeros = numbers[..end].iter().rev().take_while(|&&byte| byte == b'0').count();
        let dot = end.checked_sub(zeros + 1).map(|at| numbers[at]);
        match dot {
            Some(b'.') => end -= zeros + 1,
            None => return &numbers[..0],
            Some(_) => return &numbers[..end],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment<'a> {
    Letters(&'a [u8]),
    /// Past the end this is zero, without end.
    Number(&'a [u8]),
}

struct Segments<'a> {
    now: &'a [u8],
    then: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            match self.now.first() {
                None if self.then.is_empty() => return None,
                None => self.now = std::mem::take(&mut self.then),
                Some(b'.') => self.now = &self.now[1..],
                Some(b'-') => {
                    self.now = &self.now[1..];
                    return Some(Segment::Letters(b"pre"));
                }
                Some(byte) if byte.is_ascii_digit() => {
                    let (digits, rest) = self.now.split_at(num::run(self.now));
                    self.now = rest;
                    return Some(Segment::Number(digits));
                }
                Some(_) => {
                    let length = self.now.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(self.now.len());
                    let (letters, rest) = self.now.split_at(length);
                    self.now = rest;
                    return Some(Segment::Letters(letters));
                }
            }
        }
    }
}

fn segments<'a>(version: &Version<'a>) -> Segments<'a> {
    Segments { now: version.numbers, then: version.rest }
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let (mut left, mut right) = (segments(a), segments(b));
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = match (x.unwrap_or(Segment::Number(b"")), y.unwrap_or(Segment::Number(b""))) {
            (Segment::Number(x), Segment::Number(y)) => num::compare(x, y),
            (Segment::Letters(x), Segment::Letters(y)) => x.cmp(y),
            (Segment::Letters(_), Segment::Number(_)) => Ordering::Less,
            (Segment::Number(_), Segment::Letters(_)) => Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Bytes in the order of [`compare`].
///
/// Because the list goes on with zeros, a run of zeros is written with what ends it: `1, length, letters, 0` for
/// letters (the sooner they come, the lower), `2` for the end, `3, inverted length, number` for a number above zero
/// (the sooner it comes, the higher).
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    let mut zeros = 0usize;
    for segment in segments(version) {
        match segment {
            Segment::Number(digits) if num::is_zero(digits) => zeros += 1,
            Segment::Number(digits) => {
                out.push(3);
                let start = out.len();
                num::length_key(zeros, out);
                out[start..].iter_mut().for_each(|byte| *byte = !*byte);
                num::key(digits, out);
                zeros = 0;
            }
            Segment::Letters(letters) => {
                out.push(1);
                num::length_key(zeros, out);
                out.extend_from_slice(letters);
                out.push(0);
                zeros = 0;
            }
        }
    }
    out.push(2);
}

/// Compares `Gem::Version#release` of the version, its leading numbers, with a bound.
pub(crate) fn compare_release(version: &Version<'_>, bound: &Version<'_>) -> Ordering {
    compare(&Version { numbers: version.numbers, rest: &[] }, bound)
}

/// The first number above everything that `~> operand` allows: one number dropped, the last one raised.
pub(crate) fn bump(operand: &str) -> String {
    let numbers = operand.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    let mut parts: Vec<&str> = numbers.split('.').filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 {
        parts.pop();
    }
    let last = num::successor(parts.pop().unwrap_or_default().as_bytes());
    parts.iter().map(|part| format!("{part}.")).chain([last]).collect()
}

pub(crate) fn is_valid(text: &str) -> bool {
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let mut parts = core.split('.');
    let number = parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    number
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        && pre.is_none_or(|pre| {
            pre.split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        })
}

/// Words that begin the platform of a gem file name.
const PLATFORMS: [&str; 16] = [
    "x86",
    "x86_64",
    "x64",
    "i386",
    "i486",
    "i586",
    "i686",
    "amd64",
    "arm64",
    "aarch64",
    "universal",
    "java",
    "jruby",
    "mswin",
    "mswin32",
    "mswin64",
];
const PLATFORM_STEMS: [&str; 8] = ["arm", "mingw", "powerpc", "ppc", "sparc", "s390", "dalvik", "riscv"];

/// The version without the platform that lock files and file names append: `1.19.3-aarch64-linux-gnu` is `1.19.3`.
///
/// Shape: the first part behind a hyphen that names a processor or `java` begins the platform.
#[must_use]
pub fn strip_platform(version: &str) -> &str {
    version
        .match_indices('-')
        .find(|(at, _)| {
            let part = version[at + 1..].split('-').next().unwrap_or_default();
            PLATFORMS.contains(&part) || PLATFORM_STEMS.iter().any(|stem| part.starts_with(stem))
        })
        .map_or(version, |(at, _)| &version[..at])
}

//! Semantic versions and their relatives: numbers, a pre-release, build metadata.
//!
//! Source: semver.org 2.0.0, sections 9 to 11. The relatives differ in what they let pass and in small rules of
//! order; [`Rules`] holds those differences, and each scheme is one constant.

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

/// What one relative of semantic versioning allows.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// Exactly three numbers without leading zeros, and a hyphen before the pre-release.
    strict: bool,
    /// `v1.2.3` and `V1.2.3`.
    leading_v: bool,
    /// `=1.2.3`, `v 1.2.3`.
    leading_signs: bool,
    /// `go1.21`.
    leading_go: bool,
    /// Identifiers are compared without case.
    fold_case: bool,
    /// Build metadata is compared after everything else.
    ordered_build: bool,
    /// `2.3.1-4`: a pre-release of digits alone is a revision and does not count.
    drop_revision: bool,
}

const LENIENT: Rules = Rules {
    strict: false,
    leading_v: true,
    leading_signs: false,
    leading_go: false,
    fold_case: false,
    ordered_build: false,
    drop_revision: false,
};

pub(crate) const SEMVER: Rules = LENIENT;
pub(crate) const NPM: Rules = Rules { strict: true, ..LENIENT };
pub(crate) const NPM_LOOSE: Rules = Rules { leading_signs: true, ..LENIENT };
pub(crate) const CARGO: Rules = Rules { strict: true, leading_v: false, ..LENIENT };
pub(crate) const GO: Rules = Rules { leading_go: true, ..LENIENT };
pub(crate) const NUGET: Rules = Rules { fold_case: true, ..LENIENT };
pub(crate) const PUB: Rules = Rules { ordered_build: true, ..LENIENT };
pub(crate) const BITNAMI: Rules = Rules { drop_revision: true, ..LENIENT };

/// A version in three slices of the text.
#[derive(Clone, Copy)]
pub(crate) struct Version<'a> {
    /// Numbers and dots.
    pub(crate) numbers: &'a [u8],
    /// Identifiers and dots, without the hyphen; empty for a release.
    pub(crate) pre: &'a [u8],
    /// Identifiers and dots, without the plus.
    pub(crate) build: &'a [u8],
}

pub(crate) fn parse(text: &str, rules: Rules) -> Result<Version<'_>, Why> {
    let mut bytes = text.as_bytes();
    if rules.leading_signs {
        while let [b'=' | b'v' | b' ' | b'\t', rest @ ..] = bytes {
            bytes = rest;
        }
    } else if rules.leading_v
        && let [b'v' | b'V', rest @ ..] = bytes
    {
        bytes = rest;
    } else if rules.leading_go
        && let [b'g', b'o', rest @ ..] = bytes
    {
        bytes = rest;
    }
    let (numbers, rest) = split_numbers(bytes)?;
    let (pre, build) = split_tail(rest, rules)?;
    if rules.strict {
        check_strict(numbers, pre)?;
    }
    let revision = rules.drop_revision && !pre.is_empty() && pre.iter().all(u8::is_ascii_digit);
    Ok(Version { numbers, pre: if revision { &[] } else { pre }, build })
}

/// Splits off `1.2.3`. A dot that no digit follows stays with the rest.
fn split_numbers(bytes: &[u8]) -> Result<(&[u8], &[u8]), Why> {
    let mut end = num::run(bytes);
    if end == 0 {
        return Err(if bytes.is_empty() { "it is empty" } else { "it does not begin with a number" });
    }
    while bytes.get(end) == Some(&b'.') {
        let digits = num::run(&bytes[end + 1..]);
        if digits == 0 {
            break;
        }
        end += 1 + digits;
    }
    Ok(bytes.split_at(end))
}

fn split_tail(rest: &[u8], rules: Rules) -> Result<(&[u8], &[u8]), Why> {
    let end = identifiers(rest, rules.strict);
    let (pre, build) = match &rest[end..] {
        [] => (rest, &rest[..0]),
        [b'+'] => return Err("nothing follows the plus sign"),
        [b'+', build @ ..] => (&rest[..end], build),
        _ => return Err("the pre-release holds a character that is not a letter, digit, hyphen or dot"),
    };
    let sound = |part: &[u8]| identifiers(part, rules.strict) == part.len();
    if !build.split(|&byte| byte == b'+' && !rules.strict).all(sound) {
        return Err("the build metadata holds a character that is not a letter, digit, hyphen or dot");
    }
    let pre = match pre {
        [] => pre,
        [b'-', tail @ ..] if !tail.is_empty() => tail,
        [b'.', b'x' | b'X'] | [b'.', b'x' | b'X', b'.', ..] => return Err("`x` stands for a range, not for a version"),
        // `1.21rc2`, `1.0.0.alpha`: known in the wild, refused by the strict grammar.
        [b'.' | b'_', tail @ ..] if !rules.strict && tail.first().is_some_and(u8::is_ascii_alphabetic) => tail,
        [b'~', ..] if !rules.strict => pre,
        [first, ..] if !rules.strict && first.is_ascii_alphabetic() => pre,
        _ => return Err("what follows the numbers is no pre-release"),
    };
    Ok((pre, build))
}

/// 1 for the bytes of identifiers and their dots, 2 for those that are only seen in the wild.
const fn identifier_bytes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let value = byte as u8;
        if value.is_ascii_alphanumeric() || value == b'-' || value == b'.' {
            table[byte] = 1;
        } else if value == b'~' || value == b'_' {
            table[byte] = 2;
        }
        byte += 1;
    }
    table
}

static IDENTIFIER_BYTES: [u8; 256] = identifier_bytes();

/// The number of bytes at the beginning that identifiers and dots take.
#[inline]
fn identifiers(bytes: &[u8], strict: bool) -> usize {
    let most = if strict { 1 } else { 2 };
    let foreign = |&byte: &u8| IDENTIFIER_BYTES[usize::from(byte)].wrapping_sub(1) >= most;
    bytes.iter().position(foreign).unwrap_or(bytes.len())
}

fn check_strict(numbers: &[u8], pre: &[u8]) -> Result<(), Why> {
    let mut count = 0;
    for number in numbers.split(|&byte| byte == b'.') {
        count += 1;
        if number.len() > 1 && number[0] == b'0' {
            return Err("a number begins with a zero");
        }
    }
    if count != 3 {
        return Err("it has not exactly three numbers");
    }
    for identifier in pre.split(|&byte| byte == b'.').filter(|_| !pre.is_empty()) {
        if identifier.is_empty() {
            return Err("an identifier of the pre-release is empty");
        }
        if identifier.len() > 1 && identifier[0] == b'0' && identifier.iter().all(u8::is_ascii_digit) {
            return Err("a number of the pre-release begins with a zero");
        }
    }
    Ok(())
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>, rules: Rules) -> Ordering {
    compare_numbers(a.numbers, b.numbers)
        .then_with(|| compare_pre(a.pre, b.pre, rules.fold_case))
        .then_with(|| if rules.ordered_build { compare_build(a.build, b.build) } else { Ordering::Equal })
}

/// Compares dotted numbers; the shorter list goes on with zeros.
pub(crate) fn compare_numbers(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (x, y) = (num::run(a), num::run(b));
        let order = num::compare(&a[..x], &b[..y]);
        if order.is_ne() {
            return order;
        }
        a = a.get(x + 1..).unwrap_or_default();
        b = b.get(y + 1..).unwrap_or_default();
    }
    Ordering::Equal
}

/// Compares pre-releases; none is above any.
pub(crate) fn compare_pre(a: &[u8], b: &[u8], fold_case: bool) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => compare_identifiers(a, b, fold_case),
    }
}

/// Compares build metadata where it counts (pub); none is below any.
fn compare_build(a: &[u8], b: &[u8]) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare_identifiers(a, b, false),
    }
}

fn compare_identifiers(a: &[u8], b: &[u8], fold_case: bool) -> Ordering {
    let mut left = a.split(|&byte| byte == b'.');
    let mut right = b.split(|&byte| byte == b'.');
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let order = match (is_number(x), is_number(y)) {
            (true, true) => num::compare(x, y),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) if fold_case => {
                x.iter().map(u8::to_ascii_lowercase).cmp(y.iter().map(u8::to_ascii_lowercase))
            }
            (false, false) => x.cmp(y),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn is_number(identifier: &[u8]) -> bool {
    !identifier.is_empty() && identifier.iter().all(u8::is_ascii_digit)
}

/// Bytes in the order of [`compare`] under the same rules.
pub(crate) fn key(version: &Version<'_>, rules: Rules, out: &mut Vec<u8>) {
    numbers_key(version.numbers, out);
    pre_key(version.pre, rules.fold_case, out);
    if rules.ordered_build {
        if version.build.is_empty() {
            out.push(1);
        } else {
            out.push(2);
            identifiers_key(version.build, false, out);
        }
    }
}

/// Bytes in the order of [`compare_pre`].
pub(crate) fn pre_key(pre: &[u8], fold_case: bool, out: &mut Vec<u8>) {
    if pre.is_empty() {
        out.push(2);
    } else {
        out.push(1);
        identifiers_key(pre, fold_case, out);
    }
}

/// Dotted numbers without the zeros at the end: 1 before each, 0 after the last (an empty list sorts first).
pub(crate) fn numbers_key(numbers: &[u8], out: &mut Vec<u8>) {
    let mut length = out.len();
    for number in numbers.split(|&byte| byte == b'.') {
        out.push(1);
        num::key(number, out);
        if !num::is_zero(number) {
            length = out.len();
        }
    }
    out.truncate(length);
    out.push(0);
}

fn identifiers_key(identifiers: &[u8], fold_case: bool, out: &mut Vec<u8>) {
    for identifier in identifiers.split(|&byte| byte == b'.') {
        if is_number(identifier) {
            out.push(1);
            num::key(identifier, out);
        } else {
            out.push(2);
            out.extend(identifier.iter().map(|byte| if fold_case { byte.to_ascii_lowercase() } else { *byte }));
            out.push(0);
        }
    }
    out.push(0);
}

/// The spelling that Grype compares: `.alpha`, `.beta` and `.rc` are written with a hyphen.
pub(crate) fn grype_spelling(text: &str) -> String {
    text.replace(".alpha", "-alpha").replace(".beta", "-beta").replace(".rc", "-rc")
}

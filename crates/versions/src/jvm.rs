//! Versions of Java runtimes, before and after the change of scheme.
//!
//! Source: JEP 223; Oracle, "J2SE SDK/JRE version string naming convention". `1.8.0_131-b11` is feature 8, update 131;
//! `8.0.131+11` is the same. The build never counts; `-ea` is an early access, below the release.

use std::cmp::Ordering;

use crate::error::Why;
use crate::{num, semver};

pub(crate) struct Version<'a> {
    /// Dotted numbers behind the leading `1.` of the old scheme.
    numbers: &'a [u8],
    /// The number behind `_`, `u` or `update_`: the third number of the new scheme.
    update: Option<&'a [u8]>,
    pre: &'a [u8],
}

pub(crate) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let bytes = text.as_bytes();
    let mut end = num::run(bytes);
    if end == 0 {
        return Err("it does not begin with a number");
    }
    while bytes.get(end) == Some(&b'.') && num::run(&bytes[end + 1..]) > 0 {
        end += 1 + num::run(&bytes[end + 1..]);
    }
    let (mut numbers, mut rest) = bytes.split_at(end);
    // `1.8.0` is 8.0; a lone `1` is left alone.
    if let [b'1', b'.', old @ ..] = numbers {
        numbers = old;
    }
    let mut update = None;
    for mark in [&b"_"[..], b"u", b"-update_", b"-update"] {
        if let Some(tail) = rest.strip_prefix(mark)
            && num::run(tail) > 0
        {
            let (digits, after) = tail.split_at(num::run(tail));
            update = Some(digits);
            rest = after;
            break;
        }
    }
    let tail = match rest.iter().position(|&byte| byte == b'+') {
        Some(at) => &rest[..at],
        None => rest,
    };
    let pre = match tail {
        [] => tail,
        [b'-', pre @ ..] if !pre.is_empty() => without_build(pre),
        _ => return Err("what follows the numbers is no update, pre-release or build"),
    };
    if !pre.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        return Err("the pre-release holds a character that is not a letter, digit, hyphen or dot");
    }
    Ok(Version { numbers, update, pre })
}

/// Cuts `b11` or `-b11` from the end.
fn without_build(pre: &[u8]) -> &[u8] {
    let digits = pre.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match pre[..pre.len() - digits] {
        [b'b'] if digits > 0 => &pre[..0],
        [ref head @ .., b'-', b'b'] if digits > 0 => head,
        _ => pre,
    }
}

pub(crate) fn compare(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    numbers(a, b).then_with(|| semver::compare_pre(a.pre, b.pre, false))
}

fn numbers(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let mut left = a.numbers.split(|&byte| byte == b'.');
    let mut right = b.numbers.split(|&byte| byte == b'.');
    let mut at = 0;
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() && at > 2 {
            return Ordering::Equal;
        }
        // The update takes the third place, whatever stands there.
        let x = a.update.filter(|_| at == 2).or(x).unwrap_or_default();
        let y = b.update.filter(|_| at == 2).or(y).unwrap_or_default();
        let order = num::compare(x, y);
        if order.is_ne() {
            return order;
        }
        at += 1;
    }
}

/// Bytes in the order of [`compare`].
pub(crate) fn key(version: &Version<'_>, out: &mut Vec<u8>) {
    let mut length = out.len();
    let mut plain = version.numbers.split(|&byte| byte == b'.');
    for at in 0.. {
        let number = plain.next();
        if number.is_none() && at > 2 {
            break;
        }
        let number = version.update.filter(|_| at == 2).or(number).unwrap_or_default();
        out.push(1);
        num::key(number, out);
        if !num::is_zero(number) {
            length = out.len();
        }
    }
    out.truncate(length);
    out.push(0);
    semver::pre_key(version.pre, false, out);
}

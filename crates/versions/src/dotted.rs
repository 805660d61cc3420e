//! Lists of numbers in which a longer list is above its beginning: CRAN and Hackage.
//!
//! Source: R `package_version` (numbers behind `.` or `-`); Haskell package versioning policy (numbers behind `.`).

use std::cmp::Ordering;

use crate::error::Why;
use crate::num;

pub(crate) fn parse<'a>(text: &'a str, separators: &'static [u8]) -> Result<&'a [u8], Why> {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    for (at, byte) in bytes.iter().enumerate() {
        let single = separators.contains(byte) && at > 0 && ends(at - 1) && ends(at + 1);
        if !byte.is_ascii_digit() && !single {
            return Err("it is not a list of numbers with single separators");
        }
    }
    if bytes.is_empty() { Err("it is empty") } else { Ok(bytes) }
}

pub(crate) fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (x, y) = (num::run(a), num::run(b));
        let order = num::compare(&a[..x], &b[..y]);
        if order.is_ne() {
            return order;
        }
        a = a.get(x + 1..).unwrap_or_default();
        b = b.get(y + 1..).unwrap_or_default();
    }
    a.is_empty().cmp(&b.is_empty()).reverse()
}

/// Bytes in the order of [`compare`]: 1 before each number, 0 after the last.
pub(crate) fn key(numbers: &[u8], out: &mut Vec<u8>) {
    for number in numbers.split(|byte| !byte.is_ascii_digit()) {
        out.push(1);
        num::key(number, out);
    }
    out.push(0);
}

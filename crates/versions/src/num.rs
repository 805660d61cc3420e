//! Runs of decimal digits of any length: comparison without parsing, and bytes that sort the same way.

use std::cmp::Ordering;

/// The number of ASCII digits that `text` begins with.
#[inline]
pub(crate) fn run(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

/// `digits` without its leading zeros; zero itself is the empty slice.
#[inline]
pub(crate) fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    &digits[zeros..]
}

/// Compares two runs of digits as numbers. The empty run is zero.
#[inline]
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (significant(a), significant(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The length of the beginning that two texts share.
#[inline]
pub(crate) fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).position(|(x, y)| x != y).unwrap_or(a.len().min(b.len()))
}

/// Whether the run stands for zero.
#[inline]
pub(crate) fn is_zero(digits: &[u8]) -> bool {
    digits.iter().all(|&byte| byte == b'0')
}

/// Appends bytes whose order is the order of the numbers: the length, then the digits.
pub(crate) fn key(digits: &[u8], out: &mut Vec<u8>) {
    let digits = significant(digits);
    length_key(digits.len(), out);
    out.extend_from_slice(digits);
}

/// Appends a length so that a shorter one sorts first: one byte below 255, else 255 and eight bytes.
pub(crate) fn length_key(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => out.push(short),
        _ => {
            out.push(u8::MAX);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The decimal text of `digits` plus one.
pub(crate) fn successor(digits: &[u8]) -> String {
    let mut out = significant(digits).to_vec();
    for byte in out.iter_mut().rev() {
        if *byte == b'9' {
            *byte = b'0';
        } else {
            *byte += 1;
            return String::from_utf8_lossy(&out).into_owned();
        }
    }
    out.insert(0, b'1');
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_every_machine_word() {
        assert_eq!(compare(b"99999999999999999999999991", b"99999999999999999999999992"), Ordering::Less);
        assert_eq!(compare(b"0010", b"9"), Ordering::Greater);
        assert_eq!(compare(b"", b"000"), Ordering::Equal);
    }

    #[test]
    fn successor_carries() {
        assert_eq!(successor(b"099"), "100");
        assert_eq!(successor(b""), "1");
        assert_eq!(successor(b"1299"), "1300");
    }

    #[test]
    fn long_numbers_sort_by_key() {
        let long = vec![b'7'; 300];
        let (mut short_key, mut long_key) = (Vec::new(), Vec::new());
        key(&vec![b'9'; 254], &mut short_key);
        key(&long, &mut long_key);
        assert!(short_key < long_key);
    }
}

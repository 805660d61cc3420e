//! Numbers that the evaluator would round. OPA compares a statement's numbers as they are written; what cannot be compared so here is refused, not rounded.

/// The first number of a JSON text that is no integer of 64 bits and does not survive as a double.
pub(crate) fn inexact(json: &str) -> Option<&str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = bytes
                    .get(at..)?
                    .iter()
                    .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                    .map_or(bytes.len(), |length| at + length);
                let number = json.get(at..end)?;
                if !is_exact(number) {
                    return Some(number);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

/// The index after the closing quote.
fn end_of_string(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn is_exact(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => {
            // `{:e}` gives the shortest decimal that reads as this double: when it has the digits of the text, nothing was rounded away.
            let wanted = normal(number);
            normal(&format!("{value:e}")) == wanted || wanted.is_some_and(|wanted| lies_between(value, &wanted.1))
        }
        _ => false,
    }
}

/// Whether a double lies exactly in the middle between this decimal and its neighbour of the same length: writers of JSON take either.
fn lies_between(value: f64, digits: &str) -> bool {
    if digits.is_empty() || digits.len() > 17 {
        return false;
    }
    let expanded = format!("{:.*e}", digits.len() + 30, value.abs());
    let expanded: String =
        expanded.split('e').next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let Some((begin, rest)) = expanded.split_at_checked(digits.len()) else { return false };
    let (Ok(begin), Ok(wanted)) = (begin.parse::<u64>(), digits.parse::<u64>()) else { return false };
    rest.trim_end_matches('0') == "5" && (wanted == begin || Some(wanted) == begin.checked_add(1))
}

/// Sign, digits without zeros at either end, and the exponent of the first digit; zero is one text.
fn normal(number: &str) -> Option<(bool, String, i64)> {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let first = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
    Some((negative, digits, exponent.checked_add(first)?))
}

/// Digits of an exponent that are read: the evaluator writes `1e99999` out as a whole number.
const MAX_EXPONENT: usize = 4;

/// The first number, outside of texts and comments, of which the exponent has more digits than are read: such a number fills the memory when it is read.
pub(crate) fn vast(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or(b' ');
    let mut place = 0;
    while place < bytes.len() {
        match at(place) {
            b'#' => place = end(bytes, place, |byte| byte == b'\n'),
            b'`' => place = end(bytes, place, |byte| byte == b'`'),
            b'"' => {
                place += 1;
                while place < bytes.len() && at(place) != b'"' {
                    place += if at(place) == b'\\' { 2 } else { 1 };
                }
                place += 1;
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                place = end(bytes, place, |byte| !byte.is_ascii_alphanumeric() && byte != b'_').saturating_sub(1);
            }
            byte if byte.is_ascii_digit() => {
                let start = place;
                while at(place).is_ascii_digit() || matches!(at(place), b'.' | b'_') {
                    place += 1;
                }
                if !matches!(at(place), b'e' | b'E') {
                    continue;
                }
                place += 1;
                place += usize::from(matches!(at(place), b'+' | b'-'));
                let exponent = place;
                while at(place).is_ascii_digit() {
                    place += 1;
                }
                if place.saturating_sub(exponent) > MAX_EXPONENT {
                    return text.get(start..place);
                }
            }
            _ => place += 1,
        }
    }
    None
}

/// The place behind the next byte that ends it.
fn end(bytes: &[u8], from: usize, ends: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from.saturating_add(1)..).unwrap_or_default();
    from.saturating_add(2).saturating_add(rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(json: &str, wanted: Option<&str>) {
        assert_eq!(inexact(json), wanted, "{json}");
    }

    #[test]
    fn numbers_that_would_be_rounded_are_found() {
        check("[0, -0, 1, -17, 18446744073709551615, -9223372036854775808]", None);
        check("[0.1, 1e3, 1.50, 2.5E-3, 0.0, -0.25e+2, 100000000000000000000]", None);
        check("[1754790391090033.2, 1754790391090033.3, 0.30000000000000004]", None);
        check("9007199254740993.0", Some("9007199254740993.0"));
        check("18446744073709551617", Some("18446744073709551617"));
        check("[1, -9223372036854775809]", Some("-9223372036854775809"));
        check("0.1000000000000000055511151231257827", Some("0.1000000000000000055511151231257827"));
        check("1e999", Some("1e999"));
        check("1e-999", Some("1e-999"));
        check(r#"{"18446744073709551617": "1e999 \" 1e999 \\"}"#, None);
        check(r#"["\\", 1e999]"#, Some("1e999"));
        check("\"unclosed", None);
        check("\"\\", None);
    }

    proptest! {
        #[test]
        fn any_text_is_walked_through(text in ".{0,80}") {
            let _found = inexact(&text);
            let _vast = vast(&text);
        }

        #[test]
        fn doubles_as_written_by_serde_survive(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(inexact(&text), None);
        }
    }

    #[test]
    fn vast_numbers_are_found_where_they_are_numbers() {
        for (text, wanted) in [
            ("allow { input.n == 1e99999 }", Some("1e99999")),
            ("x := 12.5E+123456789", Some("12.5E+123456789")),
            ("x := -1e-10000", Some("1e-10000")),
            ("x := 1e9999", None),
            ("x := \"1e99999\"", None),
            ("x := \"a\\\"1e99999\"", None),
            ("x := `1e99999`; y := 1e12345", Some("1e12345")),
            ("# 1e99999\ny := 1", None),
            ("a1e99999 := 1", None),
            ("_1e99999", None),
            ("x := \"unended 1e99999", None),
            ("é1e99999", Some("1e99999")),
            ("1e99999", Some("1e99999")),
            ("", None),
        ] {
            assert_eq!(vast(text), wanted, "{text}");
        }
    }
}

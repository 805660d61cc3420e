//! Durations as people write them: `24h`, `1h30m`, `7d`.

use jiff::SignedDuration;

/// Reads numbers with units, largest first or not: `ns us µs ms s m h` as Go has them, and `d` (24 hours) and `w` (7 days).
///
/// A fraction (`1.5h`) and a sign are read; a bare `0` needs no unit. Years and months are not read, because their length varies.
/// `None`: another form, or more than 10,000 years.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    const NANOS: i128 = 1_000_000_000;
    const MOST: i128 = 10_000 * 366 * 86_400 * NANOS;
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(digits(rest));
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        // 15 digits are more than 10,000 years of any unit, and keep the products below far inside 128 bits.
        if (whole.is_empty() && fraction.is_empty()) || whole.len() > 20 || fraction.len() > 15 {
            return None;
        }
        let letters = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" => 60 * NANOS,
            "h" => 3_600 * NANOS,
            "d" => 86_400 * NANOS,
            "w" => 7 * 86_400 * NANOS,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        if !fraction.is_empty() {
            let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(unit)? / scale)?;
        }
        if total > MOST {
            return None;
        }
        rest = after;
    }
    let total = if negative { -total } else { total };
    let seconds = i64::try_from(total / NANOS).ok()?;
    let nanos = i32::try_from(total % NANOS).ok()?;
    Some(SignedDuration::new(seconds, nanos))
}

/// The shortest exact form in the same units: `7d`, `1d12h`, `1.5s`.
pub(crate) fn format_duration(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut text = if nanos < 0 { "-".to_owned() } else { String::new() };
    let nanos = nanos.unsigned_abs();
    let (mut seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds >= size {
            text.push_str(&format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    if fraction > 0 {
        text.push_str(format!("{seconds}.{fraction:09}").trim_end_matches('0'));
        text.push('s');
    } else if seconds > 0 {
        text.push_str(&format!("{seconds}s"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: f64, back: &str) {
        let duration = parse_duration(text).unwrap_or_else(|| panic!("{text}"));
        assert!((duration.as_secs_f64() - seconds).abs() < 1e-9, "{text}: {duration:?}");
        assert_eq!(format_duration(duration), back, "{text}");
    }

    #[test]
    fn what_people_write() {
        check("24h", 86_400.0, "1d");
        check("7d", 604_800.0, "7d");
        check("2w", 1_209_600.0, "14d");
        check("1h30m", 5_400.0, "1h30m");
        check("1.5h", 5_400.0, "1h30m");
        check("-10s", -10.0, "-10s");
        check("100ms", 0.1, "0.1s");
        check("0", 0.0, "0s");
        check(".5s", 0.5, "0.5s");
    }

    #[test]
    fn what_is_refused() {
        for text in ["", "-", "24", "1y", "h", "1 h", "24H", "1d-2h", "99999999999999999999h", "1..5s", "1e3s", "5é"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}

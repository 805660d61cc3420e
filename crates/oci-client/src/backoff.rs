//! How long to wait before a request is sent again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

/// The longest pause that we choose by ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause before attempt `attempt` (1 is the first repetition): `first` doubled each time, at most 30 s, of which the upper half is random, so that
/// many clients that failed together do not come back together.
pub(crate) fn pause(first: Duration, attempt: u32, random: u64) -> Duration {
    let factor = 1u32.checked_shl(attempt.saturating_sub(1).min(16)).unwrap_or(u32::MAX);
    let full = first.saturating_mul(factor).min(LONGEST_PAUSE);
    let half = full / 2;
    let part = (random >> 40) as f64 / (1u64 << 24) as f64;
    half + half.mul_f64(part)
}

/// The next number of a xorshift generator; never gives 0 for ever.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    let mut x = (*state).max(1);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    x.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// `Retry-After`: seconds, or an HTTP date, which is compared with the answer's own `Date`, so that neither our clock nor its error matters.
/// Source: RFC 9110 section 10.2.3.
pub(crate) fn retry_after(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let text = retry_after.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let parser = DateTimeParser::new();
    let until = parser.parse_timestamp(text).ok()?;
    let now = parser.parse_timestamp(date?.trim()).ok()?;
    let seconds = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(Duration::ZERO));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        assert_eq!(retry_after("99999999999999999999999", None), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(retry_after("-1", None), None);
        assert_eq!(retry_after("soon", date), None);
    }

    #[test]
    fn pauses_double_up_to_a_ceiling_and_are_repeatable() {
        let first = Duration::from_millis(100);
        let (mut one, mut two) = (42, 42);
        for attempt in 1..40 {
            let pause_one = pause(first, attempt, next_random(&mut one));
            assert_eq!(pause_one, pause(first, attempt, next_random(&mut two)));
            let full = first.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_PAUSE);
            assert!(pause_one >= full / 2 && pause_one <= full, "{attempt}: {pause_one:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9bytes/*:, GMTSun-]{0,40}") {
            let _ = retry_after(&text, Some(&text));
        }
    }
}

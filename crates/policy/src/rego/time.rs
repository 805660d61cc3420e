//! The functions `time.*` of Rego, over the time that was handed in. Time zones other than UTC are not known here, which is an error and not undefined.
//!
//! Shapes and units: points in time are nanoseconds since 1970 in UTC, as integers; `[ns, "UTC"]` is taken in their place.
//! Source: OPA's policy reference, "Time". Left out: `time.diff`, `time.format`, `time.parse_ns`, which are errors as every unknown function.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use regorus::Value;

/// What a call gives: a value, undefined and why, or an error, which no `not` can turn round.
pub(super) enum Call {
    Value(Value),
    Undefined(String),
    Error(String),
}

/// Name, number of arguments, what runs.
pub(super) type Function = (&'static str, u8, fn(&[Value], Timestamp) -> Call);

/// All of them.
pub(super) const FUNCTIONS: &[Function] = &[
    ("time.now_ns", 0, |_, now| nanos(now)),
    ("time.parse_rfc3339_ns", 1, |args, _| parse_rfc3339(args)),
    ("time.parse_duration_ns", 1, |args, _| parse_duration(args)),
    ("time.date", 1, |args, _| parts(args, |at| vec![i64::from(at.year()), at.month().into(), at.day().into()])),
    ("time.clock", 1, |args, _| parts(args, |at| vec![at.hour().into(), at.minute().into(), at.second().into()])),
    ("time.weekday", 1, |args, _| weekday(args)),
    ("time.add_date", 4, |args, _| add_date(args)),
];

fn nanos(at: Timestamp) -> Call {
    match i64::try_from(at.as_nanosecond()) {
        Ok(nanos) => Call::Value(Value::from(nanos)),
        Err(_) => Call::Undefined(format!("{at} is outside of 64 bits of nanoseconds")),
    }
}

fn parse_rfc3339(args: &[Value]) -> Call {
    let Some(text) = args.first().and_then(|value| value.as_string().ok()) else {
        return Call::Undefined("operand 1 must be a string".to_owned());
    };
    match rfc3339(text) {
        Some(at) => nanos(at),
        None => Call::Undefined(format!("`{}` is no time as RFC 3339 writes it", short(text))),
    }
}

/// `2026-01-31T00:00:00[.frac](Z|+HH:MM)`, and nothing else that a reader of times may take.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |bytes: &[u8], shape: &[u8]| {
        bytes.len() == shape.len()
            && bytes.iter().zip(shape).all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                wanted => byte == wanted,
            })
    };
    let (head, rest) = bytes.split_at_checked(shape.len())?;
    // A 60th second is none for Go, whose reading counts.
    if !fits(head, shape) || head.get(17..)? == b"60" {
        return None;
    }
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (1..=9).contains(&digits).then_some(fraction.get(digits..)?)?
        }
        None => rest,
    };
    if rest != b"Z" && !fits(rest, b"+dd:dd") && !fits(rest, b"-dd:dd") {
        return None;
    }
    text.parse().ok()
}

/// Go's durations: `1h30m`, `-1.5s`, `100ms`.
fn parse_duration(args: &[Value]) -> Call {
    let Some(text) = args.first().and_then(|value| value.as_string().ok()) else {
        return Call::Undefined("operand 1 must be a string".to_owned());
    };
    match duration(text) {
        Some(nanos) => Call::Value(Value::from(nanos)),
        None => Call::Undefined(format!("`{}` is no duration", short(text))),
    }
}

fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(i128::from) };
        sum = sum.checked_add(digits(whole)?.checked_mul(unit)?)?;
        let part = part.get(..part.len().min(15))?;
        let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        sum = sum.checked_add(digits(part)?.checked_mul(unit)?.checked_div(scale)?)?;
        rest = behind;
    }
    i64::try_from(if negative { -sum } else { sum }).ok()
}

fn civil(value: Option<&Value>) -> Result<DateTime, Call> {
    let undefined = |why: &str| Call::Undefined(why.to_owned());
    let nanos = match value {
        Some(Value::Array(pair)) => match pair.as_slice() {
            [nanos, zone] => match zone.as_string().map(|zone| zone.as_ref().to_owned()) {
                Ok(zone) if zone.is_empty() || zone == "UTC" => nanos.as_i64().ok(),
                Ok(zone) => {
                    return Err(Call::Error(format!("the time zone `{}` is not known here, only UTC", short(&zone))));
                }
                Err(_) => None,
            },
            _ => None,
        },
        Some(value) => value.as_i64().ok(),
        None => None,
    };
    let nanos =
        nanos.ok_or_else(|| undefined("operand 1 must be a time in nanoseconds, or a pair of it and a zone"))?;
    let at = Timestamp::from_nanosecond(nanos.into()).map_err(|_| undefined("operand 1 is outside of all times"))?;
    Ok(Offset::UTC.to_datetime(at))
}

fn parts(args: &[Value], of: fn(DateTime) -> Vec<i64>) -> Call {
    match civil(args.first()) {
        Ok(at) => Call::Value(Value::from(of(at).into_iter().map(Value::from).collect::<Vec<Value>>())),
        Err(call) => call,
    }
}

fn weekday(args: &[Value]) -> Call {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    match civil(args.first()) {
        Ok(at) => {
            let day = usize::try_from(at.weekday().to_sunday_zero_offset()).unwrap_or_default();
            Call::Value(Value::from(*DAYS.get(day).unwrap_or(&"Sunday")))
        }
        Err(call) => call,
    }
}

/// As Go adds: a day that the month does not have runs over into the next month.
fn add_date(args: &[Value]) -> Call {
    let at = match civil(args.first()) {
        Ok(at) => at,
        Err(call) => return call,
    };
    let number = |place: usize| args.get(place).and_then(|value| value.as_i32().ok()).map(i64::from);
    let (Some(years), Some(months), Some(days)) = (number(1), number(2), number(3)) else {
        return Call::Undefined("operands 2 to 4 must be whole numbers".to_owned());
    };
    let moved = || {
        let first = at.first_of_month();
        let span = Span::new().try_years(years).ok()?.try_months(months).ok()?;
        let first = first.checked_add(span).ok()?;
        let days = days.checked_add(i64::from(at.day()))?.checked_sub(1)?;
        let at = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
        Offset::UTC.to_timestamp(at).ok()
    };
    match moved() {
        Some(at) => nanos(at),
        None => Call::Undefined("the date is outside of all times".to_owned()),
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_time(text: &str, wanted: Option<i64>) {
        assert_eq!(rfc3339(text).map(|at| at.as_second()), wanted, "{text}");
    }

    #[test]
    fn times_are_read_strictly() {
        check_time("1970-01-01T00:00:01Z", Some(1));
        check_time("1970-01-01T01:00:01.5+01:00", Some(1));
        check_time("2022-04-12T00:00:00Z", Some(1_649_721_600));
        for wrong in [
            "2022-04-12 00:00:00Z",
            "2022-04-12t00:00:00Z",
            "2022-04-12T00:00Z",
            "2022-04-12",
            "20220412T000000Z",
            "2022-04-12T00:00:60Z",
            "2022-04-12T00:00:00",
            "2022-04-12T00:00:00+0100",
            "2022-04-12T00:00:00Z[UTC]",
            "2022-02-30T00:00:00Z",
            "2022-04-12T00:00:00.Z",
            "",
            "\u{e9}",
        ] {
            check_time(wrong, None);
        }
    }

    #[track_caller]
    fn check_duration(text: &str, wanted: Option<i64>) {
        assert_eq!(duration(text), wanted, "{text}");
    }

    #[test]
    fn durations_are_those_of_go() {
        check_duration("1h30m", Some(5_400_000_000_000));
        check_duration("-1.5s", Some(-1_500_000_000));
        check_duration("100ms", Some(100_000_000));
        check_duration("0", Some(0));
        check_duration(".5us", Some(500));
        for wrong in ["", "-", "1", "1d", "h", ".s", "1h ", "9999999999999h", "1\u{e9}"] {
            check_duration(wrong, None);
        }
    }
}

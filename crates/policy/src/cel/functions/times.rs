//! Moments and durations. Source: cel-spec:doc/langdef.md, "Timestamps and durations"; kyverno/sdk:cel/libs/time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::Called;
use crate::cel::convert::in_range;
use crate::cel::error::Error;
use crate::cel::value::Value;

/// A part of a moment, in UTC or in the zone that is named behind it, or of a duration.
pub(super) fn part<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let (moment, zone) = match args {
        [Value::Duration(nanoseconds)] => {
            return Ok(Value::Int(match name {
                "getHours" => nanoseconds / 3_600_000_000_000,
                "getMinutes" => nanoseconds / 60_000_000_000,
                "getSeconds" => nanoseconds / 1_000_000_000,
                "getMilliseconds" => nanoseconds / 1_000_000,
                _ => return Err(Error::no_such_overload()),
            }));
        }
        [Value::Timestamp(moment)] => (moment, "UTC"),
        [Value::Timestamp(moment), Value::String(zone)] => (moment, &**zone),
        _ => return Err(Error::no_such_overload()),
    };
    let time: DateTime = offset(zone)?.to_datetime(*moment);
    Ok(Value::Int(match name {
        "getFullYear" => i64::from(time.year()),
        "getMonth" => i64::from(time.month()) - 1,
        "getDate" => i64::from(time.day()),
        "getDayOfMonth" => i64::from(time.day()) - 1,
        "getDayOfWeek" => i64::from(time.weekday().to_sunday_zero_offset()),
        "getDayOfYear" => i64::from(time.day_of_year()) - 1,
        "getHours" => i64::from(time.hour()),
        "getMinutes" => i64::from(time.minute()),
        "getSeconds" => i64::from(time.second()),
        "getMilliseconds" => i64::from(time.millisecond()),
        _ => return Err(Error::no_such_overload()),
    }))
}

/// `UTC`, or hours and minutes: `+02:00`. Names of places need a database of zones, which is not there.
fn offset(zone: &str) -> Result<Offset, Error> {
    if matches!(zone, "UTC" | "" | "Z" | "Etc/UTC" | "GMT") {
        return Ok(Offset::UTC);
    }
    let unknown = || Error::new(format!("unknown time zone {}", crate::cel::convert::shortened(zone)));
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    // A zone by its name may well be one; we have no table of them.
    let named = || Error::lack(format!("time zone {} is not known here", crate::cel::convert::shortened(zone)));
    let (hours, minutes) = rest.split_once(':').ok_or_else(named)?;
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() <= 2 && !text.starts_with('+'));
    let (hours, minutes) = (number(hours).ok_or_else(unknown)?, number(minutes).ok_or_else(unknown)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| unknown())
}

/// `time.now`, `time.truncate`, `time.toCron`.
pub(super) fn call<'a>(name: &str, args: &[Value<'a>], now: Timestamp) -> Called<'a> {
    Ok(match (name, args) {
        ("now", []) => Value::Timestamp(in_range(now)?),
        ("truncate", [Value::Timestamp(moment), Value::Duration(by)]) => {
            if *by <= 0 {
                return Ok(Value::Timestamp(*moment));
            }
            // Go counts from the year 1.
            let zero = i128::from(-62_135_596_800_i64) * 1_000_000_000;
            let since = moment.as_nanosecond() - zero;
            let cut = moment.as_nanosecond() - since.rem_euclid(i128::from(*by));
            Value::Timestamp(in_range(Timestamp::from_nanosecond(cut).map_err(|_| Error::new("timestamp overflow"))?)?)
        }
        ("toCron", [Value::Timestamp(moment)]) => {
            let time = Offset::UTC.to_datetime(*moment);
            let day = time.weekday().to_sunday_zero_offset();
            Value::text(format!("{} {} {} {} {day}", time.minute(), time.hour(), time.day(), time.month()))
        }
        _ => return Err(Error::no_such_overload()),
    })
}

//! Times by Go's layouts, in which the moment `Mon Jan 2 15:04:05 -0700 2006` shows the form.
//!
//! Source: golang/go:src/time/format.go, `nextStdChunk` and `parse`. Names of zones are taken as UTC, `GMT+3` as three hours east.

use jiff::civil::{Date, DateTime};

/// RFC 3339, as Go spells it.
pub(crate) const RFC3339: &str = "2006-01-02T15:04:05Z07:00";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment with the offset in which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Nanoseconds since 1970 in UTC.
    pub(crate) nanoseconds: i128,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
}

impl Moment {
    /// The time on the wall. `None`: beyond the years 0 to 9999.
    pub(crate) fn civil(&self) -> Option<DateTime> {
        let local = self.nanoseconds.checked_add(i128::from(self.offset) * 1_000_000_000)?;
        let (days, rest) = (local.div_euclid(86_400_000_000_000), local.rem_euclid(86_400_000_000_000));
        let days = i32::try_from(days).ok()?;
        let date = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        let seconds = i32::try_from(rest / 1_000_000_000).ok()?;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let part = |value: i32| i8::try_from(value).ok();
        let time = date.at(part(hour)?, part(minute)?, part(second)?, i32::try_from(rest % 1_000_000_000).ok()?);
        (0..=9999).contains(&time.year()).then_some(time)
    }

    /// As Go's layout of RFC 3339: without parts of a second, and `Z` for no offset.
    pub(crate) fn rfc3339(&self) -> Option<String> {
        let time = self.civil()?;
        let size = self.offset.unsigned_abs();
        let zone = match (self.offset, size / 3600, size / 60 % 60) {
            (0, ..) => "Z".to_owned(),
            (offset, hours, minutes) => format!("{}{hours:02}:{minutes:02}", if offset < 0 { '-' } else { '+' }),
        };
        let date = format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day());
        Some(format!("{date}T{:02}:{:02}:{:02}{zone}", time.hour(), time.minute(), time.second()))
    }
}

/// What a piece of a layout stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Year,
    ShortYear,
    Month {
        digits: usize,
    },
    MonthName {
        long: bool,
    },
    DayName {
        long: bool,
    },
    /// `02`, `2`, `_2`.
    Day {
        digits: usize,
        padded: bool,
    },
    DayOfYear {
        padded: bool,
    },
    Hour {
        digits: usize,
    },
    Hour12 {
        digits: usize,
    },
    Minute {
        digits: usize,
    },
    Second {
        digits: usize,
    },
    /// `.000` (exactly) or `.999` (as many as there are).
    Fraction {
        digits: Option<usize>,
    },
    Noon {
        upper: bool,
    },
    ZoneName,
    /// `-07`, `-0700`, `-07:00`, `-070000`, `-07:00:00`; `z`: `Z` may stand for UTC.
    Offset {
        z: bool,
        minutes: bool,
        seconds: bool,
        colon: bool,
    },
    Literal(char),
}

/// The first piece of a layout and what is left.
fn piece(layout: &str) -> Option<(Piece, &str)> {
    const FIXED: &[(&str, Piece)] = &[
        ("January", Piece::MonthName { long: true }),
        ("Monday", Piece::DayName { long: true }),
        ("2006", Piece::Year),
        ("__2", Piece::DayOfYear { padded: true }),
        ("002", Piece::DayOfYear { padded: false }),
        ("MST", Piece::ZoneName),
        ("01", Piece::Month { digits: 2 }),
        ("02", Piece::Day { digits: 2, padded: false }),
        ("03", Piece::Hour12 { digits: 2 }),
        ("04", Piece::Minute { digits: 2 }),
        ("05", Piece::Second { digits: 2 }),
        ("06", Piece::ShortYear),
        ("15", Piece::Hour { digits: 2 }),
        ("PM", Piece::Noon { upper: true }),
        ("pm", Piece::Noon { upper: false }),
        ("_2", Piece::Day { digits: 1, padded: true }),
        ("Z07:00:00", Piece::Offset { z: true, minutes: true, seconds: true, colon: true }),
        ("Z070000", Piece::Offset { z: true, minutes: true, seconds: true, colon: false }),
        ("Z07:00", Piece::Offset { z: true, minutes: true, seconds: false, colon: true }),
        ("Z0700", Piece::Offset { z: true, minutes: true, seconds: false, colon: false }),
        ("Z07", Piece::Offset { z: true, minutes: false, seconds: false, colon: false }),
        ("-07:00:00", Piece::Offset { z: false, minutes: true, seconds: true, colon: true }),
        ("-070000", Piece::Offset { z: false, minutes: true, seconds: true, colon: false }),
        ("-07:00", Piece::Offset { z: false, minutes: true, seconds: false, colon: true }),
        ("-0700", Piece::Offset { z: false, minutes: true, seconds: false, colon: false }),
        ("-07", Piece::Offset { z: false, minutes: false, seconds: false, colon: false }),
        ("1", Piece::Month { digits: 1 }),
        ("2", Piece::Day { digits: 1, padded: false }),
        ("3", Piece::Hour12 { digits: 1 }),
        ("4", Piece::Minute { digits: 1 }),
        ("5", Piece::Second { digits: 1 }),
    ];
    // `_2006` is an underscore before a year.
    if layout.starts_with("_2006") {
        return Some((Piece::Literal('_'), layout.get(1..)?));
    }
    for (text, piece) in FIXED {
        if let Some(rest) = layout.strip_prefix(text) {
            return Some((*piece, rest));
        }
    }
    // Short names stand only where no word goes on.
    for (text, piece) in [("Jan", Piece::MonthName { long: false }), ("Mon", Piece::DayName { long: false })] {
        if let Some(rest) = layout.strip_prefix(text)
            && !rest.starts_with(|letter: char| letter.is_ascii_lowercase())
        {
            return Some((piece, rest));
        }
    }
    if let Some(rest) = layout.strip_prefix(['.', ',']) {
        let zeros = rest.bytes().take_while(|byte| *byte == b'0').count();
        let nines = rest.bytes().take_while(|byte| *byte == b'9').count();
        let count = zeros.max(nines);
        let rest = rest.get(count..)?;
        if count > 0 && !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Some((Piece::Fraction { digits: (zeros > 0).then_some(zeros) }, rest));
        }
    }
    let letter = layout.chars().next()?;
    Some((Piece::Literal(letter), layout.get(letter.len_utf8()..)?))
}

/// What was read so far. What a layout lacks is the first of its kind: year 0, January, the first, midnight, UTC.
struct Read {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: i32,
}

/// Reads a text by a layout. Errors: what was expected, without the text.
pub(crate) fn parse(layout: &str, text: &str) -> Result<Moment, String> {
    let mut read = Read {
        year: 0,
        month: None,
        day: None,
        day_of_year: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        afternoon: None,
        offset: 0,
    };
    let (mut layout_left, mut left) = (layout, text);
    let shown: String = layout.chars().take(64).collect();
    while let Some((piece, rest)) = piece(layout_left) {
        let fraction_next = matches!(self::piece(rest), Some((Piece::Fraction { .. }, _)));
        left = take(&mut read, piece, fraction_next, left)
            .ok_or_else(|| format!("the time does not have the form `{}`", shown.escape_debug()))?;
        layout_left = rest;
    }
    if !left.is_empty() {
        return Err(format!("more text after a time of the form `{}`", shown.escape_debug()));
    }
    moment(&read).ok_or_else(|| "there is no such date or time".to_owned())
}

fn moment(read: &Read) -> Option<Moment> {
    let date = match read.day_of_year {
        Some(day) => {
            let first = Date::new(read.year, 1, 1).ok()?;
            if day < 1 || day > first.days_in_year() {
                return None;
            }
            let date = first.checked_add(jiff::Span::new().try_days(day - 1).ok()?).ok()?;
            let same = |given: Option<i8>, found: i8| given.is_none_or(|given| given == found);
            if !same(read.month, date.month()) || !same(read.day, date.day()) {
                return None;
            }
            date
        }
        None => Date::new(read.year, read.month.unwrap_or(1), read.day.unwrap_or(1)).ok()?,
    };
    let hour = match read.afternoon {
        Some(true) if read.hour < 12 => read.hour + 12,
        Some(false) if read.hour == 12 => 0,
        _ => read.hour,
    };
    if hour > 23 || read.minute > 59 || read.second > 59 {
        return None;
    }
    let days = Date::constant(1970, 1, 1).until((jiff::Unit::Day, date)).ok()?.get_days();
    let seconds = i128::from(hour) * 3600 + i128::from(read.minute) * 60 + i128::from(read.second);
    let local = i128::from(days) * 86_400 + seconds;
    let nanoseconds = (local - i128::from(read.offset)) * 1_000_000_000 + i128::from(read.nanosecond);
    Some(Moment { nanoseconds, offset: read.offset })
}

/// A number of `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (number, rest) = text.split_at(count);
    Some((number.parse().ok()?, rest))
}

fn small(text: &str, digits_in_layout: usize) -> Option<(i8, &str)> {
    let (number, rest) = digits(text, digits_in_layout, 2)?;
    Some((i8::try_from(number).ok()?, rest))
}

/// The place of the name with which a text begins, in any case.
fn name<'t>(text: &'t str, names: &[&str], long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if long { name } else { name.get(..3)? };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then_some((index, text.get(name.len()..)?))
    })
}

fn fraction(text: &str, count: usize) -> Option<(i32, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    if count == 0 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let kept = digits.get(..count.min(9))?;
    let scale = 10_i32.checked_pow(u32::try_from(9 - kept.len()).ok()?)?;
    Some((kept.parse::<i32>().ok()?.checked_mul(scale)?, rest))
}

/// Reads one piece; gives what is left of the text.
fn take<'t>(read: &mut Read, piece: Piece, fraction_next: bool, text: &'t str) -> Option<&'t str> {
    match piece {
        Piece::Literal(letter) => text.strip_prefix(letter),
        Piece::Year => {
            let (year, rest) = digits(text, 4, 4)?;
            read.year = i16::try_from(year).ok()?;
            Some(rest)
        }
        Piece::ShortYear => {
            let (year, rest) = digits(text, 2, 2)?;
            read.year = i16::try_from(if year >= 69 { year + 1900 } else { year + 2000 }).ok()?;
            Some(rest)
        }
        Piece::Month { digits } => {
            let (month, rest) = small(text, digits)?;
            read.month = Some(month);
            Some(rest)
        }
        Piece::MonthName { long } => {
            let (index, rest) = name(text, &MONTHS, long)?;
            read.month = Some(i8::try_from(index).ok()? + 1);
            Some(rest)
        }
        Piece::DayName { long } => name(text, &DAYS, long).map(|(_, rest)| rest),
        Piece::Day { digits, padded } => {
            let text = if padded { text.strip_prefix(' ').unwrap_or(text) } else { text };
            let (day, rest) = small(text, digits)?;
            read.day = Some(day);
            Some(rest)
        }
        Piece::DayOfYear { padded } => {
            let blanks = if padded { text.bytes().take(2).take_while(|byte| *byte == b' ').count() } else { 0 };
            let (day, rest) = digits(text.get(blanks..)?, 3 - blanks, 3 - blanks)?;
            read.day_of_year = Some(i16::try_from(day).ok()?);
            Some(rest)
        }
        Piece::Hour { digits } | Piece::Hour12 { digits } => {
            let (hour, rest) = small(text, digits)?;
            if matches!(piece, Piece::Hour12 { .. }) && hour > 12 {
                return None;
            }
            read.hour = hour;
            Some(rest)
        }
        Piece::Minute { digits } => {
            let (minute, rest) = small(text, digits)?;
            read.minute = minute;
            Some(rest)
        }
        Piece::Second { digits } => {
            let (second, rest) = small(text, digits)?;
            read.second = second;
            // A fraction may follow even where the layout has none.
            if !fraction_next && let Some(after) = rest.strip_prefix(['.', ',']) {
                let count = after.bytes().take_while(u8::is_ascii_digit).count();
                if count > 0 {
                    let (nanosecond, rest) = fraction(after, count)?;
                    read.nanosecond = nanosecond;
                    return Some(rest);
                }
            }
            Some(rest)
        }
        Piece::Fraction { digits } => {
            let Some(after) = text.strip_prefix(['.', ',']) else {
                // `.999` may be absent.
                return digits.is_none().then_some(text);
            };
            let found = after.bytes().take_while(u8::is_ascii_digit).count();
            let (nanosecond, rest) = fraction(after, digits.unwrap_or(found))?;
            read.nanosecond = nanosecond;
            Some(rest)
        }
        Piece::Noon { upper } => {
            let (head, rest) = text.split_at_checked(2)?;
            let (before, after) = if upper { ("AM", "PM") } else { ("am", "pm") };
            read.afternoon = Some(match head {
                found if found == before => false,
                found if found == after => true,
                _ => return None,
            });
            Some(rest)
        }
        Piece::ZoneName => {
            let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
            let (zone, rest) = text.split_at_checked(length)?;
            if !(3..=5).contains(&length) {
                return None;
            }
            if zone == "GMT" && rest.starts_with(['+', '-']) {
                let (hours, after) = digits(rest.get(1..)?, 1, 2)?;
                if hours > 23 {
                    return None;
                }
                read.offset = if rest.starts_with('-') { -hours * 3600 } else { hours * 3600 };
                return Some(after);
            }
            Some(rest)
        }
        Piece::Offset { z, minutes, seconds, colon } => {
            if z && let Some(rest) = text.strip_prefix('Z') {
                read.offset = 0;
                return Some(rest);
            }
            let negative = text.starts_with('-');
            let rest = text.strip_prefix(['-', '+'])?;
            let (hour, mut rest) = digits(rest, 2, 2)?;
            let mut part = |wanted: bool| -> Option<i32> {
                if !wanted {
                    return Some(0);
                }
                if colon {
                    rest = rest.strip_prefix(':')?;
                }
                let (value, after) = digits(rest, 2, 2)?;
                rest = after;
                (value < 60).then_some(value)
            };
            let (minute, second) = (part(minutes)?, part(seconds)?);
            if hour > 24 {
                return None;
            }
            let size = hour * 3600 + minute * 60 + second;
            read.offset = if negative { -size } else { size };
            Some(rest)
        }
    }
}

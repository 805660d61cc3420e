//! Kyverno's functions on time. Times are RFC 3339 text, durations Go's.
//!
//! Source: kyverno/kyverno:pkg/engine/jmespath/time.go.

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;
use crate::go::duration;
use crate::go::layout::{self, Moment};

type Found<'a> = Result<Item<'a>, SearchError>;

/// Nanoseconds from the year 1, from which Go's `Truncate` counts, to 1970.
const BEFORE_1970: i128 = 62_135_596_800 * 1_000_000_000;

fn moment(given: &Arguments<'_, '_>, index: usize) -> Result<Moment, SearchError> {
    laid_out(given, layout::RFC3339, index)
}

fn laid_out(given: &Arguments<'_, '_>, form: &str, index: usize) -> Result<Moment, SearchError> {
    let why = |why: String| given.error(format!("argument #{}: {why}", index + 1));
    layout::parse(form, given.text(index)?).map_err(why)
}

fn span(given: &Arguments<'_, '_>, index: usize) -> Result<i64, SearchError> {
    duration::parse(given.text(index)?)
        .ok_or_else(|| given.error(format!("argument #{} is no duration such as `1h30m`", index + 1)))
}

fn shown<'a>(given: &Arguments<'_, 'a>, found: Moment) -> Found<'a> {
    found.rfc3339().map(Item::text).ok_or_else(|| given.error("the time is beyond the years 0 to 9999"))
}

/// As Go's `Sub`, it stays within 292 years.
fn distance(from: &Moment, to: &Moment) -> i64 {
    let nanoseconds = to.nanoseconds - from.nanoseconds;
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

fn present(by: &Evaluator<'_>) -> Moment {
    Moment { nanoseconds: by.surroundings.now.as_nanosecond(), offset: 0 }
}

pub(super) fn now<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    shown(given, present(by))
}

pub(super) fn since<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let form = match given.text(0)? {
        "" => layout::RFC3339,
        form => form,
    };
    let from = laid_out(given, form, 1)?;
    let to = if given.text(2)?.is_empty() { present(by) } else { laid_out(given, form, 2)? };
    Ok(Item::text(duration::format(distance(&from, &to))))
}

pub(super) fn diff<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::text(duration::format(distance(&moment(given, 0)?, &moment(given, 1)?))))
}

pub(super) fn before<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::Bool(moment(given, 0)?.nanoseconds < moment(given, 1)?.nanoseconds))
}

pub(super) fn after<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::Bool(moment(given, 0)?.nanoseconds > moment(given, 1)?.nanoseconds))
}

pub(super) fn between<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (time, start, end) = (moment(given, 0)?, moment(given, 1)?, moment(given, 2)?);
    Ok(Item::Bool(time.nanoseconds > start.nanoseconds && time.nanoseconds < end.nanoseconds))
}

pub(super) fn add<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let time = moment(given, 0)?;
    let nanoseconds = time.nanoseconds.saturating_add(i128::from(span(given, 1)?));
    shown(given, Moment { nanoseconds, ..time })
}

pub(super) fn utc<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    shown(given, Moment { offset: 0, ..moment(given, 0)? })
}

/// A layout that is a number means seconds since 1970.
pub(super) fn parse<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let form = given.text(0)?;
    if form.parse::<i64>().is_ok() {
        let seconds: i64 = given.text(1)?.parse().map_err(|_| given.error("argument #2 is no number of seconds"))?;
        return shown(given, Moment { nanoseconds: i128::from(seconds) * 1_000_000_000, offset: 0 });
    }
    shown(given, laid_out(given, form, 1)?)
}

pub(super) fn to_cron<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let civil = moment(given, 0)?.civil().ok_or_else(|| given.error("the time is beyond the years 0 to 9999"))?;
    let weekday = civil.weekday().to_sunday_zero_offset();
    Ok(Item::text(format!("{} {} {} {} {weekday}", civil.minute(), civil.hour(), civil.day(), civil.month())))
}

pub(super) fn truncate<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let time = moment(given, 0)?;
    let step = i128::from(span(given, 1)?);
    if step <= 0 {
        return shown(given, time);
    }
    let rest = (time.nanoseconds + BEFORE_1970).rem_euclid(step);
    shown(given, Moment { nanoseconds: time.nanoseconds - rest, ..time })
}

//! Kyverno's arithmetic on numbers, quantities and durations.
//!
//! A string is a quantity if it can be one, else a duration; `'12'` is a quantity and `` `12` `` a number, and both together are an error,
//! except that quantities and durations take numbers as factors. Source: kyverno/kyverno:pkg/engine/jmespath/arithmetic.go.

use super::super::eval::Evaluator;
use super::super::item::{Item, View};
use super::super::number;
use super::super::surroundings::{Mode, SearchError};
use super::Arguments;
use crate::go::duration;
use crate::quantity::Quantity;

type Found<'a> = Result<Item<'a>, SearchError>;

/// What is calculated with.
#[derive(Clone, Copy)]
enum Operand {
    Quantity(Quantity),
    /// Nanoseconds.
    Duration(i64),
    Number(f64),
}

const SECOND: f64 = 1e9;

fn operand(given: &Arguments<'_, '_>, item: &Item<'_>) -> Result<Operand, SearchError> {
    let found = match item.view() {
        View::Number(found) => Some(Operand::Number(number::float(found))),
        View::Text(text) => {
            Quantity::parse(text).map(Operand::Quantity).or_else(|| duration::parse(text).map(Operand::Duration))
        }
        _ => None,
    };
    found.ok_or_else(|| given.error("invalid operands"))
}

fn both(given: &Arguments<'_, '_>) -> Result<(Operand, Operand), SearchError> {
    Ok((operand(given, given.item(0)?)?, operand(given, given.item(1)?)?))
}

fn mismatch(given: &Arguments<'_, '_>) -> SearchError {
    given.error("Types mismatch")
}

fn overflow(given: &Arguments<'_, '_>) -> SearchError {
    given.error("the result is larger than can be kept")
}

fn zero(given: &Arguments<'_, '_>) -> SearchError {
    given.error("Zero divisor passed")
}

/// The result as the language has it: a quantity and a duration are text again.
fn result<'a>(given: &Arguments<'_, 'a>, found: Operand) -> Found<'a> {
    match found {
        Operand::Quantity(found) => Ok(Item::text(found.to_string())),
        Operand::Duration(found) => Ok(Item::text(duration::format(found))),
        Operand::Number(found) => given.number(found),
    }
}

fn quantity(given: &Arguments<'_, '_>, found: Option<Quantity>) -> Result<Operand, SearchError> {
    found.map(Operand::Quantity).ok_or_else(|| overflow(given))
}

/// A duration of so many seconds.
fn seconds(given: &Arguments<'_, '_>, found: f64) -> Result<Operand, SearchError> {
    let nanoseconds = found * SECOND;
    if nanoseconds.abs() >= i64::MAX as f64 || nanoseconds.is_nan() {
        return Err(overflow(given));
    }
    Ok(Operand::Duration(nanoseconds as i64))
}

fn plus(given: &Arguments<'_, '_>, left: Operand, right: Operand) -> Result<Operand, SearchError> {
    match (left, right) {
        (Operand::Quantity(left), Operand::Quantity(right)) => quantity(given, left.plus(&right)),
        (Operand::Duration(left), Operand::Duration(right)) => {
            left.checked_add(right).map(Operand::Duration).ok_or_else(|| overflow(given))
        }
        (Operand::Number(left), Operand::Number(right)) => Ok(Operand::Number(left + right)),
        _ => Err(mismatch(given)),
    }
}

/// Two integers stay exact; everything else is calculated as Go would.
fn exact<'a>(given: &Arguments<'_, 'a>, with: impl Fn(i64, i64) -> Option<i64>) -> Option<Item<'a>> {
    let whole = |index: usize| match given.items.get(index)?.view() {
        View::Number(found) => found.as_i64(),
        _ => None,
    };
    with(whole(0)?, whole(1)?).map(|found| Item::Number(found.into()))
}

pub(super) fn add<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    if let Some(found) = exact(given, i64::checked_add) {
        return Ok(found);
    }
    let (left, right) = both(given)?;
    result(given, plus(given, left, right)?)
}

/// In Kyverno's dialect at least one element, and a single one is given back as it is; in the standard one numbers, and 0 of nothing.
pub(super) fn sum<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let items = given.array(0)?;
    by.budget.work(items.len())?;
    if by.mode() == Mode::Standard {
        if items.iter().any(|item| !matches!(item.view(), View::Number(_))) {
            return Err(given.error("argument #1 is not of type Array of Number"));
        }
        return given.number(super::core::total(items));
    }
    let first = items.get(0).ok_or_else(|| given.error("at least one element in the array is required"))?;
    if items.len() == 1 {
        return Ok(first);
    }
    let mut total = operand(given, &first)?;
    for item in items.iter().skip(1) {
        total = plus(given, total, operand(given, &item)?)?;
    }
    result(given, total)
}

pub(super) fn subtract<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    if let Some(found) = exact(given, i64::checked_sub) {
        return Ok(found);
    }
    let found = match both(given)? {
        (Operand::Quantity(left), Operand::Quantity(right)) => quantity(given, left.minus(&right))?,
        (Operand::Duration(left), Operand::Duration(right)) => {
            Operand::Duration(left.checked_sub(right).ok_or_else(|| overflow(given))?)
        }
        (Operand::Number(left), Operand::Number(right)) => Operand::Number(left - right),
        _ => return Err(mismatch(given)),
    };
    result(given, found)
}

/// A number as the decimal that it is written as.
fn factor(given: &Arguments<'_, '_>, value: f64) -> Result<Quantity, SearchError> {
    Quantity::parse(&value.to_string()).ok_or_else(|| given.error("a factor is no decimal number"))
}

pub(super) fn multiply<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    if let Some(found) = exact(given, i64::checked_mul) {
        return Ok(found);
    }
    let found = match both(given)? {
        (Operand::Quantity(amount), Operand::Number(by)) | (Operand::Number(by), Operand::Quantity(amount)) => {
            quantity(given, amount.times(&factor(given, by)?))?
        }
        (Operand::Duration(time), Operand::Number(by)) | (Operand::Number(by), Operand::Duration(time)) => {
            seconds(given, time as f64 / SECOND * by)?
        }
        (Operand::Number(left), Operand::Number(right)) => Operand::Number(left * right),
        _ => return Err(mismatch(given)),
    };
    result(given, found)
}

pub(super) fn divide<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let found = match both(given)? {
        (Operand::Quantity(_), Operand::Quantity(by)) if by.is_zero() => return Err(zero(given)),
        (_, Operand::Number(0.0)) | (_, Operand::Duration(0)) => return Err(zero(given)),
        (Operand::Quantity(amount), Operand::Quantity(by)) => Operand::Number(amount.approximate() / by.approximate()),
        (Operand::Quantity(amount), Operand::Number(by)) => {
            let by = factor(given, by)?;
            if by.is_zero() {
                return Err(zero(given));
            }
            quantity(given, amount.over(&by))?
        }
        (Operand::Duration(time), Operand::Duration(by)) => Operand::Number(time as f64 / by as f64),
        (Operand::Duration(time), Operand::Number(by)) => seconds(given, time as f64 / SECOND / by)?,
        (Operand::Number(left), Operand::Number(right)) => Operand::Number(left / right),
        _ => return Err(mismatch(given)),
    };
    result(given, found)
}

/// The whole number that a float is. Beyond 2^63 it is none.
fn whole(given: &Arguments<'_, '_>, value: f64) -> Result<i64, SearchError> {
    if value.fract() != 0.0 || value.abs() >= i64::MAX as f64 {
        return Err(given.error("Non-integer argument(s) passed for modulo"));
    }
    Ok(value as i64)
}

pub(super) fn modulo<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let rest =
        |left: i64, right: i64| if right == 0 { Err(zero(given)) } else { Ok(left.checked_rem(right).unwrap_or(0)) };
    let found = match both(given)? {
        (Operand::Quantity(left), Operand::Quantity(right)) => {
            let rest = rest(whole(given, left.approximate())?, whole(given, right.approximate())?)?;
            Operand::Quantity(left.with_value(rest))
        }
        (Operand::Duration(left), Operand::Duration(right)) => Operand::Duration(rest(left, right)?),
        (Operand::Number(left), Operand::Number(right)) => {
            return Ok(Item::Number(rest(whole(given, left)?, whole(given, right)?)?.into()));
        }
        _ => return Err(mismatch(given)),
    };
    result(given, found)
}

/// Halves go away from zero, as with Go's `math.Round`.
pub(super) fn round<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (value, places) = (given.float(0)?, given.float(1)?);
    if places.fract() != 0.0 {
        return Err(given.error("Non-integer digits used for round"));
    }
    if places < 0.0 {
        return Err(given.error("argument #2 is out of bounds"));
    }
    let shift = 10_f64.powf(places);
    let rounded = (value * shift).round() / shift;
    // So many places that the shift overflows change nothing.
    given.number(if rounded.is_finite() { rounded } else { value })
}

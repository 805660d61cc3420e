//! Kyverno's functions on text, which are Go's of package `strings`.

use super::super::eval::Evaluator;
use super::super::item::Item;
use super::super::surroundings::SearchError;
use super::Arguments;
use crate::go;

type Found<'a> = Result<Item<'a>, SearchError>;

pub(super) fn compare<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::Number((given.text(0)?.cmp(given.text(1)?) as i8).into()))
}

pub(super) fn equal_fold<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let folded = |text: &'_ str| text.chars().map(|letter| lower(upper(letter))).collect::<Vec<_>>();
    Ok(Item::Bool(folded(given.text(0)?) == folded(given.text(1)?)))
}

/// One letter for one, as Go maps them: `ß` stays.
fn upper(letter: char) -> char {
    let mut mapped = letter.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

fn lower(letter: char) -> char {
    let mut mapped = letter.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

pub(super) fn to_upper<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    by.made(given.text(0)?.chars().map(upper).collect())
}

pub(super) fn to_lower<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    by.made(given.text(0)?.chars().map(lower).collect())
}

pub(super) fn trim<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (text, set) = (given.text(0)?, given.text(1)?);
    by.budget.work((text.len() / 64).saturating_mul(set.len()))?;
    by.made(text.trim_matches(|letter| set.contains(letter)).to_owned())
}

pub(super) fn trim_prefix<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.made(text.strip_prefix(given.text(1)?).unwrap_or(text).to_owned())
}

pub(super) fn replace<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let count = given.float(3)?;
    // A negative number means all; a cast of a float is clamped.
    replaced(by, given, if count < 0.0 { usize::MAX } else { count as usize })
}

pub(super) fn replace_all<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    replaced(by, given, usize::MAX)
}

fn replaced<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>, most: usize) -> Found<'a> {
    let (text, old, new) = (given.text(0)?, given.text(1)?, given.text(2)?);
    by.budget.work(text.len() / 64)?;
    let count = text.matches(old).take(most).count();
    // Paid for before it is made.
    by.budget.text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Item::text(text.replacen(old, new, most)))
}

pub(super) fn split<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (text, separator) = (given.text(0)?, given.text(1)?);
    by.budget.text(text.len())?;
    if separator.is_empty() {
        by.budget.values(text.chars().count())?;
        return Ok(Item::array(text.chars().map(|letter| Item::text(letter.to_string())).collect()));
    }
    by.budget.values(text.matches(separator).count() + 1)?;
    Ok(Item::array(text.split(separator).map(Item::text).collect()))
}

pub(super) fn to_boolean<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    if text.eq_ignore_ascii_case("true") {
        return Ok(Item::Bool(true));
    }
    if text.eq_ignore_ascii_case("false") {
        return Ok(Item::Bool(false));
    }
    Err(given.error("argument #1 must be 'true' or 'false', in any case"))
}

pub(super) fn path_canonicalize<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    by.made(go::path::clean(given.text(0)?))
}

pub(super) fn truncate<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    // A cast of a float is clamped: what is negative becomes 0.
    let count = given.float(1)? as usize;
    by.made(given.text(0)?.chars().take(count).collect())
}

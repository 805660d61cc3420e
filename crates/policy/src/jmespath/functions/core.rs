//! The functions of the language. Source: jmespath.org/specification.html, "Built-in Functions".

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::ast::NodeId;
use super::super::eval::Evaluator;
use super::super::item::{Elements, Item, View};
use super::super::number;
use super::super::surroundings::{Mode, SearchError};
use super::Arguments;
use crate::go;

type Found<'a> = Result<Item<'a>, SearchError>;

pub(super) fn abs<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    given.number(given.float(0)?.abs())
}

pub(super) fn ceil<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    given.number(given.float(0)?.ceil())
}

pub(super) fn floor<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    given.number(given.float(0)?.floor())
}

/// The mean, `null` of nothing.
pub(super) fn avg<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let items = given.array(0)?;
    by.budget.work(items.len())?;
    if items.len() == 0 {
        return Ok(Item::Null);
    }
    given.number(total(items) / items.len() as f64)
}

pub(super) fn total(items: Elements<'_, '_>) -> f64 {
    items.iter().map(|item| if let View::Number(found) = item.view() { number::float(found) } else { 0.0 }).sum()
}

pub(super) fn contains<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let wanted = given.item(1)?;
    match given.item(0)?.view() {
        View::Text(text) => {
            by.budget.work(text.len() / 64)?;
            Ok(Item::Bool(matches!(wanted.view(), View::Text(part) if text.contains(part))))
        }
        View::Array(items) => {
            for item in items.iter() {
                if item.equals(wanted, &mut by.budget)? {
                    return Ok(Item::Bool(true));
                }
            }
            Ok(Item::Bool(false))
        }
        _ => Err(given.mistyped(0)),
    }
}

pub(super) fn starts_with<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::Bool(given.text(0)?.starts_with(given.text(1)?)))
}

pub(super) fn ends_with<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::Bool(given.text(0)?.ends_with(given.text(1)?)))
}

pub(super) fn join<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let mut out = String::new();
    for (index, item) in given.array(1)?.iter().enumerate() {
        let glue = if index > 0 { given.text(0)? } else { "" };
        if let View::Text(part) = item.view() {
            by.budget.text(glue.len() + part.len())?;
            out.push_str(glue);
            out.push_str(part);
        }
    }
    Ok(Item::text(out))
}

/// By name, so that the same object always gives the same list.
pub(super) fn keys<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let members = given.object(0)?;
    by.budget.values(members.len())?;
    let mut found = Vec::with_capacity(members.len());
    for (key, _) in members.sorted() {
        by.budget.text(key.len())?;
        found.push(Item::text(key));
    }
    Ok(Item::array(found))
}

pub(super) fn values<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let members = given.object(0)?;
    by.budget.values(members.len())?;
    Ok(Item::array(members.sorted().into_iter().map(|(_, value)| value).collect()))
}

/// Characters, elements or members.
pub(super) fn length<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let count = match given.item(0)?.view() {
        View::Text(text) => {
            by.budget.work(text.len() / 64)?;
            text.chars().count()
        }
        View::Array(items) => items.len(),
        View::Object(members) => members.len(),
        _ => return Err(given.mistyped(0)),
    };
    Ok(Item::Number(count.into()))
}

/// Unlike a projection it keeps `null`.
pub(super) fn map<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let node = given.reference(0)?;
    let mut found = Vec::new();
    for item in given.array(1)?.iter() {
        by.budget.values(1)?;
        found.push(by.soft(node, &item)?);
    }
    Ok(Item::array(found))
}

pub(super) fn merge<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let mut merged = BTreeMap::new();
    for index in 0..given.items.len() {
        for (key, value) in given.object(index)?.sorted() {
            by.budget.values(1)?;
            by.budget.text(key.len())?;
            merged.insert(key.to_owned(), value);
        }
    }
    Ok(Item::object(merged))
}

pub(super) fn not_null<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(given.items.iter().find(|item| !item.is_null()).cloned().unwrap_or(Item::Null))
}

pub(super) fn reverse<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    match given.item(0)?.view() {
        View::Text(text) => {
            by.budget.text(text.len())?;
            Ok(Item::text(text.chars().rev().collect::<String>()))
        }
        View::Array(items) => {
            by.budget.values(items.len())?;
            let mut items: Vec<_> = items.iter().collect();
            items.reverse();
            Ok(Item::array(items))
        }
        _ => Err(given.mistyped(0)),
    }
}

pub(super) fn sort<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let items: Vec<_> = given.array(0)?.iter().collect();
    pay_for_sorting(by, &items)?;
    let mut items = items;
    items.sort_by(order);
    Ok(Item::array(items))
}

pub(super) fn sort_by<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let mut pairs = ranked(by, given, given.reference(1)?)?;
    let ranks: Vec<_> = pairs.iter().map(|(rank, _)| rank.clone()).collect();
    pay_for_sorting(by, &ranks)?;
    pairs.sort_by(|(left, _), (right, _)| order(left, right));
    Ok(Item::array(pairs.into_iter().map(|(_, item)| item).collect()))
}

pub(super) fn max<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    extreme(by, given, Ordering::Greater)
}

pub(super) fn min<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    extreme(by, given, Ordering::Less)
}

pub(super) fn max_by<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let pairs = ranked(by, given, given.reference(1)?)?;
    Ok(best(pairs, Ordering::Greater))
}

pub(super) fn min_by<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let pairs = ranked(by, given, given.reference(1)?)?;
    Ok(best(pairs, Ordering::Less))
}

fn extreme<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>, wanted: Ordering) -> Found<'a> {
    let items = given.array(0)?;
    by.budget.work(items.len())?;
    Ok(best(items.iter().map(|item| (item.clone(), item)).collect(), wanted))
}

/// The first of those that no other one beats, `null` of nothing.
fn best<'a>(pairs: Vec<(Item<'a>, Item<'a>)>, wanted: Ordering) -> Item<'a> {
    let mut found: Option<(Item<'a>, Item<'a>)> = None;
    for (rank, item) in pairs {
        if found.as_ref().is_none_or(|(best, _)| order(&rank, best) == wanted) {
            found = Some((rank, item));
        }
    }
    found.map_or(Item::Null, |(_, item)| item)
}

/// Each element with what the expression gives for it: all numbers, or all strings.
fn ranked<'a>(
    by: &mut Evaluator<'a>,
    given: &Arguments<'_, 'a>,
    node: NodeId,
) -> Result<Vec<(Item<'a>, Item<'a>)>, SearchError> {
    let mut pairs: Vec<(Item<'a>, Item<'a>)> = Vec::new();
    for item in given.array(0)?.iter() {
        by.budget.values(2)?;
        let rank = by.soft(node, &item)?;
        let first = pairs.first().map_or(rank.kind(), |(first, _)| first.kind());
        if !matches!(rank.view(), View::Number(_) | View::Text(_)) || rank.kind() != first {
            let message = format!("the expression gives {} where all have to be numbers, or all strings", rank.kind());
            return Err(given.error(message));
        }
        pairs.push((rank, item));
    }
    Ok(pairs)
}

fn order(left: &Item<'_>, right: &Item<'_>) -> Ordering {
    match (left.view(), right.view()) {
        (View::Number(left), View::Number(right)) => number::compare(left, right),
        (View::Text(left), View::Text(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

/// Comparisons, and the letters that they may look at.
fn pay_for_sorting<'a>(by: &mut Evaluator<'a>, items: &[Item<'a>]) -> Result<(), SearchError> {
    let rounds = items.len().checked_ilog2().unwrap_or(0) as usize + 1;
    let letters: usize =
        items.iter().map(|item| if let View::Text(text) = item.view() { text.len() / 64 } else { 0 }).sum();
    by.budget.values(items.len())?;
    by.budget.work((items.len() + letters).saturating_mul(rounds))
}

pub(super) fn to_array<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let item = given.item(0)?;
    by.budget.values(1)?;
    Ok(if matches!(item.view(), View::Array(_)) { item.clone() } else { Item::array(vec![item.clone()]) })
}

/// A number as it is, the number that a string writes, else `null`.
pub(super) fn to_number<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let item = given.item(0)?;
    Ok(match item.view() {
        View::Number(_) => item.clone(),
        View::Text(text) => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(found) if found.is_i64() || found.is_u64() => Item::Number(found),
            // Go reads `+5`, `.5` and `5.` as well; infinities are no JSON.
            _ if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
                text.parse::<f64>().ok().and_then(number::of).map_or(Item::Null, Item::Number)
            }
            _ => Item::Null,
        },
        _ => Item::Null,
    })
}

/// A string as it is, anything else as JSON: in Kyverno's dialect as Go writes it.
pub(super) fn to_string<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let item = given.item(0)?;
    if matches!(item.view(), View::Text(_)) {
        return Ok(item.clone());
    }
    let value = item.build(&mut by.budget)?;
    let text = if by.mode() == Mode::Kyverno { go::json::write(&value, false) } else { value.to_string() };
    by.made(text)
}

pub(super) fn kind<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    Ok(Item::text(given.item(0)?.kind()))
}

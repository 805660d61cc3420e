//! Lists and sets. Source: cel-go:ext/lists.go, ext/sets.go; k8s.io/apiserver pkg/cel/library/lists.go.

use std::cmp::Ordering;

use super::{Called, whole};
use crate::cel::ast::Operator;
use crate::cel::budget::Budget;
use crate::cel::error::Error;
use crate::cel::eval::{holds, sorted};
use crate::cel::operators::{apply, compare, equal};
use crate::cel::value::Value;

/// Most numbers of a range.
const MOST: i64 = 100_000;

/// A function on a list.
pub(super) fn on_list<'a>(name: &str, args: &[Value<'a>], budget: &Budget) -> Called<'a> {
    let Some((list, rest)) = args.split_first() else { return Err(Error::no_such_overload()) };
    // What looks at one item has no need of a list of all.
    if let ("first" | "last", []) = (name, rest) {
        let length = list.length().ok_or_else(Error::no_such_overload)?;
        let at = if name == "first" { Some(0) } else { length.checked_sub(1) };
        return at.and_then(|at| list.item(at)).map_or(Ok(Value::Optional(None)), Value::some);
    }
    let items = list.listed().ok_or_else(Error::no_such_overload)?;
    let position = |index: Option<usize>| Value::Int(index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1));
    Ok(match (name, rest) {
        ("isSorted", []) => {
            let mut in_order = true;
            for (one, other) in items.iter().zip(items.iter().skip(1)) {
                in_order &= compare(one, other, budget)?.is_le();
            }
            Value::Bool(in_order)
        }
        ("sum", []) => sum(&items, budget)?,
        ("min", []) => extreme(&items, Ordering::Less, "min", budget)?,
        ("max", []) => extreme(&items, Ordering::Greater, "max", budget)?,
        ("indexOf", [value]) => position(find(items.iter().enumerate(), value, budget)?),
        ("lastIndexOf", [value]) => position(find(items.iter().enumerate().rev(), value, budget)?),
        ("join", by) => {
            let by = match by {
                [] => "",
                [Value::String(by)] => by,
                _ => return Err(Error::no_such_overload()),
            };
            let mut out = String::new();
            for (index, item) in items.iter().enumerate() {
                let text = item.as_str().ok_or_else(Error::no_such_overload)?;
                budget.spend_bytes(text.len().saturating_add(by.len()))?;
                out.push_str(if index > 0 { by } else { "" });
                out.push_str(text);
            }
            Value::text(out)
        }
        ("slice", [from, to]) => {
            let (from, to) = (whole(from)?, whole(to)?);
            let wrong = || Error::new(format!("cannot slice({from}, {to}), list is length {}", items.len()));
            let (start, end) = (usize::try_from(from).map_err(|_| wrong())?, usize::try_from(to).map_err(|_| wrong())?);
            Value::list(items.get(start..end).ok_or_else(wrong)?.to_vec())?
        }
        ("flatten", depth) => {
            let depth = depth.first().map(whole).transpose()?.unwrap_or(1);
            if depth < 0 {
                return Err(Error::new("level must be non-negative"));
            }
            let mut flat = Vec::new();
            flatten(&items, depth, &mut flat, budget)?;
            Value::list(flat)?
        }
        ("distinct", []) => {
            let mut kept: Vec<Value<'a>> = Vec::new();
            for item in items.iter() {
                if !holds(&kept, item, budget)? {
                    kept.push(item.clone());
                }
            }
            Value::list(kept)?
        }
        ("sort", []) => sorted(&items, &items, budget)?,
        ("reverse", []) => Value::list(items.iter().rev().cloned().collect())?,
        ("unwrapOpt", []) => unwrap(std::slice::from_ref(list))?,
        _ => return Err(Error::no_such_overload()),
    })
}

fn find<'v, 'a: 'v>(
    items: impl Iterator<Item = (usize, &'v Value<'a>)>,
    value: &Value<'a>,
    budget: &Budget,
) -> Result<Option<usize>, Error> {
    for (index, item) in items {
        if equal(item, value, budget)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn sum<'a>(items: &[Value<'a>], budget: &Budget) -> Called<'a> {
    let mut sum: Option<Value<'a>> = None;
    for item in items {
        if !matches!(item, Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_)) {
            return Err(Error::no_such_overload());
        }
        sum = Some(match sum {
            None => item.clone(),
            Some(sum) => apply(Operator::Add, &sum, item, budget)?,
        });
    }
    Ok(sum.unwrap_or(Value::Int(0)))
}

fn extreme<'a>(items: &[Value<'a>], wanted: Ordering, name: &str, budget: &Budget) -> Called<'a> {
    let mut found: Option<&Value<'a>> = None;
    for item in items {
        let better = match found {
            None => true,
            Some(found) => compare(item, found, budget)? == wanted,
        };
        if better {
            found = Some(item);
        }
    }
    found.cloned().ok_or_else(|| Error::new(format!("{name} called on empty list")))
}

fn flatten<'a>(items: &[Value<'a>], depth: i64, flat: &mut Vec<Value<'a>>, budget: &Budget) -> Result<(), Error> {
    budget.spend_items(items.len())?;
    for item in items {
        match item.listed() {
            Some(inner) if depth > 0 => flatten(&inner, depth - 1, flat, budget)?,
            _ => flat.push(item.clone()),
        }
    }
    Ok(())
}

/// The contents of the optionals that have one.
pub(super) fn unwrap<'a>(args: &[Value<'a>]) -> Called<'a> {
    let items = args.first().and_then(Value::listed).ok_or_else(Error::no_such_overload)?;
    let mut found = Vec::new();
    for item in items.iter() {
        match item {
            Value::Optional(Some(inner)) => found.push((**inner).clone()),
            Value::Optional(None) => {}
            _ => return Err(Error::no_such_overload()),
        }
    }
    Value::list(found)
}

/// `lists.range(n)`: the numbers below `n`.
pub(super) fn range<'a>(args: &[Value<'a>], budget: &Budget) -> Called<'a> {
    let [Value::Int(count)] = args else { return Err(Error::no_such_overload()) };
    if *count > MOST {
        return Err(Error::limit(format!("lists.range() is asked for more than {MOST} numbers")));
    }
    budget.spend_items(usize::try_from(*count).unwrap_or_default())?;
    Value::list((0..*count).map(Value::Int).collect())
}

/// `sets.contains`, `sets.equivalent`, `sets.intersects`.
pub(super) fn sets<'a>(name: &str, args: &[Value<'a>], budget: &Budget) -> Called<'a> {
    let [one, other] = args else { return Err(Error::no_such_overload()) };
    let (Some(one), Some(other)) = (one.listed(), other.listed()) else { return Err(Error::no_such_overload()) };
    let all_in = |these: &[Value<'a>], those: &[Value<'a>]| -> Result<bool, Error> {
        for item in these {
            if !holds(those, item, budget)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    Ok(Value::Bool(match name {
        "contains" => all_in(&other, &one)?,
        "equivalent" => all_in(&other, &one)? && all_in(&one, &other)?,
        "intersects" => {
            for item in one.iter() {
                if holds(&other, item, budget)? {
                    return Ok(Value::Bool(true));
                }
            }
            false
        }
        _ => return Err(Error::no_such_overload()),
    }))
}

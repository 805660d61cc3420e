//! Kyverno's functions on objects and lists, and the texts that hold them.

use std::collections::BTreeMap;

use signet_yaml::Limits;

use super::super::eval::Evaluator;
use super::super::item::{Item, View};
use super::super::number;
use super::super::surroundings::SearchError;
use super::{Arguments, written};

type Found<'a> = Result<Item<'a>, SearchError>;

/// Deepest text that is read: what walks a value afterwards does so by recursion.
const DEEPEST: usize = 128;

pub(super) fn label_match<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let labels = given.object(1)?;
    for (key, value) in given.object(0)?.sorted() {
        match labels.get(key) {
            Some(found) if found.equals(&value, &mut by.budget)? => {}
            _ => return Ok(Item::Bool(false)),
        }
    }
    Ok(Item::Bool(true))
}

pub(super) fn lookup<'a>(_: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let found = match (given.item(0)?.view(), given.item(1)?.view()) {
        (View::Object(members), View::Text(key)) => members.get(key),
        (View::Object(_), _) => return Err(given.error("argument #2 is not of type String")),
        (View::Array(items), View::Number(index)) => match number::integer(index) {
            Some(index) => usize::try_from(index).ok().and_then(|index| items.get(index)),
            None => {
                let message = format!("argument #2: expected an integer number but got: {index}");
                return Err(given.error(message));
            }
        },
        _ => return Err(given.error("argument #2 is not of type Number")),
    };
    Ok(found.unwrap_or(Item::Null))
}

pub(super) fn items<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let (key_name, value_name) = (given.text(1)?, given.text(2)?);
    let pairs: Vec<(Item<'a>, Item<'a>)> = match given.item(0)?.view() {
        View::Object(members) => {
            by.budget.values(members.len())?;
            members.sorted().into_iter().map(|(key, value)| (Item::text(key), value)).collect()
        }
        View::Array(items) => {
            by.budget.values(items.len())?;
            items.iter().enumerate().map(|(index, value)| (Item::Number(index.into()), value)).collect()
        }
        _ => return Err(given.mistyped(0)),
    };
    let mut found = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        by.budget.values(3)?;
        by.budget.text(key_name.len() + value_name.len())?;
        if let View::Text(key) = key.view() {
            by.budget.text(key.len())?;
        }
        // Under one name the value wins, as in upstream's literal.
        found.push(Item::object(BTreeMap::from([(key_name.to_owned(), key), (value_name.to_owned(), value)])));
    }
    Ok(Item::array(found))
}

pub(super) fn object_from_lists<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let values = given.array(1)?;
    let mut members = BTreeMap::new();
    for (index, key) in given.array(0)?.iter().enumerate() {
        let Some(key) = written(&key) else {
            return Err(given.error("argument #1 is not of type Array of String"));
        };
        by.budget.values(1)?;
        by.budget.text(key.len())?;
        members.insert(key, values.get(index).unwrap_or(Item::Null));
    }
    Ok(Item::object(members))
}

pub(super) fn parse_json<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    // A value of one letter takes 32 bytes: what does not fit afterwards is not read at all.
    by.budget.text(text.len())?;
    by.budget.work(text.len())?;
    match serde_json::from_str(text) {
        Ok(value) => Item::of(value, &mut by.budget),
        Err(err) => Err(given.error(format!("the text is no JSON: {err}"))),
    }
}

pub(super) fn parse_yaml<'a>(by: &mut Evaluator<'a>, given: &Arguments<'_, 'a>) -> Found<'a> {
    let text = given.text(0)?;
    by.budget.text(text.len())?;
    by.budget.work(text.len())?;
    let limits = Limits {
        max_bytes: 2 << 20,
        max_depth: DEEPEST,
        max_nodes: 100_000,
        max_documents: 1,
        max_copied_bytes: 2 << 20,
    };
    let documents =
        signet_yaml::parse(text, &limits).map_err(|err| given.error(format!("the text is no YAML: {err}")))?;
    match documents.first() {
        Some(document) => Item::of(signet_yaml::to_json(&document.root), &mut by.budget),
        None => Ok(Item::Null),
    }
}

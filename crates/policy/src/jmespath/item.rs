//! Values during a search: borrowed from the document, or made and shared. Taking a part of a value or passing it on copies no data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use super::SearchError;
use super::ast::NodeId;
use super::budget::Budget;
use super::number;

#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    /// From the document, or a literal of the expression.
    Json(&'a Value),
    Null,
    Bool(bool),
    Number(Number),
    Text(Rc<str>),
    Array(Rc<Vec<Item<'a>>>),
    Object(Rc<BTreeMap<String, Item<'a>>>),
    /// `&expression`.
    Reference(NodeId),
    /// Named data at the top ([`super::Roots`]): has fields, and is no value otherwise.
    Top,
}

/// What kind of value it is, with a way into it.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'v, 'a> {
    Null,
    Bool(bool),
    Number(&'v Number),
    Text(&'v str),
    Array(Elements<'v, 'a>),
    Object(Members<'v, 'a>),
    Reference(NodeId),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Elements<'v, 'a> {
    Json(&'a [Value]),
    Made(&'v [Item<'a>]),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Members<'v, 'a> {
    Json(&'a Map<String, Value>),
    Made(&'v BTreeMap<String, Item<'a>>),
}

impl<'v, 'a> Elements<'v, 'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Elements::Json(items) => items.len(),
            Elements::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Item<'a>> {
        match self {
            Elements::Json(items) => items.get(index).map(Item::Json),
            Elements::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Item<'a>> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

impl<'v, 'a> Members<'v, 'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Members::Json(members) => members.len(),
            Members::Made(members) => members.len(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Item<'a>> {
        match self {
            Members::Json(members) => members.get(key).map(Item::Json),
            Members::Made(members) => members.get(key).cloned(),
        }
    }

    /// Keys and values by key.
    pub(super) fn sorted(self) -> Vec<(&'v str, Item<'a>)>
    where
        'a: 'v,
    {
        match self {
            Members::Json(members) => {
                let mut pairs: Vec<_> = members.iter().map(|(key, value)| (key.as_str(), Item::Json(value))).collect();
                pairs.sort_by_key(|(key, _)| *key);
                pairs
            }
            Members::Made(members) => members.iter().map(|(key, value)| (key.as_str(), value.clone())).collect(),
        }
    }
}

impl<'a> Item<'a> {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Item<'a> {
        Item::Text(text.into())
    }

    pub(super) fn array(items: Vec<Item<'a>>) -> Item<'a> {
        Item::Array(Rc::new(items))
    }

    pub(super) fn object(members: BTreeMap<String, Item<'a>>) -> Item<'a> {
        Item::Object(Rc::new(members))
    }

    pub(super) fn view(&self) -> View<'_, 'a> {
        match self {
            Item::Json(value) => match value {
                Value::Null => View::Null,
                Value::Bool(value) => View::Bool(*value),
                Value::Number(value) => View::Number(value),
                Value::String(value) => View::Text(value),
                Value::Array(items) => View::Array(Elements::Json(items)),
                Value::Object(members) => View::Object(Members::Json(members)),
            },
            Item::Null | Item::Top => View::Null,
            Item::Bool(value) => View::Bool(*value),
            Item::Number(value) => View::Number(value),
            Item::Text(value) => View::Text(value),
            Item::Array(items) => View::Array(Elements::Made(items)),
            Item::Object(members) => View::Object(Members::Made(members)),
            Item::Reference(node) => View::Reference(*node),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.view(), View::Null)
    }

    /// `false`, `null`, and empty text, arrays and objects. Zero is none of them.
    pub(super) fn is_false(&self) -> bool {
        match self.view() {
            View::Null => true,
            View::Bool(value) => !value,
            View::Text(text) => text.is_empty(),
            View::Array(items) => items.len() == 0,
            View::Object(members) => members.len() == 0,
            View::Number(_) | View::Reference(_) => false,
        }
    }

    /// The name of its type in the language.
    pub(super) fn kind(&self) -> &'static str {
        match self.view() {
            View::Null => "null",
            View::Bool(_) => "boolean",
            View::Number(_) => "number",
            View::Text(_) => "string",
            View::Array(_) => "array",
            View::Object(_) => "object",
            View::Reference(_) => "expref",
        }
    }

    /// A value that was made, piece by piece and paid for: parts of it are then shared.
    pub(super) fn of(value: Value, budget: &mut Budget) -> Result<Item<'a>, SearchError> {
        budget.values(1)?;
        Ok(match value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(value),
            Value::Number(value) => Item::Number(value),
            Value::String(text) => {
                budget.text(text.len())?;
                Item::text(text)
            }
            Value::Array(items) => {
                Item::array(items.into_iter().map(|item| Item::of(item, budget)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let pair = |(key, value): (String, Value)| Ok((key, Item::of(value, budget)?));
                Item::object(members.into_iter().map(pair).collect::<Result<_, SearchError>>()?)
            }
        })
    }

    /// The value for those outside: borrowed if it is a part of the document, else built, and paid for as if nothing were shared.
    pub(super) fn into_value(self, budget: &mut Budget) -> Result<Cow<'a, Value>, SearchError> {
        match self {
            Item::Json(value) => Ok(Cow::Borrowed(value)),
            other => Ok(Cow::Owned(other.build(budget)?)),
        }
    }

    pub(super) fn build(&self, budget: &mut Budget) -> Result<Value, SearchError> {
        budget.values(1)?;
        Ok(match self.view() {
            View::Null => Value::Null,
            View::Bool(value) => Value::Bool(value),
            View::Number(value) => Value::Number(value.clone()),
            View::Text(text) => {
                budget.text(text.len())?;
                Value::String(text.to_owned())
            }
            View::Array(items) => {
                Value::Array(items.iter().map(|item| item.build(budget)).collect::<Result<Vec<_>, _>>()?)
            }
            View::Object(members) => {
                let mut built = Map::new();
                for (key, value) in members.sorted() {
                    budget.text(key.len())?;
                    built.insert(key.to_owned(), value.build(budget)?);
                }
                Value::Object(built)
            }
            View::Reference(_) => return Err(SearchError::Reference),
        })
    }

    /// Deep equality by value. Paid for, because parts that are shared are compared each time.
    pub(super) fn equals(&self, other: &Item<'a>, budget: &mut Budget) -> Result<bool, SearchError> {
        budget.work(1)?;
        Ok(match (self.view(), other.view()) {
            (View::Null, View::Null) => true,
            (View::Bool(left), View::Bool(right)) => left == right,
            (View::Number(left), View::Number(right)) => number::equal(left, right),
            (View::Text(left), View::Text(right)) => {
                budget.work(left.len().min(right.len()) / 64)?;
                left == right
            }
            (View::Array(left), View::Array(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right.iter()) {
                    if !left.equals(&right, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (View::Object(left), View::Object(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (key, value) in left.sorted() {
                    match right.get(key) {
                        Some(found) if value.equals(&found, budget)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            _ => false,
        })
    }
}

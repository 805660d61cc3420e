//! The search: one walk over the nodes.
//!
//! Source: jmespath/go-jmespath:interpreter.go; for missing keys kyverno/kyverno:pkg/engine/jmespath/interpreter.go (19a7eb5), where the error
//! passes through fields, `.`, `[n]` and the right side of `&&`, and becomes `null` everywhere else. Unlike there, no other error is swallowed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

use super::ast::{Comparison, Expression, Node, NodeId};
use super::budget::{Budget, Limits};
use super::functions::Arguments;
use super::item::{Elements, Item, View};
use super::number;
use super::surroundings::{Mode, Roots, SearchError, Surroundings};

impl Expression {
    /// Searches a document.
    ///
    /// Gives a part of it, borrowed, or what a function, a projection or a selection made.
    /// Errors: [`SearchError`]; `null` is a result and no error.
    pub fn search<'a>(&'a self, root: &'a Value, surroundings: &Surroundings) -> Result<Cow<'a, Value>, SearchError> {
        self.run(Item::Json(root), None, surroundings).0
    }

    /// Searches data that are known by name and loaded when they are asked for. A name that nobody knows is a missing key.
    pub fn search_roots<'a>(
        &'a self,
        roots: &'a dyn Roots,
        surroundings: &Surroundings,
    ) -> Result<Cow<'a, Value>, SearchError> {
        self.run(Item::Top, Some(roots), surroundings).0
    }

    /// The same, with what is left of the limits: for those who pay for several searches together.
    pub(crate) fn search_within<'a>(
        &'a self,
        roots: &'a dyn Roots,
        surroundings: &Surroundings,
    ) -> (Result<Cow<'a, Value>, SearchError>, Limits) {
        self.run(Item::Top, Some(roots), surroundings)
    }

    /// The same in a document.
    pub(crate) fn search_document_within<'a>(
        &'a self,
        root: &'a Value,
        surroundings: &Surroundings,
    ) -> (Result<Cow<'a, Value>, SearchError>, Limits) {
        self.run(Item::Json(root), None, surroundings)
    }

    fn run<'a>(
        &'a self,
        start: Item<'a>,
        roots: Option<&'a dyn Roots>,
        surroundings: &Surroundings,
    ) -> (Result<Cow<'a, Value>, SearchError>, Limits) {
        let budget = Budget::new(&surroundings.limits);
        let mut evaluator = Evaluator { expression: self, roots, surroundings: surroundings.clone(), budget, drawn: 0 };
        let found = evaluator.eval(self.root, &start).and_then(|found| found.into_value(&mut evaluator.budget));
        (found, evaluator.budget.left())
    }
}

/// One search.
pub(super) struct Evaluator<'a> {
    expression: &'a Expression,
    roots: Option<&'a dyn Roots>,
    /// Its own, so that what is found borrows from document and expression only.
    pub(super) surroundings: Surroundings,
    pub(super) budget: Budget,
    /// Blocks of randomness that were drawn.
    pub(super) drawn: u64,
}

impl<'a> Evaluator<'a> {
    pub(super) fn mode(&self) -> Mode {
        self.surroundings.mode
    }

    fn at(&self, id: NodeId) -> Option<&'a Node> {
        self.expression.nodes.get(id)
    }

    /// The value of a node, `null` if a key is missing on the way.
    pub(super) fn soft(&mut self, id: NodeId, value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        match self.eval(id, value) {
            Err(SearchError::UnknownKey { .. }) => Ok(Item::Null),
            other => other,
        }
    }

    fn eval(&mut self, id: NodeId, value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        self.budget.work(1)?;
        let Some(node) = self.at(id) else { return Ok(Item::Null) };
        match node {
            Node::Current => self.current(value),
            Node::Field(name) => self.field(name, value),
            Node::Literal(literal) => Ok(Item::Json(literal)),
            Node::Index(index) => Ok(element(value, *index)),
            Node::Slice(parts) => self.slice(parts, value),
            Node::Child(left, right) => {
                if matches!(self.at(*left), Some(Node::Current)) {
                    return self.eval(*right, value);
                }
                let left = self.eval(*left, value)?;
                if left.is_null() && self.mode() == Mode::Kyverno {
                    return Ok(Item::Null);
                }
                self.eval(*right, &left)
            }
            Node::Flatten(left) => self.flatten(*left, value),
            Node::Projection(left, right) => {
                let left = self.soft(*left, value)?;
                match left.view() {
                    View::Array(items) => self.project(items, *right, None),
                    _ => Ok(Item::Null),
                }
            }
            Node::Values(left, right) => {
                let left = self.soft(*left, value)?;
                match left.view() {
                    View::Object(members) => {
                        self.budget.values(members.len())?;
                        let values: Vec<_> = members.sorted().into_iter().map(|(_, value)| value).collect();
                        self.project(Elements::Made(&values), *right, None)
                    }
                    _ => Ok(Item::Null),
                }
            }
            Node::Filter { left, right, condition } => {
                let left = self.soft(*left, value)?;
                match left.view() {
                    View::Array(items) => self.project(items, *right, Some(*condition)),
                    _ => Ok(Item::Null),
                }
            }
            Node::List(_) | Node::Hash(_) if !matches!(value, Item::Top) && value.is_null() => Ok(Item::Null),
            Node::List(items) => {
                self.budget.values(items.len())?;
                let found: Result<Vec<_>, _> = items.iter().map(|item| self.soft(*item, value)).collect();
                found.map(Item::array)
            }
            Node::Hash(pairs) => {
                self.budget.values(pairs.len())?;
                let mut members = BTreeMap::new();
                for (key, item) in pairs {
                    self.budget.text(key.len())?;
                    members.insert(key.clone(), self.soft(*item, value)?);
                }
                Ok(Item::object(members))
            }
            Node::Or(left, right) => {
                let left = self.soft(*left, value)?;
                if left.is_false() { self.soft(*right, value) } else { Ok(left) }
            }
            Node::And(left, right) => {
                let left = self.soft(*left, value)?;
                if left.is_false() { Ok(left) } else { self.eval(*right, value) }
            }
            Node::Not(inner) => Ok(Item::Bool(self.soft(*inner, value)?.is_false())),
            Node::Pipe(left, right) => {
                if matches!(self.at(*left), Some(Node::Current)) {
                    return self.soft(*right, value);
                }
                let left = self.soft(*left, value)?;
                self.soft(*right, &left)
            }
            Node::Compare(how, left, right) => {
                let (left, right) = (self.soft(*left, value)?, self.soft(*right, value)?);
                self.compare(*how, &left, &right)
            }
            // The parser lets references stand only where a function applies them.
            Node::Reference(inner) => Ok(Item::Reference(*inner)),
            Node::Call { function, arguments, pattern } => {
                let items: Result<Vec<_>, _> = arguments.iter().map(|argument| self.soft(*argument, value)).collect();
                let items = items?;
                function.check(&items)?;
                (function.handler)(self, &Arguments { function, items: &items, pattern })
            }
        }
    }

    fn current(&self, value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        match (value, self.roots) {
            (Item::Top, Some(roots)) => match roots.whole() {
                Some(whole) => whole.map(Item::Json).map_err(|err| SearchError::Root { name: "@".to_owned(), err }),
                None => Err(SearchError::NoWhole),
            },
            _ => Ok(value.clone()),
        }
    }

    fn field(&self, name: &str, value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        let found = match (value, self.roots) {
            (Item::Top, Some(roots)) => match roots.get(name) {
                Some(Ok(value)) => Some(Item::Json(value)),
                Some(Err(err)) => return Err(SearchError::Root { name: name.to_owned(), err }),
                None => None,
            },
            _ => match value.view() {
                View::Object(members) => members.get(name),
                // Only an object can lack a key; nothing has none to lack.
                _ => Some(Item::Null),
            },
        };
        match found {
            Some(found) => Ok(found),
            None if self.mode() == Mode::Kyverno => Err(SearchError::UnknownKey { key: name.to_owned() }),
            None => Ok(Item::Null),
        }
    }

    fn flatten(&mut self, left: NodeId, value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        let left = self.soft(left, value)?;
        let View::Array(items) = left.view() else { return Ok(Item::Null) };
        let mut flat = Vec::new();
        for item in items.iter() {
            match item.view() {
                View::Array(inner) => {
                    self.budget.values(inner.len())?;
                    flat.extend(inner.iter());
                }
                _ => {
                    self.budget.values(1)?;
                    flat.push(item);
                }
            }
        }
        Ok(Item::array(flat))
    }

    /// Each element through `right`, without those that give nothing, and without those for which the condition does not hold.
    fn project(
        &mut self,
        items: Elements<'_, 'a>,
        right: NodeId,
        condition: Option<NodeId>,
    ) -> Result<Item<'a>, SearchError> {
        let mut found = Vec::new();
        for item in items.iter() {
            if let Some(condition) = condition
                && self.soft(condition, &item)?.is_false()
            {
                continue;
            }
            let item = self.soft(right, &item)?;
            if !item.is_null() {
                self.budget.values(1)?;
                found.push(item);
            }
        }
        Ok(Item::array(found))
    }

    /// Source: jmespath.org/specification.html, "Slices", which are Python's.
    fn slice(&mut self, parts: &[Option<i64>; 3], value: &Item<'a>) -> Result<Item<'a>, SearchError> {
        let View::Array(items) = value.view() else { return Ok(Item::Null) };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let step = parts[2].unwrap_or(1);
        if step == 0 {
            return Ok(Item::Null);
        }
        let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let place = |part: Option<i64>, otherwise: i64| match part {
            None => otherwise,
            Some(part) if part < 0 => part.saturating_add(length).clamp(lowest, highest),
            Some(part) => part.clamp(lowest, highest),
        };
        let (start, stop) = if step > 0 {
            (place(parts[0], 0), place(parts[1], length))
        } else {
            (place(parts[0], length - 1), place(parts[1], -1))
        };
        let mut found = Vec::new();
        let mut at = start;
        while (step > 0 && at < stop) || (step < 0 && at > stop) {
            self.budget.values(1)?;
            found.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
            at = at.saturating_add(step);
        }
        Ok(Item::array(found))
    }

    fn compare(&mut self, how: Comparison, left: &Item<'a>, right: &Item<'a>) -> Result<Item<'a>, SearchError> {
        match how {
            Comparison::Equal => return Ok(Item::Bool(left.equals(right, &mut self.budget)?)),
            Comparison::NotEqual => return Ok(Item::Bool(!left.equals(right, &mut self.budget)?)),
            _ => {}
        }
        let (View::Number(left), View::Number(right)) = (left.view(), right.view()) else { return Ok(Item::Null) };
        let order = number::compare(left, right);
        Ok(Item::Bool(match how {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }))
    }
}

/// The element at a place, counted from the end if negative. Nothing there is `null`, in both dialects.
fn element<'a>(value: &Item<'a>, index: i64) -> Item<'a> {
    let View::Array(items) = value.view() else { return Item::Null };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length) } else { index };
    usize::try_from(index).ok().and_then(|index| items.get(index)).unwrap_or(Item::Null)
}

//! Evaluation. Source: cel-spec:doc/langdef.md, "Evaluation", "Runtime errors", "Macros"; cel-go for optionals and two-variable macros.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ast::{Entry, Expr, Kind, Literal, Macro};
use super::budget::Budget;
use super::error::Error;
use super::functions;
use super::operators::{apply, equal, order};
use super::pattern::Pattern;
use super::value::{Key, Text, Value};
use crate::kyverno::Need;

/// How deep evaluations may nest, counted in nodes, through variables too.
const DEEPEST: usize = 400;

/// What an expression is evaluated in.
pub trait Host<'a> {
    /// A variable at the top. `None`: there is none of this name.
    fn variable(&self, name: &str) -> Option<Result<Value<'a>, Error>>;

    /// What stands behind `variables.`.
    fn composed(&self, name: &'a str) -> Option<Result<Value<'a>, Error>>;

    /// The namespace that the policy lies in, if it may look into no other.
    fn confined(&self) -> Option<&str> {
        None
    }

    /// Something that must be fetched. Errors: it was not handed in.
    fn fetch(&self, need: Need) -> Result<Value<'a>, Error>;

    /// Evidence about an image that was verified elsewhere. Errors: it was not handed in.
    fn evidence(&self, function: &'a str, args: &[Value<'a>]) -> Result<Value<'a>, Error>;

    /// The time.
    fn now(&self) -> Timestamp;

    /// A seed that was not given before.
    fn seed(&self) -> [u8; 32];

    /// What may be spent.
    fn budget(&self) -> &Budget;

    /// How deep evaluations nest already.
    fn depth(&self) -> &std::cell::Cell<usize>;
}

type Evaluated<'a> = Result<Value<'a>, Error>;

/// Evaluates an expression.
pub(crate) fn evaluate<'a>(expr: &'a Expr, host: &dyn Host<'a>) -> Evaluated<'a> {
    Evaluator { host, locals: Vec::new() }.eval(expr)
}

pub(crate) struct Evaluator<'h, 'a> {
    pub(crate) host: &'h dyn Host<'a>,
    locals: Vec<(&'a str, Value<'a>)>,
}

impl<'h, 'a> Evaluator<'h, 'a> {
    fn eval(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        self.host.budget().spend(1)?;
        let depth = self.host.depth();
        if depth.get() >= DEEPEST {
            return Err(Error::limit(format!("evaluations nest deeper than {DEEPEST} levels")));
        }
        depth.set(depth.get() + 1);
        let result = self.node(expr);
        depth.set(depth.get().saturating_sub(1));
        result
    }

    fn node(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        match &expr.kind {
            Kind::Literal(literal) => constant(literal, self.host.budget()),
            Kind::Ident(name) => self.ident(name),
            Kind::Select { of, field, optional } => self.select(of, field, *optional),
            Kind::Has { of, field } => self.has(of, field),
            Kind::Index { of, index, optional } => self.index(of, index, *optional),
            Kind::Call { target, function, args, pattern } => {
                self.call(target.as_deref(), function, args, pattern.as_ref())
            }
            Kind::Not(inner) => match self.eval(inner)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                _ => Err(Error::no_such_overload()),
            },
            Kind::Negate(inner) => negate(&self.eval(inner)?),
            Kind::And(parts) => self.logical(parts, false),
            Kind::Or(parts) => self.logical(parts, true),
            Kind::Binary(operator, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                apply(*operator, &left, &right, self.host.budget())
            }
            Kind::Conditional { condition, then, otherwise } => match self.eval(condition)? {
                Value::Bool(true) => self.eval(then),
                Value::Bool(false) => self.eval(otherwise),
                _ => Err(Error::no_such_overload()),
            },
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { name, fields } => self.structure(name, fields),
            Kind::Macro { kind, of, variables, bodies } => self.comprehension(*kind, of, variables, bodies),
            Kind::Bind { name, value, body } => {
                let value = self.eval(value)?;
                self.locals.push((name, value));
                let result = self.eval(body);
                self.locals.pop();
                result
            }
        }
    }

    fn ident(&self, name: &'a str) -> Evaluated<'a> {
        if let Some((_, value)) = self.locals.iter().rev().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        if let Some(found) = self.host.variable(name) {
            return found;
        }
        match name {
            "bool" | "int" | "uint" | "double" | "string" | "bytes" | "list" | "map" | "type" | "null_type" => {
                Ok(Value::Type(Text::Borrowed(name)))
            }
            _ => Err(Error::new(format!("no such attribute(s): {name}"))),
        }
    }

    fn is_composed(&self, of: &Expr) -> bool {
        matches!(&of.kind, Kind::Ident(name) if name == "variables")
            && !self.locals.iter().any(|(name, _)| *name == "variables")
    }

    fn select(&mut self, of: &'a Expr, field: &'a str, optional: bool) -> Evaluated<'a> {
        if self.is_composed(of) {
            let value = self.host.composed(field).unwrap_or_else(|| Err(Error::no_such_key(field)));
            return if optional { value.and_then(Value::some) } else { value };
        }
        let of = self.eval(of)?;
        let key = Key::String(Text::Borrowed(field));
        match &of {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => optional_field(inner, &key),
            _ if optional => optional_field(&of, &key),
            // The type of an object is known; a field that was not set is not there.
            _ => match of.lookup(&key) {
                Some(Some(value)) => Ok(value),
                Some(None) | None => Err(Error::no_such_key(field)),
            },
        }
    }

    fn has(&mut self, of: &'a Expr, field: &'a str) -> Evaluated<'a> {
        if self.is_composed(of) {
            return Ok(Value::Bool(self.host.composed(field).is_some()));
        }
        let of = self.eval(of)?;
        let of = match &of {
            Value::Optional(None) => return Ok(Value::Bool(false)),
            Value::Optional(Some(inner)) => inner,
            other => other,
        };
        // A list has positions and no fields; of what has neither, nothing is there.
        if of.length().is_some() {
            return Err(Error::new("unsupported index type 'string' in list"));
        }
        Ok(Value::Bool(matches!(of.lookup(&Key::String(Text::Borrowed(field))), Some(Some(_)))))
    }

    fn index(&mut self, of: &'a Expr, index: &'a Expr, optional: bool) -> Evaluated<'a> {
        let of = self.eval(of)?;
        let index = self.eval(index)?;
        self.host.budget().spend_bytes(index.weight().1)?;
        match &of {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => optional_item(inner, &index),
            _ if optional => optional_item(&of, &index),
            _ => item(&of, &index)?,
        }
    }

    fn call(
        &mut self,
        target: Option<&'a Expr>,
        function: &'a str,
        args: &'a [Expr],
        pattern: Option<&'a Pattern>,
    ) -> Evaluated<'a> {
        let mut values = Vec::with_capacity(args.len() + 1);
        if let Some(of) = target {
            // The right side is not evaluated where the left has a value; and what is no optional has one, as in cel-go.
            if let ("orValue" | "or", [other]) = (function, args) {
                return match self.eval(of)? {
                    Value::Optional(Some(inner)) if function == "orValue" => Ok((*inner).clone()),
                    Value::Optional(None) => match (function, self.eval(other)?) {
                        ("or", found @ Value::Optional(_)) => Ok(found),
                        ("or", _) => Err(Error::no_such_overload()),
                        (_, found) => Ok(found),
                    },
                    found => Ok(found),
                };
            }
            values.push(self.eval(of)?);
        }
        for arg in args {
            values.push(self.eval(arg)?);
        }
        functions::call(self.host, target.is_some(), function, &values, pattern)
    }

    /// `&&` and `||`: an operand that decides does so whatever errors stand beside it.
    fn logical(&mut self, parts: &'a [Expr], decides: bool) -> Evaluated<'a> {
        let mut first: Option<Error> = None;
        for part in parts {
            let err = match self.eval(part) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => continue,
                Ok(_) => Error::no_such_overload(),
                Err(err) if err.is_limit() => return Err(err),
                Err(err) => err,
            };
            first.get_or_insert(err);
        }
        first.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn list(&mut self, items: &'a [Entry<()>]) -> Evaluated<'a> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(&item.value)?;
            match (item.optional, value) {
                (false, value) => values.push(value),
                (true, Value::Optional(Some(inner))) => values.push((*inner).clone()),
                (true, Value::Optional(None)) => {}
                (true, _) => return Err(Error::no_such_overload()),
            }
        }
        Value::list(values)
    }

    fn map(&mut self, entries: &'a [Entry<Expr>]) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let value = self.eval(&entry.value)?;
            let value = match (entry.optional, value) {
                (false, value) => value,
                (true, Value::Optional(Some(inner))) => (*inner).clone(),
                (true, Value::Optional(None)) => continue,
                (true, _) => return Err(Error::no_such_overload()),
            };
            insert(&mut map, &key, value, self.host.budget())?;
        }
        Value::map(map)
    }

    fn structure(&mut self, name: &'a str, fields: &'a [Entry<String>]) -> Evaluated<'a> {
        let mut made = BTreeMap::new();
        for field in fields {
            let value = match (field.optional, self.eval(&field.value)?) {
                (false, value) => value,
                (true, Value::Optional(Some(inner))) => (*inner).clone(),
                (true, Value::Optional(None)) => continue,
                (true, _) => return Err(Error::no_such_overload()),
            };
            made.insert(field.key.as_str(), value);
        }
        Value::structure(name, made)
    }

    /// A body with its variables.
    fn with(&mut self, variables: &'a [String], values: [Value<'a>; 2], body: &'a Expr) -> Evaluated<'a> {
        let mark = self.locals.len();
        for (name, value) in variables.iter().zip(values) {
            self.locals.push((name, value));
        }
        let result = self.eval(body);
        self.locals.truncate(mark);
        result
    }

    fn comprehension(
        &mut self,
        kind: Macro,
        of: &'a Expr,
        variables: &'a [String],
        bodies: &'a [Expr],
    ) -> Evaluated<'a> {
        let of = self.eval(of)?;
        let (Some(body), last) = (bodies.first(), bodies.last()) else { return Err(Error::no_such_overload()) };
        if matches!(kind, Macro::OptMap | Macro::OptFlatMap) {
            return match of {
                Value::Optional(None) => Ok(Value::Optional(None)),
                Value::Optional(Some(inner)) => {
                    match (kind, self.with(variables, [(*inner).clone(), Value::Null], body)?) {
                        (Macro::OptMap, value) => Value::some(value),
                        (_, value @ Value::Optional(_)) => Ok(value),
                        _ => Err(Error::no_such_overload()),
                    }
                }
                _ => Err(Error::no_such_overload()),
            };
        }
        let last = last.unwrap_or(body);
        let filter = (bodies.len() == 2).then_some(body);
        let two = variables.len() == 2;
        let steps = of.length().or(of.entries()).ok_or_else(Error::no_such_overload)?;
        self.host.budget().spend_items(steps)?;
        let pairs = of.pairs();
        let mut outcome = Outcome::default();
        for step in 0..steps {
            let values = match &pairs {
                Some(pairs) => {
                    let Some((key, value)) = pairs.get(step) else { break };
                    [key.clone(), value.clone()]
                }
                None => {
                    let Some(value) = of.item(step) else { break };
                    let index = Value::Int(i64::try_from(step).unwrap_or(i64::MAX));
                    if two { [index, value] } else { [value, Value::Null] }
                }
            };
            let key = values.first().cloned().unwrap_or(Value::Null);
            if let Some(filter) = filter {
                match self.with(variables, values.clone(), filter)? {
                    Value::Bool(true) => {}
                    Value::Bool(false) => continue,
                    _ => return Err(Error::no_such_overload()),
                }
            }
            let found = self.with(variables, values, last);
            if outcome.take(kind, key, found, self.host.budget())? {
                break;
            }
        }
        outcome.end(kind, &of, self.host.budget())
    }
}

/// What a macro over items has gathered.
#[derive(Default)]
struct Outcome<'a> {
    items: Vec<Value<'a>>,
    keys: Vec<Value<'a>>,
    map: BTreeMap<Key<'a>, Value<'a>>,
    count: usize,
    decided: bool,
    error: Option<Error>,
}

impl<'a> Outcome<'a> {
    /// Takes what the body gave. `true`: nothing can change any more.
    fn take(&mut self, kind: Macro, key: Value<'a>, found: Evaluated<'a>, budget: &Budget) -> Result<bool, Error> {
        match kind {
            Macro::All | Macro::Exists => {
                let decides = kind == Macro::Exists;
                match found {
                    Ok(Value::Bool(value)) => {
                        self.decided = value == decides;
                        return Ok(self.decided);
                    }
                    Err(err) if err.is_limit() => return Err(err),
                    Err(err) => {
                        self.error.get_or_insert(err);
                    }
                    Ok(_) => {
                        self.error.get_or_insert_with(Error::no_such_overload);
                    }
                }
            }
            Macro::ExistsOne | Macro::Filter => match found? {
                Value::Bool(true) => {
                    self.count += 1;
                    self.items.push(key);
                }
                Value::Bool(false) => {}
                _ => return Err(Error::no_such_overload()),
            },
            Macro::Map | Macro::TransformList => self.items.push(found?),
            Macro::SortBy => {
                self.keys.push(found?);
                self.items.push(key);
            }
            Macro::TransformMap => insert(&mut self.map, &key, found?, budget)?,
            Macro::TransformMapEntry => {
                for (key, value) in found?.each_pair().ok_or_else(Error::no_such_overload)? {
                    insert(&mut self.map, &key.to_value(), value, budget)?;
                }
            }
            Macro::OptMap | Macro::OptFlatMap => return Err(Error::no_such_overload()),
        }
        Ok(false)
    }

    fn end(self, kind: Macro, of: &Value<'a>, budget: &Budget) -> Evaluated<'a> {
        match kind {
            Macro::All | Macro::Exists => match (self.decided, self.error) {
                (true, _) => Ok(Value::Bool(kind == Macro::Exists)),
                (false, Some(err)) => Err(err),
                (false, None) => Ok(Value::Bool(kind == Macro::All)),
            },
            Macro::ExistsOne => Ok(Value::Bool(self.count == 1)),
            Macro::TransformMap | Macro::TransformMapEntry => Value::map(self.map),
            Macro::SortBy => {
                if of.length().is_none() {
                    return Err(Error::no_such_overload());
                }
                sorted(&self.items, &self.keys, budget)
            }
            _ => Value::list(self.items),
        }
    }
}

/// Items in the order of their keys, those of equal keys as they stood. Errors: the keys are not of one kind, or have no order.
///
/// That all of them have one is known before sorting begins: Rust's `sort_by` may panic where an order is none. Source: cel-go:ext/lists.go.
pub(crate) fn sorted<'a>(items: &[Value<'a>], keys: &[Value<'a>], budget: &Budget) -> Evaluated<'a> {
    let Some(first) = keys.first() else { return Value::list(Vec::new()) };
    let mut bytes = 0_usize;
    for key in keys {
        if key.type_name() != first.type_name() {
            return Err(Error::new("list elements must have the same type"));
        }
        order(key, key)?;
        bytes = bytes.saturating_add(key.weight().1);
    }
    // Each key is compared once on each level of a merge sort.
    let levels = keys.len().ilog2().saturating_add(1) as usize;
    budget.spend_items(keys.len().saturating_mul(levels))?;
    budget.spend_bytes(bytes.saturating_mul(levels))?;
    let mut sorted: Vec<(&Value<'a>, &Value<'a>)> = keys.iter().zip(items).collect();
    sorted.sort_by(|(one, _), (other, _)| order(one, other).unwrap_or(Ordering::Equal));
    Value::list(sorted.into_iter().map(|(_, item)| item.clone()).collect())
}

fn insert<'a>(
    map: &mut BTreeMap<Key<'a>, Value<'a>>,
    key: &Value<'a>,
    value: Value<'a>,
    budget: &Budget,
) -> Result<(), Error> {
    budget.spend(1)?;
    budget.spend_bytes(key.weight().1)?;
    let key = Key::of(key).ok_or_else(|| Error::new(format!("unsupported key type: {}", key.type_name())))?;
    if map.contains_key(&key) {
        return Err(Error::new(format!("insert failed: key {} already exists", key.spelt())));
    }
    map.insert(key, value);
    Ok(())
}

fn constant<'a>(literal: &'a Literal, budget: &Budget) -> Evaluated<'a> {
    Ok(match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(value) => Value::String(Text::Borrowed(value)),
        Literal::Bytes(value) => {
            budget.spend_bytes(value.len())?;
            Value::Bytes(value.as_slice().into())
        }
    })
}

fn negate<'a>(value: &Value<'a>) -> Evaluated<'a> {
    let overflow = || Error::new("integer overflow");
    Ok(match value {
        Value::Int(value) => Value::Int(value.checked_neg().ok_or_else(overflow)?),
        Value::Duration(value) => Value::Duration(value.checked_neg().ok_or_else(overflow)?),
        Value::Double(value) => Value::Double(-value),
        _ => return Err(Error::no_such_overload()),
    })
}

/// A field that may be missing; of what has no fields, it is. Errors: a list has positions.
fn optional_field<'a>(of: &Value<'a>, key: &Key<'_>) -> Evaluated<'a> {
    if of.length().is_some() {
        return Err(Error::new("unsupported index type 'string' in list"));
    }
    match of.lookup(key).flatten() {
        Some(value) => Value::some(value),
        None => Ok(Value::Optional(None)),
    }
}

fn optional_item<'a>(of: &Value<'a>, index: &Value<'a>) -> Evaluated<'a> {
    match item(of, index) {
        Ok(Ok(value)) => Value::some(value),
        // What is no position is none of a list's.
        Err(err) if of.length().is_some() => Err(err),
        // Nothing has items that is neither list nor map.
        Ok(Err(_)) | Err(_) => Ok(Value::Optional(None)),
    }
}

/// What stands at an index. Inner error: nothing; outer: there can be nothing.
fn item<'a>(of: &Value<'a>, index: &Value<'a>) -> Result<Result<Value<'a>, Error>, Error> {
    if of.length().is_some() {
        let position = match index {
            Value::Int(value) => Some(i128::from(*value)),
            Value::Uint(value) => Some(i128::from(*value)),
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 1e18 => Some(*value as i128),
            _ => None,
        };
        let Some(position) = position else {
            return Err(Error::new(format!("unsupported index type '{}' in list", index.type_name())));
        };
        let found = usize::try_from(position).ok().and_then(|position| of.item(position));
        return Ok(found.ok_or_else(|| Error::new(format!("index out of bounds: {position}"))));
    }
    if of.entries().is_none() {
        return Err(match index {
            Value::String(text) => Error::no_such_key(text),
            _ => Error::no_such_overload(),
        });
    }
    let Some(key) = Key::of(index) else {
        return Err(Error::new(format!("unsupported key type: {}", index.type_name())));
    };
    Ok(of.lookup(&key).flatten().ok_or_else(|| Error::no_such_key(&key.spelt())))
}

/// Whether a value is what it would be if nobody had set it.
pub(crate) fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) | Value::Duration(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Optional(None) => true,
        other => other.length().or(other.entries()) == Some(0),
    }
}

/// Whether a list holds a value.
pub(crate) fn holds<'a>(items: &[Value<'a>], value: &Value<'a>, budget: &Budget) -> Result<bool, Error> {
    for item in items {
        if equal(item, value, budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

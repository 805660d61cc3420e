//! Runs a compiled expression. Three-valued: a value, or unknown with what is missing, or an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::ast::{BinaryOp, Macro};
use super::functions::Run;
use super::program::{Activation, Lookup};
use super::{Key, Span, Type, Value, operators, strings};

/// What the checker makes of an expression: names resolved, overloads chosen.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) op: Op,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Constant(Value),
    Variable(Arc<str>, Type),
    /// A variable of a macro, counted from the outermost.
    Local(usize),
    List(Vec<Code>),
    Map(Vec<(Code, Code)>),
    Not(Box<Code>),
    Negate(Box<Code>),
    And(Vec<Code>),
    Or(Vec<Code>),
    Conditional(Box<[Code; 3]>),
    Binary(BinaryOp, Box<Code>, Box<Code>),
    Index(Box<Code>, Box<Code>),
    Select(Box<Code>, Arc<str>),
    Has(Box<Code>, Arc<str>),
    Call(Run, Vec<Code>),
    Matches(Box<Code>, Regex),
    Comprehension {
        macro_: Macro,
        range: Box<Code>,
        body: Box<Code>,
        transform: Option<Box<Code>>,
    },
}

/// Data that an expression needed and that was not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The variable.
    pub name: String,
    /// Why: "not in the advisory", "the feed is 3 days old".
    pub reason: String,
}

/// What went wrong while an expression ran: an overflow, a missing key, a cost limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// One sentence without a full stop.
    pub message: String,
    /// The part of the expression that failed.
    pub span: Span,
}

/// Why a function gave no value.
pub(super) enum Fault {
    Message(String),
    TooDear,
}

impl Fault {
    pub(super) fn wrong_type(wanted: &str, found: Option<&Value>) -> Fault {
        Fault::Message(format!("expected {wanted}, found {}", found.map_or("nothing", Value::kind)))
    }
}

/// What evaluation may still cost. One unit is about one step, or ten bytes looked at or made.
pub(super) struct Meter {
    pub(super) left: usize,
}

impl Meter {
    pub(super) fn charge(&mut self, units: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(units).ok_or(Fault::TooDear)?;
        Ok(())
    }

    pub(super) fn bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes / 10 + 1)
    }
}

/// Why there is no value.
pub(super) enum Halt {
    Unknown(Vec<Missing>),
    Error(EvalError),
    /// The cost limit. Nothing may swallow it: `&&` and `||` absorb errors of their operands, but not this.
    Abort(EvalError),
}

pub(super) struct Evaluator<'a> {
    pub(super) activation: &'a dyn Activation,
    pub(super) meter: Meter,
    pub(super) locals: Vec<Value>,
}

type Step = Result<Value, Halt>;

impl Evaluator<'_> {
    pub(super) fn run(&mut self, code: &Code) -> Step {
        self.lift(code.span, |meter| meter.charge(1))?;
        match &code.op {
            Op::Constant(value) => Ok(value.clone()),
            Op::Variable(name, ty) => self.variable(name, ty, code.span),
            Op::Local(slot) => match self.locals.get(*slot) {
                Some(value) => Ok(value.clone()),
                None => Err(failed("a variable has no value", code.span)),
            },
            Op::List(items) => Ok(Value::List(self.all(items)?.into())),
            Op::Map(entries) => self.map(entries),
            Op::Not(operand) => match self.run(operand)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                other => Err(failed(format!("expected a bool, found {}", other.kind()), operand.span)),
            },
            Op::Negate(operand) => {
                let value = self.run(operand)?;
                self.lift(code.span, |_| operators::negate(&value))
            }
            Op::And(operands) => self.junction(operands, false),
            Op::Or(operands) => self.junction(operands, true),
            Op::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                match self.run(condition)? {
                    Value::Bool(true) => self.run(then),
                    Value::Bool(false) => self.run(otherwise),
                    other => Err(failed(format!("expected a bool, found {}", other.kind()), condition.span)),
                }
            }
            Op::Binary(op, left, right) => {
                let (left, right) = self.both(left, right)?;
                self.lift(code.span, |meter| match op {
                    BinaryOp::In => operators::member(&left, &right, meter),
                    BinaryOp::Add
                    | BinaryOp::Subtract
                    | BinaryOp::Multiply
                    | BinaryOp::Divide
                    | BinaryOp::Remainder => operators::arithmetic(*op, &left, &right, meter),
                    _ => operators::compare(*op, &left, &right, meter),
                })
            }
            Op::Index(of, index) => {
                let (of, index) = self.both(of, index)?;
                self.lift(code.span, |_| operators::index(&of, &index))
            }
            Op::Select(operand, field) => {
                let of = self.run(operand)?;
                self.lift(code.span, |_| match operators::index(&of, &Value::String(field.clone())) {
                    Err(_) if matches!(of, Value::Map(_)) => Err(Fault::Message(format!("the map has no `{field}`"))),
                    other => other,
                })
            }
            Op::Has(operand, field) => match self.run(operand)? {
                Value::Map(entries) => Ok(Value::Bool(entries.contains_key(&Key::String(field.clone())))),
                other => Err(failed(format!("expected a map, found {}", other.kind()), operand.span)),
            },
            Op::Call(run, args) => {
                let args = self.all(args)?;
                self.lift(code.span, |meter| run(&args, meter))
            }
            Op::Matches(operand, regex) => match self.run(operand)? {
                Value::String(text) => self.lift(code.span, |meter| strings::found(regex, &text, meter)),
                other => Err(failed(format!("expected a string, found {}", other.kind()), operand.span)),
            },
            Op::Comprehension { macro_, range, body, transform } => {
                let range = self.run(range)?;
                let items: Vec<Value> = match &range {
                    Value::List(items) => items.to_vec(),
                    Value::Map(entries) => entries.keys().map(Key::value).collect(),
                    other => {
                        return Err(failed(format!("expected a list or a map, found {}", other.kind()), code.span));
                    }
                };
                self.lift(code.span, |meter| meter.charge(items.len()))?;
                self.comprehension(*macro_, items, body, transform.as_deref())
            }
        }
    }

    fn lift<T>(&mut self, span: Span, run: impl FnOnce(&mut Meter) -> Result<T, Fault>) -> Result<T, Halt> {
        run(&mut self.meter).map_err(|fault| match fault {
            Fault::Message(message) => failed(message, span),
            Fault::TooDear => {
                Halt::Abort(EvalError { message: "the expression costs more than its limit allows".to_owned(), span })
            }
        })
    }

    fn variable(&mut self, name: &str, ty: &Type, span: Span) -> Step {
        match self.activation.lookup(name) {
            Lookup::Value(value) if value.is(ty) => Ok(value),
            Lookup::Value(value) => {
                Err(failed(format!("`{name}` holds {} where {ty} was declared", value.kind()), span))
            }
            Lookup::Missing(reason) => Err(Halt::Unknown(vec![Missing { name: name.to_owned(), reason }])),
        }
    }

    /// `decisive` is the value that settles the matter whatever the others are: false for `&&`, true for `||`.
    /// Source: langdef.md, "Logical Operators" (commutative over errors) and "Partial State" (unknowns win over errors).
    fn junction(&mut self, operands: &[Code], decisive: bool) -> Step {
        let mut open = Open::default();
        for operand in operands {
            match self.run(operand) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => open.error(failed(format!("expected a bool, found {}", other.kind()), operand.span))?,
                Err(halt) => open.error(halt)?,
            }
        }
        open.or(Value::Bool(!decisive))
    }

    fn both(&mut self, left: &Code, right: &Code) -> Result<(Value, Value), Halt> {
        match (self.run(left), self.run(right)) {
            (Ok(left), Ok(right)) => Ok((left, right)),
            (left, right) => {
                let mut open = Open::default();
                for halt in [left.err(), right.err()].into_iter().flatten() {
                    open.error(halt)?;
                }
                Err(open.into_halt())
            }
        }
    }

    fn all(&mut self, codes: &[Code]) -> Result<Vec<Value>, Halt> {
        let mut open = Open::default();
        let mut values = Vec::with_capacity(codes.len());
        for code in codes {
            match self.run(code) {
                Ok(value) => values.push(value),
                Err(halt) => open.error(halt)?,
            }
        }
        if open.is_empty() { Ok(values) } else { Err(open.into_halt()) }
    }

    fn map(&mut self, entries: &[(Code, Code)]) -> Step {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let (found, value) = self.both(key, value)?;
            let Some(name) = Key::of(&found) else {
                return Err(failed(format!("a key cannot be {}", found.kind()), key.span));
            };
            if map.insert(name, value).is_some() {
                return Err(failed("the key stands in the map twice", key.span));
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn comprehension(&mut self, macro_: Macro, items: Vec<Value>, body: &Code, transform: Option<&Code>) -> Step {
        let mut open = Open::default();
        let mut kept = Vec::new();
        let mut hits = 0_usize;
        for item in items {
            let depth = self.locals.len();
            self.locals.push(item.clone());
            let found = self.run(body);
            let found = match (macro_, found, transform) {
                // `map(x, condition, value)`: the value of those that fulfil the condition.
                (Macro::Map, Ok(Value::Bool(true)), Some(transform)) => self.run(transform).map(Some),
                (Macro::Map, Ok(Value::Bool(false)), Some(_)) => Ok(None),
                (_, found, _) => found.map(Some),
            };
            self.locals.truncate(depth);
            let value = match found {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                Err(halt) => {
                    open.error(halt)?;
                    continue;
                }
            };
            match (macro_, value) {
                (Macro::Map, value) => kept.push(value),
                (Macro::All, Value::Bool(false)) => return Ok(Value::Bool(false)),
                (Macro::Exists, Value::Bool(true)) => return Ok(Value::Bool(true)),
                (Macro::ExistsOne, Value::Bool(true)) => hits += 1,
                (Macro::Filter, Value::Bool(true)) => kept.push(item),
                (_, Value::Bool(_)) => {}
                (_, other) => open.error(failed(format!("expected a bool, found {}", other.kind()), body.span))?,
            }
        }
        open.or(match macro_ {
            Macro::All => Value::Bool(true),
            Macro::Exists => Value::Bool(false),
            Macro::ExistsOne => Value::Bool(hits == 1),
            Macro::Filter | Macro::Map => Value::List(kept.into()),
        })
    }
}

/// What is not settled while operands are gone through.
#[derive(Default)]
struct Open {
    missing: Vec<Missing>,
    error: Option<EvalError>,
}

impl Open {
    fn error(&mut self, halt: Halt) -> Result<(), Halt> {
        match halt {
            Halt::Unknown(missing) => {
                for name in missing {
                    if !self.missing.contains(&name) {
                        self.missing.push(name);
                    }
                }
            }
            Halt::Error(error) => self.error = self.error.take().or(Some(error)),
            Halt::Abort(_) => return Err(halt),
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.error.is_none()
    }

    fn into_halt(self) -> Halt {
        match self.error {
            Some(error) if self.missing.is_empty() => Halt::Error(error),
            _ => Halt::Unknown(self.missing),
        }
    }

    fn or(self, value: Value) -> Step {
        if self.is_empty() { Ok(value) } else { Err(self.into_halt()) }
    }
}

fn failed(message: impl Into<String>, span: Span) -> Halt {
    Halt::Error(EvalError { message: message.into(), span })
}

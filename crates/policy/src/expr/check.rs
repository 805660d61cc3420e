//! Names and types: an expression becomes code, or a list of what is wrong with it.

use std::collections::BTreeSet;

use super::ast::{BinaryOp, Expr, Kind, Macro};
use super::check_call::comparison_hint;
use super::eval::{Code, Op};
use super::operators::arithmetic_type;
use super::{Diagnostic, Environment, Span, Type, Value};
use crate::suggest::nearest;

pub(super) struct Checked {
    pub(super) code: Code,
    pub(super) ty: Type,
    pub(super) variables: Vec<String>,
}

/// Checks the whole expression. Errors: all, in the order of the source.
pub(super) fn check(expr: &Expr, environment: &Environment) -> Result<Checked, Vec<Diagnostic>> {
    let mut checker = Checker { environment, scopes: Vec::new(), diagnostics: Vec::new(), variables: BTreeSet::new() };
    let (code, ty) = checker.expr(expr);
    if checker.diagnostics.is_empty() {
        return Ok(Checked { code, ty, variables: checker.variables.into_iter().collect() });
    }
    checker.diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    checker.diagnostics.dedup();
    Err(checker.diagnostics)
}

pub(super) struct Checker<'e> {
    pub(super) environment: &'e Environment,
    /// Variables of macros, outermost first.
    scopes: Vec<(String, Type)>,
    pub(super) diagnostics: Vec<Diagnostic>,
    variables: BTreeSet<String>,
}

pub(super) type Typed = (Code, Type);

impl Checker<'_> {
    /// Reports, and goes on with a type that fits everywhere, so that one mistake is one message.
    pub(super) fn wrong(&mut self, diagnostic: Diagnostic) -> Typed {
        let span = diagnostic.span;
        self.diagnostics.push(diagnostic);
        (Code { op: Op::Constant(Value::Null), span }, Type::Dyn)
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Typed {
        let span = expr.span;
        let code = |op: Op| Code { op, span };
        match &expr.kind {
            Kind::Literal(value) => (code(Op::Constant(value.clone())), literal_type(value)),
            Kind::Ident(name) => self.name(name, span),
            Kind::List(items) => {
                let (codes, types): (Vec<Code>, Vec<Type>) = items.iter().map(|item| self.expr(item)).unzip();
                (code(Op::List(codes)), Type::list(join_all(&types)))
            }
            Kind::Map(entries) => self.map(entries, span),
            Kind::Select(operand, field) => {
                let (operand_code, ty) = self.expr(operand);
                let Some(value) = self.field(&ty, field, span) else { return (operand_code, Type::Dyn) };
                (code(Op::Select(Box::new(operand_code), field.as_str().into())), value)
            }
            Kind::Has(operand, field) => {
                let (operand_code, ty) = self.expr(operand);
                if self.field(&ty, field, span).is_none() {
                    return (operand_code, Type::Bool);
                }
                (code(Op::Has(Box::new(operand_code), field.as_str().into())), Type::Bool)
            }
            Kind::Index(operand, index) => self.index(operand, index, span),
            Kind::Not(operand) => (code(Op::Not(Box::new(self.bool(operand, "`!`")))), Type::Bool),
            Kind::Negate(operand) => {
                let (operand_code, ty) = self.expr(operand);
                if !matches!(ty, Type::Int | Type::Double | Type::Dyn) {
                    return self.wrong(Diagnostic::new(format!("`-` takes a number, not {}", ty.a()), operand.span));
                }
                (code(Op::Negate(Box::new(operand_code))), ty)
            }
            Kind::And(operands) => {
                (code(Op::And(operands.iter().map(|operand| self.bool(operand, "`&&`")).collect())), Type::Bool)
            }
            Kind::Or(operands) => {
                (code(Op::Or(operands.iter().map(|operand| self.bool(operand, "`||`")).collect())), Type::Bool)
            }
            Kind::Binary(op, left, right) => self.binary(*op, left, right, span),
            Kind::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.bool(condition, "the condition of `? :`");
                let ((then_code, then_ty), (otherwise_code, otherwise_ty)) = (self.expr(then), self.expr(otherwise));
                let Some(ty) = then_ty.join(&otherwise_ty) else {
                    let message = format!("one branch gives {}, the other {}", then_ty.a(), otherwise_ty.a());
                    return self.wrong(Diagnostic::new(message, then.span.to(otherwise.span)));
                };
                (code(Op::Conditional(Box::new([condition, then_code, otherwise_code]))), ty)
            }
            Kind::Call { name, name_span, receiver, args } => {
                self.call(name, *name_span, receiver.as_deref(), args, span)
            }
            Kind::Comprehension { macro_, range, variable, body, transform } => {
                self.comprehension(*macro_, range, variable, body, transform.as_deref(), span)
            }
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Typed {
        if let Some(slot) = self.scopes.iter().rposition(|(known, _)| known == name) {
            let ty = self.scopes.get(slot).map_or(Type::Dyn, |(_, ty)| ty.clone());
            return (Code { op: Op::Local(slot), span }, ty);
        }
        if let Some(variable) = self.environment.find(name) {
            let ty = variable.ty.clone();
            self.variables.insert(name.to_owned());
            return (Code { op: Op::Variable(name.into(), ty.clone()), span }, ty);
        }
        if let Some(value) = self.environment.find_constant(name) {
            return (Code { op: Op::Constant(value.clone()), span }, literal_type(value));
        }
        let problem = Diagnostic::new(format!("there is no variable `{name}`"), span);
        let locals = self.scopes.iter().map(|(local, _)| local.as_str());
        let known = locals.chain(self.environment.names());
        let problem = match nearest(name, known.chain(["true", "false", "null"])) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => {
                let names: Vec<&str> =
                    self.environment.variables().iter().map(|variable| variable.name.as_str()).collect();
                if names.is_empty() { problem } else { problem.hint(format!("there are: {}", names.join(", "))) }
            }
        };
        self.wrong(problem)
    }

    /// An operand that must be a bool.
    pub(super) fn bool(&mut self, expr: &Expr, of: &str) -> Code {
        let (code, ty) = self.expr(expr);
        if !matches!(ty, Type::Bool | Type::Dyn) {
            let problem = Diagnostic::new(format!("{of} takes a bool, not {}", ty.a()), expr.span);
            self.diagnostics.push(match (&expr.kind, &ty) {
                (Kind::Ident(name), Type::Severity) => problem.hint(format!("compare it: `{name} >= high`")),
                (Kind::Ident(name), Type::String) => problem.hint(format!("compare it: `{name} == \"...\"`")),
                (Kind::Ident(name), Type::Double) => problem.hint(format!("compare it: `{name} >= 0.1`")),
                _ => problem,
            });
        }
        code
    }

    fn map(&mut self, entries: &[(Expr, Expr)], span: Span) -> Typed {
        let mut codes = Vec::with_capacity(entries.len());
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let ((key_code, key_ty), (value_code, value_ty)) = (self.expr(key), self.expr(value));
            if !matches!(key_ty, Type::Bool | Type::Int | Type::Uint | Type::String | Type::Dyn) {
                self.diagnostics.push(Diagnostic::new(format!("a key cannot be {}", key_ty.a()), key.span));
            }
            codes.push((key_code, value_code));
            keys.push(key_ty);
            values.push(value_ty);
        }
        (Code { op: Op::Map(codes), span }, Type::map(join_all(&keys), join_all(&values)))
    }

    /// The type of a field; `None` after a report.
    fn field(&mut self, ty: &Type, field: &str, span: Span) -> Option<Type> {
        match ty {
            Type::Dyn => Some(Type::Dyn),
            Type::Map(key, value) if matches!(**key, Type::String | Type::Dyn) => Some((**value).clone()),
            _ => {
                let problem = Diagnostic::new(format!("{} has no field `{field}`", ty.a()), span);
                let method =
                    super::functions::FUNCTIONS.iter().any(|function| function.member && function.name == field);
                self.wrong(if method {
                    problem.hint(format!("`{field}` is a function: `.{field}(...)`"))
                } else {
                    problem
                });
                None
            }
        }
    }

    fn index(&mut self, operand: &Expr, index: &Expr, span: Span) -> Typed {
        let ((operand_code, ty), (index_code, index_ty)) = (self.expr(operand), self.expr(index));
        let value = match (&ty, &index_ty) {
            (Type::Dyn, _) => Type::Dyn,
            (Type::List(of), Type::Int | Type::Uint | Type::Dyn) => (**of).clone(),
            (Type::Map(key, value), index_ty) if key.comparable(index_ty) => (**value).clone(),
            (Type::List(_) | Type::Map(..), _) => {
                return self
                    .wrong(Diagnostic::new(format!("{} is not indexed by {}", ty.a(), index_ty.a()), index.span));
            }
            _ => return self.wrong(Diagnostic::new(format!("{} has no elements", ty.a()), operand.span)),
        };
        (Code { op: Op::Index(Box::new(operand_code), Box::new(index_code)), span }, value)
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Typed {
        let ((left_code, left_ty), (right_code, right_ty)) = (self.expr(left), self.expr(right));
        let ty = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                self.choice(left, right);
                self.choice(right, left);
                left_ty.comparable(&right_ty).then_some(Type::Bool)
            }
            BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
                let unordered = |ty: &Type| matches!(ty, Type::List(_) | Type::Map(..) | Type::Null);
                (left_ty.comparable(&right_ty) && !unordered(&left_ty) && !unordered(&right_ty)).then_some(Type::Bool)
            }
            BinaryOp::In => match &right_ty {
                Type::Dyn => Some(Type::Bool),
                Type::List(of) => {
                    if let Kind::List(items) = &right.kind {
                        items.iter().for_each(|item| self.choice(left, item));
                    }
                    left_ty.comparable(of).then_some(Type::Bool)
                }
                Type::Map(key, _) => left_ty.comparable(key).then_some(Type::Bool),
                _ => {
                    let message = format!("`in` looks into a list or a map, not into {}", right_ty.a());
                    let problem = Diagnostic::new(message, right.span);
                    return self.wrong(if right_ty == Type::String {
                        problem.hint("a part of a string is found by `text.contains(part)`")
                    } else {
                        problem
                    });
                }
            },
            _ => arithmetic_type(op, &left_ty, &right_ty),
        };
        let Some(ty) = ty else {
            let sign = op.sign();
            let message = format!("`{sign}` is not defined between {} and {}", left_ty.a(), right_ty.a());
            let (at, hint) = comparison_hint(op, (left, &left_ty), (right, &right_ty));
            let problem = Diagnostic::new(message, at.unwrap_or(span));
            return self.wrong(match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        };
        (Code { op: Op::Binary(op, Box::new(left_code), Box::new(right_code)), span }, ty)
    }

    /// A string literal compared with a variable of few known values must be one of them: it would never match.
    fn choice(&mut self, variable: &Expr, literal: &Expr) {
        let (Kind::Ident(name), Kind::Literal(Value::String(text))) = (&variable.kind, &literal.kind) else { return };
        if self.scopes.iter().any(|(local, _)| local == name) {
            return;
        }
        let Some(values) = self.environment.find(name).and_then(|variable| variable.one_of.as_ref()) else { return };
        if values.iter().any(|value| **value == **text) {
            return;
        }
        let problem = Diagnostic::new(format!("`{name}` is never \"{text}\""), literal.span);
        let hint = match nearest(text, values.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("it is one of: {}", values.join(", ")),
        };
        self.diagnostics.push(problem.hint(hint));
    }

    fn comprehension(
        &mut self,
        macro_: Macro,
        range: &Expr,
        variable: &str,
        body: &Expr,
        transform: Option<&Expr>,
        span: Span,
    ) -> Typed {
        let (range_code, range_ty) = self.expr(range);
        let element = match &range_ty {
            Type::List(of) => (**of).clone(),
            Type::Map(key, _) => (**key).clone(),
            Type::Dyn => Type::Dyn,
            other => {
                return self.wrong(Diagnostic::new(format!("{} has no elements to go through", other.a()), range.span));
            }
        };
        self.scopes.push((variable.to_owned(), element.clone()));
        let (body_code, body_ty) = if macro_ == Macro::Map && transform.is_none() {
            self.expr(body)
        } else {
            (self.bool(body, "the condition"), Type::Bool)
        };
        let transformed = transform.map(|transform| self.expr(transform));
        self.scopes.pop();
        let ty = match macro_ {
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Filter => Type::list(element),
            Macro::Map => Type::list(transformed.as_ref().map_or(body_ty, |(_, ty)| ty.clone())),
        };
        let transform = transformed.map(|(code, _)| Box::new(code));
        let op = Op::Comprehension { macro_, range: Box::new(range_code), body: Box::new(body_code), transform };
        (Code { op, span }, ty)
    }
}

fn join_all(types: &[Type]) -> Type {
    let mut types = types.iter();
    let Some(first) = types.next() else { return Type::Dyn };
    types.try_fold(first.clone(), |joined, ty| joined.join(ty)).unwrap_or(Type::Dyn)
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Severity(_) => Type::Severity,
        Value::List(_) => Type::list(Type::Dyn),
        Value::Map(_) => Type::map(Type::Dyn, Type::Dyn),
    }
}

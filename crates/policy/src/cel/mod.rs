//! CEL, the Common Expression Language, as Kubernetes and Kyverno evaluate it.
//!
//! ```text
//!   text ─▶ lexer ─▶ parser (macros) ─▶ check (names, types, namespaces) ─▶ Program
//!                                                                             │
//!   Host: borrowed JSON, lazy variables, what was fetched, time, budget ──────┴─▶ Value, or an Error
//! ```
//!
//! What this module never does: it fetches nothing and knows no clock; it copies nothing of a request; it takes no error for a value; and
//! nothing that stands in an expression or in a request costs more than its budget.
//!
//! It is not `expr`, the small typed language of our own policies, which knows what a finding is and has a third truth value; CEL has neither.
//!
//! Sources: github.com/google/cel-spec doc/langdef.md; cel-go `ext`; k8s.io/apiserver pkg/cel/library; kyverno/sdk cel/libs.

mod ast;
mod budget;
mod check;
mod convert;
mod error;
mod eval;
mod functions;
mod lexer;
mod opaque;
mod operators;
mod parser;
mod pattern;
mod signatures;
mod types;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;

pub use budget::{Budget, Limits};
pub use check::Environment;
pub use error::Error;
pub use eval::Host;
pub use opaque::Opaque;
pub use value::{Key, Made, Text, Value};

use self::ast::Expr;
use self::types::Type;

/// An expression that was read and checked.
#[derive(Clone, Debug)]
pub struct Program {
    expr: Expr,
    result: Type,
}

/// What is wrong with an expression, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What to do.
    pub hint: Option<String>,
}

impl CompileError {
    fn at(text: &str, at: usize, message: impl Into<String>) -> CompileError {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        CompileError { message: message.into(), line, column, hint: None }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {} of the expression)", self.message, self.line, self.column)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl Program {
    /// Reads and checks an expression. Errors: what is known to be wrong before anything is evaluated.
    pub fn compile(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        let mut expr = parser::parse(text)?;
        let result = check::check(text, &mut expr, environment)?;
        Ok(Program { expr, result })
    }

    /// The same for an expression that must give true or false.
    pub fn compile_bool(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        Program::compile(text, environment)?.giving(&[Type::Bool], text, "bool")
    }

    /// The same for an expression that must give text.
    pub fn compile_string(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        Program::compile(text, environment)?.giving(&[Type::String], text, "string")
    }

    /// The same for an expression that may give text or nothing.
    pub fn compile_annotation(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        Program::compile(text, environment)?.giving(&[Type::String, Type::Null], text, "string or null")
    }

    /// The same for an expression that must give a list of `JSONPatch{...}`.
    pub fn compile_patches(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        Program::compile(text, environment)?.giving(&[Type::List(Box::new(Type::Dyn))], text, "list(JSONPatch)")
    }

    /// The same for an expression that must give an `Object{...}`.
    pub fn compile_object(text: &str, environment: &Environment) -> Result<Program, CompileError> {
        Program::compile(text, environment)?.giving(&[Type::Named("Object".to_owned())], text, "Object")
    }

    fn giving(self, wanted: &[Type], text: &str, name: &str) -> Result<Program, CompileError> {
        let fits = |wanted: &Type| match (&self.result, wanted) {
            // A part of an object is none.
            (Type::Named(found), Type::Named(wanted)) => found == wanted,
            (found, wanted) => found.fits(wanted),
        };
        if wanted.iter().any(fits) {
            return Ok(self);
        }
        Err(CompileError::at(text, 0, format!("must evaluate to {name}, and it is of type {}", self.result)))
    }

    /// Evaluates the expression, with a budget of its own for it.
    pub fn evaluate<'a>(&'a self, host: &dyn Host<'a>) -> Result<Value<'a>, Error> {
        let around = host.budget().begin();
        let result = eval::evaluate(&self.expr, host);
        host.budget().end(around);
        result
    }

    /// Evaluates it and wants true or false.
    pub fn holds<'a>(&'a self, host: &dyn Host<'a>) -> Result<bool, Error> {
        match self.evaluate(host)? {
            Value::Bool(value) => Ok(value),
            other => Err(Error::new(format!(
                "cel expression must evaluate to a bool, and it is of type {}",
                other.type_name()
            ))),
        }
    }
}

//! Expressions: a typed subset of CEL in which what is not known stays unknown.
//!
//! ```text
//!   text ─ lexer ─▶ tokens ─ parser ─▶ Expr ─ check (Environment) ─▶ Program ─ evaluate (Activation) ─▶ Outcome
//!                                               └─ Vec<Diagnostic>: names, types, overloads, with a hint
//! ```
//!
//! Source: cel-spec `doc/langdef.md`. Left out: messages, enums of protocol buffers, `type()`, time zones, two-variable macros.
//! Different on purpose:
//! - Everything is checked before anything runs: an unknown name, function or overload is a compile error.
//! - The type `severity` with the constants `unknown < low < medium < high < critical`.
//! - `duration("7d")` knows days and weeks.
//! - A variable without data is *unknown* and carries its name and the reason. `false && unknown` is false, `true || unknown` is true,
//!   everything else that needs the variable is unknown.
//!
//! What evaluation never does: recurse deeper than the compiled tree (which is bounded), run longer than its cost limit, or panic.

mod ast;
mod check;
mod check_call;
mod convert;
mod diagnostic;
mod environment;
mod eval;
mod finding;
mod functions;
mod lexer;
mod operators;
mod parser;
mod program;
mod strings;
mod text;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Span, render_all};
pub use environment::{Environment, Variable};
pub use eval::{EvalError, Missing};
pub use finding::{FindingData, finding_environment};
pub use program::{Activation, Limits, Lookup, Outcome, Program};
pub use types::Type;
pub use value::{Key, Value};

//! JMESPath over borrowed JSON, in Kyverno's dialect and in the standard one.
//!
//! ```text
//!   text ─▶ lexer ─▶ parser ─▶ Expression (a flat arena of nodes)
//!                                 │ search(root | Roots, Surroundings)
//!                                 ▼
//!                               eval ──▶ functions (27 of the language, 52 of Kyverno)
//!                                 │
//!                                 ▼
//!                         Cow<Value>: borrowed until a function makes something new
//! ```
//!
//! What it never does: it reads no clock and no environment, makes no randomness of its own, resolves no names and fetches nothing. Depth,
//! steps and the size of what is made are bounded by [`Limits`], so that neither an expression nor a document can take more than was granted.
//!
//! In Kyverno's dialect a key that is missing is an error, [`SearchError::UnknownKey`], and not `null`. The error passes through `.` and
//! `[n]` only: an operator, an argument, a projection and a pipe see `null` instead, which is what makes `a.b || 'x'` work.
//!
//! Sources: jmespath.org/specification.html; jmespath/go-jmespath (tokens and binding powers); kyverno/kyverno:pkg/engine/jmespath.

mod ast;
mod budget;
mod eval;
pub(crate) mod functions;
mod item;
mod lexer;
mod number;
mod parser;
mod surroundings;
#[cfg(test)]
mod tests;

pub use ast::Expression;
pub use budget::Limits;
pub use functions::{FunctionInfo, functions};
pub use surroundings::{Mode, RootError, Roots, SearchError, Surroundings};

/// Why a text is no expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no JMESPath at character {position}: {message}")]
pub struct ParseError {
    /// Characters before the place, counted from 0.
    pub position: usize,
    /// What stands there and what was expected, one sentence without a full stop.
    pub message: String,
}

impl ParseError {
    /// The text with a caret under the place, as upstream's tools print it.
    pub fn highlight(&self, text: &str) -> String {
        format!("{text}\n{}^", " ".repeat(self.position))
    }
}

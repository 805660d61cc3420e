//! A regular expression with what looking by it costs. One that stands as a literal is compiled before anything is evaluated.

use std::fmt;

use regex::Regex;

use super::budget::Budget;
use super::error::Error;
use crate::go::regex::{Unfit, compile_sized};

/// Most patterns that are kept for one policy on one request.
const KEPT: usize = 64;

/// A compiled pattern.
#[derive(Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Bytes of the text.
    length: usize,
    /// Bytes of the compiled form, at most.
    size: usize,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.regex.as_str())
    }
}

impl Pattern {
    /// Compiles a pattern. Errors: why it is none; one that is too large is a limit that was reached.
    pub(crate) fn compile(pattern: &str) -> Result<Pattern, Error> {
        match compile_sized(pattern) {
            Ok((regex, size)) => Ok(Pattern { regex, length: pattern.len(), size }),
            Err(Unfit::TooLarge(why)) => Err(Error::limit(why)),
            Err(Unfit::Wrong(why)) => Err(Error::new(why)),
        }
    }

    /// The same for a pattern that is known only now: it costs, and is kept.
    pub(crate) fn known(pattern: &str, budget: &Budget) -> Result<Pattern, Error> {
        if let Some(known) = budget.patterns().borrow().get(pattern) {
            return Ok(known.clone());
        }
        budget.spend_bytes(pattern.len().saturating_mul(100))?;
        let compiled = Pattern::compile(pattern)?;
        budget.spend_items(compiled.size / 64)?;
        let mut kept = budget.patterns().borrow_mut();
        if kept.len() < KEPT {
            kept.insert(pattern.to_owned(), compiled.clone());
        }
        Ok(compiled)
    }

    /// Bytes of the compiled form, at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The expression, paid for looking through a text once: text times pattern, as the API server counts it, and text times compiled form,
    /// because a short pattern may stand for a long one: `(a{1000}){10}`.
    pub(crate) fn over(&self, text: &str, budget: &Budget) -> Result<&Regex, Error> {
        let steps = text.len().div_ceil(10).saturating_add(1);
        let width = self.length.div_ceil(4).max(self.size / 256).max(1);
        budget.spend_items(steps.saturating_mul(width))?;
        Ok(&self.regex)
    }
}

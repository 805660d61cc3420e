//! What an evaluation may cost. Source: k8s.io/apiserver/pkg/apis/cel/config.go (`PerCallLimit`, `RuntimeCELCostBudget`).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::error::Error;
use super::pattern::Pattern;

/// How much one expression may cost, and all expressions of a policy on one request together.
///
/// Units are about those of the API server: 1 for a step, 1 for an item that is looked at, 0.1 for a byte of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one expression.
    pub expression: u64,
    /// For all of a policy.
    pub policy: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { expression: 1_000_000, policy: 10_000_000 }
    }
}

/// What is left, and the patterns that were compiled with it.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    /// In tenths, so that bytes can be counted.
    expression: Cell<u64>,
    policy: Cell<u64>,
    patterns: RefCell<BTreeMap<String, Pattern>>,
}

impl Budget {
    /// The whole of it.
    pub fn new(limits: Limits) -> Budget {
        let tenths = |units: u64| Cell::new(units.saturating_mul(10));
        Budget {
            limits,
            expression: tenths(limits.expression),
            policy: tenths(limits.policy),
            patterns: RefCell::default(),
        }
    }

    /// Begins an expression of its own. What the one around it has left comes back by [`Budget::end`].
    pub(crate) fn begin(&self) -> u64 {
        self.expression.replace(self.limits.expression.saturating_mul(10))
    }

    pub(crate) fn end(&self, around: u64) {
        self.expression.set(around);
    }

    pub(crate) fn spend(&self, units: u64) -> Result<(), Error> {
        self.tenths(units.saturating_mul(10))
    }

    /// Work on text.
    pub(crate) fn spend_bytes(&self, bytes: usize) -> Result<(), Error> {
        self.tenths(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// Work on items.
    pub(crate) fn spend_items(&self, items: usize) -> Result<(), Error> {
        self.spend(u64::try_from(items).unwrap_or(u64::MAX))
    }

    /// How many units may still be spent.
    pub(crate) fn left(&self) -> u64 {
        self.expression.get().min(self.policy.get()) / 10
    }

    /// The patterns that were compiled before, by their text.
    pub(crate) fn patterns(&self) -> &RefCell<BTreeMap<String, Pattern>> {
        &self.patterns
    }

    /// Both pay, also where one of them cannot: what an expression was too dear for, its policy has paid all the same.
    fn tenths(&self, tenths: u64) -> Result<(), Error> {
        let mut over = false;
        for left in [&self.expression, &self.policy] {
            let rest = left.get().checked_sub(tenths);
            over |= rest.is_none();
            left.set(rest.unwrap_or(0));
        }
        if over {
            return Err(Error::limit("operation cancelled: actual cost limit exceeded"));
        }
        Ok(())
    }
}

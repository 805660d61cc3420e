//! Rego policies over one signed statement, as `--policy` of Cosign's takes them.
//!
//! ```text
//!   modules (Rego v0) ─ compile ─▶ Policy ─┐
//!   statement (JSON), now ─────────────────┴─ evaluate ─▶ Allowed (with warnings) | Denied (why)
//! ```
//!
//! The query is `data.signature.allow`. It is allowed by the single result `true` and by nothing else: undefined, another value, an error, a limit and a
//! panic of the evaluator each deny, and say so.
//!
//! What a policy cannot do: read a file, a clock, the environment or the network. The evaluator is built without its `std` feature, so it has none of them;
//! `time.now_ns` is the time that was handed in, and a function that is not known here is an error, which denies even behind `not`.
//! What it takes is bounded: steps, nesting, and what its functions make, reckoned before they run. What operators make of sets and of very large numbers
//! goes through no function; there the growth of the whole process is the limit, where the program says how to measure it ([`measure_memory`]).
//! What is not bounded is the time of a single step: two values that share their parts forty levels deep are compared part by part. A policy is its user's
//! own; the statement is the stranger's, and comes as JSON, which shares nothing.
//!
//! Sources: sigstore/cosign:pkg/cosign/rego/rego.go (`ValidateJSON`); OPA's policy reference for the functions in `time.rs`.

mod dialect;
mod engine;
mod numbers;
mod query;
mod steps;
mod time;
mod weight;

pub(crate) use dialect::{data_roots, mentions, rewrite};
pub(crate) use numbers::inexact;
pub(crate) use query::{Data, Query};
pub use steps::{Meter, measure_memory};

#[cfg(test)]
mod tests;

use signet_model::Timestamp;

/// What is asked, as Cosign asks it.
pub const QUERY: &str = "data.signature.allow";

/// The package in which [`QUERY`] looks.
const PACKAGE: &str = "data.signature";

/// Bounds on a policy and its evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all modules together.
    pub policy_bytes: usize,
    /// Bytes of the statement.
    pub input_bytes: usize,
    /// Steps of the evaluator.
    pub steps: u64,
    /// Bytes that its functions make, all together, and by which the process may grow meanwhile.
    pub made_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { policy_bytes: 1 << 20, input_bytes: 64 << 20, steps: 10_000_000, made_bytes: 512 << 20 }
    }
}

/// One file of Rego.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why modules are no policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegoError {
    /// Too much text.
    #[error("the Rego policies have {bytes} bytes together, more than the {most} that are read")]
    TooLong {
        /// How much there is.
        bytes: usize,
        /// How much is read.
        most: usize,
    },
    /// A module that cannot be read.
    #[error("`{name}` cannot be read as Rego v0: {why}")]
    Syntax {
        /// The module.
        name: String,
        /// What the parser says, with the line.
        why: String,
    },
    /// The module lacks the rule that is asked for.
    #[error("`{name}` has no rule `{rule}`")]
    NoRule {
        /// The module.
        name: String,
        /// The rule.
        rule: String,
    },
    /// No module answers the query.
    #[error("no policy has `package signature`, so nothing defines `{QUERY}`: {names}")]
    NoEntry {
        /// The modules.
        names: String,
    },
}

/// Why a policy does not allow a statement.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Denied {
    /// Nothing makes the rule true.
    #[error("result is undefined for query '{QUERY}': no rule that allows it holds")]
    Undefined,
    /// Something else than `true`.
    #[error("expression value, {0}, is not true")]
    NotTrue(String),
    /// The evaluation failed.
    #[error("the policy cannot be evaluated: {0}")]
    Failed(String),
    /// It takes too long.
    #[error("the policy takes more than {0} steps")]
    Steps(u64),
    /// It takes too much memory.
    #[error("the policy makes more than {0} bytes")]
    Memory(u64),
    /// Its functions call themselves without end.
    #[error("the policy recurses too deep: Rego has no recursion, so a function of it must not call itself")]
    Recursion,
    /// The statement cannot be handed to the evaluator without loss.
    #[error("the statement cannot be judged: {0}")]
    Input(String),
    /// The evaluator itself broke.
    #[error("the evaluator broke off: {0}")]
    Panicked(String),
}

/// The statement is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What its user should know: calls that failed and were taken for undefined, which `not` turns into true.
    pub warnings: Vec<String>,
}

/// Modules that were parsed once.
#[derive(Clone, Debug)]
pub struct Policy {
    modules: Vec<Module>,
    limits: Limits,
}

impl Policy {
    /// Reads modules that are evaluated together, as Cosign evaluates all its `--policy` files.
    ///
    /// # Errors
    /// When a module cannot be read, or none is of the package `signature`.
    pub fn compile(modules: Vec<Module>, limits: Limits) -> Result<Policy, RegoError> {
        let bytes = modules.iter().fold(0_usize, |sum, module| sum.saturating_add(module.text.len()));
        if bytes > limits.policy_bytes {
            return Err(RegoError::TooLong { bytes, most: limits.policy_bytes });
        }
        Policy::readable(&modules)?;
        let names = modules.iter().map(|module| format!("`{}`", module.name)).collect::<Vec<_>>().join(", ");
        let packages = engine::packages(&modules)?;
        if !packages.iter().any(|package| package == PACKAGE) {
            return Err(RegoError::NoEntry { names });
        }
        Ok(Policy { modules, limits })
    }

    /// Numbers are read before anything is evaluated, so those that fill the memory are found before.
    fn readable(modules: &[Module]) -> Result<(), RegoError> {
        let found = modules.iter().find_map(|module| Some((module, numbers::vast(&module.text)?)));
        let Some((module, number)) = found else { return Ok(()) };
        let shown: String = number.chars().take(40).collect();
        let why = format!("the exponent of the number `{shown}` has more than 4 digits");
        Err(RegoError::Syntax { name: module.name.clone(), why })
    }

    /// Reads modules of which each that is of the package `signature` is a policy of its own, with the others as its library: all of them must allow.
    ///
    /// # Errors
    /// As [`Policy::compile`].
    pub fn each(modules: Vec<Module>, limits: &Limits) -> Result<Vec<(String, Policy)>, RegoError> {
        Policy::readable(&modules)?;
        let packages = engine::packages(&modules)?;
        let is_entry = |at: usize| packages.get(at).is_some_and(|package| package == PACKAGE);
        let library: Vec<&Module> =
            modules.iter().enumerate().filter(|(at, _)| !is_entry(*at)).map(|(_, m)| m).collect();
        let mut policies = Vec::new();
        for (at, module) in modules.iter().enumerate() {
            if is_entry(at) {
                let own = std::iter::once(module).chain(library.iter().copied()).cloned().collect();
                policies.push((module.name.clone(), Policy::compile(own, limits.clone())?));
            }
        }
        if policies.is_empty() && !modules.is_empty() {
            Policy::compile(modules, limits.clone())?;
        }
        Ok(policies)
    }

    /// Asks the policy about a statement, given as its JSON text.
    ///
    /// # Errors
    /// Why it does not allow it.
    pub fn evaluate(&self, statement: &str, now: Timestamp) -> Result<Allowed, Denied> {
        if statement.len() > self.limits.input_bytes {
            let found = statement.len();
            return Err(Denied::Input(format!(
                "it has {found} bytes, more than the {} that are read",
                self.limits.input_bytes
            )));
        }
        if let Some(number) = numbers::inexact(statement) {
            return Err(Denied::Input(format!("its number {number} cannot be compared exactly")));
        }
        engine::isolated(|| engine::ask(&self.modules, statement, now, &self.limits))
    }
}

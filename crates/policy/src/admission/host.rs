//! What an expression of a policy sees: the request, borrowed; variables, each evaluated when it is first asked for; what was fetched before.
//!
//! ```text
//!   Session: one judgement of one policy. What it may look into, what it asked for, what it has left to spend
//!     └─ Scope, one or more: names with their values, for the expressions that see the same things
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::verify::Verification;
use crate::cel::{Budget, Error, Host, Limits, Program, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::confines::Confines;
use crate::kyverno::{Need, Snapshot};

/// Things that one judgement may ask for before any of them was answered.
const MOST_NEEDS: usize = 64;
/// Bytes of paths and bodies of all that.
const MOST_ASKED: usize = 1 << 20;

/// One judgement: everything that its expressions share.
pub(super) struct Session<'a> {
    pub(super) snapshot: &'a Snapshot,
    surroundings: &'a Surroundings,
    /// What a policy that lies in a namespace may look at.
    confined: Option<Confines<'a>>,
    needs: RefCell<BTreeSet<Need>>,
    asked: Cell<usize>,
    pub(super) verification: Option<Verification<'a>>,
    budget: Budget,
    depth: Cell<usize>,
    seeds: Cell<u64>,
}

impl<'a> Session<'a> {
    /// `confined`: what a namespaced policy may look at; `None` for one that may look everywhere.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        surroundings: &'a Surroundings,
        confined: Option<Confines<'a>>,
        verification: Option<Verification<'a>>,
    ) -> Session<'a> {
        Session {
            snapshot,
            surroundings,
            confined,
            needs: RefCell::default(),
            asked: Cell::new(0),
            verification,
            budget: Budget::new(Limits::default()),
            depth: Cell::new(0),
            seeds: Cell::new(0),
        }
    }

    /// Notes what is needed. Gives the error of whoever needs it.
    pub(super) fn ask(&self, need: Need) -> Error {
        let mut needs = self.needs.borrow_mut();
        let message = format!("{need} is needed and was not given");
        if needs.contains(&need) {
            return Error::lack(message);
        }
        let size = match &need {
            Need::Api { url_path: place, body, .. } | Need::Service { url: place, body, .. } => {
                place.len().saturating_add(body.len())
            }
            _ => 0,
        };
        let asked = self.asked.get().saturating_add(size);
        // Nothing absorbs this: one that goes on asking would be answered piece by piece.
        if needs.len() >= MOST_NEEDS || asked > MOST_ASKED {
            let most = format!("a policy asks for at most {MOST_NEEDS} things at once, of {MOST_ASKED} bytes");
            return Error::lack(format!("{message}; {most}")).and_ends();
        }
        self.asked.set(asked);
        needs.insert(need);
        Error::lack(message)
    }

    /// What was needed and not given.
    pub(super) fn take_needs(&self) -> BTreeSet<Need> {
        self.needs.take()
    }

    /// Whether a namespaced policy may ask for this.
    fn allowed(&self, need: &Need) -> Result<(), Error> {
        self.confined.as_ref().map_or(Ok(()), |confines| confines.allow(need).map_err(Error::new))
    }
}

/// Values under their names, for expressions that see the same things.
pub(super) struct Scope<'a> {
    pub(super) session: &'a Session<'a>,
    facts: Vec<(&'static str, Fact<'a>)>,
    variables: &'a [(String, Program)],
    found: RefCell<Vec<State<'a>>>,
}

/// What stands under a name.
enum Fact<'a> {
    Known(Value<'a>),
    /// Nobody handed it in: only who uses it asks for it.
    Needed(Need),
}

/// What is known of a variable.
#[derive(Clone)]
enum State<'a> {
    Waiting,
    /// It is being evaluated; who asks for it then asks in a circle.
    Busy,
    Known(Result<Value<'a>, Error>),
}

impl<'a> Scope<'a> {
    pub(super) fn new(session: &'a Session<'a>, variables: &'a [(String, Program)]) -> Scope<'a> {
        Scope { session, facts: Vec::new(), variables, found: RefCell::new(vec![State::Waiting; variables.len()]) }
    }

    /// Sets a name at the top.
    pub(super) fn set(&mut self, name: &'static str, value: Value<'a>) {
        self.put(name, Fact::Known(value));
    }

    /// Sets a name that is asked for when an expression uses it.
    pub(super) fn set_needed(&mut self, name: &'static str, need: Need) {
        self.put(name, Fact::Needed(need));
    }

    fn put(&mut self, name: &'static str, fact: Fact<'a>) {
        self.facts.retain(|(known, _)| *known != name);
        self.facts.push((name, fact));
    }
}

impl<'a> Host<'a> for Scope<'a> {
    fn variable(&self, name: &str) -> Option<Result<Value<'a>, Error>> {
        let (_, fact) = self.facts.iter().find(|(known, _)| *known == name)?;
        Some(match fact {
            Fact::Known(value) => Ok(value.clone()),
            Fact::Needed(need) => Err(self.session.ask(need.clone())),
        })
    }

    fn composed(&self, name: &'a str) -> Option<Result<Value<'a>, Error>> {
        let index = self.variables.iter().rposition(|(known, _)| known == name)?;
        let (_, program) = self.variables.get(index)?;
        let before = self.found.borrow_mut().get_mut(index).map(|state| std::mem::replace(state, State::Busy))?;
        let value = match before {
            State::Known(value) => value,
            State::Busy => Err(Error::new(format!("variable `{name}` is asked for while it is evaluated"))),
            State::Waiting => program.evaluate(self),
        };
        if let Some(state) = self.found.borrow_mut().get_mut(index) {
            *state = State::Known(value.clone());
        }
        Some(value)
    }

    fn confined(&self) -> Option<&str> {
        self.session.confined.as_ref().map(|confines| confines.namespace)
    }

    fn fetch(&self, need: Need) -> Result<Value<'a>, Error> {
        self.session.allowed(&need)?;
        if let Need::Api { url_path: place, body, .. } | Need::Service { url: place, body, .. } = &need {
            self.session.budget.spend_bytes(place.len().saturating_add(body.len()))?;
        }
        let snapshot: &'a Snapshot = self.session.snapshot;
        match snapshot.get(&need) {
            // It was looked for, and is not there.
            Some(Json::Null) if matches!(need, Need::Api { .. }) => Err(Error::new(format!("{need}: not found"))),
            Some(found) => Ok(Value::of(found)),
            None => Err(self.session.ask(need)),
        }
    }

    fn evidence(&self, function: &'a str, args: &[Value<'a>]) -> Result<Value<'a>, Error> {
        match &self.session.verification {
            Some(verification) => verification.answer(self, function, args),
            None => Err(Error::lack(format!("{function}: what was verified of images was not given"))),
        }
    }

    fn now(&self) -> Timestamp {
        self.session.surroundings.now
    }

    fn seed(&self) -> [u8; 32] {
        let seeds = &self.session.seeds;
        seeds.set(seeds.get().wrapping_add(1));
        let mut seed = self.session.surroundings.seed;
        for (byte, count) in seed.iter_mut().zip(seeds.get().to_le_bytes()) {
            *byte ^= count;
        }
        seed
    }

    fn budget(&self) -> &Budget {
        &self.session.budget
    }

    fn depth(&self) -> &Cell<usize> {
        &self.session.depth
    }
}

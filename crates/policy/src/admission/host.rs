//! What an expression of a policy sees: the request, borrowed; variables, each evaluated when it is first asked for; what was fetched before.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::images::Evidence;
use crate::cel::{Budget, Error, Host, Limits, Program, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::{Need, Snapshot};

/// Values under their names, for one policy and one request.
pub(super) struct Scope<'a> {
    facts: Vec<(&'static str, Value<'a>)>,
    variables: &'a [(String, Program)],
    found: RefCell<Vec<State<'a>>>,
    snapshot: &'a Snapshot,
    surroundings: &'a Surroundings,
    /// The namespace that a namespaced policy may look into, and no other.
    confined: Option<&'a str>,
    pub(super) needs: RefCell<BTreeSet<Need>>,
    evidence: Option<&'a Evidence>,
    budget: Budget,
    depth: Cell<usize>,
    seeds: Cell<u64>,
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
    pub(super) fn new(
        variables: &'a [(String, Program)],
        snapshot: &'a Snapshot,
        surroundings: &'a Surroundings,
    ) -> Scope<'a> {
        Scope {
            facts: Vec::new(),
            variables,
            found: RefCell::new(vec![State::Waiting; variables.len()]),
            snapshot,
            surroundings,
            confined: None,
            needs: RefCell::default(),
            evidence: None,
            budget: Budget::new(Limits::default()),
            depth: Cell::new(0),
            seeds: Cell::new(0),
        }
    }

    pub(super) fn confined_to(mut self, namespace: Option<&'a str>) -> Scope<'a> {
        self.confined = namespace;
        self
    }

    /// What was verified of images.
    pub(super) fn with_evidence(mut self, evidence: &'a Evidence) -> Scope<'a> {
        self.evidence = Some(evidence);
        self
    }

    /// Sets a name at the top.
    pub(super) fn set(&mut self, name: &'static str, value: Value<'a>) {
        self.facts.retain(|(known, _)| *known != name);
        self.facts.push((name, value));
    }

    /// Forgets what variables were: something that they look at has changed.
    pub(super) fn forget(&mut self) {
        self.found.get_mut().fill(State::Waiting);
    }

    /// Whether a namespaced policy may ask for this.
    fn allowed(&self, need: &Need) -> Result<(), Error> {
        let Some(namespace) = self.confined else { return Ok(()) };
        match need {
            Need::Api { url_path, .. } => {
                let own = format!("/namespaces/{namespace}/");
                if url_path.contains(&own) {
                    return Ok(());
                }
                Err(Error::new(format!("a policy of namespace `{namespace}` may not look at `{url_path}`")))
            }
            Need::Service { .. } => Err(Error::new("a namespaced policy may not ask other services")),
            _ => Ok(()),
        }
    }
}

impl<'a> Host<'a> for Scope<'a> {
    fn variable(&self, name: &str) -> Option<Result<Value<'a>, Error>> {
        self.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| Ok(value.clone()))
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
        self.confined
    }

    fn fetch(&self, need: Need) -> Result<Value<'a>, Error> {
        self.allowed(&need)?;
        if let Some(found) = self.snapshot.get(&need) {
            return Ok(Value::of(found));
        }
        let message = format!("{need} is needed and was not given");
        self.needs.borrow_mut().insert(need);
        Err(Error::new(message))
    }

    fn evidence(&self, function: &'a str, args: &[Value<'a>]) -> Result<Value<'a>, Error> {
        match self.evidence {
            Some(evidence) => evidence.answer(function, args),
            None => Err(Error::new(format!("{function}: what was verified of the image was not given"))),
        }
    }

    fn now(&self) -> Timestamp {
        self.surroundings.now
    }

    fn seed(&self) -> [u8; 32] {
        self.seeds.set(self.seeds.get().wrapping_add(1));
        let mut seed = self.surroundings.seed;
        for (byte, count) in seed.iter_mut().zip(self.seeds.get().to_le_bytes()) {
            *byte ^= count;
        }
        seed
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

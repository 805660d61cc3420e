//! `admit/kyverno-chainsaw` and `admit/kyverno-policies-chainsaw`: Kyverno's chainsaw suites, over a model of the API server.
//!
//! ```text
//!   chainsaw-test.yaml ─▶ suite (actions | expectations) ── actions ─▶ cluster ── every write ─▶ signet_policy ─▶ errors, objects
//!                                          └── expectations ────────────── compared afterwards (tree) ──────────────┘
//! ```
//!
//! The model stores objects and calls webhooks; all decisions are the product's. It never sees what a test expects: an assertion is a moment at
//! which the store is copied. A row that must be refused passes only when every object of its file was refused.
//!
//! Tests that need a registry run beside one of our own making ([`World`]) and are reviewed by the real webhook; their rows are the subset `registry`.
//! Keys, certificates and digests of upstream are replaced by ours in everything that such a test reads.

mod cluster;
mod suite;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;

use self::cluster::{Cluster, Store};
use self::suite::{Action, Operation, Test};
use self::tree::Bindings;
use super::world::World;
use crate::set::{Case, Judged, Verdict, judge, text};

/// The namespace that a test gets for itself.
const NAMESPACE: &str = "chainsaw-model";

/// The subset of the rows whose tests need a registry.
const REGISTRY: &str = "registry";

/// What the evaluator sees of a row: the test, and which of its operations is meant.
#[derive(Debug)]
struct Input {
    test: String,
    operation: Option<usize>,
}

/// What is compared: allow, deny, assert or error.
#[derive(Debug)]
struct Expected {
    result: String,
}

/// What came of an operation.
#[derive(Debug)]
enum Outcome {
    /// For each object the error, or nothing.
    Written(Vec<Option<String>>),
    /// What was there at that moment.
    Seen(Rc<Store>),
    Broken(String),
}

/// The rows of the set's own folder.
pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let area = folder.parent().context("a set lies in its area")?;
    let name = folder.file_name().and_then(|name| name.to_str()).context("a set has a name")?;
    run(area, name.strip_suffix("-chainsaw").filter(|_| !folder.exists()).unwrap_or(name))
}

fn run(area: &Path, set: &str) -> Result<Vec<Judged>> {
    let mut tests: BTreeMap<String, Result<Test>> = BTreeMap::new();
    // Tests that need a registry.
    let mut beside: BTreeSet<String> = BTreeSet::new();
    // How many rows of a test have named the same operation and file before.
    let mut met: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for (number, line) in text(&area.join("cases.tsv"))?.lines().enumerate().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [reach, "chainsaw", file, _policy, _rule, verb, resource, result, ..] = columns.as_slice() else {
            continue;
        };
        let Some(within) = file.strip_prefix(set).and_then(|within| within.strip_prefix('/')) else { continue };
        let registry = *reach != "offline";
        if registry {
            beside.insert(within.to_owned());
        }
        let test = tests.entry(within.to_owned()).or_insert_with(|| {
            let mut test = Test::read(&area.join(file), NAMESPACE)?;
            if registry {
                let world = World::get()?;
                test.change(&|value| world.swap(value));
            }
            Ok(test)
        });
        let before = met.entry((within.to_owned(), (*verb).to_owned(), (*resource).to_owned())).or_default();
        let operation = test.as_ref().ok().and_then(|test| {
            let named = |operation: &&(usize, &Operation)| operation.1.verb == *verb && operation.1.file == *resource;
            let operations: Vec<(usize, &Operation)> = test.operations.iter().enumerate().collect();
            operations.iter().filter(named).nth(*before).map(|(index, _)| *index)
        });
        *before += 1;
        let id = format!("{}:{verb}:{resource}:{number}", within.trim_end_matches("/chainsaw-test.yaml"));
        let group = within.split('/').next().unwrap_or_default().to_owned();
        let input = Input { test: within.to_owned(), operation };
        let case = Case::new(id, input, Expected { result: (*result).to_owned() }).within(group);
        cases.push(if registry { case.within(REGISTRY.to_owned()) } else { case });
    }
    let mut outcomes: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (name, test) in &mut tests {
        let Ok(test) = test else { continue };
        let world = if beside.contains(name) { Some(World::get()?) } else { None };
        let alone = world.is_none();
        let (mut outcome, lacks) = perform(test, world);
        // The list calls it offline, and it asks what an image is.
        if let Some(world) = (alone && lacks).then(World::get).and_then(Result::ok) {
            test.change(&|value| world.swap(value));
            (outcome, _) = perform(test, Some(world));
        }
        outcomes.insert(name.clone(), outcome);
    }
    let answer = |input: &Input| (input.test.clone(), input.operation);
    Ok(judge(cases, answer, |_, (test, operation), expected| {
        let test_read = match tests.get(test) {
            Some(Ok(test)) => test,
            Some(Err(why)) => return Verdict::Failed(format!("the test cannot be read: {why:#}")),
            None => return Verdict::Failed("there is no such test".to_owned()),
        };
        let found =
            operation.and_then(|index| Some((test_read.operations.get(index)?, outcomes.get(test)?.get(index)?)));
        match found {
            Some((operation, outcome)) => compare(operation, outcome, &expected.result, &test_read.bindings),
            None => Verdict::Failed("the test has no such operation".to_owned()),
        }
    }))
}

/// Does what a test does, on a cluster of its own; and whether a policy asked of registries what nobody knew.
fn perform(test: &Test, world: Option<Arc<World>>) -> (Vec<Outcome>, bool) {
    let mut cluster = match world {
        Some(world) => Cluster::beside(NAMESPACE, world),
        None => Cluster::new(NAMESPACE),
    };
    let mut outcomes = Vec::new();
    for operation in &test.operations {
        let mut each =
            |objects: &[Value], act: &mut dyn FnMut(&mut Cluster, &Value) -> std::result::Result<(), String>| {
                Outcome::Written(objects.iter().map(|object| act(&mut cluster, object).err()).collect())
            };
        let outcome = match &operation.action {
            Action::Apply(objects) => each(objects, &mut |cluster, object| cluster.apply(object)),
            Action::Create(objects) => each(objects, &mut |cluster, object| cluster.create(object)),
            Action::Patch(objects) => each(objects, &mut |cluster, object| cluster.patch(object)),
            Action::Delete(objects) => each(objects, &mut |cluster, object| cluster.delete(object)),
            Action::Script(script) => {
                cluster.script(script, &|file| test.objects(file).unwrap_or_default());
                Outcome::Written(Vec::new())
            }
            Action::Look => Outcome::Seen(Rc::new(cluster.seen())),
            Action::Broken(why) => Outcome::Broken(why.clone()),
        };
        outcomes.push(outcome);
    }
    (outcomes, cluster.needs_registry())
}

fn compare(operation: &Operation, outcome: &Outcome, result: &str, bindings: &Bindings) -> Verdict {
    match (outcome, result) {
        (Outcome::Broken(why), _) => Verdict::Failed(why.clone()),
        (Outcome::Written(errors), "allow" | "deny") => {
            // What a test checks of the error says more than the list of cases, where there is a check.
            for error in errors {
                let mut bindings = bindings.clone();
                bindings.insert("error".to_owned(), error.clone().map_or(Value::Null, Value::String));
                for check in &operation.expectation.checks {
                    if let Err(why) = tree::check(check, &Value::Null, &bindings) {
                        let found = error.as_deref().unwrap_or("it was allowed");
                        return Verdict::Failed(format!("expected {result}: {why}: {found}"));
                    }
                }
                match (error, result) {
                    (None, "deny") => return Verdict::Failed("expected deny, and it was allowed".to_owned()),
                    (Some(error), "allow") if operation.expectation.checks.is_empty() => {
                        return Verdict::Failed(format!("expected allow, got: {error}"));
                    }
                    _ => {}
                }
            }
            if errors.is_empty() {
                Verdict::Failed("the operation is about no object".to_owned())
            } else {
                Verdict::Passed
            }
        }
        (Outcome::Seen(store), "assert") => {
            let each = operation.expectation.objects.iter().map(|tree| store.holds(tree, NAMESPACE, bindings));
            each.collect::<std::result::Result<Vec<()>, String>>().map_or_else(Verdict::Failed, |_| Verdict::Passed)
        }
        (Outcome::Seen(store), "error") => {
            let there =
                operation.expectation.objects.iter().find(|tree| store.holds(tree, NAMESPACE, bindings).is_ok());
            there.map_or(Verdict::Passed, |tree| Verdict::Failed(format!("this should not be there: {tree}")))
        }
        _ => Verdict::Failed(format!("`{}` cannot end in {result}", operation.verb)),
    }
}

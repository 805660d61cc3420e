//! Modules that are read and prepared once, and asked for one rule often: what Gatekeeper's templates are.
//!
//! The prepared evaluator is cloned for each question and runs on a thread of its own, under the limits of `rego`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use regorus::{Engine, Value};
use serde_json::Value as Json;
use signet_model::Timestamp;

use super::{Denied, Limits, Module, RegoError, engine, numbers, steps, weight};

/// Modules with a rule that is asked for.
#[derive(Clone)]
pub(crate) struct Query {
    engine: Engine,
    rule: String,
    limits: Limits,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// JSON as the evaluator holds it, converted once.
#[derive(Clone, Debug)]
pub(crate) struct Data(Value);

impl Data {
    /// Errors: a number that the evaluator would round, or nesting beyond what it reads.
    pub(crate) fn of(json: &Json) -> Result<Data, Denied> {
        let text = json.to_string();
        if let Some(number) = numbers::inexact(&text) {
            return Err(Denied::Input(format!("its number {number} cannot be compared exactly")));
        }
        Value::from_json_str(&text).map(Data).map_err(|err| Denied::Input(engine::clean(&err.to_string())))
    }
}

/// What `external_data` is answered with: by provider and key, a value or why there is none.
pub(crate) type Lookup = BTreeMap<(String, String), Result<Json, String>>;

thread_local! {
    /// What this thread's evaluation may look up, and what it looked for in vain.
    static LOOKUP: RefCell<(Lookup, BTreeSet<(String, String)>)> = const { RefCell::new((BTreeMap::new(), BTreeSet::new())) };
}

/// Providers and keys that were looked for in vain.
type Missing = BTreeSet<(String, String)>;

/// Keys of one call of `external_data`.
const MAX_KEYS: usize = 1_000;

/// `external_data({"provider": .., "keys": [..]})` of Gatekeeper.
///
/// Source: open-policy-agent/gatekeeper:pkg/externaldata/response.go, frameworks/constraint/pkg/client/drivers/rego/builtin.go.
fn external_data(args: &[Value]) -> anyhow::Result<Value> {
    let request = args.first().and_then(|value| serde_json::to_value(value).ok()).unwrap_or(Json::Null);
    let provider = request.get("provider").and_then(Json::as_str).unwrap_or_default().to_owned();
    let keys = request.get("keys").and_then(Json::as_array).cloned().unwrap_or_default();
    anyhow::ensure!(!provider.is_empty(), "external_data: the request names no `provider`");
    anyhow::ensure!(keys.len() <= MAX_KEYS, "external_data: more than {MAX_KEYS} keys are asked for");
    LOOKUP.with_borrow_mut(|(known, missing)| {
        let (mut responses, mut errors) = (Vec::new(), Vec::new());
        let mut complete = true;
        for key in &keys {
            let Some(name) = key.as_str() else { anyhow::bail!("external_data: a key is no text") };
            match known.get(&(provider.clone(), name.to_owned())) {
                Some(Ok(value)) => responses.push(serde_json::json!([name, value])),
                Some(Err(why)) => errors.push(serde_json::json!([name, why])),
                None => {
                    missing.insert((provider.clone(), name.to_owned()));
                    complete = false;
                }
            }
        }
        anyhow::ensure!(complete, "external_data: what provider `{provider}` says is needed and was not given");
        let answer = serde_json::json!({
            "responses": responses, "errors": errors, "status_code": 200, "system_error": "",
        });
        Value::from_json_str(&answer.to_string())
    })
}

/// What a question came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// What the rule gives: nothing when it is undefined, the members of a set or a list, else the one value.
    pub(crate) items: Vec<Json>,
    /// Whether they are members: a set that holds `true` is not `true`.
    pub(crate) are_members: bool,
    /// Calls that failed and were taken for undefined, as OPA takes them.
    pub(crate) warnings: Vec<String>,
}

/// Why there is no answer, and what must be looked up first.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) why: Denied,
    pub(crate) needs: BTreeSet<(String, String)>,
}

impl Query {
    /// Reads and prepares modules. `rule` is the name of a rule of the first one.
    ///
    /// Errors: a module cannot be read, or the first one has no such rule.
    pub(crate) fn compile(modules: &[Module], v0: bool, rule: &str, limits: Limits) -> Result<Query, RegoError> {
        let bytes = modules.iter().fold(0_usize, |sum, module| sum.saturating_add(module.text.len()));
        if bytes > limits.policy_bytes {
            return Err(RegoError::TooLong { bytes, most: limits.policy_bytes });
        }
        super::Policy::readable(modules)?;
        let name = modules.first().map(|module| module.name.clone()).unwrap_or_default();
        let read = || {
            let failed = |err: anyhow::Error| Denied::Failed(engine::clean(&err.to_string()));
            let mut engine = engine::bare(v0).map_err(Denied::Failed)?;
            let timer = steps::limit(limits.steps, limits.made_bytes)
                .ok_or_else(|| Denied::Failed("its steps cannot be counted".to_owned()))?;
            engine.set_execution_timer_config(timer);
            weight::begin(limits.made_bytes);
            engine::begin(&mut engine, Timestamp::UNIX_EPOCH, false);
            engine::add_functions(&mut engine).map_err(failed)?;
            engine
                .add_extension("external_data".to_owned(), 1, Box::new(|args: Vec<Value>| external_data(&args)))
                .map_err(failed)?;
            let mut packages = Vec::new();
            for module in modules {
                match engine::add_module(&mut engine, module) {
                    Ok(package) => packages.push(package),
                    Err(err) => {
                        let why = engine::clean(&err.to_string());
                        return Ok(Err(RegoError::Syntax { name: module.name.clone(), why }));
                    }
                }
            }
            let entry = packages.first().cloned().unwrap_or_default();
            let declared = engine.has_declared_rule_rooted_at(&name, rule).unwrap_or(false);
            if !declared {
                return Ok(Err(RegoError::NoRule { name: name.clone(), rule: rule.to_owned() }));
            }
            // Whatever is found only when the rules are put in order is found now.
            let prepared = engine.eval_query("1".to_owned(), false);
            Ok(match prepared {
                Err(err) => Err(RegoError::Syntax { name: name.clone(), why: engine::clean(&err.to_string()) }),
                Ok(_) => Ok((engine, format!("{entry}.{rule}"))),
            })
        };
        match engine::isolated(read) {
            Ok(Ok((engine, rule))) => Ok(Query { engine, rule, limits }),
            Ok(Err(err)) => Err(err),
            Err(denied) => Err(RegoError::Syntax { name, why: denied.to_string() }),
        }
    }

    /// The package of the first module, as `data.NAME`.
    pub(crate) fn package(&self) -> &str {
        self.rule.rsplit_once('.').map_or("", |(package, _)| package)
    }

    /// Asks for the rule. Failures of functions are undefined, as in OPA; that they happened is told.
    pub(crate) fn ask(
        &self,
        input: &Data,
        data: Option<&Data>,
        lookup: &Lookup,
        now: Timestamp,
    ) -> Result<Found, Unanswered> {
        let mut needs = BTreeSet::new();
        let asked = engine::isolated(|| {
            let strict = self.once(input, data, lookup, now, true);
            if let Ok((items, are_members)) = strict.0 {
                return Ok((Ok(Found { items, are_members, warnings: Vec::new() }), strict.1));
            }
            let (found, mut needs) = self.once(input, data, lookup, now, false);
            needs.extend(strict.1);
            let warning = strict.0.err().map(|denied| {
                format!(
                    "a call in the policy failed and was taken for undefined, which `not` turns into true: {denied}"
                )
            });
            // What an answer of a provider is missing for must not pass as undefined.
            let found = match found {
                Ok(_) if !needs.is_empty() => {
                    Err(Denied::Failed("external data is needed and was not given".to_owned()))
                }
                found => found.map(|(items, are_members)| Found {
                    items,
                    are_members,
                    warnings: warning.into_iter().collect(),
                }),
            };
            Ok((found, needs))
        });
        let why = match asked {
            Ok((found, missing)) => {
                needs = missing;
                match found {
                    Ok(found) => return Ok(found),
                    Err(why) => why,
                }
            }
            Err(why) => why,
        };
        Err(Unanswered { why, needs })
    }

    fn once(
        &self,
        input: &Data,
        data: Option<&Data>,
        lookup: &Lookup,
        now: Timestamp,
        strict: bool,
    ) -> (Result<(Vec<Json>, bool), Denied>, Missing) {
        LOOKUP.with_borrow_mut(|cell| *cell = (lookup.clone(), BTreeSet::new()));
        let result = self.evaluate(input, data, now, strict);
        let missing = LOOKUP.with_borrow_mut(|cell| std::mem::take(&mut cell.1));
        (result, missing)
    }

    fn evaluate(
        &self,
        input: &Data,
        data: Option<&Data>,
        now: Timestamp,
        strict: bool,
    ) -> Result<(Vec<Json>, bool), Denied> {
        let limits = &self.limits;
        let limited = || {
            steps::met(limits.steps).map(|met| match met {
                steps::Met::Steps => Denied::Steps(limits.steps),
                steps::Met::Depth => Denied::Recursion,
                steps::Met::Memory => Denied::Memory(limits.made_bytes),
            })
        };
        let failed = |err: anyhow::Error| limited().unwrap_or_else(|| Denied::Failed(engine::clean(&err.to_string())));
        let timer = steps::limit(limits.steps, limits.made_bytes)
            .ok_or_else(|| Denied::Failed("its steps cannot be counted".to_owned()))?;
        weight::begin(limits.made_bytes);
        let mut engine = self.engine.clone();
        engine.set_execution_timer_config(timer);
        engine::begin(&mut engine, now, strict);
        if let Some(Data(data)) = data {
            engine.add_data(data.clone()).map_err(failed)?;
        }
        engine.set_input(input.0.clone());
        let value = engine.eval_rule(self.rule.clone()).map_err(failed)?;
        if let Some(denied) = limited() {
            return Err(denied);
        }
        let (items, are_members): (Vec<&Value>, bool) = match &value {
            Value::Undefined => (Vec::new(), false),
            Value::Set(items) => (items.iter().collect(), true),
            Value::Array(items) => (items.iter().collect(), true),
            other => (vec![other], false),
        };
        // Parts may be shared, and written out they may be much more.
        if weight::text(&value, limits.made_bytes).is_none() {
            return Err(Denied::Memory(limits.made_bytes));
        }
        let json =
            |value: &Value| serde_json::to_value(value).map_err(|err| Denied::Failed(engine::clean(&err.to_string())));
        Ok((items.into_iter().map(json).collect::<Result<_, _>>()?, are_members))
    }
}

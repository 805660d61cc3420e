//! The evaluator: what it is given, and how it is kept apart.

use std::cell::Cell;
use std::num::{NonZeroU32, NonZeroUsize};

use regorus::{Engine, PolicyLengthConfig, Value};
use signet_model::Timestamp;

use super::time::{Call, FUNCTIONS};
use super::{Allowed, Denied, Limits, Module, QUERY, RegoError, dialect, steps, weight};

/// Elements of a range of numbers.
const MAX_RANGE: i64 = 1_000_000;
/// Letters of a message of the evaluator's.
const MAX_MESSAGE: usize = 2_000;
/// Bytes of a result that is shown.
const MAX_SHOWN: u64 = 1 << 20;

/// Runs an evaluation on a stack of its own; a panic ends it and nothing else.
pub(super) fn isolated<T: Send>(work: impl FnOnce() -> Result<T, Denied> + Send) -> Result<T, Denied> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("rego".to_owned()).stack_size(steps::STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|err| Denied::Failed(format!("there is no thread for it: {err}")))?;
        thread.join().unwrap_or_else(|panic| {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Denied::Panicked(clean(text.unwrap_or("it gave no reason"))))
        })
    })
}

/// The package of each module, as `data.NAME`.
pub(super) fn packages(modules: &[Module]) -> Result<Vec<String>, RegoError> {
    let read = || {
        let mut found = Vec::new();
        let mut engine = bare(true).map_err(Denied::Failed)?;
        for module in modules {
            match add_module(&mut engine, module) {
                Ok(package) => found.push(Ok(package)),
                Err(err) => {
                    found.push(Err(RegoError::Syntax { name: module.name.clone(), why: clean(&err.to_string()) }))
                }
            }
        }
        Ok(found)
    };
    match isolated(read) {
        Ok(found) => found.into_iter().collect(),
        Err(denied) => {
            let name = modules.iter().map(|module| module.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(RegoError::Syntax { name, why: denied.to_string() })
        }
    }
}

/// Adds a module as OPA reads it. One that cannot be read so is read once more as it is written, for the message; what can be read only so would mean
/// something else to OPA than to us, and is an error.
pub(super) fn add_module(engine: &mut Engine, module: &Module) -> anyhow::Result<String> {
    let rewritten = dialect::rewrite(&module.text);
    if let Some(line) = rewritten.left {
        anyhow::bail!("line {line}: a negation is too long, too deep or one of too many to be read as OPA reads it");
    }
    let before = engine.clone();
    engine.add_policy(module.name.clone(), rewritten.text.clone()).or_else(|err| {
        if rewritten.text == module.text {
            return Err(err);
        }
        *engine = before;
        engine.add_policy(module.name.clone(), module.text.clone())?;
        let line = rewritten.operands.first().map_or(1, |operand| operand.line);
        anyhow::bail!("it cannot be read as OPA reads it; look at the negation in line {line}, and give its parts names of their own")
    })
}

/// An evaluator of Rego v0, or of v1, that knows nothing.
pub(super) fn bare(v0: bool) -> Result<Engine, String> {
    let mut engine = Engine::new();
    engine.set_rego_v0(v0);
    let wide = NonZeroU32::new(1 << 16).ok_or("no width")?;
    let long = NonZeroUsize::new(4 << 20).ok_or("no length")?;
    engine.set_policy_length_config(PolicyLengthConfig { max_col: wide, max_file_bytes: long, max_lines: long });
    Ok(engine)
}

/// Asks the query, as OPA does by default: a function that fails is undefined. Then once more with failures as errors, to find those that went unnoticed.
pub(super) fn ask(modules: &[Module], statement: &str, now: Timestamp, limits: &Limits) -> Result<Allowed, Denied> {
    let input = Value::from_json_str(statement).map_err(|err| Denied::Input(clean(&err.to_string())))?;
    once(modules, &input, now, limits, false)?;
    let warnings = match once(modules, &input, now, limits, true) {
        Ok(()) => Vec::new(),
        Err(denied) => vec![format!(
            "a call in the policy failed and was taken for undefined, which `not` turns into true: {denied}"
        )],
    };
    Ok(Allowed { warnings })
}

fn once(modules: &[Module], input: &Value, now: Timestamp, limits: &Limits, strict: bool) -> Result<(), Denied> {
    let limited = || {
        steps::met(limits.steps).map(|met| match met {
            steps::Met::Steps => Denied::Steps(limits.steps),
            steps::Met::Depth => Denied::Recursion,
            steps::Met::Memory => Denied::Memory(limits.made_bytes),
        })
    };
    let failed = |err: anyhow::Error| limited().unwrap_or_else(|| Denied::Failed(clean(&err.to_string())));
    let mut engine = bare(true).map_err(Denied::Failed)?;
    let steps = steps::limit(limits.steps, limits.made_bytes)
        .ok_or_else(|| Denied::Failed("its steps cannot be counted".to_owned()))?;
    engine.set_execution_timer_config(steps);
    weight::begin(limits.made_bytes);
    begin(&mut engine, now, strict);
    add_functions(&mut engine).map_err(failed)?;
    for module in modules {
        add_module(&mut engine, module).map_err(failed)?;
    }
    engine.set_input(input.clone());
    let results = engine.eval_query(QUERY.to_owned(), false).map_err(failed)?;
    // The evaluator may stop at its limit without an error of its own.
    if let Some(denied) = limited() {
        return Err(denied);
    }
    match results.result.as_slice() {
        [] => Err(Denied::Undefined),
        [result] => match result.expressions.as_slice() {
            [expression] if expression.value == Value::Undefined => Err(Denied::Undefined),
            [expression] if expression.value == Value::Bool(true) && is_empty(&result.bindings) => Ok(()),
            [expression] => Err(Denied::NotTrue(shown(&expression.value))),
            _ => Err(Denied::NotTrue("several expressions".to_owned())),
        },
        _ => Err(Denied::NotTrue("several results".to_owned())),
    }
}

/// A result that is not `true`, for a message. Its parts may be shared, and so its text may be much longer than what it takes.
fn shown(value: &Value) -> String {
    weight::text(value, MAX_SHOWN)
        .map_or_else(|| "a value that is too large to be shown".to_owned(), |text| clean(&text))
}

fn is_empty(bindings: &Value) -> bool {
    bindings.as_object().is_ok_and(|members| members.is_empty())
}

thread_local! {
    /// The time that an evaluation on this thread is told.
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
    /// Whether what fails in it is an error.
    static STRICT: Cell<bool> = const { Cell::new(false) };
}

/// Begins an evaluation on this thread: at this time, and with failures as errors or as undefined.
pub(super) fn begin(engine: &mut Engine, now: Timestamp, strict: bool) {
    NOW.with(|cell| cell.set(now));
    STRICT.with(|cell| cell.set(strict));
    engine.set_strict_builtin_errors(strict);
}

/// Whether failures are errors in this thread's evaluation.
pub(super) fn is_strict() -> bool {
    STRICT.with(Cell::get)
}

/// Adds all functions that are not the evaluator's own.
pub(super) fn add_functions(engine: &mut Engine) -> anyhow::Result<()> {
    for (name, count, run) in FUNCTIONS {
        engine.add_extension(
            (*name).to_owned(),
            *count,
            Box::new(move |args: Vec<Value>| match run(&args, NOW.with(Cell::get)) {
                Call::Value(value) => Ok(value),
                Call::Undefined(why) if is_strict() => Err(anyhow::anyhow!("{name}: {why}")),
                Call::Undefined(_) => Ok(Value::Undefined),
                Call::Error(why) => Err(anyhow::anyhow!("{name}: {why}")),
            }),
        )?;
    }
    // The evaluator's own takes memory for as many elements as are asked for.
    engine.add_extension("numbers.range".to_owned(), 2, Box::new(|args: Vec<Value>| range(&args, 1, is_strict())))?;
    engine.add_extension(
        "numbers.range_step".to_owned(),
        3,
        Box::new(|args: Vec<Value>| match args.get(2).and_then(|step| step.as_i64().ok()) {
            Some(step) if step > 0 => range(&args, step, is_strict()),
            _ if is_strict() => Err(anyhow::anyhow!("numbers.range_step: the step must be a whole number above 0")),
            _ => Ok(Value::Undefined),
        }),
    )?;
    weight::add_functions(engine)
}

fn range(args: &[Value], step: i64, strict: bool) -> anyhow::Result<Value> {
    let number = |place: usize| args.get(place).and_then(|value| value.as_i64().ok());
    let (Some(from), Some(to)) = (number(0), number(1)) else {
        return if strict {
            Err(anyhow::anyhow!("numbers.range: operands must be whole numbers"))
        } else {
            Ok(Value::Undefined)
        };
    };
    let count = i128::from(to).abs_diff(i128::from(from)) / u128::from(step.unsigned_abs().max(1));
    if count >= u128::from(MAX_RANGE.unsigned_abs()) {
        return Err(anyhow::anyhow!("numbers.range: more than {MAX_RANGE} numbers"));
    }
    weight::pay(u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(64))
        .map_err(|why| anyhow::anyhow!("numbers.range: {why}"))?;
    let mut values = Vec::new();
    let mut at = Some(from);
    while let Some(value) = at.filter(|at| if from <= to { *at <= to } else { *at >= to }) {
        values.push(Value::from(value));
        at = if from <= to { value.checked_add(step) } else { value.checked_sub(step) };
    }
    Ok(Value::from(values))
}

/// A message of the evaluator's, without what moves the cursor, and not endless.
pub(super) fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .take(MAX_MESSAGE)
        .map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
        .collect()
}

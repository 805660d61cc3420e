//! What a call of a policy may make. A text that is joined with itself at each of thirty lines fills any memory in thirty steps, so steps alone bound nothing.
//!
//! Every built-in function that can make more than it is given is replaced by one that first reckons, from what it is given, the most that it can make. That
//! is paid for before the function runs, out of one budget for the evaluation: the same policy on the same statement ends at the same place on every machine.
//!
//! Values share their parts, so a value may be written out as much more than it takes. Here it weighs what it takes when it is written out.

use std::cell::Cell;

use regorus::unstable::{BUILTINS, Expr, NodeRef, Source, Span};
use regorus::{Engine, Value};

use super::{engine, numbers};

/// What each value weighs beside its text: about what it takes in a list.
const EACH: u64 = 24;
/// No number of more bits is shifted together.
const MAX_SHIFT: u64 = 1 << 16;
/// No number is written wider.
const MAX_WIDTH: u64 = 10_000;

thread_local! {
    /// What is left of the budget.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Begins an evaluation on this thread.
pub(super) fn begin(budget: u64) {
    LEFT.with(|left| left.set(budget));
    SPENT.with(|spent| spent.set(false));
}

/// Whether this thread's evaluation asked for more than its budget.
pub(super) fn is_spent() -> bool {
    SPENT.with(Cell::get)
}

/// Pays for so many bytes.
pub(super) fn pay(bytes: u64) -> Result<(), String> {
    match LEFT.with(Cell::get).checked_sub(bytes) {
        Some(left) => {
            LEFT.with(|cell| cell.set(left));
            Ok(())
        }
        None => {
            SPENT.with(|spent| spent.set(true));
            Err("it makes more than it may".to_owned())
        }
    }
}

/// A value as text, if that is not too long.
pub(super) fn text(value: &Value, most: u64) -> Option<String> {
    Size::of(&[value], most)?;
    Some(value.to_string())
}

/// A value written out.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Letters, and [`EACH`] for each part.
    bytes: u64,
    parts: u64,
    depth: u64,
}

impl Size {
    /// The size of values together, or `None` when it is beyond `most`; then no more than that was looked at.
    fn of(values: &[&Value], most: u64) -> Option<Self> {
        let mut size = Self::default();
        let mut open: Vec<(&Value, u64)> = values.iter().map(|value| (*value, 1)).collect();
        while let Some((value, depth)) = open.pop() {
            size.parts = size.parts.saturating_add(1);
            size.depth = size.depth.max(depth);
            size.bytes = size.bytes.saturating_add(EACH).saturating_add(match value {
                Value::String(text) => text.len() as u64,
                Value::Number(_) => digits(value)?,
                _ => 0,
            });
            if size.bytes > most {
                return None;
            }
            let below = depth.saturating_add(1);
            match value {
                Value::Array(items) => open.extend(items.iter().map(|item| (item, below))),
                Value::Set(items) => open.extend(items.iter().map(|item| (item, below))),
                Value::Object(members) => {
                    for (name, member) in members.iter() {
                        open.extend([(name, below), (member, below)]);
                    }
                }
                _ => {}
            }
        }
        Some(size)
    }
}

/// Bytes of a number in binary, at least; `None` for one that is beyond everything.
fn digits(value: &Value) -> Option<u64> {
    let number = value.as_number().ok()?;
    match (number.as_u64(), number.as_i64()) {
        (None, None) if number.is_integer() => number.as_big().map(|big| big.bits()),
        _ => Some(32),
    }
}

/// The most that a function makes of what it is given.
#[derive(Clone, Copy)]
enum Most {
    /// So many times what it is given, written out.
    Times(u64),
    /// Lists of the same parts.
    Lists,
    Concat,
    Replace,
    ReplaceAll,
    ReplaceMatches,
    Format,
    Pretty,
    Walk,
    Shift,
    /// Values that a text spells, numbers among them.
    Numbers,
    /// More than can be reckoned.
    Unknown,
}

/// The functions that can make more than they are given, or write out what is shared.
const GROWING: &[(&str, Most)] = &[
    ("array.concat", Most::Lists),
    ("array.reverse", Most::Lists),
    ("array.slice", Most::Lists),
    ("base64.decode", Most::Times(2)),
    ("base64.encode", Most::Times(2)),
    ("base64url.decode", Most::Times(2)),
    ("base64url.encode", Most::Times(2)),
    ("base64url.encode_no_pad", Most::Times(2)),
    ("bits.lsh", Most::Shift),
    ("concat", Most::Concat),
    ("format_int", Most::Times(2)),
    ("glob.quote_meta", Most::Times(2)),
    ("graph.reachable_paths", Most::Unknown),
    ("hex.decode", Most::Times(2)),
    ("hex.encode", Most::Times(2)),
    ("indexof_n", Most::Times(EACH)),
    ("json.filter", Most::Times(4)),
    ("json.marshal", Most::Times(6)),
    ("json.marshal_with_options", Most::Pretty),
    ("json.patch", Most::Times(16)),
    ("json.remove", Most::Times(4)),
    ("json.unmarshal", Most::Numbers),
    ("lower", Most::Times(3)),
    ("object.filter", Most::Lists),
    ("object.remove", Most::Lists),
    ("object.union", Most::Times(4)),
    ("object.union_n", Most::Times(4)),
    ("regex.find_n", Most::Times(EACH)),
    ("regex.replace", Most::ReplaceMatches),
    ("regex.split", Most::Times(EACH)),
    ("replace", Most::Replace),
    ("split", Most::Times(EACH)),
    ("sprintf", Most::Format),
    ("strings.replace_n", Most::ReplaceAll),
    ("strings.reverse", Most::Times(1)),
    ("substring", Most::Times(1)),
    ("to_number", Most::Numbers),
    ("trim", Most::Times(1)),
    ("trim_left", Most::Times(1)),
    ("trim_prefix", Most::Times(1)),
    ("trim_right", Most::Times(1)),
    ("trim_space", Most::Times(1)),
    ("trim_suffix", Most::Times(1)),
    ("union", Most::Times(2)),
    ("upper", Most::Times(3)),
    ("urlquery.decode", Most::Times(2)),
    ("urlquery.decode_object", Most::Times(EACH)),
    ("urlquery.encode", Most::Times(3)),
    ("urlquery.encode_object", Most::Times(3)),
    ("walk", Most::Walk),
];

/// Replaces the functions that grow by ones that pay first. One that is not part of the evaluator is left out.
pub(super) fn add_functions(engine: &mut Engine) -> anyhow::Result<()> {
    for (name, most) in GROWING {
        let Some((run, count)) = BUILTINS.get(name) else { continue };
        engine.add_extension(
            (*name).to_owned(),
            *count,
            Box::new(move |args: Vec<Value>| {
                let cost = most.reckon(&args).unwrap_or(u64::MAX);
                pay(cost).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
                let places = Places::new(name, args.len())?;
                let strict = engine::is_strict();
                match run(&places.call, &places.args, &args, strict) {
                    // As the evaluator itself does: what fails is undefined, unless failures are asked for.
                    Err(_) if !strict => Ok(Value::Undefined),
                    result => result,
                }
            }),
        )?;
    }
    Ok(())
}

/// Where a call stands, for messages: the evaluator's functions ask for it.
struct Places {
    call: Span,
    args: Vec<NodeRef<Expr>>,
}

impl Places {
    fn new(name: &str, count: usize) -> anyhow::Result<Self> {
        let source = Source::from_contents(name.to_owned(), name.to_owned())?;
        let call = Span { source, line: 1, col: 1, start: 0, end: u32::try_from(name.len())? };
        let arg = || NodeRef::new(Expr::Null { span: call.clone(), value: Value::Null, eidx: 0 });
        let args = (0..count).map(|_| arg()).collect();
        Ok(Self { call, args })
    }
}

impl Most {
    /// Bytes, or `None` for more than what is left.
    fn reckon(self, args: &[Value]) -> Option<u64> {
        let left = LEFT.with(Cell::get);
        let size = || Size::of(&args.iter().collect::<Vec<_>>(), left);
        let text = |place: usize| match args.get(place) {
            Some(Value::String(text)) => text.as_ref(),
            _ => "",
        };
        let length = |place: usize| text(place).len() as u64;
        match self {
            Most::Times(times) => size()?.bytes.checked_mul(times),
            Most::Lists => args.iter().map(parts).sum::<u64>().checked_mul(EACH * 2),
            Most::Concat => {
                let pieces = Size::of(&args.get(1).into_iter().collect::<Vec<_>>(), left)?;
                length(0).checked_mul(pieces.parts)?.checked_add(pieces.bytes)
            }
            Most::Replace => replaced(length(0), length(1), length(2)),
            Most::ReplaceAll => {
                let Some(Value::Object(patterns)) = args.first() else { return Some(0) };
                patterns.iter().try_fold(length(1), |most, (old, new)| match (old, new) {
                    (Value::String(old), Value::String(new)) => replaced(most, old.len() as u64, new.len() as u64),
                    _ => Some(most),
                })
            }
            Most::ReplaceMatches => {
                // `$1` stands for what was matched; all matches of one group together are no longer than the text.
                let groups = text(2).bytes().filter(|byte| *byte == b'$').count() as u64;
                let texts = groups.checked_add(1)?.checked_mul(length(0))?;
                length(0).checked_add(1)?.checked_mul(length(2))?.checked_add(texts)
            }
            Most::Format => format(text(0), args.get(1), left),
            Most::Pretty => {
                let (value, options) = (Size::of(&[args.first()?], left)?, Size::of(&[args.get(1)?], left)?);
                let line = options.bytes.checked_mul(value.depth.checked_add(1)?)?;
                value.bytes.checked_mul(6)?.checked_add(value.parts.checked_mul(line)?)
            }
            Most::Walk => {
                let size = size()?;
                size.parts.checked_mul(size.depth.checked_add(4)?)?.checked_mul(EACH)
            }
            Most::Shift => match args.get(1) {
                Some(Value::Number(shift)) if shift.as_u64().is_some_and(|bits| bits > MAX_SHIFT) => None,
                _ => size()?.bytes.checked_add(MAX_SHIFT / 8),
            },
            Most::Numbers => match numbers::vast(text(0)) {
                Some(_) => None,
                None => size()?.bytes.checked_mul(EACH),
            },
            Most::Unknown => None,
        }
    }
}

fn parts(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.len() as u64,
        Value::Set(items) => items.len() as u64,
        Value::Object(members) => members.len() as u64,
        _ => 1,
    }
}

/// The longest text that comes of replacing. Nothing is found before, between and behind all letters.
fn replaced(text: u64, old: u64, new: u64) -> Option<u64> {
    let times = match text.checked_div(old) {
        Some(times) => times,
        None => text.checked_add(1)?,
    };
    times.checked_mul(new)?.checked_add(text)
}

/// The longest text that comes of a format: each verb takes one value.
fn format(format: &str, values: Option<&Value>, left: u64) -> Option<u64> {
    let mut widths = 0_u64;
    for number in format.split('%').skip(1) {
        let digits = number.chars().skip_while(|letter| *letter == '.').take_while(|letter| letter.is_numeric());
        let width = digits.fold(0_u64, |width, digit| {
            width.saturating_mul(10).saturating_add(u64::from(digit.to_digit(10).unwrap_or(9)))
        });
        if width > MAX_WIDTH {
            return None;
        }
        widths = widths.checked_add(width)?;
    }
    let values = Size::of(&values.into_iter().collect::<Vec<_>>(), left)?;
    // A float is written in full, with up to some 330 digits; text is quoted inside of lists.
    let written = values.bytes.checked_mul(6)?.checked_add(values.parts.checked_mul(330)?)?;
    written.checked_add(widths)?.checked_add(format.len() as u64)
}

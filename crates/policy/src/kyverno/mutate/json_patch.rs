//! JSON Patch: operations read, applied, and made of the difference between two documents.
//!
//! What is applied for Kyverno follows the options that Kyverno gives its library: negative indices count from the end, a path that is not there
//! is made for `add`, and `remove` of what is not there does nothing. What is made by [`patch`] needs none of that.
//! Source: RFC 6902, RFC 6901; evanphx/json-patch:v5/patch.go (`ApplyOptions`).

use serde_json::{Map, Value, json};

/// Operations of one patch.
const MAX_OPERATIONS: usize = 10_000;
/// Levels of a document that was patched.
const MAX_DEPTH: usize = 128;
/// Elements that the indices of one patch that lie beyond the end of a list may add together.
const MAX_PADDING: usize = 1_000;
/// Bytes that all copies of one patch may make together.
const MAX_COPIED: usize = 2 << 20;

/// One operation. Paths are JSON pointers.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Puts a value: a key of a mapping, or before an element of a list (`-` is the end).
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Takes a value away.
    Remove {
        /// Where.
        path: String,
    },
    /// Puts a value in the place of another.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Takes a value away and adds it elsewhere.
    Move {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// Adds a value that stands elsewhere.
    Copy {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// Ends the patch with an error if another value stands there.
    Test {
        /// Where.
        path: String,
        /// What must stand there.
        value: Value,
    },
}

/// Why a patch cannot be read or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is no list of operations.
    #[error("failed to decode patches: {0}")]
    NoPatch(String),
    /// A place is not there.
    #[error("{operation} operation does not apply: doc is missing path: \"{path}\"")]
    Missing {
        /// `add`, `replace`, ...
        operation: &'static str,
        /// The pointer.
        path: String,
    },
    /// An index is no index of the list.
    #[error("{operation} operation does not apply: `{path}` is no place of the list")]
    Index {
        /// `add`, `replace`, ...
        operation: &'static str,
        /// The pointer.
        path: String,
    },
    /// `test` found another value.
    #[error("testing value {path} failed")]
    Test {
        /// The pointer.
        path: String,
    },
    /// A limit was reached.
    #[error("the patch makes a document that is too large or too deep")]
    TooLarge,
}

/// How much is forgiven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-1` is the last element.
    pub negative_indices: bool,
    /// `remove` of what is not there does nothing.
    pub missing_is_removed: bool,
    /// `add` makes the mappings and lists that lead to its place.
    pub make_paths: bool,
}

impl Options {
    /// As Kyverno applies `patchesJson6902`.
    pub const KYVERNO: Options = Options { negative_indices: true, missing_is_removed: true, make_paths: true };
}

impl Operation {
    /// As it stands in a patch.
    pub fn to_json(&self) -> Value {
        match self {
            Operation::Add { path, value } => json!({"op": "add", "path": path, "value": value}),
            Operation::Remove { path } => json!({"op": "remove", "path": path}),
            Operation::Replace { path, value } => json!({"op": "replace", "path": path, "value": value}),
            Operation::Move { from, path } => json!({"op": "move", "from": from, "path": path}),
            Operation::Copy { from, path } => json!({"op": "copy", "from": from, "path": path}),
            Operation::Test { path, value } => json!({"op": "test", "path": path, "value": value}),
        }
    }

    fn read(value: &Value) -> Result<Operation, PatchError> {
        let wrong = |message: String| PatchError::NoPatch(message);
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("op").ok_or_else(|| wrong(format!("an operation needs `op`: {value}")))?;
        let pointer = |key: &str| {
            let found = text(key).ok_or_else(|| wrong(format!("operation `{name}` needs `{key}`")))?;
            if !found.is_empty() && !found.starts_with('/') {
                return Err(wrong(format!("`{found}` is no JSON pointer: it does not begin with `/`")));
            }
            Ok(found)
        };
        let path = pointer("path")?;
        let given = || {
            value.get("value").cloned().ok_or_else(|| wrong(format!("operation `{name}` at `{path}` needs `value`")))
        };
        Ok(match name.as_str() {
            "add" => Operation::Add { value: given()?, path },
            "remove" => Operation::Remove { path },
            "replace" => Operation::Replace { value: given()?, path },
            "move" => Operation::Move { from: pointer("from")?, path },
            "copy" => Operation::Copy { from: pointer("from")?, path },
            // What is left out is compared with nothing.
            "test" => Operation::Test { value: value.get("value").cloned().unwrap_or(Value::Null), path },
            other => {
                let known = "add, remove, replace, move, copy and test";
                return Err(wrong(format!("there is no operation `{other}`; there are {known}")));
            }
        })
    }
}

/// Reads a patch: a list of operations. One operation alone is taken for a list of one.
pub fn read(value: &Value) -> Result<Vec<Operation>, PatchError> {
    match value {
        Value::Array(items) if items.len() > MAX_OPERATIONS => Err(PatchError::TooLarge),
        Value::Array(items) => items.iter().map(Operation::read).collect(),
        Value::Object(_) => Operation::read(value).map(|operation| vec![operation]),
        _ => Err(PatchError::NoPatch("a patch is a list of operations".to_owned())),
    }
}

/// Applies all operations, or none: an error leaves nothing behind.
pub fn apply(document: &Value, operations: &[Operation], options: Options) -> Result<Value, PatchError> {
    let mut document = document.clone();
    let (mut copied, mut padding) = (0_usize, MAX_PADDING);
    for operation in operations {
        match operation {
            Operation::Add { path, value } => {
                if options.make_paths {
                    make(&mut document, &tokens(path)?, options, &mut padding)?;
                }
                add(&mut document, "add", path, value.clone(), options)?;
            }
            Operation::Remove { path } => {
                remove(&mut document, "remove", path, options)?;
            }
            Operation::Replace { path, value } => {
                let place = at_mut(&mut document, &tokens(path)?, options);
                let missing = || PatchError::Missing { operation: "replace", path: path.clone() };
                within_depth(path, value)?;
                *place.ok_or_else(missing)? = value.clone();
            }
            Operation::Move { from, path } => {
                if path.strip_prefix(from.as_str()).is_some_and(|behind| behind.starts_with('/')) {
                    return Err(PatchError::NoPatch(format!("`{from}` cannot be moved into itself")));
                }
                let strict = Options { missing_is_removed: false, ..options };
                let value = remove(&mut document, "move", from, strict)?.unwrap_or(Value::Null);
                add(&mut document, "move", path, value, options)?;
            }
            Operation::Copy { from, path } => {
                let found = at_mut(&mut document, &tokens(from)?, options);
                let value = found.ok_or_else(|| PatchError::Missing { operation: "copy", path: from.clone() })?.clone();
                copied = copied.saturating_add(crate::kyverno::scope::weigh(&value));
                if copied > MAX_COPIED {
                    return Err(PatchError::TooLarge);
                }
                add(&mut document, "copy", path, value, options)?;
            }
            Operation::Test { path, value } => {
                let tokens = tokens(path)?;
                let held = match at_mut(&mut document, &tokens, options) {
                    Some(found) => *found == *value,
                    // A key that is not there is null; a place that is not there is nothing at all.
                    None => {
                        let above = tokens.split_last().map(|(_, above)| above).unwrap_or_default();
                        let holder = at_mut(&mut document, above, options);
                        if !holder.is_some_and(|holder| holder.is_object()) {
                            return Err(PatchError::Missing { operation: "test", path: path.clone() });
                        }
                        value.is_null()
                    }
                };
                if !held {
                    return Err(PatchError::Test { path: path.clone() });
                }
            }
        }
    }
    Ok(document)
}

/// The parts of a pointer, unescaped.
fn tokens(pointer: &str) -> Result<Vec<String>, PatchError> {
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    if parts.len() > MAX_DEPTH { Err(PatchError::TooLarge) } else { Ok(parts) }
}

fn within_depth(path: &str, value: &Value) -> Result<(), PatchError> {
    let above = path.bytes().filter(|byte| *byte == b'/').count();
    if above.saturating_add(depth(value)) > MAX_DEPTH { Err(PatchError::TooLarge) } else { Ok(()) }
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The place of an index in a list with so many places.
fn index(token: &str, places: usize, options: Options) -> Option<usize> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: usize = digits.parse().ok()?;
    if !token.starts_with('-') {
        return Some(number);
    }
    if options.negative_indices { places.checked_sub(number).filter(|_| number > 0) } else { None }
}

fn at_mut<'d>(document: &'d mut Value, tokens: &[String], options: Options) -> Option<&'d mut Value> {
    tokens.iter().try_fold(document, |place, token| match place {
        Value::Object(entries) => entries.get_mut(token),
        Value::Array(items) => {
            let at = index(token, items.len(), options)?;
            items.get_mut(at)
        }
        _ => None,
    })
}

fn add(
    document: &mut Value,
    operation: &'static str,
    path: &str,
    value: Value,
    options: Options,
) -> Result<(), PatchError> {
    within_depth(path, &value)?;
    let tokens = tokens(path)?;
    let Some((last, above)) = tokens.split_last() else {
        *document = value;
        return Ok(());
    };
    let missing = || PatchError::Missing { operation, path: path.to_owned() };
    match at_mut(document, above, options) {
        Some(Value::Object(entries)) => {
            entries.insert(last.clone(), value);
            Ok(())
        }
        Some(Value::Array(items)) => {
            let at = if last == "-" { Some(items.len()) } else { index(last, items.len().saturating_add(1), options) };
            match at.filter(|at| *at <= items.len()) {
                Some(at) => {
                    items.insert(at, value);
                    Ok(())
                }
                None => Err(PatchError::Index { operation, path: path.to_owned() }),
            }
        }
        _ => Err(missing()),
    }
}

/// Makes what leads to the last part: a list where the next part is an index or `-`, else a mapping. A list that was there is only made longer on
/// the way to something inside of its new element; beyond its end nothing is added (RFC 6902, 4.1).
fn make(document: &mut Value, tokens: &[String], options: Options, padding: &mut usize) -> Result<(), PatchError> {
    let mut pad = |items: &mut Vec<Value>, to: usize| {
        let more = to.saturating_sub(items.len());
        *padding = padding.checked_sub(more).ok_or(PatchError::TooLarge)?;
        items.extend(std::iter::repeat_n(Value::Null, more));
        Ok(())
    };
    let mut place = document;
    let mut is_new = false;
    for pair in tokens.windows(2) {
        let [token, next] = pair else { break };
        let numeric = next == "-" || next.parse::<i64>().is_ok();
        let new = || if numeric { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        place = match place {
            Value::Object(entries) => {
                let found = entries.entry(token.clone()).or_insert(Value::Null);
                is_new = found.is_null();
                if is_new {
                    *found = new();
                }
                found
            }
            Value::Array(items) => {
                // `-1` of an empty list is its first place.
                let last = || index(token, items.len().saturating_add(1), options);
                let at =
                    if token == "-" { Some(items.len()) } else { index(token, items.len(), options).or_else(last) };
                let Some(at) = at else { return Ok(()) };
                pad(items, at)?;
                if items.len() == at {
                    items.push(Value::Null);
                }
                let Some(found) = items.get_mut(at) else { return Ok(()) };
                is_new = found.is_null();
                if is_new {
                    *found = new();
                }
                found
            }
            _ => return Ok(()),
        };
    }
    if let (true, Value::Array(items), Some(last)) = (is_new, place, tokens.last())
        && let Some(at) = index(last, items.len().saturating_add(1), options)
    {
        pad(items, at)?;
    }
    Ok(())
}

fn remove(
    document: &mut Value,
    operation: &'static str,
    path: &str,
    options: Options,
) -> Result<Option<Value>, PatchError> {
    let tokens = tokens(path)?;
    let Some((last, above)) = tokens.split_last() else {
        return Ok(Some(document.take()));
    };
    let found = match at_mut(document, above, options) {
        Some(Value::Object(entries)) => entries.remove(last),
        Some(Value::Array(items)) => {
            // A word is no element that could be missing.
            if last.parse::<i64>().is_err() {
                return Err(PatchError::Index { operation, path: path.to_owned() });
            }
            let at = index(last, items.len(), options).filter(|at| *at < items.len());
            at.map(|at| items.remove(at))
        }
        _ => None,
    };
    match found {
        None if !options.missing_is_removed => Err(PatchError::Missing { operation, path: path.to_owned() }),
        found => Ok(found),
    }
}

/// The operations that make `after` of `before`, without any of the [`Options`].
///
/// Mappings are compared key by key. In lists what is equal at both ends stays; between, elements are compared one by one, and what is left is
/// removed from the end or added.
pub fn patch(before: &Value, after: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    difference(before, after, &mut String::new(), &mut operations);
    operations
}

fn difference(before: &Value, after: &Value, path: &mut String, out: &mut Vec<Operation>) {
    let length = path.len();
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => {
            for (key, old) in before {
                step(path, key);
                match after.get(key) {
                    Some(new) => difference(old, new, path, out),
                    None => out.push(Operation::Remove { path: path.clone() }),
                }
                path.truncate(length);
            }
            for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                step(path, key);
                out.push(Operation::Add { path: path.clone(), value: new.clone() });
                path.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let start = before.iter().zip(after).take_while(|(old, new)| old == new).count();
            let rest = before.len().min(after.len()) - start;
            let end =
                before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
            let old = before.get(start..before.len() - end).unwrap_or_default();
            let new = after.get(start..after.len() - end).unwrap_or_default();
            for (offset, (old, new)) in old.iter().zip(new).enumerate() {
                step(path, &(start + offset).to_string());
                difference(old, new, path, out);
                path.truncate(length);
            }
            for at in (new.len()..old.len()).rev() {
                step(path, &(start + at).to_string());
                out.push(Operation::Remove { path: path.clone() });
                path.truncate(length);
            }
            for (at, new) in new.iter().enumerate().skip(old.len()) {
                step(path, &(start + at).to_string());
                out.push(Operation::Add { path: path.clone(), value: new.clone() });
                path.truncate(length);
            }
        }
        (_, after) => out.push(Operation::Replace { path: path.clone(), value: after.clone() }),
    }
}

fn step(path: &mut String, key: &str) {
    path.push('/');
    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

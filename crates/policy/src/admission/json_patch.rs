//! RFC 6902: operations that change a document.

use serde_json::Value as Json;

/// Most operations of one patch.
const MOST: usize = 10_000;
/// Bytes that all operations of one policy may write: as large as a request may be.
const BYTES: usize = 3 << 20;
/// How deep a document may nest that operations write into.
const DEEPEST: usize = 128;

/// What may still be written.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { bytes: BYTES }
    }
}

impl Room {
    /// Takes the place of a value that is written at a path. Errors: it is too large, or would lie too deep.
    fn take(&mut self, path: &str, value: &Json) -> Result<(), String> {
        let above = path.matches('/').count();
        self.weigh(value, above).ok_or_else(|| {
            format!("operations write more than {BYTES} bytes or nest deeper than {DEEPEST} levels at `{path}`")
        })
    }

    fn weigh(&mut self, value: &Json, depth: usize) -> Option<()> {
        let own = match value {
            Json::String(text) => text.len(),
            Json::Object(entries) => entries.keys().map(String::len).fold(0, usize::saturating_add),
            _ => 0,
        };
        self.bytes = self.bytes.checked_sub(own.saturating_add(8))?;
        if depth > DEEPEST {
            return None;
        }
        match value {
            Json::Array(items) => items.iter().try_for_each(|item| self.weigh(item, depth + 1)),
            Json::Object(entries) => entries.values().try_for_each(|item| self.weigh(item, depth + 1)),
            _ => Some(()),
        }
    }
}

/// Applies operations, in order. Errors: which one, and why.
pub(super) fn apply(document: &mut Json, operations: &[Json], room: &mut Room) -> Result<(), String> {
    if operations.len() > MOST {
        return Err(format!("a patch of more than {MOST} operations is not applied"));
    }
    for operation in operations {
        one(document, operation, room)?;
    }
    Ok(())
}

fn one(document: &mut Json, operation: &Json, room: &mut Room) -> Result<(), String> {
    let text = |key: &str| operation.get(key).and_then(Json::as_str);
    let path = text("path").ok_or("an operation needs a `path`")?;
    let value = || operation.get("value").cloned().unwrap_or(Json::Null);
    let from = || text("from").ok_or_else(|| format!("the operation at `{path}` needs `from`"));
    match text("op").unwrap_or_default() {
        "add" => {
            let value = value();
            room.take(path, &value)?;
            add(document, path, value)
        }
        "remove" => remove(document, path).map(|_| ()),
        "replace" => {
            let place = document.pointer_mut(path).ok_or_else(|| missing("replace", path))?;
            let value = value();
            room.take(path, &value)?;
            *place = value;
            Ok(())
        }
        "move" => {
            let from = from()?;
            if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                return Err(format!("move operation: `{from}` cannot be moved into itself"));
            }
            let moved = remove(document, from)?;
            room.take(path, &moved)?;
            add(document, path, moved)
        }
        "copy" => {
            let from = from()?;
            let copied = document.pointer(from).ok_or_else(|| missing("copy", from))?;
            // Weighed before it is copied.
            room.take(path, copied)?;
            let copied = copied.clone();
            add(document, path, copied)
        }
        "test" => match document.pointer(path) {
            Some(found) if *found == value() => Ok(()),
            None if value().is_null() => Ok(()),
            _ => Err(format!("testing value {path} failed: test failed")),
        },
        other => Err(format!("`{other}` is no operation of a JSON patch")),
    }
}

fn missing(operation: &str, path: &str) -> String {
    format!("{operation} operation does not apply: doc is missing path: \"{path}\"")
}

/// The place that a path leads to, without its last name, and that name.
fn parent<'d>(document: &'d mut Json, path: &str, operation: &str) -> Result<(&'d mut Json, String), String> {
    let (route, name) = path.rsplit_once('/').ok_or_else(|| missing(operation, path))?;
    let place = document.pointer_mut(route).ok_or_else(|| missing(operation, path))?;
    Ok((place, name.replace("~1", "/").replace("~0", "~")))
}

fn add(document: &mut Json, path: &str, value: Json) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let (place, name) = parent(document, path, "add")?;
    match place {
        Json::Object(entries) => {
            entries.insert(name, value);
            Ok(())
        }
        Json::Array(items) => {
            let index = if name == "-" { Some(items.len()) } else { index_of(&name) };
            match index.filter(|index| *index <= items.len()) {
                Some(index) => {
                    items.insert(index, value);
                    Ok(())
                }
                None => Err(format!("add operation does not apply: Unable to access invalid index: {name}")),
            }
        }
        _ => Err(missing("add", path)),
    }
}

fn remove(document: &mut Json, path: &str) -> Result<Json, String> {
    let (place, name) = parent(document, path, "remove")?;
    match place {
        Json::Object(entries) => entries.remove(&name).ok_or_else(|| missing("remove", path)),
        Json::Array(items) => {
            let index = index_of(&name).filter(|index| *index < items.len()).ok_or_else(|| missing("remove", path))?;
            Ok(items.remove(index))
        }
        _ => Err(missing("remove", path)),
    }
}

fn index_of(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|digit| digit.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if plain { name.parse().ok() } else { None }
}

//! Following routes through an object, and looking for Pods in one whose kind is not known.

use serde_json::{Map, Value};

use super::kinds::Place;
use super::{MAX_IMAGES, Named, NoText, Role, TooMany};

/// As deep as an object of a kind that is not known is looked through. Parsers of JSON stop at 128.
const MAX_DEPTH: usize = 128;

/// A place of a known kind.
pub(super) fn place<'a>(
    object: &'a Value,
    prefix: &str,
    place: &Place,
    found: &mut Vec<Named<'a>>,
) -> Result<(), TooMany> {
    match *place {
        Place::Image(to) => route(object, prefix, to, Role::Custom, found),
        Place::Pod(to) => {
            let mut pods = Vec::new();
            spread(object, prefix.to_owned(), to, &mut pods);
            pods.into_iter().try_for_each(|(pointer, spec)| pod(spec, &pointer, found))
        }
        Place::Task(to) => {
            let mut tasks = Vec::new();
            spread(object, prefix.to_owned(), to, &mut tasks);
            for (pointer, task) in tasks {
                let Value::Object(task) = task else { continue };
                containers(task, "steps", &pointer, Role::Custom, found)?;
                containers(task, "sidecars", &pointer, Role::Custom, found)?;
                optional(task.get("stepTemplate"), &format!("{pointer}/stepTemplate"), found)?;
            }
            Ok(())
        }
        Place::Workflow(to) => {
            let mut specs = Vec::new();
            spread(object, prefix.to_owned(), to, &mut specs);
            for (pointer, spec) in specs {
                let mut templates = Vec::new();
                spread(spec, pointer.clone(), "/templates/*", &mut templates);
                spread(spec, pointer, "/templateDefaults", &mut templates);
                for (pointer, template) in templates {
                    let Value::Object(template) = template else { continue };
                    for key in ["container", "script"] {
                        optional(template.get(key), &format!("{pointer}/{key}"), found)?;
                    }
                    containers(template, "initContainers", &pointer, Role::InitContainer, found)?;
                    containers(template, "sidecars", &pointer, Role::Custom, found)?;
                    if let Some(Value::Object(set)) = template.get("containerSet") {
                        containers(set, "containers", &format!("{pointer}/containerSet"), Role::Container, found)?;
                    }
                }
            }
            Ok(())
        }
    }
}

/// The texts at the end of a route. What is not there is nothing; what is there and no text is told.
pub(super) fn route<'a>(
    object: &'a Value,
    prefix: &str,
    to: &str,
    role: Role,
    found: &mut Vec<Named<'a>>,
) -> Result<(), TooMany> {
    let mut ends = Vec::new();
    spread(object, prefix.to_owned(), to, &mut ends);
    ends.into_iter().try_for_each(|(pointer, value)| push(pointer, role, None, text(Some(value)), found))
}

/// Every value at the end of a route of keys, `*` for each entry; `null` is nothing.
fn spread<'a>(value: &'a Value, pointer: String, route: &str, ends: &mut Vec<(String, &'a Value)>) {
    if value.is_null() || ends.len() > MAX_IMAGES {
        return;
    }
    let Some(route) = route.strip_prefix('/') else {
        ends.push((pointer, value));
        return;
    };
    let (key, rest) = route.find('/').map_or((route, ""), |at| route.split_at(at));
    match (key, value) {
        ("*", Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                spread(item, format!("{pointer}/{index}"), rest, ends);
            }
        }
        ("*", Value::Object(entries)) => {
            for (key, item) in entries {
                spread(item, format!("{pointer}/{}", escaped(key)), rest, ends);
            }
        }
        (key, Value::Object(entries)) => {
            if let Some(item) = entries.get(&unescaped(key)) {
                spread(item, format!("{pointer}/{key}"), rest, ends);
            }
        }
        _ => {}
    }
}

/// The images of a `PodSpec`.
fn pod<'a>(spec: &'a Value, pointer: &str, found: &mut Vec<Named<'a>>) -> Result<(), TooMany> {
    let Value::Object(spec) = spec else {
        return push(pointer.to_owned(), Role::Container, None, Err(NoText::OtherType), found);
    };
    for (key, role) in [
        ("initContainers", Role::InitContainer),
        ("containers", Role::Container),
        ("ephemeralContainers", Role::EphemeralContainer),
    ] {
        containers(spec, key, pointer, role, found)?;
    }
    volumes(spec, pointer, found)
}

fn volumes<'a>(spec: &'a Map<String, Value>, pointer: &str, found: &mut Vec<Named<'a>>) -> Result<(), TooMany> {
    match spec.get("volumes") {
        None | Some(Value::Null) => {}
        Some(Value::Array(volumes)) => {
            for (index, volume) in volumes.iter().enumerate() {
                let pointer = format!("{pointer}/volumes/{index}");
                let Value::Object(volume) = volume else {
                    push(pointer, Role::ImageVolume, None, Err(NoText::OtherType), found)?;
                    continue;
                };
                if let Some(image) = volume.get("image").filter(|image| !image.is_null()) {
                    let reference =
                        if image.is_object() { text(image.get("reference")) } else { Err(NoText::OtherType) };
                    push(format!("{pointer}/image/reference"), Role::ImageVolume, name(volume), reference, found)?;
                }
            }
        }
        Some(_) => push(format!("{pointer}/volumes"), Role::ImageVolume, None, Err(NoText::OtherType), found)?,
    }
    Ok(())
}

/// A list of what has `name` and `image`.
fn containers<'a>(
    of: &'a Map<String, Value>,
    key: &str,
    pointer: &str,
    role: Role,
    found: &mut Vec<Named<'a>>,
) -> Result<(), TooMany> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(items)) => items.iter().enumerate().try_for_each(|(index, item)| {
            let pointer = format!("{pointer}/{key}/{index}");
            match item {
                // Tekton's steps may take their image from elsewhere: from a template of steps, or from a step that is referred to.
                Value::Object(item) if key == "steps" && !item.contains_key("image") => Ok(()),
                Value::Object(item) => {
                    push(format!("{pointer}/image"), role, name(item), text(item.get("image")), found)
                }
                _ => push(pointer, role, None, Err(NoText::OtherType), found),
            }
        }),
        Some(_) => push(format!("{pointer}/{key}"), role, None, Err(NoText::OtherType), found),
    }
}

/// The image of what may be left out, or may have none.
fn optional<'a>(of: Option<&'a Value>, pointer: &str, found: &mut Vec<Named<'a>>) -> Result<(), TooMany> {
    match of {
        Some(Value::Object(of)) if of.contains_key("image") => {
            push(format!("{pointer}/image"), Role::Custom, name(of), text(of.get("image")), found)
        }
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        Some(_) => push(pointer.to_owned(), Role::Custom, None, Err(NoText::OtherType), found),
    }
}

/// Whatever looks like the spec of a Pod: lists under the names of containers whose entries have an image, and image volumes beside them.
pub(super) fn anywhere<'a>(object: &'a Value, prefix: &str, found: &mut Vec<Named<'a>>) -> Result<(), TooMany> {
    let mut left = vec![(prefix.to_owned(), object, 0_usize)];
    while let Some((pointer, value, depth)) = left.pop() {
        if depth > MAX_DEPTH {
            return Err(TooMany);
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate().rev().filter(|(_, item)| item.is_array() || item.is_object());
                left.extend(items.map(|(index, item)| (format!("{pointer}/{index}"), item, depth + 1)));
            }
            Value::Object(entries) => {
                let mut is_pod = false;
                for (key, role) in [
                    ("initContainers", Role::InitContainer),
                    ("containers", Role::Container),
                    ("ephemeralContainers", Role::EphemeralContainer),
                ] {
                    let has_images = entries
                        .get(key)
                        .and_then(Value::as_array)
                        .is_some_and(|items| items.iter().any(|item| item.get("image").is_some()));
                    if has_images {
                        is_pod = true;
                        containers(entries, key, &pointer, role, found)?;
                    }
                }
                if is_pod {
                    volumes(entries, &pointer, found)?;
                }
                let inner = entries.iter().rev().filter(|(_, item)| item.is_array() || item.is_object());
                left.extend(inner.map(|(key, item)| (format!("{pointer}/{}", escaped(key)), item, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn name(of: &Map<String, Value>) -> Option<&str> {
    of.get("name").and_then(Value::as_str)
}

fn text(value: Option<&Value>) -> Result<&str, NoText> {
    match value {
        None | Some(Value::Null) => Err(NoText::Missing),
        Some(Value::String(text)) if text.is_empty() => Err(NoText::Missing),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(NoText::OtherType),
    }
}

fn push<'a>(
    pointer: String,
    role: Role,
    name: Option<&'a str>,
    text: Result<&'a str, NoText>,
    found: &mut Vec<Named<'a>>,
) -> Result<(), TooMany> {
    if found.len() >= MAX_IMAGES {
        return Err(TooMany);
    }
    found.push(Named { pointer, role, name, text });
    Ok(())
}

/// RFC 6901 section 3.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

//! Reading JSON while noting what nobody asked for.

use serde::de::{DeserializeOwned, DeserializeSeed};

use crate::losses::Unread;

/// Different members that are told apart; far more than any format has.
const MEMBERS: usize = 1000;
/// What stands for all others.
const OTHERS: &str = "other members";

/// Reads a value, and notes into `unread` the members that it has no place for.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8], unread: Option<&mut Unread>) -> serde_json::Result<T> {
    let Some(unread) = unread else { return serde_json::from_slice(bytes) };
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let value = serde_ignored::deserialize(&mut input, |path| note(unread, &path))?;
    input.end()?;
    Ok(value)
}

/// The same of a value that is there already.
pub(crate) fn from_value<T: DeserializeOwned>(
    value: serde_json::Value,
    unread: Option<&mut Unread>,
) -> serde_json::Result<T> {
    let Some(unread) = unread else { return serde_json::from_value(value) };
    serde_ignored::deserialize(value, |path| note(unread, &path))
}

/// As [`from_slice`], for a seed.
pub(crate) fn seed_slice<'de, S>(bytes: &'de [u8], unread: Option<&mut Unread>, seed: S) -> serde_json::Result<S::Value>
where
    S: DeserializeSeed<'de>,
{
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let value = match unread {
        None => seed.deserialize(&mut input)?,
        Some(unread) => {
            let mut note = |path: serde_ignored::Path<'_>| note(unread, &path);
            seed.deserialize(serde_ignored::Deserializer::new(&mut input, &mut note))?
        }
    };
    input.end()?;
    Ok(value)
}

/// As [`from_value`], for a seed.
pub(crate) fn seed_value<'de, S>(
    value: serde_json::Value,
    unread: Option<&mut Unread>,
    seed: S,
) -> serde_json::Result<S::Value>
where
    S: DeserializeSeed<'de>,
{
    match unread {
        None => seed.deserialize(value),
        Some(unread) => {
            let mut note = |path: serde_ignored::Path<'_>| note(unread, &path);
            seed.deserialize(serde_ignored::Deserializer::new(value, &mut note))
        }
    }
}

fn note(unread: &mut Unread, path: &serde_ignored::Path<'_>) {
    let name = name(path);
    let name = if unread.len() < MEMBERS || unread.contains_key(&name) { name } else { OTHERS.to_owned() };
    *unread.entry(name).or_default() += 1;
}

/// The path without places in lists: `components.externalReferences`.
fn name(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, .. }
        | Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => name(parent),
        Path::Map { parent, key } => match name(parent) {
            outer if outer.is_empty() => key.clone(),
            outer => format!("{outer}.{key}"),
        },
    }
}

//! What a whole image holds.

use signet_model::{Executable, Inventory, PackageIndex, Relationship};

use super::RecordError;
use super::nouns::{
    put_distro, put_package, put_texts, put_unexamined, take_distro, take_package, take_texts, take_unexamined,
};
use super::reader::Reader;
use super::writer::Writer;

pub(super) fn put<'v>(to: &mut Writer<'v>, inventory: &'v Inventory) -> Result<(), RecordError> {
    let Inventory { distro, packages, relationships, executables, content_sets, unexamined } = inventory;
    to.maybe(distro.as_ref(), put_distro)?;
    to.list(packages, put_package)?;
    // Edges come in the order of their beginning.
    let mut previous = 0;
    to.list(relationships, |to, Relationship { from, to: end, kind }| {
        to.signed(i64::from(from.0) - previous);
        previous = i64::from(from.0);
        to.number(u64::from(end.0));
        to.code(*kind);
        Ok(())
    })?;
    let mut previous = "";
    to.list(executables, |to, Executable { path, layer, digest, size, package }| {
        to.path(&mut previous, path);
        to.maybe_digest(layer.as_ref());
        to.digest(digest);
        to.number(*size);
        to.number(package.map_or(0, |package| u64::from(package.0) + 1));
        Ok(())
    })?;
    put_texts(to, content_sets)?;
    to.list(unexamined, put_unexamined)
}

pub(super) fn take(from: &mut Reader<'_>) -> Result<Inventory, RecordError> {
    let distro = from.maybe(take_distro)?;
    let packages = from.list(take_package)?;
    // Whoever follows an edge finds a package at its end.
    let index = |from: &Reader<'_>, number: Option<u64>| match number.and_then(|number| u32::try_from(number).ok()) {
        Some(number) if (number as usize) < packages.len() => Ok(PackageIndex(number)),
        _ => Err(from.damaged("it refers to a package that it has not")),
    };
    let mut previous: i64 = 0;
    let relationships = from.list(|from| {
        let step = from.signed()?;
        let start = index(from, previous.checked_add(step).and_then(|start| u64::try_from(start).ok()))?;
        previous = i64::from(start.0);
        let end = from.number()?;
        Ok(Relationship { from: start, to: index(from, Some(end))?, kind: from.code()? })
    })?;
    let mut path = String::new();
    let executables = from.list(|from| {
        Ok(Executable {
            path: from.path(&mut path)?,
            layer: from.maybe_digest()?,
            digest: from.digest()?,
            size: from.number()?,
            package: match from.number()? {
                0 => None,
                number => Some(index(from, number.checked_sub(1))?),
            },
        })
    })?;
    let content_sets = take_texts(from)?;
    let unexamined = from.list(take_unexamined)?;
    Ok(Inventory { distro, packages, relationships, executables, content_sets, unexamined })
}

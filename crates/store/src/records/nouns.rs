//! The nouns that both records hold. Writers take every noun apart by all its fields, so a new field does not compile until it is written, and
//! each reader stands below its writer, in the same order.

use std::collections::BTreeMap;

use signet_model::{Checksum, Distro, License, Location, Package, Purl, SourcePackage, Unexamined};

use super::RecordError;
use super::reader::{Reader, shown};
use super::writer::Writer;

type Put = Result<(), RecordError>;
type Take<T> = Result<T, RecordError>;

pub(super) fn put_location<'v>(to: &mut Writer<'v>, location: &'v Location) -> Put {
    let Location { path, layer, lines } = location;
    to.text(path);
    to.maybe_digest(layer.as_ref());
    to.maybe(*lines, |to, (first, last)| {
        to.number(u64::from(first));
        to.signed(i64::from(last) - i64::from(first));
        Ok(())
    })
}

pub(super) fn take_location(from: &mut Reader<'_>) -> Take<Location> {
    Ok(Location {
        path: from.text()?,
        layer: from.maybe_digest()?,
        lines: from.maybe(|from| {
            let first: u32 = from.small()?;
            let last = i64::from(first).checked_add(from.signed()?).and_then(|last| u32::try_from(last).ok());
            Ok((first, last.ok_or_else(|| from.damaged("a line has no number"))?))
        })?,
    })
}

pub(super) fn put_unexamined<'v>(to: &mut Writer<'v>, what: &'v Unexamined) -> Put {
    let Unexamined { location, kind, by, why } = what;
    put_location(to, location)?;
    to.code(*kind);
    to.name(by)?;
    to.text(why);
    Ok(())
}

pub(super) fn take_unexamined(from: &mut Reader<'_>) -> Take<Unexamined> {
    Ok(Unexamined { location: take_location(from)?, kind: from.code()?, by: from.name()?, why: from.text()? })
}

pub(super) fn put_license<'v>(to: &mut Writer<'v>, license: &'v License) -> Put {
    let License { value } = license;
    to.text(value);
    Ok(())
}

pub(super) fn take_license(from: &mut Reader<'_>) -> Take<License> {
    Ok(License { value: from.text()? })
}

pub(super) fn put_package<'v>(to: &mut Writer<'v>, package: &'v Package) -> Put {
    let Package {
        kind,
        name,
        version,
        arch,
        source,
        module,
        vendor,
        licenses,
        checksums,
        locations,
        presence,
        directness,
        dev,
        found_by,
        stated_purl,
        cpes,
        description,
        extra,
    } = package;
    to.code(*kind);
    to.text(name);
    to.text(version);
    to.maybe_text(arch.as_deref());
    to.maybe(source.as_ref(), |to, SourcePackage { name, version }| {
        to.text(name);
        to.maybe_text(version.as_deref());
        Ok(())
    })?;
    to.maybe_text(module.as_deref());
    to.maybe_text(vendor.as_deref());
    to.list(licenses, put_license)?;
    to.list(checksums, put_checksum)?;
    to.list(locations, put_location)?;
    to.code(*presence);
    to.code(*directness);
    to.flag(*dev);
    to.name(found_by)?;
    to.maybe(stated_purl.as_ref(), put_purl)?;
    put_texts(to, cpes)?;
    to.maybe_text(description.as_deref());
    put_map(to, extra);
    Ok(())
}

pub(super) fn take_package(from: &mut Reader<'_>) -> Take<Package> {
    Ok(Package {
        kind: from.code()?,
        name: from.text()?,
        version: from.text()?,
        arch: from.maybe_text()?,
        source: from.maybe(|from| Ok(SourcePackage { name: from.text()?, version: from.maybe_text()? }))?,
        module: from.maybe_text()?,
        vendor: from.maybe_text()?,
        licenses: from.list(take_license)?,
        checksums: from.list(take_checksum)?,
        locations: from.list(take_location)?,
        presence: from.code()?,
        directness: from.code()?,
        dev: from.flag()?,
        found_by: from.name()?,
        stated_purl: from.maybe(take_purl)?,
        cpes: take_texts(from)?,
        description: from.maybe_text()?,
        extra: take_map(from)?,
    })
}

/// The bytes of a hash where its text is hexadecimal as we write it, else the text.
fn put_checksum<'v>(to: &mut Writer<'v>, checksum: &'v Checksum) -> Put {
    let Checksum { algorithm, hex } = checksum;
    to.code(*algorithm);
    match unhex(hex) {
        Some(bytes) => {
            to.flag(true);
            to.count(bytes.len());
            to.raw(&bytes);
        }
        None => {
            to.flag(false);
            to.text(hex);
        }
    }
    Ok(())
}

fn take_checksum(from: &mut Reader<'_>) -> Take<Checksum> {
    let algorithm = from.code()?;
    if from.flag()? {
        let len = from.count()?;
        let bytes = from.raw(len)?;
        Ok(Checksum::from_bytes(algorithm, bytes))
    } else {
        Ok(Checksum { algorithm, hex: from.text()? })
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty().then_some(())?;
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// A purl is kept as its canonical text. Errors: one whose text would read back as another purl.
fn put_purl(to: &mut Writer<'_>, purl: &Purl) -> Put {
    let text = purl.to_string();
    if Purl::parse_lenient(&text).as_ref() != Ok(purl) {
        return Err(RecordError::Purl { purl: shown(&text) });
    }
    to.plain(&text);
    Ok(())
}

fn take_purl(from: &mut Reader<'_>) -> Take<Purl> {
    let text = from.plain()?;
    Purl::parse_lenient(text).map_err(|_| from.damaged("a text is no package URL"))
}

pub(super) fn put_texts<'v>(to: &mut Writer<'v>, texts: &'v [String]) -> Put {
    to.list(texts, |to, text| {
        to.text(text);
        Ok(())
    })
}

pub(super) fn take_texts(from: &mut Reader<'_>) -> Take<Vec<String>> {
    from.list(Reader::text)
}

/// Paths that are like the ones before them.
pub(super) fn put_paths<'v>(to: &mut Writer<'v>, paths: impl ExactSizeIterator<Item = &'v str>) {
    to.count(paths.len());
    let mut previous = "";
    for path in paths {
        to.path(&mut previous, path);
    }
}

pub(super) fn take_paths(from: &mut Reader<'_>) -> Take<Vec<String>> {
    let mut path = String::new();
    from.list(|from| from.path(&mut path))
}

fn put_map<'v>(to: &mut Writer<'v>, map: &'v BTreeMap<String, String>) {
    to.count(map.len());
    for (key, value) in map {
        to.text(key);
        to.text(value);
    }
}

fn take_map(from: &mut Reader<'_>) -> Take<BTreeMap<String, String>> {
    let pairs = from.list(|from| Ok((from.text()?, from.text()?)))?;
    sorted(from, pairs)
}

/// Pairs as a map. They are written in its order, so none can be lost.
pub(super) fn sorted<K: Ord, V>(from: &Reader<'_>, pairs: Vec<(K, V)>) -> Take<BTreeMap<K, V>> {
    if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(from.damaged("the keys of a map are not in order"));
    }
    Ok(pairs.into_iter().collect())
}

pub(super) fn put_distro<'v>(to: &mut Writer<'v>, distro: &'v Distro) -> Put {
    let Distro {
        id,
        version_id,
        version,
        name,
        pretty_name,
        codename,
        id_like,
        cpe_name,
        variant_id,
        build_id,
        image_id,
        other,
        point_release,
        channel,
    } = distro;
    to.text(id);
    for text in [version_id, version, name, pretty_name, codename] {
        to.maybe_text(text.as_deref());
    }
    put_texts(to, id_like)?;
    for text in [cpe_name, variant_id, build_id, image_id] {
        to.maybe_text(text.as_deref());
    }
    put_map(to, other);
    to.maybe_text(point_release.as_deref());
    to.maybe_text(channel.as_deref());
    Ok(())
}

pub(super) fn take_distro(from: &mut Reader<'_>) -> Take<Distro> {
    Ok(Distro {
        id: from.text()?,
        version_id: from.maybe_text()?,
        version: from.maybe_text()?,
        name: from.maybe_text()?,
        pretty_name: from.maybe_text()?,
        codename: from.maybe_text()?,
        id_like: take_texts(from)?,
        cpe_name: from.maybe_text()?,
        variant_id: from.maybe_text()?,
        build_id: from.maybe_text()?,
        image_id: from.maybe_text()?,
        other: take_map(from)?,
        point_release: from.maybe_text()?,
        channel: from.maybe_text()?,
    })
}

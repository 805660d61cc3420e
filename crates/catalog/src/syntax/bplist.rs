//! Binary property lists: the texts of the dictionary at the top.

/// Keys and texts of the dictionary at the top; other values are left out.
///
/// Shape: `bplist00`, objects, a table of their offsets, a trailer of 32 bytes: at 6 and 7 the sizes of an offset and of a reference, at 8, 16 and 24 the
/// number of objects, the one at the top and the offset of the table, big-endian. The first half of an object's first byte is its kind (5 ASCII, 6 UTF-16,
/// d dictionary: references of keys, then of values), the second its length, or 15 before an integer that has it.
/// Errors: another kind of file, no dictionary at the top, a reference or a length beyond the file.
/// Source: opensource.apple.com, CF: `CFBinaryPList.c`.
pub(crate) fn texts(bytes: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    const NONE: &str = "no binary property list";
    const BROKEN: &str = "the property list points beyond itself";
    let trailer = bytes.len().checked_sub(32).filter(|_| bytes.starts_with(b"bplist00")).ok_or(NONE)?;
    let size = |at: usize| bytes.get(trailer + at).map(|size| usize::from(*size)).filter(|size| (1..=8).contains(size));
    let place = |at: usize| number(bytes, trailer + at, 8);
    let list = List {
        bytes,
        offset_size: size(6).ok_or(NONE)?,
        reference_size: size(7).ok_or(NONE)?,
        objects: place(8).ok_or(NONE)?,
        table: place(24).ok_or(NONE)?,
    };
    let (kind, count, at) = list.object(place(16).ok_or(NONE)?).ok_or(BROKEN)?;
    if kind != 0xd {
        return Err("the property list has no dictionary at the top");
    }
    // Every reference takes bytes.
    if count > bytes.len() {
        return Err(BROKEN);
    }
    let reference =
        |place: usize| number(bytes, at.checked_add(place.checked_mul(list.reference_size)?)?, list.reference_size);
    let mut texts = Vec::new();
    let mut room = bytes.len();
    for place in 0..count {
        let key = reference(place).ok_or(BROKEN)?;
        let value = reference(place + count).ok_or(BROKEN)?;
        if let (Some(key), Some(value)) = (list.text(key), list.text(value)) {
            // The same long text for every key would make gigabytes of a small file.
            room = room.checked_sub(key.len() + value.len()).ok_or("the property list repeats its texts")?;
            texts.push((key, value));
        }
    }
    Ok(texts)
}

struct List<'a> {
    bytes: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    objects: usize,
    table: usize,
}

impl List<'_> {
    /// Kind and length of an object, and where its content begins.
    fn object(&self, place: usize) -> Option<(u8, usize, usize)> {
        let entry = self.table.checked_add(place.checked_mul(self.offset_size)?)?;
        let at = number(self.bytes, entry, self.offset_size).filter(|_| place < self.objects)?;
        let first = *self.bytes.get(at)?;
        match first & 0xf {
            0xf => {
                let size = 1usize.checked_shl(u32::from(*self.bytes.get(at + 1)? & 0xf))?;
                Some((first >> 4, number(self.bytes, at + 2, size)?, (at + 2).checked_add(size)?))
            }
            length => Some((first >> 4, usize::from(length), at + 1)),
        }
    }

    fn text(&self, place: usize) -> Option<String> {
        let (kind, length, at) = self.object(place)?;
        let content = |length: usize| self.bytes.get(at..at.checked_add(length)?);
        match kind {
            5 => Some(String::from_utf8_lossy(content(length)?).into_owned()),
            6 => {
                let units =
                    content(length.checked_mul(2)?)?.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
                Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
            }
            _ => None,
        }
    }
}

/// A big-endian number of up to eight bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(size)?).filter(|_| size <= 8)?;
    usize::try_from(part.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::syntax::testing::mutate;

    /// A dictionary of these keys and values, as `plutil -convert binary1` writes it: keys, values, the table, the trailer.
    pub(crate) fn bplist(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut file = b"bplist00".to_vec();
        let mut offsets = vec![file.len() as u16];
        file.extend([0xd0 | pairs.len() as u8]);
        file.extend(1..=2 * pairs.len() as u8);
        let keys = pairs.iter().map(|(key, _)| *key);
        for text in keys.chain(pairs.iter().map(|(_, value)| *value)) {
            offsets.push(file.len() as u16);
            let (kind, units, bytes) = match text.is_ascii() {
                true => (0x50, text.len(), text.as_bytes().to_vec()),
                false => {
                    let units: Vec<u16> = text.encode_utf16().collect();
                    (0x60, units.len(), units.iter().flat_map(|unit| unit.to_be_bytes()).collect())
                }
            };
            if units < 15 {
                file.push(kind | units as u8)
            } else {
                file.extend([kind | 0xf, 0x10, units as u8])
            }
            file.extend(bytes);
        }
        let table = file.len() as u64;
        file.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
        file.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        file.extend([offsets.len() as u64, 0, table].iter().flat_map(|number| number.to_be_bytes()));
        file
    }

    #[test]
    fn texts_of_the_top() {
        let file = bplist(&[("a", "b"), ("a long key of an object", "\u{e9}")]);
        let owned = |pair: (&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        assert_eq!(texts(&file), Ok(vec![owned(("a", "b")), owned(("a long key of an object", "\u{e9}"))]));
        assert_eq!(texts(b"bplist00"), Err("no binary property list"));
        let mut odd = file.clone();
        odd[8] = 0xa2;
        assert_eq!(texts(&odd), Err("the property list has no dictionary at the top"));
        let mut odd = file;
        odd[9] = 200;
        assert_eq!(texts(&odd).map(|texts| texts.len()), Ok(1), "a reference to nothing is no text");
    }

    proptest! {
        #[test]
        fn broken_lists_never_panic(place: usize, byte: u8, cut in 0usize..20, keep: usize) {
            let file = bplist(&[("CFBundleName", "A"), ("CFBundleVersion", "1.2.3.4.5.6.7.8.9")]);
            let bytes = mutate(&file, place, byte, cut, keep);
            if let Ok(texts) = texts(&bytes) {
                prop_assert!(texts.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= bytes.len());
            }
        }
    }
}

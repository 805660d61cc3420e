//! PAX extended headers: the records that change what an entry is.

use super::sparse::Segment;

/// What the records of one extended header say, as far as it matters to a reader of file contents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) sparse: PaxSparse,
}

/// GNU's sparse formats 0.0, 0.1 and 1.0. Source: GNU tar manual, "Storing Sparse Files".
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PaxSparse {
    pub(crate) major: Option<u64>,
    pub(crate) minor: Option<u64>,
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) real_size: Option<u64>,
    pub(crate) segments: Option<Vec<Segment>>,
    /// An offset of format 0.0 whose length has not come yet.
    half: Option<u64>,
}

impl Pax {
    /// Whether the records name, move or resize anything.
    pub(crate) fn changes_entries(&self) -> bool {
        self != &Pax::default()
    }

    /// Takes the records `LENGTH KEY=VALUE\n` of one header. Later records and later headers win.
    /// Errors: one clause that says what is wrong, with the offset inside the header.
    pub(crate) fn read(&mut self, bytes: &[u8], max_segments: usize) -> Result<(), (usize, &'static str)> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            // Some writers pad the last record with NULs up to the block.
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let (key, value, len) = record(rest).ok_or((at, "a PAX record is not `LENGTH KEY=VALUE`"))?;
            self.take(key, value, max_segments).map_err(|why| (at, why))?;
            at += len;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8], max_segments: usize) -> Result<(), &'static str> {
        const NUMBER: &str = "a PAX record holds no number where one must be";
        let number = || decimal(value).ok_or(NUMBER);
        match key {
            b"path" | b"linkpath" | b"GNU.sparse.name" => {
                if value.contains(&0) {
                    return Err("a PAX name holds a NUL");
                }
                // An empty value takes back what an earlier record said.
                let value = (!value.is_empty()).then(|| value.to_vec());
                match key {
                    b"path" => self.path = value,
                    b"linkpath" => self.link = value,
                    _ => self.sparse.name = value,
                }
            }
            b"size" => self.size = if value.is_empty() { None } else { Some(number()?) },
            b"GNU.sparse.major" => self.sparse.major = Some(number()?),
            b"GNU.sparse.minor" => self.sparse.minor = Some(number()?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.real_size = Some(number()?),
            b"GNU.sparse.numblocks" => {
                number()?;
                self.sparse.segments.get_or_insert_default();
            }
            b"GNU.sparse.offset" => {
                let earlier = self.sparse.half.replace(number()?);
                return earlier.map_or(Ok(()), |_| Err("two GNU.sparse.offset records follow each other"));
            }
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.half.take().ok_or("GNU.sparse.numbytes comes before its offset")?;
                let segments = self.sparse.segments.get_or_insert_default();
                if segments.len() >= max_segments {
                    return Err("a sparse file has more segments than the limit");
                }
                segments.push(Segment { offset, len: number()? });
            }
            b"GNU.sparse.map" => {
                let mut segments = Vec::new();
                let mut numbers = value.split(|byte| *byte == b',').filter(|part| !part.is_empty());
                while let Some(offset) = numbers.next() {
                    if segments.len() >= max_segments {
                        return Err("a sparse file has more segments than the limit");
                    }
                    let len = numbers.next().ok_or("GNU.sparse.map has an offset without a length")?;
                    segments.push(Segment { offset: decimal(offset).ok_or(NUMBER)?, len: decimal(len).ok_or(NUMBER)? });
                }
                self.sparse.segments = Some(segments);
            }
            // Times, owners, extended attributes and comments change no content.
            _ => {}
        }
        Ok(())
    }
}

/// Key, value and length of the record that `bytes` begin with.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&bytes[..space])?).ok()?;
    if len <= space + 1 || len > bytes.len() || bytes[len - 1] != b'\n' {
        return None;
    }
    let body = &bytes[space + 1..len - 1];
    let equals = body.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then(|| (&body[..equals], &body[equals + 1..], len))
}

/// Decimal digits and nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Pax) {
        let mut pax = Pax::default();
        pax.read(bytes, 10).unwrap();
        assert_eq!(pax, expected);
    }

    #[track_caller]
    fn refused(bytes: &[u8]) {
        assert!(Pax::default().read(bytes, 2).is_err(), "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn records_change_the_entry() {
        check(b"11 path=a/\n", Pax { path: Some(b"a/".to_vec()), ..Pax::default() });
        check(b"12 path=a=b\n", Pax { path: Some(b"a=b".to_vec()), ..Pax::default() });
        check(b"11 path=a\n\n", Pax { path: Some(b"a\n".to_vec()), ..Pax::default() });
        check(b"12 size=123\n8 size=\n", Pax::default());
        check(b"20 comment=whatever\n", Pax::default());
        check(b"9 size=1\n\0\0\0", Pax { size: Some(1), ..Pax::default() });
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [
            &b"path=a\n"[..],
            b"10 path=a/\n",
            b"99 path=a\n",
            b"0 path=a\n",
            b"10 path=a",
            b"6 =ab\n",
            b"12 size=-12\n",
            b"30 size=99999999999999999999999\n",
            b"11 path=\0a\n",
            b"18446744073709551616 a=b\n",
            b"26 GNU.sparse.map=1,2,3,4,5,6\n",
        ] {
            refused(bytes);
        }
    }
}

//! One 512-byte header block.

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;

/// A header block whose checksum was found right.
pub(crate) struct Block<'a>(pub(crate) &'a [u8; BLOCK]);

/// Which of the dialects wrote the block; it decides where a long name continues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Block<'a> {
    fn field(&self, at: usize, len: usize) -> &'a [u8] {
        &self.0[at..at + len]
    }

    /// Sum of all bytes with the checksum field as spaces, unsigned (POSIX) or signed (old Sun and BSD tars).
    pub(crate) fn checksum_holds(&self) -> bool {
        let Some(stated) = octal(self.field(148, 8)) else { return false };
        let mut unsigned = 8 * u64::from(b' ');
        let mut signed = 8 * i64::from(b' ');
        for (at, byte) in self.0.iter().enumerate() {
            if !(148..156).contains(&at) {
                unsigned += u64::from(*byte);
                signed += i64::from(*byte as i8);
            }
        }
        stated == unsigned || i64::try_from(stated) == Ok(signed)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match (self.field(257, 6), self.field(263, 2)) {
            (b"ustar\0", _) if self.field(508, 4) == b"tar\0" => Dialect::Star,
            (b"ustar\0", _) => Dialect::Ustar,
            (b"ustar ", b" \0") => Dialect::Gnu,
            _ => Dialect::V7,
        }
    }

    pub(crate) fn typeflag(&self) -> u8 {
        self.0[156]
    }

    /// The size of what follows; `None` where the field is no number, or a negative one.
    pub(crate) fn size(&self) -> Option<u64> {
        number(self.field(124, 12))
    }

    /// Permission bits; garbage in this field is refused by runtimes too.
    pub(crate) fn mode(&self) -> Option<u32> {
        number(self.field(100, 8)).map(|mode| (mode & 0o7777) as u32)
    }

    pub(crate) fn link_name(&self) -> &'a [u8] {
        text(self.field(157, 100))
    }

    /// Writes the name, prefix included, into `out`.
    pub(crate) fn name_into(&self, out: &mut Vec<u8>) {
        let prefix = match self.dialect() {
            Dialect::V7 => &[][..],
            Dialect::Ustar => text(self.field(345, 155)),
            Dialect::Star => text(self.field(345, 131)),
            // GNU keeps times where ustar has the prefix. Old versions of Go wrote a prefix there all the same: it is one when the fields are
            // no numbers and hold plain text. Source: golang/go:src/archive/tar/reader.go, `readHeader` (issue 12594).
            Dialect::Gnu => {
                let times = [self.field(345, 12), self.field(357, 12)];
                let prefix = text(self.field(345, 155));
                if times.iter().all(|time| time[0] == 0 || number(time).is_some()) || !prefix.is_ascii() {
                    &[][..]
                } else {
                    prefix
                }
            }
        };
        out.clear();
        if !prefix.is_empty() {
            out.extend_from_slice(prefix);
            out.push(b'/');
        }
        out.extend_from_slice(text(self.field(0, 100)));
    }

    /// Old GNU sparse: up to four segments, whether extension blocks follow, and the real size. Source: GNU tar, `tar.h`, `struct oldgnu_header`.
    pub(crate) fn gnu_sparse(&self) -> (&'a [u8], bool, Option<u64>) {
        (self.field(386, 96), self.0[482] != 0, number(self.field(483, 12)))
    }
}

/// The bytes before the first NUL.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|byte| *byte == 0).unwrap_or(field.len())]
}

/// A number in octal or GNU base-256. An empty field is 0. `None`: no number, negative, or more than 64 bits.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    match field.first() {
        // Two's complement, big endian; bit 7 of the first byte is the mark, bit 6 the sign.
        Some(first) if first & 0x80 != 0 => {
            if first & 0x40 != 0 {
                return None;
            }
            field[1..]
                .iter()
                .try_fold(u64::from(first & 0x3F), |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)))
        }
        _ => octal(field),
    }
}

/// Octal digits between spaces and NULs.
fn octal(field: &[u8]) -> Option<u64> {
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let from = field.iter().position(|byte| !padding(byte)).unwrap_or(field.len());
    let field = text(&field[from..]);
    let field = field.trim_ascii_end();
    field.iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &[u8], value: Option<u64>) {
        assert_eq!(number(field), value, "{field:?}");
    }

    #[test]
    fn numbers_are_octal_or_base_256() {
        check(b"0000644\0", Some(0o644));
        check(b"   644 \0", Some(0o644));
        check(b"\0\0\0\0", Some(0));
        check(b"        ", Some(0));
        check(b"77777777777\0", Some(0o77777777777));
        check(b"777777777777", Some(0o777777777777));
        check(b"0000008\0", None);
        check(b"-000001\0", None);
        check(b"12 34\0", None);
        check(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0], Some(0x2_0000_0000));
        check(&[0xFF; 12], None);
        check(&[0x80, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], Some(u64::MAX));
    }
}

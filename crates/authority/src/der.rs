//! DER: enough to write certificates and timestamps, and to read requests for them.
//!
//! Source: ITU-T X.690. Reading is strict: definite lengths in their shortest form, tags of one byte.

use x509_cert::der::asn1::ObjectIdentifier;

/// UNIVERSAL and CONTEXT tags, as they stand in the first byte.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8: u8 = 0x0c;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERAL_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[n]`, primitive.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[n]`, constructed.
    pub(crate) const fn outer(number: u8) -> u8 {
        0xa0 | number
    }
}

/// Tag, length, content.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant =
        length.iter().position(|byte| *byte != 0).map_or(&length[..0], |at| length.get(at..).unwrap_or(&[]));
    let mut out = Vec::with_capacity(content.len().saturating_add(10));
    out.push(tag);
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most eight bytes of length.
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// `SEQUENCE` of parts that are DER already.
pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::SEQUENCE, &parts.concat())
}

/// `SET OF`: ordered by its encodings (X.690, 11.6).
pub(crate) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(tag::SET, &parts.concat())
}

/// `OBJECT IDENTIFIER`.
pub(crate) fn oid(id: ObjectIdentifier) -> Vec<u8> {
    tlv(tag::OID, id.as_bytes())
}

/// A non-negative `INTEGER` from its bytes, most significant first.
pub(crate) fn uint(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let significant = bytes.get(start..).unwrap_or(&[]);
    let mut content = Vec::with_capacity(significant.len().saturating_add(1));
    if significant.first().is_none_or(|byte| *byte >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(significant);
    tlv(tag::INTEGER, &content)
}

/// `OCTET STRING`.
pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::OCTET_STRING, bytes)
}

/// `BIT STRING` of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::BIT_STRING, &[&[0], bytes].concat())
}

/// `UTF8String`.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(tag::UTF8, text.as_bytes())
}

/// One element that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Tag, length and content.
    pub(crate) whole: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the one element of this tag that the bytes are, and nothing after it.
    pub(crate) fn only(bytes: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let mut reader = Self(bytes);
        let content = reader.take(tag)?;
        reader.is_empty().then_some(content)
    }

    /// Whether all was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element.
    pub(crate) fn element(&mut self) -> Option<Element<'a>> {
        let whole = self.0;
        let (&tag, rest) = whole.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            let length =
                digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
            // The shortest form, and no other.
            if length < 0x80 || digits.first() == Some(&0) {
                return None;
            }
            (length, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let used = whole.len().checked_sub(rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, whole: whole.get(..used)? })
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let element = ahead.element()?;
        if element.tag != tag {
            return None;
        }
        *self = ahead;
        Some(element.content)
    }

    /// The next element if it has this tag; `Err` when it has and is malformed.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, ()> {
        if self.peek() == Some(tag) { self.take(tag).map(Some).ok_or(()) } else { Ok(None) }
    }

    /// `OBJECT IDENTIFIER`.
    pub(crate) fn oid(&mut self) -> Option<ObjectIdentifier> {
        ObjectIdentifier::from_bytes(self.take(tag::OID)?).ok()
    }

    /// A non-negative `INTEGER` in its shortest form; its bytes without the sign.
    pub(crate) fn uint(&mut self) -> Option<&'a [u8]> {
        match self.take(tag::INTEGER)? {
            [] => None,
            [0] => Some(&[]),
            [0, next, ..] if *next < 0x80 => None,
            [0, rest @ ..] => Some(rest),
            [first, ..] if *first >= 0x80 => None,
            all => Some(all),
        }
    }

    /// `BIT STRING` of whole bytes.
    pub(crate) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.take(tag::BIT_STRING)? {
            [0, rest @ ..] => Some(rest),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: usize, head: &[u8]) {
        let bytes = vec![7; content];
        let written = tlv(tag::OCTET_STRING, &bytes);
        assert_eq!(&written[..head.len()], head);
        assert_eq!(Reader::only(&written, tag::OCTET_STRING), Some(bytes.as_slice()));
        assert_eq!(Reader::only(&[written, vec![0]].concat(), tag::OCTET_STRING), None, "bytes after the element");
    }

    #[test]
    fn lengths_are_short_and_come_back() {
        check(0, &[4, 0]);
        check(1, &[4, 1, 7]);
        check(127, &[4, 127, 7]);
        check(128, &[4, 0x81, 128, 7]);
        check(255, &[4, 0x81, 255, 7]);
        check(256, &[4, 0x82, 1, 0, 7]);
        check(65536, &[4, 0x83, 1, 0, 0, 7]);
    }

    #[test]
    fn other_forms_of_lengths_are_refused() {
        for bytes in [
            &[4, 0x81, 1, 7][..],
            &[4, 0x82, 0, 200],
            &[4, 0x80, 0, 0],
            &[0x1f, 1, 0],
            &[4, 2, 7],
            &[4],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
        ] {
            assert_eq!(Reader::new(bytes).element(), None, "{bytes:?}");
        }
    }

    #[test]
    fn integers_have_one_form() {
        for (bytes, written) in [(&[][..], &[2, 1, 0][..]), (&[0, 0, 5], &[2, 1, 5]), (&[0x80], &[2, 2, 0, 0x80])] {
            assert_eq!(uint(bytes), written);
            let number = Reader::new(written).uint().unwrap();
            assert_eq!(uint(number), written);
        }
        for bytes in [&[2, 0][..], &[2, 2, 0, 5], &[2, 1, 0x80]] {
            assert_eq!(Reader::new(bytes).uint(), None, "{bytes:?}");
        }
    }

    #[test]
    fn sets_are_ordered() {
        assert_eq!(set_of(vec![vec![5, 0], vec![1, 1, 0]]), [0x31, 5, 1, 1, 0, 5, 0]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while let Some(element) = reader.element() {
                proptest::prop_assert!(element.whole.len() > element.content.len());
            }
        }
    }
}

//! Reads the primitives of a record, with a bound on the memory that they may take.

use signet_model::{Algorithm, Digest};

use super::codes::Coded;
use super::writer::unzigzag;
use super::{RecordError, names};

/// A place in a record, and what was read before it.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    texts: Vec<&'a str>,
    names: Vec<&'static str>,
    digests: Vec<Digest>,
    /// Bytes of memory that may still be taken. A text that is referred to a thousand times is restored a thousand times, so the length of the
    /// record alone bounds nothing.
    left: usize,
    limit: usize,
}

/// Room that is made at once for a list, whatever its stated length.
const FIRST_ROOM: usize = 4096;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], limit: usize) -> Reader<'a> {
        Reader { bytes, at: 0, texts: Vec::new(), names: Vec::new(), digests: Vec::new(), left: limit, limit }
    }

    /// Bytes of memory that the values may take.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn damaged(&self, what: &'static str) -> RecordError {
        RecordError::Damaged { at: self.at, what }
    }

    /// Nothing may follow a record.
    pub(super) fn end(&self) -> Result<(), RecordError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.damaged("bytes follow the end")) }
    }

    /// Notes that a value takes this many bytes of memory.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), RecordError> {
        self.left = self.left.checked_sub(bytes).ok_or(RecordError::TooLarge { limit: self.limit })?;
        Ok(())
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, RecordError> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn raw(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let taken = self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += len;
        Ok(taken)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, RecordError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7F);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    /// A number that fits a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, RecordError> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.damaged("a number is too large for its field"))
    }

    /// A number written by [`super::writer::Writer::signed`].
    pub(super) fn signed(&mut self) -> Result<i64, RecordError> {
        self.number().map(unzigzag)
    }

    pub(super) fn code<T: Coded>(&mut self) -> Result<T, RecordError> {
        let code = self.byte()?;
        T::of_code(code).ok_or_else(|| self.damaged("it has a variant that is unknown"))
    }

    pub(super) fn flag(&mut self) -> Result<bool, RecordError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged("a flag is neither set nor unset")),
        }
    }

    /// The number of items that follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, RecordError> {
        let count = self.small::<usize>()?;
        if count > self.bytes.len() - self.at {
            return Err(self.damaged("a list is longer than the record"));
        }
        Ok(count)
    }

    /// A list of items, each of which takes at least one byte.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.count()?;
        self.charge(count.saturating_mul(size_of::<T>()))?;
        let mut list = Vec::with_capacity(count.min(FIRST_ROOM));
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }

    /// A value that may be missing, after a flag.
    pub(super) fn maybe<T>(
        &mut self,
        item: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.flag()? { item(self).map(Some) } else { Ok(None) }
    }

    fn utf8(&mut self, len: u64) -> Result<&'a str, RecordError> {
        let len = usize::try_from(len).map_err(|_| self.damaged("it ends too early"))?;
        let bytes = self.raw(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// A text that may be missing, borrowed from the record.
    pub(super) fn maybe_str(&mut self) -> Result<Option<&'a str>, RecordError> {
        let Some(head) = self.number()?.checked_sub(1) else { return Ok(None) };
        let number = head >> 1;
        if head & 1 == 1 {
            let known = usize::try_from(number).ok().and_then(|number| self.texts.get(number));
            return known.copied().map(Some).ok_or_else(|| self.damaged("it refers to a text that it has not"));
        }
        let text = self.utf8(number)?;
        if !text.is_empty() {
            self.texts.push(text);
        }
        Ok(Some(text))
    }

    /// A text, borrowed from the record.
    pub(super) fn str(&mut self) -> Result<&'a str, RecordError> {
        self.maybe_str()?.ok_or_else(|| self.damaged("a text is missing"))
    }

    pub(super) fn text(&mut self) -> Result<String, RecordError> {
        let text = self.str()?;
        self.owned(text)
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, RecordError> {
        match self.maybe_str()? {
            Some(text) => self.owned(text).map(Some),
            None => Ok(None),
        }
    }

    /// A copy of a text, which is paid for.
    pub(super) fn owned(&mut self, text: &str) -> Result<String, RecordError> {
        self.charge(text.len())?;
        Ok(text.to_owned())
    }

    /// A text that stands in the record once.
    pub(super) fn plain(&mut self) -> Result<&'a str, RecordError> {
        let len = self.number()?;
        self.utf8(len)
    }

    /// Brings `path` from the path before it to the one that stands here, and gives the length of what both begin with.
    pub(super) fn next_path(&mut self, path: &mut String) -> Result<usize, RecordError> {
        let shared = self.small::<usize>()?;
        if !path.is_char_boundary(shared) {
            return Err(self.damaged("a path continues more than the one before it has"));
        }
        let rest = self.plain()?;
        path.truncate(shared);
        path.push_str(rest);
        Ok(shared)
    }

    /// As [`Reader::next_path`], for those who keep the path.
    pub(super) fn path(&mut self, path: &mut String) -> Result<String, RecordError> {
        self.next_path(path)?;
        self.owned(path)
    }

    /// A name that the program has built in.
    pub(super) fn name(&mut self) -> Result<&'static str, RecordError> {
        let number = self.number()?;
        let Some(number) = number.checked_sub(1) else {
            let text = self.plain()?;
            let name = names::find(text).ok_or_else(|| RecordError::UnknownName { name: shown(text) })?;
            self.names.push(name);
            return Ok(name);
        };
        let known = usize::try_from(number).ok().and_then(|number| self.names.get(number));
        known.copied().ok_or_else(|| self.damaged("it refers to a name that it has not"))
    }

    fn hash(&mut self, algorithm: u64) -> Result<Digest, RecordError> {
        let algorithm = match algorithm {
            1 => Algorithm::Sha256,
            2 => Algorithm::Sha384,
            3 => Algorithm::Sha512,
            _ => return Err(self.damaged("it has a digest of an unknown algorithm")),
        };
        let hash = self.raw(algorithm.size())?;
        Digest::from_bytes(algorithm, hash).ok_or_else(|| self.damaged("a digest has a wrong length"))
    }

    /// A digest that stands in the record once.
    pub(super) fn digest(&mut self) -> Result<Digest, RecordError> {
        let algorithm = self.number()?;
        self.hash(algorithm)
    }

    /// A digest that many places name, or none.
    pub(super) fn maybe_digest(&mut self) -> Result<Option<Digest>, RecordError> {
        let head = self.number()?;
        match head {
            0 => Ok(None),
            1..=3 => {
                let digest = self.hash(head)?;
                self.digests.push(digest);
                Ok(Some(digest))
            }
            head => {
                let known = usize::try_from(head - 4).ok().and_then(|number| self.digests.get(number));
                known.copied().map(Some).ok_or_else(|| self.damaged("it refers to a digest that it has not"))
            }
        }
    }
}

/// The beginning of a text of unknown length.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

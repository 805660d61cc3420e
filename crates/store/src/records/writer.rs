//! Writes the primitives of a record. Each has its reader of the same name in `reader.rs`.
//!
//! ```text
//! number    LEB128: seven bits a byte, the lowest first, at most 64 bits
//! signed    number of (n << 1) ^ (n >> 63): small values of either sign are short
//! plain     number of the length in bytes, UTF-8
//! text      number: 0 none | 1 + 2 * length, UTF-8: a text that is met first and gets the next number | 2 + 2 * number of a text met before
//!           (the empty text gets no number)
//! name      number: 0, plain: a name that is met first and gets the next number | 1 + number of a name met before
//! digest    number: 1 SHA-256, 2 SHA-384, 3 SHA-512; the bytes of the hash
//! shared    number: 0 none | 1 to 3 as `digest`, which gets the next number | 4 + number of a digest met before
//! path      number of the bytes that it shares with the path before it in the same list; plain: the rest
//! list      number of items; the items
//! maybe     byte: 0 none | 1, the value
//! ```

use std::collections::HashMap;

use signet_model::{Algorithm, Digest};

use super::codes::Coded;
use super::reader::shown;
use super::{RecordError, names};

/// A record that grows. Texts and digests are borrowed from the value that is written.
#[derive(Debug, Default)]
pub(super) struct Writer<'v> {
    out: Vec<u8>,
    texts: HashMap<&'v str, u64>,
    names: Vec<&'static str>,
    digests: HashMap<Digest, u64>,
}

impl<'v> Writer<'v> {
    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.number(zigzag(number));
    }

    pub(super) fn code(&mut self, value: impl Coded) {
        self.byte(value.code());
    }

    pub(super) fn flag(&mut self, set: bool) {
        self.byte(u8::from(set));
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(super) fn list<T>(
        &mut self,
        items: &'v [T],
        mut item: impl FnMut(&mut Self, &'v T) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        self.count(items.len());
        items.iter().try_for_each(|value| item(self, value))
    }

    pub(super) fn maybe<T>(
        &mut self,
        value: Option<T>,
        item: impl FnOnce(&mut Self, T) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        self.flag(value.is_some());
        value.map_or(Ok(()), |value| item(self, value))
    }

    pub(super) fn plain(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    pub(super) fn text(&mut self, text: &'v str) {
        if let Some(number) = self.texts.get(text) {
            let number = *number;
            return self.number(number * 2 + 2);
        }
        self.number(text.len() as u64 * 2 + 1);
        self.raw(text.as_bytes());
        if !text.is_empty() {
            self.texts.insert(text, self.texts.len() as u64);
        }
    }

    pub(super) fn maybe_text(&mut self, text: Option<&'v str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(0),
        }
    }

    /// Writes a path after `previous`, which becomes this one.
    pub(super) fn path(&mut self, previous: &mut &'v str, path: &'v str) {
        let mut shared = previous.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
        while !path.is_char_boundary(shared) {
            shared -= 1;
        }
        self.count(shared);
        self.plain(path.get(shared..).unwrap_or_default());
        *previous = path;
    }

    /// Errors: a name that could not be read back.
    pub(super) fn name(&mut self, name: &'static str) -> Result<(), RecordError> {
        if let Some(number) = self.names.iter().position(|known| *known == name) {
            self.number(number as u64 + 1);
            return Ok(());
        }
        if names::find(name).is_none() {
            return Err(RecordError::UnknownName { name: shown(name) });
        }
        self.number(0);
        self.plain(name);
        self.names.push(name);
        Ok(())
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.number(match digest.algorithm() {
            Algorithm::Sha256 => 1,
            Algorithm::Sha384 => 2,
            Algorithm::Sha512 => 3,
        });
        self.raw(digest.as_bytes());
    }

    pub(super) fn maybe_digest(&mut self, digest: Option<&Digest>) {
        let Some(digest) = digest else { return self.number(0) };
        if let Some(number) = self.digests.get(digest) {
            let number = *number;
            return self.number(number + 4);
        }
        self.digest(digest);
        self.digests.insert(*digest, self.digests.len() as u64);
    }
}

/// A number of either sign as one without: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

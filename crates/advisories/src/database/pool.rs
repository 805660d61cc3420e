//! Every text and list once.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::bytes::{Reader, put_bytes};

/// Collects byte strings without duplicates. A reference is the place of the entry in [`Pool::data`]; 0 is the empty one.
#[derive(Debug)]
pub(super) struct Pool {
    data: Vec<u8>,
    /// Open addressing; 0 is an empty slot, which is why the empty string is never looked up here.
    slots: Vec<u32>,
    used: usize,
}

/// The pool outgrew 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Pool {
    pub(super) fn new() -> Pool {
        Pool { data: vec![0], slots: vec![0; 1 << 10], used: 0 }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<u32, Full> {
        self.bytes(text.as_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<u32, Full> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.used * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let mut slot = self.slot(bytes);
        loop {
            match self.slots.get(slot).copied() {
                Some(0) | None => break,
                Some(at) if self.get(at) == bytes => return Ok(at),
                Some(_) => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
        let at = u32::try_from(self.data.len()).map_err(|_| Full)?;
        put_bytes(&mut self.data, bytes);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = at;
        }
        self.used += 1;
        Ok(at)
    }

    pub(super) fn list(&mut self, numbers: &[u32]) -> Result<u32, Full> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.bytes(&bytes)
    }

    pub(super) fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> Result<u32, Full> {
        let numbers: Result<Vec<u32>, Full> = texts.into_iter().map(|text| self.text(text)).collect();
        self.list(&numbers?)
    }

    pub(super) fn get(&self, at: u32) -> &[u8] {
        entry(&self.data, at).unwrap_or_default()
    }

    pub(super) fn into_data(self) -> Vec<u8> {
        self.data
    }

    fn slot(&self, bytes: &[u8]) -> usize {
        // `DefaultHasher::default()` has fixed keys, so building takes the same way every time.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
        hash as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; old.len() * 2];
        for at in old.into_iter().filter(|at| *at != 0) {
            let mut slot = self.slot(self.get(at));
            while self.slots.get(slot).is_some_and(|taken| *taken != 0) {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            if let Some(place) = self.slots.get_mut(slot) {
                *place = at;
            }
        }
    }
}

/// The entry at `at` of a pool's bytes.
pub(super) fn entry(data: &[u8], at: u32) -> Option<&[u8]> {
    Reader::new(data.get(at as usize..)?).bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_place() {
        let mut pool = Pool::new();
        let places: Vec<u32> = (0..5000).map(|n| pool.text(&format!("text {}", n % 700)).unwrap()).collect();
        for (n, place) in places.iter().enumerate() {
            assert_eq!(pool.get(*place), format!("text {}", n % 700).as_bytes());
            assert_eq!(*place, places[n % 700]);
        }
        assert_eq!(pool.text("").unwrap(), 0);
        assert_eq!(pool.get(0), b"");
    }
}

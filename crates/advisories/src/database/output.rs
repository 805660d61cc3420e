//! The file under the builder: sections one behind the other, hashed as they are written.

use std::io::Write;

use signet_model::Hasher;

use super::builder::BuildError;
use super::format::Section;

/// Numbers as the bytes of a row.
pub(super) fn rows<const N: usize, const B: usize>(numbers: [u32; N]) -> [u8; B] {
    let mut bytes = [0; B];
    for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// What was written where.
#[derive(Debug, Default)]
pub(super) struct SectionTable {
    pub(super) rows: Vec<(Section, u64, u64)>,
}

impl SectionTable {
    pub(super) fn add(&mut self, section: Section, offset: u64, length: u64) {
        self.rows.push((section, offset, length));
    }

    /// Writes the rows of a section.
    pub(super) fn write<W: Write, const B: usize>(
        &mut self,
        out: &mut Hashing<W>,
        section: Section,
        rows: impl Iterator<Item = [u8; B]>,
    ) -> Result<(), BuildError> {
        let start = out.at;
        for row in rows {
            out.write(&row)?;
        }
        self.add(section, start, out.at - start);
        Ok(())
    }
}

/// Hashes what it writes.
#[derive(Debug)]
pub(super) struct Hashing<W> {
    pub(super) out: W,
    pub(super) hasher: Hasher,
    /// Offset in the file.
    pub(super) at: u64,
}

impl<W: Write> Hashing<W> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        self.hasher.update(bytes);
        self.at += bytes.len() as u64;
        self.out.write_all(bytes).map_err(BuildError::Write)
    }
}

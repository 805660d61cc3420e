//! The form of what the store keeps: a layer's paths and findings, and the inventory of a whole image, as bytes.
//!
//! ```text
//!   LayerIndex, LayerRecord, Unexamined ──encode_layer──▶     bytes ──decode_layer──▶     the same
//!   Inventory                           ──encode_inventory──▶ bytes ──decode_inventory──▶ the same
//!
//!   bytes: "SGNT", kind (byte: `L` or `I`), format version (byte), the value; nothing follows
//! ```
//!
//! The form is our own and not that of a serde crate, because a record is read on the fast path (an unchanged image is scanned from it alone) and is
//! mostly texts that repeat: each text stands once, each path says only where it leaves the path before it, and reading borrows until a value is
//! made. The primitives are described in `writer.rs`.
//!
//! Invariants: reading never panics, never recurses, and takes a bounded amount of memory whatever the bytes are; a record of another format
//! version is refused, not guessed at; no value is written that would not read back as itself. What these readers do not do is find out whether
//! well-formed bytes are those that were written: the store's SHA-256 does.

mod codes;
mod inventory;
mod layer;
mod names;
mod nouns;
mod owned;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use signet_catalog::LayerRecord;
use signet_image::LayerIndex;
use signet_model::{Inventory, Unexamined};

use reader::Reader;
use writer::Writer;

/// Version of the form. Every change of what is written makes it one larger; the golden files of all versions are kept.
pub const FORMAT_VERSION: u8 = 1;

const MAGIC: &[u8; 4] = b"SGNT";

/// Bytes of memory that a record's values may take, and a layer's index as much again (the walk over a layer allows it no more by default).
const MAX_MEMORY: usize = 1 << 30;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Layer = b'L' as isize,
    Inventory = b'I' as isize,
}

/// Why a record cannot be read or written. A reader treats each as "not remembered": the record is made again from the bytes that it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no record, or one of the other kind.
    #[error("the bytes are no record of this kind")]
    Kind,
    /// The record has another format.
    #[error("the record has format {found}, and this Signet reads {known}")]
    Version {
        /// Its format.
        found: u8,
        /// Ours.
        known: u8,
    },
    /// The record is not well formed.
    #[error("the record is damaged at byte {at}: {what}")]
    Damaged {
        /// Offset in bytes.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The record names a leaf or a room that is not in this program.
    #[error("the record names `{name}`, which is no leaf or room of this Signet")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// The record's values would take too much memory.
    #[error("the values of the record would take more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A purl's text stands for another purl.
    #[error("the package URL `{purl}` would read back as another one")]
    Purl {
        /// The beginning of its text.
        purl: String,
    },
}

/// The bytes of what one pass over a layer gave: its paths, what was found, and what the walk could not read.
///
/// Errors: a name or purl that would not read back as itself; both are bugs, and the caller goes on without keeping the record.
pub fn encode_layer(
    index: &LayerIndex,
    record: &LayerRecord,
    unexamined: &[Unexamined],
) -> Result<Vec<u8>, RecordError> {
    let mut to = begin(Kind::Layer);
    layer::put_index(&mut to, index);
    layer::put_record(&mut to, index, record)?;
    to.list(unexamined, nouns::put_unexamined)?;
    Ok(to.finish())
}

/// Reads what [`encode_layer`] wrote.
///
/// Errors: another format version, bytes that are not well formed, names of another Signet, more than 1 GiB of values or of paths.
pub fn decode_layer(bytes: &[u8]) -> Result<(LayerIndex, LayerRecord, Vec<Unexamined>), RecordError> {
    decode_layer_within(bytes, MAX_MEMORY)
}

fn decode_layer_within(bytes: &[u8], memory: usize) -> Result<(LayerIndex, LayerRecord, Vec<Unexamined>), RecordError> {
    let mut from = open(bytes, Kind::Layer, memory)?;
    let index = layer::take_index(&mut from)?;
    let record = layer::take_record(&mut from, &index)?;
    let unexamined = from.list(nouns::take_unexamined)?;
    from.end()?;
    Ok((index, record, unexamined))
}

/// The bytes of an inventory.
///
/// Errors: as [`encode_layer`].
pub fn encode_inventory(inventory: &Inventory) -> Result<Vec<u8>, RecordError> {
    let mut to = begin(Kind::Inventory);
    inventory::put(&mut to, inventory)?;
    Ok(to.finish())
}

/// Reads what [`encode_inventory`] wrote. Every package that an edge or an executable names is there.
///
/// Errors: as [`decode_layer`].
pub fn decode_inventory(bytes: &[u8]) -> Result<Inventory, RecordError> {
    decode_inventory_within(bytes, MAX_MEMORY)
}

fn decode_inventory_within(bytes: &[u8], memory: usize) -> Result<Inventory, RecordError> {
    let mut from = open(bytes, Kind::Inventory, memory)?;
    let inventory = inventory::take(&mut from)?;
    from.end()?;
    Ok(inventory)
}

fn begin<'v>(kind: Kind) -> Writer<'v> {
    let mut to = Writer::default();
    to.raw(MAGIC);
    to.byte(kind as u8);
    to.byte(FORMAT_VERSION);
    to
}

fn open(bytes: &[u8], kind: Kind, memory: usize) -> Result<Reader<'_>, RecordError> {
    let mut from = Reader::new(bytes, memory);
    if from.raw(MAGIC.len()).ok() != Some(MAGIC) || from.byte().ok() != Some(kind as u8) {
        return Err(RecordError::Kind);
    }
    match from.byte()? {
        FORMAT_VERSION => Ok(from),
        found => Err(RecordError::Version { found, known: FORMAT_VERSION }),
    }
}

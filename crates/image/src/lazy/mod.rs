//! Layers of which only parts are fetched: eStargz and zstd:chunked, read through their tables of contents.
//!
//! Both formats are ordinary gzip or zstd for whoever reads them whole. Each file's bytes lie in members or frames of their own (chunks), and a table
//! of contents at the end says where, with a digest for each chunk. The manifest names the digest of the table.
//!
//! What is believed, and why: the table, because its digest stands in the verified manifest; a chunk, because its digest stands in the table; the tar
//! headers between the chunks only where they say the same as the table, entry by entry and in the same order. Of the bytes that are not fetched
//! nothing is known but what the table says. So this view is the one of a runtime that mounts by the table; a runtime that unpacks the whole archive
//! sees the same unless the author of the image hid entries inside chunks that nobody fetched, which cannot be found out without fetching them.
//! Therefore lazy reading is for those who ask for it, a lazy result is never taken for a whole one, and every doubt ends in a [`LazyError`], after which
//! the caller reads the whole layer.
//!
//! ```text
//!   annotations ─▶ Mark ─▶ Contents (fetched, verified) ─▶ pieces of the blob ─▶ Stream: the tar stream, chunks fetched when they are read
//!                                                                                  └─▶ the same walk and Visitor as of a whole layer
//! ```
//!
//! Sources: stargz-snapshotter `docs/estargz.md`; containers/storage `pkg/chunked` (there is no specification of zstd:chunked but its code).

mod contents;
mod locate;
mod pieces;
mod stream;
mod walk;

use std::io::{self, Read};
use std::ops::Range;

use signet_model::{Digest, Unexamined};

use crate::index::LayerIndex;
use crate::walk::LayerError;

pub use locate::{Contents, Mark};

/// Gives the bytes of a range of the stored layer, all of them or an error. What they are is verified here.
pub type OpenRange<'a> = dyn FnMut(Range<u64>) -> io::Result<Box<dyn Read + Send>> + 'a;

/// How much of a file the visitor will probably read. Only what is fetched ahead hangs on it: what is read is fetched in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// Its first bytes.
    Start,
    /// All of it.
    Whole,
}

/// What a lazy pass over a layer found. No digest of the layer is known: not all of its bytes were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LazyRead {
    /// Every path of the layer, as its table of contents and the tar headers say alike.
    pub index: LayerIndex,
    /// Entries that could not be looked at. Their `layer` is not set.
    pub unexamined: Vec<Unexamined>,
    /// Bytes that were asked for, the table of contents included.
    pub fetched: u64,
    /// How many ranges that were.
    pub requests: u32,
}

/// Why a layer cannot be read lazily. Nothing that was seen of it may be believed: read it whole.
#[derive(Debug, thiserror::Error)]
pub enum LazyError {
    /// A range could not be had; a server that knows no ranges is one reason.
    #[error("a part of it cannot be fetched")]
    Fetch(#[source] io::Error),
    /// The table of contents is not the one that the manifest names.
    #[error("its table of contents hashes to {found}, and the manifest says {stated}")]
    Digest {
        /// The digest of the bytes that came.
        found: Box<Digest>,
        /// The digest in the layer's annotation.
        stated: Box<Digest>,
    },
    /// The table of contents cannot be found or cannot be right.
    #[error("its table of contents {why}")]
    Contents {
        /// What is wrong: the rest of the sentence.
        why: &'static str,
    },
    /// Bytes that were fetched are not what the table says.
    #[error("its bytes from offset {offset} {why}")]
    Part {
        /// Offset in the stored layer.
        offset: u64,
        /// What is wrong: the rest of the sentence.
        why: &'static str,
    },
    /// The tar headers say something else than the table: two runtimes would see two file systems.
    #[error("its archive and its table of contents disagree about `{path}`")]
    Disagree {
        /// The path in the archive, or in the table where the archive has ended.
        path: String,
    },
    /// So much is needed that reading the whole costs little more, and proves more.
    #[error("{planned} of its {size} bytes are needed")]
    NotWorth {
        /// Bytes that would be fetched.
        planned: u64,
        /// Bytes of the whole layer.
        size: u64,
    },
    /// A limit was reached.
    #[error("{limit}")]
    TooLarge {
        /// Which: one clause.
        limit: &'static str,
    },
    /// The tar stream or the visitor failed.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

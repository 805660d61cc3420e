//! How much of a hostile layer we are willing to look at.

/// Bounds on what one layer may make us read or keep. A layer over a limit is refused with the name of the limit; it is never cut in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed tar stream. Nothing of them is kept, so this bounds time, not memory.
    pub layer_bytes: u64,
    /// Entries of one layer, whiteouts and extended headers included.
    pub entries: u64,
    /// Bytes of one path or link target. Linux refuses paths over 4,096 bytes; link farms of build tools come near that.
    pub path_bytes: usize,
    /// Bytes of all paths and link targets of one layer together: the memory of its index.
    pub index_bytes: usize,
    /// Bytes of one extended header (PAX records, GNU long name).
    pub header_bytes: usize,
    /// Segments of one sparse file.
    pub sparse_segments: usize,
    /// Zeros that the holes of sparse files may give to visitors, per layer: a header of 512 bytes can claim 8 EiB.
    pub sparse_zero_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            layer_bytes: 64 << 30,
            entries: 10_000_000,
            path_bytes: 16 << 10,
            index_bytes: 1 << 30,
            header_bytes: 1 << 20,
            sparse_segments: 1 << 17,
            sparse_zero_bytes: 8 << 30,
        }
    }
}

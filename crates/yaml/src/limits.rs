//! What one text may cost.

/// Bounds on one text. Beyond any of them the whole text is refused with [`crate::YamlError::too_large`]; nothing is cut off in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of input. At most 4 GiB, because positions are 32 bits wide.
    pub max_bytes: usize,
    /// Collections inside collections. Values above [`Limits::DEPTH_CEILING`] count as that.
    pub max_depth: usize,
    /// Nodes of all documents together, copies made by aliases included.
    pub max_nodes: usize,
    /// Documents, empty ones included.
    pub max_documents: usize,
    /// Bytes that copies of anchored nodes may take (a node counts 64, plus its text). This is what stops "billion laughs".
    pub max_copied_bytes: usize,
}

impl Limits {
    /// Deeper trees are never built: whoever walks a tree by recursion must be safe on a thread with a small stack.
    pub const DEPTH_CEILING: usize = 256;
}

impl Default for Limits {
    /// Fits rendered bundles of a whole cluster (tens of megabytes, hundreds of thousands of nodes).
    fn default() -> Limits {
        Limits {
            max_bytes: 64 << 20,
            max_depth: 128,
            max_nodes: 2_000_000,
            max_documents: 50_000,
            max_copied_bytes: 32 << 20,
        }
    }
}

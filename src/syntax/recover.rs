//! Broken text is mended before the grammar reads it.
//! It does not know the tree.

/// From places in the mended text to places in the source.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Where the source begins in the file (after a byte order mark).
    pub(super) start: usize,
}

impl Places {
    /// The place in the source.
    pub(super) fn at(&self, place: usize) -> usize {
        place + self.start
    }
}

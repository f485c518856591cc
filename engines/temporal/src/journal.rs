//! What a run has handled: kept in pieces, which are compressed where they go over the wire.

use crate::wire::{JournalLine, Packed};

/// So many journal lines are kept together.
const LINES_PER_PIECE: usize = 512;

/// And no more than this, before it is compressed: a piece is one answer of a workflow, for which a
/// server has limits.
const BYTES_PER_PIECE: usize = 1_000_000;

/// What the machine has handled.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pieces: Vec<Packed<Vec<JournalLine>>>,
    last: Vec<JournalLine>,
    last_bytes: usize,
    count: u64,
}

impl Journal {
    /// The journal of earlier executions.
    pub fn of(pieces: Vec<Packed<Vec<JournalLine>>>) -> Self {
        let last = pieces.last().and_then(|piece| piece.0.last());
        Self {
            count: last.map_or(0, |line| line.seq),
            pieces,
            last: Vec::new(),
            last_bytes: 0,
        }
    }

    /// Appends a line.
    pub fn push(&mut self, line: JournalLine) {
        self.count = line.seq;
        // What cannot be written is found out where it is to go over the wire.
        let bytes = serde_json::to_string(&line).map_or(0, |text| text.len());
        let is_full = self.last.len() >= LINES_PER_PIECE
            || !self.last.is_empty() && self.last_bytes + bytes > BYTES_PER_PIECE;
        if is_full {
            self.pieces.push(Packed(std::mem::take(&mut self.last)));
            self.last_bytes = 0;
        }
        self.last_bytes += bytes;
        self.last.push(line);
    }

    /// How many lines it has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Lines behind this one, at most as many as one answer should hold.
    pub fn after(&self, seq: u64) -> Vec<JournalLine> {
        let behind = |lines: &[JournalLine]| -> Vec<JournalLine> {
            lines
                .iter()
                .filter(|line| line.seq > seq)
                .cloned()
                .collect()
        };
        let full =
            |piece: &&Packed<Vec<JournalLine>>| piece.0.last().is_some_and(|line| line.seq > seq);
        match self.pieces.iter().find(full) {
            Some(piece) => behind(&piece.0),
            None => behind(&self.last),
        }
    }

    /// All of it, for the next execution.
    pub fn into_pieces(mut self) -> Vec<Packed<Vec<JournalLine>>> {
        if !self.last.is_empty() {
            self.pieces.push(Packed(self.last));
        }
        self.pieces
    }
}

//! Error recovery: repairs a broken text before the grammar parses it again. Brackets and strings
//! are closed, signs of other languages are translated, misspelt words are corrected. Each change
//! has its diagnostic, and every position in the repaired text maps back to the source. Lowering
//! reports what else can be repaired.

mod brackets;
mod lexical;

use std::ops::Range;

pub(super) use brackets::UnclosedReason;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Span};

/// A change of the text, in places of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepairEdit {
    /// Where the replaced text begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What stands there instead.
    pub(super) text: String,
}

/// A change that repairs an error.
#[derive(Debug, Clone)]
pub(super) struct Repair {
    /// The changes, which are made together.
    pub(super) edits: Vec<RepairEdit>,
    /// The mistake.
    pub(super) diagnostic: Diagnostic,
}

/// The source with all that was found wrong so far.
pub(super) struct SourceRepair<'t> {
    file: FileId,
    /// The source, after its byte order mark.
    source: &'t str,
    /// How long the byte order mark is.
    offset: usize,
    edits: Vec<RepairEdit>,
    /// What is wrong.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'t> SourceRepair<'t> {
    /// Closes what is open and translates what is foreign in a part of the source: before it stand
    /// whole declarations without errors, and behind it, if it ends as declarations do.
    pub(super) fn new(file: FileId, source: &'t str, offset: usize, part: Range<usize>) -> Self {
        let mut repair = Self {
            file,
            source,
            offset,
            edits: Vec::new(),
            diagnostics: Vec::new(),
        };
        let (tokens, end) = lexical::repair_tokens(&mut repair, part);
        brackets::repair_brackets(&mut repair, &tokens, end);
        repair
    }

    /// The place of `start..end` of the source.
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start + self.offset, end + self.offset)
    }

    fn edit(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.edits.push(RepairEdit {
            start,
            end,
            text: text.into(),
        });
    }

    /// Where strange characters were taken out, in order.
    pub(super) fn marks(&self) -> Vec<u32> {
        let strange = self
            .diagnostics
            .iter()
            .filter(|found| found.code == codes::CHARACTER);
        let mut marks: Vec<u32> = strange
            .filter_map(|found| Some(found.span()?.start))
            .collect();
        marks.sort_unstable();
        marks
    }

    /// Drops what was found wrong from `start` on.
    fn forget(&mut self, start: usize) {
        self.edits.retain(|edit| edit.start < start);
        let from = self.span(start, start);
        self.diagnostics
            .retain(|diagnostic| diagnostic.span().is_none_or(|span| span < from));
    }

    /// Replaces `start..end` and drops what was found wrong there.
    fn mask(&mut self, start: usize, end: usize, text: &str) {
        self.edits
            .retain(|edit| edit.start < start || edit.start >= end);
        let range = self.span(start, end);
        self.diagnostics.retain(|diagnostic| {
            diagnostic
                .span()
                .is_none_or(|span| span.start < range.start || span.start >= range.end)
        });
        self.edit(start, end, text);
    }

    /// Adds the changes that do not overlap earlier ones; returns whether there were any.
    pub(super) fn apply_repairs(&mut self, repairs: &[Repair]) -> bool {
        let mut taken = false;
        for repair in repairs {
            let moved = repair.edits.iter().map(|edit| RepairEdit {
                start: edit.start.saturating_sub(self.offset),
                end: edit.end.saturating_sub(self.offset),
                text: edit.text.clone(),
            });
            let edits: Vec<RepairEdit> = moved.collect();
            if !edits.iter().any(|edit| self.collides(edit)) {
                self.edits.extend(edits);
                self.diagnostics.push(repair.diagnostic.clone());
                taken = true;
            }
        }
        taken
    }

    /// Whether a change overlaps an earlier one, or is one.
    fn collides(&self, edit: &RepairEdit) -> bool {
        self.edits.iter().any(|other| {
            edit == other
                || (edit.start < other.end && other.start < edit.end)
                || (edit.start == other.start && edit.end == other.end && edit.start < edit.end)
        })
    }

    /// The repaired text and the mapping back to the source.
    pub(super) fn repaired(&self) -> (String, RepairedPositions) {
        let mut edits: Vec<&RepairEdit> = self.edits.iter().collect();
        // Stable: insertions at one place stay in the order in which they were made.
        edits.sort_by_key(|edit| (edit.start, edit.end));
        let mut text = String::with_capacity(self.source.len() + 64);
        let mut changes = Vec::with_capacity(edits.len());
        let mut at = 0;
        for edit in edits {
            let Some(kept) = self.source.get(at..edit.start) else {
                continue;
            };
            text.push_str(kept);
            changes.push(ChangedRange {
                start: text.len(),
                end: text.len() + edit.text.len(),
                source_start: edit.start,
                source_end: edit.end,
            });
            text.push_str(&edit.text);
            at = edit.end;
        }
        text.push_str(self.source.get(at..).unwrap_or(""));
        let places = RepairedPositions {
            start: self.offset,
            changes,
        };
        (text, places)
    }
}

/// A changed range, in the repaired text and in the source.
#[derive(Debug, Clone, Copy)]
struct ChangedRange {
    start: usize,
    end: usize,
    source_start: usize,
    source_end: usize,
}

/// Maps positions in the repaired text to positions in the source.
#[derive(Debug, Default)]
pub(super) struct RepairedPositions {
    /// Where the source begins in the file (after a byte order mark).
    start: usize,
    /// What was changed, in order.
    changes: Vec<ChangedRange>,
}

impl RepairedPositions {
    /// The places of a text that was not changed, behind `start` bytes.
    pub(super) fn unchanged(start: usize) -> Self {
        Self {
            start,
            changes: Vec::new(),
        }
    }

    /// The place in the file.
    pub(super) fn source_position(&self, place: usize) -> usize {
        self.source(place) + self.start
    }

    /// The place in the source, after its byte order mark.
    fn source(&self, place: usize) -> usize {
        if self.changes.is_empty() {
            return place;
        }
        let after = self.changes.partition_point(|change| change.start <= place);
        match after.checked_sub(1).and_then(|at| self.changes.get(at)) {
            None => place,
            Some(change) if place >= change.end => change.source_end + (place - change.end),
            Some(change) if place == change.start => change.source_start,
            Some(change) => change.source_end,
        }
    }

    /// Where a range of the source is in the repaired text, if nothing was changed in it or beside
    /// it.
    pub(super) fn repaired_range(&self, (from, to): (usize, usize)) -> Option<(usize, usize)> {
        let before = self.changes.partition_point(|it| it.source_end < from);
        if self
            .changes
            .get(before)
            .is_some_and(|it| it.source_start <= to)
        {
            return None;
        }
        let last = before.checked_sub(1).and_then(|at| self.changes.get(at));
        let (source, repaired) = last.map_or((0, 0), |it| (it.source_end, it.end));
        Some((from - source + repaired, to - source + repaired))
    }

    /// A range of the repaired text in the source.
    pub(super) fn source_range(&self, from: usize, to: usize) -> (usize, usize) {
        (self.source(from), self.source(to))
    }
}

//! Prints trivia, which is what stands between two tokens: comments and line ends.

use lockstep_syntax::is_doc;
use lockstep_syntax::lexer::{TokenKind, trivia_at};

/// A comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommentToken {
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many line ends stand before it, behind the token or comment before it.
    pub(super) breaks: usize,
    /// Whether a comma that is moved before it stood behind it.
    loose: bool,
}

impl CommentToken {
    /// Whether it would become documentation of what follows it, without being it now.
    pub(super) fn turns_into_doc(&self, text: &str) -> bool {
        let own = text.get(self.start..self.end).unwrap_or("");
        (self.breaks == 0 || self.loose) && is_doc(own)
    }
}

/// What stands behind a token, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct TokenTrivia {
    /// Up to where the text has been read.
    pub(super) at: usize,
    /// The comments.
    pub(super) notes: Vec<CommentToken>,
    /// How many line ends stand behind the token or the last comment.
    pub(super) breaks: usize,
}

impl TokenTrivia {
    /// Begins behind a token that ends at `at`.
    pub(super) fn begin(&mut self, at: usize) {
        self.at = at;
        self.notes.clear();
        self.breaks = 0;
    }

    /// Reads on to the next token. Returns its first byte.
    pub(super) fn read(&mut self, text: &str) -> Option<u8> {
        while let Some(trivia) = trivia_at(text, self.at) {
            match trivia.kind {
                TokenKind::LineEnd => self.breaks += 1,
                TokenKind::Comment => self.comment(trivia.start, trivia.text(text)),
                _ => {}
            }
            self.at = trivia.end;
        }
        text.as_bytes().get(self.at).copied()
    }

    fn comment(&mut self, start: usize, written: &str) {
        self.notes.push(CommentToken {
            start,
            end: start + written.trim_ascii_end().len(),
            breaks: self.breaks,
            loose: false,
        });
        self.breaks = 0;
    }

    /// Passes over a comma. What stood before it will be printed behind it.
    pub(super) fn pass_comma(&mut self) {
        for note in &mut self.notes {
            note.loose = true;
        }
        self.at += 1;
        self.breaks = 0;
    }

    /// Whether there will be an empty line when all of it is printed between two lines.
    pub(super) fn has_empty_line(&self, text: &str) -> bool {
        let in_note = |(place, note): (usize, &CommentToken)| {
            let behind = place == 0 && note.breaks == 0;
            note.breaks > 1 || (!behind && note.turns_into_doc(text))
        };
        self.breaks > 1 || self.notes.iter().enumerate().any(in_note)
    }
}

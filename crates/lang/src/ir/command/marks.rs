//! What an editor colours in the text of a command: its quotes, variables and comments, as the one
//! reader of shell words reads them.

use super::CommandPiece;
use super::shell::ShellScanner;
use crate::eval::Expr;
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_syntax::ast::{StringLit, StringPart};
use lockstep_syntax::text_places;

/// What a range of a command's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellMark {
    /// Quoted text, with its quotes.
    Quoted,
    /// A variable: `$x`, `${x:-1}`.
    Variable,
    /// A comment.
    Comment,
    /// Commands in quoted text: `$(…)`.
    Commands,
}

/// The marked ranges of a command's text, those that hold others before them. Interpolations are in
/// none of them. `source` is the text of the whole file.
pub fn shell_marks(command: &StringLit, source: &str, bash: bool) -> Vec<(Span, ShellMark)> {
    let pieces: Vec<CommandPiece> = command
        .parts
        .iter()
        .map(|part| match part {
            StringPart::Text { text, span } => {
                CommandPiece::text(text.clone(), *span, source, command.raw)
            }
            StringPart::Interpolation { span, .. } => CommandPiece::Value {
                expr: Expr::constant(Value::None, *span),
                span: *span,
                list: false,
                secret: false,
                fixed: false,
                plain: false,
                options: false,
            },
        })
        .collect();
    let mut scanner = ShellScanner::new(&pieces, bash);
    scanner.marks = Some(Vec::new());
    // What could be read before a mistake is coloured.
    let _ = scanner.script();
    let mut found = scanner.marks.take().unwrap_or_default();
    found.sort_by_key(|(units, _)| (units.start, std::cmp::Reverse(units.end)));
    let spans = found.into_iter().flat_map(|(units, mark)| {
        let spans = scanner.spans(units);
        spans.into_iter().map(move |span| (span, mark))
    });
    spans.collect()
}

impl CommandPiece {
    /// A text with the places of its characters; `source` is the text of the whole file, and `raw`
    /// whether the text has no escapes.
    pub fn text(text: lockstep_base::source::Name, span: Span, source: &str, raw: bool) -> Self {
        // Where it stands as it is, nothing need be kept.
        let starts = match text.len() == span.range().len() {
            true => None,
            false => source
                .get(span.range())
                .and_then(|written| text_places(written, &text, raw)),
        };
        Self::Text {
            text,
            span,
            starts: starts.map(Into::into),
        }
    }
}

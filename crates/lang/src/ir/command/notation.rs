//! Commands with values in a one-line notation, for the tests of this crate and of those that run
//! commands.

use lockstep_base::source::{FileId, Span};

use super::CommandPiece;
use crate::eval::{Expr, ExprKind, Slot};

/// The pieces of a command; what stands in `‹…›` are the locals 0, 1, …, with `*` a list and with
/// `!` a secret, with `=` one that the file alone decides, with `+` one that it begins with an
/// option.
pub fn pieces(text: &str) -> Vec<CommandPiece> {
    let file = FileId(0);
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut slot = 0;
    let text_piece = |text: &str, at: usize| {
        (!text.is_empty()).then(|| CommandPiece::Text {
            text: text.into(),
            span: Span::new(file, at, at + text.len()),
            starts: None,
        })
    };
    while let Some(start) = text[at..].find('‹').map(|found| at + found)
        && let Some(length) = text[start..].find('›')
    {
        let end = start + length + '›'.len_utf8();
        pieces.extend(text_piece(&text[at..start], at));
        let span = Span::new(file, start, end);
        pieces.push(CommandPiece::Value {
            expr: Expr {
                kind: ExprKind::Local(Slot(slot)),
                span,
            },
            span,
            list: text[start..end].contains('*'),
            secret: text[start..end].contains('!'),
            fixed: text[start..end].contains('='),
            options: text[start..end].contains('+'),
            plain: !text[start..end].contains('-'),
        });
        slot += 1;
        at = end;
    }
    pieces.extend(text_piece(&text[at..], at));
    pieces
}

//! Lowers `send` and `fetch` with their clauses.

use super::TreeBuilder;
use super::tail::StatementTail;
use crate::ast::{ExprKind, FileMode, StmtKind, Transfer, TransferDirection};
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};

/// The largest mode of a file.
const MAX_FILE_MODE: u16 = 0o7777;

impl<'t> TreeBuilder<'t> {
    /// `send [text] E to E …`, `fetch E to E …`
    pub(super) fn transfer(
        &mut self,
        parts: &mut Parts<'_>,
        direction: TransferDirection,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let is_text = parts.accept(Rule::text_mark).is_some();
        let (what, to_what) = match (direction, is_text) {
            (TransferDirection::Send, true) => {
                ("a text after `send text`", "a path there after `to`")
            }
            (TransferDirection::Send, false) => {
                ("a path here after `send`", "a path there after `to`")
            }
            (TransferDirection::Fetch, _) => {
                ("a path there after `fetch`", "a path here after `to`")
            }
        };
        let Some(source) = parts.next() else {
            return StmtKind::Error;
        };
        let end = self.trim(source.end());
        let source = self.expr_or_missing(source, what);
        let to = match parts.accept(Rule::send_to) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), to_what),
            None => {
                if source.kind != ExprKind::Error {
                    self.no_target(direction.word(), &source, end);
                }
                self.no_expr(self.place(end, end))
            }
        };
        let mut transfer = Transfer {
            direction,
            is_text,
            source,
            to,
            replacing: None,
            mode: None,
            on: None,
        };
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.rule() {
                Rule::replacing => {
                    let twice = transfer.replacing.replace(span).is_some();
                    self.once(twice, span, "replacing");
                }
                Rule::file_mode => {
                    let mode = self.file_mode(pair);
                    self.once(transfer.mode.is_some(), span, "mode");
                    transfer.mode = transfer.mode.or(mode);
                }
                Rule::run_on => {
                    let on = self.expr_of(&mut Parts::of(pair), "an infrastructure after `on`");
                    self.once(transfer.on.replace(on).is_some(), span, "on");
                }
                _ => self.tail_part(pair, &format!("`{}`", direction.word()), tail),
            }
        }
        StmtKind::Transfer(Box::new(transfer))
    }

    /// `mode 0600`: the number is octal, as everywhere where modes are written.
    fn file_mode(&mut self, pair: Pair<'_>) -> Option<FileMode> {
        let number = Parts::of(pair).next()?;
        if number.rule() != Rule::number {
            self.missing(&number, "a mode such as `0600` after `mode`");
            return None;
        }
        let text = number.text();
        let is_octal = matches!(text.len(), 3 | 4) && text.bytes().all(|it| it.is_ascii_digit());
        let span = self.span_exact(&number);
        let bits = u16::from_str_radix(text, 8).ok();
        let bits = bits.filter(|bits| is_octal && *bits <= MAX_FILE_MODE);
        if bits.is_none() {
            self.report(errors::no_mode(span));
        }
        bits.map(|bits| FileMode { bits, span })
    }
}

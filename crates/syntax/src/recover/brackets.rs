//! Error recovery for unbalanced brackets: where brackets do not match, the indentation decides
//! which of them was meant to end where.

use super::SourceRepair;
use super::lexical::{Mark, MarkKind};
use crate::errors;
use crate::scan::MAX_NESTING;

/// How many mistakes of a kind are reported; what follows is mostly their consequence.
const MAX_ERRORS_PER_KIND: usize = 20;

/// Why matching of an open bracket was abandoned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UnclosedReason {
    /// A line that is indented no further than the bracket's line.
    Indentation,
    /// A closing bracket of another kind.
    Closer,
    /// The end of the file.
    End,
}

/// A bracket that is never closed.
struct Unclosed {
    /// The bracket, among the tokens.
    token: usize,
    /// Where it is closed instead.
    place: usize,
    gap: UnclosedReason,
}

/// How the brackets fit.
#[derive(Default)]
struct BracketFit {
    unclosed: Vec<Unclosed>,
    /// Closing brackets that close nothing.
    extra: Vec<usize>,
    /// Closing brackets of the wrong kind, with the right ones.
    wrong: Vec<(usize, u8)>,
    /// Brackets whose content is nested too deeply, with its end.
    deep: Vec<(usize, usize)>,
}

impl BracketFit {
    fn fits(&self) -> bool {
        self.unclosed.is_empty() && self.extra.is_empty() && self.wrong.is_empty()
    }
}

/// Closes what is open, takes out what closes nothing, and empties what is too deep.
pub(super) fn repair_brackets(repair: &mut SourceRepair<'_>, tokens: &[Mark], end: usize) {
    let mut fit = fit(tokens, end, false);
    if !fit.fits() {
        let indented = self::fit(tokens, end, true);
        // Where the indentation says nothing it makes matters worse.
        if indented.extra.len() + indented.wrong.len() <= fit.extra.len() + fit.wrong.len() {
            fit = indented;
        }
    }
    for (number, unclosed) in fit.unclosed.iter().enumerate() {
        let Some(token) = tokens.get(unclosed.token) else {
            continue;
        };
        let close = closing(token);
        let text = if close == b'$' {
            String::from("}\"\"\"")
        } else {
            char::from(close).to_string()
        };
        repair.edit(unclosed.place, unclosed.place, text);
        if number < MAX_ERRORS_PER_KIND {
            let width = if close == b'$' { 2 } else { 1 };
            let span = repair.span(token.at, token.at + width);
            let place = repair.span(unclosed.place, unclosed.place);
            repair.diagnostics.push(errors::unclosed(
                span,
                place,
                close,
                unclosed.gap,
                token.indent,
            ));
        }
    }
    for (number, at) in fit.extra.iter().enumerate() {
        repair.edit(*at, at + 1, " ");
        if number < MAX_ERRORS_PER_KIND {
            let span = repair.span(*at, at + 1);
            let found = repair.source.get(*at..at + 1).unwrap_or("");
            repair.diagnostics.push(errors::closes_nothing(span, found));
        }
    }
    for (at, right) in &fit.wrong {
        let right = char::from(*right).to_string();
        let span = repair.span(*at, at + 1);
        let found = repair.source.get(*at..at + 1).unwrap_or("");
        repair
            .diagnostics
            .push(errors::wrong_closer(span, found, &right));
        repair.edit(*at, at + 1, right);
    }
    too_deep(repair, tokens, &fit);
}

fn too_deep(repair: &mut SourceRepair<'_>, tokens: &[Mark], fit: &BracketFit) {
    for (number, (token, end)) in fit.deep.iter().enumerate() {
        let Some(token) = tokens.get(*token) else {
            continue;
        };
        let (content, hole) = match closing(token) {
            b'$' => (token.at + 2, "\u{1}"),
            b')' => (token.at + 1, "\u{1}"),
            _ => (token.at + 1, ""),
        };
        repair.mask(content, (*end).max(content), hole);
        if number < MAX_ERRORS_PER_KIND {
            let span = repair.span(token.at, content);
            repair.diagnostics.push(errors::too_deep(span, MAX_NESTING));
        }
    }
}

fn closing(token: &Mark) -> u8 {
    match token.kind {
        MarkKind::Open(close) => close,
        _ => b'}',
    }
}

/// The place of a bracket in the counts; an interpolation has none.
fn kind(close: u8) -> Option<usize> {
    match close {
        b'}' => Some(0),
        b']' => Some(1),
        b')' => Some(2),
        _ => None,
    }
}

/// A walk over the brackets.
struct BracketWalk<'t> {
    tokens: &'t [Mark],
    open: Vec<usize>,
    /// How many `}`, `]` and `)` would close something, inside the innermost interpolation.
    counts: [usize; 3],
    /// The same around each open interpolation.
    enclosing: Vec<[usize; 3]>,
    /// The bracket whose content is too deep, while it is open.
    deep: Option<usize>,
    found: BracketFit,
}

fn fit(tokens: &[Mark], end: usize, by_indentation: bool) -> BracketFit {
    let mut walk = BracketWalk {
        tokens,
        open: Vec::new(),
        counts: [0; 3],
        enclosing: Vec::new(),
        deep: None,
        found: BracketFit::default(),
    };
    for (number, token) in tokens.iter().enumerate() {
        if by_indentation && token.first {
            walk.line_start(token);
        }
        match token.kind {
            MarkKind::Word => {}
            MarkKind::Open(close) => walk.push(number, close),
            MarkKind::Close(close) => walk.close(number, token, close),
        }
    }
    while !walk.open.is_empty() {
        walk.give_up(end, UnclosedReason::End);
    }
    walk.found
}

impl BracketWalk<'_> {
    fn push(&mut self, number: usize, close: u8) {
        if self.open.len() >= MAX_NESTING && self.deep.is_none() {
            self.deep = self.open.last().copied();
        }
        self.open.push(number);
        match kind(close) {
            Some(kind) => self.counts[kind] += 1,
            None => self.enclosing.push(std::mem::take(&mut self.counts)),
        }
    }

    fn top(&self) -> Option<&Mark> {
        self.open.last().and_then(|number| self.tokens.get(*number))
    }

    /// Takes the innermost bracket off; its content ends at `end`.
    fn pop(&mut self, end: usize) -> Option<usize> {
        let number = self.open.pop()?;
        match kind(self.tokens.get(number).map_or(b'}', closing)) {
            Some(kind) => self.counts[kind] -= 1,
            None => self.counts = self.enclosing.pop().unwrap_or_default(),
        }
        if self.deep == Some(number) {
            self.deep = None;
            self.found.deep.push((number, end));
        }
        Some(number)
    }

    /// Takes the innermost bracket off, which is never closed.
    fn give_up(&mut self, place: usize, gap: UnclosedReason) {
        let inside = self.open.len() > MAX_NESTING;
        if let Some(token) = self.pop(place) {
            // What is inside a part that is too deep is taken out anyway.
            if !inside {
                self.found.unclosed.push(Unclosed { token, place, gap });
            }
        }
    }

    /// A line that is indented no further than the line of an open bracket ends it.
    fn line_start(&mut self, token: &Mark) {
        let closes = match token.kind {
            MarkKind::Close(close) => Some(close),
            _ => None,
        };
        while let Some(top) = self.top() {
            let ended = match closes {
                Some(close) => {
                    top.indent > token.indent && self.closes_outside(close, token.indent)
                }
                None => top.indent >= token.indent,
            };
            if !ended || top.line == token.line || closing(top) == b'$' {
                return;
            }
            self.give_up(token.after, UnclosedReason::Indentation);
        }
    }

    /// Whether a bracket of this kind stands around the innermost one, on a line that is
    /// indented no further.
    fn closes_outside(&self, close: u8, indent: usize) -> bool {
        self.open
            .iter()
            .rev()
            .skip(1)
            .take(MAX_NESTING)
            .filter_map(|number| self.tokens.get(*number))
            .any(|token| closing(token) == close && token.indent <= indent)
    }

    fn close(&mut self, number: usize, token: &Mark, close: u8) {
        let Some(top) = self.top() else {
            self.found.extra.push(token.at);
            return;
        };
        let wanted = closing(top);
        if wanted == close {
            self.pop(token.at);
        } else if kind(close).is_none_or(|kind| self.counts[kind] > 0) {
            while self.top().is_some_and(|top| closing(top) != close) {
                self.give_up(token.after, UnclosedReason::Closer);
            }
            self.pop(token.at);
        } else if wanted != b'$' && self.next_close(number) != Some(wanted) {
            self.found.wrong.push((token.at, wanted));
            self.pop(token.at);
        } else {
            self.found.extra.push(token.at);
        }
    }

    /// The next bracket, if it is a closing one.
    fn next_close(&self, number: usize) -> Option<u8> {
        match self.tokens.get(number + 1)?.kind {
            MarkKind::Close(close) => Some(close),
            _ => None,
        }
    }
}

//! Lowers string literals: escapes, interpolations, and the indentation of `"""` and `'''`.

use std::borrow::Cow;

use super::{TreeBuilder, add};
use crate::ast::{StringLit, StringPart};
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::{Name, Span};

/// Text that is assembled from its chunks and escapes. Mostly it is a single chunk, which then need
/// not be copied.
#[derive(Default)]
struct LiteralText<'p> {
    text: Cow<'p, str>,
    span: Option<Span>,
}

impl<'p> LiteralText<'p> {
    fn push(&mut self, text: impl Into<Cow<'p, str>>, span: Span) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        self.text += text;
        self.span = Some(self.span.map_or(span, |all| all.to(span)));
    }

    fn flush(&mut self, parts: &mut Vec<StringPart>) {
        let text = std::mem::take(&mut self.text);
        if let (Some(span), false) = (self.span.take(), text.is_empty()) {
            let text = Name::from(text);
            add(parts, StringPart::Text { text, span });
        }
    }
}

impl<'t> TreeBuilder<'t> {
    /// A string literal.
    pub(super) fn string(&mut self, pair: Pair<'_>) -> StringLit {
        let span = self.span_exact(&pair);
        let raw = pair.text().starts_with('\'');
        let multiline = pair.text().starts_with("\"\"\"") || pair.text().starts_with("'''");
        let inner = Parts::of(pair);
        let parts = if multiline {
            self.long_string(inner)
        } else {
            self.short_string(inner)
        };
        StringLit {
            parts,
            multiline,
            raw,
            span,
        }
    }

    fn short_string(&mut self, inner: Parts<'_>) -> Vec<StringPart> {
        let mut parts = Vec::new();
        let mut text = LiteralText::default();
        for pair in inner {
            let span = self.span_exact(&pair);
            match pair.rule() {
                Rule::text | Rule::raw_text => text.push(pair.text(), span),
                Rule::escape => self.escape(&pair, span, &mut text),
                _ => {
                    text.flush(&mut parts);
                    add(&mut parts, self.interpolation(pair, span));
                }
            }
        }
        text.flush(&mut parts);
        parts
    }

    fn interpolation(&mut self, pair: Pair<'_>, span: Span) -> StringPart {
        let before = self.height;
        let mut inner = Parts::of(pair);
        let mut expr = self.expr_of(&mut inner, "an expression");
        if inner.peek() == Some(Rule::junk) {
            // What is meant is open, so nothing is said about its type.
            expr.kind = crate::ast::ExprKind::Error;
        }
        self.junk_of(&mut inner);
        self.height = self.height.max(before);
        StringPart::Interpolation { expr, span }
    }

    fn escape<'p>(&mut self, pair: &Pair<'p>, span: Span, text: &mut LiteralText<'p>) {
        let written = pair.text();
        let meant = match written.as_bytes().get(1) {
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'"') => Some('"'),
            Some(b'\\') => Some('\\'),
            Some(b'$') => Some('$'),
            Some(b'u') => unicode(written),
            _ => None,
        };
        match meant {
            Some(meant) => text.push(String::from(meant), span),
            None => {
                self.report(errors::escape(span, written));
                text.push(written, span);
            }
        }
    }

    /// The first line break is dropped, and the indentation of the closing quotes is removed from
    /// every line; a line end is always `\n`.
    fn long_string(&mut self, inner: Parts<'_>) -> Vec<StringPart> {
        let pieces: Vec<Pair<'_>> = inner.collect();
        let indent = closing_indent(&pieces);
        let is_raw = pieces.iter().any(|pair| pair.rule() == Rule::raw_lines);
        let quotes = if is_raw { "'''" } else { "\"\"\"" };
        let mut parts = Vec::new();
        let mut text = LiteralText::default();
        let mut line_start = false;
        for (place, pair) in pieces.iter().enumerate() {
            let span = self.span_exact(pair);
            if matches!(pair.rule(), Rule::long_text | Rule::raw_lines) {
                let lines = LongStringLines {
                    indent,
                    first: place == 0,
                    quotes,
                };
                self.long_text(pair, lines, &mut line_start, &mut text);
                continue;
            }
            if line_start && indent.is_some_and(|indent| !indent.is_empty()) {
                self.report(errors::margin(span, quotes));
            }
            line_start = false;
            if pair.rule() == Rule::escape {
                self.escape(pair, span, &mut text);
            } else {
                text.flush(&mut parts);
                add(&mut parts, self.interpolation(*pair, span));
            }
        }
        text.flush(&mut parts);
        parts
    }

    fn long_text<'p>(
        &mut self,
        pair: &Pair<'p>,
        lines: LongStringLines<'_>,
        line_start: &mut bool,
        text: &mut LiteralText<'p>,
    ) {
        let whole = pair.text();
        let mut from = pair.start();
        let end = pair.end();
        let drop_first = lines.first && opens_empty(whole);
        for (number, line) in whole.split('\n').enumerate() {
            let to = from + line.len();
            let ended = to < end;
            let line = if ended {
                line.strip_suffix('\r').unwrap_or(line)
            } else {
                line
            };
            if number > 0 {
                if number > 1 || !drop_first {
                    text.push("\n", self.place(from - 1, from));
                }
                *line_start = true;
            }
            let skipped = if number == 0 && drop_first {
                line.len()
            } else if *line_start {
                self.margin(line, from, ended, &lines)
            } else {
                0
            };
            text.push(
                &line[skipped..],
                self.place(from + skipped, from + line.len()),
            );
            *line_start &= line.is_empty();
            from = to + 1;
        }
    }

    /// How much of the start of `line` is indentation that is removed.
    fn margin(
        &mut self,
        line: &str,
        from: usize,
        ended: bool,
        lines: &LongStringLines<'_>,
    ) -> usize {
        let Some(indent) = lines.indent else {
            return 0;
        };
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        if line.starts_with(indent) {
            return indent.len();
        }
        let blank = blanks == line.len();
        // A line of blanks needs no indentation; an empty rest may be followed by an interpolation.
        if !blank || (!ended && !line.is_empty()) {
            let span = self.place(from, from + blanks);
            self.report(errors::margin(span, lines.quotes));
        }
        blanks
    }
}

/// How the lines of a string between three quotes are cut.
struct LongStringLines<'t> {
    /// What is removed from each line.
    indent: Option<&'t str>,
    /// Whether the chunk is the string's first.
    first: bool,
    /// What the string is written between.
    quotes: &'static str,
}

/// Whether nothing but blanks stands before the first line break.
fn opens_empty(text: &str) -> bool {
    text.split_once('\n')
        .is_some_and(|(first, _)| first.trim_ascii().is_empty())
}

/// The blanks before the closing quotes, if nothing else stands before them on their line.
fn closing_indent<'t>(pieces: &[Pair<'t>]) -> Option<&'t str> {
    let last = pieces
        .last()
        .filter(|pair| matches!(pair.rule(), Rule::long_text | Rule::raw_lines))?;
    let (_, tail) = last.text().rsplit_once('\n')?;
    tail.bytes()
        .all(|byte| byte == b' ' || byte == b'\t')
        .then_some(tail)
}

/// The character that `\u{…}` represents.
fn unicode(written: &str) -> Option<char> {
    let digits = written.strip_prefix("\\u{")?.strip_suffix('}')?;
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

//! `hidden-character`: characters in the source that are not seen, or turn the reading order, so
//! that a person reads something else than what is executed (bidi, zero width, control characters).

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::shown::{is_hidden, line};
use lockstep_base::source::Span;
use lockstep_syntax::lexer::{Token, TokenKind, tokens};

use super::super::context::ROOT_FILE;

pub(super) const RULE: Rule =
    Rule::new(codes::HIDDEN_CHARACTER, "hidden-character", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(source) = context.source() else {
        return;
    };
    if !source
        .text
        .contains(|char| is_hidden(char) && !matches!(char, '\t' | '\n'))
    {
        return;
    }
    for token in tokens(&source.text) {
        found.extend(hidden(&source.text, token));
    }
}

/// The first character of a token that is not seen.
fn hidden(text: &str, token: Token) -> Option<Diagnostic> {
    let written = token.text(text);
    let is_hidden_here = |(at, char): (usize, char)| {
        let allowed = match char {
            '\t' | '\n' => true,
            // Editors end a line behind a carriage return alone, and the language does not.
            '\r' => text[token.start + at + 1..].starts_with('\n'),
            // A mark at the beginning says how the file is encoded.
            '\u{feff}' => token.start + at == 0,
            _ => false,
        };
        (is_hidden(char) && !allowed).then_some((at, char))
    };
    let (at, char) = written.char_indices().find_map(is_hidden_here)?;
    let span = |from: usize, to: usize| {
        let byte = |at| u32::try_from(token.start + at).unwrap_or(u32::MAX);
        Span {
            file: ROOT_FILE,
            start: byte(from),
            end: byte(to),
        }
    };
    let message = format!(
        "a character is not seen as what it is: U+{:04X}",
        u32::from(char)
    );
    let found = Diagnostic::warning(
        codes::HIDDEN_CHARACTER,
        span(at, at + char.len_utf8()),
        message,
    );
    Some(match token.kind {
        TokenKind::Text => {
            let escape = format!("\\u{{{:X}}}", u32::from(char));
            found
                .here("here")
                .help(format!("write it as `{escape}`, which everybody sees"))
                .fix(
                    format!("write `{escape}`"),
                    span(at, at + char.len_utf8()),
                    escape,
                )
        }
        TokenKind::Comment
        | TokenKind::Blank
        | TokenKind::LineEnd
        | TokenKind::Word
        | TokenKind::Number
        | TokenKind::Sign
        | TokenKind::Strange => found.here("here").help(format!(
            "remove it: people read something else than what is written, `{}`",
            line(written.trim())
        )),
    })
}

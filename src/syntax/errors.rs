//! The syntax errors in words: one constructor for each mistake.
//! It does not know how a mistake is found.

use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::lower::NumberProblem;

fn error(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX, span, message)
}

/// The first word or sign of a text, for a message.
pub(super) fn first_word(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(_, c)| !(c.is_alphanumeric() || *c == '_' || *c == '-'))
        .map_or(
            text.len(),
            |(at, c)| if at == 0 { c.len_utf8() } else { at },
        );
    text.get(..end).unwrap_or("")
}

/// The first line of a text, for a message.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("").trim()
}

/// A reserved word where a name must stand.
pub(super) fn reserved(span: Span, word: &str) -> Diagnostic {
    error(span, format!("`{word}` is a reserved word"))
}

/// `stage "prod"`
pub(super) fn quoted_name(span: Span, what: &str, text: &str) -> Diagnostic {
    error(span, format!("{what} is written without quotes")).fix(
        format!("change to `{text}`"),
        span,
        text,
    )
}

/// Something that must stand here does not.
pub(super) fn missing(place: Span, what: &str, next: &str, _next_at: Span) -> Diagnostic {
    let diagnostic = error(place, format!("expected {what}"));
    if next.trim().is_empty() {
        diagnostic
    } else {
        diagnostic.here(format!("before this `{next}`"))
    }
}

/// Text before a closing bracket.
pub(super) fn junk(span: Span, text: &str) -> Diagnostic {
    error(span, format!("`{}` is not expected here", first_word(text)))
}

/// A missing comma.
pub(super) fn no_comma(place: Span) -> Diagnostic {
    error(place, "a comma is missing here").fix("add a comma", place, ",")
}

/// The wrong sign between a name and its value.
pub(super) fn wrong_sign(span: Span, found: &str, right: &str, name: &str) -> Diagnostic {
    error(
        span,
        format!("`{name}` is followed by `{right}`, not by `{found}`"),
    )
    .fix(format!("change to `{right}`"), span, right)
}

/// An escape that does not exist.
pub(super) fn escape(span: Span, written: &str) -> Diagnostic {
    error(span, format!("`{written}` is no escape sequence"))
}

/// A line of a `"""` string with too little indentation.
pub(super) fn margin(span: Span) -> Diagnostic {
    error(span, "this line is indented less than the closing `\"\"\"`")
}

/// An expression that is too deep.
pub(super) fn too_deep_expression(span: Span) -> Diagnostic {
    error(span, "this expression is nested too deeply")
}

/// `=` in an expression.
pub(super) fn assignment(span: Span) -> Diagnostic {
    error(span, "`=` compares nothing").fix("change to `==`", span, "==")
}

/// `a < b < c`
pub(super) fn chained(span: Span, first: Span) -> Diagnostic {
    error(span, "comparisons do not chain").label(first, "the first comparison")
}

/// A call of something that is no name.
pub(super) fn callee(span: Span) -> Diagnostic {
    error(span, "only a name can be called")
}

/// `f(1: 2)`
pub(super) fn argument_name(span: Span) -> Diagnostic {
    error(span, "the name of an argument must stand before `:`")
}

/// An `if` expression without `then` or `else`.
pub(super) fn if_without(span: Span, word: &str) -> Diagnostic {
    error(span, format!("this `if` has no `{word}`"))
}

/// A number that is none.
pub(super) fn number(span: Span, text: &str, _problem: NumberProblem) -> Diagnostic {
    error(span, format!("`{text}` is no number"))
}

/// A declaration that stops too early.
pub(super) fn incomplete(span: Span, what: &str, part: &str) -> Diagnostic {
    error(span, format!("{what} has no `{part}`"))
}

/// An input, field or parameter without a type.
pub(super) fn no_type(span: Span, what: &str, name: &str) -> Diagnostic {
    error(span, format!("`{name}` has no type")).help(format!("{what} is written `{name}: TYPE`"))
}

/// A declaration without a value.
pub(super) fn no_value(span: Span, name: &str) -> Diagnostic {
    error(span, format!("`{name}` has no value"))
}

/// A service or infrastructure without a kind.
pub(super) fn no_kind(span: Span, what: &str, name: &str) -> Diagnostic {
    error(span, format!("`{name}` has no kind")).help(format!("{what} is written `{name}: KIND`"))
}

/// A missing body.
pub(super) fn no_body(place: Span, what: &str, of: &str) -> Diagnostic {
    error(place, format!("expected `{{` with {of}")).here(format!("{what} has no body"))
}

/// `retry 3 every 5s` in a handler.
pub(super) fn retry_every(span: Span) -> Diagnostic {
    error(span, "`retry` in a handler has no `every`")
}

/// A clause that stands twice.
pub(super) fn twice(span: Span, word: &str) -> Diagnostic {
    error(span, format!("`{word}` stands here twice"))
}

/// `run command`
pub(super) fn command(span: Span, text: &str) -> Diagnostic {
    error(span, "the command of `run` must be a string").fix(
        "put it into quotes",
        span,
        format!("\"${{{text}}}\""),
    )
}

/// `deploy x` without `to`.
pub(super) fn no_target(span: Span) -> Diagnostic {
    error(span, "`deploy` has no `to` and infrastructure")
}

/// A matrix without an axis.
pub(super) fn no_axis(span: Span) -> Diagnostic {
    error(span, "this matrix has no axis")
}

/// `verify` without its durations.
pub(super) fn verify(span: Span, _during: bool, _every: bool) -> Diagnostic {
    error(span, "`verify` needs `for` and `every`")
}

/// A line that is nothing known.
pub(super) fn line(span: Span, text: &str) -> Diagnostic {
    error(span, format!("`{}` is not valid here", first_line(text)))
}

//! The errors of texts: quotes, escapes, indentation.

use super::*;

/// A string without its closing quote; `place` is where it is missing, if that is certain.
pub(crate) fn open_string(span: Span, place: Option<Span>, quotes: &str) -> Diagnostic {
    let long = quotes.repeat(3);
    let diagnostic = error(codes::OPEN_STRING, span, "this string is never closed").help(format!(
        "add a `{quotes}`; a text over several lines is written between `{long}`"
    ));
    match place {
        Some(place) => diagnostic.fix(format!("add `{quotes}`"), place, quotes),
        None => diagnostic,
    }
}

/// A `"""` without an end.
pub(crate) fn open_long_string(span: Span, quotes: &str) -> Diagnostic {
    error(codes::OPEN_STRING, span, "this string is never closed")
        .help(format!("end it with `{quotes}` on a line of its own"))
}

/// A `"…"` that goes over its line.
pub(crate) fn string_over_lines(span: Span, quotes: &str) -> Diagnostic {
    let long = quotes.repeat(3);
    let message = format!("a text between `{quotes}` ends on the line on which it begins");
    let lines = format!(
        "write it between `{long}`: a line break, the lines, and `{long}` on a line of its own"
    );
    let help = match quotes {
        "'" => lines,
        _ => format!("{lines}; or write `\\n` for the line break"),
    };
    error(codes::OPEN_STRING, span, message).help(help)
}

/// `'''text`, and lines behind it.
pub(crate) fn raw_begins_late(span: Span, place: Span, text: &str) -> Diagnostic {
    let message = "the text of `'''` begins on the next line";
    error(codes::OPEN_STRING, span, message)
        .help("write a line break behind `'''`")
        .fix("add a line break", place, text)
}

/// An escape that does not exist.
pub(crate) fn escape(span: Span, written: &str) -> Diagnostic {
    let diagnostic = error(
        codes::ESCAPE,
        span,
        format!("`{written}` is not an escape sequence"),
    );
    if written.starts_with("\\u") {
        return diagnostic.help("a character is written by its hexadecimal number: `\\u{1F680}`");
    }
    diagnostic
        .help(
            "write `\\\\` for a backslash; the escapes are `\\n`, `\\r`, `\\t`, `\\\"`, `\\\\`, \
             `\\$` and `\\u{…}`",
        )
        .fix("write the backslash as it is", span, format!("\\{written}"))
}

/// A line of a `"""` string with too little indentation.
pub(crate) fn margin(span: Span, quotes: &str) -> Diagnostic {
    error(
        codes::MARGIN,
        span,
        format!("this line is indented less than the closing `{quotes}`"),
    )
    .help(format!(
        "the indentation of the closing `{quotes}` is removed from every line: indent this line as \
         far, or the closing `{quotes}` less"
    ))
}

/// `'text'`, `` `text` ``, `“text”`
pub(crate) fn quotes(span: Span, quote: char, right: &str) -> Diagnostic {
    let found = match quote {
        '`' => String::from("backticks"),
        _ => format!("`{quote}`"),
    };
    error(
        codes::QUOTES,
        span,
        format!("a string is written between `\"`, not between {found}"),
    )
    .fix("use `\"`", span, right)
}

/// `'''text'''`
pub(crate) fn raw_on_a_line(span: Span) -> Diagnostic {
    error(
        codes::OPEN_STRING,
        span,
        "the text of `'''` begins on the next line",
    )
    .help("on one line it is written between `'`")
}

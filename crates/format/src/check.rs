//! Verifies each result of the formatter: parsed again, it must give the same AST with the same
//! comments, and formatting must be idempotent.

use super::{FormatterDefect, MistakeRegion, edits, format_around};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::EqIgnoringSpans;
use lockstep_syntax::{Comment, Parse, parse};

/// Compares the text `new` with what it was made of.
pub(super) fn check(
    before: &Parse,
    old: &str,
    new: &str,
    around: MistakeRegion,
) -> Result<(), FormatterDefect> {
    let wrong = |what| Err(FormatterDefect { what });
    if edits(old, new).is_none() {
        return wrong("other words");
    }
    let after = parse(FileId(0), new);
    if format_around(&after, new, around).text != new {
        return wrong("another form when formatted once more");
    }
    same(before, old, &after, new)
}

/// Whether two texts mean the same: their trees, comments and mistakes.
pub(super) fn same(
    before: &Parse,
    old: &str,
    after: &Parse,
    new: &str,
) -> Result<(), FormatterDefect> {
    let wrong = |what| Err(FormatterDefect { what });
    if !same_comments(&before.comments, old, &after.comments, new) {
        return wrong("other comments");
    }
    if told(before, old) != told(after, new) {
        return wrong("other errors");
    }
    if !before.file.eq_ignoring_spans(&after.file) {
        return wrong("another meaning");
    }
    Ok(())
}

/// What is told of a text: the errors, each with the words that it is about.
fn told(parse: &Parse, text: &str) -> Vec<(&'static str, String, Vec<String>)> {
    let words = |span: Span| -> String {
        let own = text.get(span.range()).unwrap_or("");
        let is_kept = |it: &char| !it.is_ascii_whitespace() && *it != ',';
        own.chars().filter(is_kept).collect()
    };
    let told = parse.diagnostics.iter().map(|it| {
        let labels = it.labels.iter().map(|label| words(label.span));
        (it.code.as_str(), it.message.clone(), labels.collect())
    });
    told.collect()
}

/// Whether both texts have the same comments in the same order, but for blanks behind them.
fn same_comments(a: &[Comment], old: &str, b: &[Comment], new: &str) -> bool {
    let text = |comment: &Comment, text: &str| -> String {
        let own = text.get(comment.span.range()).unwrap_or("");
        own.trim_ascii_end().to_string()
    };
    let same = |(a, b): (&Comment, &Comment)| a.doc == b.doc && text(a, old) == text(b, new);
    a.len() == b.len() && a.iter().zip(b).all(same)
}

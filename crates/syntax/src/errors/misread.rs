//! The errors of what lacks its brackets, or stands in another order.

use super::*;

fn with_fix(
    mut diagnostic: Diagnostic,
    title: impl Into<String>,
    edits: Vec<(Span, String)>,
) -> Diagnostic {
    diagnostic.fixes.push(Fix {
        title: title.into(),
        edits,
    });
    diagnostic
}

/// `approve count 2 "ship?"`, `barrier across stage a`: `what` must be first in its statement.
pub(crate) fn head_first(
    head: Span,
    part: Span,
    what: &str,
    right: &str,
    edits: Vec<(Span, String)>,
) -> Diagnostic {
    let message = format!("{what} stands directly behind the keyword");
    let diagnostic = error(codes::MISPLACED, head, message)
        .label(part, "this comes after it")
        .help(format!("write `{right}`"));
    with_fix(diagnostic, "move it to the front", edits)
}

/// `fail as "x"`
pub(crate) fn no_class(span: Span, text: &str, gone: Span) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        "`as` is followed by a class of failures",
    )
    .help(format!(
        "write `fail {text}`, or with a class, such as `fail {text} as verification`"
    ))
    .fix("remove `as`", gone, "")
}

/// `run("make")`
pub(crate) fn statement_as_call(
    span: Span,
    word: &str,
    right: &str,
    edits: Vec<(Span, String)>,
) -> Diagnostic {
    let message = format!("`{word}` is a statement: what follows it has no brackets");
    let diagnostic = error(codes::CALLEE, span, message).help(format!("write `{right}`"));
    with_fix(diagnostic, "remove the brackets", edits)
}

/// `keep latest queue "x"`
pub(crate) fn keep_first(span: Span, edits: Vec<(Span, String)>) -> Diagnostic {
    let message = "`keep` stands behind the name of its queue";
    let diagnostic = error(codes::MISPLACED, span, message)
        .help("write `queue \"NAME\" keep latest`, or `keep all`");
    match edits.is_empty() {
        true => diagnostic,
        false => with_fix(diagnostic, "move it", edits),
    }
}

/// `batches 1, 10%`, `by ("a", "b")`
pub(crate) fn list_brackets(span: Span, edits: Vec<(Span, String)>) -> Diagnostic {
    let diagnostic = error(codes::SYNTAX, span, "a list is written in `[…]`")
        .help("several values are a list: `[a, b]`");
    with_fix(diagnostic, "write it in `[…]`", edits)
}

/// `type a = [x: int]`
pub(crate) fn record_braces(span: Span, edits: Vec<(Span, String)>) -> Diagnostic {
    let diagnostic = error(
        codes::SYNTAX,
        span,
        "the type of a record is written in `{…}`",
    )
    .help("a record has fields: `{ name: TYPE }`; a list has one type: `[TYPE]`");
    with_fix(diagnostic, "write it in `{…}`", edits)
}

/// `log run "x"`
pub(crate) fn command_as_value(span: Span, word: &str) -> Diagnostic {
    error(
        codes::STRAY_STATEMENT,
        span,
        format!("`{word}` is a statement, not a value"),
    )
    .help(format!(
        "in a pipeline or a workflow, name its result with `let NAME = {word} \"…\"`; then write \
         `NAME.stdout`"
    ))
}

/// `secret t = run "vault"`
pub(crate) fn secret_of_command(span: Span, command: &str) -> Diagnostic {
    error(
        codes::SECRET_SOURCE,
        span,
        "a secret comes from `env(…)`, `file(…)` or `command(…)`",
    )
    .here("a statement")
    .help(format!(
        "read when the run starts: `command(\"PROGRAM\", \"ARGUMENT\")`; made in a pipeline: `let \
         NAME: secret = {command}`"
    ))
}

/// A missing body whose statement stands there.
pub(crate) fn with_braces(diagnostic: Diagnostic, edits: Vec<(Span, String)>) -> Diagnostic {
    let diagnostic = diagnostic.help("write the statements in `{ … }`");
    with_fix(diagnostic, "add the braces", edits)
}

/// `for (k, v) in m`
pub(crate) fn pair_in_brackets(span: Span, edits: Vec<(Span, String)>) -> Diagnostic {
    let diagnostic = error(
        codes::SYNTAX,
        span,
        "two variables are written without brackets",
    )
    .help("write `k, v in MAP`");
    with_fix(diagnostic, "remove the brackets", edits)
}

/// `kind a extends b, c`
pub(crate) fn one_base(span: Span, gone: Span) -> Diagnostic {
    error(codes::SYNTAX, span, "a kind extends one other kind")
        .help("leave the others out; a kind that is extended may itself extend another")
        .fix("leave the others out", gone, " ")
}

/// `{ a: int; b: int }`
pub(crate) fn list_semicolon(span: Span) -> Diagnostic {
    error(
        codes::SEMICOLON,
        span,
        "there are no semicolons in this language",
    )
    .help("the parts of a list or a record are separated by commas")
    .fix(change_to(","), span, ",")
}

/// `for r in rs { infrastructure … }`, outside of a pipeline.
pub(crate) fn declared_for(span: Span, word: &str) -> Diagnostic {
    let message = format!("declarations do not stand in the body of `{word}`");
    error(codes::FOREIGN_CONTROL, span, message).help(
        "what is declared for each element of a list names the list in its head: `service \
         \"${x.name}\": KIND for x in LIST if … { … }`, and the same for an `infrastructure`",
    )
}

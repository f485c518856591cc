//! The errors for what other languages write otherwise: YAML, shells, Python and the like.

use super::*;

/// `if [ -f x ]; then … fi`
pub(crate) fn shell_block(span: Span, all: Span, word: &str, text: &str) -> Diagnostic {
    error(
        codes::FOREIGN_CONTROL,
        span,
        format!("this `{word}` is written as in a shell"),
    )
    .help(
        "hand the whole of it to the shell, as one command of several lines: `run \"\"\"`, the \
         lines, `\"\"\"`",
    )
    .fix("make it one command", all, text)
}

/// `$(date)` outside of a command.
pub(crate) fn command_value(span: Span, command: &str) -> Diagnostic {
    error(
        codes::CHARACTER,
        span,
        "`$(…)` gives the output of a command inside of `run` only",
    )
    .help(format!(
        "name the result of the command, and take its output: `let NAME = run \"{command}\"`, \
         then `NAME.stdout`"
    ))
}

/// `${HOME:-x}`; `value` is what stands for it here, if there is something.
pub(crate) fn shell_variable(span: Span, written: &str, value: Option<&str>) -> Diagnostic {
    let diagnostic = error(
        codes::CHARACTER,
        span,
        "`${…}` holds a value of this language, not a variable of the shell",
    );
    match value {
        Some(value) => diagnostic
            .help(format!(
                "read the variable with `{value}`; in a command the shell replaces `\\{written}`"
            ))
            .fix(format!("change to `{value}`"), span, value),
        None => diagnostic
            .help(format!("in a command the shell replaces `\\{written}`"))
            .fix("leave it to the shell", span, format!("\\{written}")),
    }
}

/// `${{ env.HOME }}`, `{{ tag }}`
pub(crate) fn double_braces(span: Span, value: &str, known: Option<String>) -> Diagnostic {
    let diagnostic = error(
        codes::CHARACTER,
        span,
        "a value is put into a text by one pair of braces",
    );
    match known {
        Some(help) => diagnostic.help(help),
        None => diagnostic
            .help(format!("write `{value}`"))
            .fix(change_to(value), span, value),
    }
}

/// `pipeline my pipeline {`
pub(crate) fn two_words(span: Span, joined: &str) -> Diagnostic {
    error(codes::INCOMPLETE, span, "a name is a single word")
        .help(format!("join the words: `{joined}`"))
        .fix(change_to(joined), span, joined)
}

/// Words between a head and its body.
pub(crate) fn before_body(span: Span, text: &str) -> Diagnostic {
    let shown = shown(text);
    error(
        codes::SYNTAX,
        span,
        format!("`{shown}` is not expected before the body"),
    )
    .help("leave it out: the body `{ … }` follows here")
}

/// A comma or another word that says nothing.
pub(crate) fn needless(span: Span, gone: Span, found: &str, why: &str) -> Diagnostic {
    error(codes::SYNTAX, span, String::from(why))
        .help(format!("leave out `{found}`"))
        .fix(format!("remove `{found}`"), gone, "")
}

/// `input port: int where port > 0 = 80`
pub(crate) fn late_default(span: Span, all: Span, right: &str) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        "the default comes before the condition",
    )
    .help(format!("write `{right}`"))
    .fix("move the default", all, right)
}

/// `secret token: string = …`
pub(crate) fn typed_secret(span: Span, name: &str) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        format!("`{name}` has no other type than `secret` or `secret?`"),
    )
    .help("leave the type out")
    .fix("remove the type", span, "")
}

/// `kind a: b`
pub(crate) fn kind_base(span: Span, right: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        "the kind that a kind is made from stands behind `extends`",
    )
    .fix(change_to(right.trim_start()), span, right)
}

/// `x => x + 1`
pub(crate) fn lambda(span: Span, right: Option<&str>) -> Diagnostic {
    let diagnostic = error(codes::SYNTAX, span, "functions are not written as values");
    match right {
        Some(right) => diagnostic.help(format!("write a comprehension: `{right}`")),
        None => diagnostic
            .help("write a comprehension: `[f(x) for x in LIST]`, or `[x for x in LIST if …]`"),
    }
}

/// `"x".upper()`
pub(crate) fn method(span: Span, function: &str, edits: Vec<(Span, String)>) -> Diagnostic {
    let mut diagnostic = error(
        codes::CALLEE,
        span,
        "functions are not called behind a value",
    )
    .help(format!("the value is an argument: `{function}(VALUE)`"));
    diagnostic.fixes.push(Fix {
        title: format!("call `{function}` with the value"),
        edits,
    });
    diagnostic
}

// ----- Expressions -----

/// A `?` that would choose between two values.
pub(crate) fn ternary(span: Span) -> Diagnostic {
    error(
        codes::FOREIGN_OPERATOR,
        span,
        "`?` does not choose between values",
    )
    .help("write `if c then a else b`")
}

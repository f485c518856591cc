//! The errors for statements, declarations and handlers that stand where they cannot.

use super::*;

/// `x = 5`
pub(crate) fn no_let(span: Span, place: Span, name: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        format!("`let` is missing before `{name}`"),
    )
    .help("a value gets a name with `let`; names never change their value")
    .fix("add `let`", place, "let ")
}

/// `x = 6`, where `x` has a value.
pub(crate) fn set_again(span: Span, name: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        format!("`{name}` keeps the value that it has"),
    )
    .help(format!(
        "give the other value a name of its own: `let {name}-2 = …`"
    ))
}

/// `foo` alone.
pub(crate) fn no_call(span: Span, place: Span, name: &str) -> Diagnostic {
    error(codes::SYNTAX, span, format!("`{name}` is not a statement"))
        .help(format!("write `{name}()` to call a workflow or an action"))
        .fix(format!("call `{name}`"), place, "()")
}

/// A statement at the top level or among fields.
pub(crate) fn stray_statement(span: Span, found: &str) -> Diagnostic {
    error(
        codes::STRAY_STATEMENT,
        span,
        format!("the statement `{found}` is not allowed here"),
    )
    .help("put it into the body of a pipeline or a workflow: `pipeline NAME { … }`")
}

/// A declaration in a block.
pub(crate) fn stray_declaration(span: Span, found: &str) -> Diagnostic {
    error(
        codes::STRAY_DECLARATION,
        span,
        format!("the declaration `{found}` is not allowed in a block"),
    )
    .help("declarations go at the top level of the file; their order does not matter")
}

/// `infrastructure` outside of an environment.
pub(crate) fn outside_environment(span: Span, found: &str) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        format!("`{found}` is only allowed in an environment"),
    )
    .help("put it into `environment NAME { … }`")
}

/// A handler without a statement before it.
pub(crate) fn stray_handler(span: Span, found: &str) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        format!("`{found}` follows nothing that it could handle"),
    )
    .help("a handler follows the body of its statement: `step x { … } on failure { … }`")
}

/// A `between` that does not stand behind the sizes of batches.
pub(crate) fn stray_between(span: Span) -> Diagnostic {
    let message = "`between` does not follow the sizes of `batches`";
    error(codes::MISPLACED, span, message)
        .help("write it directly behind them: `batches [1, 10%] between { … }`")
}

/// A `requires` in a body, or for no declaration.
pub(crate) fn stray_requires(span: Span) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        "`requires` stands in the head of a pipeline or workflow, or in a kind",
    )
    .help("write it before the body: `pipeline NAME requires \"kubectl\" { … }`")
}

/// `env { … } { … }`, `in "web" { … }`
pub(crate) fn no_with(span: Span, word: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        format!("`with` is missing before `{word}`"),
    )
    .help("for several commands: `with in \"DIR\" env { NAME: \"value\" } { … }`")
}

/// A modifier that is no statement's.
pub(crate) fn stray_modifier(span: Span, found: &str) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        format!("`{found}` follows nothing that it could modify"),
    )
    .help("a modifier comes before the body of its statement: `step x timeout 5m { … }`")
}

/// An `else` without `if`.
pub(crate) fn stray_else(span: Span) -> Diagnostic {
    error(codes::MISPLACED, span, "this `else` has no `if`")
        .help("`else` follows directly after the `}` of an `if`")
}

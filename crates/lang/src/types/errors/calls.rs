//! The errors of calls and their arguments.

use crate::resolve;
use crate::types::{Checker, Parameter, Typed};
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::Ident;
use lockstep_syntax::foreign;

use super::and_list;

/// A parameter that is declared twice.
pub fn parameter_twice(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::DUPLICATE,
        name.span,
        format!("parameter `{}` is declared twice", name.name),
    )
    .label(first, "first declared here")
    .help("choose another name")
}

/// An argument for a parameter that does not exist.
pub fn no_parameter<'a>(
    what: &str,
    name: &Ident,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let names: Vec<&str> = known.clone().collect();
    let error = Diagnostic::error(
        codes::ARGUMENTS,
        name.span,
        format!("{what} has no parameter `{}`", name.name),
    );
    let error = match names.as_slice() {
        [] => error.help("it takes no arguments"),
        names => error.help(format!("it has {}", and_list(names))),
    };
    resolve::with_suggestion(error, name, known)
}

/// An argument that is given twice.
pub fn argument_twice(at: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::ARGUMENTS,
        at,
        format!("argument `{name}` is given twice"),
    )
    .label(first, "first given here")
}

/// More arguments than parameters.
pub fn too_many(what: &str, at: Span, params: &[Parameter]) -> Diagnostic {
    let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    let error = Diagnostic::error(
        codes::ARGUMENTS,
        at,
        match names.len() {
            0 => format!("{what} takes no arguments"),
            1 => format!("{what} takes one argument"),
            count => format!("{what} takes {count} arguments"),
        },
    )
    .here("one too many");
    match names.as_slice() {
        [] => error,
        names => error.help(format!("its parameters are {}", and_list(names))),
    }
}

/// Arguments that are missing.
pub fn missing_arguments(what: &str, at: Span, missing: &[&Parameter]) -> Diagnostic {
    let names: Vec<&str> = missing.iter().map(|param| param.name.as_str()).collect();
    let word = if names.len() == 1 {
        "argument"
    } else {
        "arguments"
    };
    let mut error = Diagnostic::error(
        codes::ARGUMENTS,
        at,
        format!("{what} lacks {word} {}", and_list(&names)),
    )
    .help("add what is missing between the parentheses, in order or as `NAME: VALUE`");
    for param in missing {
        if let Some(span) = param.span {
            error = error.label(span, format!("`{}` is declared here", param.name));
        }
    }
    error
}

/// An argument that a built-in function does not take.
pub fn misfit(
    checker: &Checker<'_>,
    what: &str,
    wanted: &str,
    given: &Typed,
    without: bool,
) -> Diagnostic {
    let (at, ty) = (given.expr.span, &given.ty);
    if without {
        return Diagnostic::error(
            codes::MAY_BE_NONE,
            at,
            format!("{what} takes {wanted} here, but this may be `none`"),
        )
        .here(format!("this is `{ty}`"))
        .help(super::without_none(checker, given));
    }
    Diagnostic::error(
        codes::MISMATCH,
        at,
        format!("{what} takes {wanted} here, but this is `{ty}`"),
    )
}

/// A call of something that does not exist.
pub fn unknown_callee(name: &Ident, near: &[String]) -> Diagnostic {
    let error = Diagnostic::error(
        codes::UNKNOWN,
        name.span,
        format!("there is no function, workflow or action `{}`", name.name),
    );
    if let Some(right) = foreign::ours(&foreign::FUNCTIONS, &name.name) {
        return error.help(format!("did you mean `{right}`?")).fix(
            format!("change to `{right}`"),
            name.span,
            right,
        );
    }
    if let Some(help) = foreign::ours(&foreign::CALLS, &name.name) {
        return error.help(help);
    }
    let error = error.help(format!(
        "declare it with `workflow {}(…) {{ … }}`, or import it; a program is run by `run \"…\"`",
        name.name
    ));
    resolve::with_suggestion(error, name, near.iter().map(String::as_str))
}

/// `x.f()`
pub fn no_methods(function: &str, value: &str, at: Span) -> Diagnostic {
    Diagnostic::error(codes::ACCESS, at, "functions are not called with a dot")
        .help(format!("the value is an argument: `{function}({value})`"))
}

/// An effect inside an expression.
pub fn effect_inside(at: Span, callee: Span) -> Diagnostic {
    Diagnostic::error(
        codes::EFFECT_INSIDE,
        at,
        "an effect is not allowed inside an expression",
    )
    .here("runs something")
    .label(callee, "a workflow or an action")
    .help("name its result in a statement before: `let x = …`")
}

/// `env` or `file` of something that is only known while the pipeline runs.
pub fn read_when_planned(at: Span, function: &str) -> Diagnostic {
    Diagnostic::error(
        codes::PLANNING_ONLY,
        at,
        format!("`{function}` reads when the run is planned, but this is only known while it runs"),
    )
    .here("known only while the pipeline runs")
    .help("read it with a command: `run`")
}

/// An argument that is made of data, although it may name programs to run.
pub fn not_written_out(at: Span, argument: &str, function: &str) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_CODE,
        at,
        format!("the `{argument}` of `{function}` must be written out: some of them run programs"),
    )
    .here("this is made of data")
    .help(format!("write the texts here: `{argument}: [\"…\"]`"))
}

/// A word that is none of the language's words for its place.
pub fn unknown_word<'a>(
    code: lockstep_base::diagnostic::Code,
    word: &Ident,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let names: Vec<&str> = known.clone().collect();
    let error = Diagnostic::error(
        code,
        word.span,
        format!("there is no {what} `{}`", word.name),
    )
    .help(format!("write {}", suggest::or_list(&names)));
    resolve::with_suggestion(error, word, known)
}

/// A function that reads more than its parameters.
pub fn not_pure(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        codes::NOT_PURE,
        at,
        format!("a function cannot read `{what}`"),
    )
    .here("what it gives depends on its parameters alone")
    .help("add a parameter, and hand this over where the function is called")
}

/// A function whose expression is too large with those of the functions that it calls.
pub fn function_too_large(name: &Ident) -> Diagnostic {
    Diagnostic::error(
        codes::TOO_LARGE_WRITTEN_OUT,
        name.span,
        format!(
            "function `{}` is too large when what it calls is written out",
            name.name
        ),
    )
    .help("hand over what is computed more than once")
}

/// What a loop with two variables cannot go through.
pub fn no_pairs(checker: &Checker<'_>, whole: &Typed, what: &str) -> Diagnostic {
    let text = checker.modules.sources.text(whole.expr.span);
    let message = format!("{what} with two names goes through a list or a map");
    let error = Diagnostic::error(codes::MISMATCH, whole.expr.span, message)
        .here(format!("this is {}", super::a(&whole.ty)));
    match whole.ty {
        Type::Json => error.help(format!(
            "say which of the two it is: `let NAME: {{string: json}} = {text}`"
        )),
        Type::Environment => error.help("`.*` is the list of its infrastructures"),
        _ => error,
    }
}

/// A record whose fields have no common type.
pub fn mixed_record(at: Span, ty: &Type) -> Diagnostic {
    Diagnostic::error(
        codes::MIXED,
        at,
        format!("the fields of `{ty}` have no type in common"),
    )
    .here("a loop goes through values of one type")
}

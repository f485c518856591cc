//! The errors of calls and their arguments.

use crate::resolve;
use crate::types::{Checker, Parameter, Typed};
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::Span;
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

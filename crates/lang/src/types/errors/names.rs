//! The errors of names that refer to no value, and of definitions that depend on themselves.

use crate::resolve::{self, NameTarget};
use crate::types::Checker;
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::Ident;
use lockstep_syntax::foreign;

/// A name that refers to nothing.
pub fn unknown_name(
    checker: &Checker<'_>,
    file: FileId,
    name: &Ident,
    near: &[String],
) -> Diagnostic {
    let error = Diagnostic::error(
        codes::UNKNOWN,
        name.span,
        format!("there is no `{}` here", name.name),
    );
    let places: Vec<String> = checker
        .tables
        .environments
        .iter()
        .filter(|environment| environment.infrastructures.contains_key(&name.name))
        .filter(|environment| {
            let found = checker.modules.find(file, &environment.decl.name.name);
            found.is_some_and(|found| matches!(found.target, NameTarget::Decl(_)))
        })
        .map(|environment| format!("{}.{}", environment.decl.name.name, name.name))
        .collect();
    if let Some(right) = foreign::ours(&foreign::VALUES, &name.name) {
        return error.help(format!("it is written `{right}` here")).fix(
            format!("change to `{right}`"),
            name.span,
            right,
        );
    }
    if is_loud(&name.name) && near_none(name, near) {
        let right = format!("env(\"{}\")", name.name);
        return error.help(undeclared(&name.name)).fix(
            format!("change to `{right}`"),
            name.span,
            right,
        );
    }
    if !places.is_empty() {
        let error = error.help(format!("did you mean {}?", suggest::or_list(&places)));
        return places.into_iter().fold(error, |error, one| {
            error.fix(format!("change to `{one}`"), name.span, one)
        });
    }
    let error = error.help(undeclared(&name.name));
    resolve::with_suggestion(error, name, near.iter().map(String::as_str))
}

/// Whether a name looks like a variable of the environment: `HOME`, `CI_TOKEN`.
fn is_loud(name: &str) -> bool {
    let loud = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
    name.len() > 1 && name.chars().all(loud) && name.chars().any(|c| c.is_ascii_uppercase())
}

fn near_none(name: &Ident, near: &[String]) -> bool {
    suggest::closest(&name.name, near.iter().map(String::as_str)).is_empty()
}

/// What to do about a name that nothing is similar to.
fn undeclared(name: &str) -> String {
    if let Some(help) = foreign::ours(&foreign::SCOPES, name) {
        return help.replace("{}", "NAME");
    }
    if matches!(name, "error" | "err" | "e" | "failed" | "exception") {
        return String::from(
            "a failure is handled by `on failure { … }`, in which `failure.message` says what \
             happened",
        );
    }
    if is_loud(name) {
        return format!(
            "a variable of the environment is read with `env(\"{name}\")`; in the text of a \
             command the shell replaces `${name}`"
        );
    }
    format!("declare it, for example with `let {name} = …` or `input {name}: string`, or import it")
}

/// A member of what holds values in another tool: `env.HOME`, `secrets.TOKEN`.
pub fn foreign_scope(scope: &Ident, member: &Ident, all: Span) -> Option<Diagnostic> {
    let help = foreign::ours(&foreign::SCOPES, &scope.name)?.replace("{}", &member.name);
    let error = Diagnostic::error(
        codes::UNKNOWN,
        all,
        format!("values are not found under `{}`", scope.name),
    )
    .help(help);
    Some(match &*scope.name {
        "env" | "ENV" => {
            let right = format!("env(\"{}\")", member.name);
            error.fix(format!("change to `{right}`"), all, right)
        }
        _ => error,
    })
}

/// `run` where a value is wanted.
pub fn run_alone(at: Span) -> Diagnostic {
    Diagnostic::error(codes::UNKNOWN, at, "`run` is not a value by itself")
        .help("write `run.id`, `run.user` or `run.started-at`")
}

/// `run.id` where nothing runs.
pub fn run_outside(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OUT_OF_PLACE,
        at,
        "there is no run outside pipelines and workflows",
    )
    .help("pass it to a workflow, or use it inside the pipeline")
}

/// `token.file` where nothing runs.
pub fn secret_file_outside(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OUT_OF_PLACE,
        at,
        "the file of a secret is there only while a pipeline runs",
    )
    .help(
        "hand the secret on, to a field or parameter of type `secret`, and write `.file` where \
           the command is",
    )
}

/// `failure` outside `on failure`.
pub fn failure_outside(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OUT_OF_PLACE,
        at,
        "`failure` is known only inside `on failure`",
    )
    .help("look at it in the handler: `on failure { log failure.message }`")
}

/// A name of something that is no value.
pub fn not_a_value(name: &Ident, is: &str, declared: Span) -> Diagnostic {
    Diagnostic::error(
        codes::WRONG_SORT,
        name.span,
        format!("`{}` is {is}, not a value", name.name),
    )
    .here("expected a value here")
    .label(declared, "declared here")
}

/// A definition that depends on itself, found while checking it.
pub fn circle(at: Span, name: &Name, declared: Span) -> Diagnostic {
    Diagnostic::error(codes::CIRCLE, at, format!("`{name}` depends on itself"))
        .here("needed here")
        .label(declared, "defined here")
        .help("break the cycle: one of the definitions must do without the other")
}

/// Definitions that need each other: their names, and where each names the next.
pub fn needs_itself(links: &[(String, Span)]) -> Diagnostic {
    let first = links.first().map_or("", |(name, _)| name.as_str());
    let chain: Vec<String> = links
        .iter()
        .map(|(name, _)| name.as_str())
        .chain([first])
        .map(|name| format!("`{name}`"))
        .collect();
    let at = links
        .first()
        .map_or_else(|| Span::start_of(FileId(0)), |(_, span)| *span);
    let message = match links.len() {
        1 => format!("`{first}` depends on itself"),
        _ => format!("definitions depend on each other: {}", chain.join(" → ")),
    };
    let next = |at: usize| &links[(at + 1) % links.len()].0;
    let mut error = Diagnostic::error(codes::CIRCLE, at, message);
    for (place, (name, span)) in links.iter().enumerate() {
        let text = format!("`{name}` needs `{}`", next(place));
        error = if place == 0 {
            error.here(text)
        } else {
            error.label(*span, text)
        };
    }
    error.help("break the cycle: one of the definitions must do without the other")
}

/// A type that does not exist.
pub fn unknown_type(name: &Ident, known: &[&str]) -> Diagnostic {
    let error = Diagnostic::error(
        codes::TYPE,
        name.span,
        format!("there is no type `{}`", name.name),
    )
    .help(format!("the types are {}", suggest::or_list(known)));
    let other = match &*name.name {
        "str" | "text" | "String" => Some("string"),
        "integer" | "number" => Some("int"),
        "boolean" => Some("bool"),
        "double" => Some("float"),
        "time" => Some("duration"),
        "env" => Some("environment"),
        "target" | "cluster" => Some("infrastructure"),
        _ => None,
    };
    match other {
        Some(other) => error.help(format!("did you mean `{other}`?")).fix(
            format!("change to `{other}`"),
            name.span,
            other,
        ),
        None => resolve::with_suggestion(error, name, known.iter().copied()),
    }
}

/// A kind where a type is wanted.
pub fn kind_as_type(name: &Ident) -> Diagnostic {
    let kind = &name.name;
    Diagnostic::error(
        codes::TYPE,
        name.span,
        format!("`{kind}` is a kind, not a type"),
    )
    .help(format!(
        "write `service<{kind}>` or `infrastructure<{kind}>`"
    ))
}

/// `string<K>`
pub fn type_takes_no_kind(word: &Ident) -> Diagnostic {
    Diagnostic::error(
        codes::TYPE,
        word.span,
        format!("`{}` cannot be narrowed to a kind", word.name),
    )
    .help("only `service<K>` and `infrastructure<K>` name a kind")
}

/// `{int: T}`
pub fn map_key(at: Span, ty: &Type) -> Diagnostic {
    Diagnostic::error(
        codes::TYPE,
        at,
        format!("the keys of a map are texts, not `{ty}`"),
    )
    .help("write `{string: …}`")
    .fix("change to `string`", at, "string")
}

/// An interpolation in a type.
pub fn computed_word(at: Span) -> Diagnostic {
    Diagnostic::error(codes::COMPUTED, at, "a type cannot be computed")
        .here("has an interpolation")
        .help("write the text out")
}

/// An input of type `secret`.
pub fn secret_input(at: Span, name: &Name) -> Diagnostic {
    Diagnostic::error(codes::SECRET, at, "an input cannot be a secret")
        .here("inputs are written into the plan")
        .help(format!(
            "declare it as a secret: `secret {name} = env(\"…\")`"
        ))
}

/// A result of type `secret`.
pub fn secret_result(at: Span) -> Diagnostic {
    Diagnostic::error(codes::SECRET, at, "a result cannot be a secret")
        .here("results are written into the journal")
        .help("declare it with `secret NAME = …`, and pass it to a parameter of type `secret`")
}

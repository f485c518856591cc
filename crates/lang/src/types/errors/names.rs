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
    holders: &[String],
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
    if let (1..=3, true) = (holders.len(), near_none(name, near)) {
        let error = error.help(format!("did you mean {}?", suggest::or_list(holders)));
        return holders.iter().fold(error, |error, one| {
            error.fix(format!("change to `{one}`"), name.span, one.clone())
        });
    }
    let error = error.help(undeclared(&name.name));
    resolve::with_suggestion(error, name, near.iter().map(String::as_str))
}

/// A name in the name of a cell that is none of its axis.
pub fn not_of_the_axis(name: &Ident, declared: Span) -> Diagnostic {
    let message = format!("`{}` is no variable of this axis", name.name);
    Diagnostic::error(codes::CELL_NAME, name.span, message)
        .here("names a cell here")
        .label(declared, format!("`{}` is introduced here", name.name))
        .help("what is behind `by` sees the variables of its own axis and the names of the file")
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

/// `run.id` where nothing runs; `cell` is whether it would name a cell.
pub fn run_outside(at: Span, cell: bool) -> Diagnostic {
    if cell {
        let message = "the names of cells are made before the run, and are the same in each run";
        return Diagnostic::error(codes::OUT_OF_PLACE, at, message)
            .here("known only inside a run")
            .help("name a cell by what its element is, as in `by h.name`");
    }
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

/// `let token: secret = "…"`
pub fn readable_secret(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_SOURCE,
        at,
        format!("{what} is to be a secret, but everybody can read this text"),
    )
    .here("stands in the source, in the plan or in the journal")
    .help(
        "`secret NAME = env(\"NAME\")` reads one when the run starts; in a pipeline \
         `let NAME: secret = run \"…\"` makes one",
    )
}

/// `token.stdout`, where `token` is what a command wrote.
pub fn output_of_secret(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        codes::NO_FIELD,
        at,
        format!("a secret that a command makes has no `.{name}`"),
    )
    .help("the secret is what the command wrote to its standard output: write its name alone")
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

/// `outcome` outside of the handlers that know it.
pub fn outcome_outside(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OUT_OF_PLACE,
        at,
        "`outcome` is known only inside `on failure` and `always`",
    )
    .help("look at it in the handler: `always { log outcome.status }`")
}

/// `event` where nothing has fired.
pub fn event_outside(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OUT_OF_PLACE,
        at,
        "`event` is known only in the `where` and the inputs of a `trigger`",
    )
    .help("hand what a run needs of it to an input: `starts PIPELINE(tag: event.payload.tag)`")
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
pub fn needs_itself(links: &[(String, Span)], meant: Option<(&str, &Name)>) -> Diagnostic {
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
    match meant {
        Some((sort, name)) => error.help(format!(
            "in a default `{name}` is the field, not the {sort} `{name}`: give one of the two \
             another name"
        )),
        None => error.help("break the cycle: one of the definitions must do without the other"),
    }
}

/// A type that does not exist.
pub fn unknown_type(name: &Ident, known: &[&str], declared: &[String]) -> Diagnostic {
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
        None => {
            let all = known.iter().copied();
            let all = all.chain(declared.iter().map(String::as_str));
            resolve::with_suggestion(error, name, all)
        }
    }
}

/// An input that is a connection.
pub fn connection_input(at: Span) -> Diagnostic {
    Diagnostic::error(codes::TYPE, at, "an input cannot be a connection")
        .here("nobody can write one")
        .help("take its parts as inputs, such as a host: `connect = ssh(host)`")
}

/// A named type that is too large.
pub fn type_too_large(name: &Ident) -> Diagnostic {
    Diagnostic::error(
        codes::TOO_LARGE_WRITTEN_OUT,
        name.span,
        format!("type `{}` is too large when it is written out", name.name),
    )
    .help("leave out what no value needs")
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
    Diagnostic::error(
        codes::SECRET,
        at,
        "the result of an action cannot be a secret",
    )
    .here("results of actions are written into the journal")
    .help(
        "declare it with `secret NAME = …`, or let a command or a request make it: \
         `let NAME: secret = run \"…\"`",
    )
}

//! The errors of triggers: one diagnostic constructor for each.

use crate::ir::Global;
use crate::ir::file_pattern::FilePatternError;
use crate::types::errors::and_list;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::Ident;

/// Five fields that are none.
pub fn no_schedule(at: Span, text: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(codes::SCHEDULE, at, format!("`{text}` is no schedule"))
        .here(reason)
        .help(
            "write five fields: minute, hour, day of the month, month, day of the week; \
             `0 3 * * 1-5` is 3:00 from Monday to Friday",
        )
}

/// A day that no calendar has.
pub fn never_comes(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error(
        codes::SCHEDULE,
        at,
        format!("the time `{text}` never comes"),
    )
    .here("none of these months has such a day")
    .help("change the day of the month or the months")
}

/// A time zone that nobody knows.
pub fn unknown_zone(at: Span, name: &str, known: &[String]) -> Diagnostic {
    let near = did_you_mean(name, known.iter().map(String::as_str));
    let otherwise = || String::from("write a name of the time zone database: `Europe/Berlin`");
    Diagnostic::error(
        codes::SCHEDULE,
        at,
        format!("there is no time zone `{name}`"),
    )
    .here("not known")
    .help(near.unwrap_or_else(otherwise))
}

/// A webhook that is not verified by a declared secret.
pub fn no_declared_secret(at: Span) -> Diagnostic {
    let message = "the secret of a webhook must be one that is declared";
    Diagnostic::error(codes::TRIGGER, at, message)
        .here("no declared secret")
        .help("write `secret NAME = env(\"VARIABLE\")`, and `webhook(secret: NAME)`")
}

/// `change([])`
pub fn no_paths(at: Span) -> Diagnostic {
    let message = "a trigger on changes needs the patterns of the files";
    Diagnostic::error(codes::TRIGGER, at, message)
        .here("an empty list or text matches no file")
        .help("write, for example, `change([\"k8s/**\"])`")
}

/// A pattern that cannot be read, or that fits no file.
pub fn no_pattern(at: Span, pattern: &str, wrong: &FilePatternError) -> Diagnostic {
    let message = format!("the pattern `{pattern}` fits no file");
    Diagnostic::error(codes::TRIGGER, at, message)
        .here(wrong.message)
        .help(wrong.help.clone())
}

/// A text without a character.
pub fn empty_text(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        codes::TRIGGER,
        at,
        format!("`{name}` of a trigger is empty"),
    )
    .here("a text without a character")
    .help("write the value, or leave the argument out where it has a default")
}

/// What must be known without a run, and is not.
pub fn not_constant(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        codes::TRIGGER_VALUE,
        at,
        format!("`{name}` of a trigger must be known before anything runs"),
    )
    .here("depends on an input, a variable or a file")
    .help("write the value here, or a `let` that depends on none of these")
}

/// A condition or a value that needs an input.
pub fn reads_input(at: Span, what: &str, input: &Name, declared: Span) -> Diagnostic {
    Diagnostic::error(
        codes::TRIGGER_VALUE,
        at,
        format!("{what} of a trigger depends on input `{input}`"),
    )
    .here("needed before there is a run")
    .label(
        declared,
        "it has no default, so it has no value before the run",
    )
    .help("use `event` and what is declared, or give the input a default")
}

/// A value that the rule of its input forbids.
pub fn breaks_rule(at: Span, rule: Span, input: &Name) -> Diagnostic {
    let message = format!("the trigger gives `{input}` a value that breaks its rule");
    Diagnostic::error(codes::RULE, at, message)
        .here("not allowed by the rule")
        .label(rule, "the rule")
}

/// A field of `event` that only others have.
pub fn event_field(at: Span, field: &str, on: &str, of: &str) -> Diagnostic {
    Diagnostic::error(
        codes::EVENT_FIELD,
        at,
        format!("the event of `{on}` has no `{field}`"),
    )
    .here(format!("only `{of}` has it"))
    .help(format!("it has {}", event_of(on)))
}

fn event_of(on: &str) -> &'static str {
    match on {
        "webhook" => "`.at` and `.payload`",
        "artifact" => "`.at` and `.digest`",
        "change" => "`.at`, `.commit` and `.paths`",
        _ => "`.at` alone",
    }
}

/// A value that no input is named for.
pub fn input_without_name(at: Span) -> Diagnostic {
    let message = "what a trigger gives to a pipeline has the name of an input";
    Diagnostic::error(codes::TRIGGER_INPUT, at, message)
        .here("for which input?")
        .help("write `INPUT: VALUE`")
}

/// A value for an input that does not exist.
pub fn unknown_input(name: &Ident, known: &[Name]) -> Diagnostic {
    let near = did_you_mean(&name.name, known.iter().map(|it| &**it));
    let help = near.unwrap_or_else(|| match known {
        [] => String::from("this file declares no inputs"),
        known => {
            let names: Vec<&str> = known.iter().map(|it| &**it).collect();
            format!("the inputs are {}", and_list(&names))
        }
    });
    Diagnostic::error(
        codes::TRIGGER_INPUT,
        name.span,
        format!("there is no input `{}`", name.name),
    )
    .here("not declared")
    .help(help)
}

/// Inputs that the pipeline needs, and that the trigger does not give.
pub fn missing_inputs(pipeline: &Ident, missing: &[&Global]) -> Diagnostic {
    let names: Vec<&str> = missing.iter().map(|input| &*input.name).collect();
    let word = if missing.len() > 1 { "inputs" } else { "input" };
    let message = format!(
        "the trigger starts `{}` without its {word} {}",
        pipeline.name,
        and_list(&names)
    );
    let values = missing.iter().map(|input| match names_places(&input.ty) {
        true => format!("{}: [ENVIRONMENT.*]", input.name),
        false => format!("{}: VALUE", input.name),
    });
    let values: Vec<String> = values.collect();
    let call = format!("`{}({})`", pipeline.name, values.join(", "));
    let help = match missing.iter().any(|input| names_places(&input.ty)) {
        true => format!("a trigger names the infrastructures, as a person would: {call}"),
        false => format!("give each a value: {call}"),
    };
    let error = Diagnostic::error(codes::TRIGGER_INPUT, pipeline.span, message);
    let error = missing.iter().fold(error, |error, input| {
        error.label(input.span, "it has no default, so it must be given")
    });
    error.help(help)
}

fn names_places(ty: &Type) -> bool {
    match ty {
        Type::Infrastructure(_) | Type::Environment => true,
        Type::List(of) | Type::Optional(of) => names_places(of),
        _ => false,
    }
}

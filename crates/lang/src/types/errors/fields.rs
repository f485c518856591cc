//! The errors of fields, records and member access.

use crate::resolve;
use crate::types::{Checker, FieldType, Typed, holds_secret};
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, Ident};

/// A field that is given or declared twice.
pub fn field_twice(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::DUPLICATE,
        name.span,
        format!("field `{}` is given twice", name.name),
    )
    .label(first, "first here")
    .help("remove one of them")
}

/// `window = …` that names nothing.
pub fn no_window(at: Span) -> Diagnostic {
    Diagnostic::error(codes::WINDOW, at, "this names no window")
        .here("not the name of a window")
        .help("declare a window, `window NAME { open = [\"mon-fri 09:00-16:00\"] }`, and name it")
}

/// A key that a record or map has twice.
pub fn key_twice(name: &Name, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(codes::DUPLICATE, at, format!("key `{name}` is given twice"))
        .label(first, "first here")
        .help("remove one of them")
}

/// A field that the kind does not declare.
pub fn unknown_field<'a>(
    name: &Ident,
    thing: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    kind: Option<&Ident>,
) -> Diagnostic {
    match kind {
        Some(kind) => {
            let what = format!("{thing} of kind `{}`", kind.name);
            no_field(name, &what, known).label(kind.span, "the kind")
        }
        None => no_field(name, thing, known),
    }
}

/// A field that something does not have.
pub fn no_field<'a>(
    name: &Ident,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let names: Vec<&str> = known.clone().take(9).collect();
    let error = Diagnostic::error(
        codes::NO_FIELD,
        name.span,
        format!("{what} has no field `{}`", name.name),
    );
    let error = match names.len() {
        1..=8 => error.help(format!("it has {}", and_list(&names))),
        _ => error,
    };
    resolve::with_suggestion(error, name, known)
}

/// A field behind a value that has none.
pub fn no_fields(checker: &Checker<'_>, of: &Typed, name: &Ident) -> Diagnostic {
    if of.ty == Type::Secret {
        return no_field(name, "a secret", ["file"].into_iter());
    }
    match &of.ty {
        Type::Nothing => super::no_value(of.expr.span),
        Type::Optional(_) | Type::None => Diagnostic::error(
            codes::MAY_BE_NONE,
            of.expr.span,
            format!("this may be `none`, which has no field `{}`", name.name),
        )
        .here(format!("this is `{}`", of.ty))
        .help(super::without_none(checker, of)),
        Type::Map(_) => Diagnostic::error(
            codes::NO_FIELD,
            name.span,
            format!("a map has no field `{}`", name.name),
        )
        .label(of.expr.span, format!("this is `{}`", of.ty))
        .help(format!(
            "its entries are read by key: `[\"{}\"]`",
            name.name
        )),
        _ => Diagnostic::error(
            codes::NO_FIELD,
            name.span,
            format!("`{}` has no fields", of.ty),
        )
        .label(of.expr.span, format!("this is `{}`", of.ty)),
    }
}

/// A field of a service or infrastructure whose kind is not known.
pub fn field_of_any_kind(name: &Ident, word: &str, own: &str) -> Diagnostic {
    Diagnostic::error(
        codes::NO_FIELD,
        name.span,
        format!("not every {word} has a field `{}`", name.name),
    )
    .here(format!("the {word} may be of any kind"))
    .help(format!(
        "say which kind is meant, `{word}<KIND>`; whatever its kind, a {word} has {own}"
    ))
}

/// A field that only some environments have.
pub fn not_in_all(name: &Ident, missing: &[String]) -> Diagnostic {
    Diagnostic::error(
        codes::NO_FIELD,
        name.span,
        format!("not every environment has a field `{}`", name.name),
    )
    .help(format!(
        "{} {} it not, or with another type",
        and_list(missing),
        if missing.len() == 1 { "has" } else { "have" }
    ))
}

/// Something that an environment does not have.
pub fn no_place(name: &Ident, environment: &ast::Environment, known: &[String]) -> Diagnostic {
    let of = &environment.name;
    let error = Diagnostic::error(
        codes::NO_FIELD,
        name.span,
        format!(
            "`{}` has no infrastructure or field `{}`",
            of.name, name.name
        ),
    )
    .label(of.span, "the environment");
    let error = match known.len() {
        1..=8 => error.help(format!("it has {}", and_list(known))),
        _ => error,
    };
    let from_data = environment
        .infrastructures
        .iter()
        .any(|it| it.each.is_some());
    if from_data && suggest::closest(&name.name, known.iter().map(String::as_str)).is_empty() {
        let right = format!("{}[\"{}\"]", of.name, name.name);
        return error.help(format!(
            "one that comes from data is named by a text: `{right}`"
        ));
    }
    resolve::with_suggestion(error, name, known.iter().map(String::as_str))
}

/// `.*` behind something else.
pub fn no_star(of: &Typed) -> Diagnostic {
    let error = Diagnostic::error(
        codes::ACCESS,
        of.expr.span,
        format!("`.*` takes an environment, but this is `{}`", of.ty),
    );
    match of.ty {
        Type::List(_) => error.help("a list is one already: write it without `.*`"),
        _ => error,
    }
}

/// `[…]` behind something else.
pub fn no_index(checker: &Checker<'_>, of: &Typed) -> Diagnostic {
    match &of.ty {
        Type::Nothing => super::no_value(of.expr.span),
        ty if holds_secret(ty) => super::secret_here(of.expr.span, "what is indexed"),
        Type::Optional(_) => Diagnostic::error(
            codes::MAY_BE_NONE,
            of.expr.span,
            "this may be `none`, which has no elements",
        )
        .here(format!("this is `{}`", of.ty))
        .help(super::without_none(checker, of)),
        ty => Diagnostic::error(
            codes::ACCESS,
            of.expr.span,
            format!("`[…]` takes a list or a map, but this is `{ty}`"),
        ),
    }
}

/// A text between brackets names no service or infrastructure.
pub fn none_named(at: Span, what: &str, name: &str, known: &[&str]) -> Diagnostic {
    let error = Diagnostic::error(codes::UNKNOWN, at, format!("no {what} is named `{name}`"));
    let near = suggest::did_you_mean(name, known.iter().copied());
    error.help(near.unwrap_or_else(|| match known.len() {
        0 => String::from("none is declared in this file and its imports"),
        1..=8 => format!("there is {}", and_list(known)),
        _ => String::from("it is none of those that are declared"),
    }))
}

/// A record indexed by something that is only known later.
pub fn computed_field(at: Span, ty: &Type) -> Diagnostic {
    Diagnostic::error(
        codes::COMPUTED,
        at,
        format!("the field of `{ty}` must be written out"),
    )
    .help("only a map can be read by a computed key")
}

/// A key with an interpolation.
pub fn computed_key(at: Span) -> Diagnostic {
    Diagnostic::error(codes::COMPUTED, at, "a key cannot be computed")
        .here("has an interpolation")
        .help("write the text out")
}

/// An entry that the record does not have.
pub fn unknown_entry<'a>(name: &Ident, known: impl Iterator<Item = &'a str> + Clone) -> Diagnostic {
    no_field(name, "the record that is expected here", known)
}

/// Entries that a record must have.
pub fn missing_entries(at: Span, missing: &[Name]) -> Diagnostic {
    Diagnostic::error(
        codes::MISSING_FIELD,
        at,
        format!(
            "the record lacks {} {}",
            if missing.len() == 1 {
                "field"
            } else {
                "fields"
            },
            and_list(missing)
        ),
    )
    .help("add what is missing as `NAME: VALUE`")
}

/// Fields that a service or infrastructure must have: their names and where each is declared.
pub fn missing_fields(
    at: Span,
    what: &str,
    missing: &[(Name, Option<Span>)],
    near: Option<String>,
) -> Diagnostic {
    let names: Vec<&Name> = missing.iter().map(|(name, _)| name).collect();
    let word = if names.len() == 1 { "field" } else { "fields" };
    let mut error = Diagnostic::error(
        codes::MISSING_FIELD,
        at,
        format!("{what} lacks {word} {}", and_list(&names)),
    )
    .help(match names.as_slice() {
        [name] => format!("add `{name} = VALUE` between its braces"),
        _ => String::from("add them between its braces, each as `NAME = VALUE`"),
    })
    .help_opt(near);
    for (name, span) in missing {
        if let Some(span) = span {
            error = error.label(*span, format!("`{name}` is declared here"));
        }
    }
    error
}

/// `` `a`, `b` and `c` ``.
pub fn and_list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// A kind that declares a field again that it has from the one it extends.
pub fn other_type(name: &Name, first: &FieldType<'_>, field: &FieldType<'_>) -> Diagnostic {
    let decl = field.decl.map(|decl| decl.ty.span);
    let at = decl
        .or(field.span)
        .unwrap_or_else(|| Span::start_of(FileId(0)));
    let message = format!(
        "field `{name}` is `{}` in the kind that is extended",
        first.ty
    );
    let error = Diagnostic::error(codes::MISMATCH, at, message).here(format!("not `{}`", field.ty));
    let error = match first.span {
        Some(span) => error.label(span, "declared here"),
        None => error,
    };
    error.help("give it the same type, or another name")
}

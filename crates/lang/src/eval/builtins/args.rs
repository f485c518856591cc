//! Shared by the built-in functions: declaring and reading their arguments.

use indexmap::IndexMap;

use super::{ArgumentMisfit, BuiltinError, Param};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value, text};

/// A parameter that must be given.
pub(super) const fn required(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        name,
        ty,
        optional: false,
        rest: false,
    }
}

/// A parameter that may be left out; its type takes `none`.
pub(super) const fn optional(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        name,
        ty,
        optional: true,
        rest: false,
    }
}

/// A parameter that accepts any number of arguments.
pub(super) const fn rest(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        name,
        ty,
        optional: false,
        rest: true,
    }
}

pub(super) fn string() -> Type {
    Type::String
}

pub(super) fn any() -> Type {
    Type::Any
}

pub(super) fn int() -> Type {
    Type::Int
}

pub(super) fn list_of_any() -> Type {
    Type::list(Type::Any)
}

pub(super) fn optional_string() -> Type {
    Type::optional(Type::String)
}

pub(super) fn optional_int() -> Type {
    Type::optional(Type::Int)
}

/// The check of a function whose parameters say it all.
pub(super) fn no_more(_: &[Type]) -> Result<(), ArgumentMisfit> {
    Ok(())
}

/// The result of a function that always gives a string.
pub(super) fn gives_string(_: &[Type]) -> Type {
    Type::String
}

/// The result of a function that gives its first argument in another form.
pub(super) fn gives_same(types: &[Type]) -> Type {
    types.first().cloned().unwrap_or(Type::Any)
}

/// The type of the elements of the list that stands first.
pub(super) fn element(types: &[Type]) -> Type {
    match types.first() {
        Some(Type::List(of)) => (**of).clone(),
        Some(Type::Json) => Type::Json,
        _ => Type::Any,
    }
}

/// The type of the values of a map or record, if they have one.
pub(super) fn value_type(ty: &Type) -> Option<Type> {
    match ty {
        Type::Map(of) => Some((**of).clone()),
        Type::Record(fields) => Type::common_of(fields.values()),
        Type::Json => Some(Type::Json),
        _ => Some(Type::Any),
    }
}

/// Refuses an argument whose type is known not to fit.
pub(super) fn wants(
    types: &[Type],
    argument: usize,
    wanted: &'static str,
    fits: impl FnOnce(&Type) -> bool,
) -> Result<(), ArgumentMisfit> {
    match types.get(argument) {
        Some(ty) if *ty != Type::Any && !fits(ty) => Err(ArgumentMisfit { argument, wanted }),
        _ => Ok(()),
    }
}

/// Takes maps, records and JSON, at all places.
pub(super) fn wants_maps(types: &[Type]) -> Result<(), ArgumentMisfit> {
    (0..types.len()).try_for_each(|at| {
        wants(types, at, "a map or a record", |ty| {
            matches!(ty, Type::Map(_) | Type::Record(_) | Type::Json)
        })
    })
}

/// Takes what may be interpolated into a string, from argument `from` on.
pub(super) fn wants_text_forms(types: &[Type], from: usize) -> Result<(), ArgumentMisfit> {
    (from..types.len()).try_for_each(|at| {
        let wanted = "something that can be put into a string";
        wants(types, at, wanted, Type::interpolates)
    })
}

/// Takes a list whose elements have an order.
pub(super) fn wants_ordered(types: &[Type]) -> Result<(), ArgumentMisfit> {
    let wanted = "a list of texts, numbers, durations or percents";
    wants(types, 0, wanted, |ty| match ty {
        Type::List(of) => {
            matches!(
                **of,
                Type::String
                    | Type::OneOf(_)
                    | Type::Int
                    | Type::Float
                    | Type::Duration
                    | Type::Percent
                    | Type::Json
                    | Type::Any
            )
        }
        ty => *ty == Type::Json,
    })
}

fn unfit(argument: usize, wanted: &str, value: Option<&Value>) -> BuiltinError {
    let kind = value.map_or("missing", Value::kind);
    BuiltinError::Argument(argument, format!("expected {wanted}, but this is {kind}"))
}

/// The argument, if it was given and is not `none`.
pub(super) fn given(args: &[Value], argument: usize) -> Option<&Value> {
    args.get(argument)
        .filter(|value| !matches!(value, Value::None))
}

pub(super) fn text(args: &[Value], argument: usize) -> Result<&Name, BuiltinError> {
    match args.get(argument) {
        Some(Value::String(text)) => Ok(text),
        other => Err(unfit(argument, "a text", other)),
    }
}

pub(super) fn number(args: &[Value], argument: usize) -> Result<i64, BuiltinError> {
    match args.get(argument) {
        Some(Value::Int(value)) => Ok(*value),
        other => Err(unfit(argument, "an int", other)),
    }
}

pub(super) fn list(args: &[Value], argument: usize) -> Result<&[Value], BuiltinError> {
    match args.get(argument) {
        Some(Value::List(items)) => Ok(items),
        other => Err(unfit(argument, "a list", other)),
    }
}

pub(super) fn map(args: &[Value], argument: usize) -> Result<&IndexMap<Name, Value>, BuiltinError> {
    match args.get(argument) {
        Some(Value::Map(entries)) => Ok(entries),
        other => Err(unfit(argument, "a map", other)),
    }
}

/// The text of a value as in an interpolation. Secrets and the program's things have none.
pub(super) fn plain_text(value: &Value, argument: usize) -> Result<String, BuiltinError> {
    plain(value, argument)?;
    if let Value::None = value {
        let message = String::from("`none` has no text; say what to take instead: `… ?? …`");
        return Err(BuiltinError::Argument(argument, message));
    }
    Ok(text::display(value, &|value| value.kind().into()))
}

/// Refuses a value that is, or holds, a secret or a thing of the program.
pub(super) fn plain(value: &Value, argument: usize) -> Result<(), BuiltinError> {
    match value {
        Value::Secret(_)
        | Value::Service { .. }
        | Value::Environment(_)
        | Value::Infrastructure(_) => Err(BuiltinError::Argument(
            argument,
            format!("{} has no text", value.kind()),
        )),
        Value::List(items) => items.iter().try_for_each(|item| plain(item, argument)),
        Value::Map(entries) => entries.values().try_for_each(|item| plain(item, argument)),
        _ => Ok(()),
    }
}

/// An element of a list that does not fit, as a message about that list.
pub(super) fn unfit_element(at: usize, wanted: &str, value: &Value) -> BuiltinError {
    BuiltinError::Argument(
        0,
        format!("element {at} should be {wanted}, but is {}", value.kind()),
    )
}

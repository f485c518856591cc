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
        written_out: false,
    }
}

/// A parameter that may be left out; its type takes `none`.
pub(super) const fn optional(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        name,
        ty,
        optional: true,
        rest: false,
        written_out: false,
    }
}

/// A parameter that may be left out, and must be written out where the function is called: it may
/// name programs to run.
pub(super) const fn written_out(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        written_out: true,
        ..optional(name, ty)
    }
}

/// A parameter that accepts any number of arguments.
pub(super) const fn rest(name: &'static str, ty: fn() -> Type) -> Param {
    Param {
        name,
        ty,
        optional: false,
        rest: true,
        written_out: false,
    }
}

pub(super) fn string() -> Type {
    Type::String
}

/// A path, or a text that the function itself takes as relative to the file.
pub(super) fn path() -> Type {
    Type::Path
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

pub(super) fn list_of_bools() -> Type {
    Type::list(Type::Bool)
}

pub(super) fn optional_string() -> Type {
    Type::optional(Type::String)
}

pub(super) fn optional_strings() -> Type {
    Type::optional(Type::list(Type::String))
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

/// The result of a function that gives lists of what is in its first argument.
pub(super) fn gives_nested(types: &[Type]) -> Type {
    Type::list(Type::list(element(types)))
}

/// The result of a function that gives a map with values of its first argument.
pub(super) fn gives_map(types: &[Type]) -> Type {
    match types.first() {
        Some(Type::Json) => Type::Json,
        Some(ty) => Type::Map(Box::new(value_type(ty).unwrap_or(Type::Any))),
        None => Type::Any,
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

/// Takes a map, a record or JSON first.
pub(super) fn wants_maps_first(types: &[Type]) -> Result<(), ArgumentMisfit> {
    wants_maps(types.get(..1).unwrap_or(types))
}

/// Takes a number first.
pub(super) fn wants_number(types: &[Type]) -> Result<(), ArgumentMisfit> {
    wants(types, 0, "a number", |ty| {
        matches!(ty, Type::Int | Type::Float | Type::Json)
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
                    | Type::Path
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

pub(super) fn milliseconds(args: &[Value], argument: usize) -> Result<i64, BuiltinError> {
    match args.get(argument) {
        Some(Value::Duration(ms)) => Ok(*ms),
        other => Err(unfit(argument, "a duration", other)),
    }
}

/// A number as a whole one.
pub(super) fn whole(args: &[Value], round: fn(f64) -> f64) -> Result<Value, BuiltinError> {
    match args.first() {
        Some(Value::Int(value)) => Ok(Value::Int(*value)),
        Some(Value::Float(value)) => {
            let whole = round(*value);
            // Both bounds are exact as floats; the upper one is the first that does not fit.
            match (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) {
                true => Ok(Value::Int(whole as i64)),
                false => {
                    let message = "the number does not fit into 64 bits";
                    Err(BuiltinError::Argument(0, message.into()))
                }
            }
        }
        other => Err(unfit(0, "a number", other)),
    }
}

/// The bools of the list that stands first.
pub(super) fn bools(args: &[Value]) -> Result<Vec<bool>, BuiltinError> {
    let items = list(args, 0)?.iter().enumerate();
    items
        .map(|(at, item)| match item {
            Value::Bool(value) => Ok(*value),
            other => Err(unfit_element(at, "a bool", other)),
        })
        .collect()
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

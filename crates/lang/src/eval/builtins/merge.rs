//! `merge`.

use std::sync::Arc;

use indexmap::IndexMap;

use super::args::{any, map, required, rest, value_type, wants, wants_maps};
use super::{BuiltinBody, Builtin, ArgumentMisfit, BuiltinError};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "merge",
    doc: "One map with the entries of all; where a key stands in several, the last one counts. \
          Maps inside are not merged. Of records it is a record with the fields of all; where one \
          is a map, all values must have one type.",
    params: &[required("map", any), rest("more", any)],
    check,
    result,
    examples: &[
        (
            "merge({ a: 1, b: 2 }, { b: 3, c: 4 })",
            "{ a: 1, b: 3, c: 4 }",
        ),
        ("merge({ a: 1 }, { b: \"x\" }).b", "\"x\""),
        ("merge({ a: 1 })", "{ a: 1 }"),
    ],
    call: BuiltinBody::Pure(call),
};

fn check(types: &[Type]) -> Result<(), ArgumentMisfit> {
    wants_maps(types)?;
    let records = |ty: &Type| matches!(ty, Type::Record(_) | Type::Any);
    if types.iter().all(records) {
        return Ok(());
    }
    let mut common = Type::Any;
    (0..types.len()).try_for_each(|at| {
        wants(types, at, "a map whose values have the same type", |ty| {
            let both = value_type(ty).and_then(|of| common.common(&of));
            let fits = both.is_some();
            common = both.unwrap_or(Type::Any);
            fits
        })
    })
}

fn result(types: &[Type]) -> Type {
    let records: Option<Vec<&IndexMap<Name, Type>>> = types
        .iter()
        .map(|ty| match ty {
            Type::Record(fields) => Some(&**fields),
            _ => None,
        })
        .collect();
    if let Some(records) = records {
        return merged_record(&records);
    }
    if types.contains(&Type::Json) {
        return Type::Json;
    }
    let common = types.iter().try_fold(Type::Any, |common, ty| {
        value_type(ty).and_then(|of| common.common(&of))
    });
    Type::Map(Box::new(common.unwrap_or(Type::Any)))
}

/// Where the later record may lack a field, the earlier one's value remains.
fn merged_record(records: &[&IndexMap<Name, Type>]) -> Type {
    let mut merged: IndexMap<Name, Type> = IndexMap::new();
    for (name, ty) in records.iter().copied().flatten() {
        let ty = match (merged.get(name), ty) {
            (Some(before), Type::Optional(_)) => before.common(ty).unwrap_or(Type::Any),
            (_, ty) => ty.clone(),
        };
        merged.insert(name.clone(), ty);
    }
    Type::Record(Arc::new(merged))
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let mut merged = map(args, 0)?.clone();
    for at in 1..args.len() {
        let more = map(args, at)?;
        merged.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(Value::Map(Arc::new(merged)))
}

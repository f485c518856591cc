//! Where types contain secrets.

use lockstep_base::value::Type;

/// Whether a value of this type is, or has in it, a secret.
pub fn holds_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::List(of) | Type::Map(of) | Type::Optional(of) => holds_secret(of),
        Type::Record(fields) => fields.values().any(holds_secret),
        _ => false,
    }
}

/// The type that holds both, if there is one.
pub fn unify(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Nothing, Type::None) | (Type::None, Type::Nothing) => None,
        (a, b) => a.common(b),
    }
}

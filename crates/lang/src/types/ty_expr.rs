//! Converts type expressions to types.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::resolve::{DeclKind, Modules};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::FileId;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, TypeKind};

use super::{errors, named_types};

/// The type that is written, where the declared ones are `types`; [`Type::Any`] where there is a
/// mistake, which is reported.
pub fn read(
    modules: &Modules,
    types: &[Type],
    file: FileId,
    ty: &ast::TypeExpr,
    diagnostics: &mut Diagnostics,
) -> Type {
    match &ty.kind {
        TypeKind::Error => Type::Any,
        TypeKind::Name(name) => match NAMED_TYPES.iter().find(|(word, _)| *word == &*name.name) {
            Some((_, ty)) => ty.clone(),
            None => {
                let path = ast::Path {
                    namespace: None,
                    name: name.clone(),
                };
                named(modules, types, file, &path, diagnostics)
            }
        },
        TypeKind::Member(space, name) => {
            let path = ast::Path {
                namespace: Some(space.clone()),
                name: name.clone(),
            };
            named(modules, types, file, &path, diagnostics)
        }
        TypeKind::Of(word, path) => of_kind(modules, file, word, path, diagnostics),
        TypeKind::List(of) => Type::list(read(modules, types, file, of, diagnostics)),
        TypeKind::Map(key, of) => {
            let value = read(modules, types, file, of, diagnostics);
            match read(modules, types, file, key, diagnostics) {
                Type::String | Type::Any => Type::Map(Box::new(value)),
                other => {
                    diagnostics.push(errors::map_key(key.span, &other));
                    Type::Any
                }
            }
        }
        TypeKind::Record(fields) => {
            let mut found: IndexMap<_, Type> = IndexMap::new();
            for (name, ty) in fields {
                let ty = read(modules, types, file, ty, diagnostics);
                if found.contains_key(&name.name) {
                    let first = fields.iter().find(|(other, _)| other.name == name.name);
                    let first = first.map_or(name.span, |(other, _)| other.span);
                    diagnostics.push(errors::field_twice(name, first));
                } else {
                    found.insert(name.name.clone(), ty);
                }
            }
            Type::Record(Arc::new(found))
        }
        TypeKind::Optional(of) => Type::optional(read(modules, types, file, of, diagnostics)),
        TypeKind::OneOf(texts) => {
            let mut words = Vec::new();
            for text in texts {
                match text.plain() {
                    Some(word) => words.push(word),
                    None => {
                        diagnostics.push(errors::computed_word(text.span));
                        return Type::Any;
                    }
                }
            }
            Type::OneOf(words)
        }
    }
}

/// `service<K>`, `infrastructure<K>`
fn of_kind(
    modules: &Modules,
    file: FileId,
    word: &ast::Ident,
    path: &ast::Path,
    diagnostics: &mut Diagnostics,
) -> Type {
    let kind = match modules.path(file, path, DeclKind::Kind) {
        Ok(id) => Some(modules.decls.kind_ref(id)),
        Err(error) => {
            diagnostics.extend(error.map(|error| *error));
            None
        }
    };
    match (&*word.name, kind) {
        ("service" | "infrastructure", None) => Type::Any,
        ("service", kind) => Type::Service(kind),
        ("infrastructure", kind) => Type::Infrastructure(kind),
        _ => {
            diagnostics.push(errors::type_takes_no_kind(word));
            Type::Any
        }
    }
}

/// The types that have a name.
const NAMED_TYPES: &[(&str, Type)] = &[
    ("string", Type::String),
    ("path", Type::Path),
    ("int", Type::Int),
    ("float", Type::Float),
    ("bool", Type::Bool),
    ("duration", Type::Duration),
    ("percent", Type::Percent),
    ("json", Type::Json),
    ("secret", Type::Secret),
    ("service", Type::Service(None)),
    ("environment", Type::Environment),
    ("infrastructure", Type::Infrastructure(None)),
    ("connection", Type::Connection),
];

/// The type that a file declares under a name.
fn named(
    modules: &Modules,
    types: &[Type],
    file: FileId,
    path: &ast::Path,
    diagnostics: &mut Diagnostics,
) -> Type {
    if let Some(at) = named_types::place(modules, file, path) {
        // Also an editor is to know what the name stands for.
        let _ = modules.path(file, path, DeclKind::Type);
        return types.get(at as usize).cloned().unwrap_or(Type::Any);
    }
    let name = &path.name;
    if name.name.is_empty() {
        return Type::Any;
    }
    if modules.path(file, path, DeclKind::Kind).is_ok() {
        diagnostics.push(errors::kind_as_type(name));
    } else if path.namespace.is_some() {
        let error = modules.path(file, path, DeclKind::Type).err().flatten();
        diagnostics.extend(error.map(|error| *error));
    } else if !modules.is_lost(file, &name.name) {
        let declared = modules.names_of(file, &[DeclKind::Type]);
        let words: Vec<&str> = NAMED_TYPES.iter().map(|(word, _)| *word).collect();
        diagnostics.push(errors::unknown_type(name, &words, &declared));
    }
    Type::Any
}

/// Whether the language itself has a type of this name.
pub fn is_builtin(name: &str) -> bool {
    NAMED_TYPES.iter().any(|(word, _)| *word == name)
}

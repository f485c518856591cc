//! Kinds that a workflow leaves free: in `promote(s: [service<K>], to: [infrastructure<K>])` no
//! kind is called `K`, so any will do, and each call is checked to name one. A name that stands
//! there once, or is near to that of a kind, is a mistake as ever.

use lockstep_base::diagnostic::{Diagnostic, suggest};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{KindRef, Type};
use lockstep_syntax::ast::{self, TypeExpr, TypeKind};

use super::arguments::{BoundArguments, Parameter};
use super::{Checker, errors};
use crate::resolve::{DeclKind, Modules};

/// For each parameter the kind that it leaves free.
pub(super) fn free_kinds(
    modules: &Modules,
    file: FileId,
    params: &[ast::Param],
) -> Vec<Option<Name>> {
    let named: Vec<Option<&ast::Ident>> = params.iter().map(|it| kind_in(&it.ty)).collect();
    let is_free = |name: &&ast::Ident| {
        let same = named.iter().flatten().filter(|it| it.name == name.name);
        same.count() > 1 && is_unknown(modules, file, name)
    };
    let free = named
        .iter()
        .map(|name| name.as_ref().filter(|it| is_free(it)));
    free.map(|name| name.map(|it| it.name.clone())).collect()
}

/// The type of such a parameter, in which the kind is left out.
pub(super) fn without_kind(ty: &TypeExpr) -> TypeExpr {
    let kind = match &ty.kind {
        TypeKind::Of(word, _) => TypeKind::Name(word.clone()),
        TypeKind::List(of) => TypeKind::List(Box::new(without_kind(of))),
        TypeKind::Optional(of) => TypeKind::Optional(Box::new(without_kind(of))),
        other => other.clone(),
    };
    TypeExpr {
        kind,
        span: ty.span,
    }
}

/// The kind of a `service<K>`, `[infrastructure<K>]` and the like.
fn kind_in(ty: &TypeExpr) -> Option<&ast::Ident> {
    match &ty.kind {
        TypeKind::Of(word, path) => {
            let takes = matches!(&*word.name, "service" | "infrastructure");
            (takes && path.namespace.is_none()).then_some(&path.name)
        }
        TypeKind::List(of) | TypeKind::Optional(of) => kind_in(of),
        _ => None,
    }
}

/// Whether a name is none that anybody could have meant for a kind.
fn is_unknown(modules: &Modules, file: FileId, name: &ast::Ident) -> bool {
    let is_name = modules.find(file, &name.name).is_some() || modules.is_lost(file, &name.name);
    if is_name || name.name.is_empty() {
        return false;
    }
    let path = ast::Path {
        namespace: None,
        name: name.clone(),
    };
    let kinds = modules.names_of(file, &[DeclKind::Kind]);
    let near = suggest::closest(&name.name, kinds.iter().map(|it| &**it));
    // Every short name is near to another one.
    let is_near = !near.is_empty() && name.name.chars().count() > 2;
    let found = modules.path(file, &path, DeclKind::Kind);
    matches!(found, Err(Some(_))) && !is_near
}

impl Checker<'_> {
    /// What a call hands over for one free kind is of one kind, as far as types say it.
    pub(super) fn check_free_kinds(
        &mut self,
        what: &str,
        params: &[Parameter],
        bound: &mut BoundArguments,
    ) {
        let mut known: Vec<(&Name, KindRef, Span)> = Vec::new();
        let mut wrong: Vec<Diagnostic> = Vec::new();
        for (param, arg) in params.iter().zip(&bound.args) {
            let (Some(free), Some(arg)) = (&param.free_kind, arg) else {
                continue;
            };
            let Some(kind) = kind_of(&arg.ty) else {
                continue;
            };
            match known.iter().find(|(name, ..)| *name == free) {
                None => known.push((free, kind.clone(), arg.expr.span)),
                Some((_, first, _)) if kind.is(first) || first.is(kind) => {}
                Some((_, first, at)) => {
                    let what = format!("argument `{}` of {what}", param.name);
                    let error = errors::other_kind(&what, arg, (free, first, *at), param.span);
                    wrong.push(error);
                }
            }
        }
        bound.good &= wrong.is_empty();
        wrong.into_iter().for_each(|error| self.report(error));
    }
}

fn kind_of(ty: &Type) -> Option<&KindRef> {
    match ty {
        Type::Service(kind) | Type::Infrastructure(kind) => kind.as_ref(),
        Type::List(of) | Type::Optional(of) => kind_of(of),
        _ => None,
    }
}

/// A type with this kind.
pub(super) fn with_kind(ty: &Type, kind: &KindRef) -> Type {
    match ty {
        Type::Service(_) => Type::Service(Some(kind.clone())),
        Type::Infrastructure(_) => Type::Infrastructure(Some(kind.clone())),
        Type::List(of) => Type::list(with_kind(of, kind)),
        Type::Optional(of) => Type::optional(with_kind(of, kind)),
        other => other.clone(),
    }
}

//! Named types: what each stands for, found once, in the order in which they need each other.

use crate::resolve::{self, Decl, DeclKind, Modules, NameTarget};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ItemKind, TypeKind};
use lockstep_syntax::visit::{self, Visit};

use super::{errors, ty_expr};

/// How many types may be in one another.
const MAX_LEVELS: usize = 256;

/// How many parts a type, or the expression of a function, may have when it is written out.
pub(super) const MAX_PARTS: usize = 10_000;

/// What the named types of all files stand for, by their place. One that needs itself, or that is
/// too large, is reported, and is anything.
pub(super) fn read(modules: &Modules, diagnostics: &mut Diagnostics) -> Vec<Type> {
    let written: Vec<(FileId, &ast::Ident, &ast::TypeExpr)> = (modules.decls.types.iter())
        .filter_map(|site| match &modules.item(site).kind {
            ItemKind::Type { name, ty } => Some((site.file, name, ty)),
            _ => None,
        })
        .collect();
    let edges: Vec<Vec<(usize, Span)>> = (written.iter())
        .map(|(file, _, ty)| mentioned(modules, *file, ty))
        .collect();
    let name = |at: usize| written[at].1.name.to_string();
    let (order, in_circle) = sorted(&edges, &name, diagnostics);
    let mut found = vec![Type::Any; written.len()];
    for at in order {
        if in_circle[at] {
            continue;
        }
        let (file, name, ty) = written[at];
        if ty_expr::is_builtin(&name.name) {
            diagnostics.push(resolve::reserved(name, "it is a type of the language"));
        }
        let ty = ty_expr::read(modules, &found, file, ty, diagnostics);
        if size(&ty).is_none() {
            diagnostics.push(errors::type_too_large(name));
            continue;
        }
        modules.uses.ty(name.span, &ty);
        found[at] = ty;
    }
    found
}

/// The named type behind a name of a file, by its place.
pub(super) fn place(modules: &Modules, file: FileId, path: &ast::Path) -> Option<u32> {
    let file = match &path.namespace {
        None => file,
        Some(space) => match modules.find(file, &space.name)?.target {
            NameTarget::Namespace(space) => space,
            NameTarget::Decl(_) | NameTarget::Lost => return None,
        },
    };
    match modules.find(file, &path.name.name)?.target {
        NameTarget::Decl(Decl {
            sort: DeclKind::Type,
            index,
        }) => Some(index),
        _ => None,
    }
}

/// The named types that a type mentions.
fn mentioned(modules: &Modules, file: FileId, ty: &ast::TypeExpr) -> Vec<(usize, Span)> {
    struct Mentions<'m> {
        modules: &'m Modules,
        file: FileId,
        found: Vec<(usize, Span)>,
    }
    impl<'a> Visit<'a> for Mentions<'_> {
        fn visit_type_kind(&mut self, kind: &'a TypeKind) {
            let path = match kind {
                TypeKind::Name(name) => Some((None, name)),
                TypeKind::Member(space, name) => Some((Some(space), name)),
                TypeKind::Of(..)
                | TypeKind::List(_)
                | TypeKind::Map(..)
                | TypeKind::Record(_)
                | TypeKind::Optional(_)
                | TypeKind::OneOf(_)
                | TypeKind::Error => None,
            };
            let path = path.map(|(namespace, name)| ast::Path {
                namespace: namespace.cloned(),
                name: name.clone(),
            });
            if let Some(path) = path
                && let Some(at) = place(self.modules, self.file, &path)
            {
                self.found.push((at as usize, path.span()));
            }
            visit::walk_type_kind(self, kind);
        }
    }
    let mut mentions = Mentions {
        modules,
        file,
        found: Vec::new(),
    };
    mentions.visit_type_expr(ty);
    mentions.found
}

/// All places, each behind those that it needs, and which of them need themselves.
fn sorted(
    edges: &[Vec<(usize, Span)>],
    name: &dyn Fn(usize) -> String,
    diagnostics: &mut Diagnostics,
) -> (Vec<usize>, Vec<bool>) {
    let mut order = Vec::new();
    let mut entered = vec![false; edges.len()];
    let mut left = vec![false; edges.len()];
    let mut in_circle = vec![false; edges.len()];
    for start in 0..edges.len() {
        let mut stack: Vec<(usize, usize)> = Vec::new();
        if !std::mem::replace(&mut entered[start], true) {
            stack.push((start, 0));
        }
        while let Some((here, next)) = stack.last_mut() {
            let here = *here;
            let Some((target, _)) = edges[here].get(*next).copied() else {
                left[here] = true;
                order.push(here);
                stack.pop();
                continue;
            };
            *next += 1;
            if !std::mem::replace(&mut entered[target], true) {
                stack.push((target, 0));
            } else if !left[target] {
                let from = stack.iter().position(|(at, _)| *at == target);
                let circle = &stack[from.unwrap_or(0)..];
                circle.iter().for_each(|(at, _)| in_circle[*at] = true);
                let links: Vec<(String, Span)> = (circle.iter())
                    .map(|(at, next)| (name(*at), edges[*at][next - 1].1))
                    .collect();
                diagnostics.push(errors::needs_itself(&links, None));
            }
        }
    }
    (order, in_circle)
}

/// How many types are in one, and how deep; nothing where that is too much.
fn size(ty: &Type) -> Option<usize> {
    let mut parts = 0;
    let mut open = vec![(ty, 1)];
    while let Some((ty, level)) = open.pop() {
        parts += 1;
        if parts > MAX_PARTS || level > MAX_LEVELS {
            return None;
        }
        match ty {
            Type::List(of) | Type::Map(of) | Type::Optional(of) => open.push((of, level + 1)),
            Type::Record(fields) => open.extend(fields.values().map(|of| (of, level + 1))),
            Type::OneOf(texts) => parts += texts.len(),
            _ => {}
        }
    }
    Some(parts)
}

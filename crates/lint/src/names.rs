//! Which names a part of a file mentions. A mention counts whatever the name stands for there, so
//! what hides a name never makes it look unused. It does not know declarations.

use super::tree;
use lockstep_base::source::Name;
use lockstep_syntax::ast::{
    Block, Expr, ExprKind, Ident, Item, ItemKind, Param, Path, Stmt, StmtKind, TestKind, TestPath,
    TypeExpr, TypeKind,
};

/// Hands every name that a declaration mentions to `see`, its own name and what it overrides
/// excepted.
pub fn of_item<'a>(item: &'a Item, see: &mut dyn FnMut(&'a Ident)) {
    for expr in tree::item_exprs(item) {
        of_expr(expr, see);
    }
    for (_, block) in tree::item_blocks(item) {
        of_block(block, see);
    }
    match &item.kind {
        ItemKind::Input { ty, .. } => of_type(ty, see),
        ItemKind::Let { ty: Some(ty), .. } => of_type(ty, see),
        ItemKind::Service { kind, using, .. } => {
            path(kind, see);
            using.iter().for_each(|using| path(&using.path, see));
        }
        ItemKind::Environment(environment) => {
            for place in &environment.infrastructures {
                path(&place.kind, see);
            }
        }
        ItemKind::Kind(kind) => {
            let fields = kind.service.iter().chain(&kind.infrastructure);
            fields.for_each(|field| of_type(&field.ty, see));
            kind.deploy.iter().for_each(|using| path(&using.path, see));
        }
        ItemKind::Workflow { params, result, .. } | ItemKind::Action { params, result, .. } => {
            types(params, result.as_ref(), see);
        }
        ItemKind::Test { body, .. } => {
            for stmt in body {
                match &stmt.kind {
                    TestKind::GivenInput { name, .. } => see(name),
                    TestKind::Start { pipeline } => see(pipeline),
                    TestKind::ExpectStatus {
                        path: TestPath::Name(name),
                        ..
                    } => see(name),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn types<'a>(params: &'a [Param], result: Option<&'a TypeExpr>, see: &mut dyn FnMut(&'a Ident)) {
    let types = params.iter().map(|param| &param.ty).chain(result);
    types.for_each(|ty| of_type(ty, see));
}

/// Hands every name that the statements of a block mention to `see`.
pub fn of_block<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Ident)) {
    for stmt in &block.stmts {
        of_stmt(stmt, see);
    }
}

/// Hands every name that a statement mentions to `see`.
pub fn of_stmt<'a>(stmt: &'a Stmt, see: &mut dyn FnMut(&'a Ident)) {
    tree::within(stmt, &mut |stmt| {
        for expr in tree::exprs(stmt) {
            of_expr(expr, see);
        }
        match &stmt.kind {
            StmtKind::Deploy {
                using: Some(using), ..
            } => path(&using.path, see),
            StmtKind::Let { ty: Some(ty), .. } => of_type(ty, see),
            _ => {}
        }
    });
}

/// Hands every name that an expression mentions to `see`.
pub fn of_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Ident)) {
    tree::each_expr(expr, &mut |part| {
        if let ExprKind::Name(name) = &part.kind {
            see(name);
        }
    });
}

fn of_type<'a>(ty: &'a TypeExpr, see: &mut dyn FnMut(&'a Ident)) {
    match &ty.kind {
        TypeKind::Of(_, of) => path(of, see),
        TypeKind::List(of) | TypeKind::Optional(of) => of_type(of, see),
        TypeKind::Map(key, value) => {
            of_type(key, see);
            of_type(value, see);
        }
        TypeKind::Record(fields) => fields.iter().for_each(|(_, ty)| of_type(ty, see)),
        TypeKind::Name(_) | TypeKind::OneOf(_) | TypeKind::Error => {}
    }
}

fn path<'a>(path: &'a Path, see: &mut dyn FnMut(&'a Ident)) {
    see(path.namespace.as_ref().unwrap_or(&path.name));
}

/// Whether a type names infrastructures, environments or services, so that a caller can choose
/// among all that are declared.
pub fn chooses(ty: &TypeExpr) -> bool {
    match &ty.kind {
        TypeKind::Name(name) | TypeKind::Of(name, _) => {
            matches!(&*name.name, "infrastructure" | "environment" | "service")
        }
        TypeKind::List(of) | TypeKind::Optional(of) | TypeKind::Map(_, of) => chooses(of),
        TypeKind::Record(fields) => fields.iter().any(|(_, ty)| chooses(ty)),
        TypeKind::OneOf(_) | TypeKind::Error => false,
    }
}

/// Whether a name says by its first character that it is not meant to be used.
pub fn is_unnamed(name: &Name) -> bool {
    name.starts_with('_')
}

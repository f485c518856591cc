//! Which names a part of a file mentions. A mention counts whatever the name stands for there, so
//! what hides a name never makes it look unused. It does not know declarations.

use lockstep_base::source::Name;
use lockstep_syntax::ast::{
    Block, Expr, ExprKind, Ident, Item, Override, Path, Stmt, TestKind, TestPath, TypeExpr,
    TypeKind,
};
use lockstep_syntax::visit::{self, Visit};

/// Hands every name that it meets a mention of to `see`.
struct Mentions<'s, 'a> {
    see: &'s mut dyn FnMut(&'a Ident),
}

impl<'a> Visit<'a> for Mentions<'_, 'a> {
    fn visit_expr_kind(&mut self, kind: &'a ExprKind) {
        if let ExprKind::Name(name) = kind {
            (self.see)(name);
        }
        visit::walk_expr_kind(self, kind);
    }

    fn visit_path(&mut self, path: &'a Path) {
        (self.see)(path.namespace.as_ref().unwrap_or(&path.name));
    }

    // Its service is not mentioned: what is overridden may still be unused.
    fn visit_override(&mut self, node: &'a Override) {
        node.fields.iter().for_each(|field| self.visit_field(field));
    }

    fn visit_test_kind(&mut self, kind: &'a TestKind) {
        if let TestKind::GivenInput { name, .. } | TestKind::Start { pipeline: name } = kind {
            (self.see)(name);
        }
        visit::walk_test_kind(self, kind);
    }

    fn visit_test_path(&mut self, path: &'a TestPath) {
        if let TestPath::Name(name) = path {
            (self.see)(name);
        }
    }
}

/// Hands every name that a declaration mentions to `see`, its own name and what it overrides
/// excepted.
pub fn of_item<'a>(item: &'a Item, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_item(item);
}

/// Hands every name that the statements of a block mention to `see`.
pub fn of_block<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_block(block);
}

/// Hands every name that a statement mentions to `see`.
pub fn of_stmt<'a>(stmt: &'a Stmt, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_stmt(stmt);
}

/// Hands every name that an expression mentions to `see`.
pub fn of_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_expr(expr);
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

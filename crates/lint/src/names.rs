//! Which names a part of a file mentions. A mention counts whatever the name stands for there, so
//! shadowing never makes a declaration look unused.

use lockstep_base::source::Name;
use lockstep_syntax::ast::{
    Block, Expr, ExprKind, Ident, Item, Override, Path, Stmt, TestKind, TestPath, Trigger,
    TypeExpr, TypeKind,
};
use lockstep_syntax::visit::{self, Visit};

/// A visitor that calls `see` with every name that is mentioned.
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

    fn visit_type_kind(&mut self, kind: &'a TypeKind) {
        if let TypeKind::Name(name) | TypeKind::Member(name, _) = kind {
            (self.see)(name);
        }
        visit::walk_type_kind(self, kind);
    }

    // Its service does not count as mentioned: an overridden service may still be unused.
    fn visit_override(&mut self, node: &'a Override) {
        node.fields.iter().for_each(|field| self.visit_field(field));
    }

    fn visit_test_kind(&mut self, kind: &'a TestKind) {
        if let TestKind::GivenInput { name, .. } | TestKind::Start { pipeline: name } = kind {
            (self.see)(name);
        }
        visit::walk_test_kind(self, kind);
    }

    // That an input is given a value is no use of it.
    fn visit_trigger(&mut self, trigger: &'a Trigger) {
        if let Some(starts) = &trigger.starts {
            (self.see)(&starts.name);
        }
        visit::walk_trigger(self, trigger);
    }

    fn visit_test_path(&mut self, path: &'a TestPath) {
        if let TestPath::Name(name) = path {
            (self.see)(name);
        }
    }
}

/// Calls `see` with every name that a declaration mentions, except its own name and what it
/// overrides.
pub fn of_item<'a>(item: &'a Item, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_item(item);
}

/// Calls `see` with every name that the statements of a block mention.
pub fn of_block<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_block(block);
}

/// Calls `see` with every name that a statement mentions.
pub fn of_stmt<'a>(stmt: &'a Stmt, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_stmt(stmt);
}

/// Calls `see` with every name that an expression mentions.
pub fn of_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Ident)) {
    Mentions { see }.visit_expr(expr);
}

/// Calls `see` with every name of which an item takes all elements, or one by a text: `K.*`,
/// `K["web"]`, `K.infrastructures`.
pub fn gone_through<'a>(item: &'a Item, see: &mut dyn FnMut(&'a Ident)) {
    Groups { see }.visit_item(item);
}

/// A visitor that calls `see` with every name that stands for several things.
struct Groups<'s, 'a> {
    see: &'s mut dyn FnMut(&'a Ident),
}

impl<'a> Visit<'a> for Groups<'_, 'a> {
    fn visit_expr_kind(&mut self, kind: &'a ExprKind) {
        let of = match kind {
            ExprKind::Star(of) | ExprKind::Index(of, _) => Some(of),
            ExprKind::Field(of, field) if &*field.name == "infrastructures" => Some(of),
            _ => None,
        };
        if let Some(ExprKind::Name(name)) = of.map(|of| &of.kind) {
            (self.see)(name);
        }
        visit::walk_expr_kind(self, kind);
    }
}

/// Whether a type is that of infrastructures, environments or services, so that a caller can choose
/// any declared one.
pub fn chooses(ty: &TypeExpr) -> bool {
    match &ty.kind {
        TypeKind::Name(name) | TypeKind::Of(name, _) => {
            matches!(&*name.name, "infrastructure" | "environment" | "service")
        }
        TypeKind::List(of) | TypeKind::Optional(of) | TypeKind::Map(_, of) => chooses(of),
        TypeKind::Record(fields) => fields.iter().any(|(_, ty)| chooses(ty)),
        TypeKind::Member(..) | TypeKind::OneOf(_) | TypeKind::Error => false,
    }
}

/// Whether the first character of a name marks it as intentionally unused.
pub fn is_unnamed(name: &Name) -> bool {
    name.starts_with('_')
}

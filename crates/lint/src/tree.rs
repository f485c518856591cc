//! AST traversal for rules: visits the declarations, statements and expressions of a file as they
//! were written.

use lockstep_base::source::Span;
use lockstep_syntax::ast::{
    Block, Expr, ExprKind, File, HandlerKind, Item, LetValue, ModifierKind, Stmt, StmtKind,
};
use lockstep_syntax::visit::{self, Visit};

/// The role of a block in its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockRole {
    /// What it does.
    Body,
    /// A branch of an `if`.
    Branch,
    /// Undo: how it is rolled back.
    Undo,
    /// The handler for failures.
    Failure,
    /// The handler that always runs at the end.
    Always,
    /// What looks while the body runs.
    Watch,
    /// What is done between the batches of a loop.
    Between,
}

/// A visitor that calls `see` with the outermost blocks, each with its role.
struct Blocks<'s, 'a> {
    role: BlockRole,
    see: &'s mut dyn FnMut(BlockRole, &'a Block),
}

impl<'a> Visit<'a> for Blocks<'_, 'a> {
    fn visit_block(&mut self, block: &'a Block) {
        (self.see)(self.role, block);
    }

    fn visit_stmt_kind(&mut self, kind: &'a StmtKind) {
        if matches!(kind, StmtKind::If { .. }) {
            self.role = BlockRole::Branch;
        }
        visit::walk_stmt_kind(self, kind);
    }

    fn visit_handler_kind(&mut self, kind: &'a HandlerKind) {
        self.role = match kind {
            HandlerKind::Undo(_) | HandlerKind::NoUndo(_) => BlockRole::Undo,
            HandlerKind::OnFailure { .. } => BlockRole::Failure,
            HandlerKind::Always(_) => BlockRole::Always,
            HandlerKind::Watch { .. } => BlockRole::Watch,
        };
        visit::walk_handler_kind(self, kind);
    }

    fn visit_modifier_kind(&mut self, kind: &'a ModifierKind) {
        let around = std::mem::replace(&mut self.role, BlockRole::Between);
        visit::walk_modifier_kind(self, kind);
        self.role = around;
    }

    // The statement behind `let x =` has its own blocks; expressions have none.
    fn visit_let_value(&mut self, _: &'a LetValue) {}
    fn visit_expr(&mut self, _: &'a Expr) {}
}

fn outermost<'a>(walk: impl FnOnce(&mut Blocks<'_, 'a>)) -> Vec<(BlockRole, &'a Block)> {
    let mut found = Vec::new();
    walk(&mut Blocks {
        role: BlockRole::Body,
        see: &mut |role, block| found.push((role, block)),
    });
    found
}

/// The blocks directly inside a statement. Those of `let x = serial …` are the inner statement's.
pub fn blocks(stmt: &Stmt) -> Vec<(BlockRole, &Block)> {
    outermost(|visitor| visit::walk_stmt(visitor, stmt))
}

/// The statement behind `let x =`, if it is an effect.
pub fn effect(stmt: &Stmt) -> Option<&Stmt> {
    match &stmt.kind {
        StmtKind::Let {
            value: LetValue::Effect(inner),
            ..
        } => Some(inner),
        _ => None,
    }
}

/// The blocks of a declaration: a workflow's body, a pipeline's body and handlers.
pub fn item_blocks(item: &Item) -> Vec<(BlockRole, &Block)> {
    outermost(|visitor| visit::walk_item(visitor, item))
}

/// Calls `see` with all blocks of a file, each before those inside it.
pub fn each_block<'a>(file: &'a File, see: &mut dyn FnMut(BlockRole, &'a Block)) {
    fn within<'a>(role: BlockRole, block: &'a Block, see: &mut dyn FnMut(BlockRole, &'a Block)) {
        see(role, block);
        for stmt in &block.stmts {
            for stmt in [Some(stmt), effect(stmt)].into_iter().flatten() {
                for (role, block) in blocks(stmt) {
                    within(role, block, see);
                }
            }
        }
    }
    for (role, block) in file.items.iter().flat_map(item_blocks) {
        within(role, block, see);
    }
}

/// A visitor that calls `see` with all statements, each before those inside it.
struct Stmts<'s, 'a> {
    see: &'s mut dyn FnMut(&'a Stmt),
}

impl<'a> Visit<'a> for Stmts<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        (self.see)(stmt);
        visit::walk_stmt(self, stmt);
    }

    // Expressions contain no statements.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Calls `see` with all statements of a file, each before those inside it.
pub fn each_stmt_of<'a>(file: &'a File, see: &mut dyn FnMut(&'a Stmt)) {
    Stmts { see }.visit_file(file);
}

/// Calls `see` with all statements in a block, each before those inside it.
pub fn each_stmt<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Stmt)) {
    Stmts { see }.visit_block(block);
}

/// A visitor that calls `see` with the outermost expressions, but none of nested statements.
struct Exprs<'s, 'a> {
    see: &'s mut dyn FnMut(&'a Expr),
}

impl<'a> Visit<'a> for Exprs<'_, 'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        (self.see)(expr);
    }

    fn visit_block(&mut self, _: &'a Block) {}
    fn visit_stmt(&mut self, _: &'a Stmt) {}
}

/// The expressions of a statement itself, not those of the statements inside it.
pub fn exprs(stmt: &Stmt) -> Vec<&Expr> {
    let mut found = Vec::new();
    let see = &mut |expr| found.push(expr);
    visit::walk_stmt(&mut Exprs { see }, stmt);
    found
}

/// The expressions of a declaration itself, not those of its statements.
pub fn item_exprs(item: &Item) -> Vec<&Expr> {
    let mut found = Vec::new();
    let see = &mut |expr| found.push(expr);
    visit::walk_item(&mut Exprs { see }, item);
    found
}

/// The expressions directly inside an expression.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let see = &mut |expr| found.push(expr);
    visit::walk_expr(&mut Exprs { see }, expr);
    found
}

/// Calls `see` with an expression and all expressions inside it.
pub fn each_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Expr)) {
    see(expr);
    let inner = &mut |part| each_expr(part, see);
    visit::walk_expr(&mut Exprs { see: inner }, expr);
}

/// An expression without the parentheses around it.
pub fn bare(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}

/// The span of the first modifier of a statement that fits.
pub fn modifier_span(stmt: &Stmt, fits: impl Fn(&ModifierKind) -> bool) -> Option<Span> {
    let mut all = stmt.modifiers.iter();
    all.find(|modifier| fits(&modifier.kind))
        .map(|modifier| modifier.span)
}

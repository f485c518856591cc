//! Which local names are visible at a place.

use super::syntax_node::{SyntaxNode, enclosing_nodes};
use lockstep_base::source::Span;
use lockstep_syntax::ast::{ExprKind, File, HandlerKind, Ident, ItemKind, Stmt, StmtKind};

/// The local names that are visible at a place, the innermost last.
pub fn visible(file: &File, offset: u32) -> Vec<&Ident> {
    let nodes = enclosing_nodes(file, offset);
    let mut found: Vec<&Ident> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node {
            SyntaxNode::Item(item) => {
                if let ItemKind::Workflow { params, .. } | ItemKind::Action { params, .. } =
                    &item.kind
                {
                    let before = params.iter().filter(|param| param.name.span.end < offset);
                    found.extend(before.map(|param| &param.name));
                }
            }
            SyntaxNode::Block(block) => {
                let at_once = at > 0 && is_parallel(nodes.get(at - 1));
                let before = block.stmts.iter().filter(|stmt| stmt.span.end < offset);
                if !at_once {
                    found.extend(before.filter_map(introduced));
                }
            }
            SyntaxNode::Stmt(stmt) => found.extend(axes(stmt, offset)),
            SyntaxNode::Expr(expr) => {
                if let ExprKind::Comprehension { var, list, .. } = &expr.kind
                    && !holds(list.span, offset)
                {
                    found.push(var);
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether `failure` is defined at a place.
pub fn in_failure(file: &File, offset: u32) -> bool {
    enclosing_nodes(file, offset).iter().any(|node| match node {
        SyntaxNode::Handler(handler) => match &handler.kind {
            HandlerKind::OnFailure { body, .. } => holds(body.span, offset),
            _ => false,
        },
        _ => false,
    })
}

fn holds(span: Span, offset: u32) -> bool {
    span.start <= offset && offset <= span.end
}

fn is_parallel(node: Option<&SyntaxNode<'_>>) -> bool {
    matches!(node, Some(SyntaxNode::Stmt(stmt)) if matches!(stmt.kind, StmtKind::Parallel { .. }))
}

fn introduced(stmt: &Stmt) -> Option<&Ident> {
    match &stmt.kind {
        StmtKind::Let { name, .. } | StmtKind::Step { name, .. } | StmtKind::Stage { name, .. } => {
            Some(name)
        }
        _ => None,
    }
}

/// The variables of a loop or matrix that are visible at a place inside it.
fn axes(stmt: &Stmt, offset: u32) -> Vec<&Ident> {
    let (axes, body) = match &stmt.kind {
        StmtKind::Loop { axis, body } => (std::slice::from_ref(axis), body),
        StmtKind::Matrix { axes, body, .. } => (axes.as_slice(), body),
        _ => return Vec::new(),
    };
    // Modifiers and handlers see the names before the statement.
    if offset > body.span.end || stmt.modifiers.iter().any(|it| holds(it.span, offset)) {
        return Vec::new();
    }
    let before = axes.iter().filter(|axis| axis.span.end < offset);
    before.map(|axis| &axis.var).collect()
}

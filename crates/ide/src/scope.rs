//! Which local names are visible at a place.

use super::syntax_node::{SyntaxNode, enclosing_nodes};
use lockstep_base::source::Span;
use lockstep_syntax::ast::{
    Axis, Block, Each, ExprKind, File, HandlerKind, Ident, ItemKind, Stmt, StmtKind,
};

/// The local names that are visible at a place, the innermost last.
pub fn visible(file: &File, offset: u32) -> Vec<&Ident> {
    let nodes = enclosing_nodes(file, offset);
    let mut found: Vec<&Ident> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node {
            SyntaxNode::Item(item) => {
                if let ItemKind::Workflow { params, .. }
                | ItemKind::Action { params, .. }
                | ItemKind::Function { params, .. } = &item.kind
                {
                    let before = params.iter().filter(|param| param.name.span.end < offset);
                    found.extend(before.map(|param| &param.name));
                }
                if let ItemKind::Service { each, .. } = &item.kind {
                    found.extend(element(each.as_deref(), offset));
                }
            }
            SyntaxNode::Infrastructure(place) => found.extend(element(place.each.as_ref(), offset)),
            SyntaxNode::Block(block) => {
                let at_once = at > 0 && is_parallel(nodes.get(at - 1));
                let before = block.stmts.iter().filter(|stmt| stmt.span.end < offset);
                if !at_once {
                    found.extend(before.filter_map(introduced));
                }
            }
            SyntaxNode::Stmt(stmt) => found.extend(axes(stmt, offset)),
            SyntaxNode::Handler(_) => found.extend(done_names(nodes.get(..at).unwrap_or(&[]))),
            SyntaxNode::Expr(expr) => {
                if let ExprKind::Comprehension(of) = &expr.kind
                    && !holds(of.list.span, offset)
                {
                    found.push(&of.var);
                    found.extend(&of.second);
                }
            }
            _ => {}
        }
    }
    found
}

/// The element for which something is declared: all of the declaration but the list sees it.
fn element(each: Option<&Each>, offset: u32) -> impl Iterator<Item = &Ident> {
    let each = each.filter(|each| !holds(each.list.span, offset));
    each.into_iter()
        .flat_map(|each| std::iter::once(&each.var).chain(&each.second))
}

/// What a handler sees of what its statement has done; `around` is what the handler is in.
fn done_names<'a>(around: &[SyntaxNode<'a>]) -> Vec<&'a Ident> {
    let mut found = Vec::new();
    let of_body = |body: &'a Block, found: &mut Vec<&'a Ident>| {
        let stmts = body.stmts.iter();
        let named = stmts.filter(|stmt| !matches!(stmt.kind, StmtKind::Stage { .. }));
        found.extend(named.filter_map(introduced));
    };
    for node in around.iter().rev().take(2) {
        match node {
            SyntaxNode::Item(item) => {
                if let ItemKind::Pipeline { body, .. } = &item.kind {
                    of_body(body, &mut found);
                }
            }
            SyntaxNode::Stmt(stmt) => match &stmt.kind {
                StmtKind::Step { name, body } => {
                    found.push(name);
                    of_body(body, &mut found);
                }
                StmtKind::Stage { body, .. }
                | StmtKind::Serial { body }
                | StmtKind::Lock { body, .. }
                | StmtKind::On { body, .. }
                | StmtKind::With { body, .. } => of_body(body, &mut found),
                StmtKind::Let { name, .. } => found.push(name),
                _ => {}
            },
            _ => break,
        }
    }
    found
}

/// Whether `event` is defined at a place.
pub fn knows_event(file: &File, offset: u32) -> bool {
    let mut items = file.items.iter();
    let item = items.find(|item| holds(item.span, offset));
    let Some(ItemKind::Trigger(trigger)) = item.map(|item| &item.kind) else {
        return false;
    };
    let in_filter = trigger.filter.as_ref().map(|filter| filter.span);
    let in_starts = trigger.starts.as_ref().map(|starts| starts.span);
    [in_filter, in_starts]
        .into_iter()
        .flatten()
        .any(|span| holds(span, offset))
}

/// Whether `outcome` is defined at a place.
pub fn knows_outcome(file: &File, offset: u32) -> bool {
    enclosing_nodes(file, offset).iter().any(|node| match node {
        SyntaxNode::Handler(handler) => match &handler.kind {
            HandlerKind::OnFailure { body, .. } | HandlerKind::Always(body) => {
                holds(body.span, offset)
            }
            _ => false,
        },
        _ => false,
    })
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
    // The name of a cell sees its own axis.
    let named = |axis: &&Axis| axis.by.as_ref().is_some_and(|by| holds(by.span, offset));
    if let Some(own) = axes.iter().find(named) {
        return std::iter::once(&own.var).chain(&own.second).collect();
    }
    // Modifiers and handlers see the names before the statement.
    if offset > body.span.end || stmt.modifiers.iter().any(|it| holds(it.span, offset)) {
        return Vec::new();
    }
    let before = axes.iter().filter(|axis| axis.span.end < offset);
    before
        .flat_map(|axis| std::iter::once(&axis.var).chain(&axis.second))
        .collect()
}

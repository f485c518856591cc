//! Quick fix that writes the workflow that is called or used, and does not exist yet.

use super::{Action, fix};
use crate::checked_file::CheckedFile;
use crate::syntax_node::{SyntaxNode, enclosing_nodes};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{Arg, Expr, ExprKind, Ident, Item, ItemKind, StmtKind};

/// Creates the workflow whose unknown name is at `at`.
pub(super) fn workflow(checked: &CheckedFile, file: FileId, at: Span) -> Option<Action> {
    let nodes = enclosing_nodes(checked.tree(file)?, at.start);
    let params = nodes.iter().rev().find_map(|node| match node {
        SyntaxNode::Use(using) if using.path.namespace.is_none() && using.path.name.span == at => {
            let mut params = deployed(checked, &nodes);
            params.extend(arguments(checked, &using.args));
            Some(params)
        }
        SyntaxNode::Stmt(stmt) => match &stmt.kind {
            StmtKind::Call(call) => called(checked, call, at),
            _ => None,
        },
        _ => None,
    })?;
    let item = nodes.iter().find_map(|node| match node {
        SyntaxNode::Item(item) => Some(*item),
        _ => None,
    })?;
    let name = checked.text(at);
    let end = Span {
        start: item.span.end,
        end: item.span.end,
        file,
    };
    let text = format!(
        "\n\nworkflow {name}({}) {{\n  fail \"{name} is not written yet\"\n}}",
        params.join(", ")
    );
    Some(fix(
        format!("create the workflow `{name}`"),
        vec![(end, text)],
    ))
}

/// The parameters of a call whose callee is at `at`.
fn called(checked: &CheckedFile, call: &Expr, at: Span) -> Option<Vec<String>> {
    match &call.kind {
        ExprKind::Call(callee, args) if callee.span == at => Some(arguments(checked, args)),
        _ => None,
    }
}

/// The parameters for what is deployed and where to.
fn deployed(checked: &CheckedFile, nodes: &[SyntaxNode<'_>]) -> Vec<String> {
    let kind = nodes.iter().rev().find_map(|node| match node {
        SyntaxNode::Stmt(stmt) => match &stmt.kind {
            StmtKind::Deploy { service, .. } => match type_of(checked, service) {
                Some(Type::Service(kind)) => Some(kind.map(|kind| kind.name.to_string())),
                _ => Some(None),
            },
            _ => None,
        },
        SyntaxNode::Item(Item { kind, .. }) => match kind {
            ItemKind::Service { kind, .. } => Some(Some(checked.text(kind.span()).to_owned())),
            ItemKind::Kind(kind) => Some(Some(kind.name.name.to_string())),
            _ => None,
        },
        _ => None,
    });
    let of = kind
        .flatten()
        .map_or_else(String::new, |kind| format!("<{kind}>"));
    vec![
        format!("service: service{of}"),
        format!("target: infrastructure{of}"),
    ]
}

fn arguments(checked: &CheckedFile, args: &[Arg]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut params = Vec::new();
    for (number, arg) in args.iter().enumerate() {
        let own = match (&arg.name, &arg.value.kind) {
            (Some(name), _) | (None, ExprKind::Name(name)) => name.name.to_string(),
            _ => format!("value-{}", number + 1),
        };
        let name = match names.contains(&own) {
            true => format!("{own}-{}", number + 1),
            false => own,
        };
        let ty = type_of(checked, &arg.value).unwrap_or(Type::String);
        params.push(format!("{name}: {ty}"));
        names.push(name);
    }
    params
}

/// The type of a value, as far as it is known and can be written.
fn type_of(checked: &CheckedFile, value: &Expr) -> Option<Type> {
    let ty = match &value.kind {
        ExprKind::Bool(_) => Type::Bool,
        ExprKind::Int(_) => Type::Int,
        ExprKind::Float(_) => Type::Float,
        ExprKind::Percent(_) => Type::Percent,
        ExprKind::Duration(_) => Type::Duration,
        ExprKind::String(_) => Type::String,
        ExprKind::Name(name) => of_name(checked, name)?,
        ExprKind::Paren(inner) => return type_of(checked, inner),
        ExprKind::List(items) => Type::list(type_of(checked, items.first()?)?),
        _ => checked.type_at(value.span)?.clone(),
    };
    super::extract::can_be_written(&ty).then_some(ty)
}

fn of_name(checked: &CheckedFile, name: &Ident) -> Option<Type> {
    let named = checked.name_at(name.span.file, name.span.start)?;
    checked
        .type_at(name.span)
        .cloned()
        .or_else(|| checked.type_of(named.symbol))
        .or_else(|| super::fields::type_of_service(checked, named.symbol))
}

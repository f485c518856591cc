//! Refactoring "extract workflow": moves consecutive statements into a new workflow.

use super::{Action, ActionKind};
use crate::checked_file::CheckedFile;
use crate::scope;
use crate::symbol::SymbolKind;
use crate::syntax_node::{SyntaxNode, enclosing_nodes, walk_from};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{Block, Stmt, StmtKind};

/// Extracts the selected statements into a workflow, if that preserves the program.
pub(super) fn workflow(
    checked: &CheckedFile,
    file: FileId,
    range: std::ops::Range<u32>,
) -> Option<Action> {
    if range.is_empty() {
        return None;
    }
    let tree = checked.tree(file)?;
    let nodes = enclosing_nodes(tree, range.start);
    let block = nodes.iter().rev().find_map(|node| match node {
        SyntaxNode::Block(block) if block.span.end >= range.end => Some(*block),
        _ => None,
    })?;
    let chosen = selected(checked, block, &range)?;
    let (first, last) = (chosen.first()?, chosen.last()?);
    let whole = first.span.to(last.span);
    if !chosen.iter().all(can_move) || used_after(checked, block, whole) {
        return None;
    }
    let item = tree
        .items
        .iter()
        .find(|item| item.span.start <= whole.start && whole.end <= item.span.end)?;
    let params = parameters(checked, file, whole)?;
    let name = free_name(checked, file);
    let text = checked.text(whole);
    let own = super::fields::indentation(checked, whole);
    let lines = text.lines().enumerate().map(|(at, line)| {
        let line = match at {
            0 => line,
            _ => line.strip_prefix(own.as_str()).unwrap_or(line),
        };
        match line.is_empty() {
            true => String::from("\n"),
            false => format!("  {line}\n"),
        }
    });
    let typed: Vec<String> = params
        .iter()
        .map(|(name, ty)| format!("{name}: {ty}"))
        .collect();
    let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    let declared = format!(
        "\n\nworkflow {name}({}) {{\n{}}}",
        typed.join(", "),
        lines.collect::<String>()
    );
    let end = Span {
        start: item.span.end,
        end: item.span.end,
        file,
    };
    Some(Action {
        title: String::from("extract into a workflow"),
        kind: ActionKind::Extract,
        edits: vec![
            (whole, format!("{name}({})", names.join(", "))),
            (end, declared),
        ],
        diagnostic: None,
        preferred: false,
    })
}

/// The statements of a block that lie in a range, if the range cuts none of them.
fn selected<'b>(
    checked: &CheckedFile,
    block: &'b Block,
    range: &std::ops::Range<u32>,
) -> Option<&'b [Stmt]> {
    let inside = |stmt: &Stmt| range.start <= stmt.span.start && stmt.span.end <= range.end;
    let touches = |stmt: &Stmt| stmt.span.start < range.end && range.start < stmt.span.end;
    let first = block.stmts.iter().position(inside)?;
    let count = block
        .stmts
        .iter()
        .skip(first)
        .take_while(|stmt| inside(stmt))
        .count();
    let cut = block.stmts.iter().filter(|stmt| touches(stmt)).count() != count;
    let chosen = block.stmts.get(first..first + count)?;
    // Documentation above the first statement would be left behind.
    let clean = chosen.first().is_some_and(|stmt| stmt.doc.is_none());
    let text = Span {
        file: block.span.file,
        start: range.start,
        end: range.end,
    };
    (!cut && clean && !checked.text(text).trim().is_empty()).then_some(chosen)
}

/// Whether a statement means the same in another workflow.
fn can_move(stmt: &Stmt) -> bool {
    let mut good = true;
    walk_from(SyntaxNode::Stmt(stmt), &mut |node| {
        if let SyntaxNode::Stmt(stmt) = node {
            good &= !matches!(
                stmt.kind,
                StmtKind::Stage { .. }
                    | StmtKind::Return(_)
                    | StmtKind::Yield(_)
                    | StmtKind::Ignore
                    | StmtKind::Rollback(_)
                    | StmtKind::Abort
                    | StmtKind::Retry(_)
                    | StmtKind::Ask { .. }
                    | StmtKind::Error
            );
        }
        good
    });
    good
}

/// Whether a name that is declared in the statements is used after them.
fn used_after(checked: &CheckedFile, block: &Block, whole: Span) -> bool {
    let inside =
        |span: Span| span.file == whole.file && whole.start <= span.start && span.end <= whole.end;
    let in_block = |span: Span| span.file == block.span.file && span.end <= block.span.end;
    checked.names().iter().any(|(at, declared)| {
        inside(*declared) && !inside(*at) && in_block(*at) && at.start > whole.end
    })
}

/// The outer local names that the statements use, with their types; nothing where a type cannot be
/// written.
fn parameters(checked: &CheckedFile, file: FileId, whole: Span) -> Option<Vec<(String, Type)>> {
    let mut found: Vec<(String, Type)> = Vec::new();
    let tree = checked.tree(file)?;
    let visible = scope::visible(tree, whole.start);
    for (at, declared) in checked.names() {
        let inside = at.file == file && whole.start <= at.start && at.end <= whole.end;
        // `failure` is declared by the handler around it.
        if inside && declared.start <= whole.start && whole.end <= declared.end {
            return None;
        }
        if !inside || !visible.iter().any(|name| name.span == *declared) {
            continue;
        }
        let symbol = checked.declared(*declared)?;
        if matches!(symbol.kind, SymbolKind::Stage | SymbolKind::Step) {
            return None;
        }
        let name = symbol.name.to_string();
        if found.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let ty = checked.type_of(symbol)?;
        if !can_be_written(&ty) {
            return None;
        }
        found.push((name, ty));
    }
    Some(found)
}

/// Whether a type has a form in the language.
pub(super) fn can_be_written(ty: &Type) -> bool {
    match ty {
        Type::Any | Type::Nothing | Type::None | Type::Json | Type::Connection => false,
        Type::List(of) | Type::Map(of) | Type::Optional(of) => can_be_written(of),
        Type::Record(fields) => fields.values().all(can_be_written),
        _ => true,
    }
}

fn free_name(checked: &CheckedFile, file: FileId) -> String {
    let taken = |name: &str| checked.modules().find(file, name).is_some();
    let names = (1..).map(|number| match number {
        1 => String::from("extracted"),
        number => format!("extracted-{number}"),
    });
    names
        .into_iter()
        .find(|name| !taken(name))
        .unwrap_or_default()
}

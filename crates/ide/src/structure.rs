//! Folding ranges, selection ranges and document links.

use super::checked_file::CheckedFile;
use super::syntax_node::{SyntaxNode, enclosing_nodes, walk};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::{ExprKind, ItemKind, StringPart};

/// The content of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// Comments.
    Comment,
    /// Imports.
    Imports,
    /// A body.
    Body,
}

/// The folding ranges, by their starts.
pub fn folds(checked: &CheckedFile, file: FileId) -> Vec<(Span, FoldKind)> {
    let Some(module) = checked.modules().files.get(file.0 as usize) else {
        return Vec::new();
    };
    let mut found: Vec<(Span, FoldKind)> = Vec::new();
    let lines = |span: Span| checked.text(span).contains('\n');
    walk(&module.ast, &mut |node| {
        let body = match node {
            SyntaxNode::Item(item) => match &item.kind {
                ItemKind::Service { .. }
                | ItemKind::Environment(_)
                | ItemKind::Kind(_)
                | ItemKind::Test { .. } => braces(checked, item.span),
                _ => None,
            },
            SyntaxNode::Infrastructure(place) => braces(checked, place.span),
            SyntaxNode::Override(entry) => braces(checked, entry.span),
            SyntaxNode::Block(block) => Some(block.span),
            SyntaxNode::Expr(expr) => match &expr.kind {
                ExprKind::List(_) | ExprKind::Record(_) => Some(expr.span),
                _ => None,
            },
            SyntaxNode::Text(text) if text.multiline => Some(text.span),
            _ => None,
        };
        found.extend(
            body.filter(|span| lines(*span))
                .map(|span| (span, FoldKind::Body)),
        );
        true
    });
    let imports = module
        .ast
        .items
        .iter()
        .filter(|item| matches!(item.kind, ItemKind::Import { .. } | ItemKind::From { .. }));
    let spans: Vec<Span> = imports.map(|item| item.span).collect();
    if let [first, .., last] = spans.as_slice() {
        found.push((first.to(*last), FoldKind::Imports));
    }
    let mut open: Option<Span> = None;
    for comment in module.comments.iter() {
        let next = comment.span;
        let joined = open.filter(|open| {
            let gap = Span {
                start: open.end,
                end: next.start,
                ..next
            };
            let gap = checked.text(gap);
            gap.trim().is_empty() && gap.matches('\n').count() == 1
        });
        match joined {
            Some(before) => open = Some(before.to(next)),
            None => found.extend(open.replace(next).map(|it| (it, FoldKind::Comment))),
        }
    }
    found.extend(open.map(|it| (it, FoldKind::Comment)));
    found.retain(|(span, _)| lines(*span));
    found.sort_by_key(|(span, _)| (span.start, span.end));
    found.dedup_by_key(|(span, _)| span.start);
    found
}

/// From the first `{` of a declaration to its end.
fn braces(checked: &CheckedFile, span: Span) -> Option<Span> {
    let open = checked.text(span).find('{')?;
    Some(Span {
        start: span.start + u32::try_from(open).ok()?,
        ..span
    })
}

/// The ranges around a place, the smallest first; each is contained in the next.
pub fn selections(checked: &CheckedFile, file: FileId, offset: u32) -> Vec<Span> {
    let Some(tree) = checked.tree(file) else {
        return Vec::new();
    };
    let mut spans: Vec<Span> = vec![tree.span];
    for node in enclosing_nodes(tree, offset) {
        let inner = match node {
            SyntaxNode::Text(text) if text.span.end > text.span.start + 1 => {
                let quotes = if text.multiline { 3 } else { 1 };
                let inner = Span {
                    start: text.span.start + quotes,
                    end: text
                        .span
                        .end
                        .saturating_sub(quotes)
                        .max(text.span.start + quotes),
                    ..text.span
                };
                Some(inner).filter(|it| it.start <= offset && offset <= it.end)
            }
            _ => None,
        };
        spans.push(node.span());
        spans.extend(inner);
        if let SyntaxNode::Text(text) = node {
            let parts = text.parts.iter().filter_map(|part| match part {
                StringPart::Interpolation { span, .. } => Some(*span),
                StringPart::Text { .. } => None,
            });
            spans.extend(parts.filter(|it| it.start <= offset && offset <= it.end));
        }
    }
    let mut kept: Vec<Span> = Vec::new();
    for span in spans {
        let fits = kept
            .last()
            .is_none_or(|last| last.start <= span.start && span.end <= last.end && *last != span);
        if fits {
            kept.push(span);
        }
    }
    kept.reverse();
    kept
}

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileLink {
    /// A file that was read as a source.
    Source(FileId),
    /// A path, relative to the folder of the file with the link.
    Path(String),
}

/// The links of a file, each with its text.
pub fn links(checked: &CheckedFile, file: FileId) -> Vec<(Span, FileLink)> {
    let Some(module) = checked.modules().files.get(file.0 as usize) else {
        return Vec::new();
    };
    let inner = |span: Span| Span {
        start: span.start + 1,
        end: span.end.saturating_sub(1).max(span.start + 1),
        ..span
    };
    let imports = module.imports.iter();
    let mut found: Vec<(Span, FileLink)> = imports
        .filter_map(|import| Some((inner(import.span), FileLink::Source(import.file?))))
        .collect();
    walk(&module.ast, &mut |node| {
        if let SyntaxNode::Expr(expr) = node
            && let ExprKind::Call(callee, args) = &expr.kind
            && let ExprKind::Name(name) = &callee.kind
            && &*name.name == "file"
            && let Some(first) = args.first()
            && let ExprKind::String(text) = &first.value.kind
            && let Some(path) = text.plain()
        {
            found.push((inner(text.span), FileLink::Path(path.to_string())));
        }
        true
    });
    found.sort_by_key(|(span, _)| *span);
    found
}

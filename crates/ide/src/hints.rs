//! Inlay hints: the types of `let`s, and the cells of loops.

use super::cells::cells;
use super::checked_file::CheckedFile;
use super::syntax_node::{SyntaxNode, walk};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{Ident, ItemKind, StmtKind};

/// Longer hints are cut: beside a line is no place for a whole record.
const MAX_HINT_CHARS: usize = 40;

/// At most so many hints are given at once, the first of the range.
const MAX_HINTS: usize = 500;

/// A hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its position: after this byte.
    pub offset: u32,
    /// The text.
    pub text: String,
    /// Whether it is a type.
    pub is_type: bool,
}

/// The hints of a file between two places, in order.
pub fn hints(checked: &CheckedFile, file: FileId, range: std::ops::Range<u32>) -> Vec<Hint> {
    let Some(tree) = checked.tree(file) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let touches = |span: Span| span.start <= range.end && range.start <= span.end;
    walk(tree, &mut |node| {
        if !touches(node.span()) {
            return false;
        }
        match node {
            SyntaxNode::Item(item) => {
                if let ItemKind::Let { name, ty: None, .. } = &item.kind {
                    found.extend(typed(checked, name));
                }
            }
            SyntaxNode::Stmt(stmt) => {
                if let StmtKind::Let { name, ty: None, .. } = &stmt.kind {
                    found.extend(typed(checked, name));
                }
            }
            _ => {}
        }
        true
    });
    let known = cells(checked.program()).into_iter();
    let known = known.filter(|cells| cells.at.file == file && touches(cells.at));
    found.extend(known.map(|cells| Hint {
        offset: cells.at.end,
        text: cut(cells.words()),
        is_type: false,
    }));
    found.sort_by_key(|hint| hint.offset);
    found.truncate(MAX_HINTS);
    found
}

fn cut(text: String) -> String {
    if text.chars().count() <= MAX_HINT_CHARS {
        return text;
    }
    let begin: String = text.chars().take(MAX_HINT_CHARS - 1).collect();
    format!("{}…", begin.trim_end())
}

fn typed(checked: &CheckedFile, name: &Ident) -> Option<Hint> {
    let symbol = checked.declared(name.span)?;
    let text = match checked.type_of(symbol)? {
        Type::Any | Type::Nothing => return None,
        ty => format!(": {ty}"),
    };
    Some(Hint {
        offset: name.span.end,
        text: cut(text),
        is_type: true,
    })
}

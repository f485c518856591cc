//! What each keyword means, by the place at which it stands.

use super::keyword_table::{KEYWORDS, Role};
use super::{Hover, holds};
use crate::checked_file::CheckedFile;
use crate::syntax_node::{self, SyntaxNode};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::{ExprKind, Item, ItemKind, Stmt, StmtKind};
use lockstep_syntax::lexer::{Token, TokenKind, tokens};

/// The hover of the keyword at a place.
pub(super) fn hover(checked: &CheckedFile, file: FileId, offset: u32) -> Option<Hover> {
    let text = &checked.source(file)?.text;
    let all: Vec<Token> = tokens(text)
        .into_iter()
        .filter(|token| token.kind != TokenKind::Comment)
        .collect();
    let span = |token: &Token| Span::new(file, token.start, token.end);
    let is_here = |token: &Token| token.kind == TokenKind::Word && holds(span(token), offset);
    let at = all.iter().position(is_here)?;
    let token = all.get(at)?;
    let word = token.text(text);
    let nodes = syntax_node::enclosing_nodes(checked.tree(file)?, span(token).start);
    let is_name = |node: &SyntaxNode<'_>| match node {
        SyntaxNode::Ident(name) => name.span == span(token),
        _ => false,
    };
    if nodes.iter().any(is_name) {
        return None;
    }
    let near = |at: Option<usize>| {
        let near = at.and_then(|at| all.get(at));
        near.map_or("", |token| token.text(text))
    };
    let role = role(
        &nodes,
        span(token),
        near(at.checked_sub(1)),
        near(at.checked_add(1)),
    );
    let mut known = KEYWORDS.iter().filter(|entry| entry.0 == word);
    let found = known.clone().find(|entry| entry.1 == role);
    let (.., form, meaning) = found.or_else(|| known.next_back())?;
    Some(Hover {
        at: span(token),
        code: (*form).to_owned(),
        text: vec![(*meaning).to_owned()],
    })
}

/// Where the keyword at `at` stands, between two other words.
fn role(nodes: &[SyntaxNode<'_>], at: Span, before: &str, after: &str) -> Role {
    if after == "failure" {
        return Role::Handler;
    }
    if matches!(before, "across" | "rollback") || after == "fast" {
        return Role::Clause;
    }
    for node in nodes.iter().rev() {
        match node {
            SyntaxNode::Stmt(stmt) => return of_statement(stmt, at),
            SyntaxNode::Axis(_) => return Role::Axis,
            SyntaxNode::TestStmt(_) => return Role::Test,
            SyntaxNode::Expr(expr) => match &expr.kind {
                ExprKind::If(..) | ExprKind::Comprehension(_) => return Role::Value,
                ExprKind::Binary(_, operator, ..) if *operator == at => return Role::Value,
                _ => {}
            },
            SyntaxNode::Item(Item { kind, span, .. }) if at.start > span.start => {
                return match kind {
                    ItemKind::Kind(_) => Role::Kind,
                    _ => Role::Declaration,
                };
            }
            _ => {}
        }
    }
    Role::Declaration
}

fn of_statement(stmt: &Stmt, at: Span) -> Role {
    if stmt.span.start == at.start {
        return Role::Statement;
    }
    match &stmt.kind {
        StmtKind::Loop { .. } | StmtKind::Matrix { .. } => Role::Axis,
        _ => Role::Clause,
    }
}

#[cfg(test)]
mod tests {
    use crate::hover::keyword_table::KEYWORDS;
    use lockstep_syntax::words;

    #[test]
    fn every_keyword_is_explained() {
        let words: Vec<&str> = words::all().collect();
        for word in &words {
            assert!(KEYWORDS.iter().any(|entry| entry.0 == *word), "{word}");
        }
        for (word, ..) in KEYWORDS {
            assert!(words.contains(word), "{word} is no keyword");
        }
    }
}

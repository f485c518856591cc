//! Text to tree. Parsing never fails: what cannot be read becomes an `Error` node with a
//! diagnostic, and everything around it is understood.
//! It does not know names, types or values.

pub mod ast;
mod errors;
mod grammar;
mod lower;
mod recover;
mod scan;
mod trivia;

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::source::{FileId, Span};
use grammar::{Grammar, Parser, Parts, Rule};
use lower::Lower;
use recover::Places;
pub use trivia::Comment;

#[cfg(test)]
mod tests;

/// A file as it was understood.
#[derive(Debug)]
pub struct Parse {
    /// The tree; broken text is in it as `Error` nodes.
    pub file: ast::File,
    /// Every comment, in order.
    pub comments: Vec<Comment>,
    /// What is wrong, in source order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file. It never fails: there is always a tree.
pub fn parse(file: FileId, text: &str) -> Parse {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places {
        start: text.len() - body.len(),
    };
    let scan = scan::scan(body);
    let mut diagnostics = Diagnostics::default();
    let mut items = Vec::new();
    let mut lower = Lower::new(file, body, &scan.comments, &places);
    if scan.too_deep.is_some() || !scan.problems.is_empty() {
        diagnostics.push(Diagnostic::error(
            codes::SYNTAX,
            Span::new(file, 0, text.len()),
            "brackets or strings are not closed",
        ));
    } else {
        let mut cuts = scan.cuts.iter().copied().peekable();
        while let Some(from) = cuts.next() {
            let to = cuts.peek().copied().unwrap_or(body.len());
            let piece = body.get(from..to).unwrap_or("");
            match Grammar::parse(Rule::file, piece) {
                Ok(mut pairs) => {
                    if let Some(pair) = pairs.next() {
                        lower.file(from, Parts::of(pair), &mut items);
                    }
                }
                Err(error) => diagnostics.push(Diagnostic::error(
                    codes::SYNTAX,
                    Span::new(file, 0, text.len()),
                    format!("{error}"),
                )),
            }
        }
    }
    let comments = scan
        .comments
        .iter()
        .map(|(from, to)| Comment {
            span: Span::new(file, places.at(*from), places.at(*to)),
            doc: trivia::is_doc(body.get(*from..*to).unwrap_or("")),
        })
        .collect();
    diagnostics.extend(std::mem::take(&mut lower.diagnostics));
    Parse {
        file: ast::File {
            items,
            span: Span::new(file, 0, text.len()),
        },
        comments,
        diagnostics: diagnostics.into_sorted(),
    }
}

/// Reads a single expression, as on the command line.
pub fn parse_expression(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let places = Places::default();
    let scan = scan::scan(text);
    let mut lower = Lower::new(file, text, &scan.comments, &places);
    let span = Span::new(file, 0, text.len());
    let mut expr = ast::Expr {
        kind: ast::ExprKind::Error,
        span,
    };
    let mut diagnostics = Diagnostics::default();
    if scan.problems.is_empty() && scan.too_deep.is_none() {
        if let Some(pair) = Grammar::parse(Rule::expression, text)
            .ok()
            .and_then(|mut pairs| pairs.next())
        {
            expr = lower.lone_expression(Parts::of(pair));
        }
    } else {
        diagnostics.push(Diagnostic::error(
            codes::SYNTAX,
            span,
            "brackets or strings are not closed",
        ));
    }
    diagnostics.extend(std::mem::take(&mut lower.diagnostics));
    (expr, diagnostics.into_sorted())
}

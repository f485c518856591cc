//! What could stand at a place. The text is checked with a mark put in at the place, so that
//! there is a name to look at; what is wanted of that name is what is offered.
//! It does not know how an editor shows a list.

mod fields;
mod item;
mod place;
mod values;
mod words;

pub use item::{Completion, CompletionKind, Completions};

use super::checked::{Checked, ROOT};
use super::lex::{Sort, Token, tokens};
use super::node::{Node, around};
use crate::source::Span;
use crate::syntax::ast::ItemKind;
use crate::value::Type;
use place::{Around, Want};

/// The mark: a name that nobody has.
const MARK: &str = "zqzMarkzqz";

/// What could stand at `offset` of a text. `check` checks a text, watching one place of it.
pub fn complete(
    text: &str,
    offset: usize,
    check: &mut dyn FnMut(&str, u32) -> Checked,
) -> Completions {
    let (Some(before), Some(after)) = (text.get(..offset), text.get(offset..)) else {
        return Completions::default();
    };
    let marked = format!("{before}{MARK}{after}");
    let all = tokens(&marked);
    let Some(at) = all
        .iter()
        .position(|token| token.start <= offset && offset < token.end)
    else {
        return Completions::default();
    };
    let token = all[at];
    if token.sort == Sort::Comment || token.sort == Sort::Number {
        return Completions::default();
    }
    let watched = u32::try_from(offset).unwrap_or(u32::MAX);
    let mut checked = check(&marked, watched);
    let mut around = Around::new(&marked, &all, at);
    // Behind a point at the beginning of a statement stands no expression: make it one.
    let before = at.checked_sub(1).and_then(|at| all.get(at));
    let pointed = before.is_some_and(|token| token.text(&marked) == ".");
    let mended;
    let mended_tokens;
    let mut shift = 0;
    if pointed && !place::is_expression(&checked, watched) {
        let prefix = "let zqzLet = ";
        let start = place::chain_start(&marked, &all, at);
        mended = format!("{}{prefix}{}", &marked[..start], &marked[start..]);
        mended_tokens = tokens(&mended);
        shift = prefix.len();
        let watched = u32::try_from(offset + shift).unwrap_or(u32::MAX);
        checked = check(&mended, watched);
        let at = mended_tokens
            .iter()
            .position(|token| token.start <= offset + shift && offset + shift < token.end);
        around = Around::new(&mended, &mended_tokens, at.unwrap_or(0));
    }
    let offset_now = u32::try_from(offset + shift).unwrap_or(u32::MAX);
    let items = match token.sort {
        Sort::Text => in_string(&checked, offset_now),
        Sort::Word => of(&checked, &around, offset_now),
        _ => Vec::new(),
    };
    Completions {
        replace: Some(replaced(&token, offset, items.first())),
        items,
    }
}

/// The text that is replaced, in places of the text without the mark.
fn replaced(token: &Token, offset: usize, first: Option<&Completion>) -> Span {
    let (start, end) = match (token.sort, first) {
        (Sort::Word, _) => (token.start, token.end - MARK.len()),
        // In a string all that stands in it.
        (_, Some(_)) => (
            token.start + 1,
            (token.end - 1).saturating_sub(MARK.len()).max(offset),
        ),
        _ => (offset, offset),
    };
    Span::new(ROOT, start, end.max(start))
}

/// What could stand in a string: the path of an import, or one of the texts that are allowed.
fn in_string(checked: &Checked, offset: u32) -> Vec<Completion> {
    let Some(tree) = checked.tree(ROOT) else {
        return Vec::new();
    };
    let nodes = around(tree, offset);
    let import = nodes.iter().any(|node| match node {
        Node::Item(item) => match &item.kind {
            ItemKind::Import { path, .. } | ItemKind::From { path, .. } => {
                path.span.start <= offset && offset <= path.span.end
            }
            _ => false,
        },
        _ => false,
    });
    if import {
        return values::paths();
    }
    match place::wanted(checked, offset) {
        Some(Type::OneOf(words)) => words
            .iter()
            .map(|word| Completion::new(&**word, CompletionKind::Word).rank(0))
            .collect(),
        _ => Vec::new(),
    }
}

/// What could stand in place of a word.
fn of(checked: &Checked, around: &Around<'_>, offset: u32) -> Vec<Completion> {
    match place::want(checked, around, offset) {
        Want::Nothing => Vec::new(),
        Want::Words(words) => words,
        Want::Member(base) => fields::members(checked, &base),
        Want::Value(ty, mut more) => {
            more.extend(values::values(checked, offset, ty.as_ref()));
            more
        }
        Want::Declared(sorts) => values::declared(checked, &sorts),
        Want::Type => values::types(checked),
        Want::Kind => values::declared(checked, &[crate::resolve::Sort::Kind]),
        Want::Export(file) => values::exported(checked, file),
        Want::Fields(fields) => fields,
    }
}

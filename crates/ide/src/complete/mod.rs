//! Completion: a marker name is inserted at the cursor and the text is checked; what is expected in
//! place of the marker is what is offered.

mod context;
mod fields;
mod imported;
mod item;
mod keywords;
mod nearby;
mod patterns;
mod suppressions;
mod triggers;
mod values;

pub use item::{Completion, CompletionKind, Completions};
pub use patterns::{complete_pattern, pattern_at};

use super::actions::Exporter;
use super::checked_file::{CheckedFile, ROOT_FILE};
use super::fits;
use context::CompletionContext;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::lexer::{Token, TokenKind, tokens_around};
use lockstep_syntax::words::CURSOR_MARKER;
use nearby::NearbyTokens;

/// What is around the text in which a completion is asked for.
pub struct Surroundings<'a> {
    /// The sources in a folder that is relative to the text, and its folders with a trailing `/`.
    pub sources: &'a dyn Fn(&str) -> Vec<String>,
    /// All files in such a folder, and its folders with a trailing `/`.
    pub files: &'a dyn Fn(&str) -> Vec<String>,
    /// The files that names can be imported from.
    pub exporters: &'a dyn Fn() -> Vec<Exporter>,
    /// The names of the rules of `lint`, each with what it finds.
    pub rules: &'a [(&'static str, &'static str)],
}

/// The completions at `offset` of a text. `check` checks a text, watching one place of it.
pub fn complete(
    text: &str,
    offset: usize,
    check: &mut dyn FnMut(&str, u32) -> CheckedFile,
    around_text: &Surroundings<'_>,
) -> Completions {
    let (Some(before), Some(after)) = (text.get(..offset), text.get(offset..)) else {
        return Completions::default();
    };
    let mut marked = format!("{before}{CURSOR_MARKER}{after}");
    let mut all = tokens_around(&marked, offset);
    if let Some(closing) = context::unclosed(&marked, &all, offset) {
        marked.insert_str(offset + CURSOR_MARKER.len(), closing);
        all = tokens_around(&marked, offset);
    }
    let Some(at) = all
        .iter()
        .position(|token| token.start <= offset && offset < token.end)
    else {
        return Completions::default();
    };
    let token = all[at];
    match token.kind {
        TokenKind::Comment => {
            return suppressions::complete(text, token.start, offset, around_text.rules);
        }
        TokenKind::Number => return Completions::default(),
        _ => {}
    }
    let watched = u32::try_from(offset).unwrap_or(u32::MAX);
    let mut checked = check(&marked, watched);
    let mut around = NearbyTokens::new(&marked, &all, at);
    // After a dot at the beginning of a statement there is no expression: turn it into one.
    let before = at.checked_sub(1).and_then(|at| all.get(at));
    let pointed = before.is_some_and(|token| token.text(&marked) == ".");
    let mended;
    let mended_tokens;
    let mut shift = 0;
    if pointed && !context::is_expression(&checked, watched) {
        let prefix = "let zqzLet = ";
        let start = context::chain_start(&marked, &all, at);
        mended = format!("{}{prefix}{}", &marked[..start], &marked[start..]);
        shift = prefix.len();
        mended_tokens = tokens_around(&mended, offset + shift);
        let watched = u32::try_from(offset + shift).unwrap_or(u32::MAX);
        checked = check(&mended, watched);
        let at = mended_tokens
            .iter()
            .position(|token| token.start <= offset + shift && offset + shift < token.end);
        around = NearbyTokens::new(&mended, &mended_tokens, at.unwrap_or(0));
    }
    let offset_now = u32::try_from(offset + shift).unwrap_or(u32::MAX);
    let token = Token {
        end: token
            .end
            .min(offset + CURSOR_MARKER.len() + name_length(after)),
        ..token
    };
    let mut items = match token.kind {
        TokenKind::Text if around.is_import() => {
            let typed = text.get(token.start..offset).unwrap_or("");
            values::paths(typed.trim_start_matches(['"', '\'']), around_text.sources)
        }
        TokenKind::Text if around.is_file() => {
            let typed = text.get(token.start..offset).unwrap_or("");
            values::files(typed.trim_start_matches(['"', '\'']), around_text.files)
        }
        TokenKind::Text => in_string(&checked, offset_now),
        TokenKind::Word => {
            let want = context::want(&checked, &around, offset_now);
            let typed = text.get(token.start..offset).unwrap_or("");
            let more = imported::complete(&checked, &want, (text, typed), around_text.exporters);
            let mut items = of(&checked, want, offset_now);
            items.extend(more);
            items
        }
        _ => Vec::new(),
    };
    let all = items.len();
    if token.kind == TokenKind::Word {
        let typed = text.get(token.start..offset).unwrap_or("");
        items.retain(|item| fits(typed, &item.label));
    }
    Completions {
        replace: Some(replaced(&token, &marked, offset)),
        partial: items.len() < all,
        items,
    }
}

/// The length of the rest of the word or string at the beginning of a text.
fn name_length(after: &str) -> usize {
    let end = after.find(['"', '\'', '\n', '\r']).unwrap_or(after.len());
    end + usize::from(after.get(end..).is_some_and(|rest| rest.starts_with('"')))
}

/// The text that is replaced, as a span of the text without the marker.
fn replaced(token: &Token, marked: &str, offset: usize) -> Span {
    let (start, end) = match token.kind {
        TokenKind::Word => (token.start, token.end - CURSOR_MARKER.len()),
        // In a string, the whole content.
        _ => {
            let quotes = |text: &str| text.len() - text.trim_matches(['"', '\'']).len();
            let text = token.text(marked);
            let (before, after) = text.split_at((offset - token.start).min(text.len()));
            let after = after.strip_prefix(CURSOR_MARKER).unwrap_or(after);
            let start = token.start + quotes(before).min(before.len());
            (start, offset + after.len() - quotes(after))
        }
    };
    Span::new(ROOT_FILE, start, end.max(offset))
}

/// Completions in a string: the allowed texts.
fn in_string(checked: &CheckedFile, offset: u32) -> Vec<Completion> {
    match context::wanted(checked, offset) {
        Some(Type::OneOf(words)) => words
            .iter()
            .map(|word| Completion::new(&**word, CompletionKind::Word).rank(0))
            .collect(),
        _ => Vec::new(),
    }
}

/// Completions for a word.
fn of(checked: &CheckedFile, want: CompletionContext, offset: u32) -> Vec<Completion> {
    match want {
        CompletionContext::Nothing => Vec::new(),
        CompletionContext::Words(words) | CompletionContext::Statement(words) => words,
        CompletionContext::Member(base) => fields::members(checked, &base),
        CompletionContext::Value(ty, mut more) => {
            more.extend(values::values(checked, offset, ty.as_ref()));
            more
        }
        CompletionContext::Declared(sorts) => values::declared(checked, &sorts),
        CompletionContext::Type => values::types(checked),
        CompletionContext::Kind => {
            values::declared(checked, &[lockstep_lang::resolve::DeclKind::Kind])
        }
        CompletionContext::Export(file, sorts) => {
            let mut found = values::exported(checked, file, sorts);
            // What is named here is not called.
            found.iter_mut().for_each(|it| it.snippet = None);
            found
        }
        CompletionContext::Fields(fields) => fields,
    }
}

//! Answers for semantic tokens, encoded as the numbers of the protocol.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, CheckedRoot};
use crate::session::{Document, Snapshot};
use lockstep_base::source::Span;
use lockstep_ide::coloring::{HighlightKind, HighlightedRange, colors};
use lockstep_ide::{ROOT_FILE, SymbolKind};
use lockstep_syntax::ast::ItemKind;

/// The types of tokens, in the order of their numbers.
pub(crate) const TOKEN_TYPES: [&str; 15] = [
    "comment",
    "string",
    "number",
    "keyword",
    "operator",
    "type",
    "namespace",
    "class",
    "struct",
    "variable",
    "parameter",
    "property",
    "function",
    "enumMember",
    "event",
];

/// The modifiers, in the order of their bits.
pub(crate) const TOKEN_MODIFIERS: [&str; 3] = ["declaration", "readonly", "defaultLibrary"];

fn type_of(color: HighlightKind) -> &'static str {
    match color {
        HighlightKind::Comment => "comment",
        HighlightKind::String | HighlightKind::Command | HighlightKind::ShellText => "string",
        HighlightKind::ShellVariable => "variable",
        HighlightKind::Number => "number",
        HighlightKind::Keyword => "keyword",
        HighlightKind::Operator => "operator",
        HighlightKind::Type => "type",
        HighlightKind::Function => "function",
        HighlightKind::Property => "property",
        HighlightKind::Word => "enumMember",
        HighlightKind::Symbol(kind) => match kind {
            SymbolKind::Namespace | SymbolKind::Environment => "namespace",
            SymbolKind::Service => "class",
            SymbolKind::Infrastructure => "struct",
            SymbolKind::Kind | SymbolKind::Type => "type",
            SymbolKind::Field => "property",
            SymbolKind::Workflow
            | SymbolKind::Action
            | SymbolKind::Function
            | SymbolKind::Pipeline => "function",
            SymbolKind::Stage | SymbolKind::Step | SymbolKind::Trigger => "event",
            SymbolKind::Parameter => "parameter",
            SymbolKind::Test => "string",
            SymbolKind::Input
            | SymbolKind::Let
            | SymbolKind::Group
            | SymbolKind::Window
            | SymbolKind::Secret
            | SymbolKind::Local
            | SymbolKind::Variable => "variable",
        },
    }
}

fn modifiers(colored: &HighlightedRange) -> u32 {
    let constant = matches!(
        colored.color,
        HighlightKind::Symbol(
            SymbolKind::Let
                | SymbolKind::Input
                | SymbolKind::Group
                | SymbolKind::Secret
                | SymbolKind::Local
        )
    );
    let library = colored.library || colored.color == HighlightKind::Function;
    u32::from(colored.declares) | u32::from(constant) << 1 | u32::from(library) << 2
}

/// `textDocument/semanticTokens/full`
pub(super) fn full(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::SemanticTokensParams,
) -> Result<Option<lsp::SemanticTokens>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let (root, _) = cache.root(snapshot, document);
    let data = tokens(root, snapshot, 0..u32::MAX);
    Ok(Some(cache.remember_tokens(document, data)))
}

/// `textDocument/semanticTokens/range`
pub(super) fn range(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::SemanticTokensRangeParams,
) -> Result<Option<lsp::SemanticTokens>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let (root, _) = cache.root(snapshot, document);
    let encoding = snapshot.client.encoding;
    let at = |place| {
        let offset = document.lines.offset(&document.text, place, encoding);
        u32::try_from(offset).unwrap_or(u32::MAX)
    };
    let data = tokens(root, snapshot, at(params.range.start)..at(params.range.end));
    Ok(Some(lsp::SemanticTokens {
        result_id: None,
        data,
    }))
}

/// `textDocument/semanticTokens/full/delta`
pub(super) fn delta(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::SemanticTokensDeltaParams,
) -> Result<Option<lsp::SemanticTokensDeltaResponse>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let before = cache.tokens(document, &params.previous_result_id);
    let (root, _) = cache.root(snapshot, document);
    let data = tokens(root, snapshot, 0..u32::MAX);
    let now = cache.remember_tokens(document, data);
    let Some(before) = before else {
        return Ok(Some(now.into()));
    };
    let same = |(a, b): &(&lsp::SemanticToken, &lsp::SemanticToken)| a == b;
    let start = before.iter().zip(&now.data).take_while(same).count();
    let rest = before.len().min(now.data.len()) - start;
    let pairs = before.iter().rev().zip(now.data.iter().rev());
    let end = pairs.take(rest).take_while(same).count();
    let changed = now.data.get(start..now.data.len() - end).unwrap_or(&[]);
    let data = changed.iter().flat_map(|it| {
        [
            it.delta_line,
            it.delta_start,
            it.length,
            it.token_type,
            it.token_modifiers_bitset,
        ]
    });
    // The protocol counts numbers, not tokens; each token has five.
    let number = |count: usize| u32::try_from(count * 5).unwrap_or(u32::MAX);
    let edit = lsp::SemanticTokensEdit {
        start: number(start),
        delete_count: number(before.len() - end - start),
        data: Some(data.collect()),
    };
    let nothing = edit.delete_count == 0 && changed.is_empty();
    let delta = lsp::SemanticTokensDelta {
        result_id: now.result_id,
        edits: if nothing { Vec::new() } else { vec![edit] },
    };
    Ok(Some(delta.into()))
}

/// The tokens that overlap a range of bytes. Multi-line tokens are split into lines.
fn tokens(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    range: std::ops::Range<u32>,
) -> Vec<lsp::SemanticToken> {
    let mut found = Vec::new();
    let mut last = lsp::Position::default();
    let all = colors(&root.checked, ROOT_FILE).into_iter();
    let within = all.filter(|it| it.at.end > range.start && it.at.start < range.end);
    // An editor with its own shell highlighting would have it overwritten.
    let augments = snapshot.client.augments;
    let within = within.filter(|it| !(augments && it.color == HighlightKind::Command));
    let imports = imports(root);
    let within = within.filter(|it| {
        !snapshot.client.has_grammar
            || matches!(it.color, HighlightKind::Symbol(_))
                && !imports
                    .iter()
                    .any(|span| span.start <= it.at.start && it.at.end <= span.end)
    });
    for colored in within {
        let ty = TOKEN_TYPES
            .iter()
            .position(|name| *name == type_of(colored.color));
        let bits = modifiers(&colored);
        for (start, length) in pieces(&root.document, snapshot, &colored) {
            let line = start.line - last.line;
            let before = if line == 0 { last.character } else { 0 };
            found.push(lsp::SemanticToken {
                delta_line: line,
                delta_start: start.character - before,
                length,
                token_type: u32::try_from(ty.unwrap_or(0)).unwrap_or(0),
                token_modifiers_bitset: bits,
            });
            last = start;
        }
    }
    found
}

/// The imports of a document: a grammar cannot know what an imported name is, and so colours it as
/// any name.
fn imports(root: &CheckedRoot) -> Vec<Span> {
    let items = root.checked.tree(ROOT_FILE).map(|tree| &tree.items);
    let imports = items.into_iter().flatten();
    let imports = imports.filter(|item| matches!(item.kind, ItemKind::From { .. }));
    imports.map(|item| item.span).collect()
}

/// The lines of a token: where each begins, and how long it is.
fn pieces(
    document: &Document,
    snapshot: &Snapshot,
    colored: &HighlightedRange,
) -> Vec<(lsp::Position, u32)> {
    let encoding = snapshot.client.encoding;
    let text = document.text.get(colored.at.range()).unwrap_or("");
    let mut at = colored.at.start as usize;
    let mut found = Vec::new();
    for line in text.split_inclusive(['\n', '\r']) {
        let shown = line.trim_end_matches(['\n', '\r']);
        let length = encoding.length(shown);
        if length > 0 {
            found.push((
                document.lines.position(&document.text, at, encoding),
                length,
            ));
        }
        at += line.len();
    }
    found
}

//! Answers for code actions.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use super::diagnostics::convert;
use super::edits::workspace_edit;
use crate::analysis_cache::AnalysisCache;
use crate::files::{DocumentOverlay, name_of};
use crate::session::{Document, Snapshot};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_ide::ROOT_FILE;
use lockstep_ide::actions::{Action, ActionKind, actions, is_right};
use lockstep_lint as lint;

/// `textDocument/codeAction`
pub(super) fn code(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CodeActionParams,
) -> Result<Option<Vec<lsp::CodeActionResponse>>, AnswerError> {
    // A client that supports only commands cannot apply edits.
    if !snapshot.client.code_actions {
        return Ok(None);
    }
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let encoding = snapshot.client.encoding;
    let at = |place| {
        let offset = document.lines.offset(&document.text, place, encoding);
        u32::try_from(offset).unwrap_or(u32::MAX)
    };
    let range = at(params.range.start)..at(params.range.end);
    // Some editors offer the fixes of the line, wherever in it the cursor is.
    let about = params.context.diagnostics.iter();
    let about: Vec<_> = about
        .map(|it| at(it.range.start)..at(it.range.end))
        .collect();
    let library = cache.library.clone();
    let unknown = |it: &Diagnostic| it.code == codes::UNKNOWN;
    let exporters = match cache.findings(snapshot, document).1.iter().any(unknown) {
        true => cache.exporters(snapshot, document),
        false => Vec::new(),
    };
    let (root, findings) = cache.findings(snapshot, document);
    let offered = actions(
        &root.checked,
        ROOT_FILE,
        range,
        &about,
        &findings,
        &exporters,
    );
    let (refactorings, mut offered): (Vec<Action>, Vec<Action>) =
        (offered.into_iter()).partition(|action| action.kind == ActionKind::Extract);
    for action in refactorings {
        let after = cache.check_text(snapshot, document, &action.apply(&document.text));
        if is_right(&cache.root(snapshot, document).0.checked, &after) {
            offered.push(action);
        }
    }
    let (root, findings) = cache.findings(snapshot, document);
    let only = params.context.only.as_ref();
    let asked = |own: &str| only.map(|only| only.iter().any(|kind| includes(kind, own)));
    let wanted = |action: &Action| asked(&kind(action.kind).to_string()).unwrap_or(true);
    let found = offered.into_iter().filter(wanted).map(|action| {
        let fixed = action.diagnostic.and_then(|place| findings.get(place));
        let fixed = fixed.map(|it| vec![convert(root.sites(), snapshot, &library, it)]);
        let edits = action.edits.into_iter().filter_map(|(span, text)| {
            let place = root.location(snapshot, &library, span)?;
            let edit = lsp::TextEdit {
                range: place.range,
                new_text: text,
            };
            Some((place.uri, edit))
        });
        let change = lsp::CodeAction {
            title: action.title,
            kind: Some(kind(action.kind)),
            diagnostics: fixed,
            is_preferred: action.preferred.then_some(true),
            edit: Some(workspace_edit(snapshot, edits)),
            ..lsp::CodeAction::default()
        };
        lsp::CodeActionResponse::CodeAction(change)
    });
    let mut found: Vec<lsp::CodeActionResponse> = found.collect();
    // It takes a while: only where it is asked for, as on saving.
    if asked("source.fixAll") == Some(true) {
        found.extend(fix_all(cache, snapshot, document));
    }
    Ok(Some(found))
}

/// All fixes that `lockstep lint --fix` would apply.
fn fix_all(
    cache: &AnalysisCache,
    snapshot: &Snapshot,
    document: &Document,
) -> Option<lsp::CodeActionResponse> {
    let outside = &cache.outside;
    let name = name_of(document);
    let files = DocumentOverlay::new(snapshot, &*outside.files, document, &name);
    let config = match &document.path {
        Some(path) => (outside.levels)(path),
        None => lint::Config::default(),
    };
    let fixed = lint::fix(&files, &name, &document.text, &config);
    if fixed.done.is_empty() {
        return None;
    }
    let uri = lsp::Uri(document.uri.clone());
    let edit = difference(document, snapshot, &fixed.text);
    let change = lsp::CodeAction {
        title: match fixed.done.as_slice() {
            [one] => format!("fix all: {one}"),
            all => format!("fix all {} that can be fixed for sure", all.len()),
        },
        kind: Some(lsp::CodeActionKind::SourceFixAll),
        edit: Some(workspace_edit(snapshot, [(uri, edit)])),
        ..lsp::CodeAction::default()
    };
    Some(lsp::CodeActionResponse::CodeAction(change))
}

/// The smallest single edit that makes the text of a document another one.
fn difference(document: &Document, snapshot: &Snapshot, to: &str) -> lsp::TextEdit {
    let from = &*document.text;
    let same = |(a, b): &(char, char)| a == b;
    let chars = from.chars().zip(to.chars()).take_while(same);
    let start: usize = chars.map(|(c, _)| c.len_utf8()).sum();
    let (old, new) = (
        from.get(start..).unwrap_or(""),
        to.get(start..).unwrap_or(""),
    );
    let chars = old.chars().rev().zip(new.chars().rev()).take_while(same);
    let end: usize = chars.map(|(c, _)| c.len_utf8()).sum();
    let at = |offset| {
        let encoding = snapshot.client.encoding;
        document.lines.position(from, offset, encoding)
    };
    lsp::TextEdit {
        range: lsp::Range {
            start: at(start),
            end: at(from.len() - end),
        },
        new_text: new.get(..new.len() - end).unwrap_or("").to_owned(),
    }
}

fn kind(kind: ActionKind) -> lsp::CodeActionKind {
    match kind {
        ActionKind::Fix => lsp::CodeActionKind::QuickFix,
        ActionKind::Extract => lsp::CodeActionKind::RefactorExtract,
    }
}

/// Whether a kind that the client requests includes ours.
fn includes(asked: &lsp::CodeActionKind, own: &str) -> bool {
    let asked = asked.to_string();
    asked.is_empty() || own == asked || own.starts_with(&format!("{asked}."))
}

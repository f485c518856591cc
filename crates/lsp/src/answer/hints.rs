//! Answers for inlay hints and code lenses.

use std::sync::Arc;

use gen_lsp_types as lsp;
use serde_json::json;

use super::AnswerError;
use crate::analysis_cache::AnalysisCache;
use crate::commands;
use crate::session::Snapshot;
use lockstep_ide::lenses::{LensAction, lenses};
use lockstep_ide::{ROOT_FILE, hints};

/// `textDocument/inlayHint`
pub(super) fn inlay(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::InlayHintParams,
) -> Result<Option<Vec<lsp::InlayHint>>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let encoding = snapshot.client.encoding;
    let (root, _) = cache.root(snapshot, document);
    let at = |place| {
        let offset = document.lines.offset(&document.text, place, encoding);
        u32::try_from(offset).unwrap_or(u32::MAX)
    };
    let found = hints::hints(
        &root.checked,
        ROOT_FILE,
        at(params.range.start)..at(params.range.end),
    );
    let found = found.into_iter().map(|hint| lsp::InlayHint {
        position: document
            .lines
            .position(&document.text, hint.offset as usize, encoding),
        label: hint.text.into(),
        kind: hint.is_type.then_some(lsp::InlayHintKind::Type),
        text_edits: None,
        tooltip: None,
        padding_left: Some(!hint.is_type),
        padding_right: None,
        data: None,
    });
    Ok(Some(found.collect()))
}

/// `textDocument/codeLens`
pub(super) fn code(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CodeLensParams,
) -> Result<Option<Vec<lsp::CodeLens>>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let (root, _) = cache.root(snapshot, document);
    let found = lenses(&root.checked, ROOT_FILE).into_iter();
    let found = found.filter_map(|(at, deed, name)| {
        let (title, command) = match deed {
            LensAction::Run => ("Run", commands::RUN),
            LensAction::Plan => ("Plan", "lockstep.plan"),
            LensAction::Test => ("Test", "lockstep.test"),
        };
        // A lens that does nothing would be worse than none.
        let runs = commands::can_run(&snapshot.client, command);
        runs.then(|| lsp::CodeLens {
            range: root.range(snapshot.client.encoding, at),
            command: Some(lsp::Command {
                title: title.to_owned(),
                tooltip: None,
                command: command.to_owned(),
                arguments: Some(vec![json!(document.uri), json!(name)]),
            }),
            data: None,
        })
    });
    Ok(Some(found.collect()))
}

//! Answers for folding ranges, selection ranges and document links.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, address};
use crate::files::path_of;
use crate::session::Snapshot;
use lockstep_ide::ROOT_FILE;
use lockstep_ide::structure::{self, FileLink, FoldKind};

/// `textDocument/foldingRange`
pub(super) fn folds(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::FoldingRangeParams,
) -> Result<Option<Vec<lsp::FoldingRange>>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let (root, _) = cache.root(snapshot, document);
    let lines_only = snapshot.client.folds_lines;
    let found = structure::folds(&root.checked, ROOT_FILE).into_iter();
    let found = found.filter_map(|(span, kind)| {
        let range = root.range(snapshot.client.encoding, span);
        // Whole lines are folded in such a way that the closing bracket stays visible.
        let body = kind == FoldKind::Body && lines_only;
        let end_line = range.end.line - u32::from(body);
        (end_line > range.start.line).then(|| lsp::FoldingRange {
            start_line: range.start.line,
            start_character: (!lines_only).then_some(range.start.character),
            end_line,
            end_character: (!lines_only).then_some(range.end.character),
            kind: match kind {
                FoldKind::Comment => Some(lsp::FoldingRangeKind::Comment),
                FoldKind::Imports => Some(lsp::FoldingRangeKind::Imports),
                FoldKind::Body => None,
            },
            collapsed_text: None,
        })
    });
    Ok(Some(found.collect()))
}

/// `textDocument/selectionRange`
pub(super) fn selections(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::SelectionRangeParams,
) -> Result<Option<Vec<lsp::SelectionRange>>, AnswerError> {
    let mut found = Vec::new();
    for place in params.positions {
        let Some((root, offset)) = cache.at(snapshot, &params.text_document.uri, place) else {
            return Ok(None);
        };
        let spans = structure::selections(&root.checked, ROOT_FILE, offset).into_iter();
        let mut around: Option<lsp::SelectionRange> = None;
        for span in spans.rev() {
            around = Some(lsp::SelectionRange {
                range: root.range(snapshot.client.encoding, span),
                parent: around.take().map(Box::new),
            });
        }
        found.push(around.unwrap_or(lsp::SelectionRange {
            range: lsp::Range {
                start: place,
                end: place,
            },
            parent: None,
        }));
    }
    Ok(Some(found))
}

/// `textDocument/documentLink`
pub(super) fn links(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentLinkParams,
) -> Result<Option<Vec<lsp::DocumentLink>>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let library = cache.library.clone();
    let (root, _) = cache.root(snapshot, document);
    let found = structure::links(&root.checked, ROOT_FILE).into_iter();
    let found = found.filter_map(|(span, link)| {
        let target = match link {
            FileLink::Source(file) => root.uri(snapshot, &library, file)?,
            FileLink::Path(path) => address(snapshot, &path_of(document, &path)?),
        };
        Some(lsp::DocumentLink {
            range: root.range(snapshot.client.encoding, span),
            target: Some(target),
            tooltip: None,
            data: None,
        })
    });
    Ok(Some(found.collect()))
}

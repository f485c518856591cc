//! Answers for formatting of a document or of a part of it.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::AnalysisCache;
use crate::session::Snapshot;
use lockstep_format as format;

/// `textDocument/formatting`
pub(super) fn whole(
    _: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentFormattingParams,
) -> Result<Option<Vec<lsp::TextEdit>>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    edits(snapshot, &document.uri, 0..document.text.len())
}

/// `textDocument/rangeFormatting`
pub(super) fn range(
    _: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentRangeFormattingParams,
) -> Result<Option<Vec<lsp::TextEdit>>, AnswerError> {
    let uri = params.text_document.uri.0;
    let Some(document) = snapshot.documents.get(&uri) else {
        return Ok(None);
    };
    let encoding = snapshot.client.encoding;
    let at = |place| document.lines.offset(&document.text, place, encoding);
    edits(snapshot, &uri, at(params.range.start)..at(params.range.end))
}

fn edits(
    snapshot: &Snapshot,
    uri: &str,
    range: std::ops::Range<usize>,
) -> Result<Option<Vec<lsp::TextEdit>>, AnswerError> {
    let Some(document) = snapshot.documents.get(uri) else {
        return Ok(None);
    };
    // If the formatter fails its own check, the text is left unchanged.
    let found = format::range(&document.text, range)
        .map_err(|mistake| (lsp_server::ErrorCode::RequestFailed, mistake.to_string()))?;
    let encoding = snapshot.client.encoding;
    let at = |offset| document.lines.position(&document.text, offset, encoding);
    let long = has_long_line_ends(&document.text);
    let found = found.into_iter().filter_map(|edit| {
        let new_text = match long {
            true => edit.text.replace("\r\n", "\n").replace('\n', "\r\n"),
            false => edit.text,
        };
        let news = document.text.get(edit.range.clone()) != Some(&new_text);
        news.then(|| lsp::TextEdit {
            range: lsp::Range {
                start: at(edit.range.start),
                end: at(edit.range.end),
            },
            new_text,
        })
    });
    Ok(Some(found.collect()))
}

/// Whether all lines end with `\r\n`. The editor decides about line ends, so they are preserved.
fn has_long_line_ends(text: &str) -> bool {
    let mut ends = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    text.contains('\n') && ends.all(|line| line.ends_with("\r\n"))
}

//! Formatting of a document or of a part of it. It does not know how the text should look.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::Refusal;
use crate::format;
use crate::lsp::desk::Desk;
use crate::lsp::session::Snapshot;

/// `textDocument/formatting`
pub(super) fn whole(
    _: &mut Desk,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentFormattingParams,
) -> Result<Option<Vec<lsp::TextEdit>>, Refusal> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    edits(snapshot, &document.uri, 0..document.text.len())
}

/// `textDocument/rangeFormatting`
pub(super) fn range(
    _: &mut Desk,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentRangeFormattingParams,
) -> Result<Option<Vec<lsp::TextEdit>>, Refusal> {
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
) -> Result<Option<Vec<lsp::TextEdit>>, Refusal> {
    let Some(document) = snapshot.documents.get(uri) else {
        return Ok(None);
    };
    // A formatter that doubts itself leaves the text alone.
    let found = format::range(&document.text, range)
        .map_err(|mistake| (lsp_server::ErrorCode::RequestFailed, mistake.to_string()))?;
    let encoding = snapshot.client.encoding;
    let at = |offset| document.lines.position(&document.text, offset, encoding);
    let found = found.into_iter().map(|edit| lsp::TextEdit {
        range: lsp::Range {
            start: at(edit.range.start),
            end: at(edit.range.end),
        },
        new_text: edit.text,
    });
    Ok(Some(found.collect()))
}

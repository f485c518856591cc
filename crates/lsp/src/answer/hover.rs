//! Answers for hovers, and texts in the markup that the client supports.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::{AnswerError, settings};
use crate::analysis_cache::AnalysisCache;
use crate::session::Snapshot;
use lockstep_ide::{ROOT_FILE, hover};

/// `textDocument/hover`
pub(super) fn hover(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::HoverParams,
) -> Result<Option<lsp::Hover>, AnswerError> {
    let at = params.text_document_position_params;
    if let Some(document) = snapshot.settings.get(&at.text_document.uri.0) {
        let found = settings::hover(&cache.outside, snapshot, document, at.position);
        return Ok(found);
    }
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let Some(found) = hover::hover(&root.checked, ROOT_FILE, offset) else {
        return Ok(None);
    };
    let content = markup(
        snapshot.client.hover_markdown,
        Some(&found.code),
        &found.text,
    );
    Ok(Some(lsp::Hover {
        contents: content.into(),
        range: Some(root.range(snapshot.client.encoding, found.at)),
    }))
}

/// Code and paragraphs of Markdown, or the same as plain text.
pub(super) fn markup(markdown: bool, code: Option<&str>, text: &[String]) -> lsp::MarkupContent {
    let text = text.iter().filter(|paragraph| !paragraph.is_empty());
    if markdown {
        let code = code.map(|code| format!("```deploy\n{code}\n```"));
        let parts: Vec<String> = code.into_iter().chain(text.cloned()).collect();
        return lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: parts.join("\n\n"),
        };
    }
    let plain = text.map(|paragraph| {
        let lines = paragraph.lines().filter(|line| !line.starts_with("```"));
        lines.collect::<Vec<_>>().join("\n").replace('`', "")
    });
    let parts: Vec<String> = code.map(str::to_owned).into_iter().chain(plain).collect();
    lsp::MarkupContent {
        kind: lsp::MarkupKind::PlainText,
        value: parts.join("\n\n"),
    }
}

//! Conversion of edits to workspace edits of the protocol.

use std::collections::HashMap;

use gen_lsp_types as lsp;

use crate::session::Snapshot;

/// Edits of several documents; those of open documents carry the version that they are based on.
pub(super) fn workspace_edit(
    snapshot: &Snapshot,
    edits: impl IntoIterator<Item = (lsp::Uri, lsp::TextEdit)>,
) -> lsp::WorkspaceEdit {
    let mut by_file: Vec<(lsp::Uri, Vec<lsp::TextEdit>)> = Vec::new();
    for (uri, edit) in edits {
        match by_file.iter_mut().find(|(known, _)| *known == uri) {
            Some((_, all)) => all.push(edit),
            None => by_file.push((uri, vec![edit])),
        }
    }
    if !snapshot.client.document_changes {
        let changes: HashMap<_, _> = by_file.into_iter().collect();
        return lsp::WorkspaceEdit {
            changes: Some(changes),
            ..lsp::WorkspaceEdit::default()
        };
    }
    let changes = by_file.into_iter().map(|(uri, edits)| {
        let version = snapshot
            .documents
            .get(&uri.0)
            .map(|document| document.version);
        lsp::DocumentChange::TextDocumentEdit(lsp::TextDocumentEdit {
            text_document: lsp::OptionalVersionedTextDocumentIdentifier {
                version,
                text_document_identifier: lsp::TextDocumentIdentifier { uri },
            },
            edits: edits.into_iter().map(lsp::Edit::TextEdit).collect(),
        })
    });
    lsp::WorkspaceEdit {
        document_changes: Some(changes.collect()),
        ..lsp::WorkspaceEdit::default()
    }
}

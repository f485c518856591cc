//! The ways from a place to others: definitions. It does not know how they are found.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::Refusal;
use crate::ide::{ROOT, definition};
use crate::lsp::desk::Desk;
use crate::lsp::library::Library;
use crate::lsp::session::Snapshot;

/// `textDocument/definition`
pub(super) fn definition(
    desk: &mut Desk,
    snapshot: &Arc<Snapshot>,
    params: lsp::DefinitionParams,
) -> Result<Option<lsp::DefinitionResponse>, Refusal> {
    let at = params.text_document_position_params;
    let library = Library::new(desk.outside.cache.clone());
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let Some(way) = definition::definition(&root.checked, ROOT, offset) else {
        return Ok(None);
    };
    let Some(target) = root.location(snapshot, &library, way.to) else {
        return Ok(None);
    };
    if !snapshot.client.definition_links {
        return Ok(Some(lsp::Definition::Location(target).into()));
    }
    let encoding = snapshot.client.encoding;
    let link = lsp::LocationLink {
        origin_selection_range: Some(root.range(encoding, way.from)),
        target_uri: target.uri,
        target_range: root.range(encoding, way.whole),
        target_selection_range: target.range,
    };
    Ok(Some(vec![link].into()))
}

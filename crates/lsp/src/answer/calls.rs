//! Answers for the call hierarchy.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, CheckedRoot};
use crate::library::Library;
use crate::session::Snapshot;
use lockstep_base::source::{FileId, Span};
use lockstep_ide::calls::{self, Call};
use lockstep_ide::{ROOT_FILE, Symbol, SymbolKind};

/// `textDocument/prepareCallHierarchy`
pub(super) fn prepare(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CallHierarchyPrepareParams,
) -> Result<Option<Vec<lsp::CallHierarchyItem>>, AnswerError> {
    let at = params.text_document_position_params;
    let library = cache.library.clone();
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let own = lsp::Uri(root.document.uri.clone());
    let found = calls::callable(&root.checked, ROOT_FILE, offset);
    let found = found.and_then(|symbol| item(root, snapshot, &library, symbol, &own));
    Ok(found.map(|item| vec![item]))
}

/// A symbol as an item of the protocol. It stores the document in which it was resolved.
fn item(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    library: &Library,
    symbol: &Symbol,
    from: &lsp::Uri,
) -> Option<lsp::CallHierarchyItem> {
    let encoding = snapshot.client.encoding;
    Some(lsp::CallHierarchyItem {
        name: symbol.name.to_string(),
        kind: match symbol.kind {
            SymbolKind::Pipeline | SymbolKind::Trigger => lsp::SymbolKind::Event,
            SymbolKind::Kind => lsp::SymbolKind::Interface,
            SymbolKind::Service => lsp::SymbolKind::Class,
            _ => lsp::SymbolKind::Function,
        },
        tags: None,
        detail: Some(symbol.kind.word().to_owned()),
        uri: root.uri(snapshot, library, symbol.at.file)?,
        range: root.range(encoding, symbol.whole),
        selection_range: root.range(encoding, symbol.at),
        data: Some(serde_json::json!({ "from": from.0 })),
    })
}

/// The root in which an item was resolved, and the item's name in it.
fn find<'d>(
    cache: &'d mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    item: &lsp::CallHierarchyItem,
) -> Option<(&'d CheckedRoot, Span, lsp::Uri)> {
    let from = item.data.as_ref().and_then(|data| data.get("from"));
    let from = from
        .and_then(|from| from.as_str())
        .unwrap_or(&item.uri.0)
        .to_owned();
    let document = snapshot.documents.get(&from)?;
    let library = cache.library.clone();
    let (root, _) = cache.root(snapshot, document);
    let files = 0..u32::try_from(root.checked.modules().files.len()).ok()?;
    let mut files = files.map(FileId);
    let file =
        files.find(|file| root.uri(snapshot, &library, *file).as_ref() == Some(&item.uri))?;
    let encoding = snapshot.client.encoding;
    let mut symbols = root.checked.symbols(file).iter();
    let symbol = symbols.find(|it| root.range(encoding, it.at) == item.selection_range)?;
    Some((root, symbol.at, lsp::Uri(from)))
}

/// `callHierarchy/incomingCalls`
pub(super) fn incoming(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CallHierarchyIncomingCallsParams,
) -> Result<Option<Vec<lsp::CallHierarchyIncomingCall>>, AnswerError> {
    let library = cache.library.clone();
    let Some((root, at, from)) = find(cache, snapshot, &params.item) else {
        return Ok(None);
    };
    let Some(symbol) = root.checked.declared(at) else {
        return Ok(None);
    };
    let found = calls::incoming(&root.checked, symbol)
        .into_iter()
        .filter_map(|call| {
            Some(lsp::CallHierarchyIncomingCall {
                from: item(root, snapshot, &library, call.symbol, &from)?,
                from_ranges: ranges(root, snapshot, &call),
            })
        });
    Ok(Some(found.collect()))
}

/// `callHierarchy/outgoingCalls`
pub(super) fn outgoing(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CallHierarchyOutgoingCallsParams,
) -> Result<Option<Vec<lsp::CallHierarchyOutgoingCall>>, AnswerError> {
    let library = cache.library.clone();
    let Some((root, at, from)) = find(cache, snapshot, &params.item) else {
        return Ok(None);
    };
    let Some(symbol) = root.checked.declared(at) else {
        return Ok(None);
    };
    let found = calls::outgoing(&root.checked, symbol)
        .into_iter()
        .filter_map(|call| {
            Some(lsp::CallHierarchyOutgoingCall {
                to: item(root, snapshot, &library, call.symbol, &from)?,
                from_ranges: ranges(root, snapshot, &call),
            })
        });
    Ok(Some(found.collect()))
}

fn ranges(root: &CheckedRoot, snapshot: &Snapshot, call: &Call<'_>) -> Vec<lsp::Range> {
    let encoding = snapshot.client.encoding;
    call.at.iter().map(|at| root.range(encoding, *at)).collect()
}

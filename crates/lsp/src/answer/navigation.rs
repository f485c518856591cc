//! Answers for navigation: definitions, references, highlights, rename.

use std::sync::Arc;

use gen_lsp_types as lsp;
use lsp_server::ErrorCode;

use super::AnswerError;
use super::edits::workspace_edit;
use crate::analysis_cache::{AnalysisCache, CheckedRoot};
use crate::library::Library;
use crate::session::{Document, Snapshot};
use crate::workspace;
use lockstep_base::source::{FileId, Span};
use lockstep_ide::references::RenameError;
use lockstep_ide::{ROOT_FILE, definition, references};

/// `textDocument/definition`
pub(super) fn definition(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DefinitionParams,
) -> Result<Option<lsp::DefinitionResponse>, AnswerError> {
    let at = params.text_document_position_params;
    let library = desk.library.clone();
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let Some(way) = definition::definition(&root.checked, ROOT_FILE, offset) else {
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

/// `textDocument/references`
pub(super) fn references(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::ReferenceParams,
) -> Result<Option<Vec<lsp::Location>>, AnswerError> {
    let at = params.text_document_position_params;
    let declarations = params.context.include_declaration;
    let library = desk.library.clone();
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let Some(named) = root.checked.name_at(ROOT_FILE, offset) else {
        return Ok(None);
    };
    let declared = named.symbol.at;
    let mut found = locations(root, snapshot, &library, declared, declarations);
    let home = root.location(snapshot, &library, declared);
    if let Some(home) = home.filter(|_| !named.symbol.kind.is_local()) {
        let own = at.text_document.uri.0;
        for document in workspace::documents(snapshot, &desk.outside.clone()) {
            if document.uri == own {
                continue;
            }
            desk.with(snapshot, &document, |root| {
                let same = same_place(root, snapshot, &library, &home);
                if let Some(declared) = same {
                    let more = locations(root, snapshot, &library, declared, declarations);
                    found.extend(more);
                }
            });
        }
    }
    found.sort_by(|a, b| (&a.uri.0, a.range).cmp(&(&b.uri.0, b.range)));
    found.dedup();
    Ok(Some(found))
}

fn locations(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    library: &Library,
    declared: Span,
    declarations: bool,
) -> Vec<lsp::Location> {
    let Some(symbol) = root.checked.declared(declared) else {
        return Vec::new();
    };
    let found = references::of_symbol(&root.checked, symbol).into_iter();
    let found = found.filter(|it| declarations || !it.declares);
    found
        .filter_map(|it| root.location(snapshot, library, it.at))
        .collect()
}

/// The span, as another root sees it, of the name at a place.
fn same_place(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    library: &Library,
    place: &lsp::Location,
) -> Option<Span> {
    let files = 0..u32::try_from(root.checked.modules().files.len()).unwrap_or(0);
    let mut files = files.map(FileId);
    let file =
        files.find(|file| root.uri(snapshot, library, *file).as_ref() == Some(&place.uri))?;
    let mut symbols = root.checked.symbols(file).iter();
    let symbol = symbols.find(|it| root.range(snapshot.client.encoding, it.at) == place.range)?;
    Some(symbol.at)
}

/// `textDocument/documentHighlight`
pub(super) fn highlight(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentHighlightParams,
) -> Result<Option<Vec<lsp::DocumentHighlight>>, AnswerError> {
    let at = params.text_document_position_params;
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let found = references::references(&root.checked, ROOT_FILE, offset).into_iter();
    let found = found
        .filter(|it| it.at.file == ROOT_FILE)
        .map(|it| lsp::DocumentHighlight {
            range: root.range(snapshot.client.encoding, it.at),
            kind: Some(match it.declares {
                true => lsp::DocumentHighlightKind::Write,
                false => lsp::DocumentHighlightKind::Read,
            }),
        });
    Ok(Some(found.collect()))
}

/// `textDocument/prepareRename`
pub(super) fn prepare_rename(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::PrepareRenameParams,
) -> Result<Option<lsp::PrepareRenameResult>, AnswerError> {
    let at = params.text_document_position_params;
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let named = references::renamable(&root.checked, ROOT_FILE, offset).map_err(refused)?;
    let place = lsp::PrepareRenamePlaceholder {
        range: root.range(snapshot.client.encoding, named.at),
        placeholder: root.checked.text(named.at).to_owned(),
    };
    Ok(Some(place.into()))
}

fn refused(why: impl std::fmt::Display) -> AnswerError {
    (ErrorCode::RequestFailed, why.to_string())
}

/// `textDocument/rename`
pub(super) fn rename(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::RenameParams,
) -> Result<Option<lsp::WorkspaceEdit>, AnswerError> {
    let at = params.text_document_position_params;
    let to = params.new_name;
    let library = desk.library.clone();
    let Some((root, offset)) = desk.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let checked = &root.checked;
    let places = references::rename(checked, ROOT_FILE, offset, &to).map_err(refused)?;
    let named = checked.name_at(ROOT_FILE, offset);
    let location = |root: &CheckedRoot, span: &Span| root.location(snapshot, &library, *span);
    let mut found: Vec<lsp::Location> = Vec::new();
    found.extend(places.iter().filter_map(|span| location(root, span)));
    // An alias is visible in its file only, a local name in its body.
    let wide = named.filter(|named| {
        !named.symbol.kind.is_local() && checked.text(named.at) == &*named.symbol.name
    });
    let home = wide.and_then(|named| location(root, &named.symbol.at));
    if let (Some(home), false) = (home, places.is_empty()) {
        let own = at.text_document.uri.0;
        for document in workspace::documents(snapshot, &desk.outside.clone()) {
            if document.uri == own {
                continue;
            }
            let more = desk.with(snapshot, &document, |root| {
                let Some(declared) = same_place(root, snapshot, &library, &home) else {
                    return Ok(Vec::new());
                };
                let places = references::rename(&root.checked, declared.file, declared.start, &to)?;
                Ok(places
                    .iter()
                    .filter_map(|span| location(root, span))
                    .collect())
            });
            found.extend(
                more.map_err(|why: RenameError| refused(format!("{}: {why}", name(&document))))?,
            );
        }
    }
    found.sort_by(|a, b| (&a.uri.0, a.range).cmp(&(&b.uri.0, b.range)));
    found.dedup();
    let edits = found.into_iter().map(|place| {
        let edit = lsp::TextEdit {
            range: place.range,
            new_text: to.clone(),
        };
        (place.uri, edit)
    });
    Ok(Some(workspace_edit(snapshot, edits)))
}

fn name(document: &Document) -> &str {
    document.uri.rsplit('/').next().unwrap_or(&document.uri)
}

//! Answers for navigation: definitions, references, highlights.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use super::everywhere::{in_all_checks, with_one_address};
use crate::analysis_cache::AnalysisCache;
use crate::session::Snapshot;
use lockstep_ide::references::NamedPlace;
use lockstep_ide::{ROOT_FILE, definition, references};

/// `textDocument/definition`
pub(super) fn definition(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DefinitionParams,
) -> Result<Option<lsp::DefinitionResponse>, AnswerError> {
    let at = params.text_document_position_params;
    let library = cache.library.clone();
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
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
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::ReferenceParams,
) -> Result<Option<Vec<lsp::Location>>, AnswerError> {
    let at = params.text_document_position_params;
    let declarations = params.context.include_declaration;
    let library = cache.library.clone();
    let mut found: Vec<(lsp::Uri, lsp::Range)> = Vec::new();
    let words = |named: &NamedPlace| vec![named.text.to_string()];
    let is_named = in_all_checks(cache, snapshot, &at, &words, &mut |root, named, _| {
        let own = references::references(&root.checked, &named.thing).into_iter();
        let own = own.filter(|it| declarations || !it.declares);
        found.extend(own.filter_map(|it| {
            let place = root.location(snapshot, &library, it.at)?;
            Some((place.uri, place.range))
        }));
        Ok(())
    })?;
    if !is_named {
        return Ok(None);
    }
    let found = with_one_address(snapshot, cache, found).into_iter();
    let mut found: Vec<lsp::Location> = found
        .map(|(uri, range)| lsp::Location { uri, range })
        .collect();
    found.sort_by(|a, b| (&a.uri.0, a.range).cmp(&(&b.uri.0, b.range)));
    found.dedup();
    Ok(Some(found))
}

/// `textDocument/documentHighlight`
pub(super) fn highlight(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentHighlightParams,
) -> Result<Option<Vec<lsp::DocumentHighlight>>, AnswerError> {
    let at = params.text_document_position_params;
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let named = references::named(&root.checked, ROOT_FILE, offset);
    let found = named.map_or(Vec::new(), |named| {
        references::references(&root.checked, &named.thing)
    });
    let found = found
        .into_iter()
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

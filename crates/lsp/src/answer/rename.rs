//! Answers for renaming: names in all files, and the paths of files that are moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types as lsp;
use lsp_server::ErrorCode;

use super::AnswerError;
use super::edits::workspace_edit;
use super::everywhere::{in_all_checks, with_one_address};
use crate::analysis_cache::AnalysisCache;
use crate::convert::LineIndex;
use crate::session::{Document, Snapshot};
use crate::{uri, workspace};
use lockstep_base::source::Span;
use lockstep_ide::{ROOT_FILE, moves, rename as renames};

/// `textDocument/prepareRename`
pub(super) fn prepare(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::PrepareRenameParams,
) -> Result<Option<lsp::PrepareRenameResult>, AnswerError> {
    let at = params.text_document_position_params;
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let named = renames::renamable(&root.checked, ROOT_FILE, offset).map_err(refused)?;
    let place = lsp::PrepareRenamePlaceholder {
        range: root.range(snapshot.client.encoding, named.at),
        placeholder: named.text.to_string(),
    };
    Ok(Some(place.into()))
}

fn refused(why: impl std::fmt::Display) -> AnswerError {
    (ErrorCode::RequestFailed, why.to_string())
}

/// `textDocument/rename`
pub(super) fn names(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::RenameParams,
) -> Result<Option<lsp::WorkspaceEdit>, AnswerError> {
    let at = params.text_document_position_params;
    let to = params.new_name;
    let library = cache.library.clone();
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    renames::renamable(&root.checked, ROOT_FILE, offset).map_err(refused)?;
    let mut found: Vec<(lsp::Uri, lsp::TextEdit)> = Vec::new();
    // A pattern of a test may come to stand for what is renamed, too.
    let words =
        |named: &lockstep_ide::references::NamedPlace| vec![named.text.to_string(), to.clone()];
    in_all_checks(cache, snapshot, &at, &words, &mut |root, named, is_own| {
        let edits = renames::rename(&root.checked, named, &to);
        let edits = edits.map_err(|why| match is_own {
            true => refused(why),
            false => refused(format!("{}: {why}", name(&root.document))),
        })?;
        found.extend(edits.into_iter().filter_map(|(span, new_text)| {
            let place = root.location(snapshot, &library, span)?;
            let range = place.range;
            Some((place.uri, lsp::TextEdit { range, new_text }))
        }));
        Ok(())
    })?;
    let mut found = with_one_address(snapshot, cache, found);
    let key = |(uri, edit): &(lsp::Uri, lsp::TextEdit)| (uri.0.clone(), edit.range);
    found.sort_by_key(key);
    found.dedup_by_key(|it| key(it));
    Ok(Some(workspace_edit(snapshot, found)))
}

fn name(document: &Document) -> &str {
    document.uri.rsplit('/').next().unwrap_or(&document.uri)
}

/// `workspace/willRenameFiles`: the imports of what is moved, and those that lead to it.
pub(super) fn files(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::RenameFilesParams,
) -> Result<Option<lsp::WorkspaceEdit>, AnswerError> {
    let moved = params.files.iter().filter_map(|it| {
        let (old, new) = (uri::path(&it.old_uri.0)?, uri::path(&it.new_uri.0)?);
        Some((old, new))
    });
    let moved: Vec<(PathBuf, PathBuf)> = moved.collect();
    let new_place = |path: &Path| {
        let found = moved.iter().find_map(|(old, new)| {
            let below = path.strip_prefix(old).ok()?;
            // Joining nothing would add a slash at the end.
            Some(if below.as_os_str().is_empty() {
                new.clone()
            } else {
                new.join(below)
            })
        });
        found.unwrap_or_else(|| path.to_owned())
    };
    let encoding = snapshot.client.encoding;
    let mut edits = Vec::new();
    for document in workspace::documents(snapshot, &cache.outside) {
        let Some(path) = &document.path else {
            continue;
        };
        let changed = moves::imports(&document.text, path, &new_place);
        let lines = LineIndex::of(&document.text);
        edits.extend(changed.into_iter().map(|(span, new_text): (Span, String)| {
            let range = lines.span(&document.text, span, encoding);
            let address = lsp::Uri(document.uri.clone());
            (address, lsp::TextEdit { range, new_text })
        }));
    }
    match edits.is_empty() {
        true => Ok(None),
        false => Ok(Some(workspace_edit(snapshot, edits))),
    }
}

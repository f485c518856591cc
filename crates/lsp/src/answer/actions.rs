//! Answers for code actions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use super::diagnostics::convert;
use super::edits::workspace_edit;
use crate::analysis_cache::AnalysisCache;
use crate::session::{Document, Snapshot};
use crate::workspace;
use lockstep_ide::actions::{Action, ActionKind, Exporter, actions};
use lockstep_ide::{ROOT_FILE, symbols};
use lockstep_lang::resolve;
use lockstep_syntax as syntax;

/// `textDocument/codeAction`
pub(super) fn code(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CodeActionParams,
) -> Result<Option<Vec<lsp::CodeActionResponse>>, AnswerError> {
    // A client that supports only commands cannot apply edits.
    if !snapshot.client.code_actions {
        return Ok(None);
    }
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let encoding = snapshot.client.encoding;
    let at = |place| {
        let offset = document.lines.offset(&document.text, place, encoding);
        u32::try_from(offset).unwrap_or(u32::MAX)
    };
    let range = at(params.range.start)..at(params.range.end);
    // Some editors offer the fixes of the line, wherever in it the cursor is.
    let about = params.context.diagnostics.iter();
    let about: Vec<_> = about
        .map(|it| at(it.range.start)..at(it.range.end))
        .collect();
    let outside = desk.outside.clone();
    let library = desk.library.clone();
    let (root, findings) = desk.findings(snapshot, document);
    let exporters = || {
        let mut found = of_library();
        let all = workspace::documents(snapshot, &outside).into_iter();
        found.extend(all.filter_map(|other| exporter(document, &other)));
        found
    };
    let offered = actions(
        &root.checked,
        ROOT_FILE,
        range,
        &about,
        &findings,
        &exporters,
    );
    let wanted = |action: &Action| match &params.context.only {
        Some(only) => only.iter().any(|kind| includes(kind, action.kind)),
        None => true,
    };
    let found = offered.into_iter().filter(wanted).map(|action| {
        let mended = action.mends.and_then(|place| findings.get(place));
        let mended = mended.map(|it| vec![convert(root.sites(), snapshot, &library, it)]);
        let edits = action.edits.into_iter().filter_map(|(span, text)| {
            let place = root.location(snapshot, &library, span)?;
            let edit = lsp::TextEdit {
                range: place.range,
                new_text: text,
            };
            Some((place.uri, edit))
        });
        let change = lsp::CodeAction {
            title: action.title,
            kind: Some(match action.kind {
                ActionKind::Fix => lsp::CodeActionKind::QuickFix,
                ActionKind::Extract => lsp::CodeActionKind::RefactorExtract,
            }),
            diagnostics: mended,
            is_preferred: action.preferred.then_some(true),
            edit: Some(workspace_edit(snapshot, edits)),
            ..lsp::CodeAction::default()
        };
        lsp::CodeActionResponse::CodeAction(change)
    });
    Ok(Some(found.collect()))
}

/// Whether a kind that the client requests includes ours.
fn includes(asked: &lsp::CodeActionKind, own: ActionKind) -> bool {
    let own = match own {
        ActionKind::Fix => "quickfix",
        ActionKind::Extract => "refactor.extract",
    };
    let asked = asked.to_string();
    asked.is_empty() || own == asked || own.starts_with(&format!("{asked}."))
}

fn of_library() -> Vec<Exporter> {
    let paths = resolve::library_paths();
    paths
        .filter_map(|path| {
            let names = names(resolve::library_file(&path)?);
            Some(Exporter { path, names })
        })
        .collect()
}

/// Another file, as an import in `document` would name it.
fn exporter(document: &Document, other: &Document) -> Option<Exporter> {
    if document.uri == other.uri {
        return None;
    }
    let folder = document.path.as_deref()?.parent()?;
    let path = relative(folder, other.path.as_deref()?)?;
    Some(Exporter {
        path,
        names: names(&other.text),
    })
}

fn names(text: &str) -> Vec<String> {
    let parse = syntax::parse(ROOT_FILE, text);
    let all = symbols(&parse.file).into_iter();
    let own = all.filter(|symbol| symbol.within.is_none());
    own.map(|symbol| symbol.name.to_string()).collect()
}

/// A path as seen from a folder: `./a.deploy`, `../b/c.deploy`.
fn relative(folder: &Path, file: &Path) -> Option<String> {
    let mut up = 0;
    let mut from = folder;
    let rest: PathBuf = loop {
        if let Ok(rest) = file.strip_prefix(from) {
            break rest.to_path_buf();
        }
        from = from.parent()?;
        up += 1;
    };
    let rest = rest.to_string_lossy().replace('\\', "/");
    Some(match up {
        0 => format!("./{rest}"),
        _ => format!("{}{rest}", "../".repeat(up)),
    })
}

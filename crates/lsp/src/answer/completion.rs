//! Answers for completion and signature help.

use std::cell::RefCell;
use std::sync::Arc;

use gen_lsp_types as lsp;

use super::hover::markup;
use super::{AnswerError, settings};
use crate::analysis_cache::AnalysisCache;
use crate::client::Client;
use crate::convert::Encoding;
use crate::session::Snapshot;
use crate::workspace;
use lockstep_ide::complete::{
    Completion, CompletionKind, Surroundings, complete, complete_pattern, pattern_at,
};
use lockstep_ide::{ROOT_FILE, signature};
use lockstep_lint as lint;

/// `textDocument/completion`
pub(super) fn completion(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::CompletionParams,
) -> Result<Option<lsp::CompletionResponse>, AnswerError> {
    let at = params.text_document_position_params;
    if let Some(document) = snapshot.settings.get(&at.text_document.uri.0) {
        let found = settings::completion(&cache.outside, snapshot, document, at.position);
        return Ok(found);
    }
    let Some(document) = snapshot.documents.get(&at.text_document.uri.0) else {
        return Ok(None);
    };
    let client = &snapshot.client;
    let offset = document
        .lines
        .offset(&document.text, at.position, client.encoding);
    let found = match pattern_at(&document.text, offset) {
        Some(content) => {
            // What a pattern stands for is in other bodies than the one around the cursor.
            let (root, _) = cache.root(snapshot, document);
            complete_pattern(&root.checked, &document.text, offset, content)
        }
        None => {
            // The check and the list of exports both change the cache, one after the other.
            let cache = RefCell::new(cache);
            let mut check = |text: &str, watched: u32| {
                let mut cache = cache.borrow_mut();
                cache.check_or_cached(snapshot, document, text, watched)
            };
            let rules: Vec<_> = lint::rules()
                .iter()
                .map(|rule| (rule.name, rule.code.title()))
                .collect();
            let surroundings = Surroundings {
                sources: &|folder| workspace::sources_beside(document, folder),
                files: &|folder| workspace::files_beside(document, folder),
                exporters: &|| cache.borrow_mut().exporters(snapshot, document),
                rules: &rules,
            };
            complete(&document.text, offset, &mut check, &surroundings)
        }
    };
    let Some(replace) = found.replace else {
        return Ok(None);
    };
    let range = document
        .lines
        .span(&document.text, replace, client.encoding);
    let mut items = found.items;
    items.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
    items.dedup_by(|a, b| a.label == b.label && a.kind == b.kind && a.import == b.import);
    let place = |span| document.lines.span(&document.text, span, client.encoding);
    let items = items
        .into_iter()
        .map(|mut item| {
            let import = item.import.take().map(|(span, new_text)| lsp::TextEdit {
                range: place(span),
                new_text,
            });
            lsp::CompletionItem {
                additional_text_edits: import.map(|edit| vec![edit]),
                ..convert(client, item, range)
            }
        })
        .collect();
    // If the list is incomplete, the editor must ask again when typed text is deleted.
    Ok(Some(match found.partial {
        true => lsp::CompletionResponse::CompletionList(lsp::CompletionList {
            is_incomplete: true,
            items,
            ..lsp::CompletionList::default()
        }),
        false => lsp::CompletionResponse::CompletionItemList(items),
    }))
}

fn convert(client: &Client, item: Completion, range: lsp::Range) -> lsp::CompletionItem {
    let snippet = item.snippet.filter(|_| client.snippets);
    let format = snippet.is_some().then_some(lsp::InsertTextFormat::Snippet);
    let text = snippet
        .or(item.insert)
        .unwrap_or_else(|| item.label.clone());
    let doc = item
        .doc
        .map(|doc| markup(client.completion_markdown, None, &[doc]));
    let edit = lsp::TextEdit {
        range,
        new_text: text,
    };
    lsp::CompletionItem {
        kind: Some(kind(item.kind)),
        detail: item.detail,
        documentation: doc.map(Into::into),
        sort_text: Some(format!("{}{}", item.rank, item.label)),
        filter_text: None,
        insert_text_format: format,
        text_edit: Some(edit.into()),
        label: item.label,
        ..lsp::CompletionItem::default()
    }
}

fn kind(kind: CompletionKind) -> lsp::CompletionItemKind {
    use lsp::CompletionItemKind as Kind;
    match kind {
        CompletionKind::Keyword => Kind::Keyword,
        CompletionKind::Value => Kind::Constant,
        CompletionKind::Variable | CompletionKind::Parameter => Kind::Variable,
        CompletionKind::Service => Kind::Class,
        CompletionKind::Environment => Kind::Module,
        CompletionKind::Infrastructure => Kind::Unit,
        CompletionKind::Kind => Kind::Interface,
        CompletionKind::Field => Kind::Field,
        CompletionKind::Function | CompletionKind::Workflow | CompletionKind::Action => {
            Kind::Function
        }
        CompletionKind::Pipeline => Kind::Event,
        CompletionKind::Namespace => Kind::Module,
        CompletionKind::File => Kind::File,
        CompletionKind::Type => Kind::TypeParameter,
        CompletionKind::Word => Kind::EnumMember,
    }
}

/// `textDocument/signatureHelp`
pub(super) fn signature(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::SignatureHelpParams,
) -> Result<Option<lsp::SignatureHelp>, AnswerError> {
    let at = params.text_document_position_params;
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(None);
    };
    let Some(found) = signature::signature(&root.checked, ROOT_FILE, offset) else {
        return Ok(None);
    };
    let client = &snapshot.client;
    let doc =
        |doc: Option<String>| doc.map(|doc| markup(client.signature_markdown, None, &[doc]).into());
    let mut from = 0;
    let mut parameters = Vec::new();
    for param in found.params {
        let label = if client.label_offsets {
            let (start, end) = span_of(&found.label, &param.label, &mut from);
            lsp::ParameterInformationLabel::Tuple((start, end))
        } else {
            lsp::ParameterInformationLabel::String(param.label)
        };
        parameters.push(lsp::ParameterInformation {
            label,
            documentation: doc(param.doc),
        });
    }
    let active = found.active.and_then(|active| u32::try_from(active).ok());
    let information = lsp::SignatureInformation {
        label: found.label,
        documentation: doc(found.doc),
        parameters: Some(parameters),
        active_parameter: None,
    };
    Ok(Some(lsp::SignatureHelp {
        signatures: vec![information],
        active_signature: Some(0),
        active_parameter: active.map(Into::into),
    }))
}

/// The offsets of a parameter in its signature, in UTF-16 units as the protocol requires.
fn span_of(label: &str, param: &str, from: &mut usize) -> (u32, u32) {
    let rest = label.get(*from..).unwrap_or("");
    let start = *from + rest.find(param).unwrap_or(0);
    *from = start + param.len();
    let units = |end: usize| Encoding::Utf16.length(label.get(..end).unwrap_or(""));
    (units(start), units(*from))
}

//! The answers to requests: one file for each group of requests.

mod actions;
mod calls;
pub(super) mod coloring;
mod completion;
pub(super) mod diagnostics;
mod edits;
mod everywhere;
mod formatting;
mod hints;
mod hover;
mod navigation;
mod rename;
mod settings;
mod structure;
mod symbols;

use std::sync::Arc;

use gen_lsp_types as lsp;
use lsp_server::ErrorCode;
use serde_json::Value;

use super::analysis_cache::AnalysisCache;
use super::session::Snapshot;

/// Why a request has no result.
pub(super) type AnswerError = (ErrorCode, String);

type RequestHandler<R> = fn(
    &mut AnalysisCache,
    &Arc<Snapshot>,
    <R as lsp::Request>::Params,
) -> Result<<R as lsp::Request>::Result, AnswerError>;

/// Answers a request.
pub(super) fn answer(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    method: &str,
    params: Value,
) -> Result<Value, AnswerError> {
    let mut asked = PendingRequest {
        cache,
        snapshot,
        method,
        params: Some(params),
        answer: None,
    };
    asked
        .on::<lsp::HoverRequest>(hover::hover)
        .on::<lsp::CompletionRequest>(completion::completion)
        .on::<lsp::SignatureHelpRequest>(completion::signature)
        .on::<lsp::DefinitionRequest>(navigation::definition)
        .on::<lsp::CodeActionRequest>(actions::code)
        .on::<lsp::InlayHintRequest>(hints::inlay)
        .on::<lsp::CodeLensRequest>(hints::code)
        .on::<lsp::DocumentFormattingRequest>(formatting::whole)
        .on::<lsp::DocumentRangeFormattingRequest>(formatting::range)
        .on::<lsp::ReferencesRequest>(navigation::references)
        .on::<lsp::DocumentHighlightRequest>(navigation::highlight)
        .on::<lsp::PrepareRenameRequest>(rename::prepare)
        .on::<lsp::RenameRequest>(rename::names)
        .on::<lsp::WillRenameFilesRequest>(rename::files)
        .on::<lsp::DocumentSymbolRequest>(symbols::of_document)
        .on::<lsp::WorkspaceSymbolRequest>(symbols::of_workspace)
        .on::<lsp::SemanticTokensRequest>(coloring::full)
        .on::<lsp::SemanticTokensRangeRequest>(coloring::range)
        .on::<lsp::SemanticTokensDeltaRequest>(coloring::delta)
        .on::<lsp::FoldingRangeRequest>(structure::folds)
        .on::<lsp::SelectionRangeRequest>(structure::selections)
        .on::<lsp::DocumentLinkRequest>(structure::links)
        .on::<lsp::CallHierarchyPrepareRequest>(calls::prepare)
        .on::<lsp::CallHierarchyIncomingCallsRequest>(calls::incoming)
        .on::<lsp::CallHierarchyOutgoingCallsRequest>(calls::outgoing)
        .on::<lsp::DocumentDiagnosticRequest>(diagnostics::pull)
        .on::<lsp::WorkspaceDiagnosticRequest>(diagnostics::pull_all);
    asked.answer.unwrap_or_else(|| {
        let why = format!("unknown method `{method}`");
        Err((ErrorCode::MethodNotFound, why))
    })
}

/// A request while its handler is being looked up.
struct PendingRequest<'a> {
    cache: &'a mut AnalysisCache,
    snapshot: &'a Arc<Snapshot>,
    method: &'a str,
    params: Option<Value>,
    answer: Option<Result<Value, AnswerError>>,
}

impl PendingRequest<'_> {
    /// Answers if this is the requested method.
    fn on<R: lsp::Request>(&mut self, handler: RequestHandler<R>) -> &mut Self {
        if self.method != R::METHOD.as_str() || self.answer.is_some() {
            return self;
        }
        let params = self.params.take().unwrap_or_default();
        let params = serde_json::from_value(params).map_err(|error| {
            let why = format!("wrong parameters for `{}`: {error}", self.method);
            (ErrorCode::InvalidParams, why)
        });
        let result = params.and_then(|params| handler(self.cache, self.snapshot, params));
        self.answer = Some(result.and_then(|result| {
            serde_json::to_value(result)
                .map_err(|error| (ErrorCode::InternalError, error.to_string()))
        }));
        self
    }
}

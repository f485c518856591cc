//! Completions. It does not know what fits where.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::Refusal;
use crate::lsp::desk::Desk;
use crate::lsp::session::Snapshot;

/// `textDocument/completion`
pub(super) fn completion(
    _desk: &mut Desk,
    _snapshot: &Arc<Snapshot>,
    _params: lsp::CompletionParams,
) -> Result<Option<lsp::CompletionResponse>, Refusal> {
    Ok(None)
}

//! The client capabilities, as sent with `initialize`. What the client does not announce counts as
//! unsupported.

use std::path::PathBuf;

use gen_lsp_types::PositionEncodingKind;
use serde_json::Value;

use super::convert::Encoding;
use super::uri;

/// The path of its capabilities for signature help.
const SIGNATURE_CAPABILITY: &str = "textDocument/signatureHelp/signatureInformation";

/// The capabilities of a client, and its folders.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    /// The position encoding.
    pub(super) encoding: Encoding,
    /// It shows Markdown in hovers.
    pub(super) hover_markdown: bool,
    /// It shows Markdown in completions.
    pub(super) completion_markdown: bool,
    /// It shows Markdown in signatures.
    pub(super) signature_markdown: bool,
    /// It can highlight a parameter by its offsets in the signature.
    pub(super) label_offsets: bool,
    /// It supports snippets.
    pub(super) snippets: bool,
    /// It supports definition links.
    pub(super) definition_links: bool,
    /// It supports nested symbols.
    pub(super) symbol_tree: bool,
    /// It supports edits of a certain version of a document.
    pub(super) document_changes: bool,
    /// It supports code actions that are more than commands.
    pub(super) code_actions: bool,
    /// It shows related locations of a diagnostic.
    pub(super) related: bool,
    /// It supports diagnostic tags and fades unnecessary code.
    pub(super) tags: bool,
    /// It pulls diagnostics.
    pub(super) pulls: bool,
    /// It takes the diagnostics of other files together with those of a document that it pulls.
    pub(super) related_documents: bool,
    /// It can open the page of a code.
    pub(super) code_pages: bool,
    /// It opens documents that the server names.
    pub(super) shows_documents: bool,
    /// Its grammar colours words, texts, numbers and types by itself: it needs names alone.
    pub(super) has_grammar: bool,
    /// The commands that it has itself, for the lenses.
    pub(super) commands: Vec<String>,
    /// It supports registration of file watchers.
    pub(super) watches: bool,
    /// It supports `prepareRename`.
    pub(super) prepares: bool,
    /// It combines the server's tokens with its own highlighting.
    pub(super) augments: bool,
    /// It only folds whole lines.
    pub(super) folds_lines: bool,
    /// Its workspace folders.
    pub(super) folders: Vec<PathBuf>,
}

impl Client {
    /// The capabilities in the parameters of `initialize`. Malformed ones count as missing.
    pub(super) fn new(params: &Value) -> Self {
        let can = |path: &str| params.pointer(&format!("/capabilities/{path}"));
        let yes = |path: &str| can(path).and_then(Value::as_bool).unwrap_or(false);
        let list = |path: &str, word: &str| {
            let list = can(path).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|it| it.as_str() == Some(word)))
        };
        let offered = can("general/positionEncodings")
            .cloned()
            .unwrap_or_default();
        let offered: Vec<PositionEncodingKind> =
            serde_json::from_value(offered).unwrap_or_default();
        let markdown = |path: &str| list(path, "markdown");
        Self {
            encoding: Encoding::choose(&offered),
            hover_markdown: markdown("textDocument/hover/contentFormat"),
            completion_markdown: markdown(
                "textDocument/completion/completionItem/documentationFormat",
            ),
            signature_markdown: markdown(&format!("{SIGNATURE_CAPABILITY}/documentationFormat")),
            label_offsets: yes(&format!(
                "{SIGNATURE_CAPABILITY}/parameterInformation/labelOffsetSupport"
            )),
            snippets: yes("textDocument/completion/completionItem/snippetSupport"),
            definition_links: yes("textDocument/definition/linkSupport"),
            symbol_tree: yes("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            document_changes: yes("workspace/workspaceEdit/documentChanges"),
            code_actions: can("textDocument/codeAction/codeActionLiteralSupport").is_some(),
            related: yes("textDocument/publishDiagnostics/relatedInformation")
                || yes("textDocument/diagnostic/relatedInformation"),
            tags: can("textDocument/publishDiagnostics/tagSupport").is_some()
                || can("textDocument/diagnostic/tagSupport").is_some(),
            // Slower findings are available later: the client must support a refresh.
            pulls: can("textDocument/diagnostic").is_some()
                && yes("workspace/diagnostics/refreshSupport"),
            related_documents: yes("textDocument/diagnostic/relatedDocumentSupport"),
            code_pages: yes("textDocument/publishDiagnostics/codeDescriptionSupport")
                || yes("textDocument/diagnostic/codeDescriptionSupport"),
            shows_documents: yes("window/showDocument/support"),
            has_grammar: yes("experimental/lockstepGrammar"),
            commands: commands(can("experimental/lockstepCommands")),
            watches: yes("workspace/didChangeWatchedFiles/dynamicRegistration"),
            prepares: yes("textDocument/rename/prepareSupport"),
            augments: yes("textDocument/semanticTokens/augmentsSyntaxTokens"),
            folds_lines: yes("textDocument/foldingRange/lineFoldingOnly"),
            folders: folders(params),
        }
    }
}

/// The protocol has no capability for the commands of an editor: this one is ours.
fn commands(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn folders(params: &Value) -> Vec<PathBuf> {
    let path = |value: &Value| uri::path(value.as_str()?);
    if let Some(folders) = params.get("workspaceFolders").and_then(Value::as_array) {
        let uris = folders.iter().filter_map(|folder| folder.get("uri"));
        return uris.filter_map(path).collect();
    }
    let root = params.get("rootUri").and_then(path);
    let old = || {
        params
            .get("rootPath")
            .and_then(Value::as_str)
            .map(PathBuf::from)
    };
    root.or_else(old).into_iter().collect()
}

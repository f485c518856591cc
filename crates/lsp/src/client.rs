//! What the client said about itself when it began. What it did not say, it cannot do.
//! It does not know what the server makes of it.

use std::path::PathBuf;

use gen_lsp_types::PositionEncodingKind;
use serde_json::Value;

use super::convert::Encoding;
use super::uri;

/// Where it says what it can do with signatures.
const SIGNATURE: &str = "textDocument/signatureHelp/signatureInformation";

/// What a client can do, and where it works.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    /// What it counts in a line.
    pub(super) encoding: Encoding,
    /// It shows Markdown in hovers.
    pub(super) hover_markdown: bool,
    /// It shows Markdown beside completions.
    pub(super) completion_markdown: bool,
    /// It shows Markdown beside signatures.
    pub(super) signature_markdown: bool,
    /// It can point out a parameter by its place in the signature.
    pub(super) label_offsets: bool,
    /// It fills in the gaps of snippets.
    pub(super) snippets: bool,
    /// It understands definitions with the text that leads there.
    pub(super) definition_links: bool,
    /// It understands symbols inside of symbols.
    pub(super) symbol_tree: bool,
    /// It takes changes of a certain version of a document.
    pub(super) document_changes: bool,
    /// It takes actions that are more than commands.
    pub(super) code_actions: bool,
    /// It shows further places of a diagnostic.
    pub(super) related: bool,
    /// It fades what is of no use.
    pub(super) tags: bool,
    /// It asks for diagnostics itself.
    pub(super) pulls: bool,
    /// It can be asked to tell of files that change.
    pub(super) watches: bool,
    /// It says where a rename would begin even if it is only asked whether there is one.
    pub(super) prepares: bool,
    /// It puts the server's colours over its own.
    pub(super) augments: bool,
    /// It only folds whole lines.
    pub(super) folds_lines: bool,
    /// The folders that are open in it.
    pub(super) folders: Vec<PathBuf>,
}

impl Client {
    /// What the parameters of `initialize` say. What cannot be understood counts as not said.
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
            signature_markdown: markdown(&format!("{SIGNATURE}/documentationFormat")),
            label_offsets: yes(&format!(
                "{SIGNATURE}/parameterInformation/labelOffsetSupport"
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
            // Findings that take longer come later: the client must be able to ask again.
            pulls: can("textDocument/diagnostic").is_some()
                && yes("workspace/diagnostics/refreshSupport"),
            watches: yes("workspace/didChangeWatchedFiles/dynamicRegistration"),
            prepares: yes("textDocument/rename/prepareSupport"),
            augments: yes("textDocument/semanticTokens/augmentsSyntaxTokens"),
            folds_lines: yes("textDocument/foldingRange/lineFoldingOnly"),
            folders: folders(params),
        }
    }
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

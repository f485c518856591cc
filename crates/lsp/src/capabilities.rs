//! The server capabilities that `initialize` announces.

use serde_json::{Value, json};

use super::answer::coloring;
use super::client::Client;
use super::commands;

/// The answer to `initialize`.
pub(super) fn result(client: &Client) -> Value {
    let rename = match client.prepares {
        true => json!({ "prepareProvider": true }),
        false => json!(true),
    };
    let mut capabilities = json!({
        "positionEncoding": client.encoding.kind(),
        "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
        "hoverProvider": true,
        "completionProvider": {
            "triggerCharacters": [".", "\"", "/", "<", "("],
            "resolveProvider": false,
        },
        "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "renameProvider": rename,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "semanticTokensProvider": {
            "legend": {
                "tokenTypes": coloring::TOKEN_TYPES,
                "tokenModifiers": coloring::TOKEN_MODIFIERS,
            },
            "full": { "delta": true },
            "range": true,
        },
        "codeActionProvider": {
            "codeActionKinds": ["quickfix", "refactor.extract", "source.fixAll"],
        },
        "codeLensProvider": { "resolveProvider": false },
        "inlayHintProvider": true,
        "documentFormattingProvider": true,
        "documentRangeFormattingProvider": true,
        "foldingRangeProvider": true,
        "selectionRangeProvider": true,
        "documentLinkProvider": { "resolveProvider": false },
        "callHierarchyProvider": true,
        "workspace": {
            "workspaceFolders": { "supported": true, "changeNotifications": true },
            "fileOperations": { "willRename": { "filters": [
                { "scheme": "file", "pattern": { "glob": "**/*.deploy", "matches": "file" } },
                { "scheme": "file", "pattern": { "glob": "**", "matches": "folder" } },
            ] } },
        },
    });
    let commands: Vec<&str> = commands::offered(client).collect();
    if !commands.is_empty()
        && let Some(fields) = capabilities.as_object_mut()
    {
        let provider = json!({ "commands": commands });
        fields.insert("executeCommandProvider".into(), provider);
    }
    if client.pulls
        && let Some(fields) = capabilities.as_object_mut()
    {
        // What is wrong in files that are not open comes in one of two ways, not in both.
        let provider = json!({
            "interFileDependencies": true,
            "workspaceDiagnostics": !client.related_documents,
        });
        fields.insert("diagnosticProvider".into(), provider);
    }
    json!({
        "capabilities": capabilities,
        "serverInfo": { "name": "lockstep", "version": env!("CARGO_PKG_VERSION") },
    })
}

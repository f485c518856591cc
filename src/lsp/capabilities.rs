//! What the server says that it can do. It does not know how.

use serde_json::{Value, json};

use super::client::Client;

/// The answer to `initialize`.
pub(super) fn result(client: &Client) -> Value {
    let mut capabilities = json!({
        "positionEncoding": client.encoding.kind(),
        "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
        "hoverProvider": true,
        "completionProvider": {
            "triggerCharacters": [".", "\"", "/", "<"],
            "resolveProvider": false,
        },
        "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
        "definitionProvider": true,
    });
    if client.pulls
        && let Some(fields) = capabilities.as_object_mut()
    {
        let provider = json!({ "interFileDependencies": true, "workspaceDiagnostics": false });
        fields.insert("diagnosticProvider".into(), provider);
    }
    json!({
        "capabilities": capabilities,
        "serverInfo": { "name": "lockstep", "version": env!("CARGO_PKG_VERSION") },
    })
}

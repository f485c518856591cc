//! What is wrong in files that are not open, for clients that pull diagnostics.

use serde_json::{Value, json};

use crate::support::editor::{Editor, address};

/// A client that pulls diagnostics, with or without those of other files in the same answer.
fn client(folder: &std::path::Path, related: bool) -> Editor {
    let able = json!({
        "textDocument": { "diagnostic": { "relatedDocumentSupport": related } },
        "workspace": { "diagnostics": { "refreshSupport": true } },
    });
    Editor::new(folder, &able)
}

/// A folder with a file that imports another one, in which something is wrong.
fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("a path");
    std::fs::write(path.join("parts.deploy"), "let broken = unknwn\n").expect("written");
    (folder, path)
}

const MAIN: &str = "from \"./parts.deploy\" import broken\n\nlet more = broken\n";

fn codes(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().expect("a full report");
    items.iter().filter_map(|it| it["code"].as_str()).collect()
}

#[test]
fn mistakes_of_an_imported_file_come_with_the_document() {
    let (_folder, path) = folder();
    let mut editor = client(&path, true);
    let provider = &editor.server["capabilities"]["diagnosticProvider"];
    assert_eq!(provider["workspaceDiagnostics"], false);
    let (main, parts) = (
        address(&path.join("main.deploy")),
        address(&path.join("parts.deploy")),
    );
    editor.open(&main, MAIN);
    let mut params = json!({ "textDocument": { "uri": main } });
    let answer = editor.ask("textDocument/diagnostic", params.clone());
    let report = &answer["result"];
    assert_eq!(codes(&report["relatedDocuments"][&parts]), ["E0201"]);
    // Nothing has changed, and the client has been told what is wrong elsewhere.
    params["previousResultId"] = report["resultId"].clone();
    let again = editor.ask("textDocument/diagnostic", params.clone());
    assert_eq!(again["result"]["kind"], "unchanged");
    // The file is open now: it has its mistakes by itself.
    editor.open(&parts, "let broken = unknwn\n");
    let own = editor.ask(
        "textDocument/diagnostic",
        json!({ "textDocument": { "uri": parts } }),
    );
    assert_eq!(codes(&own["result"]), ["E0201"]);
    let again = editor.ask("textDocument/diagnostic", params.clone());
    assert_eq!(again["result"]["relatedDocuments"], json!({}));
    // It is mended on disk and closed: what was shown of it goes.
    editor.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": parts } }),
    );
    editor.ask("textDocument/diagnostic", params.clone());
    std::fs::write(path.join("parts.deploy"), "let broken = 1\n").expect("written");
    editor.tell(
        "workspace/didChangeWatchedFiles",
        json!({ "changes": [{ "uri": parts, "type": 2 }] }),
    );
    let mended = editor.ask("textDocument/diagnostic", params);
    let gone: [&str; 0] = [];
    assert_eq!(codes(&mended["result"]["relatedDocuments"][&parts]), gone);
}

#[test]
fn mistakes_of_an_imported_file_are_in_the_workspace() {
    let (_folder, path) = folder();
    let mut editor = client(&path, false);
    let provider = &editor.server["capabilities"]["diagnosticProvider"];
    assert_eq!(provider["workspaceDiagnostics"], true);
    let (main, parts) = (
        address(&path.join("main.deploy")),
        address(&path.join("parts.deploy")),
    );
    editor.open(&main, MAIN);
    let report = |answer: &Value| {
        let items = answer["result"]["items"].as_array().expect("reports");
        let mut own = items.iter().filter(|it| it["uri"] == parts.as_str());
        own.next().cloned()
    };
    let answer = editor.ask("workspace/diagnostic", json!({ "previousResultIds": [] }));
    let first = report(&answer).expect("a report");
    assert_eq!(codes(&first), ["E0201"]);
    let known = json!({
        "previousResultIds": [{ "uri": parts, "value": first["resultId"] }],
    });
    let again = editor.ask("workspace/diagnostic", known.clone());
    assert_eq!(report(&again).expect("a report")["kind"], "unchanged");
    // Nothing imports it any more.
    editor.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": main } }),
    );
    let gone = editor.ask("workspace/diagnostic", known);
    let none: [&str; 0] = [];
    assert_eq!(codes(&report(&gone).expect("a report")), none);
}

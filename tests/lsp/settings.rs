//! An open `lockstep.toml`: its mistakes, completion and hovers.

use serde_json::{Value, json};

use crate::support::editor::{Editor, address};

const SETTINGS: &str = "file = \"main.deploy\"\nlanguage = \"3\"\n\n[lint]\nunused-imprt = \"off\"\n\
                        unused-value = \"\"\n";

/// An editor with these settings open.
fn opened(folder: &std::path::Path, name: &str, text: &str) -> (Editor, String) {
    let mut editor = Editor::new(folder, &json!({}));
    let uri = address(&folder.join(name));
    let document = json!({ "uri": uri, "languageId": "toml", "version": 1, "text": text });
    editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
    (editor, uri)
}

fn asked(editor: &mut Editor, uri: &str, what: &str, (line, character): (u32, u32)) -> Value {
    let at = json!({ "line": line, "character": character });
    let params = json!({ "textDocument": { "uri": uri }, "position": at });
    editor.ask(&format!("textDocument/{what}"), params)["result"].take()
}

fn labels(items: &Value) -> Vec<&str> {
    let items = items.as_array().expect("a list");
    items
        .iter()
        .filter_map(|item| item["label"].as_str())
        .collect()
}

#[test]
fn mistakes_of_the_settings_are_those_of_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut editor, uri) = opened(folder.path(), "lockstep.toml", SETTINGS);
    let told = editor.wait(|it| it["method"] == "textDocument/publishDiagnostics");
    assert_eq!(told["params"]["uri"], uri);
    let found = told["params"]["diagnostics"].as_array().expect("a list");
    let messages: Vec<&str> = found
        .iter()
        .filter_map(|it| it["message"].as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "edition `3` of the language is not known; this version knows `2`",
            "there is no rule `unused-imprt`\ndid you mean `unused-import` or `unused-input`?",
            "there is no level ``\na level is `off`, `warn` or `error`",
        ]
    );
    assert_eq!(
        found[1]["range"]["start"],
        json!({ "line": 4, "character": 0 })
    );
    let change = json!({
        "textDocument": { "uri": uri, "version": 2 },
        "contentChanges": [{ "text": "language = \"2\"\n" }],
    });
    editor.tell("textDocument/didChange", change);
    let told = editor.wait(|it| it["method"] == "textDocument/publishDiagnostics");
    assert_eq!(told["params"]["diagnostics"], json!([]));
}

#[test]
fn keys_and_their_values_are_offered_and_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut editor, uri) = opened(folder.path(), "lockstep.toml", SETTINGS);
    let found = asked(&mut editor, &uri, "completion", (2, 0));
    assert_eq!(
        labels(&found),
        ["file", "groups", "language", "lint", "serve", "state"]
    );
    assert_eq!(found[1]["textEdit"]["newText"], "[groups]");
    assert_eq!(found[4]["textEdit"]["newText"], "[serve]");
    assert_eq!(found[5]["textEdit"]["newText"], "state = ");
    let found = asked(&mut editor, &uri, "completion", (0, 2));
    assert_eq!(found[5]["textEdit"]["newText"], "state");
    let found = asked(&mut editor, &uri, "completion", (1, 13));
    assert_eq!(labels(&found), ["\"2\""]);
    let found = asked(&mut editor, &uri, "completion", (4, 5));
    assert!(labels(&found).contains(&"unused-import"), "{found}");
    let found = asked(&mut editor, &uri, "completion", (5, 16));
    assert_eq!(labels(&found), ["\"off\"", "\"warn\"", "\"error\""]);
    assert_eq!(
        found[0]["textEdit"]["range"],
        json!({
            "start": { "line": 5, "character": 15 }, "end": { "line": 5, "character": 17 },
        })
    );
    let found = asked(&mut editor, &uri, "hover", (5, 3));
    assert!(found.to_string().contains("L0104"), "{found}");
    let found = asked(&mut editor, &uri, "hover", (3, 2));
    assert!(found.to_string().contains("levels of the rules"), "{found}");
    assert_eq!(asked(&mut editor, &uri, "hover", (1, 13)), Value::Null);
}

#[test]
fn of_other_toml_files_nothing_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut editor, uri) = opened(folder.path(), "Cargo.toml", "[package\n");
    assert_eq!(asked(&mut editor, &uri, "hover", (0, 3)), Value::Null);
    assert_eq!(asked(&mut editor, &uri, "completion", (0, 3)), Value::Null);
    let quiet = json!({ "textDocument": { "uri": uri } });
    editor.ask("textDocument/documentSymbol", quiet);
}

//! Commands of the server, for editors that have none of their own, and the action that fixes all.

use serde_json::{Value, json};

use crate::support::editor::{Editor, address};

const FILE: &str =
    "pipeline p {\n  log \"x\"\n}\n\ntest \"t\" {\n  start p\n  expect p succeeded\n}\n";

/// A client that can show documents, or not, and a file in its folder.
fn client(shows: bool, text: &str) -> (tempfile::TempDir, Editor, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("a path");
    std::fs::write(path.join("main.deploy"), text).expect("written");
    let able = json!({ "window": { "showDocument": { "support": shows } } });
    let mut editor = Editor::new(&path, &able);
    let uri = address(&path.join("main.deploy"));
    editor.open(&uri, text);
    (folder, editor, uri)
}

fn execute(editor: &mut Editor, command: &str, arguments: Value) -> Value {
    let params = json!({ "command": command, "arguments": arguments });
    editor.ask("workspace/executeCommand", params)
}

fn message(editor: &mut Editor) -> String {
    let told = editor.wait(|message| message["method"] == "window/showMessage");
    let text = told["params"]["message"].as_str();
    text.expect("a text").to_owned()
}

#[test]
fn a_file_is_planned_checked_and_tested() {
    let (_folder, mut editor, uri) = client(false, FILE);
    let offered = &editor.server["capabilities"]["executeCommandProvider"]["commands"];
    assert_eq!(
        *offered,
        json!(["lockstep.plan", "lockstep.check", "lockstep.test"])
    );
    let answer = execute(&mut editor, "lockstep.plan", json!([uri, "p"]));
    assert!(answer["result"].as_str().expect("a text").contains("p: "));
    assert!(message(&mut editor).starts_with("p: "));
    execute(&mut editor, "lockstep.check", json!([uri]));
    assert!(!message(&mut editor).contains("error"));
    execute(&mut editor, "lockstep.test", json!([uri, "t"]));
    assert!(message(&mut editor).contains("1 passed"));
    for (command, arguments) in [
        ("lockstep.run", json!([uri])),
        ("lockstep.plan", json!([])),
        ("lockstep.plan", json!(["untitled:1"])),
    ] {
        let answer = execute(&mut editor, command, arguments);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
}

#[test]
fn a_long_result_is_a_document_and_says_that_it_is_about_the_saved_file() {
    let (_folder, mut editor, uri) = client(true, FILE);
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": uri, "version": 2 },
            "contentChanges": [{ "text": "pipeline other { log \"y\" }\n" }],
        }),
    );
    let answer = execute(&mut editor, "lockstep.plan", json!([uri]));
    let text = answer["result"].as_str().expect("a text");
    assert!(text.starts_with("The file has changes that are not saved"));
    let told = editor.wait(|message| message["method"] == "window/showDocument");
    assert!(told["id"].is_string());
    let shown = told["params"]["uri"].as_str().expect("an address");
    let shown = std::fs::read_to_string(shown.trim_start_matches("file://"));
    assert_eq!(shown.expect("a file").trim_end(), text);
}

#[test]
fn an_editor_with_commands_of_its_own_is_offered_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let able = json!({
        "experimental": { "lockstepCommands": ["lockstep.run", "lockstep.plan", "lockstep.test"] },
    });
    let editor = Editor::new(folder.path(), &able);
    let offered = &editor.server["capabilities"]["executeCommandProvider"]["commands"];
    assert_eq!(*offered, json!(["lockstep.check"]));
}

#[test]
fn all_that_can_be_fixed_for_sure_is_one_action_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("a path");
    let able = json!({ "textDocument": { "codeAction": { "codeActionLiteralSupport": {} } } });
    let mut editor = Editor::new(&path, &able);
    let uri = address(&path.join("main.deploy"));
    let text =
        "from \"std/health\" import http-ok, port-open\n\npipeline p {\n  http-ok(\"u\")\n}\n";
    editor.open(&uri, text);
    let start = json!({ "line": 0, "character": 0 });
    let mut params = json!({
        "textDocument": { "uri": uri },
        "range": { "start": start, "end": start },
        "context": { "diagnostics": [], "only": ["source.fixAll"] },
    });
    let answer = editor.ask("textDocument/codeAction", params.clone());
    let action = &answer["result"][0];
    assert_eq!(action["kind"], "source.fixAll");
    let edit = &action["edit"]["changes"][&uri][0];
    assert_eq!(edit["newText"], "");
    assert_eq!(edit["range"]["start"]["line"], 0);
    params["context"] = json!({ "diagnostics": [] });
    let answer = editor.ask("textDocument/codeAction", params);
    let all = answer["result"].as_array().expect("actions");
    assert!(all.iter().all(|action| action["kind"] != "source.fixAll"));
}

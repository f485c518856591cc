//! The rules of the protocol: startup, shutdown, and malformed messages.

use serde_json::{Value, json};

use crate::support::editor::{Editor, address};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().expect("an error")
}

#[test]
fn nothing_is_answered_before_the_beginning() {
    let folder = folder();
    let mut editor = Editor::silent(folder.path());
    let params = json!({ "textDocument": { "uri": "file:///x" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(code(&editor.ask("textDocument/hover", params)), -32002);
    let answer = editor.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(answer["result"]["serverInfo"]["name"], "lockstep");
    assert_eq!(
        answer["result"]["capabilities"]["positionEncoding"],
        "utf-16"
    );
    assert_eq!(
        code(&editor.ask("initialize", json!({ "capabilities": {} }))),
        -32600
    );
}

#[test]
fn the_exit_code_tells_whether_it_was_shut_down() {
    let folder = folder();
    let mut editor = Editor::new(folder.path(), &json!({}));
    let answer = editor.ask("shutdown", Value::Null);
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 2, "result": null }));
    assert_eq!(code(&editor.ask("textDocument/hover", json!({}))), -32600);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), 0);
    let mut editor = Editor::new(folder.path(), &json!({}));
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), 1);
    // An editor that has disconnected cannot send anything.
    let editor = Editor::new(folder.path(), &json!({}));
    assert_eq!(editor.end(), 1);
    let mut editor = Editor::silent(folder.path());
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), 1);
}

#[test]
fn what_is_no_message_is_refused_and_the_server_goes_on() {
    let folder = folder();
    let mut editor = Editor::new(folder.path(), &json!({}));
    let null = |message: &Value| message.get("id") == Some(&Value::Null);
    editor.raw(b"Content-Length: 5\r\n\r\n{nope");
    assert_eq!(code(&editor.wait(null)), -32700);
    editor.raw(b"content-length:2\n\n[]");
    assert_eq!(code(&editor.wait(null)), -32600);
    editor.raw(b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc");
    assert_eq!(code(&editor.wait(null)), -32700);
    editor.raw(b"no header at all\r\n\r\nX-Other: 1\r\n");
    editor.send(&json!({ "jsonrpc": "2.0", "id": "a", "method": 7 }));
    assert_eq!(code(&editor.wait(|message| message["id"] == "a")), -32600);
    assert_eq!(
        code(&editor.ask("textDocument/nonsense", json!({}))),
        -32601
    );
    assert_eq!(
        code(&editor.ask("textDocument/hover", json!({ "position": 1 }))),
        -32602
    );
    editor.tell("textDocument/nonsense", json!({}));
    editor.tell("textDocument/didOpen", json!({ "textDocument": 3 }));
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": "file:///not-open", "version": 2 }, "contentChanges": [],
        }),
    );
    let uri = "file:///never-opened.deploy";
    let params =
        json!({ "textDocument": { "uri": uri }, "position": { "line": 0, "character": 0 } });
    assert_eq!(
        editor.ask("textDocument/hover", params)["result"],
        Value::Null
    );
}

#[test]
fn a_request_that_is_cancelled_while_it_waits_is_answered_so() {
    let folder = folder();
    let mut editor = Editor::new(folder.path(), &json!({}));
    let uri = address(&folder.path().join("big.deploy"));
    let many: String = (0..3_000)
        .map(|at| format!("let v{at} = [{at}, {at} + 1]\n"))
        .collect();
    editor.open(&uri, &many);
    let document = json!({ "uri": uri });
    editor.send(&json!({
        "jsonrpc": "2.0", "id": 900, "method": "textDocument/semanticTokens/full",
        "params": { "textDocument": document },
    }));
    editor.send(&json!({
        "jsonrpc": "2.0", "id": 901, "method": "textDocument/semanticTokens/full",
        "params": { "textDocument": document },
    }));
    editor.tell("$/cancelRequest", json!({ "id": 901 }));
    let first = editor.wait(|message| message["id"] == 900);
    assert!(first["result"]["data"].is_array());
    let second = editor.wait(|message| message["id"] == 901);
    // It may have been answered before the cancellation came; any valid answer is fine.
    assert!(second["result"]["data"].is_array() || code(&second) == -32800);
}

#[test]
fn the_encoding_is_what_both_understand() {
    let folder = folder();
    for (offered, chosen) in [
        (json!(["utf-32"]), "utf-32"),
        (json!(["utf-16", "utf-32"]), "utf-16"),
        (json!(["utf-32", "utf-8"]), "utf-8"),
        (json!(["utf-7"]), "utf-16"),
        (json!([]), "utf-16"),
    ] {
        let able = json!({ "general": { "positionEncodings": offered } });
        let editor = Editor::new(folder.path(), &able);
        assert_eq!(editor.server["capabilities"]["positionEncoding"], chosen);
    }
}

#[test]
fn tokens_are_told_as_a_change_of_those_before() {
    let folder = folder();
    let mut editor = Editor::new(folder.path(), &json!({}));
    let uri = address(&folder.path().join("a.deploy"));
    editor.open(&uri, "let a = 1\nlet b = 2\n");
    let document = json!({ "uri": uri });
    let full = editor.ask(
        "textDocument/semanticTokens/full",
        json!({ "textDocument": document }),
    );
    let before = full["result"].clone();
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": uri, "version": 2 },
            "contentChanges": [{ "text": "let a = 1\nlet bcd = 2\n" }],
        }),
    );
    let delta = editor.ask(
        "textDocument/semanticTokens/full/delta",
        json!({
            "textDocument": document, "previousResultId": before["resultId"],
        }),
    );
    let mut data = before["data"].as_array().expect("numbers").clone();
    for edit in delta["result"]["edits"].as_array().expect("edits") {
        let start = edit["start"].as_u64().expect("a place") as usize;
        let gone = edit["deleteCount"].as_u64().expect("a count") as usize;
        let new = edit["data"].as_array().cloned().unwrap_or_default();
        assert!(gone < data.len());
        data.splice(start..start + gone, new);
    }
    let now = editor.ask(
        "textDocument/semanticTokens/full",
        json!({ "textDocument": document }),
    );
    assert_eq!(now["result"]["data"], Value::Array(data));
    let lost = editor.ask(
        "textDocument/semanticTokens/full/delta",
        json!({
            "textDocument": document, "previousResultId": "999",
        }),
    );
    assert_eq!(lost["result"]["data"], now["result"]["data"]);
}

#[test]
fn an_import_that_is_open_is_seen_as_it_is_open() {
    let folder = folder();
    let path = folder.path().canonicalize().expect("a path");
    std::fs::write(path.join("lib.deploy"), "let x = 1\n").expect("written");
    let mut editor = Editor::new(&path, &json!({}));
    let main = address(&path.join("main.deploy"));
    let told = |message: &Value| {
        message["method"] == "textDocument/publishDiagnostics"
            && message["params"]["uri"]
                .as_str()
                .is_some_and(|uri| uri.ends_with("main.deploy"))
    };
    editor.open(&main, "from \"./lib.deploy\" import x, y\nlet z = x + y\n");
    let found = editor.wait(told);
    assert_eq!(
        found["params"]["diagnostics"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );
    editor.open(&address(&path.join("lib.deploy")), "let x = 1\nlet y = 2\n");
    let found =
        editor.wait(|message| told(message) && message["params"]["diagnostics"] == json!([]));
    assert_eq!(found["params"]["version"], 1);
}

#[test]
fn what_a_look_at_one_body_cannot_know_is_told_when_all_has_been_looked_at() {
    let recursion = |told: &Value| {
        let found = told.as_array().cloned().unwrap_or_default();
        found.iter().any(|it| it["code"] == "E0503")
    };
    let pulls = json!({
        "textDocument": { "diagnostic": {} },
        "workspace": { "diagnostics": { "refreshSupport": true } },
    });
    for able in [json!({}), pulls.clone()] {
        let folder = folder();
        let mut editor = Editor::new(folder.path(), &able);
        let uri = address(&folder.path().join("a.deploy"));
        let text = "workflow a() {\n  \n}\nworkflow b() {\n  a()\n}\n";
        editor.open(&uri, text);
        let document = json!({ "textDocument": { "uri": uri } });
        if able == pulls {
            editor.ask("textDocument/diagnostic", document.clone());
        } else {
            editor.wait(|message| message["method"] == "textDocument/publishDiagnostics");
        }
        let place = json!({ "line": 1, "character": 2 });
        editor.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": 2 },
                "contentChanges": [{ "range": { "start": place, "end": place }, "text": "b()" }],
            }),
        );
        if able != pulls {
            editor.wait(|message| recursion(&message["params"]["diagnostics"]));
            continue;
        }
        editor.ask("textDocument/diagnostic", document.clone());
        loop {
            editor.wait(|message| message["method"] == "workspace/diagnostic/refresh");
            let told = editor.ask("textDocument/diagnostic", document.clone());
            if recursion(&told["result"]["items"]) {
                break;
            }
        }
    }
}

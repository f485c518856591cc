//! The answers of the server for the files of `tests/corpus/lsp`.
//!
//! The first line of a file names the requests: `# ask: hover definition`. A `▮` marks the cursor,
//! `«` and `»` a selection; several are requested in turn. `# file: NAME` begins another file in
//! the same folder. Each request is sent by a client without capabilities and by one with all;
//! where both get the same answer it is recorded once. `completion/each` requests each mark in a
//! text in which the lines of the other marks are empty; `codeAction/settled` requests after all
//! background checks.

use std::path::Path;

use serde_json::{Value, json};

use super::shown::shown;
use crate::support::editor::{Editor, address};

/// The capabilities of a client that supports everything.
pub fn everything() -> Value {
    let markdown = json!(["markdown", "plaintext"]);
    json!({
        "general": { "positionEncodings": ["utf-8", "utf-16", "utf-32"] },
        "workspace": {
            "workspaceEdit": { "documentChanges": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
            "diagnostics": { "refreshSupport": true },
        },
        "textDocument": {
            "diagnostic": {
                "relatedInformation": true,
                "tagSupport": { "valueSet": [1, 2] },
                "codeDescriptionSupport": true,
            },
            "hover": { "contentFormat": markdown },
            "completion": {
                "completionItem": { "snippetSupport": true, "documentationFormat": markdown },
            },
            "signatureHelp": { "signatureInformation": {
                "documentationFormat": markdown,
                "parameterInformation": { "labelOffsetSupport": true },
            } },
            "definition": { "linkSupport": true },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
            "codeAction": { "codeActionLiteralSupport": {
                "codeActionKind": { "valueSet": ["quickfix", "refactor"] },
            } },
            "rename": { "prepareSupport": true },
            "foldingRange": { "lineFoldingOnly": true },
            "semanticTokens": { "augmentsSyntaxTokens": true },
        },
        "experimental": {
            "lockstepCommands": ["lockstep.run", "lockstep.plan", "lockstep.test"],
        },
    })
}

/// A marked text: its content, the cursors and the selections as byte offsets.
struct Marked {
    text: String,
    cursors: Vec<usize>,
    selections: Vec<(usize, usize)>,
}

fn marked(source: &str) -> Marked {
    let mut found = Marked {
        text: String::new(),
        cursors: Vec::new(),
        selections: Vec::new(),
    };
    let mut open = 0;
    for c in source.chars() {
        let at = found.text.len();
        match c {
            '▮' => found.cursors.push(at),
            '«' => open = at,
            '»' => found.selections.push((open, at)),
            c => found.text.push(c),
        }
    }
    found
}

/// The position of a byte in UTF-16 units, or in bytes.
pub fn place(text: &str, offset: usize, bytes: bool) -> Value {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count();
    let character = match bytes {
        true => offset - start,
        false => before[start..].encode_utf16().count(),
    };
    json!({ "line": line, "character": character })
}

/// The parts of a corpus file: name and text.
pub fn parts(source: &str) -> Vec<(String, String)> {
    let mut found = vec![(String::from("main.deploy"), String::new())];
    for line in source.split_inclusive('\n') {
        match line.strip_prefix("# file: ") {
            Some(name) => found.push((name.trim().to_owned(), String::new())),
            None => {
                if let Some((_, text)) = found.last_mut() {
                    text.push_str(line);
                }
            }
        }
    }
    found
}

/// A text for each mark of the first part, in which the lines of the other marks are empty.
fn each(source: &str) -> Vec<String> {
    let (main, others) = source.split_at(source.find("# file: ").unwrap_or(source.len()));
    let cursors = main.matches('▮').count();
    let alone = |own: usize| {
        let mut turn = 0;
        let mut text = String::new();
        for line in main.split_inclusive('\n') {
            let mut kept = !line.contains('▮');
            let mut mended = String::new();
            for c in line.chars() {
                if c == '▮' {
                    kept |= turn == own;
                    turn += 1;
                    if turn != own + 1 {
                        continue;
                    }
                }
                mended.push(c);
            }
            text.push_str(if kept { &mended } else { "\n" });
        }
        text + others
    };
    (0..cursors).map(alone).collect()
}

/// Sends one request for each mark. `wrong` is how many diagnostics there are after all background
/// checks, if that is known; it is known afterwards if they were requested.
fn answers(
    source: &str,
    question: &str,
    capabilities: &Value,
    wrong: &mut Option<usize>,
) -> String {
    if let Some(question) = question.strip_suffix("/each") {
        let texts = each(source);
        let all = texts
            .iter()
            .map(|text| answers(text, question, capabilities, wrong));
        return all.collect();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a path");
    let mut main = None;
    for (name, text) in parts(source) {
        let text = marked(&text);
        let path = folder.join(&name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, &text.text).expect("a file is written");
        main.get_or_insert(text);
    }
    let main = main.expect("a main file");
    let mut editor = Editor::new(&folder, capabilities);
    let bytes = editor.server["capabilities"]["positionEncoding"] == "utf-8";
    let uri = address(&folder.join("main.deploy"));
    editor.open(&uri, &main.text);
    let legend = editor.server["capabilities"]["semanticTokensProvider"]["legend"].clone();
    let mut found = json!([]);
    let question = match question.strip_suffix("/settled") {
        Some(question) => {
            let params = json!({ "textDocument": { "uri": uri } });
            found = asked(&mut editor, "diagnostics", params, wrong)["result"].take();
            question
        }
        None => question,
    };
    let mut said = String::new();
    for (turn, mut params) in questions(question, &main, &uri, bytes)
        .into_iter()
        .enumerate()
    {
        if question == "codeAction" {
            // As some editors do, with all diagnostics of the line.
            let line = params["range"]["start"]["line"].clone();
            let mut own = found.as_array().cloned().unwrap_or_default();
            own.retain(|it| it["range"]["start"]["line"] == line);
            params["context"]["diagnostics"] = Value::Array(own);
        }
        let answer = asked(&mut editor, question, params, wrong);
        if let ("completion", Some(cursor)) = (question, main.cursors.get(turn)) {
            said.push_str(&format!("{}\n", line_of(&main.text, *cursor)));
        }
        let answer = answer.get("error").or(answer.get("result")).cloned();
        said.push_str(&show(
            question,
            &answer.unwrap_or_default(),
            &folder,
            &legend,
        ));
    }
    said
}

/// The line of a cursor, with its mark.
fn line_of(text: &str, cursor: usize) -> String {
    let (before, after) = text.split_at(cursor);
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.lines().next().unwrap_or_default();
    format!("{}▮{after}", before.trim_start())
}

fn show(question: &str, answer: &Value, folder: &Path, legend: &Value) -> String {
    if question != "completion" {
        return shown(answer, folder, legend);
    }
    let list = answer.get("items").unwrap_or(answer);
    let items = list.as_array().cloned().unwrap_or_default();
    let lines = items.iter().take(14).map(|item| {
        let edit = &item["textEdit"];
        let range = shown(&edit["range"], folder, legend);
        let detail = item["detail"].as_str().unwrap_or("");
        let label = item["label"].as_str().unwrap_or("");
        let new = edit["newText"].as_str().unwrap_or("").replace('\n', "⏎");
        let more = item["additionalTextEdits"].as_array().into_iter().flatten();
        let more: String = more
            .map(|edit| {
                let range = shown(&edit["range"], folder, legend);
                let new = edit["newText"].as_str().unwrap_or("").replace('\n', "⏎");
                format!("  and {} {new}", range.trim())
            })
            .collect();
        let line = format!(
            "  {} {label}  {detail}  {} {new}{more}",
            item["kind"],
            range.trim()
        );
        format!("{}\n", line.trim_end())
    });
    let mut text: String = lines.collect();
    if items.len() > 14 {
        text.push_str(&format!("  and {} more\n", items.len() - 14));
    }
    if items.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}

fn questions(question: &str, main: &Marked, uri: &str, bytes: bool) -> Vec<Value> {
    let at = |offset: usize| place(&main.text, offset, bytes);
    let document = json!({ "uri": uri });
    let end = main.text.len();
    let mut ranges: Vec<(usize, usize)> = main.cursors.iter().map(|at| (*at, *at)).collect();
    ranges.extend(&main.selections);
    if ranges.is_empty() {
        ranges.push((0, end));
    }
    let ranges = ranges
        .iter()
        .map(|(from, to)| json!({ "start": at(*from), "end": at(*to) }));
    let (name, rest) = question.split_once('=').unwrap_or((question, ""));
    let context = match name {
        "references" => json!({ "includeDeclaration": true }),
        "completion" => json!({ "triggerKind": 1 }),
        _ => json!({ "triggerKind": 1, "isRetrigger": false }),
    };
    match name {
        "codeAction" => ranges
            .map(|range| {
                json!({
                    "textDocument": document, "range": range, "context": { "diagnostics": [] },
                })
            })
            .collect(),
        "inlayHint" | "rangeFormatting" | "semanticTokens/range" => ranges
            .map(|range| {
                json!({
                    "textDocument": document,
                    "range": range,
                    "options": { "tabSize": 2, "insertSpaces": true },
                })
            })
            .collect(),
        "selectionRange" => {
            let places: Vec<Value> = main.cursors.iter().map(|it| at(*it)).collect();
            vec![json!({ "textDocument": document, "positions": places })]
        }
        "workspace/symbol" => vec![json!({ "query": rest })],
        "formatting" => vec![json!({
            "textDocument": document, "options": { "tabSize": 2, "insertSpaces": true },
        })],
        "diagnostics"
        | "documentSymbol"
        | "foldingRange"
        | "documentLink"
        | "codeLens"
        | "semanticTokens/full"
        | "semanticTokens/full/delta" => vec![json!({ "textDocument": document })],
        _ => main
            .cursors
            .iter()
            .map(|it| {
                json!({
                    "textDocument": document,
                    "position": at(*it),
                    "newName": rest,
                    "context": context,
                })
            })
            .collect(),
    }
}

fn asked(editor: &mut Editor, question: &str, params: Value, wrong: &mut Option<usize>) -> Value {
    let (name, _) = question.split_once('=').unwrap_or((question, ""));
    match name {
        "workspace/symbol" => editor.ask(name, params),
        "semanticTokens/full/delta" => tokens_after_a_change(editor, params),
        "diagnostics" => diagnostics(editor, params, wrong),
        "incomingCalls" | "outgoingCalls" => {
            let items = editor.ask("textDocument/prepareCallHierarchy", params);
            let item = items["result"][0].clone();
            if item.is_null() {
                return items;
            }
            editor.ask(&format!("callHierarchy/{name}"), json!({ "item": item }))
        }
        _ => editor.ask(&format!("textDocument/{name}"), params),
    }
}

/// The delta of the tokens when a word is inserted at the beginning.
fn tokens_after_a_change(editor: &mut Editor, mut params: Value) -> Value {
    let before = editor.ask("textDocument/semanticTokens/full", params.clone());
    let begin = json!({ "line": 0, "character": 0 });
    let change = json!({ "range": { "start": begin, "end": begin }, "text": "let 𝒙 = 1\n" });
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": params["textDocument"]["uri"], "version": 2 },
            "contentChanges": [change],
        }),
    );
    params["previousResultId"] = before["result"]["resultId"].clone();
    editor.ask("textDocument/semanticTokens/full/delta", params)
}

/// The diagnostics after all background checks: pulled when the server requests a refresh, or
/// published until there are as many as those that were pulled.
fn diagnostics(editor: &mut Editor, params: Value, wrong: &mut Option<usize>) -> Value {
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    if !editor.server["capabilities"]["diagnosticProvider"].is_null() {
        editor.wait(|message| message["method"] == "workspace/diagnostic/refresh");
        let mut answer = editor.ask("textDocument/diagnostic", params);
        answer["result"] = answer["result"]["items"].take();
        *wrong = Some(count(&answer["result"]));
        return answer;
    }
    let expected = wrong.expect("a client that can do more was asked before");
    let told = editor.wait(|message| {
        message["method"] == "textDocument/publishDiagnostics"
            && message["params"]["uri"] == params["textDocument"]["uri"]
            && count(&message["params"]["diagnostics"]) == expected
    });
    json!({ "result": told["params"]["diagnostics"] })
}

#[test]
fn answers_are_as_written_down() {
    insta::glob!("../corpus/lsp", "*.deploy", |path| {
        let source = std::fs::read_to_string(path).expect("a corpus file");
        let source = source.replace("\\r\n", "\r\n");
        let (first, rest) = source.split_once('\n').expect("a first line");
        let asks = first.strip_prefix("# ask: ").expect("what is asked");
        let mut said = String::new();
        for question in asks.trim().split(' ') {
            let mut wrong = None;
            let much = answers(rest, question, &everything(), &mut wrong);
            let little = answers(rest, question, &json!({}), &mut wrong);
            said.push_str(&format!("── {question} ──\n{little}"));
            if little != much {
                said.push_str(&format!(
                    "── {question}, to a client that can do more ──\n{much}"
                ));
            }
        }
        insta::with_settings!({
            snapshot_path => "../corpus/lsp/snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("lsp", said);
        });
    });
}

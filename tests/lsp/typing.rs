//! Incremental synchronization: after any sequence of edits the server has the right text.

use lockstep_base::source::FileId;
use lockstep_syntax as syntax;
use serde_json::json;

use super::corpus::place;
use crate::support::editor::{Editor, address};

/// A pseudo-random generator that gives the same sequence everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

const PIECES: [&str; 16] = [
    "x",
    " ",
    "\n",
    "\r\n",
    "{",
    "}",
    "\"",
    "${",
    "# é\n",
    "😀",
    "let a = 1\n",
    "deploy ",
    ".",
    "service s: k { }\n",
    "workflow w() { log \"a ${b}\" }\n",
    "ü",
];

/// The requests about a whole document.
const QUESTIONS: [&str; 4] = [
    "documentSymbol",
    "semanticTokens/full",
    "foldingRange",
    "documentLink",
];

/// A client that uses this encoding and pulls diagnostics.
fn client(folder: &std::path::Path, encoding: &str) -> Editor {
    let able = json!({
        "general": { "positionEncodings": [encoding] },
        "textDocument": { "diagnostic": {} },
        "workspace": { "diagnostics": { "refreshSupport": true } },
    });
    let editor = Editor::new(folder, &able);
    assert_eq!(editor.server["capabilities"]["positionEncoding"], encoding);
    editor
}

fn a_thousand_edits(encoding: &str, original: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = client(folder.path(), encoding);
    let uri = address(&folder.path().join("typed.deploy"));
    let mut text = String::from(original);
    editor.open(&uri, &text);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut version = 1;
    for round in 0..100 {
        let mut changes = Vec::new();
        for _ in 0..10 {
            let bounds: Vec<usize> = text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            let from = chance.below(bounds.len());
            let length = [0, 0, 1, 3, 40][chance.below(5)];
            let to = (from + chance.below(length + 1)).min(bounds.len() - 1);
            let (mut from, mut to) = (bounds[from], bounds[to]);
            // No editor has a cursor between the two characters of a line end.
            for at in [&mut from, &mut to] {
                if text[..*at].ends_with('\r') && text[*at..].starts_with('\n') {
                    *at -= 1;
                }
            }
            let new = PIECES[chance.below(PIECES.len())];
            let bytes = encoding == "utf-8";
            let range =
                json!({ "start": lines(&text, from, bytes), "end": lines(&text, to, bytes) });
            changes.push(json!({ "range": range, "text": new }));
            text.replace_range(from..to, new);
        }
        version += 1;
        editor.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": version }, "contentChanges": changes,
            }),
        );
        if round % 10 == 9 {
            compare(&mut editor, &uri, &text, encoding);
        }
    }
}

#[test]
fn a_thousand_edits_never_lose_the_text_in_utf_16() {
    let text = include_str!("../../examples/orders/orders.deploy");
    a_thousand_edits("utf-16", text);
}

#[test]
fn a_thousand_edits_never_lose_the_text_in_utf_8_with_long_line_ends() {
    let text = include_str!("../../examples/shop/shop.deploy");
    a_thousand_edits("utf-8", &text.replace('\n', "\r\n"));
}

/// The position of a byte; a line ends with `\n`, `\r\n` or `\r`.
fn lines(text: &str, offset: usize, bytes: bool) -> serde_json::Value {
    let marked = text[..offset].replace("\r\n", "\n").replace('\r', "\n");
    place(&marked, marked.len(), bytes)
}

/// The server's answers about the document are those of a fresh parse of the text, and those of a
/// server that has just been started.
fn compare(editor: &mut Editor, uri: &str, text: &str, encoding: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fresh = client(folder.path(), encoding);
    fresh.open(uri, text);
    let document = json!({ "textDocument": { "uri": uri } });
    for question in QUESTIONS {
        let method = format!("textDocument/{question}");
        let mut own = editor.ask(&method, document.clone());
        let mut other = fresh.ask(&method, document.clone());
        for answer in [&mut own, &mut other] {
            if let Some(result) = answer["result"].as_object_mut() {
                result.remove("resultId");
            }
        }
        assert_eq!(own["result"], other["result"], "{question}");
    }
    let parse = syntax::parse(FileId(0), text);
    let expected: Vec<_> = lockstep_ide::symbols(&parse.file)
        .iter()
        .filter(|symbol| symbol.within.is_none())
        .map(|symbol| {
            let start = lines(text, symbol.at.start as usize, encoding == "utf-8");
            json!([symbol.name.to_string(), start])
        })
        .collect();
    let answer = editor.ask("textDocument/documentSymbol", document.clone());
    let found = answer["result"].as_array().cloned().unwrap_or_default();
    let found: Vec<_> = found
        .iter()
        .filter(|symbol| symbol.get("containerName").is_none())
        .map(|symbol| json!([symbol["name"], symbol["location"]["range"]["start"]]))
        .collect();
    assert_eq!(found, expected);
    let last = settled(&mut fresh, &document, |_| true);
    settled(editor, &document, |found| *found == last);
}

/// The diagnostics after the server has reported the end of all background checks, once they are as
/// expected.
fn settled(
    editor: &mut Editor,
    document: &serde_json::Value,
    fits: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    loop {
        editor.wait(|message| message["method"] == "workspace/diagnostic/refresh");
        let answer = editor.ask("textDocument/diagnostic", document.clone());
        let found = answer["result"]["items"].clone();
        if fits(&found) {
            return found;
        }
    }
}

//! Typing: whatever is changed in whatever order, the server knows the text.

use lockstep::source::FileId;
use lockstep::syntax;
use serde_json::json;

use super::corpus::place;
use crate::support::editor::{Editor, address};

/// A generator that is the same everywhere.
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

#[test]
fn a_thousand_edits_never_lose_the_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::new(folder.path(), &json!({}));
    let uri = address(&folder.path().join("typed.deploy"));
    let mut text = String::from(include_str!("../../examples/orders/orders.deploy"));
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
            let range = json!({ "start": lines(&text, from), "end": lines(&text, to) });
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
            compare(&mut editor, &uri, &text);
        }
    }
}

/// The place of a byte; a line ends with `\n`, `\r\n` or `\r`.
fn lines(text: &str, offset: usize) -> serde_json::Value {
    let marked = text[..offset].replace("\r\n", "\n").replace('\r', "\n");
    place(&marked, marked.len(), false)
}

/// What the server says about the document is what a fresh reading of the text says.
fn compare(editor: &mut Editor, uri: &str, text: &str) {
    let params = json!({ "textDocument": { "uri": uri } });
    let answer = editor.ask("textDocument/documentSymbol", params);
    let parse = syntax::parse(FileId(0), text);
    let expected: Vec<_> = lockstep::ide::symbols(&parse.file)
        .iter()
        .filter(|symbol| symbol.within.is_none())
        .map(|symbol| {
            json!([
                symbol.name.to_string(),
                lines(text, symbol.at.start as usize)
            ])
        })
        .collect();
    let found = answer["result"].as_array().cloned().unwrap_or_default();
    let found: Vec<_> = found
        .iter()
        .filter(|symbol| symbol.get("containerName").is_none())
        .map(|symbol| json!([symbol["name"], symbol["location"]["range"]["start"]]))
        .collect();
    assert_eq!(found, expected);
    // The last place of the text is where both think it is.
    let params = json!({
        "textDocument": { "uri": uri },
        "range": { "start": lines(text, 0), "end": lines(text, text.len()) },
    });
    let tokens = editor.ask("textDocument/semanticTokens/range", params);
    assert!(tokens["result"]["data"].is_array(), "{tokens}");
}

//! Answers about an open `lockstep.toml`: its mistakes, completion and hovers of its keys and their
//! values. What may be set is data of the environment; this file only knows lines, tables and keys.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::hover::markup;
use crate::client::Client;
use crate::session::{Document, Snapshot};
use crate::{ServerEnvironment, SettingsKey, SettingsLanguage};

/// What stands at a place of a settings file.
struct Place<'t> {
    /// The table that the line is in; nothing in the first lines of a file.
    table: Option<&'t str>,
    /// The key of the line, or as much of it as is written.
    key: &'t str,
    /// Whether the line has a `=`.
    has_sign: bool,
    /// Whether the place is behind it.
    in_value: bool,
    /// The word at the place, with its quotes.
    word: (usize, usize),
}

impl<'t> Place<'t> {
    fn of(text: &'t str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let rest = text.get(start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("");
        let sign = line.find('=');
        let key = line.get(..sign.unwrap_or(line.len())).unwrap_or("");
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '"' | '\'');
        let head = text.get(start..offset).unwrap_or("");
        let from = head
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_part(*c))
            .last()
            .map_or(offset, |(at, _)| start + at);
        let tail = text.get(offset..start + line.len()).unwrap_or("");
        let length = tail.find(|c: char| !is_part(c)).unwrap_or(tail.len());
        Self {
            table: table_of(text.get(..start).unwrap_or("")),
            key: key.trim().trim_matches(['"', '\'']),
            has_sign: sign.is_some(),
            in_value: sign.is_some_and(|sign| offset > start + sign),
            word: (from, offset + length),
        }
    }
}

/// The table that is open at the end of a text.
fn table_of(text: &str) -> Option<&str> {
    let mut heads = text.lines().rev().map(str::trim);
    let head = heads.find(|line| line.starts_with('[') && !line.starts_with("[["))?;
    let name = head.strip_prefix('[')?.split(']').next()?;
    Some(name.trim())
}

/// The keys that may stand in a table.
fn keys<'l>(language: &'l SettingsLanguage, table: Option<&str>) -> &'l [SettingsKey] {
    match table {
        None => &language.keys,
        Some(name) => {
            let table = language.keys.iter().find(|key| key.name == name);
            table.map_or(&[], |table| &table.inside)
        }
    }
}

/// The mistakes in an open file.
pub(super) fn mistakes(
    outside: &ServerEnvironment,
    snapshot: &Snapshot,
    document: &Document,
) -> Vec<lsp::Diagnostic> {
    let encoding = snapshot.client.encoding;
    let range = |span| document.lines.span(&document.text, span, encoding);
    let location = |span| {
        Some(lsp::Location {
            uri: lsp::Uri(document.uri.clone()),
            range: range(span),
        })
    };
    let found = (outside.settings.mistakes)(&document.text);
    let shown = found.iter().map(|diagnostic| {
        super::diagnostics::shown(&snapshot.client, diagnostic, None, &range, &location)
    });
    shown.collect()
}

/// What may be written at a place.
pub(super) fn completion(
    outside: &ServerEnvironment,
    snapshot: &Snapshot,
    document: &Arc<Document>,
    position: lsp::Position,
) -> Option<lsp::CompletionResponse> {
    let client = &snapshot.client;
    let text = &document.text;
    let offset = document.lines.offset(text, position, client.encoding);
    let place = Place::of(text, offset);
    let position_of = |at| document.lines.position(text, at, client.encoding);
    let range = lsp::Range {
        start: position_of(place.word.0),
        end: position_of(place.word.1),
    };
    let keys = keys(&outside.settings, place.table);
    let items: Vec<lsp::CompletionItem> = if place.in_value {
        let key = keys.iter().find(|key| key.name == place.key)?;
        let values = key.values.iter();
        values
            .map(|value| item(client, value, "", value.clone(), range))
            .collect()
    } else {
        let all = keys.iter().map(|key| {
            let value = if place.has_sign { "" } else { " = " };
            let text = match place.table {
                None if key.is_table && !place.has_sign => format!("[{}]", key.name),
                _ => format!("{}{value}", key.name),
            };
            item(client, &key.name, &key.doc, text, range)
        });
        all.collect()
    };
    Some(lsp::CompletionResponse::CompletionItemList(items))
}

fn item(
    client: &Client,
    label: &str,
    doc: &str,
    new_text: String,
    range: lsp::Range,
) -> lsp::CompletionItem {
    let doc = (!doc.is_empty())
        .then(|| markup(client.completion_markdown, None, &[doc.to_owned()]).into());
    lsp::CompletionItem {
        kind: Some(lsp::CompletionItemKind::Property),
        documentation: doc,
        text_edit: Some(lsp::TextEdit { range, new_text }.into()),
        label: label.to_owned(),
        ..lsp::CompletionItem::default()
    }
}

/// What a key is for.
pub(super) fn hover(
    outside: &ServerEnvironment,
    snapshot: &Snapshot,
    document: &Arc<Document>,
    position: lsp::Position,
) -> Option<lsp::Hover> {
    let client = &snapshot.client;
    let text = &document.text;
    let offset = document.lines.offset(text, position, client.encoding);
    let place = Place::of(text, offset);
    let line = text.get(place.word.0.saturating_sub(1)..place.word.1)?;
    let (table, name) = match line.strip_prefix('[') {
        // The head of a table is a key of the file.
        Some(name) => (None, name),
        None => (place.table, place.key),
    };
    if place.in_value {
        return None;
    }
    let keys = keys(&outside.settings, table);
    let key = keys.iter().find(|key| key.name == name)?;
    let position_of = |at| document.lines.position(text, at, client.encoding);
    Some(lsp::Hover {
        contents: markup(client.hover_markdown, None, std::slice::from_ref(&key.doc)).into(),
        range: Some(lsp::Range {
            start: position_of(place.word.0),
            end: position_of(place.word.1),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_a_table_at_a_key_or_at_its_value() {
        let text = "file = \"a\"\n[lint]\nunused-import = \"er\"\n";
        let at = |needle: &str, more: usize| text.find(needle).expect("is there") + more;
        let place = Place::of(text, at("file", 2));
        assert_eq!(
            (place.table, place.key, place.in_value),
            (None, "file", false)
        );
        assert_eq!(place.word, (0, 4));
        let place = Place::of(text, at("\"er", 3));
        assert_eq!(
            (place.table, place.key, place.in_value),
            (Some("lint"), "unused-import", true)
        );
        assert_eq!(&text[place.word.0..place.word.1], "\"er\"");
        assert_eq!(Place::of(text, text.len()).table, Some("lint"));
    }
}

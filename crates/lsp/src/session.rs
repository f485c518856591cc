//! The documents that are open in the editor, changed in the order of its notifications; requests
//! are answered from an immutable snapshot.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types::{Position, TextDocumentContentChangeEvent};

use super::client::Client;
use super::convert::{Encoding, LineIndex};
use super::uri;

/// One version of an open document.
#[derive(Debug)]
pub(super) struct Document {
    /// Its URI, as the client writes it.
    pub(super) uri: String,
    /// Its file, if it is one.
    pub(super) path: Option<PathBuf>,
    /// The same file without links, if it was there when it was opened.
    pub(super) real: Option<PathBuf>,
    /// The client's version.
    pub(super) version: i32,
    /// Its text.
    pub(super) text: Arc<str>,
    /// Its lines.
    pub(super) lines: LineIndex,
}

impl Document {
    /// A document with this text.
    pub(super) fn new(address: &str, version: i32, text: &str) -> Self {
        let path = uri::path(address);
        Self {
            uri: address.to_owned(),
            real: path.as_deref().and_then(real),
            path,
            version,
            text: text.into(),
            lines: LineIndex::of(text),
        }
    }

    /// The document after edits, each of which applies to the result of the one before it.
    pub(super) fn changed(
        &self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Self {
        let mut text = self.text.to_string();
        let mut lines = None;
        for change in changes {
            match change {
                TextDocumentContentChangeEvent::TextDocumentContentChangePartial(change) => {
                    let known = lines.as_ref().unwrap_or(&self.lines);
                    let at = |place: Position| known.offset(&text, place, encoding);
                    let (start, end) = (at(change.range.start), at(change.range.end));
                    text.replace_range(start..end.max(start), &change.text);
                }
                TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(change) => {
                    text = change.text;
                }
            }
            lines = Some(LineIndex::of(&text));
        }
        let lines = lines.unwrap_or_else(|| self.lines.clone());
        Self {
            uri: self.uri.clone(),
            path: self.path.clone(),
            real: self.real.clone(),
            version,
            text: text.into(),
            lines,
        }
    }
}

/// The state that the client has sent, at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// The number of the moment; later ones are larger.
    pub(super) moment: u64,
    /// How often files changed on disk.
    pub(super) disk: u64,
    /// The client's capabilities.
    pub(super) client: Arc<Client>,
    /// The open documents by URI.
    pub(super) documents: HashMap<String, Arc<Document>>,
    /// The open settings of projects, which are no sources.
    pub(super) settings: HashMap<String, Arc<Document>>,
}

impl Snapshot {
    /// The documents of which one with this URI is.
    pub(super) fn shelf(&mut self, uri: &str) -> &mut HashMap<String, Arc<Document>> {
        match self.settings.contains_key(uri) {
            true => &mut self.settings,
            false => &mut self.documents,
        }
    }

    /// An open document or settings.
    pub(super) fn opened(&self, uri: &str) -> Option<&Arc<Document>> {
        self.documents.get(uri).or_else(|| self.settings.get(uri))
    }

    /// The open document of a file.
    pub(super) fn of_path(&self, path: &Path) -> Option<&Arc<Document>> {
        let mut documents = self.documents.values();
        documents.find(|document| document.path.as_deref() == Some(path))
    }

    /// The open document of a file, also where another link leads to it; `real` is its path without
    /// links.
    pub(super) fn of_file(&self, path: &Path, real: Option<&Path>) -> Option<&Arc<Document>> {
        let linked = || {
            let mut documents = self.documents.values();
            documents.find(|document| real.is_some() && document.real.as_deref() == real)
        };
        self.of_path(path).or_else(linked)
    }
}

/// The path of a file without links, if it is there.
pub(super) fn real(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

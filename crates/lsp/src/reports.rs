//! The diagnostics that a client which pulls was last given, file by file, so that an unchanged
//! result can be reported as such and a changed one is announced.

use std::collections::{BTreeSet, HashMap};

use gen_lsp_types::Diagnostic;

/// What the client was given.
#[derive(Debug, Default)]
pub(super) struct Reports {
    numbered: u64,
    /// The diagnostics of each file, by URI, with the number of the result.
    files: HashMap<String, (u64, Vec<Diagnostic>)>,
    /// The files that are not open whose diagnostics came with those of an open document.
    related: HashMap<String, BTreeSet<String>>,
}

impl Reports {
    /// Records the diagnostics of a file; returns the id of the result, which stays the same as
    /// long as the diagnostics do.
    pub(super) fn record(&mut self, uri: &str, items: &[Diagnostic]) -> String {
        if let Some((number, _)) = self.files.get(uri).filter(|(_, known)| known == items) {
            return number.to_string();
        }
        self.numbered += 1;
        let report = (self.numbered, items.to_vec());
        self.files.insert(uri.to_owned(), report);
        self.numbered.to_string()
    }

    /// Records the files whose diagnostics come with those of a document; returns those of the last
    /// time that have none any more.
    pub(super) fn relate(&mut self, uri: &str, files: BTreeSet<String>) -> Vec<String> {
        let before = self.related.insert(uri.to_owned(), files.clone());
        let before = before.unwrap_or_default();
        before.difference(&files).cloned().collect()
    }

    /// Whether the client has exactly these diagnostics of a file.
    pub(super) fn has(&self, uri: &str, items: &[Diagnostic]) -> bool {
        let known = self.files.get(uri);
        known.is_some_and(|(_, known)| known == items)
    }

    /// The files of which the client has diagnostics.
    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        let files = self
            .files
            .iter()
            .filter(|(_, (_, items))| !items.is_empty());
        files.map(|(uri, _)| uri)
    }

    /// Removes what was recorded of documents that are no longer open: the client drops it, too.
    pub(super) fn forget(&mut self, is_open: impl Fn(&String) -> bool) {
        let files: BTreeSet<String> = self.related.values().flatten().cloned().collect();
        self.files
            .retain(|uri, _| is_open(uri) || files.contains(uri));
        self.related.retain(|uri, _| is_open(uri));
    }
}
